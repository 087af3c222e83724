/* The sink of a trace: turns calls into nodes and escapes into a ledger. */
#include "frontend_c/trace.h"
#include "graph/core/queue.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/core/escape.h"

static igi_recording *recording_of(igi_sink *s)
{
    return (igi_recording *)s; /* the sink is its first member */
}

/* A tensor that was not made by a recorded call: a parameter, or a literal of the
 * function. */
static ig_status capture(igi_recording *r, ig_ctx *c, ig_tensor *t, ig_value_id *out)
{
    ig_tensor *copy = NULL;
    const char *name = c->param_name ? c->param_name(c, t) : NULL;
    IG_TRY(igi_queue_moved(&copy, NULL, NULL, t));
    const char *own = igi_graph_fresh_name(r->g, name ? name : IGI_UNNAMED_CONSTANT);
    ig_status rc = own ? ig_graph_constant(r->g, own, copy, out) : IG_OUT_OF_MEMORY;
    ig_tensor_unref(copy);
    IG_TRY(rc);
    if (t->v.trace_epoch != r->epoch)
        t->v.flags &= (uint16_t)~IGI_TRACED; /* of an earlier trace */
    t->v.trace = out->i;
    t->v.trace_epoch = r->epoch;
    return IG_OK;
}

bool igi_recording_has(const igi_recording *r, const ig_tensor *t)
{
    for (; r; r = r->outer) /* in an arm also those around it */
        if (t->v.trace && t->v.trace_epoch == r->epoch)
            return true;
    return false;
}

/* In a body: a few integers that the C code made there (a shape, axes) stand in the
 * body itself, where inference sees them; all else is captured. */
static bool is_literal(const igi_recording *r, ig_ctx *c, const ig_value *v)
{
    const ig_tensor *t = (const ig_tensor *)v;
    return v->type.kind == IG_KIND_TENSOR && v->type.rank <= 1 &&
           igi_dtype_is_int((ig_dtype)v->type.dtype) && igi_tensor_count(t) <= 64 &&
           !igi_recording_has(r, t) && !(c->param_name && c->param_name(c, t));
}

ig_status igi_trace_id(igi_recording *r, ig_ctx *c, ig_value *v, ig_value_id *out)
{
    *out = (ig_value_id){0};
    if (!v)
        return IG_OK;
    if (v->trace_epoch == r->epoch && v->trace) {
        out->i = v->trace;
        return IG_OK;
    }
    if (r->bodies && !is_literal(r, c, v))
        return igi_bodies_capture(r, v, out);
    if (v->type.kind != IG_KIND_TENSOR)
        return ig_fail(IG_UNSUPPORTED, "a sequence from outside cannot be traced");
    return capture(r, c, (ig_tensor *)v, out);
}

/* An input that is no state. */
static bool is_given(const igi_recording *r, ig_value_id id)
{
    for (int i = 0; i < r->n_in; i++)
        if (r->g->inputs.p[i].i == id.i)
            return true;
    return false;
}

/* Made by a recorded call, or fresh (igi_born): that becomes a constant before its
 * first change. What the caller gave belongs to him, whether he passed it or the
 * function took it from outside. */
static ig_status writable(igi_sink *s, ig_ctx *c, ig_tensor *t, bool *yes)
{
    igi_recording *r = recording_of(s);
    ig_value_id id = {t->v.trace};
    *yes = t->v.flags & IGI_TRACED && t->v.trace_epoch == r->epoch &&
           !(id.i && is_given(r, id));
    return *yes && !id.i ? capture(r, c, t, &id) : IG_OK;
}

/* What a call wrote in place (MUTATED) stands for its output from now on. A run does
 * the same to what it is given, but a constant would lose the change. */
static ig_status settle_mutated(const igi_recording *r,
                                const ig_call *call,
                                const ig_value_id *ids,
                                ig_value *const *in,
                                ig_value *const *out)
{
    const ig_op_def *op = call->op;
    for (int i = 0; i < call->n_out && op->outputs[i].name; i++)
        for (int j = 0; op->outputs[i].alias >> j && j < call->n_in; j++) {
            if (!(op->outputs[i].alias >> j & 1) || !in[j] || !out[i] ||
                !(op->inputs[j].flags & IG_MUTATED))
                continue;
            if (in[j]->trace_epoch != r->epoch || igi_value_at(r->g, ids[j])->constant)
                return ig_fail(IG_UNSUPPORTED,
                               "%s in place: input %d comes from outside the trace, "
                               "whose graph would lose the change; ig_trace_step makes "
                               "parameters and optimiser state inputs",
                               op->name, j);
            ig_tensor *t = (ig_tensor *)in[j];
            t->v.trace = out[i]->trace;
            t->version = t->st->version;
        }
    return IG_OK;
}

