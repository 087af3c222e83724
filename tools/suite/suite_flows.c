/* The ways one call can run; all must give what the reference gave. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/ir/attr.h"
#include "graph/runtime/invoke.h"
#include "graph/runtime/net.h"
#include "graph/runtime/select.h"
#include "importers/import.h"
#include "tools/suite/canary_alloc.h"
#include "tools/suite/suite.h"

static const char *const layout_names[] = {"contiguous", "every second element",
                                           "reversed axes"};

/* ---- single calls ---- */

static bool call_once(const suite_case *c,
                      const char *flow,
                      const igi_op *op,
                      int layout,
                      int threads,
                      ig_value **out)
{
    igi_invoker v;
    ig_value *in[SUITE_PORTS];
    igi_invoker_init(&v, suite_registry(), NULL, threads);
    for (int i = 0; i < c->call.n_in; i++) {
        bool written = c->in[i] && suite_in_port(c, i)->flags & IG_MUTATED;
        in[i] = suite_copy_value(c->in[i], written ? 0 : layout);
    }
    ig_status rc = igi_invoke(&v, op, &c->call, in, out);
    if (rc != IG_OK)
        suite_fail(c, flow, "%s", ig_error_message());
    suite_drop_values(in, c->call.n_in);
    igi_invoker_fini(&v);
    return rc == IG_OK;
}

static void check_call(
    const suite_case *c, const char *flow, const igi_op *op, int layout, int threads)
{
    ig_value *out[SUITE_PORTS] = {0};
    if (call_once(c, flow, op, layout, threads, out))
        for (int i = 0; i < c->call.n_out; i++)
            suite_equal(c, flow, i, out[i], c->want[i]);
    suite_drop_values(out, SUITE_PORTS);
    if (!igi_canary_check())
        suite_fail(c, flow, "wrote outside its outputs");
}

/* Fresh memory has other contents the second time: what was not written differs. */
static void check_all_written(const suite_case *c, const igi_op *op, const char *flow)
{
    ig_value *out[SUITE_PORTS] = {0};
    igi_canary_fill(0x3c);
    if (call_once(c, flow, op, 0, 1, out))
        for (int i = 0; i < c->call.n_out; i++)
            suite_equal(c, flow, i, out[i], c->want[i]);
    igi_canary_fill(0xa5);
    suite_drop_values(out, SUITE_PORTS);
}

/* Whether the kernel takes this case. */
static bool takes(const suite_case *c, const igi_op *one, uint64_t constants)
{
    ig_kernel_ctx k = {.struct_size = sizeof(k),
                       .n_in = (int16_t)c->call.n_in,
                       .n_out = (int16_t)c->call.n_out,
                       .in = c->in,
                       .out = (ig_value **)(uintptr_t)c->want,
                       .attrs = c->call.attrs,
                       .threads = 2,
                       .constants = constants,
                       .op = c->op->def};
    _Alignas(16) char defaults[512];
    if (!k.attrs && c->op->def->attrs) {
        igi_attrs_init(c->op->def, defaults);
        k.attrs = defaults;
    }
    return igi_select(one, 0, &k, igi_facts_of(&k)) != NULL;
}

void suite_kernels(suite_case *c, uint64_t *taken)
{
    igi_op one = *c->op;
    char flow[96];
    memset(one.n_kernels, 0, sizeof(one.n_kernels));
    for (int layout = 0; layout < 3; layout++) {
        snprintf(flow, sizeof(flow), "reference, %s", layout_names[layout]);
        check_call(c, flow, &one, layout, 1);
    }
    check_all_written(c, &one, "reference in other memory");
    one.n_kernels[0] = 1;
    for (int k = 0; k < c->op->n_kernels[0]; k++) {
        one.kernels[0][0] = c->op->kernels[0][k];
        if (takes(c, &one, ~IG_BIT(0))) /* by the net whose weights are constants */
            *taken |= IG_BIT(k);
        if (!takes(c, &one, 0))
            continue;
        *taken |= IG_BIT(k);
        for (int layout = 0; layout < 3; layout++) {
            snprintf(flow, sizeof(flow), "kernel %s, %s", one.kernels[0][0]->name,
                     layout_names[layout]);
            check_call(c, flow, &one, layout, layout ? 1 : 2);
        }
        snprintf(flow, sizeof(flow), "kernel %s in other memory",
                 one.kernels[0][0]->name);
        check_all_written(c, &one, flow);
    }
}

/* ---- graphs ---- */

