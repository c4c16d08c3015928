/// What only some platforms can do: each part is nil where the platform cannot.
///
/// The one place that is asked for it. A backend that wraps another passes this on, with what it does itself put in its place.
package struct Capabilities: Sendable {
    // The machine as a process of this host.
    package var process: (any ProcessProviding)?
    package var command: (any CommandProviding)?
    package var serialLog: (any SerialLogProviding)?
    package var console: (any SerialConsoleProviding)?
    package var priority: (any PriorityProviding)?
    package var usage: (any UsageProviding)?

    // The data disk, and what the platform sees of the disks.
    package var dataDiskFile: (any DataDiskFileProviding)?
    package var dataDiskLocation: (any DataDiskLocating)?
    package var dataDiskSpace: (any DataDiskSpaceTelling)?
    package var spaceReserving: (any SpaceReserving)?
    package var discard: (any DiscardTelling)?
    package var diskWatching: (any DiskWatching)?
    package var diskLending: (any DiskLending)?

    // The host: its boot, its records, what it still runs.
    package var hostStart: (any HostStarting)?
    package var records: (any RecordKeeping)?
    package var remains: (any RemainsProviding)?

    // A platform of others, reached over a network.
    package var availability: (any HighAvailabilityProviding)?
    package var names: (any NameExamining)?
    package var remote: (any RemotePlatform)?
    package var unasked: (any OfflineAnswering)?

    /// A platform that can do what every one can.
    package init() {}
}
