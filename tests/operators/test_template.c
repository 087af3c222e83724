/* The operator of operators/template.c, in a registry of its own: by name, with and
 * without attributes, differentiated twice, traced. */
#include <math.h>

#include <ingot/plugin.h>
#include <ingot/train.h>

#include "graph/ir/registry.h"
#include "tests/support/test_main.h"

extern const ig_op_def *const igi_builtin_ops[];
IG_USES_OP(SquarePlus);

typedef struct attrs {
    uint32_t struct_size;
    float b;
} attrs;

static ig_registry *registry;
static ig_ctx *c;

static int fresh(void **state)
{
    (void)state;
    assert_int_equal(igi_registry_new(&registry), IG_OK);
    for (int i = 0; igi_builtin_ops[i]; i++)
        assert_int_equal(igi_registry_add(registry, igi_builtin_ops[i]), IG_OK);
    assert_int_equal(igi_registry_add(registry, IG_OP(SquarePlus)), IG_OK);
    return (int)ig_ctx_new(&c, &(ig_ctx_opts){.registry = registry});
}

static int drop(void **state)
{
    (void)state;
    ig_ctx_free(c);
    igi_registry_free(registry);
    return 0;
}

static ig_tensor *square_plus(ig_ctx *ctx, ig_tensor *x, const attrs *a)
{
    ig_tensor *y = NULL;
    (void)ig_call_op(ctx, "example::SquarePlus", a, &x, 1, &y, 1);
    return y;
}

static ig_tensor *traced(ig_ctx *ctx, ig_tensor *const *in, void *user)
{
    return square_plus(ctx, in[0], user);
}

static void the_formula_holds_with_default_and_given_attributes(void **state)
{
    (void)state;
    const attrs sharp = {sizeof(attrs), 1};
    ig_tensor *x = ig_full(c, IG_FLOAT64, IG_SCALAR, 1.5);
    double wide = ig_item(c, square_plus(c, x, NULL));
    double narrow = ig_item(c, square_plus(c, x, &sharp));
    assert_string_equal(ig_ctx_message(c), "");
    assert_true(fabs(wide - (1.5 + sqrt(1.5 * 1.5 + 4)) / 2) < 1e-12);
    assert_true(fabs(narrow - (1.5 + sqrt(1.5 * 1.5 + 1)) / 2) < 1e-12);
}

static void its_derivatives_are_right(void **state)
{
    (void)state;
    ig_tensor *x = ig_requires_grad(c, ig_full(c, IG_FLOAT64, IG_SCALAR, 1.5), true);
    ig_tensor *y = square_plus(c, x, NULL), *dx = NULL, *ddx = NULL;
    (void)ig_grad(c, &y, 1, &x, 1, &dx, &(ig_grad_opts){.create_graph = true});
    (void)ig_grad(c, &dx, 1, &x, 1, &ddx, NULL);
    double root = sqrt(1.5 * 1.5 + 4);
    double first = ig_item(c, dx), second = ig_item(c, ddx);
    assert_string_equal(ig_ctx_message(c), "");
    assert_true(fabs(first - (1 + 1.5 / root) / 2) < 1e-12);
    assert_true(fabs(second - 4 / (2 * root * root * root)) < 1e-12);
}

static void it_is_a_node_of_a_trace(void **state)
{
    (void)state;
    ig_tensor *x = ig_full(c, IG_FLOAT32, IG_SHAPE(2, 3), 1);
    ig_graph *g = ig_trace(c, traced, NULL, &(ig_trace_opts){.inputs = {{"x", x}}});
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n = {0};
    bool one = g && ig_node_next(&it, &n) &&
               ig_graph_node_op(g, n) == IG_OP(SquarePlus) && !ig_node_next(&it, &n);
    ig_graph_free(g);
    assert_string_equal(ig_ctx_message(c), "");
    assert_true(one);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fresh, drop)
IG_TESTS(TEST(the_formula_holds_with_default_and_given_attributes),
         TEST(its_derivatives_are_right),
         TEST(it_is_a_node_of_a_trace))
