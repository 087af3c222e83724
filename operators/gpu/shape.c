/* Sizes, strides and pads for cuDNN. */
#include "operators/gpu/shape.h"

#include "graph/core/checked.h"

void gpu_dense(int rank, const int64_t *dims, bool last, int64_t *strides)
{
    int64_t step = 1;
    if (last) {
        strides[1] = 1;
        step = dims[1];
    }
    for (int i = rank - 1; i >= 0; i--) {
        if (last && i == 1)
            continue;
        strides[i] = step;
        step *= dims[i];
    }
}

int64_t gpu_count(int rank, const int64_t *dims)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        n *= dims[i];
    return n;
}

/* No dim, and no tensor as a whole, has more elements than an int counts (V14). */
static bool fits(int rank, const int64_t *dims)
{
    int64_t n = 1;
    for (int i = 0; i < rank; i++)
        if (dims[i] < 1 || !igi_mul_i64(n, dims[i], &n) || n > INT32_MAX)
            return false;
    return true;
}

static ig_status set_axes(gpu_window *g, const igi_window *w)
{
    if (w->rank > GPU_AXES)
        return ig_reject("more than three spatial axes");
    int missing = w->rank == 1 ? 1 : 0; /* axes of size 1 before the given ones */
    g->axes = w->rank + missing;
    g->rank = g->axes + 2;
    for (int i = 0; i < g->axes; i++) {
        static const igi_window_axis one = {1, 1, 1, 1, 1, 0, 0};
        const igi_window_axis *a = i < missing ? &one : &w->axis[i - missing];
        g->x[2 + i] = a->in;
        g->y[2 + i] = a->out;
        g->kernel[i] = a->kernel;
        g->stride[i] = a->stride;
        g->dilation[i] = a->dilation;
        g->pre[i] = a->pad;
        g->post[i] = a->pad_end > 0 ? a->pad_end : 0;
        if (a->kernel > INT32_MAX || a->stride > INT32_MAX || a->dilation > INT32_MAX ||
            a->pad > INT32_MAX || a->pad_end > INT32_MAX)
            return ig_reject("a window beyond 32 bits");
    }
    return IG_OK;
}

static ig_status set_strides(gpu_window *g)
{
    if (!fits(g->rank, g->x) || !fits(g->rank, g->y))
        return ig_reject("tensors that are empty or have more than 2^31 elements");
    gpu_dense(g->rank, g->x, g->last, g->xs);
    gpu_dense(g->rank, g->y, g->last, g->ys);
    return IG_OK;
}

ig_status gpu_window_of_conv(gpu_window *g, const igi_conv *c, bool last)
{
    *g = (gpu_window){.last = last};
    IG_TRY(set_axes(g, &c->w));
    g->x[0] = g->y[0] = c->batch;
    g->x[1] = c->group * c->c;
    g->y[1] = c->group * c->m;
    g->w[0] = c->group * c->m;
    g->w[1] = c->c;
    for (int i = 0; i < g->axes; i++)
        g->w[2 + i] = g->kernel[i];
    if (!fits(g->rank, g->w))
        return ig_reject("weights that are empty or have more than 2^31 elements");
    gpu_dense(g->rank, g->w, last, g->ws);
    return set_strides(g);
}

ig_status gpu_window_of_pool(
    gpu_window *g, const igi_window *w, int64_t batch, int64_t channels, bool last)
{
    *g = (gpu_window){.last = last};
    IG_TRY(set_axes(g, w));
    g->x[0] = g->y[0] = batch;
    g->x[1] = g->y[1] = channels;
    return set_strides(g);
}
