import BuiltinTemplates
import HostSystem
import SystemPackage
import TestSupport
import Testing

private let version = try? Files.list("/usr/lib/postgresql").compactMap { Int($0) }.max()
private let isPossible = HostEnvironment.isRoot && Files.exists("/usr/share/i18n/locales/sr_RS@latin") && version != nil

/// The guest's own script, run on this host where neither its locales nor its clusters can be seen or changed.
@Suite("The locale of a cluster", .enabled(if: isPossible, "needs root, PostgreSQL and the package locales"))
struct GuestLocaleTests {
    /// Runs the script, and a command behind it, on copies of the host's locales and settings.
    private func run(_ locale: String, then command: String = "true") async throws -> ProgramResult {
        let version = try #require(version)
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-locale")
        defer { try? Files.remove(directory) }
        let script = directory.appending("script.sh")
        try Files.write(GuestScript.initializeCluster.text("\(version)", locale, "Etc/UTC"), to: script)
        let apart = """
            set -eu
            mount -t tmpfs -o mode=755 tmpfs /var/lib/postgresql
            for place in /usr/lib/locale /etc; do
                mkdir -p "/var/lib/postgresql/copies$place"
                cp -a "$place/." "/var/lib/postgresql/copies$place"
                mount --bind "/var/lib/postgresql/copies$place" "$place"
            done
            rm -f /usr/lib/locale/locale-archive
            : >/etc/locale.gen
            sh \(script)
            cluster() { runuser -u postgres -- /usr/lib/postgresql/\(version)/bin/postgres --single -D /var/lib/postgresql/\(version)/main -F "$@" template1; }
            \(command)
            """
        return try await ProgramRunner.run("unshare", ["--mount", "--propagation", "private", "sh", "-c", apart])
    }

    @Test(
        "A locale that the guest does not have is made, in whatever spelling, and the server works with it",
        arguments: ["en_US.UTF-8", "de_CH.utf-8", "sr_RS.UTF-8@latin", "sr_RS@latin", "fil_PH", "fil_PH.UTF8", "eo.UTF-8"])
    func made(locale: String) async throws {
        let question =
            #"echo "SELECT datcollate, datctype FROM pg_database WHERE datname = 'template1'" | cluster -c lc_numeric=\#(locale) -c lc_messages=\#(locale)"#
        let result = try await run(locale, then: question)
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.outputText.contains("making the locale "))
        #expect(result.outputText.contains("datcollate = \"\(locale)\""), "\(result.outputText)")
        #expect(result.outputText.contains("datctype = \"\(locale)\""))
    }

    @Test("It is still there when the package of the locales has made its own ones again")
    func lasting() async throws {
        let result = try await run("de_CH.utf8", then: "cat /etc/locale.gen; locale-gen; LC_ALL=de_CH.utf8 locale charmap")
        #expect(result.status == 0, "\(result.errorText)")
        #expect(result.outputText.contains("\nde_CH.UTF-8 UTF-8\n"))
        #expect(result.outputText.hasSuffix("\nUTF-8\n"))
    }

    @Test("One that the guest has is not made", arguments: ["C.UTF-8", "C.utf8", "C.UTF8", "C", "POSIX"])
    func there(locale: String) async throws {
        let result = try await run(locale, then: "cat /etc/locale.gen")
        #expect(result.status == 0, "\(result.errorText)")
        #expect(!result.outputText.contains("making the locale"))
        #expect(!result.outputText.contains("UTF-8 UTF-8"))
    }

    @Test("A locale without a source ends the script with a message", arguments: ["xx_YY.UTF-8", "en_US.UTF-8@nosuch", "zz"])
    func unknown(locale: String) async throws {
        let result = try await run(locale)
        #expect(result.status == 3)
        #expect(result.errorText.contains("the guest does not have the locale '\(locale)' and cannot make it"), "\(result.errorText)")
        #expect(result.errorText.contains("/usr/share/i18n/locales"))
    }
}
