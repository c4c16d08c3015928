// Every target has this file, by a link. A conversion such as `Int(value)` ends the program when the value does not fit, and many values
// come from a guest or a server. The compiler prefers these initialisers to those of the standard library and, since they are deprecated and
// warnings are errors, refuses the line.

extension Int {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write Int(saturating:) or Int(exactly:)")
    init(_ value: Double) { self = Int(exactly: value.rounded(.towardZero)) ?? 0 }
}

extension Int64 {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write Int64(saturating:) or Int64(exactly:)")
    init(_ value: Double) { self = Int64(exactly: value.rounded(.towardZero)) ?? 0 }
}

extension Int32 {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write Int32(saturating:) or Int32(exactly:)")
    init(_ value: Double) { self = Int32(exactly: value.rounded(.towardZero)) ?? 0 }
}

extension Int16 {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write Int16(saturating:) or Int16(exactly:)")
    init(_ value: Double) { self = Int16(exactly: value.rounded(.towardZero)) ?? 0 }
}

extension UInt {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write UInt(saturating:) or UInt(exactly:)")
    init(_ value: Double) { self = UInt(exactly: value.rounded(.towardZero)) ?? 0 }
}

extension UInt64 {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write UInt64(saturating:) or UInt64(exactly:)")
    init(_ value: Double) { self = UInt64(exactly: value.rounded(.towardZero)) ?? 0 }
}

extension UInt32 {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write UInt32(saturating:) or UInt32(exactly:)")
    init(_ value: Double) { self = UInt32(exactly: value.rounded(.towardZero)) ?? 0 }
}

extension UInt16 {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write UInt16(saturating:) or UInt16(exactly:)")
    init(_ value: Double) { self = UInt16(exactly: value.rounded(.towardZero)) ?? 0 }
}

extension UInt8 {
    @available(*, deprecated, message: "this ends the program on a value that does not fit: write UInt8(saturating:) or UInt8(exactly:)")
    init(_ value: Double) { self = UInt8(exactly: value.rounded(.towardZero)) ?? 0 }
}
