internal import Quoting

/// The meaning of libvirt's messages, as far as pgkvm acts on them: virsh does not have error codes. They are matched only here.
/// `LibvirtReasonTests` has recorded messages for each.
enum LibvirtReason: Equatable, Sendable {
    /// No daemon answers.
    case noDaemon
    /// The connection to the daemon was lost.
    case connectionLost
    case poolInactive(String)
    case poolMissing(String)
    /// A domain, volume, network or interface does not exist.
    case notFound
    /// A volume's file does not exist, for example because its pool is not active.
    case storageFileMissing
    case networkInactive
    /// A bridge of the daemon's host is missing or unsuitable.
    case bridge
    /// The storage is full.
    case full

    /// - Parameter words: virsh's message after `error: `, with its lines joined by colons.
    /// - Returns: nil for any other message.
    init?(_ words: String) {
        if words.contains("failed to connect to the hypervisor") {
            self = .noDaemon
        } else if words.contains(#/Disconnected from |no valid connection/#) {
            self = .connectionLost
        } else if let pool = words.firstMatch(of: #/pool '([^']+)'( containing volume '[^']*')? is not active/#) {
            self = .poolInactive(String(pool.1))
        } else if let pool = words.firstMatch(of: #/no storage pool with matching name '([^']+)'/#) {
            self = .poolMissing(String(pool.1))
        } else if words.contains(#/No space left|quota exceeded|not enough (free )?space|cannot allocate|pre-allocate/#) {
            self = .full
        } else if words.contains("Cannot access storage file") {
            self = .storageFileMissing
        } else if words.contains(
            #/[Dd]omain not found|no domain with matching|not found: no (storage|network)|[Ii]nterface not found|metadata not found/#)
        {
            self = .notFound
        } else if words.contains("is not active") {
            self = .networkInactive
        } else if words.contains("bridge") {
            self = .bridge
        } else {
            return nil
        }
    }
}
