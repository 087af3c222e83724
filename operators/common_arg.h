/* ArgMax and ArgMin: where along an axis the best element is. NaN is best of all. */
#ifndef OPERATORS_COMMON_ARG_H
#define OPERATORS_COMMON_ARG_H

#include "operators/common_move.h"

typedef struct igi_arg_attrs {
    uint32_t struct_size;
    int64_t axis, keepdims, select_last_index;
} igi_arg_attrs;

extern const ig_port igi_arg_inputs[], igi_arg_outputs[];
extern const ig_type_rule igi_arg_types[];
extern const ig_attr_def igi_arg_options[];
extern const ig_sample igi_arg_samples[];

ig_status igi_arg_infer(ig_infer *x);
/* Output 0 := indices of the largest, or least, elements of input 0. */
ig_status igi_arg_search(ig_kernel_ctx *k, bool least);

#endif
