/* Limits, deadlines and cancellation of a run. */
#include "graph/runtime/env.h"

#include <float.h>
#include <inttypes.h>

#define OR(value_, default_) ((value_) ? (value_) : (default_))

ig_limits igi_limits_of(const ig_limits *l)
{
    ig_limits r = l ? *l : (ig_limits){0};
    r.file_bytes = OR(r.file_bytes, 1ull << 36);
    r.memory_bytes = OR(r.memory_bytes, 1ull << 37);
    r.tensor_bytes = OR(r.tensor_bytes, 1ull << 35);
    r.nodes = OR(r.nodes, 2000000);
    r.depth = OR(r.depth, 64);
    r.name_bytes = OR(r.name_bytes, 65536);
    r.loop_iterations = OR(r.loop_iterations, 1ull << 31);
    return r;
}

#define LESS(a_, b_) ((b_) && (b_) < (a_) ? (b_) : (a_))

ig_limits igi_limits_tighten(const ig_limits *base, const ig_limits *run)
{
    ig_limits r = igi_limits_of(base);
    if (!run)
        return r;
    r.file_bytes = LESS(r.file_bytes, run->file_bytes);
    r.memory_bytes = LESS(r.memory_bytes, run->memory_bytes);
    r.tensor_bytes = LESS(r.tensor_bytes, run->tensor_bytes);
    r.nodes = LESS(r.nodes, run->nodes);
    r.depth = LESS(r.depth, run->depth);
    r.name_bytes = LESS(r.name_bytes, run->name_bytes);
    r.loop_iterations = LESS(r.loop_iterations, run->loop_iterations);
    return r;
}

void igi_env_init(igi_env *e, const ig_limits *limits, const ig_run_opts *opts)
{
    ig_limits l = igi_limits_tighten(limits, opts ? &opts->limits : NULL);
    *e = (igi_env){.tensor_bytes = l.tensor_bytes,
                   .memory_bytes = l.memory_bytes,
                   .rounds = l.loop_iterations,
                   .rounds_left = l.loop_iterations,
                   .seed = opts && opts->seed ? opts->seed : IGI_DEFAULT_SEED};
    if (!opts)
        return;
    e->cancel = opts->cancel;
    if (opts->deadline_s != 0) {
        e->deadline_s = opts->deadline_s;
        e->deadline = igi_now_s() + opts->deadline_s;
        if (!(e->deadline > 0)) /* before the clock began, or NaN: it has passed */
            e->deadline = DBL_MIN;
    }
}

ig_status igi_env_poll(const igi_env *e)
{
    if (e->cancel && __atomic_load_n(e->cancel, __ATOMIC_RELAXED))
        return ig_fail(IG_CANCELLED, "the run was cancelled");
    if (e->deadline != 0 && igi_now_s() > e->deadline)
        return ig_fail(IG_DEADLINE, "the deadline of %g s has passed", e->deadline_s);
    return IG_OK;
}

ig_status igi_env_charge(igi_env *e, size_t bytes)
{
    if (bytes > e->tensor_bytes)
        return ig_fail(
            IG_LIMIT,
            "a tensor of %zu bytes exceeds the limit tensor_bytes of %" PRIu64
            "; raise it in the limits of the run or model",
            bytes, e->tensor_bytes);
    if (bytes > e->memory_bytes || e->memory_used > e->memory_bytes - bytes)
        return ig_fail(IG_LIMIT,
                       "%zu more bytes after %" PRIu64
                       " exceed the limit memory_bytes of %" PRIu64
                       "; raise it in the limits of the run or model",
                       bytes, e->memory_used, e->memory_bytes);
    e->memory_used += bytes;
    return IG_OK;
}

ig_status igi_env_hold(igi_env *e, int64_t bytes)
{
    uint64_t n = bytes < 0 ? (uint64_t)-bytes : (uint64_t)bytes;
    if (bytes < 0) {
        e->memory_used -= e->memory_used < n ? e->memory_used : n;
        return IG_OK;
    }
    /* all threads of a team may make values */
    const uint64_t used = __atomic_load_n(&e->memory_used, __ATOMIC_RELAXED);
    if (n > e->memory_bytes || used > e->memory_bytes - n)
        return ig_fail(IG_LIMIT,
                       "%" PRIu64 " more bytes of values after %" PRIu64
                       " exceed the limit memory_bytes of %" PRIu64
                       "; raise it in the limits of the run or model",
                       n, used, e->memory_bytes);
    (void)__atomic_add_fetch(&e->memory_used, n, __ATOMIC_RELAXED);
    return IG_OK;
}

ig_status igi_env_round(igi_env *e)
{
    if (e->rounds_left == 0)
        return ig_fail(IG_LIMIT,
                       "bodies have run %" PRIu64
                       " times, the limit loop_iterations; raise it in the limits of "
                       "the run or model",
                       e->rounds);
    e->rounds_left--;
    return igi_env_watched(e) ? igi_env_poll(e) : IG_OK;
}
