import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

@Suite("Parts of what apt says")
struct AptPartsTests {
    @Test(
        "An address is taken apart as apt does",
        arguments: [
            ("http://m.example/debian", "http", false, "m.example", nil, "/debian"), ("HTTPS://u:p@M.example:8443/d", "https", true, "m.example", "8443", "/d"),
            ("mirror+file:/etc/apt/m.list", "mirror+file", false, "", nil, "/etc/apt/m.list"),
            ("mirror+file:///etc/m", "mirror+file", false, "", nil, "/etc/m"),
            ("http://[::1]:80/x", "http", false, "[::1]", "80", "/x"), ("cdrom:[Debian 12]/", "cdrom", false, "", nil, "[Debian 12]/"),
            ("", "", false, "", nil, ""),
            ("http://u@h", "http", true, "h", nil, ""),
        ] as [(String, String, Bool, String, String?, String)])
    func uri(text: String, method: String, hasUser: Bool, host: String, port: String?, path: String) {
        let uri = AptURI(text)
        #expect(uri.method == method)
        #expect(uri.carriesCredentials == hasUser)
        #expect(uri.host == host)
        #expect(uri.port == port)
        #expect(uri.path == path)
    }

    @Test("A line of a list gives its options, its address and its suite")
    func line() {
        let bytes = Array("# note\ndeb [ arch=amd64 signed-by=/a.gpg,/b.asc trusted=no ] http://m/ trixie main # end\n".utf8)
        let lines = AptEntry.lines(bytes)
        #expect(lines.count == 3)
        #expect(lines[1] == ["arch": "amd64", "signed-by": "/a.gpg,/b.asc", "trusted": "no", "uris": "http://m/", "suites": "trixie"])
        let entry = AptEntry(options: lines[1])
        #expect(entry.signedBy == .files(["/a.gpg", "/b.asc"]))
        #expect(!entry.isUnsigned)
        #expect(AptEntry(options: ["signed-by": "A4285295FC7B1A81600062A9605C66F00D6C9793"]).signedBy == nil)
        #expect(AptEntry(options: ["check-valid-until": "no\nTrusted: yes"]).dateOptions.isEmpty)
    }

    @Test("Whatever the files contain, reading ends")
    func hostile() {
        for text in ["deb [", "deb [a=b", "deb ]", "[", ":", " x", "\n\n:\n", "a:\n b\n .\n", "deb\u{301} http://x y z", "\u{0}deb"] {
            _ = AptEntry.lines(Array(text.utf8))
            _ = AptEntry.stanzas(Array(text.utf8))
            _ = AptTarget.parse(text)
            _ = AptTarget.priorities(policy: text)
            _ = AptCredentials.machines(in: Array(text.utf8))
            _ = AptURI(text)
            _ = AptSetting(line: text)
        }
        #expect(AptSetting(line: #"Acquire::http::Proxy "a "b"";"#)?.value == #"a "b""#)
        #expect(AptSetting(line: #"Acquire::http "";"#)?.value == "")
    }
}
