/* A training step of a small model, eager and as one graph: MLP 32-64-64-8 with ReLU,
 * batch 16, cross entropy, clipping by the global norm, Adam, on one thread
 * (PERFORMANCE part 5). For the benchmarks that compare them. */
#ifndef BENCH_MLP_STEP_H
#define BENCH_MLP_STEP_H

#ifdef __cplusplus
extern "C" {
#endif

enum { MLP_BATCH = 16, MLP_IN = 32, MLP_HIDDEN = 64, MLP_OUT = 8 };

typedef struct mlp_bench mlp_bench;
/* NULL with a message on stderr. */
mlp_bench *mlp_bench_new(void);
void mlp_bench_free(mlp_bench *b);
/* `n` steps; 0: fine. */
int mlp_bench_eager(mlp_bench *b, int n);
int mlp_bench_graph(mlp_bench *b, int n);
/* Microseconds. */
double mlp_bench_now(void);

#ifdef __cplusplus
}
#endif
#endif
