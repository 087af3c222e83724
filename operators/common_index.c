// Where indices point: checks, the walk over items, gathering and scattering slices.

#include "operators/common_index.h"

#include <inttypes.h>

const char *const igi_scatter_names[] = {"none", "add", "mul", "max", "min", NULL};

// ---- infer

ig_status igi_infer_slices(ig_infer *x,
                           int data_rank,
                           const int64_t *data,
                           int64_t batch,
                           int *rank,
                           int64_t *dims)
{
    const int64_t *index = ig_type_dims(x->in[1]);
    int q = x->in[1]->rank, n = 0;
    *rank = -1;
    if (data_rank < 1 || q < 1)
        return ig_infer_fail(x, "data and indices must have rank >= 1");
    if (batch < 0 || batch >= q || batch >= data_rank)
        return ig_infer_fail(
            x, "batch_dims is %" PRId64 ", but must be below the ranks %d and %d",
            batch, data_rank, q);
    if (index[q - 1] < 0)
        return IG_OK;
    if (index[q - 1] < 1 || index[q - 1] > data_rank - batch)
        return ig_infer_fail(x,
                             "the last dim of indices is %" PRId64
                             ", but tuples have 1 to %d numbers",
                             index[q - 1], data_rank - (int)batch);
    for (int i = 0; i < q - 1; i++)
        dims[n++] = index[i];
    for (int i = 0; i < batch; i++)
        IG_TRY(ig_infer_equal(x, index[i], data[i], "a batch dim", &dims[i]));
    for (int i = (int)(batch + index[q - 1]); i < data_rank; i++)
        dims[n++] = data[i];
    *rank = n;
    return IG_OK;
}

ig_status igi_infer_elements(ig_infer *x, int64_t axis)
{
    const int64_t *data = ig_type_dims(x->in[0]), *index = ig_type_dims(x->in[1]);
    int rank = x->in[0]->rank, a;
    IG_TRY(ig_infer_axis(x, axis, rank, false, &a));
    if (x->in[1]->rank != rank)
        return ig_infer_fail(x, "indices must have the rank of data");
    for (int i = 0; i < rank; i++)
        if (i != a && index[i] >= 0 && data[i] >= 0 && index[i] > data[i])
            return ig_infer_fail(x,
                                 "indices have %" PRId64 " items along axis %d, data "
                                 "has only %" PRId64,
                                 index[i], i, data[i]);
    return IG_OK;
}

// ---- the items

static ig_status check(const ig_kernel_ctx *k, const igi_spots *s)
{
    const ig_tensor *t = s->index;
    int64_t total = s->count * s->m;
    for (int64_t i = 0, j = 0; i < total; i++, j = j + 1 == s->m ? 0 : j + 1) {
        int64_t v = igi_get_i64(ig_dtype_of(t), ig_data(t), i);
        if (igi_index(v, s->size[j]) < 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "index %" PRId64 " at position %" PRId64
                                  " is outside [%" PRId64 ", %" PRId64 "]",
                                  v, i, -s->size[j], s->size[j] - 1);
    }
    return IG_OK;
}

ig_status igi_spots_elements(const ig_kernel_ctx *k,
                             const ig_tensor *data,
                             const ig_tensor *indices,
                             int64_t axis,
                             igi_spots *s)
{
    int rank = ig_rank(data);
    int64_t a = igi_index(axis, rank);
    if (a < 0 || ig_rank(indices) != rank)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axis %" PRId64 " and indices of rank %d do not fit data "
                              "of rank %d",
                              axis, ig_rank(indices), rank);
    *s = (igi_spots){.space_rank = rank,
                     .m = 1,
                     .space = ig_dims(indices),
                     .inner = 1,
                     .count = ig_numel(indices),
                     .index = indices};
    igi_strides_contiguous(rank, ig_dims(data), s->base_stride);
    igi_strides_contiguous(rank, ig_dims(indices), s->index_stride);
    memcpy(s->item_stride, s->index_stride, sizeof(s->item_stride));
    s->size[0] = ig_dims(data)[a];
    s->stride[0] = s->base_stride[a];
    s->base_stride[a] = 0;
    for (int i = 0; i < rank; i++)
        if (i != a && ig_dims(indices)[i] > ig_dims(data)[i] && s->count > 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "indices are larger than data along axis %d", i);
    return check(k, s);
}

