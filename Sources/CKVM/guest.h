// What the guest's machine code (guest.S) and the program that sets it up (machine.c) agree on.
#pragma once

#define GUEST_KERNEL_ADDRESS 0xffffffff80000000
#define GUEST_USER_ADDRESS 0x400000

// Selectors in the order that SYSCALL and SYSRET demand.
#define GUEST_KERNEL_CODE 0x08
#define GUEST_KERNEL_DATA 0x10
#define GUEST_USER_DATA 0x18
#define GUEST_USER_CODE 0x20
#define GUEST_TASK_STATE 0x28

// CPUID leaf 1, ECX.
#define GUEST_CPUID_AES_BIT 25

// Word n of struct ckvm_answers goes to port GUEST_PORT + n.
#define GUEST_PORT 0x10
#define GUEST_WORD_CPUID 0
#define GUEST_WORD_KERNEL_AES 4
#define GUEST_WORD_USER_CODE 8
#define GUEST_WORD_USER_STACK 9
#define GUEST_WORD_USER_AES 10
#define GUEST_WORD_KERNEL_CODE 14
#define GUEST_WORD_KERNEL_STACK 15
#define GUEST_WORDS 16

// One entry of the table that guest_kernel_cpuid goes through: struct ckvm_cpuid_entry.
#define GUEST_ENTRY_LEAF 0
#define GUEST_ENTRY_SUBLEAF 4
#define GUEST_ENTRY_REGISTERS 8
#define GUEST_ENTRY_SIZE 24

#ifndef __ASSEMBLER__
extern const char guest_kernel[], guest_kernel_spin[], guest_kernel_fault[], guest_kernel_cpuid[],
    guest_kernel_end[];
extern const char guest_user[], guest_user_end[];
#endif
