internal import ApplianceModel
internal import Quoting

/// Rules that several groups of checks share.
extension Finding {
    /// Passes if both texts are the same.
    static func equal(_ check: String, _ measured: String, _ expected: String, remedy: String) -> Finding {
        Finding(
            check: check, level: measured == expected ? .pass : .fail, measured: measured.isEmpty ? "nothing" : measured, expected: expected,
            remedy: measured == expected ? nil : remedy)
    }

    /// The guest did not report a required value. This is a failure, because the value is not known.
    static func unsaid(_ check: String, expected: String) -> Finding {
        Finding(
            check: check, level: .fail, measured: "the guest did not say", expected: expected, remedy: "verify again; if it stays, pgkvm logs")
    }

    /// A device is bound to the driver of its VirtIO kind.
    static func driver(_ check: String, _ found: String, _ wanted: String) -> Finding {
        equal(check, found, wanted, remedy: "the device is not a VirtIO one: deploy the appliance anew")
    }

    /// Every disk that holds something is bound to virtio_blk.
    /// - Parameter found: for each disk its driver and then its controller's, disks separated by commas.
    static func diskDrivers(_ check: String, _ found: String) -> Finding {
        let disks = found.split(at: ",").map { drivers in
            let names = drivers.split(at: " ")
            return names.first == "virtio_blk" ? "virtio_blk" : names.joined(separator: " on ")
        }
        var kinds: [String] = []
        for disk in disks where !kinds.contains(disk) { kinds.append(disk) }
        return driver(check, kinds.joined(separator: ", "), "virtio_blk")
    }
}
