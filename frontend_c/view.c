/* What keeps views and their base in step; see view.h. */
#include "frontend_c/view.h"

#include <string.h>

#include "graph/core/dtype.h"
#include "graph/ir/attr.h"

void igi_view_link(const ig_ctx *c,
                   const ig_call *call,
                   ig_value *const *in,
                   ig_value *const *out)
{
    ig_tensor *x = call->n_in && in[0] ? ig_value_tensor(in[0]) : NULL,
              *y = call->n_out && out[0] ? ig_value_tensor(out[0]) : NULL;
    if (!x || !y || !(y->v.flags & IGI_IS_VIEW) || y->st != x->st || y->base ||
        x->v.flags & IGI_STATIC || c->in_backward)
        return; /* gradient rules write nothing in place */
    y->base = ig_tensor_ref(x->base ? x->base : x);
    if (!c->grad_mode || x->v.flags & IGI_UNRECORDED)
        y->v.flags |= IGI_UNRECORDED;
}

/* ---- the two operators ---- */

static ig_status ints(ig_ctx *c, const int64_t *v, int n, ig_value **out)
{
    ig_tensor *t = NULL;
    int64_t dims[1] = {n};
    IG_TRY(igi_tensor_make(&t, c->pool, IG_INT64, 1, dims));
    memcpy(t->data, v, sizeof(*v) * (size_t)n);
    *out = &t->v;
    return igi_scope_push(c, &t->v);
}

/* Offset and strides of view x over its base. */
static ig_status geometry(ig_ctx *c, const ig_tensor *x, ig_value **out)
{
    int64_t list[IG_RANK_MAX + 1];
    int rank = x->v.type.rank, bits = ig_dtype_bits((ig_dtype)x->v.type.dtype);
    list[0] = (x->data - x->base->data) * 8 / bits;
    if (rank > 0)
        memcpy(list + 1, igi_strides(x), sizeof(*list) * (size_t)rank);
    return ints(c, list, rank + 1, out);
}

/* Tells the sinks that `to` is now op(in). */
static ig_status tell(ig_ctx *c,
                      const char *where,
                      igi_std which,
                      ig_value *const *in,
                      ig_tensor *to,
                      bool on_tape)
{
    ig_value *out = &to->v;
    ig_call call = {
        .op = igi_registry_std(c->reg, which), .where = where, .n_in = 3, .n_out = 1};
    const igi_op *op = call.op ? igi_registry_of(c->reg, call.op) : NULL;
    if (!op)
        return ig_fail(IG_NOT_FOUND, "writes through views need the operators "
                                     "ingot::ViewRead and ingot::ViewWrite");
    _Alignas(16) char attrs[64];
    if (op->def->attrs) {
        igi_attrs_init(op->def, attrs);
        call.attrs = attrs;
    }
    c->invoker.uniform = false;
    IG_TRY(igi_record(c, op, &call, in, &out, on_tape));
    to->version = to->st->version;
    return IG_OK;
}

/* ---- reading ---- */

static ig_status stale(const ig_ctx *c, const ig_call *call, int i, const ig_tensor *x)
{
    const ig_tensor *with = x->base && x->base->v.flags & IGI_HAS_NODE ? x->base : x;
    if (with->v.flags & IGI_HAS_NODE && with->live != c->tape.live)
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "%s: input %d has a history in another context; ig_detach it there",
            call->op->name, i);
    if (x->v.flags & IGI_UNRECORDED || (x->v.flags & IGI_IS_VIEW && !x->base))
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "%s: input %d is a view that was made without recording (IG_NO_GRAD, "
            "ig_detach), of a tensor that was changed in place after the view was "
            "taken "
            "(version %u, expected %u); take the view again",
            call->op->name, i, x->st->version, x->version);
    return ig_fail(IG_INVALID_ARGUMENT,
                   "%s: input %d was changed in place without recording (IG_NO_GRAD, "
                   "ig_detach): its history no longer tells its values (version %u, "
                   "expected %u)",
                   call->op->name, i, x->st->version, x->version);
}

/* The history of t tells its values: it has none, or is as old as the storage. */
static bool is_current(const ig_ctx *c, const ig_tensor *t)
{
    return !(t->v.flags & IGI_HAS_NODE) ||
           (t->version == t->st->version && t->live == c->tape.live);
}

static bool in_trace(const ig_ctx *c, const ig_tensor *t)
{
    return c->trace && t->v.trace && t->v.trace_epoch == c->trace->epoch;
}

/* Of values that do not depend on what x was computed from. */
static void forget_node(ig_tensor *x)
{
    if (!(x->v.flags & IGI_HAS_NODE))
        return;
    x->v.flags &= (uint16_t)~IGI_HAS_NODE;
    --*x->live;
}

