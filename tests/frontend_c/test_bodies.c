/* Operators with bodies under limits, in compiled nets: loops without end, deep
 * nesting, results that do not fit, and what the passes make of bodies. */
#include <stdio.h>
#include <string.h>

#include <ingot/ingot.h>
#include <ingot/ops.h>
#include <ingot/train.h>

#include "graph/ir/body.h"
#include "graph/runtime/net.h"
#include "tests/support/test_main.h"

typedef struct loop_opts {
    uint32_t struct_size;
    ig_graph *body;
} loop_opts;
typedef struct if_opts {
    uint32_t struct_size;
    ig_graph *then_branch, *else_branch;
} if_opts;

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s", ig_error_message());                                        \
    } while (0)

static void assert_says(const char *text)
{
    if (!strstr(ig_error_message(), text))
        fail_msg("'%s' lacks '%s'", ig_error_message(), text);
}

static ig_value_id
node(ig_graph *g, const char *op, const void *o, ig_value_id a, ig_value_id b)
{
    ig_value_id in[2] = {a, b}, out = {0};
    OK(ig_graph_make_named(g, op, o, in, b.i ? 2 : 1, &out, 1));
    return out;
}

/* (i, go, x) -> go, x + x or Concat(x, x), and x stacked when asked. */
static ig_graph *make_body(bool grows, bool stacks)
{
    ig_graph *g = NULL;
    ig_value_id i, go, x, y;
    ig_concat_opts o = IG_CONCAT_OPTS_INIT;
    OK(ig_graph_new(&g, "body", NULL));
    OK(ig_graph_input(g, "i", IG_INT64, 0, NULL, &i));
    OK(ig_graph_input(g, "go", IG_BOOL, 0, NULL, &go));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, (const int64_t[]){-1}, &x));
    y = grows ? node(g, "Concat", &o, x, x) : node(g, "Add", NULL, x, x);
    OK(ig_graph_output(g, "go_on", go));
    OK(ig_graph_output(g, "y", y));
    if (stacks)
        OK(ig_graph_output(g, "all", x));
    return g;
}

/* Loop(m, , x) over the body, which is taken over; m < 0: no bound. */
static ig_graph *make_loop(ig_graph *body, int64_t m, int n_out)
{
    ig_graph *g = NULL;
    ig_tensor *t = NULL;
    ig_value_id in[3] = {{0}}, out[2];
    loop_opts o = {sizeof(o), body};
    OK(ig_graph_new(&g, "loop", NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, (const int64_t[]){-1}, &in[2]));
    if (m >= 0) {
        OK(ig_tensor_new_copy(&t, IG_INT64, 0, NULL, &m, sizeof(m)));
        OK(ig_graph_constant(g, "m", t, &in[0]));
        ig_tensor_unref(t);
    }
    OK(ig_graph_make_named(g, "Loop", &o, in, 3, out, n_out));
    OK(ig_graph_output(g, "y", out[0]));
    if (n_out > 1)
        OK(ig_graph_output(g, "all", out[1]));
    ig_graph_free(body);
    return g;
}

static ig_status
run(const ig_graph *g, int64_t n, const ig_run_opts *o, ig_tensor **y, int n_out)
{
    ig_model *m = NULL;
    ig_tensor *x = NULL;
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}));
    OK(ig_tensor_new(&x, IG_FLOAT32, 1, &n));
    ((float *)ig_tensor_data(x))[0] = 1;
    ig_tensor *all = NULL, **outs[2] = {y, &all};
    ig_status rc = ig_model_run(m, IG_INPUTS(x), (ig_outputs){n_out, outs}, o);
    ig_tensor_unref(all);
    ig_tensor_unref(x);
    ig_model_free(m);
    return rc;
}

static void a_loop_without_end_stops_at_the_limits(void **state)
{
    (void)state;
    ig_graph *g = make_loop(make_body(false, false), -1, 1);
    ig_tensor *y = NULL;
    ig_run_opts rounds = {.limits = {.loop_iterations = 100}};
    assert_int_equal(run(g, 2, &rounds, &y, 1), IG_LIMIT);
    assert_says("loop_iterations");
    assert_says("Loop");
    ig_run_opts late = {.deadline_s = 0.05};
    assert_int_equal(run(g, 2, &late, &y, 1), IG_DEADLINE);
    static const volatile int stop = 1;
    ig_run_opts cancelled = {.cancel = &stop};
    assert_int_equal(run(g, 2, &cancelled, &y, 1), IG_CANCELLED);
    ig_graph_free(g);
}

