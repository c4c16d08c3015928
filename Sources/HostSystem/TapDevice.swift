internal import ApplianceModel
package import Basics
internal import CLinux
package import SystemPackage

/// Tap devices: the host's end of a guest's network card. Each packet has a header that describes offloads.
package enum TapDevice {
    /// The most queues of a machine: the kernel and QEMU support more, but no database needs them.
    package static let mostQueues = 8

    /// Opens a device. A device that does not exist is created, and then exists for as long as it is open.
    /// - Parameters:
    ///   - name: 1 to 15 bytes.
    ///   - queues: 1 to `mostQueues`; an existing device must have been made for several queues or for one, accordingly.
    /// - Throws: `network.not-permitted` with the kernel's reason.
    package static func open(_ name: String, queues: Int) throws -> [FileDescriptor] {
        var files: [FileDescriptor] = []
        do {
            for _ in 0..<queues {
                var file: Int32 = -1
                var code = unsafe clinux_open_tap(name, queues > 1 ? 1 : 0, &file)
                // A device that was made for several queues has to be opened as such even for a single queue.
                if queues == 1, Errno(rawValue: code) == .invalidArgument { code = unsafe clinux_open_tap(name, 1, &file) }
                guard code == 0 else {
                    throw Failure(.networkNotPermitted, "cannot open the tap device '\(name)'", cause: Errno(rawValue: code))
                }
                files.append(FileDescriptor(rawValue: file))
            }
            return files
        } catch {
            for file in files { try? file.close() }
            throw error
        }
    }

    /// Makes QEMU's set-user-id helper create a device on a bridge, for a user who may not create one. Its messages go to standard error.
    /// - Parameter helper: the path of qemu-bridge-helper.
    /// - Throws: `network.not-permitted`.
    package static func open(onBridge bridge: String, helper: FilePath) throws -> FileDescriptor {
        let (end, handed) = try Sockets.pair()
        defer { try? end.close() }
        do {
            defer { try? handed.close() }
            _ = try DetachedProcess.spawn(
                [helper.string, "--use-vnet", "--br=\(bridge)", "--fd=3"], in: "/", output: .standardError, descriptors: [handed])
        }
        // Only the helper has the other end: it sends, or ends and closes it.
        var file: Int32 = -1
        guard unsafe clinux_receive_descriptor(end.rawValue, &file) == 0 else {
            throw Failure(
                .networkNotPermitted, "'\(helper)' opens no device on '\(bridge)'",
                remedy: HostNetwork(helpers: [helper]).helperRemedy(bridge))
        }
        return FileDescriptor(rawValue: file)
    }
}

extension Failure.Code {
    package static let networkNotPermitted = Failure.Code("network.not-permitted")
}
