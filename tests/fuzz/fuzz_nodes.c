/* Random nodes, valid and nearly valid, run in every way (tests/operators/try_call.h):
 * no crash, no hang, no write outside, an error with a message or the same results
 * everywhere. Their gradients must be computed or refused.
 *
 *     fuzz_nodes SEED COUNT [OPERATOR]
 *
 * As a libFuzzer program its choices are the fuzzer's bytes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "tests/fuzz/random_main.h"
#include "tests/fuzz/random_node.h"
#include "tests/operators/try_call.h"
#include "tests/support/fuzz.h"
#include "tools/suite/canary_alloc.h"

/* Sums the first float output and asks for the gradient of every float input. */
static ig_status backward(ig_ctx *ctx, const suite_case *c, ig_value *const *in)
{
    ig_value *out[SUITE_PORTS] = {0};
    ig_call call = c->call;
    call.where = IG_HERE;
    call.draw = 0;
    IG_TRY(ig_dispatch(ctx, &call, in, out));
    for (int i = 0; i < call.n_out; i++) {
        ig_tensor *y = out[i] ? ig_value_tensor(out[i]) : NULL;
        if (!y || !igi_dtype_is_float((ig_dtype)y->v.type.dtype))
            continue;
        ig_tensor *loss = ig_sum(ctx, y, IG_ALL, false);
        return loss ? ig_backward(ctx, loss) : ig_ctx_status(ctx);
    }
    return IG_OK;
}

static void try_gradient(const suite_case *c, const char *what)
{
    ig_ctx *ctx = NULL;
    ig_value *in[SUITE_PORTS] = {0};
    if (c->mutates || ig_ctx_new(&ctx, &(ig_ctx_opts){.threads = 1}) != IG_OK)
        return;
    for (int i = 0; i < c->call.n_in; i++) {
        in[i] = suite_copy_value(c->in[i], 0);
        if (suite_tensor(c, i) && igi_dtype_is_float((ig_dtype)in[i]->type.dtype))
            (void)ig_requires_grad(ctx, (ig_tensor *)in[i], true);
    }
    ig_status rc = backward(ctx, c, in);
    if (rc == IG_INTERNAL || (rc != IG_OK && !*ig_ctx_message(ctx)))
        suite_fail(c, what, "gradient: %s", ig_ctx_message(ctx));
    ig_ctx_free(ctx);
    suite_drop_values(in, SUITE_PORTS);
}

/* Inference over dims that are symbols: a graph that is valid, or an error. */
static void try_symbols(const suite_case *c, const char *what)
{
    ig_graph *g = NULL;
    ig_status rc = suite_graph(c, SUITE_SYMBOLS, &g);
    if (rc == IG_INTERNAL || (rc != IG_OK && !*ig_error_message()))
        suite_fail(c, what, "symbols: %s", ig_error_message());
    ig_graph_free(g);
}

static int try_node(chance *r, const igi_op *op)
{
    static random_node n;
    static const int levels[] = {-1, 1, 2, 2};
    suite_failures_reset();
    if (random_node_make(&n, r, op)) {
        const char *what = n.what[0] ? n.what : "as it is";
        try_ways w = {.threads = 1 + chance_below(r, 3),
                      .layout = chance_below(r, 3),
                      .level = levels[chance_below(r, 4)],
                      .constants = (suite_constants)chance_below(r, 4),
                      .wild = n.wild};
        bool runs = suite_try_call(&n.c, what, &w);
        try_symbols(&n.c, what);
        if (runs)
            try_gradient(&n.c, what);
    }
    random_node_free(&n);
    return suite_failures();
}

#ifdef IG_FUZZER
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    chance r = {.p = data, .end = data + size};
    if (try_node(&r, NULL))
        abort();
    return 0;
}
#else
static int try_seed(uint64_t seed, void *user)
{
    chance r = {.state = seed * 0x2545F4914F6CDD1Dull};
    return try_node(&r, user);
}

int main(int argc, char **argv)
{
    const igi_op *op = NULL;
#ifdef IG_GUARD_BYTES
    igi_canary_install();
#endif
    if (argc > 3 && !(op = igi_registry_find_full(ig_registry_builtin(), argv[3]))) {
        fprintf(stderr, "no operator '%s'\n", argv[3]);
        return 2;
    }
    return random_main(argc, argv, try_seed, (void *)(uintptr_t)op);
}
#endif
