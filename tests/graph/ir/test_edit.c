/* Edits keep use lists, names and order right; copies equal their originals. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/sym.h"
#include "tests/graph/ir/support.h"

static ig_node_id made(const ig_graph *g, ig_value_id v)
{
    return ig_graph_value_producer(g, v);
}

/* Names of live nodes in order, "a b c". */
static const char *order_of(const ig_graph *g)
{
    static char text[256];
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    text[0] = 0;
    while (ig_node_next(&it, &n)) {
        size_t at = strlen(text);
        (void)snprintf(text + at, sizeof(text) - at, "%s%s", at ? " " : "",
                       ig_graph_node_name(g, n));
    }
    return text;
}

static ig_value_id identity(ig_graph *g, const char *name, ig_value_id x)
{
    return ir_node(g, IG_OP(Identity), name, x, (ig_value_id){0});
}

static void replacing_moves_all_readers_and_outputs(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 1, IR_DIMS(2)),
                z = ir_input(g, "z", 1, IR_DIMS(2));
    ig_value_id y = ir_node(g, IG_OP(Add), "y", x, x);
    IR_OK(ig_graph_output(g, "out", x));
    IR_OK(ig_graph_replace(g, x, z));
    assert_int_equal(ig_graph_value_n_uses(g, x), 0);
    assert_int_equal(ig_graph_value_n_uses(g, z), 3);
    assert_int_equal(ig_graph_node_in(g, made(g, y), 1).i, z.i);
    assert_int_equal(ig_graph_output_at(g, 0).i, z.i);
    assert_string_equal(ig_graph_output_name(g, 0), "out");
    IR_OK(ig_graph_replace(g, z, z));
    assert_int_equal(ig_graph_value_n_uses(g, z), 3);
    IR_OK(ig_graph_verify(g));
}

static void replacing_checks_types(void **state)
{
    ig_graph *g = ir_graph(state);
    int64_t n;
    IR_OK(ig_graph_dim(g, "N", &n));
    ig_value_id a = ir_input(g, "a", 2, IR_DIMS(2, 3)), v;
    IR_ERROR(ig_graph_replace(g, a, ir_input(g, "b", 2, IR_DIMS(2, 4))),
             IG_INVALID_ARGUMENT, "'b'", "'a'", "types differ");
    IR_ERROR(ig_graph_replace(g, a, ir_input(g, "c", 1, IR_DIMS(2))),
             IG_INVALID_ARGUMENT, "types differ");
    IR_OK(ig_graph_input(g, "d", IG_FLOAT64, 2, IR_DIMS(2, 3), &v));
    IR_ERROR(ig_graph_replace(g, a, v), IG_INVALID_ARGUMENT, "types differ");
    IR_ERROR(ig_graph_replace(g, a, (ig_value_id){99}), IG_INVALID_ARGUMENT, "id 99");
    /* What no concrete fact contradicts may stand for it. */
    IR_OK(ig_graph_replace(g, a, ir_input(g, "e", 2, IR_DIMS(n, -1))));
    IR_OK(ig_graph_replace(g, a, ir_input(g, "f", -1, NULL)));
    ig_type floats = {.dtype = IG_FLOAT32, .rank = 0}, ints = floats;
    ints.dtype = IG_INT64;
    ig_type list = {.kind = IG_KIND_SEQUENCE, .rank = -1, .u.elem = &floats};
    ig_value_id p, q, r;
    IR_OK(ig_graph_input_typed(g, "p", &list, &p));
    IR_OK(ig_graph_input_typed(g, "q", &list, &q));
    list.u.elem = &ints;
    IR_OK(ig_graph_input_typed(g, "r", &list, &r));
    IR_OK(ig_graph_replace(g, p, q));
    IR_ERROR(ig_graph_replace(g, p, r), IG_INVALID_ARGUMENT, "types differ");
}

static void setting_an_input_moves_one_use(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id a = ir_input(g, "a", 0, NULL), b = ir_input(g, "b", 0, NULL);
    ig_value_id y = ir_node(g, IG_OP(Add), "y", a, a);
    ig_value_id z = ir_node(g, IG_OP(Add), "z", a, b);
    IR_OK(igi_graph_set_input(g, made(g, y), 0, b));
    IR_OK(igi_graph_set_input(g, made(g, y), 0, b)); /* again: nothing to do */
    assert_int_equal(ig_graph_value_n_uses(g, a), 2);
    assert_int_equal(ig_graph_value_n_uses(g, b), 2);
    IR_OK(ig_graph_verify(g));
    IR_ERROR(igi_graph_set_input(g, made(g, y), 2, b), IG_INVALID_ARGUMENT, "'y'",
             "no input 2");
    IR_ERROR(igi_graph_set_input(g, made(g, y), 0, (ig_value_id){77}),
             IG_INVALID_ARGUMENT, "id 77");
    IR_OK(igi_graph_set_input(g, made(g, z), 0, (ig_value_id){0}));
    assert_int_equal(ig_graph_value_n_uses(g, a), 1);
    IR_OK(ig_graph_verify(g));
}

