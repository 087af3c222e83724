/* Short forms: the usual arguments by position, in PyTorch's vocabulary and with its
 * defaults. Each is the operator of <ingot/ops.h> with its options filled in; results
 * belong to the innermost scope. Axes may be negative; IG_ALL reduces over all. */
#ifndef INGOT_EAGER_H
#define INGOT_EAGER_H

#include <ingot/train.h>

IG_EXTERN_C_BEGIN

/* ---- elementwise ---- */
#define IG_UNARY_FORMS_(X_)                                                            \
    X_(neg)                                                                            \
    X_(abs)                                                                            \
    X_(exp) X_(log) X_(sqrt) X_(reciprocal) X_(relu) X_(sigmoid) X_(tanh) X_(erf)
#define IG_BINARY_FORMS_(X_)                                                           \
    X_(add) X_(sub) X_(mul) X_(div) X_(pow) X_(maximum) X_(minimum) X_(eq) X_(lt) X_(gt)
#define IG_UNARY_FORM_(n_)                                                             \
    IG_API ig_tensor *ig_##n_##_at(const char *where, ig_ctx *c, ig_tensor *x);
#define IG_BINARY_FORM_(n_)                                                            \
    IG_API ig_tensor *ig_##n_##_at(const char *where, ig_ctx *c, ig_tensor *a,         \
                                   ig_tensor *b);
IG_UNARY_FORMS_(IG_UNARY_FORM_)
IG_BINARY_FORMS_(IG_BINARY_FORM_)
#define ig_neg(...)        ig_neg_at(IG_HERE, __VA_ARGS__)
#define ig_abs(...)        ig_abs_at(IG_HERE, __VA_ARGS__)
#define ig_exp(...)        ig_exp_at(IG_HERE, __VA_ARGS__)
#define ig_log(...)        ig_log_at(IG_HERE, __VA_ARGS__)
#define ig_sqrt(...)       ig_sqrt_at(IG_HERE, __VA_ARGS__)
#define ig_reciprocal(...) ig_reciprocal_at(IG_HERE, __VA_ARGS__)
#define ig_relu(...)       ig_relu_at(IG_HERE, __VA_ARGS__)
#define ig_sigmoid(...)    ig_sigmoid_at(IG_HERE, __VA_ARGS__)
#define ig_tanh(...)       ig_tanh_at(IG_HERE, __VA_ARGS__)
#define ig_erf(...)        ig_erf_at(IG_HERE, __VA_ARGS__)
#define ig_add(...)        ig_add_at(IG_HERE, __VA_ARGS__)
#define ig_sub(...)        ig_sub_at(IG_HERE, __VA_ARGS__)
#define ig_mul(...)        ig_mul_at(IG_HERE, __VA_ARGS__)
#define ig_div(...)        ig_div_at(IG_HERE, __VA_ARGS__)
#define ig_pow(...)        ig_pow_at(IG_HERE, __VA_ARGS__)
#define ig_maximum(...)    ig_maximum_at(IG_HERE, __VA_ARGS__)
#define ig_minimum(...)    ig_minimum_at(IG_HERE, __VA_ARGS__)
#define ig_eq(...)         ig_eq_at(IG_HERE, __VA_ARGS__)
#define ig_lt(...)         ig_lt_at(IG_HERE, __VA_ARGS__)
#define ig_gt(...)         ig_gt_at(IG_HERE, __VA_ARGS__)

/* x op number; the number takes x's type. */
IG_API ig_tensor *
ig_add_scalar_at(const char *where, ig_ctx *c, ig_tensor *x, double s);
IG_API ig_tensor *
ig_mul_scalar_at(const char *where, ig_ctx *c, ig_tensor *x, double s);
IG_API ig_tensor *
ig_pow_scalar_at(const char *where, ig_ctx *c, ig_tensor *x, double s);
#define ig_add_scalar(...) ig_add_scalar_at(IG_HERE, __VA_ARGS__)
#define ig_mul_scalar(...) ig_mul_scalar_at(IG_HERE, __VA_ARGS__)
#define ig_pow_scalar(...) ig_pow_scalar_at(IG_HERE, __VA_ARGS__)

