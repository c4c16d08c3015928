import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import LibvirtBackend

/// On what libvirt 9.0 with QEMU 10.0 made of a domain of pgkvm's.
@Suite("A domain's process and disks, as they were recorded")
struct WatchingTests {
    private static let storage = #""cache":{"direct":true,"no-flush":false},"auto-read-only":true,"discard":"unmap"}"#
    private static let format = #""read-only":false,"discard":"ignore","cache":{"direct":true,"no-flush":false}"#
    static let arguments = [
        "/usr/bin/qemu-system-x86_64", "-name", "guest=orders,debug-threads=on", "-S",
        "-blockdev", #"{"driver":"file","filename":"/usr/share/OVMF/OVMF_CODE_4M.fd","node-name":"libvirt-pflash0-storage","auto-read-only":true}"#,
        "-blockdev", #"{"node-name":"libvirt-pflash0-format","read-only":true,"driver":"raw","file":"libvirt-pflash0-storage"}"#,
        "-uuid", "8ecf2f2a-5f5e-4bd7-9a4f-1d0c9f0d3b11",
        "-blockdev", #"{"driver":"file","filename":"/images/s.qcow2","aio":"native","node-name":"libvirt-3-storage",\#(storage)"#,
        "-blockdev", #"{"node-name":"libvirt-3-format",\#(format),"driver":"qcow2","file":"libvirt-3-storage","backing":null}"#,
        "-device", #"{"driver":"virtio-blk-pci","bus":"pci.4","drive":"libvirt-3-format","id":"virtio-disk0","bootindex":1,"serial":"system"}"#,
        "-blockdev", #"{"driver":"file","filename":"/images/d.raw","aio":"native","node-name":"libvirt-2-storage",\#(storage)"#,
        "-blockdev", #"{"node-name":"libvirt-2-format",\#(format),"driver":"raw","file":"libvirt-2-storage"}"#,
        "-device", #"{"driver":"virtio-blk-pci","iothread":"iothread1","drive":"libvirt-2-format","id":"virtio-disk1","serial":"pgdata"}"#,
        "-blockdev", #"{"driver":"file","filename":"/images/seed.iso","node-name":"libvirt-1-storage","auto-read-only":true,"discard":"unmap"}"#,
        "-blockdev", #"{"node-name":"libvirt-1-format","read-only":true,"driver":"raw","file":"libvirt-1-storage"}"#,
        "-device", #"{"driver":"scsi-cd","bus":"scsi0.0","drive":"libvirt-1-format","id":"scsi0-0-0-0","serial":"seed"}"#,
        "-netdev", #"{"type":"tap","fds":"31:33","id":"hostnet0"}"#,
    ]

    private static func nodes(_ arguments: [String] = arguments, inUse: Set<Int> = [2, 3]) -> [DiskNode]? {
        DomainProcess(id: 7, arguments: arguments).diskNodes(inUse: inUse, cacheDirect: true)
    }

    @Test("The disks' nodes are there with their flags, the firmware's too, and a medium that was taken away is not")
    func diskNodes() throws {
        let nodes = try #require(Self.nodes())
        #expect(nodes.map(\.name) == ["pflash0-storage", "pflash0-format", "3-storage", "3-format", "2-storage", "2-format"].map { "libvirt-\($0)" })
        #expect(nodes.filter { $0.decidedDirect == true }.map(\.name).count == 4)
        #expect(nodes.filter { $0.decidedDirect != nil }.allSatisfy { $0.isDirect && $0.isWritable })
        #expect(nodes.allSatisfy { !$0.dropsFlushes })
        #expect(nodes.map(\.driver) == ["file", "raw", "file", "qcow2", "file", "raw"])
        #expect(try #require(Self.nodes(inUse: [1, 2, 3])).count == 8)
    }

    @Test("A node that was told to drop flushes is seen")
    func drops() throws {
        let arguments = Self.arguments.map { $0.contains("libvirt-2-storage\",\"cache") ? $0.replacing("\"no-flush\":false", with: "\"no-flush\":true") : $0 }
        #expect(try #require(Self.nodes(arguments)).filter(\.dropsFlushes).map(\.name) == ["libvirt-2-storage"])
    }

    @Test("What the command line does not tell is said to be unseen: a disk that came later, and options in other words")
    func unseen() {
        #expect(Self.nodes(inUse: [2, 3, 4]) == nil)
        #expect(Self.nodes(Self.arguments + ["-drive", "file=/x,cache=unsafe"]) == nil)
        #expect(Self.nodes(Self.arguments + ["-blockdev", "driver=file,node-name=x,filename=/x"]) == nil)
    }

