internal import Basics

/// A table with aligned columns.
package enum Table {
    /// - Parameter rows: the first row has a cell for each column; the last column is not padded.
    package static func render(_ rows: [[String]]) -> String {
        let widths = (rows.first ?? []).indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { index, cell in
                index == row.count - 1 ? cell.0 : cell.0.padded(to: cell.1)
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}
