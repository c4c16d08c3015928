internal import ApplianceModel
internal import Basics

@testable internal import Deployment
@testable internal import GuestImage
@testable internal import SecureShell

/// Faults that are put in on purpose, around the real code and only here, so that `make fuzz-check` can see that each kind would be found: a value
/// that does not fit, an index beyond the end, a range turned around, a read beyond memory, a broken promise.
extension FuzzTarget {
    static let planted: [PlantedFault] = [
        around(.sizes, "planted-overflow") { input in
            // A sum of two sizes that are near the largest one.
            guard let size = ByteSize(input.text), size.bytes > 1 << 40 else { return }
            require(size.bytes * 4096 > 0, "no size")
        },
        around(.console, "planted-index") { input in
            // The eight colours of a terminal, numbered from 30: 38 and 39 are none of them.
            let colors = ["black", "red", "green", "yellow", "blue", "magenta", "cyan", "white"]
            for sequence in input.rest.split(separator: 0x1b).dropFirst() where sequence.first == UInt8(ascii: "[") {
                for parameter in sequence.dropFirst().prefix(while: { $0 < 0x40 }).split(separator: UInt8(ascii: ";")) {
                    guard let color = Int(String(decoding: parameter, as: UTF8.self)), (30...39).contains(color) else { continue }
                    require(!colors[color - 30].isEmpty, "no colour")
                }
            }
        },
        around(.transferSize, "planted-range") { input in
            // The part of a file that an answer holds, with its ends unchecked.
            for line in input.text.split(whereSeparator: \.isNewline) where line.hasPrefix("Content-Range: bytes ") {
                let ends = line.dropFirst(21).prefix { $0 != "/" }.split(separator: "-").map { Int($0) ?? 0 }
                if ends.count == 2 { require(!(ends[0]...ends[1]).isEmpty, "no range") }
            }
        },
        around(.diskImage, "planted-memory") { input in
            // The type of the partition behind the last one that a table holds, read without a check.
            let bytes = input.bytes
            guard let table = PartitionTable(start: bytes), !table.isGPT, table.partitions.count == 2 else { return }
            unsafe bytes.withUnsafeBytes { buffer in
                guard let base = buffer.baseAddress else { return }
                require(unsafe base.load(fromByteOffset: bytes.count + table.partitions.count, as: UInt8.self) < 255, "no type")
            }
        },
        around(.remoteUnit, "planted-promise") { input in
            // A unit that failed has something in its log.
            guard case .failed = try RemoteUnit.parse(input.text).state else { return }
            require(!(try RemoteUnit.parse(input.text).log.isEmpty), "a failure without a log")
        },
    ]

    private static func around(_ target: FuzzTarget, _ name: String, _ fault: @escaping @Sendable (FuzzInput) throws -> Void) -> PlantedFault {
        let faulty = FuzzTarget(name, maxLength: target.maxLength) { input in
            try target.run(input)
            try fault(input)
        }
        return PlantedFault(target: faulty, host: target.name)
    }
}

struct PlantedFault {
    let target: FuzzTarget
    /// The name of the target that it is around, whose corpus it is searched from.
    let host: String
}
