// Integer inputs of shape operators, whole copies, slices and pieces.
//
// Slices follow ONNX Slice-13: negative starts and ends count from the end, then both
// are clamped, so that INT64_MIN and INT64_MAX need no special case and nothing
// overflows.

#include "operators/common_move.h"

#include <inttypes.h>

IG_USES_OP(Reshape);

// ---- infer

bool igi_is_symbol(const ig_infer *x, int port, int64_t v)
{
    bool literal = x->known && port < x->n_in && x->known[port];
    return x->syms && !literal && ig_dim_is_symbol(v);
}

int64_t igi_dim_plus(ig_infer *x, int64_t dim, int64_t n)
{
    int64_t sum;
    if (dim >= 0)
        return igi_add_i64(dim, n, &sum) ? sum : ig_dim_fresh(x->syms);
    if (n == INT64_MIN)
        return ig_dim_fresh(x->syms);
    return n < 0 ? ig_dim_sub(x->syms, dim, -n) : ig_dim_add(x->syms, dim, n);
}

ig_status igi_infer_axis_list(ig_infer *x, int port, int64_t *n)
{
    *n = 1;
    return x->in[port]->rank == 0 ? IG_OK : igi_infer_vector(x, port, n);
}

ig_status igi_infer_vector(ig_infer *x, int port, int64_t *n)
{
    const ig_type *t = x->in[port];
    *n = -1;
    if (t->rank >= 0 && t->rank != 1)
        return ig_infer_fail(x, "%s must be a vector, but its rank is %d",
                             x->op->inputs[port].name, t->rank);
    if (t->rank == 1 && ig_type_dims(t)[0] >= 0)
        *n = ig_type_dims(t)[0];
    return IG_OK;
}

ig_status
igi_infer_number(ig_infer *x, int port, const char *what, int64_t *v, bool *known)
{
    const ig_type *t = x->in[port];
    if (t->rank > 1 ||
        (t->rank == 1 && ig_type_dims(t)[0] >= 0 && ig_type_dims(t)[0] != 1))
        return ig_infer_fail(x, "%s must be %s", x->op->inputs[port].name, what);
    const int n = ig_infer_ints(x, port, v, 1);
    *known = n == 1;
    return n == IG_INTS_TOO_MANY ? IG_INVALID_ARGUMENT : IG_OK; /* message set */
}

int igi_infer_sizes(ig_infer *x, int port, int64_t *dims)
{
    int n = ig_infer_ints(x, port, dims, IG_RANK_MAX);
    for (int i = 0; i < n; i++) {
        bool unknown = x->syms && !(x->known && x->known[port]) && dims[i] == -1;
        if (unknown)
            dims[i] = ig_dim_fresh(x->syms);
        else if (dims[i] < 0 && !igi_is_symbol(x, port, dims[i])) {
            (void)ig_infer_fail(x,
                                "element %d of %s is %" PRId64 ", but sizes are >= 0",
                                i, x->op->inputs[port].name, dims[i]);
            return IG_INTS_TOO_MANY;
        }
    }
    return n;
}

ig_status igi_infer_listed(ig_infer *x, int port)
{
    int64_t dims[IG_RANK_MAX], count;
    IG_TRY(igi_infer_vector(x, port, &count));
    int n = igi_infer_sizes(x, port, dims);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (n >= 0)
        return ig_infer_set(x, 0, n, dims);
    if (count > IG_RANK_MAX)
        return ig_infer_fail(x, "%" PRId64 " dims are over the limit", count);
    return ig_infer_fresh(x, 0, (int)count);
}