static void removing_a_node_unlinks_it_and_frees_its_name(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL), y = identity(g, "y", x);
    ig_value_id z = identity(g, "z", y);
    IR_ERROR(ig_graph_remove(g, made(g, y)), IG_INVALID_ARGUMENT, "'y'",
             "output 0 is still used");
    ig_node_id last = made(g, z);
    IR_OK(ig_graph_remove(g, last));
    IR_ERROR(ig_graph_remove(g, last), IG_INVALID_ARGUMENT, "no node");
    IR_OK(ig_graph_remove(g, made(g, y)));
    assert_int_equal(ig_graph_value_n_uses(g, x), 0);
    assert_null(ig_graph_value_type(g, y));
    assert_int_equal(ig_graph_find(g, "y").i, 0);
    assert_string_equal(order_of(g), "");
    ig_value_id again = identity(g, "y", x);
    assert_string_equal(ig_graph_value_name(g, again), "y");
    IR_OK(ig_graph_verify(g));
}

static void sweeping_keeps_what_is_used_or_has_effects(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL), used = identity(g, "used", x);
    (void)identity(g, "dead2", identity(g, "dead1", x));
    (void)ir_node(g, IG_OP(Print), "print", x, (ig_value_id){0});
    (void)ir_node(g, IG_OP(Assign), "assign", used, x);
    ig_value_id c = ir_ints(g, "lonely", 1, IR_DIMS(1));
    IR_OK(ig_graph_output(g, "y", used));
    assert_int_equal(igi_graph_sweep(g), 2);
    assert_string_equal(order_of(g), "used print assign");
    assert_null(ig_graph_value_type(g, c));
    assert_int_equal(ig_graph_find(g, "lonely").i, 0);
    assert_non_null(ig_graph_value_type(g, x));
    assert_int_equal(igi_graph_sweep(g), 0);
    IR_OK(ig_graph_verify(g));
}

static void sorting_moves_only_what_it_must(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL), a = identity(g, "a", x);
    ig_value_id b = identity(g, "b", a), c = identity(g, "c", x),
                d = identity(g, "d", x);
    (void)b;
    (void)c;
    g->order_dirty = true;
    IR_OK(igi_graph_sort(g));
    assert_string_equal(order_of(g), "a b c d");
    IR_OK(igi_graph_set_input(g, made(g, a), 0, d)); /* a now reads what d makes */
    IR_OK(ig_graph_verify(g));                       /* a waiting order is no fault */
    IR_OK(igi_graph_sort(g));
    assert_string_equal(order_of(g), "d a b c");
    IR_OK(ig_graph_verify(g));
}

static void overwriting_comes_after_all_readers(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id w = ir_input(g, "w", 0, NULL), x = ir_input(g, "x", 0, NULL);
    (void)ir_node(g, IG_OP(Assign), "assign", w, x);
    (void)identity(g, "reader", w);
    IR_ERROR(ig_graph_verify(g), IG_INVALID_GRAPH, "overwrote", "assign");
    g->order_dirty = true;
    IR_OK(igi_graph_sort(g));
    assert_string_equal(order_of(g), "reader assign");
    IR_OK(ig_graph_verify(g));
}

static void a_cycle_is_named(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL), a = identity(g, "a", x);
    ig_value_id b = identity(g, "b", a);
    IR_OK(igi_graph_set_input(g, made(g, a), 0, b));
    IR_ERROR(igi_graph_sort(g), IG_INVALID_GRAPH, "cycle", "node '");
    IR_ERROR(ig_graph_verify(g), IG_INVALID_GRAPH, "cycle");
    ig_graph *copy;
    IR_ERROR(ig_graph_clone(&copy, g), IG_INVALID_GRAPH, "cycle");
    assert_null(copy);
    assert_string_equal(order_of(g), "a b");
}

