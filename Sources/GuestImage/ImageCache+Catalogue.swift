internal import ApplianceModel
internal import HostSystem
package import PostgresServer
internal import SystemPackage

/// What the PostgreSQL of an image reports about itself, stored beside the image's disk.
extension ImageCache {
    static let catalogueName = "server.json"

    /// - Returns: nil for an image that was imported, or that was built before pgkvm recorded catalogues.
    /// - Throws: `catalogue.unreadable`, `format.newer`, `file.unreadable`.
    package func catalogue(of image: CachedImage) throws -> ServerCatalogue? {
        let file = path(image.key).appending(Self.catalogueName)
        guard Files.exists(file) else { return nil }
        let json = try Files.read(file, from: 0, limit: ServerCatalogue.largestSize + 1)
        return try ServerCatalogue(json: json, source: file.string)
    }

    /// The newest catalogue of another image in the cache whose server has the same major version. Its settings are the same;
    /// locales, time zones, libraries and extensions may differ.
    /// - Throws: as `catalogue(of:)`, `image.damaged`.
    package func catalogue(ofVersion version: Int) throws -> (catalogue: ServerCatalogue, image: CachedImage)? {
        let images = try list().filter { $0.postgresqlVersion == version }.sorted { $0.created > $1.created }
        for image in images {
            if let catalogue = try catalogue(of: image) { return (catalogue, image) }
        }
        return nil
    }
}
