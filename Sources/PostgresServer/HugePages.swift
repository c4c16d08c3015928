package import Basics

/// Huge pages for the server's shared memory: pages of 2 MiB instead of 4 KiB.
package enum HugePages {
    /// The size of `shared_buffers` from which on the guest reserves them.
    ///
    /// Every connection has page tables of its own for the shared memory that it has touched: 2 MiB for each GiB in ordinary pages, so that 100 connections
    /// take 200 MiB for 1 GiB, and 4 KiB in huge ones. Below that there is little to win, and what is reserved is lost to everything else.
    package static let least = ByteSize.gibibytes(1)

    /// Whether the guest reserves them with these settings, by name.
    ///
    /// Those of the kernel's usual size only; and only where the server says how many it needs, which it does since version 15.
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
