internal import ApplianceModel
internal import Basics
internal import Foundation
internal import HostSystem
internal import SystemPackage
internal import Terminal

/// Work in the background.
extension PVEModel {
    mutating func begin(
        _ type: String, node: String, subject: String, _ effect: Work.Effect, lines: [String], _ fault: Fault.Action?, failure: String? = nil
    ) -> JSONValue {
        let number = String(nextTask, radix: 16, uppercase: true)
        nextTask += 1
        let padded = String(repeating: "0", count: 8 - number.count) + number
        let upid = "UPID:\(node):\(padded):0003706A:6B02CC49:\(type):\(subject):deploy@pve!ci:"
        var work = Work(upid: upid, type: type, node: node, subject: subject, effect: effect, lines: lines, looks: 1, failure: failure)
        if case .failTask(let text)? = fault { work.failure = text }
        if case .warnTask(let text)? = fault { work.warning = text }
        if case .endlessTask? = fault { work.looks = nil }
        tasks[upid] = work
        taskOrder.append(upid)
        return .string(upid)
    }

    mutating func task(_ request: PVERequest, _ hooks: PVEServer.Hooks, node: String) throws(PVERefusal) -> JSONValue {
        let parts = request.segments
        guard parts.count > 3 else {
            return .array(
                tasks.values.filter { $0.node == node && $0.exit == nil && (request.value("typefilter") ?? $0.type) == $0.type }.map {
                    [
                        "upid": .string($0.upid), "type": .string($0.type), "id": .string($0.subject), "user": "deploy@pve", "tokenid": "ci",
                        "node": .string(node),
                    ].json
                })
        }
        guard var work = tasks[parts[3]] else {
            let text = parts[3].hasPrefix("UPID:") ? "no such task" : "unable to parse worker upid"
            throw PVERefusal(status: 400, message: "Parameter verification failed.", errors: ["upid": text])
        }
        if request.method == "DELETE" {
            guard work.exit == nil else { return .null }
            // The answer comes before the end.
            work.isStopped = true
            work.looks = 2
            work.failure = "received interrupt"
            tasks[work.upid] = work
            return .null
        }
        if parts.last == "log" {
            let start = request.value("start").flatMap { Int($0) } ?? 0
            var lines = work.lines[...]
            if work.exit == nil, !work.shownLines.isEmpty { lines = lines.prefix(work.shownLines.removeFirst()) }
            tasks[work.upid] = work
            // A log without a line has this one, which the first line takes the place of.
            guard !lines.isEmpty else { return [["n": .integer(1), "t": "no content"].json].json }
            return .array(lines.enumerated().dropFirst(start).map { ["n": .integer(Int64($0.offset + 1)), "t": .string($0.element)].json })
        }
        if work.exit == nil, let looks = work.looks {
            if looks > 0 {
                work.looks = looks - 1
                tasks[work.upid] = work
            } else {
                finish(work, hooks)
            }
        }
        var row: [String: JSONValue] = ["upid": .string(work.upid), "node": .string(node), "type": .string(work.type), "id": .string(work.subject)]
        if let exit = tasks[work.upid]?.exit {
            row["status"] = "stopped"
            row["exitstatus"] = .string(exit)
        } else {
            row["status"] = "running"
        }
        return row.json
    }

    mutating func finish(_ work: Work, _ hooks: PVEServer.Hooks) {
        var work = work
        let failure = work.failure ?? apply(work.effect, node: work.node, hooks)
        if let failure {
            if case .create = work.effect, work.isStopped, endedCreationsStay {} else { discard(work.effect) }
            work.exit = failure
            work.lines.append("TASK ERROR: \(failure)")
        } else if let warning = work.warning {
            work.exit = "WARNINGS: 1"
            work.lines += ["WARN: \(warning)", "TASK WARNINGS: 1"]
        } else {
            work.exit = "OK"
            work.lines.append("TASK OK")
        }
        tasks[work.upid] = work
    }

    /// A creation that failed leaves nothing.
    mutating func discard(_ effect: Work.Effect) {
        if case .create(let vmid, _) = effect { machines[vmid] = nil }
        if case .keep(let path, let volume, _, _) = effect {
            try? Files.remove(path)
            if files[volume]?.path == path { files[volume] = nil }
        }
    }

    /// - Returns: why it failed.
    mutating func apply(_ effect: Work.Effect, node: String, _ hooks: PVEServer.Hooks) -> String? {
        switch effect {
        case .none: return nil
        case .keep(let path, let volume, let size, _):
            if let old = files[volume], old.path != path { try? Files.remove(old.path) }
            files[volume] = File(path: path, size: size)
            return nil
        case .remove(let volume):
            guard let file = files[volume] else { return "volume '\(volume)' does not exist" }
            try? Files.remove(file.path)
            files[volume] = nil
            return nil
        case .create(let vmid, let wanted): return build(vmid, wanted, node: node)
        case .start(let vmid): return start(vmid, hooks)
        case .stop(let vmid):
            turnOff(vmid, hooks)
            return nil
        case .shutDown(let vmid):
            guard machines[vmid]?.isDeaf != true else { return "VM quit/powerdown failed - got timeout" }
            turnOff(vmid, hooks)
            return nil
        case .destroy(let vmid, let isThorough):
            guard let machine = machines[vmid] else { return "no such VM" }
            for volume in machine.config.values.filter({ $0.contains("vm-\(vmid)-disk") }) { release(volume) }
            if isThorough { files = files.filter { !$0.key.contains("vm-\(vmid)-disk") } }
            machines[vmid] = nil
            ha["vm:\(vmid)"] = nil
            return nil
        case .resize(let vmid, let drive, let size): return resize(vmid, drive, size)
        }
    }

    mutating func release(_ volume: String) {
        let name = String(volume.prefix { $0 != ":" })
        guard let store = stores[name], let size = Self.size(of: volume) else { return }
        stores[name]?.used = ByteSize(bytes: store.used.bytes - size)
    }
}
