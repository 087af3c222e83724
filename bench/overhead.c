/* What a call costs beside its arithmetic, on tensors of 8 floats.
 *
 * usage: overhead WHAT ROUNDS
 *   chain      a net of 100 adds
 *   eager      100 adds in a scope, nothing recorded
 *   recorded   the same with a parameter, on the tape, then dropped
 *   products   100 products, on the tape, then dropped
 *   backward   the same with the gradient of the parameter: one product a node
 *
 * Prints nanoseconds per node. bench/instructions.py runs it under callgrind twice and
 * takes the difference, which repeats exactly. Backward per node is backward less
 * products. */
#include <ingot/ingot.h>
#include <ingot/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { NODES = 100 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int report(const char *what, double begin, int rounds)
{
    printf("%s: %.1f ns a node\n", what, (now() - begin) / rounds / NODES);
    return 0;
}

/* ---- a net ---- */

static ig_status make_chain(ig_graph **g)
{
    ig_value_id x, y;
    int64_t dims[1] = {8};
    ig_status rc = ig_graph_new(g, "chain", NULL);
    if (!rc)
        rc = ig_graph_input(*g, "x", IG_FLOAT32, 1, dims, &x);
    if (!rc)
        rc = ig_graph_input(*g, "y", IG_FLOAT32, 1, dims, &y);
    for (int i = 0; !rc && i < NODES; i++)
        rc = ig_graph_make_named(*g, "Add", NULL, (ig_value_id[]){x, y}, 2, &x, 1);
    return rc ? rc : ig_graph_output(*g, "z", x);
}

static int run_chain(int rounds)
{
    ig_graph *g;
    ig_model *m;
    ig_tensor *x, *y, *z = NULL;
    float data[8] = {0};
    int64_t dims[1] = {8};
    if (make_chain(&g) || ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1}) ||
        ig_tensor_new_copy(&x, IG_FLOAT32, 1, dims, data, sizeof(data)) ||
        ig_tensor_new_copy(&y, IG_FLOAT32, 1, dims, data, sizeof(data)) ||
        ig_tensor_new_copy(&z, IG_FLOAT32, 1, dims, data, sizeof(data)))
        return 1;
    double begin = now();
    for (int i = 0; i < rounds; i++)
        if (ig_model_run(m, IG_INPUTS(x, y), IG_OUTPUTS(&z), NULL))
            return 1;
    (void)report("chain", begin, rounds);
    ig_tensor_unref(x), ig_tensor_unref(y), ig_tensor_unref(z);
    ig_model_free(m);
    ig_graph_free(g);
    return 0;
}

/* ---- eager ---- */

static int
run_eager(const char *what, int rounds, bool record, bool product, bool backward)
{
    ig_ctx *c;
    float data[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    if (ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1}))
        return 1;
    ig_tensor *a = ig_keep(c, ig_from_at(IG_HERE, c, IG_FLOAT32, IG_SHAPE(8), data));
    ig_tensor *p = ig_keep(c, ig_from_at(IG_HERE, c, IG_FLOAT32, IG_SHAPE(8), data));
    ig_tensor *dy = ig_keep(c, ig_from_at(IG_HERE, c, IG_FLOAT32, IG_SHAPE(8), data));
    if (record)
        (void)ig_requires_grad(c, p, true);
    double begin = now();
    for (int i = 0; i < rounds; i++) {
        IG_SCOPE(c) {
            ig_tensor *y = p;
            for (int n = 0; n < NODES; n++)
                y = product ? ig_mul(c, y, a) : ig_add(c, y, a);
            if (backward)
                (void)ig_backward_ex(c, y, &(ig_backward_opts){.dy = dy});
        }
        if (backward)
            ig_tensor_clear_grad(p);
    }
    if (ig_ctx_status(c))
        fprintf(stderr, "%s\n", ig_ctx_message(c));
    (void)report(what, begin, rounds);
    int rc = ig_ctx_status(c) != IG_OK;
    ig_tensor_unref(a), ig_tensor_unref(p), ig_tensor_unref(dy);
    ig_ctx_free(c);
    return rc;
}

int main(int argc, char **argv)
{
    int rounds = argc > 2 ? (int)strtol(argv[2], NULL, 10) : 0;
    const char *what = argc > 1 ? argv[1] : "";
    if (rounds > 0 && !strcmp(what, "chain"))
        return run_chain(rounds);
    if (rounds > 0 && !strcmp(what, "eager"))
        return run_eager(what, rounds, false, false, false);
    if (rounds > 0 && !strcmp(what, "recorded"))
        return run_eager(what, rounds, true, false, false);
    if (rounds > 0 && !strcmp(what, "products"))
        return run_eager(what, rounds, true, true, false);
    if (rounds > 0 && !strcmp(what, "backward"))
        return run_eager(what, rounds, true, true, true);
    fprintf(stderr, "usage: overhead chain|eager|recorded|products|backward ROUNDS\n");
    return 2;
}
