/* Broadcast factors and addends of normalisations. */
#include "operators/common_norm.h"

ig_status igi_norm_check(ig_infer *x, int port)
{
    const ig_type *t = port < x->n_in ? x->in[port] : NULL, *to = x->in[0];
    if (!t || t->rank < 0)
        return IG_OK;
    int shift = to->rank - t->rank;
    for (int i = 0; shift >= 0 && i < t->rank; i++) {
        int64_t have = ig_type_dims(t)[i], want = ig_type_dims(to)[shift + i];
        if (have >= 0 && want >= 0 && have != 1 && have != want)
            shift = -1;
    }
    if (shift < 0)
        return ig_infer_fail(x, "%s does not broadcast to the shape of X",
                             x->op->inputs[port].name);
    return IG_OK;
}

igi_norm_rows igi_norm_rows_of(const ig_tensor *x, int64_t axis)
{
    igi_norm_rows r = {.dims = ig_dims(x), .rank = ig_rank(x), .rows = 1, .n = 1};
    r.axis = (int)(axis < 0 ? axis + r.rank : axis);
    for (int i = 0; i < r.rank; i++)
        *(i < r.axis ? &r.rows : &r.n) *= r.dims[i];
    return r;
}

igi_affine igi_affine_of(const ig_tensor *t, const igi_norm_rows *r)
{
    igi_affine a = {.data = t ? ig_data(t) : NULL};
    int64_t want = 1;
    bool even = true, zero = true;
    if (!t)
        return a;
    igi_broadcast_strides(t, r->rank, r->dims, a.stride);
    for (int i = r->rank - 1; i >= r->axis; i--) {
        even = even && (r->dims[i] == 1 || a.stride[i] == want);
        zero = zero && (r->dims[i] == 1 || a.stride[i] == 0);
        want *= r->dims[i];
    }
    a.step = zero ? 0 : even ? 1 : -1;
    return a;
}

/* Offset of index `at` of the index space of axes [lo, hi). */
static int64_t
offset(const igi_affine *a, const int64_t *dims, int lo, int hi, int64_t at)
{
    int64_t sum = 0;
    for (int i = hi - 1; i >= lo; i--) {
        sum += at % dims[i] * a->stride[i];
        at /= dims[i];
    }
    return sum;
}

int64_t igi_affine_row(const igi_affine *a, const igi_norm_rows *r, int64_t row)
{
    return a->data ? offset(a, r->dims, 0, r->axis, row) : 0;
}

int64_t igi_affine_in_row(const igi_affine *a, const igi_norm_rows *r, int64_t j)
{
    return offset(a, r->dims, r->axis, r->rank, j);
}