ig_status igi_spots_nd(const ig_kernel_ctx *k,
                       const ig_tensor *data,
                       const ig_tensor *indices,
                       int64_t batch,
                       igi_spots *s)
{
    int rank = ig_rank(data), q = ig_rank(indices), b = (int)batch;
    int64_t stride[IG_RANK_MAX], m = q > 0 ? ig_dims(indices)[q - 1] : 0;
    if (batch < 0 || batch >= q || m < 1 || m > rank - b)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "tuples of %" PRId64 " numbers do not fit data of rank "
                              "%d behind %" PRId64 " batch dims",
                              m, rank, batch);
    *s = (igi_spots){.space_rank = q - 1,
                     .m = (int)m,
                     .space = ig_dims(indices),
                     .inner = 1,
                     .count = ig_numel(indices) / m,
                     .index = indices};
    igi_strides_contiguous(rank, ig_dims(data), stride);
    igi_strides_contiguous(q, ig_dims(indices), s->index_stride);
    for (int i = b + (int)m; i < rank; i++)
        s->inner *= ig_dims(data)[i];
    for (int i = 0; i < q - 1; i++) {
        if (i < b && ig_dims(data)[i] != ig_dims(indices)[i])
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "batch dim %d of data and indices differ", i);
        s->base_stride[i] = i < b ? stride[i] : 0;
        s->item_stride[i] = s->index_stride[i] / m * s->inner;
    }
    for (int j = 0; j < s->m; j++) {
        s->size[j] = ig_dims(data)[b + j];
        s->stride[j] = stride[b + j];
    }
    return check(k, s);
}

ig_status igi_spots_strided(const ig_kernel_ctx *k,
                            const ig_tensor *data,
                            const ig_tensor *geometry,
                            const ig_tensor *view,
                            igi_spots *s)
{
    const int64_t *g = ig_data(geometry);
    int rank = ig_rank(view);
    int64_t lo, hi;
    if (ig_numel(geometry) != rank + 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "geometry has %" PRId64
                              " numbers, a view of rank %d has an offset and as many "
                              "strides as axes",
                              ig_numel(geometry), rank);
    *s = (igi_spots){.space_rank = rank,
                     .space = ig_dims(view),
                     .inner = 1,
                     .count = ig_numel(view),
                     .offset = g[0],
                     .index = geometry};
    memcpy(s->base_stride, g + 1, sizeof(*g) * (size_t)rank);
    memcpy(s->item_stride, ig_strides(view), sizeof(*g) * (size_t)rank);
    if (s->count == 0) // strides of no elements may be any numbers
        memset(s->base_stride, 0, sizeof(s->base_stride));
    if (s->count > 0 && (!igi_strided_range(rank, s->space, g + 1, g[0], &lo, &hi) ||
                         lo < 0 || hi >= ig_numel(data)))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the view reaches from element %" PRId64 " to %" PRId64
                              " of data, which has %" PRId64,
                              lo, hi, ig_numel(data));
    return IG_OK;
}

void igi_spots_walk(const igi_spots *s, igi_walk *w)
{
    const int64_t *const strides[] = {s->index_stride, s->base_stride, s->item_stride};
    igi_walk_init(w, s->space_rank, s->space, 3, strides);
    if (s->inner == 0)
        w->rows = 0;
}

// ---- moving slices

