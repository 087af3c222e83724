/* Upgrades of operators that move data: attributes become inputs. */
#include <inttypes.h>
#include <string.h>

#include "importers/onnx/upgrade.h"

ig_status igi_up_reshape(igi_onnx_node *n)
{
    ig_ints shape;
    ig_value_id v;
    if (n->version >= 5)
        return IG_OK;
    igi_up_drop(n, "consumed_inputs");
    if (!igi_up_has(n, "shape"))
        return ig_fail(IG_INVALID_GRAPH, "attribute shape is required");
    IG_TRY(igi_up_ints(n, "shape", &shape));
    IG_TRY(igi_up_const_ints(n, shape.v, shape.n, &v)); /* may be empty: a scalar */
    return igi_up_input(n, 1, v);
}

/* Version 1 had a default axis, 1. */
ig_status igi_up_concat(igi_onnx_node *n)
{
    if (n->version >= 4 || igi_up_has(n, "axis"))
        return IG_OK;
    return igi_up_set_int(n, "axis", 1);
}

/* Sizes were an attribute before 13 (in version 1 also an input, of the data's type).
 * Equal parts are counted by num_outputs since 18, by the node's outputs before. */
ig_status igi_up_split(igi_onnx_node *n)
{
    if (n->version >= 18)
        return IG_OK;
    if (n->version == 1 && n->n_in == 2 && n->in[1].i &&
        igi_up_dtype(n, n->in[1]) != IG_INT64)
        IG_TRY(igi_up_make(n, "Cast", "to", IG_INT64, &n->in[1], 1, &n->in[1]));
    if (n->version < 13)
        IG_TRY(igi_up_ints_to_input(n, "split", 1));
    if (n->n_in < 2 || !n->in[1].i)
        return igi_up_set_int(n, "num_outputs", n->n_out);
    return IG_OK;
}

ig_status igi_up_slice(igi_onnx_node *n)
{
    static const char *const names[] = {"starts", "ends", "axes"};
    if (n->version >= 10)
        return IG_OK;
    for (int i = 0; i < 3; i++) {
        ig_ints list;
        ig_value_id v;
        if (i < 2 && !igi_up_has(n, names[i]))
            return ig_fail(IG_INVALID_GRAPH, "attribute %s is required", names[i]);
        IG_TRY(igi_up_ints(n, names[i], &list));
        if (!list.v)
            continue;
        IG_TRY(igi_up_const_ints(n, list.v, list.n, &v));
        IG_TRY(igi_up_input(n, i + 1, v));
    }
    return IG_OK;
}

/* Squeeze and Unsqueeze. Unsqueeze must have axes, even an empty list. */
ig_status igi_up_squeeze(igi_onnx_node *n)
{
    ig_ints axes;
    ig_value_id v;
    if (n->version >= 13)
        return IG_OK;
    bool unsqueeze = strcmp(n->op->def->name, "Unsqueeze") == 0;
    if (!unsqueeze)
        return igi_up_ints_to_input(n, "axes", 1);
    if (!igi_up_has(n, "axes"))
        return ig_fail(IG_INVALID_GRAPH, "attribute axes is required");
    IG_TRY(igi_up_ints(n, "axes", &axes));
    IG_TRY(igi_up_const_ints(n, axes.v, axes.n, &v));
    return igi_up_input(n, 1, v);
}

/* Pads ("paddings" in version 1) and the value were attributes. */
ig_status igi_up_pad(igi_onnx_node *n)
{
    ig_ints pads;
    float value;
    ig_value_id v;
    if (n->version >= 11)
        return IG_OK;
    const char *name = n->version == 1 ? "paddings" : "pads";
    if (!igi_up_has(n, name))
        return ig_fail(IG_INVALID_GRAPH, "attribute %s is required", name);
    IG_TRY(igi_up_ints(n, name, &pads));
    IG_TRY(igi_up_const_ints(n, pads.v, pads.n, &v));
    IG_TRY(igi_up_input(n, 1, v));
    if (!igi_up_has(n, "value"))
        return IG_OK;
    IG_TRY(igi_up_float(n, "value", 0, &value));
    IG_TRY(igi_up_const(n, igi_up_dtype(n, n->in[0]), (double)value, &v));
    return igi_up_input(n, 2, v);
}

/* K was an attribute. */
ig_status igi_up_top_k(igi_onnx_node *n)
{
    int64_t k;
    ig_value_id v;
    if (n->version >= 10)
        return IG_OK;
    if (!igi_up_has(n, "k"))
        return ig_fail(IG_INVALID_GRAPH, "attribute k is required");
    IG_TRY(igi_up_int(n, "k", 0, &k));
    IG_TRY(igi_up_const_ints(n, &k, 1, &v));
    return igi_up_input(n, 1, v);
}

/* Version 1 repeated one axis, `tiles` times: ones, but for that axis. */
ig_status igi_up_tile(igi_onnx_node *n)
{
    int64_t ones[IG_RANK_MAX];
    ig_value_id v[3];
    if (n->version >= 6)
        return IG_OK;
    int rank = igi_up_rank(n, n->in[0]);
    if (n->n_in != 3 || rank < 0)
        return ig_fail(IG_UNSUPPORTED, "version 1 needs tiles, axis, and an input of "
                                       "known rank");
    for (int i = 0; i < rank; i++)
        ones[i] = 1;
    IG_TRY(igi_up_const_ints(n, ones, rank, &v[0]));
    for (int i = 1; i < 3; i++) { /* axis, then tiles: floats of one element */
        ig_value_id cast, flat[2] = {{0}};
        const int64_t one = -1;
        IG_TRY(igi_up_make(n, "Cast", "to", IG_INT64, &n->in[3 - i], 1, &cast));
        flat[0] = cast;
        IG_TRY(igi_up_const_ints(n, &one, 1, &flat[1]));
        IG_TRY(igi_up_make(n, "Reshape", NULL, 0, flat, 2, &v[i]));
    }
    IG_TRY(igi_up_make(n, "ScatterElements", NULL, 0, v, 3, &n->in[1]));
    n->n_in = 2;
    return IG_OK;
}
