#define _GNU_SOURCE
#include "Keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "CLinux.h"

/// How often a copy is compared with its source.
enum { COPY_MILLISECONDS = 10000, MOST_OF_A_COPY = 1 << 16 };

static char buffer[1 << 16];

/// Cuts a log to its end. It is moved to the front in pieces: nothing is asked of the memory.
static void keep_end(struct clinux_kept_log *log, off_t size) {
    static char piece[1 << 14];
    off_t from = size - log->kept, to = 0;
    while (from < size) {
        ssize_t count = pread(log->file, piece, sizeof piece, from);
        if (count <= 0 || pwrite(log->file, piece, (size_t)count, to) != count) break;
        from += count;
        to += count;
    }
    (void)ftruncate(log->file, to);
}

/// Writes down what was said. What a full disk does not take is lost: the program that speaks must never wait for it.
static void write_down(struct clinux_kept_log *log, const char *bytes, size_t count) {
    struct stat status;
    if (fstat(log->file, &status) != 0) return;
    off_t size = status.st_size;
    if (size + (off_t)count > log->limit) {
        keep_end(log, size);
        if (fstat(log->file, &status) != 0) return;
        size = status.st_size;
        if (size + (off_t)count > log->limit) return;
    }
    while (count > 0) {
        ssize_t written = pwrite(log->file, bytes, count, size);
        if (written <= 0) return;
        bytes += written;
        size += written;
        count -= (size_t)written;
    }
}

/// Takes what a pipe holds.
/// - Returns: 0 at its end.
static int drain(int pipe, struct clinux_kept_log *log) {
    ssize_t count = read(pipe, buffer, sizeof buffer);
    if (count > 0) write_down(log, buffer, (size_t)count);
    return count > 0 || (count < 0 && (errno == EAGAIN || errno == EINTR));
}

/// Takes everything that is left when the program has ended, and does not wait for a writer that is not the program.
static void empty(int pipe, struct clinux_kept_log *log) {
    if (pipe < 0 || fcntl(pipe, F_SETFL, O_NONBLOCK) != 0) return;
    ssize_t count;
    // One that somebody else goes on filling has an end all the same.
    for (int rounds = 0; rounds < 64 && (count = read(pipe, buffer, sizeof buffer)) > 0; rounds++) write_down(log, buffer, (size_t)count);
}

void clinux_refresh(struct clinux_copy *copy) {
    static char seen[MOST_OF_A_COPY];
    static char present[MOST_OF_A_COPY];
    int file = open(copy->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0) return;
    ssize_t count = read(file, seen, sizeof seen);
    close(file);
    if (count <= 0) return;
    ssize_t had = pread(copy->file, present, sizeof present, 0);
    int differs = had != count;
    for (ssize_t index = 0; !differs && index < count; index++) differs = seen[index] != present[index];
    if (differs && pwrite(copy->file, seen, (size_t)count, 0) == count) (void)ftruncate(copy->file, count);
}

/// A keeper needs what it has open, and no right beside.
static void give_up_rights(void) {
    struct rlimit no_core = {0, 0};
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    for (int number = 0; number < 64; number++) (void)prctl(PR_CAPBSET_DROP, number, 0, 0, 0);
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};
    (void)syscall(SYS_capset, &header, none);
}

/// A full disk is an error of write(2), and a signal that is meant for the program is not for the one that keeps it.
static void ignore_signals(void) {
    static const int ignored[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGPIPE, SIGXFSZ, SIGUSR1, SIGUSR2};
    for (size_t index = 0; index < sizeof ignored / sizeof *ignored; index++) signal(ignored[index], SIG_IGN);
}

int clinux_keep(const struct clinux_started *started, struct clinux_kept_log *console, struct clinux_kept_log *words, struct clinux_copy *copy) {
    ignore_signals();
    give_up_rights();
    if (write(started->go, "", 1) != 1) return 125;
    close(started->go);

    struct pollfd files[] = {
        {.fd = started->process_file, .events = POLLIN}, {.fd = started->console, .events = POLLIN}, {.fd = started->words, .events = POLLIN}};
    while (1) {
        int count = poll(files, 3, copy == NULL ? -1 : COPY_MILLISECONDS);
        if (count < 0 && errno != EINTR) return 125;
        if (count <= 0) {
            if (count == 0 && copy != NULL) clinux_refresh(copy);
            continue;
        }
        if (files[1].revents != 0 && !drain(files[1].fd, console)) files[1].fd = -1;
        if (files[2].revents != 0 && !drain(files[2].fd, words)) files[2].fd = -1;
        if (files[0].revents != 0) break;
    }
    empty(files[1].fd, console);
    empty(files[2].fd, words);
    int status = 0;
    while (waitpid(started->process, &status, 0) < 0) {
        if (errno != EINTR) return 125;
    }
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
