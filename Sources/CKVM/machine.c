#include "machine.h"

#include "guest.h"

#include <string.h>

enum { page_size = 4096 };

/// The guest's physical pages.
enum page {
    page_kernel,
    page_descriptors,
    page_user,
    page_level4,
    page_kernel_level3,
    page_kernel_level2,
    page_kernel_level1,
    page_user_level3,
    page_user_level2,
    page_user_level1,
    page_count,
};
_Static_assert(page_count *page_size == guest_memory_size, "every page has a place");

enum { entry_present = 1, entry_writable = 2, entry_user = 4, entry_accessed = 0x20, entry_dirty = 0x40 };

enum { control0_pe = 1, control0_mp = 2, control0_et = 0x10, control0_ne = 0x20, control0_wp = 0x10000 };
enum { control4_pae = 0x20, control4_osfxsr = 0x200, control4_osxmmexcpt = 0x400 };
enum { efer_sce = 1, efer_lme = 0x100, efer_lma = 0x400 };
static const uint64_t control0_pg = 0x80000000;

/// In the page of the descriptors, the task state segment follows the table, and the questions for CPUID follow that.
enum { task_state_offset = 0x100, task_state_size = 104, entries_offset = 0x200 };
_Static_assert(task_state_offset + task_state_size <= entries_offset, "no part of the page lies over another");
_Static_assert(entries_offset + CKVM_MOST_ENTRIES * sizeof(struct ckvm_cpuid_entry) <= page_size, "all entries have a place");
_Static_assert(sizeof(struct ckvm_cpuid_entry) == GUEST_ENTRY_SIZE, "as the guest has it");

static uint64_t *words(void *memory, enum page page) { return (uint64_t *)((char *)memory + page * page_size); }

/// The index that `address` has in a page table of `level` 1 to 4.
static unsigned table_index(uint64_t address, unsigned level) { return (address >> (12 + 9 * (level - 1))) & 511; }

/// Maps one page at `address` through `table`, `table + 1` and `table + 2` (levels 3, 2, 1).
static void map(void *memory, uint64_t address, enum page table, enum page target, uint64_t rights) {
    uint64_t flags = entry_present | entry_writable | entry_accessed | rights;
    words(memory, page_level4)[table_index(address, 4)] = table * page_size | flags;
    words(memory, table)[table_index(address, 3)] = (table + 1) * page_size | flags;
    words(memory, table + 1)[table_index(address, 2)] = (table + 2) * page_size | flags;
    words(memory, table + 2)[table_index(address, 1)] = target * page_size | flags | entry_dirty;
}

void guest_fill_memory(void *memory) {
    memcpy(words(memory, page_kernel), guest_kernel, (size_t)(guest_kernel_end - guest_kernel));
    memcpy(words(memory, page_user), guest_user, (size_t)(guest_user_end - guest_user));

    map(memory, GUEST_KERNEL_ADDRESS, page_kernel_level3, page_kernel, 0);
    map(memory, GUEST_KERNEL_ADDRESS + page_size, page_kernel_level3, page_descriptors, 0);
    map(memory, GUEST_USER_ADDRESS, page_user_level3, page_user, entry_user);

    uint64_t *descriptors = words(memory, page_descriptors);
    descriptors[GUEST_KERNEL_CODE / 8] = 0x00af9b000000ffff;
    descriptors[GUEST_KERNEL_DATA / 8] = 0x00cf93000000ffff;
    descriptors[GUEST_USER_DATA / 8] = 0x00cff3000000ffff;
    descriptors[GUEST_USER_CODE / 8] = 0x00affb000000ffff;
    uint64_t task_state = GUEST_KERNEL_ADDRESS + page_size + task_state_offset;
    descriptors[GUEST_TASK_STATE / 8] = (task_state_size - 1) | (task_state & 0xffffff) << 16 | 0x00008b0000000000 |
                                        (task_state & 0xff000000) << 32;
    descriptors[GUEST_TASK_STATE / 8 + 1] = task_state >> 32;
}

static size_t entries_place(void) { return page_descriptors * page_size + entries_offset; }

void guest_put_entries(void *memory, const struct ckvm_cpuid_entry *entries, uint32_t count) {
    memcpy((char *)memory + entries_place(), entries, count * sizeof *entries);
}

void guest_get_entries(const void *memory, struct ckvm_cpuid_entry *entries, uint32_t count) {
    memcpy(entries, (const char *)memory + entries_place(), count * sizeof *entries);
}

void guest_set_system_registers(struct kvm_sregs *registers) {
    const struct kvm_segment code = {
        .limit = 0xffffffff, .selector = GUEST_KERNEL_CODE, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    const struct kvm_segment data = {
        .limit = 0xffffffff, .selector = GUEST_KERNEL_DATA, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
    const uint64_t descriptors = GUEST_KERNEL_ADDRESS + page_size;

    registers->cs = code;
    registers->ds = registers->es = registers->fs = registers->gs = registers->ss = data;
    registers->tr = (struct kvm_segment){.base = descriptors + task_state_offset,
                                         .limit = task_state_size - 1,
                                         .selector = GUEST_TASK_STATE,
                                         .type = 11,
                                         .present = 1};
    registers->ldt = (struct kvm_segment){.unusable = 1};
    registers->gdt = (struct kvm_dtable){.base = descriptors, .limit = GUEST_TASK_STATE + 16 - 1};
    registers->idt = (struct kvm_dtable){0};
    registers->cr0 = control0_pe | control0_mp | control0_et | control0_ne | control0_wp | control0_pg;
    registers->cr3 = page_level4 * page_size;
    registers->cr4 = control4_pae | control4_osfxsr | control4_osxmmexcpt;
    registers->efer = efer_sce | efer_lme | efer_lma;
}

void guest_set_registers(struct kvm_regs *registers, enum ckvm_program program, uint32_t entries) {
    const char *entry = guest_kernel;
    if (program == ckvm_program_spin) entry = guest_kernel_spin;
    if (program == ckvm_program_fault) entry = guest_kernel_fault;
    if (program == ckvm_program_cpuid) entry = guest_kernel_cpuid;
    *registers = (struct kvm_regs){.rip = GUEST_KERNEL_ADDRESS + (uint64_t)(entry - guest_kernel),
                                   .rsi = GUEST_KERNEL_ADDRESS + page_size + entries_offset,
                                   .rdi = entries,
                                   .rflags = 2};
}
