internal import ApplianceModel
internal import Basics
internal import BuiltinTemplates
internal import Quoting

/// A file of the guest.
struct GuestFile: Sendable {
    /// Absolute, without tabs and line breaks.
    let path: String
    let content: [UInt8]
    /// `user:group`.
    let owner: String
    /// Octal digits.
    let mode: String
}

/// Writes many files into the guest in one operation.
enum GuestFiles {
    /// A script, for a root shell's standard input, that atomically replaces each file whose content differs, and prints `changed PATH` for each. The
    /// script contains the contents, so that secrets do not appear in an argument list.
    static func script(_ files: [GuestFile]) -> String {
        let program = BuiltinTemplates.text("guest/put-files.pl") ?? "die 'no program';\n"
        return "perl /dev/fd/3 3<<'PROGRAM' <<'FILES'\n\(program)PROGRAM\n" + files.map(line).joined() + "FILES\n"
    }

    private static func line(_ file: GuestFile) -> String {
        let owner = file.owner.split(at: ":", maxSplits: 1).joined(separator: "\t")
        return "\(file.path)\t\(owner)\t\(file.mode)\t\(file.content.hexadecimal)\n"
    }
}
