/* Bodies of regions: recording them, and ig_cond. */
#include "frontend_c/region.h"
#include "frontend_c/view.h"

#include <stdio.h>

#include "graph/core/dtype.h"
#include "graph/ir/attr.h"
#include "graph/ir/body.h"

/* ---- what a body reads from outside ---- */

/* Integers that the trace knows of the outer value are known inside, too. */
static ig_status keep_ints(igi_recording *r, const ig_value *v, ig_value_id in)
{
    const igi_recording *o = r->outer;
    if (!o || !v->trace || v->trace_epoch != o->epoch)
        return IG_OK;
    return igi_graph_know_ints(r->g, in,
                               &igi_value_at(o->g, (ig_value_id){v->trace})->ints);
}

ig_status igi_bodies_capture(igi_recording *r, ig_value *v, ig_value_id *out)
{
    igi_bodies *b = r->bodies;
    for (size_t i = 0; i < b->captures.n; i++)
        if (b->captures.p[i] == v) {
            *out = r->g->inputs.p[b->n_formal + i];
            return IG_OK;
        }
    if (!IGI_RESERVE(&b->captures, b->captures.n + 1))
        return IG_OUT_OF_MEMORY;
    IG_TRY(ig_graph_input_typed(r->g, NULL, &v->type, out));
    b->captures.p[b->captures.n++] = ig_value_ref(v);
    return keep_ints(r, v, *out);
}

void igi_bodies_fini(igi_bodies *b)
{
    for (size_t i = 0; i < b->captures.n; i++)
        ig_value_unref(b->captures.p[i]);
    IGI_VEC_FREE(&b->captures);
}

/* Inputs for the captures that body has not heard of yet. */
static ig_status even_out(const igi_bodies *b, ig_graph *body)
{
    ig_value_id id;
    for (size_t i = body->inputs.n - b->n_formal; i < b->captures.n; i++)
        IG_TRY(ig_graph_input_typed(body, NULL, &b->captures.p[i]->type, &id));
    return IG_OK;
}

/* ---- recording a body ---- */

ig_status igi_body_new(igi_recording *r, igi_bodies *b, const char *name)
{
    igi_recording_init(r);
    r->bodies = b;
    r->n_in = (int)b->n_formal;           /* inputs, none of which may be written */
    r->outer = (igi_recording *)b->outer; /* the sink is its first member */
    r->sink.whole = b->outer ? b->outer->whole : r->epoch;
    return igi_graph_new(&r->g, name, b->c->reg, NULL);
}

ig_status
igi_body_input(igi_recording *r, ig_tensor *t, const bool *open, ig_tensor **out)
{
    ig_value_id id;
    ig_type type;
    IG_TRY(igi_type_copy(&type, &t->v.type));
    int64_t *d = type.rank > 8 ? type.u.dim_far : type.u.dim;
    for (int i = 0; open && i < type.rank; i++)
        d[i] = open[i] ? -1 : d[i];
    ig_status rc = ig_graph_input_typed(r->g, NULL, &type, &id);
    igi_type_fini(&type);
    IG_TRY(rc);
    *out = igi_alias(r->bodies->c, t);
    if (!*out)
        return IG_OUT_OF_MEMORY;
    (*out)->v.trace = id.i;
    (*out)->v.trace_epoch = r->epoch;
    (*out)->v.flags |= IGI_TRACED;
    return IG_OK;
}

ig_status igi_body_begin(igi_recording *r)
{
    IG_TRY(even_out(r->bodies, r->g)); /* the captures of bodies before */
    r->bodies->c->trace = &r->sink;
    igi_recording_watch(r);
    return IG_OK;
}

void igi_body_end(igi_recording *r)
{
    r->bodies->c->trace = r->bodies->outer;
    igi_recording_watch(r->outer);
}

/* A body may give back what it has got, or a view of it. In eager code the result and
 * the outer tensor are one memory then; in a graph they are two values, which a write
 * to either would not keep together, so both are marked (frontend_c/view.c). */