static void
move(ig_dtype type, void *to, int64_t t, const void *from, int64_t f, int64_t n)
{
    size_t size = (size_t)ig_dtype_bits(type) / 8;
    if (type == IG_STRING)
        for (int64_t i = 0; i < n; i++)
            igi_string_put((igi_str **)to + t + i, ((igi_str *const *)from)[f + i]);
    else
        memcpy((char *)to + (size_t)t * size, (const char *)from + (size_t)f * size,
               (size_t)n * size);
}

void igi_gather_spots(const igi_spots *s, const ig_tensor *data, const ig_tensor *out)
{
    igi_walk w;
    for (igi_spots_walk(s, &w); w.rows > 0; igi_walk_next(&w))
        for (int64_t i = 0; i < w.inner; i++)
            move(ig_dtype_of(out), ig_data(out), w.at[2] + i * w.step[2], ig_data(data),
                 igi_spot(s, &w, i), s->inner);
}

static void replace(const igi_spots *s, const ig_tensor *updates, const ig_tensor *out)
{
    igi_walk w;
    for (igi_spots_walk(s, &w); w.rows > 0; igi_walk_next(&w))
        for (int64_t i = 0; i < w.inner; i++)
            move(ig_dtype_of(out), ig_data(out), igi_spot(s, &w, i), ig_data(updates),
                 w.at[2] + i * w.step[2], s->inner);
}

// What is there meets an update. NaN wins in max and min; integers wrap.
#define EXTREMUM(which_, a_, b_)                                                       \
    ((which_) == IGI_SCATTER_MAX ? ((b_) != (b_) || (b_) > (a_) ? (b_) : (a_))         \
                                 : ((b_) != (b_) || (b_) < (a_) ? (b_) : (a_)))
static double meet_real(int64_t how, double a, double b)
{
    return how == IGI_SCATTER_ADD   ? a + b
           : how == IGI_SCATTER_MUL ? a * b
                                    : EXTREMUM(how, a, b);
}
static int64_t meet_signed(int64_t how, int64_t a, int64_t b)
{
    return how == IGI_SCATTER_ADD   ? igi_wrap_add(a, b)
           : how == IGI_SCATTER_MUL ? igi_wrap_mul(a, b)
                                    : EXTREMUM(how, a, b);
}
static uint64_t meet_unsigned(int64_t how, uint64_t a, uint64_t b)
{
    return how == IGI_SCATTER_ADD   ? a + b
           : how == IGI_SCATTER_MUL ? a * b
                                    : EXTREMUM(how, a, b);
}

// The statement for each pair: `to` and `t` are the target and its position, `from` and
// `f` the update.
#define EACH_PAIR(...)                                                                 \
    for (igi_spots_walk(s, &w); w.rows > 0; igi_walk_next(&w))                         \
        for (int64_t i = 0; i < w.inner; i++) {                                        \
            int64_t t = igi_spot(s, &w, i), f = w.at[2] + i * w.step[2];               \
            for (int64_t end = t + s->inner; t < end; t++, f++)                        \
                __VA_ARGS__;                                                           \
        }
#define MEET_CASE(dtype_, T_, C_, LOAD_, STORE_, meet_)                                \
    case dtype_: {                                                                     \
        T_ *to = ig_data(out);                                                         \
        const T_ *from = ig_data(updates);                                             \
        EACH_PAIR(STORE_(T_, to, t, meet_(how, LOAD_(to, t), LOAD_(from, f))))         \
        return IG_OK;                                                                  \
    }
#define COMPLEX_CASE(dtype_, T_)                                                       \
    case dtype_: {                                                                     \
        T_ *to = ig_data(out);                                                         \
        const T_ *from = ig_data(updates);                                             \
        if (how == IGI_SCATTER_ADD)                                                    \
            EACH_PAIR((to[2 * t] += from[2 * f], to[2 * t + 1] += from[2 * f + 1]))    \
        else                                                                           \
            EACH_PAIR({                                                                \
                T_ re = to[2 * t], im = to[2 * t + 1];                                 \
                to[2 * t] = re * from[2 * f] - im * from[2 * f + 1];                   \
                to[2 * t + 1] = re * from[2 * f + 1] + im * from[2 * f];               \
            })                                                                         \
        return IG_OK;                                                                  \
    }

