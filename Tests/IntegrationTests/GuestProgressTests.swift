import HostSystem
import TestSupport
import Testing

extension GuestTests {
    /// What commands show while they work with a guest.
    @Suite("Progress, with a guest", .serialized)
    struct GuestProgressTests {
        @Test("-vv shows what the guest is asked over SSH, and the debug log tells of SSH, QEMU's monitor and the console")
        func verbose() async throws {
            let guest = try await Guests.undisturbed().guest
            let result = try await guest.home.run("logs", guest.name, "-vv")
            #expect(result.status == 0 && !result.outputText.isEmpty)
            #expect(result.errorText.contains("debug: SSH sudo -n sh -c"), "\(result.errorText)")
            let log = try await guest.home.check("logs", guest.name, "--pgkvm", "--lines", "100000")
            for part in [" debug SSH sudo", " debug QMP query-status -> done", " debug step boot-guest: guest: ", " info step verify is done"] {
                #expect(log.contains(part), "'\(part)' is not in the debug log")
            }
        }

        @Test("Starting what runs is worth no line, and as JSON it is a step")
        func start() async throws {
            let guest = try await Guests.undisturbed().guest
            let result = try await guest.home.run("start", guest.name, "--progress", "json")
            #expect(result.status == 0)
            let lines = result.errorText.split(separator: "\n")
            #expect(lines.first?.contains(#""event":"stepStarted""#) == true && lines.last?.contains(#""event":"stepFinished""#) == true, "\(lines)")
        }
    }
}
