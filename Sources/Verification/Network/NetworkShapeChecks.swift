internal import ApplianceModel
internal import Reports

/// What the guest reports about its network interface, without using it.
enum NetworkShapeChecks {
    static let group = CheckGroup(name: .network, check: "guest.report") { run, _ in
        findings(try await run.guestReport.get())
    }

    static func findings(_ report: GuestReport) -> [Finding] {
        guard !report["network_link"].isEmpty else { return [.unsaid("network.driver", expected: "virtio_net")] }
        return [.driver("network.driver", report["network_driver"], "virtio_net")]
    }
}
