internal import CLinux

/// The memory of this process, which temporarily contains keys and passwords.
package enum OwnMemory {
    /// Protects the memory from core dumps and from other processes of the same user. If the kernel refuses, nothing changes: nothing else
    /// depends on it.
    package static func hide() { _ = clinux_hide_memory() }
}
