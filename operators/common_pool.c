/* Shapes and index orders of pooling. */
#include "operators/common_pool.h"

#include <inttypes.h>

#define SPEC(a_)                                                                       \
    (igi_window_spec)                                                                  \
    {                                                                                  \
        .pooling = true, .auto_pad = (a_)->auto_pad, .ceil_mode = (a_)->ceil_mode,     \
        .kernel = (a_)->kernel_shape, .strides = (a_)->strides, .pads = (a_)->pads,    \
        .dilations = (a_)->dilations                                                   \
    }

igi_window_spec igi_average_pool_spec(const igi_average_pool_attrs *a)
{
    return SPEC(a);
}

igi_window_spec igi_max_pool_spec(const igi_max_pool_attrs *a)
{
    return SPEC(a);
}

igi_window_spec igi_pool_spec(const igi_pool_attrs *a)
{
    return SPEC(a);
}

ig_status igi_pool_infer(
    ig_infer *x, const igi_window_spec *s, int rank, const int64_t *xd, int64_t *yd)
{
    if (rank < 3)
        return ig_infer_fail(
            x, "the input needs a batch, a channel and at least one spatial axis");
    if (s->kernel.n != rank - 2)
        return ig_infer_fail(
            x, "attribute kernel_shape has %" PRId64 " items for %d spatial axes",
            s->kernel.n, rank - 2);
    yd[0] = xd[0];
    yd[1] = xd[1];
    return igi_window_infer(x, s, rank - 2, xd + 2, s->kernel.v, yd + 2);
}

void igi_pool_set(igi_window *w,
                  const igi_window_spec *s,
                  int rank,
                  const int64_t *xd,
                  const int64_t *yd)
{
    igi_window_set(w, s, rank - 2, xd + 2, s->kernel.v, yd + 2);
}

int64_t igi_to_column_major(int rank, const int64_t *dims, int64_t at)
{
    int64_t index[IG_RANK_MAX] = {0}, out = 0;
    for (int i = rank - 1; i >= 0; i--) {
        index[i] = at % dims[i];
        at /= dims[i];
    }
    for (int i = rank - 1; i >= 0; i--)
        out = out * dims[i] + index[i];
    return out;
}

int64_t igi_to_row_major(int rank, const int64_t *dims, int64_t at)
{
    int64_t out = 0, step = 1, index[IG_RANK_MAX] = {0};
    for (int i = 0; i < rank; i++) {
        index[i] = at % dims[i];
        at /= dims[i];
    }
    for (int i = rank - 1; i >= 0; i--) {
        out += index[i] * step;
        step *= dims[i];
    }
    return out;
}

ig_status igi_pool_index(const ig_kernel_ctx *k,
                         int64_t storage_order,
                         int rank,
                         const int64_t *dims,
                         int64_t index,
                         int64_t *at)
{
    int64_t plane = 1, total = 1;
    for (int i = 0; i < rank; i++) {
        total *= dims[i];
        plane *= i < 2 ? 1 : dims[i];
    }
    if (index < -1 || index >= total)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "index %" PRId64 " is outside [0, %" PRId64 ")", index,
                              total);
    *at = index;
    if (storage_order && index >= 0)
        *at =
            index - index % plane + igi_to_row_major(rank - 2, dims + 2, index % plane);
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_average_pool_attrs)
const igi_average_pool_attrs igi_average_sample_two = {
    HEAD, .kernel_shape = IGI_INTS(2, 2), .strides = IGI_INTS(2, 2)};
const igi_average_pool_attrs igi_average_sample_counting = {
    HEAD,
    .ceil_mode = 1,
    .count_include_pad = 1,
    .dilations = IGI_INTS(2, 1),
    .kernel_shape = IGI_INTS(2, 2),
    .pads = IGI_INTS(1, 1, 1, 1),
    .strides = IGI_INTS(2, 2)};
const igi_average_pool_attrs igi_average_sample_same = {
    HEAD, .auto_pad = IGI_PAD_SAME_UPPER, .kernel_shape = IGI_INTS(4),
    .strides = IGI_INTS(3)};
const igi_max_pool_grad_attrs igi_max_pool_sample_columns = {
    sizeof(igi_max_pool_grad_attrs), 1};

/* ---- MaxUnpool ---- */

void igi_unpooled_dims(ig_symtab *s,
                       const igi_max_unpool_attrs *o,
                       int rank,
                       const int64_t *in,
                       int64_t *out)
{
    int n = rank - 2;
    for (int i = 0; i < rank; i++) {
        out[i] = in[i];
        if (i < 2)
            continue;
        int64_t pads = o->pads.n ? o->pads.v[i - 2] + o->pads.v[n + i - 2] : 0;
        int64_t steps = ig_dim_mul(s, ig_dim_sub(s, in[i], 1),
                                   o->strides.n ? o->strides.v[i - 2] : 1);
        if (in[i] == 0)
            steps = -(o->strides.n ? o->strides.v[i - 2] : 1);
        int64_t room = o->kernel_shape.v[i - 2] - pads;
        if (steps >= 0 || in[i] == 0)
            out[i] = steps + room < 0 ? -1 : steps + room;
        else
            out[i] =
                room < 0 ? ig_dim_sub(s, steps, -room) : ig_dim_add(s, steps, room);
    }
}

ig_status igi_unpool_dims(const ig_kernel_ctx *k, int64_t *dims, int64_t *total)
{
    const ig_tensor *x = ig_in(k, 0);
    igi_unpooled_dims(NULL, k->attrs, ig_rank(x), ig_dims(x), dims);
    *total = 1;
    for (int i = 0; i < ig_rank(x); i++)
        if (dims[i] < 0 || !igi_mul_i64(*total, dims[i], total))
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "the attributes give axis %d no size", i);
    return IG_OK;
}

int64_t
igi_unpool_place(int rank, const int64_t *dims, const int64_t *yd, int64_t index)
{
    int64_t at = 0, step = 1;
    for (int i = rank - 1; i >= 0; i--) {
        int64_t here = index % dims[i];
        if (here >= yd[i])
            return -1;
        at += here * step;
        step *= yd[i];
        index /= dims[i];
    }
    return at;
}

ig_status
igi_unpool_outside(const ig_kernel_ctx *k, int64_t at, int64_t index, int64_t total)
{
    return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                          "index %" PRId64 " at position %" PRId64
                          " is outside [0, %" PRId64 "] or the output",
                          index, at, total - 1);
}
