internal import Glibc

/// The environment of the process. Nothing below the executable decides by it but the search for programs.
package enum HostEnvironment {
    /// The value of a variable, nil when it is not set.
    package static func value(_ name: String) -> String? {
        guard let value = unsafe getenv(name) else { return nil }
        return unsafe String(cString: value)
    }

    package static var isRoot: Bool { geteuid() == 0 }
}
