/* Graphs of cuDNN's backend, briefly: descriptors without error checks at each line,
 * and plans, what cuDNN has chosen to run a graph.
 *
 *     static void build(dnn_graph *g, const void *user)
 *     {
 *         dnn_desc x = dnn_tensor(g, type, rank, dims, strides), ...;
 *         dnn_convolve(g, DNN_FORWARD, dnn_window(g, ...), x, w, y);
 *     }
 *     rc = dnn_plan_make(&plan, (dnn_recipe){build, state}, target, rules);
 *
 * The first failure sticks: later calls do nothing and dnn_plan_make reports it. What
 * cuDNN refuses is UNSUPPORTED, so that `prepare` gives way to the next kernel.
 * Tensors with memory are numbered in the order in which they are made; dnn_plan_run
 * takes their addresses in that order. */
#ifndef OPERATORS_GPU_DNN_H
#define OPERATORS_GPU_DNN_H

#include "operators/gpu/library.h"

IG_EXTERN_C_BEGIN

typedef cudnnBackendDescriptor_t dnn_desc;

enum { DNN_OWNED = 96, DNN_OPS = 24, DNN_MEMORY = 12 };

typedef struct dnn_graph {
    dnn_desc owned[DNN_OWNED], op[DNN_OPS];
    int n_owned, n_ops;
    int n_memory;             /* tensors with memory; their numbers are 1, 2, ... */
    bool host[DNN_MEMORY];    /* those that are one number given by the host */
    float number[DNN_MEMORY]; /* that number */
    int n_virtual;
    bool loose; /* addresses are aligned for their element only, else to 16 bytes */
    cudnnStatus_t failed;
    const char *where; /* what failed */
} dnn_graph;

/* Where plans are made for: a handle's GPU, or one that is described (tests). */
typedef struct dnn_target {
    cudnnHandle_t handle;
    dnn_desc device; /* a finalized DEVICEPROP descriptor */
} dnn_target;

/* What a plan may do. */
typedef struct dnn_rules {
    uint32_t forbidden; /* mask of numerical notes: 1 << CUDNN_NUMERICAL_NOTE_... */
    int64_t workspace;  /* bytes at most */
} dnn_rules;

/* Describes a graph; called again for addresses that are not aligned to 16 bytes, so
 * `user` lives as long as the plan. */
typedef struct dnn_recipe {
    void (*build)(dnn_graph *g, const void *user);
    const void *user;
} dnn_recipe;

typedef struct dnn_plan dnn_plan;
struct dnn_plan {
    dnn_desc plan;
    int64_t workspace;
    int n;
    bool host[DNN_MEMORY];
    float number[DNN_MEMORY];
    dnn_recipe recipe;
    dnn_rules rules;
    dnn_plan *loose; /* made when first needed */
};

/* ---- types ---- */

/* -1: no type of cuDNN. */
int dnn_type(ig_dtype t);
/* What sums of that type are computed in. */
cudnnDataType_t dnn_compute(cudnnDataType_t t);
/* Rules for inputs of that type under the run's flags: float32 stays float32 unless
 * IG_RUN_TF32, IG_RUN_EXACT forbids Winograd and FFT, results repeat. */
dnn_rules dnn_rules_of(ig_dtype t, uint32_t flags);

/* ---- tensors ---- */

dnn_desc dnn_tensor(dnn_graph *g,
                    cudnnDataType_t type,
                    int rank,
                    const int64_t *dims,
                    const int64_t *strides);
/* Between two operations; never in memory. */
dnn_desc dnn_between(dnn_graph *g,
                     cudnnDataType_t type,
                     int rank,
                     const int64_t *dims,
                     const int64_t *strides);
/* One float, broadcast to `rank` dims; its address is not asked for. */
dnn_desc dnn_number(dnn_graph *g, int rank, float value);

/* ---- operations ---- */

typedef enum dnn_direction { DNN_FORWARD, DNN_DATA, DNN_FILTER } dnn_direction;

typedef struct dnn_axes { /* spatial axes of a window */
    int n;
    const int64_t *pre, *post, *stride, *dilation;
} dnn_axes;

dnn_desc dnn_window(dnn_graph *g, cudnnDataType_t compute, const dnn_axes *a);
/* y = conv(x, w), x = its transpose of y, or w = its gradient. */
void dnn_convolve(
    dnn_graph *g, dnn_direction d, dnn_desc window, dnn_desc x, dnn_desc w, dnn_desc y);

typedef struct dnn_point { /* a pointwise function; RELU_FWD is the plain one */
    cudnnPointwiseMode_t mode;
    cudnnDataType_t compute;
    int64_t axis; /* GEN_INDEX */
} dnn_point;
/* y = f(x), f(x, b), or t ? x : b; absent operands are NULL. */
void dnn_pointwise(
    dnn_graph *g, const dnn_point *p, dnn_desc x, dnn_desc b, dnn_desc t, dnn_desc y);
void dnn_reduce(dnn_graph *g, cudnnReduceTensorOp_t how, dnn_desc x, dnn_desc y);
void dnn_product(
    dnn_graph *g, cudnnDataType_t compute, dnn_desc a, dnn_desc b, dnn_desc c);

/* Pooling: forward x -> y, or backward dy -> dx (both as x, y here). */
void dnn_pool(dnn_graph *g,
              cudnnResampleMode_t mode,
              cudnnDataType_t compute,
              const dnn_axes *a,
              const int64_t *window,
              bool backward,
              dnn_desc x,
              dnn_desc y);

/* ---- plans ---- */

/* The first of cuDNN's proposals for the graph that the rules allow. Owns: *out is the
 * caller's, dnn_plan_free. Errors: UNSUPPORTED with cuDNN's reason, OUT_OF_MEMORY. */
ig_status
dnn_plan_make(dnn_plan **out, dnn_recipe recipe, const dnn_target *t, dnn_rules rules);
/* The same for the GPU of k's queue, with rules for inputs of type t. */
ig_status
dnn_plan_for(const ig_kernel_ctx *k, dnn_plan **out, dnn_recipe r, ig_dtype t);
void dnn_plan_free(dnn_plan *p);
/* Frees the descriptors of a graph. */
void dnn_free(dnn_graph *g);
/* Puts it into the queue of k. `memory` in the order in which the tensors were made;
 * `workspace` of the device, p->workspace bytes. */
ig_status
dnn_plan_run(const ig_kernel_ctx *k, dnn_plan *p, void *const *memory, void *workspace);

IG_EXTERN_C_END

#endif
