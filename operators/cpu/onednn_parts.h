/* A job over part of a batch, run for one part after the other: nothing interrupts
 * oneDNN inside a call, so deadlines and cancel flags take effect between parts.
 * Gradients by the weights sum over the batch and stay in one call. */
#ifndef OPERATORS_CPU_ONEDNN_PARTS_H
#define OPERATORS_CPU_ONEDNN_PARTS_H

#include <ingot/plugin.h>

#include "operators/cpu/compute.h"
#include "operators/cpu/onednn.h"

typedef struct igi_dnn_parts {
    igi_dnn_job *job;
    int64_t count;
    size_t x_bytes, y_bytes; /* of a part */
    igi_epilogue rest;       /* what the job leaves to us: activation, residual */
    bool adds;               /* the residual too: then args.residual */
    int threads;
} igi_dnn_parts;

/* As igi_dnn_new, with any activation; the job is for igi_dnn_free. */
ig_status igi_dnn_parts_new(igi_dnn_parts *out, const igi_dnn_spec *s);
/* `a`: the whole x and y. */
ig_status
igi_dnn_parts_run(ig_kernel_ctx *k, const igi_dnn_parts *p, const igi_dnn_args *a);

#endif
