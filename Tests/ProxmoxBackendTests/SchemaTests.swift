import ApplianceModel
import Basics
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import ProxmoxBackend

@Suite("Requests against the schema of Proxmox VE")
struct SchemaTests {
    private static let place = PVEPlace(node: "pve1", vmid: 100)

    private static func machine(_ firmware: BaseImage.Firmware, _ accelerator: Accelerator, _ address: IPv4Address?, vcpus: Int, aio: DiskDecision.AIO)
        -> MachineSpec
    {
        let deployment = DeploymentID("0123456789abcdef0123456789abcdef")
        let name = Rig.spec().name
        return MachineSpec(
            deployment: deployment, name: name, cpu: CPUDecision(accelerator: accelerator, vcpus: vcpus, memory: .mebibytes(1536)),
            disk: DiskDecision(cacheDirect: true, aio: aio, ioThread: true, fileSystem: "dir"),
            network: NetworkDecision(
                mode: .bridge, macAddress: deployment.macAddress, sshPort: 22, postgresqlPort: 5432, device: "vmbr0", address: address, queues: vcpus),
            image: BaseImage(path: "/x.qcow2", key: "k", format: .qcow2, firmware: firmware), systemDisk: ApplianceSpec.SystemDisk(),
            dataDiskSize: .mebibytes(1500), adoptedDataDisk: nil)
    }

    private static func creation(_ spec: MachineSpec, pool: String? = nil) throws -> PVECall {
        .create(node: "pve1", try MachineParameters(spec: spec, vmid: "100", store: "local-lvm", image: "local:import/pgkvm-ab.qcow2", pool: pool).list())
    }

    private static func calls() throws -> [PVECall] {
        let upid = try #require(UPID("UPID:pve1:00001E8C:0003706A:6B02CC49:qmcreate:100:root@pam!ci:"))
        var calls: [PVECall] = [
            .version, .nodes, .resources, .machines, .nextID, .isFree(100), .pools, .permissions(on: "/vms"), .storages(node: "pve1"), .bridges(node: "pve1"),
            .content(node: "pve1", storage: "local", type: "import"),
            .uploadImage("/x", as: "pgkvm-ab.qcow2", checksum: "ab", node: "pve1", storage: "local"),
            .uploadMedium("/x", as: ProxmoxBackend.seedName(DeploymentID("ab")), node: "pve1", storage: "local"),
            .deleteVolume("local:iso/pgkvm-seed-ab.iso", node: "pve1"), .config(place),
            .configure(place, ["scsi1": "local:iso/pgkvm-seed-ab.iso,media=cdrom"], privilege: "VM.Config.CDROM"),
            .configure(place, ["scsi1": "none,media=cdrom"], privilege: "VM.Config.CDROM"),
            .configure(place, ["delete": "scsi1"], privilege: "VM.Config.CDROM"), .currentConfig(place),
            .configure(place, ["boot": "order=virtio0"], privilege: "VM.Config.Disk"),
            .configure(place, ["onboot": "1"], privilege: "VM.Config.Options"), .resize(place, disk: "virtio0", mebibytes: 8192), .status(place), .start(place),
            .shutDown(place, seconds: "60"), .stop(place), .interfaces(place, release: nil), .delete(place), .activeTasks(node: "pve1", type: "qmcreate"),
            .taskStatus(upid), .taskLog(upid, from: 3), .stopTask(upid),
        ]
        var processor = PVECall.configure(place, [:], privilege: "VM.Config.CPU")
        processor.parameters = MachineParameters.processor(CPUDecision(accelerator: .tcg, vcpus: 4, memory: .gibibytes(3)))
        calls.append(processor)
        for firmware in [BaseImage.Firmware.uefi, .bios] {
            for accelerator in Accelerator.allCases {
                for aio in DiskDecision.AIO.allCases {
                    for (vcpus, address) in [(1, nil), (64, IPv4Address(10, 0, 0, 5)), (256, nil)] {
                        calls.append(try creation(machine(firmware, accelerator, address, vcpus: vcpus, aio: aio), pool: address == nil ? nil : "databases"))
                    }
                }
            }
        }
        return calls
    }

    private static func faults(_ schema: PVESchema, _ call: PVECall) -> [String: String]? {
        var parameters = call.parameters.map { (name: $0.name, value: $0.value) }
        if let upload = call.upload { parameters.append(("filename", upload.name)) }
        return schema.faults(method: call.method.rawValue, segments: call.segments, parameters: parameters)
    }

    @Test("Every request has only parameters that the server takes, each with a value that it takes", arguments: PVESchema.Version.allCases)
    func valid(version: PVESchema.Version) throws {
        let schema = try PVESchema(version)
        for call in try Self.calls() {
            let faults = Self.faults(schema, call)
            #expect(faults == [:], "\(call.method) \(call.path): \(faults ?? ["": "no such method"])")
        }
    }

