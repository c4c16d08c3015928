import Testing

@testable import GuestImage

@Suite("How large a transfer will be")
struct TransferSizeTests {
    @Test(
        "What the last answer says counts",
        arguments: [
            ("HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n", 0, 4096),
            ("HTTP/2 206\r\ncontent-range: bytes 1000-4095/4096\r\ncontent-length: 3096\r\n\r\n", 1000, 4096),
            ("HTTP/1.1 206 Partial\r\nContent-Length: 3096\r\n\r\n", 1000, 4096),
            ("HTTP/1.1 206 Partial\r\nContent-Length: 9223372036854775807\r\n\r\n", 1000, .max),
            ("HTTP/1.1 302 Found\r\nContent-Length: 154\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", 0, 9),
        ])
    func total(headers: String, before: Int64, expected: Int64) { #expect(TransferSize.total(headers: headers, before: before) == expected) }

    @Test(
        "An answer that is none, or does not say, says nothing",
        arguments: ["", "HTTP/1.1 404 Not Found\r\nContent-Length: 5\r\n\r\n", "HTTP/1.1 200 OK\r\n\r\n", "HTTP/1.1 302 Found\r\nContent-Length: 154\r\n\r\n"])
    func unknown(headers: String) { #expect(TransferSize.total(headers: headers, before: 0) == nil) }
}
