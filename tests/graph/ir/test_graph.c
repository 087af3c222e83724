/* Building and reading graphs: names, types, outputs, constants, use lists. */
#include <string.h>

#include "graph/ir/build.h"
#include "graph/ir/same.h"
#include "tests/graph/ir/support.h"

static void a_node_is_named_typed_and_linked(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id a = ir_input(g, "a", 2, IR_DIMS(2, 3)), b = ir_input(g, "b", 0, NULL);
    ig_value_id y = ir_node(g, IG_OP(Add), "sum", a, b);
    ig_node_id n = ig_graph_value_producer(g, y);
    assert_string_equal(ig_graph_node_name(g, n), "sum");
    assert_string_equal(ig_graph_value_name(g, y), "sum");
    assert_ptr_equal(ig_graph_node_op(g, n), IG_OP(Add));
    assert_int_equal(ig_graph_node_n_in(g, n), 2);
    assert_int_equal(ig_graph_node_in(g, n, 1).i, b.i);
    assert_int_equal(ig_graph_node_out(g, n, 0).i, y.i);
    assert_int_equal(ig_graph_value_type(g, y)->rank, 2);
    assert_int_equal(ig_graph_value_n_uses(g, a), 1);
    assert_int_equal(ig_graph_value_n_uses(g, y), 0);
    assert_int_equal(ig_graph_find(g, "sum").i, y.i);
    ig_value_id twice = ir_node(g, IG_OP(Add), NULL, a, a);
    assert_int_equal(ig_graph_value_n_uses(g, a), 3);
    assert_string_equal(ig_graph_value_name(g, twice), "Add_2");
    IR_OK(ig_graph_verify(g));
}

static void reading_beyond_the_ends_is_harmless(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id none = {7}, zero = {0};
    ig_node_id no = {7};
    assert_int_equal(ig_graph_n_inputs(g), 0);
    assert_int_equal(ig_graph_input_at(g, -1).i, 0);
    assert_int_equal(ig_graph_output_at(g, 0).i, 0);
    assert_string_equal(ig_graph_output_name(g, 3), "");
    assert_string_equal(ig_graph_value_name(g, zero), "");
    assert_null(ig_graph_value_type(g, none));
    assert_null(ig_graph_value_constant(g, none));
    assert_int_equal(ig_graph_value_producer(g, none).i, 0);
    assert_int_equal(ig_graph_value_n_uses(g, none), 0);
    assert_null(ig_graph_node_op(g, no));
    assert_null(ig_graph_node_attrs(g, no));
    assert_string_equal(ig_graph_node_name(g, no), "");
    assert_int_equal(ig_graph_node_n_in(g, no) + ig_graph_node_n_out(g, no), 0);
    assert_int_equal(ig_graph_node_in(g, no, 0).i + ig_graph_node_out(g, no, 0).i, 0);
    assert_int_equal(ig_graph_find(g, "nobody").i, 0);
    assert_int_equal(ig_graph_find(g, NULL).i, 0);
}

/* V6 */
static void names_are_utf8_without_control_characters(void **state)
{
    ig_graph *g = ir_graph(state), *other = NULL;
    ig_value_id x = ir_input(g, "x", 0, NULL), v, y;
    ig_tensor *t = ir_tensor_ints(1, IR_DIMS(1));
    int64_t n;
    IR_ERROR(ig_graph_input(g, "x\xff", IG_FLOAT32, 0, NULL, &v), IG_INVALID_ARGUMENT,
             "0xff");
    ig_status rc = ig_graph_constant(g, "c\n", t, &v);
    ig_tensor_unref(t);
    IR_ERROR(rc, IG_INVALID_ARGUMENT, "the name of a value");
    IR_ERROR(ig_graph_dim(g, "\xc3", &n), IG_INVALID_ARGUMENT, "the name of a dim");
    IR_ERROR(ig_graph_output(g, "\x1b[0m", x), IG_INVALID_ARGUMENT,
             "the name of an output");
    IR_ERROR(igi_graph_new(&other, "g\x80", NULL, NULL), IG_INVALID_ARGUMENT,
             "the name of a graph");
    IR_ERROR(igi_graph_add_meta(g, "key", "\xff"), IG_INVALID_ARGUMENT, "metadata");
    ig_call call = {.op = IG_OP(Add), .name = "node\x7f", .n_in = 1, .n_out = 1};
    IR_ERROR(ig_graph_make(g, &call, &x, &y), IG_INVALID_ARGUMENT,
             "the name of a node");
    IR_OK(ig_graph_output(g, "\xc3\xa4", x));
    IR_OK(ig_graph_verify(g));
}

