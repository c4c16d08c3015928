import ApplianceModel
import Basics
import Testing

@testable import Deployment
@testable import Verification

@Suite("The guest's answer about a configuration")
struct ServerAnswerTests {
    @Test("An answer that is broken off is no judgement", arguments: ["", "== answer\n{}", "== log\n== host\n", "nonsense"])
    func brokenOff(text: String) {
        #expect(throws: Failure.self) { _ = try ServerAnswer(Array(text.utf8)) }
    }

    @Test("Messages carry their detail and hint, also behind what psql puts in front; other lines are none")
    func messages() {
        let text = """
            changed /x
            LOG:  invalid value for parameter "work_mem": "1mb"
            HINT:  Valid units for this parameter are "B".
            psql: error: connection to server on socket "/s" failed: FATAL:  could not access file "x": No such file
            psql:<stdin>:3: ERROR:  extension "y" is not available
            DETAIL:  Could not open.
            note ERROR:  inside
            """
        let messages = ServerMessage.parse(text.split(separator: "\n"))
        #expect(messages.map(\.severity) == ["LOG", "FATAL", "ERROR"])
        #expect(messages.map(\.words).first == #"invalid value for parameter "work_mem": "1mb"; Valid units for this parameter are "B""#)
        #expect(messages.last?.words == #"extension "y" is not available; Could not open"#)
    }

    @Test("Lines that neither the former nor the new configuration has were added by hand; comments, blanks and other values were not")
    func addedByHand() {
        let known = ["pg_hba.conf": "# x\nlocal  all  all  peer\n", "conf.d/90-spec.conf": "work_mem = 1MB\n"]
        let planned = ["pg_hba.conf": "local all all peer\nhost a b c d\n", "conf.d/90-spec.conf": "jit = on\n"]
        let inForce = [
            "pg_hba.conf": "local all   all\tpeer\n  # by hand\nhost all all 10.0.0.0/8 md5\n",
            "conf.d/90-spec.conf": "work_mem = 2MB\nshared_buffers=1GB\nJIT off\n", "conf.d/99-own.conf": "x = 1\n",
        ]
        #expect(
            HandAdded.lines(inForce: inForce, known: known, planned: planned) == [
                "pg_hba.conf": ["host all all 10.0.0.0/8 md5"], "conf.d/90-spec.conf": ["shared_buffers=1GB"],
            ])
    }

    @Test("Only what the server lacks is made, and so only that is taken away again")
    func missingParts() throws {
        var spec = ApplianceSpec.PostgreSQL()
        spec.roles = [.init(name: "a"), .init(name: "b", memberOf: ["a", "pg_monitor"])]
        spec.databases = [.init(name: "x", owner: "a", extensions: ["pg_trgm", "hstore"]), .init(name: "y", owner: "b", extensions: ["citext"])]
        let present = PresentServer(
            startSettings: [], preparedTransactions: 0, slots: [], standbys: [], roles: ["a", "postgres"], databases: [.init(name: "x", owner: "a")],
            memberships: [])
        let parts = DatabaseParts(missingFor: spec, in: present, made: ["x": ["pg_trgm", "plpgsql"]])
        #expect(parts.roles == ["b"])
        #expect(parts.databases == ["y"])
        #expect(parts.extensions.map { "\($0.database).\($0.name)" } == ["x.hstore", "y.citext"])
        #expect(parts.extensions.first?.path == "postgresql.databases[0].extensions[1]")
        #expect(parts.memberships.map { "\($0.role) in \($0.group)" } == ["b in a", "b in pg_monitor"])
    }
}
