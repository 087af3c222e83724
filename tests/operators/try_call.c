#include "tests/operators/try_call.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/thread.h"
#include "graph/runtime/invoke.h"
#include "tools/suite/canary_alloc.h"

/* Of one call: wrong sizes must not cost minutes. */
#define LIMITS                                                                         \
    {                                                                                  \
        .memory_bytes = 1u << 24, .tensor_bytes = 1u << 24, .loop_iterations = 10000   \
    }
#define ELEMENTS_MAX (1 << 22) /* of results: a view of more costs only time */
#define DEADLINE_S   2
#define LATE_S       30 /* sanitizers, and machines that have other things to do */

/* Whatever takes that long does not look at its deadline. */
static void check_time(const suite_case *c, const char *what, double begin)
{
    double took = igi_now_s() - begin;
    if (took > DEADLINE_S + LATE_S)
        suite_fail(c, what, "took %.0f s, with a deadline of %d s", took, DEADLINE_S);
}

static ig_status invoke(const suite_case *c,
                        const igi_op *op,
                        const try_ways *w,
                        const char *what,
                        ig_value **out)
{
    igi_invoker v;
    ig_limits limits = LIMITS;
    ig_value *in[SUITE_PORTS] = {0}, *made[SUITE_PORTS] = {0};
    double begin = igi_now_s();
    igi_invoker_init(&v, suite_registry(), NULL, w->threads);
    igi_env_init(&v.env, &limits, &(ig_run_opts){.deadline_s = DEADLINE_S});
    for (int i = 0; i < c->call.n_in; i++) {
        int port = igi_op_in_port(op, c->call.n_in, c->call.n_captures, i);
        bool written = port >= 0 && op->def->inputs[port].flags & IG_MUTATED;
        in[i] = suite_copy_value(c->in[i], written ? 0 : w->layout);
    }
    igi_error_clear();
    ig_status rc = igi_invoke(&v, op, &c->call, in, made);
    for (int i = 0; i < c->call.n_out && rc == IG_OK; i++)
        if (made[i] && made[i]->type.kind == IG_KIND_TENSOR &&
            igi_tensor_count((const ig_tensor *)made[i]) > ELEMENTS_MAX)
            rc = ig_fail(IG_LIMIT, "the result is too large to be compared");
    for (int i = 0; i < c->call.n_out; i++)
        out[i] = rc == IG_OK && made[i] ? suite_copy_value(made[i], 0) : NULL;
    for (int i = 0; i < c->call.n_out; i++)
        ig_value_unref(made[i]);
    suite_drop_values(in, c->call.n_in);
    igi_invoker_fini(&v);
    check_time(c, what, begin);
    return rc;
}

/* A net of the call; errors of compiling and running count alike. */
static ig_status
run_net(const suite_case *c, const try_ways *w, const char *what, ig_value **out)
{
    ig_graph *g = NULL;
    ig_net *net = NULL;
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_net_opts o = {.threads = w->threads, .level = w->level, .limits = LIMITS};
    double begin = igi_now_s();
    ig_status rc = suite_graph(c, w->constants, &g);
    if (rc == IG_OK)
        rc = ig_net_new(&net, g, ws, &o);
    for (int i = 0; rc == IG_OK && i < c->call.n_in; i++) {
        char name[16];
        snprintf(name, sizeof(name), "x%d", i);
        ig_value_id id = ig_graph_find(g, name);
        if (!c->in[i] || !id.i || ig_graph_value_constant(g, id))
            continue;
        ig_value *v = suite_copy_value(c->in[i], 0);
        rc = ig_workspace_feed_value(ws, name, v);
        ig_value_unref(v);
    }
    if (rc == IG_OK)
        rc = ig_net_run(net, ws, &(ig_run_opts){.deadline_s = DEADLINE_S});
    for (int i = 0; rc == IG_OK && i < c->call.n_out; i++) {
        char name[16];
        snprintf(name, sizeof(name), "y%d", i);
        if (c->call.wanted >> i & 1)
            rc = ig_workspace_fetch_value(ws, name, &out[i]);
    }
    ig_net_free(net);
    ig_workspace_free(ws);
    ig_graph_free(g);
    check_time(c, what, begin);
    return rc;
}

