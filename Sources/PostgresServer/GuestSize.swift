internal import ApplianceModel
package import Basics

/// The resources that the server can use.
package struct GuestSize: Sendable, Equatable {
    /// At least 1.
    package let vcpus: Int
    package let memory: ByteSize
    package let dataDisk: ByteSize

    package init(vcpus: Int, memory: ByteSize, dataDisk: ByteSize) {
        self.vcpus = vcpus
        self.memory = memory
        self.dataDisk = dataDisk
    }
}
