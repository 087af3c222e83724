/* What Attention's kernel keeps in a file of its own. */
#ifndef OPERATORS_CPU_ATTENTION_H
#define OPERATORS_CPU_ATTENTION_H

#include "operators/common_attention.h"
#include "operators/cpu/kernel.h"

/* Past and new rows of one head into the present cache of keys (`port` IGI_ATT_K) or of
 * values (IGI_ATT_V), where it is wanted. */
void igi_cpu_present(
    const ig_kernel_ctx *k, const igi_attention *a, int port, int64_t b, int64_t head);

/* supports: whether the kernel computes this call, whatever its strides. */
ig_status igi_cpu_attention_computes(const ig_kernel_ctx *k);

#endif
