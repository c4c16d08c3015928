internal import ApplianceModel
package import Basics

extension Failure.Code {
    /// The cache has no image of that name or key.
    package static let imageUnknown = Failure.Code("image.unknown")
    /// Several images answer to what was given.
    package static let imageAmbiguous = Failure.Code("image.ambiguous")
    /// `image.json` or the disk beside it cannot be used.
    package static let imageDamaged = Failure.Code("image.damaged")
    /// The host's apt is not configured with a Debian archive that an image can be built from.
    package static let imageMirrorMissing = Failure.Code("image.mirror-missing")
    /// This host and user cannot run mmdebstrap.
    package static let imageBuildImpossible = Failure.Code("image.build-impossible")
    /// The finished image is not what was put in.
    package static let imageVerificationFailed = Failure.Code("image.verification-failed")
    /// The bytes are not the ones that the checksum names.
    package static let imageChecksumMismatch = Failure.Code("image.checksum-mismatch")
    /// The source of an import cannot be fetched.
    package static let imageDownloadFailed = Failure.Code("image.download-failed")
    /// The file is no disk image that pgkvm starts guests from.
    package static let imageFormatRefused = Failure.Code("image.format-refused")
}
