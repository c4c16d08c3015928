/// How a store reserves the space of a new disk.
enum Provisioning: Sendable, Equatable {
    /// The store reserves the whole disk when it makes it.
    case whole
    /// A file that grows: writing to it reserves its space, and the space stays reserved unless something punches holes into the file.
    case file
    /// The store promises more than it has: the rest of a disk's space is not reserved anywhere.
    case thin

    /// Derived from the type of the store. A ZFS pool reserves space unless it is set to `sparse`, which a token cannot see.
    init(kind: String) {
        self =
            switch kind {
            case "lvm", "zfspool", "zfs", "iscsi", "iscsidirect": .whole
            case "dir", "nfs", "cifs", "cephfs", "glusterfs", "btrfs": .file
            default: .thin
            }
    }

    /// Whether blocks that the guest discards are returned to the store: where space is only promised, this keeps the promise cheap.
    var givesBack: Bool { self == .thin }
}
