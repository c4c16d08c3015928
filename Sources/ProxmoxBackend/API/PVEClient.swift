internal import ApplianceModel
package import Basics
internal import HostSystem
internal import Quoting
internal import Synchronization
internal import SystemPackage

/// The API of a Proxmox VE server over HTTPS: one run of the `curl` program for each request.
///
/// curl reads the whole request, including the token, from its standard input. So the token never appears in arguments, files or the debug log.
/// `~/.curlrc`, which could switch the verification off, is not read. Redirects are not followed.
package struct PVEClient: Sendable {
    let connection: ProxmoxConnection
    package let token: PVEToken
    let pin: ServerPin
    let contact: ServerContact
    let timing: PVETiming

    init(connection: ProxmoxConnection, token: PVEToken, pin: ServerPin, contact: ServerContact = ServerContact(), timing: PVETiming) {
        self.connection = connection
        self.token = token
        self.pin = pin
        self.contact = contact
        self.timing = timing
    }

    package init(connection: ProxmoxConnection, token: PVEToken, timing: PVETiming = PVETiming()) {
        self.init(connection: connection, token: token, pin: ServerPin(), timing: timing)
    }

    /// The data in the answer.
    /// - Throws: whatever `answer` throws; `proxmox.token`, `proxmox.permission`, `proxmox.parameters`, `proxmox.refused`, …
    ///   depending on the server's answer.
    package func data(_ call: PVECall) async throws -> JSONValue { try await answer(call).data(call, token: token) }

    /// The answer, with any status.
    ///
    /// When a server has answered before and does not answer now, it is being restarted or its network is down. The request is then repeated for as
    /// long as `PVETiming.outage`, unless that could do something twice.
    /// - Throws: `proxmox.unreachable`, `proxmox.certificate`, `proxmox.fingerprint`, `proxmox.not-proxmox`, `program.missing`.
    package func answer(_ call: PVECall) async throws -> PVEAnswer {
        let clock = ContinuousClock()
        let start = clock.now
        var pause = timing.firstPause
        var tries = 0
        while true {
            do {
                let answer = try await exchange(call)
                contact.hasAnswered = true
                return answer
            } catch let error as CurlFailure {
                tries += 1
                guard contact.hasAnswered, error.mayBeRepeated, tries < 2 || clock.now - start < timing.outage else { throw error.failure }
            }
            try await WaitingTime.measure { try await clock.sleep(for: pause) }
            pause = min(timing.longestPause, pause * 1.5)
        }
    }

    /// - Throws: `CurlFailure` when no answer came, and what `answer` throws.
    private func exchange(_ call: PVECall) async throws -> PVEAnswer {
        let address = try ServerAddress(url: connection.url)
        var key: String?
        if case .fingerprint(let fingerprint) = connection.trust {
            key = try await pin.publicKey(fingerprint: fingerprint, authority: address)
        }
        let configuration = try configuration(of: call, at: address, publicKey: key)
        return try await DebugLog.telling(.info, "\(call.method.rawValue) \(call.path)", end: { "\($0.status) \($0.reason)" }) {
            let result = try await ProgramRunner.run("curl", ["--disable", "--config", "-"], input: Array(configuration.text.utf8))
            let answer = PVEAnswer(wire: result.standardOutput)
            if result.status == 0 {
                guard let answer else { throw CurlFailure(status: 52, said: "no HTTP came", call: call, address: address, connection: connection) }
                return answer
            }
            try Task.checkCancellation()
            // A server that refuses an upload answers and closes the connection before it has read everything.
            if [55, 56].contains(result.status), let answer, answer.status >= 400 { return answer }
            throw CurlFailure(status: result.status, said: result.errorText, call: call, address: address, connection: connection)
        }
    }

    /// The configuration for curl. Only the environment's proxy settings are left to curl; a server on this host is contacted directly.
    func configuration(of call: PVECall, at address: ServerAddress, publicKey: String?) throws -> CurlConfiguration {
        var curl = CurlConfiguration()
        for option in ["silent", "show-error", "globoff", "http1.1", "tlsv1.2", "include", "suppress-connect-headers"] { curl.set(option) }
        try curl.set("proto", "=https")
        try curl.set("connect-timeout", "20")
        if address.isLoopback { try curl.set("noproxy", "*") }
        switch connection.trust {
        case .system: break
        case .authority(let file):
            try curl.set("cacert", file.string)
            // Without this, the system's authorities could vouch for the server as well.
            try curl.set("capath", "/dev/null")
        case .fingerprint:
            guard let publicKey else { throw Failure(.proxmoxFingerprint, "the server's public key is not known") }
            // The certificate chain does not matter here, only the key: curl requires the key even of a certificate that it does not check.
            curl.set("insecure")
            try curl.set("pinnedpubkey", publicKey)
        }
        try token.secret.withRevealed { try curl.set("header", "Authorization: PVEAPIToken=\($0)") }
        // The server never answers this header, and curl would wait for the answer.
        try curl.set("header", "Expect:")
        try curl.set("header", "Accept: application/json")
        try curl.set("request", call.method.rawValue)
        let base = "https://\(address)/api2/json\(call.encodedPath)"
        if let upload = call.upload {
            try curl.set("max-time", timing.upload.wholeSeconds)
            try curl.set("speed-limit", "1")
            try curl.set("speed-time", timing.uploadStall.wholeSeconds)
            // The order matters: the server reads the fields before the file.
            for parameter in call.parameters { try curl.set("form-string", "\(parameter.name)=\(parameter.value)") }
            let file = try Failure.naming("the file '\(upload.file)'") {
                try CurlValue(formFile: upload.file.string, name: upload.name, part: "filename")
            }
            curl.set("form", quoted: file)
            try curl.set("url", base)
        } else {
            try curl.set("max-time", timing.call.wholeSeconds)
            switch call.method {
            case .post, .put:
                try curl.set("data-raw", call.encodedParameters)
                try curl.set("url", base)
            // The server refuses a body for these methods.
            case .get, .delete: try curl.set("url", call.parameters.isEmpty ? base : "\(base)?\(call.encodedParameters)")
            }
        }
        return curl
    }
}

