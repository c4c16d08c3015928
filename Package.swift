// swift-tools-version: 6.2
import PackageDescription

/// Every Swift target is held to these.
let strict: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
    .treatAllWarnings(as: .error),
]

/// Targets that hold C handles or raw memory mark each unsafe use.
let memorySafe = strict + [.strictMemorySafety()]

let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")
let cryptoExtras = Target.Dependency.product(name: "CryptoExtras", package: "swift-crypto")
let crypto = Target.Dependency.product(name: "Crypto", package: "swift-crypto")

/// The library targets in the order of the house: a target may import only what stands above it (docs/architecture.md).
let libraries: [Target] = [
    .systemLibrary(name: "CLibSSH2", pkgConfig: "libssh2", providers: [.apt(["libssh2-1-dev"])]),
    .systemLibrary(name: "CLibPQ", pkgConfig: "libpq", providers: [.apt(["libpq-dev"])]),
    .target(name: "CKVM"),
    .target(name: "CLinux"),
    .target(name: "Quoting", swiftSettings: strict),
    .target(name: "Basics", dependencies: ["Quoting"], swiftSettings: strict),
    .target(name: "Terminal", dependencies: ["Basics", "Quoting", systemPackage], swiftSettings: strict),
    .target(name: "ApplianceModel", dependencies: ["Basics", "Quoting", systemPackage], swiftSettings: strict),
    .target(
        name: "SpecFile", dependencies: ["Basics", "ApplianceModel", "Quoting", .product(name: "Yams", package: "Yams")], swiftSettings: strict),
    .target(
        name: "HostSystem", dependencies: ["Basics", "ApplianceModel", "Quoting", "CKVM", "CLinux", subprocess, systemPackage], swiftSettings: memorySafe),
    .target(
        name: "Workflow", dependencies: ["Basics", crypto], swiftSettings: strict),
    .target(
        name: "CloudInitTemplates", path: "cloud-init",
        resources: [.embedInCode("user-data"), .embedInCode("meta-data"), .embedInCode("network-config")], swiftSettings: strict),
    .target(
        name: "BuiltinTemplates", dependencies: ["Quoting"], path: "templates",
        resources: [
            .embedInCode("postgresql"), .embedInCode("guest"), .embedInCode("system"), .embedInCode("libvirt"), .embedInCode("spec"), .embedInCode("report"),
        ],
        swiftSettings: strict),
    .target(
        name: "CloudInit",
        dependencies: [
            "Basics", "ApplianceModel", "Quoting", "HostSystem", "CloudInitTemplates", .product(name: "Mustache", package: "swift-mustache"), systemPackage,
        ], swiftSettings: strict),
    .target(name: "SecureShell", dependencies: ["Basics", "ApplianceModel", "Quoting", "CLibSSH2", systemPackage], swiftSettings: memorySafe),
    .target(name: "PostgresClient", dependencies: ["Basics", "ApplianceModel", "Quoting", "CLibPQ"], swiftSettings: memorySafe),
    .target(
        name: "PostgresServer",
        dependencies: [
            "Basics", "ApplianceModel", "Quoting", "BuiltinTemplates", crypto, .product(name: "X509", package: "swift-certificates"),
            .product(name: "SwiftASN1", package: "swift-asn1"), .product(name: "Mustache", package: "swift-mustache"),
        ], swiftSettings: strict),
    .target(
        name: "GuestImage", dependencies: ["Basics", "ApplianceModel", "Quoting", "HostSystem", "PostgresServer", crypto, systemPackage],
        resources: [.embedInCode("Recipe/customize.sh")], swiftSettings: strict),
    .target(name: "MachineBackend", dependencies: ["Basics", "ApplianceModel", "HostSystem", systemPackage], swiftSettings: strict),
    .target(name: "QEMUBackend", dependencies: ["Basics", "ApplianceModel", "Quoting", "MachineBackend", "HostSystem", systemPackage], swiftSettings: strict),
    .target(
        name: "LibvirtBackend",
        dependencies: [
            "Basics", "ApplianceModel", "Quoting", "MachineBackend", "HostSystem", "BuiltinTemplates", systemPackage,
            .product(name: "Mustache", package: "swift-mustache"),
        ], swiftSettings: strict),
    .target(
        name: "ProxmoxBackend", dependencies: ["Basics", "ApplianceModel", "Quoting", "MachineBackend", "HostSystem", crypto, systemPackage],
        swiftSettings: strict),
    .target(
        name: "Reports",
        dependencies: [
            "Basics", "Terminal", "ApplianceModel", "Quoting", "BuiltinTemplates", .product(name: "Mustache", package: "swift-mustache"),
        ], swiftSettings: strict),
    .target(
        name: "Probes", dependencies: ["Basics", "ApplianceModel", "Quoting", "HostSystem", "SecureShell", "Reports", systemPackage], swiftSettings: strict),
    .target(
        name: "Verification",
        dependencies: [
            "Basics", "ApplianceModel", "Quoting", "SecureShell", "PostgresClient", "HostSystem", "MachineBackend", "BuiltinTemplates", "Reports", "Probes",
            systemPackage,
        ], swiftSettings: strict),
    .target(
        name: "Deployment",
        dependencies: [
            "Basics", "ApplianceModel", "Quoting", "SpecFile", "HostSystem", "Workflow", "GuestImage", "CloudInit", "SecureShell", "PostgresClient",
            "PostgresServer", "MachineBackend", "Terminal", "Reports", "Verification", crypto, systemPackage,
        ], swiftSettings: strict),
    .target(
        name: "Guide",
        dependencies: [
            "Basics", "ApplianceModel", "Quoting", "SpecFile", "HostSystem", "Workflow", "GuestImage", "PostgresServer", "MachineBackend", "Terminal",
            "Reports", "Verification",
            "Deployment", systemPackage,
        ], swiftSettings: strict),
    .target(
        name: "Commands",
        dependencies: [
            "Guide", "Deployment", "Terminal", "Reports", "QEMUBackend", "LibvirtBackend", "ProxmoxBackend", "Basics", "ApplianceModel", "Quoting", "SpecFile",
            "HostSystem", "Workflow",
            "GuestImage", "MachineBackend", "SecureShell", "PostgresClient", "PostgresServer", "Verification", "BuiltinTemplates", systemPackage,
            .product(name: "ArgumentParser", package: "swift-argument-parser"),
            .product(name: "UnixSignals", package: "swift-service-lifecycle"),
        ], swiftSettings: strict),
    .executableTarget(name: "pgkvm", dependencies: ["Commands"], swiftSettings: strict),
    .target(
        name: "TestSupport",
        dependencies: [
            "Basics", "ApplianceModel", "HostSystem", "SecureShell", "MachineBackend", "Probes", "Terminal", crypto, systemPackage,
        ], path: "Tests/TestSupport", swiftSettings: strict),
]

