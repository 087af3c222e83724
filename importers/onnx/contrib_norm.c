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

typedef struct embedding {
    ig_value_id ids, kinds, at;          /* kinds, at: {0} when absent */
    ig_value_id words, places, segments; /* tables */
    ig_value_id gamma, beta, mask;
} embedding;

/* How many ones each row of the mask has; 0 without one. */
static ig_value_id count_mask(igi_make *m, const embedding *e)
{
    if (!e->mask.i) {
        ig_value_id rows = igi_mk_size(m, e->ids, 0);
        return igi_mk(m, IGI_IN(igi_mk_number(m, IG_INT32, 0), rows), "Expand");
    }
    ig_value_id one = igi_mk_number(m, igi_mk_dtype(m, e->mask), 1);
    ig_value_id ones = igi_mk(m, IGI_IN(e->mask, one), "Equal");
    ones = igi_mk_cast(m, ones, IG_INT32);
    return igi_mk(m, IGI_IN(ones, igi_mk_ints(m, IGI_LIST(1))), "ReduceSum keepdims=0");
}

static ig_status give_embedding(igi_make *m, embedding *e)
{
    double epsilon = igi_mk_float(m, "epsilon", 1e-12);
    if (!e->at.i)
        e->at = igi_mk_range(m, igi_mk_size(m, e->ids, 1));
    ig_value_id sum = igi_mk(m, IGI_IN(e->words, e->ids), "Gather");
    ig_value_id more = igi_mk(m, IGI_IN(e->places, e->at), "Gather");
    sum = igi_mk(m, IGI_IN(sum, more), "Add");
    if (e->kinds.i) {
        more = igi_mk(m, IGI_IN(e->segments, e->kinds), "Gather");
        sum = igi_mk(m, IGI_IN(sum, more), "Add");
    }
    if (igi_mk_wants(m, 1))
        igi_mk_out(m, 1, count_mask(m, e));
    igi_mk_out(m, 2, sum);
    return igi_mk_give(m, igi_mk(m, IGI_IN(sum, e->gamma, e->beta),
                                 "LayerNormalization epsilon=%.9g", epsilon));
}

/* Inputs: ids, segments?, words, positions, segments' vectors?, gamma, beta, mask?,
 * position ids?. mask_index_type says only which type output 1 has. */
ig_status igi_ms_embed_layer_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    embedding e = {.ids = igi_mk_in(&m, 0),
                   .kinds = igi_mk_in(&m, 1),
                   .words = igi_mk_in(&m, 2),
                   .places = igi_mk_in(&m, 3),
                   .segments = igi_mk_in(&m, 4),
                   .gamma = igi_mk_in(&m, 5),
                   .beta = igi_mk_in(&m, 6),
                   .mask = igi_mk_in(&m, 7),
                   .at = igi_mk_in(&m, 8)};
    int64_t type = igi_mk_int(&m, "mask_index_type", 0);
    if (type != 0 && type != 1)
        igi_mk_refuse(&m, "mask_index_type must be 0 or 1");
    return give_embedding(&m, &e);
}

/* Input i with the scale and zero point that lie behind the mask. */
static ig_value_id table_of_bytes(igi_make *m, int i, int scale)
{
    ig_value_id v = igi_mk_in(m, i), s = igi_mk_in(m, scale),
                zero = igi_mk_in(m, scale + 5);
    return v.i ? igi_mk(m, IGI_IN(v, s, zero), "DequantizeLinear") : v;
}

/* Inputs: those of the above up to the mask, five scales, five zero points. */
ig_status igi_ms_q_embed_layer_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    embedding e = {.ids = igi_mk_in(&m, 0),
                   .kinds = igi_mk_in(&m, 1),
                   .words = table_of_bytes(&m, 2, 8),
                   .places = table_of_bytes(&m, 3, 9),
                   .segments = table_of_bytes(&m, 4, 10),
                   .gamma = table_of_bytes(&m, 5, 11),
                   .beta = table_of_bytes(&m, 6, 12),
                   .mask = igi_mk_in(&m, 7)};
    return give_embedding(&m, &e);
}

/* ---- groups ---- */

/* Gamma and beta are inputs 1 and 2; activation 1 is SiLU. */
static ig_status give_groups(igi_make *m, ig_value_id x, bool last)
{
    int64_t groups = igi_mk_int(m, "groups", 1);
    int64_t activation = igi_mk_int(m, "activation", 0);
    double epsilon = igi_mk_float(m, "epsilon", 1e-5);
    ig_dtype dtype = igi_mk_dtype(m, x);
    x = igi_mk_channels_first(m, x, last);
    x = igi_mk(m,
               IGI_IN(x, igi_mk_cast(m, igi_mk_in(m, 1), dtype),
                      igi_mk_cast(m, igi_mk_in(m, 2), dtype)),
               "GroupNormalization num_groups=%" PRId64 " epsilon=%.9g", groups,
               epsilon);
    x = igi_mk_channels_last(m, x, last);
    if (activation != 0 && activation != 1)
        igi_mk_refuse(m, "activation must be 0 or 1");
    return igi_mk_give(m, activation ? igi_mk(m, IGI_IN(x), "Swish") : x);
}

ig_status igi_ms_group_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    bool last = igi_mk_int(&m, "channels_last", 1) != 0;
    return give_groups(&m, igi_mk_in(&m, 0), last);
}

/* Of X + skip + bias, which is also output 1; skip may be [N, C]. */
ig_status igi_ms_skip_group_norm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    bool last = igi_mk_int(&m, "channels_last", 1) != 0;
    ig_value_id skip = igi_mk_in(&m, 3), bias = igi_mk_in(&m, 4);
    if (igi_mk_rank(&m, skip) == 2)
        skip = last ? igi_mk_unsqueeze(&m, skip, IGI_LIST(1, 2))
                    : igi_mk_unsqueeze(&m, skip, IGI_LIST(2, 3));
    if (bias.i && !last)
        bias = igi_mk_unsqueeze(&m, bias, IGI_LIST(1, 2));
    ig_value_id sum = igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), skip), "Add");
    if (bias.i)
        sum = igi_mk(&m, IGI_IN(sum, bias), "Add");
    igi_mk_out(&m, 1, sum);
    return give_groups(&m, sum, last);
}