extension Duration {
    /// At least one second, for an option of a program.
    var wholeSeconds: String { "\(max(1, components.seconds))" }
}

/// Whether the server has answered in this run: until it has, a missing answer may just as well mean a wrong address.
final class ServerContact: Sendable {
    private let answered = Mutex(false)
    var hasAnswered: Bool {
        get { answered.withLock { $0 } }
        set { answered.withLock { $0 = newValue } }
    }
}

/// The meaning of curl's own exit status.
struct CurlFailure: Error {
    let status: Int32
    let said: String
    let call: PVECall
    let address: ServerAddress
    let connection: ProxmoxConnection

    /// curl's message without `curl: (7) `.
    private var words: String {
        let line = said.split(at: "\n").first { $0.begins(with: "curl:") } ?? said.split(at: "\n").last ?? "curl ended with status \(status)"
        return line.firstMatch(of: /^curl: \([0-9]+\) (.*)$/).map { String($0.1) } ?? String(line)
    }

    /// Whether the same request can be sent again: it only reads, or it has not reached the server (no address, no connection).
    var mayBeRepeated: Bool { failure.code == .proxmoxUnreachable && (call.method == .get || [6, 7].contains(status)) }

    var failure: Failure {
        switch status {
        case 51, 58, 60, 77: return certificateFailure
        case 35 where words.contains("certificate"): return certificateFailure
        case 90:
            return Failure(
                .proxmoxFingerprint, "'\(address)' is not the server with the pinned certificate any more",
                remedy: "compare it on the node: pvenode cert info; when the certificate was renewed, write its fingerprint into the spec")
        case 26:
            return Failure(.fileUnreadable, "cannot read '\(call.upload?.file.string ?? "")' for the upload: \(words)")
        case 55, 56, 52, 18, 16, 92:
            return Failure(
                .proxmoxUnreachable, "the connection to '\(address)' was cut during '\(call.method.rawValue) \(call.path)': \(words)",
                remedy: "run the same command again: it carries on; if it stays: journalctl -u pveproxy on the node")
        case 28:
            return Failure(
                .proxmoxUnreachable, "'\(address)' did not answer '\(call.method.rawValue) \(call.path)' in time: \(words)",
                remedy: "run the same command again; check the network and, on the node: systemctl status pveproxy")
        default:
            return Failure(
                .proxmoxUnreachable, "cannot reach '\(address)': \(words)",
                remedy: "check 'machine.proxmox.url', the network, and on the node: systemctl status pveproxy")
        }
    }

    private var certificateFailure: Failure {
        let remedy =
            if words.contains("expired") {
                "renew it on the node: pvecm updatecerts --force && systemctl restart pveproxy"
            } else if words.contains("subject name") || words.contains("host name") {
                "use a name or an address in 'machine.proxmox.url' that the certificate has: pvenode cert info"
            } else if status == 77, case .authority(let file) = connection.trust {
                "'\(file)' has to be a file with certificates in PEM form"
            } else {
                "copy the cluster's /etc/pve/pve-root-ca.pem and name it in 'machine.proxmox.caFile', or pin the fingerprint that 'pvenode cert info' shows"
            }
        return Failure(.proxmoxCertificate, "the certificate of '\(address)' is not to be trusted: \(words)", remedy: remedy)
    }
}
