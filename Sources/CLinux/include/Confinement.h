#pragma once

#include <stdint.h>
#include <sys/types.h>

// Starting a program that sees, and may do, as little as possible. A child does it between clone(2) and execve(2), where nothing but
// plain system calls is safe.

/// What the program may do with a path that it is shown.
enum clinux_use { CLINUX_READ = 0, CLINUX_WRITE = 1, CLINUX_DEVICE = 2 };

/// A file or directory of the host that the program sees at `path`.
struct clinux_view {
    const char *source;
    const char *path;
    enum clinux_use use;
};

/// A symbolic link in the program's root.
struct clinux_link {
    const char *path;
    const char *target;
};

struct clinux_confinement {
    /// An empty directory on which a root of the program's own is built, in namespaces of its own; NULL leaves it in this program's.
    const char *root;
    const struct clinux_view *views;
    int view_count;
    const struct clinux_link *links;
    int link_count;
    /// Where it runs, by a path that it is shown.
    const char *directory;
    /// Whether it gets `user` and `group`, which is to be left out by a caller who is the user already.
    int changes_user;
    uid_t user;
    gid_t group;
    const gid_t *groups;
    int group_count;
    /// What this program was handed as 3, 4, …, and hands on.
    int descriptor_count;
    /// The number under which the program has the pipe of its console.
    int console_number;
    const char *executable;
    char *const *arguments;
    char *const *environment;
};

/// A program that was started and waits for `clinux_keep` to let it go.
struct clinux_started {
    pid_t process;
    /// Becomes readable when the process ends.
    int process_file;
    /// The ends from which its console, and its standard output and error, are read.
    int console;
    int words;
    /// A byte in it lets the program go.
    int go;
    /// Whether it is in namespaces of its own.
    int has_namespaces;
};

/// The version of the kernel's Landlock, by which a program is kept to its paths; 0 without it.
int clinux_landlock_version(void);

/// Starts the program. Descriptors from 3 on that are handed to it are closed here.
int clinux_start_confined(const struct clinux_confinement *plan, struct clinux_started *started);
