package import ApplianceModel
internal import Basics
internal import Quoting

/// The host key for the first contact was in the seed; this gives the guest a key that never left it.
///
/// There are two scripts, so that both keys can be pinned and saved in between: after a power cut or a lost connection
/// the guest may present either key, and both are expected.
package enum HostKeyRotation {
    /// A shell script to run as root in the guest: makes the new key beside the active one and prints its public part,
    /// `ssh-ed25519 AAAA…`, as the only line. When run again, it prints the same key, until `activateScript` has put it in place.
    /// - Parameter root: a directory to use instead of `/`.
    package static func stageScript(hostname: ApplianceName, root: String = "") -> String {
        """
        \(prologue(root))
        umask 077
        if ! ssh-keygen -y -P '' -f "$staged" > /dev/null 2>&1; then
            rm -f "$staged" "$staged.pub"
            ssh-keygen -q -t ed25519 -N '' -C \(hostname) -f "$staged"
            sync
        fi
        public_of "$staged"

        """
    }

    /// A shell script to run as root in the guest: puts the staged key in place, removes the host keys of other types and makes the
    /// SSH server read it. Established connections stay. When run again, it only makes the server read the key.
    /// - Parameters:
    ///   - publicKey: the output of `stageScript`; the script fails without changing anything when the guest has another key.
    ///   - root: a directory to use instead of `/`.
    /// - Throws: `ssh-key.invalid`.
    package static func activateScript(publicKey: String, hostname: ApplianceName, root: String = "") throws -> String {
        guard SeedText.isPublicKey(publicKey), publicKey.split(at: " ").count == 2 else {
            throw Failure(.sshKeyInvalid, "\(SpecRules.shown(publicKey)) is not an Ed25519 public key without comment")
        }
        return """
            \(prologue(root))
            expected=\(ShellWord(publicKey))
            key=$root/etc/ssh/ssh_host_ed25519_key
            if [ "$(public_of "$staged" 2>/dev/null)" = "$expected" ]; then
                printf '%s %s\\n' "$expected" \(hostname) > "$key.pub.new"
                chmod 644 "$key.pub.new"
                mv -f "$key.pub.new" "$key.pub"
                mv -f "$staged" "$key"
                rm -f "$staged.pub"
                sync
            elif [ "$(public_of "$key" 2>/dev/null)" != "$expected" ]; then
                echo 'neither the new nor the present host key is the expected one' >&2
                exit 1
            fi
            for type in rsa ecdsa dsa; do
                rm -f "$root/etc/ssh/ssh_host_${type}_key" "$root/etc/ssh/ssh_host_${type}_key.pub"
            done
            # Where a socket starts one server a connection, no service is there to tell.
            systemctl try-reload-or-restart ssh.service

            """
    }

    private static func prologue(_ root: String) -> String {
        """
        set -eu
        root=\(ShellWord(root))
        staged=$root/etc/ssh/pgkvm_new_ed25519_key
        public_of() {
            public=$(ssh-keygen -y -P '' -f "$1")
            printf '%s\\n' "$public" | cut -d' ' -f1,2
        }
        """
    }
}
