internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import Quoting
internal import SystemPackage

/// QEMU as libvirt has started it for a domain.
struct DomainProcess: Equatable {
    let id: Int32
    let arguments: [String]

    /// Looks for the UUID in the arguments of every process. The location of libvirt's pid file depends on the kind of daemon, and its content
    /// counts in the daemon's process namespace.
    static func find(uuid: String, in directory: FilePath = "/proc") throws -> DomainProcess? {
        let found = try Files.list(directory).compactMap { entry -> DomainProcess? in
            guard let id = Int32(entry), let bytes = try? Files.read(directory.appending(entry).appending("cmdline")) else { return nil }
            let arguments = bytes.split(separator: 0, omittingEmptySubsequences: false).map { String(decoding: $0, as: UTF8.self) }
            return value(of: "-uuid", in: arguments).first == uuid ? DomainProcess(id: id, arguments: arguments) : nil
        }
        // If there are two, one of them is an impostor.
        return found.count == 1 ? found[0] : nil
    }

    /// The value after each occurrence of an option.
    private static func value(of option: String, in arguments: [String]) -> [String] {
        zip(arguments, arguments.dropFirst()).filter { $0.0 == option }.map(\.1)
    }

    /// The nodes of the block layer that the command line created and that still exist.
    /// - Parameter inUse: the numbers in the node names of the domain's disks.
    /// - Returns: nil where the disks have nodes that were added after the start, or that are described in a form that is not parsed here.
    func diskNodes(inUse: Set<Int>, cacheDirect: Bool) -> [DiskNode]? {
        guard !arguments.contains("-drive") else { return nil }
        var nodes: [(name: String, options: JSONValue)] = []
        for text in Self.value(of: "-blockdev", in: arguments) {
            guard let options = Self.json(text), let name = options["node-name"]?.string else { return nil }
            nodes.append((name, options))
        }
        let made = Set(nodes.compactMap { Self.number(of: $0.name) })
        guard inUse.isSubset(of: made) else { return nil }
        let decided = decided(Dictionary(nodes.map { ($0.name, $0.options) }) { $1 })
        return nodes.compactMap { name, options in
            // A medium that was removed, such as the seed, stays in the command line.
            if let number = Self.number(of: name), !inUse.contains(number) { return nil }
            return DiskNode(
                name: name, driver: options["driver"]?.string ?? "", isDirect: options["cache"]?["direct"]?.bool ?? false,
                dropsFlushes: options["cache"]?["no-flush"]?.bool ?? false, isWritable: options["read-only"]?.bool != true,
                decidedDirect: decided.contains(name) ? cacheDirect : nil)
        }
    }

    /// The nodes of the virtio disks, including those below other nodes.
    private func decided(_ nodes: [String: JSONValue]) -> Set<String> {
        var names: Set<String> = []
        var next = Self.value(of: "-device", in: arguments).compactMap(Self.json).filter { $0["driver"]?.string?.begins(with: "virtio-blk") == true }
            .compactMap { $0["drive"]?.string }
        while let name = next.popLast() {
            guard names.insert(name).inserted else { continue }
            next += ["file", "backing"].compactMap { nodes[name]?[$0]?.string }
        }
        return names
    }

    /// 2 for `libvirt-2-storage`. Nil for a node that does not belong to a disk, such as the firmware's.
    private static func number(of name: String) -> Int? { name.wholeMatch(of: #/libvirt-([0-9]+)-.*/#).flatMap { Int($0.1) } }

    private static func json(_ text: String) -> JSONValue? { try? JSONDecoder().decode(JSONValue.self, from: Data(text.utf8)) }
}
