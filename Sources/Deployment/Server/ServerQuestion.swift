internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import PostgresServer
internal import Quoting
internal import SecureShell

/// Has a configuration judged in the guest by the guest's own PostgreSQL, before anything is in force.
///
/// The files are put aside with the ones that an administrator added, and a server is started with them: on a scratch cluster, without
/// network, with a socket of its own. It ends with its unit, and the files with it.
struct ServerQuestion {
    /// Where the guest keeps the files while they are judged; in memory.
    static let directory = "/run/pgkvm-judgement"
    /// The longest that a judgement takes before it is given up: the trial's own limit and what is around it.
    private static let limit = Duration.seconds(240)

    let version: Int
    let files: [GuestFile]
    /// Extensions to be made in the trial.
    let extensions: [String]
    /// Whether the guest has less memory than the configuration is made for: then how much the server reserves is not tried.
    let isForMoreMemory: Bool

    /// - Parameters:
    ///   - certificate: any of the appliance's CA; the server's key never leaves the guest.
    ///   - extensions: that the server is to make and may not be able to.
    init(_ plan: ServerPlan, certificate: ServerCertificate, extensions: [String], isForMoreMemory: Bool) {
        version = plan.version
        self.extensions = extensions
        self.isForMoreMemory = isForMoreMemory
        let place = plan.layout.configurationDirectory
        let own = (plan.files + plan.files(of: certificate)).filter { $0.path.utf8.starts(with: "\(place)/".utf8) }
        let trial = GuestFile(
            path: "\(Self.directory)/try-server.sh", content: Array((BuiltinTemplates.text("guest/try-server.sh") ?? "exit 127\n").utf8),
            owner: "postgres:postgres", mode: "0600")
        files =
            own.map { GuestFile(path: Self.directory + $0.path.dropFirst(place.count), content: $0.content, owner: $0.owner, mode: $0.mode) } + [trial]
    }

    /// - Throws: `server.not-judged` when the trial could not be made, and what `check` throws.
    func ask(_ shell: some RemoteShell) async throws -> ServerAnswer {
        let arguments = try ["\(version)", Self.directory, isForMoreMemory ? "small" : "whole"] + extensions.map { try SQLIdentifier($0).text }
        let script =
            GuestScript.beginJudgement.text("\(version)", Self.directory) + GuestFiles.script(files) + GuestScript.judgeServer.text(arguments)
        let result = try await shell.run("sudo -n sh -eu", input: Array(script.utf8), timeout: Self.limit)
        guard result.status == 0 else {
            let said = result.errorText.split(whereSeparator: \.isNewline).last.map(String.init) ?? "status \(result.status)"
            throw Failure(.serverNotJudged, "the guest cannot judge the configuration: \(said)", remedy: "run the same command again; pgkvm diagnose")
        }
        return try ServerAnswer(result.standardOutput)
    }
}

extension Failure.Code {
    /// The guest's PostgreSQL could not be asked about a configuration.
    static let serverNotJudged = Failure.Code("server.not-judged")
}
