internal import ApplianceModel
internal import Basics
internal import GuestImage
internal import PostgresServer
internal import SpecFile

/// What the PostgreSQL of an image says of a spec, before there is a guest that could be asked.
struct CatalogueFindings {
    /// What of the spec the server of the image cannot do.
    let faults: [SpecFault]
    /// The image that speaks for another one, which carries no server; its word is a warning.
    let standIn: String?
    /// Where the keys of the spec stand in its file.
    private let places: SpecPlaces

    /// - Parameter image: nil as long as it is not in the cache; then nothing is known.
    /// - Throws: `catalogue.unreadable`, `format.newer`, `image.damaged`.
    init(_ spec: ApplianceSpec, image: CachedImage?, images: ImageCache, places: SpecPlaces) throws {
        self.places = places
        if let image, let catalogue = try images.catalogue(of: image) {
            (faults, standIn) = (catalogue.faults(in: spec.postgresql), nil)
        } else if let image, image.postgresqlVersion == nil, let version = spec.postgresql.version, let other = try images.catalogue(ofVersion: version) {
            // Locales, time zones and extensions are those of the image itself.
            faults = other.catalogue.settingFaults(in: spec.postgresql)
            standIn = other.image.name
        } else {
            (faults, standIn) = ([], nil)
        }
    }

    /// One finding a fault: a refusal, or a warning where another image speaks.
    var findings: [Finding] {
        faults.map { fault in
            Finding(
                check: "postgresql.settings", level: standIn == nil ? .fail : .warn, measured: places.text(of: fault),
                expected: "what the image's PostgreSQL can do",
                remedy: standIn.map { "the image carries no PostgreSQL; this is what the one of '\($0)' says" } ?? "correct the spec")
        }
    }

    /// - Throws: `spec.invalid`, and what `init` throws.
    static func check(_ spec: ApplianceSpec, image: CachedImage?, images: ImageCache, places: SpecPlaces) throws {
        let found = try CatalogueFindings(spec, image: image, images: images, places: places)
        guard found.standIn == nil, !found.faults.isEmpty else { return }
        throw Failure.invalidSpec("the spec of '\(spec.name)'", faults: found.faults.map(places.text))
    }
}
