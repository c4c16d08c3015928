internal import FoundationEssentials

/// A file of the guest.
struct GuestFile: Sendable {
    let path: String
    let content: [UInt8]
    /// `user:group`.
    let owner: String
    let mode: String
}

/// Puts many files into the guest in one go.
enum GuestFiles {
    /// A script, for a root shell's standard input, that replaces each file whose content differs, as one act, and prints
    /// `changed PATH` for each. Contents travel inside, so that secrets are in no argument list.
    static func script(_ files: [GuestFile]) -> String {
        let head = """
            umask 077
            # The directory may belong to the server's user: a link that lies there is not followed.
            set -C
            put() {
                rm -f "$1.pgkvm-new"
                base64 -d >"$1.pgkvm-new"
                chown "$2" "$1.pgkvm-new"
                chmod "$3" "$1.pgkvm-new"
                if cmp -s "$1.pgkvm-new" "$1"; then
                    rm -f "$1.pgkvm-new"
                    chown -h "$2" "$1"
                    chmod "$3" "$1"
                else
                    sync "$1.pgkvm-new"
                    mv -f "$1.pgkvm-new" "$1"
                    echo "changed $1"
                fi
            }

            """
        return head
            + files.map { file in
                "put '\(file.path)' '\(file.owner)' '\(file.mode)' <<'EOF'\n\(Data(file.content).base64EncodedString())\nEOF\n"
            }.joined()
    }
}
