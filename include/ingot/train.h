/* Eager tensors with autograd: write research code in plain C, train it, trace it into
 * a graph.
 *
 * A context holds the first error, the scopes, the tape and the random state. Calls
 * return tensors; the first error wins, NULL inputs give NULL outputs, so formulas nest
 * and are checked once: IG_SCOPE(c) { ig_tensor *loss = ig_mean(c, ig_relu(c,
 * ig_matmul(c, x, w)), IG_ALL, false); ig_backward(c, loss);
 *     }
 *     if (ig_ctx_status(c)) puts(ig_ctx_message(c));
 * Ownership: a tensor returned by a call that takes a context belongs to the innermost
 * scope and dies with it; ig_keep gives the caller a reference of his own
 * (ig_tensor_unref). Threads: a context and its tensors belong to one thread; several
 * contexts may run at once. */
#ifndef INGOT_TRAIN_H
#define INGOT_TRAIN_H

#include <ingot/base.h>
#include <ingot/graph.h>
#include <ingot/ingot.h>

IG_EXTERN_C_BEGIN

/* ---- contexts
 * --------------------------------------------------------------------------- */

typedef struct ig_ctx_opts {
    const char *device; /* where new tensors live; NULL: "cpu" */
    int threads;        /* 0: as many as the process may use */
    uint64_t seed;      /* of all random calls; 0: a fixed default */
    bool anomaly;       /* check every gradient for NaN and name the forward line */
    bool deterministic; /* refuse kernels whose results may vary between runs
                           (IG_KERNEL_VARIES): slower where only such a one is there */
    const ig_registry *registry; /* NULL: built-in */
} ig_ctx_opts;

IG_API ig_status ig_ctx_new(ig_ctx **out, const ig_ctx_opts *opts);
/* Frees all scopes; kept tensors stay valid, modules and optimisers can only be freed
 * then. */
IG_API void ig_ctx_free(ig_ctx *c);
/* The first error since the context was made or cleared. */
IG_API ig_status ig_ctx_status(const ig_ctx *c);
/* "file.c:12: Relu: ... (inputs: float32[2,3])"; "" without error. */
IG_API const char *ig_ctx_message(const ig_ctx *c);
IG_API void ig_ctx_clear(ig_ctx *c);
IG_API void ig_ctx_seed(ig_ctx *c, uint64_t seed);
/* For code that wraps calls: records an error as if a call at `where` had failed. */
IG_API ig_status ig_ctx_fail(
    ig_ctx *c, const char *where, ig_status code, const char *fmt, ...) IG_PRINTF(4, 5);

/* ---- scopes
 * ------------------------------------------------------------------------------ */

typedef struct ig_scope {
    ig_ctx *c;
    size_t mark;
} ig_scope;
IG_API ig_scope ig_scope_enter(ig_ctx *c);
IG_API void ig_scope_leave(ig_scope *s); /* harmless when left already */
#if defined(__GNUC__)
#define IG_CLEANUP_(fn_) __attribute__((cleanup(fn_)))
#else
#define IG_CLEANUP_(fn_) /* the next outer scope cleans up after break or return */
#endif
/* IG_SCOPE(c) { ... }: temporaries made inside die at its end, also by break and
 * return. */
#define IG_SCOPE(c_)                                                                   \
    for (ig_scope ig_scope_ IG_CLEANUP_(ig_scope_leave) = ig_scope_enter(c_);          \
         ig_scope_.c; ig_scope_leave(&ig_scope_))
/* A reference of the caller's own that outlives the scope. */
IG_API ig_tensor *ig_keep(ig_ctx *c, ig_tensor *t);

/* Gradient recording off inside: IG_NO_GRAD(c) { ... }. */
typedef struct ig_grad_mode {
    ig_ctx *c;
    bool before;
} ig_grad_mode;
IG_API ig_grad_mode ig_grad_mode_set(ig_ctx *c, bool record);
IG_API void ig_grad_mode_restore(ig_grad_mode *m);
IG_API bool ig_grad_enabled(const ig_ctx *c);
#define IG_NO_GRAD(c_)                                                                 \
    for (ig_grad_mode ig_mode_ IG_CLEANUP_(ig_grad_mode_restore) =                     \
             ig_grad_mode_set(c_, false);                                              \
         ig_mode_.c; ig_grad_mode_restore(&ig_mode_))

/* ---- shapes
 * ------------------------------------------------------------------------------- */

typedef struct ig_shape {
    int rank;
    const int64_t *dims;
} ig_shape;
#ifdef __cplusplus
IG_EXTERN_C_END
#include <initializer_list>
/* In C++ a temporary array lives to the end of the full expression. */
static inline ig_shape ig_shape_make(std::initializer_list<int64_t> l)
{
    return ig_shape{(int)l.size(), l.begin()};
}
IG_EXTERN_C_BEGIN
#define IG_SHAPE(...) ig_shape_make({__VA_ARGS__})
#else
#define IG_SHAPE(...)                                                                  \
    ((ig_shape){(int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)),             \
                (const int64_t[]){__VA_ARGS__}})
