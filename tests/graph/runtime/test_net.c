/* Nets and workspaces: names, parents, shared weights, packed constants. */
#include <stdio.h>

#include "graph/runtime/net.h"

#include "tests/graph/runtime/support.h"

static void names_resolve_in_the_workspace_then_in_its_parent(void **state)
{
    (void)state;
    ig_workspace *up = ig_workspace_new(NULL), *ws = ig_workspace_new(up);
    ig_tensor *a = tiny_iota(1, TINY_DIMS(1), 1), *b = tiny_iota(1, TINY_DIMS(1), 2),
              *t = NULL;
    OK(ig_workspace_feed(up, "x", a));
    OK(ig_workspace_fetch(ws, "x", &t));
    assert_ptr_equal(t, a);
    ig_tensor_unref(t);
    OK(ig_workspace_feed(ws, "x", b));
    OK(ig_workspace_fetch(ws, "x", &t));
    assert_ptr_equal(t, b);
    ig_tensor_unref(t);
    OK(ig_workspace_remove(ws, "x"));
    OK(ig_workspace_fetch(ws, "x", &t));
    assert_ptr_equal(t, a);
    ig_tensor_unref(t);
    FAILS(IG_NOT_FOUND, ig_workspace_fetch(ws, "y", &t));
    MESSAGE_HAS("'y'");
    FAILS(IG_NOT_FOUND, ig_workspace_remove(ws, "x"));
    ig_workspace_free(up); /* the child keeps it */
    OK(ig_workspace_fetch(ws, "x", &t));
    ig_tensor_unref(t), ig_tensor_unref(a), ig_tensor_unref(b), ig_workspace_free(ws);
}

static void removing_one_name_leaves_the_others(void **state)
{
    (void)state;
    ig_workspace *ws = ig_workspace_new(NULL);
    char name[16];
    ig_tensor *t[20], *got = NULL;
    for (int i = 0; i < 20; i++) {
        t[i] = tiny_iota(1, TINY_DIMS(1), (float)i);
        snprintf(name, sizeof(name), "v%d", i);
        OK(ig_workspace_feed(ws, name, t[i]));
    }
    for (int i = 0; i < 20; i += 3) {
        snprintf(name, sizeof(name), "v%d", i);
        OK(ig_workspace_remove(ws, name));
    }
    for (int i = 0; i < 20; i++) {
        snprintf(name, sizeof(name), "v%d", i);
        assert_int_equal(ig_workspace_fetch(ws, name, &got),
                         i % 3 ? IG_OK : IG_NOT_FOUND);
        assert_ptr_equal(got, i % 3 ? t[i] : NULL);
        ig_tensor_unref(got), ig_tensor_unref(t[i]);
    }
    ig_workspace_free(ws);
}

static ig_net *matvec_net(fixture *f, ig_workspace *weights)
{
    ig_net *net = NULL;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(2));
    ig_value_id w = constant(f->g, "w", tiny_iota(2, TINY_DIMS(2, 2), 1));
    ig_value_id h = node(f->g, IG_OP(TMatVec), NULL, w, x);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TMatVec), NULL, w, h)));
    OK(ig_net_new(&net, f->g, weights, &(ig_net_opts){.threads = 1}));
    return net;
}

static void a_net_runs_in_a_workspace_by_names(void **state)
{
    ig_workspace *weights = ig_workspace_new(NULL), *ws = ig_workspace_new(weights);
    ig_net *net = matvec_net(*state, weights);
    ig_tensor *x = tiny_iota(1, TINY_DIMS(2), 1), *y = NULL, *again = NULL, *w = NULL;
    FAILS(IG_NOT_FOUND, ig_net_run(net, ws, NULL));
    MESSAGE_HAS("input 'x'");
    OK(ig_workspace_feed(ws, "x", x));
    OK(ig_net_run(net, ws, NULL));
    OK(ig_workspace_fetch(ws, "y", &y)); /* [5, 11] -> [27, 59] */
    assert_floats(y, 2, FLOATS(27, 59));
    OK(ig_workspace_fetch(ws, "w", &w)); /* a constant, found in the weights */
    assert_floats(w, 4, FLOATS(1, 2, 3, 4));
    ((float *)ig_tensor_data(x))[0] = 3;
    OK(ig_net_run(net, ws, NULL));
    OK(ig_workspace_fetch(ws, "y", &again));
    assert_ptr_not_equal(y, again); /* the first result is still held */
    assert_floats(y, 2, FLOATS(27, 59));
    assert_floats(again, 2, FLOATS(7 + 2 * 17, 3 * 7 + 4 * 17));
    ig_tensor_unref(x), ig_tensor_unref(y), ig_tensor_unref(w), ig_tensor_unref(again);
    ig_net_free(net), ig_workspace_free(ws), ig_workspace_free(weights);
}

