/* Running the steps of a plan.
 *
 * A plan of serial steps that nobody watches is a bare loop over function pointers.
 * Otherwise steps go in segments: a segment of steps for the team is one region that
 * all threads enter together, each walking the same list, doing its own steps and its
 * part of team steps, and meeting at the barriers that the schedule has set. Kernels
 * with threads of their own and late nodes stand between segments and run on the caller
 * alone. Cancellation and deadline are polled by thread 0 before each of its steps. */
#include "graph/runtime/capture.h"
#include "graph/runtime/instance.h"
#include "graph/runtime/profile.h"

/* ---- services of planned kernels ---- */

static ig_status serve_out_alloc(ig_kernel_ctx *k, int i, int rank, const int64_t *dims)
{
    (void)rank, (void)dims;
    return ig_kernel_fail(k, IG_INTERNAL,
                          "out_alloc of output %d, which is not declared DYNAMIC", i);
}

static ig_status serve_out_give(ig_kernel_ctx *k, int i, ig_value *v)
{
    ig_tensor *t = v ? ig_value_tensor(v) : NULL, *to = ig_out(k, i);
    ig_status rc =
        !t || !to || !igi_type_equal(&t->v.type, &to->v.type)
            ? ig_kernel_fail(k, IG_INTERNAL, "out_give of another type, output %d", i)
            : igi_tensor_copy_into(to, t);
    ig_value_unref(v);
    return rc;
}

static const void *serve_pack(ig_kernel_ctx *k,
                              int port,
                              const char *key,
                              size_t bytes,
                              ig_pack_fn fill,
                              void *user)
{
    const igi_instance *x = k->rt_self;
    return igi_pack_input(&x->net->weights->packs, k, port, key, bytes, fill, user);
}

static ig_status serve_poll(ig_kernel_ctx *k)
{
    return igi_env_poll(&((const igi_instance *)k->rt_self)->invoker.env);
}

static void serve_barrier(ig_kernel_ctx *k)
{
    const igi_instance *x = k->rt_self;
    if (k->threads > 1 && x->barrier)
        (void)igi_barrier_wait(x->barrier);
}

const ig_run_api igi_plan_services = {.struct_size = sizeof(igi_plan_services),
                                      .out_alloc = serve_out_alloc,
                                      .out_give = serve_out_give,
                                      .pack = serve_pack,
                                      .poll = serve_poll,
                                      .barrier = serve_barrier};

/* ---- one step ---- */

static inline ig_status run_serial(igi_step *s)
{
    return s->run ? s->run(&s->k) : s->run_team(&s->k, 0, 1);
}

static ig_status step_failed(const igi_plan *p, const igi_step *s, ig_status rc)
{
    if (ig_error_status() != rc) /* a kernel that returned a code without a record */
        (void)ig_fail(rc, "the kernel failed: %s", ig_status_string(rc));
    if (rc == IG_CANCELLED || rc == IG_DEADLINE || !s->node.i)
        return rc;
    return igi_plan_context(p, s->node);
}

static void drop_values(igi_instance *x, const igi_step *s)
{
    for (int i = 0; i < s->n_drop; i++) {
        ig_value_unref(x->real[s->drop[i]]);
        x->real[s->drop[i]] = NULL;
    }
}

/* A late node: real values in, real values out. */
static ig_status run_late(igi_instance *x, igi_step *s)
{
    const igi_node *n = igi_node_at(x->net->graph, s->node);
    ig_value **in = (ig_value **)(uintptr_t)s->k.in, **out = s->k.out;
    ig_call call = {.op = n->op->def,
                    .attrs = n->attrs,
                    .where = n->where,
                    .name = n->name,
                    .draw = n->draw,
                    .n_in = n->n_in,
                    .n_captures = n->n_captures,
                    .n_out = n->n_out};
    for (int i = 0; i < n->n_in; i++) {
        in[i] = NULL;
        if (s->in[i])
            IG_TRY(igi_real_value(x, s->in[i], &in[i]));
    }
    for (int o = 0; o < n->n_out; o++) {
        out[o] = NULL;
        if (o < 64 && s->out[o])
            call.wanted |= IG_BIT(o);
    }
    x->invoker.lasting = x->plan->queue ? 0 : s->k.constants;
    ig_status rc = igi_invoke(&x->invoker, n->op, &call, in, out);
    x->invoker.lasting = 0;
    IG_TRY(rc);
    for (int o = 0; o < n->n_out; o++) {
        if (!s->out[o]) {
            ig_value_unref(out[o]);
            continue;
        }
        ig_value_unref(x->real[s->out[o]]);
        x->real[s->out[o]] = out[o];
    }
    drop_values(x, s);
    return IG_OK;
}

