import HostSystem
import SystemPackage
import TestSupport
import Testing

@Suite("The time zones of this host")
struct HostTimeZonesTests {
    private static let isThere = Files.exists(HostTimeZones.directory.appending("tzdata.zi"))

    @Test(
        "A zone, an old name of one and any case of both are known", .enabled(if: isThere, "needs tzdata"),
        arguments: ["Europe/Zurich", "Etc/UTC", "UTC", "EST5EDT", "GMT+0", "Etc/GMT-14", "US/Pacific", "Asia/Calcutta", "europe/zurich", "UCT"])
    func known(name: String) { #expect(HostTimeZones.concern(name) == nil) }

    @Test("An unknown name gets a suggestion", .enabled(if: isThere, "needs tzdata"))
    func unknown() {
        #expect(
            HostTimeZones.concern("Europe/Zurch")
                == "'Europe/Zurch' is not among the time zones of this host; the guest's PostgreSQL decides; did you mean 'Europe/Zurich'?")
        #expect(HostTimeZones.concern("UTC+3")?.hasPrefix("'UTC+3' is not among") == true)
    }

    @Test("A host without zones says nothing, and neither does one whose list is damaged")
    func none() async throws {
        try await withTemporaryDirectory { directory in
            #expect(HostTimeZones.concern("Nowhere/Atall", in: directory) == nil)
            try Files.write("\u{0}\u{1} nonsense\nL\nZ\n", to: directory.appending("tzdata.zi"))
            #expect(HostTimeZones.concern("Nowhere/Atall", in: directory) == nil)
            try Files.write("# version 2025b\nZ Somewhere/There 0 - X\nL Somewhere/There Old\n", to: directory.appending("tzdata.zi"))
            #expect(HostTimeZones.concern("Old", in: directory) == nil)
            #expect(HostTimeZones.concern("Nowhere/Atall", in: directory) != nil)
            try Files.write("TZif", to: directory.appending("Plain"))
            #expect(HostTimeZones.concern("Plain", in: directory) == nil)
        }
    }
}
