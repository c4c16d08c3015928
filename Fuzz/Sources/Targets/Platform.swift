internal import ApplianceModel
internal import Basics
internal import Dispatch
internal import FoundationEssentials
internal import Glibc
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

@testable internal import GuestImage
@testable internal import LibvirtBackend
@testable internal import ProxmoxBackend
@testable internal import QEMUBackend

/// What a platform says: QEMU's monitor and the agent in a guest, a Proxmox server, libvirt, CPUID.
extension FuzzTarget {
    static let monitor = FuzzTarget("monitor") { input in
        var input = input
        switch input.choice(of: 2) {
        case 0: try MonitorPeer.shared.converse(input.bytes)
        default:
            let cards = try JSONDecoder().decode(JSONValue.self, from: Data(input.bytes))
            if let address = GuestCards.address(of: "52:54:00:12:34:56", in: cards) {
                require(IPv4Address("\(address)") == address, "an address that is another when it is read back")
            }
        }
    }

    static let proxmoxAnswer = FuzzTarget("proxmox-answer") { input in
        var input = input
        switch input.choice(of: 3) {
        case 0:
            guard let answer = PVEAnswer(wire: input.bytes) else { return }
            require((200...999).contains(answer.status) || (0..<100).contains(answer.status), "an interim answer is taken for the answer")
            _ = (answer.message, answer.faults, answer.isSuccess)
            if let json = answer.json { read(json) }
        case 1: read(try JSONDecoder().decode(JSONValue.self, from: Data(input.bytes)))
        default:
            let value = PropertyString(reading: input.text)
            require(PropertyString(reading: value.text) == value, "a value that is another when it is read back")
            _ = (value.first, value["size"])
        }
    }

    private static func read(_ value: JSONValue) {
        _ = (value.text, value.count, value.fraction, value.flag)
        switch value {
        case .array(let elements): elements.forEach(read)
        case .object(let members): members.values.forEach(read)
        default: break
        }
    }

    static let domain = FuzzTarget("domain") { input in
        var input = input
        switch input.choice(of: 4) {
        case 0: try rendered(input)
        case 1: _ = DiskStatistics.read(input.text)
        case 2: _ = LibvirtBackend.target(serial: "pgdata", in: input.text)
        default: _ = Volumes.directory(in: input.text)
        }
    }

    /// The definition of a domain with the texts of a stranger in it stays one document.
    private static func rendered(_ input: FuzzInput) throws {
        var input = input
        let directory = Self.printable(input.line())
        let device = Self.printable(input.line())
        let log = Self.printable(input.line())
        guard let name = ApplianceName("fuzz") else { return }
        let spec = MachineSpec(
            deployment: DeploymentID("0123456789abcdef0123456789abcdef"), name: name,
            cpu: CPUDecision(accelerator: .tcg, vcpus: input.integer(), memory: ByteSize(bytes: Int64(input.integer()))),
            disk: DiskDecision(cacheDirect: true, aio: .native, ioThread: true, fileSystem: "ext4"),
            network: NetworkDecision(mode: .bridge, macAddress: "52:54:00:12:34:56", sshPort: 22, postgresqlPort: 5432, device: device),
            image: BaseImage(path: "/i", key: "k", format: .qcow2, firmware: .uefi), systemDisk: ApplianceSpec.SystemDisk(),
            dataDiskSize: .gibibytes(1), adoptedDataDisk: nil)
        let text = try DomainText(spec: spec, directory: directory, log: log.isEmpty ? nil : log, hasSeed: true).domain()
        require(Markup.isWellFormed(text), "a domain that is no XML: \([directory, device, log])")
    }

