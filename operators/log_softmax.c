/* LogSoftmax: y = x - max(x) - log(sum(exp(x - max(x)))) along one axis: finite for
 * every finite x, where log(softmax(x)) would underflow. */
#include "operators/common_float.h"
#include "operators/common_grad.h"

IG_USES_OP(Exp);

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Any rank >= 1."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Shape of input.", .alias = IG_MAY_ALIAS(0)),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_axis_attrs, axis, -1, "Axis to normalise; negative: from the end."),
    {0},
};

static ig_status log_softmax_infer(ig_infer *x)
{
    int axis;
    IG_TRY(ig_infer_axis(x, ((const igi_axis_attrs *)x->attrs)->axis, x->in[0]->rank,
                         false, &axis));
    return ig_infer_copy(x, 0, 0);
}

static const ig_save saves[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};

/* dx = dy - exp(y) * sum(dy). */
static ig_status log_softmax_gradient(ig_grad *g)
{
    int64_t axis = ((const igi_axis_attrs *)ig_grad_attrs(g))->axis;
    ig_var dy = ig_grad_dy(g, 0), p = ig_emit1(g, IG_OP(Exp), NULL, ig_grad_out(g, 0));
    ig_var sum = igi_emit_sum(g, dy, &axis, 1);
    ig_grad_set(g, 0, igi_emit_sub(g, dy, igi_emit_mul(g, p, sum)));
    return IG_OK;
}

/* One line of n elements at distance `step`. */
IGI_INLINE void log_softmax_line(
    ig_dtype T, const void *x, void *y, int64_t at, int64_t n, int64_t step)
{
    double high = -(double)INFINITY, sum = 0;
    for (int64_t i = 0; i < n; i++) {
        double v = igi_load(T, x, at + i * step);
        if (v > high || isnan(v))
            high = v;
    }
    for (int64_t i = 0; i < n; i++)
        sum += exp(igi_load(T, x, at + i * step) - high);
    double logarithm = log(sum);
    for (int64_t i = 0; i < n; i++)
        igi_store(T, y, at + i * step,
                  igi_load(T, x, at + i * step) - high - logarithm);
}

IGI_INLINE void log_softmax_lines(
    ig_dtype T, const void *x, void *y, int64_t outer, int64_t n, int64_t inner)
{
    for (int64_t o = 0; o < outer; o++)
        for (int64_t i = 0; i < inner; i++)
            log_softmax_line(T, x, y, o * n * inner + i, n, inner);
}

static ig_status log_softmax_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    int64_t axis = ((const igi_axis_attrs *)k->attrs)->axis, outer = 1, inner = 1;
    if (axis < 0)
        axis += ig_rank(x);
    for (int i = 0; i < ig_rank(x); i++) {
        outer *= i < axis ? ig_dims(x)[i] : 1;
        inner *= i > axis ? ig_dims(x)[i] : 1;
    }
    int64_t n = ig_dims(x)[axis];
    IGI_EACH_FLOAT(
        k, ig_dtype_of(x),
        log_softmax_lines(T, ig_data(x), ig_data(ig_out(k, 0)), outer, n, inner));
    return IG_OK;
}

static const igi_axis_attrs first = {sizeof(igi_axis_attrs), 0};
static const igi_axis_attrs middle = {sizeof(igi_axis_attrs), 1};
static const ig_sample samples[] = {
    {.name = "last_axis", IGI_INPUTS(IGI_IN(3, 5))},
    {.name = "first_axis", .attrs = &first, IGI_INPUTS(IGI_IN(4, 2, 3))},
    {.name = "middle_axis", .attrs = &middle, IGI_INPUTS(IGI_IN(2, 3, 2, 2))},
    {.name = "one_element", IGI_INPUTS(IGI_IN(2, 1))},
    {.name = "one_axis", IGI_INPUTS(IGI_IN(6))},
    {.name = "empty_batch", IGI_INPUTS(IGI_IN(0, 3))},
    {.name = "empty_axis", IGI_INPUTS(IGI_IN(3, 0))},
    {0},
};

IG_OPERATOR(LogSoftmax) = {
    IG_OP_HEAD,
    .name = "LogSoftmax",
    .since = 13,
    .doc = "y = x - max(x) - log(sum(exp(x - max(x)))), taken along `axis`.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_axis_attrs),
    .infer = log_softmax_infer,
    .gradient = log_softmax_gradient,
    .saves = saves,
    .reference = log_softmax_reference,
    .samples = samples,
};
