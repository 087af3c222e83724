/* Random graphs (random_graph.h) run in all ways that must agree (T12).
 *
 *     diff_graphs SEED COUNT [NODES]
 *
 * Bit for bit: level 1, 2 and 3 threads, a second run, the graph written as .ingot and
 * read, the same calls traced, symbolic dims, all against level 0; 2 threads against 1
 * at level 2 too. Within what roundings do to the graph: level 2, eager values, ONNX
 * and back. How much roundings do is measured: the graph runs with shaken inputs.
 *
 * A graph that fails is made smaller first: fewer nodes, then one output. */
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/dtype.h"
#include "importers/import.h"
#include "tests/fuzz/random_graph.h"
#include "tests/fuzz/random_main.h"
#include "tools/suite/canary_alloc.h"

enum { SHAKES = 3, NODES = 14 };
#define FLOOR 1e-18 /* tails of distributions, which ONNX's operators lose */

typedef struct results {
    ig_value *v[RG_PORTS_OUT];
} results;

typedef struct trial {
    const random_graph *g;
    results base, level2; /* of one thread */
    results shaken[SHAKES];
    int failures;
    bool quiet;
} trial;

static void drop(results *r)
{
    suite_drop_values(r->v, RG_PORTS_OUT);
}

static void failed(trial *t, const char *flow, const char *fmt, ...) IG_PRINTF(3, 4);
static void failed(trial *t, const char *flow, const char *fmt, ...)
{
    va_list ap;
    if (t->failures++ > 10 || t->quiet)
        return;
    fprintf(stderr, "%s: ", flow);
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    fprintf(stderr, "\n");
}

/* ---- running ---- */

static ig_status
feed(const random_graph *g, ig_workspace *ws, const ig_graph *graph, uint64_t seed)
{
    for (int i = 0; i < g->n_values; i++) {
        char name[16];
        if (g->value[i].kind != RG_INPUT || !g->value[i].uses ||
            !ig_graph_find(graph, random_graph_name('x', i, name, sizeof(name))).i)
            continue;
        ig_value *v = random_graph_shaken(g, i, seed);
        ig_status rc = ig_workspace_feed_value(ws, name, v);
        ig_value_unref(v);
        IG_TRY(rc);
    }
    return IG_OK;
}

typedef struct how {
    int level, threads, runs;
    uint64_t seed;
} how;

static ig_status run(const random_graph *g, const ig_graph *graph, how h, results *out)
{
    ig_net *net = NULL;
    ig_workspace *ws = ig_workspace_new(NULL);
    ig_net_opts o = {.level = h.level, .threads = h.threads};
    ig_status rc = ws ? ig_net_new(&net, graph, ws, &o) : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = feed(g, ws, graph, h.seed);
    for (int i = 0; rc == IG_OK && i <= h.runs; i++)
        rc = ig_net_run(net, ws, NULL);
    for (int i = 0; rc == IG_OK && i < g->n_outputs; i++) {
        char name[16];
        rc = ig_workspace_fetch_value(
            ws, random_graph_name('y', g->output[i], name, sizeof(name)), &out->v[i]);
    }
    ig_net_free(net);
    ig_workspace_free(ws);
    return rc;
}

/* ---- comparing ---- */

static const char *maker(const random_graph *g, int value)
{
    for (int k = 0; k < g->n_steps; k++)
        for (int o = 0; o < g->step[k].call.n_out; o++)
            if (g->step[k].out[o] == value)
                return g->step[k].op->def->name;
    return "?";
}

static double number(const ig_tensor *t, int64_t i)
{
    if (t->v.type.dtype == IG_COMPLEX64)
        return (double)((const float *)(const void *)t->data)[i];
    if (t->v.type.dtype == IG_COMPLEX128)
        return ((const double *)(const void *)t->data)[i];
    return igi_get_f64((ig_dtype)t->v.type.dtype, t->data, i);
}

static int64_t numbers(const ig_tensor *t)
{
    return igi_tensor_count(t) * (IG_COMPLEXES >> t->v.type.dtype & 1 ? 2 : 1);
}

static bool is_float(const ig_tensor *t)
{
    return igi_dtype_is_float((ig_dtype)t->v.type.dtype) ||
           IG_COMPLEXES >> t->v.type.dtype & 1;
}

/* Equal in bits; any NaN is any other. */
static bool same_bits(const ig_tensor *a, const ig_tensor *b, int64_t *at)
{
    for (*at = 0; *at < numbers(a); ++*at) {
        if (a->v.type.dtype == IG_STRING) {
            if (strcmp(ig_tensor_string(a, *at), ig_tensor_string(b, *at)) != 0)
                return false;
            continue;
        }
        if (!is_float(a))
            return memcmp(a->data, b->data, ig_tensor_nbytes(a)) == 0;
        double x = number(a, *at), y = number(b, *at);
        if (memcmp(&x, &y, sizeof(x)) != 0 && !(isnan(x) && isnan(y)))
            return false;
    }
    return true;
}

