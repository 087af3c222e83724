/* Tracing: a C function of eager calls becomes a static graph that runs, saves and
 * exports.
 *
 * The function runs on example inputs and each call is recorded. Whatever leaves the
 * library as a plain number is an escape: the value of a tensor, a random draw, a data
 * pointer. An escape that nobody accounts for makes the trace fail and is listed with
 * file and line. Sizes stay plain int64_t: with `dynamic`, the function runs at several
 * sizes, and every integer that changed between the runs is solved as a function of the
 * named dims and checked at a further size (differential tracing). What does not fit
 * fails with file and line. */
#ifndef INGOT_TRACE_H
#define INGOT_TRACE_H

#include <ingot/train.h>

IG_EXTERN_C_BEGIN

#define IG_TRACE_INPUTS_MAX 16

struct ig_module; /* <ingot/nn.h> */
struct ig_optim;

typedef ig_fn ig_trace_fn;
typedef ig_fn_n ig_trace_fn_n; /* several results: writes n_out of them */

/* Inputs and results of any kind: sequences and optionals too. */
typedef ig_status (*ig_trace_fn_values)(ig_ctx *c,
                                        ig_value *const *in,
                                        ig_value **out,
                                        void *user);

typedef struct ig_trace_input {
    const char *name;
    ig_tensor *example;
    ig_value *value; /* an example that is no tensor; NULL: `example` */
} ig_trace_input;

typedef struct ig_trace_opts {
    ig_trace_input inputs[IG_TRACE_INPUTS_MAX]; /* ended by a NULL name */
    const char *outputs[IG_TRACE_INPUTS_MAX];   /* names; missing ones are made */
    const char *dynamic; /* "image: N,1,28,28; mask: N,T"; NULL: all sizes are fixed */
    const char *name;    /* of the graph */
    bool no_self_test;   /* else the examples and their results go into the file */
} ig_trace_opts;

/* The graph is the caller's (ig_graph_free); NULL with the error in the context.
 * Tensors from outside (parameters) become constants, copied, under their module's
 * names. Gradients are not recorded meanwhile unless the function takes them itself. */
IG_API ig_graph *ig_trace_at(const char *where,
                             ig_ctx *c,
                             ig_trace_fn fn,
                             void *user,
                             const ig_trace_opts *opts);
IG_API ig_graph *ig_trace_n_at(const char *where,
                               ig_ctx *c,
                               ig_trace_fn_n fn,
                               void *user,
                               int n_out,
                               const ig_trace_opts *opts);
IG_API ig_graph *ig_trace_values_at(const char *where,
                                    ig_ctx *c,
                                    ig_trace_fn_values fn,
                                    void *user,
                                    int n_out,
                                    const ig_trace_opts *opts);
#define ig_trace(...)        ig_trace_at(IG_HERE, __VA_ARGS__)
#define ig_trace_n(...)      ig_trace_n_at(IG_HERE, __VA_ARGS__)
#define ig_trace_values(...) ig_trace_values_at(IG_HERE, __VA_ARGS__)

/* A whole training step as one graph: fn calls ig_backward, ig_clip_grads,
 * ig_optim_step on the module's parameters and returns the loss (or other tensors).
 *   inputs   those of opts, then the state: parameters and buffers of the module under
 *            their names ("fc1.weight"), and the optimiser's numbers under theirs
 * ("lr", "step", "fc1.weight.m", "fc1.weight.v", "fc1.weight.velocity") outputs  the
 * results of fn, then the next value of each state, "fc1.weight.next" A run that is
 * given state tensors updates parameters and moments in their memory; with the same
 * tensors bound as the `.next` outputs, all of the state moves on, and the next run
 * continues. The trace itself leaves module and optimiser as they were. One of m and o
 * may be NULL. Gradients from before must have been applied or cleared.
 * Dynamic sizes, errors and ownership: as ig_trace. */
IG_API ig_graph *ig_trace_step_at(const char *where,
                                  ig_ctx *c,
                                  ig_trace_fn fn,
                                  void *user,
                                  struct ig_module *m,
                                  struct ig_optim *o,
                                  const ig_trace_opts *opts);
#define ig_trace_step(...) ig_trace_step_at(IG_HERE, __VA_ARGS__)
/* The tensors of that state now, in the order of the graph's inputs; up to `cap` of
 * them into out, borrowed. Returns their number, -1 with the error in the context. */
IG_API int
ig_step_state(struct ig_module *m, struct ig_optim *o, ig_tensor **out, int cap);

/* ig_item whose value may be burned into a trace as a constant. */
IG_API double ig_item_constant_at(const char *where, ig_ctx *c, ig_tensor *t);
#define ig_item_constant(...) ig_item_constant_at(IG_HERE, __VA_ARGS__)

IG_EXTERN_C_END
#endif
