package import Basics

/// Huge pages for the server's shared memory: pages of 2 MiB instead of 4 KiB.
package enum HugePages {
    /// The size of `shared_buffers` from which the guest reserves them.
    ///
    /// Every connection has its own page tables for the shared memory that it has touched. In ordinary pages they take 2 MiB for each GiB, so that
    /// 100 connections take 200 MiB for 1 GiB; in huge pages they take 4 KiB. Below this size there is little to gain, and nothing else can use the
    /// reserved memory.
    package static let least = ByteSize.gibibytes(1)

    /// Whether the guest reserves them with these settings, by name.
    ///
    /// It reserves only pages of the kernel's usual size, and only if the server reports how many it needs, which it does since version 15.
    package static func areReserved(_ settings: [String: String], version: Int) -> Bool {
        let amounts = ServerAmounts(settings, version: version)
        guard version >= 15, amounts["huge_page_size"] == 0 else { return false }
        return switch text(settings["huge_pages"]) {
        case "on": true
        case "off": false
        default: amounts["shared_buffers"] >= Double(least.bytes)
        }
    }

    /// The setting as the server shows it: `on`, `off` or `try`, which have other spellings in a file.
    package static func text(_ written: String?) -> String {
        switch written?.lowercased() {
        case "on", "true", "yes", "1": "on"
        case "off", "false", "no", "0": "off"
        default: "try"
        }
    }
}