static double rounding(const random_graph *g, ig_dtype d)
{
    return g->half ? 1.5e-1 : d == IG_FLOAT64 || d == IG_COMPLEX128 ? 1e-11 : 2e-5;
}

/* How far element i of output o moves when inputs are shaken; < 0: into nothing that
 * can be compared. */
static double moves(const trial *t, int o, int64_t i, double base)
{
    double most = 0;
    for (int k = 0; k < SHAKES; k++) {
        double v = number((const ig_tensor *)t->shaken[k].v[o], i);
        if (isfinite(v) != isfinite(base))
            return -1;
        most = isfinite(v) ? fmax(most, fabs(v - base)) : most;
    }
    return most;
}

/* Equal within what roundings do. */
static bool
near(const trial *t, int o, const ig_tensor *a, const ig_tensor *b, int64_t *at)
{
    double largest = 0;
    if (!is_float(a))
        return same_bits(a, b, at);
    for (int64_t i = 0; i < numbers(b); i++)
        largest = isfinite(number(b, i)) ? fmax(largest, fabs(number(b, i))) : largest;
    for (*at = 0; *at < numbers(a); ++*at) {
        double x = number(a, *at), y = number(b, *at), move = moves(t, o, *at, y);
        double slack = rounding(t->g, (ig_dtype)a->v.type.dtype) * (largest + fabs(y)) +
                       64 * move + FLOOR;
        if (move < 0 || (isnan(x) && isnan(y)) || !(fabs(x - y) > slack))
            continue;
        return false;
    }
    return true;
}

static void compare_one(
    trial *t, const char *flow, int o, const ig_value *a, const ig_value *b, bool bits)
{
    char p[160], q[160];
    const char *from = maker(t->g, t->g->output[o]);
    int64_t at = 0;
    if (!a || !b || !igi_type_equal(&a->type, &b->type)) {
        failed(t, flow, "y%d of %s is %s, expected %s", t->g->output[o], from,
               a ? igi_type_print(&a->type, NULL, p, sizeof(p)) : "missing",
               b ? igi_type_print(&b->type, NULL, q, sizeof(q)) : "nothing");
        return;
    }
    if (a->type.kind != IG_KIND_TENSOR)
        return; /* their items are outputs of SequenceAt and the like */
    ig_tensor *x = suite_copy((const ig_tensor *)a, 0),
              *y = suite_copy((const ig_tensor *)b, 0);
    bool same = x && y && (bits ? same_bits(x, y, &at) : near(t, o, x, y, &at));
    if (!same && x && y && is_float(x))
        failed(t, flow, "y%d of %s, element %" PRId64 " is %.17g, expected %.17g",
               t->g->output[o], from, at, number(x, at), number(y, at));
    else if (!same)
        failed(t, flow, "y%d of %s differs", t->g->output[o], from);
    ig_tensor_unref(x);
    ig_tensor_unref(y);
}

static void
compare(trial *t, const char *flow, const results *a, const results *b, bool bits)
{
    for (int o = 0; o < t->g->n_outputs; o++)
        compare_one(t, flow, o, a->v[o], b->v[o], bits);
}

/* Runs a graph and compares. */
static void try_graph(trial *t,
                      const char *flow,
                      const ig_graph *graph,
                      how h,
                      const results *want,
                      bool bits)
{
    results got = {{0}};
    if (run(t->g, graph, h, &got) != IG_OK)
        failed(t, flow, "%s", ig_error_message());
    else
        compare(t, flow, &got, want, bits);
    drop(&got);
    if (!igi_canary_check())
        failed(t, flow, "wrote outside its memory");
}

/* ---- ways ---- */

static void try_file(trial *t, const ig_graph *graph)
{
    char path[256];
    ig_graph *again = NULL;
    snprintf(path, sizeof(path), "%s/diff-%ld.ingot", IG_BINARY_DIR, (long)getpid());
    ig_status rc = ig_graph_save(graph, path, NULL);
    if (rc == IG_OK)
        rc = ig_graph_read(&again, path, NULL);
    if (rc != IG_OK)
        failed(t, "saved", "%s", ig_error_message());
    else {
        try_graph(t, "saved", again, (how){-1, 1, 0, 0}, &t->base, true);
        try_graph(t, "saved, level 2", again, (how){2, 1, 0, 0}, &t->level2, true);
    }
    ig_graph_free(again);
    unlink(path);
}

static void try_onnx(trial *t, const ig_graph *graph)
{
    ig_graph *again = NULL;
    if (suite_exported(graph, &again) != IG_OK)
        failed(t, "ONNX", "%s", ig_error_message());
    else if (again)
        try_graph(t, "ONNX", again, (how){-1, 1, 0, 0}, &t->base, false);
    ig_graph_free(again);
}

static void try_trace(trial *t)
{
    ig_ctx *ctx = NULL;
    ig_graph *traced = NULL;
    if (ig_ctx_new(&ctx, &(ig_ctx_opts){.threads = 1}) == IG_OK)
        traced = random_graph_trace(t->g, ctx);
    if (!traced)
        failed(t, "traced", "%s", ig_ctx_message(ctx));
    else
        try_graph(t, "traced", traced, (how){-1, 1, 0, 0}, &t->base, true);
    ig_graph_free(traced);
    ig_ctx_free(ctx);
}

