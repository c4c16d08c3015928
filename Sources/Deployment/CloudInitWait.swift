package import Basics
internal import SecureShell
internal import Workflow

/// Waits for cloud-init inside the guest.
///
/// Each query stays in the guest for a while, because more frequent queries would take much of an emulated guest's time. Each answer is a sign of
/// life, since the console may be silent as long as cloud-init works.
struct CloudInitWait {
    let signs: SignsOfLife
    /// The time after which the wait for cloud-init ends.
    var limit = Duration.seconds(3600)

    private static let isAtWork: Int32 = 75
    private static let script = """
        for _ in $(seq 100); do
            [ -e /run/cloud-init/result.json ] && break
            [ -e /etc/cloud/cloud-init.disabled ] && exit 0
            sleep 0.2
        done
        [ -e /run/cloud-init/result.json ] || exit \(isAtWork)
        grep -q '"errors": \\[\\]' /run/cloud-init/result.json && exit 0
        cloud-init status --long
        """

    /// - Throws: `cloud-init.failed` with cloud-init's message, or when the limit has passed; the errors of the shell.
    func untilDone(_ shell: some RemoteShell) async throws {
        let clock = ContinuousClock()
        let end = clock.now + limit
        while true {
            let result = try await shell.run("sudo -n sh", input: Array(Self.script.utf8), timeout: .seconds(300))
            signs.note()
            switch result.status {
            case 0: return
            case Self.isAtWork where clock.now < end: continue
            case Self.isAtWork:
                throw Failure(
                    .cloudInitFailed, "cloud-init is still at work in the guest after \(limit.components.seconds) s",
                    remedy: "run the same command to go on waiting; the guest's /var/log/cloud-init.log says what it does")
            // cloud-init is done, with recoverable errors.
            case 2: return StepProgress.report("cloud-init reports recoverable errors: \(result.outputText.split(whereSeparator: \.isNewline).last ?? "")")
            default:
                throw Failure(
                    .cloudInitFailed, "cloud-init failed in the guest: \(result.outputText)", remedy: "the guest's /var/log/cloud-init.log says more")
            }
        }
    }
}

extension Failure.Code {
    package static let cloudInitFailed = Failure.Code("cloud-init.failed")
}
