/* Normalisations and Gelus of com.microsoft. */
#include <inttypes.h>

#include "importers/onnx/compose.h"
#include "importers/onnx/contrib.h"

/* ---- Gelu ---- */

ig_status igi_ms_gelu(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(igi_mk_in(&m, 0)), "Gelu"));
}

static ig_value_id with_bias(igi_make *m, ig_value_id x, int bias)
{
    return igi_mk_has(m, bias) ? igi_mk(m, IGI_IN(x, igi_mk_in(m, bias)), "Add") : x;
}

ig_status igi_ms_bias_gelu(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = with_bias(&m, igi_mk_in(&m, 0), 1);
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(x), "Gelu"));
}

ig_status igi_ms_fast_gelu(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = with_bias(&m, igi_mk_in(&m, 0), 1);
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(x), "Gelu approximate=tanh"));
}

/* x sigmoid(alpha x) */
ig_status igi_ms_quick_gelu(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    double alpha = igi_mk_float(&m, "alpha", 1.702);
    return igi_mk_give(&m,
                       igi_mk(&m, IGI_IN(igi_mk_in(&m, 0)), "Swish alpha=%.9g", alpha));
}

/* The first half of the channels times the Gelu of the second. */
ig_status igi_ms_bias_split_gelu(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id half[2], x = with_bias(&m, igi_mk_in(&m, 0), 1);
    igi_mk_many(&m, IGI_IN(x), half, 2, "Split axis=-1 num_outputs=2");
    ig_value_id gate = igi_mk(&m, IGI_IN(half[1]), "Gelu");
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(half[0], gate), "Mul"));
}

/* ---- normalisation ---- */

/* 1 / sqrt(mean(x^2) + epsilon) over the axes from `axis` on, in float32. */
static ig_value_id
inverse_root(igi_make *m, ig_value_id x, int64_t axis, double epsilon)
{
    int64_t axes[IG_RANK_MAX];
    int count = 0, rank = igi_mk_rank(m, x);
    for (int64_t a = axis < 0 ? axis + rank : axis; a >= 0 && a < rank; a++)
        axes[count++] = a;
    ig_value_id v = igi_mk_cast(m, x, IG_FLOAT32);
    v = igi_mk(m, IGI_IN(v, v), "Mul");
    v = igi_mk(m, IGI_IN(v, igi_mk_ints(m, axes, count)), "ReduceMean");
    v = igi_mk(m, IGI_IN(v, igi_mk_number(m, IG_FLOAT32, epsilon)), "Add");
    v = igi_mk(m, IGI_IN(v), "Sqrt");
    return igi_mk(m, IGI_IN(v), "Reciprocal");
}

ig_status igi_ms_simplified_layer_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = igi_mk_in(&m, 0);
    int64_t axis = igi_mk_int(&m, "axis", -1);
    double epsilon = igi_mk_float(&m, "epsilon", 1e-5);
    igi_mk_ignore(&m, "stash_type"); /* sums are at least float32 anyway */
    if (igi_mk_wants(&m, 1))
        igi_mk_out(&m, 1, inverse_root(&m, x, axis, epsilon));
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(x, igi_mk_in(&m, 1)),
                                  "RMSNormalization axis=%" PRId64 " epsilon=%.9g",
                                  axis, epsilon));
}

/* input + skip + bias, which is also output 3. */
static ig_value_id skipped(igi_make *m, int bias)
{
    ig_value_id sum = igi_mk(m, IGI_IN(igi_mk_in(m, 0), igi_mk_in(m, 1)), "Add");
    sum = with_bias(m, sum, bias);
    if (igi_mk_wants(m, 3))
        igi_mk_out(m, 3, sum);
    return sum;
}

ig_status igi_ms_skip_layer_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id out[3] = {{0}};
    const int n_out = igi_mk_wants(&m, 2) ? 3 : igi_mk_wants(&m, 1) ? 2 : 1;
    double epsilon = igi_mk_float(&m, "epsilon", 1e-12);
    ig_value_id sum = skipped(&m, 4);
    igi_mk_many(&m, IGI_IN(sum, igi_mk_in(&m, 2), igi_mk_in(&m, 3)), out, n_out,
                "LayerNormalization epsilon=%.9g", epsilon);
    igi_mk_out(&m, 1, out[1]);
    igi_mk_out(&m, 2, out[2]);
    return igi_mk_give(&m, out[0]);
}