static void what_a_loop_keeps_is_counted(void **state)
{
    (void)state;
    ig_tensor *y = NULL;
    ig_run_opts o = {.limits = {.memory_bytes = 1 << 20}};
    ig_graph *g = make_loop(make_body(true, false), 1000, 1); /* doubles each round */
    assert_int_equal(run(g, 2, &o, &y, 1), IG_LIMIT);
    assert_says("memory_bytes");
    ig_graph_free(g);
    g = make_loop(make_body(false, true), 1000000, 2); /* stacks each round */
    assert_int_equal(run(g, 64, &o, &y, 2), IG_LIMIT);
    assert_says("memory_bytes");
    ig_graph_free(g);
}

static void states_may_change_their_shape_but_not_stacked_results(void **state)
{
    (void)state;
    ig_tensor *y = NULL;
    ig_graph *g = make_loop(make_body(true, false), 10, 1);
    OK(run(g, 1, NULL, &y, 1));
    assert_int_equal(ig_tensor_numel(y), 1024);
    ig_tensor_unref(y);
    ig_graph_free(g);
    y = NULL;
    g = make_loop(make_body(true, true), 3, 2);
    assert_int_equal(run(g, 1, NULL, &y, 2), IG_INVALID_ARGUMENT);
    assert_says("output 1 of round 1 is float32[2]");
    ig_graph_free(g);
}

/* The body declares no size; that of the state tells it. */
static void results_of_no_round_have_the_sizes_of_one(void **state)
{
    (void)state;
    ig_model *m = NULL;
    ig_tensor *x = NULL, *y = NULL, *all = NULL, **outs[2] = {&y, &all};
    ig_graph *g = make_loop(make_body(false, true), 0, 2);
    OK(ig_model_from_graph(&m, g, NULL));
    OK(ig_tensor_new(&x, IG_FLOAT32, 1, (const int64_t[]){3}));
    OK(ig_model_run(m, IG_INPUTS(x), (ig_outputs){2, outs}, NULL));
    assert_int_equal(ig_tensor_dim(all, 0), 0);
    assert_int_equal(ig_tensor_dim(all, 1), 3);
    ig_tensor_unref(x);
    ig_tensor_unref(y);
    ig_tensor_unref(all);
    ig_model_free(m);
    ig_graph_free(g);
}

static void bodies_nest_to_a_bound(void **state)
{
    (void)state;
    ig_graph *g = make_body(false, false);
    int depth = 0;
    ig_status rc = IG_OK;
    while (rc == IG_OK && depth < 100) {
        ig_graph *outer = NULL;
        ig_value_id in[3] = {{0}}, go, out[1];
        loop_opts o = {sizeof(o), g};
        OK(ig_graph_new(&outer, "outer", NULL));
        OK(ig_graph_input(outer, "i", IG_INT64, 0, NULL, &in[0]));
        OK(ig_graph_input(outer, "go", IG_BOOL, 0, NULL, &go));
        OK(ig_graph_input(outer, "x", IG_FLOAT32, 1, (const int64_t[]){-1}, &in[2]));
        rc = ig_graph_make_named(outer, "Loop", &o, in, 3, out, 1);
        if (rc == IG_OK) {
            OK(ig_graph_output(outer, "go_on", go));
            OK(ig_graph_output(outer, "y", out[0]));
            depth++;
        }
        ig_graph_free(g);
        g = outer;
    }
    assert_int_equal(rc, IG_LIMIT);
    assert_int_equal(depth, IGI_BODY_DEPTH);
    ig_graph_free(g);
}

/* (a) -> a op a */
static ig_graph *make_arm(const char *op)
{
    ig_graph *g = NULL;
    ig_value_id a;
    OK(ig_graph_new(&g, op, NULL));
    OK(ig_graph_input(g, "a", IG_FLOAT32, 1, (const int64_t[]){-1}, &a));
    OK(ig_graph_output(g, "y", node(g, op, NULL, a, a)));
    return g;
}