static void names_are_unique(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL), v;
    ig_tensor *t = ir_tensor_ints(1, IR_DIMS(1));
    IR_ERROR(ig_graph_input(g, "x", IG_FLOAT32, 0, NULL, &v), IG_INVALID_GRAPH, "'x'");
    ig_status rc = ig_graph_constant(g, "x", t, &v);
    ig_tensor_unref(t);
    IR_ERROR(rc, IG_INVALID_GRAPH, "'x' is taken");
    (void)ir_node(g, IG_OP(Identity), "x", x, (ig_value_id){0});
    assert_int_equal(ig_graph_find(g, "x").i, x.i); /* the node's value got another */
    ig_value_id made = ir_input(g, NULL, 0, NULL), empty = ir_input(g, "", 0, NULL);
    assert_string_not_equal(ig_graph_value_name(g, made), "");
    assert_string_not_equal(ig_graph_value_name(g, empty), "");
    IR_OK(ig_graph_verify(g));
}

/* Made names are cut between characters, never within one. */
static void long_names_stay_whole_text(void **state)
{
    ig_graph *g = ir_graph(state);
    char name[302] = "x";
    for (int i = 1; i < 300; i += 2)
        memcpy(name + i, "\xc3\xa9", 3);
    ig_value_id x = ir_input(g, "x", 0, NULL);
    for (int k = 0; k < 3; k++) {
        const char *made = ig_graph_value_name(
            g, ir_node(g, IG_OP(Identity), name, x, (ig_value_id){0}));
        size_t n = strlen(made), i = 1;
        while (i + 1 < n && !memcmp(made + i, "\xc3\xa9", 2))
            i += 2;
        assert_true(i == n || made[i] == '_');
        assert_true(n > 190);
    }
}

static void inputs_are_checked(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id v;
    ig_type bare = {.kind = IG_KIND_SEQUENCE, .rank = -1};
    IR_ERROR(ig_graph_input(g, "x", IG_UNDEFINED, 0, NULL, &v), IG_INVALID_ARGUMENT,
             "input x", "element type 0");
    IR_ERROR(ig_graph_input(g, "x", IG_FLOAT32, 65, NULL, &v), IG_INVALID_ARGUMENT,
             "input x");
    IR_ERROR(ig_graph_input(g, "x", IG_FLOAT32, -2, NULL, &v), IG_INVALID_ARGUMENT,
             "rank -2");
    IR_ERROR(ig_graph_input(g, "x", IG_FLOAT32, 2, IR_DIMS(1, -2), &v),
             IG_INVALID_ARGUMENT, "dim 1 is negative");
    IR_ERROR(ig_graph_input(g, "x", IG_FLOAT32, 1, IR_DIMS(INT64_MAX), &v), IG_LIMIT,
             "2^47");
    IR_ERROR(ig_graph_input_typed(g, "x", &bare, &v), IG_INVALID_ARGUMENT,
             "without an element type");
    assert_int_equal(g->values.n, 1);
    int64_t far[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    v = ir_input(g, "x", 9, far);
    far[8] = 0;
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, v))[8], 9);
}

static void equal_dim_names_are_equal_dims(void **state)
{
    ig_graph *g = ir_graph(state);
    int64_t n, m, k;
    IR_OK(ig_graph_dim(g, "N", &n));
    IR_OK(ig_graph_dim(g, "N", &m));
    IR_OK(ig_graph_dim(g, "K", &k));
    assert_true(n == m && n != k && ig_dim_is_symbol(n));
    IR_ERROR(ig_graph_dim(g, "", &k), IG_INVALID_ARGUMENT, "name");
    IR_ERROR(ig_graph_dim(g, NULL, &k), IG_INVALID_ARGUMENT, "name");
}

static void a_constant_is_shared_and_counted(void **state)
{
    ir_state *s = *state;
    ig_tensor *t = ir_tensor_ints(2, IR_DIMS(1, 2));
    ig_value_id v;
    ig_status rc = ig_graph_constant(s->g, "c", t, &v);
    int refs = t->v.refs;
    bool shared = t->v.flags & IGI_SHARED, same = ig_graph_value_constant(s->g, v) == t;
    ig_graph_free(s->g);
    s->g = NULL;
    int after = t->v.refs;
    ig_tensor_unref(t);
    IR_OK(rc);
    assert_true(shared && same);
    assert_int_equal(refs, 2);
    assert_int_equal(after, 1);
}

static void a_constant_without_a_tensor_is_refused(void **state)
{
    ig_value_id v;
    IR_ERROR(ig_graph_constant(ir_graph(state), "c", NULL, &v), IG_INVALID_ARGUMENT,
             "constant c");
}

