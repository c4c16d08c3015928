internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import MachineBackend
internal import Quoting
package import SystemPackage

/// Opens the host's end of a machine's network, which QEMU itself may not do: its sandbox forbids it, and its user has no rights.
///
/// It is a command of this program in front of QEMU's own: it opens the devices and then becomes the command that follows. So it is the same
/// with every supervisor, and nothing is left behind when the machine ends.
package struct NetworkHandover: Sendable, Equatable {
    /// The hidden command of this program.
    package static let commandName = "open-network"

    /// The bridge to which a new device is added; nil for a device that already exists.
    package var bridge: String?
    /// The MAC address of the host's end of the card, which the bridge sees; nil for a device that already exists.
    package var address: String?
    /// The tap device.
    package var device: String
    package var queues: Int
    package var usesVhost: Bool

    package init(bridge: String?, address: String?, device: String, queues: Int, usesVhost: Bool) {
        self.bridge = bridge
        self.address = address
        self.device = device
        self.queues = queues
        self.usesVhost = usesVhost
    }

    /// Nil with user networking, where no device has to be opened.
    init?(_ network: NetworkDecision) {
        guard network.mode != .user, let device = network.device else { return nil }
        let isBridge = network.mode == .bridge
        self.init(
            bridge: isBridge ? device : nil, address: isBridge ? Self.deviceAddress(network.macAddress) : nil,
            device: isBridge ? Self.deviceName(network.macAddress) : device, queues: network.queues ?? 1,
            usesVhost: network.usesVhost ?? false)
    }

    /// A name of 15 bytes that is unique to each machine, as its MAC address is.
    static func deviceName(_ macAddress: String) -> String { "pg-" + macAddress.replacing(":", by: "") }

    /// A bridge that does not have its own address takes the lowest address of its ports. An address that begins this high never becomes the
    /// bridge's, which would change the host's address on its network with each start of a machine.
    static func deviceAddress(_ macAddress: String) -> String { "fe" + macAddress.dropFirst(2) }

    /// The words in front of QEMU's command.
    func command(program: String, _ values: PlannedValues) -> [String] {
        // Both are derived from the guest's MAC address.
        let isNamed = values.macAddress.value != nil || bridge == nil
        let device = isNamed ? device : "<tap device, named after the MAC address>"
        let address = isNamed ? address : "<MAC address of the tap device, fe: and the rest of the guest's>"
        return [program, Self.commandName, "--device", device, "--queues", "\(queues)"] + (bridge.map { ["--bridge", $0] } ?? [])
            + (address.map { ["--address", $0] } ?? []) + (usesVhost ? ["--vhost"] : [])
            + ["--"]
    }

    /// The number of descriptors that QEMU gets.
    var descriptorCount: Int { usesVhost ? 2 * queues : queues }

    /// The QEMU options that name the descriptors.
    var netdev: String {
        let taps = (0..<queues).map { "\(3 + $0)" }.joined(separator: ":")
        let vhosts = (0..<queues).map { "\(3 + queues + $0)" }.joined(separator: ":")
        let many = queues > 1 ? "s" : ""
        return "tap,id=net0,fd\(many)=\(taps)" + (usesVhost ? ",vhost=on,vhostfd\(many)=\(vhosts)" : "")
    }

    /// Opens everything: first the queues, then the same number of vhost descriptors.
    /// - Throws: `network.not-permitted`, `program.failed`.
    package func open() async throws -> [FileDescriptor] {
        var files: [FileDescriptor]
        if let bridge, !HostEnvironment.isRoot {
            guard let helper = HostNetwork().helper else {
                throw Failure(.networkNotPermitted, "there is no qemu-bridge-helper", remedy: "as root: apt-get install qemu-system-common")
            }
            files = [try TapDevice.open(onBridge: bridge, helper: helper)]
        } else {
            files = try TapDevice.open(device, queues: queues)
            if let bridge {
                if let address { _ = try await ProgramRunner.check("ip", ["link", "set", "dev", device, "address", address]) }
                _ = try await ProgramRunner.check("ip", ["link", "set", "dev", device, "master", bridge, "up"])
            }
        }
        guard usesVhost else { return files }
        do {
            for _ in 0..<queues { files.append(try FileDescriptor.open("/dev/vhost-net", .readWrite, options: [.closeOnExec])) }
        } catch {
            throw Failure(
                .networkNotPermitted, "cannot open '/dev/vhost-net', with which the machine was planned", remedy: "as root: modprobe vhost_net", cause: error)
        }
        return files
    }
}
