import HostSystem
import SystemPackage
import TestSupport
import Testing

/// What an appliance keeps to itself, and where it may be.
enum Secrets {
    /// The files whose purpose is to hold one.
    private static let homes: Set<String> = ["pgpass", "id_ed25519", "ca.key"]
    /// Disks hold the database and the guest's own keys.
    private static let disks: Set<String> = ["system.qcow2", "data.raw", "vars.fd"]

    /// The generated passwords.
    static func passwords(of guest: Guest) throws -> Set<String> {
        let lines = try Files.readText(guest.passwordFile).split(separator: "\n").filter { !$0.hasPrefix("#") }
        // Generated passwords hold neither a colon nor a backslash.
        let passwords = Set(try lines.map { String(try #require($0.split(separator: ":").last)) })
        #expect(passwords.allSatisfy { $0.count >= 20 })
        return passwords
    }

    /// Passwords, the lines of each private key, and the heading of any other private key.
    static func all(of guest: Guest) throws -> [String] {
        var secrets = try passwords(of: guest).sorted()
        for name in ["id_ed25519", "ca.key"] {
            let lines = try Files.readText(guest.directory.appending(name)).split(separator: "\n").map(String.init)
            // The first line of an OpenSSH key is the same in all of them.
            let body = lines.filter { !$0.hasPrefix("-----") && $0.count >= 40 }.dropFirst(name == "id_ed25519" ? 1 : 0)
            try #require(!body.isEmpty)
            secrets += body
        }
        return secrets + ["BEGIN OPENSSH PRIVATE", "BEGIN PRIVATE KEY", "BEGIN EC PRIVATE"]
    }

    /// Every file of the appliance in which no secret has a place.
    static func hostFiles(of guest: Guest) throws -> [FilePath] {
        func files(_ directory: FilePath) throws -> [FilePath] {
            try Files.list(directory).flatMap { name -> [FilePath] in
                let path = directory.appending(name)
                guard let status = Files.status(path, followLinks: false), !homes.contains(name), !disks.contains(name) else { return [] }
                return status.isDirectory ? try files(path) : status.isRegularFile ? [path] : []
            }
        }
        let found = try files(guest.directory)
        for name in ["journal.jsonl", "serial.log", "qemu.log", "machine.json", "spec.yaml"] {
            #expect(found.contains { $0.lastComponent?.string == name }, "\(name) was not searched")
        }
        return found
    }

    /// Which of the secrets are in the bytes: their first characters, so that no report of a failure gives one away.
    static func found(_ secrets: [String], in bytes: [UInt8]) -> [String] {
        let text = String(decoding: bytes, as: UTF8.self)
        return secrets.filter { text.contains($0) }.map { "\($0.prefix(4))…" }
    }
}
