/// The stops of a guide before anything is made, in their order. The names are those of the draft's note.
package enum StopID: String, Sendable, CaseIterable {
    case host, disk, cpu, network, image, postgresql, review
}
