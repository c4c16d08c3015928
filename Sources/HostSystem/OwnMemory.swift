internal import CLinux

/// What is in this process's memory: keys and passwords, for a while.
package enum OwnMemory {
    /// Keeps it from core dumps and from other processes of the same user. A kernel that refuses leaves things as they are: nothing else
    /// depends on it.
    package static func hide() { _ = clinux_hide_memory() }
}
