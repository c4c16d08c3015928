internal import ApplianceModel

/// Settings computed from the guest's size and the profile, each with its reason.
package enum Tuning {
    /// - Parameter version: the major version of PostgreSQL, 14 or later.
    package static func settings(size: GuestSize, profile: TuningPlan.Profile, version: Int) -> [Setting] {
        let plan = TuningPlan(size: size, profile: profile, version: version)
        return memory(plan, size, profile) + wal(plan, size, profile, version) + planner(plan, size, profile, version) + logging
            + autovacuum(plan, size, profile)
    }

    private static func memory(_ plan: TuningPlan, _ size: GuestSize, _ profile: TuningPlan.Profile) -> [Setting] {
        func setting(_ name: String, _ value: String, _ reason: String) -> Setting { Setting(.memory, name, value, reason) }
        let memory = size.memory
        return [
            setting(
                "max_connections", "\(plan.maxConnections)",
                "Profile \(profile.rawValue), as far as \(memory) of memory carries them. Put a pooler in front rather than raise this."),
            setting(
                "shared_buffers", megabytes(plan.sharedBuffersMiB),
                "A quarter of \(memory)\(profile == .analytics ? ", at most 32GB: scans profit from the kernel's cache" : ", at most 64GB")."),
            setting("effective_cache_size", megabytes(plan.effectiveCacheMiB), "Three quarters of \(memory): buffers and the kernel's cache together."),
            setting(
                "work_mem", megabytes(plan.workMemMiB),
                "For each sort or hash: what the buffers leave, shared by connections and workers with up to three such nodes each"
                    + "\(profile == .mixed || profile == .analytics ? ", halved for plans with many nodes" : "")."),
            setting("maintenance_work_mem", megabytes(plan.maintenanceWorkMemMiB), "For building indexes and VACUUM by hand, one at a time."),
            setting(
                "autovacuum_work_mem", megabytes(plan.autovacuumWorkMemMiB),
                "For each of the \(plan.autovacuumWorkers) autovacuum workers, so that they cannot crowd out queries."),
            setting(
                "huge_pages", "try",
                "Taken where the guest has reserved them, which it does from \(HugePages.least) of shared_buffers on; the server starts without, too."),
        ]
    }

    private static func wal(_ plan: TuningPlan, _ size: GuestSize, _ profile: TuningPlan.Profile, _ version: Int) -> [Setting] {
        func setting(_ name: String, _ value: String, _ reason: String) -> Setting { Setting(.wal, name, value, reason) }
        return [
            setting("wal_level", "replica", "Enough for backups, point-in-time recovery and standbys."),
            setting("archive_mode", "on", "Turning it on needs a restart; with it on, backup comes by reload."),
            setting("archive_command", "/bin/true", "Archives nothing until a backup is set up."),
            setting("wal_compression", version >= 15 ? "lz4" : "on", "Full-page images compress well, for little CPU."),
            setting(
                "max_wal_size", megabytes(plan.maxWALMiB),
                "Profile \(profile.rawValue), at most a tenth of the data disk of \(size.dataDisk): room between two checkpoints."),
            setting("min_wal_size", megabytes(plan.minWALMiB), "Kept for reuse rather than removed and made again."),
            setting(
                "max_slot_wal_keep_size", megabytes(plan.maxSlotWALMiB),
                "A fifth of the data disk: a replication slot whose reader is gone must not fill it."),
            setting("checkpoint_timeout", "15min", "Fewer full-page images than with 5min, for a longer recovery."),
            setting("checkpoint_completion_target", "0.9", "Spreads the writing over the time between checkpoints."),
        ]
    }

    private static func planner(_ plan: TuningPlan, _ size: GuestSize, _ profile: TuningPlan.Profile, _ version: Int) -> [Setting] {
        func setting(_ name: String, _ value: String, _ reason: String) -> Setting { Setting(.planner, name, value, reason) }
        let cpus = size.vcpus == 1 ? "1 vCPU" : "\(size.vcpus) vCPUs"
        var settings = [
            setting("random_page_cost", "1.1", "On flash a random read costs hardly more than a sequential one."),
            setting("effective_io_concurrency", "200", "Flash serves many reads at once."),
            setting("max_worker_processes", "\(plan.maxWorkerProcesses)", "At least 8; one for each of \(cpus) beyond that. Changing it needs a restart."),
            setting("max_parallel_workers", "\(plan.maxParallelWorkers)", "One for each of \(cpus)."),
            setting(
                "max_parallel_workers_per_gather", "\(plan.parallelWorkersPerGather)",
                size.vcpus == 1 ? "One vCPU: helpers would only wait for one another." : "Half of \(cpus), within what profile \(profile.rawValue) gains from."),
            setting("max_parallel_maintenance_workers", "\(plan.parallelMaintenanceWorkers)", "Half of \(cpus), at most 4, for building indexes."),
            setting(
                "jit", profile == .analytics ? "on" : "off",
                profile == .analytics ? "Long queries win back the time of compiling." : "Compiling costs short queries more than it gains."),
        ]
        if profile == .analytics {
            settings.append(setting("default_statistics_target", "500", "Better estimates for large tables, for a longer ANALYZE."))
        }
        if version >= 18 {
            settings.append(setting("io_method", "worker", "Works on every kernel and build."))
            settings.append(setting("io_workers", "\(min(max(size.vcpus / 4, 3), 32))", "A quarter of \(cpus), at least 3."))
        }
        return settings
    }

    private static let logging: [Setting] = [
        ("logging_collector", "on", "The server writes and rotates its own files."),
        ("log_filename", "postgresql-%a.log", "One file for each day of the week."),
        ("log_rotation_age", "1d", "A new file each day."),
        ("log_rotation_size", "0", "By day only, so that a day stays in one file."),
        ("log_truncate_on_rotation", "on", "Last week's file of the same day is overwritten: a week is kept."),
        ("log_line_prefix", "%m [%p] %q%u@%d %a %h ", "Time, process, user, database, program, address."),
        ("log_checkpoints", "on", "Shows whether max_wal_size is large enough."),
        ("log_lock_waits", "on", "Names who waits for whom for longer than deadlock_timeout."),
        ("log_temp_files", "10MB", "Sorts and hashes that did not fit into work_mem."),
        ("log_autovacuum_min_duration", "1s", "What the background cleaning does, where it takes time."),
        ("track_io_timing", "on", "Shows in EXPLAIN and pg_stat_statements how long queries wait for the disk."),
    ].map { Setting(.logging, $0.0, $0.1, $0.2) }

    private static func autovacuum(_ plan: TuningPlan, _ size: GuestSize, _ profile: TuningPlan.Profile) -> [Setting] {
        func setting(_ name: String, _ value: String, _ reason: String) -> Setting { Setting(.autovacuum, name, value, reason) }
        var settings = [
            setting("autovacuum_max_workers", "\(plan.autovacuumWorkers)", "3; 4 from 16 vCPUs, 5 from 32. Changing it needs a restart."),
            setting("autovacuum_vacuum_cost_limit", "\(plan.autovacuumCostLimit)", "50 for each vCPU, 200 to 2400: shared by all workers."),
            setting("autovacuum_naptime", "30s", "Looks at each database twice as often as by default."),
        ]
        if profile != .analytics {
            settings.append(setting("autovacuum_vacuum_scale_factor", "0.05", "Cleans up after 5 % of a table has changed, not 20 %: small steps."))
            settings.append(setting("autovacuum_analyze_scale_factor", "0.02", "Fresh statistics after 2 % of a table has changed."))
        }
        return settings
    }

    private static func megabytes(_ count: Int64) -> String { count % 1024 == 0 ? "\(count / 1024)GB" : "\(count)MB" }
}
