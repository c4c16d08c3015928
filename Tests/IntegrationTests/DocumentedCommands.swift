import ApplianceModel
import Basics
import Deployment
import HostSystem
import SystemPackage

/// The commands that the documentation shows, as they stand there.
enum DocumentedCommands {
    /// A fenced block of a page.
    struct Block {
        let page: String
        let line: Int
        let language: String
        let lines: [String]
    }

    static let root = FilePath(#filePath).removingLastComponent().removingLastComponent().removingLastComponent()

    /// The pages for people, by their paths in the project.
    static func pages() throws -> [(name: String, text: String)] {
        let docs = try Files.list(root.appending("docs")).filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }
        return try (["README.md", "CONTRIBUTING.md"] + docs).map { ($0, try Files.readText(root.appending(FilePath($0).components))) }
    }

    /// Every fenced block.
    static func blocks() throws -> [Block] {
        try pages().flatMap { page -> [Block] in
            var blocks: [Block] = []
            var open: (line: Int, language: String, lines: [String])?
            for (index, line) in page.text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                if line.hasPrefix("```") {
                    if let block = open {
                        blocks.append(Block(page: page.name, line: block.line, language: block.language, lines: block.lines))
                        open = nil
                    } else {
                        open = (index + 1, String(line.dropFirst(3)), [])
                    }
                } else {
                    open?.lines.append(String(line))
                }
            }
            guard open == nil else { throw Failure(.invalidInput, "a block of \(page.name) has no end") }
            return blocks
        }
    }

    /// Every command line of the blocks in the language `sh`, without its comment.
    static func all() throws -> [(page: String, line: Int, text: String)] {
        try blocks().filter { $0.language == "sh" }.flatMap { block in
            block.lines.enumerated().compactMap { index, line in
                let text = withoutComment(line)
                return text.isEmpty ? nil : (block.page, block.line + index + 1, text)
            }
        }
    }

    private static func withoutComment(_ line: String) -> String {
        var text = line[...]
        if let comment = text.firstRange(of: #/(^|\s)#/#) { text = text[..<comment.lowerBound] }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text.drop(while: \.isWhitespace))
    }

    /// Every span of code in running text that begins with `pgkvm `.
    static func inline() throws -> [(page: String, text: String)] {
        try pages().flatMap { page in
            page.text.matches(of: #/`(pgkvm [^`\n]*)`/#).map { (page.name, String($0.1).replacing(#"\|"#, with: "|")) }
        }
    }
}

/// How a documented command is run.
enum CommandTreatment {
    /// As it stands, by a shell, in a state directory of its own. Ends with 0.
    case here
    /// As it stands but for the appliance's name, against the guest that the tests share. Ends with this status.
    case guest(status: Int32)
    /// As it stands where nothing can be made; pgkvm accepts the command line and gets as far as this failure. The reason says where it
    /// is run in earnest.
    case accepted(Failure.Code, why: String)
    /// Not by the test of the documentation.
    case elsewhere(why: String)

    /// - Returns: nil for a command that nobody runs.
    static func of(_ command: String) -> CommandTreatment? {
        if command.contains(#/\bpgkvm guide\b/#) { return .elsewhere(why: "it asks on a terminal, and its own tests answer") }
        return all[command]
    }

    /// Every other command that the documentation shows.
    static let all: [String: CommandTreatment] = {
        let deploys = "a deployment takes minutes; Undisturbed deploys in earnest, with a file that says the same"
        let make = "make builds or installs on the host; .ci/run runs deps, check, test and fuzz, Tests/Scripts the others"
        return [
            // README.md
            "make deploy": .elsewhere(why: "it installs packages and builds; scripts/deploy-demo is a deployment like any other"),
            #"psql "$(.build/release/pgkvm connection demo)""#: .guest(status: 0),
            "pgkvm deploy orders --vcpus 2 --memory 4GiB --data-disk 20GiB": .accepted(.fileUnwritable, why: deploys),
            "pgkvm deploy orders --backend libvirt --nat default": .accepted(.fileUnwritable, why: "LibvirtTests deploys so in earnest"),
            "pgkvm proxmox check orders.yaml": .accepted(.fileUnreadable, why: "ProxmoxTests asks a server"),
            "pgkvm deploy orders.yaml": .accepted(.fileUnreadable, why: deploys),
            #"psql "$(pgkvm connection orders)""#: .guest(status: 0),
            "pgkvm delete orders": .accepted(.applianceNotFound, why: "every suite with a guest deletes it"),
            "pgkvm verify orders --quick": .guest(status: 0),
            "pgkvm verify orders": .accepted(.applianceNotFound, why: "the measurements take minutes; GuestVerificationTests makes them"),
            "pgkvm report orders": .guest(status: 0),
            "pgkvm spec example > orders.yaml": .here,
            "pgkvm spec check orders.yaml": .here,
            "pgkvm plan orders.yaml": .here,
            "pgkvm status orders": .guest(status: 0),
            "pgkvm logs orders --pgkvm": .guest(status: 0),
            "pgkvm diagnose orders --without-logs": .guest(status: 0),
            "pgkvm doctor": .here,
            "scripts/record-run .build/release/pgkvm docs/deploy.svg": .elsewhere(why: "it deploys; its drawing is tested on a recorded run"),
            // docs/connect.md
            "pgkvm connection orders --as libpq": .guest(status: 0),
            #"eval "$(pgkvm connection orders --as env)" && psql -c 'SELECT version()'"#: .guest(status: 0),
            "pgkvm forward orders": .elsewhere(why: "it goes on until Ctrl-C; ForwardCommandTests runs it"),
            #"psql "$(pgkvm connection orders --as socket)""#: .elsewhere(why: "it needs the socket; ForwardCommandTests has it"),
            "pgkvm connection orders --as service >> ~/.pg_service.conf": .elsewhere(why: "it changes the user's file; DriverTests reads a service"),
            "pgkvm connection orders --as jdbc": .guest(status: 0),
            "pgkvm psql orders -- -c 'SELECT current_user'": .guest(status: 0),
            // CONTRIBUTING.md
            "make deps-test": .elsewhere(why: make), "make build": .elsewhere(why: make), "make check": .elsewhere(why: make),
            "make format": .elsewhere(why: make), "make test": .elsewhere(why: make), "make test-full": .elsewhere(why: make),
            "make test-host": .elsewhere(why: "it boots another host; Tests/Scripts/host-tests.sh runs its parts"),
            "make test-host TIER=b": .elsewhere(why: "it boots another host, and needs this one for itself"),
            "make fuzz SECS=60": .elsewhere(why: "it runs for as long as it is told; .ci/run fuzzes each target for ten seconds"),
            "make fuzz-check": .elsewhere(why: ".ci/run runs it"),
            "make bench": .elsewhere(why: "it measures, and tests assert on no wall clock; make test-full runs Benchmarks/ready"),
        ]
    }()
}
