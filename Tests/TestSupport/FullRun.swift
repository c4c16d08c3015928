internal import HostSystem
package import Testing

extension Trait where Self == ConditionTrait {
    /// The test runs in `make test-full` only.
    package static var fullRun: Self { .enabled("`make test-full` runs it") { HostEnvironment.value("PGKVM_TEST_FULL") == "1" } }
}
