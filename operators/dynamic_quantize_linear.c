/* DynamicQuantizeLinear: uint8 with a scale and zero point from the data's own range.
 *
 * With the range widened to hold 0: scale = (max - min) / 255 and zero point =
 * round(clamp(-min / scale, 0, 255)), in float32; a tensor of zeros (or an empty one)
 * has scale 1. NaN takes no part in the range and becomes 0. Asking for a gradient is
 * an error, as in QuantizeLinear. */
#include "operators/common_quant.h"

static const ig_port inputs[] = {IG_PORT("x", 'T', "Tensor to quantize."), {0}};
static const ig_port outputs[] = {
    IG_PORT("y", 'Q', "Shape of x."),
    IG_PORT("y_scale", 'T', "The scale, rank 0."),
    IG_PORT("y_zero_point", 'Q', "The zero point, rank 0."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_T(FLOAT32)}, {'Q', IG_T(UINT8)}, {0}};

static ig_status dynamic_infer(ig_infer *x)
{
    IG_TRY(ig_infer_copy(x, 0, 0));
    for (int i = 1; i < 3; i++)
        IG_TRY(ig_infer_set(x, i, 0, NULL));
    return IG_OK;
}

static ig_status dynamic_reference(ig_kernel_ctx *k)
{
    const float *x = ig_data(ig_in(k, 0));
    const int64_t n = ig_numel(ig_in(k, 0));
    float low = 0, high = 0, scale, zero;
    for (int64_t i = 0; i < n; i++) {
        low = x[i] < low ? x[i] : low;
        high = x[i] > high ? x[i] : high;
    }
    igi_quant_dynamic(low, high, &scale, &zero);
    for (int64_t i = 0; i < n; i++)
        igi_quant_store(ig_out(k, 0), i, (double)(x[i] / scale), (double)zero, true);
    *(float *)ig_data(ig_out(k, 1)) = scale;
    *(uint8_t *)ig_data(ig_out(k, 2)) = (uint8_t)zero;
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "matrix", .n_out = 3, IGI_INPUTS(IGI_IN(3, 5))},
    {.name = "long", .n_out = 3, IGI_INPUTS(IGI_IN(1031))},
    {.name = "positive", .n_out = 3, IGI_INPUTS(IGI_IN_POSITIVE(5, 4))},
    {.name = "negative",
     .n_out = 3,
     IGI_INPUTS({IG_SHAPE_IN(4), IGI_DATA(IG_FLOAT32, -1, -2.1, -1.3, -2.5)})},
    {.name = "zeros",
     .n_out = 3,
     IGI_INPUTS({IG_SHAPE_IN(3), IGI_DATA(IG_FLOAT32, 0, 0, 0)})},
    {.name = "no_numbers",
     .n_out = 3,
     IGI_INPUTS({IG_SHAPE_IN(4), IGI_DATA(IG_FLOAT32, 1, NAN, -3, 2)})},
    {.name = "scalar", .n_out = 3, IGI_INPUTS(IGI_IN_SCALAR)},
    {.name = "size_one", .n_out = 3, IGI_INPUTS(IGI_IN(1, 1))},
    {.name = "empty", .n_out = 3, IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(DynamicQuantizeLinear) = {
    IG_OP_HEAD,
    .name = "DynamicQuantizeLinear",
    .since = 11,
    .doc = "Quantizes to uint8 with the scale and zero point of the data's own range, "
           "which always holds 0. No gradient: rounding has none.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = dynamic_infer,
    .gradient = ig_gradient_forbidden,
    .reference = dynamic_reference,
    .samples = samples,
};
