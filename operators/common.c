// Walking broadcast index spaces, and the small services of references.
//
// A walk first drops dims of size 1 and merges neighbours that every operand crosses
// evenly (outer stride = inner stride * inner size), then counts through the outer dims
// like an odometer: only the digits that change are touched, so a step costs O(1)
// amortised.

#include "operators/common.h"
#include "graph/core/rng.h"

// Appends one dim to the collapsed space, merging it into the last one where possible.
static void walk_push(igi_walk *w, int64_t dim, int d, const int64_t *const *strides)
{
    int last = w->rank - 1;
    bool merge = last >= 0;
    for (int j = 0; j < w->n && merge; j++)
        merge = w->stride[j][last] == strides[j][d] * dim;
    if (!merge) {
        last = w->rank++;
        w->dim[last] = 1;
    }
    w->dim[last] *= dim;
    for (int j = 0; j < w->n; j++)
        w->stride[j][last] = strides[j][d];
}

void igi_walk_init(
    igi_walk *w, int rank, const int64_t *dims, int n, const int64_t *const *strides)
{
    bool empty = false;
    w->n = n;
    w->rank = 0;
    for (int d = 0; d < rank; d++) {
        empty = empty || dims[d] == 0;
        if (dims[d] != 1)
            walk_push(w, dims[d], d, strides);
    }
    bool scalar = w->rank == 0;
    w->rank -= !scalar; // the last dim becomes the row
    w->inner = scalar ? 1 : w->dim[w->rank];
    w->unit = true;
    for (int j = 0; j < n; j++) {
        w->at[j] = 0;
        w->step[j] = scalar ? 1 : w->stride[j][w->rank];
        w->unit = w->unit && w->step[j] == 1;
    }
    w->rows = !empty;
    for (int d = 0; d < w->rank; d++) {
        w->index[d] = 0;
        w->rows *= w->dim[d];
    }
}

void igi_walk_next(igi_walk *w)
{
    w->rows--;
    for (int d = w->rank - 1; d >= 0; d--) {
        bool carry = ++w->index[d] == w->dim[d];
        int64_t move = carry ? 1 - w->dim[d] : 1;
        for (int j = 0; j < w->n; j++)
            w->at[j] += move * w->stride[j][d];
        if (!carry)
            return;
        w->index[d] = 0;
    }
}

void igi_broadcast_strides(const ig_tensor *t,
                           int rank,
                           const int64_t *dims,
                           int64_t *out)
{
    const int64_t *have = ig_dims(t), *stride = ig_strides(t);
    int shift = rank - ig_rank(t);
    for (int d = 0; d < rank; d++) {
        bool repeat = d < shift || (have[d - shift] == 1 && dims[d] != 1);
        out[d] = repeat ? 0 : stride[d - shift];
    }
}

void igi_walk_tensors(igi_walk *w,
                      const ig_tensor *space,
                      const ig_tensor *const *t,
                      int n)
{
    int64_t strides[IGI_WALK_MAX][IG_RANK_MAX];
    const int64_t *rows[IGI_WALK_MAX];
    for (int j = 0; j < n; j++) {
        igi_broadcast_strides(t[j], ig_rank(space), ig_dims(space), strides[j]);
        rows[j] = strides[j];
    }
    igi_walk_init(w, ig_rank(space), ig_dims(space), n, rows);
}

ig_status igi_copy_to_output(ig_kernel_ctx *k, int out, int port)
{
    const ig_tensor *x = ig_in(k, port), *y = ig_out(k, out);
    int64_t stride[IG_RANK_MAX];
    // The output may be the input's own memory.
    if (ig_data(x) == ig_data(y) && ig_numel(x) == ig_numel(y) && ig_contiguous(x))
        return IG_OK;
    igi_broadcast_strides(x, ig_rank(y), ig_dims(y), stride);
    igi_copy_nd(ig_dtype_of(y), ig_rank(y), ig_dims(y), ig_data(y), 0, ig_strides(y),
                ig_data(x), 0, stride);
    return IG_OK;
}

double igi_scalar_f64(const ig_tensor *t, double none)
{
    return t ? igi_get_f64(ig_dtype_of(t), ig_data(t), 0) : none;
}

int64_t igi_scalar_i64(const ig_tensor *t, int64_t none)
{
    return t ? igi_get_i64(ig_dtype_of(t), ig_data(t), 0) : none;
}

int igi_read_ints(const ig_tensor *t, int64_t *buf, int cap)
{
    int64_t n = ig_numel(t), stride = ig_rank(t) > 0 ? ig_strides(t)[0] : 1;
    if (n > cap || ig_rank(t) > 1)
        return -1;
    for (int64_t i = 0; i < n; i++)
        buf[i] = igi_get_i64(ig_dtype_of(t), ig_data(t), i * stride);
    return (int)n;
}

void igi_string_put(igi_str **slot, igi_str *s)
{
    igi_str *old = *slot;
    *slot = s ? igi_str_ref(s) : NULL;
    if (old)
        igi_str_unref(old);
}

