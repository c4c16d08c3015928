import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import TestSupport
import Testing

@testable import QEMUBackend

@Suite("systemd as the keeper of a user's machines")
struct UserServicesTests {
    @Test(
        "What the host grants a user at its shutdown is read, and too little is a warning with lines that mend it",
        arguments: [
            ("2min", "basic.target", 120, false), ("1min 30s", "network.target x.mount", 90, true), ("5min 30s", "a network.target", 330, true),
            ("5min 30s", "network-online.target", 330, false), ("infinity", "network.target", nil, true), ("1h 250ms", "network.target", 3600, true),
        ] as [(String, String, Int64?, Bool)])
    func shutdown(time: String, after: String, seconds: Int64?, keepsNetwork: Bool) throws {
        let shutdown = try #require(UserShutdown(["TimeoutStopUSec": time, "After": after], userID: 1000))
        #expect(shutdown.limit?.components.seconds == seconds)
        #expect(shutdown.keepsNetwork == keepsNetwork)
        let isEnough = (seconds ?? 1000) >= 330 && keepsNetwork
        #expect((shutdown.finding == nil) == isEnough)
        guard let remedy = shutdown.finding?.remedy else { return }
        #expect(remedy.contains("/etc/systemd/system/user@1000.service.d/pgkvm.conf"))
        #expect(remedy.contains(#"'[Unit]\nAfter=network.target\n[Service]\nTimeoutStopSec=330\n'"#))
    }

    @Test(
        "The lines that mend it write the drop-in that is meant, run as they are printed",
        .enabled("root makes mount namespaces here") { HostEnvironment.isRoot })
    func remedy() async throws {
        let stage = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-remedy")
        defer { try? Files.remove(stage) }
        let shutdown = try #require(UserShutdown(["TimeoutStopUSec": "2min", "After": ""], userID: 1000))
        let script = #"""
            mkdir -p "$STAGE/bin" "$STAGE/system"
            mkdir -p /etc/systemd/system
            mount --bind "$STAGE/system" /etc/systemd/system
            printf '#!/bin/sh\nexec "$@"\n' >"$STAGE/bin/sudo"
            printf '#!/bin/sh\necho "systemctl $*"\n' >"$STAGE/bin/systemctl"
            chmod +x "$STAGE/bin/sudo" "$STAGE/bin/systemctl"
            PATH="$STAGE/bin:$PATH" sh -euc "$REMEDY"
            cat /etc/systemd/system/user@1000.service.d/pgkvm.conf
            """#
        let result = try await ProgramRunner.run(
            "unshare", ["--mount", "--propagation", "private", "sh", "-euc", script],
            environment: ["STAGE": stage.string, "REMEDY": try #require(shutdown.finding?.remedy)])
        #expect(result.status == 0, "\(result.errorText)")
        let unit = "[Unit]\nAfter=network.target\n[Service]\nTimeoutStopSec=330\n"
        #expect(result.outputText == unit + "systemctl daemon-reload\n" + unit)
    }

    @Test("What is not a time is none", arguments: ["", "2", "min", "2 min", "2parsecs", "99999999999999999999s", "9223372036854775807y", "-1s"])
    func noTime(text: String) {
        #expect(UserShutdown.duration(text) == nil)
        #expect(UserShutdown(["TimeoutStopUSec": text, "After": ""], userID: 1) == nil)
    }

    /// A user's service manager whose processes have other rights than this one.
    @Test(
        "Whether services may use a file is tried with their rights, not with this process's",
        .enabled("only root gives a process other rights") { HostEnvironment.isRoot },
        arguments: [(0o600, true, false), (0o666, true, true), (0o666, false, nil)] as [(UInt32, Bool, Bool?)])
    func rights(mode: UInt32, runs: Bool, mayUse: Bool?) async throws {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-rights")
        defer { try? Files.remove(directory) }
        let script =
            runs
            ? #"""
            #!/bin/sh
            while [ "$1" != -- ]; do shift; done
            shift
            exec setpriv --reuid 65534 --regid 65534 --clear-groups -- "$@"
            """#
            : "#!/bin/sh\necho Failed to connect to bus >&2\nexit 1\n"
        try await Files.writeProgram(script.utf8, to: directory.appending("systemd-run"))
        let file = directory.appending("device")
        try Files.write("", to: file)
        _ = try await ProgramRunner.check("chmod", [String(mode, radix: 8), file.string])
        _ = try await ProgramRunner.check("chmod", ["755", directory.string])
        let manager = SystemdManager(isRoot: false, starter: directory.appending("systemd-run").string)
        guard let mayUse else {
            let error = await #expect(throws: Failure.self) { try await manager.mayUse(file) }
            #expect(error?.message.contains("Failed to connect to bus") == true)
            return
        }
        #expect(try await manager.mayUse(file) == mayUse)
    }
}
