internal import ApplianceModel
internal import MachineBackend
internal import Probes
internal import Quoting
internal import Reports

/// Whether anything between the guest and the host's storage drops flushes. The check queries settings and measures nothing.
enum DurabilityChecks {
    static let nodes = CheckGroup(name: .durability, check: "durability.nodes") { run, _ in
        guard let watching = run.target.backend.capabilities.diskWatching else { return [unseen("this platform does not show its block layer")] }
        guard let nodes = try await watching.diskNodes(of: run.target.machine) else {
            return [unseen("the block layer, or a part that came after the start, cannot be seen from here")]
        }
        return [judge(nodes)]
    }

    static let writeCache = CheckGroup(name: .durability, check: "durability.write-cache") { run, _ in
        [judge(writeCaches: try await run.guestReport.get())]
    }

    private static func unseen(_ reason: String) -> Finding {
        NotMeasured(reason: reason, remedy: "look at the cache mode of the disks in the platform itself").finding("durability.nodes", expected: expectedNodes)
    }

    private static let expectedNodes = "no node drops flushes, and each uses the page cache as decided"

    /// File and format nodes have their own flags, so every node is checked, not only the disk's.
    static func judge(_ nodes: [DiskNode]) -> Finding {
        let dropping = nodes.filter(\.dropsFlushes).map { "\($0.name) (\($0.driver)) drops flushes" }
        let strayed = nodes.compactMap { node -> String? in
            guard let decided = node.decidedDirect, decided != node.isDirect else { return nil }
            return "\(node.name) (\(node.driver)) \(node.isDirect ? "bypasses" : "uses") the host's page cache"
        }
        let decided = nodes.filter { $0.decidedDirect != nil }
        let faults = decided.isEmpty ? ["none of the disks' nodes is there"] : dropping + strayed
        let good = "\(nodes.count) nodes, none drops flushes; cache.direct \(decided.contains(where: \.isDirect) ? "on" : "off") as decided"
        return Finding(
            check: "durability.nodes", level: faults.isEmpty ? .pass : .fail, measured: faults.isEmpty ? good : faults.joined(separator: "; "),
            expected: expectedNodes,
            remedy: faults.isEmpty ? nil : "commits may be lost with the host's power: stop and start the appliance, which sets every node again")
    }

    /// A kernel that believes a disk's cache to be write-through sends it no flush.
    static func judge(writeCaches report: GuestReport) -> Finding {
        let rows = report["write_caches"].split(at: ";").map { $0.split(at: ":", maxSplits: 1).map(String.init) }
        let expected = "write back, for each disk: the guest sends flushes"
        let data = report["data_disk"].split(at: "/").last.map(String.init) ?? ""
        guard !rows.isEmpty, rows.allSatisfy({ $0.count == 2 }), rows.contains(where: { $0[0] == data }) else {
            return Finding(
                check: "durability.write-cache", level: .fail, measured: "the guest did not say", expected: expected,
                remedy: "verify again; if it stays, pgkvm logs")
        }
        let faults = rows.filter { $0[1] != "write back" }
        return Finding(
            check: "durability.write-cache", level: faults.isEmpty ? .pass : .fail, measured: rows.map { "\($0[0]) \($0[1])" }.joined(separator: ", "),
            expected: expected,
            remedy: faults.isEmpty
                ? nil
                : "commits may be lost: " + faults.map { "echo write back >/sys/block/\($0[0])/queue/write_cache" }.joined(separator: "; ") + " in the guest")
    }
}
