/* Optimiser steps of ONNX: Adagrad, Adam, Momentum.
 *
 *   (R, T, X_1 .. X_n, G_1 .. G_n, states...) -> (X_1 .. X_n, states...)
 *
 * R is the learning rate, T the number of updates so far, G_i the gradient of X_i;
 * every X_i has one tensor of each kind of state. Nothing is written in place, so they
 * differentiate like other operators. Formulas: ONNX, ai.onnx.preview.training 1. */
#ifndef OPERATORS_COMMON_TRAIN_H
#define OPERATORS_COMMON_TRAIN_H

#include "operators/common_float.h"
#include "operators/common_grad.h"

#define IGI_TRAIN_DOMAIN     "ai.onnx.preview.training"
#define IGI_TRAIN_STATES_MAX 2

extern const ig_port igi_train_inputs[], igi_train_outputs[];
extern const ig_type_rule igi_train_types[];
extern const ig_save igi_train_saves[];

/* Tuples (X, G, states) have one shape and element type; R and T are scalars. */
ig_status igi_train_infer(ig_infer *x, int n_states);

/* One element: v is {x, g, states}; x and states become the new ones. */
typedef void (*igi_train_step)(const void *rates, double *v);
ig_status igi_train_run(const ig_kernel_ctx *k,
                        int n_states,
                        const void *rates,
                        igi_train_step step);

/* One tuple of a rule: forward values and gradients of the results come in, gradients
 * of the inputs go out. `rate` is R in the element type of the tuple, `later` whether T
 * > 0; drate may have the shape of x. */
typedef struct igi_train_tuple {
    ig_dtype dtype;
    ig_var rate, count, later;
    ig_var x, g, state[IGI_TRAIN_STATES_MAX];
    ig_var dx_new, dstate_new[IGI_TRAIN_STATES_MAX];
    ig_var drate, dx, dg, dstate[IGI_TRAIN_STATES_MAX];
} igi_train_tuple;
ig_status igi_train_gradient(ig_grad *g,
                             int n_states,
                             void (*rule)(ig_grad *g, igi_train_tuple *t));
/* c x + g; and a number in the tuple's element type, `first` instead when T is 0. */
ig_var igi_train_regularized(ig_grad *g, const igi_train_tuple *t, double c);
ig_var igi_train_after_first(ig_grad *g, const igi_train_tuple *t, ig_var v);

/* Inputs of samples: a rate and a count. */
#define IGI_TRAIN_RATE(r_, t_)                                                         \
    IGI_IN_NUMBER(IG_FLOAT64, r_), IGI_IN_NUMBER(IG_INT64, t_)

#endif
