/* LRN: local response normalisation across channels,
 *   y = x * s^-beta,  s = bias + alpha / size * (sum of x^2 over a window of channels),
 *   window of channel c: c - floor((size - 1) / 2) ... c + ceil((size - 1) / 2), cut at
 * the ends.
 *
 * The sum over the window divided by size is an AveragePool over the channel axis that
 * counts its padding; the gradient is emitted in that form: dx = dy * s^-beta - 2 alpha
 * beta x * pool'(dy * x * s^-beta / s),  pool' with swapped pads. */
#include "operators/common_grad.h"
#include "operators/common_pool.h"

IG_USES_OP(AveragePool);
IG_USES_OP(Div);
IG_USES_OP(Pow);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dk]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Shape of X."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
typedef struct {
    uint32_t struct_size;
    float alpha, beta, bias;
    int64_t size;
} lrn_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(lrn_attrs, alpha, 0.0001f, "Factor of the mean of squares."),
    IG_ATTR_FLOAT(lrn_attrs, beta, 0.75f, "Exponent."),
    IG_ATTR_FLOAT(lrn_attrs, bias, 1, "Added to the mean of squares."),
    IG_ATTR_INT(lrn_attrs,
                size,
                0,
                "Channels in a window.",
                .flags = IG_REQUIRED,
                .min = 1,
                .max = IGI_WINDOW_MAX),
    {0},
};

static ig_status lrn_infer(ig_infer *x)
{
    if (x->in[0]->rank < 2)
        return ig_infer_fail(x, "X must have a batch and a channel axis");
    return ig_infer_copy(x, 0, 0);
}

static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};

/* Mean over channel windows that reach `before` down and `after` up. */
static ig_var window_mean(ig_grad *g, ig_var v, int64_t before, int64_t after)
{
    int64_t kernel[IG_RANK_MAX], pads[2 * IG_RANK_MAX];
    const int64_t one[1] = {1};
    int spatial =
        ig_grad_in_type(g, 0)->rank - 1; /* the channel axis and those after it */
    for (int i = 0; i < spatial; i++) {
        kernel[i] = i ? 1 : before + after + 1;
        pads[i] = i ? 0 : before;
        pads[spatial + i] = i ? 0 : after;
    }
    igi_average_pool_attrs a = {.struct_size = sizeof(a),
                                .count_include_pad = 1,
                                .kernel_shape = {spatial, kernel},
                                .pads = {2 * (int64_t)spatial, pads}};
    v = igi_emit_unsqueeze(g, v, one, 1);
    return igi_emit_squeeze(g, ig_emit1(g, IG_OP(AveragePool), &a, v), one, 1);
}

static ig_status lrn_gradient(ig_grad *g)
{
    const lrn_attrs *o = ig_grad_attrs(g);
    const int64_t channels = ig_type_dims(ig_grad_in_type(g, 0))[1];
    int64_t before = (o->size - 1) / 2, after = o->size - 1 - before;
    /* No window needs to reach beyond all channels. */
    if (channels > 0 && before >= channels)
        before = channels - 1;
    if (channels > 0 && after >= channels)
        after = channels - 1;
    const double alpha =
        (double)o->alpha * (double)(before + after + 1) / (double)o->size;
    ig_dtype dtype = (ig_dtype)ig_grad_in_type(g, 0)->dtype;
    ig_var x = ig_grad_in(g, 0), dy = ig_grad_dy(g, 0);
    ig_var s = window_mean(g, igi_emit_mul(g, x, x), before, after);
    s = igi_emit_add(g, igi_emit_mul(g, s, ig_grad_scalar(g, dtype, alpha)),
                     ig_grad_scalar(g, dtype, (double)o->bias));
    ig_var p =
        ig_emit2(g, IG_OP(Pow), NULL, s, ig_grad_scalar(g, dtype, -(double)o->beta));
    ig_var dyp = igi_emit_mul(g, dy, p);
    ig_var t = ig_emit2(g, IG_OP(Div), NULL, igi_emit_mul(g, dyp, x), s);
    t = igi_emit_mul(g, x, window_mean(g, t, after, before));
    t = igi_emit_scale(g, t, 2 * alpha * (double)o->beta);
    ig_grad_set(g, 0, igi_emit_sub(g, dyp, t));
    return IG_OK;
}

