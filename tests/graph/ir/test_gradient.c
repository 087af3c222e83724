/* The engine's side of gradient rules, over a back end that appends to a graph. */
#include <string.h>

#include "graph/ir/gradient.h"
#include "tests/graph/ir/support.h"

#define PORTS 4

/* One node whose rule runs, with all that ig_grad points to. */
typedef struct bench {
    ig_graph *g;
    int emitted;
    ig_status fail_next; /* the next emit fails with it */
    ig_value_id in[PORTS], out[PORTS];
    ig_type types[2 * PORTS];
    const ig_type *in_type[PORTS], *out_type[PORTS];
    ig_var dy[PORTS], dx[PORTS];
    bool wants[PORTS];
    ig_op_def def;
    igi_op op;
    ig_grad grad;
} bench;

static ig_value_id id_of(ig_var v)
{
    return (ig_value_id){(uint32_t)v.h};
}

static ig_status emit(ig_grad *g, const ig_call *call, const ig_var *in, ig_var *out)
{
    bench *b = g->self;
    ig_value_id ids[PORTS], made[PORTS];
    b->emitted++;
    if (b->fail_next)
        return ig_fail(b->fail_next, "emit number %d fails", b->emitted);
    for (int i = 0; i < call->n_in; i++)
        ids[i] = id_of(in[i]);
    IG_TRY(ig_graph_make(b->g, call, ids, made));
    for (int i = 0; i < call->n_out; i++)
        out[i].h = made[i].i;
    return IG_OK;
}

static ig_var value_in(ig_grad *g, int i)
{
    return (ig_var){((bench *)g->self)->in[i].i};
}

static ig_var value_out(ig_grad *g, int i)
{
    return (ig_var){((bench *)g->self)->out[i].i};
}

static ig_var constant(ig_grad *g, ig_tensor *t)
{
    ig_value_id v = {0};
    ig_status rc = ig_graph_constant(((bench *)g->self)->g, NULL, t, &v);
    if (rc != IG_OK)
        g->status = rc;
    return (ig_var){v.i};
}

static const ig_type *type_of(ig_grad *g, ig_var v)
{
    return ig_graph_value_type(((bench *)g->self)->g, id_of(v));
}

static ig_var shape_in(ig_grad *g, int i)
{
    bench *b = g->self;
    ig_value_id s = {0};
    ig_call call = {.op = IG_OP(Shape), .n_in = 1, .n_out = 1};
    ig_status rc = ig_graph_make(b->g, &call, &b->in[i], &s);
    if (rc != IG_OK)
        g->status = rc;
    return (ig_var){s.i};
}

static const igi_grad_api api = {.emit = emit,
                                 .value_in = value_in,
                                 .value_out = value_out,
                                 .constant = constant,
                                 .type_of = type_of,
                                 .shape_in = shape_in};

/* The node y = Mul(a, b) with a rule of the test's. */
static void set_bench(
    bench *b, ig_graph *g, ig_value_id a, ig_value_id c, ig_value_id y, ig_value_id dy)
{
    memset(b, 0, sizeof(*b));
    b->g = g;
    b->in[0] = a, b->in[1] = c, b->out[0] = y;
    for (int i = 0; i < 2; i++) {
        b->types[i] = *ig_graph_value_type(g, b->in[i]);
        b->in_type[i] = &b->types[i];
        b->wants[i] = true;
    }
    b->types[PORTS] = *ig_graph_value_type(g, y);
    b->out_type[0] = &b->types[PORTS];
    b->dy[0].h = dy.i;
    b->op = *igi_registry_of(g->reg, IG_OP(Mul));
    b->def = *b->op.def;
    b->op.def = &b->def;
    b->grad = (ig_grad){.api = &api,
                        .self = b,
                        .reg = g->reg,
                        .op = &b->op,
                        .where = "m.c:1",
                        .n_in = 2,
                        .n_out = 1,
                        .in_type = b->in_type,
                        .out_type = b->out_type,
                        .dy = b->dy,
                        .dx = b->dx,
                        .wants = b->wants};
}

/* Mul of float32 inputs of these shapes; dy is an input of the graph. */
static bench *mul_of(void **state, int ra, const int64_t *da, int rb, const int64_t *db)
{
    static bench b;
    ig_graph *g = ir_graph(state);
    ig_value_id a = ir_input(g, "a", ra, da), c = ir_input(g, "b", rb, db);
    ig_value_id y = ir_node(g, IG_OP(Mul), "y", a, c), dy;
    IR_OK(ig_graph_input_typed(g, "dy", ig_graph_value_type(g, y), &dy));
    set_bench(&b, g, a, c, y, dy);
    return &b;
}

