import ApplianceModel
import Basics
import FoundationEssentials
import SecureShell
import TestSupport
import Testing

@testable import Deployment

@Suite("What a guest and its certificate say")
struct GuestVersionTests {
    private static let command = #". /etc/os-release && printf '%s-%s' "$ID" "$VERSION_ID""#

    @Test(
        "Each distribution has its PostgreSQL",
        arguments: [("debian-12", 15), ("debian-13", 17), ("ubuntu-24.04", 16), ("ubuntu-24.10", 16), ("ubuntu-25.04", 17), ("ubuntu-25.10", 17)])
    func known(release: String, version: Int) async throws {
        #expect(try await Distribution.postgresqlVersion(in: shell(release)) == version)
    }

    @Test("The table agrees with the releases that pgkvm builds", arguments: DebianRelease.allCases)
    func built(release: DebianRelease) {
        #expect(Distribution.postgresqlVersions[release.rawValue] == release.postgresqlVersion)
    }

    @Test("Others are refused by name, with the way on", arguments: ["debian-11", "debian-", "ubuntu-22.04", "fedora-41", "-", "debian-13\n"])
    func unknown(release: String) async throws {
        let error = await #expect(throws: Failure.self) { _ = try await Distribution.postgresqlVersion(in: shell(release)) }
        #expect(error?.code == .unknownDistribution)
        #expect(error?.message.contains("'\(release)'") == true)
        #expect(error?.remedy?.contains("postgresql.version") == true)
    }

    @Test("A guest without /etc/os-release is a failed command")
    func missing() async throws {
        let shell = ScriptedShell([Self.command: ShellResult(status: 2, standardError: Array("no such file".utf8))])
        let error = await #expect(throws: Failure.self) { _ = try await Distribution.postgresqlVersion(in: shell) }
        #expect(error?.code == .sshCommandFailed)
    }

    @Test("A certificate's days are whole ones, rounded towards its end; past ones are negative", arguments: [-400, -1, 0, 1, 29, 30, 31, 825])
    func days(count: Int) {
        // Half a day is more than the test takes.
        let end = Int64(saturating: Date.now.timeIntervalSince1970) + Int64(count) * 86_400 + (count < 0 ? -43_200 : 43_200)
        #expect(CertificateDays.left(until: end) == count)
    }

    private func shell(_ release: String) -> ScriptedShell {
        ScriptedShell([Self.command: ShellResult(status: 0, standardOutput: Array(release.utf8))])
    }
}
