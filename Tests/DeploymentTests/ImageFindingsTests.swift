import ApplianceModel
import Basics
import FoundationEssentials
import HostSystem
import PostgresServer
import SystemPackage
import TestSupport
import Testing

@testable import Deployment
@testable import GuestImage

@Suite("What the image's PostgreSQL says before there is a guest")
struct ImageFindingsTests {
    /// As the server of a Debian 13 image answered.
    private static func answer() throws -> [UInt8] {
        let tests = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        return try Files.read(FilePath(tests.appending(path: "Recorded/postgresql-17-catalogue.json").path))
    }

    /// Puts an image into the cache, with the answer of its server or without.
    private func add(
        _ name: String, key: Character, version: Int?, answered: Bool, to scratch: Scratch, origin: CachedImage.Origin = .imported("/x")
    ) throws {
        let image = CachedImage(
            formatVersion: CachedImage.currentFormat, key: String(repeating: key, count: 64), name: name, origin: origin, format: .raw, firmware: .bios,
            virtualSize: .mebibytes(1), postgresqlVersion: version, created: "2026-01-01T00:00:00Z")
        let place = scratch.environment.images.path(image.key)
        try Files.createDirectory(place)
        try Files.write("", to: scratch.environment.images.diskPath(image))
        try Files.write(Array(JSONEncoder().encode(image)), to: place.appending("image.json"))
        if answered { try Files.write(Self.answer(), to: place.appending(ImageCache.catalogueName)) }
    }

    /// Specs that PostgreSQL 17 cannot do, each with the key that is at fault.
    static let bad: [(String, @Sendable (inout ApplianceSpec.PostgreSQL) -> Void)] = [
        ("postgresql.settings.shared_buffers", { $0.settings = ["shared_buffers": "256mb"] }),
        ("postgresql.settings.work_mem", { $0.settings = ["work_mem": "64mb"] }),
        ("postgresql.settings.stats_temp_directory", { $0.settings = ["stats_temp_directory": "/x"] }),
        ("postgresql.settings.max_connections", { $0.settings = ["max_connections": "0"] }),
        ("postgresql.settings.shared_preload_libraries", { $0.settings = ["shared_preload_libraries": "pg_stat_statements,timescaledb"] }),
        ("postgresql.settings.block_size", { $0.settings = ["block_size": "16384"] }),
        ("postgresql.settings.old_snapshot_threshold", { $0.settings = ["old_snapshot_threshold": "1h"] }),
        ("postgresql.databases[0].extensions[1]", { $0.databases = [.init(name: "app", owner: "app", extensions: ["pg_trgm", "pgvector"])] }),
        ("postgresql.timeZone", { $0.timeZone = "Asia/Calcuta" }), ("postgresql.locale", { $0.locale = "de_CX.UTF-8" }),
    ]

    @Test("A spec that it cannot do is refused by the plan, and by deploy before anything is stored", arguments: bad.map(\.0))
    func refused(path: String) async throws {
        try await Scratch.with { scratch in
            try add("tiny", key: "a", version: 17, answered: true, to: scratch)
            var spec = try scratch.spec()
            try #require(Self.bad.first { $0.0 == path }).1(&spec.postgresql)
            let plan = try await Planner(scratch.environment).plan(spec)
            let refusal = try #require(plan.refusals.first)
            #expect(plan.refusals.count == 1)
            #expect(refusal.hasPrefix("\(path): "))
            let failure = await #expect(throws: Failure.self) { _ = try await scratch.deploy(spec) }
            #expect(failure?.code == .specInvalid)
            #expect(failure?.message.contains(refusal) == true)
            #expect(!Files.exists(scratch.state.path))
            #expect(!scratch.backend.calls.contains("create"))
        }
    }

    @Test("A spec that it can do is taken, old names of zones and a locale that is made first included")
    func taken() async throws {
        try await Scratch.with { scratch in
            try add("tiny", key: "a", version: 17, answered: true, to: scratch)
            var spec = try scratch.spec()
            spec.postgresql.settings = [
                "shared_buffers": "0.25GB", "wal_buffers": "-1", "work_mem": "0x400", "datestyle": "ISO, DMY", "app.tenant": "x", "jit": "of",
            ]
            spec.postgresql.timeZone = "US/Pacific"
            spec.postgresql.locale = "en_US.UTF-8"
            spec.postgresql.databases = [.init(name: "app", owner: "app", extensions: ["pg_trgm", "uuid-ossp"])]
            #expect(try await Planner(scratch.environment).plan(spec).refusals.isEmpty)
            try await ImageFindings.check(spec, in: scratch.environment)
        }
    }

    @Test("An image without an answer is used as it is")
    func silent() async throws {
        try await Scratch.with { scratch in
            try add("tiny", key: "a", version: nil, answered: false, to: scratch)
            var spec = try scratch.spec()
            spec.postgresql.settings = ["work_mem": "64mb"]
            #expect(try await Planner(scratch.environment).plan(spec).refusals.isEmpty)
        }
    }

