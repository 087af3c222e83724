/* Products and convolutions with something fused to them, and small relatives of ONNX's
 * operators. */
#include <string.h>

#include "importers/onnx/compose.h"
#include "importers/onnx/contrib.h"

/* ---- activations ---- */

/* The function `name` of onnxruntime's fusions with its parameters. */
static ig_value_id
activated(igi_make *m, ig_value_id x, const char *name, const double *p)
{
    static const char *const plain[] = {"Relu",     "Tanh",     "Sigmoid",
                                        "Softplus", "Softsign", "HardSwish"};
    ig_dtype dtype = igi_mk_dtype(m, x);
    for (size_t i = 0; i < sizeof(plain) / sizeof(*plain); i++)
        if (strcmp(name, plain[i]) == 0)
            return igi_mk(m, IGI_IN(x), "%s", name);
    if (strcmp(name, "LeakyRelu") == 0 || strcmp(name, "Elu") == 0 ||
        strcmp(name, "ThresholdedRelu") == 0)
        return igi_mk(m, IGI_IN(x), "%s alpha=%.9g", name, p[0]);
    if (strcmp(name, "HardSigmoid") == 0)
        return igi_mk(m, IGI_IN(x), "HardSigmoid alpha=%.9g beta=%.9g", p[0], p[1]);
    if (strcmp(name, "Clip") == 0)
        return igi_mk(
            m, IGI_IN(x, igi_mk_number(m, dtype, p[0]), igi_mk_number(m, dtype, p[1])),
            "Clip");
    if (*name)
        igi_mk_refuse(m, "activation '%.40s' is not supported", name);
    return x;
}

/* What the parameters are when the file does not give them. */
static void default_parameters(const char *name, double *p)
{
    p[0] = strcmp(name, "LeakyRelu") == 0 ? 0.01 : 1;
    p[1] = 0;
    if (strcmp(name, "HardSigmoid") == 0) {
        p[0] = 0.2;
        p[1] = 0.5;
    }
}

/* activation(conv(X, W, B) + Z); X, Z and the result may have their channels last. */
static ig_status fused_conv(igi_onnx_node *n, bool last)
{
    igi_make m = {.n = n};
    ig_value_id z = igi_mk_in(&m, 3);
    const char *name = igi_mk_string(&m, "activation", "");
    ig_floats given = igi_mk_floats(&m, "activation_params");
    double p[2];
    default_parameters(name, p);
    for (int64_t i = 0; i < given.n && i < 2; i++)
        p[i] = (double)given.v[i];
    if (strcmp(name, "Clip") == 0 && given.n != 2)
        igi_mk_refuse(&m, "Clip needs two activation_params, not %d", (int)given.n);
    ig_value_id x = igi_mk_channels_first(&m, igi_mk_in(&m, 0), last);
    ig_value_id y =
        igi_mk_as(&m, "Conv", IGI_IN(x, igi_mk_in(&m, 1), igi_mk_in(&m, 2)));
    y = igi_mk_channels_last(&m, y, last);
    if (z.i)
        y = igi_mk(&m, IGI_IN(y, z), "Add");
    return igi_mk_give(&m, activated(&m, y, name, p));
}

ig_status igi_ms_fused_conv(igi_onnx_node *n)
{
    return fused_conv(n, false);
}

ig_status igi_ms_nhwc_fused_conv(igi_onnx_node *n)
{
    return fused_conv(n, true);
}

ig_status igi_ms_fused_gemm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    const char *name = igi_mk_string(&m, "activation", "");
    double p[2];
    default_parameters(name, p);
    p[0] = igi_mk_float(&m, "activation_alpha", p[0]);
    p[1] = igi_mk_float(&m, "activation_beta", p[1]);
    igi_mk_ignore(&m, "activation_gamma"); /* of no function above */
    ig_value_id y = igi_mk_as(
        &m, "Gemm", IGI_IN(igi_mk_in(&m, 0), igi_mk_in(&m, 1), igi_mk_in(&m, 2)));
    return igi_mk_give(&m, activated(&m, y, name, p));
}

/* One side of a product: `batch` brings axis 0 behind the other batch axes, `trans`
 * swaps the last two; together one permutation. */
static ig_value_id side(igi_make *m, ig_value_id v, bool trans, bool batch)
{
    char perm[4 * IG_RANK_MAX] = "";
    int64_t axes[IG_RANK_MAX];
    size_t at = 0;
    if (!trans && !batch)
        return v;
    int rank = igi_mk_rank(m, v);
    if (rank < 2)
        return v; /* nothing to swap */
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    for (int i = 0; batch && i < rank - 1; i++)
        axes[i] = i + 1 < rank - 1 ? i + 1 : 0;
    if (trans) {
        int64_t last = axes[rank - 1];
        axes[rank - 1] = axes[rank - 2];
        axes[rank - 2] = last;
    }
    for (int i = 0; i < rank; i++) {
        perm[at++] = ',';
        if (axes[i] >= 10)
            perm[at++] = (char)('0' + axes[i] / 10);
        perm[at++] = (char)('0' + axes[i] % 10);
    }
    perm[at] = 0;
    return igi_mk(m, IGI_IN(v), "Transpose perm=%s", perm + 1);
}