int igi_string_compare(const igi_str *a, const igi_str *b)
{
    size_t n = a ? a->length : 0, m = b ? b->length : 0;
    int order = n && m ? memcmp(a->text, b->text, n < m ? n : m) : 0;
    return order != 0 ? order : (n > m) - (n < m);
}

ig_status igi_bad_dtype(const ig_kernel_ctx *k, ig_dtype dtype)
{
    return ig_kernel_fail(k, IG_INTERNAL, "the reference has no case for %s",
                          ig_dtype_name(dtype));
}

// A counter hash, not a stream: element i does not depend on how work is cut into
// threads.
uint64_t igi_random_bits(uint64_t seed, uint64_t draw, uint64_t i)
{
    const uint64_t golden = 0x9e3779b97f4a7c15u;
    uint64_t key = igi_mix64(igi_mix64(seed + golden) ^ (draw * golden + 1));
    return igi_mix64(key + (i + 1) * golden);
}

double igi_random_unit(uint64_t seed, uint64_t draw, uint64_t i)
{
    return (double)(igi_random_bits(seed, draw, i) >> 11) * 0x1p-53;
}

int64_t igi_f64_to_i64(double x)
{
    if (!(x == x))
        return 0;
    if (x >= 0x1p63)
        return INT64_MAX;
    return x < -0x1p63 ? INT64_MIN : (int64_t)x;
}

uint64_t igi_f64_to_u64(double x)
{
    if (!(x > 0))
        return 0;
    return x >= 0x1p64 ? UINT64_MAX : (uint64_t)x;
}

IG_USES_OP(Add);
IG_USES_OP(Cast);
IG_USES_OP(Div);
IG_USES_OP(Equal);
IG_USES_OP(Mul);
IG_USES_OP(Where);

ig_var igi_emit_cast(ig_grad *g, ig_var v, ig_dtype to)
{
    const ig_type *t = ig_grad_type(g, v);
    if (!t || t->dtype == to) /* absent stays absent */
        return v;
    igi_cast_attrs attrs = {.struct_size = sizeof(attrs), .to = to, .saturate = 1};
    return ig_emit1(g, IG_OP(Cast), &attrs, v);
}

ig_var igi_grad_const(ig_grad *g, double value)
{
    return ig_grad_scalar(g, (ig_dtype)ig_grad_in_type(g, 0)->dtype, value);
}

static ig_var zero_like(ig_grad *g, ig_var v)
{
    const ig_type *t = ig_grad_type(g, v);
    return t ? ig_grad_scalar(g, (ig_dtype)t->dtype, 0) : (ig_var){0};
}

ig_var igi_emit_masked(ig_grad *g, ig_var mask, ig_var v)
{
    return ig_emit3(g, IG_OP(Where), NULL, mask, v, zero_like(g, v));
}

ig_var igi_emit_unmasked(ig_grad *g, ig_var mask, ig_var v)
{
    return ig_emit3(g, IG_OP(Where), NULL, mask, zero_like(g, v), v);
}

bool igi_grad_is_float(const ig_grad *g, int i)
{
    const ig_type *t = ig_grad_in_type(g, i);
    return t && igi_dtype_is_float((ig_dtype)t->dtype);
}

const ig_save igi_saves_extremum[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY),
    IG_SAVE_OUT(0, IG_SAVE_ANY),
    {0},
};

int igi_values_extremum(ig_infer *x,
                        int64_t *out,
                        int cap,
                        int64_t (*f)(ig_symtab *, int64_t, int64_t))
{
    if (x->n_in == 1)
        return ig_values_same(x, out, cap);
    return x->n_in == 2 ? ig_values_binary(x, out, cap, f) : IG_INTS_UNKNOWN;
}

ig_status igi_fold_inputs(ig_kernel_ctx *k,
                          ig_status (*f)(ig_kernel_ctx *k,
                                         const ig_tensor *left,
                                         const ig_tensor *right))
{
    IG_TRY(igi_copy_to_output(k, 0, 0));
    for (int i = 1; i < k->n_in; i++)
        IG_TRY(f(k, ig_out(k, 0), ig_in(k, i)));
    return IG_OK;
}

// dx_i = dy [x_i = y] / (number of inputs that equal y)
ig_status igi_gradient_extremum(ig_grad *g)
{
    ig_var hit[IG_PORTS_MAX], count = {0}, dy = ig_grad_dy(g, 0), y = ig_grad_out(g, 0);
    int n = ig_grad_n_in(g);
    if (n == 1) {
        ig_grad_set(g, 0, dy);
        return IG_OK;
    }
    for (int i = 0; i < n; i++) {
        ig_var same = ig_emit2(g, IG_OP(Equal), NULL, ig_grad_in(g, i), y);
        hit[i] = igi_emit_cast(g, same, (ig_dtype)ig_grad_in_type(g, 0)->dtype);
        count = i ? ig_emit2(g, IG_OP(Add), NULL, count, hit[i]) : hit[i];
    }
    ig_var share = ig_emit2(g, IG_OP(Div), NULL, dy, count);
    for (int i = 0; i < n; i++)
        if (ig_grad_wants(g, i))
            ig_grad_set(g, i, ig_emit2(g, IG_OP(Mul), NULL, share, hit[i]));
    return IG_OK;
}
