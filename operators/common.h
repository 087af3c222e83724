/* Shared by the operators' portable references: walking broadcast index spaces and
 * typed elementwise loops.
 *
 * A reference is the executable specification of its operator: readable first. Parts:
 *
 * igi_walk: the rows of an index space over up to IGI_WALK_MAX strided operands.
 *
 * IGI_*_ROWS: one macro call per element type, with its storage type, computing type
 * and access.
 *
 * IGI_UNARY, IGI_BINARY, IGI_COMPARE: whole references from one expression.
 *
 * Arithmetic is done in the computing type: float for float32, float16 and bfloat16,
 * double for float64, int64_t and uint64_t for integers. Storing an integer keeps its
 * low bits. By <tgmath.h> `exp(a)` is expf for a float. */
#ifndef OPERATORS_COMMON_H
#define OPERATORS_COMMON_H

#include <ingot/plugin.h>

#include <string.h>
#include <tgmath.h>

#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/tensor.h"
#include "operators/common_opts.h"
#include "operators/common_sample.h"

/* ---- walking ---- */

enum { IGI_WALK_MAX = 6 };

/* Visits an index space row by row. Dims of size 1 are dropped and dims that all
 * operands cross evenly are merged, so contiguous operands give a single row.
 *
 *     for (igi_walk_tensors(&w, y, t, n); w.rows > 0; igi_walk_next(&w))
 *         for (int64_t i = 0; i < w.inner; i++)
 *             ... operand j at element w.at[j] + i * w.step[j] ... */
typedef struct igi_walk {
    int64_t rows;  /* left, this one included; 0: done */
    int64_t inner; /* elements of a row, at most IGI_POLL_WORK: longer ones are cut */
    int64_t at[IGI_WALK_MAX], step[IGI_WALK_MAX];
    bool unit; /* every step is 1 */
    int n, rank;
    int64_t whole, done; /* elements of the uncut row; those of rows before in it */
    int64_t dim[IG_RANK_MAX], index[IG_RANK_MAX];
    int64_t stride[IGI_WALK_MAX][IG_RANK_MAX];
} igi_walk;

/* strides[j] has `rank` strides (in elements, 0 where operand j is broadcast). */
void igi_walk_init(
    igi_walk *w, int rank, const int64_t *dims, int n, const int64_t *const *strides);
/* Index space: the dims of `space`; the n tensors are broadcast to it. */
void igi_walk_tensors(igi_walk *w,
                      const ig_tensor *space,
                      const ig_tensor *const *t,
                      int n);
void igi_walk_next(igi_walk *w);
/* Strides of t when it is broadcast to `rank` dims, aligned at the last one. */
void igi_broadcast_strides(const ig_tensor *t,
                           int rank,
                           const int64_t *dims,
                           int64_t *out);

/* ---- small services of references ---- */

/* Output 0 := input `port` broadcast to its shape; any element type, any strides. */
ig_status igi_copy_to_output(ig_kernel_ctx *k, int out, int port);
/* The one number of a scalar (numel 1) tensor; `none` when t is NULL or empty. */
double igi_scalar_f64(const ig_tensor *t, double none);
int64_t igi_scalar_i64(const ig_tensor *t, int64_t none);
/* Integers of a rank 0 or 1 tensor of any integer type: their count, -1 when more than
 * cap, or when the rank is higher. */
int igi_read_ints(const ig_tensor *t, int64_t *buf, int cap);
/* *slot := s, counted; the old string is released. */
void igi_string_put(igi_str **slot, igi_str *s);
/* Steps (igi_pace_go) that a string of so many bytes takes: made, read and compared. */
static inline int64_t igi_string_work(size_t text)
{
    return 256 + 8 * (int64_t)text;
}
/* Counts a new string with that many bytes of text against the limits of the run: what
 * an output of strings is charged for are pointers. */
enum { IGI_STRING_BYTES = 160 }; /* of a string beside its text, about */
static inline ig_status igi_string_charge(ig_kernel_ctx *k, size_t text)
{
    return ig_charge(k, (int64_t)(IGI_STRING_BYTES + text));
}
/* Order of two strings (NULL is the empty one) by bytes: <0, 0, >0. */
int igi_string_compare(const igi_str *a, const igi_str *b);
/* Output 0 := input 0, then f(k, left = output 0, right = input i) for the others. */
ig_status igi_fold_inputs(ig_kernel_ctx *k,
                          ig_status (*f)(ig_kernel_ctx *k,
                                         const ig_tensor *left,
                                         const ig_tensor *right));
/* Element type that no case handles: the schema check and the reference disagree. */
ig_status igi_bad_dtype(const ig_kernel_ctx *k, ig_dtype dtype);
/* Element i of the stream (seed, draw): 64 independent random bits, and uniform in [0,
 * 1). */
