internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import SystemPackage

/// The certificates of the servers of this process, made once for each kind, since making them takes longer than a test.
actor PVECertificates {
    struct Made: Sendable {
        /// By the name of the file: `ca.pem`, `server.pem`, `server.key`.
        let files: [String: [UInt8]]
        /// SHA-256 of the server's, as Proxmox shows it.
        let fingerprint: String
    }

    private var known: [String: Task<Made, any Error>] = [:]

    /// An authority, and a certificate of it for a server.
    /// - Parameters:
    ///   - validity: in days; 0 is one that has expired, -1 one whose time has not come yet.
    ///   - name: a subjectAltName.
    ///   - isShared: whether the one that was made before will do.
    func make(validity: Int, name: String, isShared: Bool) async throws -> Made {
        guard isShared else { return try await Self.made(validity: validity, name: name) }
        let task = known["\(validity) \(name)"] ?? Task { try await Self.made(validity: validity, name: name) }
        known["\(validity) \(name)"] = task
        return try await task.value
    }

    private static func made(validity: Int, name: String) async throws -> Made {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-pve-keys")
        defer { try? Files.remove(directory) }
        let script = #"""
            cd "$1"
            openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout ca.key -out ca.pem -days 3 -subj "/CN=Proxmox Virtual Environment/OU=$(cat /proc/sys/kernel/random/uuid)/O=PVE Cluster Manager CA"
            openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout server.key -out server.csr -subj "/CN=pve1"
            printf 'subjectAltName=%s\n' "$3" > names
            if [ "$2" -lt 1 ]; then
                years="-startdate 20200101000000Z -enddate 20200102000000Z"
                [ "$2" = 0 ] || years="-startdate 20900101000000Z -enddate 20910101000000Z"
                mkdir new; : > index; echo 01 > serial
                openssl ca -batch -notext -md sha256 -keyfile ca.key -cert ca.pem -in server.csr -out server.pem $years \
                    -extfile names -outdir new -config /dev/stdin <<'EOF'
            [ca]
            default_ca = here
            [here]
            database = index
            serial = serial
            policy = any
            [any]
            commonName = supplied
            EOF
            else
                openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days "$2" -extfile names
            fi
            openssl x509 -in server.pem -noout -fingerprint -sha256 >&3
            """#
        let result = try await ProgramRunner.run(
            "bash", ["-c", "exec 3>&1 >/dev/null; set -e\n" + script, "bash", directory.string, "\(validity)", name])
        guard result.status == 0, let sign = result.outputText.firstIndex(of: "=") else {
            throw Failure(.programFailed, "openssl made no certificate: \(result.errorText)")
        }
        let files = try ["ca.pem", "server.pem", "server.key"].map { ($0, try Files.read(directory.appending($0))) }
        return Made(
            files: Dictionary(uniqueKeysWithValues: files),
            fingerprint: String(result.outputText[result.outputText.index(after: sign)...].prefix { !$0.isWhitespace }))
    }
}
