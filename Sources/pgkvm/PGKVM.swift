@main struct PGKVM { static func main() {} }
