/* Attributes of operators that other operators emit in their gradients, or share. */
#ifndef OPERATORS_COMMON_OPTS_H
#define OPERATORS_COMMON_OPTS_H

#include <ingot/plugin.h>

/* Operators that have nothing but `axis`: Concat, Flatten, Gather, Softmax ... */
typedef struct igi_axis_attrs {
    uint32_t struct_size;
    int64_t axis;
} igi_axis_attrs;

typedef struct igi_cast_attrs {
    uint32_t struct_size;
    int64_t to, saturate, round_mode;
} igi_cast_attrs;

typedef struct igi_div_by_dims_attrs {
    uint32_t struct_size;
    int64_t noop_with_empty_axes;
} igi_div_by_dims_attrs;

/* Gelu and GeluGrad. */
typedef struct igi_gelu_attrs {
    uint32_t struct_size;
    int64_t approximate; /* index of igi_gelu_names: 1 is by tanh */
} igi_gelu_attrs;
extern const char *const igi_gelu_names[];

/* ConcatFromSequence and its gradient. */
typedef struct igi_concat_from_sequence_attrs {
    uint32_t struct_size;
    int64_t axis, new_axis;
} igi_concat_from_sequence_attrs;

/* ReduceSum, ReduceMean, ReduceMax ... */
typedef struct igi_reduce_attrs {
    uint32_t struct_size;
    int64_t keepdims, noop_with_empty_axes;
} igi_reduce_attrs;

typedef struct igi_reshape_attrs {
    uint32_t struct_size;
    int64_t allowzero;
} igi_reshape_attrs;

/* LeakyRelu and ReluGrad: the slope below 0. */
typedef struct igi_slope_attrs {
    uint32_t struct_size;
    float alpha;
} igi_slope_attrs;

typedef struct igi_shape_attrs {
    uint32_t struct_size;
    int64_t start, end;
} igi_shape_attrs;

typedef struct igi_split_attrs {
    uint32_t struct_size;
    int64_t axis, num_outputs;
} igi_split_attrs;

typedef struct igi_transpose_attrs {
    uint32_t struct_size;
    ig_ints perm;
} igi_transpose_attrs;

#endif
