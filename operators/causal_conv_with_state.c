/* CausalConvWithState: each channel is convolved with its own kernel over the past,
 * with s the carried (or zero) k - 1 values and then the input: y[n, c, t] =
 * act(bias[c] + sum over j of w[c, 0, j] * s[n, c, t + j]).
 *
 * The map is bilinear in s and w, and its two adjoints are the same map again: ds
 * convolves dy, with zeros on both sides, with w backwards; dw convolves s with dy as
 * kernels, batch items beside channels. */
#include "operators/common_act.h"
#include "operators/common_grad.h"
#include "operators/common_move.h"

IG_USES_OP(CausalConvWithState);
IG_USES_OP(Concat);
IG_USES_OP(Expand);
IG_USES_OP(Gather);
IG_USES_OP(Shape);
IG_USES_OP(Sigmoid);
IG_USES_OP(Slice);
IG_USES_OP(Sub);

enum { X, W, BIAS, PAST };

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "[batch, channels, length]."),
    IG_PORT("weight", 'T', "One kernel a channel [channels, 1, k]."),
    IG_PORT("bias", 'T', "[channels].", .flags = IG_OPTIONAL),
    IG_PORT("past_state",
            'T',
            "Values before the input [batch, channels, k - 1]; absent: 0.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Shape of input."),
    IG_PORT("present_state", 'T', "The last k - 1 values of past and input."),
    {0},
};
/* float64 is more than ONNX has. */
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

typedef struct {
    uint32_t struct_size;
    int64_t activation;
} causal_conv_attrs;
enum { NONE, SILU, SWISH }; /* ORDER: activations */
static const char *const activations[] = {"none", "silu", "swish", NULL};
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(causal_conv_attrs,
                 activation,
                 NONE,
                 activations,
                 "Function of the result; silu and swish are one."),
    {0},
};

static ig_status causal_conv_infer(ig_infer *x)
{
    const ig_type *bias = x->n_in > BIAS ? x->in[BIAS] : NULL,
                  *past = x->n_in > PAST ? x->in[PAST] : NULL;
    if (x->in[X]->rank != 3 || x->in[W]->rank != 3 || (bias && bias->rank != 1) ||
        (past && past->rank != 3))
        return ig_infer_fail(
            x, "input, weight and past_state must have rank 3 and bias rank 1");
    const int64_t *d = ig_type_dims(x->in[X]), *w = ig_type_dims(x->in[W]);
    if (w[2] == 0)
        return ig_infer_fail(x, "the kernel is empty");
    IG_TRY(ig_infer_equal(x, d[1], w[0], "channels of input and weight", NULL));
    IG_TRY(ig_infer_equal(x, w[1], 1, "the middle dim of weight and 1", NULL));
    if (bias)
        IG_TRY(ig_infer_equal(x, ig_type_dims(bias)[0], d[1],
                              "channels of bias and input", NULL));
    int64_t state[3] = {d[0], d[1], igi_dim_plus(x, w[2], -1)};
    for (int i = 0; past && i < 3; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(past)[i], state[i],
                              "dims of past_state and of k - 1 values a channel",
                              NULL));
    IG_TRY(ig_infer_copy(x, 0, X));
    return ig_infer_set(x, 1, 3, state);
}

/* ---- gradient ---- */

static const causal_conv_attrs plain = {sizeof(plain), NONE};

static ig_var dim(ig_grad *g, ig_var v, int64_t axis)
{
    ig_var shape = ig_emit1(g, IG_OP(Shape), NULL, v);
    return ig_emit2(g, IG_OP(Gather), NULL, shape, ig_grad_ints(g, &axis, 1));
}

static ig_var join(ig_grad *g, ig_var a, ig_var b, int64_t axis)
{
    const igi_axis_attrs along = {sizeof(along), axis};
    return ig_emit2(g, IG_OP(Concat), &along, a, b);
}

static ig_var less_one(ig_grad *g, ig_var n)
{
    return ig_emit2(g, IG_OP(Sub), NULL, n, ig_grad_ints(g, (const int64_t[]){1}, 1));
}

/* v[..., from : to], {0} for the ends. */
static ig_var cut(ig_grad *g, ig_var v, ig_var from, ig_var to)
{
    const int64_t zero = 0, last = -1, end = INT64_MAX;
    ig_var in[4] = {v, from.h ? from : ig_grad_ints(g, &zero, 1),
                    to.h ? to : ig_grad_ints(g, &end, 1), ig_grad_ints(g, &last, 1)},
           out;
    (void)ig_emit_n(g, IG_OP(Slice), NULL, in, 4, &out, 1);
    return out;
}

static ig_var backwards(ig_grad *g, ig_var v)
{
    const int64_t from = -1, to = INT64_MIN + 1, last = -1, step = -1;
    ig_var in[5] = {v, ig_grad_ints(g, &from, 1), ig_grad_ints(g, &to, 1),
                    ig_grad_ints(g, &last, 1), ig_grad_ints(g, &step, 1)},
           out;
    (void)ig_emit_n(g, IG_OP(Slice), NULL, in, 5, &out, 1);
    return out;
}

