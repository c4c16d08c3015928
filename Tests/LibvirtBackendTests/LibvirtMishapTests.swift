import ApplianceModel
import Basics
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import LibvirtBackend

/// What happens to machines beside pgkvm, or in the middle of its work.
extension LibvirtDaemonTests {
    @Test("A creation that is cut off in the middle leaves nothing behind")
    func cancelled() async throws {
        try await Bench.with { bench in
            let spec = try await bench.spec(#require(ApplianceName("orders")))
            // Nobody writes into it, so that the upload waits until it is ended.
            let image = bench.directory.appending("fifo")
            #expect(mkfifo(image.string, 0o600) == 0)
            let endless = spec.with(image: BaseImage(path: image.string, key: "key", format: .qcow2, firmware: .uefi))
            let creation = Task { try await bench.backend.create(endless) }
            let isUploading: Bool? = try await poll(every: .milliseconds(100), until: .now + .seconds(600), on: ContinuousClock()) {
                try await bench.daemon.everything().contains("system.qcow2") ? true : nil
            }
            #expect(isUploading == true)
            creation.cancel()
            await #expect(throws: CancellationError.self) { try await creation.value }
            #expect(try await bench.daemon.everything() == "")
            #expect(try await bench.backend.find(spec.deployment, name: spec.name) == nil)
        }
    }

    @Test("A domain whose volumes were taken away before its creation was over is made anew")
    func withoutDisks() async throws {
        try await Bench.with { bench in
            let spec = try await bench.spec(#require(ApplianceName("orders")))
            let machine = try await bench.backend.create(spec)
            try LibvirtMachine(spec: spec).save(to: bench.state.appliance(spec.name).machine())
            for volume in VolumeNames(spec).disks { try await bench.daemon.virsh("vol-delete", "--pool", "default", volume) }
            #expect(try await bench.backend.create(spec) == machine)
            try await bench.backend.start(machine)
            #expect(try await bench.backend.powerState(of: machine) == .running)
            try await bench.backend.delete(machine)
        }
    }

    @Test("A machine is found by its deployment alone: without its record, and under another name")
    func foundByDeployment() async throws {
        try await Bench.with { bench in
            let spec = try await bench.spec(#require(ApplianceName("orders")))
            let machine = try await bench.backend.create(spec)
            try await bench.daemon.virsh("domrename", "orders", "sales")
            #expect(try await bench.backend.create(spec) == machine)
            try await bench.backend.start(machine)
            #expect(try await bench.daemon.virsh("domstate", "sales").contains("running"))

            try Files.remove(bench.state.appliance(spec.name).machine().records)
            #expect(try await bench.backend.find(spec.deployment, name: spec.name) == machine)
            #expect(try await bench.backend.find(.random(), name: spec.name) == nil)
            try await bench.backend.delete(machine)
            #expect(try await bench.daemon.everything() == "")
        }
    }

    @Test("Volumes that neither a record nor a domain knows are neither used nor overwritten")
    func unknownVolumes() async throws {
        try await Bench.with { bench in
            let spec = try await bench.spec(#require(ApplianceName("orders")))
            let machine = try await bench.backend.create(spec)
            try await bench.daemon.virsh("undefine", "orders", "--nvram")
            try Files.remove(bench.state.appliance(spec.name).machine().records)
            let volumes = try await bench.daemon.everything()
            let refused = await #expect(throws: Failure.self) { try await bench.backend.create(spec) }
            #expect(refused?.code == .machineStranger)
            #expect(refused?.message.contains(VolumeNames(spec).system) == true)
            #expect(try await bench.daemon.everything() == volumes)
            try await bench.backend.delete(machine)
            #expect(try await bench.daemon.everything() == "")
        }
    }

    @Test("A machine starts with its host when all that it needs does")
    func autostart() async throws {
        try await Bench.with { bench in
            let machine = try await bench.backend.create(bench.spec(#require(ApplianceName("orders")), device: "default"))
            #expect(try await bench.backend.autostart(of: machine) == .off)
            let failure = await #expect(throws: Failure.self) { try await bench.backend.setAutostart(true, of: machine) }
            #expect(failure?.code == .autostartUnavailable)
            #expect(failure?.remedy?.hasSuffix("net-autostart default") == true)
            guard case .unavailable = try await bench.backend.autostart(of: machine) else {
                Issue.record("a network that is down does not hold the machine back")
                return
            }
            try await bench.daemon.virsh("net-autostart", "default")
            guard case .on = try await bench.backend.autostart(of: machine) else {
                Issue.record("the remedy does not help")
                return
            }
            try await bench.backend.setAutostart(false, of: machine)
            #expect(try await bench.backend.autostart(of: machine) == .off)
            try await bench.backend.delete(machine)
        }
    }

    @Test("While the pool is not active nothing goes of a machine, and the line that starts it is told")
    func inactivePool() async throws {
        try await Bench.with { bench in
            let machine = try await bench.backend.create(bench.spec(#require(ApplianceName("orders"))))
            try await bench.daemon.virsh("pool-destroy", "default")
            let medium = bench.state.path.appending("medium.iso")
            try Files.write([UInt8](repeating: 0, count: 1 << 20), to: medium)
            for attempt in [{ try await bench.backend.delete(machine) }, { try await bench.backend.attachSeed(medium, to: machine) }] {
                let failure = await #expect(throws: Failure.self) { try await attempt() }
                #expect(failure?.code == .libvirtPool)
                #expect(failure?.remedy?.contains("pool-start default") == true)
            }
            #expect(try await bench.backend.powerState(of: machine) == .off)
            try await bench.daemon.virsh("pool-start", "default")
            try await bench.backend.delete(machine)
            #expect(try await bench.daemon.everything() == "")
        }
    }

    @Test("Processors that somebody took away are no obstacle to other numbers")
    func changedByHand() async throws {
        try await Bench.with { bench in
            let spec = try await bench.spec(#require(ApplianceName("orders")))
            let machine = try await bench.backend.create(spec)
            try await bench.daemon.virsh("setvcpus", "orders", "1", "--config")
            try await bench.daemon.virsh("setvcpus", "orders", "1", "--config", "--maximum")
            // It stays theirs until the spec changes.
            #expect(try await bench.backend.processor(of: machine).vcpus == 2)
            let wanted = CPUDecision(accelerator: .tcg, vcpus: 3, memory: spec.cpu.memory)
            try await bench.backend.setProcessor(wanted, of: machine)
            #expect(try await bench.daemon.virsh("vcpucount", "orders", "--config", "--current").hasPrefix("3"))
            try await bench.backend.delete(machine)
        }
    }

    @Test("An image's holes are holes in its volume")
    func holes() async throws {
        try await Bench.with { bench in
            let spec = try await bench.spec(#require(ApplianceName("orders")))
            // Between its header and its tables lies nothing, where libvirt writes those of the new volume.
            let (whole, image) = (bench.directory.appending("whole.qcow2"), bench.directory.appending("sparse.qcow2"))
            _ = try await ProgramRunner.check("qemu-img", ["create", "-q", "-f", "qcow2", "-o", "cluster_size=2M", whole.string, "16M"])
            _ = try await ProgramRunner.check("cp", ["--sparse=always", whole.string, image.string])
            let machine = try await bench.backend.create(spec.with(image: BaseImage(path: image.string, key: "key", format: .qcow2, firmware: .uefi)))
            let volume = bench.daemon.images.appending(VolumeNames(spec).system)
            #expect(try Files.read(volume, from: 0, limit: 2 << 20) == Files.read(image, from: 0, limit: 2 << 20))
            try await bench.backend.delete(machine)
        }
    }
}

extension MachineSpec {
    fileprivate func with(image: BaseImage) -> MachineSpec {
        MachineSpec(
            deployment: deployment, name: name, cpu: cpu, disk: disk, network: network, image: image, systemDisk: systemDisk, dataDiskSize: dataDiskSize,
            adoptedDataDisk: nil)
    }
}
