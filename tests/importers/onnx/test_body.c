/* Local functions are inlined: attributes, overloads, V12. */
#include <stdio.h>
#include <string.h>

#include "graph/ir/body.h"
#include "tests/importers/onnx/fixture.h"

static void functions_are_inlined_with_their_attributes(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "Join", "a b", "c");
    f->attribute = igt_names(&m, "where", &f->n_attribute);
    pb_node *inner = igt_new_node(&m, "Concat", "a b", "t");
    igt_attr(&m, inner, "axis", PB_ATTR_INT)->ref_attr_name = (char *)"where";
    igt_function_node(&m, f, inner);
    igt_function_node(&m, f, igt_new_node(&m, "Relu", "t", "c"));
    pb_node *call = igt_node(&m, "local::Join", "x y", "z");
    call->name = (char *)"call";
    igt_refused(IG_INVALID_GRAPH, "function Join needs attribute where");
    igt_int(&m, call, "where", 1);
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, ig_graph_output_at(g, 0)))[1],
                     6);
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id id;
    assert_true(ig_node_next(&it, &id));
    assert_true(strncmp(ig_graph_node_name(g, id), "call/", 5) == 0 ||
                strncmp(ig_graph_node_name(g, id), "Concat", 6) == 0);
}

static void defaults_of_function_attributes_apply(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "Join", "a b", "c");
    pb_attribute *def = igt_attr(&m, NULL, "where", PB_ATTR_INT);
    def->has_i = true;
    def->i = 0;
    f->n_attribute_proto = 1;
    f->attribute_proto = &def;
    pb_node *inner = igt_new_node(&m, "Concat", "a b", "c");
    igt_attr(&m, inner, "axis", PB_ATTR_INT)->ref_attr_name = (char *)"where";
    igt_function_node(&m, f, inner);
    igt_node(&m, "local::Join", "x y", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, ig_graph_output_at(g, 0)))[0],
                     4);
}

/* A node that reads `in` and makes `out`, as a body. */
static pb_graph *body_of(pb_node *n, const char *out)
{
    pb_graph *body = igt_alloc(&m, sizeof(*body));
    pb_value *value = igt_alloc(&m, sizeof(*value));
    igi_onnx__graph__init(body);
    igi_onnx__value_info__init(value);
    value->name = (char *)(uintptr_t)out;
    body->node = igt_alloc(&m, sizeof(*body->node));
    body->output = igt_alloc(&m, sizeof(*body->output));
    body->node[0] = n;
    body->output[0] = value;
    body->n_node = body->n_output = 1;
    return body;
}

/* An If of f over `c` into `out`, whose arms are `body`. */
static void add_if(pb_function *f, pb_graph *body, const char *out)
{
    pb_node *n = igt_new_node(&m, "If", "c", out);
    igt_attr(&m, n, "then_branch", PB_ATTR_GRAPH)->g = body;
    igt_attr(&m, n, "else_branch", PB_ATTR_GRAPH)->g = body;
    igt_function_node(&m, f, n);
}

static void bodies_in_functions_refer_to_attributes_of_the_call(void **state)
{
    (void)state;
    igt_frame();
    igt_input(&m, "flag", IG_BOOL, 0, NULL);
    pb_function *f = igt_function(&m, "Join", "a b c", "d");
    pb_node *inner = igt_new_node(&m, "Concat", "a b", "t");
    igt_attr(&m, inner, "axis", PB_ATTR_INT)->ref_attr_name = (char *)"where";
    add_if(f, body_of(inner, "t"), "d");
    pb_node *call = igt_node(&m, "local::Join", "x y flag", "z");
    igt_int(&m, call, "where", 1);
    assert_status(igt_read(&m, &g), IG_OK);
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, ig_graph_output_at(g, 0)))[1],
                     6);
}

/* A graph that a call hands to a function reads names of the call's place, by the
 * opsets of that place. */
