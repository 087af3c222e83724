// ClipScale: the norm of gradients together, and what clipping multiplies them by.
//
//   norm = sqrt(sum over all grads of their squares)
//   scale = norm > max_norm ? max_norm / norm : 1
// So never 0 / 0, and a norm that is no number changes nothing. Sums are made in
// double.

#include "operators/common_float.h"
#include "operators/common_step.h"

static const ig_port inputs[] = {
    IG_PORT("max_norm", 'S', "A scalar.", .flags = IG_NODIFF),
    IG_PORT("grads",
            'T',
            "Tensors of any shapes.",
            .flags = IG_VARIADIC | IG_HETERO | IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("norm", 'D', "Rank 0."),
    IG_PORT("scale", 'D', "Rank 0."),
    {0},
};
static const ig_type_rule types[] = {
    {'S', IG_FLOATS},
    {'T', IG_FLOATS},
    {'D', IG_T(FLOAT64)},
    {0},
};
#define MAX_NORM IGI_IN_NUMBER(IG_FLOAT64, 2)
static const ig_sample samples[] = {
    {.name = "clipped",
     .types = IG_T(FLOAT64),
     .n_out = 2,
     IGI_INPUTS(MAX_NORM, IGI_IN(3, 40), IGI_IN(7), IGI_IN(1))},
    {.name = "left_alone",
     .types = IG_T(FLOAT64),
     .n_out = 2,
     IGI_INPUTS(MAX_NORM, {IG_SHAPE_IN(2), IGI_DATA(IG_FLOAT32, 0.5, 1)})},
    {.name = "half",
     .types = IG_T(FLOAT64),
     .n_out = 2,
     IGI_INPUTS(MAX_NORM, {IG_SHAPE_IN(2), IGI_DATA(IG_FLOAT16, 3, 4)}, IGI_IN(2))},
    {.name = "empty",
     .types = IG_T(FLOAT64),
     .n_out = 2,
     IGI_INPUTS(MAX_NORM, IGI_IN(0, 3))},
    {0},
};

static ig_status clip_scale_infer(ig_infer *x)
{
    for (int o = 0; o < x->n_out; o++) {
        IG_TRY(ig_infer_dtype(x, o, IG_FLOAT64));
        IG_TRY(ig_infer_set(x, o, 0, NULL));
    }
    return IG_OK;
}

IGI_INLINE double squares(ig_dtype T, const void *x, int64_t n)
{
    double sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += igi_load(T, x, i) * igi_load(T, x, i);
    return sum;
}

static ig_status add_squares(ig_kernel_ctx *k, const ig_tensor *t, double *sum)
{
    IGI_EACH_FLOAT(k, ig_dtype_of(t), *sum += squares(T, ig_data(t), ig_numel(t)));
    return IG_OK;
}

static ig_status clip_scale_reference(ig_kernel_ctx *k)
{
    double sum = 0;
    for (int i = 1; i < k->n_in; i++)
        IG_TRY(add_squares(k, ig_in(k, i), &sum));
    igi_clip_results(k, sqrt(sum));
    return IG_OK;
}

IG_OPERATOR(ClipScale) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "ClipScale",
    .since = 1,
    .doc = "The norm of all gradients, and the factor that clips it to max_norm.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = clip_scale_infer,
    .gradient = ig_gradient_forbidden,
    .reference = clip_scale_reference,
    .samples = samples,
};
