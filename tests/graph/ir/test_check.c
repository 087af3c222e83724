/* Calls that do not fit are refused before anything is made; messages name operator,
 * port, types and what to try. */
#include <string.h>

#include "tests/graph/ir/support.h"

static ig_value_id input(ig_graph *g, ig_dtype dtype)
{
    ig_value_id v;
    IR_OK(ig_graph_input(g, NULL, dtype, 1, IR_DIMS(2), &v));
    return v;
}

static ig_status
make(ig_graph *g, const ig_op_def *op, int n_in, const ig_value_id *in, int n_out)
{
    ig_value_id out[IG_PORTS_MAX + 1];
    ig_call call = {.op = op, .n_in = n_in, .n_out = n_out};
    return ig_graph_make(g, &call, in, out);
}

static void arity_is_checked_by_name(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = input(g, IG_FLOAT32), in[IG_PORTS_MAX + 1];
    for (int i = 0; i <= IG_PORTS_MAX; i++)
        in[i] = x;
    IR_ERROR(make(g, IG_OP(Add), 3, in, 1), IG_INVALID_ARGUMENT,
             "Add takes at most 2 inputs, 3 given");
    IR_ERROR(make(g, IG_OP(Add), 1, in, 1), IG_INVALID_ARGUMENT,
             "Add needs input 1 (b)");
    IR_ERROR(make(g, IG_OP(Concat), 0, in, 1), IG_INVALID_ARGUMENT,
             "Concat needs input 0 (x)");
    IR_ERROR(make(g, IG_OP(Add), 2, in, 2), IG_INVALID_ARGUMENT,
             "Add has at most 1 outputs, 2 wanted");
    IR_ERROR(make(g, IG_OP(Add), 2, in, 0), IG_INVALID_ARGUMENT,
             "Add has output 0 (y); 0 wanted");
    IR_ERROR(make(g, IG_OP(Concat), IG_PORTS_MAX + 1, in, 1), IG_LIMIT, "Concat",
             "1024");
    IR_ERROR(make(g, IG_OP(Split), 1, in, IG_PORTS_MAX + 1), IG_LIMIT, "Split", "1024");
    IR_ERROR(make(g, IG_OP(Add), -1, in, 1), IG_LIMIT, "Add");
    assert_int_equal(g->values.n, 2);
    IR_OK(make(g, IG_OP(Concat), IG_PORTS_MAX, in, 1));
    IR_OK(make(g, IG_OP(Split), 1, in, IG_PORTS_MAX));
    IR_OK(ig_graph_verify(g));
}

static void a_missing_required_input_is_named(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id in[2] = {{0}, input(g, IG_FLOAT32)};
    IR_ERROR(make(g, IG_OP(Add), 2, in, 1), IG_INVALID_ARGUMENT,
             "Add: input 0 (a) is missing");
    ig_value_id optional[2] = {in[1], {0}};
    IR_OK(make(g, IG_OP(ReduceSum), 2, optional, 1));
}

static void types_that_disagree_are_named(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id in[2] = {input(g, IG_FLOAT32), input(g, IG_INT64)};
    IR_ERROR(make(g, IG_OP(Add), 2, in, 1), IG_INVALID_ARGUMENT, "Add: input 1 (b)",
             "int64", "float32", "Cast");
}

static void a_type_that_is_not_allowed_is_named_with_those_that_are(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id in[2] = {input(g, IG_UINT8), input(g, IG_UINT8)};
    IR_ERROR(make(g, IG_OP(Add), 2, in, 1), IG_INVALID_ARGUMENT, "Add: input 0 (a)",
             "uint8", "allowed are float32, int32, int64, float16, float64, bfloat16",
             "Cast");
}

static void a_sequence_is_no_tensor(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id in[2] = {input(g, IG_FLOAT32), {0}};
    ig_type element = {.dtype = IG_FLOAT32, .rank = -1};
    ig_type sequence = {.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = &element};
    IR_OK(ig_graph_input_typed(g, "list", &sequence, &in[1]));
    IR_ERROR(make(g, IG_OP(Add), 2, in, 1), IG_INVALID_ARGUMENT, "Add: input 1 (b)",
             "must be a tensor");
    ig_value_id packed = ir_node(g, IG_OP(Pack), NULL, in[0], (ig_value_id){0});
    assert_int_equal(ig_graph_value_type(g, packed)->kind, IG_KIND_SEQUENCE);
}

/* A type from a plugin or a damaged file: no shift by its number may happen. */
static void a_number_that_is_no_type_is_refused(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id v;
    ig_type t = {.dtype = 200, .rank = 0};
    IR_ERROR(ig_graph_input_typed(g, "x", &t, &v), IG_INVALID_ARGUMENT, "input x",
             "element type 200");
    ig_value_id in[2] = {input(g, IG_FLOAT32), input(g, IG_FLOAT32)};
    igi_value_at(g, in[1])->type.dtype = 200;
    IR_ERROR(make(g, IG_OP(Add), 2, in, 1), IG_INVALID_ARGUMENT, "Add: input 1 (b)",
             "no element type");
}

