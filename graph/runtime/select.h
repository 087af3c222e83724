/* Choosing the kernel of one call, with reasons that people can see.
 *
 * Kernels of an operator are tried in the order of their table; the first that takes
 * the call wins, and the reference is what remains. Type and shape facts are computed
 * once per call, so that most kernels are refused or taken by two masks.
 * IG_LOG=dispatch shows each refusal. */
#ifndef GRAPH_RUNTIME_SELECT_H
#define GRAPH_RUNTIME_SELECT_H

#include "graph/core/log.h"
#include "graph/core/text.h"
#include "graph/ir/registry.h"
#include "graph/runtime/team.h"

typedef struct igi_facts {
    uint64_t type; /* IG_BIT(dtype) of input 0, or of output 0 without inputs */
    uint32_t have; /* IG_NEED_* bits that hold; IG_KERNEL_VARIES: results may vary */
} igi_facts;

#define IGI_FACT_BITS (IG_NEED_SAME_SHAPE | IG_NEED_NONEMPTY | IG_KERNEL_VARIES)

/* What holds of the call itself: the user has not been asked, so results may vary. */
igi_facts igi_facts_of(const ig_kernel_ctx *k);

/* The same for a user who may want the same bits from every run. */
static inline igi_facts igi_facts_for(const ig_kernel_ctx *k, bool deterministic)
{
    igi_facts f = igi_facts_of(k);
    if (deterministic)
        f.have &= ~(uint32_t)IG_KERNEL_VARIES;
    return f;
}

const ig_kernel_def *
igi_select_any(const igi_op *op, int device, const ig_kernel_ctx *k, igi_facts f);

/* The kernel for this call, NULL: the reference. Reads types, shapes and strides of
 * k->in and k->out, attributes, constants and threads; leaves no error record behind.
 */
static inline const ig_kernel_def *
igi_select(const igi_op *op, int device, const ig_kernel_ctx *k, igi_facts f)
{
    const ig_kernel_def *d = op->kernels[device][0]; /* mostly it is the first */
    if (op->n_kernels[device] && !d->supports &&
        !(d->needs & IGI_FACT_BITS & ~f.have) && (!d->types || d->types & f.type) &&
        !igi_log_on(IGI_LOG_DISPATCH))
        return d;
    return igi_select_any(op, device, k, f);
}
/* The same, trying only the kernels behind `after` (when its prepare has said
 * UNSUPPORTED). */
const ig_kernel_def *igi_select_after(const igi_op *op,
                                      int device,
                                      const ig_kernel_ctx *k,
                                      igi_facts f,
                                      const ig_kernel_def *after);

/* One line a kernel: "simd: type float64 is not supported", "reference: chosen". */
void igi_select_explain(
    const igi_op *op, int device, const ig_kernel_ctx *k, igi_facts f, igi_text *out);

/* Whether the chosen implementation takes inputs of any strides. */
static inline bool igi_takes_strides(const igi_op *op, const ig_kernel_def *kernel)
{
    return kernel ? (kernel->needs & IG_KERNEL_STRIDED) != 0
                  : (op->def->flags & IG_OP_STRIDED) != 0;
}
/* Elements of inputs and outputs from which a kernel is worth a team. */
static inline int64_t igi_parallel_work(const ig_kernel_def *kernel)
{
    return kernel && kernel->needs & IG_KERNEL_HEAVY ? IGI_PARALLEL_WORK / 4
                                                     : IGI_PARALLEL_WORK;
}
static inline const char *igi_kernel_name(const ig_kernel_def *kernel)
{
    return kernel ? kernel->name : "reference";
}

#endif