    @Test("Each disk's counters are read, and a drive without a medium has no nodes")
    func statistics() {
        let text = """
            Domain: 'orders'
              block.count=3
              block.0.name=vda
              block.0.path=/var/lib/libvirt/images/s=1.qcow2
              block.0.backingIndex=3
              block.0.rd.reqs=17
              block.0.rd.bytes=4096
              block.0.wr.reqs=5
              block.0.wr.bytes=512
              block.0.fl.reqs=2
              block.1.name=vdb
              block.1.backingIndex=2
              block.1.rd.reqs=1
              block.1.wr.reqs=0
              block.1.fl.reqs=0
              block.2.name=sda
            """
        let disks = DiskStatistics.read(text)
        #expect(disks.map(\.target) == ["vda", "vdb", "sda"])
        #expect(disks.map(\.node) == [3, 2, nil])
        #expect(disks.map(\.counters) == [DiskCounters(reads: 17, writes: 5, flushes: 2), DiskCounters(reads: 1, writes: 0, flushes: 0), nil])
        let usage = DiskUsage(disk: .system, readBytes: 4096, writtenBytes: 512, reads: 17, writes: 5, flushes: 2)
        #expect(disks.map(\.usage) == [usage, nil, nil])
        #expect(DiskStatistics.read("").isEmpty)
    }

    @Test("Of two processes with the UUID none is believed, and one that only names it is none")
    func impostor() throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-libvirt")
        defer { try? Files.remove(directory) }
        func add(_ id: Int, _ arguments: [String]) throws {
            try Files.createDirectory(directory.appending("\(id)"))
            try Files.write(arguments.joined(separator: "\0") + "\0", to: directory.appending("\(id)").appending("cmdline"))
        }
        let uuid = "8ecf2f2a-5f5e-4bd7-9a4f-1d0c9f0d3b11"
        try Files.createDirectory(directory.appending("net"))
        try add(5, ["virsh", "dumpxml", uuid])
        #expect(try DomainProcess.find(uuid: uuid, in: directory) == nil)
        try add(7, Self.arguments)
        #expect(try DomainProcess.find(uuid: uuid, in: directory)?.id == 7)
        #expect(try DomainProcess.find(uuid: "9ecf2f2a-5f5e-4bd7-9a4f-1d0c9f0d3b11", in: directory) == nil)
        try add(9, ["sleep", "-uuid", uuid])
        #expect(try DomainProcess.find(uuid: uuid, in: directory) == nil)
    }
}

extension LibvirtDaemonTests {
    @Test("A running domain's process, nodes and counters are found, and the domain stays as tidy as it was")
    func watched() async throws {
        try await Bench.with { bench in
            let name = try #require(ApplianceName("orders"))
            let spec = try await bench.spec(name, device: "default")
            let backend = bench.backend
            let machine = try await backend.create(spec)
            #expect(try await backend.processID(of: machine) == nil)
            #expect(try await backend.diskNodes(of: machine) == nil)
            try await backend.start(machine)
            let process = try #require(try await backend.processID(of: machine))
            let status = try ProcessStatus.read(process)
            #expect(status.threads.filter { $0.hasPrefix("CPU ") } == ["CPU 0/TCG", "CPU 1/TCG"])
            #expect(status.threads.contains("IO iothread1"))
            // Where the daemon may make control groups.
            #expect(status.processorGroups.isEmpty || status.processorGroups.map { $0.suffix(5) } == ["vcpu0", "vcpu1"])
            #expect(!status.userIDs.contains(0) && status.permittedCapabilities == 0 && status.seccompMode == 2 && status.hasNoNewPrivileges == true)

            let nodes = try #require(try await backend.diskNodes(of: machine))
            let disks = nodes.filter { $0.decidedDirect != nil }
            #expect(Set(disks.map(\.driver)) == ["file", "qcow2", "raw"])
            #expect(disks.allSatisfy { $0.isDirect && $0.decidedDirect == true })
            #expect(nodes.allSatisfy { !$0.dropsFlushes })
            for serial in ["system", MachineSpec.dataDiskSerial] { #expect(try await backend.diskCounters(of: machine, serial: serial).flushes == 0) }
            await #expect(throws: Failure.self) { try await backend.diskCounters(of: machine, serial: "other") }
            let usage = try await backend.usage(of: machine, timeout: .seconds(1))
            #expect(usage.state == .running && usage.disks.map(\.disk) == [.system, .data])
            // Its path is one of the daemon's own mount namespace.
            #expect(try await backend.dataDiskLocation(of: machine) == nil)
            let information = try await bench.daemon.virsh("dominfo", "orders")
            #expect(!information.contains("tainted"), "\(information)")

            // A disk that is plugged in has nodes that the command line does not tell.
            try await bench.daemon.virsh("vol-create-as", "default", "more.raw", "1M", "--format", "raw")
            try await bench.daemon.virsh("attach-disk", "orders", "/var/lib/libvirt/images/more.raw", "vdc", "--cache", "unsafe", "--live")
            #expect(try await backend.diskNodes(of: machine) == nil)

            try ProcessTable.kill(process)
            let isOff = try await poll(every: .milliseconds(50), until: .now + .seconds(600), on: ContinuousClock()) { () -> Bool? in
                try await backend.powerState(of: machine) == .off ? true : nil
            }
            #expect(isOff == true)
            #expect(try await backend.processID(of: machine) == nil)
            try await bench.daemon.virsh("vol-delete", "--pool", "default", "more.raw")
            try await backend.delete(machine)
            #expect(try await bench.daemon.everything() == "")
        }
    }
}
