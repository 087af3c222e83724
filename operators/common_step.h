/* What optimiser steps (SgdStep, AdamStep) share: ports of scalars and typed loops. */
#ifndef OPERATORS_COMMON_STEP_H
#define OPERATORS_COMMON_STEP_H

#include "operators/common.h"

/* Types of a step: T of parameters and state, S of scalars (float64 keeps them exact).
 */
#define IGI_STEP_TYPES                                                                 \
    {'T', IG_FLOATS},                                                                  \
    {                                                                                  \
        'S', IG_FLOATS                                                                 \
    }
#define IGI_STEP_PARAM                                                                 \
    IG_PORT("param", 'T', "Parameter, updated in place.",                              \
            .flags = IG_MUTATED | IG_NODIFF)
#define IGI_STEP_GRAD IG_PORT("grad", 'T', "Its gradient.", .flags = IG_NODIFF)
#define IGI_STEP_RATE IG_PORT("lr", 'S', "Learning rate, a scalar.", .flags = IG_NODIFF)
#define IGI_STEP_SCALAR(name_, ...)                                                    \
    IG_PORT(name_, 'S', __VA_ARGS__, .flags = IG_OPTIONAL | IG_NODIFF)

/* What a clipped gradient is multiplied by. */
#define IGI_STEP_SCALE                                                                 \
    IGI_STEP_SCALAR("grad_scale", "Of the gradient, before all else; absent: 1.")

/* Shapes: inputs [0, first_scalar) that are present equal the parameter, the rest are
 * scalars; every output has the shape of the parameter. */
ig_status igi_step_infer(ig_infer *x, int first_scalar);

/* Results of ClipScale. */
void igi_clip_results(ig_kernel_ctx *k, double norm);

/* A scalar in samples. */
#define IGI_IN_RATE(v_) IGI_IN_NUMBER(IG_FLOAT64, v_)

#endif
