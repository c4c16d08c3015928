internal import ApplianceModel
internal import Basics
internal import Quoting

/// The rows that a statement returned, as text.
package struct PostgresRows: Sendable, Equatable {
    package let columns: [String]
    /// One array for each row, in the order of `columns`; nil is SQL's NULL.
    package let rows: [[String?]]
    /// The server's report of what it did, such as `INSERT 0 3`.
    package let commandTag: String

    package init(columns: [String], rows: [[String?]], commandTag: String = "") {
        self.columns = columns
        self.rows = rows
        self.commandTag = commandTag
    }

    /// The number of rows that were returned or changed; nil for statements that do not report one.
    package var affectedRows: Int? { commandTag.split(at: " ").last.flatMap { Int($0) } }

    /// The only row.
    /// - Throws: `postgres.unexpected-result` unless there is exactly one.
    package func only() throws -> PostgresRow {
        guard rows.count == 1, let row = first else {
            throw Failure(.postgresUnexpectedResult, "expected one row, got \(rows.count)")
        }
        return row
    }
}

extension PostgresRows: RandomAccessCollection {
    package var startIndex: Int { rows.startIndex }
    package var endIndex: Int { rows.endIndex }
    package subscript(position: Int) -> PostgresRow { PostgresRow(columns: columns, values: rows[position]) }
}

/// One row, whose columns are read by name.
package struct PostgresRow: Sendable, Equatable {
    package let columns: [String]
    package let values: [String?]

    /// The text of a column; nil for NULL and for a column that does not exist.
    package subscript(_ column: String) -> String? { columns.firstIndex(of: column).flatMap { values[$0] } }

    /// The text of a column that must exist and not be NULL.
    /// - Throws: `postgres.unexpected-result`.
    package func text(_ column: String) throws -> String {
        guard let index = columns.firstIndex(of: column) else {
            throw Failure(.postgresUnexpectedResult, "the result has no column '\(column)' (it has \(columns.joined(separator: ", ")))")
        }
        guard let value = values[index] else { throw Failure(.postgresUnexpectedResult, "column '\(column)' is NULL") }
        return value
    }

    /// A column of an integer type, in decimal.
    /// - Throws: `postgres.unexpected-result`.
    package func integer(_ column: String) throws -> Int { try convert(column, "an integer") { Int($0) } }

    /// A column of a numeric type.
    /// - Throws: `postgres.unexpected-result`.
    package func double(_ column: String) throws -> Double { try convert(column, "a number") { Double($0) } }

    /// A column of type boolean, or a setting with the value `on` or `off`.
    /// - Throws: `postgres.unexpected-result`.
    package func bool(_ column: String) throws -> Bool {
        try convert(column, "a boolean") { text in
            switch text {
            case "t", "true", "on": true
            case "f", "false", "off": false
            default: nil
            }
        }
    }

    private func convert<Value>(_ column: String, _ kind: String, _ read: (String) -> Value?) throws -> Value {
        let text = try text(column)
        guard let value = read(text) else { throw Failure(.postgresUnexpectedResult, "column '\(column)' is not \(kind): \(SpecRules.shown(text))") }
        return value
    }
}
