/// The features that only some platforms have: each part is nil where the platform lacks it.
///
/// This is the only place to ask for such a feature. A backend that wraps another one passes these on, and replaces the parts that it
/// implements itself.
package struct Capabilities: Sendable {
    // The machine as a process on this host.
    package var process: (any ProcessProviding)?
    package var command: (any CommandProviding)?
    package var serialLog: (any SerialLogProviding)?
    package var console: (any SerialConsoleProviding)?
    package var priority: (any PriorityProviding)?
    package var usage: (any UsageProviding)?

    // The data disk, and what the platform can see of the disks.
    package var dataDiskFile: (any DataDiskFileProviding)?
    package var dataDiskLocation: (any DataDiskLocating)?
    package var dataDiskSpace: (any DataDiskSpaceTelling)?
    package var spaceReserving: (any SpaceReserving)?
    package var discard: (any DiscardTelling)?
    package var diskWatching: (any DiskWatching)?
    package var diskLending: (any DiskLending)?

    // The host: its boot, its records, and what is still running on it.
    package var hostStart: (any HostStarting)?
    package var records: (any RecordKeeping)?
    package var remains: (any RemainsProviding)?

    // A shared platform, reached over a network.
    package var availability: (any HighAvailabilityProviding)?
    package var names: (any NameExamining)?
    package var remote: (any RemotePlatform)?
    package var unasked: (any OfflineAnswering)?

    /// A platform that has only the features that every platform has.
    package init() {}
}
