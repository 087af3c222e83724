/* MaxPool without Indices, AveragePool, their channels-last forms, and AveragePoolGrad,
 * by cuDNN's resampling.
 *
 * Ends of pads are recomputed from the sizes: as far as the last window reaches, which
 * is what floor and ceil_mode come to. cuDNN divides by all taps or by those inside the
 * input; ours counts padding but not what lies beyond it, so a window that reaches
 * there while padding counts is refused. */
#include "operators/common_fused.h"
#include "operators/gpu/cuda.h"
#include "operators/gpu/dnn.h"
#include "operators/gpu/shape.h"

typedef struct pool_state {
    gpu_window w;
    cudnnResampleMode_t mode;
    bool backward;
    cudnnDataType_t type;
    dnn_plan *plan;
} pool_state;

/* ---- geometry ---- */

typedef struct pool_call {
    igi_window_spec spec;
    const ig_tensor *x, *y; /* of the forward pass: shapes only */
    cudnnResampleMode_t mode;
    bool counts_pads, last, backward;
} pool_call;

static ig_status set_ends(gpu_window *w, bool counts_pads)
{
    for (int i = 0; i < w->axes; i++) {
        int64_t reach =
            (w->y[2 + i] - 1) * w->stride[i] + w->kernel[i] - w->x[2 + i] - w->pre[i];
        if (w->dilation[i] != 1)
            return ig_reject("dilations");
        if (counts_pads && reach > w->post[i])
            return ig_reject("a window beyond padding that counts");
        w->post[i] = reach > 0 ? reach : 0;
    }
    return IG_OK;
}

static ig_status set_window(gpu_window *w, const pool_call *c)
{
    igi_window geometry;
    int64_t xd[IG_RANK_MAX] = {0}, yd[IG_RANK_MAX] = {0};
    int rank = ig_rank(c->x);
    for (int i = 0; i < rank; i++) {
        xd[i] = ig_dims(c->x)[i];
        yd[i] = ig_dims(c->y)[i];
    }
    if (c->last) {
        igi_dims_to_nchw(rank, ig_dims(c->x), xd);
        igi_dims_to_nchw(rank, ig_dims(c->y), yd);
    }
    igi_pool_set(&geometry, &c->spec, rank, xd, yd);
    IG_TRY(gpu_window_of_pool(w, &geometry, xd[0], xd[1], c->last));
    return set_ends(w, c->counts_pads);
}

/* ---- planning and running ---- */

static void build(dnn_graph *g, const void *user)
{
    const pool_state *s = user;
    const gpu_window *w = &s->w;
    const dnn_axes axes = {w->axes, w->pre, w->post, w->stride, w->dilation};
    dnn_desc x = dnn_tensor(g, s->type, w->rank, w->x, w->xs);
    dnn_desc y = dnn_tensor(g, s->type, w->rank, w->y, w->ys);
    dnn_pool(g, s->mode, dnn_compute(s->type), &axes, w->kernel, s->backward, x, y);
}

static void unprepare(ig_kernel_ctx *k)
{
    pool_state *s = k->state;
    if (!s)
        return;
    dnn_plan_free(s->plan);
    gpu_heap_free(s);
    k->state = NULL;
}

static ig_status prepare(ig_kernel_ctx *k, const pool_call *c)
{
    ig_dtype type = ig_dtype_of(ig_in(k, 0));
    pool_state *s = gpu_heap(1, sizeof(*s));
    if (!s)
        return ig_kernel_fail(k, IG_OUT_OF_MEMORY, "out of memory for its state");
    k->state = s;
    s->mode = c->mode;
    s->backward = c->backward;
    s->type = (cudnnDataType_t)dnn_type(type);
    ig_status rc = set_window(&s->w, c);
    if (rc == IG_OK)
        rc = dnn_plan_for(k, &s->plan, (dnn_recipe){build, s}, type);
    if (rc != IG_OK) {
        unprepare(k);
        return rc;
    }
    k->scratch_bytes = (size_t)s->plan->workspace;
    return IG_OK;
}

static ig_status run(ig_kernel_ctx *k)
{
    const pool_state *s = k->state;
    void *in = ig_data(ig_in(k, 0)), *out = ig_data(ig_out(k, 0));
    void *memory[2] = {s->backward ? out : in, s->backward ? in : out};
    return dnn_plan_run(k, s->plan, memory, k->scratch);
}

/* ---- the operators ---- */

static cudnnResampleMode_t average(int64_t counts_pads)
{
    return counts_pads ? CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING
                       : CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING;
}

static pool_call max_call(const ig_kernel_ctx *k)
{
    return (pool_call){.spec = igi_max_pool_spec(k->attrs),
                       .x = ig_in(k, 0),
                       .y = ig_out(k, 0),
                       .mode = CUDNN_RESAMPLE_MAXPOOL};
}

static pool_call nhwc_max_call(const ig_kernel_ctx *k)
{
    return (pool_call){.spec = igi_pool_spec(k->attrs),
                       .x = ig_in(k, 0),
                       .y = ig_out(k, 0),
                       .mode = CUDNN_RESAMPLE_MAXPOOL,
                       .last = true};
}

static pool_call average_call(const ig_kernel_ctx *k)
{
    const igi_average_pool_attrs *a = k->attrs;
    return (pool_call){.spec = igi_average_pool_spec(a),
                       .x = ig_in(k, 0),
                       .y = ig_out(k, 0),
                       .mode = average(a->count_include_pad),
                       .counts_pads = a->count_include_pad != 0};
}

static pool_call nhwc_average_call(const ig_kernel_ctx *k)
{
    pool_call c = average_call(k);
    c.last = true;
    return c;
}

static pool_call average_grad_call(const ig_kernel_ctx *k)
{
    pool_call c = average_call(k);
    c.x = ig_out(k, 0);
    c.y = ig_in(k, 0);
    c.backward = true;
    return c;
}

static ig_status check(const pool_call *c)
{
    gpu_window w;
    return set_window(&w, c);
}

static ig_status max_supports(const ig_kernel_ctx *k)
{
    pool_call c = max_call(k);
    return k->n_out > 1 && ig_out(k, 1) ? ig_reject("Indices are wanted") : check(&c);
}

static ig_status max_prepare(ig_kernel_ctx *k)
{
    pool_call c = max_call(k);
    return prepare(k, &c);
}

#define SUPPORTS_AND_PREPARE(name_)                                                    \
    static ig_status name_##_supports(const ig_kernel_ctx *k)                          \
    {                                                                                  \
        pool_call c = name_##_call(k);                                                 \
        return check(&c);                                                              \
    }                                                                                  \
    static ig_status name_##_prepare(ig_kernel_ctx *k)                                 \
    {                                                                                  \
        pool_call c = name_##_call(k);                                                 \
        return prepare(k, &c);                                                         \
    }
SUPPORTS_AND_PREPARE(nhwc_max)
SUPPORTS_AND_PREPARE(average)
SUPPORTS_AND_PREPARE(nhwc_average)
SUPPORTS_AND_PREPARE(average_grad)

#define ROW(op_, name_)                                                                \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "cudnn", .types = IG_FLOATS,                \
                        .needs = IG_NEED_NONEMPTY, .supports = name_##_supports,       \
                        .prepare = name_##_prepare, .run = run, .unprepare = unprepare \
    }

GPU_TABLE(pools) = {
    ROW("MaxPool", max),
    ROW("ingot::MaxPool", nhwc_max),
    ROW("AveragePool", average),
    ROW("ingot::AveragePool", nhwc_average),
    ROW("ingot::AveragePoolGrad", average_grad),
    {0},
};
