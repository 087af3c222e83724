/* Quantized operators of com.microsoft: dequantized, computed, quantized again, which
 * is what they mean; the pass `qdq` finds those that have a kernel on bytes. */
#include <inttypes.h>
#include <string.h>

#include "importers/onnx/compose.h"
#include "importers/onnx/contrib.h"

/* x, scale and zero point (may be absent) as inputs i, i + 1 and i + 2. */
static ig_value_id real(igi_make *m, int i)
{
    return igi_mk(m, IGI_IN(igi_mk_in(m, i), igi_mk_in(m, i + 1), igi_mk_in(m, i + 2)),
                  "DequantizeLinear");
}

/* y by the scale and zero point of inputs i and i + 1, in the type of `like`. */
static ig_status give_bytes(igi_make *m, ig_value_id y, int i, ig_value_id like)
{
    ig_dtype dtype = igi_mk_dtype(m, like);
    ig_value_id zero = igi_mk_in(m, i + 1);
    if (!zero.i)
        zero = igi_mk_number(m, dtype, 0);
    return igi_mk_give(m,
                       igi_mk(m, IGI_IN(y, igi_mk_in(m, i), zero), "QuantizeLinear"));
}

/* QLinearAdd, QLinearMul: A, B with scale and zero point each, then those of C. */
ig_status igi_ms_qlinear_binary(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    const char *op = pb_str(n->pb->op_type) + strlen("QLinear");
    ig_value_id y = igi_mk(&m, IGI_IN(real(&m, 0), real(&m, 3)), "%s", op);
    return give_bytes(&m, y, 6, igi_mk_in(&m, 0));
}

/* Until opset 13 a softmax is over all axes from `axis` on. */
static ig_value_id softmax(igi_make *m, ig_value_id x)
{
    int64_t axis = igi_mk_int(m, "axis", -1), opset = igi_mk_int(m, "opset", 13);
    int rank = igi_mk_rank(m, x);
    if (opset >= 13 || axis == -1 || axis == rank - 1)
        return igi_mk(m, IGI_IN(x), "Softmax axis=%" PRId64, axis);
    ig_value_id shape = igi_mk(m, IGI_IN(x), "Shape");
    x = igi_mk(m, IGI_IN(x), "Flatten axis=%" PRId64, axis);
    x = igi_mk(m, IGI_IN(x), "Softmax axis=-1");
    return igi_mk(m, IGI_IN(x, shape), "Reshape allowzero=1");
}

ig_status igi_ms_qlinear_unary(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    const char *op = pb_str(n->pb->op_type) + strlen("QLinear");
    ig_value_id x = real(&m, 0), y;
    if (strcmp(op, "Softmax") == 0)
        y = softmax(&m, x);
    else if (strcmp(op, "LeakyRelu") == 0)
        y = igi_mk(&m, IGI_IN(x), "LeakyRelu alpha=%.9g",
                   igi_mk_float(&m, "alpha", 0.01));
    else
        y = igi_mk(&m, IGI_IN(x), "%s", op);
    return give_bytes(&m, y, 3, igi_mk_in(&m, 0));
}

/* Inputs: scale and zero point of y, then x, scale and zero point of each part. */
ig_status igi_ms_qlinear_concat(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id part[IG_PORTS_MAX / 3 + 1];
    int count = 0;
    int64_t axis = igi_mk_int(&m, "axis", 0);
    for (int i = 2; i + 1 < n->n_in; i += 3)
        part[count++] = real(&m, i);
    ig_value_id y = igi_mk(&m, part, count, "Concat axis=%" PRId64, axis);
    return give_bytes(&m, y, 0, igi_mk_in(&m, 2));
}

/* Inputs: condition, X and Y with scale and zero point each, those of Z. */
ig_status igi_ms_qlinear_where(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id y =
        igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), real(&m, 1), real(&m, 4)), "Where");
    return give_bytes(&m, y, 7, igi_mk_in(&m, 1));
}

/* ---- pooling, convolution ---- */

ig_status igi_ms_qlinear_global_average_pool(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    bool last = igi_mk_int(&m, "channels_last", 0) != 0;
    ig_value_id x = igi_mk_channels_first(&m, real(&m, 0), last);
    ig_value_id y =
        igi_mk_channels_last(&m, igi_mk(&m, IGI_IN(x), "GlobalAveragePool"), last);
    return give_bytes(&m, y, 3, igi_mk_in(&m, 0));
}

