#define _GNU_SOURCE
#include "Confinement.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "CLinux.h"
#include "Landlock.h"

/// What the kernel names as the last capability is not known here: one that it does not have is refused, and that is the end.
enum { MOST_CAPABILITIES = 64, NAMESPACES = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS };

/// Says on standard error, which is the program's log, what failed.
/// - Returns: -1.
static int complain(const char *what, const char *path) {
    int code = errno;
    dprintf(STDERR_FILENO, "pgkvm: cannot %s%s%s: %s\n", what, path == NULL ? "" : " ", path == NULL ? "" : path, strerror(code));
    return -1;
}

static _Noreturn void give_up(const char *what, const char *path) {
    complain(what, path);
    _exit(126);
}

/// The path inside the new root, which is still a directory of the old one.
static int place(char *result, const char *root, const char *path) {
    int length = snprintf(result, PATH_MAX, "%s%s", root, path);
    if (length >= 0 && length < PATH_MAX) return 0;
    errno = ENAMETOOLONG;
    return complain("name", path);
}

/// Makes the directories above a path.
static int make_parents(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        int failed = mkdir(path, 0755) != 0 && errno != EEXIST && errno != EROFS;
        if (failed) return complain("make", path);
        *slash = '/';
    }
    return 0;
}

/// Makes what the path of the host is mounted on.
static int make_place(const char *target, mode_t mode) {
    if (S_ISDIR(mode)) return mkdir(target, 0755) == 0 || errno == EEXIST ? 0 : complain("make", target);
    int file = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0444);
    if (file < 0) return complain("make", target);
    close(file);
    return 0;
}

/// Shows one path of the host in the new root. One that the host does not have is left out.
static int show(const char *root, const struct clinux_view *view) {
    struct stat status;
    if (stat(view->source, &status) != 0) return errno == ENOENT ? 0 : complain("look at", view->source);
    char target[PATH_MAX];
    if (place(target, root, view->path) != 0 || make_parents(target) != 0 || make_place(target, status.st_mode) != 0) return -1;
    if (mount(view->source, target, NULL, MS_BIND, NULL) != 0) return complain("show", view->source);
    unsigned long flags = MS_BIND | MS_REMOUNT | MS_NOSUID;
    if (view->use == CLINUX_READ) flags |= MS_RDONLY;
    if (view->use == CLINUX_WRITE) flags |= MS_NOEXEC;
    if (view->use != CLINUX_DEVICE) flags |= MS_NODEV;
    return mount(NULL, target, NULL, flags, NULL) == 0 ? 0 : complain("protect", view->source);
}

static int link_in(const char *root, const struct clinux_link *link) {
    char target[PATH_MAX];
    if (place(target, root, link->path) != 0 || make_parents(target) != 0) return -1;
    return symlink(link->target, target) == 0 || errno == EEXIST ? 0 : complain("make", target);
}

