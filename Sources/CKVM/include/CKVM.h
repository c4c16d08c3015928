#pragma once

#include <stdbool.h>
#include <stdint.h>

/// The four registers that a CPUID leaf returns.
struct ckvm_cpuid {
    uint32_t eax, ebx, ecx, edx;
};

/// Executes CPUID on the calling thread.
struct ckvm_cpuid ckvm_cpuid(uint32_t leaf, uint32_t subleaf);

/// One question to CPUID and its answer.
struct ckvm_cpuid_entry {
    uint32_t leaf, subleaf;
    struct ckvm_cpuid registers;
};

/// The most entries that the micro-guest takes.
enum { CKVM_MOST_ENTRIES = 128 };

/// What the guest executes.
enum ckvm_program {
    /// The probe: what a Linux kernel and its programs do first.
    ckvm_program_probe,
    /// Never ends: a control for the time limit.
    ckvm_program_spin,
    /// Executes an undefined instruction, and there is nobody to handle it: a control for a guest that dies.
    ckvm_program_fault,
    /// Executes CPUID for a table of leaves; through `ckvm_execute_cpuid` only.
    ckvm_program_cpuid,
};

/// The steps of a probe in their order.
enum ckvm_stage {
    ckvm_stage_open,
    ckvm_stage_api_version,
    ckvm_stage_supported_cpuid,
    ckvm_stage_create_vm,
    ckvm_stage_memory,
    ckvm_stage_create_vcpu,
    ckvm_stage_registers,
    ckvm_stage_time_limit,
    ckvm_stage_run,
};

/// A block of 16 bytes as two little-endian halves.
struct ckvm_block {
    uint64_t low, high;
};

/// What the guest wrote to its ports, in the order of the ports.
struct ckvm_answers {
    struct ckvm_cpuid cpuid;
    /// AESENC in ring 0: round 1 of FIPS-197 appendix B.
    struct ckvm_block kernel_aes;
    /// CS and SS in ring 3.
    uint32_t user_code_selector, user_stack_selector;
    /// AESENC in ring 3: round 2 of FIPS-197 appendix B.
    struct ckvm_block user_aes;
    /// CS and SS in ring 0, after SYSCALL.
    uint32_t kernel_code_selector, kernel_stack_selector;
};

/// What one probe saw. Plain values, no pointers: whoever judges it needs no KVM.
struct ckvm_result {
    /// Where the probe ended.
    enum ckvm_stage stage;
    /// The errno of the call that failed in `stage`, 0 when none did.
    int32_t error;
    /// What KVM_GET_API_VERSION said.
    int32_t api_version;
    /// ECX of leaf 1 in KVM_GET_SUPPORTED_CPUID.
    uint32_t supported_ecx;
    /// The time limit ended the guest.
    bool timed_out;
    /// The guest wrote to a port that is not the next one.
    bool stray_write;
    /// The last KVM_EXIT_ reason; meaningful in `ckvm_stage_run` only.
    uint32_t exit_reason;
    /// The suberror of an internal error, the hardware's reason of a failed entry.
    uint64_t exit_detail;
    /// Bit n is set when 32-bit word n of `answers` was written.
    uint32_t written;
    struct ckvm_answers answers;
};

/// Runs `program` in a fresh virtual machine of `device` and says what happened.
///
/// Blocks the calling thread for at most `time_limit_ms` of guest time. Leaves no descriptor, mapping, timer or signal
/// mask behind.
void ckvm_probe(const char *device, enum ckvm_program program, uint32_t time_limit_ms, struct ckvm_result *result);

/// Has the micro-guest execute CPUID for each of `count` entries, 1 to CKVM_MOST_ENTRIES, and fills in their registers.
///
/// Returns whether it halted as it should; the registers mean nothing otherwise. Blocks and cleans up like `ckvm_probe`.
bool ckvm_execute_cpuid(const char *device, struct ckvm_cpuid_entry *entries, uint32_t count, uint32_t time_limit_ms);

/// Asks KVM_GET_SUPPORTED_CPUID of `device` and fills in at most `capacity` entries.
///
/// Returns their number, or -1 when the device cannot be opened or does not answer. A leaf without sub-leaves has sub-leaf 0.
int32_t ckvm_supported_cpuid(const char *device, struct ckvm_cpuid_entry *entries, uint32_t capacity);
