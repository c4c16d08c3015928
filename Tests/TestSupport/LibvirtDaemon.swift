internal import ApplianceModel
internal import Basics
internal import Glibc
internal import HostSystem
package import SystemPackage

/// A libvirt daemon of the test's own, apart from the host's: its files, its network and its processes go when the test is done. Only root
/// can make one.
package struct LibvirtDaemon: Sendable {
    private let directory: FilePath
    private let keeper: BackgroundProgram

    /// The address by which a process outside reaches it.
    package var uri: String { "qemu:///system?socket=\(directory)/run/libvirt-sock" }
    /// Where the pool `default` lies, as this host sees it.
    package var images: FilePath { directory.appending("lib").appending("images") }

    /// What a command is run with so that it is on the daemon's host.
    package var prefix: [String] {
        let id = keeper.processID
        return ["nsenter", "--target=\(id)", "--mount", "--net", "--pid=/proc/\(id)/ns/pid_for_children"]
    }

    /// Starts a daemon with a pool and a network `default`, runs `body`, and takes everything away again, whatever comes.
    /// - Parameter hasKVM: whether the daemon's host has what this host has of KVM.
    package static func with<Value: Sendable>(hasKVM: Bool = true, _ body: (LibvirtDaemon) async throws -> Value) async throws -> Value {
        let directory = try Files.createTemporaryDirectory(in: "/var/tmp", prefix: "pgkvm-libvirt")
        var outcome: Result<Value, any Error>
        do {
            let keeper = try BackgroundProgram(
                [
                    "unshare", "--mount", "--net", "--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-euc", script, "daemon", directory.string,
                    hasKVM ? "kvm" : "none",
                ],
                in: directory)
            let daemon = LibvirtDaemon(directory: directory, keeper: keeper)
            do {
                try await daemon.isUp()
                outcome = .success(try await body(daemon))
            } catch {
                outcome = .failure(error)
            }
            // With its first process every other of its process namespace ends.
            keeper.send(SIGKILL)
            _ = try await withoutCancellation { try await keeper.end() }
        } catch {
            outcome = .failure(error)
        }
        try await withoutCancellation {
            _ = try await poll(every: .milliseconds(50), until: .now.advanced(by: .seconds(600)), on: ContinuousClock()) {
                (try? Files.remove(directory)).map { true }
            }
        }
        return try outcome.get()
    }

    /// Runs virsh on the daemon.
    /// - Returns: what it printed.
    @discardableResult
    package func virsh(_ arguments: String..., input: String = "") async throws -> String {
        try await ProgramRunner.check("virsh", ["--connect", uri, "--quiet"] + arguments, input: Array(input.utf8), environment: ["LC_ALL": "C"]).outputText
    }

    /// The domains and volumes that there are, one a line.
    package func everything() async throws -> String {
        let domains = try await virsh("list", "--all", "--name")
        let volumes = try await virsh("vol-list", "default")
        return (domains + volumes).split(separator: "\n").filter { $0.contains { !$0.isWhitespace } }.joined(separator: "\n")
    }

    /// The files that the daemon keeps for machines, one a line.
    package func leftovers() throws -> String {
        try Files.list(directory.appending("lib").appending("qemu").appending("nvram")).joined(separator: "\n")
    }

    /// Runs a command on the daemon's host.
    package func onHost(_ command: String...) async throws { _ = try await ProgramRunner.check(prefix[0], prefix.dropFirst() + command) }

    private func isUp() async throws {
        let marker = directory.appending("up")
        guard try await keeper.waiting(every: .milliseconds(100), { Files.exists(marker) ? true : nil }) != nil else {
            throw Failure(.programFailed, "the libvirt daemon did not start:\n\(keeper.output)")
        }
    }

    /// Everything that the daemon would write lies in the directory, and its machines' KVM device is a node of the test's own.
    private static let script = #"""
        lib=/var/lib/libvirt
        mkdir -p "$1/run" "$1/etc" "$1/cache" "$1/log/qemu"
        cp -a $lib "$1/lib"
        cp -a /etc/libvirt/. "$1/etc/"
        mount -t tmpfs none /run
        mkdir /run/libvirt
        mount --bind "$1/run" /run/libvirt
        mount --bind "$1/lib" $lib
        mount --bind "$1/etc" /etc/libvirt
        mkdir -p /var/cache/libvirt /var/log/libvirt
        mount --bind "$1/cache" /var/cache/libvirt
        mount --bind "$1/log" /var/log/libvirt
        if [ -e /dev/kvm ]; then
            [ "$2" = kvm ] && cp -a /dev/kvm "$1/kvm" || touch "$1/kvm"
            chown root:kvm "$1/kvm"
            chmod 0660 "$1/kvm"
            mount --bind "$1/kvm" /dev/kvm
        fi
        ip link set dev lo up
        virtlogd --daemon
        libvirtd --daemon
        for attempt in $(seq 100); do virsh --connect qemu:///system version >/dev/null 2>&1 && break; sleep 0.2; done
        virsh --connect qemu:///system pool-define-as default dir --target $lib/images
        virsh --connect qemu:///system pool-start default
        virsh --connect qemu:///system net-start default
        touch "$1/up"
        while :; do sleep 3600; done
        """#
}
