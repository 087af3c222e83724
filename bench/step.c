/* A training step of a small model, eager and as one graph (PERFORMANCE part 5).
 *
 * usage: step_bench [TURNS]
 *
 * MLP 32-64-64-8 with ReLU, batch 16, cross entropy, clipping by the global norm, Adam,
 * on one thread. The two take turns, and the ratio of the medians and of the minima of
 * all turns is printed: times on a shared machine mean little alone. */
#include <ingot/ingot.h>
#include <ingot/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { BATCH = 16, IN = 32, HIDDEN = 64, OUT = 8, STATE_MAX = 32, STEPS = 50 };

typedef struct mlp {
    ig_module *m;
    ig_nn_linear *l[3];
    ig_optim *o;
} mlp;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static ig_tensor *step(ig_ctx *c, ig_tensor *const *in, void *user)
{
    mlp *net = user;
    ig_tensor *h = ig_relu(c, ig_nn_linear_apply(c, net->l[0], in[0]));
    h = ig_relu(c, ig_nn_linear_apply(c, net->l[1], h));
    ig_tensor *loss = ig_cross_entropy(c, ig_nn_linear_apply(c, net->l[2], h), in[1]);
    (void)ig_backward(c, loss);
    (void)ig_clip_grads(ig_module_params(net->m), 1.0);
    (void)ig_optim_step(net->o);
    return loss;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void eager_turn(ig_ctx *c, ig_tensor *const *in, mlp *net)
{
    for (int i = 0; i < STEPS; i++)
        IG_SCOPE(c)
            (void)step(c, in, net);
}

/* The state's tensors go in and, bound as the `.next` outputs, out. */
static int graph_turn(ig_model *m, ig_tensor *const *data, ig_tensor **state, int n)
{
    ig_tensor *in[STATE_MAX + 2] = {data[0], data[1]}, *loss = NULL;
    ig_tensor **out[STATE_MAX + 1] = {&loss};
    for (int i = 0; i < n; i++) {
        in[2 + i] = state[i];
        out[1 + i] = &state[i];
    }
    for (int i = 0; i < STEPS; i++)
        if (ig_model_run(m, (ig_inputs){n + 2, in}, (ig_outputs){n + 1, out}, NULL))
            return 1;
    ig_tensor_unref(loss);
    return 0;
}

static void report(double *eager, double *graph, int turns)
{
    qsort(eager, (size_t)turns, sizeof(*eager), by_value);
    qsort(graph, (size_t)turns, sizeof(*graph), by_value);
    double e = eager[turns / 2], g = graph[turns / 2];
    printf("a step: eager %.1f us, graph %.1f us; eager / graph: medians %.2f, minima "
           "%.2f\n",
           e / STEPS, g / STEPS, e / g, eager[0] / graph[0]);
}

static int take_turns(ig_ctx *c, ig_model *m, ig_tensor *const *in, mlp *net, int turns)
{
    ig_tensor *state[STATE_MAX];
    int n = ig_step_state(net->m, net->o, state, STATE_MAX), rc = n < 0;
    double *times = calloc(2 * (size_t)turns, sizeof(*times));
    for (int t = -2; times && !rc && t < turns; t++) { /* two turns to warm up */
        double begin = now();
        eager_turn(c, in, net);
        double middle = now();
        rc = graph_turn(m, in, state, n);
        if (t < 0)
            continue;
        times[t] = middle - begin;
        times[turns + t] = now() - middle;
    }
    if (times && !rc)
        report(times, times + turns, turns);
    free(times);
    return rc;
}

static int run(ig_ctx *c, mlp *net, int turns)
{
    int64_t ids[BATCH];
    for (int i = 0; i < BATCH; i++)
        ids[i] = i % OUT;
    ig_tensor *in[2] = {ig_randn(c, IG_FLOAT32, IG_SHAPE(BATCH, IN)),
                        ig_from(c, IG_INT64, IG_SHAPE(BATCH), ids)};
    ig_graph *g = ig_trace_step(
        c, step, net, net->m, net->o,
        &(ig_trace_opts){.inputs = {{"x", in[0]}, {"y", in[1]}}, .outputs = {"loss"}});
    ig_model *m = NULL;
    int rc = !g || ig_model_from_graph(&m, g, &(ig_model_opts){.threads = 1});
    if (!rc)
        rc = take_turns(c, m, in, net, turns);
    if (rc)
        fprintf(stderr, "%s%s\n", ig_ctx_message(c), g ? ig_error_message() : "");
    ig_model_free(m);
    ig_graph_free(g);
    return rc;
}

int main(int argc, char **argv)
{
    int turns = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 40, rc;
    ig_ctx *c;
    mlp net = {0};
    if (turns < 1 || ig_ctx_new(&c, &(ig_ctx_opts){.threads = 1})) {
        fprintf(stderr, "usage: step_bench [TURNS]\n");
        return 2;
    }
    net.m = ig_module_new(c, "mlp");
    net.l[0] = ig_nn_linear_new(net.m, "fc1", IN, HIDDEN, NULL);
    net.l[1] = ig_nn_linear_new(net.m, "fc2", HIDDEN, HIDDEN, NULL);
    net.l[2] = ig_nn_linear_new(net.m, "fc3", HIDDEN, OUT, NULL);
    net.o = ig_adam_new(ig_module_params(net.m), NULL);
    rc = run(c, &net, turns);
    ig_optim_free(net.o);
    ig_module_free(net.m);
    ig_ctx_free(c);
    return rc;
}
