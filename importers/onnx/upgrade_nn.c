/* Upgrades of Gemm, BatchNormalization, Dropout, the recurrent layers and
 * LabelEncoder. */
#include <inttypes.h>
#include <string.h>

#include "importers/onnx/upgrade.h"

/* C is broadcast always now; whoever forbade it had C of full shape. */
ig_status igi_up_gemm(igi_onnx_node *n)
{
    if (n->version < 7)
        igi_up_drop(n, "broadcast");
    return IG_OK;
}

/* Mean and population variance of v over `axes`, which are dropped. */
static ig_status batch_statistics(
    igi_onnx_node *n, ig_value_id v, const int64_t *axes, int count, ig_value_id out[2])
{
    ig_value_id in[2] = {v}, d;
    IG_TRY(igi_up_const_ints(n, axes, count, &in[1]));
    IG_TRY(igi_up_make(n, "ReduceMean", "keepdims", 0, in, 2, &out[0]));
    IG_TRY(igi_up_make(n, "ReduceMean", "keepdims", 1, in, 2, &d));
    IG_TRY(igi_up_make(n, "Sub", NULL, 0, (ig_value_id[]){v, d}, 2, &d));
    IG_TRY(igi_up_make(n, "Mul", NULL, 0, (ig_value_id[]){d, d}, 2, &in[0]));
    return igi_up_make(n, "ReduceMean", "keepdims", 0, in, 2, &out[1]);
}

/* old * momentum + fresh * (1 - momentum) */
static ig_status running(igi_onnx_node *n,
                         ig_value_id old,
                         ig_value_id fresh,
                         float momentum,
                         ig_value_id *out)
{
    ig_value_id m, rest, kept;
    ig_dtype dtype = igi_up_dtype(n, old);
    IG_TRY(igi_up_const(n, dtype, (double)momentum, &m));
    IG_TRY(igi_up_const(n, dtype, 1 - (double)momentum, &rest));
    IG_TRY(igi_up_make(n, "Mul", NULL, 0, (ig_value_id[]){old, m}, 2, &kept));
    IG_TRY(igi_up_make(n, "Mul", NULL, 0, (ig_value_id[]){fresh, rest}, 2, &fresh));
    return igi_up_make(n, "Add", NULL, 0, (ig_value_id[]){kept, fresh}, 2, out);
}

/* spatial = 0: statistics per feature, which is plain broadcasting without the batch
 * axis: (x - mean) / sqrt(var + epsilon) * scale + bias. */
static ig_status per_feature(igi_onnx_node *n, bool training)
{
    ig_value_id x = n->in[0], eps, v, use[2] = {n->in[3], n->in[4]};
    float epsilon, momentum;
    IG_TRY(igi_up_float(n, "epsilon", 1e-5f, &epsilon));
    IG_TRY(igi_up_float(n, "momentum", 0.9f, &momentum));
    if (n->n_in != 5)
        return ig_fail(IG_INVALID_GRAPH, "%d inputs, expected 5", n->n_in);
    if (training) {
        IG_TRY(batch_statistics(n, x, (int64_t[]){0}, 1, use));
        for (int i = 0; i < 2; i++)
            IG_TRY(running(n, n->in[3 + i], use[i], momentum, &n->out[1 + i]));
        n->out[3] = use[0];
        n->out[4] = use[1];
    }
    IG_TRY(igi_up_const(n, igi_up_dtype(n, x), (double)epsilon, &eps));
    IG_TRY(igi_up_make(n, "Sub", NULL, 0, (ig_value_id[]){x, use[0]}, 2, &x));
    IG_TRY(igi_up_make(n, "Add", NULL, 0, (ig_value_id[]){use[1], eps}, 2, &v));
    IG_TRY(igi_up_make(n, "Sqrt", NULL, 0, &v, 1, &v));
    IG_TRY(igi_up_make(n, "Div", NULL, 0, (ig_value_id[]){x, v}, 2, &x));
    IG_TRY(igi_up_make(n, "Mul", NULL, 0, (ig_value_id[]){x, n->in[1]}, 2, &x));
    IG_TRY(igi_up_make(n, "Add", NULL, 0, (ig_value_id[]){x, n->in[2]}, 2, &n->out[0]));
    n->done = true;
    return IG_OK;
}

/* Outputs saved_mean and saved_var: statistics of the batch per channel. */
static ig_status saved_statistics(igi_onnx_node *n)
{
    int64_t axes[IG_RANK_MAX];
    int rank = igi_up_rank(n, n->in[0]), count = 0;
    if (rank < 2)
        return ig_fail(IG_UNSUPPORTED,
                       "saved_mean and saved_var need an input of known rank");
    for (int i = 0; i < rank; i++)
        if (i != 1)
            axes[count++] = i;
    return batch_statistics(n, n->in[0], axes, count, &n->out[3]);
}

/* Before 14 the number of outputs told training (5) from inference (1); is_test, until
 * 7, said so too. Saved statistics (outputs 3 and 4) were those of the batch. */
