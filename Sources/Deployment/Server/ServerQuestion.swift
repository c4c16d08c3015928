internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import PostgresServer
internal import Quoting
internal import SecureShell

/// Lets the guest's own PostgreSQL judge a configuration in the guest, before anything is in force.
///
/// The files are put aside, together with those that an administrator added. A server is started with them on a scratch cluster, without network and
/// with its own socket. The server ends with its unit, and the files are removed with it.
struct ServerQuestion {
    /// Where the guest keeps the files during the judgement; in memory.
    static let directory = "/run/pgkvm-judgement"
    /// The longest time that a judgement may take: the trial's own limit and the work around it.
    private static let limit = Duration.seconds(240)

    let version: Int
    let files: [GuestFile]
    /// The extensions to create in the trial.
    let extensions: [String]
    /// Whether the guest has less memory than the configuration is made for. If so, the trial does not test how much memory the server reserves.
    let isForMoreMemory: Bool

    /// - Parameters:
    ///   - certificate: any certificate of the appliance's CA; the server's key never leaves the guest.
    ///   - extensions: extensions that the server is to create and may not be able to.
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

    /// - Throws: `server.not-judged` if the trial was not possible, and the errors of `check`.
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