static void a_graph_that_a_call_gives_reads_names_around_the_call(void **state)
{
    (void)state;
    igt_frame();
    igt_input(&m, "flag", IG_BOOL, 0, NULL);
    igt_input(&m, "w", IG_FLOAT32, 2, (int64_t[]){5, 7});
    pb_function *f = igt_function(&m, "Choose", "a c", "d");
    igt_function_node(&m, f, igt_new_node(&m, "Relu", "a", "w"));
    pb_node *n = igt_new_node(&m, "If", "c", "d");
    igt_attr(&m, n, "then_branch", PB_ATTR_GRAPH)->ref_attr_name = (char *)"arm";
    igt_attr(&m, n, "else_branch", PB_ATTR_GRAPH)->ref_attr_name = (char *)"arm";
    igt_function_node(&m, f, n);
    pb_node *call = igt_node(&m, "local::Choose", "x flag", "z");
    igt_attr(&m, call, "arm", PB_ATTR_GRAPH)->g =
        body_of(igt_new_node(&m, "Neg", "w", "t"), "t");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, ig_graph_output_at(g, 0)))[1],
                     7);
    ig_graph_free(g);
    g = NULL;
    pb_graph *arms = body_of(n, "d"); /* once more, in a body of the function */
    n->output[0] = (char *)"e";
    arms->output[0]->name = (char *)"e";
    f->n_node--;
    add_if(f, arms, "d");
    igt_refused(IG_UNSUPPORTED, "'w'");
}

/* As many as a decoder of 40 layers has weights, which it keeps outside its branches.
 */
static void a_body_reads_many_outer_values(void **state)
{
    (void)state;
    enum { MOST = IG_PORTS_MAX };
    static char names[MOST + 1][8];
    igt_frame();
    igt_input(&m, "flag", IG_BOOL, 0, NULL);
    pb_node *sum = igt_new_node(&m, "Sum", "x", "t");
    sum->input = igt_alloc(&m, (MOST + 1) * sizeof(*sum->input));
    for (unsigned i = 0; i <= MOST; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "v%u", i % 10000);
        igt_node(&m, "Relu", "x", names[i]);
        sum->input[i] = names[i];
    }
    pb_graph *body = body_of(sum, "t");
    pb_node *list[2] = {sum, igt_new_node(&m, "Relu", names[MOST], "u")};
    body->node = list;
    body->n_node = 2;
    sum->n_input = MOST - 2; /* and flag is none of them */
    pb_node *n = igt_node(&m, "If", "flag", "z");
    igt_attr(&m, n, "then_branch", PB_ATTR_GRAPH)->g = body;
    igt_attr(&m, n, "else_branch", PB_ATTR_GRAPH)->g = body;
    assert_status(igt_read(&m, &g), IG_OK);
    ig_graph_free(g);
    g = NULL;
    sum->n_input = MOST;
    igt_refused(IG_LIMIT, "more than 1024 outer values");
}

/* Captures of bodies before are inputs of a body: their names are not taken. */
static void a_body_may_call_its_own_what_another_reads_from_outside(void **state)
{
    (void)state;
    igt_frame();
    igt_input(&m, "flag", IG_BOOL, 0, NULL);
    pb_node *n = igt_node(&m, "If", "flag", "z");
    igt_attr(&m, n, "else_branch", PB_ATTR_GRAPH)->g =
        body_of(igt_new_node(&m, "Neg", "x", "t"), "t");
    pb_graph *then = body_of(igt_new_node(&m, "Neg", "x", "t"), "t");
    igt_attr(&m, n, "then_branch", PB_ATTR_GRAPH)->g = then;
    pb_tensor *own = igt_init_floats(&m, "x", 5, (float[]){1, 2, 3, 4, 5});
    m.graph.n_initializer = 0;
    then->initializer = &own;
    then->n_initializer = 1;
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    assert_int_equal(ig_graph_value_type(g, ig_graph_output_at(g, 0))->rank, -1);
}

/* Of a name that the body makes itself it reads its own. */
static void what_bodies_read_from_outside_may_stand_behind_them(void **state)
{
    (void)state;
    igt_frame();
    igt_input(&m, "flag", IG_BOOL, 0, NULL);
    igt_node(&m, "Neg", "w", "z");
    igt_node(&m, "Relu", "x", "early");
    pb_node *n = igt_node(&m, "If", "flag", "w");
    pb_graph *inner = body_of(igt_new_node(&m, "Add", "early late", "t"), "t");
    pb_node *nested = igt_new_node(&m, "If", "flag", "u");
    igt_attr(&m, nested, "then_branch", PB_ATTR_GRAPH)->g = inner;
    igt_attr(&m, nested, "else_branch", PB_ATTR_GRAPH)->g = inner;
    igt_attr(&m, n, "then_branch", PB_ATTR_GRAPH)->g = body_of(nested, "u");
    igt_attr(&m, n, "else_branch", PB_ATTR_GRAPH)->g =
        body_of(igt_new_node(&m, "Relu", "x", "own"), "own");
    igt_node(&m, "Relu", "x", "late");
    igt_node(&m, "Relu", "w", "own");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    ig_graph_free(g);
    g = NULL;
    inner->node[0]->input[1] = (char *)"z"; /* which needs w */
    igt_refused(IG_INVALID_GRAPH, "cycle");
}

