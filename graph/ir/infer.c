/* Shape inference helpers: what infer functions of operators are written with. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/core/sym.h"
#include "graph/core/tensor.h"
#include "graph/ir/registry.h"

ig_status ig_infer_fail(ig_infer *x, const char *fmt, ...)
{
    char text[512], shapes[384];
    size_t at = 0;
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    shapes[0] = 0;
    for (int i = 0; i < x->n_in - x->n_captures && at + 8 < sizeof(shapes); i++) {
        char one[128] = "-";
        if (x->in[i])
            igi_type_print(x->in[i], x->syms, one, sizeof(one));
        int n = snprintf(shapes + at, sizeof(shapes) - at, "%s%s", i ? ", " : "", one);
        at += n > 0 ? (size_t)n : 0;
    }
    return ig_fail(IG_INVALID_ARGUMENT, "%s: %s (inputs: %s)", x->op->name, text,
                   shapes);
}

ig_status ig_infer_set(ig_infer *x, int out, int rank, const int64_t *dims)
{
    ig_type *t = out < x->n_out ? x->out[out] : NULL;
    if (!t)
        return IG_OK;
    if (rank < 0 || rank > IG_RANK_MAX)
        return ig_infer_fail(x, "rank %d of output %d is not between 0 and %d", rank,
                             out, IG_RANK_MAX);
    if (t->rank > 8) /* set before: the far dims go */
        (void)ig_infer_unknown(x, out);
    if (rank <= 8) {
        t->rank = (int16_t)rank;
        for (int i = 0; i < rank; i++)
            t->u.dim[i] = dims[i];
        return IG_OK;
    }
    return igi_type_set(t, (ig_dtype)t->dtype, rank, dims);
}

ig_status ig_infer_fresh(ig_infer *x, int out, int rank)
{
    int64_t dims[IG_RANK_MAX];
    if (rank < 0 || rank > IG_RANK_MAX)
        return ig_infer_unknown(x, out);
    for (int i = 0; i < rank; i++)
        dims[i] = ig_dim_fresh(x->syms);
    return ig_infer_set(x, out, rank, dims);
}

ig_status ig_infer_unknown(ig_infer *x, int out)
{
    ig_type *t = out < x->n_out ? x->out[out] : NULL;
    if (!t)
        return IG_OK;
    if (t->kind == IG_KIND_TENSOR && t->rank > 8)
        igi_free(t->u.dim_far);
    t->rank = -1;
    return IG_OK;
}

ig_status ig_infer_dtype(ig_infer *x, int out, int64_t dtype)
{
    if (out >= x->n_out || !x->out[out])
        return IG_OK;
    if (dtype <= 0 || dtype >= IG_DTYPE_COUNT)
        return ig_infer_fail(x, "%" PRId64 " is no element type", dtype);
    x->out[out]->dtype = (uint8_t)dtype; /* allowed or not: checked after infer */
    return IG_OK;
}

ig_status ig_infer_copy(ig_infer *x, int out, int in)
{
    const ig_type *t = in < x->n_in ? x->in[in] : NULL;
    if (!t || t->rank < 0)
        return ig_infer_unknown(x, out);
    return ig_infer_set(x, out, t->rank, ig_type_dims(t));
}

ig_status ig_infer_same(ig_infer *x)
{
    for (int i = 0; i < x->n_out; i++)
        IG_TRY(ig_infer_copy(x, i, 0));
    return IG_OK;
}

ig_status ig_infer_broadcast(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    int rank = 0, n = x->n_in - x->n_captures;
    for (int i = 0; i < n; i++)
        if (x->in[i] && x->in[i]->rank > rank)
            rank = x->in[i]->rank;
    for (int k = 0; k < rank; k++)
        dims[k] = 1;
    for (int i = 0; i < n; i++) {
        if (!x->in[i])
            continue;
        if (x->in[i]->rank < 0)
            return ig_infer_unknown(x, 0);
        const int64_t *d = ig_type_dims(x->in[i]);
        int shift = rank - x->in[i]->rank;
        for (int k = shift; k < rank; k++)
            if (dims[k] != d[k - shift] &&
                !ig_dim_broadcast(x->syms, dims[k], d[k - shift], &dims[k]))
                return ig_infer_fail(x, "shapes do not broadcast in axis %d", k);
    }
    return ig_infer_set(x, 0, rank, dims);
}

