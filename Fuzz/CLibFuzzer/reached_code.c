// libFuzzer clears and reads all counters of the program around each input. All fuzz targets are in one program of some 370,000 counters, and an
// input of one target reaches a few hundred: without more, most of the time goes into reading zeros. So the calls with which the instrumented code
// hands its counters over come here (`--wrap` of the linker), and libFuzzer gets them block by block, each once the code behind it was reached.
#include "libfuzzer.h"
#include <stdbool.h>
#include <string.h>

/// Counters of a block. libFuzzer holds 4,096 blocks at most.
enum { blockSize = 1024, maximumBlocks = 4096 };

/// A place in the code, and what it is: one for each counter, in the same order.
struct place { uintptr_t address, flags; };

void __real___sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop);
void __real___sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop);

static uint8_t *counters;
static size_t count;
static const struct place *places;
static bool shown[maximumBlocks];
static uint64_t inputs;

// Each file of the program comes with the bounds of the whole.
void __wrap___sanitizer_cov_8bit_counters_init(uint8_t *start, uint8_t *stop) {
    counters = start;
    count = (size_t)(stop - start);
}

void __wrap___sanitizer_cov_pcs_init(const uintptr_t *start, const uintptr_t *stop) {
    (void)stop;
    places = (const struct place *)start;
}

static bool isReached(const uint8_t *block, size_t size) { return block[0] != 0 || memcmp(block, block + 1, size - 1) != 0; }

void PGKVMFuzzShowReachedCode(void) {
    // The first inputs are the corpus. What a later input reaches is not lost: libFuzzer clears only the blocks that it was shown.
    if (inputs++ >= 1024 && inputs % 128 != 0) return;
    for (size_t block = 0; block < maximumBlocks && block * blockSize < count; block++) {
        if (shown[block]) continue;
        const size_t start = block * blockSize;
        const size_t size = count - start < blockSize ? count - start : blockSize;
        if (!isReached(counters + start, size)) continue;
        shown[block] = true;
        __real___sanitizer_cov_8bit_counters_init(counters + start, counters + start + size);
        __real___sanitizer_cov_pcs_init((const uintptr_t *)(places + start), (const uintptr_t *)(places + start + size));
    }
}