static void overloads_are_told_apart(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a b", "c"),
                *h = igt_function(&m, "F", "a b", "c");
    igt_function_node(&m, f, igt_new_node(&m, "Add", "a b", "c"));
    igt_function_node(&m, h, igt_new_node(&m, "Mul", "a b", "c"));
    pb_node *call = igt_node(&m, "local::F", "x y", "z");
    igt_refused(IG_INVALID_GRAPH, "defined twice");
    h->overload = (char *)"product";
    call->overload = (char *)"product";
    assert_status(igt_read(&m, &g), IG_OK);
    assert_string_equal(igt_ops(g), "Mul(x,y)");
}

/* "a:b" with "c" is not "a" with "b:c". */
static void domains_and_names_may_hold_any_character(void **state)
{
    (void)state;
    igt_frame();
    static const char *const names[2][2] = {{"a:b", "c"}, {"a", "b:c"}};
    for (int i = 0; i < 2; i++) {
        pb_function *f = igt_function(&m, names[i][1], "v", "w");
        igt_function_node(&m, f, igt_new_node(&m, i ? "Neg" : "Relu", "v", "w"));
        pb_node *call = igt_node(&m, names[i][1], i ? "t" : "x", i ? "z" : "t");
        f->domain = call->domain = (char *)(uintptr_t)names[i][0];
    }
    assert_status(igt_read(&m, &g), IG_OK);
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id id;
    for (int i = 0; i < 2; i++) {
        assert_true(ig_node_next(&it, &id));
        assert_string_equal(ig_graph_node_op(g, id)->name, i ? "Neg" : "Relu");
    }
}

static void a_function_that_calls_itself_is_refused(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a b", "c"),
                *h = igt_function(&m, "H", "a b", "c");
    igt_function_node(&m, f, igt_new_node(&m, "local::H", "a b", "c"));
    igt_function_node(&m, h, igt_new_node(&m, "local::F", "a b", "c"));
    igt_node(&m, "local::F", "x y", "z");
    igt_refused(IG_INVALID_GRAPH, "calls itself");
}

static void a_function_imports_a_domain_in_one_version(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a b", "c");
    igt_function_node(&m, f, igt_new_node(&m, "Add", "a b", "c"));
    igt_node(&m, "local::F", "x y", "z");
    pb_opset *two[101], one = *f->opset_import[0], other = one;
    for (size_t i = 0; i < 101; i++)
        two[i] = i == 1 ? &other : &one;
    f->opset_import = two;
    f->n_opset_import = 2;
    other.version = 6;
    igt_refused(IG_INVALID_GRAPH, "imported as opset 17 and as 6");
    assert_message("function 'F'");
    other.version = one.version = -1;
    igt_refused(IG_INVALID_GRAPH, "opset -1 of domain '' does not exist");
    f->n_opset_import = 101;
    igt_refused(IG_LIMIT, "101 opset imports");
}

static void a_billion_laughs_meet_the_limit_of_nodes(void **state)
{
    (void)state;
    igt_frame();
    char name[8] = "F0", callee[16];
    for (int i = 0; i < 9; i++) {
        name[1] = (char)('0' + i);
        pb_function *f = igt_function(&m, name, "a b", "c9");
        for (int k = 0; k < 10; k++) {
            char in[8] = "c0 b", out[4] = "c0";
            in[1] = (char)('0' + k - 1);
            out[1] = (char)('0' + k);
            snprintf(callee, sizeof(callee), i ? "local::F%d" : "Add", i - 1);
            igt_function_node(&m, f, igt_new_node(&m, callee, k ? in : "a b", out));
        }
    }
    igt_node(&m, "local::F8", "x y", "z");
    ig_limits l = {.nodes = 5000};
    assert_status(igt_read_limits(&m, &l, &g), IG_LIMIT);
    assert_message("after inlining");
}

