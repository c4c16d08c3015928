internal import Basics

/// A bar whose length is a share of a width, in eighths of a character.
package enum BlockBar {
    private static let parts = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"]

    /// - Parameter share: 0 to 1; any share above 0 shows at least an eighth.
    package static func render(_ share: Double, width: Int) -> String {
        let eighths = min(max(Int(saturating: (share * Double(width * 8)).rounded()), share > 0 ? 1 : 0), width * 8)
        let filled = String(repeating: "█", count: eighths / 8) + parts[eighths % 8]
        return filled + String(repeating: " ", count: width - filled.count)
    }
}
