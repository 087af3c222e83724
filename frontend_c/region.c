/* Structured regions: in eager code a C branch or loop; in a trace the arms are
 * recorded once each into bodies, and the operator If or Loop over them is called,
 * which the trace and the tape see like any other call. */
#include <stdio.h>

#include "frontend_c/trace.h"
#include "graph/core/dtype.h"
#include "graph/ir/attr.h"
#include "graph/ir/body.h"
#include "graph/runtime/invoke.h"

/* What the bodies of one region read from outside, and the one being recorded. */
struct igi_region {
    ig_ctx *c;
    igi_sink *outer;
    size_t n_formal;              /* inputs of a body before the captures */
    IGI_VEC(ig_value *) captures; /* counted: no other header takes their address */
};

ig_status igi_region_capture(igi_recording *r, ig_value *v, ig_value_id *out)
{
    struct igi_region *g = r->region;
    for (size_t i = 0; i < g->captures.n; i++)
        if (g->captures.p[i] == v) {
            *out = r->g->inputs.p[g->n_formal + i];
            return IG_OK;
        }
    if (!IGI_RESERVE(&g->captures, g->captures.n + 1))
        return IG_OUT_OF_MEMORY;
    IG_TRY(ig_graph_input_typed(r->g, NULL, &v->type, out));
    g->captures.p[g->captures.n++] = ig_value_ref(v);
    return IG_OK;
}

static void region_end(struct igi_region *g)
{
    for (size_t i = 0; i < g->captures.n; i++)
        ig_value_unref(g->captures.p[i]);
    IGI_VEC_FREE(&g->captures);
}

/* Escapes of an arm are those of the trace; each says where it stands. */
static void add_ledger(igi_recording *r, const char *arm, igi_recording *to)
{
    if (r->escapes)
        igi_text_add(&to->ledger, "\n  in the %s:%s", arm, r->ledger.p);
    to->escapes += r->escapes;
    igi_text_fini(&r->ledger);
}

static ig_status
recording_begin(igi_recording *r, struct igi_region *g, const char *name)
{
    igi_recording_init(r);
    r->region = g;
    r->n_in = (int)g->n_formal;           /* inputs, none of which may be written */
    r->outer = (igi_recording *)g->outer; /* the sink is its first member */
    return igi_graph_new(&r->g, name, g->c->reg, NULL);
}

/* The captures of the bodies before. */
static ig_status known_captures(igi_recording *r)
{
    struct igi_region *g = r->region;
    ig_value_id id;
    for (size_t i = r->g->inputs.n - g->n_formal; i < g->captures.n; i++)
        IG_TRY(ig_graph_input_typed(r->g, NULL, &g->captures.p[i]->type, &id));
    return IG_OK;
}

static ig_status recording_end(igi_recording *r, ig_status rc, const char *arm)
{
    add_ledger(r, arm, r->outer);
    if (rc != IG_OK) {
        igi_graph_unref(r->g);
        r->g = NULL;
    }
    return rc;
}

static ig_status put_outputs(igi_recording *r, ig_tensor *const *out, int n)
{
    char name[24];
    for (int i = 0; i < n; i++) {
        ig_value_id id;
        if (!out[i])
            return ig_fail(IG_INVALID_ARGUMENT, "a region gave no result number %d", i);
        IG_TRY(igi_trace_id(r, r->region->c, (ig_value *)out[i], &id));
        (void)snprintf(name, sizeof(name), "y%zu", r->g->outputs.n);
        IG_TRY(ig_graph_output(r->g, name, id));
    }
    return IG_OK;
}

static ig_status is_true(const ig_tensor *t, bool *yes)
{
    ig_tensor *home = NULL;
    IG_TRY(igi_tensor_readable(&home, t));
    *yes = igi_get_i64((ig_dtype)t->v.type.dtype, home->data, 0) != 0;
    ig_tensor_unref(home);
    return IG_OK;
}

static ig_status check_flag(const ig_tensor *t, const char *what)
{
    if (t && t->v.type.dtype == IG_BOOL && igi_tensor_count(t) == 1)
        return IG_OK;
    return ig_fail(IG_INVALID_ARGUMENT, "%s must be one bool", what);
}

/* ---- ig_cond ---- */

typedef struct cond_call {
    ig_trace_fn_n fn[2]; /* then, else */
    ig_tensor *const *in;
    ig_tensor **out;
    int n_out;
    void *user;
} cond_call;

