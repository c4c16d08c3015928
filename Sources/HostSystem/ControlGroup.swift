internal import ApplianceModel
package import Basics
internal import Glibc
internal import Quoting
package import SystemPackage

/// A group of the unified hierarchy (cgroup v2).
package struct ControlGroup: Sendable, Equatable {
    package let root: FilePath
    /// Below the root, such as `/pgkvm.slice/pgkvm-orders.service`.
    package let path: String

    package static let defaultRoot: FilePath = "/sys/fs/cgroup"
    /// The controllers that weights and limits need.
    package static let controllers = ["cpu", "memory"]

    package init(path: String, root: FilePath = ControlGroup.defaultRoot) {
        self.path = path
        self.root = root
    }

    package var directory: FilePath { root.appending(path.split(at: "/").compactMap { FilePath.Component(String($0)) }) }

    /// The processor share relative to sibling groups, 1 to 10000; nil where the group does not have this control.
    package var cpuWeight: Int? { value("cpu.weight").flatMap { Int($0) } }

    /// The memory that the group may use; nil without a limit or without this control.
    package var memoryMax: ByteSize? { value("memory.max").flatMap { Int64($0) }.map { ByteSize(bytes: $0) } }

    package var memoryCurrent: ByteSize? { value("memory.current").flatMap { Int64($0) }.map { ByteSize(bytes: $0) } }

    package var hasMemoryControl: Bool { Files.exists(directory.appending("memory.max")) }

    /// Whether the processor share of this group, or of one above it, is set by a weight.
    package var isWeighed: Bool {
        var place = directory
        while place != root, place.starts(with: root) {
            if Files.exists(place.appending("cpu.weight")) { return true }
            place.removeLastComponent()
        }
        return false
    }

    private func value(_ name: String) -> String? {
        (try? Files.readText(directory.appending(name)))?.split(at: "\n").first.map(String.init)
    }

    /// Why this process cannot make groups with weights and limits; nil when it can.
    package static func obstacle(root: FilePath = ControlGroup.defaultRoot) -> String? {
        guard let text = try? Files.readText(root.appending("cgroup.controllers")) else { return "this host has no unified control groups (cgroup v2)" }
        let there = text.split { $0 == " " || $0 == "\n" }.map(String.init)
        let lacking = controllers.filter { !there.contains($0) }
        guard lacking.isEmpty else { return "the unified control groups lack the controllers \(lacking.joined(separator: " and "))" }
        guard unsafe access(root.appending("cgroup.subtree_control").string, W_OK) == 0 else { return "'\(root)' cannot be written" }
        return nil
    }

    /// Makes the group and all groups above it, with both controllers.
    /// - Throws: `file.unwritable`.
    package func create() throws {
        var place = root
        for component in path.split(at: "/").compactMap({ FilePath.Component(String($0)) }) {
            for controller in Self.controllers { try Self.set("+\(controller)", in: place.appending("cgroup.subtree_control")) }
            place.append(component)
            try Files.createDirectory(place)
        }
    }

    /// Moves a process with all its threads into the group.
    /// - Throws: `file.unwritable`.
    package func add(_ processID: Int32) throws { try set("cgroup.procs", "\(processID)") }

    /// Sets one of the group's controls.
    /// - Throws: `file.unwritable`.
    package func set(_ control: String, _ value: String) throws { try Self.set(value, in: directory.appending(control)) }

    /// Removes the group if nothing runs in it; it is not an error when there is none.
    package func removeIfEmpty() { _ = unsafe rmdir(directory.string) }

    /// A control is not an ordinary file: it is written in place, in a single write.
    private static func set(_ value: String, in path: FilePath) throws {
        do {
            let file = try FileDescriptor.open(path, .writeOnly, options: .closeOnExec)
            try file.closeAfter { _ = try file.writeAll(value.utf8) }
        } catch {
            throw Failure(.fileUnwritable, "cannot write '\(value)' to '\(path)'", cause: error)
        }
    }
}
