package import ApplianceModel
package import Terminal

extension TextStyle {
    /// The level as a word of four letters, in its colour.
    package func word(_ level: Finding.Level) -> String {
        let color: Color =
            switch level {
            case .pass: .green
            case .skip: .cyan
            case .warn: .yellow
            case .fail: .boldRed
            }
        return colored(level.rawValue.uppercased(), color)
    }
}