/* F has inputs and defaults that calls do not give; each call would bind them all. */
static void calls_that_bind_much_meet_a_limit(void **state)
{
    (void)state;
    enum { INPUTS = 1000, ATTRIBUTES = 900, CALLS = 1100 };
    static char names[INPUTS][16];
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a", "c");
    igt_function_node(&m, f, igt_new_node(&m, "Relu", "a", "c"));
    f->input = igt_alloc(&m, INPUTS * sizeof(*f->input));
    for (int i = 0; i < INPUTS; i++) {
        (void)snprintf(names[i], sizeof(names[i]), "i%d", i);
        f->input[i] = names[i];
    }
    f->n_input = 1;
    f->node[0]->input[0] = names[0];
    for (int i = 0; i < CALLS; i++) {
        char out[16];
        (void)snprintf(out, sizeof(out), "o%d", i);
        igt_node(&m, "local::F", "x", i ? out : "z");
    }
    const ig_limits few = {.nodes = 2 * CALLS};
    assert_status(igt_read_limits(&m, &few, &g), IG_OK);
    ig_graph_free(g);
    f->n_input = INPUTS;
    assert_int_equal(igt_read_limits(&m, &few, &g), IG_LIMIT);
    assert_message("look at more than 1000000 inputs");
    f->n_input = 1;
    f->attribute_proto = igt_alloc(&m, ATTRIBUTES * sizeof(*f->attribute_proto));
    for (int i = 0; i < ATTRIBUTES; i++) {
        f->attribute_proto[i] = igt_attr(&m, NULL, names[i], PB_ATTR_INT);
        f->attribute_proto[i]->has_i = true;
    }
    f->n_attribute_proto = ATTRIBUTES;
    assert_int_equal(igt_read_limits(&m, &few, &g), IG_LIMIT);
    assert_message("look at more than 1000000 inputs");
}

static void copies_of_a_functions_nodes_count_as_memory(void **state)
{
    (void)state;
    enum { LONG = 60000, CALLS = 100 };
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a", "c");
    pb_node *inner = igt_new_node(&m, "Relu", "a", "c");
    inner->name = igt_alloc(&m, LONG + 1);
    memset(inner->name, 'n', LONG);
    igt_function_node(&m, f, inner);
    for (int i = 0; i < CALLS; i++) {
        char out[16];
        (void)snprintf(out, sizeof(out), "o%d", i);
        igt_node(&m, "local::F", "x", i ? out : "z");
    }
    const ig_limits half = {.memory_bytes = CALLS * LONG / 2};
    assert_int_equal(igt_read_limits(&m, &half, &g), IG_LIMIT);
    assert_message("limits.memory_bytes");
    const ig_limits twice = {.memory_bytes = CALLS * LONG * 2};
    assert_status(igt_read_limits(&m, &twice, &g), IG_OK);
}

static void function_calls_are_checked_against_their_arity(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a", "c");
    igt_function_node(&m, f, igt_new_node(&m, "Relu", "a", "c"));
    igt_node(&m, "local::F", "x y", "z");
    igt_refused(IG_INVALID_GRAPH, "function F has 1 inputs");
}

static void a_function_must_define_its_outputs(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a b", "c");
    igt_function_node(&m, f, igt_new_node(&m, "Add", "a b", "other"));
    igt_node(&m, "local::F", "x y", "z");
    igt_refused(IG_INVALID_GRAPH, "does not define its output 'c'");
}

