internal import Basics
internal import Deployment

/// The exit statuses of the program.
enum ExitStatus {
    static let done: Int32 = 0
    static let failed: Int32 = 1
    static let checksFailed: Int32 = 2
    static let usage: Int32 = 64
    static let interrupted: Int32 = 130

    static func of(_ failure: Failure) -> Int32 {
        switch failure.code {
        case .checksFailed: checksFailed
        default: failed
        }
    }
}