int igi_move_ints(ig_infer *x, int port, int64_t *buf, int cap)
{
    const uint64_t readable = (IG_INTEGERS | IG_T(BOOL)) & ~IG_T(UINT64);
    const ig_type *t = port < x->n_in ? x->in[port] : NULL;
    if (!t || t->kind != IG_KIND_TENSOR || t->rank < 0 || t->rank > 1 ||
        !(readable >> t->dtype & 1))
        return IG_INTS_UNKNOWN;
    if (t->rank == 1 && (ig_type_dims(t)[0] < 0 || ig_type_dims(t)[0] > cap))
        return IG_INTS_UNKNOWN;
    int n = ig_infer_ints(x, port, buf, cap);
    for (int i = 0; i < n; i++)
        if (x->syms && ig_dim_is_symbol(buf[i]) && !igi_is_symbol(x, port, buf[i]))
            buf[i] = ig_int_fresh(
                x->syms); // a huge negative number must not become a handle
    return n < 0 ? IG_INTS_UNKNOWN : n;
}

int igi_values_kept(ig_infer *x, int64_t *out, int cap)
{
    if (!x->out[0] || x->out[0]->rank < 0 || x->out[0]->rank > 1)
        return IG_INTS_UNKNOWN;
    return igi_move_ints(x, 0, out, cap);
}

// ---- views and references

bool igi_viewable(const ig_view *v)
{
    return ig_dtype_bits((ig_dtype)v->x->in[0]->dtype) >= 8;
}

ig_status igi_copy_elements(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t stride[IG_RANK_MAX];
    igi_strides_contiguous(ig_rank(x), ig_dims(x), stride);
    igi_copy_nd(ig_dtype_of(x), ig_rank(x), ig_dims(x), ig_data(y), 0, stride,
                ig_data(x), 0, ig_strides(x));
    return IG_OK;
}

ig_status
igi_indices_check(const ig_kernel_ctx *k, const ig_tensor *indices, int64_t size)
{
    int64_t n = ig_numel(indices);
    for (int64_t i = 0; i < n; i++) {
        int64_t v = igi_get_i64(ig_dtype_of(indices), ig_data(indices), i);
        if (igi_index(v, size) < 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "index %" PRId64 " at position %" PRId64
                                  " is outside [%" PRId64 ", %" PRId64 "]",
                                  v, i, -size, size - 1);
    }
    return IG_OK;
}

ig_status igi_axis_once(
    const ig_kernel_ctx *k, int64_t axis, int i, int rank, uint64_t *seen, int64_t *out)
{
    *out = igi_index(axis, rank);
    if (*out < 0 || (*seen >> *out & 1))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axes[%d] is %" PRId64
                              ", which is given twice or outside [-%d, %d]",
                              i, axis, rank, rank - 1);
    *seen |= IG_BIT(*out);
    return IG_OK;
}

void igi_fill_zero(const ig_tensor *t)
{
    size_t bytes = ig_tensor_nbytes(t);
    if (bytes > 0)
        memset(ig_data(t), 0, bytes);
}

ig_var igi_emit_reshape(ig_grad *g, ig_var v, ig_var shape)
{
    const igi_reshape_attrs literal = {sizeof(literal), 1};
    return ig_emit2(g, IG_OP(Reshape), &literal, v, shape);
}

ig_status igi_reshape_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, igi_emit_reshape(g, ig_grad_dy(g, 0), ig_grad_in_shape(g, 0)));
    return IG_OK;
}

// ---- slices

static int64_t clamp(int64_t v, int64_t lo, int64_t hi)
{
    return v < lo ? lo : v > hi ? hi : v;
}

igi_span igi_slice_span(int64_t dim, int64_t start, int64_t end, int64_t step)
{
    bool back = step < 0;
    uint64_t by = back ? 0 - (uint64_t)step : (uint64_t)step;
    start = clamp(start < 0 ? start + dim : start, 0, back ? dim - 1 : dim);
    end = clamp(end < 0 ? end + dim : end, back ? -1 : 0, back ? dim - 1 : dim);
    igi_span s = {start, step, 0};
    if (dim > 0 && (back ? start > end : end > start)) {
        uint64_t gap = (uint64_t)(back ? start - end : end - start);
        s.count = (int64_t)((gap - 1) / by + 1);
    }
    if (s.count <= 1)
        s.step = 1; // never taken: keeps step * stride small
    if (s.count == 0)
        s.start = 0;
    return s;
}

