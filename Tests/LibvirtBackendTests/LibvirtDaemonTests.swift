import ApplianceModel
import Basics
import HostSystem
import MachineBackend
import Quoting
import SystemPackage
import TestSupport
import Testing

@testable import LibvirtBackend

/// Against a real daemon, which the tests start; machines without an operating system run under emulation.
@Suite("A libvirt daemon", .serialized, .enabled("only root makes namespaces") { HostEnvironment.isRoot })
struct LibvirtDaemonTests {
    @Test("libvirt keeps what every platform promises")
    func conformance() async throws {
        try await Bench.with { bench in
            for promise in BackendConformance.allCases {
                let subject = BackendBench(
                    backend: bench.backend, directory: bench.directory, spec: { try await bench.spec($0) },
                    everything: {
                        let files = try await ProgramRunner.check("find", [bench.state.path.string, "-type", "f"]).outputText
                        return try await (bench.daemon.everything() + "\n" + files).split(separator: "\n").map(String.init)
                    })
                do {
                    try await promise.hold(subject)
                } catch {
                    Issue.record(error, "\(promise)")
                }
            }
            let left = try bench.daemon.leftovers()
            #expect(left == "")
        }
    }

    @Test("What libvirt makes of the definition is what was decided, and a person finds a tidy machine")
    func definition() async throws {
        try await Bench.with { bench in
            let name = try #require(ApplianceName("orders"))
            for format in [BaseImage.Format.qcow2, .raw] {
                let spec = try await bench.spec(name, format: format)
                let machine = try await bench.backend.create(spec)
                let text = try await bench.daemon.virsh("dumpxml", "orders")
                for part in [
                    "<title>PostgreSQL appliance orders</title>", "deployment=\"\(spec.deployment)\"", "<uuid>\(spec.deployment.uuid)</uuid>",
                    "cache='none'", "io='native'", "iothread='1'", "<serial>pgdata</serial>", "<cpu mode='maximum'", "<memballoon model='none'/>",
                    "<feature enabled='no' name='secure-boot'/>", "model='virtio-scsi'", "org.qemu.guest_agent.0",
                ] { #expect(text.contains(part), "\(part) in\n\(text)") }
                // Every device that libvirt adds has its port, and some are left to plug into.
                let used = Set(text.matches(of: #/bus='0x(0[1-9a-f])'/#).map { String($0.1) })
                #expect(used.count <= DomainText.rootPorts - 4, "\(used)")
                #expect(try await bench.daemon.virsh("list", "--all", "--title").contains("PostgreSQL appliance orders"))
                #expect(try await bench.backend.volumes.size(of: VolumeNames(spec).system) == .mebibytes(16))
                #expect(try await bench.backend.dataDiskSpace(of: machine) == DataDiskSpace(size: .mebibytes(64), reserved: .mebibytes(64)))
                #expect(try await bench.backend.discardUse(of: machine) == .ignored)
                try await bench.backend.delete(machine)
            }
        }
    }

    @Test("What is missing, or another's, is told with its remedy before anything is made")
    func refusals() async throws {
        try await Bench.with { bench in
            let before = try await bench.daemon.everything()
            func refusal(_ backend: LibvirtBackend, _ spec: ApplianceSpec) async -> Failure? {
                await #expect(throws: Failure.self) { _ = try await backend.checkHost(spec) }
            }
            let orders = try bench.applianceSpec()
            var failure = await refusal(bench.backend(pool: "fast"), orders)
            #expect(failure?.code == .libvirtPool)
            #expect(failure?.remedy?.hasPrefix("virsh --connect \(ShellWord.quoted(bench.daemon.uri)) pool-define-as fast") == true)

            try await bench.daemon.virsh("pool-define-as", "slow", "dir", "--target", "/var/tmp")
            failure = await refusal(bench.backend(pool: "slow"), orders)
            #expect(failure?.code == .libvirtPool)
            #expect(failure?.remedy?.contains(" pool-start slow") == true)

            failure = await refusal(bench.backend, try bench.applianceSpec(device: "lab"))
            #expect(failure?.code == .libvirtNetwork)
            failure = await refusal(bench.backend, try bench.applianceSpec(mode: .bridge, device: "br-none"))
            #expect(failure?.code == .networkDeviceMissing)
            #expect(failure?.remedy?.contains("ip link add name br-none type bridge") == true)

            try await bench.daemon.virsh("net-destroy", "default")
            failure = await refusal(bench.backend, orders)
            #expect(failure?.code == .libvirtNetwork)
            #expect(failure?.remedy?.contains(" net-start default") == true)
            try await bench.daemon.virsh("net-start", "default")

            var huge = orders
            huge.dataDisk.size = .gibibytes(16 * 1024)
            failure = await refusal(bench.backend, huge)
            #expect(failure?.code == .diskFull)

            try await bench.daemon.virsh(
                "define", "/dev/stdin",
                input: "<domain type='qemu'><name>orders</name><memory>65536</memory><os><type arch='x86_64'>hvm</type></os></domain>")
            failure = await refusal(bench.backend, orders)
            #expect(failure?.code == .machineStranger)
            let name = try #require(ApplianceName("orders"))
            let spec = try await bench.spec(name)
            let error = await #expect(throws: Failure.self) { _ = try await bench.backend.create(spec) }
            #expect(error?.code == .machineStranger)
            try await bench.backend.delete(MachineReference(backend: .libvirt, deployment: spec.deployment, identifier: "orders"))
            #expect(try await bench.daemon.virsh("domstate", "orders").contains("shut off"))
            try await bench.daemon.virsh("undefine", "orders")
            #expect(try await bench.daemon.everything() == before)
            #expect(try await bench.backend.checkHost(orders).accelerator == .tcg)
        }
    }

    @Test(
        "A daemon behind SSH gets its volumes over the wire, and its machine a network of its own", .enabled("there is an SSH server") { SSHServer.isAvailable }
    )
    func remote() async throws {
        try await SSHServer.run { server in
            let key = server.scratch.appending("key")
            try server.privateKey.withRevealed { try Files.write($0, to: key) }
            // No key of the test's server becomes one that this user knows.
            let ssh = server.scratch.appending("ssh")
            try await Files.writeProgram("#!/bin/sh\nexec ssh -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR \"$@\"\n".utf8, to: ssh)
            try await Bench.with { bench in
                let socket = bench.daemon.uri.split(separator: "=").last.map(String.init) ?? ""
                let uri = "qemu+ssh://\(server.user)@127.0.0.1:\(server.port)/system?command=\(ssh)&keyfile=\(key)&no_verify=1&no_tty=1&socket=\(socket)"
                let backend = bench.backend(uri: uri)
                let name = try #require(ApplianceName("orders"))
                let spec = try await bench.spec(name, device: "default")
                let behindNAT = await #expect(throws: Failure.self) { _ = try await backend.checkHost(bench.applianceSpec()) }
                #expect(behindNAT?.code == .libvirtNetwork)
                try await bench.daemon.virsh(
                    "net-create", "/dev/stdin",
                    input: "<network><name>lab</name><forward mode='route'/><ip address='192.168.177.1' netmask='255.255.255.0'/></network>")
                let report = try await backend.checkHost(bench.applianceSpec(device: "lab"))
                #expect(report.findings.contains { $0.check == "host.libvirt" && $0.level == .pass })
                let (disk, findings) = try await backend.decideDisks(bench.applianceSpec())
                #expect(disk.cacheDirect)
                #expect(findings.map(\.level) == [.warn], "what cannot be seen has not passed")
                let machine = try await backend.create(spec)
                #expect(try await backend.volumes.size(of: VolumeNames(spec).system) == .mebibytes(16))
                try await backend.start(machine)
                #expect(try await backend.powerState(of: machine) == .running)
                #expect(backend.serialLog(of: machine) == nil)
                // Nobody in it asks for an address.
                #expect(try await backend.endpoint(of: machine, service: .ssh) == nil)
                try await backend.delete(machine)
                #expect(try await bench.daemon.everything() == "")

                // Its devices are those of the daemon's network, where that is looked at anew.
                try await bench.daemon.onHost("sh", "-euc", "mount -t sysfs none /sys && ip link add name br7 type bridge")
                try await backend.host.checkNetwork(bench.applianceSpec(mode: .bridge, device: "br7").network)
                for device in ["br-none", "lo"] {
                    let refusal = await #expect(throws: Failure.self) {
                        try await backend.host.checkNetwork(bench.applianceSpec(mode: .bridge, device: device).network)
                    }
                    #expect(refusal?.code == .libvirtNetwork)
                }
            }
        }
    }

    @Test("What does not fit is refused with nothing tried, fails with nothing left, and a smaller one can be tried")
    func full() async throws {
        try await Bench.with { bench in
            let name = try #require(ApplianceName("orders"))
            let spec = try await bench.spec(name)
            // Room of its own, so that no other test is left without.
            try await bench.daemon.onHost("mount", "-t", "tmpfs", "-o", "size=128m", "none", "/var/lib/libvirt/images")
            try await bench.daemon.virsh("pool-refresh", "default")
            let huge = MachineSpec(
                deployment: spec.deployment, name: name, cpu: spec.cpu, disk: spec.disk, network: spec.network, image: spec.image,
                systemDisk: spec.systemDisk, dataDiskSize: .gibibytes(15 * 1024), adoptedDataDisk: nil)
            let refused = await #expect(throws: Failure.self) { _ = try await bench.backend.create(huge) }
            #expect(refused?.code == .diskFull && refused?.message.contains("MiB are free") == true)
            #expect(try await bench.daemon.everything() == "")
            #expect(try await bench.backend.find(spec.deployment, name: name) == nil)

            // Somebody else takes the room at the same time: the image finds none.
            try await bench.daemon.onHost("fallocate", "--length", "128M", "/var/lib/libvirt/images/other")
            let failed = await #expect(throws: Failure.self) { _ = try await bench.backend.create(spec) }
            #expect(failed?.code == .diskFull && failed?.message.contains("No space left") == true, "\(failed?.message ?? "")")
            #expect(try await bench.daemon.everything() == "")
            try await bench.daemon.onHost("rm", "/var/lib/libvirt/images/other")
            try await bench.daemon.virsh("pool-refresh", "default")

            let machine = try await bench.backend.create(spec)
            #expect(try await bench.backend.dataDisk(of: machine) == .mebibytes(64))
            let grown = await #expect(throws: Failure.self) { try await bench.backend.growDataDisk(to: .gibibytes(1), of: machine) }
            #expect(grown?.code == .diskFull && grown?.message.contains("960 MiB are needed") == true, "\(grown?.message ?? "")")
            #expect(try await bench.backend.volumes.size(of: VolumeNames(spec).data) == .mebibytes(64))
            try await bench.backend.growDataDisk(to: .mebibytes(80), of: machine)
            #expect(try await bench.backend.volumes.size(of: VolumeNames(spec).data) == .mebibytes(80))
            try await bench.backend.delete(machine)
        }
    }

    @Test("A machine that a killed run half made is made whole by the next")
    func halfMade() async throws {
        try await Bench.with { bench in
            let name = try #require(ApplianceName("orders"))
            let spec = try await bench.spec(name)
            // As a run leaves it that was killed during the upload.
            try LibvirtMachine(spec: spec).save(to: bench.state.appliance(name).machine())
            try await bench.daemon.virsh("vol-create-as", "default", VolumeNames(spec).system, "1000000", "--format", "qcow2")
            let machine = try #require(try await bench.backend.find(spec.deployment, name: name))
            #expect(try await bench.backend.powerState(of: machine) == .absent)
            #expect(try await bench.backend.create(spec) == machine)
            #expect(try await bench.backend.powerState(of: machine) == .off)
            #expect(try await bench.backend.volumes.size(of: VolumeNames(spec).system) == .mebibytes(16))
            try await bench.backend.delete(machine)
            #expect(try await bench.daemon.everything() == "")
        }
    }

    @Test("A domain that somebody removed is not made anew over its volumes, and a pool that is gone is no pool without volumes")
    func removedByHand() async throws {
        try await Bench.with { bench in
            let name = try #require(ApplianceName("orders"))
            let spec = try await bench.spec(name)
            let machine = try await bench.backend.create(spec)
            let before = try await bench.daemon.virsh("vol-list", "default")
            let data = bench.daemon.images.appending(VolumeNames(spec).data)
            try Files.write([UInt8](repeating: 9, count: 64 << 20), to: data)
            try await bench.daemon.virsh("undefine", "orders", "--nvram")
            let error = await #expect(throws: Failure.self) { _ = try await bench.backend.create(spec) }
            #expect(error?.code == .machineFailed)
            let start = await #expect(throws: Failure.self) { try await bench.backend.start(machine) }
            #expect(start?.message == error?.message)
            #expect(try await bench.daemon.virsh("vol-list", "default") == before)
            #expect(try Files.read(data, from: 0, limit: 4) == [9, 9, 9, 9])
            let remedy = try #require(start?.remedy?.split(separator: ": virsh").last)
            _ = try await ProgramRunner.check("sh", ["-euc", "virsh\(remedy)"])
            try await bench.backend.start(machine)
            #expect(try await bench.backend.powerState(of: machine) == .running)
            #expect(try Files.read(data, from: 0, limit: 4) == [9, 9, 9, 9])

            let elsewhere = bench.backend(pool: "gone")
            let refusal = await #expect(throws: Failure.self) { try await elsewhere.delete(machine) }
            #expect(refusal?.code == .libvirtPool)
            #expect(Files.exists(data))
            try await bench.backend.delete(machine)
            #expect(try await bench.daemon.everything() == "")
        }
    }

    @Test("A KVM device that is closed to the daemon's machines is named, since it makes every call slow")
    func permissionTrap() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-libvirt")
        defer { try? Files.remove(directory) }
        let device = directory.appending("kvm")
        try Files.write([], to: device, mode: [.ownerReadWrite])
        let host = LibvirtHost(choice: ApplianceSpec.Libvirt(), state: StateDirectory(path: directory))
        let finding = try #require(try await host.permissionTrap(device: device))
        #expect(finding.level == .warn)
        #expect(finding.remedy == "sudo chgrp kvm \(device) && sudo chmod 0660 \(device)")
        _ = try await ProgramRunner.check("sh", ["-euc", finding.remedy?.replacing("sudo ", with: "") ?? "exit 1"])
        #expect(try await host.permissionTrap(device: device) == nil)
        var session = ApplianceSpec.Libvirt()
        session.uri = "qemu:///session"
        try Files.write([], to: device, mode: [.ownerReadWrite])
        #expect(try await LibvirtHost(choice: session, state: StateDirectory(path: directory)).permissionTrap(device: device) == nil)
    }

    @Test("A machine on a bridge of the daemon's host is one of its ports")
    func bridge() async throws {
        try await Bench.with { bench in
            let make = bench.daemon.prefix + ["ip", "link", "add", "name", "br7", "type", "bridge"]
            _ = try await ProgramRunner.check(make[0], Array(make.dropFirst()))
            let name = try #require(ApplianceName("orders"))
            let machine = try await bench.backend.create(bench.spec(name, device: "br7", mode: .bridge))
            // The device of the bridge is down until somebody needs it; a machine is connected all the same.
            try await bench.backend.start(machine)
            let cards = try await bench.daemon.virsh("domiflist", "orders")
            #expect(cards.contains(#/bridge\s+br7\s+virtio/#), "\(cards)")
            try await bench.backend.delete(machine)
            #expect(try await bench.daemon.everything() == "")
        }
    }

    @Test("Where no daemon answers, that is said, with the line that starts one")
    func noDaemon() async throws {
        let virsh = Virsh(uri: "qemu:///system?socket=/nonexistent/libvirt-sock")
        let error = await #expect(throws: Failure.self) { _ = try await virsh.run(["list"]) }
        #expect(error?.code == .libvirtUnreachable)
        #expect(error?.remedy?.contains("systemctl start libvirtd") == true)
    }
}