ig_status igi_ms_skip_simplified_layer_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    double epsilon = igi_mk_float(&m, "epsilon", 1e-12);
    ig_value_id sum = skipped(&m, 3);
    if (igi_mk_wants(&m, 1))
        igi_mk_refuse(&m, "its output mean is not supported");
    if (igi_mk_wants(&m, 2))
        igi_mk_out(&m, 2, inverse_root(&m, sum, -1, epsilon));
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(sum, igi_mk_in(&m, 2)),
                                  "RMSNormalization epsilon=%.9g", epsilon));
}

/* Inputs: ids, segments?, words, positions, segments' vectors?, gamma, beta, mask?,
 * position ids?. mask_index counts the ones of each row of the mask. */
ig_status igi_ms_embed_layer_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id ids = igi_mk_in(&m, 0), place = igi_mk_in(&m, 8);
    double epsilon = igi_mk_float(&m, "epsilon", 1e-12);
    if (igi_mk_int(&m, "mask_index_type", 0) != 0)
        igi_mk_refuse(&m, "mask_index_type must be 0");
    if (!place.i)
        place = igi_mk_range(&m, igi_mk_size(&m, ids, 1));
    ig_value_id sum = igi_mk(&m, IGI_IN(igi_mk_in(&m, 2), ids), "Gather");
    ig_value_id at = igi_mk(&m, IGI_IN(igi_mk_in(&m, 3), place), "Gather");
    sum = igi_mk(&m, IGI_IN(sum, at), "Add");
    if (igi_mk_has(&m, 1)) {
        at = igi_mk(&m, IGI_IN(igi_mk_in(&m, 4), igi_mk_in(&m, 1)), "Gather");
        sum = igi_mk(&m, IGI_IN(sum, at), "Add");
    }
    if (igi_mk_wants(&m, 1) && igi_mk_has(&m, 7)) {
        ig_value_id one = igi_mk_number(&m, igi_mk_dtype(&m, igi_mk_in(&m, 7)), 1);
        ig_value_id ones = igi_mk(&m, IGI_IN(igi_mk_in(&m, 7), one), "Equal");
        ones = igi_mk_cast(&m, ones, IG_INT32);
        igi_mk_out(&m, 1,
                   igi_mk(&m, IGI_IN(ones, igi_mk_ints(&m, IGI_LIST(1))),
                          "ReduceSum keepdims=0"));
    } else if (igi_mk_wants(&m, 1)) {
        ig_value_id rows = igi_mk_size(&m, ids, 0);
        ig_value_id zero = igi_mk_number(&m, IG_INT32, 0);
        igi_mk_out(&m, 1, igi_mk(&m, IGI_IN(zero, rows), "Expand"));
    }
    igi_mk_out(&m, 2, sum);
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(sum, igi_mk_in(&m, 5), igi_mk_in(&m, 6)),
                                  "LayerNormalization epsilon=%.9g", epsilon));
}

/* Channels last; activation 1 is SiLU. */
ig_status igi_ms_group_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = igi_mk_in(&m, 0);
    int64_t groups = igi_mk_int(&m, "groups", 1);
    int64_t activation = igi_mk_int(&m, "activation", 0);
    double epsilon = igi_mk_float(&m, "epsilon", 1e-5);
    bool last = igi_mk_int(&m, "channels_last", 1) != 0;
    ig_dtype dtype = igi_mk_dtype(&m, x);
    if (last)
        x = igi_mk(&m, IGI_IN(x), "Transpose perm=0,3,1,2");
    x = igi_mk(&m,
               IGI_IN(x, igi_mk_cast(&m, igi_mk_in(&m, 1), dtype),
                      igi_mk_cast(&m, igi_mk_in(&m, 2), dtype)),
               "GroupNormalization num_groups=%" PRId64 " epsilon=%.9g", groups,
               epsilon);
    if (last)
        x = igi_mk(&m, IGI_IN(x), "Transpose perm=0,2,3,1");
    if (activation != 0 && activation != 1)
        igi_mk_refuse(&m, "activation must be 0 or 1");
    return igi_mk_give(&m, activation ? igi_mk(&m, IGI_IN(x), "Swish") : x);
}
