/* The int8 tables of the instruction sets (compute_int8.h). */
#ifndef OPERATORS_CPU_COMPUTE_INT8_ISA_H
#define OPERATORS_CPU_COMPUTE_INT8_ISA_H

#include "operators/cpu/compute_int8.h"

const igi_int8_isa *igi_int8_isa_portable(void);
#if defined(__x86_64__)
const igi_int8_isa *igi_int8_isa_avx2(void);
const igi_int8_isa *igi_int8_isa_avx512(void);
const igi_int8_isa *igi_int8_isa_vnni(void);
#endif

#endif
