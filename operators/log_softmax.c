/* LogSoftmax: y = x - max(x) - log(sum(exp(x - max(x)))) along one axis: finite for
 * every finite x, where log(softmax(x)) would underflow. */
#include "operators/common_grad.h"
#include "operators/common_softmax.h"

IG_USES_OP(Exp);

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
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

IGI_INLINE void
log_softmax_lines(ig_dtype T, const igi_lines *lines, const void *x, void *y)
{
    for (int64_t l = 0; l < lines->count; l++) {
        int64_t at = igi_lines_at(lines, l), step = lines->step;
        double high, sum = igi_exp_sum(T, x, at, lines->n, step, &high);
        double logarithm = log(sum);
        for (int64_t i = at; i < at + lines->n * step; i += step)
            igi_store(T, y, i, igi_load(T, x, i) - high - logarithm);
    }
}

static ig_status log_softmax_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0);
    igi_lines lines = igi_lines_of(x, ((const igi_axis_attrs *)k->attrs)->axis);
    IGI_EACH_FLOAT(k, ig_dtype_of(x),
                   log_softmax_lines(T, &lines, ig_data(x), ig_data(ig_out(k, 0))));
    return IG_OK;
}

IG_OPERATOR(LogSoftmax) = {
    IG_OP_HEAD,
    .name = "LogSoftmax",
    .since = 13,
    .doc = "y = x - max(x) - log(sum(exp(x - max(x)))), taken along `axis`.",
    .inputs = igi_softmax_inputs,
    .outputs = igi_softmax_outputs,
    .types = types,
    .attrs = igi_softmax_options,
    .attrs_size = sizeof(igi_axis_attrs),
    .infer = igi_softmax_infer,
    .gradient = log_softmax_gradient,
    .saves = saves,
    .reference = log_softmax_reference,
    .samples = igi_softmax_samples,
};
