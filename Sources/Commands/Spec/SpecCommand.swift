internal import ApplianceModel
internal import ArgumentParser
internal import BuiltinTemplates
internal import Deployment
internal import HostSystem
internal import PostgresServer
internal import Quoting
internal import SpecFile
internal import SystemPackage
internal import Terminal

struct SpecCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "spec", abstract: "Write, check and explain spec files.",
        discussion: """
            A spec file is YAML and describes one appliance. Only 'formatVersion' and 'name' are needed. Its keys, with their defaults:

            \(SpecHelp.keys)

            EXAMPLES
              pgkvm spec example > orders.yaml
              pgkvm spec check orders.yaml
              pgkvm plan orders.yaml
            """,
        subcommands: [Example.self, Schema.self, Check.self])

    struct Example: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print a spec with every key and what it means.", discussion: "EXAMPLE\n  pgkvm spec example > orders.yaml")

        func run() throws { Terminal.printDocument((BuiltinTemplates.text("spec/example.yaml") ?? "").trimmedEnd) }
    }

    struct Schema: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the JSON schema (draft 2020-12), for editors.",
            discussion: """
                An editor with a YAML language server takes it from a file's first line: # yaml-language-server: $schema=spec.schema.json

                EXAMPLE
                  pgkvm spec schema > spec.schema.json
                """)

        func run() throws { try Terminal.printJSON(SpecSchema.document) }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Say everything that is wrong with a spec file, each with its line.",
            discussion: """
                Exits with 1 when there are faults. A warning is not a fault: settings that the machine's memory or data disk carries only until it is in full use, \
                a time zone that this host does not know. The host is not looked at otherwise: 'pgkvm plan' does that.

                EXAMPLE
                  pgkvm spec check orders.yaml
                """)

        @Argument(help: "The spec file", completion: .file(extensions: ["yaml", "yml"])) var file: String
        @OptionGroup var output: FormatOption

        func run() throws {
            let checked = try CheckedSpec(file: file, SpecFile.examine(Files.read(FilePath(file), atMost: SpecFile.readLimit), file: file))
            if output.format == .json { try Terminal.printJSON(checked) } else { Terminal.print(checked.text) }
            guard checked.valid else { throw ExitCode(ExitStatus.failed) }
        }
    }
}

/// The result of `spec check`. Its JSON keys are API.
private struct CheckedSpec: Encodable {
    let file: String
    let valid: Bool
    let faults: [LocatedFault]
    let warnings: [LocatedFault]

    init(file: String, _ examined: ExaminedSpec) {
        self.file = file
        let concerns = Self.concerns(examined)
        faults = examined.faults + concerns.filter { $0.level == .refuse }.map { examined.located($0.path, $0.message) }
        valid = faults.isEmpty
        warnings = concerns.filter { $0.level == .warn }.map { examined.located($0.path, $0.message) } + Self.zone(examined)
    }

    /// Sizes are judged only if they, and the sizes of the machine, could be read.
    private static func concerns(_ examined: ExaminedSpec) -> [SizeConcern] {
        let keys = ["machine.memory", "machine.image", "data.size", "postgresql.version", "postgresql.profile", "postgresql.settings"]
        guard let spec = examined.spec, !keys.contains(where: examined.isFaulty) else { return [] }
        return SizeRules.concerns(spec, version: spec.expectedVersion)
    }

    private static func zone(_ examined: ExaminedSpec) -> [LocatedFault] {
        let key = "postgresql.timeZone"
        guard let spec = examined.spec, !examined.isFaulty(key) else { return [] }
        return (HostTimeZones.concern(spec.postgresql.timeZone)).map { [examined.located(key, $0)] } ?? []
    }

    var text: String {
        let head = SpecLimits.listed(faults.map { $0.text(file: file) })
        return (head.isEmpty ? ["\(file): no faults"] : head).joined(separator: "\n") + warnings.map { "\nwarning: \($0.text(file: file))" }.joined()
    }
}

struct ExportCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "export", abstract: "Print the spec of an appliance as a spec file.",
        discussion: """
            What has its default is left out, unless --full asks for every value. 'pgkvm plan' of the file, on this appliance, finds no difference.

            EXAMPLE
              pgkvm export orders > orders.yaml
            """)

    @OptionGroup var appliance: NameArgument
    @Flag(help: "Write out every value, also what has its default") var full = false

    func run() async throws {
        let spec = try appliance.open().context.spec
        Terminal.printDocument((full ? SpecFile.render(spec) : SpecFile.renderBriefly(spec)).trimmedEnd)
    }
}

extension String {
    /// The text without the newline that printing adds again.
    fileprivate var trimmedEnd: String { ends(with: "\n") ? String(dropLast()) : self }
}