/* Zeros [batch, channels, n]. */
static ig_var zeros(ig_grad *g, ig_var n)
{
    const int64_t two[2] = {0, 1};
    ig_var head = ig_emit2(g, IG_OP(Gather), NULL, ig_grad_in_shape(g, X),
                           ig_grad_ints(g, two, 2));
    ig_var zero = ig_grad_scalar(g, (ig_dtype)ig_grad_in_type(g, X)->dtype, 0);
    return ig_emit2(g, IG_OP(Expand), NULL, zero, join(g, head, n, 0));
}

static ig_var convolve(ig_grad *g, ig_var x, ig_var w, ig_var bias, ig_var past)
{
    const ig_var in[4] = {x, w, bias, past};
    ig_var out[2];
    (void)ig_emit_n(g, IG_OP(CausalConvWithState), &plain, in, 4, out, 2);
    return out[0];
}

/* dw = sum over the batch of s convolved with dy. Both get a zero in front, so that dy
 * is a kernel also when there are no tokens. */
static ig_var weight_gradient(ig_grad *g, ig_var s, ig_var dy)
{
    const int64_t one = 1, batch[1] = {0}, first[2] = {0, 1};
    const igi_axis_attrs along = {sizeof(along), 0};
    ig_var head = ig_emit2(g, IG_OP(Gather), NULL, ig_grad_in_shape(g, X),
                           ig_grad_ints(g, first, 2));
    ig_var both = igi_emit_mul(g, dim(g, dy, 0), dim(g, dy, 1)),
           unit = ig_grad_ints(g, &one, 1), n = dim(g, dy, 2), zero = zeros(g, unit);
    s = join(g, zero, s, 2), dy = join(g, zero, dy, 2);
    ig_var part[3] = {unit, both, dim(g, s, 2)}, as_x, as_w;
    (void)ig_emit_n(g, IG_OP(Concat), &along, part, 3, &as_x, 1);
    part[0] = both, part[1] = unit, part[2] = dim(g, dy, 2);
    (void)ig_emit_n(g, IG_OP(Concat), &along, part, 3, &as_w, 1);
    s = igi_emit_reshape(g, s, as_x);
    ig_var dw = convolve(g, cut(g, s, n, (ig_var){0}), igi_emit_reshape(g, dy, as_w),
                         (ig_var){0}, cut(g, s, (ig_var){0}, n));
    dw = igi_emit_reshape(g, dw, join(g, head, dim(g, dw, 2), 0));
    dw = igi_emit_squeeze(g, igi_emit_sum(g, dw, batch, 1), batch, 1);
    return igi_emit_unsqueeze(g, dw, &one, 1);
}

/* dy before the activation: silu'(z) = s + z s (1 - s), s = sigmoid(z). */
static ig_var through_activation(ig_grad *g, ig_var dy, ig_var past)
{
    const causal_conv_attrs *a = ig_grad_attrs(g);
    if (a->activation == NONE || !dy.h)
        return dy;
    ig_var bias = ig_grad_in_type(g, BIAS) ? ig_grad_in(g, BIAS) : (ig_var){0};
    ig_var z = convolve(g, ig_grad_in(g, X), ig_grad_in(g, W), bias, past);
    ig_var s = ig_emit1(g, IG_OP(Sigmoid), NULL, z);
    ig_var rest = igi_emit_mul(g, z, igi_emit_sub(g, s, igi_emit_mul(g, s, s)));
    return igi_emit_mul(g, dy, igi_emit_add(g, s, rest));
}

static ig_status causal_conv_gradient(ig_grad *g)
{
    const int64_t others[2] = {0, 2};
    bool carried = ig_grad_in_type(g, PAST) != NULL;
    ig_var w = ig_grad_in(g, W), n = less_one(g, dim(g, w, 2));
    ig_var past = carried ? ig_grad_in(g, PAST) : zeros(g, n), ds = {0};
    ig_var dy = through_activation(g, ig_grad_dy(g, 0), past), dp = ig_grad_dy(g, 1);
    ig_var length = dim(g, ig_grad_in(g, X), 2);
    if (dy.h)
        ds = convolve(g, join(g, dy, zeros(g, n), 2), backwards(g, w), (ig_var){0},
                      zeros(g, n));
    if (dp.h)
        ds = igi_emit_add(g, ds, join(g, zeros(g, length), dp, 2));
    if (!ds.h)
        return IG_OK;
    ig_grad_set(g, X, cut(g, ds, n, (ig_var){0}));
    if (carried)
        ig_grad_set(g, PAST, cut(g, ds, (ig_var){0}, n));
    if (dy.h && ig_grad_wants(g, W))
        ig_grad_set(g, W, weight_gradient(g, join(g, past, ig_grad_in(g, X), 2), dy));
    if (dy.h && ig_grad_wants(g, BIAS))
        ig_grad_set(g, BIAS,
                    igi_emit_squeeze(g, igi_emit_sum(g, dy, others, 2), others, 2));
    return IG_OK;
}