static ig_status
record_arm(struct igi_region *g, const cond_call *call, int k, ig_graph **out)
{
    static const char *const names[] = {"then arm", "else arm"};
    ig_ctx *c = g->c;
    igi_recording r;
    ig_tensor *results[IG_TRACE_INPUTS_MAX] = {0};
    ig_status rc = recording_begin(&r, g, names[k]);
    if (rc == IG_OK)
        rc = known_captures(&r);
    if (rc == IG_OK) {
        ig_scope s = ig_scope_enter(c);
        c->trace = &r.sink;
        igi_recording_watch(&r);
        rc = call->fn[k](c, call->in, results, call->user);
        rc = c->status != IG_OK ? c->status : rc;
        if (rc == IG_OK)
            rc = put_outputs(&r, results, call->n_out);
        c->trace = g->outer;
        igi_recording_watch(r.outer);
        ig_scope_leave(&s);
    }
    rc = recording_end(&r, rc, names[k]);
    *out = r.g;
    return rc;
}

/* Appends missing captures to a body that was recorded before they were found. */
static ig_status even_out(const struct igi_region *g, ig_graph *body)
{
    ig_value_id id;
    for (size_t i = body->inputs.n - g->n_formal; i < g->captures.n; i++)
        IG_TRY(ig_graph_input_typed(body, NULL, &g->captures.p[i]->type, &id));
    return IG_OK;
}

static ig_status call_region(struct igi_region *g,
                             const char *where,
                             const char *name,
                             ig_graph *const *bodies,
                             ig_value **in,
                             int n_in,
                             ig_tensor **out,
                             int n_out)
{
    const igi_op *op = igi_registry_find_full(g->c->reg, name);
    _Alignas(16) char attrs[64];
    if (!op || op->def->attrs_size > sizeof(attrs))
        return ig_fail(IG_NOT_FOUND, "there is no operator '%s'", name);
    if ((size_t)n_in + g->captures.n > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT,
                       "a region reads %zu outer values, at most %d are possible",
                       g->captures.n, IG_PORTS_MAX - n_in);
    igi_attrs_init(op->def, attrs);
    for (int k = 0; igi_body_slot(op->def, attrs, k); k++)
        *igi_body_slot(op->def, attrs, k) = bodies[k];
    for (size_t i = 0; i < g->captures.n; i++)
        in[n_in + (int)i] = g->captures.p[i];
    ig_call call = {.op = op->def,
                    .attrs = attrs,
                    .where = where,
                    .n_in = n_in + (int)g->captures.n,
                    .n_captures = (int)g->captures.n,
                    .n_out = n_out};
    return ig_dispatch(g->c, &call, in, (ig_value **)out);
}

static ig_status
trace_cond(const char *where, ig_ctx *c, ig_tensor *pred, const cond_call *call)
{
    struct igi_region g = {.c = c, .outer = c->trace};
    ig_graph *arms[2] = {0};
    ig_value *in[IG_PORTS_MAX] = {(ig_value *)pred};
    ig_grad_mode mode = ig_grad_mode_set(c, false);
    ig_status rc = record_arm(&g, call, 0, &arms[0]);
    if (rc == IG_OK)
        rc = record_arm(&g, call, 1, &arms[1]);
    ig_grad_mode_restore(&mode);
    if (rc == IG_OK)
        rc = even_out(&g, arms[0]);
    if (rc == IG_OK)
        rc = call_region(&g, where, "If", arms, in, 1, call->out, call->n_out);
    igi_graph_unref(arms[0]);
    igi_graph_unref(arms[1]);
    region_end(&g);
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
    if (c->status != IG_OK)
        return c->status;
    bool yes = false;
    ig_status rc = check_flag(pred, "the condition");
    if (rc == IG_OK && (n_out < 1 || n_out > IG_TRACE_INPUTS_MAX))
        rc = ig_fail(IG_LIMIT, "a region has 1 to %d results", IG_TRACE_INPUTS_MAX);
    if (rc == IG_OK && c->trace)
        rc = trace_cond(where, c, pred, &call);
    else if (rc == IG_OK && (rc = is_true(pred, &yes)) == IG_OK)
        rc = call.fn[!yes](c, in, out, user);
    return c->status != IG_OK ? c->status : igi_ctx_record(c, where, rc);
}

/* ---- ig_loop ---- */

typedef struct loop_call {
    ig_loop_fn fn;
    ig_tensor **state;
    int n;
    void *user;
} loop_call;

/* A header over t that stands for a new input of the body. */
static ig_status body_input(igi_recording *r, ig_tensor *t, ig_tensor **out)
{
    ig_value_id id;
    ig_type type;
    IG_TRY(igi_type_copy(&type, &t->v.type));
    int64_t *d = type.rank > 8 ? type.u.dim_far : type.u.dim;
    for (int i = 0; i < type.rank; i++)
        d[i] = -1; /* a state may change its size */
    ig_status rc = ig_graph_input_typed(r->g, NULL, &type, &id);
    igi_type_fini(&type);
    IG_TRY(rc);
    *out = igi_alias(r->region->c, t);
    if (!*out)
        return IG_OUT_OF_MEMORY;
    (*out)->v.trace = id.i;
    (*out)->v.trace_epoch = r->epoch;
    (*out)->v.flags |= IGI_TRACED;
    return IG_OK;
}

