internal import ApplianceModel
internal import Basics
internal import Quoting

/// Uploads that the server is still copying into place: those of a run that was killed continue without it.
extension ProxmoxBackend {
    /// Waits until no file with these names is being written any more, on any node. The result of the copying does not matter: the caller checks
    /// the files afterwards.
    func letUploadsEnd(_ client: PVEClient, title: String, isNamed: (String) -> Bool) async throws {
        for node in try await client.data(.nodes).elements.compactMap({ $0["node"]?.text }) {
            let call = PVECall.activeTasks(node: node, type: "imgcopy")
            let answer = try await client.answer(call)
            // A node that is away does not copy anything.
            guard answer.isSuccess else { continue }
            for upid in try answer.data(call, token: client.token).elements.compactMap({ $0["upid"]?.text.flatMap { UPID($0) } }) {
                let task = PVETask(
                    client: client, upid: upid, title: title, limit: timing.copyTask, silence: timing.copySilence, isOurs: false, report: report)
                let target: String? = try await task.firstWord(within: timing.firstWord) { line in
                    line.begins(with: "target file: ") ? line.split { $0 == "/" }.last.map(String.init) ?? "" : nil
                }
                guard let target, isNamed(target) else { continue }
                do {
                    try await task.wait()
                } catch let error as Failure where [.proxmoxTaskFailed, .proxmoxTaskEndless].contains(error.code) {
                    // The task stopped writing, or continues forever: the files show what has to be done.
                }
            }
        }
    }
}