static void outputs_have_names_of_their_own(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL);
    IR_OK(ig_graph_output(g, "first", x));
    IR_OK(ig_graph_output(g, NULL, x)); /* the value's */
    IR_ERROR(ig_graph_output(g, "x", x), IG_INVALID_GRAPH, "two outputs 'x'");
    IR_ERROR(ig_graph_output(g, "y", (ig_value_id){9}), IG_INVALID_ARGUMENT, "y");
    assert_int_equal(ig_graph_n_outputs(g), 2);
    assert_string_equal(ig_graph_output_name(g, 0), "first");
    assert_string_equal(ig_graph_output_name(g, 1), "x");
    assert_int_equal(ig_graph_value_n_uses(g, x), 2);
    IR_OK(ig_graph_verify(g));
}

static void unwanted_outputs_have_no_value(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 1, IR_DIMS(2)), out[70], late;
    ig_call call = {.op = IG_OP(Split), .wanted = 5, .n_in = 1, .n_out = 3};
    IR_OK(ig_graph_make(g, &call, &x, out));
    assert_true(out[0].i && !out[1].i && out[2].i);
    ig_node_id n = ig_graph_value_producer(g, out[2]);
    IR_OK(igi_graph_want_output(g, n, 1, &late));
    assert_string_equal(ig_graph_value_name(g, late), "Split_1:1");
    ig_value_id again;
    IR_OK(igi_graph_want_output(g, n, 1, &again));
    assert_int_equal(late.i, again.i);
    IR_OK(igi_graph_want_output(g, n, 69, &late));
    assert_int_equal(ig_graph_node_n_out(g, n), 70);
    assert_int_equal(ig_graph_node_out(g, n, 68).i, 0);
    IR_OK(ig_graph_verify(g));
    call = (ig_call){.op = IG_OP(Split), .wanted = 1, .n_in = 1, .n_out = 70};
    IR_OK(ig_graph_make(g, &call, &x, out));
    assert_true(out[0].i && !out[63].i && out[64].i && out[69].i);
    ig_node_id one = ig_graph_value_producer(
        g, ir_node(g, IG_OP(Identity), NULL, x, (ig_value_id){0}));
    IR_ERROR(igi_graph_want_output(g, one, 1, &late), IG_INVALID_ARGUMENT, "Identity_3",
             "no output 1");
}

/* Far dims of outputs that were only inferred on the way must be freed. */
static void wanting_an_output_of_high_rank_leaks_nothing(void **state)
{
    ig_graph *g = ir_graph(state);
    int64_t dims[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    ig_value_id x = ir_input(g, "x", 9, dims), out[66], late;
    ig_call call = {.op = IG_OP(Split), .wanted = 1, .n_in = 1, .n_out = 66};
    IR_OK(ig_graph_make(g, &call, &x, out));
    IR_OK(igi_graph_want_output(g, ig_graph_value_producer(g, out[0]), 70, &late));
    assert_int_equal(ig_graph_value_type(g, late)->rank, 9);
} /* the leak check of the sanitizer build is the assertion */

static void random_nodes_never_share_a_draw(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL), y;
    ig_call call = {.op = IG_OP(Draw), .n_in = 1, .n_out = 1, .draw = 7};
    IR_OK(ig_graph_make(g, &call, &x, &y));
    assert_int_equal(igi_node_at(g, ig_graph_value_producer(g, y))->draw, 7);
    call.draw = 0;
    IR_OK(ig_graph_make(g, &call, &x, &y));
    assert_int_equal(igi_node_at(g, ig_graph_value_producer(g, y))->draw, 8);
}

static void a_node_keeps_its_own_copy_of_where(void **state)
{
    ig_graph *g = ir_graph(state);
    char where[] = "model.c:12";
    ig_value_id x = ir_input(g, "x", 0, NULL), y;
    ig_call call = {.op = IG_OP(Identity), .where = where, .n_in = 1, .n_out = 1};
    IR_OK(ig_graph_make(g, &call, &x, &y));
    memset(where, 'z', sizeof(where) - 1);
    assert_string_equal(igi_node_at(g, ig_graph_value_producer(g, y))->where,
                        "model.c:12");
}

static void a_public_call_that_succeeds_clears_the_message(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id v;
    IR_ERROR(ig_graph_constant(g, "c", NULL, &v), IG_INVALID_ARGUMENT, "c");
    (void)ir_input(g, "x", 0, NULL);
    assert_string_equal(ig_error_message(), "");
}

static void a_value_with_many_readers_is_edited_in_linear_time(void **state)
{
    ig_graph *g = ir_graph(state);
    enum { N = 100000 };
    ig_value_id x = ir_input(g, "x", 0, NULL);
    for (int i = 0; i < N; i++)
        (void)ir_node(g, IG_OP(Identity), NULL, x, (ig_value_id){0});
    IR_OK(ig_graph_verify(g));
    /* Every third first, as no list order likes it, then what is left. Quadratic code
     * needs minutes here. */
    for (uint32_t i = 1; i <= N; i += 3)
        IR_OK(ig_graph_remove(g, (ig_node_id){i}));
    IR_OK(ig_graph_verify(g));
    assert_int_equal(igi_graph_sweep(g), N - (N + 2) / 3);
    assert_int_equal(ig_graph_value_n_uses(g, x), 0);
    IR_OK(ig_graph_verify(g));
}

