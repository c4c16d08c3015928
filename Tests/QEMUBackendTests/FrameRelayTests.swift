import ApplianceModel
import Foundation
import HostSystem
import SystemPackage
import Testing

@testable import QEMUBackend

@Suite("The relay between QEMU and passt")
struct FrameRelayTests {
    /// The ends of a relay that runs on a thread of its own.
    private struct Bench {
        let machine: FileDescriptor
        let forwarder: FileDescriptor
        let ended: DispatchGroup

        init() throws {
            let (machine, first) = try Sockets.pair()
            let (forwarder, second) = try Sockets.pair()
            (self.machine, self.forwarder) = (machine, forwarder)
            let ended = DispatchGroup()
            self.ended = ended
            // Threads of their own: what blocks here would keep the few of a queue from the others.
            ended.enter()
            Thread.detachNewThread {
                try? FrameRelay(machine: first, forwarder: second).run()
                try? first.close()
                try? second.close()
                ended.leave()
            }
        }

        /// What arrives at passt, or another end, until there are as many bytes.
        func received(_ count: Int, at end: FileDescriptor? = nil) throws -> [UInt8] {
            var bytes: [UInt8] = []
            while bytes.count < count {
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let more = try buffer.withUnsafeMutableBytes { try (end ?? forwarder).read(into: $0) }
                guard more > 0 else { break }
                bytes += buffer.prefix(more)
            }
            return bytes
        }

        func close() {
            try? machine.close()
            try? forwarder.close()
            ended.wait()
        }
    }

    private static func framed(_ bytes: [UInt8]) -> [UInt8] {
        let count = UInt32(bytes.count)
        return [UInt8(count >> 24), UInt8(count >> 16 & 0xff), UInt8(count >> 8 & 0xff), UInt8(count & 0xff)] + bytes
    }

    // A name server's packets pass whatever the host's routes are.
    private static let good = framed(TestFrame(to: "10.0.2.3", transport: TestFrame.udp, port: 53).bytes)
    private static let bad = framed(TestFrame(to: "127.0.0.1").bytes)

    @Test("Of frames in any pieces those that pass arrive, in their order, and no other does", arguments: [1, 3, 17, 46, 1000, 300_000])
    func pieces(size: Int) throws {
        let bench = try Bench()
        defer { bench.close() }
        let pattern = [Self.good, Self.bad, Self.bad, Self.good, Self.good, Self.bad]
        let rounds = size < 100 ? 20 : 4000
        let all = Array((0..<rounds).flatMap { _ in pattern.joined() })
        let sender = bench.machine
        // What is closed under the hands of whoever writes can be another test's socket a moment later.
        let sending = DispatchGroup()
        sending.enter()
        Thread.detachNewThread {
            defer { sending.leave() }
            var rest = all[...]
            while !rest.isEmpty {
                guard (try? sender.writeAll(rest.prefix(size))) != nil else { return }
                rest = rest.dropFirst(size)
            }
        }
        let expected = Array((0..<rounds * 3).flatMap { _ in Self.good })
        // A difference of so much would take its time to be shown.
        let isSame = try bench.received(expected.count) == expected
        sending.wait()
        #expect(isSame)
    }

    @Test("What passt sends arrives as it is, whatever it is")
    func answers() throws {
        let bench = try Bench()
        defer { bench.close() }
        let sent = (0..<700_000).map { UInt8($0 % 251) }
        let forwarder = bench.forwarder
        let sending = DispatchGroup()
        sending.enter()
        Thread.detachNewThread {
            defer { sending.leave() }
            _ = try? forwarder.writeAll(sent)
        }
        let isSame = try bench.received(sent.count, at: bench.machine) == sent
        sending.wait()
        #expect(isSame)
    }

    @Test("It ends with either end, and at a length that no frame has", arguments: ["machine", "forwarder", "length"])
    func end(what: String) throws {
        let bench = try Bench()
        switch what {
        case "machine":
            try bench.machine.writeAll(Self.good)
            try bench.machine.close()
            #expect(try bench.received(Self.good.count + 1) == Self.good)
            try bench.forwarder.close()
        case "forwarder":
            try bench.forwarder.close()
            var byte: UInt8 = 0
            #expect(try withUnsafeMutableBytes(of: &byte) { try bench.machine.read(into: $0) } == 0)
            try bench.machine.close()
        default:
            // What came with it may be lost, and nothing that follows it arrives.
            try bench.machine.writeAll([0xff, 0xff, 0xff, 0xff] + Self.good)
            #expect(try bench.received(1) == [])
            try bench.machine.close()
            try bench.forwarder.close()
        }
        bench.ended.wait()
    }
}
