/* Registries that plugins are added to, and nodes made from text. */
#include <string.h>

#include <ingot/eager.h>
#include <ingot/ingot.h>
#include <ingot/plugin.h>
#include <ingot/train.h>

#include "graph/ir/registry.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

/* ---- a plugin in this program, and what may be wrong with it ---- */

static const ig_port inputs[] = {IG_PORT("x", 'T', "Input."), {0}};
static const ig_port outputs[] = {IG_PORT("y", 'T', "Output."), {0}};
static const ig_type_rule types[] = {{'T', IG_T(FLOAT32)}, {0}};

/* Stands for the plugin's own ig_gradient_none. */
static ig_status their_none(ig_grad *g)
{
    (void)g;
    return IG_INTERNAL;
}

static ig_status reference(ig_kernel_ctx *k)
{
    memcpy(ig_data(ig_out(k, 0)), ig_data(ig_in(k, 0)),
           (size_t)ig_numel(ig_in(k, 0)) * sizeof(float));
    return IG_OK;
}

#define OPERATOR(name_, doc_)                                                          \
    {                                                                                  \
        IG_OP_HEAD, .domain = "t", .name = name_, .since = 1, .doc = doc_,             \
                    .inputs = inputs, .outputs = outputs, .types = types,              \
                    .infer = ig_infer_same, .gradient = their_none,                    \
                    .reference = reference                                             \
    }
static const struct ig_op_def copy_op = OPERATOR("Copy", "y = x.");
static const struct ig_op_def no_doc = OPERATOR("NoDoc", NULL);
static const struct ig_op_def taken = {IG_OP_HEAD,
                                       .name = "Relu",
                                       .since = 1,
                                       .doc = "Is there.",
                                       .inputs = inputs,
                                       .outputs = outputs,
                                       .types = types,
                                       .infer = ig_infer_same,
                                       .gradient = their_none,
                                       .reference = reference};
static const ig_kernel_def kernels[] = {
    {IG_KERNEL_HEAD, .op = "t::Copy", .name = "first", .run = reference},
    {IG_KERNEL_HEAD, .op = "Relu", .name = "theirs", .run = reference},
    {0}};
static const ig_kernel_def kernels_for_nobody[] = {
    {IG_KERNEL_HEAD, .op = "Relu", .name = "theirs", .run = reference},
    {IG_KERNEL_HEAD, .op = "t::Nobody", .name = "lost", .run = reference},
    {0}};
static const ig_device_def abacus = {IG_DEVICE_HEAD, .name = "abacus", .doc = "Beads."};
static const ig_device_def cpu = {IG_DEVICE_HEAD, .name = "cpu", .doc = "Another one."};
static const ig_device_def *const half_devices[] = {&abacus, NULL};
static const ig_device_def *const second_cpu[] = {&cpu, NULL};
static const ig_plugin_kernels tables[] = {{"cpu", kernels}, {0}};
static const ig_plugin_kernels lost_tables[] = {{"cpu", kernels_for_nobody}, {0}};
static const ig_plugin_kernels odd_device[] = {{"abacus", kernels}, {0}};

static bool sniff(const void *bytes, size_t size)
{
    return size > 3 && memcmp(bytes, "test", 4) == 0;
}
static ig_status read_nothing(ig_graph *g, const ig_source *s)
{
    ig_tensor *t = NULL;
    const int64_t dims[] = {2};
    ig_value_id id;
    IG_TRY(ig_source_tensor(s, 4, IG_UINT8, 1, dims, &t));
    ig_status rc = ig_graph_constant(g, "c", t, &id);
    ig_tensor_unref(t);
    return rc == IG_OK ? ig_graph_output(g, "c", id) : rc;
}
static const ig_frontend_def format = {IG_FRONTEND_HEAD, .name = "test", .doc = "Test.",
                                       .sniff = sniff, .read = read_nothing};
static const ig_frontend_def half_format = {IG_FRONTEND_HEAD, .name = "half"};
static const ig_frontend_def *const formats[] = {&format, NULL};
static const ig_frontend_def *const half_formats[] = {&format, &half_format, NULL};

static const ig_op_def *const good_ops[] = {&copy_op, NULL};
static const ig_op_def *const bad_ops[] = {&copy_op, &no_doc, NULL};
static const ig_op_def *const taken_ops[] = {&copy_op, &taken, NULL};

static ig_plugin offered; /* what init hands over */

