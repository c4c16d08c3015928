internal import ApplianceModel
package import Basics
internal import Glibc
internal import Quoting
internal import SystemPackage

/// The host's memory, from /proc/meminfo.
package struct HostMemory: Sendable {
    package let total: ByteSize
    /// The kernel's estimate of the memory that a new process can get without swapping.
    package let available: ByteSize

    /// The largest resident memory that this process has had, without the programs that it ran.
    package static var peakOfThisProcess: ByteSize {
        var usage = rusage()
        unsafe getrusage(RUSAGE_SELF.rawValue, &usage)
        return .kibibytes(Int64(usage.ru_maxrss))
    }

    /// - Throws: `file.unreadable`.
    package static func current() throws -> HostMemory {
        let lines = try Files.readText("/proc/meminfo").split(at: "\n")
        func value(_ key: String) -> ByteSize {
            let line = lines.first { $0.hasPrefix(key + ":") }
            let digits = line?.drop { !$0.isNumber }.prefix { $0.isNumber }
            return .kibibytes(digits.flatMap { Int64($0) } ?? 0)
        }
        return HostMemory(total: value("MemTotal"), available: value("MemAvailable"))
    }
}
