import Crypto
import CryptoExtras
import Foundation
import SecureShell

/// A server that shows the pinned key and lets the user in, as a hostile guest does. From then on a test says what it does.
final class TrustedServer {
    /// The client has gone, or does something that no test is about.
    struct Ended: Error {}

    /// One direction of the encrypted connection: aes128-ctr with hmac-sha2-256.
    private struct Cipher {
        let key: SymmetricKey
        let mac: SymmetricKey
        var counter: [UInt8]

        /// Takes the next bytes of the key stream; whole blocks only.
        mutating func apply(to bytes: [UInt8]) throws -> [UInt8] {
            var result = bytes
            for start in stride(from: 0, to: bytes.count, by: 16) {
                var block = counter
                try AES.permute(&block, key: key)
                for index in 0..<16 { result[start + index] ^= block[index] }
                for index in counter.indices.reversed() {
                    counter[index] &+= 1
                    if counter[index] != 0 { break }
                }
            }
            return result
        }
    }

    static let key = Curve25519.Signing.PrivateKey()
    /// What the client has to pin.
    static let keyBlob = string("ssh-ed25519") + string(Array(key.publicKey.rawRepresentation))

    private let client: HostileServer.Client
    private var sending: Cipher?
    private var receiving: Cipher?
    private var sent: UInt32 = 0
    /// What came in channel data and was not taken yet.
    private var data: [UInt8] = []

    /// Agrees on keys and lets the user in.
    init(_ client: HostileServer.Client) throws {
        self.client = client
        let banner = "SSH-2.0-OpenSSH_9.9"
        guard client.send(banner + "\r\n") else { throw Ended() }
        var line: [UInt8] = []
        while line.last != UInt8(ascii: "\n") { line += try bytes(1) }
        let offer = kexInit(keyExchange: "curve25519-sha256", hostKey: "ssh-ed25519", cipher: "aes128-ctr", mac: "hmac-sha2-256")
        try send(offer)
        let clientOffer = try receive()
        let question = try receive()
        guard question.first == 30 else { throw Ended() }
        let clientPoint = Array(question.dropFirst(5))
        let own = Curve25519.KeyAgreement.PrivateKey()
        let point = Array(own.publicKey.rawRepresentation)
        let shared = try own.sharedSecretFromKeyAgreement(with: .init(rawRepresentation: clientPoint)).withUnsafeBytes { Array($0) }
        let secret = Self.positive(shared)
        let name = Array(line.filter { $0 != 0x0d && $0 != 0x0a })
        let parts = [Self.string(name), Self.string(banner), Self.string(clientOffer), Self.string(offer), Self.string(Self.keyBlob)]
        let hash = Array(SHA256.hash(data: parts.flatMap { $0 } + Self.string(clientPoint) + Self.string(point) + secret))
        let signature = Self.string("ssh-ed25519") + Self.string(Array(try Self.key.signature(for: hash)))
        try send([31] + Self.string(Self.keyBlob) + Self.string(point) + Self.string(signature))
        try send([21])
        func derived(_ letter: String, _ count: Int) -> [UInt8] { Array(SHA256.hash(data: secret + hash + Array(letter.utf8) + hash).prefix(count)) }
        guard try receive() == [21] else { throw Ended() }
        receiving = Cipher(key: .init(data: derived("C", 16)), mac: .init(data: derived("E", 32)), counter: derived("A", 16))
        sending = Cipher(key: .init(data: derived("D", 16)), mac: .init(data: derived("F", 32)), counter: derived("B", 16))
        try expect(5)
        try send([6] + Self.string("ssh-userauth"))
        try expect(50)
        try send([52])
    }

    // MARK: Channels

    /// Opens the channels that the client wants, until it starts a command or a subsystem in one.
    /// - Returns: the client's number of the channel.
    func waitForStart() throws -> UInt32 {
        var channel: UInt32 = 0
        while true {
            let packet = try receive()
            switch packet.first {
            case 90:
                // After the kind of the channel: the client's number.
                channel = Self.number(packet, at: 5 + Int(Self.number(packet, at: 1)))
                try send([91] + Self.number(channel) + Self.number(0) + Self.number(1 << 21) + Self.number(1 << 15))
            case 98:
                try send([99] + Self.number(channel))
                return channel
            default: try answer(packet)
            }
        }
    }

