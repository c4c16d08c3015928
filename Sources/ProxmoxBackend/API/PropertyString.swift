internal import ApplianceModel
internal import Basics
internal import MachineBackend
internal import Quoting

/// A value with several parts in Proxmox's configuration: `STORE:0,iothread=1,cache=none`.
struct PropertyString: Equatable {
    /// The parts; the first may have no name.
    private(set) var parts: [(name: String?, value: String)] = []

    init() {}

    /// - Parameter first: the value of the part whose name is left out.
    /// - Throws: `input.invalid`, as `add` does.
    init(_ first: String) throws {
        parts = [(nil, try Self.checked(first, name: "value"))]
    }

    /// Parses a value as the server shows it.
    init(reading text: String) {
        for part in text.split(at: ",") {
            guard let sign = part.unicodeScalars.firstIndex(of: "=") else {
                parts.append((nil, String(part)))
                continue
            }
            parts.append((String(part[..<sign]), String(part[part.unicodeScalars.index(after: sign)...])))
        }
    }

    /// - Throws: `input.invalid` for a value that would start another part.
    mutating func add(_ name: String, _ value: String) throws { parts.append((name, try Self.checked(value, name: name))) }

    /// Adds words in place of a value that is not chosen yet: for people only.
    mutating func addWords(_ name: String, _ words: String) { parts.append((name, words)) }

    /// Removes a part, and adds it at the end with another value; nil only removes it.
    mutating func set(_ name: String, _ value: String?) throws {
        parts.removeAll { $0.name == name }
        if let value { try add(name, value) }
    }

    subscript(_ name: String) -> String? { parts.first { $0.name == name }?.value }

    /// The part without a name.
    var first: String? { parts.first.flatMap { $0.name == nil ? $0.value : nil } }

    var text: String { parts.map { part in part.name.map { "\($0)=\(part.value)" } ?? part.value }.joined(separator: ",") }

    private static func checked(_ value: String, name: String) throws -> String {
        try Failure.naming("'\(value)' cannot be the \(name) of a drive or card in Proxmox: it", remedy: "choose another name") {
            try ProxmoxPropertyValue(value).text
        }
    }

    static func == (left: PropertyString, right: PropertyString) -> Bool { left.text == right.text }
}

/// A drive of a new machine.
struct PVEDrive: Equatable {
    enum Source: Equatable {
        /// A new volume.
        case new(store: String, gibibytes: Int64)
        /// A copy of an uploaded image, with the image's size.
        case image(store: String, volume: String)
        /// An uploaded medium.
        case medium(volume: String)
        /// The firmware's variables.
        case firmware(store: String)
    }

    var source: Source
    /// How requests reach the store; nil means the server's choice.
    var aio: String?
    var serial: String?
    /// Whether blocks that the guest discards are returned to the store.
    var givesBack = true
    /// Whether zeros that the guest writes are stored as zeros. Otherwise, where discarded blocks are returned, the server turns them into holes.
    var keepsZeros = false

    /// - Throws: `input.invalid` for a value that Proxmox would interpret differently.
    func text() throws -> String {
        var drive: PropertyString
        switch source {
        case .new(let store, let gibibytes):
            drive = try PropertyString("\(store):\(gibibytes)")
            try drive.add("format", "raw")
        case .image(let store, let volume):
            // The size must be 0 here.
            drive = try PropertyString("\(store):0")
            try drive.add("import-from", volume)
        case .medium(let volume):
            drive = try PropertyString(volume)
            try drive.add("media", "cdrom")
            return drive.text
        case .firmware(let store):
            drive = try PropertyString("\(store):1")
            try drive.add("efitype", "4m")
            // Secure Boot's keys would reject what the image boots.
            try drive.add("pre-enrolled-keys", "0")
            return drive.text
        }
        try drive.add("iothread", "1")
        try drive.add("cache", "none")
        if let aio { try drive.add("aio", aio) }
        try drive.add("discard", givesBack ? "on" : "ignore")
        if keepsZeros { try drive.add("detect_zeroes", "0") }
        if let serial { try drive.add("serial", serial) }
        return drive.text
    }
}

/// The network card of a machine.
struct PVECard: Equatable {
    var macAddress: Planned<String>
    var bridge: String
    /// 1 to 64.
    var queues: Int

    /// - Throws: `input.invalid`.
    func text() throws -> String {
        var card = PropertyString()
        switch macAddress {
        case .chosen(let address): try card.add("virtio", address.uppercased())
        case .later: card.addWords("virtio", "\(macAddress)")
        }
        try card.add("bridge", bridge)
        if queues > 1 { try card.add("queues", "\(min(queues, Self.mostQueues))") }
        return card.text
    }

    static let mostQueues = 64
}