IG_API ig_tensor *
ig_leaky_relu_at(const char *where, ig_ctx *c, ig_tensor *x, double alpha);
/* approximate: 0 erf, 1 tanh */
IG_API ig_tensor *
ig_gelu_at(const char *where, ig_ctx *c, ig_tensor *x, int approximate);
IG_API ig_tensor *
ig_clamp_at(const char *where, ig_ctx *c, ig_tensor *x, double lo, double hi);
IG_API ig_tensor *
ig_where_at(const char *where, ig_ctx *c, ig_tensor *cond, ig_tensor *a, ig_tensor *b);
/* To another element type. */
IG_API ig_tensor *
ig_cast_at(const char *where, ig_ctx *c, ig_tensor *x, ig_dtype dtype);
#define ig_leaky_relu(...) ig_leaky_relu_at(IG_HERE, __VA_ARGS__)
#define ig_gelu(...)       ig_gelu_at(IG_HERE, __VA_ARGS__)
#define ig_clamp(...)      ig_clamp_at(IG_HERE, __VA_ARGS__)
#define ig_where(...)      ig_where_at(IG_HERE, __VA_ARGS__)
#define ig_cast(...)       ig_cast_at(IG_HERE, __VA_ARGS__)

/* ---- reductions ---- */
IG_API ig_tensor *
ig_sum_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, bool keepdim);
IG_API ig_tensor *
ig_mean_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, bool keepdim);
IG_API ig_tensor *
ig_amax_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, bool keepdim);
IG_API ig_tensor *
ig_argmax_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, bool keepdim);
#define ig_sum(...)    ig_sum_at(IG_HERE, __VA_ARGS__)
#define ig_mean(...)   ig_mean_at(IG_HERE, __VA_ARGS__)
#define ig_amax(...)   ig_amax_at(IG_HERE, __VA_ARGS__)
#define ig_argmax(...) ig_argmax_at(IG_HERE, __VA_ARGS__)

/* ---- linear algebra and layers ---- */
IG_API ig_tensor *
ig_matmul_at(const char *where, ig_ctx *c, ig_tensor *a, ig_tensor *b);
/* y = x w' + b; x[..., in], w[out, in], b[out] or NULL. */
IG_API ig_tensor *
ig_linear_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *w, ig_tensor *b);
/* x[N, C, H, W], w[M, C, kh, kw], b[M] or NULL. */
IG_API ig_tensor *ig_conv2d_at(const char *where,
                               ig_ctx *c,
                               ig_tensor *x,
                               ig_tensor *w,
                               ig_tensor *b,
                               int64_t stride,
                               int64_t pad);
IG_API ig_tensor *ig_max_pool2d_at(const char *where,
                                   ig_ctx *c,
                                   ig_tensor *x,
                                   int64_t kernel,
                                   int64_t stride,
                                   int64_t pad);
IG_API ig_tensor *ig_avg_pool2d_at(const char *where,
                                   ig_ctx *c,
                                   ig_tensor *x,
                                   int64_t kernel,
                                   int64_t stride,
                                   int64_t pad);
IG_API ig_tensor *
ig_softmax_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis);
IG_API ig_tensor *
ig_log_softmax_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis);
/* Over the last axes from `axis` on; w and b of that shape, b may be NULL. */
IG_API ig_tensor *ig_layer_norm_at(const char *where,
                                   ig_ctx *c,
                                   ig_tensor *x,
                                   ig_tensor *w,
                                   ig_tensor *b,
                                   int64_t axis,
                                   double eps);