static void a_deep_graph_is_sorted_without_recursion(void **state)
{
    ig_graph *g = ir_graph(state);
    enum { N = 100000 };
    ig_value_id x = ir_input(g, "x", 0, NULL), first = identity(g, NULL, x), v = first;
    for (int i = 1; i < N; i++)
        v = identity(g, NULL, v);
    for (size_t i = 0; i < N / 2; i++) { /* the worst order for a depth-first walk */
        ig_node_id t = g->order.p[i];
        g->order.p[i] = g->order.p[N - 1 - i];
        g->order.p[N - 1 - i] = t;
    }
    g->order_dirty = true;
    IR_OK(igi_graph_sort(g));
    assert_int_equal(g->order.p[0].i, made(g, first).i);
    IR_OK(ig_graph_verify(g));
    ig_graph *copy = NULL;
    ig_status rc = ig_graph_clone(&copy, g);
    int nodes = (int)copy->order.n;
    ig_graph_free(copy);
    IR_OK(rc);
    assert_int_equal(nodes, N);
    assert_int_equal(igi_graph_sweep(g), N);
}

/* ---- copies ---- */

/* A graph with symbols, random draws, unwanted outputs, captures, metadata. */
static ig_status fill(ig_graph *g, ig_graph *body)
{
    ig_value_id x, c, y[3], z, in[2], r;
    int64_t n;
    ig_tensor *t = NULL;
    IG_TRY(ig_graph_dim(g, "N", &n));
    IG_TRY(ig_graph_input(g, "x", IG_FLOAT32, 2, IR_DIMS(n, 3), &x));
    IG_TRY(ig_tensor_new_copy(&t, IG_FLOAT32, 0, NULL, (float[]){1}, 4));
    ig_status rc = ig_graph_constant(g, "c", t, &c);
    if (rc == IG_OK && IGI_PUSH(&g->self_test, &t->v))
        t = NULL;
    ig_tensor_unref(t);
    IG_TRY(rc);
    if (!g->self_test.n)
        return IG_OUT_OF_MEMORY;
    ig_call split = {
        .op = IG_OP(Split), .name = "A", .wanted = 6, .n_in = 1, .n_out = 3};
    IG_TRY(ig_graph_make(g, &split, &x, y));
    ig_call draw = {.op = IG_OP(Draw), .draw = 40, .n_in = 1, .n_out = 1};
    IG_TRY(ig_graph_make(g, &draw, &y[1], &r));
    in[0] = r, in[1] = c;
    ig_call add = {.op = IG_OP(Add), .where = "m.c:3", .n_in = 2, .n_out = 1};
    IG_TRY(ig_graph_make(g, &add, in, &z));
    call_attrs attrs = {sizeof(attrs), body};
    ig_call call = {
        .op = IG_OP(Call), .attrs = &attrs, .n_in = 2, .n_captures = 1, .n_out = 1};
    IG_TRY(ig_graph_make(g, &call, in, y));
    igi_node *sum = igi_node_at(g, ig_graph_value_producer(g, z));
    sum->origin = igi_arena_strdup(&g->arena, "p+q");
    if (!sum->origin)
        return IG_OUT_OF_MEMORY;
    /* Names that cross those which the node would make by itself. */
    igi_graph_rename(g, y[2], "A:1 old");
    igi_graph_rename(g, y[1], "A:2");
    igi_graph_rename(g, y[2], "A:1");
    g->doc = igi_arena_strdup(&g->arena, "What it does.");
    g->producer = igi_arena_strdup(&g->arena, "tests");
    g->opset = 17;
    g->ir_version = 8;
    if (!g->doc || !g->producer)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_graph_add_meta(g, "author", "nobody"));
    return ig_graph_output(g, "out", z);
}

static ig_status make_pair(ig_registry **reg, ig_graph **body, ig_graph **g)
{
    ig_value_id v;
    IG_TRY(ir_registry(reg));
    IG_TRY(igi_graph_new(body, "body", *reg, NULL));
    IG_TRY(ig_graph_input(*body, "i", IG_FLOAT32, 0, NULL, &v));
    IG_TRY(ig_graph_output(*body, "o", v));
    IG_TRY(igi_graph_new(g, "g", *reg, NULL));
    return fill(*g, *body);
}

static ig_status clone_once(void *arg)
{
    ig_registry *reg = NULL;
    ig_graph *body = NULL, *g = NULL, *copy = NULL;
    (void)arg;
    ig_status rc = make_pair(&reg, &body, &g);
    if (rc == IG_OK)
        rc = ig_graph_clone(&copy, g);
    ig_graph_free(copy);
    ig_graph_free(g);
    ig_graph_free(body);
    igi_registry_free(reg);
    return rc;
}

