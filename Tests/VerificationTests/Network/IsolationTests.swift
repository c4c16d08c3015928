import ApplianceModel
import Basics
import HostSystem
import Testing

@testable import Verification

@Suite("What the guest reaches of its host")
struct IsolationTests {
    private static func spec(_ backend: BackendKind = .qemu) throws -> ApplianceSpec {
        var spec = ApplianceSpec(name: try #require(ApplianceName("orders")))
        spec.machine.backend = backend
        return spec
    }

    private static func listener(_ address: String, _ port: UInt16) throws -> HostListener {
        HostListener(address: try #require(IPv4Address(address)), port: port)
    }

    private static func places() throws -> [HostPlace] {
        try HostPlace.all(
            listeners: [
                listener("127.0.0.1", 6379), listener("127.0.0.53", 53), listener("0.0.0.0", 22), listener("192.168.1.10", 80), listener("127.0.0.1", 7000),
            ],
            own: [IPv4Address(192, 168, 1, 10), IPv4Address(172, 17, 0, 1)], probe: 7000)
    }

    @Test("The guest's program is in this one, and Perl takes it with its data behind it")
    func program() async throws {
        #expect(IsolationChecks.program.hasPrefix("#"))
        let text = IsolationChecks.program + "__END__\n127.0.0.1 22\n"
        let result = try await ProgramRunner.run("perl", ["-wc", "-"], input: Array(text.utf8))
        #expect(result.errorText == "- syntax OK\n")
    }

    @Test("Every listener is tried by each address that means the host, the program's own one first")
    func places() throws {
        #expect(
            try Self.places().map(\.description) == [
                "10.0.2.2 7000", "10.0.2.3 7000", "127.0.0.1 7000", "0.0.0.0 7000", "10.0.2.2 6379", "127.0.0.1 6379", "10.0.2.2 53", "127.0.0.53 53",
                "10.0.2.2 22", "127.0.0.1 22", "172.17.0.1 22", "192.168.1.10 22", "192.168.1.10 80",
            ])
    }

    @Test("A host with thousands of ports is tried in part, its own loopback first")
    func many() throws {
        let listeners = try (1...3000).map { try Self.listener("0.0.0.0", UInt16($0)) } + [Self.listener("127.0.0.1", 40_000)]
        let places = HostPlace.all(listeners: Set(listeners), own: [], probe: 7000)
        #expect(places.count == HostPlace.most)
        #expect(places.contains { $0.port == 40_000 })
    }

    @Test("What the guest was not asked for, or says otherwise than it has to, counts for nothing")
    func answers() throws {
        let places = try Self.places()
        func answer(_ text: String) -> IsolationAnswer { IsolationAnswer(text, of: places) }
        #expect(answer("self\nend\n") == answer("end\nself"))
        #expect(answer("self\nend\n").isWhole)
        for text in ["", "self\n", "end\n", "self end\n", "self\r\nend\r\n", "self\u{301}\nend\n", "\0self\nend"] { #expect(!answer(text).isWhole) }
        let hostile = """
            self
            reached 10.0.2.2 6379
            reached 10.0.2.2 6379
            reached 8.8.8.8 53
            reached 10.0.2.2 99999999999999999999
            reached 127.0.0.1 6379 \u{1b}[31m
            reached
            end
            """
        #expect(answer(hostile).reached.map(\.description) == ["10.0.2.2 6379"])
        #expect(answer(String(repeating: "reached 10.0.2.2 22\n", count: 50_000)).reached.count == 1)
    }

    @Test("A hit is a failure, and a warning where slirp is what carries the packets; a guest that cannot try is one too")
    func judged() throws {
        let places = try Self.places()
        func judge(_ text: String, _ path: NetworkPath, _ backend: BackendKind = .qemu) throws -> Finding {
            try IsolationChecks.judge(IsolationAnswer(text, of: places), of: places, path: path, spec: Self.spec(backend))
        }
        #expect(try judge("self\nend", .passt).level == .pass)
        let hit = "self\nreached 10.0.2.2 6379\nend"
        #expect(try judge(hit, .passt).level == .fail)
        #expect(try judge(hit, .passt).measured == "over passt the guest reaches services of this host: 10.0.2.2:6379")
        #expect(try judge(hit, .slirp).level == .warn)
        #expect(try judge(hit, .slirp).remedy?.contains("pgkvm delete orders --keep-data") == true)
        #expect(try judge(hit, .slirp, .libvirt).remedy?.contains("libvirt") == true)
        // One that could not try it to the end is no better for it.
        #expect(try judge("reached 10.0.2.2 6379", .passt).level == .fail)
        #expect(try judge("", .passt).level == .warn)
        let all = places.map { "reached \($0)" }.joined(separator: "\n") + "\nself\nend"
        #expect(try judge(all, .passt).measured.hasSuffix("and 8 more"))
    }

    @Test("Ordinary users with a shell count, services and the caller do not, and damaged lines are no users")
    func localUsers() {
        let text = """
            root:x:0:0:root:/root:/bin/bash
            daemon:x:1:1::/usr/sbin:/usr/sbin/nologin
            me:x:1000:1000::/home/me:/bin/bash
            anna:x:1001:1001:a:/home/anna:/usr/bin/zsh
            empty:x:1002:1002::/home/empty:
            off:x:1003:1003::/home/off:/usr/sbin/nologin
            no:x:1004:1004::/:/bin/false
            nobody:x:65534:65534::/nonexistent:/bin/sh
            short:x:1005
            big:x:99999999999:1::/:/bin/sh
            sly:x:1006:1006:\u{301}:/home:/bin/sh
            """
        let users = LocalUser.parse(text)
        #expect(users.filter(\.canLogIn).map(\.name) == ["me", "anna", "empty", "sly"])
        let finding = LocalUsersChecks.judge(users, caller: 1000)
        #expect(finding.level == .warn)
        #expect(finding.measured.contains("also anna, empty, sly;"))
        #expect(LocalUsersChecks.judge(LocalUser.parse("me:x:1000:1000::/home/me:/bin/bash"), caller: 1000).level == .pass)
    }
}
