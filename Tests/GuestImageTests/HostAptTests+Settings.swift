import ApplianceModel
import Basics
import HostSystem
import SystemPackage
import Testing

@testable import GuestImage

/// What else of apt's settings reaches build and guest.
extension HostAptTests {
    @Test("Proxies, authorities and the host's word on dates reach build and guest, certificates of the host neither")
    func settings() async throws {
        try await FakeApt.with { fake in
            try Files.write("authority\n", to: fake.root.appending("corp.pem"))
            try fake.configure(
                "apt.conf.d/50own",
                """
                Acquire::http::Proxy "http://proxy.example:3128";
                Acquire::https { CaInfo "\(fake.root)/corp.pem"; SslKey "/key.pem"; Verify-Peer "true"; };
                Acquire::Check-Valid-Until "false";
                Acquire::Retries "3";
                APT::Get::Assume-Yes "true";

                """)
            let options = FetchOptions(try await fake.apt.settings())
            #expect(options.forBuild.contains("Acquire::http::Proxy \"http://proxy.example:3128\";\n"))
            #expect(options.forBuild.contains("Acquire::https::CaInfo \"\(fake.root)/corp.pem\";\n"))
            #expect(options.forBuild.contains("Acquire::Retries \"3\";\n"))
            #expect(!options.forBuild.contains("Assume-Yes"))
            #expect(!options.forBuild.contains("SslKey"))
            let files = try options.forGuest(usesTLS: true)
            #expect(files["/etc/apt/pgkvm-ca-1.pem"] == "authority\n")
            let configuration = files["/etc/apt/apt.conf.d/50pgkvm-archive"] ?? ""
            #expect(configuration.contains("Acquire::https::CaInfo \"/etc/apt/pgkvm-ca-1.pem\";"))
            #expect(configuration.contains("Acquire::Check-Valid-Until \"false\";"))
            #expect(!configuration.contains("proxy"))
            #expect(try options.forGuest(usesTLS: false).count == 1)
        }
    }
}
