/* DequantizeLinear: y = (x - zero point) * scale.
 *
 * The difference is exact, the product is float32 and is rounded once to the output
 * type. Asking for a gradient is an error: x holds integers, and a scale that should be
 * trained is written as Cast, Sub and Mul, which have gradients. */
#include "operators/common_quant.h"

typedef struct {
    uint32_t struct_size;
    int64_t axis, block_size, output_dtype;
} dequantize_attrs;

static const ig_attr_def attrs[] = {
    IG_ATTR_INT(dequantize_attrs,
                axis,
                1,
                "Axis of a scale per index or of blocks; negative counts from the "
                "end."),
    IG_ATTR_INT(dequantize_attrs,
                block_size,
                0,
                "Neighbours along the axis that share a scale; 0: no blocks.",
                .min = 0,
                .max = INT32_MAX),
    IG_ATTR_DTYPE(
        dequantize_attrs, output_dtype, 0, "Element type of y; 0: that of the scale."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("x", 'Q', "Quantized tensor."),
    IG_PORT("x_scale",
            'S',
            "A number, one per index of the axis, or one per block (rank of x)."),
    IG_PORT("x_zero_point", 'Q', "Shape of x_scale; absent: 0.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {IG_PORT("y", 'Y', "Shape of x."), {0}};
static const ig_type_rule types[] = {
    {'Q', IGI_QUANT_TYPES | IG_T(INT32)},
    {'S', IGI_QUANT_REALS | IG_T(FLOAT8E8M0)},
    {'Y', IGI_QUANT_REALS},
    {0},
};

static ig_status dequantize_infer(ig_infer *x)
{
    const dequantize_attrs *a = x->attrs;
    IG_TRY(ig_infer_dtype(x, 0, a->output_dtype ? a->output_dtype : x->in[1]->dtype));
    return igi_quant_infer(x, a->axis, a->block_size);
}

static ig_status dequantize_reference(ig_kernel_ctx *k)
{
    const dequantize_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *scale = ig_in(k, 1), *zero = ig_in(k, 2);
    ig_tensor *y = ig_out(k, 0);
    igi_quant_map m;
    igi_quant_map_set(&m, x, scale, a->axis, a->block_size);
    for (int64_t i = 0; i < ig_numel(x); i++) {
        int64_t at = igi_quant_at(&m, i);
        double v =
            igi_get_f64(ig_dtype_of(x), ig_data(x), i) - igi_quant_zero(zero, at);
        float s = (float)igi_get_f64(ig_dtype_of(scale), ig_data(scale), at);
        igi_store(ig_dtype_of(y), ig_data(y), i, (double)((float)v * s));
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(dequantize_attrs)
static const dequantize_attrs plain = {HEAD, .axis = 1};
static const dequantize_attrs last_axis = {HEAD, .axis = -1};
static const dequantize_attrs blocks_of_two = {HEAD, .axis = 1, .block_size = 2};
static const dequantize_attrs to_half = {HEAD, .axis = 1, .output_dtype = IG_FLOAT16};
static const dequantize_attrs to_float = {HEAD, .axis = 1, .output_dtype = IG_FLOAT32};
#define SCALE_                                                                         \
    {                                                                                  \
        .rank = 0, IGI_DATA(IG_FLOAT32, 0.3)                                           \
    }
static const ig_sample samples[] = {
    {.name = "no_zero_point", .attrs = &plain, IGI_INPUTS(IGI_IN(3, 5), SCALE_)},
    {.name = "zero_point",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(3, 21), SCALE_, IGI_IN_SCALAR)},
    {.name = "ends_of_uint8",
     .attrs = &plain,
     IGI_INPUTS({IG_SHAPE_IN(4), IGI_DATA(IG_UINT8, 0, 255, 127, 128)},
                SCALE_,
                {.rank = 0, IGI_DATA(IG_UINT8, 128)})},
    {.name = "ends_of_int8",
     .attrs = &plain,
     IGI_INPUTS({IG_SHAPE_IN(4), IGI_DATA(IG_INT8, 0, -128, 127, 5)},
                SCALE_,
                {.rank = 0, IGI_DATA(IG_INT8, -128)})},
    {.name = "per_channel",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(2, 3, 19), IGI_IN_POSITIVE(3), IGI_IN(3))},
    {.name = "per_channel_last",
     .attrs = &last_axis,
     IGI_INPUTS(IGI_IN(4, 3), IGI_IN_POSITIVE(3), IGI_IN(3))},
    {.name = "blocks",
     .attrs = &blocks_of_two,
     IGI_INPUTS(IGI_IN(2, 5, 3), IGI_IN_POSITIVE(2, 3, 3), IGI_IN(2, 3, 3))},
    {.name = "scale_float16",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(4, 5), {.rank = 0, IGI_DATA(IG_FLOAT16, 0.1)})},
    {.name = "scale_bfloat16",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(4, 5), {.rank = 0, IGI_DATA(IG_BFLOAT16, 0.1)})},
    {.name = "scale_float8e8m0",
     .attrs = &to_float,
     IGI_INPUTS(IGI_IN(4, 5), {.rank = 0, IGI_DATA(IG_FLOAT8E8M0, 0.25)})},
    {.name = "to_float16", .attrs = &to_half, IGI_INPUTS(IGI_IN(3, 5), SCALE_)},
    {.name = "scalar", .attrs = &plain, IGI_INPUTS(IGI_IN_SCALAR, SCALE_)},
    {.name = "size_one", .attrs = &plain, IGI_INPUTS(IGI_IN(1, 1), SCALE_)},
    {.name = "empty", .attrs = &plain, IGI_INPUTS(IGI_IN(0, 3), IGI_IN_POSITIVE(3))},
    {0},
};

IG_OPERATOR(DequantizeLinear) = {
    IG_OP_HEAD,
    .name = "DequantizeLinear",
    .since = 25,
    .doc =
        "y = (x - x_zero_point) * x_scale; one scale for the tensor, per index of an "
        "axis, or per block. No gradient: write Cast, Sub and Mul to train a scale.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(dequantize_attrs),
    .infer = dequantize_infer,
    .gradient = ig_gradient_forbidden,
    .reference = dequantize_reference,
    .samples = samples,
};
