/* Services behind a kernel of a single call, and the ways to run it. */
#include "graph/runtime/call.h"

#include "graph/core/alloc.h"
#include "graph/core/rng.h"
#include "graph/runtime/bodies.h"
#include "graph/runtime/instance.h"
#include "graph/runtime/remote.h"

/* ---- services of a kernel ---- */

/* Refuses what passes a limit; calls give memory back, so nothing stays charged. */
static ig_status fits(igi_invoker *v, size_t bytes)
{
    IG_TRY(igi_env_charge(&v->env, bytes));
    v->env.memory_used -= v->env.memory_used < bytes ? v->env.memory_used : bytes;
    return IG_OK;
}

ig_status
igi_call_copy(igi_invoker *v, igi_pool *pool, const ig_tensor *t, ig_tensor **out)
{
    *out = NULL;
    IG_TRY(fits(v, ig_tensor_nbytes(t)));
    return igi_tensor_contiguous_copy(out, pool, t);
}

ig_status
igi_call_tensor(igi_invoker *v, igi_queue *q, const ig_type *type, ig_tensor **out)
{
    int64_t count;
    size_t bytes = 0;
    const int64_t *dims = ig_type_dims(type);
    ig_dtype dtype = (ig_dtype)type->dtype;
    if (!igi_dims_count(type->rank, dims, &count) ||
        !igi_dtype_bytes(dtype, count, &bytes))
        return ig_fail(IG_LIMIT, "the size of an output overflows");
    IG_TRY(fits(v, bytes));
    if (q)
        return igi_queue_tensor(out, q, dtype, type->rank, dims);
    IG_TRY(igi_tensor_header(out, v->pool, dtype, type->rank, dims));
    ig_status rc = igi_tensor_alloc(*out, v->pool);
    if (rc != IG_OK) {
        ig_tensor_unref(*out);
        *out = NULL;
    }
    return rc;
}

static ig_status serve_out_alloc(ig_kernel_ctx *k, int i, int rank, const int64_t *dims)
{
    igi_frame *f = k->rt_self;
    ig_value *old = i >= 0 && i < k->n_out ? k->out[i] : NULL;
    if (!old || old->type.kind != IG_KIND_TENSOR || rank < 0 || rank > IG_RANK_MAX)
        return ig_kernel_fail(
            k, IG_INTERNAL,
            "out_alloc of output %d, rank %d, which is no wanted tensor", i, rank);
    ig_type type = {0};
    IG_TRY(igi_type_set(&type, (ig_dtype)old->type.dtype, rank, dims));
    ig_tensor *t = NULL;
    ig_status rc = igi_call_tensor(f->v, f->queue, &type, &t);
    igi_type_fini(&type);
    if (rc != IG_OK)
        return rc;
    ig_value_unref(old);
    k->out[i] = &t->v;
    return IG_OK;
}

static ig_status serve_out_give(ig_kernel_ctx *k, int i, ig_value *value)
{
    if (i < 0 || i >= k->n_out || !k->out[i] || !value) {
        ig_value_unref(value);
        return ig_kernel_fail(k, IG_INTERNAL,
                              "out_give of output %d, which is not wanted", i);
    }
    ig_value_unref(k->out[i]);
    k->out[i] = value;
    return IG_OK;
}

static ig_status serve_run_graph(ig_kernel_ctx *k,
                                 const ig_graph *body,
                                 ig_value *const *in,
                                 int n_in,
                                 ig_value **out,
                                 int n_out)
{
    igi_frame *f = k->rt_self;
    igi_invoker *v = f->v;
    igi_env env = v->env;
    /* every round of every call has random numbers of its own */
    env.seed = igi_mix64(igi_mix64(env.seed ^ k->draw) + f->rounds++);
    ig_status rc = igi_env_round(&env);
    if (rc == IG_OK)
        rc = igi_body_run(v, body, &env, in, n_in, out, n_out);
    v->env.rounds_left = env.rounds_left;
    return rc;
}

static ig_status serve_charge(ig_kernel_ctx *k, int64_t bytes)
{
    return igi_env_hold(&((igi_frame *)k->rt_self)->v->env, bytes);
}

static const void *serve_pack(ig_kernel_ctx *k,
                              int port,
                              const char *key,
                              size_t bytes,
                              ig_pack_fn fill,
                              void *user)
{
    const igi_instance *x = ((igi_frame *)k->rt_self)->v->owner;
    return igi_pack_input(x ? &x->net->weights->packs : NULL, k, port, key, bytes, fill,
                          user);
}

static ig_status serve_poll(ig_kernel_ctx *k)
{
    return igi_env_poll(&((igi_frame *)k->rt_self)->v->env);
}

static void serve_barrier(ig_kernel_ctx *k)
{
    igi_barrier *b = ((igi_frame *)k->rt_self)->barrier;
    if (b)
        (void)igi_barrier_wait(b);
}

