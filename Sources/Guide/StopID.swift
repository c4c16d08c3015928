/// The stops of a guide before anything is created, in order. The draft's note stores these names.
package enum StopID: String, Sendable, CaseIterable {
    case host, disk, cpu, network, image, postgresql, review
}