static bool goes_through(const igi_recording *r, const ig_tensor *t)
{
    const ig_tensor *root = t->base ? t->base : t;
    bool through =
        root->v.trace_epoch != r->epoch || root->st->through == r->sink.whole;
    for (size_t i = 0; i < r->g->inputs.n; i++)
        through = through || r->g->inputs.p[i].i == root->v.trace;
    return through;
}

/* Two results over one memory are in the same position. */
static void note_through(igi_recording *r, ig_tensor *const *out, int i)
{
    size_t first = r->g->outputs.n - (size_t)i;
    bool through = goes_through(r, out[i]);
    for (int k = 0; k < i; k++) {
        if (out[k]->st != out[i]->st)
            continue;
        r->bodies->through |= IG_BIT(first + (size_t)k);
        through = true;
    }
    if (!through)
        return;
    out[i]->st->through = r->sink.whole;
    r->bodies->through |= IG_BIT(first + (size_t)i);
}

static void mark_through(const igi_bodies *b, const igi_region_call *call)
{
    size_t first = call->bodies[0]->outputs.n - (size_t)call->n_out; /* "go on" */
    for (int o = 0; b->outer && o < call->n_out; o++)
        if (b->through >> (first + (size_t)o) & 1 && call->out[o])
            call->out[o]->st->through = b->outer->whole;
}

ig_status igi_body_outputs(igi_recording *r, ig_tensor *const *out, int n)
{
    char name[24];
    for (int i = 0; i < n; i++) {
        ig_value_id id;
        if (!out[i])
            return ig_fail(IG_INVALID_ARGUMENT, "a region gave no result number %d", i);
        IG_TRY(igi_view_settle(r->bodies->c, NULL, "a region's result", &out[i]->v));
        IG_TRY(igi_trace_id(r, r->bodies->c, (ig_value *)out[i], &id));
        note_through(r, out, i);
        (void)snprintf(name, sizeof(name), "y%zu", r->g->outputs.n);
        IG_TRY(ig_graph_output(r->g, name, id));
    }
    return IG_OK;
}

/* ---- the call ---- */

ig_status igi_number(ig_ctx *c, ig_dtype dtype, int64_t v, ig_tensor **out)
{
    IG_TRY(igi_tensor_make(out, c->pool, dtype, 0, NULL));
    igi_put_i64(dtype, (*out)->data, 0, v);
    return igi_scope_push(c, (ig_value *)*out);
}

ig_status igi_flag(const ig_tensor *t, bool *yes)
{
    ig_tensor *home = NULL;
    IG_TRY(igi_tensor_readable(&home, t));
    *yes = igi_get_i64((ig_dtype)t->v.type.dtype, home->data, 0) != 0;
    ig_tensor_unref(home);
    return IG_OK;
}

ig_status igi_check_flag(const ig_tensor *t, const char *what)
{
    if (t && t->v.type.dtype == IG_BOOL && igi_tensor_count(t) == 1)
        return IG_OK;
    return ig_fail(IG_INVALID_ARGUMENT, "%s must be one bool", what);
}

ig_status igi_check_ports(int n, int least, const char *what)
{
    if (n >= least && n <= IG_TRACE_INPUTS_MAX)
        return IG_OK;
    return ig_fail(IG_LIMIT, "%d %s: %d to %d are possible", n, what, least,
                   IG_TRACE_INPUTS_MAX);
}

ig_status igi_region_dispatch(const igi_bodies *b, const igi_region_call *call)
{
    const ig_op_def *op = call->op->def;
    if ((size_t)call->n_in + b->captures.n > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT,
                       "a region reads %zu outer values, at most %d are possible",
                       b->captures.n, IG_PORTS_MAX - call->n_in);
    for (int k = 0; k < call->n_bodies; k++) {
        IG_TRY(even_out(b, call->bodies[k]));
        *igi_body_slot(op, call->attrs, k) = call->bodies[k];
    }
    for (size_t i = 0; i < b->captures.n; i++)
        call->in[call->n_in + (int)i] = b->captures.p[i];
    ig_call node = {.op = op,
                    .attrs = call->attrs,
                    .where = call->where,
                    .n_in = call->n_in + (int)b->captures.n,
                    .n_captures = (int)b->captures.n,
                    .n_out = call->n_out};
    IG_TRY(ig_dispatch(b->c, &node, call->in, (ig_value **)call->out));
    mark_through(b, call);
    return IG_OK;
}