static void cloning_without_memory_leaves_nothing(void **state)
{
    (void)state;
    igi_failing_each(clone_once, NULL);
}

typedef struct copies {
    ig_registry *reg;
    ig_graph *body, *g, *copy;
} copies;

static int copies_setup(void **state)
{
    static copies c;
    c = (copies){0};
    *state = &c;
    ir_ok(make_pair(&c.reg, &c.body, &c.g), IG_HERE);
    return (int)ig_graph_clone(&c.copy, c.g);
}

static int copies_teardown(void **state)
{
    copies *c = *state;
    ig_graph_free(c->copy);
    ig_graph_free(c->g);
    ig_graph_free(c->body);
    igi_registry_free(c->reg);
    return 0;
}

static void a_clone_prints_like_its_original(void **state)
{
    copies *c = *state;
    static char text[4096];
    char *of_g = NULL;
    IR_OK(ig_graph_print(c->g, &of_g));
    (void)snprintf(text, sizeof(text), "%s", of_g);
    ig_string_free(of_g);
    ir_printed(c->copy, text);
    assert_non_null(strstr(text, "A:2"));
    assert_non_null(strstr(text, "N,3"));
    IR_OK(ig_graph_verify(c->copy));
}

static void a_clone_keeps_what_is_not_printed(void **state)
{
    copies *c = *state;
    ig_value_id z = ig_graph_output_at(c->copy, 0);
    const igi_node *sum = igi_node_at(c->copy, made(c->copy, z));
    assert_string_equal(sum->origin, "p+q");
    assert_string_equal(c->copy->doc, "What it does.");
    assert_string_equal(c->copy->producer, "tests");
    assert_int_equal(c->copy->opset, 17);
    assert_int_equal(c->copy->ir_version, 8);
    assert_int_equal(c->copy->self_test.n, 1);
    assert_ptr_equal(c->copy->self_test.p[0], c->g->self_test.p[0]);
    assert_string_equal(c->copy->meta.p[0].value, "nobody");
    const igi_node *call = igi_node_at(c->copy, c->copy->order.p[3]);
    assert_int_equal(call->n_captures, 1);
    const ig_graph *body = ((const call_attrs *)call->attrs)->body;
    assert_ptr_not_equal(body, c->body); /* passes change one without the other */
    assert_int_equal(body->outputs.n, c->body->outputs.n);
    /* The next draw is new in the copy too: 40 and 41 (of the body) are taken. */
    ig_call draw = {.op = IG_OP(Draw), .n_in = 1, .n_out = 1};
    ig_value_id y;
    IR_OK(ig_graph_make(c->copy, &draw, &z, &y));
    assert_int_equal(igi_node_at(c->copy, made(c->copy, y))->draw, 42);
}

/* Two threads may compile one graph at a time, so nothing that grows is shared. */
static void a_clone_has_symbols_of_its_own_with_equal_handles(void **state)
{
    copies *c = *state;
    ig_symtab *of_g = ig_graph_symbols(c->g), *own = ig_graph_symbols(c->copy);
    int64_t n, m, k;
    assert_ptr_not_equal(of_g, own);
    IR_OK(ig_graph_dim(c->g, "N", &n));
    IR_OK(ig_graph_dim(c->copy, "N", &m));
    assert_int_equal(n, m);
    int symbols = igi_symtab_count(of_g);
    IR_OK(ig_graph_dim(c->copy, "M", &k));
    int64_t half = ig_dim_div(own, ig_dim_mul(own, m, k), 2);
    assert_int_equal(igi_symtab_count(of_g), symbols);
    ig_symtab *again = NULL;
    IR_OK(igi_symtab_copy(&again, own));
    char text[64];
    (void)igi_dim_print(again, half, text, sizeof(text));
    bool equal = ig_dim_div(again, ig_dim_mul(again, m, k), 2) == half;
    int64_t symbol = igi_symtab_symbol(again, "M");
    igi_symtab_unref(again);
    assert_true(equal);
    assert_int_equal(symbol, k);
    assert_non_null(strstr(text, "floor("));
}

static void *clone_often(void *arg)
{
    ig_graph *copy = NULL;
    intptr_t bad = 0;
    for (int i = 0; i < 50; i++) {
        bad += ig_graph_clone(&copy, arg) != IG_OK;
        bad += copy && igi_graph_infer(copy) != IG_OK;
        ig_graph_free(copy);
    }
    return (void *)bad;
}