// Half types meet in float.
static ig_status meet_half(const igi_spots *s,
                           const ig_tensor *updates,
                           const ig_tensor *out,
                           int64_t how)
{
    bool brain = ig_dtype_of(out) == IG_BFLOAT16;
    int64_t n = ig_numel(out);
    uint16_t *y = ig_data(out);
    const uint16_t *from = ig_data(updates);
    float *sum = igi_calloc((size_t)n, sizeof(float));
    igi_walk w;
    if (!sum)
        return IG_OUT_OF_MEMORY;
    for (int64_t i = 0; i < n; i++)
        sum[i] = brain ? igi_bf16_to_f32(y[i]) : igi_f16_to_f32(y[i]);
    EACH_PAIR({
        float b = brain ? igi_bf16_to_f32(from[f]) : igi_f16_to_f32(from[f]);
        sum[t] = (float)meet_real(how, (double)sum[t], (double)b);
    })
    for (int64_t i = 0; i < n; i++)
        y[i] = brain ? igi_f32_to_bf16(sum[i]) : igi_f32_to_f16(sum[i]);
    igi_free(sum);
    return IG_OK;
}

ig_status igi_scatter_spots(ig_kernel_ctx *k,
                            const igi_spots *s,
                            const ig_tensor *updates,
                            const ig_tensor *out,
                            int64_t how)
{
    ig_dtype type = ig_dtype_of(out);
    bool pairs = type == IG_COMPLEX64 || type == IG_COMPLEX128;
    igi_walk w;
    if (how == IGI_SCATTER_NONE) {
        replace(s, updates, out);
        return IG_OK;
    }
    if (type == IG_STRING || (pairs && how > IGI_SCATTER_MUL))
        return ig_kernel_fail(k, IG_UNSUPPORTED, "reduction %s has no meaning for %s",
                              igi_scatter_names[how], ig_dtype_name(type));
    if (s->count == 0 || s->inner == 0)
        return IG_OK;
    switch (type) {
    case IG_FLOAT16:
    case IG_BFLOAT16:
        return meet_half(s, updates, out, how);
        MEET_CASE(IG_FLOAT32, float, float, IGI_LOAD, IGI_STORE, meet_real)
        MEET_CASE(IG_FLOAT64, double, double, IGI_LOAD, IGI_STORE, meet_real)
        IGI_SIGNED_ROWS(MEET_CASE, meet_signed)
        IGI_UNSIGNED_ROWS(MEET_CASE, meet_unsigned)
        IGI_BOOL_ROWS(MEET_CASE, meet_unsigned)
        COMPLEX_CASE(IG_COMPLEX64, float)
        COMPLEX_CASE(IG_COMPLEX128, double)
    default:
        return igi_bad_dtype(k, type);
    }
}

// ---- gradients

IG_USES_OP(Add);
IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(Expand);
IG_USES_OP(Greater);
IG_USES_OP(Mul);
IG_USES_OP(Where);

const ig_save igi_scatter_saves[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY),
    IG_SAVE_IN(1, IG_SAVE_ANY),
    IG_SAVE_IN(2, IG_SAVE_ANY),
    IG_SAVE_OUT(0, IG_SAVE_ANY),
    {0},
};

static ig_var filled(ig_grad *g, int i, double value)
{
    return ig_emit2(g, IG_OP(Expand), NULL, igi_grad_const(g, value),
                    ig_grad_in_shape(g, i));
}

ig_var igi_emit_zeros_of_input(ig_grad *g, int i)
{
    return filled(g, i, 0);
}

static ig_var mul(ig_grad *g, ig_var a, ig_var b)
{
    return ig_emit2(g, IG_OP(Mul), NULL, a, b);
}

