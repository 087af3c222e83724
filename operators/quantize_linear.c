/* QuantizeLinear: y = saturate(round(x / scale) + zero point), half to even.
 *
 * The quotient is rounded to the type of the scale, or to `precision`, before it is
 * rounded to an integer. float8 and float4 have no integer step: x / scale + zero point
 * is rounded to them, float8 by the rules of Cast. NaN gives the smallest integer.
 * Asking for a gradient is an error: rounding is a step function, whose derivative is
 * zero wherever it exists, and a zero would end training without a word. */
#include "operators/common_quant.h"

typedef struct {
    uint32_t struct_size;
    int64_t axis, block_size, output_dtype, precision, saturate;
} quantize_attrs;

static const ig_attr_def attrs[] = {
    IG_ATTR_INT(quantize_attrs,
                axis,
                1,
                "Axis of a scale per index or of blocks; negative counts from the "
                "end."),
    IG_ATTR_INT(quantize_attrs,
                block_size,
                0,
                "Neighbours along the axis that share a scale; 0: no blocks.",
                .min = 0,
                .max = INT32_MAX),
    IG_ATTR_DTYPE(quantize_attrs,
                  output_dtype,
                  0,
                  "Element type of y; 0: that of the zero point, else uint8."),
    IG_ATTR_DTYPE(quantize_attrs,
                  precision,
                  0,
                  "Type that the division is done in; 0: that of the scale."),
    IG_ATTR_INT(quantize_attrs,
                saturate,
                1,
                "float8: 1 clamps to the largest value, 0 gives NaN or infinity.",
                .min = 0,
                .max = 1),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Tensor to quantize."),
    IG_PORT("y_scale",
            'S',
            "A number, one per index of the axis, or one per block (rank of x)."),
    IG_PORT("y_zero_point", 'Q', "Shape of y_scale; absent: 0.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {IG_PORT("y", 'Q', "Shape of x."), {0}};
static const ig_type_rule types[] = {
    {'T', IGI_QUANT_REALS | IG_T(INT32)},
    {'S', IGI_QUANT_REALS | IG_T(INT32) | IG_T(FLOAT8E8M0)},
    {'Q', IGI_QUANT_TYPES},
    {0},
};

static ig_status quantize_infer(ig_infer *x)
{
    const quantize_attrs *a = x->attrs;
    const ig_type *zero = x->n_in > 2 ? x->in[2] : NULL;
    if (a->precision && !((IGI_QUANT_REALS | IG_T(INT32)) >> a->precision & 1))
        return ig_infer_fail(x,
                             "precision %s: it must be float32, float16, bfloat16 "
                             "or int32",
                             ig_dtype_name((ig_dtype)a->precision));
    if (!zero)
        IG_TRY(ig_infer_dtype(x, 0, a->output_dtype ? a->output_dtype : IG_UINT8));
    else if (a->output_dtype && a->output_dtype != zero->dtype)
        return ig_infer_fail(x, "output_dtype is %s, but y_zero_point is %s",
                             ig_dtype_name((ig_dtype)a->output_dtype),
                             ig_dtype_name((ig_dtype)zero->dtype));
    return igi_quant_infer(x, a->axis, a->block_size);
}

/* v as a number of `type`; the powers of two of float8e8m0 are float32 numbers. */
static double rounded(ig_dtype type, double v)
{
    switch (type) {
    case IG_INT32:
        return v;
    case IG_FLOAT16:
        return (double)igi_f16_to_f32(igi_f32_to_f16((float)v));
    case IG_BFLOAT16:
        return (double)igi_bf16_to_f32(igi_f32_to_bf16((float)v));
    default:
        return (double)(float)v;
    }
}

static ig_status quantize_reference(ig_kernel_ctx *k)
{
    const quantize_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *scale = ig_in(k, 1), *zero = ig_in(k, 2);
    const ig_dtype st = ig_dtype_of(scale), xt = ig_dtype_of(x),
                   type = a->precision ? (ig_dtype)a->precision : st;
    igi_quant_map m;
    igi_quant_map_set(&m, x, scale, a->axis, a->block_size);
    for (int64_t i = 0; i < ig_numel(x); i++) {
        int64_t at = igi_quant_at(&m, i);
        double s = rounded(type, igi_get_f64(st, ig_data(scale), at));
        double v = rounded(type, igi_get_f64(xt, ig_data(x), i));
        igi_quant_store(ig_out(k, 0), i, rounded(type, v / s), igi_quant_zero(zero, at),
                        a->saturate != 0);
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(quantize_attrs), .saturate = 1
static const quantize_attrs plain = {HEAD, .axis = 1};
static const quantize_attrs last_axis = {HEAD, .axis = -1};
static const quantize_attrs blocks_of_two = {HEAD, .axis = 1, .block_size = 2};
static const quantize_attrs half = {HEAD, .axis = 1, .precision = IG_FLOAT16};
static const quantize_attrs wrapping = {
    .struct_size = sizeof(quantize_attrs), .axis = 1, .output_dtype = IG_FLOAT8E5M2};
#define TO_(name_, type_)                                                              \
    static const quantize_attrs name_ = {HEAD, .axis = 0, .output_dtype = type_}
TO_(to_i8, IG_INT8);
TO_(to_u16, IG_UINT16);
TO_(to_i16, IG_INT16);
TO_(to_u4, IG_UINT4);
TO_(to_i4, IG_INT4);
TO_(to_u2, IG_UINT2);
TO_(to_i2, IG_INT2);
TO_(to_f4, IG_FLOAT4E2M1);
TO_(to_e4m3, IG_FLOAT8E4M3FN);
TO_(to_e4m3z, IG_FLOAT8E4M3FNUZ);
TO_(to_e5m2z, IG_FLOAT8E5M2FNUZ);
#define SCALE_                                                                         \
    {                                                                                  \
        .rank = 0, IGI_DATA(IG_FLOAT32, 0.5)                                           \
    }
#define SAMPLE_(to_)                                                                   \
    {                                                                                  \
        .name = #to_, .attrs = &(to_), IGI_INPUTS(IGI_IN(3, 5), SCALE_)                \
    }
/* Ties, both ends of the range and what is no number. */
#define HARD_                                                                          \
    NAN, INFINITY, -INFINITY, 0.5, 1.5, -2.5, 126.5, 127.5, -128.5, 300, 63, 64
static const ig_sample samples[] = {
    SAMPLE_(plain),
    SAMPLE_(to_i8),
    SAMPLE_(to_u16),
    SAMPLE_(to_i16),
    SAMPLE_(to_u4),
    SAMPLE_(to_i4),
    SAMPLE_(to_u2),
    SAMPLE_(to_i2),
    SAMPLE_(to_f4),
    SAMPLE_(to_e4m3),
    SAMPLE_(to_e4m3z),
    SAMPLE_(to_e5m2z),
    SAMPLE_(wrapping),
    SAMPLE_(half),
    {.name = "hard_uint8",
     .attrs = &plain,
     IGI_INPUTS({IG_SHAPE_IN(3, 4), IGI_DATA(IG_FLOAT32, HARD_)},
                {.rank = 0, IGI_DATA(IG_FLOAT32, 1)},
                {.rank = 0, IGI_DATA(IG_UINT8, 3)})},
    {.name = "hard_int8",
     .attrs = &to_i8,
     IGI_INPUTS({IG_SHAPE_IN(3, 4), IGI_DATA(IG_FLOAT32, HARD_)},
                {.rank = 0, IGI_DATA(IG_FLOAT32, 1)},
                {.rank = 0, IGI_DATA(IG_INT8, -3)})},
    {.name = "per_channel",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(2, 3, 19),
                {IG_SHAPE_IN(3), IGI_DATA(IG_FLOAT32, 0.5, 0.1, 0.02)},
                {IG_SHAPE_IN(3), IGI_DATA(IG_UINT8, 0, 128, 255)})},
    {.name = "per_channel_last",
     .attrs = &last_axis,
     IGI_INPUTS(IGI_IN(4, 3),
                {IG_SHAPE_IN(3), IGI_DATA(IG_FLOAT32, 0.5, 0.1, 0.02)},
                {IG_SHAPE_IN(3), IGI_DATA(IG_INT8, 0, -28, 25)})},
    {.name = "blocks",
     .attrs = &blocks_of_two,
     IGI_INPUTS(IGI_IN(2, 5, 3), IGI_IN_POSITIVE(2, 3, 3))},
    {.name = "block_of_a_vector",
     .attrs = &(const quantize_attrs){HEAD, .axis = 0, .block_size = 4},
     IGI_INPUTS(IGI_IN(4), IGI_IN_POSITIVE(1))},
    {.name = "scale_float16",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(4, 5), {.rank = 0, IGI_DATA(IG_FLOAT16, 0.1)})},
    {.name = "scale_bfloat16",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(4, 5), {.rank = 0, IGI_DATA(IG_BFLOAT16, 0.1)})},
    {.name = "scale_int32",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(4, 5), {.rank = 0, IGI_DATA(IG_INT32, 2)})},
    {.name = "scale_float8e8m0",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(4, 5), {.rank = 0, IGI_DATA(IG_FLOAT8E8M0, 0.25)})},
    {.name = "one_scale_as_vector",
     .attrs = &plain,
     IGI_INPUTS(IGI_IN(7),
                {IG_SHAPE_IN(1), IGI_DATA(IG_FLOAT32, 0.25)},
                {.rank = 0, IGI_DATA(IG_UINT8, 9)})},
    {.name = "long", .attrs = &plain, IGI_INPUTS(IGI_IN(197), SCALE_)},
    {.name = "scalar", .attrs = &plain, IGI_INPUTS(IGI_IN_SCALAR, SCALE_)},
    {.name = "size_one", .attrs = &plain, IGI_INPUTS(IGI_IN(1, 1), SCALE_)},
    {.name = "empty", .attrs = &plain, IGI_INPUTS(IGI_IN(0, 3), IGI_IN_POSITIVE(3))},
    {0},
};

IG_OPERATOR(QuantizeLinear) = {
    IG_OP_HEAD,
    .name = "QuantizeLinear",
    .since = 25,
    .doc =
        "y = saturate(round(x / y_scale) + y_zero_point), rounding half to even; one "
        "scale for the tensor, per index of an axis, or per block. No gradient: "
        "rounding has none.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(quantize_attrs),
    .infer = quantize_infer,
    .gradient = ig_gradient_forbidden,
    .reference = quantize_reference,
    .samples = samples,
};
