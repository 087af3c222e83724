// Min: the smallest of any number of inputs, with NumPy broadcasting; NaN wins.
//
// Pairwise: y = data_0, then y = min(y, data_i). Where several inputs are equal the
// gradient is shared evenly among them (PyTorch's and JAX's convention).

#include "operators/common.h"

static const ig_port inputs[] = {
    IG_PORT("data_0", 'T', "Tensors to compare.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("min", 'T', "Shape of the broadcast."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {0}};
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY),
    IG_SAVE_OUT(0, IG_SAVE_ANY),
    {0},
};
static const ig_sample samples[] = {IGI_SAMPLES_EXTREMUM, {0}};

static int min_values(ig_infer *x, int64_t *out, int cap)
{
    if (x->n_in == 1)
        return ig_values_same(x, out, cap);
    return x->n_in == 2 ? ig_values_binary(x, out, cap, ig_dim_min) : IG_INTS_UNKNOWN;
}

static ig_status
combine(ig_kernel_ctx *k, const ig_tensor *left, const ig_tensor *right)
{
    IGI_APPLY2(k, ig_out(k, 0), left, right,
               IGI_CASES2_FLOAT(a != a || a < b ? a : b)
                   IGI_CASES2_SIGNED(a < b ? a : b) IGI_CASES2_UNSIGNED(a < b ? a : b));
    return IG_OK;
}

static ig_status min_reference(ig_kernel_ctx *k)
{
    IG_TRY(igi_copy_to_output(k, 0, 0));
    for (int i = 1; i < k->n_in; i++)
        IG_TRY(combine(k, ig_out(k, 0), ig_in(k, i)));
    return IG_OK;
}

IG_OPERATOR(Min) = {
    IG_OP_HEAD,
    .name = "Min",
    .since = 13,
    .doc = "Elementwise minimum of all inputs, with broadcasting; NaN where any is "
           "NaN. Equal "
           "inputs share the gradient evenly.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_ELEMENTWISE | IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .values = min_values,
    .gradient = igi_gradient_extremum,
    .saves = saves,
    .reference = min_reference,
    .samples = samples,
};
