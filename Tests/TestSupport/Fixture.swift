internal import HostSystem
internal import SystemPackage

/// What real programs printed.
package enum Fixture {
    package static func bytes(_ name: String) throws -> [UInt8] {
        try Files.read(FilePath(#filePath).removingLastComponent().removingLastComponent().appending("Fixtures").appending(name))
    }

    package static func text(_ name: String) throws -> String { String(decoding: try bytes(name), as: UTF8.self) }
}