uint64_t igi_random_bits(uint64_t seed, uint64_t draw, uint64_t i);
double igi_random_unit(uint64_t seed, uint64_t draw, uint64_t i);

/* Float to integer as Cast does it: toward zero, out of range saturates, NaN gives 0.
 */
int64_t igi_f64_to_i64(double x);
uint64_t igi_f64_to_u64(double x);

/* Wrapping signed arithmetic (two's complement) without undefined behaviour. */
static inline int64_t igi_wrap_add(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a + (uint64_t)b);
}
static inline int64_t igi_wrap_sub(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}
static inline int64_t igi_wrap_mul(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a * (uint64_t)b);
}

/* ---- long loops ---- */

/* Polls for a reference (ig_poll), about once in IGI_POLL_WORK elementary steps, so
 * that cancelling and deadlines take effect within milliseconds and cost nothing. A
 * loop says what the next round of it will take. */
#define IGI_POLL_WORK ((int64_t)1 << 20)
typedef struct igi_pace {
    ig_kernel_ctx *k;
    int64_t left;
} igi_pace;
static inline igi_pace igi_pace_of(ig_kernel_ctx *k)
{
    return (igi_pace){k, IGI_POLL_WORK};
}
/* Where a piece of a long simple loop over n elements ends that begins at lo. */
static inline int64_t igi_pace_end(int64_t lo, int64_t n)
{
    return n - lo < IGI_POLL_WORK / 16 ? n : lo + IGI_POLL_WORK / 16;
}
/* `work` >= 0: of one round. The status of ig_poll. */
static inline ig_status igi_pace_go(igi_pace *p, int64_t work)
{
    p->left -= work < IGI_POLL_WORK ? work : IGI_POLL_WORK;
    if (p->left > 0)
        return IG_OK;
    p->left = IGI_POLL_WORK;
    return ig_poll(p->k);
}

/* ---- rows of element types ---- */

/* Types of sums and products: the narrow integers are left out, as in ONNX. */
#define IGI_SUMMABLE                                                                   \
    (IG_FLOATS | IG_T(INT32) | IG_T(INT64) | IG_T(UINT32) | IG_T(UINT64))

/* R_(dtype, T, C, LOAD, STORE, ...): T is stored, C computed in. LOAD(p, i) gives a C
 * (or something that converts), STORE(T, p, i, v) rounds or truncates v. The rest is
 * passed on. Usually R_ expands to a `case dtype: ...`. */
#define IGI_LOAD(p_, i_)               ((p_)[i_])
#define IGI_STORE(T_, p_, i_, v_)      ((p_)[i_] = (T_)(v_))
#define IGI_LOAD_F16(p_, i_)           igi_f16_to_f32((p_)[i_])
#define IGI_STORE_F16(T_, p_, i_, v_)  ((p_)[i_] = igi_f32_to_f16((float)(v_)))
#define IGI_LOAD_BF16(p_, i_)          igi_bf16_to_f32((p_)[i_])
#define IGI_STORE_BF16(T_, p_, i_, v_) ((p_)[i_] = igi_f32_to_bf16((float)(v_)))
#define IGI_STORE_BOOL(T_, p_, i_, v_) ((p_)[i_] = (T_)((v_) != 0))

#define IGI_FLOAT_ROWS(R_, ...)                                                        \
    R_(IG_FLOAT32, float, float, IGI_LOAD, IGI_STORE, __VA_ARGS__)                     \
    R_(IG_FLOAT64, double, double, IGI_LOAD, IGI_STORE, __VA_ARGS__)                   \
    R_(IG_FLOAT16, uint16_t, float, IGI_LOAD_F16, IGI_STORE_F16, __VA_ARGS__)          \
    R_(IG_BFLOAT16, uint16_t, float, IGI_LOAD_BF16, IGI_STORE_BF16, __VA_ARGS__)
#define IGI_SIGNED_ROWS(R_, ...)                                                       \
    R_(IG_INT8, int8_t, int64_t, IGI_LOAD, IGI_STORE, __VA_ARGS__)                     \
    R_(IG_INT16, int16_t, int64_t, IGI_LOAD, IGI_STORE, __VA_ARGS__)                   \
    R_(IG_INT32, int32_t, int64_t, IGI_LOAD, IGI_STORE, __VA_ARGS__)                   \
    R_(IG_INT64, int64_t, int64_t, IGI_LOAD, IGI_STORE, __VA_ARGS__)
