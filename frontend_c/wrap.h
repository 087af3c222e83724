/* What the generated wrappers (ops_gen.c) and the short forms (eager.c) are made of. */
#ifndef FRONTEND_C_WRAP_H
#define FRONTEND_C_WRAP_H

#include <ingot/plugin.h>
#include <ingot/train.h>

const ig_op_def *igi_op_find(const ig_op_def **slot, const char *full);
/* The built-in operator of that name, looked up on the first call only. */
static inline const ig_op_def *igi_op_once(const ig_op_def **slot, const char *full)
{
    const ig_op_def *op = __atomic_load_n(slot, __ATOMIC_RELAXED);
    return op ? op : igi_op_find(slot, full);
}
/* One output; several through pointers (first returned, NULL entries unwanted); an
 * array. */
ig_tensor *igi_wrap1(ig_ctx *c,
                     const char *where,
                     const ig_op_def *op,
                     const void *opts,
                     ig_tensor *const *in,
                     int n_in);
ig_tensor *igi_wrap_n(ig_ctx *c,
                      const char *where,
                      const ig_op_def *op,
                      const void *opts,
                      ig_tensor *const *in,
                      int n_in,
                      ig_tensor **const *more,
                      int n_more);
ig_status igi_wrap(ig_ctx *c,
                   const char *where,
                   const ig_op_def *op,
                   const void *opts,
                   ig_tensor *const *in,
                   int n_in,
                   ig_tensor **outs,
                   int n_outs);
ig_status igi_too_many(ig_ctx *c, const char *where);

#endif