/// One test target beside each library; `IntegrationTests` holds whatever boots a guest.
func tests(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .testTarget(
        name: "\(name)Tests",
        dependencies: Set([name, "TestSupport", "Basics", "ApplianceModel", "Quoting"]).sorted().map { .target(name: $0) } + [systemPackage] + dependencies,
        swiftSettings: strict)
}

/// The fuzz targets are built only when asked for (`make fuzz`). Then the libraries are optimised and instrumented, as the targets are; what other
/// packages bring is not, since their code is not what is looked for.
let isFuzzing = Context.environment["PGKVM_FUZZ"] != nil
let instrumented: [SwiftSetting] = [.unsafeFlags(["-O", "-sanitize=address,fuzzer"])]
if isFuzzing {
    for library in libraries where library.type == .regular && library.swiftSettings != nil { library.swiftSettings? += instrumented }
}
let fuzzing: [Target] = [
    .target(name: "CLibFuzzer", path: "Fuzz/CLibFuzzer"),
    .executableTarget(
        name: "pgkvm-fuzz",
        dependencies: [
            "CLibFuzzer", "Basics", "Terminal", "Reports", "Probes", "Quoting", "ApplianceModel", "SpecFile", "HostSystem", "Workflow", "SecureShell",
            "PostgresServer", "GuestImage", "MachineBackend",
            "QEMUBackend", "LibvirtBackend", "ProxmoxBackend", "Verification", "Deployment", systemPackage,
        ], path: "Fuzz/Sources", swiftSettings: memorySafe + instrumented,
        linkerSettings: [
            .unsafeFlags(
                ["-sanitize=address"] + ["8bit_counters", "pcs"].flatMap { ["-Xlinker", "--wrap=__sanitizer_cov_\($0)_init"] })
        ]),
]

let package = Package(
    name: "pgkvm",
    products: [.executable(name: "pgkvm", targets: ["pgkvm"])] + (isFuzzing ? [.executable(name: "pgkvm-fuzz", targets: ["pgkvm-fuzz"])] : []),
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-certificates", from: "1.21.1"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.1.1"),
        .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
        .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
    ],
    targets: libraries + (isFuzzing ? fuzzing : []) + [
        tests("Quoting", ["HostSystem"]), tests("Basics"), tests("Terminal"), tests("ApplianceModel"), tests("SpecFile", ["HostSystem", "BuiltinTemplates"]),
        tests("HostSystem"),
        tests("Workflow"),
        tests("GuestImage", ["HostSystem", "PostgresServer"]),
        tests("CloudInit", ["HostSystem"]), tests("SecureShell", ["HostSystem", crypto, cryptoExtras]), tests("PostgresClient", ["HostSystem"]),
        tests("PostgresServer", ["HostSystem", "PostgresClient"]), tests("MachineBackend", ["HostSystem"]),
        tests("QEMUBackend", ["HostSystem", "MachineBackend", "Verification"]),
        tests("LibvirtBackend", ["HostSystem", "MachineBackend"]),
        tests("ProxmoxBackend", ["HostSystem", "MachineBackend", crypto]),
        tests("Reports", ["HostSystem", "BuiltinTemplates", "Terminal"]), tests("Probes", ["HostSystem", "SecureShell", "Reports"]),
        tests("Verification", ["Probes", "Reports", "HostSystem", "SecureShell", "PostgresClient", "PostgresServer", "MachineBackend"]),
        tests(
            "Deployment",
            [
                "BuiltinTemplates", "HostSystem", "Workflow", "MachineBackend", "SpecFile", "PostgresServer", "PostgresClient", "GuestImage", "SecureShell",
                "Reports", "Terminal", "Verification",
            ]),
        tests("Commands", [.product(name: "ArgumentParser", package: "swift-argument-parser")]),
        tests("Guide", ["HostSystem", "Workflow", "MachineBackend", "SpecFile", "GuestImage", "Deployment", "Terminal", "Verification"]),
        .testTarget(
            name: "IntegrationTests",
            dependencies: [
                "TestSupport", "Basics", "ApplianceModel", "Quoting", "SpecFile", "HostSystem", "Workflow", "PostgresClient", "PostgresServer", "SecureShell",
                "MachineBackend",
                "QEMUBackend", "GuestImage", "Basics", "Reports", "Probes", "Verification", "Deployment", systemPackage,
            ], swiftSettings: strict),
    ]
)