typedef struct {
    const lrn_attrs *o;
    const void *x;
    void *y;
    int64_t channels, inner;
    igi_pace pace;
} lrn_call;

/* One item: x[c][inner]. The window's sum is added up anew per element: nothing
 * cancels. */
IGI_INLINE ig_status lrn_item(ig_dtype T, lrn_call *v, int64_t at)
{
    const lrn_attrs *o = v->o;
    int64_t before = (o->size - 1) / 2, after = o->size - 1 - before;
    int64_t last = v->channels - 1, inner = v->inner;
    for (int64_t c = 0; c <= last; c++) {
        int64_t lo = c > before ? c - before : 0,
                hi = last - c > after ? c + after : last;
        for (int64_t i = 0; i < inner; i++) {
            IG_TRY(igi_pace_go(&v->pace, hi - lo + 1));
            double sum = 0;
            for (int64_t j = lo; j <= hi; j++) {
                double e = igi_load(T, v->x, at + j * inner + i);
                sum += e * e;
            }
            double s = (double)o->bias + (double)o->alpha / (double)o->size * sum;
            double e = igi_load(T, v->x, at + c * inner + i);
            igi_store(T, v->y, at + c * inner + i, e * pow(s, -(double)o->beta));
        }
    }
    return IG_OK;
}

static ig_status lrn_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    lrn_call v = {.o = k->attrs,
                  .x = ig_data(x),
                  .y = ig_data(ig_out(k, 0)),
                  .channels = ig_dims(x)[1],
                  .inner = 1,
                  .pace = igi_pace_of(k)};
    for (int i = 2; i < ig_rank(x); i++)
        v.inner *= ig_dims(x)[i];
    for (int64_t n = 0; n < ig_dims(x)[0]; n++)
        IGI_EACH_FLOAT(k, ig_dtype_of(x),
                       IG_TRY(lrn_item(T, &v, n * v.channels * v.inner)));
    return IG_OK;
}

#define HEAD .struct_size = sizeof(lrn_attrs)
static const lrn_attrs three = {HEAD, .alpha = 0.5f, .beta = 0.75f, .bias = 1,
                                .size = 3};
static const lrn_attrs even = {HEAD, .alpha = 1, .beta = 0.5f, .bias = 2, .size = 4};
static const lrn_attrs wide = {HEAD, .alpha = 0.0001f, .beta = 0.75f, .bias = 1,
                               .size = 9};
static const ig_sample samples[] = {
    {.name = "three", .attrs = &three, IGI_INPUTS(IGI_IN(2, 5, 2, 3))},
    {.name = "even", .attrs = &even, IGI_INPUTS(IGI_IN(1, 6, 2))},
    {.name = "wider_than_channels", .attrs = &wide, IGI_INPUTS(IGI_IN(2, 3, 2, 2))},
    {.name = "two_axes", .attrs = &three, IGI_INPUTS(IGI_IN(2, 4))},
    {.name = "empty_batch", .attrs = &three, IGI_INPUTS(IGI_IN(0, 4, 2))},
    {0},
};

IG_OPERATOR(LRN) = {
    IG_OP_HEAD,
    .name = "LRN",
    .since = 13,
    .doc =
        "Local response normalisation: x / (bias + alpha / size * sum of squares over "
        "`size` neighbouring channels) ^ beta.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(lrn_attrs),
    .infer = lrn_infer,
    .gradient = lrn_gradient,
    .saves = saves,
    .reference = lrn_reference,
    .samples = samples,
};
