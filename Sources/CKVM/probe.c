#define _GNU_SOURCE
#include "CKVM.h"

#include "alarm.h"
#include "guest.h"
#include "machine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

_Static_assert(sizeof(struct ckvm_answers) == GUEST_WORDS * sizeof(uint32_t), "one port for each word");

/// Everything that has to be given back.
struct machine {
    int device, vm, vcpu;
    void *memory;
    struct kvm_run *run;
    size_t run_size;
    struct kvm_cpuid2 *cpuid;
    /// For ckvm_program_cpuid.
    struct ckvm_cpuid_entry *entries;
    uint32_t entry_count;
};

/// A signal for somebody else may interrupt an ioctl that makes something.
static int retrying_ioctl(int descriptor, unsigned long request, unsigned long argument) {
    int value;
    do value = ioctl(descriptor, request, argument);
    while (value < 0 && errno == EINTR);
    return value;
}

static int open_device(struct machine *machine, const char *device) {
    machine->device = open(device, O_RDWR | O_CLOEXEC);
    return machine->device < 0 ? errno : 0;
}

static int read_api_version(struct machine *machine, struct ckvm_result *result) {
    result->api_version = ioctl(machine->device, KVM_GET_API_VERSION, 0);
    return result->api_version < 0 ? errno : 0;
}

static int read_supported_cpuid(struct machine *machine, struct ckvm_result *result) {
    enum { most_entries = 256 };
    machine->cpuid = calloc(1, sizeof *machine->cpuid + most_entries * sizeof machine->cpuid->entries[0]);
    if (!machine->cpuid) return ENOMEM;
    machine->cpuid->nent = most_entries;
    if (ioctl(machine->device, KVM_GET_SUPPORTED_CPUID, machine->cpuid) != 0) return errno;
    for (uint32_t index = 0; index < machine->cpuid->nent; index++)
        if (machine->cpuid->entries[index].function == 1) result->supported_ecx = machine->cpuid->entries[index].ecx;
    return 0;
}

static int create_vm(struct machine *machine) {
    machine->vm = retrying_ioctl(machine->device, KVM_CREATE_VM, 0);
    if (machine->vm < 0) return errno;
    // Intel processors without "unrestricted guest" need three pages of the guest's address space, also when unused.
    if (ioctl(machine->device, KVM_CHECK_EXTENSION, KVM_CAP_SET_TSS_ADDR) > 0 &&
        ioctl(machine->vm, KVM_SET_TSS_ADDR, 0xfffbd000UL) != 0)
        return errno;
    return 0;
}

static int set_memory(struct machine *machine) {
    // Shared, so that it stays a mapping of its own in /proc/self/maps: private ones melt together, and a leak would not show.
    void *memory = mmap(NULL, guest_memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return errno;
    machine->memory = memory;
    guest_fill_memory(memory);
    if (machine->entries) guest_put_entries(memory, machine->entries, machine->entry_count);
    struct kvm_userspace_memory_region region = {
        .memory_size = guest_memory_size, .userspace_addr = (uint64_t)(uintptr_t)memory};
    return ioctl(machine->vm, KVM_SET_USER_MEMORY_REGION, &region) == 0 ? 0 : errno;
}

static int create_vcpu(struct machine *machine) {
    machine->vcpu = retrying_ioctl(machine->vm, KVM_CREATE_VCPU, 0);
    if (machine->vcpu < 0) return errno;
    int size = ioctl(machine->device, KVM_GET_VCPU_MMAP_SIZE, 0);
    if (size < 0) return errno;
    void *run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, machine->vcpu, 0);
    if (run == MAP_FAILED) return errno;
    machine->run = run;
    machine->run_size = (size_t)size;
    return 0;
}

static int set_registers(struct machine *machine, enum ckvm_program program) {
    if (ioctl(machine->vcpu, KVM_SET_CPUID2, machine->cpuid) != 0) return errno;
    struct kvm_sregs system;
    if (ioctl(machine->vcpu, KVM_GET_SREGS, &system) != 0) return errno;
    guest_set_system_registers(&system);
    if (ioctl(machine->vcpu, KVM_SET_SREGS, &system) != 0) return errno;
    struct kvm_regs general;
    guest_set_registers(&general, program, machine->entry_count);
    return ioctl(machine->vcpu, KVM_SET_REGS, &general) == 0 ? 0 : errno;
}

/// Takes one write to a port; false when it is not one that comes next.
static bool record_write(const struct kvm_run *run, struct ckvm_result *result) {
    unsigned word = run->io.port - GUEST_PORT;
    bool is_next = word < GUEST_WORDS && result->written < 1u << word;
    if (run->io.direction != KVM_EXIT_IO_OUT || run->io.size != 4 || run->io.count != 1 || !is_next) return false;
    memcpy((char *)&result->answers + word * 4, (const char *)run + run->io.data_offset, 4);
    result->written |= 1u << word;
    return true;
}

