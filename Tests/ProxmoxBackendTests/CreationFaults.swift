import ApplianceModel
import Basics
import MachineBackend
import TestSupport
import Testing

@testable import ProxmoxBackend

/// What goes wrong before or while a machine is made: the message says what, why and what helps; nothing half-made stays.
struct CreationFault: Sendable, CustomTestStringConvertible {
    let name: String
    let code: Failure.Code
    /// What the message has to hold.
    let says: [String]
    /// What the remedy has to hold.
    let helps: String
    /// Whether the same is refused by the look before anything is made.
    var isSeenBefore = true
    var connection: @Sendable (inout ProxmoxConnection) -> Void = { _ in }
    var bridge = "vmbr0"
    var vcpus = 2
    let arrange: @Sendable (inout PVEModel) -> Void

    var testDescription: String { name }

    static let all = [
        CreationFault(
            name: "no storage with import", code: .proxmoxNoImportStorage, says: ["'pve1'", "content type 'import'"],
            helps: "pvesm set local --content images,import,iso"
        ) { $0.stores["local"]?.content = ["images", "iso"] },
        CreationFault(
            name: "the named store is not for images", code: .proxmoxNoStorage, says: ["'local'", "content types are import, iso"],
            helps: "pvesm set local --content images,import,iso", connection: { $0.storage = "local" }
        ) { $0.stores["local"]?.content = ["import", "iso"] },
        CreationFault(
            name: "a store that is not there", code: .proxmoxNoStorage, says: ["no store 'fast'", "machine.proxmox.storage"], helps: "'local'",
            connection: { $0.storage = "fast" }
        ) { _ in },
        CreationFault(
            name: "a store that is not active", code: .proxmoxNoStorage, says: ["'nas'", "not active"], helps: "pvesm status",
            connection: { $0.storage = "nas" }
        ) {
            $0.stores["nas"] = PVEModel.Store(kind: "nfs", content: ["images"])
            $0.stores["nas"]?.isActive = false
        },
        CreationFault(
            name: "full storage", code: .proxmoxStorageFull, says: ["'local'", "5120 MiB free", "need 18432 MiB"], helps: "machine.proxmox.storage"
        ) { $0.stores["local"]?.used = .gibibytes(195) },
        CreationFault(
            name: "storage that fills up meanwhile", code: .proxmoxTaskFailed,
            says: ["the creation of VM 100 failed on node 'pve1'", "insufficient free space"],
            helps: "pvenode task log", isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/qemu", .failTask("volume group has insufficient free space"))] },
        CreationFault(
            name: "unknown bridge", code: .proxmoxNoBridge, says: ["'pve1'", "no bridge 'vmbr7'"], helps: "vmbr0", bridge: "vmbr7"
        ) { _ in },
        CreationFault(
            name: "a bridge that is configured and not applied", code: .proxmoxNoBridge, says: ["'pve1'", "'vmbr1'", "not active"], helps: "ifreload -a",
            bridge: "vmbr1"
        ) { $0.nodes["pve1"]?.pendingBridges = ["vmbr1"] },
        CreationFault(
            name: "more processors than the node has", code: .proxmoxNoRoom, says: ["8 processors", "machine.vcpus", "64"], helps: "ask for less", vcpus: 64
        ) { _ in },
        CreationFault(
            name: "a node that is offline", code: .proxmoxNode, says: ["'pve2' is offline"], helps: "auto", connection: { $0.node = "pve2" }
        ) {
            $0.nodes["pve2"] = PVEModel.Node()
            $0.nodes["pve2"]?.isOnline = false
        },
        CreationFault(
            name: "a node that is not there", code: .proxmoxNode, says: ["no node 'pve9'"], helps: "pve1", connection: { $0.node = "pve9" }
        ) { _ in },
        CreationFault(
            name: "a node that goes away", code: .proxmoxNode, says: ["does not answer", "No route to host"], helps: "pvecm status", isSeenBefore: false
        ) {
            $0.faults = [
                PVEModel.Fault("POST", "/qemu", .answer(status: 595, reason: "Errors during connection establishment: No route to host", body: ""))
            ]
        },
        CreationFault(
            name: "a server that is too old", code: .proxmoxTooOld, says: ["8.2", "8.3"], helps: "dist-upgrade"
        ) { $0.release = "8.2" },
        CreationFault(
            name: "HA without shared storage", code: .proxmoxNotShared, says: ["ha", "'local'", "not shared"], helps: "ha: false", connection: { $0.ha = true }
        ) { _ in },
        CreationFault(
            name: "no right to make machines", code: .proxmoxPermission, says: ["deploy@pve!ci", "VM.Allocate on /vms"],
            helps: "pveum acl modify /vms --users 'deploy@pve' --tokens 'deploy@pve!ci'", isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/qemu", .answer(status: 403, reason: "Permission check failed", body: #"{"data":null}"#))] },
        CreationFault(
            name: "no right to disks", code: .proxmoxPermission, says: ["VM.Config.Disk on /vms"], helps: "--privs 'VM.Config.Disk'", isSeenBefore: false
        ) {
            $0.faults = [
                PVEModel.Fault("POST", "/qemu", .answer(status: 403, reason: "x", body: #"{"message":"Permission check failed (/vms/100, VM.Config.Disk)\n"}"#))
            ]
        },
        CreationFault(
            name: "no right to upload", code: .proxmoxPermission, says: ["Datastore.AllocateTemplate on /storage/local"],
            helps: "pveum acl modify /storage/local",
            isSeenBefore: false
        ) {
            $0.privileges = ["/": ["Datastore.Audit", "Datastore.AllocateSpace", "SDN.Use", "VM.Audit"]]
        },
        CreationFault(
            name: "parameters that this version refuses", code: .proxmoxParameters, says: ["cores: no", "vga: neither"], helps: "version", isSeenBefore: false
        ) {
            $0.faults = [
                PVEModel.Fault(
                    "POST", "/qemu",
                    .answer(status: 400, reason: "Parameter verification failed.", body: #"{"errors":{"vga":"neither","cores":"no\n"},"data":null}"#))
            ]
        },
        CreationFault(
            name: "an image that arrives damaged", code: .proxmoxTaskFailed, says: ["the upload of the image failed", "checksum mismatch"],
            helps: "pvenode task log",
            isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/upload", .failTask("checksum mismatch"))] },
        CreationFault(
            name: "a connection that is cut in the upload", code: .proxmoxUnreachable, says: ["was cut", "/nodes/pve1/storage/local/upload"],
            helps: "carries on", isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/upload", .cutUpload(after: 20_000))] },
        CreationFault(
            name: "a connection that is cut at the creation", code: .proxmoxUnreachable, says: ["was cut", "POST /nodes/pve1/qemu"], helps: "carries on",
            isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("POST", "/qemu", .cutBefore)] },
        CreationFault(
            name: "a system disk that cannot grow", code: .proxmoxTaskFailed, says: ["the growth of the system disk failed"], helps: "pvenode task log",
            isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("PUT", "/resize", .failTask("volume group has insufficient free space"))] },
        CreationFault(
            name: "a pool that is not there", code: .proxmoxRefused, says: ["pool 'payroll' does not exist"], helps: "journalctl", isSeenBefore: false,
            connection: { $0.pool = "payroll" }
        ) { _ in },
        CreationFault(
            name: "a configuration that cannot be read after the creation", code: .proxmoxRefused, says: ["pmxcfs is busy"], helps: "journalctl",
            isSeenBefore: false
        ) { $0.faults = [PVEModel.Fault("GET", "/qemu/100/config", .answer(status: 500, reason: "pmxcfs is busy", body: ""))] },
        CreationFault(
            name: "an image that fits only without the disks", code: .proxmoxStorageFull, says: ["the image has", "beside the 18432 MiB of the disks"],
            helps: "machine.proxmox.imageStorage", isSeenBefore: false
        ) { $0.stores["local"]?.used = ByteSize(bytes: ByteSize.gibibytes(182).bytes - 50_000) },
        CreationFault(
            name: "a name that is a stranger's", code: .machineStranger, says: ["VM 200", "'orders'"], helps: "qm set 200 --name"
        ) { $0.machines[200] = stranger(name: "orders", tags: "pgkvm") },
    ]
}
