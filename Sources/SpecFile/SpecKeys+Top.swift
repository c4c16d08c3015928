internal import ApplianceModel
internal import Quoting

extension ApplianceSpec: SpecPart {
    static let fields: [SpecField<ApplianceSpec>] = [
        SpecField(
            key: SpecKey(
                "formatVersion", .number(1...currentFormat), "the format of the file", standard: nil, change: .expectation),
            inner: [],
            read: { reader, section, _ in
                reader.readFormat(section)
                return true
            }, written: { _ in .scalar("\(currentFormat)") }, compared: { _ in [] }),
        SpecField(
            key: SpecKey(
                "name", .text(SpecText.name.form), "1 to 40 lower-case letters, digits and single hyphens; also the host name", standard: nil,
                change: .fixed("it is what the appliance, its guest and its certificate are called")),
            inner: [], read: { reader, section, spec in reader.readName(section, into: &spec.name) },
            written: { .scalar(YAMLScalar($0.name.rawValue).text) }, compared: { [SpecValue("name", $0.name.rawValue)] }),
        .section("machine", \.machine, "the virtual machine"),
        .section("network", \.network, "how the guest is reached"),
        .section("data", \.dataDisk, "the disk of the database"),
        .section("postgresql", \.postgresql, "the server and what is in it"),
        .section("verify", \.verification, "what 'pgkvm verify' expects beyond the rest"),
    ]
}

extension ApplianceSpec.DataDisk: DefaultPart {
    static var standard: Self { Self() }

    static let fields: [SpecField<Self>] = [
        SpecField(
            "data.size", .size, \.size, "\(SpecLimits.dataDisk.words), reserved on the host at once", change: .onlyGrows("a smaller disk would cut off data")),
        SpecField(
            "data.adopt", .optional(.text(.absolutePath)), \.adopt, "absolute path of the directory that 'delete --keep-data' left",
            standard: "none: a new disk", change: .fixed("the data disk was chosen when the machine was made")),
    ]
}

extension ApplianceSpec.Verification: SpecPart {
    static let fields: [SpecField<Self>] = [
        .words(
            "verify.limits", SpecWords(rule: "a limit has one value", example: "write one such as 5ms"), \.limits,
            "bounds of figures, such as disk.write-latency.p99: 5ms", change: .expectation)
    ]
}
