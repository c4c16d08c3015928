import ApplianceModel
import Basics
import HostSystem
import SystemPackage

/// A web server on a loopback port that breaks off, refuses to continue, or serves well.
struct ImageServer {
    let port: Int
    /// One line for each request: the method, the path and the range asked for.
    let log: FilePath

    func url(_ name: String) -> String { "http://127.0.0.1:\(port)/\(name)" }
    func requests() throws -> [String] { try Files.readText(log).split(separator: "\n").map(String.init) }

    /// Serves a directory until `body` is done.
    /// - Parameters:
    ///   - cut: bytes after which each of the first `cuts` answers breaks off.
    ///   - ranges: whether it can continue a download.
    static func with<Value>(
        serving directory: FilePath, cut: Int = 0, cuts: Int = 0, ranges: Bool = true, _ body: (ImageServer) async throws -> Value
    ) async throws -> Value {
        let log = directory.appending(".log")
        let ready = directory.appending(".port")
        try Files.write("", to: log)
        try Files.remove(ready)
        let output = try FileDescriptor.open(directory.appending(".output"), .writeOnly, options: [.create, .append], permissions: .ownerReadWrite)
        defer { try? output.close() }
        let process = try DetachedProcess.spawn(
            ["python3", "-c", script, directory.string, log.string, ready.string, String(cut), String(cuts), ranges ? "1" : "0"], in: directory,
            output: output)
        func stop() async throws {
            if process.exitStatus() == nil { try ProcessTable.kill(process.processID) }
            _ = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(10)), on: ContinuousClock()) { process.exitStatus() }
        }
        do {
            let port = try await poll(every: .milliseconds(600), until: .now.advanced(by: .seconds(30)), on: ContinuousClock()) {
                try Files.readIfPresent(ready).flatMap { Int(String(decoding: $0, as: UTF8.self)) }
            }
            guard let port else { throw Failure(.timedOut, "the web server did not come up: \(try Files.readText(directory.appending(".output")))") }
            let value = try await body(ImageServer(port: port, log: log))
            try await stop()
            return value
        } catch {
            try await stop()
            throw error
        }
    }

    private static let script = """
        import http.server, os, sys
        directory, log, ready, cut, cuts, ranges = sys.argv[1:]
        left = int(cuts)

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                global left
                with open(log, "a") as file:
                    file.write(f"GET {self.path} {self.headers.get('Range', '-')}\\n")
                path = os.path.join(directory, self.path.lstrip("/").split("?")[0])
                if not os.path.isfile(path):
                    return self.send_error(404)
                with open(path, "rb") as file:
                    content = file.read()
                asked = self.headers.get("Range")
                start = int(asked.split("=")[1].split("-")[0]) if asked and ranges == "1" else 0
                if asked and ranges == "1" and start >= len(content):
                    return self.send_error(416)
                self.send_response(206 if asked and ranges == "1" else 200)
                if asked and ranges == "1":
                    self.send_header("Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}")
                self.send_header("Content-Length", str(len(content) - start))
                self.end_headers()
                part = content[start:]
                if left > 0:
                    left -= 1
                    part = part[:int(cut)]
                self.wfile.write(part)

            def log_message(self, *arguments):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        with open(ready + ".new", "w") as file:
            file.write(str(server.server_port))
        os.rename(ready + ".new", ready)
        server.serve_forever()
        """
}
