// Reductions: axes, shapes, sums, and what gradients of reductions share.

#include "operators/common_reduce.h"

#include "operators/common_move.h"

#include <math.h>

IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(Mul);
IG_USES_OP(ReduceSum);
IG_USES_OP(Unsqueeze);
IG_USES_OP(Where);

const ig_attr_def igi_reduce_options[] = {
    IG_ATTR_INT(igi_reduce_attrs,
                keepdims,
                1,
                "1: reduced axes stay with size 1.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(igi_reduce_attrs,
                noop_with_empty_axes,
                0,
                "Without axes: 0 reduces all, 1 reduces none.",
                .min = 0,
                .max = 1),
    {0},
};
const ig_type_rule igi_sum_types[] = {
    {'T', IGI_SUMMABLE},
    {'S', IG_T(INT64)},
    {0},
};
const ig_type_rule igi_extremum_types[] = {
    {'T', IG_FLOATS | IG_T(INT8) | IG_T(INT32) | IG_T(INT64) | IG_T(UINT8) |
              IG_T(UINT32) | IG_T(UINT64) | IG_T(BOOL)},
    {'S', IG_T(INT64)},
    {0},
};
const ig_port igi_reduce_inputs[] = {
    IG_PORT("data", 'T', "Any tensor."),
    IG_PORT("axes",
            'S',
            "Axes to reduce, negative: from the end; absent or empty: see "
            "noop_with_empty_axes.",
            .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
const ig_port igi_reduce_outputs[] = {
    IG_PORT("reduced", 'T', "One element per combination of the other axes."),
    {0},
};

// ---- infer

static ig_status infer_unknown_axes(ig_infer *x, int64_t count)
{
    int rank = x->in[0]->rank;
    if (((const igi_reduce_attrs *)x->attrs)->keepdims)
        return ig_infer_fresh(x, 0, rank);
    return count > 0 && count <= rank ? ig_infer_fresh(x, 0, rank - (int)count)
                                      : ig_infer_unknown(x, 0);
}

ig_status igi_reduce_infer(ig_infer *x)
{
    const igi_reduce_attrs *o = x->attrs;
    const int64_t *dims = ig_type_dims(x->in[0]);
    int64_t list[IG_RANK_MAX], out[IG_RANK_MAX], count = 0;
    int axes[IG_RANK_MAX], rank = x->in[0]->rank, kept = 0;
    uint64_t reduced = 0;
    if (x->n_in > 1 && x->in[1])
        IG_TRY(igi_infer_vector(x, 1, &count));
    int n = ig_infer_ints(x, 1, list, IG_RANK_MAX);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    for (int i = 0; i < n; i++)
        if (igi_is_symbol(x, 1, list[i]))
            n = IG_INTS_UNKNOWN;
    if (n == IG_INTS_UNKNOWN && count != 0)
        return infer_unknown_axes(x, count);
    n = n < 0 ? 0 : n;
    IG_TRY(ig_infer_axes(x, list, n, rank, axes));
    for (int i = 0; i < n; i++)
        reduced |= IG_BIT(axes[i]);
    if (n == 0 && !o->noop_with_empty_axes)
        reduced = UINT64_MAX;
    for (int a = 0; a < rank; a++)
        if (!(reduced >> a & 1))
            out[kept++] = dims[a];
        else if (o->keepdims)
            out[kept++] = 1;
    return ig_infer_set(x, 0, kept, out);
}

// ---- the index space

// Appends a dim, merged into the last one when both are crossed in one stride.
static void push(int *n, int64_t *dim, int64_t *stride, int64_t size, int64_t step)
{
    if (size == 1)
        return;
    if (*n > 0 && stride[*n - 1] == step * size) {
        dim[*n - 1] *= size;
        stride[*n - 1] = step;
        return;
    }
    dim[*n] = size;
    stride[(*n)++] = step;
}

static int64_t product(int n, const int64_t *dim)
{
    int64_t p = 1;
    for (int i = 0; i < n; i++)
        if (dim[i] == 0)
            return 0;
    for (int i = 0; i < n; i++)
        p *= dim[i];
    return p;
}

void igi_reduce_init(igi_reduce *r,
                     int rank,
                     const int64_t *dims,
                     const int64_t *strides,
                     uint64_t reduced)
{
    r->n_keep = r->n_rows = 0;
    for (int a = 0; a < rank; a++)
        if (reduced >> a & 1)
            push(&r->n_rows, r->row, r->row_stride, dims[a], strides[a]);
        else
            push(&r->n_keep, r->keep, r->keep_stride, dims[a], strides[a]);
    r->outputs = product(r->n_keep, r->keep);
    r->length = r->step = 1;
    if (r->n_rows > 0) {
        r->n_rows--;
        r->length = r->row[r->n_rows];
        r->step = r->row_stride[r->n_rows];
    }
    r->rows = r->length > 0 ? product(r->n_rows, r->row) : 0;
}

ig_status igi_reduce_read(const ig_kernel_ctx *k, igi_reduce *r)
{
    const ig_tensor *x = ig_in(k, 0), *axes = ig_in(k, 1);
    int64_t list[IG_RANK_MAX];
    uint64_t reduced = 0;
    int rank = ig_rank(x), n = axes ? igi_read_ints(axes, list, IG_RANK_MAX) : 0;
    r->outputs = 0;
    if (n < 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axes must be a list of at most %d", IG_RANK_MAX);
    for (int i = 0; i < n; i++) {
        int64_t a = igi_index(list[i], rank);
        if (a < 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "axes[%d] is outside [-%d, %d]", i, rank, rank - 1);
        reduced |= IG_BIT(a);
    }
    if (n == 0 && !((const igi_reduce_attrs *)k->attrs)->noop_with_empty_axes)
        reduced = UINT64_MAX;
    igi_reduce_init(r, rank, ig_dims(x), ig_strides(x), reduced);
    if (r->outputs != ig_numel(ig_out(k, 0)))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axes do not fit the planned output");
    return IG_OK;
}

// ---- sums

#define FLOAT_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                                 \
    case dtype_: {                                                                     \
        T_ *y = ig_data(out);                                                          \
        IGI_REDUCE_EACH(k, r, T_, x, double sum = 0, sum += (double)LOAD_(p, i),       \
                        STORE_(T_, y, o, sum / divisor))                               \
        return IG_OK;                                                                  \
    }
// Sums wrap in 64 bits; C_ is signed or unsigned, as the division must be.
#define INTEGER_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                               \
    case dtype_: {                                                                     \
        T_ *y = ig_data(out);                                                          \
        C_ by = (C_)(mean && count > 0 ? count : 1);                                   \
        IGI_REDUCE_EACH(k, r, T_, x, uint64_t sum = 0,                                 \
                        sum += (uint64_t)(C_)LOAD_(p, i),                              \
                        STORE_(T_, y, o, (C_)sum / by))                                \
        return IG_OK;                                                                  \
    }

ig_status igi_reduce_sum(ig_kernel_ctx *k, const igi_reduce *r, bool mean)
{
    const ig_tensor *out = ig_out(k, 0);
    const void *x = ig_data(ig_in(k, 0));
    int64_t count = r->rows * r->length;
    double divisor = mean ? (double)count : 1.0;
    switch (ig_dtype_of(out)) {
        IGI_FLOAT_ROWS(FLOAT_CASE, )
        IGI_INTEGER_ROWS(INTEGER_CASE, )
    default:
        return igi_bad_dtype(k, ig_dtype_of(out));
    }
}

// ---- maxima and minima

// `v > most` is false for NaN, so NaN is asked for; `most != most` never lets it go.
#define EXTREMUM_CASE(dtype_, T_, C_, LOAD_, STORE_, first_)                           \
    case dtype_: {                                                                     \
        T_ *out = ig_data(y);                                                          \
        IGI_REDUCE_EACH(k, r, T_, ig_data(x), C_ most = (C_)(first_),                  \
                        const C_ v = LOAD_(p, i);                                      \
                        most = (least ? v < most : v > most) || v != v ? v : most,     \
                        STORE_(T_, out, o, most))                                      \
        return IG_OK;                                                                  \
    }
#define LOWEST(dtype_)                                                                 \
    ((dtype_) == IG_INT8 ? INT8_MIN : (dtype_) == IG_INT32 ? INT32_MIN : INT64_MIN)
#define HIGHEST(dtype_)                                                                \
    ((dtype_) == IG_INT8 ? INT8_MAX : (dtype_) == IG_INT32 ? INT32_MAX : INT64_MAX)
#define SIGNED_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                                \
    EXTREMUM_CASE(dtype_, T_, C_, LOAD_, STORE_,                                       \
                  least ? HIGHEST(dtype_) : LOWEST(dtype_))

ig_status igi_reduce_extremum(ig_kernel_ctx *k, bool least)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_reduce space, *r = &space;
    IG_TRY(igi_reduce_read(k, r));
    switch (ig_dtype_of(x)) {
        IGI_FLOAT_ROWS(EXTREMUM_CASE, least ? INFINITY : -INFINITY)
        IGI_SIGNED_ROWS(SIGNED_CASE, )
        IGI_UNSIGNED_ROWS(EXTREMUM_CASE, least ? UINT64_MAX : 0)
        IGI_BOOL_ROWS(EXTREMUM_CASE, least)
    default:
        return igi_bad_dtype(k, ig_dtype_of(x));
    }
}

// ---- gradients

const ig_save igi_reduce_saves_all[] = {
    IG_SAVE_IN(0, IG_BIT(0)),
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_OUT(0, IG_BIT(0)),
    {0},
};

// dx = dy * (x == y) / count(x == y)
ig_status igi_reduce_extremum_gradient(ig_grad *g)
{
    const igi_reduce_attrs *o = ig_grad_attrs(g);
    const igi_reduce_attrs keep = {sizeof(keep), 1, o->noop_with_empty_axes};
    ig_dtype dtype = (ig_dtype)ig_grad_in_type(g, 0)->dtype;
    ig_var y = igi_reduce_restore(g, ig_grad_out(g, 0));
    ig_var dy = igi_reduce_restore(g, ig_grad_dy(g, 0));
    ig_var equal = ig_emit2(g, IG_OP(Equal), NULL, ig_grad_in(g, 0), y);
    ig_var mask = ig_emit3(g, IG_OP(Where), NULL, equal, ig_grad_scalar(g, dtype, 1),
                           ig_grad_scalar(g, dtype, 0));
    ig_var count = ig_emit2(g, IG_OP(ReduceSum), &keep, mask, ig_grad_in(g, 1));
    ig_var share = ig_emit2(g, IG_OP(Div), NULL, dy, count);
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(Mul), NULL, mask, share));
    return IG_OK;
}