/// The process table of the new namespace, which holds this process only. A container may forbid it; then there is none.
static void show_processes(const char *root) {
    char target[PATH_MAX];
    if (place(target, root, "/proc") != 0) return;
    if (mkdir(target, 0555) == 0) (void)mount("proc", target, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

/// Builds the new root in memory.
static int build_root(const struct clinux_confinement *plan) {
    const char *root = plan->root;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return complain("separate the mounts", NULL);
    if (mount("pgkvm", root, "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "mode=0755,size=256k,nr_inodes=512") != 0) return complain("mount on", root);
    for (int index = 0; index < plan->link_count; index++) {
        if (link_in(root, &plan->links[index]) != 0) return -1;
    }
    for (int index = 0; index < plan->view_count; index++) {
        if (show(root, &plan->views[index]) != 0) return -1;
    }
    show_processes(root);
    return 0;
}

/// Leaves the old root for the new one.
static void enter_root(const char *root) {
    if (chdir(root) != 0) give_up("enter", root);
    if (syscall(SYS_pivot_root, ".", ".") == 0) {
        if (umount2(".", MNT_DETACH) != 0) give_up("leave the old root", NULL);
    } else {
        // A host that runs from its first file system cannot leave it.
        if (mount(".", "/", NULL, MS_MOVE, NULL) != 0 || chroot(".") != 0) give_up("change the root", NULL);
    }
    if (chdir("/") != 0) give_up("enter", "/");
    if (mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0) give_up("protect", "/");
}

/// A host, such as a container, that does not let it be built keeps the program in its own root, and `verify` says so.
/// - Returns: whether the program has a root of its own.
static int change_root(const struct clinux_confinement *plan) {
    umask(022);
    int is_built = build_root(plan) == 0;
    umask(077);
    if (is_built) enter_root(plan->root);
    return is_built;
}

/// Gives up every capability, those that a program could get back included.
static void drop_capabilities(void) {
    for (int number = 0; number < MOST_CAPABILITIES; number++) (void)prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int set_no_capabilities(void) {
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    return (int)syscall(SYS_capset, &header, none);
}

static void change_user(const struct clinux_confinement *plan) {
    if (!plan->changes_user) return;
    drop_capabilities();
    // The kernel's own calls: the library's would have every thread of the process join in, and this copy has one.
    if (syscall(SYS_setgroups, (size_t)plan->group_count, plan->groups) != 0) give_up("leave the groups", NULL);
    if (syscall(SYS_setresgid, plan->group, plan->group, plan->group) != 0) give_up("change the group", NULL);
    if (syscall(SYS_setresuid, plan->user, plan->user, plan->user) != 0) give_up("change the user", NULL);
    if (set_no_capabilities() != 0) give_up("drop the capabilities", NULL);
}

/// Standard output and error to `words`, what was handed as 3, 4, …, the console, and nothing else.
static void arrange_descriptors(const struct clinux_confinement *plan, int console, int words) {
    // Above every number that the program will have.
    int high_console = fcntl(console, F_DUPFD_CLOEXEC, plan->console_number + 1);
    int high_words = fcntl(words, F_DUPFD_CLOEXEC, plan->console_number + 1);
    if (high_console < 0 || high_words < 0) _exit(126);
    if (dup2(high_words, STDOUT_FILENO) < 0 || dup2(high_words, STDERR_FILENO) < 0) _exit(126);
    if (dup2(high_console, plan->console_number) < 0) give_up("hand on the console", NULL);
    int first = 3 + plan->descriptor_count;
    for (int number = first; number < plan->console_number; number++) close(number);
    if (syscall(SYS_close_range, (unsigned)plan->console_number + 1, ~0U, 0) != 0) {
        struct rlimit limit = {.rlim_cur = 65536};
        (void)getrlimit(RLIMIT_NOFILE, &limit);
        for (int number = plan->console_number + 1; (rlim_t)number < limit.rlim_cur; number++) close(number);
    }
}

static _Noreturn void become(const struct clinux_confinement *plan, int go, int console, int words, int has_namespaces) {
    char byte;
    ssize_t count;
    do count = read(go, &byte, 1);
    while (count < 0 && errno == EINTR);
    // The keeper is gone before it could write down who this is.
    if (count != 1) _exit(125);

    (void)setsid();
    umask(077);
    arrange_descriptors(plan, console, words);
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);

    struct rlimit no_core = {0, 0};
    if (setrlimit(RLIMIT_CORE, &no_core) != 0) give_up("forbid core dumps", NULL);
    int has_root = has_namespaces && change_root(plan);
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (null < 0 || dup2(null, STDIN_FILENO) < 0) give_up("open", "/dev/null");
    close(null);
    if (chdir(plan->directory) != 0) give_up("enter", plan->directory);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) give_up("refuse new privileges", NULL);
    errno = confine_paths(plan->views, plan->view_count, !has_root);
    if (errno != 0) give_up("confine the program to its files", NULL);
    change_user(plan);
    execve(plan->executable, plan->arguments, plan->environment);
    give_up("start", plan->executable);
}

/// A fork with namespaces. The library's own does not take flags; the child makes no use of the library's state.
static pid_t fork_into(unsigned long flags, int *process_file) {
    return (pid_t)syscall(SYS_clone, flags | CLONE_PIDFD | SIGCHLD, NULL, process_file, NULL, 0);
}

int clinux_start_confined(const struct clinux_confinement *plan, struct clinux_started *started) {
    if (plan->descriptor_count < 0 || plan->console_number < 3 + plan->descriptor_count) return EINVAL;
    int console[2], words[2], go[2];
    if (pipe2(console, O_CLOEXEC) != 0 || pipe2(words, O_CLOEXEC) != 0 || pipe2(go, O_CLOEXEC) != 0) return errno;
    // As much as an ordinary pipe can hold, so that a keeper which waits for a disk holds up no guest.
    (void)fcntl(console[1], F_SETPIPE_SZ, 1 << 20);

    int has_namespaces = plan->root != NULL;
    int process_file = -1;
    pid_t process = fork_into(has_namespaces ? NAMESPACES : 0, &process_file);
    if (process < 0 && has_namespaces && (errno == EPERM || errno == ENOSPC || errno == EINVAL)) {
        has_namespaces = 0;
        process = fork_into(0, &process_file);
    }
    if (process < 0) return errno;
    if (process == 0) {
        close(go[1]);
        become(plan, go[0], console[1], words[1], has_namespaces);
    }
    close(console[1]);
    close(words[1]);
    close(go[0]);
    for (int index = 0; index < plan->descriptor_count; index++) close(3 + index);
    *started = (struct clinux_started){
        .process = process, .process_file = process_file, .console = console[0], .words = words[0], .go = go[1], .has_namespaces = has_namespaces};
    return 0;
}
