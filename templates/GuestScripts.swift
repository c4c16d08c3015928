extension BuiltinTemplates {
    /// A script for the guest, with its arguments in front: `set -- 'a' 'b'`.
    /// - Parameter name: the file in `templates/guest`, without `.sh`.
    package static func guestScript(_ name: String, arguments: [String]) -> String {
        let words = arguments.map { "'" + $0.replacing("'", with: #"'\''"#) + "'" }
        return (["set --"] + words).joined(separator: " ") + "\n" + (text("guest/\(name).sh") ?? "exit 127\n")
    }
}