ig_status igi_view_refresh(ig_ctx *c, const ig_call *call, int i, ig_tensor *x)
{
    ig_tensor *base = x->base;
    if (!base) {
        bool known = !(x->v.flags & IGI_HAS_NODE) && x->st->history <= x->version;
        return known ? IG_OK : stale(c, call, i, x);
    }
    bool on_tape = igi_needs_grad(&base->v), leaf = x->v.flags & IGI_LEAF;
    if (x->v.flags & IGI_UNRECORDED) {
        if (on_tape && c->grad_mode && x->st->history > x->version)
            return stale(c, call, i, x);
        on_tape = false;
    }
    if ((on_tape &&
         (leaf || !is_current(c, base) || !(base->v.flags & IGI_CONTIGUOUS))) ||
        (x->v.flags & IGI_HAS_NODE && x->live != c->tape.live))
        return stale(c, call, i, x);
    if (!on_tape && !(x->v.flags & IGI_UNRECORDED))
        forget_node(x); /* the base has lost its own */
    if (!on_tape && !in_trace(c, base))
        return IG_OK;
    ig_value *in[3] = {&base->v};
    IG_TRY(geometry(c, x, &in[1]));
    IG_TRY(ints(c, ig_type_dims(&x->v.type), x->v.type.rank, &in[2]));
    return tell(c, call->where, IGI_STD_VIEW_READ, in, x, on_tape);
}

ig_status igi_view_settle(ig_ctx *c, const char *where, const char *what, ig_value *v)
{
    const ig_op_def reader = {.name = what};
    const ig_call call = {.op = &reader, .where = where, .n_in = 1};
    ig_tensor *x = ig_value_tensor(v);
    bool changed;
    if (!x || !x->base)
        return IG_OK;
    return igi_views_refresh(c, &call, &v, &changed);
}

/* ---- writing ---- */

static ig_status refuse(const ig_call *call, ig_status code, const char *why)
{
    return ig_fail(code, "%s in place: %s", call->op->name, why);
}

static bool any_needs_grad(const ig_call *call, ig_value *const *in)
{
    for (int i = 0; i < call->n_in; i++)
        if (igi_needs_grad(in[i]))
            return true;
    return false;
}

static bool is_leaf(const ig_tensor *t)
{
    return t->v.flags & IGI_REQUIRES_GRAD && !(t->v.flags & IGI_HAS_NODE);
}

/* What no mode allows, then what a tape cannot follow. */
static ig_status check_write(const ig_ctx *c,
                             const ig_call *call,
                             const ig_tensor *x,
                             ig_value *const *in)
{
    const ig_tensor *root = x->base ? x->base : x;
    if (!x->st || x->v.flags & IGI_READONLY || x->st->flags & IGI_READONLY)
        return refuse(call, IG_INVALID_ARGUMENT, "the tensor is read-only");
    if (igi_strided_overlap(x->v.type.rank, ig_type_dims(&x->v.type), igi_strides(x)))
        return refuse(call, IG_INVALID_ARGUMENT,
                      "elements of this view share memory (it is expanded); write to a "
                      "copy, or to what it was expanded from");
    if (!c->grad_mode)
        return IG_OK;
    if (is_leaf(x)) /* which may be a view of a tensor that requires none */
        return refuse(
            call, IG_INVALID_ARGUMENT,
            "the tensor is a leaf that requires a gradient; use IG_NO_GRAD to "
            "update it");
    if (is_leaf(root))
        return refuse(call, IG_INVALID_ARGUMENT,
                      "the tensor is a view of a leaf that requires a gradient; use "
                      "IG_NO_GRAD to update it");
    if (x == root || !(igi_needs_grad(&root->v) || any_needs_grad(call, in)))
        return IG_OK;
    if (root->v.flags & IGI_HAS_NODE && root->live != c->tape.live)
        return refuse(call, IG_INVALID_ARGUMENT,
                      "the view looks into a tensor with a history in another context; "
                      "ig_detach it there");
    if (x->v.flags & IGI_UNRECORDED)
        return refuse(call, IG_INVALID_ARGUMENT,
                      "the view was made without recording (IG_NO_GRAD, ig_detach), so "
                      "a gradient would not know of the write; take the view again");
    if (!(root->v.flags & IGI_CONTIGUOUS))
        return refuse(call, IG_UNSUPPORTED,
                      "the view looks into a tensor that is not contiguous; write to a "
                      "copy");
    return IG_OK;
}

