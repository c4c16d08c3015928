internal import Glibc

/// Passes strings to a C function as an array of NUL-terminated bytes that ends with a null pointer.
///
/// The copies are overwritten before they are freed, because they may include a password.
/// - Parameter strings: nil becomes a null pointer; no string may contain a NUL.
func withCStrings<Result>(
    _ strings: [String?], _ body: (UnsafePointer<UnsafePointer<CChar>?>) throws -> Result
) rethrows -> Result {
    let size = strings.reduce(1) { $0 + ($1?.utf8.count ?? 0) + 1 }
    let storage = UnsafeMutablePointer<CChar>.allocate(capacity: size)
    let pointers = UnsafeMutablePointer<UnsafePointer<CChar>?>.allocate(capacity: strings.count + 1)
    unsafe storage.initialize(repeating: 0, count: size)
    unsafe pointers.initialize(repeating: nil, count: strings.count + 1)
    defer {
        unsafe explicit_bzero(storage, size)
        unsafe storage.deallocate()
        unsafe pointers.deallocate()
    }
    var offset = 0
    for (index, string) in strings.enumerated() {
        guard let string else { continue }
        unsafe pointers[index] = unsafe UnsafePointer(storage + offset)
        for byte in string.utf8 {
            unsafe storage[offset] = CChar(bitPattern: byte)
            offset += 1
        }
        offset += 1
    }
    return try unsafe body(UnsafePointer(pointers))
}
