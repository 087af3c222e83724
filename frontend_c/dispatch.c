/* One eager call: run it (graph/runtime/invoke), then tell the sinks, then the scope.
 *
 * The order matters: trace before tape, because what the tape saves must carry its
 * trace identity; scope last, because it takes the reference. */
#include <string.h>

#include "frontend_c/ctx.h"

#define COLD __attribute__((cold, noinline))

/* Flags of all inputs at once: most calls need no closer look. */
static inline unsigned all_flags(const ig_call *call, ig_value *const *in)
{
    unsigned flags = 0;
    for (int i = 0; i < call->n_in; i++)
        flags |= in[i] ? in[i]->flags : 0u;
    return flags;
}

/* Whether a gradient flows into a port that can take one. */
static bool any_grad(const igi_op *op, const ig_call *call, ig_value *const *in)
{
    for (int i = 0; i < call->n_in; i++) {
        if (!igi_needs_grad(in[i]))
            continue;
        int port = igi_op_in_port(op, call->n_in, call->n_captures, i);
        if (port < 0 || !(op->nodiff_ports >> port & 1))
            return true;
    }
    return false;
}

/* Optional outputs that the gradient rule reads (masks, statistics) are made when
 * recording; they never reach the caller's shorter array, so the call is widened here.
 */
static int outputs_for_tape(const igi_op *op, const ig_call *call)
{
    int n = call->n_out;
    for (int i = 0; i < op->n_out && i < 63; i++)
        if (op->save_out >> i & 1 && i + 1 > n)
            n = i + 1;
    return n;
}

/* Whether the tape must know of a call whose inputs have these flags. */
static inline bool takes_part(const ig_ctx *c,
                              const igi_op *op,
                              const ig_call *call,
                              ig_value *const *in,
                              unsigned flags)
{
    if (!(flags & (IGI_REQUIRES_GRAD | IGI_HAS_NODE)) || !c->grad_mode ||
        op->def->gradient == ig_gradient_none)
        return false;
    /* most operators have no ports that differ from the others */
    return !(op->nodiff_ports | (unsigned)call->n_captures) || any_grad(op, call, in);
}

/* Tells the sinks of a call that has run. */
static inline ig_status record(ig_ctx *c,
                               const igi_op *op,
                               const ig_call *call,
                               ig_value *const *in,
                               ig_value *const *out,
                               bool on_tape)
{
    if (c->trace)
        IG_TRY(c->trace->called(c->trace, c, call, in, out));
    return on_tape ? igi_tape_record(&c->tape, op, call, in, out, c->invoker.uniform)
                   : IG_OK;
}

/* Extra outputs belong to the scope like all others: the tape holds their storage only.
 */
static ig_status widened(ig_ctx *c,
                         const igi_op *op,
                         const ig_call *call,
                         ig_value *const *in,
                         ig_value **out,
                         int n)
{
    ig_value *all[IG_PORTS_MAX] = {0};
    ig_call wide = *call;
    for (int i = 0; i < call->n_out; i++)
        wide.wanted |= call->wanted ? 0 : IG_BIT(i);
    wide.wanted |= op->save_out & (n < 64 ? IG_BIT(n) - 1 : UINT64_MAX);
    wide.n_out = n;
    ig_status rc = igi_invoke(&c->invoker, op, &wide, in, all);
    if (rc == IG_OK)
        rc = record(c, op, &wide, in, all, true);
    for (int i = 0; i < n; i++) {
        if (all[i] && igi_scope_push(c, all[i]) != IG_OK && rc == IG_OK)
            rc = IG_OUT_OF_MEMORY;
        if (i < call->n_out)
            out[i] = rc == IG_OK ? all[i] : NULL;
    }
    return rc;
}

static COLD ig_status stale(const ig_ctx *c,
                            const ig_call *call,
                            int i,
                            const ig_tensor *x)
{
    if (x->v.flags & IGI_HAS_NODE && x->live != c->tape.live)
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "%s: input %d has a history in another context; ig_detach it there",
            call->op->name, i);
    return ig_fail(IG_INVALID_ARGUMENT,
                   "%s: input %d is a view of a tensor that was changed in place after "
                   "the view was taken (version %u, expected %u); take the view again",
                   call->op->name, i, x->st->version, x->version);
}