    @Test("For an imported image another one of the same version speaks, as a warning that says so")
    func standIn() async throws {
        try await Scratch.with { scratch in
            try add("tiny", key: "a", version: nil, answered: false, to: scratch)
            try add("debian-13", key: "b", version: 17, answered: true, to: scratch, origin: .built(.debian13))
            var spec = try scratch.spec()
            spec.postgresql.settings = ["work_mem": "64mb"]
            spec.postgresql.timeZone = "Mars/Base"
            #expect(try await Planner(scratch.environment).plan(spec).findings.filter { $0.check == "postgresql.settings" }.isEmpty)
            spec.postgresql.version = 17
            let plan = try await Planner(scratch.environment).plan(spec)
            #expect(plan.refusals.isEmpty)
            let warnings = plan.findings.filter { $0.check == "postgresql.settings" }
            #expect(warnings.map(\.level) == [.warn])
            #expect(warnings.first?.measured.hasPrefix("postgresql.settings.work_mem: '64mb'") == true)
            #expect(warnings.first?.remedy?.contains("'debian-13'") == true)
            try await ImageFindings.check(spec, in: scratch.environment)
        }
    }

    @Test("A damaged answer is reported, and not taken for a missing one")
    func damaged() async throws {
        try await Scratch.with { scratch in
            try add("tiny", key: "a", version: 17, answered: true, to: scratch)
            let file = scratch.environment.images.path(String(repeating: "a", count: 64)).appending(ImageCache.catalogueName)
            try Files.write("{", to: file)
            let failure = await #expect(throws: Failure.self) { _ = try await Planner(scratch.environment).plan(scratch.spec()) }
            #expect(failure?.code == .catalogueUnreadable)
        }
    }

    @Test("A machine that is there is judged by its own server")
    func deployed() async throws {
        try await Scratch.with { scratch in
            _ = try await scratch.withMachine()
            try Files.write(Self.answer(), to: scratch.environment.images.path(String(repeating: "a", count: 64)).appending(ImageCache.catalogueName))
            var spec = try scratch.spec()
            spec.postgresql.settings = ["work_mem": "64mb"]
            #expect(try await Planner(scratch.environment).plan(spec, asksGuest: false).findings.filter { $0.check == "postgresql.settings" }.isEmpty)
            try await ImageFindings.check(spec, in: scratch.environment)
        }
    }
}

@Suite("What an image that is not in the cache needs")
struct ImageObstacleTests {
    /// An apt without any archive.
    private func bare(_ scratch: Scratch) throws -> HostPackaging {
        for place in ["etc/apt/sources.list.d", "etc/apt/apt.conf.d", "etc/apt/preferences.d", "lists/partial"] {
            try Files.createDirectory(scratch.path.appending(place))
        }
        let configuration = scratch.path.appending("apt.conf")
        try Files.write("Dir \"\(scratch.path)\";\nDir::State::lists \"\(scratch.path)/lists\";\nDir::State::status \"/dev/null\";\n", to: configuration)
        return HostPackaging(apt: HostApt(configuration: configuration))
    }

    @Test("A host whose apt has no archive gets it said by plan and doctor, before anything is made")
    func noArchive() async throws {
        try await Scratch.with { scratch in
            let images = ImageCache(directory: scratch.path.appending("images"), packaging: try bare(scratch))
            let environment = ApplianceEnvironment(state: scratch.state, images: images, platform: { [backend = scratch.backend] _ in backend })
            let spec = ApplianceSpec(name: try #require(ApplianceName("db")))
            let plan = try await Planner(environment).plan(spec)
            #expect(plan.refusals.contains { $0.contains("apt is not configured with the Debian archive") })
            let findings = try await HostDoctor.examine(environment, accelerator: .auto)
            #expect(findings.contains { $0.check == "host.image" && $0.level == .fail })
            #expect(!Files.exists(images.directory))
        }
    }

    @Test("A cache without room for a build is reported, with what is free")
    func noRoom() async throws {
        guard await SmallFileSystem.isPossible else { return }
        try await Scratch.with { scratch in
            let mountPoint = scratch.path.appending("small")
            try Files.createDirectory(mountPoint)
            try await SmallFileSystem.with(size: "64m", at: mountPoint) { place in
                let failure = #expect(throws: Failure.self) { try BuildSpace(cache: place.appending("images/not/yet"), scratch: place).check() }
                #expect(failure?.code == .diskFull)
                #expect(failure?.message.contains("MiB are free in '\(place)'") == true)
            }
        }
    }

    @Test("An image that can only be imported is missing in the plan as well")
    func missing() async throws {
        try await Scratch.with { scratch in
            let plan = try await Planner(scratch.environment).plan(scratch.spec())
            #expect(plan.refusals == ["there is no image 'tiny' in the cache"])
        }
    }

    @Test("A host that can build has nothing against it, and doctor says so")
    func good() async throws {
        try await Scratch.with { scratch in
            #expect(await scratch.environment.images.obstacles(to: .debian13).map(\.message) == [])
            let findings = try await HostDoctor.examine(scratch.environment, accelerator: .auto)
            #expect(findings.filter { $0.check == "host.image" }.map(\.level) == [.pass])
        }
    }
}
