internal import ApplianceModel
internal import Basics
internal import GuestImage
internal import PostgresServer
internal import SpecFile

/// What the PostgreSQL of an image says about a spec, before there is a guest to ask.
struct CatalogueFindings {
    /// What the server of the image cannot do of the spec.
    let faults: [SpecFault]
    /// The image that is asked in place of one without a server; its findings are warnings.
    let standIn: String?
    /// Where the keys of the spec are in its file.
    private let places: SpecPlaces

    /// - Parameter image: nil if it is not in the cache; then nothing is known.
    /// - Throws: `catalogue.unreadable`, `format.newer`, `image.damaged`.
    init(_ spec: ApplianceSpec, image: CachedImage?, images: ImageCache, places: SpecPlaces) throws {
        self.places = places
        if let image, let catalogue = try images.catalogue(of: image) {
            (faults, standIn) = (catalogue.faults(in: spec.postgresql), nil)
        } else if let image, image.postgresqlVersion == nil, let version = spec.postgresql.version, let other = try images.catalogue(ofVersion: version) {
            // Another image's locales, time zones and extensions say nothing about this one, so only settings are checked.
            faults = other.catalogue.settingFaults(in: spec.postgresql)
            standIn = other.image.name
        } else {
            (faults, standIn) = ([], nil)
        }
    }

    /// One finding for each fault: a refusal, or a warning if another image was asked.
    var findings: [Finding] {
        faults.map { fault in
            Finding(
                check: "postgresql.settings", level: standIn == nil ? .fail : .warn, measured: places.text(of: fault),
                expected: "what the image's PostgreSQL can do",
                remedy: standIn.map { "the image carries no PostgreSQL; this is what the one of '\($0)' says" } ?? "correct the spec")
        }
    }

    /// - Throws: `spec.invalid`, and the errors of `init`.
    static func check(_ spec: ApplianceSpec, image: CachedImage?, images: ImageCache, places: SpecPlaces) throws {
        let found = try CatalogueFindings(spec, image: image, images: images, places: places)
        guard found.standIn == nil, !found.faults.isEmpty else { return }
        throw Failure.invalidSpec("the spec of '\(spec.name)'", faults: found.faults.map(places.text))
    }
}
