/* Shared by CumSum, CumProd and LinearScan: one pass along one axis, which is an input.
 * Time t counts the axis upwards, or downwards with `reverse`. */
#ifndef OPERATORS_COMMON_SCAN_H
#define OPERATORS_COMMON_SCAN_H

#include "operators/common_softmax.h"

/* CumSum, CumProd. */
typedef struct igi_cum_attrs {
    uint32_t struct_size;
    int64_t exclusive, reverse;
} igi_cum_attrs;
/* LinearScan. */
typedef struct igi_scan_attrs {
    uint32_t struct_size;
    int64_t adjoint, reverse;
} igi_scan_attrs;

extern const ig_port igi_cum_inputs[], igi_cum_outputs[];
extern const ig_type_rule igi_cum_types[];
extern const ig_attr_def igi_cum_options[];
extern const ig_sample igi_cum_samples[];

/* Of the axis that input `port` names, checked: the lines of t. */
ig_status
igi_scan_lines(const ig_kernel_ctx *k, const ig_tensor *t, int port, igi_lines *l);
/* Output 0 := running sums (products) of input 0. */
ig_status igi_cumulate(ig_kernel_ctx *k, bool product);

/* v one step later in time (earlier: later = false), 0 coming in; axis is a scalar. */
ig_var igi_emit_shift(ig_grad *g, ig_var v, ig_var axis, bool reverse, bool later);

#endif
