internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting

/// How mmdebstrap gets root rights for the files that it unpacks.
enum BuildNamespace: String, Sendable {
    /// In its own namespaces: with private mounts, and user ids where the caller is not root.
    case unshare
    /// As the real root, where namespaces are forbidden; then nothing is mounted.
    case root

    /// Asks mmdebstrap which mode works here.
    /// - Throws: `image.build-impossible`.
    static func available() async throws -> BuildNamespace {
        let probe = try await ProgramRunner.run("mmdebstrap", ["--unshare-helper", "true"])
        if probe.status == 0 { return .unshare }
        if HostEnvironment.isRoot { return .root }
        let said = probe.errorText.split(at: "\n").last.map { ": \($0)" } ?? ""
        throw Failure(
            .imageBuildImpossible, "mmdebstrap cannot make a user namespace here\(said)",
            remedy: "install 'uidmap', give this user a range in /etc/subuid and /etc/subgid (usermod --add-subuids 100000-165535 "
                + "--add-subgids 100000-165535 USER), and allow user namespaces (sysctl kernel.unprivileged_userns_clone=1); or run as root")
    }
}