ig_status igi_up_batch_norm(igi_onnx_node *n)
{
    int64_t is_test, spatial;
    if (n->version >= 14)
        return IG_OK;
    igi_up_drop(n, "consumed_inputs");
    IG_TRY(igi_up_int(n, "is_test", 0, &is_test));
    IG_TRY(igi_up_int(n, "spatial", 1, &spatial));
    bool training = n->wanted >> 1 && !is_test, saved = n->wanted >> 3 && !is_test;
    if (is_test && n->wanted >> 1)
        return ig_fail(IG_UNSUPPORTED, "statistics as outputs although is_test is set");
    if (!spatial)
        return per_feature(n, training);
    n->n_out = training ? 3 : 1;
    if (training)
        IG_TRY(igi_up_set_int(n, "training_mode", 1));
    if (!saved)
        return IG_OK;
    IG_TRY(saved_statistics(n));
    return igi_up_finish(n);
}

/* Before 12 ratio was an attribute; before 7 is_test said whether anything is dropped,
 * and from 7 to 12 nothing is. Before 10 the mask had the data's type. */
ig_status igi_up_dropout(igi_onnx_node *n)
{
    int64_t is_test;
    float ratio;
    ig_value_id v;
    if (n->version >= 12)
        return IG_OK;
    igi_up_drop(n, "consumed_inputs");
    IG_TRY(igi_up_int(n, "is_test", n->version >= 7, &is_test));
    IG_TRY(igi_up_float(n, "ratio", 0.5f, &ratio));
    IG_TRY(igi_up_const(n, IG_FLOAT32, (double)ratio, &v));
    IG_TRY(igi_up_input(n, 1, v));
    if (!is_test) {
        IG_TRY(igi_up_const(n, IG_BOOL, 1, &v));
        IG_TRY(igi_up_input(n, 2, v));
    }
    if (n->version >= 10 || n->n_out < 2)
        return IG_OK;
    ig_dtype dtype = igi_up_dtype(n, n->in[0]);
    IG_TRY(igi_up_finish(n));
    if (n->out[1].i)
        IG_TRY(igi_up_make(n, "Cast", "to", dtype, &n->out[1], 1, &n->out[1]));
    return IG_OK;
}

/* In version 1 p was a float; norms of orders that are no integers are not supported.
 */
ig_status igi_up_lp(igi_onnx_node *n)
{
    float p;
    if (n->version >= 2 || !igi_up_has(n, "p"))
        return IG_OK;
    IG_TRY(igi_up_float(n, "p", 2, &p));
    if (!(p >= 1 && p < 1e6f) || (float)(int64_t)p != p)
        return ig_fail(IG_UNSUPPORTED, "p is %g, but must be a positive integer",
                       (double)p);
    return igi_up_set_int(n, "p", (int64_t)p);
}

/* Version 18 had scale and bias per group: each is repeated for the group's channels.
 */
ig_status igi_up_group_norm(igi_onnx_node *n)
{
    int64_t groups = 0;
    if (n->version >= 21)
        return IG_OK;
    const ig_type *t = ig_graph_value_type(n->b->g, n->in[0]);
    IG_TRY(igi_up_int(n, "num_groups", 0, &groups));
    if (groups < 1 || n->n_in != 3)
        return ig_fail(IG_INVALID_GRAPH, "num_groups must be given and positive");
    IG_TRY(igi_up_set_int(n, "num_groups", groups));
    if (!t || t->rank < 2 || ig_type_dims(t)[1] < 0 || ig_type_dims(t)[1] % groups != 0)
        return ig_fail(IG_UNSUPPORTED,
                       "version 18 needs an X whose channels are known and "
                       "divided by num_groups");
    const int64_t one = 1, flat = -1, dims[2] = {groups, ig_type_dims(t)[1] / groups};
    for (int i = 1; i < 3; i++) {
        ig_value_id v[2] = {n->in[i], {0}};
        IG_TRY(igi_up_const_ints(n, &one, 1, &v[1]));
        IG_TRY(igi_up_make(n, "Unsqueeze", NULL, 0, v, 2, &v[0]));
        IG_TRY(igi_up_const_ints(n, dims, 2, &v[1]));
        IG_TRY(igi_up_make(n, "Expand", NULL, 0, v, 2, &v[0]));
        IG_TRY(igi_up_const_ints(n, &flat, 1, &v[1]));
        IG_TRY(igi_up_make(n, "Reshape", NULL, 0, v, 2, &n->in[i]));
    }
    return IG_OK;
}

/* Before version 16 coordinates were those of the centers of elements. */
ig_status igi_up_roi_align(igi_onnx_node *n)
{
    return n->version >= 16 ? IG_OK
                            : igi_up_set_string(n, "coordinate_transformation_mode",
                                                "output_half_pixel");
}

/* Version 1 and 3 said whether Y is wanted; now its name in the list of outputs does.
 */
ig_status igi_up_recurrent(igi_onnx_node *n)
{
    if (n->version < 7)
        igi_up_drop(n, "output_sequence");
    return IG_OK;
}

/* Version 1 had one list of strings, numbered from 0, and mapped strings to their
 * numbers or back. */
ig_status igi_up_label_encoder(igi_onnx_node *n)
{
    static const char classes[] = "classes_strings";
    size_t count = 0;
    if (n->version >= 2)
        return IG_OK;
    for (size_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, classes) == 0)
            count = n->attrs[i].a->n_strings;
    int64_t *numbers = igi_arena_array(&n->b->scratch, count + 1, sizeof(*numbers));
    if (!numbers)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int64_t)i;
    bool from_text = igi_up_dtype(n, n->in[0]) == IG_STRING;
    igi_up_rename(n, classes, from_text ? "keys_strings" : "values_strings");
    return igi_up_set_ints(n, from_text ? "values_int64s" : "keys_int64s",
                           (ig_ints){(int64_t)count, numbers});
}
