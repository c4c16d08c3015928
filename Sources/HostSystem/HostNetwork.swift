package import ApplianceModel
package import Basics
internal import Quoting
package import SystemPackage

/// The bridges and tap devices of this host.
package struct HostNetwork {
    private let devices: FilePath
    private let tun: FilePath
    private let vhost: FilePath
    /// Whether the user that connects machines is root and may open any device.
    package var isRoot: Bool
    package var userID: UInt32
    /// The groups of that user.
    package var groups: Set<UInt32>
    private let helpers: [FilePath]
    private let helperRules: FilePath

    /// - Parameters:
    ///   - helpers: the paths at which distributions install QEMU's helper.
    ///   - helperRules: the rules from which the helper learns which bridges a user may use.
    package init(
        devices: FilePath = "/sys/class/net", tun: FilePath = "/dev/net/tun", vhost: FilePath = "/dev/vhost-net", isRoot: Bool = HostEnvironment.isRoot,
        userID: UInt32 = HostEnvironment.userID, groups: Set<UInt32> = HostEnvironment.groups,
        helpers: [FilePath] = ["/usr/lib/qemu/qemu-bridge-helper", "/usr/libexec/qemu-bridge-helper"], helperRules: FilePath = "/etc/qemu/bridge.conf"
    ) {
        self.devices = devices
        self.tun = tun
        self.vhost = vhost
        self.isRoot = isRoot
        self.userID = userID
        self.groups = groups
        self.helpers = helpers
        self.helperRules = helperRules
    }

    /// Checks whether a machine can be connected to a device; with user networking there is nothing to check.
    /// - Parameter queues: the number of queues of the machine's card; nil while it is not decided.
    /// - Throws: `network.device-missing`, `network.device-unfit`, `network.not-permitted`, each with the command that fixes it.
    package func check(_ mode: ApplianceSpec.Network.Mode, _ device: String?, queues: Int? = nil) throws {
        guard mode != .user, let device else { return }
        guard Files.exists(devices.appending(device)) else {
            throw Failure(.networkDeviceMissing, "network.device: this host has no network device '\(device)'", remedy: creation(mode, device))
        }
        guard mode == .bridge ? isBridge(device) : tapFlags(device) != nil else {
            throw Failure(
                .networkDeviceUnfit, "network.device: '\(device)' is no \(mode == .bridge ? "bridge" : "tap device")",
                remedy: "name another, or make one: \(creation(mode, device))")
        }
        guard isUp(device) else {
            throw Failure(.networkDeviceUnfit, "network.device: '\(device)' is down", remedy: "as root: ip link set dev \(device) up")
        }
        if mode == .tap, let queues, queues > 1, !hasQueues(mode, device) {
            throw Failure(
                .networkDeviceUnfit, "network.device: '\(device)' was made for one queue, and the machine's card has \(queues)",
                remedy: "as root: ip tuntap del dev \(device) mode tap && \(tapCreation(device))")
        }
        guard Files.exists(tun) else {
            throw Failure(.networkNotPermitted, "this host has no '\(tun)', by which a tap device is opened", remedy: "as root: modprobe tun")
        }
        guard !isRoot else { return }
        try mode == .bridge ? checkHelper(device) : checkOwner(device)
    }

    /// Whether a machine can have several queues on a device.
    package func hasQueues(_ mode: ApplianceSpec.Network.Mode, _ device: String) -> Bool {
        mode == .bridge ? isRoot : (tapFlags(device) ?? 0) & Self.multiQueue != 0
    }

    /// Opens and closes the device: this loads a module that is not loaded yet.
    package var canUseVhost: Bool {
        guard let file = try? FileDescriptor.open(vhost, .readWrite, options: [.closeOnExec]) else { return false }
        try? file.close()
        return true
    }

    /// The helper for a user without rights; nil where none is installed.
    package var helper: FilePath? { helpers.first { Files.exists($0) } }

    private func isBridge(_ device: String) -> Bool { Files.isDirectory(devices.appending(device).appending("bridge")) }

    /// The flags of a tap device as the kernel shows them; nil for any other device.
    private func tapFlags(_ device: String) -> UInt32? {
        guard let flags = number(device, "tun_flags"), flags & Self.tap != 0 else { return nil }
        return flags
    }

    private static let tap: UInt32 = 0x2
    private static let multiQueue: UInt32 = 0x100

    private func isUp(_ device: String) -> Bool { (number(device, "flags") ?? 0) & 1 != 0 }

    private func number(_ device: String, _ file: String) -> UInt32? {
        guard let text = try? Files.readText(devices.appending(device).appending(file)) else { return nil }
        let word = text.prefix { !$0.isWhitespace }
        return word.begins(with: "0x") ? UInt32(word.dropFirst(2), radix: 16) : UInt32(word)
    }

    private func creation(_ mode: ApplianceSpec.Network.Mode, _ device: String) -> String {
        switch mode {
        case .user, .nat: ""
        case .bridge: "as root: ip link add name \(device) type bridge && ip link set dev \(device) up, and add the card that leads outside"
        case .tap: "as root: \(tapCreation(device))"
        }
    }

    /// The device has room for several queues, which a machine with one queue can also use, and belongs to the user unless that is root.
    private func tapCreation(_ device: String) -> String {
        "ip tuntap add dev \(device) mode tap multi_queue\(isRoot ? "" : " user \(userID)") && ip link set dev \(device) up"
    }

    private func checkHelper(_ bridge: String) throws {
        let isAllowed = helperAllows(bridge)
        guard let helper, let mode = Files.status(helper)?.mode, mode & 0o4000 != 0 else {
            throw Failure(
                .networkNotPermitted, "only root connects a machine to the bridge '\(bridge)', or a set-user-id qemu-bridge-helper",
                remedy: "as root: " + ([permission] + (isAllowed ? [] : [rule(bridge)])).joined(separator: " && "))
        }
        guard isAllowed else {
            throw Failure(
                .networkNotPermitted, "qemu-bridge-helper has no rule in '\(helperRules)' that allows the bridge '\(bridge)'",
                remedy: "as root: \(rule(bridge))")
        }
    }

    /// Makes the helper set-user-id, in a way that survives an update of its package.
    private var permission: String {
        let path = ShellWord.quoted((helper ?? helpers[0]).string)
        let installation = helper == nil ? "apt-get install qemu-system-common && " : ""
        guard ProgramRunner.lookUp("dpkg-statoverride") != nil else { return "chmod u+s \(path)" }
        return "\(installation)dpkg-statoverride --update --force-statoverride-add --add root root 4755 \(path)"
    }

    /// Allows users to use a bridge. No package creates the directory of the rules.
    private func rule(_ bridge: String) -> String {
        let (directory, file) = (ShellWord.quoted(helperRules.removingLastComponent().string), ShellWord.quoted(helperRules.string))
        return "install -d \(directory) && echo \(ShellWord.quoted("allow \(bridge)")) >> \(file)"
    }

    /// The commands that allow this user to use a bridge, including those that may already have been done.
    func helperRemedy(_ bridge: String) -> String { "as root: \(permission) && \(rule(bridge))" }

    /// The helper itself decides about rules that this user may not read, or that are in files of their own.
    private func helperAllows(_ bridge: String) -> Bool {
        guard Files.exists(helperRules) else { return false }
        guard let text = try? Files.readText(helperRules) else { return true }
        let rules = text.split(at: "\n").map { $0.split(whereSeparator: \.isWhitespace).map(String.init) }
        return rules.contains { $0.first == "include" || $0 == ["allow", bridge] || $0 == ["allow", "all"] }
    }

    private func checkOwner(_ device: String) throws {
        // As the kernel decides: each of the two that is set has to match.
        let (owner, group) = (number(device, "owner"), number(device, "group"))
        let fits = (owner ?? userID) == userID && group.map(groups.contains) != false
        guard fits, owner != nil || group != nil else {
            throw Failure(
                .networkNotPermitted, "the tap device '\(device)' is not for this user",
                remedy: "as root: ip tuntap del dev \(device) mode tap && \(tapCreation(device))")
        }
    }
}

extension Failure.Code {
    package static let networkDeviceMissing = Failure.Code("network.device-missing")
    package static let networkDeviceUnfit = Failure.Code("network.device-unfit")
}
