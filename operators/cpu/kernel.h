/* What CPU kernels share: direct access to their ports and the epilogue of fused
 * operators. Kernels here are built in, so they read tensors without the calls that a
 * plugin needs. */
#ifndef OPERATORS_CPU_KERNEL_H
#define OPERATORS_CPU_KERNEL_H

#include <ingot/plugin.h>

#include "graph/core/tensor.h"
#include "operators/cpu/compute.h"

/* Port i as a tensor; NULL: absent. */
static inline const ig_tensor *igi_kin(const ig_kernel_ctx *k, int i)
{
    return i < k->n_in ? (const ig_tensor *)k->in[i] : NULL;
}
static inline ig_tensor *igi_kout(const ig_kernel_ctx *k, int i)
{
    return i < k->n_out ? (ig_tensor *)k->out[i] : NULL;
}
static inline float *igi_kf32(const ig_tensor *t)
{
    return t ? (float *)(void *)t->data : NULL;
}
static inline int igi_krank(const ig_tensor *t)
{
    return t->v.type.rank;
}
static inline const int64_t *igi_kdims(const ig_tensor *t)
{
    return ig_type_dims(&t->v.type);
}
/* Product of dims [lo, hi). */
static inline int64_t igi_kcount(const ig_tensor *t, int lo, int hi)
{
    int64_t n = 1;
    for (int i = lo; i < hi; i++)
        n *= igi_kdims(t)[i];
    return n;
}

/* To ask while a thread of a kernel works. Without barriers a kernel leaves as soon as
 * the answer is yes; with them it skips what is left and keeps meeting the others. Ends
 * with igi_kstop_status. */
static inline bool igi_kstop_poll(void *k)
{
    return ig_poll((ig_kernel_ctx *)k) != IG_OK;
}
static inline igi_stop igi_kstop(ig_kernel_ctx *k)
{
    return (igi_stop){igi_kstop_poll, k, false};
}
static inline ig_status igi_kstop_status(const igi_stop *s)
{
    return s->yes ? ig_error_status() : IG_OK;
}
/* Elements of simple loops between two polls. */
#define IGI_POLL_BLOCK ((int64_t)1 << 20)

/* Polls about once in IGI_POLL_BLOCK of `work`; *left begins as that. */
static inline ig_status igi_kpace(ig_kernel_ctx *k, int64_t *left, int64_t work)
{
    *left -= work;
    if (*left > 0)
        return IG_OK;
    *left = IGI_POLL_BLOCK;
    return ig_poll(k);
}

/* Elements of one thread's smallest share: below it, splitting costs more than it
 * gives. */
#define IGI_GRAIN 4096

/* The epilogue that attributes `activation`, `act_a`, `act_b` of a fused operator mean.
 */
igi_epilogue
igi_epilogue_of(int64_t activation, float act_a, float act_b, bool residual_after);

#endif
