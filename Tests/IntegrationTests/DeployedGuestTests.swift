import ApplianceModel
import FoundationEssentials
import HostSystem
import Quoting
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// What a finished deployment is. These tests leave the guest as they found it.
    @Suite("Deployed")
    struct DeployedGuestTests {
        @Test("A deployment ends verified, says how to connect, and is listed")
        func deployed() async throws {
            let alpha = try await Guests.undisturbed()
            for part in ["'alpha' is deployed and verified: PostgreSQL 17", "psql \"$(pgkvm connection alpha)\"", "reachable from this host only", "backup"] {
                #expect(alpha.output.contains(part), "'\(part)' is not in:\n\(alpha.output)")
            }
            let status = try await alpha.guest.status()
            #expect(status.state == "running")
            #expect(status.deployment == "deployed")
            #expect(status.postgresqlVersion == 17)
            #expect(status.verified != nil)
            #expect(try #require(status.postgresql).host == "127.0.0.1")
            #expect(try #require(status.ssh).host == "127.0.0.1")

            struct Line: Decodable { let name, state, deployment: String }
            let list = try JSONDecoder().decode([Line].self, from: Data(try await alpha.home.check("list", "--format", "json").utf8))
            let line = try #require(list.first { $0.name == "alpha" })
            #expect(line.state == "running")
            #expect(line.deployment == "deployed")
            #expect(try await alpha.home.check("list", "--names").split(separator: "\n").contains("alpha"))
        }

        @Test("Of two deploys at once the second is refused as busy")
        func busy() async throws {
            let second = try await Guests.undisturbed().second
            #expect(second.status == 1)
            #expect(second.errorText.contains("another pgkvm is working on 'alpha'"), "\(second.errorText)")
            #expect(second.outputText.isEmpty)
        }

        @Test("The same command on a finished deployment changes nothing, says so, and exits with 0")
        func again() async throws {
            let alpha = try await Guests.undisturbed()
            let journal = try Files.read(alpha.guest.journal)
            let said = try await Stage.run("deploy alpha again") { try await alpha.home.check("deploy", alpha.specFile.string) }
            #expect(said.contains("nothing was changed"), "\(said)")
            #expect(try Files.read(alpha.guest.journal) == journal)
            // The spec that the appliance keeps is the same one, written out.
            #expect(try await alpha.home.check("deploy", alpha.guest.directory.appending("spec.yaml").string).contains("nothing was changed"))
            #expect(try Files.read(alpha.guest.journal) == journal)
        }

        @Test("What plan writes is in the guest, byte for byte")
        func planned() async throws {
            let alpha = try await Guests.undisturbed()
            let directory = alpha.home.path.appending(".plan")
            try await alpha.home.check("plan", alpha.specFile.string, "--brief", "--out", directory.string)
            defer { try? Files.remove(directory) }
            let below = directory.appending("guest")
            let listed = try await ProgramRunner.check("find", [below.string, "-type", "f", "-not", "-name", "server.*"]).outputText
            let files = listed.split(whereSeparator: \.isNewline).map { String($0.dropFirst(below.string.count)) }
            #expect(files.contains { $0.hasSuffix("/pg_hba.conf") })
            #expect(files.contains { $0.hasPrefix("/etc/systemd/network/") })
            for file in files {
                let there = try await alpha.home.run(["ssh", "alpha", "--", "sudo", "-n", "cat", file])
                #expect(there.standardOutput == Array(try Files.read(FilePath("\(below)\(file)"))), "\(file)")
            }
        }

        @Test("Changes that need a restart are not made without leave, and those that cannot be made not at all: each is told, and nothing changes")
        func otherSpec() async throws {
            let alpha = try await Guests.undisturbed()
            let journal = try Files.read(alpha.guest.journal)
            let result = try await alpha.home.run("deploy", alpha.specFile.string, "--memory", "3GiB", "--profile", "web")
            #expect(result.status == 1)
            for part in ["'alpha' would have to be restarted, and nothing was changed", "machine.memory", "postgresql.profile", "--restart"] {
                #expect(result.errorText.contains(part), "'\(part)' is not in:\n\(result.errorText)")
            }
            let refused = try await alpha.home.run("deploy", alpha.specFile.string, "--image", "debian-12", "--profile", "web", "--restart")
            #expect(refused.status == 1)
            for part in ["'alpha' is deployed with another spec", "machine.image", "cannot change", "postgresql.profile", "try:"] {
                #expect(refused.errorText.contains(part), "'\(part)' is not in:\n\(refused.errorText)")
            }
            #expect(try Files.read(alpha.guest.journal) == journal)
        }

        @Test("Every check of verify passes")
        func verified() async throws {
            try await Stage.run("verify alpha") { try await Guests.undisturbed().guest.verify().expectPassed() }
        }

        @Test("With the default route over another card, the checks of the network look at the guest's own")
        func anotherCard() async throws {
            let guest = try await Guests.undisturbed().guest
            try await guest.root(
                """
                ip route show default >/run/kept-route
                ip link add name eth7 type veth peer name eth8
                ip address add 192.0.2.1/24 dev eth7
                ip link set dev eth7 up
                ip link set dev eth8 up
                ip route replace default via 192.0.2.9 dev eth7
                """)
            let findings = try await guest.verify("--only", "network")
            try await guest.root("ip link delete dev eth7; ip route replace $(cat /run/kept-route)")
            for check in ["network.driver", "network.offloads", "network.queues"] {
                let finding = try #require(findings.first { $0.check == check })
                #expect(finding.level == .pass, "\(check): \(finding.measured)")
            }
            let isolation = try #require(findings.first { $0.check == "network.isolation" })
            #expect(isolation.measured != "the guest could not try it")
        }

        @Test("Roles, databases, extensions and settings of the spec are there, whatever their names")
        func namesOfTheSpec() async throws {
            let guest = try await Guests.undisturbed().guest
            #expect(try await guest.query("SELECT current_user || '|' || current_database()") == "\(SharedSpec.oddRole)|\(SharedSpec.oddDatabase)")
            #expect(try await guest.query("SELECT extname FROM pg_extension WHERE extname <> 'plpgsql' ORDER BY 1") == "hstore\npg_trgm")
            #expect(try await guest.query("SHOW log_min_duration_statement") == "250ms")
            #expect(try await guest.query("SHOW shop.note") == #"it's 100 % "quoted", \ $HOME 🐘"#)
            #expect(try await guest.query("SELECT pg_has_role('app', 'member') AND pg_has_role('pg_read_all_data', 'member')") == "t")
            #expect(try await guest.query("SELECT current_user", database: "plain") == "app")
        }

        @Test("After the first boot the seed is gone, cloud-init is off, and the guest has a key of its own")
        func seedIsGone() async throws {
            let guest = try await Guests.undisturbed().guest
            #expect(!Files.exists(guest.machine.appending("seed.iso")))
            #expect(try await guest.root("ls /dev/disk/by-label").split(separator: "\n").contains("cidata") == false)
            #expect(try await guest.root("lsblk -dno NAME | sort").split(separator: "\n").filter { $0.hasPrefix("vd") } == ["vda", "vdb"])
            try await guest.root("test -e /etc/cloud/cloud-init.disabled")
            let inGuest = try await guest.root("cut -d ' ' -f 1,2 /etc/ssh/ssh_host_ed25519_key.pub; ls /etc/ssh/ssh_host_* | wc -l")
            #expect(
                inGuest.split(separator: "\n").map(String.init) == [
                    try Files.readText(guest.directory.appending("known_host")).split(separator: "\n").joined(), "2",
                ])
        }

        @Test("QEMU runs without rights, in a sandbox, under the appliance's name, and only its owner reads its files")
        func process() async throws {
            let guest = try await Guests.undisturbed().guest
            let id = try #require(try await guest.status().processID)
            let lines = try Files.readText(FilePath("/proc/\(id)/status")).split(separator: "\n").map {
                $0.split(whereSeparator: \.isWhitespace).map(String.init)
            }
            func field(_ name: String) -> [String] { lines.first { $0.first == name + ":" }.map { Array($0.dropFirst()) } ?? [] }
            #expect(field("Uid").count == 4)
            #expect(!field("Uid").contains("0"))
            #expect(!field("Gid").contains("0"))
            #expect(field("Groups").isEmpty || !field("Groups").contains("0"))
            #expect(field("CapEff") == ["0000000000000000"])
            #expect(field("NoNewPrivs") == ["1"])
            #expect(field("Seccomp") == ["2"])
            #expect(field("Name") == ["pg-alpha"])
            #expect(try Files.readText(FilePath("/proc/\(id)/comm")) == "pg-alpha\n")
            let arguments = try Files.read(FilePath("/proc/\(id)/cmdline")).split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            #expect(arguments.contains { $0.hasPrefix("guest=alpha") })
            #expect(arguments.contains { $0.hasPrefix("stream,id=net0") })

            for path in [guest.home.path, guest.directory, guest.machine] { #expect(Files.status(path)?.permissions == 0o700, "\(path)") }
            for name in try Files.list(guest.machine) {
                let status = try #require(Files.status(guest.machine.appending(name)))
                #expect(status.permissions & 0o077 == 0, "\(name)")
            }
            for name in ["id_ed25519", "ca.key", "pgpass", "journal.jsonl", "spec.yaml", "known_host"] {
                #expect(Files.status(guest.directory.appending(name))?.permissions == 0o600, "\(name)")
            }
        }

        @Test("Of nine listeners on the host's loopback interface the guest reaches none, and it is asked nothing but what it has to answer")
        func isolation() async throws {
            let guest = try await Guests.undisturbed().guest
            var listeners: [(socket: FileDescriptor, port: UInt16)] = []
            defer { for listener in listeners { try? listener.socket.close() } }
            for _ in 0..<9 { listeners.append(try Sockets.listen()) }
            let ports = listeners.map { "\($0.port)" }.joined(separator: " ")
            // Its own server shows that the tries are ones.
            let script = """
                try() { timeout 2 bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null && echo "$1 $2"; true; }
                try 10.0.2.15 22
                for port in \(ports); do for address in 10.0.2.2 10.0.2.3; do try $address $port & done; done
                wait
                """
            #expect(try await guest.root(script) == "10.0.2.15 22")
            let findings = try await guest.measured("--quick", "--only", "network").findings
            #expect(findings.first { $0.check == "network.isolation" }?.level == .pass, "\(findings)")
            #expect(findings.first { $0.check == "network.path" }?.measured.hasPrefix("passt") == true)
            // Names are asked for where passt answers.
            try await guest.root("resolvectl dns | grep -q 10.0.2.3")
        }

        @Test("No password and no private key is anywhere but in its own file")
        func secrets() async throws {
            let alpha = try await Guests.undisturbed()
            let secrets = try Secrets.all(of: alpha.guest)
            for place in try Secrets.hostFiles(of: alpha.guest) {
                #expect(Secrets.found(secrets, in: try Files.read(place)).isEmpty, "\(place)")
            }
            #expect(Secrets.found(secrets, in: Array(alpha.output.utf8)).isEmpty)
            #expect(alpha.commandLines.contains { $0.contains("guest=alpha") }, "the command lines were not watched")
            for line in alpha.commandLines { #expect(Secrets.found(secrets, in: Array(line.utf8)).isEmpty, "\(line)") }

            let patterns = secrets.joined(separator: "\n")
            let places = "/var/log /var/lib/cloud /run/cloud-init /etc/cloud /var/lib/pgkvm /run/pgkvm /tmp /var/tmp /root /home"
            let search = """
                umask 077
                cat >/run/patterns
                grep -rlaF -f /run/patterns \(places) 2>/dev/null
                journalctl --no-pager -a -o cat | grep -qaF -f /run/patterns && echo journal
                rm /run/patterns
                """
            // The patterns come over standard input, so that they are on no command line there either.
            let result = try await alpha.home.run("ssh", "alpha", "--", "sudo", "-n", "sh", "-c", search, input: Array(patterns.utf8))
            #expect(result.status == 0, "\(result.errorText)")
            #expect(result.outputText.isEmpty, "in the guest: \(result.outputText)")
        }

        @Test("A setting changed by hand makes verify fail by its name, and a reset makes it pass again")
        func honesty() async throws {
            let guest = try await Guests.undisturbed().guest
            func superuser(_ query: String) async throws { try await guest.root(#"sudo -u postgres psql -Xq -c "\#(query)" -c "SELECT pg_reload_conf()" "#) }
            try await superuser("ALTER SYSTEM SET work_mem = '7MB'")
            let failed = try await guest.verify().filter { $0.level == .fail }
            try await superuser("ALTER SYSTEM RESET work_mem")
            #expect(failed.map(\.check) == ["postgresql.settings"])
            let measured = try #require(failed.first?.measured)
            #expect(measured.contains("work_mem") && measured.contains("7MB") || measured.contains("7168kB"), "\(measured)")
            #expect(measured.contains("postgresql.auto.conf"), "\(measured)")
            try await guest.verify().expectPassed()
        }

        @Test("A guest with another host key is refused before anything is sent to it")
        func wrongHostKey() async throws {
            let guest = try await Guests.undisturbed().guest
            let pinned = guest.directory.appending("known_host")
            let right = try Files.readText(pinned)
            let keys = "journalctl -u ssh.service -u ssh@* -u ssh.socket -o cat --no-pager | grep -c -e Accepted -e 'authenticating user' || true"
            let before = try #require(Int(try await guest.root(keys)))
            try await withOtherKey(guest) { path in
                try Files.write(try Files.readText(path).split(separator: " ").prefix(2).joined(separator: " ") + "\n", to: pinned)
            }
            let refused = try await guest.home.run("ssh", "alpha", "--", "true")
            let deploy = try await guest.home.run("deploy", guest.directory.appending("spec.yaml").string)
            try Files.write(right, to: pinned)
            #expect(refused.status == 1)
            #expect(refused.errorText.contains("host key"), "\(refused.errorText)")
            #expect(deploy.status == 1)
            #expect(deploy.errorText.contains("host key"), "\(deploy.errorText)")
            // The question after and the one before log in once each; what was refused has not come so far.
            let after = try #require(Int(try await guest.root(keys)))
            #expect(after == before + 1)
        }

        /// A public key that is not the guest's.
        private func withOtherKey(_ guest: Guest, _ body: (FilePath) throws -> Void) async throws {
            let key = guest.home.path.appending("other-key")
            _ = try await ProgramRunner.check("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "", "-f", key.string])
            defer { for path in [key, FilePath("\(key).pub")] { try? Files.remove(path) } }
            try body(FilePath("\(key).pub"))
        }
    }
}
