/* QLinearMatMul: a product of quantized matrices, quantized again.
 *
 * y = saturate(round((a - za)(b - zb) * (sa * sb / sy)) + zy): the sum is exact (8-bit
 * integers wrap around in 32 bits, float8 is summed in double), the factor and the
 * product with it are float32. Asking for a gradient is an error, as in QuantizeLinear.
 */
#include "operators/common_matmul.h"
#include "operators/common_quant.h"

enum { A, A_SCALE, A_ZERO, B, B_SCALE, B_ZERO, Y_SCALE, Y_ZERO };

static const ig_port inputs[] = {
    IG_PORT("a", 'T', "Left matrices [..., M, K] or [K]."),
    IG_PORT("a_scale", 'S', "A number, [M] or [..., M, 1]."),
    IG_PORT("a_zero_point", 'T', "Shape of a_scale."),
    IG_PORT("b", 'U', "Right matrices [..., K, N] or [K]."),
    IG_PORT("b_scale", 'S', "A number, [N] or [..., 1, N]."),
    IG_PORT("b_zero_point", 'U', "Shape of b_scale."),
    IG_PORT("y_scale", 'S', "A number."),
    IG_PORT("y_zero_point", 'Y', "A number; its type is that of y."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'Y', "Products [..., M, N], without M or N for an operand of rank 1."),
    {0},
};
#define OPERAND_ (IGI_QUANT_BYTES | IG_FLOAT8S)
static const ig_type_rule types[] = {
    {'T', OPERAND_}, {'S', IGI_QUANT_REALS}, {'U', OPERAND_}, {'Y', OPERAND_}, {0}};

static ig_status qlinear_mat_mul_infer(ig_infer *x)
{
    for (int port = A_SCALE; port <= Y_ZERO; port++)
        if (port < Y_SCALE && port != B)
            IG_TRY(igi_quant_matrix_infer(x, port, port < B ? A : B));
    for (int port = Y_SCALE; port <= Y_ZERO; port++)
        if (x->in[port]->rank > 1 ||
            (x->in[port]->rank == 1 && ig_type_dims(x->in[port])[0] > 1))
            return ig_infer_fail(x, "%s must be a number", inputs[port].name);
    return igi_mat_mul_infer(x, A, B);
}

static ig_status product(ig_kernel_ctx *k, igi_quant_product *p)
{
    const uint64_t both = IG_BIT(ig_dtype_of(p->a)) | IG_BIT(ig_dtype_of(p->b));
    const float y_scale = (float)igi_scalar_f64(ig_in(k, Y_SCALE), 1);
    const double zero = igi_scalar_f64(ig_in(k, Y_ZERO), 0);
    igi_quant_line a = igi_quant_line_of(k, A_SCALE, p->batch, p->item),
                   b = igi_quant_line_of(k, B_SCALE, p->batch, p->item);
    for (int64_t i = 0; i < p->m * p->n; i++) {
        IG_TRY(igi_pace_go(&p->pace, 4 * p->depth));
        double acc = igi_quant_dot(p, i / p->n, i % p->n);
        if (!(both & IG_FLOAT8S))
            acc = igi_wrap_i32(acc);
        float factor = (float)igi_quant_line_get(&a, i / p->n, 1) *
                       (float)igi_quant_line_get(&b, i % p->n, 1) / y_scale;
        igi_quant_store(ig_out(k, 0), p->y_at + i, (double)((float)acc * factor), zero,
                        true);
    }
    return IG_OK;
}

static ig_status qlinear_mat_mul_reference(ig_kernel_ctx *k)
{
    return igi_quant_each_product(k, &(igi_quant_ports){A, A_ZERO, B, B_ZERO}, product);
}

#define ONE_(type_, v_)                                                                \
    {                                                                                  \
        .rank = 0, IGI_DATA(type_, v_)                                                 \
    }
#define OF_(type_, ...)                                                                \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .dtype = type_                                       \
    }
