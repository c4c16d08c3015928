/// What a store does with the space of a new disk.
enum Provisioning: Sendable, Equatable {
    /// It reserves the whole disk when it makes it.
    case whole
    /// A file that grows; its space is reserved by writing to it, and stays its own as long as nothing punches holes into it.
    case file
    /// It promises more than it has: what a disk may still take is reserved nowhere.
    case thin

    /// By the type of the store. A pool of ZFS reserves unless it is set to `sparse`, which a token does not see.
    init(kind: String) {
        self =
            switch kind {
            case "lvm", "zfspool", "zfs", "iscsi", "iscsidirect": .whole
            case "dir", "nfs", "cifs", "cephfs", "glusterfs", "btrfs": .file
            default: .thin
            }
    }

    /// Whether blocks that the guest discards go back to the store: where space is promised, that is what keeps the promise cheap.
    var givesBack: Bool { self == .thin }
}
