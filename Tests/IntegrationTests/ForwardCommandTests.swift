import ApplianceModel
import HostSystem
import SystemPackage
import TestSupport
import Testing

extension GuestTests {
    /// The way in that is no port. These tests leave the guest as they found it. The name puts them before those that delete it.
    @Suite("The forwarded Unix socket")
    struct ForwardCommandTests {
        private static let question = "SELECT current_user || '|' || coalesce(inet_client_addr()::text, 'local')"

        private func psql(_ target: String, _ guest: Guest, as user: [String] = []) async throws -> ProgramResult {
            let command = user + ["psql", target, "-X", "-A", "-t", "-w", "-c", Self.question]
            return try await ProgramRunner.run(command[0], Array(command.dropFirst()), workingDirectory: guest.home.path)
        }

        /// Runs `body` while `pgkvm forward` runs, which finds nothing of an earlier one.
        private func forwarding(_ guest: Guest, _ body: (_ socket: FilePath) async throws -> Void) async throws {
            let directory = guest.directory.appending("socket")
            try Files.remove(directory)
            let forward = try guest.home.start("forward", guest.name)
            do {
                let socket = try #require(
                    try await forward.waiting(every: .milliseconds(50)) {
                        (try? Files.list(directory))?.first { $0.hasPrefix(".s.PGSQL.") }.map { directory.appending($0) }
                    }, "\(forward.output)")
                try await body(socket)
            } catch {
                forward.send(2)
                _ = try await forward.end()
                throw error
            }
            forward.send(2)
            // ssh says 255 of whatever ended it, or ends by the signal.
            let status = try await forward.end()
            #expect([130, 255].contains(status), "\(forward.output)")
        }

        @Test("Its user gets to PostgreSQL by it with the password from the passfile, nobody without, and no other user")
        func doors() async throws {
            let guest = try await Guests.undisturbed().guest
            try await forwarding(guest) { socket in
                #expect(Files.status(socket)?.permissions == 0o600)
                #expect(Files.status(socket.removingLastComponent())?.permissions == 0o700)
                let target = try await guest.home.check("connection", guest.name, "--as", "socket", "--database", "plain", "--role", "app")
                let inside = try await psql(target, guest)
                #expect(inside.outputText == "app|local\n", "\(inside.errorText)")
                let bare = "host=\(socket.removingLastComponent()) port=\(socket.extension ?? "") dbname=plain user=app"
                #expect(try await psql("\(bare) passfile=/nonexistent", guest).errorText.contains("no password supplied"))
                #expect(try await psql("\(bare) password=wrong", guest).errorText.contains("password authentication failed"))
                #expect(try await psql("\(bare) user=postgres", guest).errorText.contains("Peer authentication failed"))
                let other = try await psql("\(bare) password=wrong", guest, as: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"])
                #expect(other.errorText.contains("Permission denied"), "\(other.errorText)")
            }
        }

        @Test("A second one is refused while the first holds the socket open, and replaces what a killed one left")
        func second() async throws {
            let guest = try await Guests.undisturbed().guest
            try await forwarding(guest) { _ in
                let result = try await guest.home.run("forward", guest.name)
                #expect(result.status == 1)
                #expect(result.errorText.contains("another 'pgkvm forward' holds"), "\(result.errorText)")
            }
            // The socket of the one that has ended is still there.
            #expect(try Files.list(guest.directory.appending("socket")).contains { $0.hasPrefix(".s.PGSQL.") })
            let next = try guest.home.start("forward", guest.name)
            let target = try await guest.home.check("connection", guest.name, "--as", "socket", "--database", "plain", "--role", "app")
            let answer = try await poll(every: .milliseconds(200), until: .now + .seconds(120), on: ContinuousClock()) {
                try await psql(target, guest).status == 0 ? true : nil
            }
            next.send(2)
            _ = try await next.end()
            #expect(answer == true)
        }
    }
}
