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
    case startCluster = "start-cluster"
    case takeBack = "take-back"
    case tryServer = "try-server"

    /// The script with its arguments in front: `set -- 'a' 'b'`.
    package func text(_ arguments: String...) -> String { text(arguments) }

    /// The same with a list of arguments.
    package func text(_ arguments: [String]) -> String {
        // By scalars: a combining mark behind a quote does not hide it.
        let words = arguments.map { argument in
            "'" + argument.unicodeScalars.map { $0 == "'" ? #"'\''"# : String($0) }.joined() + "'"
        }
        return (["set --"] + words).joined(separator: " ") + "\n" + (BuiltinTemplates.text("guest/\(rawValue).sh") ?? "exit 127\n")
    }
}
