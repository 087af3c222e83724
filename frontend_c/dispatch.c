/* One eager call: run it (graph/runtime/invoke), then tell the sinks, then the scope.
 *
 * The order matters: trace before tape, because what the tape saves must carry its
 * trace identity; scope last, because it takes the reference. */
#include <string.h>

#include "frontend_c/items.h"
#include "frontend_c/view.h"

/* Flags of all inputs at once: most calls need no closer look. */
static inline unsigned all_flags(const ig_call *call, ig_value *const *in)
{
    unsigned flags = 0;
    for (int i = 0; i < call->n_in; i++)
        flags |= in[i] ? in[i]->flags : 0u;
    if (__builtin_expect(flags & IGI_HOLDS, 0))
        for (int i = 0; i < call->n_in; i++)
            flags |= in[i] ? igi_value_flags(in[i]) : 0u;
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

/* igi_takes_part, with the flags of all inputs at hand. */
static inline bool takes_part(const ig_ctx *c,
                              const igi_op *op,
                              const ig_call *call,
                              ig_value *const *in,
                              unsigned flags)
{
    if (!(flags & (IGI_REQUIRES_GRAD | IGI_HAS_NODE)) || !c->grad_mode || !op->records)
        return false;
    /* most operators have no ports that differ from the others */
    return !(op->nodiff_ports | (unsigned)call->n_captures) || any_grad(op, call, in);
}

bool igi_takes_part(const ig_ctx *c,
                    const igi_op *op,
                    const ig_call *call,
                    ig_value *const *in)
{
    return takes_part(c, op, call, in, all_flags(call, in));
}

/* While tracing: the newest node of the tape learns which of its ports have dims that
 * follow data. */
static ig_status
note_open(ig_ctx *c, const ig_call *call, ig_value *const *in, ig_value *const *out)
{
    uint32_t id[2 * IG_PORTS_MAX];
    const ig_type *types[2 * IG_PORTS_MAX];
    bool any = false;
    for (int i = 0; i < call->n_in + call->n_out; i++) {
        const ig_value *v = i < call->n_in ? in[i] : out[i - call->n_in];
        id[i] = 0;
        types[i] = NULL;
        if (!v || v->trace_epoch != c->trace->epoch || !v->trace)
            continue;
        types[i] = c->trace->follows_data(c->trace, v->trace);
        id[i] = types[i] ? v->trace : 0;
        any = any || types[i];
    }
    return any ? igi_tape_note(&c->tape, c->trace->epoch, id, types) : IG_OK;
}

static inline ig_status tell_tape(ig_ctx *c,
                                  const igi_op *op,
                                  const ig_call *call,
                                  ig_value *const *in,
                                  ig_value *const *out)
{
    bool uniform = c->invoker.uniform; /* nothing odd about it, no bodies either */
    if (!uniform && op->def->flags & IG_OP_SUBGRAPH)
        IG_TRY(igi_items_refuse(op, call, out));
    return igi_tape_record(&c->tape, op, call, in, out, uniform);
}

ig_status igi_record(ig_ctx *c,
                     const igi_op *op,
                     const ig_call *call,
                     ig_value *const *in,
                     ig_value *const *out,
                     bool on_tape)
{
    if (c->trace)
        IG_TRY(c->trace->called(c->trace, c, call, in, out));
    if (!on_tape)
        return IG_OK;
    ig_status rc = tell_tape(c, op, call, in, out);
    return rc == IG_OK && c->trace ? note_open(c, call, in, out) : rc;
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
    ig_value *all[IG_PORTS_MAX];
    ig_call wide = *call;
    memset(all, 0, (size_t)n * sizeof(*all));
    for (int i = 0; i < call->n_out; i++)
        wide.wanted |= call->wanted ? 0 : IG_BIT(i);
    wide.wanted |= op->save_out & (n < 64 ? IG_BIT(n) - 1 : UINT64_MAX);
    wide.n_out = n;
    ig_status rc = igi_invoke(&c->invoker, op, &wide, in, all);
    if (rc == IG_OK)
        rc = igi_record(c, op, &wide, in, all, true);
    for (int i = 0; i < n; i++) {
        if (all[i] && igi_scope_push(c, all[i]) != IG_OK && rc == IG_OK)
            rc = IG_OUT_OF_MEMORY;
        if (i < call->n_out)
            out[i] = rc == IG_OK ? all[i] : NULL;
    }
    return rc;
}

static ig_status
run(ig_ctx *c, const ig_call *call, ig_value *const *in, ig_value **out)
{
    const igi_op *op = igi_registry_of(c->reg, call->op);
    if (!op)
        return ig_fail(IG_NOT_FOUND, "operator %s is not registered",
                       call->op ? call->op->name : "?");
    unsigned flags = all_flags(call, in);
    bool on_tape = false;
    if (flags & (IGI_HAS_NODE | IGI_IS_VIEW | IGI_REQUIRES_GRAD) &&
        (c->grad_mode || c->trace)) {
        bool changed = false;
        IG_TRY(igi_views_refresh(c, call, in, &changed));
        if (op->holds && c->grad_mode && igi_holds_items(op, call, in) &&
            flags & (IGI_HAS_NODE | IGI_REQUIRES_GRAD))
            return igi_dispatch_items(c, op, call, in, out);
        on_tape = takes_part(c, op, call, in, changed ? all_flags(call, in) : flags);
        int n = on_tape && op->save_out ? outputs_for_tape(op, call) : 0;
        if (n > call->n_out)
            return widened(c, op, call, in, out, n);
    }
    IG_TRY(igi_invoke(&c->invoker, op, call, in, out));
    ig_status rc = IG_OK;
    if (op->def->view)
        igi_view_link(c, call, in, out);
    if (c->trace)
        rc = igi_record(c, op, call, in, out, on_tape);
    else if (on_tape)
        rc = tell_tape(c, op, call, in, out);
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
    if (!out)
        return ig_ctx_fail(c, where, IG_INVALID_ARGUMENT, "the outputs are NULL");
    if (n_out > 0)
        memset(out, 0, (size_t)n_out * sizeof(*out));
    if (igi_misses(c, where, "the operator's name", name) ||
        igi_misses(c, where, "the list of inputs", n_in > 0 ? (const void *)in : name))
        return c->status;
    const igi_op *op = igi_registry_find_full(c->reg, name);
    if (!op)
        return ig_ctx_fail(c, where, IG_NOT_FOUND, "there is no operator '%s'", name);
    ig_call call = {
        .op = op->def, .attrs = attrs, .where = where, .n_in = n_in, .n_out = n_out};
    return ig_dispatch(c, &call, (ig_value *const *)in, (ig_value **)out);
}
