import Basics
import Testing

@Suite("A suggestion")
struct SuggestionTests {
    @Test("A slip of the finger is recognised, another word is not")
    func suggestions() {
        #expect(Suggestion.nearest(to: "memmory", among: ["memory", "vcpus"]) == "memory")
        #expect(Suggestion.nearest(to: "VCPUS", among: ["memory", "vcpus"]) == "vcpus")
        #expect(Suggestion.nearest(to: "sise", among: ["size", "layout"]) == "size")
        #expect(Suggestion.nearest(to: "mdoe", among: ["mode", "address"]) == "mode")
        #expect(Suggestion.nearest(to: "colour", among: ["size", "layout"]) == nil)
        #expect(Suggestion.nearest(to: "", among: ["size"]) == nil)
        #expect(Suggestion.nearest(to: "a", among: []) == nil)
        #expect(Suggestion.nearest(to: "abc", among: [""]) == nil)
    }
}