/* If(cond){a * a}{a + a}; cond and a are constants when asked. */
static ig_graph *make_if(bool constant_cond, bool constant_a)
{
    ig_graph *g = NULL;
    ig_tensor *t = NULL;
    ig_value_id in[2], out;
    const uint8_t yes = 1;
    const float three = 3;
    const int64_t one = 1;
    if_opts o = {sizeof(o), make_arm("Mul"), make_arm("Add")};
    OK(ig_graph_new(&g, "if", NULL));
    if (constant_cond) {
        OK(ig_tensor_new_copy(&t, IG_BOOL, 0, NULL, &yes, 1));
        OK(ig_graph_constant(g, "cond", t, &in[0]));
        ig_tensor_unref(t);
    } else {
        OK(ig_graph_input(g, "cond", IG_BOOL, 0, NULL, &in[0]));
    }
    if (constant_a) {
        OK(ig_tensor_new_copy(&t, IG_FLOAT32, 1, &one, &three, sizeof(three)));
        OK(ig_graph_constant(g, "a", t, &in[1]));
        ig_tensor_unref(t);
    } else {
        OK(ig_graph_input(g, "x", IG_FLOAT32, 1, (const int64_t[]){-1}, &in[1]));
    }
    const igi_op *op = igi_registry_find_full(g->reg, "If");
    ig_call call = {.op = op->def, .attrs = &o, .n_in = 2, .n_captures = 1, .n_out = 1};
    OK(ig_graph_make(g, &call, in, &out));
    OK(ig_graph_output(g, "y", out));
    OK(ig_graph_verify(g));
    ig_graph_free(o.then_branch);
    ig_graph_free(o.else_branch);
    return g;
}

/* SequenceMap of one recorded item and the item again. */
static ig_status map_eagerly(const loop_opts *o)
{
    ig_ctx *c = NULL;
    ig_value *seq = NULL, *out[1] = {NULL};
    OK(ig_ctx_new(&c, NULL));
    ig_tensor *x = ig_requires_grad(c, ig_randn(c, IG_FLOAT32, IG_SHAPE(2)), true);
    ig_value *item = ig_tensor_value(x);
    OK(ig_sequence_new(&seq, &item, 1, NULL));
    ig_call call = {
        .op = igi_registry_find_full(ig_registry_builtin(), "SequenceMap")->def,
        .attrs = o,
        .n_in = 2,
        .n_out = 1};
    ig_status rc = ig_dispatch(c, &call, (ig_value *[]){seq, item}, out);
    ig_value_unref(seq);
    ig_ctx_free(c);
    return rc;
}

/* With histories it calls the nodes of its body, which nobody had looked at. */
static void a_map_in_eager_code_needs_a_body_that_fits(void **state)
{
    (void)state;
    loop_opts o = {.struct_size = sizeof(o)};
    ig_value_id item;
    assert_int_equal(map_eagerly(NULL), IG_INVALID_ARGUMENT);
    assert_int_equal(map_eagerly(&o), IG_INVALID_ARGUMENT);
    OK(ig_graph_new(&o.body, "body", NULL));
    OK(ig_graph_input(o.body, "item", IG_FLOAT32, 1, (int64_t[]){2}, &item));
    OK(ig_graph_output(o.body, "y",
                       node(o.body, "Relu", NULL, item, (ig_value_id){0})));
    assert_int_equal(map_eagerly(&o), IG_INVALID_ARGUMENT);
    ig_graph_free(o.body);
}

static void an_if_of_a_known_cond_becomes_its_arm(void **state)
{
    (void)state;
    ig_net *net = NULL;
    ig_node_id n;
    ig_graph *g = make_if(true, false);
    OK(ig_net_new(&net, g, NULL, NULL));
    ig_node_iter it = ig_graph_nodes(net->graph);
    assert_true(ig_node_next(&it, &n));
    assert_string_equal(ig_graph_node_op(net->graph, n)->name, "Mul");
    assert_false(ig_node_next(&it, &n));
    ig_net_free(net);
    ig_graph_free(g);
}

static void captured_constants_move_into_bodies(void **state)
{
    (void)state;
    ig_net *net = NULL;
    ig_node_id n;
    ig_graph *g = make_if(false, true);
    OK(ig_net_new(&net, g, NULL, NULL));
    ig_node_iter it = ig_graph_nodes(net->graph);
    assert_true(ig_node_next(&it, &n));
    const igi_node *node = igi_node_at(net->graph, n);
    assert_int_equal(node->n_captures, 0);
    assert_int_equal(igi_body_of(node, 0)->order.n, 0); /* 3 * 3 is folded */
    assert_int_equal(igi_body_of(igi_node_at(g, (ig_node_id){1}), 0)->inputs.n, 1);
    ig_net_free(net);
    ig_graph_free(g);
}

IG_TESTS(cmocka_unit_test(a_loop_without_end_stops_at_the_limits),
         cmocka_unit_test(what_a_loop_keeps_is_counted),
         cmocka_unit_test(states_may_change_their_shape_but_not_stacked_results),
         cmocka_unit_test(results_of_no_round_have_the_sizes_of_one),
         cmocka_unit_test(bodies_nest_to_a_bound),
         cmocka_unit_test(a_map_in_eager_code_needs_a_body_that_fits),
         cmocka_unit_test(an_if_of_a_known_cond_becomes_its_arm),
         cmocka_unit_test(captured_constants_move_into_bodies))
