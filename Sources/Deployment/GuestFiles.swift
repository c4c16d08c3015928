internal import FoundationEssentials

/// A file of the guest.
struct GuestFile: Sendable {
    let path: String
    let content: [UInt8]
    /// `user:group`.
    let owner: String
    /// Three octal digits after a zero, none of them for execution.
    let mode: String

    /// The umask with which a new file gets its mode.
    fileprivate var mask: String { "0" + String(0o666 & ~(Int(mode, radix: 8) ?? 0), radix: 8) }
}

/// Puts many files into the guest in one go.
enum GuestFiles {
    /// A script, for a root shell's standard input, that replaces each file whose content differs, as one act, and prints
    /// `changed PATH` for each. Contents travel inside, so that secrets are in no argument list.
    static func script(_ files: [GuestFile]) -> String {
        let head = """
            # The directory may belong to the server's user: a link that lies there is not followed.
            set -C
            put() {
                new=$1.pgkvm-new
                if [ -e "$new" ] || [ -L "$new" ]; then rm -f "$new"; fi
                # Programs are what takes an emulated guest its time: the shell itself gives the file its mode.
                umask "$3"
                base64 -d >"$new"
                umask 077
                chown "$2" "$new"
                if [ -f "$1" ] && [ ! -L "$1" ] && cmp -s "$new" "$1"; then
                    rm -f "$new"
                    chown -h "$2" "$1"
                    chmod "$4" "$1"
                else
                    sync "$new"
                    mv -f "$new" "$1"
                    echo "changed $1"
                fi
            }

            """
        return head
            + files.map { file in
                "put '\(file.path)' '\(file.owner)' \(file.mask) '\(file.mode)' <<'EOF'\n\(Data(file.content).base64EncodedString())\nEOF\n"
            }.joined()
    }
}
