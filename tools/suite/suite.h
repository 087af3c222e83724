/* The generic operator suite: every row of an operator's `samples` in every element
 * type, through every way in which a call can run.
 *
 * suite_operator.c  all checks of one operator
 * suite_case.c      makes inputs, compares results, collects failures
 * suite_flows.c     the ways a call can run: kernels, eager, nets, traces, files
 * suite_device.c    kernels of a device
 * suite_types.c     the reference in narrow types against float64
 * suite_grad.c      first and second gradients against finite differences
 * canary_alloc.c    guard bytes around all memory, leaks
 *
 * tests/operators/suite.c runs it for the built-in operators, `ingot check-plugin` for
 * those of a plugin. Threads: one. */
#ifndef TOOLS_SUITE_SUITE_H
#define TOOLS_SUITE_SUITE_H

#include <ingot/ingot.h>
#include <ingot/train.h>

#include "graph/core/tensor.h"
#include "graph/ir/graph.h"
#include "graph/ir/registry.h"

#define SUITE_PORTS 32

/* Set before the first case. */
typedef struct suite_setup {
    const ig_registry *registry; /* NULL: the built-in one */
    const char *folder;          /* where files are written and read again */
} suite_setup;
extern suite_setup suite_where;
const ig_registry *suite_registry(void);

typedef struct suite_case {
    const igi_op *op;
    const ig_sample *sample;
    ig_dtype dtype; /* of the first type variable */
    ig_call call;
    ig_value *in[SUITE_PORTS];   /* never given away: flows take copies */
    ig_value *want[SUITE_PORTS]; /* results of the reference */
    bool mutates;
    void *attrs; /* with bodies, when the sample makes some; else NULL */
} suite_case;

/* Adds to the failures of the running test, with operator, sample and type. */
void suite_fail(const suite_case *c, const char *flow, const char *fmt, ...)
    IG_PRINTF(3, 4);
int suite_failures(void);
void suite_failures_reset(void);

/* Inputs of one sample in one type; false when the type does not belong to it. */
bool suite_case_make(suite_case *c, const igi_op *op, int sample, ig_dtype dtype);
void suite_case_free(suite_case *c);
/* Results of the reference; false and a failure when it cannot run. */
bool suite_reference(const suite_case *c, ig_value **out);
/* Element types to try: those of the first type variable. */
uint64_t suite_dtypes(const igi_op *op, const ig_sample *s);
const ig_port *suite_in_port(const suite_case *c, int i);
const ig_port *suite_out_port(const suite_case *c, int i);

/* A copy in other memory; layout 0: contiguous, 1: every second element of a longer
 * last axis, 2: axes in reversed order. NULL for NULL. */
ig_tensor *suite_copy(const ig_tensor *t, int layout);
/* The same for any value; items of sequences and optionals are contiguous. */
ig_value *suite_copy_value(const ig_value *v, int layout);
/* Type equal and elements within the tolerance of the type; reports otherwise. */
bool suite_equal(const suite_case *c,
                 const char *flow,
                 int i,
                 const ig_value *got,
                 const ig_value *want);
void suite_drop(ig_tensor **v, int n);
void suite_drop_values(ig_value **v, int n);
/* Input i as a tensor; NULL when it is absent or none. */
static inline ig_tensor *suite_tensor(const suite_case *c, int i)
{
    return c->in[i] ? ig_value_tensor(c->in[i]) : NULL;
}
static inline bool suite_is_float64(const ig_value *v)
{
    return v && v->type.kind == IG_KIND_TENSOR && v->type.dtype == IG_FLOAT64;
}

/* Marks the kernels that took the case. */
void suite_kernels(suite_case *c, uint64_t *taken);
void suite_flows(suite_case *c);
/* Whether the reference of a narrow type agrees with that of float64. */
void suite_types(const suite_case *c);
/* Whether there was a gradient to compare. */
bool suite_gradients(suite_case *c);

/* A graph of the one call. Which inputs are constants: none, those of VALUE ports, all
 * but the first (as the weights of a model); or those of VALUE ports, and the dims of
 * the others are symbols. */
typedef enum suite_constants {
    SUITE_GIVEN,
    SUITE_VALUES,
    SUITE_WEIGHTS,
    SUITE_SYMBOLS
} suite_constants;
ig_status suite_graph(const suite_case *c, suite_constants which, ig_graph **out);
/* The graph written as ONNX and read again; NULL when it needs operators to come. */
ig_status suite_exported(const ig_graph *g, ig_graph **out);

/* Compiles and runs g on this case's inputs, in a layout of suite_copy. */
void suite_net(const suite_case *c,
               const char *flow,
               const ig_graph *g,
               const ig_net_opts *o,
               int layout);
/* The kernels of a device, alone and in nets; marks those that took the case. */
void suite_device(suite_case *c, int device, uint64_t *taken);

/* Every check of one operator; how many failed. And those of a device's kernels. */
int suite_operator(const igi_op *op);
int suite_operator_on(const igi_op *op, int device);

#endif