ig_var igi_reduce_restore(ig_grad *g, ig_var v)
{
    const ig_type *in = ig_grad_in_type(g, 0), *axes = ig_grad_in_type(g, 1);
    const ig_type *out = ig_grad_out_type(g, 0);
    const igi_reduce_attrs *o = ig_grad_attrs(g);
    bool same_rank = in->rank >= 0 && out->rank == in->rank;
    bool empty = !axes || (axes->rank == 1 && ig_type_dims(axes)[0] == 0);
    if (o->keepdims || same_rank || out->rank == 0 || empty)
        return v;
    if (out->rank < 0) {
        (void)ig_grad_fail(g, IG_UNSUPPORTED, "the number of axes is not known");
        return (ig_var){0};
    }
    return ig_emit2(g, IG_OP(Unsqueeze), NULL, v, ig_grad_in(g, 1));
}

int64_t igi_reduce_count(const ig_type *in, const ig_type *out)
{
    int64_t left[IG_RANK_MAX], count = 1;
    if (in->rank < 0 || out->rank < 0)
        return -1;
    memcpy(left, ig_type_dims(in), (size_t)in->rank * sizeof(*left));
    for (int i = 0; i < out->rank; i++) { // every kept dim cancels an equal one
        int64_t dim = ig_type_dims(out)[i];
        int j = 0;
        while (j < in->rank && (left[j] != dim || dim == -1))
            j++;
        if (j < in->rank)
            left[j] = 1;
        else if (dim != 1)
            return -1;
    }
    for (int j = 0; j < in->rank; j++)
        if (left[j] < 0 || !igi_mul_i64(count, left[j], &count))
            return -1;
    return count;
}

