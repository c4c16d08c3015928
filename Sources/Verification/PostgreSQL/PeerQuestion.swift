internal import FoundationEssentials
internal import SecureShell

extension RemoteShell {
    /// Asks the server what only its superuser may know: over SSH as `postgres`, by peer.
    /// - Parameter sql: one statement that returns one JSON value; names in it are the keys of `Answer`.
    /// - Throws: what `check` throws, and `DecodingError` for an answer of another shape.
    func askServer<Answer: Decodable>(_ sql: String, as type: Answer.Type = Answer.self) async throws -> Answer {
        let result = try await check(
            "sudo -n -u postgres psql -XAtq -v ON_ERROR_STOP=1 -d postgres", input: Array(sql.utf8), timeout: .seconds(60))
        return try JSONDecoder().decode(Answer.self, from: Data(result.standardOutput))
    }
}
