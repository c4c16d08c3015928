internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
internal import Synchronization
internal import SystemPackage

/// What stands behind a `PVEServer` as its node: it boots, under emulation, what the server was given, on the bridge of a network
/// namespace. From the uploaded image and the uploaded seed on, the guest is a real one.
package final class EmulatedNode: Sendable {
    private let directory: FilePath
    private let network: NetworkNamespace
    private let machines = Mutex<[Int: BackgroundProgram]>([:])
    private let relays = Mutex<[BackgroundProgram]>([])

    /// Runs `body` with a node, and ends its machines, whatever comes.
    package static func with<Value: Sendable>(on network: NetworkNamespace, _ body: (EmulatedNode) async throws -> Value) async throws -> Value {
        let directory = try Files.createTemporaryDirectory(in: "/var/tmp", prefix: "pgkvm-node")
        let node = EmulatedNode(directory: directory, network: network)
        var outcome: Result<Value, any Error>
        do {
            outcome = .success(try await body(node))
        } catch {
            outcome = .failure(error)
        }
        try await withoutCancellation { try await node.end() }
        return try outcome.get()
    }

    private init(directory: FilePath, network: NetworkNamespace) {
        self.directory = directory
        self.network = network
    }

    /// For the server whose node it is.
    package var hooks: PVEServer.Hooks {
        var hooks = PVEServer.Hooks()
        hooks.onStart = { [self] in try start($0, $1, $2) }
        hooks.onStop = { [self] in stop($0) }
        return hooks
    }

    /// Brings the server to port 8006 of the network's own loopback interface.
    package func relay(_ server: PVEServer) throws {
        let socket = directory.appending("api.sock")
        let port = server.url.split(separator: ":").last.map(String.init) ?? ""
        let programs = [
            try BackgroundProgram(["socat", "UNIX-LISTEN:\(socket),fork", "TCP:127.0.0.1:\(port)"], in: directory),
            try BackgroundProgram(network.prefix + ["socat", "TCP-LISTEN:8006,bind=127.0.0.1,fork,reuseaddr", "UNIX-CONNECT:\(socket)"], in: directory),
        ]
        relays.withLock { $0 += programs }
    }

    /// How many machines run.
    package var running: Int { machines.withLock { $0.values.count { $0.isRunning } } }

    private func start(_ vmid: Int, _ config: [String: String], _ files: [String: FilePath]) throws {
        guard let image = files.first(where: { $0.key.contains("import/") })?.value else { throw Failure(.programFailed, "no image was uploaded") }
        let medium = config["scsi1"].map { String($0.prefix { $0 != "," }) }
        let seed = medium.flatMap { name in files.first { $0.key.hasSuffix(name) }?.value }
        let card = config["net0"] ?? ""
        let mac = card.firstMatch(of: #/virtio=([0-9A-Fa-f:]+)/#).map { String($0.1) } ?? ""
        let variables = [
            "VMID=\(vmid)", "IMAGE=\(image)", "SEED=\(seed?.string ?? "")", "MAC=\(mac)", "CORES=\(config["cores"] ?? "1")",
            "MEMORY=\(config["memory"] ?? "512")", "SYSTEM=\(Self.size(config["virtio0"]))", "DATA=\(Self.size(config["virtio1"]))",
            "BRIDGE=\(NetworkNamespace.bridge)",
        ]
        let program = try BackgroundProgram(network.prefix + ["env"] + variables + ["bash", "-euc", Self.script], in: directory)
        machines.withLock { $0[vmid] = program }
    }

    private static func size(_ drive: String?) -> String { drive?.firstMatch(of: #/size=([0-9]+[KMGT]?)/#).map { String($0.1) } ?? "1G" }

    /// As a node does: the guest is asked first, and has its power cut when it does not listen.
    private func stop(_ vmid: Int) {
        guard let program = machines.withLock({ $0.removeValue(forKey: vmid) }) else { return }
        let button = #"printf '{"execute":"qmp_capabilities"}{"execute":"system_powerdown"}' | socat -t 1 - UNIX-CONNECT:"$1""#
        _ = try? BackgroundProgram(["sh", "-c", button, "sh", "\(vmid).qmp"], in: directory)
        for _ in 0..<300 where program.isRunning { usleep(100_000) }
        program.send(SIGKILL)
        while program.isRunning { usleep(10_000) }
    }

    private func end() async throws {
        for program in machines.withLock({ Array($0.values) }) {
            program.send(SIGKILL)
            _ = try await program.end()
        }
        for program in relays.withLock({ $0 }) {
            program.sendToSession(SIGKILL)
            _ = try await program.end()
        }
        try Files.remove(directory)
    }

    /// Disks are made at the first start and kept; the tap device goes with the process.
    private static let script = #"""
        if [ ! -e "$VMID-0.qcow2" ]; then
            cp --reflink=auto "$IMAGE" "$VMID-0.new"
            qemu-img resize -q -f qcow2 "$VMID-0.new" "$SYSTEM"
            truncate -s "$DATA" "$VMID-1.raw"
            cp /usr/share/OVMF/OVMF_VARS_4M.fd "$VMID-vars.fd"
            mv "$VMID-0.new" "$VMID-0.qcow2"
        fi
        ip link show dev "tap$VMID" >/dev/null 2>&1 || ip tuntap add dev "tap$VMID" mode tap
        ip link set dev "tap$VMID" master "$BRIDGE" up
        seed=()
        if [ -n "$SEED" ]; then
            seed=(-device virtio-scsi-pci -drive "if=none,id=seed,file=$SEED,format=raw,readonly=on" -device scsi-cd,drive=seed)
        fi
        exec qemu-system-x86_64 -name "guest=vm$VMID" -machine q35,accel=tcg -cpu max -smp "$CORES" -m "$MEMORY" -nodefaults -display none \
            -drive if=pflash,format=raw,readonly=on,file=/usr/share/OVMF/OVMF_CODE_4M.fd -drive "if=pflash,format=raw,file=$VMID-vars.fd" \
            -drive "if=none,id=system,file=$VMID-0.qcow2,format=qcow2" -device virtio-blk-pci,drive=system,serial=pgroot,bootindex=0 \
            -drive "if=none,id=data,file=$VMID-1.raw,format=raw,discard=unmap" -device virtio-blk-pci,drive=data,serial=pgdata \
            "${seed[@]}" -netdev "tap,id=net0,ifname=tap$VMID,script=no,downscript=no" -device "virtio-net-pci,netdev=net0,mac=$MAC,romfile=" \
            -device virtio-rng-pci -serial "file:$VMID.log" -qmp "unix:$VMID.qmp,server=on,wait=off"
        """#
}
