/* The graph of a convolution, and what of its end belongs to it. */
#include "operators/common_act_kind.h"
#include "operators/gpu/conv.h"

bool gpu_conv_fuses(const gpu_act *a, bool residual, dnn_point *p)
{
    *p = (dnn_point){.mode = CUDNN_POINTWISE_RELU_FWD};
    if (residual && a->after)
        return false;
    switch (a->kind) {
    case IGI_ACT_NONE:
        p->mode = CUDNN_POINTWISE_IDENTITY;
        return true;
    case IGI_ACT_RELU:
        return true;
    default:
        return false;
    }
}

static dnn_desc sum(dnn_graph *g, const gpu_conv *c, dnn_desc a, dnn_desc b, dnn_desc y)
{
    const gpu_window *w = &c->w;
    cudnnDataType_t compute = dnn_compute((cudnnDataType_t)dnn_type(c->type));
    dnn_point p = {.mode = CUDNN_POINTWISE_ADD, .compute = compute};
    if (!y)
        y = dnn_between(g, compute, w->rank, w->y, w->ys);
    dnn_pointwise(g, &p, a, b, NULL, y);
    return y;
}

/* v + residual + bias, then the activation into y. */
static void build_end(dnn_graph *g, const gpu_conv *c, dnn_desc v)
{
    const gpu_window *w = &c->w;
    const int64_t dims[GPU_RANK_MAX] = {1, w->y[1], 1, 1, 1};
    int64_t strides[GPU_RANK_MAX];
    cudnnDataType_t type = (cudnnDataType_t)dnn_type(c->type);
    dnn_desc bias = NULL, residual = NULL;
    dnn_point act;
    (void)gpu_conv_fuses(&c->act, c->residual, &act);
    bool acts = act.mode != CUDNN_POINTWISE_IDENTITY;
    gpu_dense(w->rank, dims, w->last, strides);
    if (c->bias)
        bias = dnn_tensor(g, type, w->rank, dims, strides);
    if (c->residual)
        residual = dnn_tensor(g, type, w->rank, w->y, w->ys);
    dnn_desc y = dnn_tensor(g, type, w->rank, w->y, w->ys);
    if (residual)
        v = sum(g, c, v, residual, bias || acts ? NULL : y);
    if (bias)
        v = sum(g, c, v, bias, acts ? NULL : y);
    act.compute = dnn_compute(type);
    if (acts)
        dnn_pointwise(g, &act, v, NULL, NULL, y);
}

void gpu_conv_build(dnn_graph *g, const void *conv)
{
    const gpu_conv *c = conv;
    const gpu_window *w = &c->w;
    cudnnDataType_t type = (cudnnDataType_t)dnn_type(c->type),
                    compute = dnn_compute(type);
    const dnn_axes axes = {w->axes, w->pre, w->post, w->stride, w->dilation};
    dnn_desc x = dnn_tensor(g, type, w->rank, w->x, w->xs);
    dnn_desc f = dnn_tensor(g, type, w->rank, w->w, w->ws);
    dnn_desc window = dnn_window(g, compute, &axes);
    bool end = c->fused && (c->bias || c->residual || c->act.kind != IGI_ACT_NONE);
    dnn_desc y = end ? dnn_between(g, compute, w->rank, w->y, w->ys)
                     : dnn_tensor(g, type, w->rank, w->y, w->ys);
    dnn_convolve(g, c->direction, window, x, f, y);
    if (end)
        build_end(g, c, y);
}