#define Y_(type_, zero_) ONE_(IG_FLOAT32, 0.7), ONE_(type_, zero_)
#define A_               ONE_(IG_FLOAT32, 0.25), IGI_IN_SCALAR
#define B_(type_, zero_) ONE_(IG_FLOAT32, 0.1), ONE_(type_, zero_)
static const ig_sample samples[] = {
    {.name = "int8_right",
     IGI_INPUTS(
         IGI_IN(5, 7), A_, OF_(IG_INT8, 7, 33), B_(IG_INT8, 2), Y_(IG_UINT8, 128))},
    {.name = "uint8_right",
     IGI_INPUTS(
         IGI_IN(17, 70), A_, OF_(IG_UINT8, 70, 40), B_(IG_UINT8, 4), Y_(IG_INT8, -5))},
    {.name = "float8_out",
     IGI_INPUTS(IGI_IN(3, 5),
                A_,
                OF_(IG_FLOAT8E4M3FN, 5, 4),
                B_(IG_FLOAT8E4M3FN, 0),
                Y_(IG_FLOAT8E4M3FN, 0))},
    {.name = "lines",
     IGI_INPUTS(IGI_IN(3, 5),
                {IG_SHAPE_IN(3), .fill = IG_FILL_POSITIVE},
                IGI_IN(3),
                OF_(IG_INT8, 5, 4),
                {IG_SHAPE_IN(4), .fill = IG_FILL_POSITIVE},
                OF_(IG_INT8, 4),
                Y_(IG_UINT8, 100))},
    {.name = "batches",
     IGI_INPUTS(IGI_IN(2, 3, 5),
                {IG_SHAPE_IN(2, 3, 1), .fill = IG_FILL_POSITIVE},
                IGI_IN(2, 3, 1),
                OF_(IG_INT8, 2, 5, 4),
                {IG_SHAPE_IN(2, 1, 4), .fill = IG_FILL_POSITIVE},
                OF_(IG_INT8, 2, 1, 4),
                Y_(IG_UINT8, 100))},
    {.name = "as_many_batches_as_columns",
     IGI_INPUTS(IGI_IN(4, 3, 5),
                A_,
                OF_(IG_INT8, 4, 5, 4),
                {IG_SHAPE_IN(4, 1, 1), .fill = IG_FILL_POSITIVE},
                OF_(IG_INT8, 4, 1, 1),
                Y_(IG_UINT8, 100))},
    {.name = "scales_float16",
     IGI_INPUTS(IGI_IN(3, 5),
                ONE_(IG_FLOAT16, 0.25),
                IGI_IN_SCALAR,
                OF_(IG_INT8, 5, 4),
                ONE_(IG_FLOAT16, 0.1),
                ONE_(IG_INT8, 1),
                ONE_(IG_FLOAT16, 0.5),
                ONE_(IG_INT8, 1))},
    {.name = "vectors",
     IGI_INPUTS(IGI_IN(4), A_, OF_(IG_INT8, 4), B_(IG_INT8, 0), Y_(IG_UINT8, 128))},
    {.name = "empty_sum",
     IGI_INPUTS(IGI_IN(2, 0), A_, OF_(IG_INT8, 0, 3), B_(IG_INT8, 0), Y_(IG_UINT8, 7))},
    {.name = "empty",
     IGI_INPUTS(IGI_IN(0, 2), A_, OF_(IG_INT8, 2, 3), B_(IG_INT8, 0), Y_(IG_UINT8, 7))},
    {.name = "size_one",
     IGI_INPUTS(IGI_IN(1, 1), A_, OF_(IG_INT8, 1, 1), B_(IG_INT8, 0), Y_(IG_UINT8, 9))},
    {0},
};

IG_OPERATOR(QLinearMatMul) = {
    IG_OP_HEAD,
    .name = "QLinearMatMul",
    .since = 21,
    .doc = "Matrix product of quantized operands, quantized again: y = saturate(round("
           "(a - a_zero_point)(b - b_zero_point) * (a_scale * b_scale / y_scale)) + "
           "y_zero_point). No gradient: rounding has none.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = qlinear_mat_mul_infer,
    .gradient = ig_gradient_forbidden,
    .reference = qlinear_mat_mul_reference,
    .samples = samples,
};
