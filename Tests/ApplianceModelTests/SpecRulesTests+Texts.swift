import ApplianceModel
import Basics
import Testing

/// Extensions, locales, time zones, sizes and images.
extension SpecRulesTests {
    @Test(
        "Extensions have the names of files",
        arguments: [("pg_trgm", true), ("uuid-ossp", true), ("../x", false), ("", false), ("Pg_trgm", false), ("a b", false)])
    func extensions(name: String, allowed: Bool) throws {
        let faults = try faults {
            $0.postgresql.roles = [.init(name: "app")]
            $0.postgresql.databases = [.init(name: "shop", owner: "app", extensions: [name])]
        }
        #expect(faults.isEmpty == allowed)
    }

    @Test(
        "A locale is UTF-8, in every spelling that the C library takes",
        arguments: [
            ("C.UTF-8", true), ("C", true), ("POSIX", true), ("C.utf8", true), ("C.UTF8", true), ("de_CH.UTF-8", true), ("de_CH.utf-8", true),
            ("de_CH.utf8", true),
            ("de_CH.UTF8", true), ("en_US.Utf_8", true), ("sr_RS.UTF-8@latin", true), ("sr_RS@latin", true), ("de_DE.UTF-8@euro", true), ("ast_ES.utf8", true),
            ("fil_PH", true), ("fil_PH.UTF-8", true), ("eo.UTF-8", true), ("eo", true), ("tt_RU.UTF-8@iqtelif", true), ("hi_IN", true), ("de_CH", false),
            ("en_US", false), ("de_DE@euro", false), ("de_CH.ISO-8859-1", false), ("ru_RU.KOI8-R", false), ("", false), ("de_CH.UTF-8@", false),
            ("de_CH.UTF-8; rm", false), ("../C.UTF-8", false), ("en-US.UTF-8", false), ("POSIX.UTF-8", false), ("C@x", false), ("english", false),
            ("de_CH.", false), ("de_CH.UTF-8.UTF-8", false), ("de_ch.UTF-8", false), ("DE_CH.UTF-8", false), ("de_CH.UTF-8\n", false),
        ])
    func locales(name: String, allowed: Bool) throws { #expect(try faults { $0.postgresql.locale = name }.isEmpty == allowed) }

    @Test(
        "A locale with another encoding is refused with the name of the one with UTF-8",
        arguments: [
            ("en_US", "'en_US' is ISO-8859-1 to the C library, and the encoding is always UTF-8; write en_US.UTF-8"),
            ("de_DE@euro", "'de_DE@euro' is ISO-8859-15 to the C library, and the encoding is always UTF-8; write de_DE.UTF-8@euro"),
            ("ru_RU.KOI8-R", "'ru_RU.KOI8-R' is KOI8-R to the C library, and the encoding is always UTF-8; write ru_RU.UTF-8"),
            ("zh_TW", "'zh_TW' is BIG5 to the C library, and the encoding is always UTF-8; write zh_TW.UTF-8"),
        ])
    func otherEncodings(name: String, message: String) throws {
        #expect(try faults { $0.postgresql.locale = name } == ["postgresql.locale: \(message)"])
    }

    @Test(
        "A time zone is a name of the IANA data base",
        arguments: [
            ("Europe/Zurich", true), ("Etc/UTC", true), ("UTC", true), ("Etc/GMT+5", true), ("Etc/GMT-14", true), ("GMT+0", true), ("GMT0", true),
            ("America/Argentina/Buenos_Aires", true), ("America/Argentina/ComodRivadavia", true), ("America/Port-au-Prince", true), ("EST5EDT", true),
            ("US/Pacific", true), ("Asia/Calcutta", true), ("NZ-CHAT", true), ("W-SU", true), ("Zulu", true), ("europe/zurich", true),
            ("", false), ("/etc/passwd", false), ("Europe/", false), ("../x", false), ("a/b/c/d", false), ("Europe Zurich", false), ("+02:00", false),
            ("<+03>-3", false), ("posix/US/Pacific", false), ("right/UTC", false), ("Europe/Z\u{fc}rich", false), ("Europe/Zu\u{308}rich", false),
        ])
    func timeZones(name: String, allowed: Bool) throws { #expect(try faults { $0.postgresql.timeZone = name }.isEmpty == allowed) }

    @Test("A copy of the zones leads to the zone itself, and one with leap seconds too")
    func copiedZones() throws {
        #expect(try faults { $0.postgresql.timeZone = "posix/America/Argentina/Ushuaia" }.first?.hasSuffix("write 'America/Argentina/Ushuaia'") == true)
        #expect(try faults { $0.postgresql.timeZone = "right/UTC" }.first?.contains("leap seconds") == true)
    }

    @Test(
        "A number without a unit is asked about",
        arguments: [("2048", "2048MiB or 2GiB"), ("4096", "4096MiB or 4GiB"), ("8", "8GiB"), ("512", "512MiB or 512GiB"), ("3000", "3000MiB or 3000GiB")])
    func bareNumbers(text: String, meant: String) throws {
        let size = try #require(ByteSize(text))
        #expect(try faults { $0.machine.memory = size } == ["machine.memory: \(text) bytes? a number without a unit is bytes; write \(meant)"])
    }

    @Test("Bytes that are meant as such are only too few", arguments: ["0", "512KiB", "100MiB", "1000000"])
    func fewBytes(text: String) throws {
        let size = try #require(ByteSize(text))
        #expect(try faults { $0.machine.memory = size } == ["machine.memory: \(size) is too small; allowed are 512MiB to 4TiB"])
    }

    @Test("Images and kept directories have possible names")
    func images() throws {
        for name in ["", "../x", "a b", "-x", "größe", String(repeating: "a", count: 129)] {
            #expect(try faults { $0.machine.image = ImageChoice(name) }.count == 1)
        }
        #expect(try faults { $0.machine.image = ImageChoice("noble-2026.01_a") } == [])
        for path in ["", "kept", "~/kept", "/kept\n/x"] { #expect(try faults { $0.dataDisk.adopt = path }.count == 1) }
        #expect(try faults { $0.dataDisk.adopt = "/srv/my kept/$x" } == [])
    }
}
