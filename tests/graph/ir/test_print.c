/* The text of graphs is stable: people, bug reports and golden files read it. */
#include "tests/graph/ir/support.h"

static void an_empty_graph_has_one_line(void **state)
{
    ir_printed(ir_graph(state), "graph g() -> ()\n");
}

static void a_graph_is_printed_line_by_line(void **state)
{
    ig_graph *g = ir_graph(state);
    int64_t n;
    IR_OK(ig_graph_dim(g, "N", &n));
    ig_value_id x = ir_input(g, "x", 2, IR_DIMS(n, 3)),
                any = ir_input(g, "any", -1, NULL);
    ig_value_id axes = ir_ints(g, "axes", 1, IR_DIMS(1)), y[3];
    reduce_attrs reduce = {sizeof(reduce), 0};
    ig_call call = {.op = IG_OP(ReduceSum),
                    .attrs = &reduce,
                    .where = "net.c:7",
                    .name = "sum",
                    .n_in = 2,
                    .n_out = 1};
    IR_OK(ig_graph_make(g, &call, (ig_value_id[]){x, axes}, y));
    IR_OK(ig_graph_make(g, &call, (ig_value_id[]){any, {0}}, &y[1]));
    IR_OK(ig_graph_output(g, "total", y[0]));
    call = (ig_call){.op = IG_OP(Split), .wanted = 6, .n_in = 1, .n_out = 3};
    IR_OK(ig_graph_make(g, &call, &x, y));
    igi_node_at(g, ig_graph_value_producer(g, y[1]))->origin = "p+q";
    IR_OK(ig_graph_output(g, NULL, y[2]));
    ir_printed(
        g, "graph g(x: float32[N,3], any: float32[...]) -> (total=sum, "
           "Split_3:2=Split_3:2)\n"
           "  const axes: int64[1]\n"
           "  sum: float32[N] = ReduceSum(x, axes) {keepdims=0} # sum at net.c:7\n"
           "  sum_1: float32[...] = ReduceSum(any, _) {keepdims=0} # sum at net.c:7\n"
           "  _, Split_3:1: float32[N,3], Split_3:2: float32[N,3] = Split(x) # p+q\n");
}

static void operators_of_other_domains_show_them(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 1, IR_DIMS(4)), s = ir_ints(g, "s", 1, IR_DIMS(1));
    (void)ir_node(g, IG_OP(SumTo), "n", x, s);
    ir_printed(g, "graph g(x: float32[4]) -> ()\n"
                  "  const s: int64[1]\n"
                  "  n: float32[1] = ingot::SumTo(x, s) # n\n");
}

static void removed_parts_are_not_printed(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL);
    (void)ir_node(g, IG_OP(Identity), "gone", x, (ig_value_id){0});
    (void)ir_ints(g, "unused", 1, IR_DIMS(1));
    (void)igi_graph_sweep(g);
    ir_printed(g, "graph g(x: float32[]) -> ()\n");
}

static ig_status print_once(void *arg)
{
    char *text = NULL;
    ig_status rc = ig_graph_print(arg, &text);
    ig_string_free(text);
    return rc;
}

/* Text with a hole must not pass for the whole. */
static void printing_without_memory_is_an_error(void **state)
{
    ig_graph *g = ir_graph(state);
    ig_value_id x = ir_input(g, "x", 0, NULL), y;
    reduce_attrs reduce = {sizeof(reduce), 0};
    ig_call call = {.op = IG_OP(ReduceSum), .attrs = &reduce, .n_in = 1, .n_out = 1};
    IR_OK(ig_graph_make(g, &call, &x, &y));
    igi_failing_each(print_once, g);
    igi_failing_install();
    for (long n = 0; n < 4; n++) {
        igi_failing_at(n, false);
        ig_status rc = print_once(g);
        bool hit = igi_failing_hit();
        igi_failing_at(-1, false);
        assert_int_equal(rc == IG_OUT_OF_MEMORY, hit);
    }
    igi_failing_uninstall();
}

IG_TESTS(IR_TEST(an_empty_graph_has_one_line),
         IR_TEST(a_graph_is_printed_line_by_line),
         IR_TEST(operators_of_other_domains_show_them),
         IR_TEST(removed_parts_are_not_printed),
         IR_TEST(printing_without_memory_is_an_error))
