internal import ApplianceModel
package import Basics

extension Failure.Code {
    /// The cache does not have an image with that name or key.
    package static let imageUnknown = Failure.Code("image.unknown")
    /// The name or key matches several images.
    package static let imageAmbiguous = Failure.Code("image.ambiguous")
    /// `image.json` or the disk beside it cannot be used.
    package static let imageDamaged = Failure.Code("image.damaged")
    /// The host's apt is not configured with a Debian archive that an image can be built from.
    package static let imageMirrorMissing = Failure.Code("image.mirror-missing")
    /// This host and user cannot run mmdebstrap.
    package static let imageBuildImpossible = Failure.Code("image.build-impossible")
    /// The content of the finished image differs from what was put in.
    package static let imageVerificationFailed = Failure.Code("image.verification-failed")
    /// The bytes do not match the checksum.
    package static let imageChecksumMismatch = Failure.Code("image.checksum-mismatch")
    /// The source of an import cannot be fetched.
    package static let imageDownloadFailed = Failure.Code("image.download-failed")
    /// The file is not a disk image from which pgkvm can start guests.
    package static let imageFormatRefused = Failure.Code("image.format-refused")
}
