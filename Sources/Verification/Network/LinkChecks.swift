internal import ApplianceModel
internal import Reports
internal import SecureShell

/// What the guest's network device does for the processor: offloads and queues, as ethtool shows them.
enum LinkChecks {
    static let group = CheckGroup(name: .network, check: "network.offloads") { run, _ in
        let link = try await run.guestReport.get()["network_link"]
        guard !link.isEmpty else { return ["network.offloads", "network.queues"].map { .unsaid($0, expected: "an answer about the network card") } }
        let path = try await NetworkPath.shown(run.target)
        // The output shows whether the device lacks the feature or ethtool is missing.
        let features = try await run.target.shell.run("/usr/sbin/ethtool -k \(link)", input: [], timeout: .seconds(30)).outputText
        let channels = try await run.target.shell.run("/usr/sbin/ethtool -l \(link)", input: [], timeout: .seconds(30)).outputText
        return [offloads(features, path), queues(channels)]
    }

    /// What a path to the host's kernel can offload. Without it, the guest's processor splits each packet and computes its checksum.
    private static let wanted = ["tx-checksumming", "tcp-segmentation-offload", "generic-segmentation-offload", "generic-receive-offload"]

    /// - Parameter text: the output of `ethtool -k`.
    static func offloads(_ text: String, _ path: NetworkPath) -> Finding {
        var features: [String: Bool] = [:]
        for line in text.split(whereSeparator: \.isNewline) {
            guard let match = line.wholeMatch(of: #/([a-z][a-z0-9-]*): (on|off)(?: \[.*\])?/#) else { continue }
            features[String(match.1)] = match.2 == "on"
        }
        let unknown = wanted.filter { features[$0] == nil }
        guard unknown.isEmpty else {
            return Finding(
                check: "network.offloads", level: .skip, measured: "ethtool did not say: \(unknown.joined(separator: ", "))",
                expected: "checksums and segmentation left to the host", remedy: "install ethtool in the guest")
        }
        let off = wanted.filter { features[$0] == false }
        let isTap: Bool = if case .tap = path { true } else { false }
        return Finding(
            check: "network.offloads", level: isTap && !off.isEmpty ? .warn : .pass,
            measured: off.isEmpty ? "all on" : "off: \(off.joined(separator: ", "))" + (isTap ? "" : " (\(path.name) takes whole, summed packets only)"),
            expected: isTap ? "all on: \(wanted.joined(separator: ", "))" : "what \(path.name) can take",
            remedy: isTap && !off.isEmpty ? "ethtool -K in the guest, or a network device that offers them" : nil)
    }

    /// - Parameter text: the output of `ethtool -l`.
    static func queues(_ text: String) -> Finding {
        // The maximum comes first, the number in use second.
        let counts = text.matches(of: #/\nCombined:\s*([0-9]+)/#).compactMap { Int($0.1) }
        guard counts.count == 2, counts[0] > 0 else {
            return Finding(
                check: "network.queues", level: .skip, measured: "ethtool did not say", expected: "every queue that the device has in use",
                remedy: "install ethtool in the guest; a device of another kind has no such queues")
        }
        let passed = counts[1] == counts[0]
        return Finding(
            check: "network.queues", level: passed ? .pass : .warn, measured: "\(counts[1]) of \(counts[0]) in use",
            expected: "every queue that the device has in use", remedy: passed ? nil : "ethtool -L DEVICE combined \(counts[0]) in the guest")
    }
}