#define ig_matmul(...)      ig_matmul_at(IG_HERE, __VA_ARGS__)
#define ig_linear(...)      ig_linear_at(IG_HERE, __VA_ARGS__)
#define ig_conv2d(...)      ig_conv2d_at(IG_HERE, __VA_ARGS__)
#define ig_max_pool2d(...)  ig_max_pool2d_at(IG_HERE, __VA_ARGS__)
#define ig_avg_pool2d(...)  ig_avg_pool2d_at(IG_HERE, __VA_ARGS__)
#define ig_softmax(...)     ig_softmax_at(IG_HERE, __VA_ARGS__)
#define ig_log_softmax(...) ig_log_softmax_at(IG_HERE, __VA_ARGS__)
#define ig_layer_norm(...)  ig_layer_norm_at(IG_HERE, __VA_ARGS__)

/* ---- losses: means over the batch ---- */
/* logits[N, C, ...], labels[N, ...] of int64 */
IG_API ig_tensor *
ig_cross_entropy_at(const char *where, ig_ctx *c, ig_tensor *logits, ig_tensor *labels);
IG_API ig_tensor *
ig_mse_loss_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *target);
#define ig_cross_entropy(...) ig_cross_entropy_at(IG_HERE, __VA_ARGS__)
#define ig_mse_loss(...)      ig_mse_loss_at(IG_HERE, __VA_ARGS__)

/* ---- shapes ---- */
/* One dim may be -1; 0 is a size. */
IG_API ig_tensor *
ig_reshape_at(const char *where, ig_ctx *c, ig_tensor *x, ig_shape shape);
/* Axes from `axis` on become one. */
IG_API ig_tensor *ig_flatten_at(const char *where, ig_ctx *c, ig_tensor *x, int axis);
/* Swaps two axes. */
IG_API ig_tensor *
ig_transpose_at(const char *where, ig_ctx *c, ig_tensor *x, int a, int b);
IG_API ig_tensor *
ig_permute_at(const char *where, ig_ctx *c, ig_tensor *x, ig_shape axes);
IG_API ig_tensor *
ig_squeeze_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis);
IG_API ig_tensor *
ig_unsqueeze_at(const char *where, ig_ctx *c, ig_tensor *x, int64_t axis);
IG_API ig_tensor *
ig_expand_at(const char *where, ig_ctx *c, ig_tensor *x, ig_shape shape);
/* x[..., start:stop:step, ...] along one axis. */
IG_API ig_tensor *ig_slice_at(const char *where,
                              ig_ctx *c,
                              ig_tensor *x,
                              int64_t axis,
                              int64_t start,
                              int64_t stop,
                              int64_t step);
IG_API ig_tensor *
ig_cat_at(const char *where, ig_ctx *c, ig_tensor *const *xs, int n, int64_t axis);
/* Rows of x along an axis by integer indices (embedding look-up with axis 0). */
IG_API ig_tensor *ig_index_select_at(
    const char *where, ig_ctx *c, ig_tensor *x, int64_t axis, ig_tensor *indices);
#define ig_reshape(...)      ig_reshape_at(IG_HERE, __VA_ARGS__)
#define ig_flatten(...)      ig_flatten_at(IG_HERE, __VA_ARGS__)
#define ig_transpose(...)    ig_transpose_at(IG_HERE, __VA_ARGS__)
#define ig_permute(...)      ig_permute_at(IG_HERE, __VA_ARGS__)
#define ig_squeeze(...)      ig_squeeze_at(IG_HERE, __VA_ARGS__)
#define ig_unsqueeze(...)    ig_unsqueeze_at(IG_HERE, __VA_ARGS__)
#define ig_expand(...)       ig_expand_at(IG_HERE, __VA_ARGS__)
#define ig_slice(...)        ig_slice_at(IG_HERE, __VA_ARGS__)
#define ig_cat(...)          ig_cat_at(IG_HERE, __VA_ARGS__)
#define ig_index_select(...) ig_index_select_at(IG_HERE, __VA_ARGS__)

IG_EXTERN_C_END
#endif
