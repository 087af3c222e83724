/* Leaves: tensors that gradients end in, and tensors cut off from their history. */
#include "frontend_c/view.h"
#include "graph/core/dtype.h"

ig_tensor *ig_requires_grad_at(const char *where, ig_ctx *c, ig_tensor *t, bool on)
{
    if (igi_refuses(c, where, "requires_grad", t))
        return NULL;
    if (t->v.flags & IGI_HAS_NODE) {
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "requires_grad can only be set on leaves: this tensor has a "
                          "history; ig_detach it first");
        return NULL;
    }
    if (on && !igi_dtype_is_float((ig_dtype)t->v.type.dtype)) {
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "a tensor of %s cannot require a gradient",
                          ig_dtype_name((ig_dtype)t->v.type.dtype));
        return NULL;
    }
    t->v.flags = (uint16_t)(on ? t->v.flags | IGI_REQUIRES_GRAD | IGI_LEAF
                               : t->v.flags & ~(IGI_REQUIRES_GRAD | IGI_LEAF));
    return t;
}

bool ig_tensor_requires_grad(const ig_tensor *t)
{
    return t && igi_needs_grad(&t->v);
}

ig_tensor *ig_tensor_grad(const ig_tensor *t)
{
    return t ? t->grad : NULL;
}

void ig_tensor_clear_grad(ig_tensor *t)
{
    if (!t)
        return;
    ig_tensor_unref(t->grad);
    t->grad = NULL;
}

ig_tensor *igi_alias(ig_ctx *c, ig_tensor *t)
{
    ig_tensor *out = NULL;
    ig_status rc = igi_tensor_alias(&out, c->pool, t);
    if (rc == IG_OK)
        rc = igi_scope_push(c, (ig_value *)out);
    if (rc == IG_OK)
        return out;
    (void)igi_ctx_record(c, NULL, rc);
    return NULL;
}

/* What an alias of t stands for in the trace: what t holds now, by a later write to t
 * or to the alias too. */
static ig_status settle_in_trace(ig_ctx *c, const char *where, ig_tensor *t)
{
    bool made;
    IG_TRY(igi_view_settle(c, where, "detach", &t->v));
    return c->trace->writable(c->trace, c, t, &made); /* a literal gets its value */
}

ig_tensor *ig_detach_at(const char *where, ig_ctx *c, ig_tensor *t)
{
    if (igi_refuses(c, where, "detach", t))
        return NULL;
    if (c->trace && igi_ctx_record(c, where, settle_in_trace(c, where, t)) != IG_OK)
        return NULL;
    ig_tensor *out = igi_alias(c, t);
    if (!out || !c->trace)
        return out;
    /* A trace follows writes through it; a tape has no part in it, so there is no base
     * that a long-lived alias would keep, with all its history. */
    out->base = ig_tensor_ref(t->base ? t->base : t);
    out->v.flags |= IGI_UNRECORDED;
    return out;
}

/* A fresh gradient has two holders, the slot and the scope or slot that it came from; a
 * third means that another leaf or the caller has it too. */
ig_status igi_settle_gradient(ig_ctx *c, ig_tensor **slot)
{
    ig_tensor *g = *slot, *copy = NULL;
    if (g->v.flags & IGI_CONTIGUOUS && g->st && g->st->refs == 1 && g->v.refs <= 2)
        return IG_OK;
    IG_TRY(igi_tensor_contiguous_copy(&copy, c->pool, g));
    copy->v.trace = g->v.trace;
    copy->v.trace_epoch = g->v.trace_epoch;
    copy->v.flags |= g->v.flags & IGI_TRACED;
    *slot = copy;
    ig_value *in[1] = {&g->v}, *out[1] = {&copy->v};
    ig_call call = {
        .op = igi_registry_std(c->reg, IGI_STD_IDENTITY), .n_in = 1, .n_out = 1};
    const igi_op *op = call.op ? igi_registry_of(c->reg, call.op) : NULL;
    ig_status rc = IG_OK;
    if (op && igi_takes_part(c, op, &call, in)) { /* create_graph */
        c->invoker.uniform = false;
        rc = igi_record(c, op, &call, in, out, true);
    }
    ig_tensor_unref(g);
    return rc;
}
