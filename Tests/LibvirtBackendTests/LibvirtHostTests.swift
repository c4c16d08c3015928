import ApplianceModel
import Basics
import Glibc
import HostSystem
import MachineBackend
import SystemPackage
import TestSupport
import Testing

@testable import LibvirtBackend

/// What is found out before anything is made.
extension LibvirtDaemonTests {
    @Test("KVM is judged as the user sees it who runs the machines")
    func accelerators() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-libvirt")
        defer { try? Files.remove(directory) }
        let device = directory.appending("kvm")
        try Files.write([], to: device, mode: [.ownerReadWrite])
        let host = LibvirtHost(choice: ApplianceSpec.Libvirt(), state: StateDirectory(path: directory))
        // The caller is root, and libvirt-qemu is not.
        let closed = try await host.accelerator(.auto, device: device) { .usable(aes: true) }
        #expect(closed.accelerator == .tcg)
        #expect(closed.finding.remedy == "sudo chgrp kvm \(device) && sudo chmod 0660 \(device)")
        let refusal = await #expect(throws: Failure.self) { _ = try await host.accelerator(.kvm, device: device) { .usable(aes: true) } }
        #expect(refusal?.code == .kvmUnusable)
        #expect(refusal?.remedy?.contains("chgrp kvm") == true)
        try await #expect(host.accelerator(.auto, device: directory.appending("none")) { .usable(aes: true) }.accelerator == .kvm)
    }

    @Test("Where the caller cannot look, the daemon tells whether it has KVM; without it emulation is there all the same")
    func acceleratorsOfTheDaemon() async throws {
        for hasKVM in [true, false] {
            try await Bench.with(hasKVM: hasKVM) { bench in
                let offers = (try? await bench.daemon.virsh("domcapabilities", "--virttype", "kvm")) != nil
                #expect(!offers || hasKVM)
                let host = bench.backend.host
                let none = bench.directory.appending("none")
                func decision(_ choice: AcceleratorChoice) async throws -> Accelerator {
                    try await host.accelerator(choice, device: none) { .permissionDenied }.accelerator
                }
                let (free, asked) = try await (decision(.auto), decision(.tcg))
                #expect(free == (offers ? .kvm : .tcg))
                #expect(asked == .tcg)
                if !offers {
                    let refusal = await #expect(throws: Failure.self) { _ = try await decision(.kvm) }
                    #expect(refusal?.code == .kvmUnusable)
                }
            }
        }
    }

    @Test("A host without UEFI firmware is refused, and an address that is another appliance's")
    func firmwareAndAddress() async throws {
        try await Bench.with { bench in
            try await bench.daemon.onHost("mount", "-t", "tmpfs", "none", "/usr/share/qemu/firmware")
            var spec = try bench.applianceSpec()
            let refusal = await #expect(throws: Failure.self) { _ = try await bench.backend.checkHost(spec) }
            #expect(refusal?.code == .machineProbeFailed)
            #expect(refusal?.remedy?.contains("apt-get install ovmf") == true)

            let other = try await bench.spec(#require(ApplianceName("sales")))
            let taken = NetworkDecision(
                mode: .nat, macAddress: "52:54:00:00:00:01", sshPort: 22, postgresqlPort: 5432, device: "default", address: IPv4Address(192, 168, 122, 20))
            try LibvirtMachine(
                spec: MachineSpec(
                    deployment: other.deployment, name: other.name, cpu: other.cpu, disk: other.disk, network: taken, image: other.image,
                    systemDisk: other.systemDisk, dataDiskSize: other.dataDiskSize, adoptedDataDisk: nil)
            ).save(to: bench.state.appliance(other.name).machine())
            spec.network.address = try #require(ApplianceSpec.Network.Address("192.168.122.20/24"))
            let twice = await #expect(throws: Failure.self) { _ = try await bench.backend.decideNetwork(spec, deployment: .random()) }
            #expect(twice?.code == .networkTaken)
            spec.network.address = try #require(ApplianceSpec.Network.Address("192.168.122.21/24"))
            #expect(try await bench.backend.decideNetwork(spec, deployment: .random()).address == IPv4Address(192, 168, 122, 21))
        }
    }

    @Test("Whatever virsh says or does not say of a connection that is closed, the daemon was not reached")
    func closedConnection() {
        let virsh = Virsh(uri: "qemu+ssh://root@127.0.0.1/system")
        let ends: [(said: String, status: Int32)] = [
            ("", 128 + SIGPIPE),
            ("error: failed to connect to the hypervisor\nerror: internal error: client socket is closed\n", 1),
            ("error: failed to connect to the hypervisor\nerror: Cannot recv data: : Connection reset by peer\n", 128 + SIGPIPE),
        ]
        for end in ends {
            let failure = virsh.failure(end.said, of: "list", status: end.status)
            #expect(failure.code == .libvirtUnreachable && !failure.message.hasSuffix(": "), "\(end)")
        }
        #expect(virsh.failure("", of: "list", status: 1).code == .libvirtRefused)
    }

    @Test("SSH is told that nobody answers its questions, and is what the remedy speaks of")
    func noQuestions() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-libvirt")
        defer { try? Files.remove(directory) }
        let ssh = directory.appending("ssh")
        try await Files.writeProgram("#!/bin/sh\necho \"$@\" > \(directory)/said\nexit 1\n".utf8, to: ssh)
        let uri = "qemu+ssh://root@127.0.0.1/system"
        let error = await #expect(throws: Failure.self) { _ = try await Virsh(uri: "\(uri)?command=\(ssh)").run(["list"]) }
        #expect(error?.code == .libvirtUnreachable)
        #expect(error?.remedy?.contains("without a question") == true)
        #expect(try Files.readText(directory.appending("said")).contains("BatchMode=yes"))

        try await Files.writeProgram("#!/bin/sh\nexec sleep 60\n".utf8, to: ssh)
        let late = await #expect(throws: Failure.self) { _ = try await Virsh(uri: "\(uri)?command=\(ssh)").run(["list"], limit: .seconds(1)) }
        #expect(late?.message.contains("has not answered for 1 s") == true)
        #expect(late?.remedy?.contains("without a question") == true)
        #expect(Virsh(uri: uri).lines("list") == "virsh --connect \(uri) list")
    }
}
