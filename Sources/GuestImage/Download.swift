internal import ApplianceModel
internal import Basics
internal import HostSystem
internal import Quoting
internal import SystemPackage

/// Downloads a file with the `curl` program; what has already arrived is kept and continued, also by a later call.
struct Download: Sendable {
    let url: String
    /// The file for the bytes. Its name must identify the content.
    let partial: FilePath
    /// The file to which curl writes the header lines of the answers, which contain the total size.
    let headers: FilePath
    let progress: @Sendable (ImageProgress) -> Void

    /// The maximum number of successive attempts without new data.
    private static let fruitlessAttempts = 3

    /// - Throws: `image.download-failed`, `program.missing`.
    func run() async throws {
        var fruitless = 0
        while true {
            let before = size
            let result = try await follow()
            switch result.status {
            case 0: return
            // The server cannot resume: start again from the beginning.
            case 33, 36: try Files.remove(partial)
            // 416: the server has no more data than the file here; the checksum will show whether it is complete.
            case 22 where result.errorText.contains("416") && before.bytes > 0: return
            case 3, 6, 22, 60: throw failure(result)
            default: break
            }
            try Task.checkCancellation()
            fruitless = size > before ? 0 : fruitless + 1
            guard fruitless < Self.fruitlessAttempts else { throw failure(result) }
            progress("the download was cut off at \(size.mebibytes) MiB; continuing")
            try await ContinuousClock().sleep(for: .milliseconds(200))
        }
    }

    private var size: ByteSize { Files.status(partial)?.size ?? ByteSize(bytes: 0) }

    /// Runs curl once, and reports the progress.
    private func follow() async throws -> ProgramResult {
        try await withThrowingTaskGroup(of: ProgramResult?.self) { group in
            group.addTask {
                try await ProgramRunner.run(
                    "curl",
                    [
                        "--fail", "--location", "--silent", "--show-error", "--globoff", "--proto", "=http,https", "--continue-at", "-",
                        // A connection that delivers nothing for half a minute is dead.
                        "--connect-timeout", "30", "--speed-limit", "1", "--speed-time", "30", "--dump-header", headers.string,
                        "--output", partial.string, "--", url,
                    ])
            }
            group.addTask {
                let before = size.bytes
                var told = before
                while true {
                    try await ContinuousClock().sleep(for: .milliseconds(250))
                    let now = size
                    guard now.bytes > told else { continue }
                    told = now.bytes
                    progress(Self.state(now, total: total(before: before)))
                }
            }
            defer { group.cancelAll() }
            while let finished = try await group.next() {
                if let finished { return finished }
            }
            throw CancellationError()
        }
    }

    private func total(before: Int64) -> Int64? {
        guard let bytes = try? Files.readIfPresent(headers) else { return nil }
        return TransferSize.total(headers: String(decoding: bytes, as: UTF8.self), before: before)
    }

    private static func state(_ size: ByteSize, total: Int64?) -> ImageProgress {
        let all = total.map { " of \(ByteSize(bytes: $0).mebibytes)" } ?? ""
        return ImageProgress("downloaded \(size.mebibytes)\(all) MiB", bytes: size.bytes, of: total)
    }

    private func failure(_ result: ProgramResult) -> Failure {
        let said = result.errorText.split(at: "\n").last.map(String.init) ?? "curl ended with status \(result.status)"
        return Failure(
            .imageDownloadFailed, "cannot download '\(url)': \(said)",
            remedy: "check the address and the network; the next import continues where this one stopped")
    }
}
