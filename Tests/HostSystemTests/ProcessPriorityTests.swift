import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@Suite("The priority of a process")
struct ProcessPriorityTests {
    /// A process that leads a session of its own, as QEMU does.
    private func withProcess(_ body: (Int32) async throws -> Void) async throws {
        let output = try FileDescriptor.open("/dev/null", .writeOnly)
        defer { try? output.close() }
        let process = try DetachedProcess.spawn(["sleep", "1000"], in: "/", output: output)
        do {
            try await body(process.processID)
        } catch {
            try ProcessTable.kill(process.processID)
            throw error
        }
        try ProcessTable.kill(process.processID)
        while process.exitStatus() == nil { try await Task.sleep(for: .milliseconds(10)) }
    }

    @Test("A nice value is set on every thread and read back")
    func nice() async throws {
        try await withProcess { id in
            #expect(try ProcessPriority.nice(of: id) == [0])
            try ProcessPriority.setNice(7, of: id)
            #expect(try ProcessPriority.nice(of: id) == [7])
        }
        let error = #expect(throws: Failure.self) { try ProcessPriority.setNice(7, of: Int32.max) }
        #expect(error?.code == .fileUnreadable)
    }

    @Test("The group of its session is set and read back, twice in a row", .enabled("the kernel knows autogroups") { Files.exists("/proc/self/autogroup") })
    func autogroup() async throws {
        try await withProcess { id in
            let group = try #require(ProcessPriority.autogroup(of: id))
            for value in [6, 9] {
                try await ProcessPriority.setAutogroup(value, of: id)
                #expect(ProcessPriority.autogroup(of: id)?.nice == value)
            }
            #expect(ProcessPriority.autogroup(of: id)?.id == group.id)
        }
    }

    @Test("What the kernel writes of groups is read")
    func parsing() {
        #expect(Autogroup("/autogroup-11 nice -5\n")?.nice == -5)
        #expect(Autogroup("") == nil)
        #expect(ProcessPriority.hasOlderCPUGroup("1:cpu,cpuacct:/machine\n0::/\n"))
        #expect(!ProcessPriority.hasOlderCPUGroup("1:cpu:/\n9:name=systemd:/x\n0::/user.slice\n"))
    }
}

@Suite("Control groups")
struct ControlGroupTests {
    /// A directory that looks like the unified hierarchy.
    private func withHierarchy(controllers: String = "cpuset cpu io memory pids\n", _ body: (FilePath) throws -> Void) async throws {
        try await withTemporaryDirectory { root in
            try Files.write(controllers, to: root.appending("cgroup.controllers"))
            for place in ["", "pgkvm", "pgkvm/orders"] {
                let directory = place.isEmpty ? root : root.appending(place)
                try Files.createDirectory(directory)
                for name in ["cgroup.subtree_control", "cgroup.procs", "cpu.weight", "memory.max", "memory.current"] {
                    if place.isEmpty, name.contains("cpu.") || name.contains("memory.") { continue }
                    try Files.write("", to: directory.appending(name))
                }
            }
            try body(root)
        }
    }

    @Test("A group is made with both controllers on the way, given its controls and its process")
    func create() async throws {
        try await withHierarchy { root in
            let group = ControlGroup(path: "/pgkvm/orders", root: root)
            #expect(ControlGroup.obstacle(root: root) == nil)
            try group.create()
            for place in [root, root.appending("pgkvm")] {
                #expect(try Files.readText(place.appending("cgroup.subtree_control")) == "+memory")
            }
            try group.set("cpu.weight", "200")
            try group.set("memory.max", "max")
            try group.add(42)
            #expect(group.cpuWeight == 200)
            #expect(group.memoryMax == nil)
            #expect(group.isWeighed)
            try group.set("memory.max", "1073741824")
            #expect(group.memoryMax == .gibibytes(1))
            #expect(try Files.readText(group.directory.appending("cgroup.procs")) == "42")
            #expect(!ControlGroup(path: "/", root: root).isWeighed)
        }
    }

    @Test("Why there can be none is said")
    func obstacles() async throws {
        #expect(ControlGroup.obstacle(root: "/nowhere")?.contains("no unified control groups") == true)
        try await withHierarchy(controllers: "cpu pids\n") { #expect(ControlGroup.obstacle(root: $0)?.contains("lack the controllers memory") == true) }
        try await withHierarchy { root in
            let error = #expect(throws: Failure.self) { try ControlGroup(path: "/other/orders", root: root).set("cpu.weight", "1") }
            #expect(error?.code == .fileUnwritable)
        }
    }
}
