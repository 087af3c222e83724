/* Choices by the fuzzer's bytes: a node of some operator whose inputs have types only,
 * with dims that are numbers, symbols or unknown, ranks that are unknown, shape inputs
 * that are constants or not. An error with a message, or a valid graph; what is
 * inferred agrees with what the reference makes of numbers. */
#include <stdio.h>
#include <stdlib.h>

#include "graph/core/dtype.h"
#include "graph/ir/graph.h"
#include "graph/runtime/invoke.h"
#include "tests/fuzz/random_node.h"
#include "tests/support/fuzz.h"

static ig_status
add_input(const suite_case *c, chance *r, int i, ig_graph *g, ig_value_id *id)
{
    const ig_tensor *t = suite_tensor(c, i);
    int64_t dims[IG_RANK_MAX];
    char name[16];
    if (!c->in[i])
        return IG_OK;
    snprintf(name, sizeof(name), "x%d", i);
    if (!t)
        return ig_graph_input_typed(g, name, &c->in[i]->type, id);
    const uint32_t port =
        suite_in_port(c, i)->flags; /* what is written is no constant */
    if (chance_once_in(r, port & IG_VALUE ? 2 : 6) && !(port & IG_MUTATED))
        return ig_graph_constant(g, name, suite_tensor(c, i), id);
    if (chance_once_in(r, 6))
        return ig_graph_input(g, name, (ig_dtype)t->v.type.dtype, -1, NULL, id);
    for (int d = 0; d < t->v.type.rank; d++) {
        char dim[32];
        dims[d] = ig_type_dims(&t->v.type)[d];
        snprintf(dim, sizeof(dim), "D%lld", (long long)dims[d]);
        int kind = chance_below(r, 4);
        if (kind == 0)
            dims[d] = -1;
        else if (kind == 1 && ig_graph_dim(g, dim, &dims[d]) != IG_OK)
            return ig_error_status();
    }
    return ig_graph_input(g, name, (ig_dtype)t->v.type.dtype, t->v.type.rank, dims, id);
}

static ig_status build(const suite_case *c, chance *r, ig_graph *g)
{
    ig_value_id in[SUITE_PORTS] = {{0}}, out[SUITE_PORTS] = {{0}};
    for (int i = 0; i < c->call.n_in; i++)
        IG_TRY(add_input(c, r, i, g, &in[i]));
    IG_TRY(ig_graph_make(g, &c->call, in, out));
    for (int i = 0; i < c->call.n_out; i++)
        if (out[i].i)
            IG_TRY(ig_graph_output(g, NULL, out[i]));
    if (ig_graph_verify(g) != IG_OK)
        abort();
    return IG_OK;
}

/* The results of numbers fit what was inferred from less. */
static void check_results(const suite_case *c, const ig_graph *g)
{
    static const ig_limits limits = {
        .memory_bytes = 1 << 24, .tensor_bytes = 1 << 22, .loop_iterations = 1000};
    ig_value *out[SUITE_PORTS] = {0};
    igi_invoker v;
    igi_invoker_init(&v, suite_registry(), NULL, 1);
    igi_env_init(&v.env, &limits, &(ig_run_opts){.deadline_s = 2});
    ig_status rc = igi_invoke(&v, c->op, &c->call, c->in, out);
    for (int i = 0, o = 0; rc == IG_OK && i < c->call.n_out; i++) {
        if (!(c->call.wanted >> i & 1))
            continue;
        const ig_type *t = ig_graph_value_type(g, ig_graph_output_at(g, o++));
        const ig_type *have = out[i] ? &out[i]->type : NULL;
        bool fits = have && igi_type_same_kind(t, have) &&
                    (t->kind != IG_KIND_TENSOR || t->rank < 0 || t->rank == have->rank);
        for (int d = 0; fits && t->kind == IG_KIND_TENSOR && d < t->rank; d++)
            fits =
                ig_type_dims(t)[d] < 0 || ig_type_dims(t)[d] == ig_type_dims(have)[d];
        if (!fits)
            abort();
    }
    suite_drop_values(out, SUITE_PORTS);
    igi_invoker_fini(&v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static random_node n;
    chance r = {.p = data, .end = data + size};
    ig_graph *g = NULL;
    if (random_node_make(&n, &r, NULL) &&
        ig_graph_new(&g, "infer", suite_registry()) == IG_OK) {
        ig_status rc = build(&n.c, &r, g);
        if (rc == IG_INTERNAL || (rc != IG_OK && !*ig_error_message()))
            abort();
        if (rc == IG_OK && !n.c.mutates)
            check_results(&n.c, g);
    }
    ig_graph_free(g);
    random_node_free(&n);
    return 0;
}
