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
#define IG_TRACE_PATHS_MAX  16

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
} ig_trace_input;

typedef struct ig_trace_opts {
    ig_trace_input inputs[IG_TRACE_INPUTS_MAX]; /* ended by a NULL name */
    ig_value
        *values[IG_TRACE_INPUTS_MAX]; /* of those without example: it is no tensor */
    /* Further examples, in the order of inputs and of their types, ended by NULL: the
     * paths that they take through C code become one graph (below). */
    ig_tensor *const *also[IG_TRACE_PATHS_MAX];
    const char *outputs[IG_TRACE_INPUTS_MAX]; /* names; missing ones are made */
    const char *dynamic; /* "image: N,1,28,28; mask: N,T"; NULL: all sizes are fixed */
    const char *name;    /* of the graph */
    bool no_self_test;   /* else the examples and their results go into the file */
} ig_trace_opts;

/* Several paths. With `also`, a value that the function reads (ig_item) is no escape: a
 * run of the graph takes the path of the example that read the same value there. Read
 * bools (ig_item of a comparison) or small integers:
 *     if (ig_item(c, ig_op_greater(c, ig_sum(c, x, IG_ALL, false), zero))) ...
 * A run that reads a value which no example has read fails with the place of the read
 * and the value, so there is no wrong answer; where the examples have read both true
 * and false, no run can. Examples that part without such a read fail the trace. Weights
 * are stored once; the rest of the function behind a decision is in both arms of an
 * If. Not together with `dynamic` or ig_trace_step. A graph in which a path may be
 * missing is not exported to ONNX, which has no way to say so.
 *
 * The graph is the caller's (ig_graph_free); NULL with the error in the context.
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

/* ---- structured regions ---- */

/* out = pred ? then_fn(in) : else_fn(in); pred: one bool, n_out results.
 *
 * In eager code one of the two runs, as a C branch would. In a trace both run once and
 * become the arms of an If, with gradients; tensors of the surroundings that they read
 * are captured. So both must give results of equal types, and what else they do (host
 * variables, prints) happens for both; in a trace neither a result that is what an arm
 * was given, or a view of it, nor that tensor can be written in place afterwards;
 * values that leave an arm as plain numbers are in the ledger of the trace under its
 * name. */
IG_API ig_status ig_cond_at(const char *where,
                            ig_ctx *c,
                            ig_tensor *pred,
                            ig_trace_fn_n then_fn,
                            ig_trace_fn_n else_fn,
                            ig_tensor *const *in,
                            ig_tensor **out,
                            int n_out,
                            void *user);
#define ig_cond(...) ig_cond_at(IG_HERE, __VA_ARGS__)

/* One round: writes n next states; *go_on: one bool, left NULL for "go on". `iter` is
 * the number of the round, int64 of rank 0. */
typedef ig_status (*ig_loop_fn)(ig_ctx *c,
                                ig_tensor *iter,
                                ig_tensor *const *state,
                                ig_tensor **next,
                                ig_tensor **go_on,
                                void *user);
/* Runs fn for at most `most` rounds (negative: no bound), as long as it goes on; state
 * [n] holds the states before, and afterwards. In a trace fn becomes the body of a
 * Loop, with gradients: it runs once, and once more when it changes the size of a
 * state, which is no number inside then. */
IG_API ig_status ig_loop_at(const char *where,
                            ig_ctx *c,
                            int64_t most,
                            ig_loop_fn fn,
                            ig_tensor **state,
                            int n,
                            void *user);
#define ig_loop(...) ig_loop_at(IG_HERE, __VA_ARGS__)

/* One slice: reads the states and a slice of each input (without the axis), writes
 * n_state next states of the same types and n_out results. */
typedef ig_status (*ig_scan_fn)(ig_ctx *c,
                                ig_tensor *const *state,
                                ig_tensor *const *item,
                                ig_tensor **next,
                                ig_tensor **result,
                                void *user);
typedef struct ig_scan_args {
    ig_tensor **state; /* [n_state] before, and afterwards */
    int n_state;
    ig_tensor *const *in; /* [n_in], at least one, as many slices each */
    int n_in;
    ig_tensor **out; /* [n_out] the results of all slices, stacked */
    int n_out;
    int axis;     /* of the slices in all inputs and results; negative: from the end */
    bool reverse; /* from the last slice to the first; results keep their places */
} ig_scan_args;
/* Runs fn for each slice of the inputs along an axis; states go round. In eager code a
 * C loop. In a trace fn runs once and becomes the body of a Scan, with gradients, which
 * runs at any length. No slice at all: the states stay, results have length 0; to know
 * their types fn runs once on zeros, and what it computes is dropped. */
IG_API ig_status ig_scan_at(
    const char *where, ig_ctx *c, ig_scan_fn fn, const ig_scan_args *args, void *user);
#define ig_scan(...) ig_scan_at(IG_HERE, __VA_ARGS__)

IG_EXTERN_C_END
#endif