/* What a graph cannot follow. */
static ig_status check_traced(ig_ctx *c, const ig_call *call, ig_tensor *x)
{
    ig_tensor *root = x->base ? x->base : x;
    bool writable = false;
    IG_TRY(c->trace->writable(c->trace, c, root, &writable));
    if (!writable)
        return refuse(call, IG_UNSUPPORTED,
                      "the tensor comes from outside the trace, whose graph would lose "
                      "the change; give the new value back as a result");
    if (root->st->through == c->trace->whole)
        return refuse(
            call, IG_UNSUPPORTED,
            "a region (ig_cond, ig_loop, ig_scan) of this trace has handed "
            "the tensor on as it is, and a graph cannot follow a write to one "
            "of the two; write to a copy");
    if (!c->grad_mode && (root->v.flags | x->v.flags) & IGI_HAS_NODE)
        return refuse(
            call, IG_UNSUPPORTED,
            "a trace cannot follow a write under IG_NO_GRAD to a tensor with a "
            "history");
    if (!(root->v.flags & IGI_CONTIGUOUS))
        return refuse(
            call, IG_UNSUPPORTED,
            "a trace cannot follow a write to a tensor that is not contiguous");
    return IG_OK;
}

/* x as it was, for the sinks: inputs of the node that overwrites it. */
static ig_status copy_header(ig_ctx *c, ig_tensor *x, ig_tensor **old)
{
    IG_TRY(igi_tensor_alias(old, c->pool, x));
    ig_tensor *o = *old;
    if (!(x->v.flags & IGI_HAS_NODE))
        return IG_OK;
    o->v.flags |= IGI_HAS_NODE;
    o->node = x->node;
    o->node_out = x->node_out;
    o->live = x->live;
    o->version = x->version;
    ++*x->live;
    return IG_OK;
}

/* Tells the sinks of a write that has happened: of x, then of its base. */
static ig_status record_write(ig_ctx *c,
                              const igi_op *op,
                              const ig_call *call,
                              ig_value *const *before,
                              ig_tensor *x,
                              uint32_t version)
{
    ig_value *out = &x->v;
    bool on_tape = igi_takes_part(c, op, call, before);
    IG_TRY(igi_record(c, op, call, before, &out, on_tape));
    if (on_tape)
        igi_tape_overwritten(&c->tape, x->st, version);
    else if (c->grad_mode)
        forget_node(x);
    x->version = x->st->version;
    ig_tensor *base = x->base;
    bool rebase =
        base && c->grad_mode && (igi_needs_grad(&base->v) || igi_needs_grad(&x->v));
    if (base && (rebase || c->trace)) {
        ig_value *in[3] = {&base->v, NULL, &x->v};
        IG_TRY(geometry(c, x, &in[1]));
        IG_TRY(tell(c, call->where, IGI_STD_VIEW_WRITE, in, base, rebase));
    }
    if (c->trace || on_tape || rebase)
        x->st->history = x->st->version; /* views with no part in it are out of date */
    return IG_OK;
}

static ig_status
write_over(ig_ctx *c, const ig_call *call, ig_tensor *x, ig_tensor *const *given)
{
    const igi_op *op = igi_registry_of(c->reg, call->op);
    ig_value *in[3] = {0}, *before[3] = {0}, *out = &x->v;
    ig_tensor *old = NULL;
    for (int i = 0; i < call->n_in; i++)
        in[i] = before[i] = (ig_value *)given[i];
    IG_TRY(check_write(c, call, x, in));
    if (c->trace)
        IG_TRY(check_traced(c, call, x));
    if (c->grad_mode || c->trace) {
        const ig_call target = {.op = call->op, .where = call->where, .n_in = 1};
        bool changed;
        IG_TRY(igi_views_refresh(c, &target, &out, &changed));
        IG_TRY(igi_views_refresh(c, call, in, &changed));
        IG_TRY(copy_header(c, x, &old));
        for (int i = 0; i < call->n_in; i++)
            if (in[i] == &x->v)
                before[i] = &old->v;
    }
    uint32_t version = x->st->version; /* raised by the call */
    ig_status rc = igi_invoke(&c->invoker, op, call, in, &out);
    if (rc == IG_OK && (c->grad_mode || c->trace))
        rc = record_write(c, op, call, before, x, version);
    ig_tensor_unref(old);
    return rc;
}

ig_tensor *igi_call_inplace(ig_ctx *c,
                            const char *where,
                            const ig_op_def *op,
                            ig_tensor *x,
                            ig_tensor *const *in,
                            int n_in)
{
    ig_call call = {.op = op, .where = where, .n_in = n_in, .n_out = 1};
    if (igi_refuses(c, where, "a call in place", x))
        return NULL;
    return igi_ctx_record(c, where, write_over(c, &call, x, in)) == IG_OK ? x : NULL;
}
