#define _GNU_SOURCE
#include "CLinux.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/if_tun.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/vfs.h>
#include <unistd.h>

extern char **environ;

int clinux_allocate(int file, off_t size) {
    while (fallocate(file, 0, 0, size) != 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}

int clinux_file_system(const char *path, uint32_t *magic) {
    struct statfs status;
    if (statfs(path, &status) != 0) return errno;
    *magic = (uint32_t)status.f_type;
    return 0;
}

int clinux_try_direct_io(const char *path) {
    int file = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_DIRECT, 0600);
    if (file < 0) return errno;
    close(file);
    return 0;
}

int clinux_try_unnamed_direct_io(const char *directory) {
    int file = open(directory, O_RDWR | O_TMPFILE | O_CLOEXEC | O_DIRECT, 0600);
    if (file < 0) return errno;
    close(file);
    return 0;
}

int clinux_memory_file(const char *name, int *file) {
    *file = memfd_create(name, MFD_CLOEXEC);
    return *file < 0 ? errno : 0;
}

int clinux_open_place(const char *path, int *file) {
    *file = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return *file < 0 ? errno : 0;
}

static void close_all(const int *descriptors, int count) {
    for (int index = 0; index < count; index++) close(descriptors[index]);
}

/// Copies above every number that the new program will have, so that no dup2 overwrites a descriptor that is still to come.
static int copy_above(int lowest, const int *descriptors, int count, int *copies) {
    for (int index = 0; index < count; index++) {
        copies[index] = fcntl(descriptors[index], F_DUPFD_CLOEXEC, lowest);
        if (copies[index] < 0) {
            int code = errno;
            close_all(copies, index);
            return code;
        }
    }
    return 0;
}

/// What the child does before the program: directory, then `copies` as 3, 4, … and the last of them as its output.
static int add_actions(posix_spawn_file_actions_t *actions, const char *directory, const int *copies, int count) {
    int code = posix_spawn_file_actions_addchdir_np(actions, directory);
    if (code == 0) code = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (code == 0) code = posix_spawn_file_actions_adddup2(actions, copies[count], STDOUT_FILENO);
    if (code == 0) code = posix_spawn_file_actions_adddup2(actions, copies[count], STDERR_FILENO);
    for (int index = 0; code == 0 && index < count; index++) {
        code = posix_spawn_file_actions_adddup2(actions, copies[index], 3 + index);
    }
    if (code == 0) code = posix_spawn_file_actions_addclosefrom_np(actions, 3 + count);
    return code;
}

static int spawn_with(const char *executable, char *const *arguments, const char *directory, const int *copies, int count, pid_t *process) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    sigset_t none, all;
    int code = posix_spawn_file_actions_init(&actions);
    if (code != 0) return code;
    code = posix_spawnattr_init(&attributes);
    if (code != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return code;
    }
    sigemptyset(&none);
    sigfillset(&all);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setsigdefault(&attributes, &all);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);

    code = add_actions(&actions, directory, copies, count);
    if (code == 0) code = posix_spawn(process, executable, &actions, &attributes, arguments, environ);

    posix_spawnattr_destroy(&attributes);
    posix_spawn_file_actions_destroy(&actions);
    return code;
}

int clinux_spawn(const char *executable, char *const *arguments, const char *directory, int output, const int *descriptors, int count, pid_t *process) {
    if (count < 0 || count > CLINUX_MAX_DESCRIPTORS) return EINVAL;
    int handed[CLINUX_MAX_DESCRIPTORS + 1], copies[CLINUX_MAX_DESCRIPTORS + 1];
    if (count > 0) memcpy(handed, descriptors, (size_t)count * sizeof *handed);
    handed[count] = output;
    int code = copy_above(3 + count, handed, count + 1, copies);
    if (code != 0) return code;
    code = spawn_with(executable, arguments, directory, copies, count, process);
    close_all(copies, count + 1);
    return code;
}

int clinux_open_tap(const char *name, int has_queues, int *file) {
    struct ifreq request = {0};
    if (strlen(name) >= sizeof request.ifr_name) return ENAMETOOLONG;
    strcpy(request.ifr_name, name);
    request.ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (has_queues ? IFF_MULTI_QUEUE : 0));
    *file = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (*file < 0) return errno;
    if (ioctl(*file, TUNSETIFF, &request) == 0) return 0;
    int code = errno;
    close(*file);
    return code;
}