ig_status igi_ms_fused_mat_mul(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    double alpha = igi_mk_float(&m, "alpha", 1);
    bool trans_a = igi_mk_int(&m, "transA", 0), trans_b = igi_mk_int(&m, "transB", 0);
    bool batch_a = igi_mk_int(&m, "transBatchA", 0),
         batch_b = igi_mk_int(&m, "transBatchB", 0);
    ig_value_id a = side(&m, igi_mk_in(&m, 0), trans_a, batch_a);
    ig_value_id b = side(&m, igi_mk_in(&m, 1), trans_b, batch_b);
    ig_value_id y = igi_mk(&m, IGI_IN(a, b), "MatMul");
    if (alpha != 1)
        y = igi_mk(&m, IGI_IN(y, igi_mk_number(&m, igi_mk_dtype(&m, y), alpha)), "Mul");
    return igi_mk_give(&m, y);
}

/* X + bias + skip */
ig_status igi_ms_bias_add(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id y = igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), igi_mk_in(&m, 1)), "Add");
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(y, igi_mk_in(&m, 2)), "Add"));
}

/* X [N, H, W, C], W [M, H, W, C / group] */
ig_status igi_ms_nhwc_conv(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = igi_mk_channels_first(&m, igi_mk_in(&m, 0), true);
    ig_value_id w = igi_mk_channels_first(&m, igi_mk_in(&m, 1), true);
    ig_value_id y = igi_mk_as(&m, "Conv", IGI_IN(x, w, igi_mk_in(&m, 2)));
    return igi_mk_give(&m, igi_mk_channels_last(&m, y, true));
}

ig_status igi_ms_nhwc_max_pool(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = igi_mk_channels_first(&m, igi_mk_in(&m, 0), true);
    ig_value_id y = igi_mk_as(&m, "MaxPool", IGI_IN(x));
    return igi_mk_give(&m, igi_mk_channels_last(&m, y, true));
}

/* ---- relatives ---- */

ig_status igi_ms_inverse(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(igi_mk_in(&m, 0)), "ingot::Inverse"));
}

ig_status igi_ms_expand_dims(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id axis = igi_mk_cast(&m, igi_mk_in(&m, 1), IG_INT64);
    return igi_mk_give(
        &m, igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), igi_mk_reshape(&m, axis, IGI_LIST(1))),
                   "Unsqueeze"));
}

/* Pads may be a row [1, 2 * rank]. */
ig_status igi_ms_pad(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    const char *mode = igi_mk_string(&m, "mode", "constant");
    ig_value_id pads = igi_mk_reshape(&m, igi_mk_in(&m, 1), IGI_LIST(-1));
    ig_value_id in[3] = {igi_mk_in(&m, 0), pads, igi_mk_in(&m, 2)};
    if (in[2].i)
        in[2] = igi_mk(&m, IGI_IN(in[2], igi_mk_ints(&m, NULL, 0)), "Reshape");
    return igi_mk_give(&m, igi_mk(&m, in, 3, "Pad mode=\"%.20s\"", mode));
}

/* The step may be left out. */
ig_status igi_ms_range(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id in[3] = {igi_mk_in(&m, 0), igi_mk_in(&m, 1), igi_mk_in(&m, 2)};
    if (!in[2].i)
        in[2] = igi_mk_number(&m, igi_mk_dtype(&m, in[0]), 1);
    for (int i = 0; i < 3; i++) /* of one element, in whatever shape */
        in[i] = igi_mk(&m, IGI_IN(in[i], igi_mk_ints(&m, NULL, 0)), "Reshape");
    return igi_mk_give(&m, igi_mk(&m, in, 3, "Range"));
}

/* Indices may be int32. */
ig_status igi_ms_gather_nd(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id at = igi_mk_cast(&m, igi_mk_in(&m, 1), IG_INT64);
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), at), "GatherND"));
}

/* Distances of all rows of A to all rows of B: |a|^2 - 2 a b + |b|^2. */
ig_status igi_ms_c_dist(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id a = igi_mk_in(&m, 0), b = igi_mk_in(&m, 1);
    ig_value_id axis = igi_mk_ints(&m, IGI_LIST(1));
    const char *metric = igi_mk_string(&m, "metric", "sqeuclidean");
    bool root = strcmp(metric, "euclidean") == 0;
    if (!root && strcmp(metric, "sqeuclidean") != 0)
        igi_mk_refuse(&m, "metric '%.40s' is not supported", metric);
    ig_dtype dtype = igi_mk_dtype(&m, a);
    ig_value_id sa = igi_mk(&m, IGI_IN(a, axis), "ReduceSumSquare keepdims=1");
    ig_value_id sb = igi_mk(&m, IGI_IN(b, axis), "ReduceSumSquare keepdims=0");
    ig_value_id y =
        igi_mk(&m, IGI_IN(a, igi_mk(&m, IGI_IN(b), "Transpose perm=1,0")), "MatMul");
    y = igi_mk(&m, IGI_IN(y, igi_mk_number(&m, dtype, -2)), "Mul");
    y = igi_mk(&m, IGI_IN(igi_mk(&m, IGI_IN(y, sa), "Add"), sb), "Add");
    y = igi_mk(&m, IGI_IN(y, igi_mk_number(&m, dtype, 0)), "Max"); /* roundings */
    return igi_mk_give(&m, root ? igi_mk(&m, IGI_IN(y), "Sqrt") : y);
}

/* In the order of first appearance; outputs uniques, where each element is, counts. */
ig_status igi_ms_unique(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id out[4];
    igi_mk_many(&m, IGI_IN(igi_mk_in(&m, 0)), out, 4, "Unique sorted=0");
    igi_mk_out(&m, 1, out[2]);
    igi_mk_out(&m, 2, out[3]);
    return igi_mk_give(&m, out[0]);
}
