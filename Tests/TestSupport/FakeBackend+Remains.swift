package import ApplianceModel
package import MachineBackend
package import Synchronization
package import SystemPackage

/// A platform of this host that can find what it runs without a record, and whose console is a file.
package final class FakeHost: PassingBackend, RemainsProviding, SerialLogProviding {
    package let base: FakeBackend
    /// What runs under a name although nothing is recorded of it.
    package let strays = Mutex<Set<String>>([])
    /// Names whose record is gone.
    package let lost = Mutex<Set<String>>([])
    package let console: FilePath?
    package var capabilities: Capabilities {
        var can = Capabilities()
        can.remains = self
        can.serialLog = self
        return can
    }
    package var kind: BackendKind { base.kind }

    package init(base: FakeBackend, console: FilePath? = nil) {
        self.base = base
        self.console = console
    }

    package func recordedMachine(of name: ApplianceName) -> MachineReference? {
        guard !lost.withLock({ $0.contains(name.rawValue) }) else { return nil }
        return base.specs.withLock { $0[name.rawValue] }.map { MachineReference(backend: kind, deployment: $0.deployment, identifier: name.rawValue) }
    }

    package func runs(_ name: ApplianceName) async throws -> Bool { strays.withLock { $0.contains(name.rawValue) } }

    package func end(_ name: ApplianceName, grace: Duration?) async throws {
        try base.note(grace == nil ? "kill" : "end")
        strays.withLock { _ = $0.remove(name.rawValue) }
    }

    package func remove(_ name: ApplianceName) async throws {
        try base.note("remove")
        strays.withLock { _ = $0.remove(name.rawValue) }
    }

    package func serialLog(of machine: MachineReference) -> FilePath? { console }
}
