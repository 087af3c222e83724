/* A training step of a small model (bench/mlp_step.h), eager and as one graph.
 *
 * usage: step_bench [TURNS]
 *        step_bench graph|eager STEPS     only that, for profilers
 *
 * The two take turns, and the ratio of the medians and of the minima of all turns is
 * printed: times on a shared machine mean little alone. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/mlp_step.h"

enum { STEPS = 50 };

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
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

static int take_turns(mlp_bench *b, int turns)
{
    int rc = 0;
    double *times = calloc(2 * (size_t)turns, sizeof(*times));
    for (int t = -2; times && !rc && t < turns; t++) { /* two turns to warm up */
        double begin = mlp_bench_now();
        rc = mlp_bench_eager(b, STEPS);
        double middle = mlp_bench_now();
        rc = rc || mlp_bench_graph(b, STEPS);
        if (t < 0)
            continue;
        times[t] = middle - begin;
        times[turns + t] = mlp_bench_now() - middle;
    }
    if (times && !rc)
        report(times, times + turns, turns);
    free(times);
    return rc;
}

int main(int argc, char **argv)
{
    bool only = argc == 3 && (!strcmp(argv[1], "graph") || !strcmp(argv[1], "eager"));
    int n = argc > 1 ? (int)strtol(argv[argc - 1], NULL, 10) : 40, rc;
    if (n < 1 || (argc > 2 && !only)) {
        fprintf(stderr, "usage: step_bench [TURNS] | graph STEPS | eager STEPS\n");
        return 2;
    }
    mlp_bench *b = mlp_bench_new();
    if (!b)
        return 1;
    rc = !only             ? take_turns(b, n)
         : *argv[1] == 'g' ? mlp_bench_graph(b, n)
                           : mlp_bench_eager(b, n);
    mlp_bench_free(b);
    return rc;
}