#endif
#define IG_SCALAR ig_shape_scalar()
static inline ig_shape ig_shape_scalar(void)
{
    ig_shape s = {0, NULL};
    return s;
}
#define IG_ALL INT64_MIN /* as an axis: reduce over all axes */

/* ---- making tensors
 * ------------------------------------------------------------------------ */

IG_API ig_tensor *
ig_zeros_at(const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape);
IG_API ig_tensor *
ig_full_at(const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape, double value);
IG_API ig_tensor *ig_from_at(
    const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape, const void *data);
IG_API ig_tensor *ig_arange_at(const char *where,
                               ig_ctx *c,
                               ig_dtype dtype,
                               double start,
                               double stop,
                               double step);
/* Normal (mean 0, deviation 1) and uniform [0, 1): from the context's seed and draw
 * number. */
IG_API ig_tensor *
ig_randn_at(const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape);
IG_API ig_tensor *
ig_rand_at(const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape);
/* A 0-d tensor. */
IG_API ig_tensor *
ig_scalar_at(const char *where, ig_ctx *c, ig_dtype dtype, double value);
#define ig_zeros(...)  ig_zeros_at(IG_HERE, __VA_ARGS__)
#define ig_full(...)   ig_full_at(IG_HERE, __VA_ARGS__)
#define ig_from(...)   ig_from_at(IG_HERE, __VA_ARGS__)
#define ig_arange(...) ig_arange_at(IG_HERE, __VA_ARGS__)
#define ig_randn(...)  ig_randn_at(IG_HERE, __VA_ARGS__)
#define ig_rand(...)   ig_rand_at(IG_HERE, __VA_ARGS__)
#define ig_scalar(...) ig_scalar_at(IG_HERE, __VA_ARGS__)

/* ---- reading values (escapes while tracing)
 * -------------------------------------------------- */

/* The only element of a tensor as a number. */
IG_API double ig_item_at(const char *where, ig_ctx *c, ig_tensor *t);
/* Size of an axis; negative counts from the end. */
IG_API int64_t ig_size_at(const char *where, ig_ctx *c, ig_tensor *t, int axis);
#define ig_item(...) ig_item_at(IG_HERE, __VA_ARGS__)
#define ig_size(...) ig_size_at(IG_HERE, __VA_ARGS__)
/* "float32[2,3] [[1, 2, 3], [4, 5, 6]]" as NumPy would; free with ig_string_free. */
IG_API ig_status ig_tensor_format(const ig_tensor *t, char **out);

/* ---- any operator
 * ------------------------------------------------------------------------------ */

/* The general form of every call: inputs NULL = absent; outputs are made and belong to
 * the innermost scope. Errors stay in the context and are returned. */
IG_API ig_status ig_dispatch(ig_ctx *c,
                             const ig_call *call,
                             ig_value *const *in,
                             ig_value **out);
/* By name, plugin operators included: ig_call_op(c, "ingot::Linear", &attrs, in, 2,
 * out, 1). */
IG_API ig_status ig_call_op_at(const char *where,
                               ig_ctx *c,
                               const char *op,
                               const void *attrs,
                               ig_tensor *const *in,
                               int n_in,
                               ig_tensor **out,
                               int n_out);
#define ig_call_op(...) ig_call_op_at(IG_HERE, __VA_ARGS__)

/* ---- autograd
 * ------------------------------------------------------------------------------------
 */

/* Marks a leaf; only leaves (no history) and floating types. Returns t. */
IG_API ig_tensor *
ig_requires_grad_at(const char *where, ig_ctx *c, ig_tensor *t, bool on);
#define ig_requires_grad(...) ig_requires_grad_at(IG_HERE, __VA_ARGS__)
IG_API bool ig_tensor_requires_grad(const ig_tensor *t);
/* Accumulated gradient of a leaf, borrowed; NULL: none. */
IG_API ig_tensor *ig_tensor_grad(const ig_tensor *t);
IG_API void ig_tensor_clear_grad(ig_tensor *t);
/* The tensor on a device ("cpu", or one of a plugin: "cuda"): t itself when it lies
 * there. Calls run where their inputs lie; host tensors follow the others, and what a
 * device has no kernel for runs on the CPU between copies (IG_LOG=dispatch shows it).
 * Gradients flow through; in a trace it is nothing, for nets are placed as a whole.
 * Errors: DEVICE (no such device), UNSUPPORTED (no such hardware). */
IG_API ig_tensor *
ig_to_at(const char *where, ig_ctx *c, ig_tensor *t, const char *device);
#define ig_to(...) ig_to_at(IG_HERE, __VA_ARGS__)
/* Same storage and version counter, no history. */
IG_API ig_tensor *ig_detach_at(const char *where, ig_ctx *c, ig_tensor *t);
#define ig_detach(...) ig_detach_at(IG_HERE, __VA_ARGS__)

