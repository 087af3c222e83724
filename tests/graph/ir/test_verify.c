/* Each invariant, broken on purpose, is found and named. */
#include "tests/graph/ir/support.h"

/* x -> a -> b -> output "y", a constant c read by b. */
typedef struct chain {
    ig_graph *g;
    ig_value_id x, c, a, b;
} chain;

static chain make_chain(void **state)
{
    chain k = {.g = ir_graph(state)};
    k.x = ir_input(k.g, "x", 1, IR_DIMS(2));
    ig_tensor *t = NULL;
    IR_OK(ig_tensor_new(&t, IG_FLOAT32, 0, NULL));
    ig_status rc = ig_graph_constant(k.g, "c", t, &k.c);
    ig_tensor_unref(t);
    IR_OK(rc);
    k.a = ir_node(k.g, IG_OP(Identity), "a", k.x, (ig_value_id){0});
    k.b = ir_node(k.g, IG_OP(Add), "b", k.a, k.c);
    IR_OK(ig_graph_output(k.g, "y", k.b));
    IR_OK(ig_graph_verify(k.g));
    return k;
}

static void broken(const chain *k, const char *what, const char *name)
{
    IR_ERROR(ig_graph_verify(k->g), IG_INVALID_GRAPH, what, name, "graph g");
}

static void a_name_that_finds_another_value(void **state)
{
    chain k = make_chain(state);
    igi_gvalue *a = igi_value_at(k.g, k.a);
    a->name = "b";
    broken(&k, "name and id", "'b'");
    a->name = "a";
    igi_map_remove(&k.g->names, "a");
    broken(&k, "name and id", "'a'");
}

static void a_value_with_two_sources(void **state)
{
    chain k = make_chain(state);
    igi_value_at(k.g, k.a)->is_input = true;
    broken(&k, "exactly one of", "'a'");
    igi_value_at(k.g, k.a)->is_input = false;
    igi_value_at(k.g, k.x)->is_input = false;
    broken(&k, "exactly one of", "'x'");
}

static void a_producer_that_makes_something_else(void **state)
{
    chain k = make_chain(state);
    igi_value_at(k.g, k.a)->out = 3;
    broken(&k, "producer does not make", "'a'");
    igi_value_at(k.g, k.a)->out = 0;
    igi_value_at(k.g, k.a)->producer.i = 99;
    broken(&k, "producer does not make", "'a'");
}

static void a_use_that_points_at_nothing(void **state)
{
    chain k = make_chain(state);
    igi_use *u = &igi_value_at(k.g, k.x)->uses.p[0];
    const igi_use right = *u, wrong[] = {{{99}, 0}, {{1}, 7}, {{1}, -1},
                                         {{2}, 0},  {{0}, 5}, {{0}, 0}};
    for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
        *u = wrong[i];
        broken(&k, "a use points at nothing", "'x'");
    }
    *u = right;
    IR_OK(ig_graph_verify(k.g));
}

static void a_use_that_is_listed_twice(void **state)
{
    chain k = make_chain(state);
    igi_gvalue *x = igi_value_at(k.g, k.x);
    assert_true(IGI_RESERVE(&x->uses, 2));
    x->uses.p[x->uses.n++] = x->uses.p[0];
    broken(&k, "a use points at nothing", "'x'");
}

static void an_input_that_its_value_does_not_know(void **state)
{
    chain k = make_chain(state);
    igi_value_at(k.g, k.x)->uses.n = 0;
    broken(&k, "use list and input disagree", "'a'");
}

static void a_reader_of_a_removed_value(void **state)
{
    chain k = make_chain(state);
    igi_gvalue *c = igi_value_at(k.g, k.c);
    c->live = false;
    broken(&k, "a removed value is read", "'b'");
    c->live = true;
    igi_node_at(k.g, (ig_node_id){2})->in[1].i = 1000;
    c->uses.n = 0;
    broken(&k, "a removed value is read", "'b'");
}

