/* Convolutions by cuDNN: planning and running one.
 *
 * The end of a fused convolution is offered to cuDNN as part of the graph: y = act(conv
 * + residual + bias) with the activations that it has compiled in. Where it refuses, or
 * the activation is another one, the plain convolution is followed by
 * gpu_epilogue_run. Then a residual may be the memory of the result, so the convolution
 * writes to scratch.
 *
 * Weights come as [M, C, kernel...]. Beside channels-last tensors cuDNN wants them
 * channels-last too: they are moved, once for constants. */
#include "operators/gpu/conv.h"

#include "operators/common_act_kind.h"
#include "operators/gpu/cuda.h"

/* ---- preparing ---- */

static size_t bytes_of(const gpu_conv *c, const int64_t *dims)
{
    return (size_t)gpu_count(c->w.rank, dims) * (size_t)ig_dtype_bits(c->type) / 8;
}

static bool has_end(const gpu_conv *c)
{
    return c->bias || c->residual || c->act.kind != IGI_ACT_NONE;
}

static ig_status plan(ig_kernel_ctx *k, gpu_conv *c)
{
    dnn_recipe recipe = {gpu_conv_build, c};
    dnn_point p;
    c->fused = c->direction == DNN_FORWARD && gpu_conv_fuses(&c->act, c->residual, &p);
    if (c->fused) {
        ig_status rc = dnn_plan_for(k, &c->plan, recipe, c->type);
        if (rc != IG_UNSUPPORTED || !has_end(c))
            return rc;
        c->fused = false;
    }
    return dnn_plan_for(k, &c->plan, recipe, c->type);
}

/* Reserves bytes of the scratch, whose begin is aligned to 256. */
static size_t reserve(ig_kernel_ctx *k, size_t bytes)
{
    size_t at = k->scratch_bytes;
    k->scratch_bytes += (bytes + 255) & ~(size_t)255;
    return at;
}

/* Channels-last weights of one tap or of one channel lie as they come. */
static bool moves_filter(const gpu_window *w)
{
    int64_t taps = gpu_count(w->axes, w->kernel);
    return w->last && taps > 1 && w->w[1] > 1;
}

ig_status gpu_conv_prepare(ig_kernel_ctx *k, const gpu_conv *given)
{
    gpu_conv *c = gpu_heap(1, sizeof(*c));
    if (!c)
        return ig_kernel_fail(k, IG_OUT_OF_MEMORY, "out of memory for its state");
    *c = *given;
    k->state = c;
    ig_status rc = plan(k, c);
    if (rc == IG_OK && moves_filter(&c->w) && c->keeps)
        rc = gpu_memory_alloc(k->queue, bytes_of(c, c->w.w), &c->filter);
    if (rc != IG_OK) {
        gpu_conv_unprepare(k);
        return rc;
    }
    if (!c->fused && c->residual)
        c->at_plain = reserve(k, bytes_of(c, c->w.y));
    if (moves_filter(&c->w) && !c->filter)
        c->at_filter = reserve(k, bytes_of(c, c->w.w));
    c->at_work = reserve(k, (size_t)c->plan->workspace);
    return IG_OK;
}

void gpu_conv_unprepare(ig_kernel_ctx *k)
{
    gpu_conv *c = k->state;
    if (!c)
        return;
    dnn_plan_free(c->plan);
    if (c->filter) /* by no queue: this one may be gone */
        (void)cudaFree(c->filter);
    gpu_heap_free(c);
    k->state = NULL;
}

/* ---- running ---- */

/* The weights in cuDNN's order. What a capture moves is moved at each replay, too. */
static ig_status ordered_filter(ig_kernel_ctx *k, gpu_conv *c, void **w)
{
    const cuda_queue *q = k->queue;
    int64_t strides[GPU_RANK_MAX];
    void *to = c->filter ? c->filter : k->scratch + c->at_filter;
    if (!moves_filter(&c->w))
        return IG_OK;
    if (!c->filled) {
        gpu_dense(c->w.rank, c->w.w, false, strides);
        IG_TRY(gpu_move(k->queue, (size_t)ig_dtype_bits(c->type) / 8, c->w.rank, c->w.w,
                        to, c->w.ws, *w, strides));
        c->filled = c->filter && !q->capturing;
    }
    *w = to;
    return IG_OK;
}

static ig_status finish(const ig_kernel_ctx *k,
                        const gpu_conv *c,
                        const gpu_conv_data *d,
                        const void *v,
                        void *y)
{
    const gpu_window *w = &c->w;
    const int64_t *dims = c->direction == DNN_DATA ? w->x : w->y;
    gpu_epilogue e = {.type = c->type,
                      .n = gpu_count(w->rank, dims),
                      .channels = dims[1],
                      .inner = w->last ? 1 : gpu_count(w->axes, dims + 2),
                      .v = v,
                      .bias = d->bias,
                      .residual = d->residual,
                      .y = y,
                      .act = c->act};
    return gpu_epilogue_run(k, &e);
}

ig_status gpu_conv_run(ig_kernel_ctx *k, const gpu_conv_data *d)
{
    gpu_conv *c = k->state;
    void *w = d->w, *work = k->scratch + c->at_work;
    if (c->direction != DNN_FILTER)
        IG_TRY(ordered_filter(k, c, &w));
    if (c->fused && has_end(c)) {
        void *memory[5] = {d->x, w};
        int n = 2;
        if (d->bias)
            memory[n++] = (void *)(uintptr_t)d->bias;
        if (d->residual)
            memory[n++] = (void *)(uintptr_t)d->residual;
        memory[n] = d->y;
        return dnn_plan_run(k, c->plan, memory, work);
    }
    bool ends = has_end(c);
    void *y = ends && d->residual ? k->scratch + c->at_plain : d->y;
    void *memory[3] = {d->x, w, y};
    IG_TRY(dnn_plan_run(k, c->plan, memory, work));
    if (!ends)
        return IG_OK;
    return c->direction == DNN_DATA ? finish(k, c, d, d->x, d->x)
                                    : finish(k, c, d, y, d->y);
}
