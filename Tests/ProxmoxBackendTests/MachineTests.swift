import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Synchronization
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("A machine on Proxmox VE", .server)
struct MachineTests {
    @Test("Goes its whole way: created, seeded, started, reached, resized, stopped, deleted, and nothing of it stays", arguments: PVESchema.Version.allCases)
    func wholeWay(version: PVESchema.Version) async throws {
        var model = PVEModel()
        model.release = version == .pve8 ? "8.4" : "9.2"
        model.machines[100] = stranger()
        try await Rig.run(model, version: version) { rig in
            let backend = rig.backend
            #expect(try await backend.find(rig.deployment, name: rig.spec.name) == nil)
            let report = try await backend.checkHost(rig.spec)
            #expect(report.accelerator == .kvm)
            #expect(report.findings.allPassed)
            let machine = try await backend.create(rig.machineSpec)
            #expect(machine.identifier == "101")
            #expect(try await backend.create(rig.machineSpec) == machine)
            #expect(try await backend.find(rig.deployment, name: rig.spec.name) == machine)
            #expect(try await backend.powerState(of: machine) == .off)
            #expect(rig.ours[101]?.config["virtio0"]?.contains("size=8G") == true)

            let medium = try rig.seed()
            try await backend.attachSeed(medium, to: machine)
            #expect(!Files.exists(medium))
            #expect(rig.seeds.count == 1)
            try await backend.start(machine)
            try await backend.start(machine)
            #expect(try await backend.powerState(of: machine) == .running)
            #expect(try await backend.endpoint(of: machine, service: .ssh) == nil)
            rig.change { $0.machines[101]?.address = "10.77.0.129" }
            #expect(try await backend.endpoint(of: machine, service: .postgresql) == Endpoint(host: "10.77.0.129", port: 5432))

            try await backend.detachSeed(from: machine)
            try await backend.detachSeed(from: machine)
            #expect(rig.seeds.isEmpty)
            #expect(rig.ours[101]?.config["scsi1"] == nil)

            #expect(try await backend.dataDisk(of: machine) == .gibibytes(10))
            try await backend.growDataDisk(to: .gibibytes(12), of: machine)
            try await backend.growDataDisk(to: .gibibytes(11), of: machine)
            #expect(try await backend.dataDisk(of: machine) == .gibibytes(12))
            #expect(try await backend.spaceLeft(for: machine) > .gibibytes(100))
            // A file keeps the space that was reserved for it.
            #expect(try await backend.discardUse(of: machine) == .ignored)
            let larger = CPUDecision(accelerator: .kvm, vcpus: 4, memory: .gibibytes(3))
            #expect(await failure { try await backend.setProcessor(larger, of: machine) }?.code == .machineStillRunning)

            #expect(try await backend.autostart(of: machine) == .off)
            try await backend.setAutostart(true, of: machine)
            #expect(try await backend.autostart(of: machine) == .on(unit: "'onboot' of VM 101"))

            try await backend.shutDown(machine, grace: .seconds(30))
            try await backend.shutDown(machine, grace: .seconds(30))
            #expect(try await backend.powerState(of: machine) == .off)
            try await backend.setProcessor(larger, of: machine)
            #expect(try await backend.processor(of: machine) == larger)
            try await backend.start(machine)
            try await backend.powerOff(machine)
            try await backend.powerOff(machine)
            #expect(try await backend.powerState(of: machine) == .off)

            try await backend.start(machine)
            try await backend.delete(machine)
            try await backend.delete(machine)
            #expect(try await backend.powerState(of: machine) == .absent)
            #expect(try await backend.find(rig.deployment, name: rig.spec.name) == nil)
            #expect(rig.machines.keys.sorted() == [100])
            #expect(rig.machines[100]?.config == stranger().config)
            #expect(rig.machines[100]?.state == "running")
            // The image alone is kept, for the next machine.
            #expect(rig.files.count == 1 && rig.files[0].hasPrefix("pve1/local:import/pgkvm-"))
        }
    }

