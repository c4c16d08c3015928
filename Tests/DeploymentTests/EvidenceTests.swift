import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing
import Workflow

@testable import Deployment

@Suite("Failures as text and evidence")
struct EvidenceTests {
    private struct Odd: Error, CustomStringConvertible { let description = "odd" }

    @Test("The code and the message come first, then each cause once, then what to try")
    func chain() {
        let inner = Failure(.fileUnwritable, "cannot write 'x'", remedy: "free space", cause: Errno.noSpace)
        let outer = Failure(.applianceBusy, "outer went wrong", remedy: "look at outer", cause: inner)
        #expect(
            FailureText.render(outer) == """
                error[appliance.busy]: outer went wrong
                  cause: cannot write 'x'
                  cause: \(Errno.noSpace)
                  try: look at outer
                  try: free space
                """)
        #expect(FailureText.render(Failure(.unsupported, "alone")) == "error[unsupported]: alone")
        #expect(FailureText.render(Odd()) == "error: odd")
    }

    @Test("An error of the journal has its code and its remedy, as the cause and at the top")
    func journal() throws {
        let error = #expect(throws: Failure.self) { _ = try JournalContents(Array("nonsense\nnonsense\n".utf8)) }
        let damaged = try #require(error)
        let remedy = try #require(damaged.remedy)
        #expect(FailureText.render(damaged) == "error[journal.damaged]: \(damaged.message)\n  try: \(remedy)")
        #expect(
            FailureText.render(Failure(.journalUnusable, "'j' cannot be used", cause: damaged))
                == "error[journal.unusable]: 'j' cannot be used\n  cause: \(damaged.message)\n  try: \(remedy)")
    }

    @Test("The error is saved beside the appliance, readable by its owner only")
    func collects() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let context = try Appliance.open("db", in: scratch.environment).context
            try Files.remove(context.directory.evidence)
            let failure = Failure(.unsupported, "it broke", remedy: "mend it")
            await Evidence.collect(context, step: StepID(rawValue: "some-step"), error: failure)
            let names = try Files.list(context.directory.evidence)
            #expect(names.count == 1)
            let name = try #require(names.first)
            #expect(name.hasSuffix("-some-step") && !name.contains(":"))
            let directory = context.directory.evidence.appending(name)
            #expect(Files.status(directory)?.permissions == 0o700)
            #expect(try Files.list(directory) == ["error.txt"])
            #expect(Files.status(directory.appending("error.txt"))?.permissions == 0o600)
            #expect(try Files.readText(directory.appending("error.txt")) == FailureText.render(failure) + "\n")
        }
    }

    @Test("Evidence that cannot be saved is no second failure")
    func unwritable() async throws {
        try await Scratch.with { scratch in
            try await scratch.half()
            let context = try Appliance.open("db", in: scratch.environment).context
            try Files.remove(context.directory.evidence)
            try Files.write("in the way", to: context.directory.evidence)
            await Evidence.collect(context, step: StepID(rawValue: "some-step"), error: Failure(.unsupported, "it broke"))
            #expect(try Files.readText(context.directory.evidence) == "in the way")
        }
    }
}
