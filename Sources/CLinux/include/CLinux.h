#pragma once

#include <stdint.h>
#include <sys/types.h>

#include "Confinement.h"
#include "Keeper.h"

// The calls of Linux and glibc that stand behind _GNU_SOURCE, which Swift's Glibc module does not show.
// Each returns 0, or the errno of what failed.

/// Reserves space from the start of the file: fallocate(2), never the library's fallback.
int clinux_allocate(int file, off_t size);

/// The magic number of the file system that holds a path (statfs(2)).
int clinux_file_system(const char *path, uint32_t *magic);

/// Opens a new file with O_DIRECT and closes it again.
int clinux_try_direct_io(const char *path);

/// The same with a file that never has a name (O_TMPFILE), which not every file system can make.
int clinux_try_unnamed_direct_io(const char *directory);

/// Opens a new, empty file that lives in memory, has no path, and is closed in every program that is started.
int clinux_memory_file(const char *name, int *file);

/// Opens a directory as a place only (O_PATH): enough to reach and remove what is in it, also where it cannot be listed.
int clinux_open_place(const char *path, int *file);

/// The most descriptors that `clinux_spawn` hands on.
enum { CLINUX_MAX_DESCRIPTORS = 32 };

/// Starts a program in a session of its own and inside a directory, with standard input from /dev/null, standard output and
/// error to `output`, and `descriptors` as 3, 4, …; everything else is closed, no signal blocked or ignored.
int clinux_spawn(const char *executable, char *const *arguments, const char *directory, int output, const int *descriptors, int count, pid_t *process);

/// The most bytes of a network device's name, the end included.
enum { CLINUX_DEVICE_NAME = 16 };

/// Opens a queue of a tap device, which is made where there is none, with a header for each packet's offloads.
int clinux_open_tap(const char *name, int has_queues, int *file);

/// A pair of connected sockets, closed in every program that is started.
int clinux_socket_pair(int *first, int *second);

/// Takes a descriptor that the other end of a socket sends (SCM_RIGHTS).
int clinux_receive_descriptor(int socket, int *file);

/// Lets no core dump of this process be written and no other process of its user look into its memory. A program that it becomes or starts
/// may be looked into again; that it writes no core dump stays.
int clinux_hide_memory(void);

/// Becomes another program, which has `descriptors` as 3, 4, …; returns only when that fails.
int clinux_become(const char *executable, char *const *arguments, const int *descriptors, int count);

/// The kernel's kinds of destinations that are told apart.
enum { CLINUX_ROUTE_NONE = 0, CLINUX_ROUTE_UNICAST = 1, CLINUX_ROUTE_LOCAL = 2, CLINUX_ROUTE_OTHER = 3 };

/// Asks the kernel what an IPv4 address is to this host: a host elsewhere, this host itself, something else, or out of reach.
/// `address` is in the processor's byte order.
int clinux_route(uint32_t address, int *kind);

/// Becomes a user and group for good, with no further groups, and can gain no rights any more; an id of UINT32_MAX stays.
int clinux_drop_rights(uint32_t user, uint32_t group);
