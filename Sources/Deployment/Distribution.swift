internal import ApplianceModel
package import Basics
internal import SecureShell

/// Which version of PostgreSQL a guest's distribution has.
enum Distribution {
    /// By `ID-VERSION_ID` of /etc/os-release. Releases whose PostgreSQL is older than 15 are left out on purpose.
    static let postgresqlVersions = [
        "debian-12": 15, "debian-13": 17, "ubuntu-24.04": 16, "ubuntu-24.10": 16, "ubuntu-25.04": 17, "ubuntu-25.10": 17,
    ]

    /// - Throws: `guest.unknown-distribution`.
    static func postgresqlVersion(in shell: some RemoteShell) async throws -> Int {
        let result = try await shell.check(". /etc/os-release && printf '%s-%s' \"$ID\" \"$VERSION_ID\"", timeout: .seconds(60))
        guard let version = postgresqlVersions[result.outputText] else {
            throw Failure(
                .unknownDistribution, "the guest is '\(result.outputText)', whose PostgreSQL pgkvm does not know or support",
                remedy: "give postgresql.version and postgresql.source: pgdg in the spec")
        }
        return version
    }
}

extension Failure.Code {
    package static let unknownDistribution = Failure.Code("guest.unknown-distribution")
}
