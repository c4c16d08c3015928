#pragma once

#include "include/Confinement.h"

/// Forbids this thread, and what it becomes, every path but those of `views`, as far as the kernel can. Nothing happens where it cannot.
/// - Parameter is_hosts_root: whether the program sees the whole of the host's root.
/// - Returns: 0, or the errno of a rule that could not be made.
int confine_paths(const struct clinux_view *views, int count, int is_hosts_root);
