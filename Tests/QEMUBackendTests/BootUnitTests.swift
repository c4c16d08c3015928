import ApplianceModel
import HostSystem
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
