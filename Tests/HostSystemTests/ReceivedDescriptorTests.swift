import ApplianceModel
import Basics
import Foundation
import Glibc
import SystemPackage
import TestSupport
import Testing

@testable import HostSystem

/// A stand-in for QEMU's helper that hands over as many descriptors as it is told.
@Suite("A descriptor that the bridge's helper hands over", .enabled("needs python3") { ProgramRunner.lookUp("python3") != nil }, .serialized)
struct ReceivedDescriptorTests {
    /// The helper's files are kept open behind names that this process can count.
    private func receive(_ count: Int) async throws -> (result: Result<FileDescriptor, any Error>, opened: Int) {
        let directory = try Files.createTemporaryDirectory(in: "/tmp", prefix: "pgkvm-handed")
        defer { try? Files.remove(directory) }
        let helper = directory.appending("helper")
        let script = """
            #!/usr/bin/env python3
            import array, os, socket
            files = [os.open("\(directory)/%d" % n, os.O_CREAT | os.O_RDWR) for n in range(\(count))]
            end = socket.socket(fileno=3)
            rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))] if files else []
            end.sendmsg([b"x"], rights)
            """
        try await Files.writeProgram(script.utf8, to: helper)
        let result = Result { try TapDevice.open(onBridge: "br0", helper: helper) }
        let opened = try Files.list("/proc/self/fd").count { name in
            (try? Files.linkTarget(FilePath("/proc/self/fd/\(name)")))?.starts(with: directory) == true
        }
        return (result, opened)
    }

    @Test("One is taken")
    func one() async throws {
        let (result, opened) = try await receive(1)
        try result.get().close()
        #expect(opened == 1)
    }

    @Test("None, and more than one, are a failure, and none of them stays open", arguments: [0, 2, 3, 4, 16])
    func others(count: Int) async throws {
        let (result, opened) = try await receive(count)
        let error = #expect(throws: Failure.self) { _ = try result.get() }
        #expect(error?.code == .networkNotPermitted)
        #expect(opened == 0)
    }
}