static const ig_op_def *maker(const bench *b, ig_var v)
{
    return ig_graph_node_op(b->g, ig_graph_value_producer(b->g, id_of(v)));
}

static void a_gradient_of_the_right_shape_is_left_alone(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(3), 1, IR_DIMS(3));
    IR_OK(igi_grad_run(&b->grad));
    assert_ptr_equal(maker(b, b->dx[0]), IG_OP(Mul));
    assert_ptr_equal(maker(b, b->dx[1]), IG_OP(Mul));
    assert_int_equal(b->emitted, 2);
    /* Emitted nodes inherit the place of the forward node. */
    ig_node_id n = ig_graph_value_producer(b->g, id_of(b->dx[0]));
    assert_string_equal(igi_node_at(b->g, n)->where, "m.c:1");
}

static void a_broadcast_gradient_is_summed_down(void **state)
{
    bench *b = mul_of(state, 2, IR_DIMS(2, 3), 1, IR_DIMS(3));
    IR_OK(igi_grad_run(&b->grad));
    assert_ptr_equal(maker(b, b->dx[0]), IG_OP(Mul));
    assert_ptr_equal(maker(b, b->dx[1]), IG_OP(SumTo));
    const ig_type *t = ig_graph_value_type(b->g, id_of(b->dx[1]));
    assert_int_equal(t->rank, 1);
    assert_int_equal(t->u.dim[0], 3);
}

/* Two unknown dims may be 1 and 5: only SumTo at run time is right. */
static void unknown_dims_are_summed_down_at_run_time(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(-1), 1, IR_DIMS(-1));
    IR_OK(igi_grad_run(&b->grad));
    assert_ptr_equal(maker(b, b->dx[0]), IG_OP(SumTo));
    assert_ptr_equal(maker(b, b->dx[1]), IG_OP(SumTo));
}

static void unknown_ranks_are_summed_down_at_run_time(void **state)
{
    bench *b = mul_of(state, -1, NULL, -1, NULL);
    IR_OK(igi_grad_run(&b->grad));
    assert_ptr_equal(maker(b, b->dx[0]), IG_OP(SumTo));
}

static void equal_symbols_need_no_sum(void **state)
{
    int64_t n;
    IR_OK(ig_graph_dim(ir_graph(state), "N", &n));
    bench *b = mul_of(state, 1, &n, 1, &n);
    IR_OK(igi_grad_run(&b->grad));
    assert_ptr_equal(maker(b, b->dx[1]), IG_OP(Mul));
}

static void only_wanted_gradients_are_kept(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(3), 1, IR_DIMS(3));
    b->wants[0] = false;
    IR_OK(igi_grad_run(&b->grad));
    assert_int_equal(b->dx[0].h, 0);
    assert_int_equal(b->emitted, 1);
    ig_grad_set(&b->grad, 0, (ig_var){1});
    ig_grad_set(&b->grad, 9, (ig_var){1});
    assert_int_equal(b->dx[0].h, 0);
    assert_false(ig_grad_wants(&b->grad, -1));
}

/* ---- rules that break their contract ---- */

static ig_status reads_output(ig_grad *g)
{
    ig_grad_set(g, 0, ig_grad_out(g, 0));
    return IG_OK;
}

static void a_value_that_was_not_declared_may_not_be_read(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(3), 1, IR_DIMS(3));
    b->def.gradient = reads_output;
    IR_ERROR(igi_grad_run(&b->grad), IG_INTERNAL, "gradient of Mul", "output 0",
             "`saves` does not declare");
    b->def.gradient = ig_op_Mul.gradient;
    b->op.save_in = 1;
    IR_ERROR(igi_grad_run(&b->grad), IG_INTERNAL, "input 1", "`saves`");
    b->op.save_in = 3;
    IR_OK(igi_grad_run(&b->grad));
}

static int emitted_when_failed;