/* ---- ig_cond ---- */

typedef struct cond_call {
    ig_trace_fn_n fn[2]; /* then, else */
    ig_tensor *const *in;
    ig_tensor **out;
    int n_out;
    void *user;
} cond_call;

static const char *const arm_names[] = {"then arm", "else arm"};

static ig_status
record_arm(igi_bodies *b, igi_recording *r, const cond_call *call, int k)
{
    ig_ctx *c = b->c;
    ig_tensor *results[IG_TRACE_INPUTS_MAX] = {0};
    IG_TRY(igi_body_new(r, b, arm_names[k]));
    ig_scope s = ig_scope_enter(c);
    ig_status rc = igi_body_begin(r);
    if (rc == IG_OK) {
        igi_error_clear();
        rc = igi_answer(c, call->fn[k](c, call->in, results, call->user));
    }
    if (rc == IG_OK)
        rc = igi_body_outputs(r, results, call->n_out);
    igi_body_end(r);
    ig_scope_leave(&s);
    return rc;
}

static ig_status
trace_cond(const char *where, ig_ctx *c, ig_tensor *pred, const cond_call *call)
{
    igi_bodies b = {.c = c, .outer = c->trace};
    igi_recording arms[2] = {0};
    ig_value *in[IG_PORTS_MAX] = {(ig_value *)pred};
    _Alignas(16) char attrs[64];
    const igi_op *op = igi_registry_find_full(c->reg, "If");
    ig_grad_mode mode = ig_grad_mode_set(c, false);
    ig_status rc = record_arm(&b, &arms[0], call, 0);
    if (rc == IG_OK)
        rc = record_arm(&b, &arms[1], call, 1);
    ig_grad_mode_restore(&mode);
    igi_ledger_merge(arms[0].outer, (igi_recording *[]){&arms[0], &arms[1]}, arm_names,
                     2);
    if (rc == IG_OK) {
        ig_graph *bodies[] = {arms[0].g, arms[1].g};
        igi_attrs_init(op->def, attrs);
        rc = igi_region_dispatch(&b, &(igi_region_call){where, op, attrs, bodies, 2, in,
                                                        1, call->out, call->n_out});
    }
    for (int k = 0; k < 2; k++) {
        igi_graph_unref(arms[k].g);
        igi_recording_fini(&arms[k]);
    }
    igi_bodies_fini(&b);
    return rc;
}

ig_status ig_cond_at(const char *where,
                     ig_ctx *c,
                     ig_tensor *pred,
                     ig_trace_fn_n then_fn,
                     ig_trace_fn_n else_fn,
                     ig_tensor *const *in,
                     ig_tensor **out,
                     int n_out,
                     void *user)
{
    cond_call call = {{then_fn, else_fn}, in, out, n_out, user};
    if (igi_misses(c, where, "an arm of a condition",
                   (const void *)(uintptr_t)then_fn) ||
        igi_misses(c, where, "an arm of a condition", (const void *)(uintptr_t)else_fn))
        return c->status;
    bool yes = false;
    ig_status rc = igi_check_flag(pred, "the condition");
    if (rc == IG_OK)
        rc = igi_check_ports(n_out, 1, "results of a region");
    if (rc == IG_OK && c->trace)
        rc = trace_cond(where, c, pred, &call);
    else if (rc == IG_OK && (rc = igi_flag(pred, &yes)) == IG_OK) {
        igi_error_clear();
        rc = igi_answer(c, call.fn[!yes](c, in, out, user));
    }
    return c->status != IG_OK ? c->status : igi_ctx_record(c, where, rc);
}
