/* ConvTranspose: the transpose of a convolution, with a bias.
 *
 *   y[n, gM+m, i] = B[gM+m] + sum over c, o, t with i = o * stride + t * dilation - pad
 *                   of x[n, gC+c, o] * W[gC+c, m, t].
 * So it is the gradient of a convolution by its input, and its own gradients are a Conv
 * and a ConvGradWeight. Output sizes: stride * (in - 1) + output_padding + span - pads,
 * or output_shape, which the pads then follow (SAME_UPPER puts the odd one at the end,
 * everything else at the begin; an output that is larger than all windows ends in the
 * bias). */
#include "operators/common_convt.h"

#include <inttypes.h>

#include "operators/common_grad.h"

IG_USES_OP(Conv);
IG_USES_OP(ConvGradWeight);
IG_USES_OP(Slice);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dk], k >= 1."),
    IG_PORT("W", 'T', "Weights [C, M / group, K1, ..., Kk]."),
    IG_PORT("B", 'T', "Bias [M].", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Output [N, M, O1, ..., Ok]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
#define LIST_(name_, min_, ...)                                                        \
    IG_ATTR_INTS(igi_convt_attrs, name_, __VA_ARGS__, .min = min_,                     \
                 .max = IGI_WINDOW_MAX)
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(igi_convt_attrs,
                 auto_pad,
                 IGI_PAD_NOTSET,
                 igi_auto_pad_names,
                 "NOTSET uses pads; VALID pads nothing; SAME_* pads so that the output "
                 "is in * stride, odd ones more at the end (UPPER) or begin."),
    LIST_(dilations, 1, "Distance of taps per spatial axis; absent: 1."),
    IG_ATTR_INT(igi_convt_attrs,
                group,
                1,
                "Groups of channels.",
                .min = 1,
                .max = IGI_WINDOW_MAX),
    LIST_(kernel_shape, 1, "Spatial dims of W; absent: read from W."),
    LIST_(output_padding, 0, "Added to the end of each spatial axis; absent: 0."),
    LIST_(output_shape, 1, "Spatial dims of Y; pads then follow from them."),
    LIST_(pads, 0, "Begins of all spatial axes, then ends; absent: 0."),
    LIST_(strides, 1, "Step per spatial axis; absent: 1."),
    {0},
};

/* ---- geometry ---- */

static ig_status
check_list(ig_infer *x, const char *name, const ig_ints *list, int64_t n)
{
    if (list->n && list->n != n)
        return ig_infer_fail(
            x, "attribute %s has %" PRId64 " items, but %" PRId64 " are needed", name,
            list->n, n);
    return IG_OK;
}

static ig_status check_lists(ig_infer *x, const igi_convt_attrs *a, int n)
{
    IG_TRY(check_list(x, "dilations", &a->dilations, n));
    IG_TRY(check_list(x, "kernel_shape", &a->kernel_shape, n));
    IG_TRY(check_list(x, "output_padding", &a->output_padding, n));
    IG_TRY(check_list(x, "output_shape", &a->output_shape, n));
    IG_TRY(check_list(x, "pads", &a->pads, 2 * (int64_t)n));
    return check_list(x, "strides", &a->strides, n);
}

/* Size of spatial axis i of the output. */
static ig_status axis_size(ig_infer *x,
                           const igi_convt_attrs *a,
                           int i,
                           int64_t in,
                           int64_t kernel,
                           int64_t *out)
{
    ig_symtab *t = x->syms;
    const int64_t stride = igi_convt_item(&a->strides, i, 1);
    const int n = (int)(a->pads.n / 2);
    if (a->kernel_shape.n)
        IG_TRY(ig_infer_equal(x, kernel, a->kernel_shape.v[i], "kernel_shape and W",
                              NULL));
    if (kernel == 0)
        return ig_infer_fail(x, "the window's size is 0 in spatial axis %d", i);
    if (a->output_shape.n) {
        *out = a->output_shape.v[i];
        return IG_OK;
    }
    if (a->auto_pad == IGI_PAD_SAME_UPPER || a->auto_pad == IGI_PAD_SAME_LOWER) {
        *out = ig_dim_mul(t, in, stride);
        return IG_OK;
    }
    const int64_t dilation = igi_convt_item(&a->dilations, i, 1);
    int64_t add = igi_convt_item(&a->output_padding, i, 0) + 1 - dilation - stride;
    if (a->auto_pad == IGI_PAD_NOTSET)
        add -= igi_convt_item(&a->pads, i, 0) + igi_convt_item(&a->pads, n + i, 0);
    *out = ig_dim_add(t, ig_dim_mul(t, in, stride), ig_dim_mul(t, kernel, dilation));
    if (*out >= 0 && *out + add < 0)
        return ig_infer_fail(
            x, "the output has %" PRId64 " elements in spatial axis %d", *out + add, i);
    *out = add >= 0 ? ig_dim_add(t, *out, add) : ig_dim_sub(t, *out, -add);
    return IG_OK;
}