#define IGI_UNSIGNED_ROWS(R_, ...)                                                     \
    R_(IG_UINT8, uint8_t, uint64_t, IGI_LOAD, IGI_STORE, __VA_ARGS__)                  \
    R_(IG_UINT16, uint16_t, uint64_t, IGI_LOAD, IGI_STORE, __VA_ARGS__)                \
    R_(IG_UINT32, uint32_t, uint64_t, IGI_LOAD, IGI_STORE, __VA_ARGS__)                \
    R_(IG_UINT64, uint64_t, uint64_t, IGI_LOAD, IGI_STORE, __VA_ARGS__)
#define IGI_BOOL_ROWS(R_, ...)                                                         \
    R_(IG_BOOL, uint8_t, uint64_t, IGI_LOAD, IGI_STORE_BOOL, __VA_ARGS__)
#define IGI_INTEGER_ROWS(R_, ...)                                                      \
    IGI_SIGNED_ROWS(R_, __VA_ARGS__) IGI_UNSIGNED_ROWS(R_, __VA_ARGS__)
#define IGI_NUMERIC_ROWS(R_, ...)                                                      \
    IGI_FLOAT_ROWS(R_, __VA_ARGS__) IGI_INTEGER_ROWS(R_, __VA_ARGS__)

/* ---- whole references ---- */

/* Inside `ig_status f(ig_kernel_ctx *k)`: everything is written and IG_OK returned.
 *
 * IGI_UNARY(k, rows...)   rows: IGI_CASES_FLOAT(expr in a) IGI_CASES_SIGNED(expr) ...
 * IGI_BINARY(k, rows...)  rows: the same with 2 appended, expressions in a and b.
 * IGI_COMPARE(k, rows...) rows: IGI_CASES3_..., expressions in a and b; a bool output.
 * Expressions see `a` and `b` in the computing type; inputs may have any strides, and
 * the output may be the memory of an input of its shape. */
#define IGI_UNARY(k_, ...)                                                             \
    do {                                                                               \
        const ig_tensor *t_[2] = {ig_out(k_, 0), ig_in(k_, 0)};                        \
        igi_walk w_;                                                                   \
        igi_pace pace_ = igi_pace_of(k_);                                              \
        igi_walk_tensors(&w_, t_[0], t_, 2);                                           \
        switch (ig_dtype_of(t_[1])) {                                                  \
            __VA_ARGS__                                                                \
        default:                                                                       \
            return igi_bad_dtype(k_, ig_dtype_of(t_[1]));                              \
        }                                                                              \
        return IG_OK;                                                                  \
    } while (0)

#define IGI_UNARY_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                             \
    case dtype_:                                                                       \
        for (; w_.rows > 0; igi_walk_next(&w_)) {                                      \
            IG_TRY(igi_pace_go(&pace_, w_.inner));                                     \
            T_ *y_ = (T_ *)ig_data(t_[0]) + w_.at[0];                                  \
            const T_ *a_ = (const T_ *)ig_data(t_[1]) + w_.at[1];                      \
            int64_t sy_ = w_.step[0], sa_ = w_.step[1];                                \
            if (w_.unit)                                                               \
                for (int64_t i_ = 0; i_ < w_.inner; i_++) {                            \
                    const C_ a = LOAD_(a_, i_);                                        \
                    STORE_(T_, y_, i_, (__VA_ARGS__));                                 \
                }                                                                      \
            else                                                                       \
                for (int64_t i_ = 0; i_ < w_.inner; i_++) {                            \
                    const C_ a = LOAD_(a_, i_ * sa_);                                  \
                    STORE_(T_, y_, i_ *sy_, (__VA_ARGS__));                            \
                }                                                                      \
        }                                                                              \
        break;
#define IGI_CASES_FLOAT(...)    IGI_FLOAT_ROWS(IGI_UNARY_CASE, __VA_ARGS__)
#define IGI_CASES_SIGNED(...)   IGI_SIGNED_ROWS(IGI_UNARY_CASE, __VA_ARGS__)
#define IGI_CASES_UNSIGNED(...) IGI_UNSIGNED_ROWS(IGI_UNARY_CASE, __VA_ARGS__)
#define IGI_CASES_BOOL(...)     IGI_BOOL_ROWS(IGI_UNARY_CASE, __VA_ARGS__)

/* y = f(a, b) over any tensors: IGI_APPLY2(k, y, a, b, rows...) does not return. */
#define IGI_APPLY2(k_, y_, a_, b_, ...)                                                \
    do {                                                                               \
        const ig_tensor *t_[3] = {y_, a_, b_};                                         \
        igi_walk w_;                                                                   \
        igi_pace pace_ = igi_pace_of(k_);                                              \
        igi_walk_tensors(&w_, t_[0], t_, 3);                                           \
        switch (ig_dtype_of(t_[1])) {                                                  \
            __VA_ARGS__                                                                \
        default:                                                                       \
            return igi_bad_dtype(k_, ig_dtype_of(t_[1]));                              \
        }                                                                              \
    } while (0)