static void a_function_may_return_its_input(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a b", "a");
    igt_function_node(&m, f, igt_new_node(&m, "Add", "a b", "c"));
    igt_node(&m, "local::F", "x y", "w");
    igt_node(&m, "Relu", "w", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    assert_string_equal(igt_ops(g), "Add(x,y) Relu(x)");
}

static void omitted_optional_inputs_pass_through_functions(void **state)
{
    (void)state;
    igt_frame();
    pb_function *f = igt_function(&m, "F", "a lo hi", "c");
    igt_function_node(&m, f, igt_new_node(&m, "Clip", "a lo hi", "c"));
    igt_init(&m, "top", IG_FLOAT32, 0, NULL)->float_data = (float[]){6};
    m.graph.initializer[0]->n_float_data = 1;
    igt_node(&m, "local::F", "x - top", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_string_equal(igt_ops(g), "Clip(x,-,#)");
}

static void a_body_may_give_one_value_twice(void **state)
{
    (void)state;
    igt_node(&m, "Neg", "x", "a");
    igt_output(&m, "a", IG_FLOAT32);
    igt_output(&m, "a", IG_FLOAT32);
    pb_graph *body = igt_take_graph(&m);
    igt_frame();
    igt_input(&m, "flag", IG_BOOL, 0, NULL);
    pb_node *n = igt_node(&m, "If", "flag", "u v");
    igt_attr(&m, n, "then_branch", PB_ATTR_GRAPH)->g = body;
    igt_attr(&m, n, "else_branch", PB_ATTR_GRAPH)->g = body;
    igt_node(&m, "Sub", "u v", "z");
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    const ig_graph *arm = igi_body_of(igi_node_at(g, g->order.p[0]), 0);
    assert_int_equal(arm->outputs.n, 2);
    assert_int_equal(arm->outputs.p[0].i, arm->outputs.p[1].i);
}

/* A beam of tokens: exporters declare the shapes of the first round. What the body
 * keeps stays known: a gets columns, c dims, and b is as it was. */
static void states_of_a_loop_lose_the_sizes_that_it_does_not_keep(void **state)
{
    (void)state;
    static const char *const types[] = {"float32[2,?]", "float32[2,3]", "float32[...]"};
    const int64_t dims[] = {2, 3};
    char text[64];
    igt_input(&m, "i", IG_INT64, 0, NULL);
    igt_input(&m, "go", IG_BOOL, 0, NULL);
    igt_input(&m, "a", IG_FLOAT32, 2, dims);
    igt_input(&m, "b", IG_FLOAT32, 2, dims);
    igt_input(&m, "c", IG_FLOAT32, 2, dims);
    igt_init(&m, "axes", IG_INT64, 1, (int64_t[]){1})->int64_data = (int64_t[]){0};
    m.graph.initializer[0]->n_int64_data = 1;
    igt_int(&m, igt_node(&m, "Concat", "a b", "wide"), "axis", 1);
    igt_node(&m, "Unsqueeze", "c axes", "deep");
    igt_output(&m, "go", IG_BOOL);
    igt_output(&m, "wide", IG_FLOAT32);
    igt_output(&m, "b", IG_FLOAT32);
    igt_output(&m, "deep", IG_FLOAT32);
    pb_graph *body = igt_take_graph(&m);
    igt_frame();
    igt_input(&m, "n", IG_INT64, 0, NULL);
    igt_attr(&m, igt_node(&m, "Loop", "n - x y x", "z v w"), "body", PB_ATTR_GRAPH)->g =
        body;
    assert_status(igt_read(&m, &g), IG_OK);
    assert_status(ig_graph_verify(g), IG_OK);
    const ig_graph *loop = igi_body_of(igi_node_at(g, g->order.p[0]), 0);
    for (size_t i = 0; i < 3; i++) {
        const ig_type *t = ig_graph_value_type(loop, loop->inputs.p[2 + i]);
        igi_type_print(t, loop->syms, text, sizeof(text));
        assert_string_equal(text, types[i]);
    }
}

IG_TESTS(IGT_TEST(a_body_may_give_one_value_twice),
         IGT_TEST(states_of_a_loop_lose_the_sizes_that_it_does_not_keep),
         IGT_TEST(functions_are_inlined_with_their_attributes),
         IGT_TEST(defaults_of_function_attributes_apply),
         IGT_TEST(bodies_in_functions_refer_to_attributes_of_the_call),
         IGT_TEST(a_graph_that_a_call_gives_reads_names_around_the_call),
         IGT_TEST(a_body_reads_many_outer_values),
         IGT_TEST(a_body_may_call_its_own_what_another_reads_from_outside),
         IGT_TEST(what_bodies_read_from_outside_may_stand_behind_them),
         IGT_TEST(overloads_are_told_apart),
         IGT_TEST(domains_and_names_may_hold_any_character),
         IGT_TEST(a_function_that_calls_itself_is_refused),
         IGT_TEST(a_function_imports_a_domain_in_one_version),
         IGT_TEST(a_billion_laughs_meet_the_limit_of_nodes),
         IGT_TEST(calls_that_bind_much_meet_a_limit),
         IGT_TEST(copies_of_a_functions_nodes_count_as_memory),
         IGT_TEST(function_calls_are_checked_against_their_arity),
         IGT_TEST(a_function_must_define_its_outputs),
         IGT_TEST(a_function_may_return_its_input),
         IGT_TEST(omitted_optional_inputs_pass_through_functions))