ig_status ig_infer_axis(ig_infer *x, int64_t axis, int rank, bool end, int *out)
{
    int64_t size = rank + (end ? 1 : 0), a = axis < 0 ? axis + size : axis;
    if (axis < -size || a >= size)
        return ig_infer_fail(x,
                             "axis %" PRId64 " is outside [%" PRId64 ", %" PRId64 "]",
                             axis, -size, size - 1);
    *out = (int)a;
    return IG_OK;
}

ig_status ig_infer_axes(ig_infer *x, const int64_t *axes, int n, int rank, int *out)
{
    uint64_t seen = 0;
    for (int i = 0; i < n; i++) {
        IG_TRY(ig_infer_axis(x, axes[i], rank, false, &out[i]));
        if (seen >> out[i] & 1)
            return ig_infer_fail(x, "axis %" PRId64 " is given twice", axes[i]);
        seen |= IG_BIT(out[i]);
    }
    return IG_OK;
}

ig_status ig_infer_dim(ig_infer *x, int port, int64_t i, int64_t *out)
{
    const ig_type *t = x->in[port];
    if (i < 0 || i >= t->rank)
        return ig_infer_fail(x, "%s has no dim %" PRId64, x->op->inputs[port].name, i);
    *out = ig_type_dims(t)[i];
    return IG_OK;
}

int64_t ig_infer_count(ig_infer *x, int port, int lo, int hi)
{
    const int64_t *d = ig_type_dims(x->in[port]);
    int64_t n = 1;
    for (int i = lo; i < hi; i++)
        n = ig_dim_mul(x->syms, n, d[i]);
    return n;
}

ig_status
ig_infer_equal(ig_infer *x, int64_t a, int64_t b, const char *what, int64_t *out)
{
    if (a >= 0 && b >= 0 && a != b)
        return ig_infer_fail(x, "%s differ: %" PRId64 " and %" PRId64, what, a, b);
    int64_t known = a >= 0 ? a : b >= 0 ? b : a != -1 ? a : b;
    if (out)
        *out = known;
    return IG_OK;
}

/* ---- integers that shapes depend on ---- */

/* A variadic port names all its values. */
static const char *port_name(const ig_op_def *op, int i)
{
    int k = 0;
    while (k < i && op->inputs[k + 1].name)
        k++;
    return op->inputs[k].name;
}

static int not_a_list(ig_infer *x, int port, int cap)
{
    (void)ig_infer_fail(x, "%s must be a vector of at most %d integers",
                        port_name(x->op, port), cap);
    return IG_INTS_TOO_MANY;
}

static int
ints_of_tensor(ig_infer *x, int port, const ig_tensor *t, int64_t *buf, int cap)
{
    int64_t n = igi_tensor_count(t);
    if (t->v.type.rank > 1 || n > cap)
        return not_a_list(x, port, cap);
    int64_t step = t->v.type.rank == 1 ? igi_strides(t)[0] : 0;
    for (int64_t i = 0; i < n; i++) {
        buf[i] = igi_get_i64((ig_dtype)t->v.type.dtype, t->data, i * step);
        if (t->v.type.dtype == IG_UINT64 && buf[i] == INT64_MAX)
            return IG_INTS_UNKNOWN; /* at least this: it may be more than a list holds
                                     */
    }
    return (int)n;
}

