// Tables that several operators have: ports, names, numbers of samples.

#include "graph/ir/graph.h"
#include "operators/common.h"

const char *const igi_gelu_names[] = {"none", "tanh", NULL};

#define UNARY_INPUT(name_) IG_PORT(name_, 'T', "Input tensor.")
#define UNARY_OUTPUT(name_)                                                            \
    IG_PORT(name_, 'T', "Same shape as the input.", .alias = IG_MAY_ALIAS(0))
const ig_port igi_unary_x[] = {UNARY_INPUT("X"), {0}};
const ig_port igi_unary_y[] = {UNARY_OUTPUT("Y"), {0}};
const ig_port igi_unary_input[] = {UNARY_INPUT("input"), {0}};
const ig_port igi_unary_output[] = {UNARY_OUTPUT("output"), {0}};

const ig_port igi_binary_inputs[] = {
    IG_PORT("A", 'T', "First operand."),
    IG_PORT("B", 'T', "Second operand."),
    {0},
};
const ig_port igi_binary_outputs[] = {
    IG_PORT("C", 'T', "Shape of the broadcast.", .alias = IG_MAY_ALIAS(0, 1)),
    {0},
};
const ig_port igi_compare_outputs[] = {
    IG_PORT("C", 'B', "Shape of the broadcast."),
    {0},
};

const double igi_sample_a[6] = {1, -2, 3, 0, 5, -4};
const double igi_sample_b[6] = {2, 4, -3, 6, 1, -6};
const double igi_sample_c[2] = {7, -1};

ig_status igi_sample_node(
    ig_graph *g, const ig_op_def *op, const ig_value_id *in, int n_in, ig_value_id *out)
{
    ig_call call = {.op = op, .n_in = n_in, .n_out = 1};
    return ig_graph_make(g, &call, in, out);
}

ig_status igi_sample_number(ig_graph *g, ig_dtype dtype, double v, ig_value_id *out)
{
    ig_tensor *t = NULL;
    IG_TRY(ig_tensor_new(&t, dtype, 0, NULL));
    igi_put_f64(dtype, t->data, 0, v);
    ig_status rc = ig_graph_constant(g, NULL, t, out);
    ig_tensor_unref(t);
    return rc;
}