/* A view needs no memory, a copy does; one flow may be faster than the other. */
static bool is_resource(ig_status rc)
{
    return rc == IG_LIMIT || rc == IG_OUT_OF_MEMORY || rc == IG_DEADLINE;
}

static void check_status(const suite_case *c, const char *what, ig_status rc)
{
    if (rc != IG_OK && (!ig_error_message()[0] || ig_error_status() != rc))
        suite_fail(c, what, "an error without a message");
    if (rc == IG_INTERNAL)
        suite_fail(c, what, "an internal error: %s", ig_error_message());
}

typedef struct verdict { /* of the reference */
    ig_status rc;
    char message[400];
    ig_value *out[SUITE_PORTS];
} verdict;

/* Of no rounds, dims that bodies do not declare are 0 by one flow, inferred by another.
 */
static bool no_rounds(const suite_case *c, const ig_value *a, const ig_value *b)
{
    return c->op->def->flags & IG_OP_SUBGRAPH && a && b &&
           a->type.kind == IG_KIND_TENSOR && b->type.kind == IG_KIND_TENSOR &&
           igi_tensor_count((const ig_tensor *)a) == 0 &&
           igi_tensor_count((const ig_tensor *)b) == 0;
}

static void compare(const suite_case *c,
                    const char *what,
                    const try_ways *w,
                    ig_status rc,
                    const verdict *want,
                    ig_value **out)
{
    const ig_status want_rc = want->rc;
    check_status(c, what, rc);
    if ((rc == IG_OK) != (want_rc == IG_OK) && !is_resource(rc) &&
        !is_resource(want_rc))
        suite_fail(c, what, "%s, but the reference: %s",
                   rc == IG_OK ? "runs" : ig_error_message(),
                   want_rc == IG_OK ? "runs" : want->message);
    for (int i = 0; !w->wild && rc == IG_OK && want_rc == IG_OK && i < c->call.n_out;
         i++)
        if (!no_rounds(c, out[i], want->out[i]))
            suite_equal(c, what, i, out[i], want->out[i]);
    suite_drop_values(out, SUITE_PORTS);
}

/* Level 2 rounds halves less often (graph/passes/half.c): the rounds of a loop may
 * overflow in the reference alone. */
static bool may_overflow(const suite_case *c, const try_ways *w)
{
    return c->op->def->flags & IG_OP_SUBGRAPH && c->dtype == IG_FLOAT16 &&
           w->level == 2;
}

bool suite_try_call(const suite_case *c, const char *what, const try_ways *w)
{
    igi_op bare = *c->op;
    verdict want = {0};
    ig_value *out[SUITE_PORTS] = {0};
    char in_net[500];
    snprintf(in_net, sizeof(in_net), "%s, net of level %d, %d threads, constants %d",
             what, w->level, w->threads, w->constants);
    memset(bare.n_kernels, 0, sizeof(bare.n_kernels));
    want.rc = invoke(c, &bare, w, what, want.out);
    check_status(c, what, want.rc);
    snprintf(want.message, sizeof(want.message), "%s", ig_error_message());
    ig_status rc = invoke(c, c->op, w, what, out);
    compare(c, what, w, rc, &want, out);
    try_ways net = *w;
    net.wild |= may_overflow(c, w);
    rc = run_net(c, w, in_net, out);
    compare(c, in_net, &net, rc, &want, out);
    suite_drop_values(want.out, SUITE_PORTS);
    if (!igi_canary_check())
        suite_fail(c, what, "wrote outside its memory");
    return want.rc == IG_OK;
}
