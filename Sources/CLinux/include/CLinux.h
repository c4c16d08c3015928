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

/// Becomes another program, which has `descriptors` as 3, 4, …; returns only when that fails.
int clinux_become(const char *executable, char *const *arguments, const int *descriptors, int count);
