// Prints how fast this processor's time-stamp counter runs, in kHz. An emulated guest gets the host's counter and would measure
// it against timers that a busy host makes late.
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

static uint64_t nanoseconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

int main(void) {
    uint64_t start = nanoseconds(), ticks = __rdtsc(), now = start;
    while (now - start < 200000000u) now = nanoseconds();
    ticks = __rdtsc() - ticks;
    printf("%.0f\n", (double)ticks * 1e6 / (double)(now - start));
    return 0;
}
