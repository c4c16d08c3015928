// The micro-guest: what a Linux kernel needs from its processor, in the fewest instructions.
//
// Two pieces that are copied into guest memory: `guest_kernel` runs in ring 0 at GUEST_KERNEL_ADDRESS, `guest_user` in
// ring 3 at GUEST_USER_ADDRESS. No stack and no interrupt table: whatever goes wrong ends in a shutdown of the guest.
// Both rings matter: a KVM without hardware extensions may run ring 3 natively and emulate only a part of ring 0.

#include "guest.h"

#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_SFMASK 0xc0000084

.macro report word
    out %eax, $(GUEST_PORT + \word)
.endm

.macro report_xmm0 word
    movd %xmm0, %eax
    report (\word + 0)
    psrldq $4, %xmm0
    movd %xmm0, %eax
    report (\word + 1)
    psrldq $4, %xmm0
    movd %xmm0, %eax
    report (\word + 2)
    psrldq $4, %xmm0
    movd %xmm0, %eax
    report (\word + 3)
.endm

    .section .rodata
    .globl guest_kernel, guest_kernel_spin, guest_kernel_fault, guest_kernel_cpuid, guest_kernel_end
    .balign 16
guest_kernel:
    mov $1, %eax
    xor %ecx, %ecx
    cpuid
    mov %ecx, %r12d
    report (GUEST_WORD_CPUID + 0)
    mov %ebx, %eax
    report (GUEST_WORD_CPUID + 1)
    mov %ecx, %eax
    report (GUEST_WORD_CPUID + 2)
    mov %edx, %eax
    report (GUEST_WORD_CPUID + 3)

    bt $GUEST_CPUID_AES_BIT, %r12d
    jnc 1f
    movdqu kernel_state(%rip), %xmm0
    movdqu kernel_round_key(%rip), %xmm1
    aesenc %xmm1, %xmm0
    report_xmm0 GUEST_WORD_KERNEL_AES
1:
    mov $MSR_STAR, %ecx
    xor %eax, %eax
    mov $(((GUEST_KERNEL_DATA | 3) << 16) | GUEST_KERNEL_CODE), %edx
    wrmsr
    mov $MSR_LSTAR, %ecx
    lea system_call(%rip), %rax
    mov %rax, %rdx
    shr $32, %rdx
    wrmsr
    mov $MSR_SFMASK, %ecx
    mov $0x47700, %eax
    xor %edx, %edx
    wrmsr
    mov $GUEST_USER_ADDRESS, %ecx
    mov $2, %r11d
    sysretq

system_call:
    mov %ebx, %eax
    report GUEST_WORD_USER_CODE
    mov %ebp, %eax
    report GUEST_WORD_USER_STACK
    bt $GUEST_CPUID_AES_BIT, %r12d
    jnc 1f
    report_xmm0 GUEST_WORD_USER_AES
1:
    mov %cs, %eax
    report GUEST_WORD_KERNEL_CODE
    mov %ss, %eax
    report GUEST_WORD_KERNEL_STACK
    hlt

guest_kernel_spin:
    jmp guest_kernel_spin

guest_kernel_fault:
    ud2

// RSI: a table; EDI: the number of its entries, at least one.
guest_kernel_cpuid:
    mov GUEST_ENTRY_LEAF(%rsi), %eax
    mov GUEST_ENTRY_SUBLEAF(%rsi), %ecx
    cpuid
    mov %eax, (GUEST_ENTRY_REGISTERS + 0)(%rsi)
    mov %ebx, (GUEST_ENTRY_REGISTERS + 4)(%rsi)
    mov %ecx, (GUEST_ENTRY_REGISTERS + 8)(%rsi)
    mov %edx, (GUEST_ENTRY_REGISTERS + 12)(%rsi)
    add $GUEST_ENTRY_SIZE, %rsi
    dec %edi
    jnz guest_kernel_cpuid
    hlt

// FIPS-197 appendix B: state at the start of round 1 and its round key; the state at the start of round 2 comes out.
kernel_state:
    .byte 0x19, 0x3d, 0xe3, 0xbe, 0xa0, 0xf4, 0xe2, 0x2b, 0x9a, 0xc6, 0x8d, 0x2a, 0xe9, 0xf8, 0x48, 0x08
kernel_round_key:
    .byte 0xa0, 0xfa, 0xfe, 0x17, 0x88, 0x54, 0x2c, 0xb1, 0x23, 0xa3, 0x39, 0x39, 0x2a, 0x6c, 0x76, 0x05
guest_kernel_end:

    .globl guest_user, guest_user_end
    .balign 16
guest_user:
    mov %cs, %ebx
    mov %ss, %ebp
    bt $GUEST_CPUID_AES_BIT, %r12d
    jnc 1f
    movdqu user_state(%rip), %xmm0
    movdqu user_round_key(%rip), %xmm1
    aesenc %xmm1, %xmm0
1:
    syscall

// FIPS-197 appendix B, round 2: another answer than in ring 0, so that a stale register cannot pass for it.
user_state:
    .byte 0xa4, 0x9c, 0x7f, 0xf2, 0x68, 0x9f, 0x35, 0x2b, 0x6b, 0x5b, 0xea, 0x43, 0x02, 0x6a, 0x50, 0x49
user_round_key:
    .byte 0xf2, 0xc2, 0x95, 0xf2, 0x7a, 0x96, 0xb9, 0x43, 0x59, 0x35, 0x80, 0x7a, 0x73, 0x59, 0xf6, 0x7f
guest_user_end:

    .section .note.GNU-stack, "", @progbits
