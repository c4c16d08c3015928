// Runs the micro-guest once and says whether this KVM can run a Linux guest with AES-NI. Used before there is a pgkvm to ask:
// the emulator is chosen by it (scripts/install-emulator). The reasons in full come from `pgkvm doctor`.
#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "CKVM.h"

enum { time_limit_ms = 1000, aes_bit = 25, all_words = 0xffff };

// FIPS-197 appendix B: the state at the start of rounds 2 and 3.
static const unsigned char kernel_answer[] = {0xa4, 0x9c, 0x7f, 0xf2, 0x68, 0x9f, 0x35, 0x2b, 0x6b, 0x5b, 0xea, 0x43, 0x02, 0x6a, 0x50, 0x49};
static const unsigned char user_answer[] = {0xaa, 0x8f, 0x5f, 0x03, 0x61, 0xdd, 0xe3, 0xef, 0x82, 0xd2, 0x4a, 0xd2, 0x68, 0x32, 0x46, 0x9a};

static const char *fault(const struct ckvm_result *result) {
    const struct ckvm_answers *answers = &result->answers;
    if (result->stage == ckvm_stage_open)
        return result->error == EACCES ? "there is no permission on /dev/kvm" : "/dev/kvm cannot be opened";
    if (result->stage != ckvm_stage_run || result->error != 0)
        return "it does not make a virtual machine";
    if (result->timed_out)
        return "a test guest did not end";
    if (result->exit_reason != KVM_EXIT_HLT || result->stray_write)
        return "a test guest died in it";
    if ((answers->cpuid.ecx >> aes_bit & 1) == 0)
        return "its guests have no AES-NI";
    if (result->written != all_words)
        return "a test guest skipped a part";
    if (memcmp(&answers->kernel_aes, kernel_answer, sizeof kernel_answer) != 0 || memcmp(&answers->user_aes, user_answer, sizeof user_answer) != 0)
        return "a test guest got a wrong answer from AES";
    return NULL;
}

int main(void) {
    struct ckvm_result result;
    ckvm_probe("/dev/kvm", ckvm_program_probe, time_limit_ms, &result);
    const char *found = fault(&result);
    puts(found ? found : "it runs a Linux guest with AES-NI");
    return found ? 1 : 0;
}