    @Test("The validator finds what is wrong", arguments: PVESchema.Version.allCases)
    func control(version: PVESchema.Version) throws {
        let schema = try PVESchema(version)
        let good = try Self.creation(Self.machine(.uefi, .kvm, nil, vcpus: 2, aio: .native))
        #expect(Self.faults(schema, good) == [:])
        func faulty(_ name: String, _ value: String) -> Set<String> {
            var call = good
            call.parameters.removeAll { $0.name == name }
            call.parameters.append(PVECall.Parameter(name: name, value: value))
            return Set(Self.faults(schema, call).map(\.keys).map(Array.init) ?? [])
        }
        let wrong: KeyValuePairs = [
            "bogus": "1", "cores": "many", "cores": "0", "vmid": "99", "name": "under_score", "tags": "mkdb:1", "cpu": "hosty", "bios": "uefi", "balloon": "-1",
            "virtio1": "local:1,iops=zz", "virtio1": "local:1,ssd=1", "virtio1": "local:1,aio=fast", "virtio1": "local:1,cache=off", "virtio1": "cache=none",
            "virtio1": "local:1,iothread=2", "virtio16": "local:1", "scsi31": "local:1", "net0": "virtio,bridge=", "net0": "virtio,bridge=vmbr0,queues=65",
            "net0": "virtio=01:00:00:00:00:00,bridge=vmbr0", "net0": "bridge=vmbr0", "net32": "virtio", "efidisk0": "local:1,efitype=8m",
            "agent": "on,enabled=1",
            "agent": "enabled=perhaps", "serial0": "telnet", "vga": "cga", "machine": "q36", "scsihw": "fast", "ostype": "l99", "boot": "virtio0",
            "smbios1": "uuid=1", "memory": "8", "description": String(repeating: "x", count: 8193), "virtio1": "local:1,serial=a b",
        ]
        for (name, value) in wrong { #expect(faulty(name, value) == [name], "\(name)=\(value.prefix(60))") }
        var call = good
        call.parameters.removeAll { $0.name == "vmid" }
        #expect(Self.faults(schema, call).map { Array($0.keys) } == ["vmid"])
        #expect(schema.faults(method: "DELETE", segments: ["nodes", "pve1", "qemu", "100", "config"], parameters: []) == nil)
        #expect(schema.faults(method: "GET", segments: ["bogus"], parameters: []) == nil)
    }

    @Test("The validator agrees with the refusals that were recorded")
    func recorded() throws {
        let schema = try PVESchema(.pve9)
        for (name, value) in [("cores", "many"), ("virtio1", "local:1,iops=zz"), ("virtio0", "local:1,ssd=1"), ("name", "under_score"), ("tags", "mkdb:1")] {
            let faults = schema.faults(method: "POST", segments: ["nodes", "pve1", "qemu"], parameters: [("vmid", "300"), (name, value)])
            let exchange = try PVESchema.exchanges().first { $0["status"]?.integer == 400 && $0["body"]?.string?.contains("\"\(name)\":") == true }
            #expect(faults?.keys.sorted() == [name] && exchange != nil, "\(name)")
        }
    }

    @Test("A name with a comma, a blank or an equals sign is refused before it becomes another option")
    func injected() {
        for value in ["a,b", "a=b", "a b", "", "a\nb"] {
            #expect(throws: Failure.self) { try PVECard(macAddress: .chosen("52:54:00:00:00:01"), bridge: value, queues: 1).text() }
            #expect(throws: Failure.self) { try PVEDrive(source: .medium(volume: value)).text() }
            if !value.isEmpty { #expect(throws: Failure.self) { try PVEDrive(source: .new(store: value, gibibytes: 1)).text() } }
        }
    }

    @Test("Drives and cards are read back as they were written")
    func readBack() throws {
        let drive = PropertyString(reading: "local:100/vm-100-disk-0.qcow2,aio=native,cache=none,discard=on,iothread=1,size=3G")
        #expect(drive.first == "local:100/vm-100-disk-0.qcow2" && drive["size"] == "3G" && drive["aio"] == "native")
        #expect(try PVECard(macAddress: .chosen("52:54:00:ab:cd:ef"), bridge: "vmbr0", queues: 100).text() == "virtio=52:54:00:AB:CD:EF,bridge=vmbr0,queues=64")
        #expect(
            try PVEDrive(source: .new(store: "s", gibibytes: 2), aio: "native", serial: "pgdata").text()
                == "s:2,format=raw,iothread=1,cache=none,aio=native,discard=on,serial=pgdata")
        #expect(
            try PVEDrive(source: .image(store: "s", volume: "l:import/a.qcow2")).text() == "s:0,import-from=l:import/a.qcow2,iothread=1,cache=none,discard=on")
        #expect(try PVEDrive(source: .firmware(store: "s")).text() == "s:1,efitype=4m,pre-enrolled-keys=0")
    }
}
