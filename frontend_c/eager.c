/* Short forms of operators: options filled in, small integer lists made into tensors.
 */
#include <ingot/eager.h>

#include "frontend_c/ctx.h"
#include "frontend_c/wrap.h"
#include "graph/core/dtype.h"

#define UNARY(name_, op_)                                                              \
    ig_tensor *ig_##name_##_at(const char *where, ig_ctx *c, ig_tensor *x)             \
    {                                                                                  \
        static const ig_op_def *op;                                                    \
        return igi_call(c, where, igi_op_once(&op, op_), NULL, &x, 1);                 \
    }
#define BINARY(name_, op_)                                                             \
    ig_tensor *ig_##name_##_at(const char *where, ig_ctx *c, ig_tensor *a,             \
                               ig_tensor *b)                                           \
    {                                                                                  \
        static const ig_op_def *op;                                                    \
        ig_tensor *in[2] = {a, b};                                                     \
        return igi_call(c, where, igi_op_once(&op, op_), NULL, in, 2);                 \
    }

UNARY(neg, "Neg")
UNARY(abs, "Abs")
UNARY(exp, "Exp")
UNARY(log, "Log")
UNARY(sqrt, "Sqrt")
UNARY(reciprocal, "Reciprocal")
UNARY(relu, "Relu")
UNARY(sigmoid, "Sigmoid")
UNARY(tanh, "Tanh")
UNARY(erf, "Erf")
BINARY(add, "Add")
BINARY(sub, "Sub")
BINARY(mul, "Mul")
BINARY(div, "Div")
BINARY(pow, "Pow")
BINARY(maximum, "Max")
BINARY(minimum, "Min")
BINARY(eq, "Equal")
BINARY(lt, "Less")
BINARY(gt, "Greater")
BINARY(matmul, "MatMul")

/* ---- arguments that are tensors in ONNX ---- */

static ig_tensor *ints(ig_ctx *c, const char *where, const int64_t *v, int n)
{
    ig_shape shape = {1, (const int64_t[]){n}};
    return ig_from_at(where, c, IG_INT64, shape, v);
}

static ig_tensor *one_int(ig_ctx *c, const char *where, int64_t v)
{
    return ints(c, where, &v, 1);
}

/* A number in x's type; x NULL: NULL. */
static ig_tensor *like(ig_ctx *c, const char *where, const ig_tensor *x, double v)
{
    return x ? ig_scalar_at(where, c, ig_tensor_dtype(x), v) : NULL;
}

ig_tensor *ig_add_scalar_at(const char *where, ig_ctx *c, ig_tensor *x, double s)
{
    return ig_add_at(where, c, x, like(c, where, x, s));
}

ig_tensor *ig_mul_scalar_at(const char *where, ig_ctx *c, ig_tensor *x, double s)
{
    return ig_mul_at(where, c, x, like(c, where, x, s));
}

ig_tensor *ig_pow_scalar_at(const char *where, ig_ctx *c, ig_tensor *x, double s)
{
    return ig_pow_at(where, c, x, like(c, where, x, s));
}

ig_tensor *ig_leaky_relu_at(const char *where, ig_ctx *c, ig_tensor *x, double alpha)
{
    ig_leaky_relu_opts o = IG_LEAKY_RELU_OPTS_INIT;
    o.alpha = (float)alpha;
    return ig_op_leaky_relu_at(where, c, x, &o);
}

ig_tensor *ig_gelu_at(const char *where, ig_ctx *c, ig_tensor *x, int approximate)
{
    ig_gelu_opts o = IG_GELU_OPTS_INIT;
    o.approximate = approximate;
    return ig_op_gelu_at(where, c, x, &o);
}

ig_tensor *ig_clamp_at(const char *where, ig_ctx *c, ig_tensor *x, double lo, double hi)
{
    return ig_op_clip_at(where, c, x, like(c, where, x, lo), like(c, where, x, hi));
}

ig_tensor *
ig_where_at(const char *where, ig_ctx *c, ig_tensor *cond, ig_tensor *a, ig_tensor *b)
{
    return ig_op_where_at(where, c, cond, a, b);
}

ig_tensor *ig_cast_at(const char *where, ig_ctx *c, ig_tensor *x, ig_dtype dtype)
{
    ig_cast_opts o = IG_CAST_OPTS_INIT;
    o.to = dtype;
    return ig_op_cast_at(where, c, x, &o);
}

/* ---- reductions ---- */

static ig_tensor *axes_of(ig_ctx *c, const char *where, int64_t axis)
{
    return axis == IG_ALL ? NULL : one_int(c, where, axis);
}