static ig_status init(const ig_plugin_api *api, ig_plugin *self)
{
    uint32_t size = self->struct_size;
    if (api->abi != IG_PLUGIN_ABI || api->fail != ig_fail)
        return IG_INTERNAL;
    *self = offered;
    self->struct_size = size;
    self->none = their_none;
    return IG_OK;
}

static ig_plugin whole(void)
{
    return (ig_plugin){.abi = IG_PLUGIN_ABI,
                       .name = "t",
                       .ops = good_ops,
                       .kernels = tables,
                       .frontends = formats};
}

/* ---- tests ---- */

static void a_plugin_brings_operators_kernels_and_formats(void **state)
{
    ig_registry *r = NULL;
    (void)state;
    offered = whole();
    assert_int_equal(ig_registry_new(&r), IG_OK);
    int before = igi_registry_count(r);
    assert_int_equal(ig_registry_add_plugin(r, init), IG_OK);
    assert_int_equal(igi_registry_count(r), before + 1);
    const igi_op *op = igi_registry_find_full(r, "t::Copy");
    assert_non_null(op);
    assert_ptr_equal(igi_registry_of(r, &copy_op), op);
    assert_ptr_equal(igi_registry_of(r, op->def), op);
    assert_ptr_equal(op->def->gradient, ig_gradient_none);
    assert_string_equal(op->kernels[0][0]->name, "first");
    assert_string_equal(igi_registry_find_full(r, "Relu")->kernels[0][0]->name,
                        "theirs");
    assert_null(igi_registry_find_full(ig_registry_builtin(), "t::Copy"));
    assert_int_equal(ig_registry_n_plugins(r), 1);
    assert_string_equal(ig_registry_plugin_name(r, 0), "t");
    assert_int_equal(ig_registry_add_plugin(r, init), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "loaded already"));
    ig_registry_free(r);
}

/* The variables of a plugin are there once, its operators once in each registry. */
static void what_rules_emit_is_known_to_every_registry(void **state)
{
    static ig_op_use uses[] = {{"Copy", NULL}, {"Relu", NULL}};
    ig_registry *a = NULL, *b = NULL;
    (void)state;
    offered = whole();
    offered.uses = uses;
    offered.uses_end = uses + 2;
    assert_int_equal(ig_registry_new(&a), IG_OK);
    assert_int_equal(ig_registry_new(&b), IG_OK);
    assert_int_equal(ig_registry_add_plugin(a, init), IG_OK);
    assert_int_equal(ig_registry_add_plugin(b, init), IG_OK);
    for (int i = 0; i < 2; i++) {
        assert_non_null(igi_registry_of(a, uses[i].op));
        assert_non_null(igi_registry_of(b, uses[i].op));
    }
    ig_registry_free(b);
    assert_string_equal(uses[0].op->name, "Copy");
    uses[0].op = &no_doc; /* as if resolved in a registry with another Copy */
    ig_registry_free(a);
    assert_int_equal(ig_registry_new(&a), IG_OK);
    assert_int_equal(ig_registry_add_plugin(a, init), IG_UNSUPPORTED);
    assert_non_null(strstr(ig_error_message(), "from elsewhere"));
    ig_registry_free(a);
}

static void expect_refused(ig_status status, const char *reason)
{
    ig_registry *r = NULL;
    assert_int_equal(ig_registry_new(&r), IG_OK);
    int count = igi_registry_count(r),
        relu = igi_registry_find(r, "", "Relu")->n_kernels[0];
    assert_int_equal(ig_registry_add_plugin(r, init), status);
    assert_non_null(strstr(ig_error_message(), reason));
    assert_int_equal(igi_registry_count(r), count);
    assert_int_equal(igi_registry_find(r, "", "Relu")->n_kernels[0], relu);
    assert_null(igi_registry_sniff(r, "test12", 6));
    assert_null(igi_registry_of(r, &copy_op));
    assert_int_equal(ig_registry_n_plugins(r), 0);
    offered = whole();
    assert_int_equal(ig_registry_add_plugin(r, init), IG_OK); /* nothing stuck */
    ig_registry_free(r);
}

