import Testing

@testable import Deployment

@Suite("synchronous_standby_names")
struct StandbyNamesTests {
    @Test(
        "Every form of the grammar is read",
        arguments: [
            ("", 0, []), ("*", 1, ["*"]), ("a, B", 1, ["a", "b"]), ("2 (a,b,c)", 2, ["a", "b", "c"]), ("FIRST 1 (\"A b\", c)", 1, ["A b", "c"]),
            ("any 3 (*)", 3, ["*"]), ("first", 1, ["first"]), ("any, first", 1, ["any", "first"]), ("\"a\"\"b\"", 1, ["a\"b"]), (" a ", 1, ["a"]),
            ("\"a\u{301}\"", 1, ["a\u{301}"]),
        ] as [(String, Int, [String])])
    func reads(text: String, count: Int, names: [String]) {
        let read = StandbyNames(text)
        #expect(read?.count == count)
        #expect(read?.names == names)
    }

    @Test("What the server would not take is nothing", arguments: ["a b", "2 (a", "(a)", "a,", ",", "2 ()"])
    func refuses(text: String) { #expect(StandbyNames(text) == nil) }
}
