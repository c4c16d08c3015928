// The state in which the micro-guest starts: memory, page tables, registers. Pure: no system call.
#pragma once

#include "CKVM.h"

#include <linux/kvm.h>
#include <stddef.h>

enum { guest_memory_size = 10 * 4096 };

/// Puts code, descriptor and page tables into `memory`: guest_memory_size zeroed bytes, the guest's physical memory from 0.
void guest_fill_memory(void *memory);

/// Puts a table for `ckvm_program_cpuid` into memory that has been filled: at most CKVM_MOST_ENTRIES entries.
void guest_put_entries(void *memory, const struct ckvm_cpuid_entry *entries, uint32_t count);

/// Reads the table back.
void guest_get_entries(const void *memory, struct ckvm_cpuid_entry *entries, uint32_t count);

/// Turns the registers of a fresh vCPU into long mode, ring 0.
void guest_set_system_registers(struct kvm_sregs *registers);

/// The general registers with which `program` starts.
/// `entries` is the length of the table for `ckvm_program_cpuid`.
void guest_set_registers(struct kvm_regs *registers, enum ckvm_program program, uint32_t entries);
