import ApplianceModel
import Basics
import Testing

@testable import PostgresServer

@Suite("Huge pages")
struct HugePagesTests {
    @Test(
        "They are reserved from 1 GiB of shared_buffers on, and the setting huge_pages says yes or no to any size",
        arguments: [
            ([:], false), (["shared_buffers": "1GB"], true), (["shared_buffers": "1023MB"], false), (["shared_buffers": "131072"], true),
            (["shared_buffers": "64GB", "huge_pages": "try"], true), (["shared_buffers": "64GB", "huge_pages": "off"], false),
            (["shared_buffers": "64GB", "huge_pages": "No"], false), (["shared_buffers": "128MB", "huge_pages": "on"], true),
            (["huge_pages": "TRUE"], true),
            // Pages of another size are their administrator's.
            (["shared_buffers": "64GB", "huge_page_size": "1GB"], false), (["shared_buffers": "64GB", "huge_page_size": "0"], true),
            (["shared_buffers": "much"], false), (["shared_buffers": "-1"], false),
        ] as [([String: String], Bool)])
    func reserved(settings: [String: String], areReserved: Bool) {
        #expect(HugePages.areReserved(settings, version: 17) == areReserved)
        #expect(!HugePages.areReserved(settings, version: 14))
    }

    @Test("A machine of 4 GiB is the first that has them by default", arguments: [(4095, false), (4096, true), (65_536, true)] as [(Int64, Bool)])
    func machines(mebibytes: Int64, areReserved: Bool) throws {
        let spec = try makeSpec("orders") { $0.machine.memory = .mebibytes(mebibytes) }
        let settings = ServerConfiguration(spec: spec, layout: .debian(version: 17)).settings.effective
        #expect(HugePages.areReserved(settings, version: 17) == areReserved)
    }
}
