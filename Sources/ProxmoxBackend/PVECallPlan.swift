internal import ApplianceModel
internal import HostSystem
package import MachineBackend
internal import SystemPackage

/// The requests with which a deployment makes its machine, in order. Pure: a value that is known only then is shown as words in angle brackets.
package enum PVECallPlan {
    /// - Parameters:
    ///   - machine: the path of its image may also be words in angle brackets.
    ///   - connection: the node and stores that it names are used; the others are shown as words in angle brackets.
    /// - Throws: `input.invalid` for a value that Proxmox would interpret differently; `unsupported` without a bridge.
    package static func calls(for machine: PlannedMachine, connection: ProxmoxConnection) throws -> [MachineRecipe.Call] {
        try calls(for: machine, connection: connection, provisioning: .thin)
    }

    /// - Parameter provisioning: how the disks' store reserves their space, where that is known.
    static func calls(for planned: PlannedMachine, connection: ProxmoxConnection, provisioning: Provisioning) throws -> [MachineRecipe.Call] {
        let spec = planned.spec
        let place = spec.disk.place
        let node = place?.node ?? connection.node ?? "<node>"
        let store = place?.storage ?? connection.storage ?? "<store>"
        let imageStore = place?.imageStorage ?? connection.imageStorage ?? "<import-store>"
        let isoStore = place?.mediaStorage ?? connection.isoStorage ?? "<iso-store>"
        let image = ProxmoxBackend.LocalImage.name(checksum: "<sha256>", upload: "<upload>", spec.image.format)
        let seed = ProxmoxBackend.seedName(spec.deployment)
        let parameters = try MachineParameters(
            spec: spec, planned: planned.values, vmid: "<vmid>", store: store, image: "\(imageStore):import/\(image)", pool: connection.pool,
            provisioning: provisioning
        ).list()
        let machine = Steps(node: node)
        let calls: [PVECall] =
            [
                .version, .nodes, .resources, .storages(node: node), .bridges(node: node), .content(node: node, storage: imageStore, type: "import"),
                .uploadImage(FilePath(spec.image.path.isEmpty ? "<image>" : spec.image.path), as: image, checksum: "<sha256>", node: node, storage: imageStore),
                .nextID,
                .create(node: node, parameters),
                machine.call(
                    .put, ["resize"], ["disk": MachineParameters.systemDrive, "size": "\(MachineParameters.wholeMebibytes(spec.systemDisk.size))M"],
                    "qm resize VMID \(MachineParameters.systemDrive) \(MachineParameters.wholeMebibytes(spec.systemDisk.size))M"),
                .uploadMedium("seed.iso", as: seed, node: node, storage: isoStore),
                machine.call(
                    .put, ["config"], [MachineParameters.seedDrive: "\(isoStore):iso/\(seed),media=cdrom"],
                    "qm set VMID --\(MachineParameters.seedDrive) \(isoStore):iso/\(seed),media=cdrom"),
                // The previous change has appended the drive to the boot order, and a drive in the boot order cannot be unplugged.
                machine.call(
                    .put, ["config"], ["boot": MachineParameters.bootOrder([MachineParameters.systemDrive])],
                    "qm set VMID --boot order=\(MachineParameters.systemDrive)"),
                machine.call(.post, ["status", "start"], [:], "qm start VMID"),
            ]
            + (spec.network.address == nil
                ? [machine.call(.get, ["agent", "network-get-interfaces"], [:], "qm guest cmd VMID network-get-interfaces")] : [])
            + [
                machine.call(.put, ["config"], ["delete": MachineParameters.seedDrive], "qm set VMID --delete \(MachineParameters.seedDrive)"),
                .deleteVolume("\(isoStore):iso/\(seed)", node: node),
                machine.call(.put, ["config"], ["protection": "1"], "qm set VMID --protection 1"),
            ]
            + (connection.ha
                ? [
                    PVECall(
                        .post, ["cluster", "ha", "resources"],
                        ["sid": "vm:<vmid>", "state": "started", "comment": ProxmoxBackend.comment(spec.name.rawValue)],
                        command: CommandText.render(
                            ["ha-manager", "add", "vm:<vmid>", "--state", "started", "--comment", ProxmoxBackend.comment(spec.name.rawValue)]))
                ] : [])
        return calls.map(MachineRecipe.Call.init)
    }

    /// Requests for a machine that does not have a number yet.
    private struct Steps {
        let node: String

        func call(_ method: PVECall.Method, _ rest: [String], _ parameters: KeyValuePairs<String, String>, _ command: String) -> PVECall {
            PVECall(method, ["nodes", node, "qemu", "<vmid>"] + rest, parameters, command: command.replacing("VMID", with: "'<vmid>'"))
        }
    }
}

extension MachineRecipe.Call {
    /// A request with the equivalent command of `qm` or another program on the node, where there is one, and the `pvesh` command.
    init(_ call: PVECall) {
        var parameters = call.parameters.map { "\($0.name)=\($0.value)" }
        if let upload = call.upload { parameters.append("filename=\(upload.name)") }
        // pvesh cannot upload.
        let lines = [call.command, call.upload == nil ? Self.pvesh(call) : nil].compactMap(\.self)
        self.init(method: call.method.rawValue, path: call.path, parameters: parameters, byHand: lines)
    }

    private static func pvesh(_ call: PVECall) -> String {
        let verb =
            switch call.method {
            case .get: "get"
            case .post: "create"
            case .put: "set"
            case .delete: "delete"
            }
        return CommandText.render(["pvesh", verb, call.path] + call.parameters.flatMap { ["--\($0.name)", $0.value] })
    }
}