    /// The next bytes that the client sends in its channel.
    func receiveData(_ count: Int) throws -> [UInt8] {
        while data.count < count { try answer(try receive()) }
        defer { data.removeFirst(count) }
        return Array(data.prefix(count))
    }

    /// One packet of SFTP, without its length.
    func receiveRequest() throws -> [UInt8] { try receiveData(Int(Self.number(receiveData(4), at: 0))) }

    func send(_ text: [UInt8], in channel: UInt32) throws { try send([94] + Self.number(channel) + Self.string(text)) }

    /// One packet of SFTP.
    /// - Parameter length: what it says that its length is; nil for the truth.
    func answer(_ packet: [UInt8], length: UInt32? = nil, in channel: UInt32) throws {
        try send(Self.number(length ?? UInt32(packet.count)) + packet, in: channel)
    }

    /// - Parameter end: what follows the name of the request.
    func request(_ name: String, _ end: [UInt8], in channel: UInt32) throws { try send([98] + Self.number(channel) + Self.string(name) + [0] + end) }

    func close(_ channel: UInt32) throws {
        try send([96] + Self.number(channel))
        try send([97] + Self.number(channel))
    }

    /// Keeps the connection alive and does nothing else, until the client goes.
    func stayAlive() throws { while true { try answer(try receive()) } }

    private func answer(_ packet: [UInt8]) throws {
        switch packet.first {
        case 80: try send([82])
        case 94: data += packet.dropFirst(9)
        default: break
        }
    }

    // MARK: Packets

    func send(_ payload: [UInt8]) throws {
        let block = sending == nil ? 8 : 16
        var padding = block - (5 + payload.count) % block
        if padding < 4 { padding += block }
        // Padding that is not nothing shows a client that reads beyond the end.
        let packet = Self.number(UInt32(1 + payload.count + padding)) + [UInt8(padding)] + payload + [UInt8](repeating: 0xa5, count: padding)
        var bytes = packet
        if let mac = sending?.mac {
            bytes = try sending?.apply(to: packet) ?? []
            bytes += HMAC<SHA256>.authenticationCode(for: Self.number(sent) + packet, using: mac)
        }
        sent &+= 1
        guard client.send(bytes) else { throw Ended() }
    }

    private func receive() throws -> [UInt8] {
        let block = receiving == nil ? 8 : 16
        var packet = try bytes(block)
        if receiving != nil { packet = try receiving?.apply(to: packet) ?? [] }
        let length = Int(Self.number(packet, at: 0))
        guard length < 1 << 20, length >= block - 4 else { throw Ended() }
        let rest = try bytes(4 + length - block)
        packet += try receiving?.apply(to: rest) ?? rest
        if receiving != nil { _ = try bytes(32) }
        return Array(packet[5..<(4 + length - Int(packet[4]))])
    }

    private func expect(_ kind: UInt8) throws { guard try receive().first == kind else { throw Ended() } }

    private func bytes(_ count: Int) throws -> [UInt8] {
        guard let bytes = client.read(count) else { throw Ended() }
        return bytes
    }

    static func number(_ value: UInt32) -> [UInt8] { withUnsafeBytes(of: value.bigEndian, Array.init) }
    static func number(_ bytes: [UInt8], at offset: Int) -> UInt32 { bytes[offset..<offset + 4].reduce(0) { $0 << 8 | UInt32($1) } }
    static func string(_ bytes: [UInt8]) -> [UInt8] { number(UInt32(bytes.count)) + bytes }
    static func string(_ text: String) -> [UInt8] { string(Array(text.utf8)) }

    /// A number as SSH hashes it: without leading zeros, and with one where the first bit would be a sign.
    private static func positive(_ bytes: [UInt8]) -> [UInt8] {
        let digits = Array(bytes.drop { $0 == 0 })
        return string((digits.first ?? 0) >= 0x80 ? [0] + digits : digits)
    }
}
