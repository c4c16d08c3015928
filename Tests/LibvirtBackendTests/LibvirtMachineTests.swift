import Basics
import MachineBackend
import SystemPackage
import Testing

@testable import LibvirtBackend

@Suite("Record of a domain")
struct LibvirtMachineTests {
    @Test(
        "A file of a newer pgkvm is called that, whatever else is in it",
        arguments: [#"{"formatVersion": 2}"#, #"{"formatVersion": 99, "spec": "of another shape", "members": []}"#])
    func newer(text: String) {
        let error = #expect(throws: Failure.self) { try LibvirtMachine.decode(Array(text.utf8), file: "machine.json") }
        #expect(error?.code == .newerFormat)
    }

    @Test("A file that is cut short, empty or of no known shape is damaged", arguments: ["", "{", "{}", #"{"formatVersion": 1}"#, #"{"formatVersion": "1"}"#])
    func damaged(text: String) {
        let error = #expect(throws: Failure.self) { try LibvirtMachine.decode(Array(text.utf8), file: "machine.json") }
        #expect(error?.code == .machineFailed)
    }
}
