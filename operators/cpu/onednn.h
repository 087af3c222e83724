/* oneDNN behind one thin adapter: convolutions and their two gradients in float32.
 *
 * A job is one primitive with its three tensors (source, weights, destination), a
 * reorder for each whose caller's layout is not the primitive's, one epilogue and user
 * scratch. Made once per shape, run any number of times by one thread at a time.
 * Written against oneDNN 2.6; nothing of oneDNN shows outside onednn.c. */
#ifndef OPERATORS_CPU_ONEDNN_H
#define OPERATORS_CPU_ONEDNN_H

#include "graph/core/status.h"
#include "operators/common_conv.h"

typedef enum igi_dnn_kind {
    IGI_DNN_FORWARD,
    IGI_DNN_GRAD_INPUT,
    IGI_DNN_GRAD_WEIGHT
} igi_dnn_kind;

typedef struct igi_dnn_spec {
    igi_dnn_kind kind;
    igi_conv geometry; /* 1 to 3 spatial axes */
    bool nhwc;         /* layout of x and y (dx, dy); else NCHW */
    bool bias;
    bool residual; /* is in y when the job runs */
    bool residual_after;
    int64_t activation; /* igi_act_kind */
    float act_a, act_b;
    int threads;
} igi_dnn_spec;

typedef struct igi_dnn_job igi_dnn_job;

/* Whether a job takes this activation; igi_dnn_new refuses others. */
bool igi_dnn_activates(const igi_dnn_spec *s);
/* UNSUPPORTED with a reason when oneDNN has no fast primitive for it. */
ig_status igi_dnn_new(igi_dnn_job **out, const igi_dnn_spec *s);
void igi_dnn_free(igi_dnn_job *j);
/* Bytes of scratch for a run; `constant_weights`: they come packed. */
size_t igi_dnn_scratch(const igi_dnn_job *j, bool constant_weights);
/* The packed form of the weights: bytes, a key that names the form, and the packing. */
size_t igi_dnn_packed_bytes(const igi_dnn_job *j);
void igi_dnn_packed_key(const igi_dnn_job *j, char *buf, size_t size);
ig_status igi_dnn_pack(igi_dnn_job *j, const void *weights, void *dst);

/* x, w, y of the forward direction; the gradients write dx or dw there. `packed`: w in
 * packed form, or NULL. */
typedef struct igi_dnn_args {
    void *x, *w, *y;
    const void *packed, *bias;
    const float *residual; /* of igi_dnn_parts that add it: elsewhere than y */
    char *scratch;         /* 64-byte aligned */
} igi_dnn_args;
ig_status igi_dnn_run(igi_dnn_job *j, const igi_dnn_args *a);

#endif