/* A view that was taken before its base was written in place shows new values but names
 * the old history, or none: a gradient or a trace through it would be silently wrong
 * (AUTOGRAD rule 3). */
static inline ig_status
refuse_stale(const ig_ctx *c, const ig_call *call, ig_value *const *in)
{
    for (int i = 0; i < call->n_in; i++) {
        const ig_tensor *x = (const ig_tensor *)in[i];
        if (!x || !(x->v.flags & (IGI_HAS_NODE | IGI_IS_VIEW)) ||
            x->v.type.kind != IG_KIND_TENSOR || !x->st)
            continue;
        if (x->v.flags & IGI_HAS_NODE
                ? x->st->version != x->version || x->live != c->tape.live
                : x->st->history > x->version)
            return stale(c, call, i, x);
    }
    return IG_OK;
}

static ig_status
run(ig_ctx *c, const ig_call *call, ig_value *const *in, ig_value **out)
{
    const igi_op *op = igi_registry_of(c->reg, call->op);
    if (!op)
        return ig_fail(IG_NOT_FOUND, "operator %s is not registered",
                       call->op ? call->op->name : "?");
    unsigned flags = all_flags(call, in);
    bool on_tape = takes_part(c, op, call, in, flags);
    if (flags & (IGI_HAS_NODE | IGI_IS_VIEW) && (c->grad_mode || c->trace))
        IG_TRY(refuse_stale(c, call, in));
    if (on_tape && op->save_out) {
        int n = outputs_for_tape(op, call);
        if (n > call->n_out)
            return widened(c, op, call, in, out, n);
    }
    IG_TRY(igi_invoke(&c->invoker, op, call, in, out));
    ig_status rc = IG_OK;
    if (on_tape || c->trace)
        rc = record(c, op, call, in, out, on_tape);
    if (call->n_out == 1 && out[0])
        return igi_scope_push(c, out[0]) == IG_OK ? rc : IG_OUT_OF_MEMORY;
    for (int i = 0; i < call->n_out; i++)
        if (out[i] && igi_scope_push(c, out[i]) != IG_OK && rc == IG_OK)
            rc = IG_OUT_OF_MEMORY;
    return rc;
}

ig_status
ig_dispatch(ig_ctx *c, const ig_call *call, ig_value *const *in, ig_value **out)
{
    if (call->n_out > 0)
        out[0] = NULL; /* mostly the only one */
    for (int i = 1; i < call->n_out; i++)
        out[i] = NULL;
    if (c->status != IG_OK)
        return c->status;
    ig_status rc = run(c, call, in, out);
    if (rc == IG_OK)
        return IG_OK;
    for (int i = 0; i < call->n_out; i++)
        out[i] = NULL; /* the scope owns what was made */
    return igi_ctx_record(c, call->where, rc);
}

ig_tensor *igi_call(ig_ctx *c,
                    const char *where,
                    const ig_op_def *op,
                    const void *attrs,
                    ig_tensor *const *in,
                    int n_in)
{
    ig_value *out = NULL;
    ig_call call = {.op = op, .attrs = attrs, .where = where, .n_in = n_in, .n_out = 1};
    return ig_dispatch(c, &call, (ig_value *const *)in, &out) == IG_OK
               ? (ig_tensor *)out
               : NULL;
}

ig_status ig_call_op_at(const char *where,
                        ig_ctx *c,
                        const char *name,
                        const void *attrs,
                        ig_tensor *const *in,
                        int n_in,
                        ig_tensor **out,
                        int n_out)
{
    const igi_op *op = c->status == IG_OK ? igi_registry_find_full(c->reg, name) : NULL;
    memset(out, 0, (size_t)n_out * sizeof(*out));
    if (c->status != IG_OK)
        return c->status;
    if (!op)
        return ig_ctx_fail(c, where, IG_NOT_FOUND, "there is no operator '%s'", name);
    ig_call call = {
        .op = op->def, .attrs = attrs, .where = where, .n_in = n_in, .n_out = n_out};
    return ig_dispatch(c, &call, (ig_value *const *)in, (ig_value **)out);
}