static void a_plugin_is_added_whole_or_not_at_all(void **state)
{
    (void)state;
    offered = whole();
    offered.ops = bad_ops;
    expect_refused(IG_INVALID_ARGUMENT, "NoDoc: lacks one of doc");
    offered.ops = taken_ops;
    expect_refused(IG_INVALID_ARGUMENT, "Relu: is registered already");
    offered.kernels = lost_tables;
    expect_refused(IG_NOT_FOUND, "no operator t::Nobody");
    offered.kernels = odd_device;
    expect_refused(IG_DEVICE, "'abacus'");
    offered.devices = half_devices;
    expect_refused(IG_INVALID_ARGUMENT, "device abacus lacks one of its functions");
    offered.devices = second_cpu;
    expect_refused(IG_INVALID_ARGUMENT, "device cpu is there already");
    offered.frontends = half_formats;
    expect_refused(IG_INVALID_ARGUMENT, "half lacks one of");
    offered.abi = IG_PLUGIN_ABI + 1;
    expect_refused(IG_UNSUPPORTED, "ABI");
    offered.abi = 0;
    expect_refused(IG_UNSUPPORTED, "ABI");
    offered.name = "";
    expect_refused(IG_INVALID_ARGUMENT, "no name");
}

static void what_uses_a_registry_holds_it(void **state)
{
    ig_registry *r = NULL;
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_ctx *c = NULL;
    ig_tensor *x = NULL, *y = NULL, *z = NULL;
    const int64_t dims[] = {2};
    ig_value_id in, out;
    (void)state;
    offered = whole();
    assert_int_equal(ig_registry_new(&r), IG_OK);
    assert_int_equal(ig_registry_add_plugin(r, init), IG_OK);
    assert_int_equal(ig_graph_new(&g, "g", r), IG_OK);
    assert_int_equal(ig_ctx_new(&c, &(ig_ctx_opts){.registry = r}), IG_OK);
    ig_registry_free(r);
    assert_int_equal(ig_graph_input(g, "x", IG_FLOAT32, 1, dims, &in), IG_OK);
    assert_int_equal(ig_graph_make_text(g, "y = t::Copy(x)", &out), IG_OK);
    assert_int_equal(ig_graph_output(g, "y", out), IG_OK);
    assert_int_equal(ig_model_from_graph(&m, g, NULL), IG_OK);
    ig_graph_free(g);
    assert_int_equal(ig_tensor_new(&x, IG_FLOAT32, 1, dims), IG_OK);
    assert_int_equal(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL), IG_OK);
    assert_int_equal(ig_call_op(c, "t::Copy", NULL, &x, 1, &z, 1), IG_OK);
    ig_tensor_unref(x), ig_tensor_unref(y), ig_model_free(m), ig_ctx_free(c);
}

/* ---- determinism ---- */

static ig_status varying(ig_kernel_ctx *k) /* what atomics do to last bits, in large */
{
    for (int64_t i = 0; i < ig_numel(ig_out(k, 0)); i++)
        ((float *)ig_data(ig_out(k, 0)))[i] = 7;
    return IG_OK;
}
static ig_status refuses_late(ig_kernel_ctx *k)
{
    (void)k;
    return ig_reject("not prepared");
}
static const ig_kernel_def varying_kernels[] = {
    {IG_KERNEL_HEAD, .op = "t::Copy", .name = "late", .prepare = refuses_late,
     .run = reference},
    {IG_KERNEL_HEAD, .op = "t::Copy", .name = "atomic", .needs = IG_KERNEL_VARIES,
     .run = varying},
    {IG_KERNEL_HEAD, .op = "Relu", .name = "atomic", .needs = IG_KERNEL_VARIES,
     .run = varying},
    {0}};
static const ig_plugin_kernels varying_tables[] = {{"cpu", varying_kernels}, {0}};

static ig_ctx *ctx_of(const ig_registry *r, bool deterministic)
{
    ig_ctx *c = NULL;
    const ig_ctx_opts o = {.registry = r, .threads = 1, .deterministic = deterministic};
    assert_int_equal(ig_ctx_new(&c, &o), IG_OK);
    return c;
}

/* One element of y = op(x): 7 when the varying kernel has run. */
static float eager(ig_ctx *c, const char *op, ig_tensor *x)
{
    ig_tensor *y = NULL;
    (void)ig_call_op(c, op, NULL, &x, 1, &y, 1);
    assert_string_equal(ig_ctx_message(c), "");
    return ((const float *)ig_tensor_data(y))[1];
}

