import ApplianceModel
import Basics
import Foundation
import HostSystem
import PostgresServer
import Synchronization
import SystemPackage
import Testing

@testable import Deployment

/// A built-up appliance whose real secrets were written wherever something could have written them.
@Suite("The archive of a diagnosis")
struct DiagnosisTests {
    /// What is in the archive, by name without its first directory.
    private func contents(_ archive: FilePath, in scratch: Scratch) async throws -> [String: [UInt8]] {
        let place = scratch.path.appending("unpacked")
        try Files.createDirectory(place)
        _ = try await ProgramRunner.check("tar", ["--extract", "--gzip", "--file", archive.string, "--directory", place.string])
        let names = try await ProgramRunner.check("tar", ["--list", "--gzip", "--file", archive.string]).outputText.split(separator: "\n").map(String.init)
        var files: [String: [UInt8]] = [:]
        for name in names where !name.hasSuffix("/") {
            files[name.split(separator: "/").dropFirst().joined(separator: "/")] = try Files.read(place.appending(name))
        }
        return files
    }

    /// Real keys and passwords, as a deployment makes them.
    private func plant(_ directory: ApplianceDirectory) async throws -> [String: [UInt8]] {
        let key = directory.path.appending("key")
        _ = try await ProgramRunner.check("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key.string])
        try Files.rename(key, to: directory.sshKey)
        let ca = try await ProgramRunner.check("openssl", ["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"])
        try Files.write(ca.standardOutput, to: directory.caKey)
        let password = GeneratedPassword.make()
        let entry = PasswordFile.Entry(host: "db", port: 5433, user: "app", password: password)
        try PasswordFile.render([entry]).withRevealed { try Files.write($0, to: directory.passwords) }
        return [
            "ssh": try Files.read(directory.sshKey), "ca": try Files.read(directory.caKey), "passfile": try Files.read(directory.passwords),
            "password": password.withRevealed { Array($0.utf8) },
        ]
    }

    /// A line for each form of each secret, as a log that went wrong would hold it.
    private func spilled(_ secrets: [String: [UInt8]]) -> [UInt8] {
        secrets.values.flatMap { bytes -> [UInt8] in
            let hexadecimal = bytes.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
            let base64 = Data(bytes).base64EncodedString()
            return bytes + Array("\nx=\(hexadecimal)\nX=\(hexadecimal.uppercased())\nb=\(base64)\nc=\(Data("x".utf8 + bytes).base64EncodedString())\n".utf8)
        }
    }

    /// What must be nowhere: each password, each line of a key and the binary key, in every form.
    private func canaries(_ secrets: [String: [UInt8]]) throws -> [[UInt8]] {
        var parts = [try #require(secrets["password"])]
        for name in ["ssh", "ca"] {
            let lines = try #require(secrets[name]).split(separator: 0x0a).filter { !$0.starts(with: Array("-----".utf8)) }.map(Array.init)
            // The first line of an OpenSSH key is the same in all of them.
            parts += lines.dropFirst(name == "ssh" ? 1 : 0)
            let binary = Array(try #require(Data(base64Encoded: Data(lines.joined()))))
            parts.append(Array(binary.suffix(120).prefix(32)))
        }
        return parts.flatMap { part in
            let hexadecimal = part.map { String(UInt16($0) + 0x100, radix: 16).dropFirst() }.joined()
            // Without the last group, which depends on what follows.
            let base64 = Data(part.prefix(part.count / 3 * 3)).base64EncodedString()
            return [part, Array(hexadecimal.utf8), Array(hexadecimal.uppercased().utf8), Array(base64.utf8)]
        }
    }

    private func isThere(_ needle: [UInt8], in bytes: [UInt8]) -> Bool { Data(bytes).range(of: Data(needle)) != nil }

    @Test("No secret of the appliance is in it in any form, although each stood in every log, the report, the evidence and the journal's neighbours")
    func secrets() async throws {
        try await Scratch.with { scratch in
            let appliance = try await scratch.withMachine()
            let directory = appliance.directory
            let secrets = try await plant(directory)
            let canaries = try canaries(secrets)
            let spill = spilled(secrets) + canaries.joined(separator: [0x0a]) + [0x0a]
            let machine = directory.machine()
            try Files.createDirectory(machine.records)
            for name in [MachineDirectory.Record.serialLog, MachineDirectory.Record.processLog, MachineDirectory.Record.machine] {
                try Files.write(Array("first\n".utf8) + spill + Array("last\n".utf8), to: machine.record(name))
            }
            try Files.createDirectory(directory.reports)
            try Files.write(spill, to: directory.reports.appending("20260101T000000Z.json"))
            let evidence = directory.evidence.appending("20990101T000000Z-some-step")
            try Files.createDirectory(evidence)
            try Files.write(spill, to: evidence.appending("error.txt"))

            for withLogs in [true, false] {
                let archive = scratch.path.appending("logs-\(withLogs).tar.gz")
                let entries = try await Diagnosis(appliance, withLogs: withLogs, version: "0").collect { _ in }
                try await DiagnosisArchive.write(entries, directory: "pgkvm-db", to: archive)
                #expect(Files.status(archive)?.permissions == 0o600)
                let files = try await contents(archive, in: scratch)
                for name in ["README.txt", "spec.yaml", "journal.jsonl", "card.json", "machine.json", "qemu.log", "status.json", "doctor.json", "notes.txt"] {
                    #expect(files[name]?.isEmpty == false, "\(name) is missing from \(files.keys.sorted())")
                }
                #expect(files["reports/20260101T000000Z.json"] != nil && files["evidence/20990101T000000Z-some-step.txt"] != nil)
                #expect((files["serial.log"] != nil) == withLogs)
                for (name, bytes) in files {
                    // By number: a failure must not print what it found.
                    let found = canaries.indices.filter { isThere(canaries[$0], in: bytes) }
                    #expect(found.isEmpty, "in \(name)")
                    #expect(!["pgpass", "ca.key", "id_ed25519"].contains(name))
                }
                let log = String(decoding: try #require(files["qemu.log"]), as: UTF8.self)
                #expect(log.hasPrefix("first\n") && log.hasSuffix("last\n") && log.contains("<redacted>"))
                let summary = String(decoding: try #require(files["README.txt"]), as: UTF8.self)
                #expect(summary.contains(withLogs ? "look at them before you send this" : "--without-logs"))
                try Files.remove(scratch.path.appending("unpacked"))
            }
            // Nothing but the archives is left.
            #expect(try Files.list(scratch.path).filter { $0.hasPrefix(".pgkvm") }.isEmpty)
        }
    }

    @Test("What is examined is the appliance's platform, not this host")
    func platform() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            let asked = Mutex<[ApplianceSpec.Machine]>([])
            let environment = ApplianceEnvironment(state: scratch.state, images: scratch.environment.images) { machine in
                asked.withLock { $0.append(machine) }
                return scratch.backend
            }
            let appliance = try Appliance.open("db", in: environment)
            let before = asked.withLock { $0.count }
            _ = try await Diagnosis(appliance, withLogs: false, version: "0").collect { _ in }
            let examined = asked.withLock { $0[before...] }
            #expect(!examined.isEmpty)
            #expect(examined.allSatisfy { $0 == appliance.context.spec.machine })
        }
    }

    @Test("A file that is there is not overwritten, and a log gives its end")
    func archive() async throws {
        try await Scratch.with { scratch in
            let path = scratch.path.appending("a.tar.gz")
            try Files.write("mine", to: path)
            let error = await #expect(throws: Failure.self) { try await DiagnosisArchive.write([], directory: "d", to: path) }
            #expect(error?.code == .invalidInput)
            #expect(try Files.readText(path) == "mine")

            let appliance = try await scratch.withMachine()
            try Files.createDirectory(appliance.directory.machine().records)
            let log = appliance.directory.machine().record(MachineDirectory.Record.processLog)
            try Files.write([UInt8](repeating: UInt8(ascii: "a"), count: 2 << 20) + Array("end".utf8), to: log)
            let entries = try await Diagnosis(appliance, withLogs: false, version: "0").collect { _ in }
            let taken = try #require(entries.first { $0.name == "qemu.log" })
            #expect(taken.bytes.count == 256 << 10)
            #expect(taken.bytes.suffix(3) == Array("end".utf8)[...])
        }
    }
}
