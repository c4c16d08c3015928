internal import ApplianceModel
internal import Basics
internal import Foundation
internal import Glibc
internal import HostSystem
package import Synchronization
package import SystemPackage

/// A server that behaves as the API of Proxmox VE was seen to behave, its faults included (`Tests/Proxmox/exchanges.json`).
///
/// It is no Proxmox VE: it knows what was recorded and what the schema says. It is strict on purpose, so that a client that pleases it
/// has a chance with the real one: chunked bodies, a wrong order of parts, a parameter that the schema does not have are refused.
/// TLS is in front of it (`socat`), with an authority of its own.
package final class PVEServer: Sendable {
    /// What a test gives a started machine, and takes away again.
    package struct Hooks: Sendable {
        /// Called with the number, the configuration and the files of the volumes that were uploaded.
        package var onStart: (@Sendable (Int, [String: String], [String: FilePath]) throws -> Void)?
        package var onStop: (@Sendable (Int) throws -> Void)?

        package init() {}
    }

    /// The token that it takes.
    package static let token = "deploy@pve!ci=0b2c4a46-bbd3-95ac-1734-a424d049c368"

    /// The line that gives this server its token.
    package var tokenLine: String { "\(url.dropFirst(8)) \(Self.token)" }

    package let model: Mutex<PVEModel>
    package let requests = Mutex<[PVERequest]>([])
    package let url: String
    /// The certificate of its authority.
    package let authority: FilePath
    /// Of its own certificate, as Proxmox shows it.
    package let fingerprint: String
    /// What it keeps of uploads, and what a test wants to keep beside it; removed at the end.
    package let directory: FilePath
    let schema: PVESchema
    let hooks: Hooks
    private let listener: FileDescriptor
    /// Threads that serve, the one that accepts included. Threads, since reading blocks.
    private let threads = Mutex(0)

    /// Whether the programs that it takes are installed.
    package static let isAvailable = ["socat", "setpriv", "openssl", "curl"].allSatisfy { ProgramRunner.lookUp($0) != nil }

    private init(
        model: PVEModel, schema: PVESchema, hooks: Hooks, tlsPort: UInt16, listener: FileDescriptor, directory: FilePath, fingerprint: String
    ) {
        self.model = Mutex(model)
        self.schema = schema
        self.hooks = hooks
        self.listener = listener
        self.directory = directory
        self.fingerprint = fingerprint
        url = "https://127.0.0.1:\(tlsPort)"
        authority = directory.appending("ca.pem")
    }

    /// Serves as long as `body` runs; nothing of it stays.
    /// - Parameters:
    ///   - validity: of the certificate, in days; 0 is one that has expired, -1 one whose time has not come yet.
    ///   - name: whom the certificate is for.
    ///   - hasOwnKey: whether it has an authority and a key of its own; else it shares them with the other servers of this process.
    package static func with<Value: Sendable>(
        _ model: PVEModel = PVEModel(), version: PVESchema.Version = .pve9, validity: Int = 2, name: String = "IP:127.0.0.1", hasOwnKey: Bool = false,
        hooks: Hooks = Hooks(),
        _ body: (PVEServer) async throws -> Value
    ) async throws -> Value {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-pve")
        defer { try? Files.remove(directory) }
        let made = try await certificates.make(validity: validity, name: name, isShared: !hasOwnKey)
        for (file, bytes) in made.files { try Files.write(bytes, to: directory.appending(file)) }
        let fingerprint = made.fingerprint
        let (listener, plainPort) = try listen()
        let tlsPort = try Sockets.pickFreePort()
        // A closed listener would leave `accept` waiting.
        defer { try? listener.close() }
        let server = PVEServer(
            model: model, schema: try PVESchema(version), hooks: hooks, tlsPort: tlsPort, listener: listener, directory: directory, fingerprint: fingerprint)
        server.inThread { server.accept() }
        do {
            let value = try await server.behindTLS(tlsPort, plainPort, body)
            try await server.end()
            return value
        } catch {
            try? await server.end()
            throw error
        }
    }

    private func inThread(_ body: @escaping @Sendable () -> Void) {
        threads.withLock { $0 += 1 }
        Thread.detachNewThread {
            body()
            self.threads.withLock { $0 -= 1 }
        }
    }

    /// Waits until every connection has ended; their other ends are gone by now.
    private func end() async throws {
        _ = shutdown(listener.rawValue, Int32(SHUT_RDWR))
        let clock = ContinuousClock()
        let isDone: Bool? = try await withoutCancellation {
            try await poll(every: .milliseconds(5), until: clock.now + .seconds(600), on: clock) { self.threads.withLock { $0 == 0 ? true : nil } }
        }
        guard isDone == true else { throw Failure(.timedOut, "a connection to the server does not end") }
    }

    private func behindTLS<Value: Sendable>(_ tlsPort: UInt16, _ plainPort: UInt16, _ body: (PVEServer) async throws -> Value) async throws -> Value {
        let directory = directory
        return try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                // It ends with the test, also with one that is killed.
                let result = try await ProgramRunner.run(
                    "setpriv",
                    [
                        "--pdeathsig", "KILL", "socat",
                        "OPENSSL-LISTEN:\(tlsPort),bind=127.0.0.1,reuseaddr,fork,backlog=64,verify=0,cert=\(directory)/server.pem,key=\(directory)/server.key",
                        "TCP:127.0.0.1:\(plainPort)",
                    ])
                if !Task.isCancelled { throw Failure(.programFailed, "socat ended: \(result.errorText)") }
            }
            do {
                try await waitUntilReady(tlsPort)
                let value = try await body(self)
                group.cancelAll()
                while await group.nextResult() != nil {}
                return value
            } catch {
                group.cancelAll()
                while await group.nextResult() != nil {}
                throw error
            }
        }
    }

    private func waitUntilReady(_ port: UInt16) async throws {
        let clock = ContinuousClock()
        let isReady: Bool? = try await poll(every: .milliseconds(600), until: clock.now + .seconds(300), on: clock) {
            guard let socket = try? await Sockets.connect(to: Endpoint(host: "127.0.0.1", port: port), timeout: .seconds(1)) else { return nil }
            try? socket.close()
            return true
        }
        guard isReady == true else { throw Failure(.timedOut, "socat does not listen on port \(port)") }
    }

    private static func listen() throws -> (FileDescriptor, UInt16) {
        let file = FileDescriptor(rawValue: socket(AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0))
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr = in_addr(s_addr: UInt32(0x7F00_0001).bigEndian)
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let code = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { address in
                bind(file.rawValue, address, length) == 0 && Glibc.listen(file.rawValue, 64) == 0 ? getsockname(file.rawValue, address, &length) : -1
            }
        }
        guard code == 0 else { throw Failure(.programFailed, "cannot listen on 127.0.0.1", cause: Errno(rawValue: errno)) }
        return (file, UInt16(bigEndian: address.sin_port))
    }

    private static let certificates = PVECertificates()

    // MARK: Connections

    private func accept() {
        while true {
            let raw = Glibc.accept(listener.rawValue, nil, nil)
            guard raw >= 0 else { return }
            inThread { self.serve(PVESocket(file: FileDescriptor(rawValue: raw))) }
        }
    }

    private func serve(_ socket: PVESocket) {
        defer { try? socket.file.close() }
        guard let (request, rest) = socket.readHead() else { return }
        guard let answer = answer(request, rest, socket) else { return }
        socket.write(Array(answer.utf8))
        // What the other side still sends would otherwise turn the end into a reset, and take the answer with it.
        _ = shutdown(socket.file.rawValue, Int32(SHUT_WR))
        while let more = socket.read(), !more.isEmpty {}
    }

    /// The whole answer; nil where the connection just ends.
    private func answer(_ http: PVEHTTPRequest, _ rest: [UInt8], _ socket: PVESocket) -> String? {
        if http.headers["transfer-encoding"] != nil { return Self.wire(501, "chunked transfer encoding not supported", "") }
        guard http.headers["expect"] == nil else { return nil }
        var segments = http.segments
        guard segments.starts(with: ["api2", "json"]) else { return Self.wire(404, "No such file", "") }
        segments.removeFirst(2)
        guard http.headers["authorization"] == "PVEAPIToken=\(Self.token)" else {
            Thread.sleep(forTimeInterval: model.withLock { $0.refusalDelay / .seconds(1) })
            return Self.wire(401, "Authentication failed!", "")
        }
        let isUpload = segments.last == "upload"
        if ["GET", "DELETE"].contains(http.method), http.length > 0 {
            return Self.wire(501, "Unexpected content for method '\(http.method)'", "")
        }
        if !isUpload, http.length > 512 << 10 { return Self.wire(501, "for data too large", "") }
        if ["POST", "PUT"].contains(http.method), http.headers["content-length"] == nil { return Self.wire(411, "Length Required", "") }
        let number = requests.withLock { $0.count + 1 }
        let (fault, silence) = model.withLock { model in (model.takeFault(http.method, "/" + segments.joined(separator: "/")), model.silence) }
        let isLast = silence.map { number == $0.from && $0.carriesOut } ?? false
        if let silence, number >= silence.from, !isLast {
            requests.withLock { $0.append(PVERequest(method: http.method, segments: segments, parameters: [], headers: http.headers)) }
            return nil
        }
        var parameters = http.query
        var upload: PVEUpload?
        do {
            if isUpload {
                var cut: Int?
                if case .cutUpload(let count)? = fault { cut = count }
                guard let came = try socket.readUpload(http, rest, into: directory, cut: cut) else { return nil }
                upload = came
                parameters = came.fields + [("filename", came.fileName)]
            } else if http.length > 0 {
                var body = rest
                while body.count < http.length {
                    guard let more = socket.read(), !more.isEmpty else { return nil }
                    body += more
                }
                parameters += PVEHTTPRequest.form(String(decoding: body, as: UTF8.self))
            }
        } catch {
            return Self.wire(error.status, error.message, error.message)
        }
        let request = PVERequest(method: http.method, segments: segments, parameters: parameters, headers: http.headers)
        requests.withLock { $0.append(request) }
        if case .answer(let status, let reason, let body)? = fault { return Self.wire(status, reason, body) }
        if case .cutBefore? = fault { return nil }
        if case .lateUpload(let requests)? = fault, let upload {
            model.withLock { $0.lateUploads.append((requests, request, upload)) }
            return nil
        }
        let answer = carryOut(request, upload, fault)
        if case .cutAfter? = fault { return nil }
        return isLast ? nil : answer
    }

    private func carryOut(_ request: PVERequest, _ upload: PVEUpload?, _ fault: PVEModel.Fault.Action?) -> String {
        do {
            let (data, textNumbers) = try model.withLock { model throws(PVERefusal) in
                model.letLateUploadsArrive(schema, hooks)
                return (try model.route(request, upload, schema, fault, hooks), model.textNumbers)
            }
            return Self.wire(200, "OK", "{\"data\":\(PVEJSON.text(data, textNumbers: textNumbers))}")
        } catch {
            let reason = error.message.split(separator: "\n").first.map(String.init) ?? ""
            if error.hasEmptyBody { return Self.wire(error.status, reason, "") }
            var body: [String: JSONValue] = ["data": .null, "message": .string(error.message + "\n")]
            if !error.errors.isEmpty { body["errors"] = .object(error.errors.mapValues { .string($0) }) }
            return Self.wire(error.status, reason, PVEJSON.text(.object(body), textNumbers: false))
        }
    }

    private static func wire(_ status: Int, _ reason: String, _ body: String) -> String {
        "HTTP/1.1 \(status) \(reason)\r\nCache-Control: max-age=0\r\nConnection: close\r\nContent-Type: application/json;charset=UTF-8\r\n"
            + "Content-Length: \(body.utf8.count)\r\nServer: pve-api-daemon/3.0\r\n\r\n\(body)"
    }
}

extension PVEModel {
    mutating func letLateUploadsArrive(_ schema: PVESchema, _ hooks: PVEServer.Hooks) {
        for index in lateUploads.indices { lateUploads[index].requests -= 1 }
        for late in lateUploads where late.requests <= 0 { _ = try? route(late.request, late.upload, schema, nil, hooks) }
        lateUploads.removeAll { $0.requests <= 0 }
    }

    mutating func takeFault(_ method: String, _ path: String) -> Fault.Action? {
        guard let index = faults.firstIndex(where: { $0.method == method && path.contains($0.path) }) else { return nil }
        guard faults[index].skipping == 0 else {
            faults[index].skipping -= 1
            return nil
        }
        return faults.remove(at: index).action
    }
}
