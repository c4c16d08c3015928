internal import ApplianceModel
internal import Basics
internal import Quoting

/// Uploads that the server is still copying to their place: those of a run that was killed go on without it.
extension ProxmoxBackend {
    /// Waits until no file of these names is being written any more, on whatever node. How the copying ended says nothing: who comes after
    /// it looks at what is there.
    func letUploadsEnd(_ client: PVEClient, title: String, isNamed: (String) -> Bool) async throws {
        for node in try await client.data(.nodes).elements.compactMap({ $0["node"]?.text }) {
            let call = PVECall.activeTasks(node: node, type: "imgcopy")
            let answer = try await client.answer(call)
            // A node that is away copies nothing.
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
                    // It wrote nothing more, or goes on for ever: what is there says what is to be done.
                }
            }
        }
    }
}