typedef struct ig_backward_opts {
    ig_tensor *dy;     /* gradient of the loss; NULL: one (a scalar loss) */
    bool retain_graph; /* the tape may be walked again */
    bool create_graph; /* gradients can be differentiated; implies retain_graph */
} ig_backward_opts;
/* Adds d(loss)/d(leaf) into the gradient of every leaf that requires one. */
IG_API ig_status ig_backward_at(const char *where,
                                ig_ctx *c,
                                ig_tensor *loss,
                                const ig_backward_opts *opts);
#define ig_backward(c_, loss_) ig_backward_at(IG_HERE, c_, loss_, NULL)
#define ig_backward_ex(...)    ig_backward_at(IG_HERE, __VA_ARGS__)

typedef struct ig_grad_opts {
    ig_tensor *const *dys; /* per y; NULL: ones for scalars */
    bool retain_graph, create_graph;
    bool allow_unused; /* else a y that does not depend on an x is an error */
} ig_grad_opts;
/* dxs[i] = d(sum ys)/d(xs[i]) for these inputs only; touches no leaf's gradient. */
IG_API ig_status ig_grad_at(const char *where,
                            ig_ctx *c,
                            ig_tensor *const *ys,
                            int n_y,
                            ig_tensor *const *xs,
                            int n_x,
                            ig_tensor **dxs,
                            const ig_grad_opts *opts);
#define ig_grad(...) ig_grad_at(IG_HERE, __VA_ARGS__)

/* ---- functions of tensors: for ig_checkpoint and ig_trace ---- */

typedef ig_tensor *(*ig_fn)(ig_ctx *c, ig_tensor *const *in, void *user);
/* Several results: writes them to out. */
typedef ig_status (*ig_fn_n)(ig_ctx *c,
                             ig_tensor *const *in,
                             ig_tensor **out,
                             void *user);

#define IG_CHECKPOINT_MAX 16
/* Activation checkpoint: fn(c, in, user), whose intermediate values are not kept for
 * backward but made again by a second run of fn when backward needs the first of them.
 * Values and gradients are those of the plain call; memory is that of the inputs.
 *   in    n tensors, at most IG_CHECKPOINT_MAX; NULL entries are passed on.
 *   user  what fn reads through it (parameters) gets its gradients too; it must stay
 *         valid until the tape is done with the call.
 * The second run sees the same inputs, seed and random draws, with recording on. It
 * must make the same calls on tensors of the same types; otherwise backward fails and
 * names the first call that differs. Side effects of fn happen twice, and a tensor that
 * the second run puts aside has no history that backward could use. Checkpoints nest,
 * and work under create_graph, ig_grad and in traces. Inputs and parameters must not be
 * changed in place before backward. With recording off it is the plain call. */
IG_API ig_tensor *ig_checkpoint_at(
    const char *where, ig_ctx *c, ig_fn fn, ig_tensor *const *in, int n, void *user);
/* n_out results, 1 to IG_CHECKPOINT_MAX, into out. */
IG_API ig_status ig_checkpoint_n_at(const char *where,
                                    ig_ctx *c,
                                    ig_fn_n fn,
                                    ig_tensor *const *in,
                                    int n,
                                    ig_tensor **out,
                                    int n_out,
                                    void *user);
#define ig_checkpoint(...)   ig_checkpoint_at(IG_HERE, __VA_ARGS__)
#define ig_checkpoint_n(...) ig_checkpoint_n_at(IG_HERE, __VA_ARGS__)

/* In place: x op= y; returns x. Under the rules of autograd: x may be a view (its base
 * and all other views see the new values, gradients and traces know of it) or have
 * views; a value that backward still needs must not be overwritten, which backward
 * says. Errors: x is a leaf that requires a gradient, or a view of one (IG_NO_GRAD
 * updates it); elements of x share memory (ig_expand); x was made without recording
 * while its base needs a gradient; in a trace, x comes from outside. Operators with
 * several outputs (Split) give copies, not views. */
IG_API ig_tensor *
ig_add_inplace_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *y);
IG_API ig_tensor *
ig_mul_inplace_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *y);
IG_API ig_tensor *ig_relu_inplace_at(const char *where, ig_ctx *c, ig_tensor *x);
/* Overwrites x with the values of y (types and shapes equal), or with a number. */
IG_API ig_tensor *
ig_copy_inplace_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *y);
IG_API ig_tensor *
ig_fill_inplace_at(const char *where, ig_ctx *c, ig_tensor *x, double value);
#define ig_add_(...)  ig_add_inplace_at(IG_HERE, __VA_ARGS__)
#define ig_mul_(...)  ig_mul_inplace_at(IG_HERE, __VA_ARGS__)
#define ig_relu_(...) ig_relu_inplace_at(IG_HERE, __VA_ARGS__)
#define ig_copy_(...) ig_copy_inplace_at(IG_HERE, __VA_ARGS__)
#define ig_fill_(...) ig_fill_inplace_at(IG_HERE, __VA_ARGS__)

IG_EXTERN_C_END

#include <ingot/eager.h>
#include <ingot/nn.h>
#include <ingot/ops.h>
#include <ingot/trace.h>

#endif
