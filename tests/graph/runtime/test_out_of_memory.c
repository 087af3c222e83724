/* The N-th allocation fails, once and for ever: compile, run, describe and single calls
 * leak nothing, crash nowhere, and leave objects that work or are cleanly gone. */
#include "graph/runtime/model.h"
#include "tests/graph/runtime/support.h"
#include "tests/support/failing_alloc.h"

/* A graph of every kind of step: packed constant, view, copy, late, sequence. */
static ig_status build(ig_graph *g)
{
    ig_value_id x, w, h[2], c, t, sum, y, s;
    ig_tensor *tw = NULL;
    IG_TRY(ig_graph_input(g, "x", IG_FLOAT32, 1, TINY_DIMS(2), &x));
    IG_TRY(ig_tensor_new(&tw, IG_FLOAT32, 2, TINY_DIMS(2, 2)));
    for (int i = 0; i < 4; i++)
        ((float *)ig_tensor_data(tw))[i] = (float)i;
    ig_status rc = ig_graph_constant(g, "w", tw, &w);
    ig_tensor_unref(tw);
    IG_TRY(rc);
    IG_TRY(ig_graph_make_named(g, "TMatVec", NULL, (ig_value_id[]){w, x}, 2, h, 1));
    IG_TRY(ig_graph_make_named(g, "TAdd", NULL, (ig_value_id[]){w, h[0]}, 2, &c, 1));
    IG_TRY(ig_graph_make_named(g, "TTranspose", NULL, &c, 1, &t, 1));
    IG_TRY(ig_graph_make_named(g, "TSum", NULL, &t, 1, &sum, 1));
    IG_TRY(ig_graph_make_named(g, "TCompress", NULL, &c, 1, &y, 1));
    IG_TRY(
        ig_graph_make_named(g, "TSequence", NULL, (ig_value_id[]){y, sum}, 2, &s, 1));
    IG_TRY(ig_graph_output(g, "sum", sum));
    IG_TRY(ig_graph_output(g, "positive", y));
    return ig_graph_output(g, "all", s);
}

static ig_status whole_life(const ig_registry *reg)
{
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_tensor *x = NULL, *sum = NULL, *y = NULL;
    ig_value *in[1], *all[1] = {NULL};
    char *json = NULL;
    const char *in_names[] = {"x"}, *out_names[] = {"all"};
    ig_status rc;
    IG_GO(igi_graph_new(&g, "t", reg, NULL));
    IG_GO(build(g));
    IG_GO(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1, .level = -1}));
    IG_GO(ig_tensor_new(&x, IG_FLOAT32, 1, TINY_DIMS(2)));
    ((float *)ig_tensor_data(x))[1] = 1;
    IG_GO(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&sum, &y), NULL));
    in[0] = ig_tensor_value(x);
    IG_GO(ig_model_run_values(m, in_names, in, 1, out_names, all, 1, NULL));
    IG_GO(ig_model_describe(m, &json));
out:
    if (rc == IG_OK) { /* w x = [1, 3]; w + that = [1, 4, 3, 6] */
        assert_floats(y, 4, FLOATS(1, 4, 3, 6));
        assert_floats(sum, 1, FLOATS(1 * 1 + 3 * 2 + 4 * 3 + 6 * 4));
    }
    ig_value_unref(all[0]);
    ig_string_free(json);
    ig_tensor_unref(x), ig_tensor_unref(sum), ig_tensor_unref(y);
    ig_model_free(m);
    ig_graph_free(g);
    return rc;
}

static ig_status model_life(void *arg)
{
    (void)arg;
    ig_registry *reg = NULL;
    ig_status rc = tiny_registry(&reg);
    if (rc == IG_OK)
        rc = whole_life(reg);
    igi_registry_free(reg);
    return rc;
}

static void a_models_life_survives_every_failing_allocation(void **state)
{
    (void)state;
    igi_failing_each(model_life, NULL);
}

static ig_status workspace_life(void *arg)
{
    (void)arg;
    ig_registry *reg = NULL;
    ig_graph *g = NULL;
    ig_net *net = NULL;
    ig_tensor *x = NULL, *y = NULL;
    ig_workspace *ws = ig_workspace_new(NULL), *sub = ws ? ig_workspace_new(ws) : NULL;
    ig_status rc = sub ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = tiny_registry(&reg);
    if (rc != IG_OK)
        goto out;
    IG_GO(igi_graph_new(&g, "t", reg, NULL));
    IG_GO(build(g));
    IG_GO(ig_net_new(&net, g, ws, &(ig_net_opts){.threads = 1}));
    IG_GO(ig_tensor_new(&x, IG_FLOAT32, 1, TINY_DIMS(2)));
    IG_GO(ig_workspace_feed(sub, "x", x));
    for (int i = 0; i < 3; i++)
        IG_GO(ig_net_run(net, sub, NULL));
    IG_GO(ig_workspace_fetch(sub, "sum", &y));
    IG_GO(ig_workspace_remove(sub, "x"));
out:
    ig_tensor_unref(x), ig_tensor_unref(y);
    ig_net_free(net);
    ig_workspace_free(sub), ig_workspace_free(ws);
    ig_graph_free(g);
    igi_registry_free(reg);
    return rc;
}

static void a_workspace_survives_every_failing_allocation(void **state)
{
    (void)state;
    igi_failing_each(workspace_life, NULL);
}

/* After the first run of a signature nothing is allocated but the outputs. */
static void the_second_run_allocates_only_its_outputs(void **state)
{
    (void)state;
    ig_registry *reg = NULL;
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_tensor *x, *y = NULL;
    ig_value_id v = {0};
    igi_failing_install();
    OK(tiny_registry(&reg));
    OK(igi_graph_new(&g, "t", reg, NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, TINY_DIMS(8), &v));
    for (int i = 0; i < 20; i++)
        v = node(g, IG_OP(TScale), NULL, v, NONE);
    OK(ig_graph_output(g, "y", v));
    OK(ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}));
    x = tiny_iota(1, TINY_DIMS(8), 1);
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    long before = igi_failing_count();
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y),
                    NULL)); /* bound now: nothing at all */
    assert_in_range(igi_failing_count() - before, 0,
                    1); /* one header over the output */
    ig_tensor_unref(y), y = NULL;
    before = igi_failing_count();
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    assert_int_equal(igi_failing_count() - before, 2); /* header and storage */
    ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m), ig_graph_free(g);
    igi_registry_free(reg);
    assert_int_equal(igi_failing_live(), 0);
    igi_failing_uninstall();
}

IG_TESTS(cmocka_unit_test(a_models_life_survives_every_failing_allocation),
         cmocka_unit_test(a_workspace_survives_every_failing_allocation),
         cmocka_unit_test(the_second_run_allocates_only_its_outputs))