/* The thread sanitizer sees what this test alone cannot. */
static void threads_clone_one_graph(void **state)
{
    copies *c = *state;
    pthread_t threads[4];
    void *bad[4];
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, clone_often, c->g), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(pthread_join(threads[i], &bad[i]), 0);
    for (int i = 0; i < 4; i++)
        assert_null(bad[i]);
}

static void a_clone_outlives_its_original(void **state)
{
    copies *c = *state;
    ig_graph_free(c->g);
    ig_graph_free(c->body);
    c->g = c->body = NULL;
    char *text = NULL;
    IR_OK(ig_graph_print(c->copy, &text));
    bool there = strstr(text, "at m.c:3") != NULL;
    ig_string_free(text);
    assert_true(there);
    IR_OK(ig_graph_verify(c->copy));
}

static void a_graph_whose_order_waits_is_cloned_in_order(void **state)
{
    copies *c = *state;
    ig_graph *g = c->g, *copy = NULL;
    ig_value_id x = ig_graph_find(g, "x"), late = identity(g, "late", x);
    IR_OK(igi_graph_set_input(g, (ig_node_id){1}, 0, late));
    ig_status rc = ig_graph_clone(&copy, g);
    bool first =
        rc == IG_OK && !strcmp(ig_graph_node_name(copy, (ig_node_id){1}), "late");
    ig_status whole = rc == IG_OK ? ig_graph_verify(copy) : rc;
    ig_graph_free(copy);
    IR_OK(rc);
    IR_OK(whole);
    assert_true(first);
    assert_true(g->order_dirty); /* the original is only read */
}

static void inlining_renames_what_clashes_and_infers_anew(void **state)
{
    copies *c = *state;
    ig_graph *g = c->copy;
    ig_value_id map[16] = {{0}}, x = ig_graph_find(c->g, "x");
    ig_value_id four = ir_input(g, "four", 2, IR_DIMS(4, 3));
    assert_true(c->g->values.n < 16);
    IR_ERROR(igi_graph_inline(g, c->g, map), IG_INVALID_ARGUMENT, "'A'", "input 0",
             "x");
    memset(map, 0, sizeof(map));
    map[x.i] = four;
    IR_OK(igi_graph_inline(g, c->g, map));
    ig_value_id z = map[ig_graph_output_at(c->g, 0).i];
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, z))[0], 4);
    assert_string_not_equal(ig_graph_value_name(g, z),
                            ig_graph_value_name(c->g, ig_graph_output_at(c->g, 0)));
    IR_OK(ig_graph_verify(g));
}

static void renaming_frees_the_old_name_and_gives_way(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id a = ir_input(g, "a", 0, NULL), b = ir_input(g, "b", 0, NULL);
    igi_graph_rename(g, a, "b");
    assert_string_equal(ig_graph_value_name(g, a), "a");
    igi_graph_rename(g, a, "c");
    igi_graph_rename(g, b, "a");
    assert_int_equal(ig_graph_find(g, "a").i, b.i);
    assert_int_equal(ig_graph_find(g, "c").i, a.i);
    IR_OK(ig_graph_verify(g));
}

#define COPIES_TEST(f_)                                                                \
    cmocka_unit_test_setup_teardown(f_, copies_setup, copies_teardown)
IG_TESTS(IR_TEST(replacing_moves_all_readers_and_outputs),
         IR_TEST(replacing_checks_types),
         IR_TEST(setting_an_input_moves_one_use),
         IR_TEST(removing_a_node_unlinks_it_and_frees_its_name),
         IR_TEST(sweeping_keeps_what_is_used_or_has_effects),
         IR_TEST(sorting_moves_only_what_it_must),
         IR_TEST(overwriting_comes_after_all_readers),
         IR_TEST(a_cycle_is_named),
         IR_TEST(a_deep_graph_is_sorted_without_recursion),
         cmocka_unit_test(cloning_without_memory_leaves_nothing),
         COPIES_TEST(a_clone_prints_like_its_original),
         COPIES_TEST(a_clone_keeps_what_is_not_printed),
         COPIES_TEST(a_clone_has_symbols_of_its_own_with_equal_handles),
         COPIES_TEST(threads_clone_one_graph),
         COPIES_TEST(a_clone_outlives_its_original),
         COPIES_TEST(a_graph_whose_order_waits_is_cloned_in_order),
         COPIES_TEST(inlining_renames_what_clashes_and_infers_anew),
         IR_TEST(renaming_frees_the_old_name_and_gives_way))
