/* Shared by reductions: which axes, the shape that is left, the order of summation,
 * gradients.
 *
 * Every output element visits its inputs in row-major order, so that a result never
 * depends on threads; floats are summed in double and rounded once. */
#ifndef OPERATORS_COMMON_REDUCE_H
#define OPERATORS_COMMON_REDUCE_H

#include "operators/common.h"

extern const ig_attr_def igi_reduce_options[];
extern const ig_port igi_reduce_inputs[], igi_reduce_outputs[];
extern const ig_type_rule igi_sum_types[]; /* of ReduceSum and ReduceMean */
extern const ig_type_rule igi_extremum_types[];
extern const ig_sample igi_reduce_samples[], igi_reduce_samples_positive[];

/* Infer of operators with inputs (data, axes) and igi_reduce_attrs. */
ig_status igi_reduce_infer(ig_infer *x);

/* An index space cut in two: kept and reduced axes, neighbours merged, sizes 1 dropped.
 */
typedef struct igi_reduce {
    int64_t outputs, rows,
        length;   /* each output has `rows` rows of `length` elements */
    int64_t step; /* between elements of a row */
    int n_keep, n_rows;
    int64_t keep[IG_RANK_MAX], keep_stride[IG_RANK_MAX];
    int64_t row[IG_RANK_MAX], row_stride[IG_RANK_MAX];
} igi_reduce;

void igi_reduce_init(igi_reduce *r,
                     int rank,
                     const int64_t *dims,
                     const int64_t *strides,
                     uint64_t reduced);
/* For kernels of inputs (data, axes). */
ig_status igi_reduce_read(const ig_kernel_ctx *k, igi_reduce *r);

/* Element offset of index i in a space of n dims. */
static inline int64_t
igi_reduce_offset(int n, const int64_t *dim, const int64_t *stride, int64_t i)
{
    int64_t at = 0;
    for (int d = n - 1; d > 0; d--) {
        at += i % dim[d] * stride[d];
        i /= dim[d];
    }
    return n > 0 ? at + i * stride[0] : 0;
}

/* The loop of a reduction: for each output o, INIT, then STEP for each element p[i],
 * then DONE. Polls: an input may be a view of far more elements than it has memory. */
#define IGI_REDUCE_EACH(k_, r_, T_, x_, INIT_, STEP_, DONE_)                           \
    {                                                                                  \
        igi_pace pace_ = igi_pace_of(k_);                                              \
        for (int64_t o = 0; o < (r_)->outputs; o++) {                                  \
            const T_ *from_ =                                                          \
                (const T_ *)(x_) +                                                     \
                igi_reduce_offset((r_)->n_keep, (r_)->keep, (r_)->keep_stride, o);     \
            INIT_;                                                                     \
            for (int64_t j_ = 0; j_ < (r_)->rows; j_++) {                              \
                const T_ *p = from_ + igi_reduce_offset((r_)->n_rows, (r_)->row,       \
                                                        (r_)->row_stride, j_);         \
                for (int64_t e_ = 0, end_; e_ < (r_)->length;) {                       \
                    end_ = igi_pace_end(e_, (r_)->length);                             \
                    IG_TRY(igi_pace_go(&pace_, end_ - e_));                            \
                    for (; e_ < end_; e_++) {                                          \
                        const int64_t i = e_ * (r_)->step;                             \
                        STEP_;                                                         \
                    }                                                                  \
                }                                                                      \
            }                                                                          \
            DONE_;                                                                     \
        }                                                                              \
    }

/* A whole reference of the types of sums. Floats: `sum`, a double, begins at first_;
 * for each element v, step_; the result is done_. Integers: the same with a uint64_t
 * that wraps and v in the computing type; done sees s, the sum wrapped to the type. */
#define IGI_REDUCE(k_, first_, step_, done_, int_step_, int_done_)                     \
    do {                                                                               \
        const ig_tensor *out_ = ig_out(k_, 0), *in_ = ig_in(k_, 0);                    \
        igi_reduce r_;                                                                 \
        IG_TRY(igi_reduce_read(k_, &r_));                                              \
        switch (ig_dtype_of(in_)) {                                                    \
            IGI_FLOAT_ROWS(IGI_REDUCE_FLOAT_, k_, first_, step_, done_)                \
            IGI_INTEGER_ROWS(IGI_REDUCE_INT_, k_, first_, int_step_, int_done_)        \
        default:                                                                       \
            return igi_bad_dtype(k_, ig_dtype_of(in_));                                \
        }                                                                              \
    } while (0)
#define IGI_REDUCE_FLOAT_(dtype_, T_, C_, LOAD_, STORE_, k_, first_, step_, done_)     \
    case dtype_:                                                                       \
        IGI_REDUCE_EACH(k_, &r_, T_, ig_data(in_), double sum = first_,                \
                        const double v = (double)LOAD_(p, i);                          \
                        step_, STORE_(T_, (T_ *)ig_data(out_), o, done_))              \
        return IG_OK;
#define IGI_REDUCE_INT_(dtype_, T_, C_, LOAD_, STORE_, k_, first_, step_, done_)       \
    case dtype_:                                                                       \
        IGI_REDUCE_EACH(k_, &r_, T_, ig_data(in_), uint64_t sum = first_,              \
                        const C_ v = LOAD_(p, i);                                      \
                        step_, const C_ s = (C_)(T_)sum;                               \
                        STORE_(T_, (T_ *)ig_data(out_), o, done_))                     \
        return IG_OK;

/* Output 0 := sum or mean of input 0. The mean of nothing is NaN, 0 for integers; the
 * mean of integers is truncated. */
ig_status igi_reduce_sum(ig_kernel_ctx *k, const igi_reduce *r, bool mean);
/* Output 0 := maximum or minimum of input 0; NaN wins. */
ig_status igi_reduce_extremum(ig_kernel_ctx *k, bool least);

/* ---- gradients ---- */

/* v, of the reduced output's shape, with the dropped axes back as size 1 (or a scalar).
 * The rule must save input 1. */
ig_var igi_reduce_restore(ig_grad *g, ig_var v);
/* Of maxima and minima: equal ones share it evenly. Saves: igi_reduce_saves_all. */
ig_status igi_reduce_extremum_gradient(ig_grad *g);
extern const ig_save igi_reduce_saves_all[]; /* data, axes, reduced */
/* Elements per output when that is a number, else -1. */
int64_t igi_reduce_count(const ig_type *in, const ig_type *out);

#endif
