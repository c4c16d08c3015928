#define _GNU_SOURCE
#include "Landlock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

// The numbers are the kernel's; the headers of older systems do not have all of them.
#define CREATE_RULESET 444
#define ADD_RULE 445
#define RESTRICT_SELF 446

enum {
    EXECUTE = 1 << 0,
    WRITE_FILE = 1 << 1,
    READ_FILE = 1 << 2,
    READ_DIRECTORY = 1 << 3,
    REMOVE_FILE = 1 << 5,
    MAKE_REGULAR = 1 << 8,
    MAKE_SOCKET = 1 << 9,
    REFER = 1 << 13,
    TRUNCATE = 1 << 14,
    IOCTL_DEVICE = 1 << 15,
};

struct ruleset {
    uint64_t paths;
    uint64_t ports;
    uint64_t scopes;
};

struct __attribute__((packed)) path_rule {
    uint64_t allowed;
    int32_t parent;
};

/// Every right over paths that this version of Landlock knows.
static uint64_t known_rights(int version) {
    uint64_t rights = REFER - 1;
    if (version >= 2) rights |= REFER;
    if (version >= 3) rights |= TRUNCATE;
    if (version >= 5) rights |= IOCTL_DEVICE;
    return rights;
}

static uint64_t rights_of(enum clinux_use use) {
    switch (use) {
    case CLINUX_WRITE: return READ_FILE | READ_DIRECTORY | WRITE_FILE | REMOVE_FILE | MAKE_REGULAR | MAKE_SOCKET | TRUNCATE;
    case CLINUX_DEVICE: return READ_FILE | WRITE_FILE | IOCTL_DEVICE;
    default: return EXECUTE | READ_FILE | READ_DIRECTORY;
    }
}

static int allow(int ruleset, const struct clinux_view *view, uint64_t known) {
    int file = open(view->path, O_PATH | O_CLOEXEC);
    // What is not there needs no rule.
    if (file < 0) return errno == ENOENT ? 0 : errno;
    struct stat status;
    int code = fstat(file, &status) == 0 ? 0 : errno;
    if (code == 0) {
        uint64_t allowed = rights_of(view->use) & known;
        if (!S_ISDIR(status.st_mode)) allowed &= EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEVICE;
        struct path_rule rule = {.allowed = allowed, .parent = file};
        if (syscall(ADD_RULE, ruleset, 1, &rule, 0) != 0) code = errno;
    }
    close(file);
    return code;
}

/// What every program reads. In the host's root the resolver's configuration is found where the host keeps it.
static const struct clinux_view common[] = {
    {.path = "/proc", .use = CLINUX_READ}, {.path = "/etc", .use = CLINUX_READ}};

int clinux_landlock_version(void) {
    long version = syscall(CREATE_RULESET, NULL, 0, 1);
    return version < 1 ? 0 : (int)version;
}

int confine_paths(const struct clinux_view *views, int count, int is_hosts_root) {
    int version = clinux_landlock_version();
    if (version == 0) return 0;
    uint64_t known = known_rights(version);
    // Version 6 keeps signals and abstract sockets inside, too.
    struct ruleset attributes = {.paths = known, .scopes = version >= 6 ? 3 : 0};
    int ruleset = (int)syscall(CREATE_RULESET, &attributes, version >= 6 ? sizeof attributes : sizeof attributes.paths, 0);
    if (ruleset < 0) return errno;
    int code = 0;
    for (int index = 0; code == 0 && index < count; index++) code = allow(ruleset, &views[index], known);
    for (int index = 0; code == 0 && index < (is_hosts_root ? 2 : 1); index++) code = allow(ruleset, &common[index], known);
    if (code == 0 && syscall(RESTRICT_SELF, ruleset, 0) != 0) code = errno;
    close(ruleset);
    return code;
}
