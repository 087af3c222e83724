/* ingot::ConvGradWeight: the gradient of Conv with respect to W, a linear map of dy and
 * of X: dW[gM+m, c, tap] = sum over n, o of dy[n, gM+m, o] * X[n, gC+c, i], i = o *
 * stride + tap * dilation - pad. The reference makes each weight a sum of dot products
 * of rows. */
#include "operators/common_conv.h"
#include "operators/common_move.h"

IG_USES_OP(Conv);
IG_USES_OP(ConvGradInput);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of Conv's output."),
    IG_PORT("X", 'T', "Conv's input."),
    IG_PORT("shape", 'I', "Shape of Conv's weights.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dW", 'T', "Gradient of Conv's weights."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {IGI_CONV_ATTRS, {0}};

static ig_status grad_weight_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = x->in[1]->rank, n = igi_infer_sizes(x, 2, dims);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if ((n != rank && n != IG_INTS_UNKNOWN) || x->in[0]->rank != rank || rank < 3)
        return ig_infer_fail(x, "dy, X and shape must have the same rank, at least 3");
    if (n == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, rank);
    IG_TRY(igi_conv_check_dy(x, x->attrs, rank, ig_type_dims(x->in[1]), dims,
                             ig_type_dims(x->in[0])));
    return ig_infer_set(x, 0, rank, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(0, IG_BIT(1)),
    {0},
};

static ig_status grad_weight_gradient(ig_grad *g)
{
    ig_var ddw = ig_grad_dy(g, 0);
    const void *a = ig_grad_attrs(g);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, ig_emit2(g, IG_OP(Conv), a, ig_grad_in(g, 1), ddw));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1,
                    ig_emit3(g, IG_OP(ConvGradInput), a, ig_grad_in(g, 0), ddw,
                             ig_grad_in_shape(g, 1)));
    return IG_OK;
}

typedef struct {
    igi_conv c;
    const void *dy, *x;
    int64_t m, ch;        /* output channel, input channel inside its group */
    int64_t tap_row, tap; /* the weight */
    int64_t from, to;     /* outputs of a row that the tap meets */
    igi_pace pace;
} grad_weight_call;

/* Sum over the batch and all rows. */
IGI_INLINE ig_status grad_weight_one(ig_dtype T, grad_weight_call *v, double *out)
{
    const igi_conv *c = &v->c;
    const igi_window_axis *a = igi_conv_row_axis(c);
    int64_t channel = v->m / c->m * c->c + v->ch;
    double sum = 0;
    for (int64_t row = 0; row < c->w.out_outer; row++) {
        int64_t in_row = igi_window_in_row(&c->w, row, v->tap_row);
        for (int64_t n = 0; in_row >= 0 && n < c->batch; n++) {
            IG_TRY(igi_pace_go(&v->pace, a->out));
            int64_t dy_at = (n * c->group * c->m + v->m) * c->out_plane + row * a->out;
            int64_t x_at =
                (n * c->group * c->c + channel) * c->in_plane + in_row * a->in;
            x_at += v->tap * a->dilation - a->pad;
            igi_line dy = {v->dy, dy_at + v->from, 1};
            igi_line x = {v->x, x_at + v->from * a->stride, a->stride};
            sum += igi_dot(T, dy, x, v->to - v->from);
        }
    }
    *out = sum;
    return IG_OK;
}

/* All taps of one pair of channels. */
IGI_INLINE ig_status grad_weight_taps(ig_dtype T, grad_weight_call *v, void *dw)
{
    const igi_conv *c = &v->c;
    const igi_window_axis *a = igi_conv_row_axis(c);
    int64_t at = (v->m * c->c + v->ch) * c->taps;
    double sum;
    for (v->tap_row = 0; v->tap_row < c->w.kernel_outer; v->tap_row++) {
        for (v->tap = 0; v->tap < a->kernel; v->tap++) {
            igi_window_range(a, v->tap, 0, a->in, &v->from, &v->to);
            IG_TRY(grad_weight_one(T, v, &sum));
            igi_store(T, dw, at++, sum);
        }
    }
    return IG_OK;
}

static ig_status grad_weight_reference(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0), *x = ig_in(k, 1);
    ig_tensor *dw = ig_out(k, 0);
    grad_weight_call v = {.dy = ig_data(dy), .x = ig_data(x), .pace = igi_pace_of(k)};
    igi_conv_set(&v.c, k->attrs, ig_rank(x), ig_dims(x), ig_dims(dw), ig_dims(dy));
    for (v.m = 0; v.m < v.c.group * v.c.m; v.m++) {
        for (v.ch = 0; v.ch < v.c.c; v.ch++) {
            IG_TRY(igi_pace_go(&v.pace, 1));
            IGI_EACH_FLOAT(k, ig_dtype_of(x),
                           IG_TRY(grad_weight_taps(T, &v, ig_data(dw))));
        }
    }
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "plain",
     .attrs = &igi_conv_sample_plain,
     IGI_INPUTS(IGI_IN(2, 3, 3, 2), IGI_IN(2, 2, 4, 4), IGI_IN_INTS(3, 2, 2, 3))},
    {.name = "strides_groups_dilations",
     .attrs = &igi_conv_sample_uneven,
     IGI_INPUTS(IGI_IN(1, 4, 3, 3), IGI_IN(1, 2, 5, 4), IGI_IN_INTS(4, 1, 3, 2))},
    {.name = "same_one_axis",
     .attrs = &igi_conv_sample_same,
     IGI_INPUTS(IGI_IN(2, 2, 4), IGI_IN(2, 1, 7), IGI_IN_INTS(2, 1, 4))},
    {.name = "empty_batch",
     .attrs = &igi_conv_sample_plain,
     IGI_INPUTS(IGI_IN(0, 1, 2, 2), IGI_IN(0, 1, 3, 3), IGI_IN_INTS(1, 1, 2, 2))},
    {0},
};

IG_OPERATOR(ConvGradWeight) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "ConvGradWeight",
    .since = 1,
    .doc = "Gradient of Conv with respect to its weights, given dy, the input and the "
           "weights' shape. Attributes are Conv's.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_conv_attrs),
    .infer = grad_weight_infer,
    .gradient = grad_weight_gradient,
    .saves = saves,
    .reference = grad_weight_reference,
    .samples = samples,
};
