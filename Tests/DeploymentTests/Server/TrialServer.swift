import ApplianceModel
import Basics
import BuiltinTemplates
import FoundationEssentials
import HostSystem
import PostgresServer
import Quoting
import SystemPackage
import TestSupport
import Testing

@testable import Deployment

/// Tries configurations with `try-server.sh` and this host's PostgreSQL, as the guest's `judge-server.sh` does.
struct TrialServer {
    let cluster: PostgresCluster

    static func spec(_ settings: [String: String] = [:], extensions: [String] = []) throws -> ApplianceSpec {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.machine.memory = .gibibytes(1)
        spec.dataDisk.size = .gibibytes(2)
        spec.postgresql.settings = settings
        spec.postgresql.databases = [.init(name: "app", owner: "app", extensions: extensions)]
        return spec
    }

    /// What `judge-server.sh` would print, and what is made of it.
    func judge(
        _ spec: ApplianceSpec, present: PresentServer? = nil, host: [String] = ["hugePages 0", "prepared 0", "slots 0"], autoConf: String = ""
    ) async throws -> ServerJudgement {
        let answer = try await answer(spec, host: host, autoConf: autoConf)
        let extensions = spec.postgresql.databases.flatMap(\.extensions).enumerated().map {
            (name: $0.element, path: "postgresql.databases[0].extensions[\($0.offset)]")
        }
        return ServerJudgement(spec, answer: answer, present: present, extensions: extensions, known: [:], planned: [:])
    }

    func answer(_ spec: ApplianceSpec, host: [String] = ["hugePages 0"], autoConf: String = "") async throws -> ServerAnswer {
        let conf = cluster.directory.appending("judged-\(UInt64.random(in: 0 ... .max))")
        let content = try ServerContent(spec, version: cluster.majorVersion, place: .userNetworking)
        let prefix = "\(content.layout.configurationDirectory)/"
        for file in content.files where file.path.hasPrefix(prefix) {
            try await cluster.write(String(decoding: file.content, as: UTF8.self), to: conf.appending(String(file.path.dropFirst(prefix.count))))
        }
        let authority = try CertificateAuthority.create(name: "orders", now: Date())
        let certificate = try authority.issueServer(names: ["orders"], addresses: [], now: Date())
        try await cluster.write(certificate.certificatePEM, to: conf.appending("server.crt"))
        try await cluster.write(certificate.keyPEM.withRevealed { $0 }, to: conf.appending("server.key"))
        try await cluster.write(autoConf, to: conf.appending("auto.conf"))
        let script = try #require(BuiltinTemplates.text("guest/try-server.sh"))
        let extensions = try spec.postgresql.databases.flatMap(\.extensions).map { try SQLIdentifier($0).text }
        let result = try await cluster.runAsServer(
            "sh",
            [
                "-eu", "-c", script, "sh", "\(cluster.majorVersion)", conf.string, cluster.directory.appending("scratch").string,
                conf.appending("auto.conf").string, "whole",
            ] + extensions)
        #expect(result.status == 0, "\(result.errorText)")
        return try ServerAnswer(Array((result.outputText + "\n== host\n\(host.joined(separator: "\n"))\n== files\n").utf8))
    }
}