// 1 where a = b, else 0.
static ig_var hits(ig_grad *g, ig_var a, ig_var b)
{
    return igi_emit_cast(g, ig_emit2(g, IG_OP(Equal), NULL, a, b),
                         (ig_dtype)ig_grad_in_type(g, 0)->dtype);
}

// Equal winners of a maximum share dy evenly.
static void extremum_gradient(ig_grad *g, const igi_spot_form *f, ig_var dy)
{
    ig_var y = ig_grad_out(g, 0);
    ig_var kept = hits(g, ig_grad_in(g, 0), y);
    ig_var won = hits(g, ig_grad_in(g, 2), f->gather(g, y));
    ig_var share =
        ig_emit2(g, IG_OP(Div), NULL, dy, f->scatter(g, kept, won, IGI_SCATTER_ADD));
    if (ig_grad_wants(g, 0)) // where nothing was kept or won, y is NaN: 0 / 0
        ig_grad_set(g, 0, mul(g, share, kept));
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, mul(g, f->gather(g, share), won));
}

// The product of all factors of a target but this one. Without zeros y / factor; beside
// the only zero the product of the others; where there are more, 0.
typedef struct factors {
    ig_var y, rest,
        zeros; // of targets: product, product of what is not 0, number of 0s
} factors;

static ig_var others(ig_grad *g, const factors *t, ig_var v)
{
    ig_var none = igi_grad_const(g, 0), one = igi_grad_const(g, 1);
    ig_var zero = ig_emit2(g, IG_OP(Equal), NULL, v, none);
    ig_var safe = ig_emit3(g, IG_OP(Where), NULL, zero, one, v);
    ig_var only =
        ig_emit3(g, IG_OP(Where), NULL,
                 ig_emit2(g, IG_OP(Greater), NULL, t->zeros, one), none, t->rest);
    return ig_emit3(g, IG_OP(Where), NULL, zero, only,
                    ig_emit2(g, IG_OP(Div), NULL, t->y, safe));
}

static void product_gradient(ig_grad *g, const igi_spot_form *f, ig_var dy)
{
    ig_var none = igi_grad_const(g, 0), one = igi_grad_const(g, 1), zero[2], safe[2];
    ig_var v[2] = {ig_grad_in(g, 0), ig_grad_in(g, 2)};
    for (int i = 0; i < 2; i++) {
        zero[i] = hits(g, v[i], none);
        safe[i] = ig_emit3(g, IG_OP(Where), NULL,
                           ig_emit2(g, IG_OP(Equal), NULL, v[i], none), one, v[i]);
    }
    // y again from the inputs, so that it is differentiated in their terms.
    factors t = {f->scatter(g, v[0], v[1], IGI_SCATTER_MUL),
                 f->scatter(g, safe[0], safe[1], IGI_SCATTER_MUL),
                 f->scatter(g, zero[0], zero[1], IGI_SCATTER_ADD)};
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, mul(g, dy, others(g, &t, v[0])));
    if (!ig_grad_wants(g, 2))
        return;
    factors at = {f->gather(g, t.y), f->gather(g, t.rest), f->gather(g, t.zeros)};
    ig_grad_set(g, 2, mul(g, f->gather(g, dy), others(g, &at, v[1])));
}

ig_status igi_scatter_gradient(ig_grad *g, const igi_spot_form *f, int64_t reduction)
{
    ig_var dy = ig_grad_dy(g, 0);
    if (reduction == IGI_SCATTER_MUL)
        product_gradient(g, f, dy);
    else if (reduction > IGI_SCATTER_MUL)
        extremum_gradient(g, f, dy);
    if (reduction > IGI_SCATTER_ADD)
        return IG_OK;
    if (ig_grad_wants(g, 0))
        ig_grad_set(
            g, 0,
            reduction == IGI_SCATTER_ADD
                ? dy
                : f->scatter(g, dy, igi_emit_zeros_of_input(g, 2), IGI_SCATTER_NONE));
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, f->gather(g, dy));
    return IG_OK;
}