/// Runs the guest until it halts, dies or is stopped. Ends: each port is written once at most, and the alarm comes.
static int run_guest(struct machine *machine, struct ckvm_result *result) {
    struct kvm_run *run = machine->run;
    for (;;) {
        int error = ioctl(machine->vcpu, KVM_RUN, 0) == 0 ? 0 : errno;
        if (run_alarm_fired()) {
            result->timed_out = true;
            return 0;
        }
        if (error == EINTR || error == EAGAIN) continue;
        if (error) return error;
        result->exit_reason = run->exit_reason;
        switch (run->exit_reason) {
        case KVM_EXIT_INTR:
            continue;
        case KVM_EXIT_IO:
            if (record_write(run, result)) continue;
            result->stray_write = true;
            return 0;
        case KVM_EXIT_INTERNAL_ERROR:
            result->exit_detail = run->internal.suberror;
            return 0;
        case KVM_EXIT_FAIL_ENTRY:
            result->exit_detail = run->fail_entry.hardware_entry_failure_reason;
            return 0;
        default:
            return 0;
        }
    }
}

static int run_limited(struct machine *machine, uint32_t time_limit_ms, struct ckvm_result *result) {
    struct run_alarm alarm;
    int error = run_alarm_start(&alarm, machine->vcpu, time_limit_ms);
    if (!error) {
        result->stage = ckvm_stage_run;
        error = run_guest(machine, result);
    }
    run_alarm_stop(&alarm);
    return error;
}

static void give_back(struct machine *machine) {
    if (machine->run) munmap(machine->run, machine->run_size);
    if (machine->vcpu >= 0) close(machine->vcpu);
    if (machine->vm >= 0) close(machine->vm);
    if (machine->device >= 0) close(machine->device);
    if (machine->memory) munmap(machine->memory, guest_memory_size);
    free(machine->cpuid);
}

/// Goes through the stages; returns the errno of the one in which it stopped.
static int go(struct machine *machine, const char *device, enum ckvm_program program, uint32_t time_limit_ms,
              struct ckvm_result *result) {
    int error;
    result->stage = ckvm_stage_open;
    if ((error = open_device(machine, device))) return error;
    result->stage = ckvm_stage_api_version;
    if ((error = read_api_version(machine, result))) return error;
    if (result->api_version != KVM_API_VERSION) return 0;
    result->stage = ckvm_stage_supported_cpuid;
    if ((error = read_supported_cpuid(machine, result))) return error;
    result->stage = ckvm_stage_create_vm;
    if ((error = create_vm(machine))) return error;
    result->stage = ckvm_stage_memory;
    if ((error = set_memory(machine))) return error;
    result->stage = ckvm_stage_create_vcpu;
    if ((error = create_vcpu(machine))) return error;
    result->stage = ckvm_stage_registers;
    if ((error = set_registers(machine, program))) return error;
    result->stage = ckvm_stage_time_limit;
    return run_limited(machine, time_limit_ms, result);
}

void ckvm_probe(const char *device, enum ckvm_program program, uint32_t time_limit_ms, struct ckvm_result *result) {
    struct machine machine = {.device = -1, .vm = -1, .vcpu = -1};
    *result = (struct ckvm_result){0};
    // A timer of 0 would never go off.
    result->error = go(&machine, device, program, time_limit_ms ? time_limit_ms : 1, result);
    give_back(&machine);
}

bool ckvm_execute_cpuid(const char *device, struct ckvm_cpuid_entry *entries, uint32_t count, uint32_t time_limit_ms) {
    if (count < 1 || count > CKVM_MOST_ENTRIES) return false;
    struct machine machine = {.device = -1, .vm = -1, .vcpu = -1, .entries = entries, .entry_count = count};
    struct ckvm_result result = {0};
    int error = go(&machine, device, ckvm_program_cpuid, time_limit_ms ? time_limit_ms : 1, &result);
    bool has_halted = !error && result.stage == ckvm_stage_run && !result.timed_out && !result.stray_write &&
                      result.exit_reason == KVM_EXIT_HLT;
    if (has_halted) guest_get_entries(machine.memory, entries, count);
    give_back(&machine);
    return has_halted;
}

int32_t ckvm_supported_cpuid(const char *device, struct ckvm_cpuid_entry *entries, uint32_t capacity) {
    struct machine machine = {.device = -1, .vm = -1, .vcpu = -1};
    struct ckvm_result result = {0};
    int32_t count = -1;
    if (!open_device(&machine, device) && !read_api_version(&machine, &result) && !read_supported_cpuid(&machine, &result)) {
        count = 0;
        for (uint32_t index = 0; index < machine.cpuid->nent && (uint32_t)count < capacity; index++) {
            const struct kvm_cpuid_entry2 *found = &machine.cpuid->entries[index];
            bool has_subleaves = found->flags & KVM_CPUID_FLAG_SIGNIFCANT_INDEX;
            entries[count++] = (struct ckvm_cpuid_entry){
                .leaf = found->function,
                .subleaf = has_subleaves ? found->index : 0,
                .registers = {.eax = found->eax, .ebx = found->ebx, .ecx = found->ecx, .edx = found->edx}};
        }
    }
    give_back(&machine);
    return count;
}
