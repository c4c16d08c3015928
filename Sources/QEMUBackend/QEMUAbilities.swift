internal import ApplianceModel
internal import Basics
internal import FoundationEssentials
internal import HostSystem
internal import MachineBackend
internal import SystemPackage

/// What the installed QEMU reports about itself.
package struct QEMUAbilities: Sendable, Equatable, Codable {
    package struct Version: Sendable, Equatable, Codable, Comparable, CustomStringConvertible {
        package let major: Int
        package let minor: Int
        package let micro: Int

        package init(_ major: Int, _ minor: Int, _ micro: Int = 0) {
            self.major = major
            self.minor = minor
            self.micro = micro
        }

        package var description: String { "\(major).\(minor).\(micro)" }

        package static func < (left: Version, right: Version) -> Bool {
            (left.major, left.minor, left.micro) < (right.major, right.minor, right.micro)
        }
    }

    package let version: Version
    /// The denials that `-sandbox` accepts.
    package let sandboxDenials: [String]
    /// Device models for `-device` that the machine needs and this QEMU lacks.
    package let missingDevices: [String]
    /// The UEFI firmware's code image; nil when OVMF is not installed.
    package let firmwareCode: String?
    package let firmwareVariables: String?

    package init(
        version: Version, sandboxDenials: [String], missingDevices: [String], firmwareCode: String?, firmwareVariables: String?
    ) {
        self.version = version
        self.sandboxDenials = sandboxDenials
        self.missingDevices = missingDevices
        self.firmwareCode = firmwareCode
        self.firmwareVariables = firmwareVariables
    }

    /// Whether a Debian 13 kernel survives under emulation: 6.12 double-faults within seconds under QEMU 7.2. The
    /// limit is the earliest release known to run it.
    package var emulatesDebian13: Bool { version >= Version(10, 0) }

    /// Every denial that this QEMU knows.
    var sandboxArguments: [String] {
        sandboxDenials.isEmpty ? [] : ["-sandbox", "on," + sandboxDenials.map { "\($0)=deny" }.joined(separator: ",")]
    }

    static let program = "qemu-system-x86_64"
    static let neededDevices = ["virtio-blk-pci", "virtio-net-pci", "virtio-rng-pci", "pcie-root-port"]

    /// Asks QEMU through a monitor on its standard input, without making a guest.
    ///
    /// The questions are chosen so that all answers together fit into a pipe: what does not fit is lost when QEMU quits.
    /// - Throws: `program.missing`, `qemu.probe-failed`.
    package static func probe() async throws -> QEMUAbilities {
        let commands =
            [
                #"{"execute":"qmp_capabilities"}"#,
                #"{"execute":"query-version","id":"version"}"#,
                #"{"execute":"query-command-line-options","arguments":{"option":"sandbox"},"id":"sandbox"}"#,
            ] + neededDevices.map { #"{"execute":"qom-list-types","arguments":{"implements":"\#($0)"},"id":"\#($0)"}"# } + [#"{"execute":"quit"}"#]
        let result = try await ProgramRunner.check(
            program, ["-machine", "none", "-nodefaults", "-no-user-config", "-display", "none", "-qmp", "stdio"],
            input: Array(commands.joined(separator: "\n").utf8))
        return try parse(result.outputText, firmware: findFirmware())
    }

    /// Reads the monitor's answers.
    static func parse(_ output: String, firmware: (code: String, variables: String)?) throws -> QEMUAbilities {
        var answers: [String: JSONValue] = [:]
        for line in output.split(whereSeparator: \.isNewline) {
            guard let message = try? JSONDecoder().decode(JSONValue.self, from: Data(line.utf8)) else { continue }
            if let id = message["id"]?.string { answers[id] = message["return"] }
        }
        guard let triple = answers["version"]?["qemu"], let major = triple["major"]?.integer, let minor = triple["minor"]?.integer,
            let micro = triple["micro"]?.integer
        else { throw Failure(.machineProbeFailed, "QEMU did not tell its version over QMP") }

        let options = answers["sandbox"]?.array?.first?["parameters"]?.array ?? []
        let known = Set(options.compactMap { $0["name"]?.string })
        return QEMUAbilities(
            version: Version(Int(major), Int(minor), Int(micro)),
            sandboxDenials: ["obsolete", "elevateprivileges", "spawn", "resourcecontrol"].filter(known.contains),
            missingDevices: neededDevices.filter { answers[$0]?.array?.isEmpty != false },
            firmwareCode: firmware?.code, firmwareVariables: firmware?.variables)
    }

    /// Where distributions install OVMF without secure boot: the code and the template of the variables.
    private static let firmwarePairs = [
        ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
        ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
        ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
        ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ]

    private static func findFirmware() -> (code: String, variables: String)? {
        firmwarePairs.first { Files.exists(FilePath($0.0)) && Files.exists(FilePath($0.1)) }.map { (code: $0.0, variables: $0.1) }
    }
}

/// The abilities, probed only once.
actor ProbedAbilities {
    private var answer: Task<QEMUAbilities, any Error>?

    func abilities() async throws -> QEMUAbilities {
        let task = answer ?? Task { try await QEMUAbilities.probe() }
        answer = task
        return try await task.value
    }
}