/* ---- memory ---- */

static int broken; /* graphs whose invariants a failure broke */

/* Whatever failed, the graph keeps its invariants. The record stays as it was. With
 * memory short for ever verify cannot finish; then the other round has shown it. */
static void check_whole(const ig_graph *g)
{
    igi_error e;
    igi_error_get(&e);
    if (g)
        broken += ig_graph_verify(g) == IG_INVALID_GRAPH;
    (void)igi_error_set(&e);
}

/* A node with two outputs: a failed one must leave the graph as it was. */
static ig_status build(void *arg)
{
    ig_registry *reg = NULL;
    ig_graph *g = NULL;
    ig_value_id x, c, out[2], in[2];
    int64_t n, far[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    ig_tensor *t = NULL;
    ig_status rc;
    (void)arg;
    IG_GO(ir_registry(&reg));
    IG_GO(igi_graph_new(&g, "g", reg, NULL));
    IG_GO(ig_graph_dim(g, "N", &n));
    far[0] = n;
    IG_GO(ig_graph_input(g, "x", IG_INT64, 9, far, &x));
    IG_GO(ig_tensor_new_copy(&t, IG_INT64, 1, IR_DIMS(1), IR_DIMS(1), 8));
    IG_GO(ig_graph_constant(g, NULL, t, &c));
    ig_call pair = {.op = IG_OP(Pair), .where = "here", .n_in = 1, .n_out = 2};
    IG_GO(ig_graph_make(g, &pair, &x, out));
    in[0] = out[1], in[1] = c;
    ig_call add = {.op = IG_OP(Add), .n_in = 2, .n_out = 1};
    IG_GO(ig_graph_make(g, &add, in, out));
    IG_GO(ig_graph_make(g, &add, in, out));
    IG_GO(ig_graph_output(g, "y", out[0]));
    IG_GO(igi_graph_infer(g));
out:
    if (rc != IG_OK)
        check_whole(g);
    ig_tensor_unref(t);
    ig_graph_free(g);
    igi_registry_free(reg);
    return rc;
}

static void running_out_of_memory_leaves_a_whole_graph(void **state)
{
    (void)state;
    broken = 0;
    igi_failing_each(build, NULL);
    assert_int_equal(broken, 0);
}

static ig_tensor *text_of(const char *bytes, size_t n)
{
    ig_tensor *t = NULL;
    IR_OK(ig_tensor_new(&t, IG_STRING, 0, NULL));
    *(igi_str **)t->data = bytes ? igi_str_new(bytes, n) : NULL;
    return t;
}

static void constants_of_strings_are_compared_to_the_end(void **state)
{
    (void)state;
    ig_tensor *t[] = {text_of("a\0b", 3), text_of("a\0c", 3), text_of("a\0b", 3),
                      text_of("", 0), text_of(NULL, 0)};
    assert_false(igi_constant_same(t[0], t[1]));
    assert_true(igi_constant_same(t[0], t[2]));
    assert_false(igi_constant_same(t[0], t[3]));
    assert_true(igi_constant_same(t[3], t[4]));
    for (size_t i = 0; i < 5; i++)
        ig_tensor_unref(t[i]);
}

IG_TESTS(IR_TEST(constants_of_strings_are_compared_to_the_end),
         IR_TEST(a_node_is_named_typed_and_linked),
         IR_TEST(reading_beyond_the_ends_is_harmless),
         IR_TEST(names_are_utf8_without_control_characters),
         IR_TEST(names_are_unique),
         IR_TEST(long_names_stay_whole_text),
         IR_TEST(inputs_are_checked),
         IR_TEST(equal_dim_names_are_equal_dims),
         IR_TEST(a_constant_is_shared_and_counted),
         IR_TEST(a_constant_without_a_tensor_is_refused),
         IR_TEST(outputs_have_names_of_their_own),
         IR_TEST(unwanted_outputs_have_no_value),
         IR_TEST(wanting_an_output_of_high_rank_leaks_nothing),
         IR_TEST(random_nodes_never_share_a_draw),
         IR_TEST(a_node_keeps_its_own_copy_of_where),
         IR_TEST(a_public_call_that_succeeds_clears_the_message),
         IR_TEST(a_value_with_many_readers_is_edited_in_linear_time),
         cmocka_unit_test(running_out_of_memory_leaves_a_whole_graph))