// ---- samples

static const igi_reduce_attrs keep = {sizeof(igi_reduce_attrs), 1, 0};
static const igi_reduce_attrs drop = {sizeof(igi_reduce_attrs), 0, 0};
static const igi_reduce_attrs keep_noop = {sizeof(igi_reduce_attrs), 1, 1};
static const igi_reduce_attrs drop_noop = {sizeof(igi_reduce_attrs), 0, 1};
// Rows for inputs that are filled as FILL_ says.
#define OF(fill_, ...)                                                                 \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = fill_                                        \
    }
#define ROWS(F_)                                                                       \
    {.name = "middle", .attrs = &keep, IGI_INPUTS(OF(F_, 3, 4, 2), IGI_IN_INTS(1))},   \
        {.name = "dropped",                                                            \
         .attrs = &drop,                                                               \
         IGI_INPUTS(OF(F_, 3, 4, 2), IGI_IN_INTS(1))},                                 \
        {.name = "negative_axis",                                                      \
         .attrs = &drop,                                                               \
         IGI_INPUTS(OF(F_, 3, 5), IGI_IN_INTS(-1))},                                   \
        {.name = "two_axes",                                                           \
         .attrs = &drop,                                                               \
         IGI_INPUTS(OF(F_, 3, 4, 2), IGI_IN_INTS(2, 0))},                              \
        {.name = "all", .attrs = &keep, IGI_INPUTS(OF(F_, 3, 4))},                     \
        {.name = "all_dropped",                                                        \
         .attrs = &drop,                                                               \
         IGI_INPUTS(OF(F_, 3, 4), IGI_IN_NO_INTS)},                                    \
        {.name = "noop",                                                               \
         .attrs = &keep_noop,                                                          \
         IGI_INPUTS(OF(F_, 3, 2), IGI_IN_NO_INTS)},                                    \
        {.name = "noop_absent", .attrs = &drop_noop, IGI_INPUTS(OF(F_, 3, 2))},        \
        {.name = "size_one",                                                           \
         .attrs = &keep,                                                               \
         IGI_INPUTS(OF(F_, 3, 1), IGI_IN_INTS(1))},                                    \
        {.name = "scalar", .attrs = &keep, IGI_INPUTS({.rank = 0, .fill = F_})},       \
        {.name = "empty_set",                                                          \
         .attrs = &keep,                                                               \
         .no_gradient = true,                                                          \
         IGI_INPUTS(OF(F_, 2, 0, 3), IGI_IN_INTS(1))},                                 \
    {                                                                                  \
        .name = "empty", .attrs = &drop, IGI_INPUTS(OF(F_, 0, 3), IGI_IN_INTS(1))      \
    }
const ig_sample igi_reduce_samples[] = {ROWS(IG_FILL_DISTINCT), {0}};
const ig_sample igi_reduce_samples_positive[] = {ROWS(IG_FILL_POSITIVE), {0}};
