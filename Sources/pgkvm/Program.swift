internal import Commands

/// The executable. Everything else is a library, so that it can be tested.
@main
struct Program {
    static func main() async { await PGKVM.main() }
}