static ig_graph *relu_graph(const ig_registry *r)
{
    ig_graph *g = NULL;
    ig_value_id x, y;
    assert_int_equal(ig_graph_new(&g, "g", r), IG_OK);
    assert_int_equal(ig_graph_input(g, "x", IG_FLOAT32, 2, (int64_t[]){2, 2}, &x),
                     IG_OK);
    assert_int_equal(ig_graph_make_text(g, "y = Relu(x)", &y), IG_OK);
    assert_int_equal(ig_graph_output(g, "y", y), IG_OK);
    return g;
}

static float in_a_body(ig_ctx *c, const ig_registry *r, ig_tensor *x)
{
    const bool yes = true;
    ig_graph *g = relu_graph(r);
    struct {
        uint32_t struct_size;
        ig_graph *then_branch, *else_branch;
    } o = {sizeof(o), g, g};
    ig_value *in[] = {ig_tensor_value(ig_from(c, IG_BOOL, (ig_shape){0}, &yes)),
                      ig_tensor_value(x)},
             *out = NULL;
    const ig_call call = {.op = igi_registry_find(r, "", "If")->def,
                          .attrs = &o,
                          .n_in = 2,
                          .n_captures = 1,
                          .n_out = 1};
    (void)ig_dispatch(c, &call, in, &out);
    assert_string_equal(ig_ctx_message(c), "");
    ig_graph_free(g);
    return ((const float *)ig_tensor_data(ig_value_tensor(out)))[1];
}

static float in_a_net(const ig_registry *r, bool deterministic, ig_tensor *x)
{
    ig_net *net = NULL;
    ig_tensor *y = NULL;
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_graph *g = relu_graph(r);
    const ig_net_opts o = {.threads = 1, .deterministic = deterministic};
    assert_int_equal(ig_net_new(&net, g, NULL, &o), IG_OK);
    assert_int_equal(ig_workspace_feed(ws, "x", x), IG_OK);
    assert_int_equal(ig_net_run(net, ws, NULL), IG_OK);
    assert_int_equal(ig_workspace_fetch(ws, "y", &y), IG_OK);
    float got = ((const float *)ig_tensor_data(y))[1];
    ig_tensor_unref(y);
    ig_workspace_free(ws);
    ig_net_free(net);
    ig_graph_free(g);
    return got;
}

static void kernels_that_vary_are_refused_where_results_must_not(void **state)
{
    ig_registry *r = NULL;
    const float values[] = {1, 2, 3, 4};
    (void)state;
    offered = whole();
    offered.kernels = varying_tables;
    assert_int_equal(ig_registry_new(&r), IG_OK);
    assert_int_equal(ig_registry_add_plugin(r, init), IG_OK);
    for (int same = 0; same < 2; same++) {
        ig_ctx *c = ctx_of(r, same);
        ig_tensor *x = ig_from(c, IG_FLOAT32, IG_SHAPE(2, 2), values);
        const float two = same ? 2 : 7, three = same ? 3 : 7;
        /* the straight road, the general one, and what a prepare has passed on */
        assert_float_equal(eager(c, "Relu", x), two, 0);
        assert_float_equal(eager(c, "Relu", ig_transpose(c, x, 0, 1)), three, 0);
        assert_float_equal(eager(c, "t::Copy", x), two, 0);
        assert_float_equal(in_a_body(c, r, x), two, 0);
        assert_float_equal(in_a_net(r, same, x), two, 0);
        ig_ctx_free(c);
    }
    ig_registry_free(r);
}

static void a_format_reads_through_its_plugin_and_is_bounded(void **state)
{
    ig_registry *r = NULL;
    ig_graph *g = NULL;
    (void)state;
    offered = whole();
    assert_int_equal(ig_registry_new(&r), IG_OK);
    assert_int_equal(ig_registry_add_plugin(r, init), IG_OK);
    ig_read_opts o = {.registry = r};
    assert_int_equal(ig_graph_read_bytes(&g, "testAB", 6, NULL, NULL, &o), IG_OK);
    const ig_tensor *t = ig_graph_value_constant(g, ig_graph_find(g, "c"));
    assert_memory_equal(ig_tensor_data(t), "AB", 2);
    ig_graph_free(g);
    assert_int_equal(ig_graph_read_bytes(&g, "testA", 5, NULL, NULL, &o),
                     IG_INVALID_GRAPH);
    assert_non_null(strstr(ig_error_message(), "ends beyond the 5 bytes"));
    assert_null(g);
    assert_int_equal(ig_graph_read_bytes(&g, "testAB", 6, NULL, NULL, NULL),
                     IG_INVALID_GRAPH); /* not without the plugin */
    ig_registry_free(r);
}