/* ---- in place ---- */

static ig_status check_inplace(ig_ctx *c, const ig_op_def *op, ig_tensor *x)
{
    bool records = c->grad_mode || c->trace;
    if (x->v.flags & IGI_READONLY || (x->st && x->st->flags & IGI_READONLY))
        return ig_fail(IG_INVALID_ARGUMENT, "%s in place: the tensor is read-only",
                       op->name);
    if (c->grad_mode && x->v.flags & IGI_REQUIRES_GRAD && !(x->v.flags & IGI_HAS_NODE))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s in place: the tensor is a leaf that requires a gradient; "
                       "use IG_NO_GRAD "
                       "to update it",
                       op->name);
    if (records && x->v.flags & IGI_IS_VIEW)
        return ig_fail(IG_UNSUPPORTED,
                       "%s in place: the tensor is a view; with gradients on and in "
                       "traces, writing through a view is refused: change a copy, or "
                       "use IG_NO_GRAD",
                       op->name);
    if (c->trace && x->v.trace_epoch != c->trace->epoch)
        return ig_fail(
            IG_UNSUPPORTED,
            "%s in place: the tensor comes from outside the trace, whose "
            "graph would lose the change; give the new value back as a result",
            op->name);
    return IG_OK;
}

static ig_status run_inplace(ig_ctx *c, const ig_call *call, ig_tensor *const *in)
{
    ig_tensor *x = in[0];
    const igi_op *op = igi_registry_of(c->reg, call->op);
    ig_value *out = (ig_value *)x;
    IG_TRY(check_inplace(c, call->op, x));
    if (c->grad_mode || c->trace)
        IG_TRY(refuse_stale(c, call, (ig_value *const *)in));
    /* Saved inputs over this storage get the version before the bump, so backward
     * refuses. */
    ig_value *before[3] = {0};
    ig_tensor *old = NULL;
    for (int i = 0; i < call->n_in; i++)
        before[i] = (ig_value *)in[i];
    if (c->trace || igi_needs_grad(&x->v)) {
        IG_TRY(igi_tensor_view(&old, c->pool, x, x->v.type.rank,
                               ig_type_dims(&x->v.type), igi_strides(x), 0));
        old->v.trace = x->v.trace;
        old->v.trace_epoch = x->v.trace_epoch;
        old->v.flags = (uint16_t)(old->v.flags | (x->v.flags & IGI_HAS_NODE));
        if (x->v.flags & IGI_HAS_NODE) {
            old->node = x->node;
            old->node_out = x->node_out;
            old->live = x->live;
            old->version = x->version;
            ++*x->live;
        }
        before[0] = (ig_value *)old;
    }
    uint32_t version = x->st->version; /* raised by the call */
    ig_status rc = igi_invoke(&c->invoker, op, call, (ig_value *const *)in, &out);
    if (rc == IG_OK)
        rc = record(c, op, call, before, &out,
                    takes_part(c, op, call, before, all_flags(call, before)));
    bool recorded = rc == IG_OK && c->grad_mode && x->v.flags & IGI_HAS_NODE;
    if (recorded)
        igi_tape_overwritten(&c->tape, x->st, version);
    if (rc == IG_OK && (c->trace || recorded))
        x->st->history = x->st->version; /* older views are stale from now on */
    ig_tensor_unref(old);
    return rc;
}

ig_tensor *igi_call_inplace(ig_ctx *c,
                            const char *where,
                            const ig_op_def *op,
                            const void *attrs,
                            ig_tensor *const *in,
                            int n_in)
{
    ig_call call = {.op = op, .attrs = attrs, .where = where, .n_in = n_in, .n_out = 1};
    if (igi_refuses(c, where, "a call in place", in[0]))
        return NULL;
    return igi_ctx_record(c, where, run_inplace(c, &call, in)) == IG_OK ? in[0] : NULL;
}