static ig_status run_watched(igi_instance *x, igi_step *s, int tid)
{
    const igi_env *env = &x->invoker.env;
    igi_span_time *t = x->profile ? &x->profile->step[s - x->plan->step] : NULL;
    if (tid == 0 && igi_env_watched(env))
        IG_TRY(igi_env_poll(env));
    if (t)
        *t = (igi_span_time){.begin = igi_now_s(), .tid = tid};
    if (t && s->mode == IGI_LATE)
        x->profile->now = (uint32_t)(s - x->plan->step);
    ig_status rc = s->mode == IGI_LATE ? run_late(x, s) : run_serial(s);
    if (t)
        t->end = igi_now_s();
    return rc;
}

static ig_status run_list(igi_instance *x, uint32_t lo, uint32_t hi)
{
    for (uint32_t i = lo; i < hi; i++) {
        ig_status rc = run_watched(x, &x->plan->step[i], 0);
        if (rc != IG_OK)
            return step_failed(x->plan, &x->plan->step[i], rc);
    }
    return IG_OK;
}

/* ---- a segment with the team ---- */

typedef struct segment {
    igi_instance *x;
    uint32_t lo, hi;
    igi_barrier barrier;
    atomic_int failed;
    igi_error error; /* of the first thread that failed */
} segment;

static ig_status run_part(segment *g, igi_step *s, int tid, int nth)
{
    igi_instance *x = g->x;
    if (s->mode != IGI_TEAM)
        return run_watched(x, s, tid);
    igi_span_time *t =
        x->profile && tid == 0 ? &x->profile->step[s - x->plan->step] : NULL;
    if (t)
        *t = (igi_span_time){.begin = igi_now_s()};
    ig_status rc = s->run_team(&s->k, tid, nth);
    if (t)
        t->end = igi_now_s();
    return rc;
}

/* Walks the segment as thread tid. After a failure a thread only keeps its
 * appointments: the barrier before the next team step or epoch tells everybody to
 * leave. */
static void member(void *arg, int tid, int nth)
{
    segment *g = arg;
    igi_plan *p = g->x->plan;
    bool failed = false;
    if (nth !=
        p->net->threads) { /* fewer threads than planned: the caller does it all */
        g->x->barrier = NULL;
        if (tid == 0 && run_list(g->x, g->lo, g->hi) != IG_OK) {
            igi_error_get(&g->error);
            atomic_store(&g->failed, 1);
        }
        return;
    }
    for (uint32_t i = g->lo; i < g->hi; i++) {
        igi_step *s = &p->step[i];
        if (i > g->lo && s->barrier && igi_barrier_wait(&g->barrier))
            return;
        if (failed || (s->mode != IGI_TEAM && s->who != tid))
            continue;
        ig_status rc = IG_OK;
        if (s->mode == IGI_TEAM && tid == 0 && igi_env_watched(&g->x->invoker.env) &&
            igi_env_poll(&g->x->invoker.env) != IG_OK)
            failed = true; /* noticed here, acted upon after this step: the others are
                              in it */
        if (rc == IG_OK)
            rc = run_part(g, s, tid, nth);
        if (rc == IG_OK && !failed)
            continue;
        if (atomic_exchange(&g->failed, 1) == 0) {
            if (rc == IG_OK)
                (void)igi_env_poll(&g->x->invoker.env);
            else
                (void)step_failed(p, s, rc);
            igi_error_get(&g->error);
        }
        failed = true;
        igi_barrier_stop(&g->barrier);
    }
}

static ig_status run_segment(igi_instance *x, uint32_t lo, uint32_t hi)
{
    segment g = {.x = x, .lo = lo, .hi = hi};
    igi_barrier_init(&g.barrier, x->net->threads);
    atomic_init(&g.failed, 0);
    x->barrier = &g.barrier;
    igi_team_run(x->net->host, member, &g, x->net->threads);
    x->barrier = NULL;
    return atomic_load(&g.failed) ? igi_error_set(&g.error) : IG_OK;
}

/* ---- all steps ---- */

static bool is_apart(const igi_step *s)
{
    return s->mode == IGI_OUTSIDE || s->mode == IGI_LATE;
}

static ig_status run_segments(igi_instance *x)
{
    igi_plan *p = x->plan;
    for (uint32_t lo = 0, hi; lo < p->n_steps; lo = hi) {
        bool team = false;
        for (hi = lo; hi < p->n_steps && !is_apart(&p->step[hi]); hi++)
            team = team || p->step[hi].mode == IGI_TEAM || p->step[hi].who != 0;
        if (hi == lo)
            hi = lo + 1;
        IG_TRY(team ? run_segment(x, lo, hi) : run_list(x, lo, hi));
    }
    return IG_OK;
}

ig_status igi_execute(igi_instance *x)
{
    igi_plan *p = x->plan;
    if (p->capture && !x->profile && !x->nested)
        return igi_capture_run(x, run_list);
    if (!p->all_serial || x->profile || igi_env_watched(&x->invoker.env))
        return run_segments(x);
    for (igi_step *s = p->step, *end = s + p->n_steps; s < end; s++) {
        ig_status rc = run_serial(s);
        if (__builtin_expect(rc != IG_OK, 0))
            return step_failed(p, s, rc);
    }
    return IG_OK;
}
