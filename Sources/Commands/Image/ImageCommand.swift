internal import ApplianceModel
internal import ArgumentParser
internal import Basics
internal import Deployment
internal import GuestImage
internal import HostSystem
internal import Terminal
internal import Workflow

struct ImageCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "image", abstract: "Build, import and list base images.",
        discussion: """
            A deployment builds the image that it needs; this builds one beforehand, or takes another one in.

            EXAMPLES
              pgkvm image build debian-13
              pgkvm image list
            """,
        subcommands: [Build.self, Import.self, List.self, Delete.self])

    struct Build: WatchedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Build an image from the mirror of this host's apt.", discussion: "EXAMPLE\n  pgkvm image build debian-12")

        @Argument(help: "The release") var release: DebianRelease = .debian13
        @Flag(help: "Build anew although it is in the cache") var rebuild = false
        @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

        func run() async throws {
            let images = try ImageCommand.imagesForWork()
            let image = try await ProgressRenderer.current.activity("build-image", "Build the image of \(release.rawValue)") {
                try await images.build(release, rebuild: rebuild) { ImageCommand.report($0) }
            }
            Terminal.print(image.key)
        }
    }

    struct Import: WatchedCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take an image from a file or an http(s) URL into the cache.",
            discussion: "EXAMPLE\n  pgkvm image import noble.img --checksum sha256:… --name noble")

        @Argument(help: "A file or URL", completion: .file()) var source: String
        @Option(help: ArgumentHelp("sha256:HEX or sha512:HEX of the image; required", valueName: "checksum")) var checksum: String
        @Option(help: ArgumentHelp("Its name in the cache", valueName: "name")) var name: String?
        @OptionGroup(title: "What is shown meanwhile") var progress: ProgressOptions

        func run() async throws {
            let images = try ImageCommand.imagesForWork()
            let checksum = try ImageChecksum(checksum)
            let image = try await ProgressRenderer.current.activity("import-image", "Import '\(source)'") {
                try await images.importImage(from: source, checksum: checksum, name: name) { ImageCommand.report($0) }
            }
            Terminal.print(image.key)
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "List the images of the cache.", discussion: "EXAMPLE\n  pgkvm image list")

        @OptionGroup var output: FormatOption

        func run() async throws {
            let images = try Composition.environment().images.list()
            if output.format == .json {
                try Terminal.printJSON(images)
            } else if images.isEmpty {
                Terminal.error("no images in the cache")
            } else {
                let rows = images.map {
                    [$0.name, String($0.key.prefix(12)), $0.format.rawValue, $0.firmware.rawValue, "\($0.virtualSize.mebibytes) MiB", $0.created]
                }
                Terminal.print(Table.render([["NAME", "KEY", "FORMAT", "FIRMWARE", "SIZE", "CREATED"]] + rows))
            }
        }
    }

    struct Delete: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Remove an image from the cache; appliances made from it keep their copy.", discussion: "EXAMPLE\n  pgkvm image delete debian-12")

        @Argument(help: "Name or key", completion: .imagesOfCache) var image: String

        func run() async throws { try Composition.environment().images.delete(image) }
    }

    private static func imagesForWork() throws -> ImageCache {
        let images = try Composition.environment().images
        DebugLog.current?.keep(in: images.debugLog)
        return images
    }

    private static func report(_ progress: ImageProgress) { StepProgress.report(progress.text, bytes: progress.bytes, of: progress.totalBytes) }
}

extension DebianRelease: ExpressibleByArgument {}