static ig_status conv_transpose_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    const igi_convt_attrs *a = x->attrs;
    int rank = x->in[0]->rank;
    if (x->in[1]->rank != rank || rank < 3)
        return ig_infer_fail(x, "X and W must have the same rank, at least 3");
    const int64_t *xd = ig_type_dims(x->in[0]), *wd = ig_type_dims(x->in[1]);
    IG_TRY(check_lists(x, a, rank - 2));
    IG_TRY(ig_infer_equal(x, xd[1], wd[0], "channels of X and W.shape[0]", NULL));
    if (wd[0] >= 0 && wd[0] % a->group != 0)
        return ig_infer_fail(
            x, "%" PRId64 " input channels are not divisible by group %" PRId64, wd[0],
            a->group);
    dims[0] = xd[0];
    dims[1] = ig_dim_mul(x->syms, wd[1], a->group);
    for (int i = 2; i < rank; i++)
        IG_TRY(axis_size(x, a, i - 2, xd[i], wd[i], &dims[i]));
    if (x->n_in > 2 && x->in[2]) {
        if (x->in[2]->rank != 1)
            return ig_infer_fail(x, "B must have rank 1");
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[2])[0], dims[1],
                              "dims of B and channels of Y", &dims[1]));
    }
    return ig_infer_set(x, 0, rank, dims);
}

/* ---- gradient ---- */

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(0, IG_BIT(1)),
    {0},
};

/* The convolution whose transpose this is, as far as sizes need not be known: explicit
 * pads, or SAME for an output of in * stride. */
static bool plain_of(ig_grad *g, igi_conv_attrs *plain, int64_t *pads)
{
    const igi_convt_attrs *a = ig_grad_attrs(g);
    const ig_type *x = ig_grad_in_type(g, 0), *w = ig_grad_in_type(g, 1);
    bool sizes = a->output_shape.n != 0;
    const bool same = !sizes && (a->auto_pad == IGI_PAD_SAME_UPPER ||
                                 a->auto_pad == IGI_PAD_SAME_LOWER);
    for (int i = 0; same && i < a->output_padding.n; i++)
        sizes = sizes || a->output_padding.v[i];
    for (int i = 2; sizes && i < x->rank; i++)
        if (ig_type_dims(x)[i] < 0 || ig_type_dims(w)[i] < 0)
            return false;
    igi_convt_plain(plain, pads, a, x->rank, ig_type_dims(x), ig_type_dims(w));
    if (same && !sizes) {
        plain->auto_pad = a->auto_pad;
        plain->pads = (ig_ints){0};
    }
    return true;
}

/* What windows reach beyond the end of axis i of y, or, negative, y beyond what they
 * reach: the end pad of the convolution, less output_padding. `pads` are its pads. */
static int64_t end_pad(ig_grad *g, int i, const int64_t *pads)
{
    const igi_convt_attrs *a = ig_grad_attrs(g);
    const ig_type *x = ig_grad_in_type(g, 0), *w = ig_grad_in_type(g, 1);
    const int64_t stride = igi_convt_item(&a->strides, i, 1);
    const bool same =
        a->auto_pad == IGI_PAD_SAME_UPPER || a->auto_pad == IGI_PAD_SAME_LOWER;
    if (!a->output_shape.n && !same)
        return pads[x->rank - 2 + i] - igi_convt_item(&a->output_padding, i, 0);
    const int64_t in = ig_type_dims(x)[2 + i]; /* sizes are numbers here */
    return stride * (in - 1) + igi_convt_span(a, i, ig_type_dims(w)[2 + i]) - pads[i] -
           (a->output_shape.n ? a->output_shape.v[i] : stride * in);
}

/* dy without what no window reaches, and end pads, so that the convolution gives the
 * shape of X. */
