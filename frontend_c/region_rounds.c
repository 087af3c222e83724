/* ig_loop and ig_scan: functions that run in rounds. */
#include <string.h>

#include "frontend_c/region.h"
#include "graph/core/dtype.h"
#include "graph/ir/attr.h"

/* ---- ig_loop ---- */

typedef struct loop_call {
    ig_loop_fn fn;
    ig_tensor **state;
    int n;
    void *user;
} loop_call;

/* Per state and axis: the body changes that size, or may. */
typedef bool open_dims[IG_TRACE_INPUTS_MAX][IG_RANK_MAX];

static ig_status record_round(igi_recording *r, const loop_call *call, open_dims open)
{
    ig_ctx *c = r->bodies->c;
    ig_tensor *in[IG_TRACE_INPUTS_MAX], *next[IG_TRACE_INPUTS_MAX] = {0};
    ig_tensor *t = NULL, *iter, *cond, *go = NULL;
    IG_TRY(igi_number(c, IG_INT64, 0, &t));
    IG_TRY(igi_body_input(r, t, NULL, &iter));
    IG_TRY(igi_number(c, IG_BOOL, 1, &t));
    IG_TRY(igi_body_input(r, t, NULL, &cond));
    for (int i = 0; i < call->n; i++)
        IG_TRY(igi_body_input(r, call->state[i], open[i], &in[i]));
    ig_status rc = igi_body_begin(r);
    if (rc == IG_OK) {
        igi_error_clear();
        rc = igi_answer(c, call->fn(c, iter, in, next, &go, call->user));
    }
    go = go ? go : cond;
    if (rc == IG_OK)
        rc = igi_check_flag(go, "what a loop gives to go on");
    if (rc == IG_OK)
        rc = igi_body_outputs(r, &go, 1);
    if (rc == IG_OK)
        rc = igi_body_outputs(r, next, call->n);
    igi_body_end(r);
    return rc;
}

/* Opens the sizes that do not go round as they came; whether there was one. */
static bool open_changed(const igi_recording *r, int n, open_dims open)
{
    bool any = false;
    for (int i = 0; i < n; i++) {
        const ig_type *a = &igi_value_at(r->g, r->g->inputs.p[2 + i])->type,
                      *b = &igi_value_at(r->g, r->g->outputs.p[1 + i])->type;
        for (int d = 0; d < a->rank; d++) {
            bool same = b->rank == a->rank && ig_type_dims(a)[d] == ig_type_dims(b)[d];
            if (same || open[i][d])
                continue;
            open[i][d] = any = true;
        }
    }
    return any;
}

/* Sizes of states are numbers inside as long as they stay: where a round changes one,
 * the body is recorded again without that number. */
static ig_status record_loop(igi_bodies *b, igi_recording *r, const loop_call *call)
{
    open_dims open;
    memset(open, 0, sizeof(open));
    for (;;) {
        ig_status rc = igi_body_new(r, b, "loop");
        ig_scope s = ig_scope_enter(b->c);
        if (rc == IG_OK)
            rc = record_round(r, call, open);
        ig_scope_leave(&s);
        if (rc != IG_OK || !open_changed(r, call->n, open))
            return rc;
        igi_graph_unref(r->g);
        igi_recording_fini(r);
    }
}

static ig_status
trace_loop(const char *where, ig_ctx *c, int64_t most, const loop_call *call)
{
    igi_bodies b = {.c = c, .outer = c->trace, .n_formal = 2 + (size_t)call->n};
    igi_recording r = {0}, *from = &r;
    ig_value *in[IG_PORTS_MAX] = {0};
    ig_tensor *m = NULL;
    const char *name = "loop";
    _Alignas(16) char attrs[64];
    const igi_op *op = igi_registry_find_full(c->reg, "Loop");
    ig_grad_mode mode = ig_grad_mode_set(c, false);
    ig_status rc = record_loop(&b, &r, call);
    ig_grad_mode_restore(&mode);
    igi_ledger_merge((igi_recording *)b.outer, &from, &name, 1);
    if (rc == IG_OK && most >= 0)
        rc = igi_number(c, IG_INT64, most, &m);
    in[0] = (ig_value *)m;
    for (int i = 0; i < call->n; i++)
        in[2 + i] = (ig_value *)call->state[i];
    if (rc == IG_OK) {
        igi_attrs_init(op->def, attrs);
        rc = igi_region_dispatch(&b,
                                 &(igi_region_call){where, op, attrs, &r.g, 1, in,
                                                    2 + call->n, call->state, call->n});
    }
    igi_graph_unref(r.g);
    igi_recording_fini(&r);
    igi_bodies_fini(&b);
    return rc;
}

static ig_status eager_loop(ig_ctx *c, int64_t most, const loop_call *call)
{
    for (int64_t t = 0; most < 0 || t < most; t++) {
        ig_tensor *iter = NULL, *go = NULL, *next[IG_TRACE_INPUTS_MAX] = {0};
        IG_TRY(igi_number(c, IG_INT64, t, &iter));
        igi_error_clear();
        IG_TRY(igi_answer(c, call->fn(c, iter, call->state, next, &go, call->user)));
        for (int i = 0; i < call->n; i++) {
            if (!next[i])
                return ig_fail(IG_INVALID_ARGUMENT, "a loop gave no state number %d",
                               i);
            call->state[i] = next[i];
        }
        if (go)
            IG_TRY(igi_check_flag(go, "what a loop gives to go on"));
        bool yes = true;
        if (go)
            IG_TRY(igi_flag(go, &yes));
        if (!yes)
            break;
    }
    return IG_OK;
}

static ig_status check_given(ig_tensor *const *v, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        if (!v[i])
            return ig_fail(IG_INVALID_ARGUMENT, "%s %d is NULL", what, i);
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
    if (igi_misses(c, where, "the body of a loop", (const void *)(uintptr_t)fn))
        return c->status;
    ig_status rc = igi_check_ports(n, 1, "states of a loop");
    if (rc == IG_OK)
        rc = check_given(state, n, "the loop's state");
    if (rc == IG_OK)
        rc = c->trace ? trace_loop(where, c, most, &call) : eager_loop(c, most, &call);
    return c->status != IG_OK ? c->status : igi_ctx_record(c, where, rc);
}