    @Test("The image is uploaded once, under a name with its checksum, and anew where a former copy was cut off")
    func image() async throws {
        try await Rig.run { rig in
            let first = try await rig.backend.create(rig.machineSpec)
            try await rig.backend.delete(first)
            _ = try await rig.backend.create(rig.machineSpec)
            func uploads() -> Int { rig.server.requests.withLock { $0.count { $0.path.hasSuffix("/upload") } } }
            #expect(uploads() == 1)
            let name = rig.files[0]
            rig.change { $0.files[name] = PVEModel.File(path: "/nowhere", size: 4096) }
            let other = DeploymentID("f123456789abcdef0123456789abcdef")
            // Another appliance would have another name.
            rig.change { model in for vmid in model.machines.keys { model.machines[vmid]?.config["name"] = "first" } }
            _ = try await rig.backend.create(rig.machineSpec(deployment: other))
            #expect(uploads() == 2)
        }
    }

    @Test("Firmware, emulation and a static address are as the spec says")
    func variants() async throws {
        try await Rig.run { rig in
            let address = IPv4Address(10, 0, 0, 5)
            let machine = try await rig.backend.create(rig.machineSpec(firmware: .bios, accelerator: .tcg, address: address))
            let config = try #require(rig.ours[100]?.config)
            #expect(config["bios"] == "seabios" && config["efidisk0"] == nil && config["cpu"] == "max" && config["kvm"] == "0")
            // Known before the guest has ever run.
            #expect(try await rig.backend.endpoint(of: machine, service: .ssh) == Endpoint(host: "10.0.0.5", port: 22))
            let network = try await rig.backend.decideNetwork(rig.spec, deployment: rig.deployment)
            #expect(network.address == address && network.macAddress == rig.deployment.macAddress && network.queues == 2)
            #expect(try await rig.backend.processor(of: machine).accelerator == .tcg)
        }
        try await Rig.run { rig in
            _ = try await rig.backend.create(rig.machineSpec)
            let config = try #require(rig.ours[100]?.config)
            #expect(config["bios"] == "ovmf" && config["efidisk0"]?.contains("efitype=4m") == true && config["cpu"] == "host")
            #expect(config["virtio1"]?.contains("serial=pgdata") == true && config["net0"]?.contains("queues=2") == true)
            #expect(config["smbios1"] == "uuid=\(rig.deployment.uuid)")
        }
    }

