internal import ApplianceModel
internal import Basics

/// A job that copies the disks of one of a node's machines to another node, as shown by the node that runs it.
/// The fields are those of `PVE::ReplicationState`.
struct ReplicationJob: Sendable, Equatable {
    /// `100-0`
    let name: String
    let target: String
    /// How often the job copies, as a systemd calendar event.
    let schedule: String
    /// Why another node could not start from the last copy; nil where it could.
    let obstacle: String?

    init?(_ row: JSONValue) {
        guard let name = row["id"]?.text, let target = row["target"]?.text else { return nil }
        self.name = name
        self.target = target
        schedule = row["schedule"]?.text ?? "*/15"
        obstacle =
            if row["disable"]?.flag == true {
                "is disabled"
            } else if row["remove_job"]?.text != nil {
                "is being removed"
            } else if (row["fail_count"]?.count ?? 0) > 0 {
                "failed: \(row["error"]?.text ?? "no reason is told")"
            } else if (row["last_sync"]?.count ?? 0) == 0 {
                "has copied nothing yet"
            } else {
                nil
            }
    }
}