static ig_status goes_on(ig_grad *g)
{
    bench *b = g->self;
    b->fail_next = IG_LIMIT;
    ig_var v = ig_emit1(g, IG_OP(Identity), NULL, ig_grad_dy(g, 0));
    b->fail_next = IG_OK;
    emitted_when_failed = b->emitted;
    v = ig_emit2(g, IG_OP(Add), NULL, v, ig_grad_in(g, 0));
    v = ig_emit_sum_except(g, v, 0);
    v = ig_emit3(g, IG_OP(Add), NULL, v, ig_grad_ints(g, IR_DIMS(1), 1),
                 ig_grad_scalar(g, IG_FLOAT32, 1));
    assert_int_equal(v.h + ig_grad_in_shape(g, 0).h + ig_grad_dy_full(g, 0).h, 0);
    (void)ig_grad_fail(g, IG_INTERNAL, "a later error");
    ig_grad_set(g, 0, v);
    return IG_OK;
}

static void the_first_error_sticks_and_stops_all_emitting(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(3), 1, IR_DIMS(3));
    b->def.gradient = goes_on;
    size_t nodes = b->g->nodes.n;
    IR_ERROR(igi_grad_run(&b->grad), IG_LIMIT, "gradient of Mul", "emit number 1");
    assert_int_equal(b->emitted, emitted_when_failed);
    assert_int_equal(b->g->nodes.n, nodes);
}

static ig_status returns_error(ig_grad *g)
{
    (void)g;
    return ig_fail(IG_LIMIT, "the rule's own");
}

static void an_error_that_a_rule_returns_counts(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(3), 1, IR_DIMS(3));
    b->def.gradient = returns_error;
    IR_ERROR(igi_grad_run(&b->grad), IG_LIMIT, "the rule's own");
}

static ig_status sets_integers(ig_grad *g)
{
    ig_grad_set(g, 1, ig_grad_ints(g, IR_DIMS(1, 2, 3), 3));
    return IG_OK;
}

static void a_gradient_of_another_type_is_an_error(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(3), 1, IR_DIMS(3));
    b->def.gradient = sets_integers;
    IR_ERROR(igi_grad_run(&b->grad), IG_INTERNAL, "gradient of Mul", "input 1",
             "float32", "int64");
}

static ig_status emits_nothing_known(ig_grad *g)
{
    return ig_emit_n(g, NULL, NULL, NULL, 0, NULL, 0);
}

static ig_status emits_too_much(ig_grad *g)
{
    return ig_emit_n(g, IG_OP(Concat), NULL, g->dy, IG_PORTS_MAX + 1, g->dx, 1);
}

static void what_cannot_be_emitted_is_an_error(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(3), 1, IR_DIMS(3));
    b->def.gradient = emits_nothing_known;
    IR_ERROR(igi_grad_run(&b->grad), IG_UNSUPPORTED, "not registered");
    b->def.gradient = emits_too_much;
    IR_ERROR(igi_grad_run(&b->grad), IG_LIMIT, "1025");
    assert_int_equal(b->emitted, 0);
}

static void the_three_ways_to_have_no_gradient(void **state)
{
    bench *b = mul_of(state, 1, IR_DIMS(3), 1, IR_DIMS(3));
    b->def.gradient = ig_gradient_none;
    IR_OK(igi_grad_run(&b->grad));
    assert_int_equal(b->dx[0].h, 0);
    b->def.gradient = ig_gradient_forbidden;
    IR_ERROR(igi_grad_run(&b->grad), IG_UNSUPPORTED, "gradient of Mul", "no meaning");
    b->def.gradient = ig_gradient_todo;
    IR_ERROR(igi_grad_run(&b->grad), IG_UNSUPPORTED, "gradient of Mul",
             "not written yet");
}

/* ---- helpers ---- */

static void sums_over_all_axes_but_one(void **state)
{
    bench *b = mul_of(state, 3, IR_DIMS(2, 3, 4), 3, IR_DIMS(2, 3, 4));
    ig_grad *g = &b->grad;
    ig_var dy = ig_grad_dy(g, 0), sum = ig_emit_sum_except(g, dy, -2);
    IR_OK(g->status);
    const ig_type *t = ig_grad_type(g, sum);
    assert_int_equal(t->rank, 1);
    assert_int_equal(t->u.dim[0], 3);
    assert_int_equal(ig_emit_sum_except(g, sum, 0).h, sum.h); /* nothing to sum */
    assert_int_equal(ig_emit_sum_except(g, dy, 3).h, 0);
    IR_ERROR(g->status, IG_UNSUPPORTED, "all axes but one", "rank is 3");
}

