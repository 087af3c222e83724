/* ingot::ConvGradInput: the gradient of Conv with respect to X, a linear map of dy and
 * of W: dx[n, gC+c, i] = sum over m, tap of W[gM+m, c, tap] * dy[n, gM+m, o], i = o *
 * stride + tap * dilation - pad. The reference gathers: rows of dx collect from the
 * rows of dy that their taps meet. */
#include "operators/common_conv.h"
#include "operators/common_move.h"

IG_USES_OP(Conv);
IG_USES_OP(ConvGradWeight);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of Conv's output."),
    IG_PORT("W", 'T', "Conv's weights."),
    IG_PORT("shape", 'I', "Shape of Conv's input.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "Gradient of Conv's input."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {IGI_CONV_ATTRS, {0}};

static ig_status grad_input_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[1]->rank, n = igi_infer_sizes(x, 2, dims);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if ((n != rank && n != IG_INTS_UNKNOWN) || x->in[0]->rank != rank || rank < 3)
        return ig_infer_fail(x, "dy, W and shape must have the same rank, at least 3");
    if (n == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, rank);
    IG_TRY(igi_conv_check_dy(x, x->attrs, rank, dims, ig_type_dims(x->in[1]),
                             ig_type_dims(x->in[0])));
    return ig_infer_set(x, 0, rank, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(0, IG_BIT(1)),
    {0},
};

static ig_status grad_input_gradient(ig_grad *g)
{
    ig_var ddx = ig_grad_dy(g, 0);
    const void *a = ig_grad_attrs(g);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, ig_emit2(g, IG_OP(Conv), a, ddx, ig_grad_in(g, 1)));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1,
                    ig_emit3(g, IG_OP(ConvGradWeight), a, ig_grad_in(g, 0), ddx,
                             ig_grad_in_shape(g, 1)));
    return IG_OK;
}

IGI_INLINE ig_status grad_input_plane(ig_dtype T, igi_conv_back *v, void *dx)
{
    const igi_conv *c = &v->c;
    double acc[IGI_CHUNK];
    int64_t width = igi_conv_row_axis(c)->in;
    int64_t at = (v->n * c->group * c->c + v->ch) * c->in_plane;
    for (int64_t row = 0; row < c->w.in_outer; row++) {
        for (int64_t lo = 0; lo < width; lo += IGI_CHUNK) {
            int64_t hi = igi_chunk_end(lo, width);
            for (int64_t i = lo; i < hi; i++)
                acc[i - lo] = 0;
            IG_TRY(igi_conv_back_row(T, v, row, lo, hi, acc));
            for (int64_t i = lo; i < hi; i++)
                igi_store(T, dx, at + row * width + i, acc[i - lo]);
        }
    }
    return IG_OK;
}

static ig_status grad_input_reference(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *w = ig_in(k, 1);
    ig_tensor *dx = ig_out(k, 0);
    igi_conv_back v = {.dy = ig_data(dy), .w = ig_data(w), .pace = igi_pace_of(k)};
    igi_conv_set(&v.c, k->attrs, ig_rank(w), ig_dims(dx), ig_dims(w), ig_dims(dy));
    for (v.n = 0; v.n < v.c.batch; v.n++) {
        for (v.ch = 0; v.ch < v.c.group * v.c.c; v.ch++) {
            IG_TRY(igi_pace_go(&v.pace, 1));
            IGI_EACH_FLOAT(k, ig_dtype_of(w),
                           IG_TRY(grad_input_plane(T, &v, ig_data(dx))));
        }
    }
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "plain",
     .attrs = &igi_conv_sample_plain,
     IGI_INPUTS(IGI_IN(2, 3, 3, 2), IGI_IN(3, 2, 2, 3), IGI_IN_INTS(2, 2, 4, 4))},
    {.name = "strides_groups_dilations",
     .attrs = &igi_conv_sample_uneven,
     IGI_INPUTS(IGI_IN(1, 4, 3, 3), IGI_IN(4, 1, 3, 2), IGI_IN_INTS(1, 2, 5, 4))},
    {.name = "same_one_axis",
     .attrs = &igi_conv_sample_same,
     IGI_INPUTS(IGI_IN(2, 2, 4), IGI_IN(2, 1, 4), IGI_IN_INTS(2, 1, 7))},
    {.name = "empty_batch",
     .attrs = &igi_conv_sample_plain,
     IGI_INPUTS(IGI_IN(0, 1, 2, 2), IGI_IN(1, 1, 2, 2), IGI_IN_INTS(0, 1, 3, 3))},
    {0},
};

IG_OPERATOR(ConvGradInput) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "ConvGradInput",
    .since = 1,
    .doc = "Gradient of Conv with respect to its input, given dy, the weights and the "
           "input's shape. Attributes are Conv's.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_conv_attrs),
    .infer = grad_input_infer,
    .gradient = grad_input_gradient,
    .saves = saves,
    .reference = grad_input_reference,
    .samples = samples,
};
