#include "CKVM.h"

#include <cpuid.h>

struct ckvm_cpuid ckvm_cpuid(uint32_t leaf, uint32_t subleaf) {
    struct ckvm_cpuid registers;
    __cpuid_count(leaf, subleaf, registers.eax, registers.ebx, registers.ecx, registers.edx);
    return registers;
}
