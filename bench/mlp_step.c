#include "bench/mlp_step.h"

#include <ingot/ingot.h>
#include <ingot/train.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { STATE_MAX = 32 };

struct mlp_bench {
    ig_ctx *c;
    ig_module *m;
    ig_nn_linear *l[3];
    ig_optim *o;
    ig_tensor *in[2];
    ig_graph *g;
    ig_model *model;
    ig_tensor *state[STATE_MAX]; /* borrowed */
    int n_state;
};

double mlp_bench_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec * 1e-3;
}

static ig_tensor *step(ig_ctx *c, ig_tensor *const *in, void *user)
{
    mlp_bench *b = user;
    ig_tensor *h = ig_relu(c, ig_nn_linear_apply(c, b->l[0], in[0]));
    h = ig_relu(c, ig_nn_linear_apply(c, b->l[1], h));
    ig_tensor *loss = ig_cross_entropy(c, ig_nn_linear_apply(c, b->l[2], h), in[1]);
    (void)ig_backward(c, loss);
    (void)ig_clip_grads(ig_module_params(b->m), 1.0);
    (void)ig_optim_step(b->o);
    return loss;
}

int mlp_bench_eager(mlp_bench *b, int n)
{
    for (int i = 0; i < n; i++)
        IG_SCOPE(b->c)
            (void)step(b->c, b->in, b);
    return ig_ctx_status(b->c) != IG_OK;
}

/* The state's tensors go in and, bound as the `.next` outputs, out. */
int mlp_bench_graph(mlp_bench *b, int n)
{
    ig_tensor *in[STATE_MAX + 2] = {b->in[0], b->in[1]}, *loss = NULL;
    ig_tensor **out[STATE_MAX + 1] = {&loss};
    int n_state = b->n_state;
    for (int i = 0; i < n_state; i++) {
        in[2 + i] = b->state[i];
        out[1 + i] = &b->state[i];
    }
    for (int i = 0; i < n; i++)
        if (ig_model_run(b->model, (ig_inputs){n_state + 2, in},
                         (ig_outputs){n_state + 1, out}, NULL))
            return 1;
    ig_tensor_unref(loss);
    return 0;
}

static int prepare(mlp_bench *b)
{
    int64_t ids[MLP_BATCH];
    if (ig_ctx_new(&b->c, &(ig_ctx_opts){.threads = 1}))
        return 1;
    ig_ctx *c = b->c;
    b->m = ig_module_new(c, "mlp");
    b->l[0] = ig_nn_linear_new(b->m, "fc1", MLP_IN, MLP_HIDDEN, NULL);
    b->l[1] = ig_nn_linear_new(b->m, "fc2", MLP_HIDDEN, MLP_HIDDEN, NULL);
    b->l[2] = ig_nn_linear_new(b->m, "fc3", MLP_HIDDEN, MLP_OUT, NULL);
    b->o = ig_adam_new(ig_module_params(b->m), NULL);
    for (int i = 0; i < MLP_BATCH; i++)
        ids[i] = i % MLP_OUT;
    b->in[0] = ig_randn(c, IG_FLOAT32, IG_SHAPE(MLP_BATCH, MLP_IN));
    b->in[1] = ig_from(c, IG_INT64, IG_SHAPE(MLP_BATCH), ids);
    b->g = ig_trace_step(c, step, b, b->m, b->o,
                         &(ig_trace_opts){.inputs = {{"x", b->in[0]}, {"y", b->in[1]}},
                                          .outputs = {"loss"}});
    if (!b->g || ig_model_from_graph(&b->model, b->g, &(ig_model_opts){.threads = 1}))
        return 1;
    b->n_state = ig_step_state(b->m, b->o, b->state, STATE_MAX);
    return b->n_state < 0;
}

mlp_bench *mlp_bench_new(void)
{
    mlp_bench *b = calloc(1, sizeof(*b));
    if (!b || prepare(b) == 0)
        return b;
    fprintf(stderr, "%s%s\n", b->c ? ig_ctx_message(b->c) : "", ig_error_message());
    mlp_bench_free(b);
    return NULL;
}

void mlp_bench_free(mlp_bench *b)
{
    if (!b)
        return;
    ig_model_free(b->model);
    ig_graph_free(b->g);
    ig_optim_free(b->o);
    ig_module_free(b->m);
    ig_ctx_free(b->c);
    free(b);
}
