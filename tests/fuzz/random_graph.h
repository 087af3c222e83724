/* Random valid graphs: samples of operators from the registry, whose inputs are results
 * of earlier nodes where these can be made to fit (cast, reshaped, cut, brought into a
 * range), else graph inputs or constants.
 *
 * Every node runs as it is added, by single calls, so a graph never fails and comes
 * with its values. Operators that draw random numbers or write in place are left out.
 */
#ifndef TESTS_FUZZ_RANDOM_GRAPH_H
#define TESTS_FUZZ_RANDOM_GRAPH_H

#include "graph/core/arena.h"
#include "graph/runtime/invoke.h"
#include "tests/fuzz/chance.h"
#include "tools/suite/suite.h"

enum { RG_VALUES = 400, RG_STEPS = 160, RG_PORTS_OUT = 14, RG_INPUTS = 12 };

typedef enum rg_kind { RG_INPUT, RG_CONSTANT, RG_RESULT } rg_kind;

typedef struct rg_value {
    ig_value *v;
    rg_kind kind;
    bool exact; /* moved, not computed in floats: equal in bits however it is optimised
                 */
    bool constant; /* computed from constants only: folding makes it one */
    bool fixed;    /* decides something, a shape or a branch: never shaken */
    int uses;
} rg_value;

typedef struct rg_step {
    ig_call call;
    const igi_op *op;
    void *attrs;
    bool smooth;
    int in[SUITE_PORTS], out[SUITE_PORTS]; /* values; -1: absent, not wanted */
} rg_step;

typedef struct random_graph {
    igi_arena arena; /* of attributes */
    igi_invoker invoker;
    chance *r;
    ig_dtype dtype; /* of most values */
    rg_value value[RG_VALUES];
    rg_step step[RG_STEPS];
    int n_values, n_steps, n_inputs;
    bool half;                           /* some values are float16 or coarser */
    int output[RG_PORTS_OUT], n_outputs; /* values; all results nobody reads, if few */
} random_graph;

/* Up to `nodes` samples and what adapts their inputs. */
void random_graph_make(random_graph *g, chance *r, int nodes);
void random_graph_free(random_graph *g);

/* A change of all float inputs and constants by about one rounding; 0: none. */
ig_value *random_graph_shaken(const random_graph *g, int value, uint64_t seed);

/* As a graph with inputs "x<value>" and outputs "y<value>"; `symbols`: dims other than
 * 1 are symbols named after their size; `seed`: constants are shaken. */
ig_status
random_graph_build(const random_graph *g, bool symbols, uint64_t seed, ig_graph **out);
/* The same calls traced. */
ig_graph *random_graph_trace(const random_graph *g, ig_ctx *ctx);
const char *random_graph_name(char stem, int value, char *buf, size_t size);

#endif
