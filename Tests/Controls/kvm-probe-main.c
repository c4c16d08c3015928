// Runs the micro-guest of Sources/CKVM and prints what it did, one fact a line, then a verdict; run where there is no Swift, inside
// the guest of scripts/positive-control-kvm. Also says whether the calls left anything behind in this process.
// usage: kvm-probe [DEVICE [UID]]
#include "CKVM.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { time_limit_ms = 2000, spin_limit_ms = 50, rounds = 20 };

// FIPS-197 appendix B: the states at the start of rounds 2 and 3.
static const unsigned char kernel_known[16] = {0xa4, 0x9c, 0x7f, 0xf2, 0x68, 0x9f, 0x35, 0x2b, 0x6b, 0x5b, 0xea, 0x43, 0x02, 0x6a, 0x50, 0x49};
static const unsigned char user_known[16] = {0xaa, 0x8f, 0x5f, 0x03, 0x61, 0xdd, 0xe3, 0xef, 0x82, 0xd2, 0x4a, 0xd2, 0x68, 0x32, 0x46, 0x9a};

/// Words of the answers that a guest without AES-NI leaves out.
enum { all_words = 0xffff, aes_words = 0x3cf0 };

static const char *verdict(const struct ckvm_result *result) {
    const struct ckvm_answers *answers = &result->answers;
    if (result->stage == ckvm_stage_open && result->error == ENOENT) return "no device";
    if (result->stage == ckvm_stage_open && (result->error == ENXIO || result->error == ENODEV)) return "no module";
    if (result->stage == ckvm_stage_open && (result->error == EACCES || result->error == EPERM)) return "no permission";
    if (result->stage != ckvm_stage_run || result->error) return "unusable: no guest could be made";
    if (result->timed_out) return "unusable: timed out";
    if (result->stray_write) return "unusable: stray write";
    if (result->exit_reason != KVM_EXIT_HLT) return "unusable: no halt";
    if (answers->user_code_selector != 0x23 || answers->user_stack_selector != 0x1b || answers->kernel_code_selector != 0x08 ||
        answers->kernel_stack_selector != 0x10)
        return "unusable: wrong selectors";
    if (!(answers->cpuid.ecx >> 25 & 1)) return result->written == (all_words & ~aes_words) ? "usable without AES-NI" : "unusable: answers missing";
    if (result->written != all_words) return "unusable: answers missing";
    if (memcmp(&answers->kernel_aes, kernel_known, 16) || memcmp(&answers->user_aes, user_known, 16)) return "unusable: AES is wrong";
    return "usable with AES-NI";
}

static void print(const char *program, const struct ckvm_result *result) {
    printf("%s: stage %d, error %d, api %d, supported AES %u, timed out %d, exit %u (%llu), written %04x, executed AES %u\n", program,
           result->stage, result->error, result->api_version, result->supported_ecx >> 25 & 1, result->timed_out, result->exit_reason,
           (unsigned long long)result->exit_detail, result->written, result->answers.cpuid.ecx >> 25 & 1);
}

/// What a probe could leave behind.
struct traces {
    int descriptors, mappings, timers;
    sigset_t blocked, pending;
};

static int count_lines(const char *path) {
    FILE *file = fopen(path, "r");
    if (!file) return 0;
    int lines = 0;
    for (int character; (character = getc(file)) != EOF;) lines += character == '\n';
    fclose(file);
    return lines;
}

static struct traces look(void) {
    struct traces traces;
    memset(&traces, 0, sizeof traces);
    DIR *directory = opendir("/proc/self/fd");
    while (directory && readdir(directory)) traces.descriptors++;
    if (directory) closedir(directory);
    traces.mappings = count_lines("/proc/self/maps");
    traces.timers = count_lines("/proc/self/timers");
    sigprocmask(SIG_BLOCK, NULL, &traces.blocked);
    sigpending(&traces.pending);
    return traces;
}

int main(int count, char **arguments) {
    const char *device = count > 1 ? arguments[1] : "/dev/kvm";
    if (count > 2 && setuid((uid_t)atoi(arguments[2])) != 0) {
        perror("setuid");
        return 1;
    }
    struct ckvm_result result;

    struct timespec start, end;
    clock_gettime(CLOCK_MONOTONIC, &start);
    ckvm_probe(device, ckvm_program_probe, time_limit_ms, &result);
    clock_gettime(CLOCK_MONOTONIC, &end);
    print("probe", &result);
    printf("milliseconds: %ld\n", (end.tv_sec - start.tv_sec) * 1000 + (end.tv_nsec - start.tv_nsec) / 1000000);
    printf("verdict: %s\n", verdict(&result));
    if (result.stage != ckvm_stage_run) return 0;

    struct traces before = look();
    for (int round = 0; round < rounds; round++) ckvm_probe(device, ckvm_program_probe, time_limit_ms, &result);
    printf("again: %s\n", verdict(&result));
    ckvm_probe(device, ckvm_program_spin, spin_limit_ms, &result);
    print("spin", &result);
    printf("spin: %s\n", verdict(&result));
    ckvm_probe(device, ckvm_program_fault, time_limit_ms, &result);
    print("fault", &result);
    printf("fault: %s\n", result.exit_reason == KVM_EXIT_SHUTDOWN ? "shutdown" : "no shutdown");
    struct traces after = look();
    printf("left behind: %s\n", memcmp(&before, &after, sizeof before) ? "something" : "nothing");
    return 0;
}
