internal import Basics
internal import HostSystem
package import SystemPackage

/// The programs in `Tests/Drivers`.
package enum Drivers {
    /// The text of one, so that a user who may not read this checkout can run it.
    package static func text(_ name: String) throws -> String {
        try Files.readText(FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Drivers").appending(name))
    }

    /// Starts one in the background.
    /// - Parameter user: the id of the user who runs it; nil for the test's own.
    package static func start(_ name: String, _ arguments: [String], as user: UInt32? = nil, in directory: FilePath) throws -> BackgroundProgram {
        // Another user may not be let into the directory in which the test's own finds its interpreter.
        let runner = user.map { ["setpriv", "--reuid=\($0)", "--regid=\($0)", "--clear-groups", "--", "/usr/bin/python3"] } ?? ["python3"]
        return try BackgroundProgram(runner + ["-c", text(name)] + arguments, in: directory)
    }
}

/// A Unix socket on which something listens that does what a monitor or an agent must not.
package enum HostileSocket {
    /// Listens as long as `body` runs.
    /// - Parameter behaviour: one of `Tests/Drivers/hostile-socket.py`.
    package static func with<Value>(_ behaviour: String, at path: FilePath, _ body: () async throws -> Value) async throws -> Value {
        let scratch = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-hostile")
        let server = try Drivers.start("hostile-socket.py", [path.string, behaviour], in: scratch)
        func end() {
            server.send(9)
            try? Files.remove(scratch)
        }
        do {
            guard try await server.waiting({ Files.exists(path) ? true : nil }) == true else {
                throw Failure(.programFailed, "the hostile server did not start: \(server.output)")
            }
            let value = try await body()
            end()
            return value
        } catch {
            end()
            throw error
        }
    }
}