ig_tensor *
ig_sum_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, bool keepdim)
{
    ig_reduce_sum_opts o = IG_REDUCE_SUM_OPTS_INIT;
    o.keepdims = keepdim;
    return ig_op_reduce_sum_at(where, c, x, axes_of(c, where, axis), &o);
}

ig_tensor *
ig_mean_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, bool keepdim)
{
    ig_reduce_mean_opts o = IG_REDUCE_MEAN_OPTS_INIT;
    o.keepdims = keepdim;
    return ig_op_reduce_mean_at(where, c, x, axes_of(c, where, axis), &o);
}

ig_tensor *
ig_amax_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, bool keepdim)
{
    ig_reduce_max_opts o = IG_REDUCE_MAX_OPTS_INIT;
    o.keepdims = keepdim;
    return ig_op_reduce_max_at(where, c, x, axes_of(c, where, axis), &o);
}

ig_tensor *
ig_argmax_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, bool keepdim)
{
    ig_arg_max_opts o = IG_ARG_MAX_OPTS_INIT;
    if (axis == IG_ALL) {
        x = ig_reshape_at(where, c, x, (ig_shape){1, (const int64_t[]){-1}});
        axis = 0;
    }
    o.axis = axis;
    o.keepdims = keepdim;
    return ig_op_arg_max_at(where, c, x, &o);
}

/* ---- layers ---- */

ig_tensor *
ig_linear_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *w, ig_tensor *b)
{
    if (x && ig_tensor_rank(x) == 2) {
        ig_gemm_opts o = IG_GEMM_OPTS_INIT;
        o.transB = 1;
        return ig_op_gemm_at(where, c, x, w, b, &o);
    }
    ig_tensor *y = ig_matmul_at(where, c, x, ig_transpose_at(where, c, w, 0, 1));
    return b ? ig_add_at(where, c, y, b) : y;
}

static ig_ints list(const int64_t *v, int n)
{
    return (ig_ints){n, v};
}

ig_tensor *ig_conv2d_at(const char *where,
                        ig_ctx *c,
                        ig_tensor *x,
                        ig_tensor *w,
                        ig_tensor *b,
                        int64_t stride,
                        int64_t pad)
{
    ig_conv_opts o = IG_CONV_OPTS_INIT;
    int64_t s[2] = {stride, stride}, p[4] = {pad, pad, pad, pad};
    o.strides = list(s, 2);
    o.pads = list(p, 4);
    return ig_op_conv_at(where, c, x, w, b, &o);
}

ig_tensor *ig_max_pool2d_at(const char *where,
                            ig_ctx *c,
                            ig_tensor *x,
                            int64_t kernel,
                            int64_t stride,
                            int64_t pad)
{
    ig_max_pool_opts o = IG_MAX_POOL_OPTS_INIT;
    int64_t k[2] = {kernel, kernel}, s[2] = {stride, stride},
            p[4] = {pad, pad, pad, pad};
    o.kernel_shape = list(k, 2);
    o.strides = list(s, 2);
    o.pads = list(p, 4);
    return ig_op_max_pool_at(where, c, x, &o, NULL);
}

ig_tensor *ig_avg_pool2d_at(const char *where,
                            ig_ctx *c,
                            ig_tensor *x,
                            int64_t kernel,
                            int64_t stride,
                            int64_t pad)
{
    ig_average_pool_opts o = IG_AVERAGE_POOL_OPTS_INIT;
    int64_t k[2] = {kernel, kernel}, s[2] = {stride, stride},
            p[4] = {pad, pad, pad, pad};
    o.kernel_shape = list(k, 2);
    o.strides = list(s, 2);
    o.pads = list(p, 4);
    o.count_include_pad = 1; /* PyTorch's default */
    return ig_op_average_pool_at(where, c, x, &o);
}

ig_tensor *ig_softmax_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis)
{
    ig_softmax_opts o = IG_SOFTMAX_OPTS_INIT;
    o.axis = axis;
    return ig_op_softmax_at(where, c, x, &o);
}

ig_tensor *ig_log_softmax_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis)
{
    ig_log_softmax_opts o = IG_LOG_SOFTMAX_OPTS_INIT;
    o.axis = axis;
    return ig_op_log_softmax_at(where, c, x, &o);
}

ig_tensor *ig_layer_norm_at(const char *where,
                            ig_ctx *c,
                            ig_tensor *x,
                            ig_tensor *w,
                            ig_tensor *b,
                            int64_t axis,
                            double eps)
{
    ig_layer_normalization_opts o = IG_LAYER_NORMALIZATION_OPTS_INIT;
    o.axis = axis;
    o.epsilon = (float)eps;
    return ig_op_layer_normalization_at(where, c, x, w, b, &o, NULL, NULL);
}