    @Test("The data disk keeps what is written to it, and gives back only where the store promises more than it has")
    func provisioning() async throws {
        for (kind, discard) in [("dir", "ignore"), ("nfs", "ignore"), ("lvm", "ignore"), ("lvmthin", "on"), ("rbd", "on"), ("unheard-of", "on")] {
            var model = PVEModel()
            model.stores["disks"] = PVEModel.Store(kind: kind, content: ["images"])
            try await Rig.run(model, change: { $0.storage = "disks" }) { rig in
                let machine = try await rig.backend.create(rig.machineSpec)
                let drive = PropertyString(reading: try #require(rig.ours[100]?.config["virtio1"]))
                #expect(drive["detect_zeroes"] == "0", "\(kind)")
                #expect(drive["discard"] == discard, "\(kind)")
                let use = try await rig.backend.discardUse(of: machine)
                #expect(use == (discard == "on" ? .givenBack : .ignored), "\(kind)")
            }
        }
    }

    @Test("A new machine has what an expert gives a database's: randomness, memory of its own node where it is large, tags")
    func devices() async throws {
        for (release, gigabytes, random, numa) in [("9.2", 2, "source=/dev/urandom", "0"), ("8.4", 64, "source=/dev/urandom", "1"), ("8.3", 32, nil, "1")] {
            var model = PVEModel()
            model.release = release
            model.nodes["pve1"]?.memory = .gibibytes(256)
            try await Rig.run(model, version: release == "9.2" ? .pve9 : .pve8) { rig in
                let base = rig.machineSpec
                let spec = MachineSpec(
                    deployment: base.deployment, name: base.name, cpu: CPUDecision(accelerator: .kvm, vcpus: 2, memory: .gibibytes(Int64(gigabytes))),
                    disk: base.disk, network: base.network, image: base.image, systemDisk: base.systemDisk, dataDiskSize: base.dataDiskSize,
                    adoptedDataDisk: nil)
                _ = try await rig.backend.create(spec)
                let config = try #require(rig.ours[100]?.config)
                #expect(config["rng0"] == random, "\(release)")
                #expect(config["numa"] == numa, "\(release)")
                #expect(config["tags"] == "pgkvm;postgresql", "\(release)")
            }
        }
    }

    @Test("A machine is protected once it has had its first boot, and 'delete' lifts what pgkvm has set")
    func protection() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            #expect(rig.ours[100]?.config["protection"] == nil)
            try await rig.backend.detachSeed(from: machine)
            #expect(rig.ours[100]?.config["protection"] == "1")
            // A run that was killed before it recorded that.
            try await rig.backend.attachSeed(rig.seed(), to: machine)
            try await rig.backend.detachSeed(from: machine)
            #expect(rig.ours[100]?.config["scsi1"] != nil || rig.seeds.isEmpty)
            #expect(rig.ours[100]?.config["protection"] == "1")
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
            #expect(rig.seeds.isEmpty)
        }
    }

    @Test("The card has a queue for each processor, also after another number of them", arguments: [(1, 2), (2, 1), (2, 8), (4, 4)])
    func queues(before: Int, after: Int) async throws {
        try await Rig.run { rig in
            let machine = try await rig.backend.create(rig.machineSpec(vcpus: before))
            rig.change { $0.machines[100]?.config["net0"]? += ",firewall=1" }
            try await rig.backend.setProcessor(CPUDecision(accelerator: .kvm, vcpus: after, memory: .gibibytes(2)), of: machine)
            let card = PropertyString(reading: try #require(rig.ours[100]?.config["net0"]))
            #expect(card["queues"] == (after == 1 ? nil : "\(after)"))
            #expect(card["firewall"] == "1")
            #expect(card["virtio"] == rig.deployment.macAddress.uppercased())
            #expect(try await rig.backend.processor(of: machine).vcpus == after)
        }
    }

    @Test("A machine that moved to another node is found there")
    func moved() async throws {
        var model = PVEModel()
        model.nodes["pve2"] = PVEModel.Node()
        model.stores["local"]?.isShared = true
        try await Rig.run(model) { rig in
            let machine = try await rig.deploy()
            let other = rig.ours[100]?.node == "pve1" ? "pve2" : "pve1"
            rig.change { $0.machines[100]?.node = other }
            #expect(try await rig.backend.find(rig.deployment, name: rig.spec.name) == machine)
            #expect(try await rig.backend.powerState(of: machine) == .running)
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty && rig.seeds.isEmpty)
        }
    }

    @Test("Numbers that others take first cost another try, and theirs are not touched")
    func races() async throws {
        var model = PVEModel()
        model.races = 3
        try await Rig.run(model) { rig in
            let machine = try await rig.backend.create(rig.machineSpec)
            #expect(machine.identifier == "103")
            #expect(rig.machines.filter { $0.value.config["name"] == "somebody-elses" }.keys.sorted() == [100, 101, 102])
            try await rig.backend.delete(machine)
            #expect(rig.machines.keys.sorted() == [100, 101, 102])
        }
    }

    @Test("A token that may not delete media blanks the seed")
    func blanked() async throws {
        var model = PVEModel()
        model.privileges = [
            "/vms": [
                "VM.Allocate", "VM.Audit", "VM.PowerMgmt", "VM.Config.CPU", "VM.Config.Memory", "VM.Config.Disk", "VM.Config.Network", "VM.Config.Options",
                "VM.Config.HWType", "VM.Config.CDROM", "VM.GuestAgent.Audit",
            ], "/storage/local": ["Datastore.Audit", "Datastore.AllocateSpace", "Datastore.AllocateTemplate"], "/sdn/zones/localnetwork": ["SDN.Use"],
        ]
        try await Rig.run(model) { rig in
            let machine = try await rig.deploy()
            let seed = try #require(rig.seeds.first)
            try await rig.backend.detachSeed(from: machine)
            let file = try #require(rig.server.model.withLock { $0.files[seed] })
            #expect(try Files.read(file.path).allSatisfy { $0 == 0 })
            // Everything else is possible with the same rights, and nothing without them.
            #expect(try await rig.backend.endpoint(of: machine, service: .ssh) == nil)
            try await rig.backend.setAutostart(true, of: machine)
            try await rig.backend.powerOff(machine)
            let larger = CPUDecision(accelerator: .kvm, vcpus: 4, memory: .gibibytes(3))
            try await rig.backend.setProcessor(larger, of: machine)
            for (privilege, call) in [
                ("VM.Config.Options", { try await rig.backend.setAutostart(false, of: machine) }),
                ("VM.Config.Memory", { try await rig.backend.setProcessor(CPUDecision(accelerator: .kvm, vcpus: 2, memory: .gibibytes(2)), of: machine) }),
                ("VM.GuestAgent.Audit", { _ = try await rig.backend.endpoint(of: machine, service: .ssh) }),
            ] {
                rig.change { $0.privileges?["/vms"]?.remove(privilege) }
                let error = await failure(call)
                #expect(error?.code == .proxmoxPermission && error?.message.contains(privilege) == true, "\(error?.message ?? "nothing")")
            }
            // Lifting the protection is an option.
            rig.change { _ = $0.privileges?["/vms"]?.insert("VM.Config.Options") }
            try await rig.backend.delete(machine)
            #expect(rig.machines.isEmpty)
        }
    }

    @Test("A plan tells what would be done before there is a machine, and what it was made with afterwards; it changes nothing")
    func plan() async throws {
        try await Rig.run { rig in
            let forecast = try await rig.backend.lookingOnly.forecast(rig.spec)
            #expect(forecast.findings.allPassed && forecast.accelerator == .kvm && forecast.disk?.aio == .native && forecast.network?.device == "vmbr0")
            let refused = try await rig.backend.forecast(Rig.spec(bridge: "vmbr7"))
            #expect(refused.accelerator == nil && refused.findings.contains { $0.check == "host.usable" && $0.measured.contains("vmbr7") })
            let network = try #require(forecast.network)
            let base = rig.machineSpec
            let wanted = MachineSpec(
                deployment: DeploymentID(""), name: base.name, cpu: base.cpu, disk: base.disk, network: network,
                image: BaseImage(path: "", key: "", format: .qcow2, firmware: .uefi), systemDisk: base.systemDisk, dataDiskSize: base.dataDiskSize,
                adoptedDataDisk: nil)
            let calls = try await rig.backend.recipe(
                for: PlannedMachine(
                    spec: wanted, hasSeed: true, values: PlannedValues(deployment: nil, macAddress: nil, sshPort: 22, postgresqlPort: 5432))
            ).calls
            #expect(calls.contains { $0.parameters.contains("net0=virtio=<MAC address, chosen at the deployment>,bridge=vmbr0,queues=2") })
            #expect(calls.contains { $0.byHand[0] == "qm start '<vmid>'" })
            #expect(rig.server.requests.withLock { $0.allSatisfy { $0.method == "GET" } })
            let machine = try await rig.backend.create(base)
            let planned = try #require(try await rig.backend.plannedMachine(of: machine))
            #expect(
                planned.spec.network.macAddress == base.network.macAddress && planned.spec.cpu == base.cpu && planned.spec.dataDiskSize == base.dataDiskSize)
            #expect(!planned.hasSeed && planned.spec.image.firmware == .uefi && planned.spec.systemDisk.size == base.systemDisk.size)
            try await rig.backend.attachSeed(rig.seed(), to: machine)
            #expect(try await rig.backend.plannedMachine(of: machine)?.hasSeed == true)
        }
    }

    @Test("What a machine does is told by the words of Proxmox")
    func powerStates() async throws {
        try await Rig.run { rig in
            let machine = try await rig.deploy()
            for (word, expected) in [("io-error", "paused"), ("paused", "paused"), ("internal-error", "paused"), ("running", "running")] {
                rig.change { $0.machines[100]?.state = word }
                #expect(try await rig.backend.powerState(of: machine).word == expected)
            }
        }
    }
}
