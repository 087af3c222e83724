/* From wrappers to dispatch. */
#include "frontend_c/wrap.h"

#include <string.h>

#include "frontend_c/ctx.h"

const ig_op_def *igi_op_find(const ig_op_def **slot, const char *full)
{
    const ig_registry *r = ig_registry_builtin();
    const igi_op *op = r ? igi_registry_find_full(r, full) : NULL;
    if (op)
        __atomic_store_n(slot, op->def, __ATOMIC_RELAXED);
    return op ? op->def : NULL;
}

/* Absent optional inputs at the end are no inputs. */
static int trim(ig_tensor *const *in, int n)
{
    while (n > 0 && !in[n - 1])
        n--;
    return n;
}

ig_tensor *igi_wrap1(ig_ctx *c,
                     const char *where,
                     const ig_op_def *op,
                     const void *opts,
                     ig_tensor *const *in,
                     int n_in)
{
    return igi_call(c, where, op, opts, in, trim(in, n_in));
}

ig_tensor *igi_wrap_n(ig_ctx *c,
                      const char *where,
                      const ig_op_def *op,
                      const void *opts,
                      ig_tensor *const *in,
                      int n_in,
                      ig_tensor **const *more,
                      int n_more)
{
    ig_value *out[IG_PORTS_MAX];
    ig_call call = {.op = op,
                    .attrs = opts,
                    .where = where,
                    .n_in = trim(in, n_in),
                    .n_out = 1,
                    .wanted = 1};
    memset(out, 0, (size_t)(1 + n_more) * sizeof(*out));
    for (int i = 0; i < n_more; i++) {
        if (!more[i])
            continue;
        *more[i] = NULL;
        call.wanted |= IG_BIT(i + 1);
        call.n_out = i + 2;
    }
    if (ig_dispatch(c, &call, (ig_value *const *)in, out) != IG_OK)
        return NULL;
    for (int i = 0; i < n_more; i++)
        if (more[i])
            *more[i] = (ig_tensor *)out[i + 1];
    return (ig_tensor *)out[0];
}

ig_status igi_wrap(ig_ctx *c,
                   const char *where,
                   const ig_op_def *op,
                   const void *opts,
                   ig_tensor *const *in,
                   int n_in,
                   ig_tensor **outs,
                   int n_outs)
{
    memset(outs, 0, (size_t)(n_outs > 0 ? n_outs : 0) * sizeof(*outs));
    if (n_outs < 1 || n_outs > IG_PORTS_MAX)
        return igi_too_many(c, where);
    ig_call call = {.op = op,
                    .attrs = opts,
                    .where = where,
                    .n_in = trim(in, n_in),
                    .n_out = n_outs};
    return ig_dispatch(c, &call, (ig_value *const *)in, (ig_value **)outs);
}

ig_status igi_too_many(ig_ctx *c, const char *where)
{
    return ig_ctx_fail(c, where, IG_LIMIT, "a call takes and gives 0 to %d tensors",
                       IG_PORTS_MAX);
}