int clinux_socket_pair(int *first, int *second) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return errno;
    *first = pair[0];
    *second = pair[1];
    return 0;
}

int clinux_receive_descriptor(int socket, int *file) {
    char byte;
    struct iovec data = {.iov_base = &byte, .iov_len = 1};
    union {
        struct cmsghdr header;
        char space[CMSG_SPACE(sizeof(int))];
    } control;
    struct msghdr message = {.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t count;
    do count = recvmsg(socket, &message, MSG_CMSG_CLOEXEC);
    while (count < 0 && errno == EINTR);
    if (count < 0) return errno;
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    if (header == NULL || header->cmsg_level != SOL_SOCKET || header->cmsg_type != SCM_RIGHTS) {
        return message.msg_flags & MSG_CTRUNC ? EPROTO : ENODATA;
    }
    /* The space for one is padded and may hold two: each that came has to be closed when they are not the one that was expected. */
    size_t number = (header->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    if (number == 1 && !(message.msg_flags & MSG_CTRUNC)) {
        memcpy(file, CMSG_DATA(header), sizeof *file);
        return 0;
    }
    for (size_t index = 0; index < number; index++) {
        int extra;
        memcpy(&extra, CMSG_DATA(header) + index * sizeof extra, sizeof extra);
        close(extra);
    }
    return EPROTO;
}

int clinux_become(const char *executable, char *const *arguments, const int *descriptors, int count) {
    if (count < 0 || count > CLINUX_MAX_DESCRIPTORS) return EINVAL;
    int copies[CLINUX_MAX_DESCRIPTORS];
    int code = copy_above(3 + count, descriptors, count, copies);
    if (code != 0) return code;
    for (int index = 0; index < count; index++) {
        if (dup2(copies[index], 3 + index) < 0) return errno;
    }
    // What this program ignores or blocks would be inherited.
    for (int number = 1; number < NSIG; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execv(executable, arguments);
    return errno;
}

/// Reads the kernel's answer to one question about a route.
static int read_route(int socket, int *kind) {
    char answer[4096] __attribute__((aligned(NLMSG_ALIGNTO)));
    ssize_t count;
    do count = recv(socket, answer, sizeof answer, 0);
    while (count < 0 && errno == EINTR);
    if (count < 0) return errno;
    struct nlmsghdr *header = (struct nlmsghdr *)answer;
    if (!NLMSG_OK(header, (size_t)count)) return EBADMSG;
    if (header->nlmsg_type == NLMSG_ERROR) {
        // No route, or one that forbids: nothing to be reached there.
        *kind = CLINUX_ROUTE_NONE;
        return 0;
    }
    if (header->nlmsg_type != RTM_NEWROUTE || header->nlmsg_len < NLMSG_LENGTH(sizeof(struct rtmsg))) return EBADMSG;
    switch (((struct rtmsg *)NLMSG_DATA(header))->rtm_type) {
    case RTN_UNICAST: *kind = CLINUX_ROUTE_UNICAST; break;
    case RTN_LOCAL: *kind = CLINUX_ROUTE_LOCAL; break;
    default: *kind = CLINUX_ROUTE_OTHER;
    }
    return 0;
}

int clinux_route(uint32_t address, int *kind) {
    struct {
        struct nlmsghdr header;
        struct rtmsg route;
        struct rtattr attribute;
        uint32_t destination;
    } question = {
        .header = {.nlmsg_len = sizeof question, .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST},
        .route = {.rtm_family = AF_INET, .rtm_dst_len = 32},
        .attribute = {.rta_len = RTA_LENGTH(sizeof(uint32_t)), .rta_type = RTA_DST},
        .destination = htonl(address),
    };
    int file = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (file < 0) return errno;
    int code = 0;
    if (send(file, &question, sizeof question, 0) < 0) code = errno;
    if (code == 0) code = read_route(file, kind);
    close(file);
    return code;
}

int clinux_drop_rights(uint32_t user, uint32_t group) {
    if (user != UINT32_MAX && (setgroups(0, NULL) != 0 || setresgid(group, group, group) != 0 || setresuid(user, user, user) != 0)) return errno;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
    return 0;
}

int clinux_hide_memory(void) {
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return errno;
    // The limit alone does not hold a kernel that pipes core dumps to a program.
    return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == 0 ? 0 : errno;
}
