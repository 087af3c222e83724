/* One convolution, or one of its two transposes, by cuDNN. */
#ifndef OPERATORS_GPU_CONV_H
#define OPERATORS_GPU_CONV_H

#include "operators/gpu/dnn.h"
#include "operators/gpu/epilogue.h"
#include "operators/gpu/shape.h"

typedef struct gpu_conv {
    /* Set before gpu_conv_prepare. */
    gpu_window w;
    dnn_direction direction;
    ig_dtype type;
    bool bias, residual; /* are given */
    gpu_act act;
    bool keeps; /* the weights are a constant */
    /* Set by it. */
    dnn_plan *plan;
    bool fused;   /* bias, residual and activation are part of the plan */
    void *filter; /* memory of ours for weights in cuDNN's order; NULL: as they are */
    bool filled;  /* they are in it */
    size_t at_plain; /* in scratch: the result before a separate epilogue */
    size_t at_filter, at_work;
} gpu_conv;

typedef struct gpu_conv_data { /* of the device; the direction says what is written */
    void *x, *w, *y;
    const void *bias, *residual;
} gpu_conv_data;

/* Takes *c over as the state of k (freed by gpu_conv_unprepare), plans, sets the
 * scratch. */
ig_status gpu_conv_prepare(ig_kernel_ctx *k, const gpu_conv *c);
ig_status gpu_conv_run(ig_kernel_ctx *k, const gpu_conv_data *d);
void gpu_conv_unprepare(ig_kernel_ctx *k);

/* For dnn_recipe: the graph of a gpu_conv. */
void gpu_conv_build(dnn_graph *g, const void *conv);
/* Whether an activation is a function of cuDNN's fused convolutions; then *p is it. */
bool gpu_conv_fuses(const gpu_act *a, bool residual, dnn_point *p);

#endif