static ig_status called(igi_sink *s,
                        ig_ctx *c,
                        const ig_call *call,
                        ig_value *const *in,
                        ig_value *const *out)
{
    igi_recording *r = recording_of(s);
    ig_value_id ids[IG_PORTS_MAX], made[IG_PORTS_MAX];
    ig_call node = *call;
    for (int i = 0; i < call->n_in; i++)
        IG_TRY(igi_trace_id(r, c, in[i], &ids[i]));
    node.wanted = 0;
    for (int i = 0; i < call->n_out && i < 64; i++)
        node.wanted |= out[i] ? IG_BIT(i) : 0;
    if (call->op->flags & (IG_OP_RANDOM | IG_OP_SUBGRAPH))
        node.draw = c->invoker.draw;
    if (call->op->flags & IG_OP_RANDOM)
        igi_ledger_add(r, IGI_ESCAPE_DRAWS, "%s: %s draws random numbers",
                       call->where ? call->where : "(unknown place)", call->op->name);
    IG_TRY(ig_graph_make(r->g, &node, ids, made));
    for (int i = 0; i < call->n_out; i++) {
        if (!out[i])
            continue;
        out[i]->trace = made[i].i;
        out[i]->trace_epoch = r->epoch;
        out[i]->flags |= IGI_TRACED;
    }
    return settle_mutated(r, call, ids, in, out);
}

/* Dims that are no numbers in a trace of examples. */
static const ig_type *follows_data(igi_sink *s, uint32_t id)
{
    const ig_type *t = ig_graph_value_type(recording_of(s)->g, (ig_value_id){id});
    bool numbers = !t || t->kind != IG_KIND_TENSOR || t->rank >= 0;
    for (int i = 0; t && numbers && i < t->rank; i++)
        numbers = ig_type_dims(t)[i] >= 0;
    return numbers ? NULL : t;
}

static ig_status
shape_of(igi_sink *s, ig_ctx *c, uint32_t id, const ig_type *t, ig_tensor **out)
{
    ig_tensor *x = NULL;
    ig_value *shape = NULL;
    *out = NULL;
    IG_TRY(ig_tensor_new(&x, (ig_dtype)t->dtype, t->rank, ig_type_dims(t)));
    x->v.trace = id;
    x->v.trace_epoch = s->epoch;
    x->v.flags |= IGI_TRACED;
    ig_value *in[1] = {&x->v};
    ig_call call = {
        .op = igi_registry_std(c->reg, IGI_STD_SHAPE), .n_in = 1, .n_out = 1};
    ig_status rc = ig_dispatch(c, &call, in, &shape);
    ig_tensor_unref(x);
    if (rc == IG_OK)
        *out = (ig_tensor *)shape;
    return rc;
}

/* The merged trace decides by this value which path a run takes. */
static ig_status read_on_path(igi_recording *r, const char *where, const ig_tensor *t)
{
    igi_read read = {.value = {t->v.trace},
                     .at = r->g->order.n,
                     .seen = igi_get_f64((ig_dtype)t->v.type.dtype, t->data, 0),
                     .where = igi_strdup(where ? where : "(unknown place)")};
    if (igi_value_at(r->g, read.value)->constant) {
        igi_free(read.where);
        return IG_OK;
    }
    if (read.where && IGI_PUSH(r->reads, read))
        return IG_OK;
    igi_free(read.where);
    return IG_OUT_OF_MEMORY;
}

static ig_status
escaped(igi_sink *s, ig_ctx *c, const char *where, const char *what, ig_tensor *t)
{
    igi_recording *r = recording_of(s);
    (void)c;
    if (t && !igi_recording_has(r, t))
        return IG_OK; /* a constant of the trace anyway */
    if (t && r->reads)
        return read_on_path(r, where, t);
    igi_ledger_add(r, IGI_ESCAPE_VALUE, "%s: %s", where ? where : "(unknown place)",
                   what);
    return IG_OK; /* the function goes on, so that all escapes are listed at once */
}

static void sized(igi_sink *s, const char *where, const ig_tensor *t, int axis)
{
    igi_recording *r = recording_of(s), *of = r;
    while (of && !(t->v.trace && t->v.trace_epoch == of->epoch))
        of = of->outer;
    const ig_type *type = of ? follows_data(&of->sink, t->v.trace) : NULL;
    axis += axis < 0 ? t->v.type.rank : 0;
    if (!type || (type->rank > axis && axis >= 0 && ig_type_dims(type)[axis] >= 0))
        return;
    igi_ledger_add(r, IGI_ESCAPE_SIZE, "%s: the size of axis %d, which follows data",
                   where ? where : "(unknown place)", axis);
}

/* A raw pointer was taken (ig_tensor_data...): the place is not known, the tensor is.
 */
static void data_escaped(void *user, const ig_tensor *t)
{
    igi_recording *r = user;
    char type[160];
    if (igi_recording_has(r, t))
        igi_ledger_add(r, IGI_ESCAPE_DATA, "ig_tensor_data: a pointer into %s",
                       igi_type_print(&t->v.type, NULL, type, sizeof(type)));
}

static uint32_t next_epoch(void)
{
    static uint32_t epoch; /* identities of one trace must never be met by another */
    return __atomic_add_fetch(&epoch, 1, __ATOMIC_RELAXED);
}

void igi_recording_init(igi_recording *r)
{
    *r = (igi_recording){.epoch = next_epoch()};
    r->sink = (igi_sink){called,       escaped,  sized,    writable,
                         follows_data, shape_of, r->epoch, r->epoch};
}

void igi_recording_watch(igi_recording *r)
{
    igi_escape_watch(r ? data_escaped : NULL, r);
}
