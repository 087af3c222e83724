/* Modules, optimisers, data: what a training loop is made of.
 *
 * A module is a named tree of parameters. Layers are made inside a module and belong to
 * it. Ownership: ig_module_free frees a module, its children and layers; parameters
 * live as long as somebody holds them. Everything belongs to the context's thread. */
#ifndef INGOT_NN_H
#define INGOT_NN_H

#include <ingot/train.h>

IG_EXTERN_C_BEGIN

/* ---- modules
 * ------------------------------------------------------------------------------- */

typedef struct ig_module ig_module;

/* A root module; NULL with the error in the context. */
IG_API ig_module *ig_module_new(ig_ctx *c, const char *name);
/* A child: its parameters are named "child.param". */
IG_API ig_module *ig_module_child(ig_module *parent, const char *name);
/* Roots: children go with theirs, so a child is left alone; NULL is harmless. */
IG_API void ig_module_free(ig_module *m);
IG_API ig_ctx *ig_module_ctx(const ig_module *m);
/* Adds a parameter (it will require a gradient) or a buffer (it will not); retains.
 * Returns t. */
IG_API ig_tensor *ig_module_param(ig_module *m, const char *name, ig_tensor *t);
IG_API ig_tensor *ig_module_buffer(ig_module *m, const char *name, ig_tensor *t);

/* All parameters below a module, in the order they were added; one that has several
 * names (tied weights) once, under the first. */
typedef struct ig_params {
    ig_ctx *c;
    int n;
    ig_tensor *const *v;      /* borrowed from the module */
    const char *const *names; /* full names, "fc1.weight" */
} ig_params;
IG_API ig_params ig_module_params(ig_module *m);
/* Parameters and buffers, under all names. */
IG_API ig_params ig_module_state(ig_module *m);
IG_API void ig_module_clear_grads(ig_module *m);

typedef struct ig_load_report {
    int loaded, missing, unexpected;
    char text[1024]; /* names of missing and unexpected ones, cut */
} ig_load_report;
/* State as .safetensors, written atomically; read back by name into existing tensors.
 * With a report, missing and unexpected names are no error. */
IG_API ig_status ig_module_save(ig_module *m, const char *path);
IG_API ig_status ig_module_load(ig_module *m, const char *path, ig_load_report *report);

/* ---- layers
 * ---------------------------------------------------------------------------------- */

typedef struct ig_nn_linear {
    ig_tensor *weight, *bias; /* [out, in], [out]; borrowed from the module */
} ig_nn_linear;
typedef struct ig_nn_linear_opts {
    bool no_bias;
    ig_dtype dtype; /* 0: float32 */
} ig_nn_linear_opts;
/* Uniform in +-1/sqrt(in), as PyTorch. NULL with the error in the context. */
IG_API ig_nn_linear *ig_nn_linear_new(ig_module *parent,
                                      const char *name,
                                      int64_t in,
                                      int64_t out,
                                      const ig_nn_linear_opts *opts);
IG_API ig_tensor *ig_nn_linear_apply_at(const char *where,
                                        ig_ctx *c,
                                        const ig_nn_linear *l,
                                        ig_tensor *x);
#define ig_nn_linear_apply(...) ig_nn_linear_apply_at(IG_HERE, __VA_ARGS__)

typedef struct ig_nn_conv2d {
    ig_tensor *weight, *bias; /* [out, in/groups, k, k], [out] */
    int64_t stride, pad, dilation, groups;
} ig_nn_conv2d;
typedef struct ig_nn_conv2d_opts {
    int64_t stride, pad, dilation, groups; /* 0: 1, 0, 1, 1 */
    bool no_bias;
    ig_dtype dtype;
} ig_nn_conv2d_opts;
IG_API ig_nn_conv2d *ig_nn_conv2d_new(ig_module *parent,
                                      const char *name,
                                      int64_t in,
                                      int64_t out,
                                      int64_t kernel,
                                      const ig_nn_conv2d_opts *opts);
IG_API ig_tensor *ig_nn_conv2d_apply_at(const char *where,
                                        ig_ctx *c,
                                        const ig_nn_conv2d *l,
                                        ig_tensor *x);
#define ig_nn_conv2d_apply(...) ig_nn_conv2d_apply_at(IG_HERE, __VA_ARGS__)

