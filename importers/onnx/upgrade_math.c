/* Upgrades of arithmetic, comparison, reduction and activation operators. */
#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "importers/onnx/upgrade.h"

/* Before version 7, B was broadcast only on demand, and `axis` said where its dims
 * begin in those of A: (2,3,4,5) + (3,4) with axis 1. Trailing dims of size 1 give B
 * the place that NumPy's rule then finds by itself. */
ig_status igi_up_broadcast(igi_onnx_node *n)
{
    int64_t broadcast, axis;
    if (n->version >= 7)
        return IG_OK;
    igi_up_drop(n, "consumed_inputs");
    bool placed = igi_up_has(n, "axis");
    IG_TRY(igi_up_int(n, "broadcast", 0, &broadcast));
    IG_TRY(igi_up_int(n, "axis", 0, &axis));
    if (!broadcast || !placed || n->n_in != 2)
        return IG_OK;
    int ra = igi_up_rank(n, n->in[0]), rb = igi_up_rank(n, n->in[1]);
    if (ra < 0 || rb < 0)
        return ig_fail(IG_UNSUPPORTED,
                       "broadcasting along axis %" PRId64 " needs inputs of known rank",
                       axis);
    int64_t start = axis < 0 ? axis + ra : axis;
    if (start < 0 || start > ra - rb)
        return rb == 0 || igi_up_rank(n, n->in[1]) == 1
                   ? IG_OK
                   : ig_fail(IG_INVALID_GRAPH,
                             "axis %" PRId64
                             " leaves no room for %d dims of input 1 in %d dims "
                             "of input 0",
                             axis, rb, ra);
    int64_t axes[IG_RANK_MAX];
    int count = (int)(ra - start - rb);
    for (int i = 0; i < count; i++)
        axes[i] = rb + i;
    if (count == 0 || rb == 0)
        return IG_OK;
    ig_value_id in[2] = {n->in[1], {0}};
    IG_TRY(igi_up_const_ints(n, axes, count, &in[1]));
    return igi_up_make(n, "Unsqueeze", NULL, 0, in, 2, &n->in[1]);
}

/* Bounds were attributes. An absent bound stays absent: it means no bound. */
ig_status igi_up_clip(igi_onnx_node *n)
{
    static const char *const names[] = {"min", "max"};
    if (n->version >= 11)
        return IG_OK;
    igi_up_drop(n, "consumed_inputs");
    for (int i = 0; i < 2; i++) {
        float v;
        ig_value_id bound;
        if (!igi_up_has(n, names[i]))
            continue;
        IG_TRY(igi_up_float(n, names[i], 0, &v));
        IG_TRY(igi_up_const(n, igi_up_dtype(n, n->in[0]), (double)v, &bound));
        IG_TRY(igi_up_input(n, i + 1, bound));
    }
    return IG_OK;
}

/* The defaults were rounded in version 1. */
ig_status igi_up_selu(igi_onnx_node *n)
{
    float alpha, gamma;
    if (n->version >= 6)
        return IG_OK;
    igi_up_drop(n, "consumed_inputs");
    IG_TRY(igi_up_float(n, "alpha", 1.6732f, &alpha));
    IG_TRY(igi_up_float(n, "gamma", 1.0507f, &gamma));
    IG_TRY(igi_up_set_float(n, "alpha", alpha));
    return igi_up_set_float(n, "gamma", gamma);
}

/* Before version 7 a slope of shape [C] ran along axis 1. */
ig_status igi_up_prelu(igi_onnx_node *n)
{
    int64_t axes[IG_RANK_MAX];
    IG_TRY(igi_up_consumed(n));
    if (n->version >= 7 || n->n_in != 2 || igi_up_rank(n, n->in[1]) != 1)
        return IG_OK;
    int rank = igi_up_rank(n, n->in[0]);
    if (rank < 0)
        return ig_fail(IG_UNSUPPORTED, "a slope per channel needs an X of known rank");
    for (int i = 0; i < rank - 2; i++)
        axes[i] = 1 + i;
    if (rank <= 2)
        return IG_OK;
    ig_value_id in[2] = {n->in[1], {0}};
    IG_TRY(igi_up_const_ints(n, axes, rank - 2, &in[1]));
    return igi_up_make(n, "Unsqueeze", NULL, 0, in, 2, &n->in[1]);
}

/* In version 1 the type was spelled: "FLOAT", "INT64". */
ig_status igi_up_cast(igi_onnx_node *n)
{
    const char *to;
    char name[24];
    size_t i = 0;
    if (n->version >= 6)
        return IG_OK;
    IG_TRY(igi_up_string(n, "to", "", &to));
    for (; to[i] && i + 1 < sizeof(name); i++)
        name[i] = (char)tolower((unsigned char)to[i]);
    name[i] = 0;
    ig_dtype dtype = ig_dtype_parse(name);
    if (dtype == IG_UNDEFINED)
        return ig_fail(IG_INVALID_GRAPH, "attribute to: '%.40s' is no element type",
                       to);
    return igi_up_set_int(n, "to", (int64_t)dtype);
}

/* Axes were an attribute: before 13 for ReduceSum, before 18 for the others. An empty
 * list and none both mean all axes, as an absent input does. */
ig_status igi_up_reduce(igi_onnx_node *n)
{
    bool sum = strcmp(n->op->def->name, "ReduceSum") == 0;
    return n->version >= (sum ? 13 : 18) ? IG_OK : igi_up_ints_to_input(n, "axes", 1);
}

/* Until 13 the input was seen as a matrix: dims before `axis` (default 1) by the rest.
 */
ig_status igi_up_softmax(igi_onnx_node *n)
{
    int64_t axis;
    if (n->version >= 13 || n->n_in != 1)
        return IG_OK;
    IG_TRY(igi_up_int(n, "axis", 1, &axis));
    int rank = igi_up_rank(n, n->in[0]);
    if (axis == -1 || (rank > 0 && axis == rank - 1))
        return igi_up_set_int(n, "axis", -1);
    ig_value_id shape, flat, soft;
    IG_TRY(igi_up_make(n, "Shape", NULL, 0, n->in, 1, &shape));
    IG_TRY(igi_up_make(n, "Flatten", "axis", axis, n->in, 1, &flat));
    IG_TRY(igi_up_make(n, n->op->def->name, "axis", -1, &flat, 1, &soft));
    IG_TRY(igi_up_make(n, "Reshape", "allowzero", 1, (ig_value_id[]){soft, shape}, 2,
                       &n->out[0]));
    n->done = true;
    return IG_OK;
}
