/* MatMulInteger: (A - a_zero_point) (B - b_zero_point) of 8-bit integers in int32, with
 * NumPy's rules for shapes. Sums wrap around in 32 bits. Integers have no derivative.
 */
#include "operators/common_matmul.h"
#include "operators/common_quant.h"

static const ig_port inputs[] = {
    IG_PORT("A", 'T', "Left matrices [..., M, K] or [K]."),
    IG_PORT("B", 'U', "Right matrices [..., K, N] or [K]."),
    IG_PORT("a_zero_point",
            'T',
            "A number, [M] or [..., M, 1]; absent: 0.",
            .flags = IG_OPTIONAL),
    IG_PORT("b_zero_point",
            'U',
            "A number, [N] or [..., 1, N]; absent: 0.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'Y', "Products [..., M, N], without M or N for an operand of rank 1."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IGI_QUANT_BYTES},
    {'U', IGI_QUANT_BYTES},
    {'Y', IG_T(INT32)},
    {0},
};

static ig_status mat_mul_integer_infer(ig_infer *x)
{
    IG_TRY(igi_quant_matrix_infer(x, 2, 0));
    IG_TRY(igi_quant_matrix_infer(x, 3, 1));
    return igi_mat_mul_infer(x, 0, 1);
}

static ig_status product(ig_kernel_ctx *k, igi_quant_product *p)
{
    int32_t *y = (int32_t *)ig_data(ig_out(k, 0)) + p->y_at;
    for (int64_t i = 0; i < p->m * p->n; i++) {
        IG_TRY(igi_pace_go(&p->pace, 4 * p->depth));
        y[i] = igi_wrap_i32(igi_quant_dot(p, i / p->n, i % p->n));
    }
    return IG_OK;
}

static ig_status mat_mul_integer_reference(ig_kernel_ctx *k)
{
    return igi_quant_each_product(k, &(igi_quant_ports){0, 2, 1, 3}, product);
}

#define RIGHT_(type_, ...)                                                             \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .dtype = type_                                       \
    }
static const ig_sample samples[] = {
    {.name = "two_axes", IGI_INPUTS(IGI_IN(3, 4), IGI_IN(4, 2))},
    {.name = "int8_right", IGI_INPUTS(IGI_IN(5, 7), RIGHT_(IG_INT8, 7, 33))},
    {.name = "uint8_right", IGI_INPUTS(IGI_IN(5, 6), RIGHT_(IG_UINT8, 6, 35))},
    {.name = "zero_points",
     IGI_INPUTS(IGI_IN(17, 70),
                RIGHT_(IG_INT8, 70, 65),
                IGI_IN_SCALAR,
                {.rank = 0, IGI_DATA(IG_INT8, 3)})},
    {.name = "zero_points_of_lines",
     IGI_INPUTS(IGI_IN(3, 5), RIGHT_(IG_UINT8, 5, 4), IGI_IN(3), RIGHT_(IG_UINT8, 4))},
    {.name = "zero_points_of_batches",
     IGI_INPUTS(IGI_IN(2, 3, 5),
                RIGHT_(IG_INT8, 2, 5, 4),
                IGI_IN(2, 3, 1),
                RIGHT_(IG_INT8, 2, 1, 4))},
    {.name = "as_many_batches_as_columns",
     IGI_INPUTS(IGI_IN(4, 3, 5),
                RIGHT_(IG_INT8, 4, 5, 4),
                IGI_IN_SCALAR,
                RIGHT_(IG_INT8, 4, 1, 1))},
    {.name = "extremes",
     IGI_INPUTS({IG_SHAPE_IN(2, 4),
                 IGI_DATA(IG_UINT8, 255, 255, 255, 255, 255, 255, 255, 255)},
                {IG_SHAPE_IN(4, 2),
                 IGI_DATA(IG_INT8, -128, 127, -128, 127, -128, 127, -128, 127)},
                {.rank = 0, IGI_DATA(IG_UINT8, 0)},
                {.rank = 0, IGI_DATA(IG_INT8, -128)})},
    {.name = "broadcast_batches",
     IGI_INPUTS(IGI_IN(2, 1, 2, 3), IGI_IN(4, 3, 2), {IG_SHAPE_IN(2, 1, 2, 1)})},
    {.name = "vectors", IGI_INPUTS(IGI_IN(4), IGI_IN(4), IGI_IN(1))},
    {.name = "vector_matrix", IGI_INPUTS(IGI_IN(3), IGI_IN(3, 2))},
    {.name = "matrix_vector", IGI_INPUTS(IGI_IN(2, 3), IGI_IN(3), IGI_IN(2))},
    {.name = "empty_batch", IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(3, 2))},
    {.name = "empty_sum", IGI_INPUTS(IGI_IN(2, 0), IGI_IN(0, 3))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN(1, 1))},
    {0},
};

IG_OPERATOR(MatMulInteger) = {
    IG_OP_HEAD,
    .name = "MatMulInteger",
    .since = 10,
    .doc = "Matrix product of 8-bit integers less their zero points, exact in int32 "
           "(which wraps around), with the rules of numpy.matmul.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = mat_mul_integer_infer,
    .gradient = ig_gradient_none,
    .reference = mat_mul_integer_reference,
    .samples = samples,
};