const ig_run_api igi_call_services = {.struct_size = sizeof(igi_call_services),
                                      .out_alloc = serve_out_alloc,
                                      .out_give = serve_out_give,
                                      .run_graph = serve_run_graph,
                                      .pack = serve_pack,
                                      .poll = serve_poll,
                                      .barrier = serve_barrier,
                                      .charge = serve_charge};

/* ---- running the chosen kernel ---- */

static void team_member(void *arg, int tid, int nth)
{
    ig_kernel_ctx *k = arg;
    igi_frame *f = k->rt_self;
    if (nth !=
        k->threads) { /* fewer threads than promised: nobody to meet at barriers */
        if (tid != 0)
            return;
        f->barrier = NULL;
        nth = 1;
    }
    if (f->kernel->run_team(k, tid, nth) == IG_OK)
        return;
    if (atomic_exchange(&f->failed, 1) == 0)
        igi_error_get(f->error);
}

static ig_status run_team(igi_frame *f, ig_kernel_ctx *k)
{
    igi_barrier barrier;
    if (k->threads <= 1)
        return f->kernel->run_team(k, 0, 1);
    igi_error error;
    igi_barrier_init(&barrier, k->threads);
    f->barrier = &barrier;
    f->error = &error;
    atomic_init(&f->failed, 0);
    igi_team_run(f->v->host, team_member, k, k->threads);
    f->barrier = NULL;
    return atomic_load(&f->failed) ? igi_error_set(&error) : IG_OK;
}

static ig_status run_bare(igi_frame *f, ig_kernel_ctx *k)
{
    const ig_kernel_def *d = f->kernel;
    return !d           ? f->op->def->reference(k)
           : d->run     ? d->run(k)
           : d->run_own ? d->run_own(k)
                        : run_team(f, k);
}

/* Prepared kernels take the invoker's scratch with them, so that nested calls get their
 * own. */
static ig_status run_prepared(igi_frame *f, ig_kernel_ctx *k, igi_prepared_entry *e)
{
    igi_invoker *v = f->v;
    char *scratch = v->scratch;
    size_t have = v->scratch_bytes, need = k->scratch_bytes * (size_t)k->threads;
    v->scratch = NULL;
    v->scratch_bytes = 0;
    ig_status rc = IG_OK;
    if (need > have) {
        igi_free(scratch);
        scratch = igi_alloc(need);
        have = scratch ? need : 0;
        rc = scratch ? IG_OK : IG_OUT_OF_MEMORY;
    }
    k->scratch = scratch;
    if (rc == IG_OK)
        rc = run_bare(f, k);
    k->state = k->scratch = NULL;
    k->scratch_bytes = 0;
    igi_prepared_put(v->prepared, e);
    igi_free(v->scratch);
    v->scratch = scratch;
    v->scratch_bytes = have;
    return rc;
}

/* The same on a device, with scratch of its memory for this run. */
static ig_status
run_prepared_there(igi_frame *f, ig_kernel_ctx *k, igi_prepared_entry *e)
{
    size_t bytes = k->scratch_bytes;
    ig_status rc = bytes ? igi_queue_alloc(f->queue, bytes, &k->scratch) : IG_OK;
    if (rc == IG_OK)
        rc = run_bare(f, k);
    if (bytes)
        igi_queue_release(f->queue, k->scratch, bytes);
    k->state = k->scratch = NULL;
    k->scratch_bytes = 0;
    igi_prepared_put(f->v->prepared, e);
    return rc;
}

ig_status igi_call_run_slow(igi_frame *f, ig_kernel_ctx *k)
{
    igi_prepared_entry *e = NULL;
    int device = f->queue ? f->queue->device : 0;
    while (f->kernel && f->kernel->prepare) {
        ig_status rc = igi_prepared_get(&f->v->prepared, f->op, f->kernel, k, &e);
        if (rc == IG_OK)
            return device ? run_prepared_there(f, k, e) : run_prepared(f, k, e);
        if (rc != IG_UNSUPPORTED)
            return rc;
        /* Its supports said yes, its prepare no: the next kernel. */
        f->kernel = igi_select_after(f->op, device, k,
                                     igi_facts_for(k, f->v->deterministic), f->kernel);
    }
    if (!f->kernel && device)
        return IG_UNSUPPORTED; /* as if none had been there */
    return run_bare(f, k);
}

int igi_call_threads(const igi_invoker *v,
                     const ig_kernel_ctx *k,
                     const ig_kernel_def *kernel)
{
    if (v->threads <= 1)
        return 1;
    int64_t work = 0;
    for (int i = 0; i < k->n_in + k->n_out; i++) {
        const ig_value *x = i < k->n_in ? k->in[i] : k->out[i - k->n_in];
        if (x && x->type.kind == IG_KIND_TENSOR)
            work += igi_tensor_count((const ig_tensor *)x);
    }
    return work >= igi_parallel_work(kernel) ? v->threads : 1;
}