/* Without a rank nobody knows the axes; passing dy through would be wrong in silence.
 */
static void sums_over_unknown_axes_are_refused(void **state)
{
    bench *b = mul_of(state, -1, NULL, -1, NULL);
    assert_int_equal(ig_emit_sum_except(&b->grad, ig_grad_dy(&b->grad, 0), 1).h, 0);
    IR_ERROR(b->grad.status, IG_UNSUPPORTED, "gradient of Mul", "unknown");
}

static void a_missing_dy_becomes_zeros_when_the_shape_is_known(void **state)
{
    bench *b = mul_of(state, 2, IR_DIMS(2, 3), 2, IR_DIMS(2, 3));
    assert_int_equal(ig_grad_dy_full(&b->grad, 0).h, b->dy[0].h);
    b->dy[0].h = 0;
    const ig_type *t = ig_grad_type(&b->grad, ig_grad_dy_full(&b->grad, 0));
    IR_OK(b->grad.status);
    assert_int_equal(t->rank, 2);
    assert_int_equal(t->dtype, IG_FLOAT32);
    assert_int_equal(ig_grad_dy(&b->grad, 5).h + ig_grad_dy_full(&b->grad, 5).h, 0);
    assert_null(ig_grad_in_type(&b->grad, 2));
    assert_null(ig_grad_out_type(&b->grad, -1));
}

static void a_missing_dy_of_unknown_shape_is_an_error(void **state)
{
    bench *b = mul_of(state, -1, NULL, -1, NULL);
    b->dy[0].h = 0;
    assert_int_equal(ig_grad_dy_full(&b->grad, 0).h, 0);
    IR_ERROR(b->grad.status, IG_UNSUPPORTED, "output 0", "symbolic");
}

static ig_status differentiate(void *arg)
{
    ig_registry *reg = NULL;
    ig_graph *g = NULL;
    ig_value_id in[2], y, dy;
    bench *b = arg;
    ig_call call = {.op = IG_OP(Mul), .n_in = 2, .n_out = 1};
    ig_status rc;
    IG_GO(ir_registry(&reg));
    IG_GO(igi_graph_new(&g, "g", reg, NULL));
    IG_GO(ig_graph_input(g, "a", IG_FLOAT32, 2, IR_DIMS(2, 3), &in[0]));
    IG_GO(ig_graph_input(g, "b", IG_FLOAT32, 1, IR_DIMS(3), &in[1]));
    IG_GO(ig_graph_input(g, "dy", IG_FLOAT32, 2, IR_DIMS(2, 3), &dy));
    IG_GO(ig_graph_make(g, &call, in, &y));
    set_bench(b, g, in[0], in[1], y, dy);
    IG_GO(igi_grad_run(&b->grad));
    (void)ig_emit_sum_except(&b->grad, ig_grad_dy(&b->grad, 0), 0);
    rc = b->grad.status;
out:
    ig_graph_free(g);
    igi_registry_free(reg);
    return rc;
}

static void running_out_of_memory_leaves_nothing(void **state)
{
    (void)state;
    static bench b;
    igi_failing_each(differentiate, &b);
}

IG_TESTS(IR_TEST(a_gradient_of_the_right_shape_is_left_alone),
         IR_TEST(a_broadcast_gradient_is_summed_down),
         IR_TEST(unknown_dims_are_summed_down_at_run_time),
         IR_TEST(unknown_ranks_are_summed_down_at_run_time),
         IR_TEST(equal_symbols_need_no_sum),
         IR_TEST(only_wanted_gradients_are_kept),
         IR_TEST(a_value_that_was_not_declared_may_not_be_read),
         IR_TEST(the_first_error_sticks_and_stops_all_emitting),
         IR_TEST(an_error_that_a_rule_returns_counts),
         IR_TEST(a_gradient_of_another_type_is_an_error),
         IR_TEST(what_cannot_be_emitted_is_an_error),
         IR_TEST(the_three_ways_to_have_no_gradient),
         IR_TEST(sums_over_all_axes_but_one),
         IR_TEST(sums_over_unknown_axes_are_refused),
         IR_TEST(a_missing_dy_becomes_zeros_when_the_shape_is_known),
         IR_TEST(a_missing_dy_of_unknown_shape_is_an_error),
         cmocka_unit_test(running_out_of_memory_leaves_nothing))
