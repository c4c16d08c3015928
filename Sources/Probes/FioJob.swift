/// What fio is to do, the same on both sides: one thread, one request at a time.
package struct FioJob: Sendable, Equatable {
    /// Bytes of the file that is measured on.
    package static let fileSize: Int64 = 64 << 20

    let arguments: [String]
    /// How long it may take, fio's own start included.
    package let limit: Duration

    /// Writes the whole file, so that nothing is allocated while it is measured.
    package static func fill(_ file: String) -> FioJob {
        FioJob(["--name=fill", "--filename=\(file)", "--size=\(fileSize)", "--rw=write", "--bs=1m", "--end_fsync=1"], limit: .seconds(120))
    }

    /// 8 KiB and fdatasync in turn, as a commit does it.
    package static func writeAndSync(_ file: String, milliseconds: Int) -> FioJob {
        timed(file, ["--name=write", "--rw=write", "--bs=8k", "--fdatasync=1", "--overwrite=1"], milliseconds)
    }

    /// 8 KiB from anywhere in the file, past the page cache.
    package static func read(_ file: String, milliseconds: Int) -> FioJob {
        timed(file, ["--name=read", "--rw=randread", "--bs=8k", "--direct=1", "--norandommap"], milliseconds)
    }

    /// 4 KiB anywhere on a disk without storage behind it.
    package static func writeDevice(_ device: String, milliseconds: Int) -> FioJob {
        FioJob(
            ["--name=tax", "--filename=\(device)", "--size=1g", "--rw=randwrite", "--bs=4k", "--direct=1", "--norandommap"] + time(milliseconds),
            limit: .seconds(60))
    }

    /// The same, this many times.
    package static func writeDevice(_ device: String, count: Int) -> FioJob {
        FioJob(
            ["--name=tax", "--filename=\(device)", "--size=1g", "--rw=randwrite", "--bs=4k", "--direct=1", "--norandommap", "--io_size=\(count * 4096)"],
            limit: .seconds(60))
    }

    /// 8 KiB with O_DIRECT and O_DSYNC, `count` times: each is exactly one write and one flush of a virtio disk.
    package static func durableWrites(_ file: String, count: Int) -> FioJob {
        FioJob(
            [
                "--name=flush", "--filename=\(file)", "--size=\(fileSize)", "--rw=write", "--bs=8k", "--direct=1", "--sync=dsync", "--overwrite=1",
                "--io_size=\(count * 8192)", "--allow_file_create=0",
            ], limit: .seconds(120))
    }

    private init(_ work: [String], limit: Duration) {
        // A thread, since a job that is a process has a session of its own: a signal to fio's group would not reach it.
        arguments = work + ["--thread", "--ioengine=psync", "--iodepth=1", "--numjobs=1", "--output-format=json+"]
        self.limit = limit
    }

    private static func timed(_ file: String, _ work: [String], _ milliseconds: Int) -> FioJob {
        FioJob(
            work + ["--filename=\(file)", "--size=\(fileSize)", "--allow_file_create=0"] + time(milliseconds),
            limit: .seconds(60) + .milliseconds(milliseconds))
    }

    private static func time(_ milliseconds: Int) -> [String] { ["--time_based", "--runtime=\(milliseconds)ms"] }
}