static ig_var reached(ig_grad *g, ig_var dy, const igi_conv_attrs *plain, int64_t *pads)
{
    int64_t starts[IG_RANK_MAX] = {0}, ends[IG_RANK_MAX], axes[IG_RANK_MAX];
    const int spatial = ig_grad_in_type(g, 0)->rank - 2;
    int n = 0;
    for (int i = 0; plain->pads.n && i < spatial; i++) {
        ends[n] = end_pad(g, i, pads);
        axes[n] = 2 + i;
        pads[spatial + i] = ends[n] > 0 ? ends[n] : 0;
        n += ends[n] < 0;
    }
    if (n == 0)
        return dy;
    const ig_var in[4] = {dy, ig_grad_ints(g, starts, n), ig_grad_ints(g, ends, n),
                          ig_grad_ints(g, axes, n)};
    ig_var out = {0};
    (void)ig_emit_n(g, IG_OP(Slice), NULL, in, 4, &out, 1);
    return out;
}

static ig_status conv_transpose_gradient(ig_grad *g)
{
    int64_t pads[2 * IG_RANK_MAX];
    igi_conv_attrs a;
    ig_var dy = ig_grad_dy(g, 0);
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, ig_emit_sum_except(g, dy, 1));
    if (!ig_grad_wants(g, 0) && !ig_grad_wants(g, 1))
        return IG_OK;
    if (!plain_of(g, &a, pads))
        return ig_grad_fail(g, IG_UNSUPPORTED,
                            "output_shape, or SAME with output_padding, and sizes that "
                            "are not numbers: give pads instead");
    dy = reached(g, dy, &a, pads);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, ig_emit2(g, IG_OP(Conv), &a, dy, ig_grad_in(g, 1)));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1,
                    ig_emit3(g, IG_OP(ConvGradWeight), &a, ig_grad_in(g, 0), dy,
                             ig_grad_in_shape(g, 1)));
    return IG_OK;
}

/* ---- reference ---- */

IGI_INLINE ig_status conv_transpose_plane(ig_dtype T,
                                          igi_conv_back *v,
                                          const void *b,
                                          void *y)
{
    const igi_conv *c = &v->c;
    double acc[IGI_CHUNK], bias = b ? igi_load(T, b, v->ch) : 0;
    int64_t width = igi_conv_row_axis(c)->in;
    int64_t at = (v->n * c->group * c->c + v->ch) * c->in_plane;
    for (int64_t row = 0; row < c->w.in_outer; row++) {
        for (int64_t lo = 0; lo < width; lo += IGI_CHUNK) {
            int64_t hi = igi_chunk_end(lo, width);
            for (int64_t i = lo; i < hi; i++)
                acc[i - lo] = bias;
            IG_TRY(igi_conv_back_row(T, v, row, lo, hi, acc));
            for (int64_t i = lo; i < hi; i++)
                igi_store(T, y, at + row * width + i, acc[i - lo]);
        }
    }
    return IG_OK;
}

