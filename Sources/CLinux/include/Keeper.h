#pragma once

#include "Confinement.h"

/// A file of which the end is kept: when it would grow beyond `limit`, all but the last `kept` bytes go first.
struct clinux_kept_log {
    int file;
    off_t limit;
    off_t kept;
};

/// A file whose content follows another's, which may be replaced at any time.
struct clinux_copy {
    const char *source;
    int file;
};

/// Stays with a program that was started until it ends, and writes down what it says. It takes no memory beyond a page or two, asks for
/// nothing, and gives up every right that it had.
/// - Parameter copy: NULL for none.
/// - Returns: the program's exit status, 128 + the signal that ended it.
int clinux_keep(const struct clinux_started *started, struct clinux_kept_log *console, struct clinux_kept_log *words, struct clinux_copy *copy);

/// Makes the content of a copy what the source says.
void clinux_refresh(struct clinux_copy *copy);
