/// A job for fio, the same on both sides: one thread, one request at a time.
package struct FioJob: Sendable, Equatable {
    /// The size in bytes of the file to measure with.
    package static let fileSize: Int64 = 64 << 20

    let arguments: [String]
    /// The time limit, including fio's own start.
    package let limit: Duration

    /// Writes the whole file, so that nothing is allocated during the measurement.
    package static func fill(_ file: String) -> FioJob {
        FioJob(["--name=fill", "--filename=\(file)", "--size=\(fileSize)", "--rw=write", "--bs=1m", "--end_fsync=1"], limit: .seconds(120))
    }

    /// Alternates writes of 8 KiB and fdatasync, as a commit does.
    package static func writeAndSync(_ file: String, milliseconds: Int) -> FioJob {
        timed(file, ["--name=write", "--rw=write", "--bs=8k", "--fdatasync=1", "--overwrite=1"], milliseconds)
    }

    /// Reads 8 KiB from random places in the file, past the page cache.
    package static func read(_ file: String, milliseconds: Int) -> FioJob {
        timed(file, ["--name=read", "--rw=randread", "--bs=8k", "--direct=1", "--norandommap"], milliseconds)
    }

    /// Writes 4 KiB to random places on a disk without storage behind it.
    package static func writeDevice(_ device: String, milliseconds: Int) -> FioJob {
        FioJob(
            ["--name=tax", "--filename=\(device)", "--size=1g", "--rw=randwrite", "--bs=4k", "--direct=1", "--norandommap"] + time(milliseconds),
            limit: .seconds(60))
    }

    /// Does the same this many times.
    package static func writeDevice(_ device: String, count: Int) -> FioJob {
        FioJob(
            ["--name=tax", "--filename=\(device)", "--size=1g", "--rw=randwrite", "--bs=4k", "--direct=1", "--norandommap", "--io_size=\(count * 4096)"],
            limit: .seconds(60))
    }

    /// Writes 8 KiB with O_DIRECT and O_DSYNC, `count` times: each is exactly one write and one flush of a virtio disk.
    package static func durableWrites(_ file: String, count: Int) -> FioJob {
        FioJob(
            [
                "--name=flush", "--filename=\(file)", "--size=\(fileSize)", "--rw=write", "--bs=8k", "--direct=1", "--sync=dsync", "--overwrite=1",
                "--io_size=\(count * 8192)", "--allow_file_create=0",
            ], limit: .seconds(120))
    }

    private init(_ work: [String], limit: Duration) {
        // fio runs the job as a thread: a job that is a process has its own session, and a signal to fio's group would not reach it.
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
