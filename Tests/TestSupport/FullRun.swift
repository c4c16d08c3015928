internal import Basics
internal import HostSystem
package import Testing

extension Trait where Self == ConditionTrait {
    /// The test runs in `make test-full` only.
    package static var fullRun: Self { .enabled("`make test-full` runs it") { EnvironmentVariable.value("PGKVM_TEST_FULL") == "1" } }
}