static const char *input_name(int i)
{
    static const char *const names[SUITE_PORTS] = {
        "x0",  "x1",  "x2",  "x3",  "x4",  "x5",  "x6",  "x7",  "x8",  "x9",  "x10",
        "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21",
        "x22", "x23", "x24", "x25", "x26", "x27", "x28", "x29", "x30", "x31"};
    return names[i];
}

static const char *output_name(int i)
{
    static const char *const names[SUITE_PORTS] = {
        "y0",  "y1",  "y2",  "y3",  "y4",  "y5",  "y6",  "y7",  "y8",  "y9",  "y10",
        "y11", "y12", "y13", "y14", "y15", "y16", "y17", "y18", "y19", "y20", "y21",
        "y22", "y23", "y24", "y25", "y26", "y27", "y28", "y29", "y30", "y31"};
    return names[i];
}

static bool is_constant(const suite_case *c, int i, suite_constants which)
{
    uint32_t flags = suite_in_port(c, i)->flags;
    if (!suite_tensor(c, i) || which == SUITE_GIVEN || flags & IG_MUTATED)
        return false;
    return flags & IG_VALUE || (which == SUITE_WEIGHTS && i > 0);
}

/* Every dim a symbol named after its size; sizes 1 stay: broadcasting looks at them. */
static ig_status
input_dims(const suite_case *c, int i, ig_graph *g, bool symbols, int64_t *dims)
{
    const ig_tensor *t = suite_tensor(c, i);
    for (int k = 0; k < t->v.type.rank; k++) {
        char name[32];
        dims[k] = ig_type_dims(&t->v.type)[k];
        snprintf(name, sizeof(name), "D%lld", (long long)dims[k]);
        if (symbols && dims[k] != 1)
            IG_TRY(ig_graph_dim(g, name, &dims[k]));
    }
    return IG_OK;
}

static ig_status add_input(
    const suite_case *c, int i, suite_constants which, ig_graph *g, ig_value_id *out)
{
    int64_t dims[8];
    const ig_type *t = &c->in[i]->type;
    if (is_constant(c, i, which))
        return ig_graph_constant(g, input_name(i), suite_tensor(c, i), out);
    if (t->kind != IG_KIND_TENSOR)
        return ig_graph_input_typed(g, input_name(i), t, out);
    IG_TRY(input_dims(c, i, g, which == SUITE_SYMBOLS, dims));
    return ig_graph_input(g, input_name(i), (ig_dtype)t->dtype, t->rank, dims, out);
}

ig_status suite_graph(const suite_case *c, suite_constants which, ig_graph **out)
{
    ig_value_id in[SUITE_PORTS] = {{0}}, made[SUITE_PORTS] = {{0}};
    ig_status rc = ig_graph_new(out, "suite", suite_registry());
    for (int i = 0; rc == IG_OK && i < c->call.n_in; i++)
        if (c->in[i])
            rc = add_input(c, i, which, *out, &in[i]);
    if (rc == IG_OK)
        rc = ig_graph_make(*out, &c->call, in, made);
    for (int i = 0; rc == IG_OK && i < c->call.n_out; i++)
        if (made[i].i)
            rc = ig_graph_output(*out, output_name(i), made[i]);
    if (rc == IG_OK)
        rc = ig_graph_verify(*out);
    if (rc != IG_OK) {
        ig_graph_free(*out);
        *out = NULL;
    }
    return rc;
}

void suite_net(const suite_case *c,
               const char *flow,
               const ig_graph *g,
               const ig_net_opts *o,
               int layout)
{
    ig_net *net = NULL;
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_status rc = ws ? ig_net_new(&net, g, ws, o) : IG_OUT_OF_MEMORY;
    for (int i = 0; rc == IG_OK && i < c->call.n_in; i++) {
        ig_value_id id = ig_graph_find(g, input_name(i));
        if (!c->in[i] || !id.i || ig_graph_value_constant(g, id))
            continue;
        bool written = suite_in_port(c, i)->flags & IG_MUTATED;
        ig_value *v = suite_copy_value(c->in[i], written ? 0 : layout);
        rc = ig_workspace_feed_value(ws, input_name(i), v);
        ig_value_unref(v);
    }
    for (int run = 0; rc == IG_OK && run < (c->mutates ? 1 : 2); run++) {
        rc = ig_net_run(net, ws, NULL);
        for (int i = 0; rc == IG_OK && i < c->call.n_out; i++) {
            ig_value *y = NULL;
            rc = ig_workspace_fetch_value(ws, output_name(i), &y);
            bool same = rc != IG_OK || suite_equal(c, flow, i, y, c->want[i]);
            ig_value_unref(y);
            if (!same)
                run = 2;
        }
    }
    if (rc != IG_OK)
        suite_fail(c, flow, "%s", ig_error_message());
    ig_net_free(net);
    ig_workspace_free(ws);
    if (!igi_canary_check())
        suite_fail(c, flow, "wrote outside its memory");
}