ig_tensor *
ig_cross_entropy_at(const char *where, ig_ctx *c, ig_tensor *logits, ig_tensor *labels)
{
    return ig_op_softmax_cross_entropy_loss_at(where, c, logits, labels, NULL, NULL,
                                               NULL);
}

ig_tensor *ig_mse_loss_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *target)
{
    ig_tensor *d = ig_sub_at(where, c, x, target);
    return ig_mean_at(where, c, ig_mul_at(where, c, d, d), IG_ALL, false);
}

/* ---- shapes ---- */

ig_tensor *ig_reshape_at(const char *where, ig_ctx *c, ig_tensor *x, ig_shape shape)
{
    ig_reshape_opts o = IG_RESHAPE_OPTS_INIT;
    bool open = false, empty = false;
    if (igi_misses(c, where, "the shape",
                   shape.rank > 0 ? (const void *)shape.dims : &shape))
        return NULL;
    for (int i = 0; i < shape.rank; i++) {
        open = open || shape.dims[i] == -1;
        empty = empty || shape.dims[i] == 0;
    }
    if (open && empty) { /* which Reshape would read as "the input's size" */
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "reshape: beside a size of 0 any size could stand for -1");
        return NULL;
    }
    o.allowzero = !open;
    return ig_op_reshape_at(where, c, x, ints(c, where, shape.dims, shape.rank), &o);
}

ig_tensor *ig_flatten_at(const char *where, ig_ctx *c, ig_tensor *x, int axis)
{
    int64_t dims[IG_RANK_MAX];
    if (igi_refuses(c, where, "flatten", x))
        return NULL;
    int rank = ig_tensor_rank(x), first = axis < 0 ? axis + rank : axis;
    if (first < 0 || first >= rank) {
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "flatten: axis %d of a tensor of rank %d", axis, rank);
        return NULL;
    }
    for (int i = 0; i < first; i++)
        dims[i] =
            0; /* ONNX Reshape: keep this dim, so that a traced batch stays symbolic */
    dims[first] = -1;
    return ig_op_reshape_at(where, c, x, ints(c, where, dims, first + 1), NULL);
}

ig_tensor *ig_permute_at(const char *where, ig_ctx *c, ig_tensor *x, ig_shape axes)
{
    ig_transpose_opts o = IG_TRANSPOSE_OPTS_INIT;
    o.perm = list(axes.dims, axes.rank);
    return ig_op_transpose_at(where, c, x, &o);
}

ig_tensor *ig_transpose_at(const char *where, ig_ctx *c, ig_tensor *x, int a, int b)
{
    int64_t perm[IG_RANK_MAX];
    if (igi_refuses(c, where, "transpose", x))
        return NULL;
    int rank = ig_tensor_rank(x);
    a += a < 0 ? rank : 0;
    b += b < 0 ? rank : 0;
    if (a < 0 || a >= rank || b < 0 || b >= rank) {
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "transpose: axes %d and %d of a tensor of rank %d", a, b,
                          rank);
        return NULL;
    }
    for (int i = 0; i < rank; i++)
        perm[i] = i == a ? b : i == b ? a : i;
    return ig_permute_at(where, c, x, (ig_shape){rank, perm});
}

ig_tensor *ig_squeeze_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis)
{
    return ig_op_squeeze_at(where, c, x, axes_of(c, where, axis));
}

ig_tensor *ig_unsqueeze_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis)
{
    return ig_op_unsqueeze_at(where, c, x, one_int(c, where, axis));
}

ig_tensor *ig_expand_at(const char *where, ig_ctx *c, ig_tensor *x, ig_shape shape)
{
    return ig_op_expand_at(where, c, x, ints(c, where, shape.dims, shape.rank));
}

ig_tensor *ig_slice_at(const char *where,
                       ig_ctx *c,
                       ig_tensor *x,
                       int64_t axis,
                       int64_t start,
                       int64_t stop,
                       int64_t step)
{
    return ig_op_slice_at(where, c, x, one_int(c, where, start),
                          one_int(c, where, stop), one_int(c, where, axis),
                          one_int(c, where, step));
}

ig_tensor *
ig_cat_at(const char *where, ig_ctx *c, ig_tensor *const *xs, int n, int64_t axis)
{
    ig_concat_opts o = IG_CONCAT_OPTS_INIT;
    o.axis = axis;
    return ig_op_concat_at(where, c, xs, n, &o);
}

ig_tensor *ig_index_select_at(
    const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, ig_tensor *indices)
{
    ig_gather_opts o = IG_GATHER_OPTS_INIT;
    o.axis = axis;
    return ig_op_gather_at(where, c, x, indices, &o);
}
