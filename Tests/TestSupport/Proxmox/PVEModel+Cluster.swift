internal import ApplianceModel
internal import Basics

/// What the recorded schema does not have: the HA manager's resources and the replication jobs, as the server's sources have them.
extension PVEModel {
    /// A job by which a node copies the disks of one of its machines to another.
    package struct ReplicationJob: Sendable {
        package var target: String
        package var schedule: String?
        /// As of the epoch, in seconds; 0 is never.
        package var lastCopy: Int64 = 1_700_000_000
        package var failures: Int64 = 0
        package var isDisabled = false

        package init(target: String, schedule: String? = nil) {
            self.target = target
            self.schedule = schedule
        }
    }

    /// `/cluster/ha/resources`, and one below it.
    mutating func highAvailability(_ request: PVERequest) throws(PVERefusal) -> JSONValue {
        let parts = request.segments.dropFirst(2)
        guard parts.first == "resources", parts.count < 3 else {
            throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
        switch (request.method, parts.dropFirst().first) {
        case ("POST", nil):
            try demand("/", "Sys.Console")
            guard let sid = request.value("sid"), let vmid = Int(sid.dropFirst(3)), machines[vmid] != nil else {
                throw PVERefusal(status: 500, message: "no such resource")
            }
            guard ha[sid] == nil else { throw PVERefusal(status: 500, message: "create resource failed: resource ID '\(sid)' already defined\n") }
            ha[sid] = request.value("state") ?? "started"
            haComments[sid] = request.value("comment")
            return .null
        case ("GET", let sid?):
            try demand("/", "Sys.Audit")
            guard let state = ha[sid] else { throw PVERefusal(status: 500, message: "no such resource '\(sid)'\n") }
            var row: [String: JSONValue] = ["sid": .string(sid), "state": .string(state), "type": "vm", "digest": "0f"]
            if let comment = haComments[sid] { row["comment"] = .string(comment) }
            return row.json
        case ("DELETE", let sid?):
            try demand("/", "Sys.Console")
            guard ha.removeValue(forKey: sid) != nil else { throw PVERefusal(status: 500, message: "cannot delete service '\(sid)', not HA managed!") }
            haComments[sid] = nil
            return .null
        default: throw PVERefusal(status: 501, message: "Method '\(request.method) \(request.path)' not implemented")
        }
    }

    /// `/nodes/NODE/replication`: the jobs of the machines that are there.
    func replicationStatus(_ request: PVERequest) throws(PVERefusal) -> JSONValue {
        let node = request.segments[1]
        _ = try present(node)
        guard request.method == "GET", request.parameters.allSatisfy({ $0.name == "guest" }) else {
            throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: ["guest": "no such parameter"])
        }
        let guest = request.value("guest").flatMap { Int($0) }
        return .array(
            replication.sorted { $0.key < $1.key }.flatMap { vmid, jobs in
                guard guest == nil || guest == vmid, machines[vmid]?.node == node, allows("/vms/\(vmid)", "VM.Audit") else { return [JSONValue]() }
                return jobs.enumerated().map { number, job in
                    var row: [String: JSONValue] = [
                        "id": .string("\(vmid)-\(number)"), "type": "local", "guest": .string("\(vmid)"), "jobnum": .string("\(number)"),
                        "source": .string(node), "target": .string(job.target), "vmtype": "qemu", "last_sync": .integer(job.lastCopy),
                        "fail_count": .integer(job.failures),
                    ]
                    if let schedule = job.schedule { row["schedule"] = .string(schedule) }
                    if job.isDisabled { row["disable"] = .integer(1) }
                    if job.failures > 0 { row["error"] = "command 'zfs send' failed: out of space" }
                    return row.json
                }
            })
    }
}