static const ig_save saves[] = {
    IG_SAVE_IN(X, IG_SAVE_ANY),
    IG_SAVE_IN(W, IG_SAVE_ANY),
    IG_SAVE_IN(BIAS, IG_SAVE_ANY),
    IG_SAVE_IN(PAST, IG_SAVE_ANY),
    {0},
};

/* ---- reference ---- */

typedef struct {
    const void *x, *w, *bias, *past;
    void *y, *present;
    int64_t channels, length, k, act;
    igi_pace pace;
} causal_conv_call;

/* Value t of past and input of line `line` (batch item and channel). */
IGI_INLINE double
state_at(ig_dtype T, const causal_conv_call *v, int64_t line, int64_t t)
{
    const int64_t before = v->k - 1;
    if (t >= before)
        return igi_load(T, v->x, line * v->length + t - before);
    return v->past ? igi_load(T, v->past, line * before + t) : 0;
}

IGI_INLINE ig_status causal_conv_line(ig_dtype T, causal_conv_call *v, int64_t line)
{
    const int64_t c = line % v->channels;
    for (int64_t t = 0; t < v->length; t++) {
        IG_TRY(igi_pace_go(&v->pace, v->k));
        double sum = v->bias ? igi_load(T, v->bias, c) : 0;
        for (int64_t j = 0; j < v->k; j++)
            sum += igi_load(T, v->w, c * v->k + j) * state_at(T, v, line, t + j);
        igi_store(T, v->y, line * v->length + t, igi_act(v->act, 0, 0, sum));
    }
    for (int64_t t = 0; t < v->k - 1; t++)
        igi_store(T, v->present, line * (v->k - 1) + t,
                  state_at(T, v, line, v->length + t));
    return IG_OK;
}

static ig_status causal_conv_reference(ig_kernel_ctx *k)
{
    const causal_conv_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, X), *bias = ig_in(k, BIAS), *past = ig_in(k, PAST);
    const int64_t *d = ig_dims(x);
    causal_conv_call v = {.x = ig_data(x),
                          .w = ig_data(ig_in(k, W)),
                          .bias = bias ? ig_data(bias) : NULL,
                          .past = past ? ig_data(past) : NULL,
                          .y = ig_data(ig_out(k, 0)),
                          .present = ig_data(ig_out(k, 1)),
                          .channels = d[1],
                          .length = d[2],
                          .k = ig_dims(ig_in(k, W))[2],
                          .act = a->activation == NONE ? IGI_ACT_NONE : IGI_ACT_SILU,
                          .pace = igi_pace_of(k)};
    for (int64_t line = 0; line < d[0] * d[1]; line++)
        IGI_EACH_FLOAT(k, ig_dtype_of(x), IG_TRY(causal_conv_line(T, &v, line)));
    return IG_OK;
}

static const causal_conv_attrs silu = {sizeof(silu), SILU};
static const causal_conv_attrs swish = {sizeof(swish), SWISH};

static const ig_sample samples[] = {
    {.name = "alone", .n_out = 2, IGI_INPUTS(IGI_IN(2, 3, 5), IGI_IN(3, 1, 3))},
    {.name = "with_past_and_bias",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN(3, 1, 3), IGI_IN(3), IGI_IN(2, 3, 2))},
    {.name = "silu",
     .attrs = &silu,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 2, 4), IGI_IN(2, 1, 2), IGI_IN(2), IGI_IN(2, 2, 1))},
    {.name = "swish",
     .attrs = &swish,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(1, 2, 3), IGI_IN(2, 1, 4))},
    {.name = "shorter_than_the_state",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(1, 2, 1), IGI_IN(2, 1, 4), IGI_IN_ABSENT, IGI_IN(1, 2, 3))},
    {.name = "kernel_of_one", .n_out = 2, IGI_INPUTS(IGI_IN(1, 2, 3), IGI_IN(2, 1, 1))},
    {.name = "no_length",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(1, 2, 0), IGI_IN(2, 1, 3), IGI_IN_ABSENT, IGI_IN(1, 2, 2))},
    {.name = "size_one", .n_out = 2, IGI_INPUTS(IGI_IN(1, 1, 1), IGI_IN(1, 1, 1))},
    {0},
};

IG_OPERATOR(CausalConvWithState) = {
    IG_OP_HEAD,
    .name = "CausalConvWithState",
    .since = 27,
    .doc =
        "Depthwise convolution of a sequence with what came before it, and the values "
        "that the next call needs.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(causal_conv_attrs),
    .infer = causal_conv_infer,
    .gradient = causal_conv_gradient,
    .saves = saves,
    .reference = causal_conv_reference,
    .samples = samples,
};
