/* Pooling: attributes and shapes that the pooling operators share. x[N, C, in...]. */
#ifndef OPERATORS_COMMON_POOL_H
#define OPERATORS_COMMON_POOL_H

#include "operators/common_window.h"

typedef struct igi_average_pool_attrs {
    uint32_t struct_size;
    int64_t auto_pad, ceil_mode, count_include_pad;
    ig_ints dilations, kernel_shape, pads, strides;
} igi_average_pool_attrs;

typedef struct igi_pool_attrs {
    uint32_t struct_size;
    int64_t auto_pad, ceil_mode;
    ig_ints dilations, kernel_shape, pads, strides;
} igi_pool_attrs;

typedef struct igi_max_pool_attrs {
    uint32_t struct_size;
    int64_t auto_pad, ceil_mode;
    ig_ints dilations, kernel_shape, pads;
    int64_t storage_order;
    ig_ints strides;
} igi_max_pool_attrs;

typedef struct igi_max_pool_grad_attrs {
    uint32_t struct_size;
    int64_t storage_order;
} igi_max_pool_grad_attrs;

#define IGI_POOL_ATTRS(S_)                                                             \
    IG_ATTR_ENUM(S_, auto_pad, IGI_PAD_NOTSET, igi_auto_pad_names,                     \
                 "NOTSET uses pads; VALID pads nothing; SAME_* pads to "               \
                 "ceil(in / stride), odd ones more at the end (UPPER) or begin."),     \
        IG_ATTR_INT(S_, ceil_mode, 0,                                                  \
                    "1: round the output size up; not with auto_pad.", .min = 0,       \
                    .max = 1),                                                         \
        IG_ATTR_INTS(S_, dilations, "Distance of taps per spatial axis; absent: 1.",   \
                     .min = 1, .max = IGI_WINDOW_MAX),                                 \
        IG_ATTR_INTS(S_, kernel_shape, "Size of the window per spatial axis.",         \
                     .flags = IG_REQUIRED, .min = 1, .max = IGI_WINDOW_MAX),           \
        IG_ATTR_INTS(S_, pads, "Begins of all spatial axes, then ends; absent: 0.",    \
                     .min = 0, .max = IGI_WINDOW_MAX),                                 \
        IG_ATTR_INTS(S_, strides, "Step per spatial axis; absent: 1.", .min = 1,       \
                     .max = IGI_WINDOW_MAX)
#define IGI_AVERAGE_POOL_ATTRS                                                         \
    IGI_POOL_ATTRS(igi_average_pool_attrs),                                            \
        IG_ATTR_INT(igi_average_pool_attrs, count_include_pad, 0,                      \
                    "1: the divisor counts padding.", .min = 0, .max = 1)
#define IGI_STORAGE_ORDER(S_)                                                          \
    IG_ATTR_INT(                                                                       \
        S_, storage_order, 0,                                                          \
        "Order of Indices over the spatial axes: 0 row-major, 1 column-major.",        \
        .min = 0, .max = 1)

igi_window_spec igi_average_pool_spec(const igi_average_pool_attrs *a);
igi_window_spec igi_max_pool_spec(const igi_max_pool_attrs *a);
igi_window_spec igi_pool_spec(const igi_pool_attrs *a);

/* Dims [N, C, out...] from [N, C, in...]. */
ig_status igi_pool_infer(
    ig_infer *x, const igi_window_spec *s, int rank, const int64_t *xd, int64_t *yd);
void igi_pool_set(igi_window *w,
                  const igi_window_spec *s,
                  int rank,
                  const int64_t *xd,
                  const int64_t *yd);

/* Position inside a plane with axes `dims`: row-major <-> column-major. */
int64_t igi_to_column_major(int rank, const int64_t *dims, int64_t at);
int64_t igi_to_row_major(int rank, const int64_t *dims, int64_t at);

/* Element of MaxPool's input that Indices names, checked: IG_OK and *at = -1 for the
 * index -1 (a window without an element). `dims` are those of the pooled tensor. */
ig_status igi_pool_index(const ig_kernel_ctx *k,
                         int64_t storage_order,
                         int rank,
                         const int64_t *dims,
                         int64_t index,
                         int64_t *at);

typedef struct igi_max_unpool_attrs {
    uint32_t struct_size;
    ig_ints kernel_shape, pads, strides;
} igi_max_unpool_attrs;

/* Dims of the tensor that was pooled; -1 where one is negative. */
void igi_unpooled_dims(ig_symtab *s,
                       const igi_max_unpool_attrs *o,
                       int rank,
                       const int64_t *in,
                       int64_t *out);
/* Those of a call of MaxUnpool and their product. */
ig_status igi_unpool_dims(const ig_kernel_ctx *k, int64_t *dims, int64_t *total);
/* Where the element with this index among `dims` goes in a result of dims yd; -1:
 * nowhere. */
int64_t
igi_unpool_place(int rank, const int64_t *dims, const int64_t *yd, int64_t index);
/* The error of an index that is outside. */
ig_status
igi_unpool_outside(const ig_kernel_ctx *k, int64_t at, int64_t index, int64_t total);

/* Attributes in samples. */
extern const igi_average_pool_attrs igi_average_sample_two, igi_average_sample_counting,
    igi_average_sample_same;
extern const igi_max_pool_grad_attrs igi_max_pool_sample_columns;

#endif
