import ApplianceModel
import Basics
import Glibc
import HostSystem
import MachineBackend
import Quoting
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

@Suite("The unit that starts an appliance with the host")
struct BootUnitTests {
    private func unit(_ program: String = "/usr/local/bin/pgkvm", state: FilePath = "/var/lib/pgkvm", isRoot: Bool = true) throws -> BootUnit {
        BootUnit(name: try #require(ApplianceName("orders")), program: program, state: state, isRoot: isRoot)
    }

    @Test("Every line is as committed, for root and for an ordinary user with odd paths")
    func golden() throws {
        try Golden.expect(try unit().text, "QEMUBackend/boot-root.txt")
        try Golden.expect(
            try unit(#"/home/o "b\c/100% $x/pgkvm"#, state: #"/home/o "b\c/100% $x/state"#, isRoot: false).text, "QEMUBackend/boot-user.txt")
        #expect(BootUnit.fileName(of: try #require(ApplianceName("orders"))) == "pgkvm@orders.service")
    }

    @Test("An appliance waits for the network, is tried again with a limit, and holds up no boot; a user's manager knows no network")
    func order() throws {
        let root = try unit().text
        let user = try unit(isRoot: false).text
        for text in [root, user] {
            // The host does not wait for what its program does.
            #expect(text.contains("\nType=exec\n"))
            #expect(!text.contains("TimeoutStartSec"))
            for line in ["Restart=on-failure", "RestartSec=15", "StartLimitIntervalSec=1d", "StartLimitBurst=20", "SuccessExitStatus=130", "NotifyAccess=main"]
            {
                #expect(text.contains("\n\(line)\n"), "\(line)")
            }
            // systemd would keep the machine's unit, once it has ended, and start no other of that name.
            #expect(!text.contains("pgkvm-orders.service"))
        }
        #expect(root.contains("\nWants=network-online.target\n"))
        #expect(root.contains(#/\nAfter=network-online\.target .*libvirtd\.service/#))
        #expect(!user.contains("network"))
    }

    @Test("A state directory that is a link needs the mounts of both places")
    func link() throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-unit")
        defer { try? Files.remove(directory) }
        let (real, link) = (directory.appending("a b"), directory.appending("link"))
        #expect(symlink(real.string, link.string) == 0)
        let rest = "orders/machines/0"
        try Files.createDirectory(real.appending(rest))
        let name = try #require(ApplianceName("orders"))
        #expect(BootUnit.places(of: StateDirectory(path: link).appliance(name).machine()) == ["\(link)/\(rest)", "\(real)/\(rest)"])
        #expect(BootUnit.places(of: StateDirectory(path: real).appliance(name).machine()) == ["\(real)/\(rest)"])
        #expect(try unit(state: link).text.contains("\nRequiresMountsFor=\"\(link)/\(rest)\" \"\(real)/\(rest)\"\n"))
    }

    @Test(
        "What systemd shows of the unit says how the start is going",
        arguments: [
            (["ActiveState": "inactive", "StatusText": ""], nil), ([:], nil), (["ActiveState": "active", "StatusText": ""], .underWay(doing: nil)),
            (["ActiveState": "active", "StatusText": "waiting for SSH"], .underWay(doing: "waiting for SSH")),
            (["ActiveState": "deactivating", "StatusText": ""], .underWay(doing: nil)),
            (["ActiveState": "activating", "StatusText": "error[a.b]: c"], .failing(reason: "error[a.b]: c")),
            (["ActiveState": "failed", "StatusText": "x\u{1b}[31m"], .failed(reason: #"x\u{1b}[31m"#, remedy: "journalctl -u x")),
        ] as [([String: String], HostStart?)])
    func state(shown: [String: String], expected: HostStart?) {
        #expect(BootUnit.start(shown, log: "journalctl -u x") == expected)
    }

    @Test("A path with a control character is refused, since a unit cannot hold it")
    func control() throws {
        for path in ["/a\nb", "/a\tb", "/a\u{7f}b"] {
            let error = #expect(throws: Failure.self) { try unit(path).text }
            #expect(error?.code == .unsupported)
        }
    }

    @Test("Words are quoted where they need it, and not where they do not")
    func words() throws {
        for plain in ["/usr/local/bin/pgkvm", "a-b_c.d:e@f=g,h+1"] { #expect(try UnitText(word: plain).text == plain) }
        #expect(try UnitText(word: "/a b").text == #""/a b""#)
        #expect(try UnitText(word: #"/a"b\c"#).text == #""/a\"b\\c""#)
        #expect(try UnitText(word: "/ä;b").text == #""/ä;b""#)
        #expect(try UnitText(fileWord: "/100%").text == #""/100%%""#)
    }

    @Test(
        "systemd takes the unit, odd paths included, and reads the words that were meant",
        .enabled("systemd-analyze is installed") { ProgramRunner.lookUp("systemd-analyze") != nil })
    func verified() async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-unit")
        defer { try? Files.remove(directory) }
        for (index, name) in ["plain", #"o "b\c 100% $x"#].enumerated() {
            let place = directory.appending(name)
            try Files.createDirectory(place)
            let program = place.appending("pgkvm")
            try Files.write("#!/bin/sh\n", to: program, mode: [.ownerReadWriteExecute])
            let file = directory.appending("pgkvm@orders.service")
            try Files.write(try unit(program.string, state: place).text, to: file)
            let result = try await ProgramRunner.run("systemd-analyze", ["verify", "--recursive-errors=no", "--man=no", file.string])
            #expect(result.status == 0, "\(index): \(result.errorText)")
            #expect(!result.errorText.contains("pgkvm@orders"), "\(result.errorText)")
        }
        // The control: a unit whose program is not there is refused.
        let file = directory.appending("pgkvm@orders.service")
        try Files.write(try unit("/nowhere/pgkvm").text, to: file)
        let refused = try await ProgramRunner.run("systemd-analyze", ["verify", "--recursive-errors=no", "--man=no", file.string])
        #expect(refused.errorText.contains("/nowhere/pgkvm"))
    }
}
