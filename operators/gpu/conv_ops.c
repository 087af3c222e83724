/* Conv, ingot::Conv, their gradients and ConvTranspose by cuDNN. */
#include "operators/common_convt.h"
#include "operators/common_fused.h"
#include "operators/gpu/conv.h"

#define IS_CONSTANT(k_, port_) (((k_)->constants >> (port_)&1) != 0)

/* ---- geometry: fills the window of a call ---- */

static ig_status conv_window(const ig_kernel_ctx *k, gpu_window *w)
{
    igi_conv c;
    const ig_tensor *x = ig_in(k, 0), *f = ig_in(k, 1), *y = ig_out(k, 0);
    igi_conv_set(&c, k->attrs, ig_rank(x), ig_dims(x), ig_dims(f), ig_dims(y));
    return gpu_window_of_conv(w, &c, false);
}

static ig_status nhwc_window(const ig_kernel_ctx *k, gpu_window *w)
{
    igi_conv c;
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const ig_tensor *x = ig_in(k, 0), *f = ig_in(k, 1), *y = ig_out(k, 0);
    igi_conv_attrs a = igi_nhwc_conv_plain(k->attrs);
    igi_dims_to_nchw(ig_rank(x), ig_dims(x), xd);
    igi_dims_to_nchw(ig_rank(y), ig_dims(y), yd);
    igi_conv_set(&c, &a, ig_rank(x), xd, ig_dims(f), yd);
    return gpu_window_of_conv(w, &c, true);
}

static ig_status grad_input_window(const ig_kernel_ctx *k, gpu_window *w)
{
    igi_conv c;
    const ig_tensor *dy = ig_in(k, 0), *f = ig_in(k, 1), *dx = ig_out(k, 0);
    igi_conv_set(&c, k->attrs, ig_rank(f), ig_dims(dx), ig_dims(f), ig_dims(dy));
    return gpu_window_of_conv(w, &c, false);
}

static ig_status grad_weight_window(const ig_kernel_ctx *k, gpu_window *w)
{
    igi_conv c;
    const ig_tensor *dy = ig_in(k, 0), *x = ig_in(k, 1), *df = ig_out(k, 0);
    igi_conv_set(&c, k->attrs, ig_rank(x), ig_dims(x), ig_dims(df), ig_dims(dy));
    return gpu_window_of_conv(w, &c, false);
}

/* The convolution from the result to the input. */
static ig_status transpose_window(const ig_kernel_ctx *k, gpu_window *w)
{
    igi_conv c;
    igi_conv_attrs plain;
    int64_t pads[2 * IG_RANK_MAX];
    const ig_tensor *x = ig_in(k, 0), *f = ig_in(k, 1), *y = ig_out(k, 0);
    igi_convt_plain(&plain, pads, k->attrs, ig_rank(x), ig_dims(x), ig_dims(f));
    igi_conv_set(&c, &plain, ig_rank(x), ig_dims(y), ig_dims(f), ig_dims(x));
    return gpu_window_of_conv(w, &c, false);
}

#define SUPPORTS(name_)                                                                \
    static ig_status name_##_supports(const ig_kernel_ctx *k)                          \
    {                                                                                  \
        gpu_window w;                                                                  \
        return name_##_window(k, &w);                                                  \
    }
SUPPORTS(conv)
SUPPORTS(nhwc)
SUPPORTS(grad_input)
SUPPORTS(grad_weight)
SUPPORTS(transpose)

/* ---- preparing and running ---- */

static ig_status conv_prepare(ig_kernel_ctx *k)
{
    gpu_conv c = {.direction = DNN_FORWARD,
                  .type = ig_dtype_of(ig_in(k, 0)),
                  .bias = ig_in(k, 2) != NULL,
                  .keeps = IS_CONSTANT(k, 1)};
    IG_TRY(conv_window(k, &c.w));
    return gpu_conv_prepare(k, &c);
}

static ig_status nhwc_prepare(ig_kernel_ctx *k)
{
    const igi_nhwc_conv_attrs *a = k->attrs;
    gpu_conv c = {.direction = DNN_FORWARD,
                  .type = ig_dtype_of(ig_in(k, 0)),
                  .bias = ig_in(k, 2) != NULL,
                  .residual = ig_in(k, 3) != NULL,
                  .act = {a->activation, a->act_a, a->act_b, a->residual_after != 0},
                  .keeps = IS_CONSTANT(k, 1)};
    IG_TRY(nhwc_window(k, &c.w));
    return gpu_conv_prepare(k, &c);
}

static void *data(const ig_tensor *t)
{
    return t ? ig_data(t) : NULL;
}

static ig_status forward_run(ig_kernel_ctx *k)
{
    const gpu_conv_data d = {.x = data(ig_in(k, 0)),
                             .w = data(ig_in(k, 1)),
                             .y = data(ig_out(k, 0)),
                             .bias = data(ig_in(k, 2)),
                             .residual = data(ig_in(k, 3))};
    return gpu_conv_run(k, &d);
}

static ig_status grad_input_prepare(ig_kernel_ctx *k)
{
    gpu_conv c = {.direction = DNN_DATA, .type = ig_dtype_of(ig_in(k, 0))};
    IG_TRY(grad_input_window(k, &c.w));
    return gpu_conv_prepare(k, &c);
}

static ig_status grad_input_run(ig_kernel_ctx *k)
{
    const gpu_conv_data d = {
        .y = data(ig_in(k, 0)), .w = data(ig_in(k, 1)), .x = data(ig_out(k, 0))};
    return gpu_conv_run(k, &d);
}

static ig_status grad_weight_prepare(ig_kernel_ctx *k)
{
    gpu_conv c = {.direction = DNN_FILTER, .type = ig_dtype_of(ig_in(k, 0))};
    IG_TRY(grad_weight_window(k, &c.w));
    return gpu_conv_prepare(k, &c);
}

static ig_status grad_weight_run(ig_kernel_ctx *k)
{
    const gpu_conv_data d = {
        .y = data(ig_in(k, 0)), .x = data(ig_in(k, 1)), .w = data(ig_out(k, 0))};
    return gpu_conv_run(k, &d);
}

static ig_status transpose_prepare(ig_kernel_ctx *k)
{
    gpu_conv c = {.direction = DNN_DATA,
                  .type = ig_dtype_of(ig_in(k, 0)),
                  .bias = ig_in(k, 2) != NULL};
    IG_TRY(transpose_window(k, &c.w));
    return gpu_conv_prepare(k, &c);
}

static ig_status transpose_run(ig_kernel_ctx *k)
{
    const gpu_conv_data d = {.y = data(ig_in(k, 0)),
                             .w = data(ig_in(k, 1)),
                             .x = data(ig_out(k, 0)),
                             .bias = data(ig_in(k, 2))};
    return gpu_conv_run(k, &d);
}

#define ROW(op_, name_, run_)                                                          \
    {                                                                                  \
        IG_KERNEL_HEAD, .op = op_, .name = "cudnn", .types = IG_FLOATS,                \
                        .needs = IG_NEED_NONEMPTY | IG_KERNEL_HEAVY,                   \
                        .supports = name_##_supports, .prepare = name_##_prepare,      \
                        .run = run_, .unprepare = gpu_conv_unprepare                   \
    }

GPU_TABLE(conv) = {
    ROW("Conv", conv, forward_run),
    ROW("ingot::Conv", nhwc, forward_run),
    ROW("ingot::ConvGradInput", grad_input, grad_input_run),
    ROW("ingot::ConvGradWeight", grad_weight, grad_weight_run),
    ROW("ConvTranspose", transpose, transpose_run),
    {0},
};
