internal import ApplianceModel
package import Basics
internal import CLinux
internal import Glibc
package import SystemPackage

/// A program that runs as its own user and sees only the parts of the host that it is shown, with a keeper that stays until it ends.
///
/// For a process that does nothing else: the data passed to the kernel stays in memory until this process ends.
package struct ConfinedProgram: Sendable, Equatable {
    /// What the program may do with a path that it is shown.
    package enum Use: Sendable, Equatable { case read, write, device }

    /// A file or directory of the host, and where the program sees it.
    package struct View: Sendable, Equatable {
        package var source: FilePath
        package var path: FilePath
        package var use: Use

        package init(_ path: FilePath, _ use: Use = .read, source: FilePath? = nil) {
            self.source = source ?? path
            self.path = path
            self.use = use
        }
    }

    /// A symbolic link in the program's root.
    package struct Link: Sendable, Equatable {
        package var path: FilePath
        package var target: FilePath

        package init(_ path: FilePath, to target: FilePath) {
            self.path = path
            self.target = target
        }
    }

    /// The user that it runs as.
    package struct User: Sendable, Equatable {
        package var user: UInt32
        package var group: UInt32
        package var groups: [UInt32]

        package init(user: UInt32, group: UInt32, groups: [UInt32]) {
            self.user = user
            self.group = group
            self.groups = groups
        }
    }

    /// The descriptor of the program's console pipe: above every descriptor that is handed to it.
    package static let consoleNumber = 40

    /// Whether this kernel confines a program to the paths that it is shown, even in the host's root.
    package static var confinesPaths: Bool { clinux_landlock_version() > 0 }

    /// An empty directory on which the program's root is built; nil leaves it in the host's root and namespaces.
    package var root: FilePath?
    package var views: [View]
    package var links: [Link]
    /// Its working directory.
    package var directory: FilePath
    /// Nil for the caller itself.
    package var user: User?
    /// The number of descriptors, from 3 on, that this process was handed for the program.
    package var descriptorCount: Int
    /// The program's path and its arguments.
    package var command: [String]
    /// Its environment, such as `PATH=/usr/bin`; nil for this process's own.
    package var environment: [String]?

    package init(
        root: FilePath?, views: [View], links: [Link], directory: FilePath, user: User?, descriptorCount: Int, command: [String], environment: [String]?
    ) {
        self.root = root
        self.views = views
        self.links = links
        self.directory = directory
        self.user = user
        self.descriptorCount = descriptorCount
        self.command = command
        self.environment = environment
    }

    /// Starts it. It waits for its keeper before it becomes the program.
    /// - Throws: `program.failed`.
    package func start() throws -> StartedProgram {
        guard let executable = command.first else { throw Failure(.programFailed, "there is no program to start") }
        var started = clinux_started()
        let code = unsafe withPlan(executable) { plan in unsafe clinux_start_confined(plan, &started) }
        guard code == 0 else { throw Failure(.programFailed, "cannot start '\(executable)'", cause: Errno(rawValue: code)) }
        return StartedProgram(started)
    }

    private func withPlan(_ executable: String, _ body: (UnsafePointer<clinux_confinement>) -> Int32) -> Int32 {
        let views = unsafe Self.kept(
            views.map { view in
                unsafe clinux_view(
                    source: Self.kept(view.source.string), path: Self.kept(view.path.string),
                    use: view.use == .read ? CLINUX_READ : view.use == .write ? CLINUX_WRITE : CLINUX_DEVICE)
            })
        let links = unsafe Self.kept(links.map { unsafe clinux_link(path: Self.kept($0.path.string), target: Self.kept($0.target.string)) })
        let groups = unsafe Self.kept(user?.groups ?? [])
        let arguments = unsafe Self.kept(command.map { unsafe strdup($0) } + [nil])
        let own = unsafe environment.map { unsafe Self.kept($0.map { unsafe strdup($0) } + [nil]) }
        var plan = unsafe clinux_confinement()
        if let root { unsafe plan.root = Self.kept(root.string) }
        unsafe plan.views = UnsafePointer(views)
        unsafe plan.view_count = Int32(self.views.count)
        unsafe plan.links = UnsafePointer(links)
        unsafe plan.link_count = Int32(self.links.count)
        unsafe plan.directory = Self.kept(directory.string)
        unsafe plan.changes_user = user == nil ? 0 : 1
        unsafe plan.user = user?.user ?? 0
        unsafe plan.group = user?.group ?? 0
        unsafe plan.groups = UnsafePointer(groups)
        unsafe plan.group_count = Int32(user?.groups.count ?? 0)
        unsafe plan.descriptor_count = Int32(descriptorCount)
        unsafe plan.console_number = Int32(Self.consoleNumber)
        unsafe plan.executable = Self.kept(executable)
        unsafe plan.arguments = UnsafePointer(arguments)
        unsafe plan.environment = UnsafePointer(own ?? environ)
        return unsafe body(&plan)
    }

    private static func kept(_ text: String) -> UnsafePointer<CChar> { unsafe UnsafePointer(kept(Array(text.utf8CString))) }

    private static func kept<Value>(_ values: [Value]) -> UnsafeMutablePointer<Value> {
        let copy = UnsafeMutablePointer<Value>.allocate(capacity: max(1, values.count))
        unsafe copy.initialize(from: values, count: values.count)
        return unsafe copy
    }
}

/// A confined program that waits for permission to begin.
package struct StartedProgram {
    private let started: clinux_started

    init(_ started: clinux_started) { self.started = started }

    package var processID: Int32 { started.process }
    /// Whether the host lets it have its own namespaces.
    package var hasNamespaces: Bool { started.has_namespaces != 0 }

    /// A file of which only the end is kept.
    package struct KeptLog {
        package var file: FileDescriptor
        /// The maximum size of the file.
        package var limit: ByteSize
        /// How much of it is kept when it would grow larger.
        package var kept: ByteSize

        package init(file: FileDescriptor, limit: ByteSize, kept: ByteSize) {
            self.file = file
            self.limit = limit
            self.kept = kept
        }
    }

    /// A copy that follows the content of another file, which may be replaced at any time.
    package struct Copy {
        package var source: FilePath
        package var file: FileDescriptor

        package init(source: FilePath, file: FileDescriptor) {
            self.source = source
            self.file = file
        }

        /// Updates the copy from the source; without a source it stays as it is.
        package func refresh() { unsafe source.withCString { source in unsafe Self.refresh(source, file) } }

        private static func refresh(_ source: UnsafePointer<CChar>, _ file: FileDescriptor) {
            var copy = unsafe clinux_copy(source: source, file: file.rawValue)
            unsafe clinux_refresh(&copy)
        }
    }

    /// Lets the program begin, and waits until it has ended, after giving up every right of this process.
    /// - Returns: its exit status, or 128 + the signal that ended it.
    package func keep(console: KeptLog, words: KeptLog, copy: Copy?) -> Int32 {
        var started = started
        var console = clinux_kept_log(file: console.file.rawValue, limit: off_t(console.limit.bytes), kept: off_t(console.kept.bytes))
        var words = clinux_kept_log(file: words.file.rawValue, limit: off_t(words.limit.bytes), kept: off_t(words.kept.bytes))
        guard let copy else { return unsafe clinux_keep(&started, &console, &words, nil) }
        var raw = unsafe clinux_copy(source: strdup(copy.source.string), file: copy.file.rawValue)
        return unsafe clinux_keep(&started, &console, &words, &raw)
    }
}