static void ids_of_no_value_are_refused(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id in[2] = {input(g, IG_FLOAT32), {99}};
    IR_ERROR(make(g, IG_OP(Add), 2, in, 1), IG_INVALID_ARGUMENT, "Add: input 1",
             "no value of graph g");
    ig_call call = {.op = IG_OP(Add), .n_in = 2, .n_captures = 3, .n_out = 1};
    IR_ERROR(ig_graph_make(g, &call, in, NULL), IG_LIMIT, "Add");
}

static void an_unknown_operator_is_named(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_op_def stranger = ig_op_Add;
    ig_value_id y, x = input(g, IG_FLOAT32);
    stranger.name = "Stranger";
    IR_ERROR(make(g, &stranger, 1, &x, 1), IG_NOT_FOUND, "Stranger");
    IR_ERROR(make(g, NULL, 1, &x, 1), IG_NOT_FOUND, "not registered");
    IR_ERROR(ig_graph_make_named(g, "nowhere::Add", NULL, &x, 1, &y, 1), IG_NOT_FOUND,
             "nowhere::Add");
    IR_ERROR(ig_graph_make_named(g, NULL, NULL, &x, 1, &y, 1), IG_NOT_FOUND,
             "no operator");
    IR_OK(ig_graph_make_named(g, "Identity", NULL, &x, 1, &y, 1));
}

static void an_element_type_that_infer_must_choose_is_checked(void **state)
{
    ig_graph *g = ir_graph(state);
    cast_attrs to = {sizeof(to), IG_INT64};
    ig_value_id x = input(g, IG_FLOAT32), y;
    ig_call call = {.op = IG_OP(Cast), .attrs = &to, .n_in = 1, .n_out = 1};
    IR_OK(ig_graph_make(g, &call, &x, &y));
    assert_int_equal(ig_graph_value_type(g, y)->dtype, IG_INT64);
    to.to = IG_STRING;
    IR_ERROR(ig_graph_make(g, &call, &x, &y), IG_INVALID_ARGUMENT,
             "Cast: output 0 (y) cannot be string");
}

static void unknown_ranks_stay_unknown_but_types_are_inferred(void **state)
{
    ig_graph *g = ir_graph(state);
    cast_attrs to = {sizeof(to), IG_INT64};
    ig_value_id x = ir_input(g, "x", -1, NULL), y, z;
    ig_call call = {.op = IG_OP(Cast), .attrs = &to, .n_in = 1, .n_out = 1};
    IR_OK(ig_graph_make(g, &call, &x, &y));
    assert_int_equal(ig_graph_value_type(g, y)->dtype, IG_INT64);
    assert_int_equal(ig_graph_value_type(g, y)->rank, -1);
    z = ir_node(g, IG_OP(Add), NULL, x, x);
    assert_int_equal(ig_graph_value_type(g, z)->rank, -1);
    assert_int_equal(ig_graph_value_type(g, z)->dtype, IG_FLOAT32);
}

/* infer that sets a shape whatever it gets. */
static ig_status careless_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX] = {0};
    IG_TRY(ig_infer_dtype(x, 0, IG_INT64));
    IG_TRY(ig_infer_set(x, 0, 12, dims)); /* far dims, dropped again by the next */
    return ig_infer_set(x, 0, 3, dims);
}

static void a_shape_made_of_unknown_ranks_is_not_believed(void **state)
{
    ir_state *s = *state;
    static ig_op_def careless; /* the graph outlives this function */
    careless = ig_op_Identity;
    careless.name = "Careless";
    careless.outputs = IG_OP(Cast)->outputs;
    careless.infer = careless_infer;
    careless.values = NULL;
    IR_OK(igi_registry_add(s->reg, &careless));
    ig_value_id y =
        ir_node(s->g, &careless, NULL, ir_input(s->g, "x", -1, NULL), (ig_value_id){0});
    assert_int_equal(ig_graph_value_type(s->g, y)->rank, -1);
    y = ir_node(s->g, &careless, NULL, ir_input(s->g, "z", 0, NULL), (ig_value_id){0});
    assert_int_equal(ig_graph_value_type(s->g, y)->rank, 3);
}

static void options_are_checked_with_the_call(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = input(g, IG_FLOAT32), y;
    reduce_attrs a = {sizeof(a), 2};
    ig_call call = {.op = IG_OP(ReduceSum), .attrs = &a, .n_in = 1, .n_out = 1};
    IR_ERROR(ig_graph_make(g, &call, &x, &y), IG_INVALID_ARGUMENT,
             "ReduceSum: attribute keepdims is 2", "0 to 1");
    assert_int_equal(g->nodes.n, 1);
}

IG_TESTS(IR_TEST(arity_is_checked_by_name),
         IR_TEST(a_missing_required_input_is_named),
         IR_TEST(types_that_disagree_are_named),
         IR_TEST(a_type_that_is_not_allowed_is_named_with_those_that_are),
         IR_TEST(a_sequence_is_no_tensor),
         IR_TEST(a_number_that_is_no_type_is_refused),
         IR_TEST(ids_of_no_value_are_refused),
         IR_TEST(an_unknown_operator_is_named),
         IR_TEST(an_element_type_that_infer_must_choose_is_checked),
         IR_TEST(unknown_ranks_stay_unknown_but_types_are_inferred),
         IR_TEST(a_shape_made_of_unknown_ranks_is_not_believed),
         IR_TEST(options_are_checked_with_the_call))