ig_status igi_ms_qlinear_average_pool(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    const ig_value_id like = igi_mk_in(&m, 0), scale = igi_mk_in(&m, 3),
                      given = igi_mk_in(&m, 4);
    bool last = igi_mk_int(&m, "channels_last", 0) != 0;
    ig_value_id x = igi_mk_channels_first(&m, real(&m, 0), last);
    ig_value_id y =
        igi_mk_channels_last(&m, igi_mk_as(&m, "AveragePool", IGI_IN(x)), last);
    ig_value_id zero = given.i ? given : igi_mk_number(&m, igi_mk_dtype(&m, like), 0);
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(y, scale, zero), "QuantizeLinear"));
}

/* ONNX's, whose planes may come before the channels; its filters do not. */
ig_status igi_ms_qlinear_conv(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id in[9];
    bool last = igi_mk_int(&m, "channels_last", 0) != 0;
    for (int i = 0; i < 9; i++)
        in[i] = igi_mk_in(&m, i);
    in[0] = igi_mk_channels_first(&m, in[0], last);
    ig_value_id y = igi_mk_as(&m, "QLinearConv", in, 9);
    return igi_mk_give(&m, igi_mk_channels_last(&m, y, last));
}

/* ---- products ---- */

/* (a - za) (b - zb) as integers, times both scales, plus the bias. */
static ig_value_id product(igi_make *m,
                           const ig_value_id a[3], /* value, scale, zero point */
                           const ig_value_id b[3],
                           ig_value_id bias)
{
    ig_value_id y = igi_mk(m, IGI_IN(a[0], b[0], a[2], b[2]), "MatMulInteger");
    y = igi_mk_cast(m, y, igi_mk_dtype(m, b[1]));
    y = igi_mk(m, IGI_IN(y, igi_mk(m, IGI_IN(a[1], b[1]), "Mul")), "Mul");
    return bias.i ? igi_mk(m, IGI_IN(y, bias), "Add") : y;
}

/* Inputs: A (real), B, its scale, zero point?, bias?. */
ig_status igi_ms_dynamic_quantize_mat_mul(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id a[3];
    const ig_value_id b[3] = {igi_mk_in(&m, 1), igi_mk_in(&m, 2), igi_mk_in(&m, 3)};
    igi_mk_many(&m, IGI_IN(igi_mk_in(&m, 0)), a, 3, "DynamicQuantizeLinear");
    return igi_mk_give(&m, product(&m, a, b, igi_mk_in(&m, 4)));
}

/* Inputs: A, B, their scales, their zero points?, bias?. */
ig_status igi_ms_mat_mul_integer_to_float(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    const ig_value_id a[3] = {igi_mk_in(&m, 0), igi_mk_in(&m, 2), igi_mk_in(&m, 4)};
    const ig_value_id b[3] = {igi_mk_in(&m, 1), igi_mk_in(&m, 3), igi_mk_in(&m, 5)};
    return igi_mk_give(&m, product(&m, a, b, igi_mk_in(&m, 6)));
}

/* alpha (A B) + C where C is int32 in units of alpha, the scale of A and that of B;
 * without a scale of y the result stays real. */
ig_status igi_ms_q_gemm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    double alpha = igi_mk_float(&m, "alpha", 1);
    ig_value_id in[2] = {igi_mk_in(&m, 0), igi_mk_in(&m, 3)};
    const char *const names[] = {"transA", "transB"};
    for (int i = 0; i < 2; i++)
        if (igi_mk_int(&m, names[i], 0))
            in[i] = igi_mk(&m, IGI_IN(in[i]), "Transpose");
    ig_value_id y = igi_mk(&m, IGI_IN(in[0], in[1], igi_mk_in(&m, 2), igi_mk_in(&m, 5)),
                           "MatMulInteger");
    if (igi_mk_has(&m, 6))
        y = igi_mk(&m, IGI_IN(y, igi_mk_in(&m, 6)), "Add");
    ig_value_id scale = igi_mk(&m, IGI_IN(igi_mk_in(&m, 1), igi_mk_in(&m, 4)), "Mul");
    y = igi_mk(&m, IGI_IN(igi_mk_cast(&m, y, igi_mk_dtype(&m, scale)), scale), "Mul");
    if (alpha != 1)
        y = igi_mk(&m, IGI_IN(y, igi_mk_number(&m, igi_mk_dtype(&m, scale), alpha)),
                   "Mul");
    if (!igi_mk_has(&m, 7))
        return igi_mk_give(&m, y);
    return give_bytes(&m, y, 7, igi_mk_in(&m, 0));
}