typedef struct ig_nn_layer_norm {
    ig_tensor *weight, *bias; /* [size] */
    double eps;
} ig_nn_layer_norm;
/* Over the last axis. */
IG_API ig_nn_layer_norm *
ig_nn_layer_norm_new(ig_module *parent, const char *name, int64_t size, double eps);
IG_API ig_tensor *ig_nn_layer_norm_apply_at(const char *where,
                                            ig_ctx *c,
                                            const ig_nn_layer_norm *l,
                                            ig_tensor *x);
#define ig_nn_layer_norm_apply(...) ig_nn_layer_norm_apply_at(IG_HERE, __VA_ARGS__)

typedef struct ig_nn_embedding {
    ig_tensor *weight; /* [count, size] */
} ig_nn_embedding;
/* Normal(0, 1), as PyTorch. */
IG_API ig_nn_embedding *
ig_nn_embedding_new(ig_module *parent, const char *name, int64_t count, int64_t size);
IG_API ig_tensor *ig_nn_embedding_apply_at(const char *where,
                                           ig_ctx *c,
                                           const ig_nn_embedding *l,
                                           ig_tensor *ids);
#define ig_nn_embedding_apply(...) ig_nn_embedding_apply_at(IG_HERE, __VA_ARGS__)

/* ---- optimisers
 * --------------------------------------------------------------------------------- */

typedef struct ig_optim ig_optim;

typedef struct ig_sgd_opts {
    double lr; /* 0: 0.01 */
    double momentum, weight_decay;
    bool nesterov;
} ig_sgd_opts;
typedef struct ig_adam_opts {
    double lr;           /* 0: 1e-3 */
    double beta1, beta2; /* 0: 0.9, 0.999 */
    double eps;          /* 0: 1e-8 */
    double weight_decay;
    bool decoupled; /* AdamW */
} ig_adam_opts;
/* Retains the parameters. NULL with the error in the context. Adam corrects its moments
 * by the number of steps that each parameter has made. */
IG_API ig_optim *ig_sgd_new(ig_params params, const ig_sgd_opts *opts);
IG_API ig_optim *ig_adam_new(ig_params params, const ig_adam_opts *opts);
IG_API void ig_optim_free(ig_optim *o);
/* Updates every parameter that has a gradient, in place, and clears the gradients. */
IG_API ig_status ig_optim_step_at(const char *where, ig_optim *o);
#define ig_optim_step(...) ig_optim_step_at(IG_HERE, __VA_ARGS__)
/* Not in a trace: a traced step has the rate as its input lr. */
IG_API void ig_optim_set_lr(ig_optim *o, double lr);
/* Scales all gradients so that their common (Euclidean) norm is at most max_norm; gives
 * the norm from before, float64, 0-d. A norm that is no number changes nothing. */
IG_API ig_tensor *
ig_clip_grads_at(const char *where, ig_params params, double max_norm);
#define ig_clip_grads(...) ig_clip_grads_at(IG_HERE, __VA_ARGS__)
/* The same, read as a number: in a trace an escape. */
IG_API double
ig_clip_grad_norm_at(const char *where, ig_params params, double max_norm);
#define ig_clip_grad_norm(...) ig_clip_grad_norm_at(IG_HERE, __VA_ARGS__)

/* ---- data in memory
 * ------------------------------------------------------------------------------- */

typedef struct ig_loader ig_loader;
typedef struct ig_loader_opts {
    int64_t batch; /* 0: 32 */
    int epochs;    /* 0: 1 */
    bool no_shuffle;
    bool drop_last; /* leave out a last batch that is not full */
    uint64_t seed;  /* order = f(seed, epoch) */
} ig_loader_opts;
/* Batches along axis 0 of tensors of equal length; retains them. */
IG_API ig_loader *
ig_loader_new(ig_ctx *c, ig_tensor *x, ig_tensor *y, const ig_loader_opts *opts);
/* The next batch; false at the end. The tensors belong to the loader until the next
 * call; y may be NULL when the loader has none. */
IG_API bool ig_loader_next(ig_loader *l, ig_tensor **x, ig_tensor **y);
IG_API int ig_loader_epoch(const ig_loader *l);
IG_API void ig_loader_free(ig_loader *l);

IG_EXTERN_C_END
#endif
