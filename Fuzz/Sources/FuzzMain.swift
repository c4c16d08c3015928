internal import CLibFuzzer
internal import Glibc
internal import SystemPackage

/// Fuzzes one target with libFuzzer: `pgkvm-fuzz TARGET [libFuzzer's options and corpus directories]`, `pgkvm-fuzz --list`.
@main
enum FuzzMain {
    static func main() {
        let arguments = CommandLine.arguments
        guard arguments.count > 1, arguments[1] != "--list" else {
            for target in FuzzTarget.all { print(target.name) }
            return
        }
        if arguments[1] == "--list-planted" {
            for fault in FuzzTarget.planted { print(fault.target.name, fault.host) }
            return
        }
        // libFuzzer starts this program again, without the name, where it makes a crashing input smaller.
        var passed = arguments
        if !arguments[1].utf8.starts(with: "-".utf8) {
            unsafe setenv(Self.variable, arguments[1], 1)
            passed.remove(at: 1)
        }
        let name = unsafe getenv(Self.variable).map { unsafe String(cString: $0) } ?? ""
        guard let target = (FuzzTarget.all + FuzzTarget.planted.map(\.target)).first(where: { $0.name == name }) else {
            _ = try? FileDescriptor.standardError.writeAll("error: there is no fuzz target '\(name)'; pgkvm-fuzz --list shows them\n".utf8)
            exit(2)
        }
        unsafe chosen = target.run
        passed.insert("-max_len=\(target.maxLength)", at: 1)
        var count = Int32(passed.count)
        // libFuzzer keeps the arguments for as long as the program runs.
        var words: [UnsafeMutablePointer<CChar>?] = unsafe passed.map { unsafe strdup($0) } + [nil]
        let status = unsafe words.withUnsafeMutableBufferPointer { buffer in
            guard var start = buffer.baseAddress else { return Int32(2) }
            return unsafe LLVMFuzzerRunDriver(&count, &start) { data, size in
                let input = unsafe Array(UnsafeBufferPointer(start: data, count: size))
                // An error is an answer; only a trap, a broken promise or what the sanitizer sees is a fault.
                try? unsafe chosen(FuzzInput(input))
                PGKVMFuzzShowReachedCode()
                return 0
            }
        }
        exit(status)
    }

    private static let variable = "PGKVM_FUZZ_TARGET"
}

/// Set once, before the fuzzer runs.
nonisolated(unsafe) private var chosen: (FuzzInput) throws -> Void = { _ in }