static ig_status slices_lengths(const ig_kernel_ctx *k,
                                const igi_slices *s,
                                int rank,
                                int ends,
                                int axes,
                                int steps)
{
    if (s->n < 0 || s->n > rank)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "more starts given than the %d axes of data", rank);
    if (ends != s->n || axes != s->n || steps != s->n)
        return ig_kernel_fail(
            k, IG_INVALID_ARGUMENT,
            "starts, ends, axes and steps must have one length; they have "
            "%d, %d, %d and %d",
            s->n, ends, axes, steps);
    return IG_OK;
}

ig_status igi_slices_read(const ig_kernel_ctx *k, int first, int rank, igi_slices *s)
{
    const ig_tensor *axes = ig_in(k, first + 2), *steps = ig_in(k, first + 3);
    int64_t axis[IG_RANK_MAX];
    uint64_t seen = 0;
    s->n = igi_read_ints(ig_in(k, first), s->start, IG_RANK_MAX);
    int n_end = igi_read_ints(ig_in(k, first + 1), s->end, IG_RANK_MAX);
    int n_axis = axes ? igi_read_ints(axes, axis, IG_RANK_MAX) : s->n;
    int n_step = steps ? igi_read_ints(steps, s->step, IG_RANK_MAX) : s->n;
    IG_TRY(slices_lengths(k, s, rank, n_end, n_axis, n_step));
    for (int i = 0; i < s->n; i++) {
        int64_t a;
        IG_TRY(igi_axis_once(k, axes ? axis[i] : i, i, rank, &seen, &a));
        if (!steps)
            s->step[i] = 1;
        if (s->step[i] == 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "steps[%d] is 0", i);
        s->axis[i] = (int)a;
    }
    return IG_OK;
}

void igi_slices_apply(const igi_slices *s,
                      int rank,
                      const int64_t *dims,
                      igi_span *spans)
{
    for (int a = 0; a < rank; a++)
        spans[a] = (igi_span){0, 1, dims[a]};
    for (int i = 0; i < s->n; i++)
        spans[s->axis[i]] =
            igi_slice_span(dims[s->axis[i]], s->start[i], s->end[i], s->step[i]);
}

// ---- pieces of Split

int64_t igi_equal_piece(int64_t size, int64_t n, int64_t i)
{
    int64_t chunk = size / n + (size % n != 0), begin;
    if (!igi_mul_i64(chunk, i, &begin) || begin >= size)
        return 0;
    return size - begin < chunk ? size - begin : chunk;
}

ig_status igi_pieces_read(const ig_kernel_ctx *k, int64_t axis, igi_pieces *p)
{
    const ig_tensor *x = ig_in(k, 0), *split = ig_in(k, 1);
    p->axis = (int)igi_index(axis, ig_rank(x));
    p->size = ig_dims(x)[p->axis];
    p->listed = split != NULL;
    if (split && igi_read_ints(split, p->length, IG_PORTS_MAX) != k->n_out)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "split must have %d lengths",
                              k->n_out);
    return IG_OK;
}

ig_status igi_pieces_take(
    const ig_kernel_ctx *k, const igi_pieces *p, int i, int64_t at, int64_t *length)
{
    const ig_tensor *y = ig_out(k, i);
    *length = p->listed ? p->length[i] : igi_equal_piece(p->size, k->n_out, i);
    if (*length < 0 || *length > p->size - at || (y && ig_dims(y)[p->axis] != *length))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "piece %d of length %" PRId64 " does not fit: %" PRId64
                              " of %" PRId64 " elements are left",
                              i, *length, p->size - at, p->size);
    return IG_OK;
}