static void an_output_slot_with_another_producer(void **state)
{
    chain k = make_chain(state);
    igi_node_at(k.g, (ig_node_id){1})->out[0] = k.x;
    igi_value_at(k.g, k.a)->producer = (ig_node_id){0};
    igi_value_at(k.g, k.a)->is_input = true;
    broken(&k, "another producer", "'a'");
}

static void an_output_of_the_graph_that_nobody_knows(void **state)
{
    chain k = make_chain(state);
    igi_value_at(k.g, k.b)->uses.n = 0;
    broken(&k, "use list and output disagree", "'y'");
    igi_value_at(k.g, k.b)->uses.n = 1;
    k.g->output_names.p[0] = "z";
    broken(&k, "name and number of an output", "'z'");
    k.g->output_names.p[0] = "y";
    k.g->output_names.n = 0;
    broken(&k, "differ in number", "'g'");
    k.g->output_names.n = 1;
    igi_value_at(k.g, k.b)->uses.n = 0;
    k.g->outputs.p[0].i = 99;
    broken(&k, "a removed value is output", "'y'");
}

static void an_input_list_with_something_else(void **state)
{
    chain k = make_chain(state);
    k.g->inputs.p[0] = k.c;
    broken(&k, "holds no input", "the start");
}

static void an_order_that_is_wrong(void **state)
{
    chain k = make_chain(state);
    ig_node_id *order = k.g->order.p, first = order[0];
    order[0] = order[1];
    order[1] = first;
    broken(&k, "read before it is made", "'b'");
    k.g->order_dirty = true; /* waits to be sorted: no fault */
    IR_OK(ig_graph_verify(k.g));
    k.g->order_dirty = false;
    order[1] = order[0];
    broken(&k, "order has a node twice", "'b'");
    order[0] = first;
    k.g->order.n = 1;
    broken(&k, "order lacks node", "'b'");
    k.g->order.n = 2;
    order[1].i = 50;
    broken(&k, "order holds no node", "'g'");
    order[1].i = 2;
    IR_OK(ig_graph_verify(k.g));
}

static void a_constant_that_would_be_overwritten(void **state)
{
    chain k = make_chain(state);
    ig_value_id y = ir_node(k.g, IG_OP(Assign), "assign", k.a, k.c);
    IR_OK(igi_graph_set_input(k.g, igi_value_at(k.g, y)->producer, 0, k.c));
    broken(&k, "a constant would be overwritten", "'assign'");
}

static void a_reader_after_the_overwriting(void **state)
{
    chain k = make_chain(state);
    (void)ir_node(k.g, IG_OP(Assign), "assign", k.x, k.c);
    IR_OK(ig_graph_verify(k.g));
    (void)ir_node(k.g, IG_OP(Identity), "late", k.x, (ig_value_id){0});
    broken(&k, "read after this node overwrote it", "'assign'");
}

static ig_status verify_once(void *arg)
{
    return ig_graph_verify(arg);
}

/* The graph is older than the allocator that fails, so only verify allocates. */
static void verifying_without_memory_says_so(void **state)
{
    chain k = make_chain(state);
    k.g->order_dirty = true;
    igi_failing_each(verify_once, k.g);
}

IG_TESTS(IR_TEST(a_name_that_finds_another_value),
         IR_TEST(a_value_with_two_sources),
         IR_TEST(a_producer_that_makes_something_else),
         IR_TEST(a_use_that_points_at_nothing),
         IR_TEST(a_use_that_is_listed_twice),
         IR_TEST(an_input_that_its_value_does_not_know),
         IR_TEST(a_reader_of_a_removed_value),
         IR_TEST(an_output_slot_with_another_producer),
         IR_TEST(an_output_of_the_graph_that_nobody_knows),
         IR_TEST(an_input_list_with_something_else),
         IR_TEST(an_order_that_is_wrong),
         IR_TEST(a_constant_that_would_be_overwritten),
         IR_TEST(a_reader_after_the_overwriting),
         IR_TEST(verifying_without_memory_says_so))