static ig_status load(void *unused)
{
    ig_registry *r = NULL;
    (void)unused;
    IG_TRY(ig_registry_new(&r));
    ig_status rc = ig_registry_add_plugin(r, init);
    ig_registry_free(r);
    return rc;
}

static void no_failed_allocation_leaves_a_piece_of_a_plugin(void **state)
{
    (void)state;
    offered = whole();
    assert_non_null(ig_registry_builtin()); /* made once, kept for ever */
    igi_failing_each(load, NULL);
}

/* ---- text ---- */

static void
expect_text(ig_graph *g, const char *line, ig_status status, const char *why)
{
    ig_value_id id;
    assert_int_equal(ig_graph_make_text(g, line, &id), status);
    assert_non_null(strstr(ig_error_message(), why));
}

static void a_line_of_text_makes_a_node(void **state)
{
    ig_graph *g = NULL;
    const int64_t dims[] = {2, 6};
    ig_value_id x, y;
    (void)state;
    assert_int_equal(ig_graph_new(&g, "g", NULL), IG_OK);
    assert_int_equal(ig_graph_input(g, "x", IG_FLOAT32, 2, dims, &x), IG_OK);
    assert_int_equal(ig_graph_make_text(g, " t=Transpose( x )  perm=1,0 ", &y), IG_OK);
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, y))[0], 6);
    assert_int_equal(ig_graph_make_text(g, "a, b = Split(x,) axis=1 num_outputs=2", &y),
                     IG_OK);
    assert_int_equal(ig_type_dims(ig_graph_value_type(g, ig_graph_find(g, "b")))[1], 3);
    assert_int_equal(ig_graph_make_text(g, "c = Cast(a) to=float64", &y), IG_OK);
    assert_int_equal(ig_graph_value_type(g, y)->dtype, IG_FLOAT64);
    assert_int_equal(ig_graph_make_text(g, "e = Gelu(a) approximate=\"tanh\"", NULL),
                     IG_OK);
    expect_text(g, "q = Nothing(x)", IG_NOT_FOUND, "no operator 'Nothing'");
    expect_text(g, "q = Relu(z)", IG_NOT_FOUND, "input 'z'");
    expect_text(g, "q = Relu(x) alpha=1", IG_INVALID_GRAPH, "no attributes");
    expect_text(g, "q = LeakyRelu(x) beta=1", IG_INVALID_GRAPH, "no attribute 'beta'");
    expect_text(g, "q = LeakyRelu(x) alpha=1x", IG_INVALID_GRAPH, "'1x' is no number");
    expect_text(g, "q = Split(x,) axis=1.5", IG_INVALID_GRAPH, "no integer");
    expect_text(g, "q Relu(x)", IG_INVALID_GRAPH, "expected");
    expect_text(g, "a = Relu(x)", IG_INVALID_GRAPH, "the name 'a' is taken");
    expect_text(g, "x = Relu(x)", IG_INVALID_GRAPH, "the name 'x' is taken");
    expect_text(g, "q, q = Split(x,) axis=1 num_outputs=2", IG_INVALID_GRAPH,
                "the name 'q' is taken");
    expect_text(g, "q\xff = Relu(x)", IG_INVALID_ARGUMENT, "UTF-8");
    expect_text(g, "", IG_INVALID_GRAPH, "expected");
    expect_text(g, NULL, IG_INVALID_GRAPH, "expected");
    assert_int_equal(ig_graph_verify(g), IG_OK);
    ig_graph_free(g);
}

IG_TESTS(cmocka_unit_test(a_plugin_brings_operators_kernels_and_formats),
         cmocka_unit_test(what_rules_emit_is_known_to_every_registry),
         cmocka_unit_test(a_plugin_is_added_whole_or_not_at_all),
         cmocka_unit_test(what_uses_a_registry_holds_it),
         cmocka_unit_test(kernels_that_vary_are_refused_where_results_must_not),
         cmocka_unit_test(a_format_reads_through_its_plugin_and_is_bounded),
         cmocka_unit_test(no_failed_allocation_leaves_a_piece_of_a_plugin),
         cmocka_unit_test(a_line_of_text_makes_a_node))