static void check_net(
    const suite_case *c, const char *flow, const ig_graph *g, int level, int layout)
{
    suite_net(c, flow, g, &(ig_net_opts){.level = level, .threads = 1}, layout);
}

/* Inferred types: exact in a graph of numbers, compatible in one of symbols. */
static void
check_types(const suite_case *c, const char *flow, const ig_graph *g, bool exact)
{
    char a[160], b[160];
    for (int i = 0; i < c->call.n_out; i++) {
        if (!c->want[i])
            continue;
        const ig_type *t = ig_graph_value_type(g, ig_graph_output_at(g, i)),
                      *w = &c->want[i]->type;
        bool dynamic = (suite_out_port(c, i)->flags & IG_DYNAMIC) || !exact;
        if (w->kind != IG_KIND_TENSOR) {
            if (!igi_type_same_kind(t, w))
                suite_fail(c, flow, "output %d is inferred as another kind", i);
            continue;
        }
        bool fits = t->dtype == w->dtype && t->kind == w->kind &&
                    (t->rank == w->rank || (dynamic && t->rank < 0));
        for (int k = 0; fits && k < t->rank; k++) {
            int64_t d = ig_type_dims(t)[k];
            fits = d == ig_type_dims(w)[k] || (dynamic && d < 0);
        }
        if (!fits)
            suite_fail(c, flow,
                       "output %d is inferred as %s, but the reference makes %s", i,
                       igi_type_print(t, g->syms, a, sizeof(a)),
                       igi_type_print(w, NULL, b, sizeof(b)));
    }
}

/* ---- files ---- */

static void check_native(const suite_case *c, const ig_graph *g)
{
    char path[256];
    ig_graph *again = NULL;
    snprintf(path, sizeof(path), "%s/suite-%ld.ingot", suite_where.folder,
             (long)getpid());
    ig_status rc = ig_graph_save(g, path, NULL);
    if (rc == IG_OK)
        rc = ig_graph_read(&again, path, &(ig_read_opts){.registry = suite_registry()});
    if (rc != IG_OK)
        suite_fail(c, "saved as .ingot", "%s", ig_error_message());
    else
        check_net(c, "saved as .ingot", again, -1, 0);
    ig_graph_free(again);
    unlink(path);
}

ig_status suite_exported(const ig_graph *g, ig_graph **out)
{
    void *bytes = NULL;
    size_t n = 0;
    *out = NULL;
    ig_status rc = igi_onnx_write(g, NULL, &bytes, &n);
    if (rc == IG_UNSUPPORTED && strstr(ig_error_message(), "cannot be written as ONNX"))
        return IG_OK; /* no row in importers/onnx/export_own.c, or one that needs
                         numbers */
    IG_TRY(rc);
    rc = ig_graph_read_bytes(out, bytes, n, NULL, NULL,
                             &(ig_read_opts){.registry = suite_registry()});
    igi_free(bytes);
    return rc;
}

static void check_onnx(const suite_case *c, const char *flow, const ig_graph *g)
{
    ig_graph *again;
    if (suite_exported(g, &again) != IG_OK)
        suite_fail(c, flow, "%s", ig_error_message());
    else if (again)
        check_net(c, flow, again, -1, 0);
    ig_graph_free(again);
}

/* As the optimiser leaves it: fused, and with channels last. */
static void check_optimised(const suite_case *c, const ig_graph *g)
{
    ig_net *net = NULL;
    if (ig_net_new(&net, g, NULL, &(ig_net_opts){.threads = 1}) != IG_OK)
        suite_fail(c, "optimised", "%s", ig_error_message());
    else
        check_onnx(c, "optimised, exported to ONNX", net->graph);
    ig_net_free(net);
}

/* ---- eager and trace ---- */

static ig_status
dispatch(ig_ctx *ctx, const suite_case *c, ig_value *const *in, ig_value **out)
{
    ig_call call = c->call;
    call.draw = 0;
    call.where = IG_HERE;
    return ig_dispatch(ctx, &call, in, out);
}