int ig_infer_ints(ig_infer *x, int port, int64_t *buf, int cap)
{
    if (port >= x->n_in || !x->in[port])
        return IG_INTS_ABSENT;
    const ig_type *type = x->in[port];
    if (type->kind == IG_KIND_TENSOR &&
        (type->rank > 1 || (type->rank == 1 && ig_type_dims(type)[0] > cap)))
        return not_a_list(x, port, cap);
    if (x->known && x->known[port]) {
        ig_tensor *t = ig_value_tensor(x->known[port]);
        bool readable = t && (t->data || igi_tensor_count(t) == 0);
        return readable ? ints_of_tensor(x, port, t, buf, cap) : IG_INTS_UNKNOWN;
    }
    if (x->ints && x->ints[port].v) {
        int64_t n = x->ints[port].n;
        if (n > cap)
            return not_a_list(x, port, cap);
        memcpy(buf, x->ints[port].v, (size_t)n * sizeof(*buf));
        return (int)n;
    }
    return IG_INTS_UNKNOWN;
}

typedef int64_t dim_fn(ig_symtab *s, int64_t a, int64_t b);

/* f over two numbers of any sign; false when the result is no number that a list can
 * hold. */
static bool combine_numbers(dim_fn *f, int64_t a, int64_t b, int64_t *out)
{
    bool ok = false;
    if (f == ig_dim_add)
        ok = !__builtin_add_overflow(a, b, out);
    else if (f == ig_dim_sub)
        ok = !__builtin_sub_overflow(a, b, out);
    else if (f == ig_dim_mul)
        ok = !__builtin_mul_overflow(a, b, out);
    else if (f == ig_dim_max || f == ig_dim_min)
        ok = ((*out = (a > b) == (f == ig_dim_max) ? a : b), true);
    else if (a >= 0 && b >= 0)
        ok = (*out = f(NULL, a, b)) >= 0;
    return ok && !ig_dim_is_symbol(*out);
}

/* Dims know no negative numbers, so sums with one are turned into differences. */
static int64_t combine(ig_symtab *s, dim_fn *f, int64_t a, int64_t b)
{
    bool a_symbol = ig_dim_is_symbol(a), b_symbol = ig_dim_is_symbol(b);
    int64_t r = -1;
    if (!a_symbol && !b_symbol)
        return combine_numbers(f, a, b, &r) ? r : ig_int_fresh(s);
    if (f == ig_dim_div && !(igi_dim_nonnegative(s, a) && igi_dim_nonnegative(s, b)))
        return ig_int_fresh(s); /* integers are divided towards zero, dims downwards */
    if ((a_symbol || a >= 0) && (b_symbol || b >= 0))
        r = f(s, a, b);
    else if (f == ig_dim_add)
        r = a_symbol ? ig_dim_sub(s, a, -b) : ig_dim_sub(s, b, -a);
    else if (f == ig_dim_sub && a_symbol)
        r = ig_dim_add(s, a, -b);
    return r == -1 ? ig_int_fresh(s) : r;
}

int ig_values_binary(ig_infer *x,
                     int64_t *out,
                     int cap,
                     int64_t (*f)(ig_symtab *, int64_t, int64_t))
{
    int64_t a[64], b[64];
    int na = ig_infer_ints(x, 0, a, 64), nb = ig_infer_ints(x, 1, b, 64);
    if (na < 0 || nb < 0 || (na != nb && na != 1 && nb != 1))
        return IG_INTS_UNKNOWN;
    int n = na == 1 ? nb : na;
    if (n > cap)
        return IG_INTS_UNKNOWN;
    for (int i = 0; i < n; i++)
        out[i] = combine(x->syms, f, a[na == 1 ? 0 : i], b[nb == 1 ? 0 : i]);
    return n;
}

int ig_values_same(ig_infer *x, int64_t *out, int cap)
{
    int n = ig_infer_ints(x, 0, out, cap);
    return n < 0 ? IG_INTS_UNKNOWN : n;
}

bool ig_view_contiguous(ig_view *v)
{
    if (!v->in_contiguous || ig_dtype_bits((ig_dtype)v->x->in[0]->dtype) == 0)
        return false;
    const ig_type *out = v->x->out[0];
    igi_strides_contiguous(out->rank, ig_type_dims(out), v->stride);
    return true;
}