    /// XML has no way to write most control characters; the rules of a spec refuse them.
    private static func printable(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.filter { $0.value >= 0x20 && !(0x7f...0x9f).contains($0.value) && $0.value & 0xfffe != 0xfffe }))
    }

    static let processor = FuzzTarget("processor") { input in
        var input = input
        var answers: [CPUIDQuestion: CPUIDRegisters] = [:]
        while !input.rest.isEmpty {
            let words = input.line().split(separator: " ").map { UInt32($0, radix: 16) ?? 0 }
            func word(_ index: Int) -> UInt32 { words.indices.contains(index) ? words[index] : 0 }
            answers[CPUIDQuestion(word(0), word(1))] = CPUIDRegisters(eax: word(2), ebx: word(3), ecx: word(4), edx: word(5))
        }
        let table = CPUIDTable(executed: answers)
        require(table.answers.allSatisfy { answers[$0.key] == $0.value }, "a leaf that is not in the input")
        _ = (ProcessorIdentity(table)?.description, table.hypervisor)
        _ = HostCPU(logicalCPUs: 1) { table[$0] ?? CPUIDRegisters() }
    }

    static let diskImage = FuzzTarget("disk-image", maxLength: 40 << 10) { input in
        let bytes = input.bytes
        let format = try? DiskImage.format(head: bytes, source: "an image")
        _ = DiskImage.firmware(start: bytes)
        if let table = PartitionTable(start: bytes) {
            require(table.neededSize >= 0, "a disk of fewer than no bytes")
            for size in [0, 1 << 30, Int64.max] { _ = table.refusal(size: size) }
        }
        if format == .qcow2 { require(bytes.starts(with: Array("QFI".utf8)), "a qcow2 without its mark") }
    }

    static let transferSize = FuzzTarget("transfer-size", maxLength: 1024) { input in
        var input = input
        let before = Int64(input.integer())
        _ = TransferSize.total(headers: input.text, before: max(0, before))
    }

    static let apt = FuzzTarget("apt") { input in
        var input = input
        switch input.choice(of: 6) {
        case 0: for target in AptTarget.parse(input.text) { _ = (target.description, target.archive, target.entry?.file, target.signedRelease) }
        case 1: _ = AptTarget.priorities(policy: input.text)
        case 2: use(AptEntry.stanzas(input.bytes))
        case 3: use(AptEntry.lines(input.bytes))
        case 4:
            let uri = AptURI(input.text)
            require(!uri.host.utf8.contains(UInt8(ascii: "@")), "a user or a password is taken for the host: \(uri.shown)")
        default:
            _ = AptCredentials.machines(in: input.bytes)
            if let setting = AptSetting(line: input.text) {
                require(AptSetting(line: setting.line) == setting, "a setting that is another when it is read back")
            }
        }
    }

    private static func use(_ entries: [[String: String]]) {
        for entry in entries.map({ AptEntry(options: $0) }) { _ = (entry.signedBy, entry.isUnsigned, entry.dateOptions) }
    }
}

/// A monitor that says what the fuzzer wants, over a real socket, and closes.
private final class MonitorPeer: Sendable {
    static let shared = MonitorPeer()
    private let path: FilePath
    private let listener: Int32

    private init() {
        let directory = unsafe getenv("TMPDIR").map { unsafe String(cString: $0) } ?? "/tmp"
        path = FilePath("\(directory)/pgkvm-fuzz-qmp.\(getpid())")
        listener = Self.listen(path.string)
        require(listener >= 0, "the harness cannot listen on \(path)")
    }

    func converse(_ bytes: [UInt8]) throws {
        let path = path
        let done = DispatchSemaphore(value: 0)
        Task.detached {
            if let client = try? await QMPClient.connect(path, timeout: .seconds(5)) {
                _ = try? await client.execute("query-status")
            }
            done.signal()
        }
        let peer = accept(listener, nil, nil)
        var sent = 0
        while sent < bytes.count {
            let count = unsafe bytes.withUnsafeBytes { unsafe send(peer, $0.baseAddress?.advanced(by: sent), $0.count - sent, Int32(MSG_NOSIGNAL)) }
            if count <= 0 { break }
            sent += count
        }
        shutdown(peer, Int32(SHUT_WR))
        done.wait()
        close(peer)
    }

    private static func listen(_ path: String) -> Int32 {
        unsafe unlink(path)
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: Array(path.utf8.prefix(107))) }
        let size = socklen_t(MemoryLayout<sockaddr_un>.size)
        let bound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(socket, $0, size) }
        }
        return bound == 0 && Glibc.listen(socket, 8) == 0 ? socket : -1
    }
}
