internal import ApplianceModel
internal import Basics
internal import CLinux
internal import Glibc
package import SystemPackage

/// Replacing this program by another.
package enum ProgramChange {
    /// Becomes a program, which is searched for as `ProgramRunner` does.
    /// - Parameter descriptors: the descriptors that it inherits as 3, 4, …
    /// - Throws: `program.missing`, `program.failed`; on success this does not return.
    package static func become(_ command: [String], descriptors: [FileDescriptor]) throws -> Never {
        guard let name = command.first else { throw Failure(.programFailed, "there is no program to become") }
        let executable = try ProgramRunner.find(name)
        let code = unsafe withCArguments([executable.string] + command.dropFirst()) { arguments in
            unsafe clinux_become(executable.string, arguments, descriptors.map(\.rawValue), Int32(descriptors.count))
        }
        throw Failure(.programFailed, "cannot become '\(name)'", cause: Errno(rawValue: code))
    }
}

/// A program's arguments in C's form, valid during the call.
func withCArguments<Value>(_ arguments: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Value) -> Value {
    var copies = unsafe arguments.map { unsafe strdup($0) }
    unsafe copies.append(nil)
    defer { unsafe copies.forEach { unsafe free($0) } }
    return unsafe body(copies)
}
