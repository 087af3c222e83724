/* The table of each instruction set; only those that the build's architecture has
 * exist. */
#ifndef OPERATORS_CPU_COMPUTE_ISA_H
#define OPERATORS_CPU_COMPUTE_ISA_H

#include "operators/cpu/compute_fft.h"
#include "operators/cpu/compute_nbits.h"

const igi_cpu_isa *igi_cpu_isa_portable(void);
#if defined(__x86_64__)
const igi_cpu_isa *igi_cpu_isa_avx2(void);
const igi_cpu_isa *igi_cpu_isa_avx512(void);
#endif

#endif
