internal import Quoting

/// The shell scripts of `templates/guest`, by the names of their files without `.sh`.
package enum GuestScript: String, Sendable, CaseIterable {
    case beginChange = "begin-change"
    case beginJudgement = "begin-judgement"
    case clusterReport = "cluster-report"
    case crashPostmaster = "crash-postmaster"
    case filterPackets = "filter-packets"
    case growDataDisk = "grow-data-disk"
    case guestReport = "guest-report"
    case initializeCluster = "initialize-cluster"
    case installPostgreSQL = "install-postgresql"
    case introduceCluster = "introduce-cluster"
    case judgeServer = "judge-server"
    case packetFilterReport = "packet-filter-report"
    case pgbench
    case prepareDataDisk = "prepare-data-disk"
    case registerCluster = "register-cluster"
    case reserveDataDisk = "reserve-data-disk"
    case serverProgress = "server-progress"
    case settleClock = "settle-clock"
    case startCluster = "start-cluster"
    case takeBack = "take-back"
    case tryServer = "try-server"

    /// The script with its arguments in front: `set -- 'a' 'b'`.
    package func text(_ arguments: String...) -> String { text(arguments) }

    /// The same with a list of arguments.
    package func text(_ arguments: [String]) -> String {
        (["set --"] + arguments.map { ShellWord($0).text }).joined(separator: " ") + "\n" + (BuiltinTemplates.text("guest/\(rawValue).sh") ?? "exit 127\n")
    }
}
