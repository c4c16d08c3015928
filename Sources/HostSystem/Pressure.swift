internal import ApplianceModel
internal import Quoting
package import SystemPackage

/// The share of time in which tasks waited for a resource, as the kernel counts it (pressure stall information).
package struct Pressure: Sendable, Equatable, Codable {
    /// Per cent of the last ten seconds in which at least one task waited; nil where the kernel does not count it.
    package let cpu: Double?
    package let memory: Double?
    package let io: Double?

    package init(cpu: Double?, memory: Double?, io: Double?) {
        self.cpu = cpu
        self.memory = memory
        self.io = io
    }

    /// The pressure of the whole host.
    package static func ofHost(directory: FilePath = "/proc/pressure") -> Pressure {
        read(directory, suffix: "")
    }

    /// The pressure of a control group; nil where the unified hierarchy does not have such a group or does not count for it.
    package static func of(group: ControlGroup) -> Pressure? {
        let pressure = read(group.directory, suffix: ".pressure")
        return pressure == Pressure(cpu: nil, memory: nil, io: nil) ? nil : pressure
    }

    private static func read(_ directory: FilePath, suffix: String) -> Pressure {
        func value(_ name: String) -> Double? {
            (try? Files.readText(directory.appending(name + suffix))).flatMap(someAverage)
        }
        return Pressure(cpu: value("cpu"), memory: value("memory"), io: value("io"))
    }

    /// `avg10` of the line `some avg10=98.01 avg60=90.31 avg300=40.86 total=259386209`.
    package static func someAverage(_ text: String) -> Double? {
        guard let line = text.split(at: "\n").first(where: { $0.begins(with: "some ") }) else { return nil }
        return line.split(at: " ").first { $0.begins(with: "avg10=") }.flatMap { Double($0.dropFirst(6)) }
    }
}
