internal import Glibc

/// A variable of this process's environment.
package enum EnvironmentVariable {
    /// The value of a variable; nil if it is not set.
    package static func value(_ name: String) -> String? {
        guard let value = getenv(name) else { return nil }
        return String(cString: value)
    }
}