static void check_eager(const suite_case *c, bool record)
{
    const char *flow = record ? "eager, recorded" : "eager";
    ig_ctx *ctx = NULL;
    ig_value *in[SUITE_PORTS] = {0}, *out[SUITE_PORTS] = {0};
    if (ig_ctx_new(&ctx, &(ig_ctx_opts){.registry = suite_registry()}) != IG_OK) {
        suite_fail(c, flow, "%s", ig_error_message());
        return;
    }
    for (int i = 0; i < c->call.n_in; i++) {
        in[i] = suite_copy_value(c->in[i], 0);
        if (suite_tensor(c, i) && record && !c->mutates &&
            igi_dtype_is_float((ig_dtype)in[i]->type.dtype))
            (void)ig_requires_grad(ctx, (ig_tensor *)in[i], true);
    }
    ig_status rc = dispatch(ctx, c, in, out);
    bool todo = c->op->def->gradient == ig_gradient_todo;
    if (rc == IG_UNSUPPORTED && record && todo)
        ; /* the rule that is missing is refused when it would be needed */
    else if (rc != IG_OK)
        suite_fail(c, flow, "%s", ig_ctx_message(ctx));
    else
        for (int i = 0; i < c->call.n_out; i++)
            suite_equal(c, flow, i, out[i], c->want[i]);
    ig_ctx_free(ctx);
    suite_drop_values(in, SUITE_PORTS);
}

typedef struct traced {
    const suite_case *c;
    ig_value *literal[SUITE_PORTS]; /* not inputs of the trace */
} traced;

static ig_status
traced_call(ig_ctx *ctx, ig_value *const *in, ig_value **out, void *user)
{
    traced *t = user;
    ig_value *all[SUITE_PORTS] = {0};
    for (int i = 0, k = 0; i < t->c->call.n_in; i++)
        if (t->c->in[i])
            all[i] = t->literal[i] ? t->literal[i] : in[k++];
    return dispatch(ctx, t->c, all, out);
}

static void check_trace(const suite_case *c)
{
    ig_ctx *ctx = NULL;
    traced t = {.c = c};
    ig_trace_opts o = {.no_self_test = c->mutates || c->op->def->flags & IG_OP_RANDOM};
    ig_value *example[SUITE_PORTS] = {0};
    if (ig_ctx_new(&ctx, &(ig_ctx_opts){.registry = suite_registry()}) != IG_OK) {
        suite_fail(c, "traced", "%s", ig_error_message());
        return;
    }
    for (int i = 0, k = 0; i < c->call.n_in; i++) {
        example[i] = suite_copy_value(c->in[i], 0);
        if (is_constant(c, i, SUITE_VALUES))
            t.literal[i] = example[i];
        else if (example[i] && k == IG_TRACE_INPUTS_MAX)
            suite_fail(c, "traced", "more inputs than a trace can have");
        else if (example[i]) {
            o.inputs[k].name = input_name(i);
            o.values[k++] = example[i];
        }
    }
    for (int i = 0; i < c->call.n_out; i++)
        o.outputs[i] = output_name(i);
    ig_graph *g = ig_trace_values(ctx, traced_call, &t, c->call.n_out, &o);
    if (g)
        check_net(c, "traced", g, -1, 0);
    else
        suite_fail(c, "traced", "%s", ig_ctx_message(ctx));
    ig_graph_free(g);
    ig_ctx_free(ctx);
    suite_drop_values(example, SUITE_PORTS);
}

void suite_flows(suite_case *c)
{
    ig_graph *g = NULL, *given = NULL, *weights = NULL, *symbols = NULL;
    check_eager(c, false);
    check_eager(c, true);
    check_trace(c);
    if (suite_graph(c, SUITE_VALUES, &g) != IG_OK ||
        suite_graph(c, SUITE_GIVEN, &given) != IG_OK ||
        suite_graph(c, SUITE_WEIGHTS, &weights) != IG_OK ||
        suite_graph(c, SUITE_SYMBOLS, &symbols) != IG_OK) {
        suite_fail(c, "graph", "%s", ig_error_message());
    } else {
        check_types(c, "inferred", g, true);
        check_types(c, "inferred without values", given, false);
        check_types(c, "inferred from symbols", symbols, false);
        check_net(c, "net, level none", g, -1, 0);
        check_net(c, "net, strided inputs", g, 0, 1);
        check_net(c, "net, values as inputs", given, 0, 0);
        check_net(c, "net, constant weights, level none", weights, -1, 0);
        check_net(c, "net, constant weights", weights, 0, 0);
        check_native(c, g);
        check_onnx(c, "exported to ONNX", g);
        check_onnx(c, "exported to ONNX with symbols", symbols);
        check_optimised(c, weights);
    }
    ig_graph_free(g);
    ig_graph_free(given);
    ig_graph_free(weights);
    ig_graph_free(symbols);
}