#define IGI_BINARY(k_, ...)                                                            \
    do {                                                                               \
        IGI_APPLY2(k_, ig_out(k_, 0), ig_in(k_, 0), ig_in(k_, 1), __VA_ARGS__);        \
        return IG_OK;                                                                  \
    } while (0)
#define IGI_COMPARE(k_, ...) IGI_BINARY(k_, __VA_ARGS__)

/* Y_ is the stored type of the result, PUT_ its store. */
#define IGI_BINARY_LOOP_(Y_, PUT_, T_, C_, LOAD_, ...)                                 \
    for (; w_.rows > 0; igi_walk_next(&w_)) {                                          \
        IG_TRY(igi_pace_go(&pace_, w_.inner));                                         \
        Y_ *y_ = (Y_ *)ig_data(t_[0]) + w_.at[0];                                      \
        const T_ *a_ = (const T_ *)ig_data(t_[1]) + w_.at[1];                          \
        const T_ *b_ = (const T_ *)ig_data(t_[2]) + w_.at[2];                          \
        int64_t sy_ = w_.step[0], sa_ = w_.step[1], sb_ = w_.step[2];                  \
        if (w_.unit)                                                                   \
            for (int64_t i_ = 0; i_ < w_.inner; i_++) {                                \
                const C_ a = LOAD_(a_, i_), b = LOAD_(b_, i_);                         \
                PUT_(Y_, y_, i_, (__VA_ARGS__));                                       \
            }                                                                          \
        else                                                                           \
            for (int64_t i_ = 0; i_ < w_.inner; i_++) {                                \
                const C_ a = LOAD_(a_, i_ * sa_), b = LOAD_(b_, i_ * sb_);             \
                PUT_(Y_, y_, i_ *sy_, (__VA_ARGS__));                                  \
            }                                                                          \
    }
#define IGI_BINARY_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                            \
    case dtype_:                                                                       \
        IGI_BINARY_LOOP_(T_, STORE_, T_, C_, LOAD_, __VA_ARGS__)                       \
        break;
#define IGI_COMPARE_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                           \
    case dtype_:                                                                       \
        IGI_BINARY_LOOP_(uint8_t, IGI_STORE, T_, C_, LOAD_, __VA_ARGS__)               \
        break;
#define IGI_CASES2_FLOAT(...)    IGI_FLOAT_ROWS(IGI_BINARY_CASE, __VA_ARGS__)
#define IGI_CASES2_SIGNED(...)   IGI_SIGNED_ROWS(IGI_BINARY_CASE, __VA_ARGS__)
#define IGI_CASES2_UNSIGNED(...) IGI_UNSIGNED_ROWS(IGI_BINARY_CASE, __VA_ARGS__)
#define IGI_CASES2_BOOL(...)     IGI_BOOL_ROWS(IGI_BINARY_CASE, __VA_ARGS__)
#define IGI_CASES3_NUMERIC(...)  IGI_NUMERIC_ROWS(IGI_COMPARE_CASE, __VA_ARGS__)
#define IGI_CASES3_BOOL(...)     IGI_BOOL_ROWS(IGI_COMPARE_CASE, __VA_ARGS__)

/* ---- ports that many operators have ---- */

/* y = f(x) of x's shape and type 'T', which may reuse its memory. ONNX has two pairs of
 * names. */
extern const ig_port igi_unary_x[], igi_unary_y[];
extern const ig_port igi_unary_input[], igi_unary_output[];
/* C = f(A, B) with broadcasting; a comparison's C has the type 'B'. */
extern const ig_port igi_binary_inputs[], igi_binary_outputs[], igi_compare_outputs[];

/* ---- gradient rules ---- */

ig_var igi_emit_cast(ig_grad *g, ig_var v, ig_dtype to);
/* Scalar of the element type of input 0. */
ig_var igi_grad_const(ig_grad *g, double value);
/* dy where `mask` (bool), else 0; and the other way round. */
ig_var igi_emit_masked(ig_grad *g, ig_var mask, ig_var v);
ig_var igi_emit_unmasked(ig_grad *g, ig_var mask, ig_var v);
/* Of Min and Max: equal inputs share dy evenly. Saves: all inputs and the output. */
ig_status igi_gradient_extremum(ig_grad *g);
extern const ig_save igi_saves_extremum[];
/* Their `values`, f being ig_dim_min or ig_dim_max. */
int igi_values_extremum(ig_infer *x,
                        int64_t *out,
                        int cap,
                        int64_t (*f)(ig_symtab *, int64_t, int64_t));
/* Is input i of a type that derivatives exist for? */
bool igi_grad_is_float(const ig_grad *g, int i);

#endif