static ig_status number(ig_ctx *c, ig_dtype dtype, int64_t v, ig_tensor **out)
{
    IG_TRY(igi_tensor_make(out, c->pool, dtype, 0, NULL));
    igi_put_i64(dtype, (*out)->data, 0, v);
    return igi_scope_push(c, (ig_value *)*out);
}

static ig_status record_round(igi_recording *r, const loop_call *call)
{
    ig_ctx *c = r->region->c;
    ig_tensor *in[IG_TRACE_INPUTS_MAX], *next[IG_TRACE_INPUTS_MAX] = {0};
    ig_tensor *t = NULL, *iter, *cond, *go = NULL;
    IG_TRY(number(c, IG_INT64, 0, &t));
    IG_TRY(body_input(r, t, &iter));
    IG_TRY(number(c, IG_BOOL, 1, &t));
    IG_TRY(body_input(r, t, &cond));
    for (int i = 0; i < call->n; i++)
        IG_TRY(body_input(r, call->state[i], &in[i]));
    c->trace = &r->sink;
    igi_recording_watch(r);
    ig_status rc = call->fn(c, iter, in, next, &go, call->user);
    rc = c->status != IG_OK ? c->status : rc;
    go = go ? go : cond;
    if (rc == IG_OK)
        rc = check_flag(go, "what a loop gives to go on");
    if (rc == IG_OK)
        rc = put_outputs(r, &go, 1);
    if (rc == IG_OK)
        rc = put_outputs(r, next, call->n);
    c->trace = r->region->outer;
    igi_recording_watch(r->outer);
    return rc;
}

static ig_status
trace_loop(const char *where, ig_ctx *c, int64_t most, const loop_call *call)
{
    struct igi_region g = {.c = c, .outer = c->trace, .n_formal = 2 + (size_t)call->n};
    igi_recording r;
    ig_value *in[IG_PORTS_MAX] = {0};
    ig_tensor *m = NULL;
    ig_grad_mode mode = ig_grad_mode_set(c, false);
    ig_status rc = recording_begin(&r, &g, "loop");
    ig_scope s = ig_scope_enter(c);
    if (rc == IG_OK)
        rc = record_round(&r, call);
    ig_scope_leave(&s);
    rc = recording_end(&r, rc, "loop");
    ig_grad_mode_restore(&mode);
    if (rc == IG_OK && most >= 0)
        rc = number(c, IG_INT64, most, &m);
    in[0] = (ig_value *)m;
    for (int i = 0; i < call->n; i++)
        in[2 + i] = (ig_value *)call->state[i];
    if (rc == IG_OK)
        rc =
            call_region(&g, where, "Loop", &r.g, in, 2 + call->n, call->state, call->n);
    igi_graph_unref(r.g);
    region_end(&g);
    return rc;
}

static ig_status eager_loop(ig_ctx *c, int64_t most, const loop_call *call)
{
    for (int64_t t = 0; most < 0 || t < most; t++) {
        ig_tensor *iter = NULL, *go = NULL, *next[IG_TRACE_INPUTS_MAX] = {0};
        IG_TRY(number(c, IG_INT64, t, &iter));
        IG_TRY(call->fn(c, iter, call->state, next, &go, call->user));
        IG_TRY(c->status);
        for (int i = 0; i < call->n; i++) {
            if (!next[i])
                return ig_fail(IG_INVALID_ARGUMENT, "a loop gave no state number %d",
                               i);
            call->state[i] = next[i];
        }
        if (go)
            IG_TRY(check_flag(go, "what a loop gives to go on"));
        bool yes = true;
        if (go)
            IG_TRY(is_true(go, &yes));
        if (!yes)
            break;
    }
    return IG_OK;
}

ig_status ig_loop_at(const char *where,
                     ig_ctx *c,
                     int64_t most,
                     ig_loop_fn fn,
                     ig_tensor **state,
                     int n,
                     void *user)
{
    loop_call call = {fn, state, n, user};
    ig_status rc = IG_OK;
    if (c->status != IG_OK)
        return c->status;
    if (n < 1 || n > IG_TRACE_INPUTS_MAX)
        rc = ig_fail(IG_LIMIT, "a loop has 1 to %d states", IG_TRACE_INPUTS_MAX);
    for (int i = 0; rc == IG_OK && i < n; i++)
        if (!state[i])
            rc = ig_fail(IG_INVALID_ARGUMENT, "state %d of a loop is NULL", i);
    if (rc == IG_OK)
        rc = c->trace ? trace_loop(where, c, most, &call) : eager_loop(c, most, &call);
    return c->status != IG_OK ? c->status : igi_ctx_record(c, where, rc);
}