static ig_status conv_transpose_reference(ig_kernel_ctx *k)
{
    int64_t pads[2 * IG_RANK_MAX];
    igi_conv_attrs a;
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *b = ig_in(k, 2);
    ig_tensor *y = ig_out(k, 0);
    igi_conv_back v = {.dy = ig_data(x), .w = ig_data(w), .pace = igi_pace_of(k)};
    igi_convt_plain(&a, pads, k->attrs, ig_rank(x), ig_dims(x), ig_dims(w));
    igi_conv_set(&v.c, &a, ig_rank(x), ig_dims(y), ig_dims(w), ig_dims(x));
    for (v.n = 0; v.n < v.c.batch; v.n++) {
        for (v.ch = 0; v.ch < v.c.group * v.c.c; v.ch++) {
            IG_TRY(igi_pace_go(&v.pace, 1));
            IGI_EACH_FLOAT(
                k, ig_dtype_of(x),
                IG_TRY(conv_transpose_plane(T, &v, b ? ig_data(b) : NULL, ig_data(y))));
        }
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_convt_attrs), .group = 1
static const igi_convt_attrs plain = {HEAD};
static const igi_convt_attrs uneven = {HEAD, .pads = IGI_INTS(1, 0, 2, 1),
                                       .strides = IGI_INTS(3, 2),
                                       .output_padding = IGI_INTS(2, 1)};
static const igi_convt_attrs dilated = {HEAD, .dilations = IGI_INTS(2, 3),
                                        .kernel_shape = IGI_INTS(2, 2)};
static const igi_convt_attrs same_upper = {HEAD, .auto_pad = IGI_PAD_SAME_UPPER,
                                           .strides = IGI_INTS(2, 2)};
static const igi_convt_attrs same_lower = {HEAD, .auto_pad = IGI_PAD_SAME_LOWER,
                                           .strides = IGI_INTS(2)};
static const igi_convt_attrs valid = {HEAD, .auto_pad = IGI_PAD_VALID,
                                      .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_convt_attrs listed = {HEAD, .output_shape = IGI_INTS(6, 5),
                                       .strides = IGI_INTS(2, 2)};
static const igi_convt_attrs larger = {HEAD, .output_shape = IGI_INTS(12, 8),
                                       .strides = IGI_INTS(3, 2)};
static const igi_convt_attrs far = {HEAD, .dilations = IGI_INTS(3, 3),
                                    .strides = IGI_INTS(2, 1),
                                    .output_padding = IGI_INTS(2, 1)};
static const igi_convt_attrs far_padded = {
    HEAD, .dilations = IGI_INTS(3, 3), .pads = IGI_INTS(1, 0, 1, 2),
    .strides = IGI_INTS(2, 1), .output_padding = IGI_INTS(2, 1)};
static const igi_convt_attrs groups = {.struct_size = sizeof(igi_convt_attrs),
                                       .group = 2,
                                       .strides = IGI_INTS(2, 2),
                                       .pads = IGI_INTS(1, 1, 1, 1)};
static const igi_convt_attrs cube = {HEAD, .pads = IGI_INTS(0, 1, 0, 1, 0, 1),
                                     .strides = IGI_INTS(1, 2, 2)};
static const ig_sample samples[] = {
    {.name = "bias",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(2, 3, 4, 3), IGI_IN(3, 2, 3, 2), IGI_IN(2))},
    {.name = "uneven_pads",
     .attrs = &uneven,
     IGI_INPUTS(IGI_IN(1, 2, 3, 4), IGI_IN(2, 3, 4, 3))},
    {.name = "dilated",
     .attrs = &dilated,
     IGI_INPUTS(IGI_IN(1, 2, 3, 3), IGI_IN(2, 2, 2, 2))},
    {.name = "same_upper",
     .attrs = &same_upper,
     IGI_INPUTS(IGI_IN(1, 1, 3, 3), IGI_IN(1, 2, 3, 3))},
    {.name = "one_axis",
     .attrs = &same_lower,
     IGI_INPUTS(IGI_IN(2, 2, 5), IGI_IN(2, 3, 5), IGI_IN(3))},
    {.name = "valid",
     .attrs = &valid,
     IGI_INPUTS(IGI_IN(1, 1, 3, 3), IGI_IN(1, 1, 3, 3))},
    {.name = "output_shape",
     .attrs = &listed,
     IGI_INPUTS(IGI_IN(1, 2, 3, 3), IGI_IN(2, 2, 3, 3), IGI_IN(2)),
     .no_gradient = true}, /* known sizes only; the suite tries symbols too */
    {.name = "larger_output_shape",
     .attrs = &larger,
     IGI_INPUTS(IGI_IN(1, 1, 3, 3), IGI_IN(1, 2, 3, 3), IGI_IN(2)),
     .no_gradient = true},
    {.name = "much_output_padding_in_pads",
     .attrs = &far_padded,
     IGI_INPUTS(IGI_IN(1, 2, 3, 3), IGI_IN(2, 2, 3, 3))},
    {.name = "much_output_padding",
     .attrs = &far,
     IGI_INPUTS(IGI_IN(1, 2, 3, 3), IGI_IN(2, 2, 3, 3))},
    {.name = "groups",
     .attrs = &groups,
     IGI_INPUTS(IGI_IN(1, 4, 3, 3), IGI_IN(4, 3, 4, 4), IGI_IN(6))},
    {.name = "three_axes",
     .attrs = &cube,
     IGI_INPUTS(IGI_IN(1, 2, 2, 3, 2), IGI_IN(2, 2, 2, 3, 2))},
    {.name = "empty_batch",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(0, 2, 3, 3), IGI_IN(2, 2, 2, 2))},
    {.name = "no_channels",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 0, 3, 3), IGI_IN(0, 2, 2, 2))},
    {.name = "size_one",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(1, 1, 1, 1), IGI_IN(1, 1, 1, 1), IGI_IN(1))},
    {0},
};

IG_OPERATOR(ConvTranspose) = {
    IG_OP_HEAD,
    .name = "ConvTranspose",
    .since = 22,
    .doc = "Transposed convolution over k >= 1 spatial axes: every input element adds "
           "its window of weights to the output, at distances of the strides.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_convt_attrs),
    .infer = conv_transpose_infer,
    .gradient = conv_transpose_gradient,
    .saves = saves,
    .reference = conv_transpose_reference,
    .samples = samples,
};