static void try_symbols(trial *t)
{
    ig_graph *symbols = NULL;
    if (random_graph_build(t->g, true, 0, &symbols) != IG_OK) {
        failed(t, "symbols", "%s", ig_error_message());
        return;
    }
    try_graph(t, "symbols", symbols, (how){-1, 1, 0, 0}, &t->base, true);
    try_graph(t, "symbols, level 2", symbols, (how){2, 1, 0, 0}, &t->base, false);
    ig_graph_free(symbols);
}

static bool begin(trial *t, const ig_graph *graph)
{
    bool ok = run(t->g, graph, (how){-1, 1, 0, 0}, &t->base) == IG_OK;
    for (int k = 0; k < SHAKES && ok; k++) {
        ig_graph *shaken = NULL;
        ok =
            random_graph_build(t->g, false, (uint64_t)k + 1, &shaken) == IG_OK &&
            run(t->g, shaken, (how){-1, 1, 0, (uint64_t)k + 1}, &t->shaken[k]) == IG_OK;
        ig_graph_free(shaken);
        for (int o = 0; o < t->g->n_outputs && ok; o++) /* a size may follow data */
            if (!igi_type_equal(&t->base.v[o]->type, &t->shaken[k].v[o]->type))
                return false;
    }
    if (!ok)
        failed(t, "level 0", "%s", ig_error_message());
    return ok;
}

static void try_all(trial *t, const ig_graph *graph)
{
    results eager = {{0}};
    for (int o = 0; o < t->g->n_outputs; o++)
        eager.v[o] = ig_value_ref(t->g->value[t->g->output[o]].v);
    compare(t, "single calls", &eager, &t->base, false);
    drop(&eager);
    try_graph(t, "again", graph, (how){-1, 1, 1, 0}, &t->base, true);
    try_graph(t, "level 1", graph, (how){1, 1, 0, 0}, &t->base, true);
    try_graph(t, "2 threads", graph, (how){-1, 2, 0, 0}, &t->base, true);
    try_graph(t, "3 threads", graph, (how){-1, 3, 0, 0}, &t->base, true);
    try_graph(t, "level 2", graph, (how){2, 1, 0, 0}, &t->base, false);
    if (run(t->g, graph, (how){2, 1, 0, 0}, &t->level2) != IG_OK)
        return;
    try_graph(t, "level 2, 2 threads", graph, (how){2, 2, 1, 0}, &t->level2, true);
    try_file(t, graph);
    try_onnx(t, graph);
    try_trace(t);
    try_symbols(t);
}

static int try_random(const random_graph *g, bool quiet)
{
    trial t = {.g = g, .quiet = quiet};
    ig_graph *graph = NULL;
    if (g->n_outputs == 0)
        return 0;
    if (random_graph_build(g, false, 0, &graph) != IG_OK)
        failed(&t, "graph", "%s", ig_error_message());
    else if (begin(&t, graph))
        try_all(&t, graph);
    if (t.failures && !quiet) {
        char *text = NULL;
        if (graph)
            (void)igi_graph_sweep(graph);
        if (graph && ig_graph_print(graph, &text) == IG_OK)
            fprintf(stderr, "%s\n", text);
        ig_string_free(text);
    }
    ig_graph_free(graph);
    drop(&t.base);
    drop(&t.level2);
    for (int k = 0; k < SHAKES; k++)
        drop(&t.shaken[k]);
    return t.failures;
}

/* The graph of that seed with so many nodes; `only` >= 0: the one output with that
 * number. */
static int try_seed(uint64_t seed, int nodes, int only, bool quiet)
{
    random_graph *g = malloc(sizeof(*g));
    chance r = {.state = seed * 0x2545F4914F6CDD1Dull};
    if (!g)
        return 1;
    random_graph_make(g, &r, nodes);
    int failures = 0;
    if (only < g->n_outputs) {
        if (only >= 0)
            g->output[0] = g->output[only];
        g->n_outputs = only >= 0 ? 1 : g->n_outputs;
        failures = try_random(g, quiet);
    }
    random_graph_free(g);
    free(g);
    return failures;
}

static int try_case(uint64_t seed, void *user)
{
    const int most = *(const int *)user;
    if (!try_seed(seed, most, -1, true))
        return 0;
    int nodes = 1, only = RG_PORTS_OUT;
    while (nodes < most && !try_seed(seed, nodes, -1, true))
        nodes++;
    while (--only >= 0 && !try_seed(seed, nodes, only, true))
        ;
    (void)try_seed(seed, nodes, only, false);
    return 1;
}

int main(int argc, char **argv)
{
    int nodes = argc > 3 ? atoi(argv[3]) : NODES;
#ifdef IG_GUARD_BYTES
    igi_canary_install();
#endif
    return random_main(argc, argv, try_case, &nodes);
}
