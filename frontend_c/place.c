/* Where eager tensors lie: ig_to, and the place of new ones. */
#include "frontend_c/place.h"

#include "frontend_c/view.h"
#include "frontend_c/wrap.h"
#include "graph/runtime/remote.h"

/* A copy of t in another place, as an Identity that the sinks are told of: gradients go
 * through it, and a trace has nothing of it, for nets have a place of their own. */
static ig_status
moved(ig_ctx *c, const char *where, ig_tensor *t, int device, ig_value **out)
{
    static const ig_op_def *identity;
    const ig_call call = {.op = igi_op_once(&identity, "Identity"),
                          .where = where,
                          .n_in = 1,
                          .n_out = 1};
    const igi_op *op = igi_registry_of(c->reg, call.op);
    ig_value *in[1] = {&t->v};
    igi_queue *q = NULL;
    bool changed = false;
    IG_TRY(igi_views_refresh(c, &call, in, &changed));
    if (device)
        IG_TRY(igi_remote_queue(&c->invoker, device, &q));
    IG_TRY(igi_queue_moved((ig_tensor **)out, q, c->pool, (ig_tensor *)in[0]));
    IG_TRY(igi_scope_push(c, *out));
    return igi_record(c, op, &call, in, out, igi_takes_part(c, op, &call, in));
}

ig_tensor *ig_to_at(const char *where, ig_ctx *c, ig_tensor *t, const char *device)
{
    int to;
    ig_value *out = NULL;
    if (igi_refuses(c, where, "to", t))
        return NULL;
    ig_status rc = igi_registry_find_device(c->reg, device, &to);
    if (rc == IG_OK && (t->v.flags & IGI_REMOTE ? t->v.device : 0) == to)
        return t;
    if (rc == IG_OK)
        rc = moved(c, where, t, to, &out);
    return igi_ctx_record(c, where, rc) == IG_OK ? (ig_tensor *)out : NULL;
}

ig_tensor *igi_settle_new(ig_ctx *c, const char *where, ig_tensor *t)
{
    igi_queue *q = NULL;
    ig_tensor *there = NULL;
    if (!t || !c->device || t->v.type.dtype == IG_STRING)
        return t;
    ig_status rc = igi_remote_queue(&c->invoker, c->device, &q);
    if (rc == IG_OK)
        rc = igi_queue_moved(&there, q, NULL, t);
    if (rc == IG_OK) {
        there->v.flags |= t->v.flags & IGI_TRACED;
        there->v.trace_epoch = t->v.trace_epoch;
        rc = igi_scope_push(c, &there->v);
    }
    return igi_ctx_record(c, where, rc) == IG_OK ? there : NULL;
}

ig_status igi_place_like(ig_ctx *c, ig_tensor **t, const ig_tensor *like)
{
    igi_queue *q = NULL;
    ig_tensor *made = NULL;
    int have = (*t)->v.flags & IGI_REMOTE ? (*t)->v.device : 0;
    int want = like->v.flags & IGI_REMOTE ? like->v.device : 0;
    if (have == want)
        return IG_OK;
    if (want)
        IG_TRY(igi_remote_queue(&c->invoker, want, &q));
    IG_TRY(igi_queue_moved(&made, q, c->pool, *t));
    ig_tensor_unref(*t);
    *t = made;
    return IG_OK;
}
