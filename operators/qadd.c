/* ingot::QAdd: two quantized tensors of one shape added and quantized again, with every
 * rounding of DequantizeLinear, Add, QuantizeLinear:
 *   y = clamp(round(((a - a_zero) * a_scale + (b - b_zero) * b_scale) / scale) + zero,
 *             low, high),
 * each operation in float32. Made by the optimiser; never differentiated. */
#include "operators/common_qconv.h"

#define BYTE_(name_, default_, ...)                                                    \
    IG_ATTR_INT(igi_qadd_attrs, name_, default_, __VA_ARGS__, .min = -128, .max = 255)
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(igi_qadd_attrs, a_scale, 1, "Scale of a."),
    BYTE_(a_zero, 0, "Zero point of a."),
    IG_ATTR_FLOAT(igi_qadd_attrs, b_scale, 1, "Scale of b."),
    BYTE_(b_zero, 0, "Zero point of b."),
    BYTE_(high, 255, "Largest result."),
    BYTE_(low, 0, "Smallest result."),
    IG_ATTR_FLOAT(igi_qadd_attrs, scale, 1, "Scale of y."),
    IG_ATTR_DTYPE(igi_qadd_attrs, to, IG_UINT8, "Element type of y: uint8 or int8."),
    BYTE_(zero, 0, "Zero point of y."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("a", 'T', "Quantized tensor."),
    IG_PORT("b", 'U', "Another of the same shape."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'Y', "Shape of a.", .alias = IG_MAY_ALIAS(0, 1)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IGI_QUANT_BYTES}, {'U', IGI_QUANT_BYTES}, {'Y', IGI_QUANT_BYTES}, {0}};

static ig_status qadd_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    const ig_type *a = x->in[0], *b = x->in[1];
    if (a->rank != b->rank)
        return ig_infer_fail(x, "a and b must have one shape");
    for (int i = 0; i < a->rank; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(a)[i], ig_type_dims(b)[i],
                              "dims of a and b", &dims[i]));
    const igi_qadd_attrs *p = x->attrs;
    IG_TRY(igi_quant_bytes_check(x, p->to, p->low, p->high));
    IG_TRY(ig_infer_dtype(x, 0, p->to));
    return ig_infer_set(x, 0, a->rank, dims);
}

static ig_status qadd_reference(ig_kernel_ctx *k)
{
    const igi_qadd_attrs *p = k->attrs;
    const ig_tensor *a = ig_in(k, 0), *b = ig_in(k, 1);
    ig_tensor *y = ig_out(k, 0);
    const bool sa = ig_dtype_of(a) == IG_INT8, sb = ig_dtype_of(b) == IG_INT8;
    for (int64_t i = 0; i < ig_numel(a); i++) {
        float u = (float)igi_load_byte(sa, ig_data(a), i) - (float)p->a_zero;
        float v = (float)igi_load_byte(sb, ig_data(b), i) - (float)p->b_zero;
        float sum = (u * p->a_scale + v * p->b_scale) / p->scale;
        ((uint8_t *)ig_data(y))[i] = (uint8_t)igi_clamp_round(
            sum, (float)p->zero, (float)p->low, (float)p->high);
    }
    return IG_OK;
}

static const igi_qadd_attrs plain = {
    sizeof(igi_qadd_attrs), .a_scale = 0.5f, .a_zero = 3,
    .b_scale = 0.3f,        .b_zero = 2,     .high = 255,
    .scale = 0.7f,          .to = IG_UINT8,  .zero = 100};
static const igi_qadd_attrs relu = {
    sizeof(igi_qadd_attrs), .a_scale = 0.5f, .b_scale = 0.3f, .high = 127, .low = 4,
    .scale = 0.1f,          .to = IG_INT8,   .zero = 4};
#define B_(...)                                                                        \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .dtype = IG_INT8                                     \
    }
static const ig_sample samples[] = {
    {.name = "plain", .attrs = &plain, IGI_INPUTS(IGI_IN(3, 5), B_(3, 5))},
    {.name = "bounds", .attrs = &relu, IGI_INPUTS(IGI_IN(2, 3, 7, 5), B_(2, 3, 7, 5))},
    {.name = "scalars", .attrs = &plain, IGI_INPUTS(IGI_IN_SCALAR, IGI_IN_SCALAR)},
    {.name = "size_one", .attrs = &plain, IGI_INPUTS(IGI_IN(1, 1), B_(1, 1))},
    {.name = "empty", .attrs = &plain, IGI_INPUTS(IGI_IN(0, 3), B_(0, 3))},
    {0},
};

IG_OPERATOR(QAdd) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "QAdd",
    .since = 1,
    .doc = "Sum of two quantized tensors, quantized again, with bounds. Internal: the "
           "optimiser makes it.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_qadd_attrs),
    .infer = qadd_infer,
    .gradient = ig_gradient_forbidden,
    .reference = qadd_reference,
    .samples = samples,
};