static void an_output_nobody_holds_is_written_again(void **state)
{
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_net *net = matvec_net(*state, NULL);
    ig_tensor *x = tiny_iota(1, TINY_DIMS(2), 1);
    OK(ig_workspace_feed(ws, "x", x));
    OK(ig_net_run(net, ws, NULL));
    const ig_value *first = igi_workspace_own(ws, "y");
    OK(ig_net_run(net, ws, NULL));
    assert_ptr_equal(igi_workspace_own(ws, "y"), first);
    ig_tensor_unref(x), ig_net_free(net), ig_workspace_free(ws);
}

static void a_constant_is_packed_once_for_all_nodes_nets_and_plans(void **state)
{
    void *s2 = NULL;
    assert_int_equal(setup(&s2), 0);
    int packed = tiny_packed, prepared = tiny_prepared, unprepared = tiny_unprepared;
    ig_workspace *weights = ig_workspace_new(NULL), *a = ig_workspace_new(weights),
                 *b = ig_workspace_new(weights);
    ig_net *net = matvec_net(*state, weights);
    ig_tensor *x = tiny_iota(1, TINY_DIMS(2), 1), *y = NULL;
    OK(ig_workspace_feed(a, "x", x));
    OK(ig_workspace_feed(b, "x", x));
    OK(ig_net_run(net, a, NULL));
    OK(ig_net_run(net, b, NULL));
    OK(ig_workspace_fetch(b, "y", &y));
    assert_floats(y, 2, FLOATS(27, 59));
    assert_int_equal(tiny_packed - packed, 1);
    assert_int_equal(tiny_prepared - prepared, 4); /* two nodes in two instances */
    ig_tensor_unref(x), ig_tensor_unref(y), ig_net_free(net);
    ig_workspace_free(a), ig_workspace_free(b), ig_workspace_free(weights);
    assert_int_equal(tiny_unprepared - unprepared, 4);
    teardown(&s2);
}

static void a_net_may_run_in_its_own_weights_workspace(void **state)
{
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_net *net = matvec_net(*state, ws);
    ig_tensor *x = tiny_iota(1, TINY_DIMS(2), 1);
    OK(ig_workspace_feed(ws, "x", x));
    OK(ig_net_run(net, ws, NULL));
    ig_tensor_unref(x), ig_net_free(net),
        ig_workspace_free(ws); /* leaks would show in asan */
}

static void wrong_options_are_refused_by_name(void **state)
{
    fixture *f = *state;
    ig_net *net = NULL;
    FAILS(IG_DEVICE, ig_net_new(&net, f->g, NULL, &(ig_net_opts){.device = "tpu"}));
    MESSAGE_HAS("'tpu'");
    MESSAGE_HAS("only: cpu");
    FAILS(IG_INVALID_ARGUMENT,
          ig_net_new(&net, f->g, NULL, &(ig_net_opts){.level = 7}));
    FAILS(IG_INVALID_ARGUMENT,
          ig_net_new(&net, f->g, NULL, &(ig_net_opts){.threads = -1}));
    FAILS(IG_INVALID_ARGUMENT, ig_net_new(&net, NULL, NULL, NULL));
    assert_null(net);
}

IG_TESTS(TEST(names_resolve_in_the_workspace_then_in_its_parent),
         TEST(removing_one_name_leaves_the_others),
         TEST(a_net_runs_in_a_workspace_by_names),
         TEST(an_output_nobody_holds_is_written_again),
         TEST(a_constant_is_packed_once_for_all_nodes_nets_and_plans),
         TEST(a_net_may_run_in_its_own_weights_workspace),
         TEST(wrong_options_are_refused_by_name))
