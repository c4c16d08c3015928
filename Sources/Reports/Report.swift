package import ApplianceModel

/// One verification, as it is stored and shown. Every form of it (text, JSON, JUnit, HTML, the exit status) is made from the same findings.
package struct Report: Codable, Sendable, Equatable {
    package static let currentFormat = 2

    package let formatVersion: Int
    package let appliance: String
    /// ISO 8601, UTC.
    package let time: String
    package let accelerator: Accelerator
    package let depth: Depth
    package let findings: [Finding]
    package let measurements: Measurements

    package init(appliance: String, time: String, accelerator: Accelerator, depth: Depth, findings: [Finding], measurements: Measurements) {
        formatVersion = Self.currentFormat
        self.appliance = appliance
        self.time = time
        self.accelerator = accelerator
        self.depth = depth
        self.findings = findings
        self.measurements = measurements
    }

    /// Format 1 had neither depth nor measurements.
    package init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: CodingKeys.self)
        formatVersion = try container.decode(Int.self, forKey: .formatVersion)
        appliance = try container.decode(String.self, forKey: .appliance)
        time = try container.decode(String.self, forKey: .time)
        accelerator = try container.decode(Accelerator.self, forKey: .accelerator)
        depth = try container.decodeIfPresent(Depth.self, forKey: .depth) ?? .quick
        findings = try container.decode([Finding].self, forKey: .findings)
        measurements = try container.decodeIfPresent(Measurements.self, forKey: .measurements) ?? Measurements()
    }
}
