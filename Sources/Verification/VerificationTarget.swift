package import ApplianceModel
internal import Basics
internal import HostSystem
package import MachineBackend
package import PostgresClient
package import SecureShell
package import SystemPackage

/// The appliance to verify, and the ways to reach it.
package struct VerificationTarget: Sendable {
    package let spec: ApplianceSpec
    package let accelerator: Accelerator
    package let postgresqlVersion: Int
    package let shell: any RemoteShell
    /// The platform; its `capabilities` are what it can do beyond the others.
    package let backend: any MachineBackend
    package let machine: MachineReference
    /// Opens a connection as the role `pgkvm` with `sslmode=verify-full` and channel binding, as a client would.
    package let connect: @Sendable () async throws -> PostgresConnection
    /// The parameters that `connect` uses: the start for checks that try what must be refused.
    package let parameters: @Sendable () async throws -> PostgresParameters
    /// Starts the machine again after a check has ended it, and waits for PostgreSQL.
    package let restart: @Sendable () async throws -> Void
    /// Every requested setting, by name, as written in the guest's files.
    package let settings: [String: String]
    /// Values that the server itself chose for settings such as `-1`, by name, as `pg_settings` shows them.
    package let resolvedSettings: [String: String]
    /// The planned pg_hba.conf; nil skips the check for added lines.
    package let accessFile: String?
    /// The day on which the server's certificate ends, counted from today; nil if it is unknown.
    package let certificateDaysLeft: Int?
    /// The packet filter that the guest is to have, in the form that nft reads; nil for none.
    package let packetFilter: String?
    /// Whether the guest reserves huge pages when the server starts.
    package let reservesHugePages: Bool
    /// The file that keeps two verifications of the appliance from measuring at once.
    package let measurementLock: FilePath

    package init(
        spec: ApplianceSpec, accelerator: Accelerator, postgresqlVersion: Int, shell: any RemoteShell, backend: any MachineBackend,
        machine: MachineReference, connect: @escaping @Sendable () async throws -> PostgresConnection,
        parameters: @escaping @Sendable () async throws -> PostgresParameters, restart: @escaping @Sendable () async throws -> Void,
        settings: [String: String], resolvedSettings: [String: String] = [:], accessFile: String? = nil, certificateDaysLeft: Int?, packetFilter: String? = nil,
        reservesHugePages: Bool = false, measurementLock: FilePath
    ) {
        self.spec = spec
        self.accelerator = accelerator
        self.postgresqlVersion = postgresqlVersion
        self.shell = shell
        self.backend = backend
        self.machine = machine
        self.connect = connect
        self.parameters = parameters
        self.restart = restart
        self.settings = settings
        self.resolvedSettings = resolvedSettings
        self.accessFile = accessFile
        self.certificateDaysLeft = certificateDaysLeft
        self.packetFilter = packetFilter
        self.reservesHugePages = reservesHugePages
        self.measurementLock = measurementLock
    }
}

extension VerificationTarget {
    /// Whether the machine is a process on this host, and so runs on this host's processor.
    var isProcessOfThisHost: Bool { backend.capabilities.process != nil && spec.machine.isOnThisHost }

    /// The file on this host that holds the data disk; nil if there is none.
    func dataDiskFile() async throws -> FilePath? {
        if let providing = backend.capabilities.dataDiskFile { return providing.dataDiskFile(of: machine) }
        return try await backend.capabilities.dataDiskLocation?.dataDiskLocation(of: machine)
    }

    /// A directory on this host, on the file system of the data disk's file, for files to measure with; nil if there is none. If the disk is in a
    /// directory of the user that QEMU runs as, this is the appliance's own directory instead, because QEMU could put a link in the way of such
    /// files.
    func probePlace() async throws -> FilePath? {
        guard let beside = try await dataDiskFile()?.removingLastComponent() else { return nil }
        let own = measurementLock.removingLastComponent()
        guard backend.capabilities.dataDiskFile != nil, let device = Files.status(own)?.device, device == Files.status(beside)?.device else { return beside }
        return own
    }

    /// This host's address from which its packets reach a guest on one of the host's networks.
    /// - Throws: `socket.unreachable` without a route to the guest.
    func hostAddress() async throws -> IPv4Address {
        let guest = try await parameters().hostAddress ?? ""
        guard let address = IPv4Address(guest), let own = Sockets.sourceAddress(toward: address) else {
            throw Failure(.socketUnreachable, "this host has no route to the guest at '\(guest)'")
        }
        return own
    }
}
