/* Copies of values in other memory, and comparison of results. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/core/queue.h"
#include "tools/suite/suite.h"

/* ---- copies ---- */

static bool can_stride(const ig_tensor *t)
{
    return ig_dtype_bits((ig_dtype)t->v.type.dtype) >= 8 && t->v.type.rank > 0 &&
           t->v.type.rank <= 6 && igi_tensor_count(t) > 1;
}

static ig_tensor *strided(const ig_tensor *t, int layout)
{
    int rank = t->v.type.rank;
    const int64_t *dims = ig_type_dims(&t->v.type);
    int64_t big[8], stride[8], offset = layout == 1 ? 1 : 0;
    ig_tensor *base = NULL, *view = NULL;
    for (int i = 0; i < rank; i++)
        big[i] = layout == 1 ? dims[i] + (i == rank - 1 ? dims[i] + 1 : 1)
                             : dims[rank - 1 - i];
    if (ig_tensor_new(&base, (ig_dtype)t->v.type.dtype, rank, big) != IG_OK)
        return NULL;
    for (int i = 0; i < rank; i++)
        stride[i] = igi_strides(base)[layout == 1 ? i : rank - 1 - i];
    if (layout == 1)
        stride[rank - 1] *= 2;
    ig_status rc = igi_tensor_view(&view, NULL, base, rank, dims, stride, offset);
    ig_tensor_unref(base);
    if (rc == IG_OK)
        rc = igi_tensor_copy_into(view, t);
    if (rc == IG_OK)
        return view;
    ig_tensor_unref(view);
    return NULL;
}

ig_tensor *suite_copy(const ig_tensor *t, int layout)
{
    ig_tensor *copy = NULL;
    if (!t)
        return NULL;
    if (layout && can_stride(t))
        return strided(t, layout);
    return igi_queue_moved(&copy, NULL, NULL, t) == IG_OK ? copy : NULL;
}

ig_value *suite_copy_value(const ig_value *v, int layout)
{
    ig_value *const *items, **copy, *made = NULL;
    if (!v || v->type.kind == IG_KIND_TENSOR)
        return (ig_value *)suite_copy((const ig_tensor *)v, layout);
    int64_t n;
    items = igi_value_items(v, &n);
    copy = igi_calloc((size_t)n + 1, sizeof(*copy));
    if (!copy)
        return NULL;
    for (int64_t i = 0; i < n; i++)
        copy[i] = suite_copy_value(items[i], 0);
    ig_status rc = igi_value_with(&made, v, copy, n);
    suite_drop_values(copy, (int)n);
    igi_free(copy);
    return rc == IG_OK ? made : NULL;
}

/* ---- comparison ---- */

static double tolerance(ig_dtype d)
{
    switch (d) {
    case IG_FLOAT64:
    case IG_COMPLEX128:
        return 1e-10;
    case IG_FLOAT32:
    case IG_COMPLEX64:
        return 2e-5;
    case IG_FLOAT16:
        return 4e-3;
    case IG_BFLOAT16:
        return 2e-2;
    default:
        return igi_dtype_is_float(d) ? 0.26 : 0;
    }
}

/* Of the type that an attribute has the operator round to inside, when that is coarser.
 */
static double tolerance_inside(const suite_case *c)
{
    double t = 0;
    for (const ig_attr_def *a = c->op->def->attrs; a && c->call.attrs && a->name; a++) {
        int64_t type;
        if (a->kind != IG_A_INT || strcmp(a->name, "softmax_precision") != 0)
            continue;
        memcpy(&type, (const char *)c->call.attrs + a->offset, sizeof(type));
        if (type == IG_FLOAT16 || type == IG_BFLOAT16 || type == IG_FLOAT32)
            t = tolerance((ig_dtype)type);
    }
    return t;
}

/* By how much more roundings of long sums may differ. */
static double longer_sums(const suite_case *c)
{
    double most = 1;
    for (int i = 0; i < c->call.n_in; i++)
        if (suite_tensor(c, i))
            most = fmax(most, sqrt((double)igi_tensor_count(suite_tensor(c, i))) / 32);
    return most;
}

static bool near(double a, double b, double tol, double scale)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return a == b;
    return fabs(a - b) <= tol * (fabs(b) + scale);
}

/* Elements as doubles: complex ones are two. */
static double number_at(const ig_tensor *t, int64_t k)
{
    switch (t->v.type.dtype) {
    case IG_COMPLEX64:
        return (double)((const float *)(const void *)t->data)[k];
    case IG_COMPLEX128:
        return ((const double *)(const void *)t->data)[k];
    case IG_INT64:
    case IG_UINT64:
        return (double)igi_get_i64((ig_dtype)t->v.type.dtype, t->data, k);
    default:
        return igi_get_f64((ig_dtype)t->v.type.dtype, t->data, k);
    }
}

static bool equal_strings(const suite_case *c,
                          const char *flow,
                          int i,
                          const ig_tensor *a,
                          const ig_tensor *b)
{
    for (int64_t k = 0; k < igi_tensor_count(a); k++) {
        if (strcmp(ig_tensor_string(a, k), ig_tensor_string(b, k)) != 0) {
            suite_fail(c, flow, "output %d, string %lld is '%s', expected '%s'", i,
                       (long long)k, ig_tensor_string(a, k), ig_tensor_string(b, k));
            return false;
        }
    }
    return true;
}

static bool equal_numbers(const suite_case *c,
                          const char *flow,
                          int i,
                          const ig_tensor *a,
                          const ig_tensor *b)
{
    ig_dtype d = (ig_dtype)a->v.type.dtype;
    int64_t n = igi_tensor_count(a) * (d == IG_COMPLEX64 || d == IG_COMPLEX128 ? 2 : 1);
    double largest = 0, tol = fmax(tolerance(d), tolerance_inside(c));
    tol *= longer_sums(c);
    for (int64_t k = 0; k < n; k++)
        if (isfinite(number_at(b, k)))
            largest = fmax(largest, fabs(number_at(b, k)));
    for (int64_t k = 0; k < n; k++) {
        if (!near(number_at(a, k), number_at(b, k), tol, largest)) {
            suite_fail(c, flow, "output %d, element %lld is %.17g, expected %.17g", i,
                       (long long)k, number_at(a, k), number_at(b, k));
            return false;
        }
    }
    return true;
}

static bool equal_tensors(const suite_case *c,
                          const char *flow,
                          int i,
                          const ig_tensor *got,
                          const ig_tensor *want)
{
    char a[160], b[160];
    if (!igi_type_equal(&got->v.type, &want->v.type)) {
        suite_fail(c, flow, "output %d is %s, expected %s", i,
                   igi_type_print(&got->v.type, NULL, a, sizeof(a)),
                   igi_type_print(&want->v.type, NULL, b, sizeof(b)));
        return false;
    }
    ig_tensor *flat = suite_copy(got, 0);
    bool same = flat && (flat->v.type.dtype == IG_STRING
                             ? equal_strings(c, flow, i, flat, want)
                             : equal_numbers(c, flow, i, flat, want));
    ig_tensor_unref(flat);
    return same;
}

static bool equal_items(const suite_case *c,
                        const char *flow,
                        int i,
                        const ig_value *got,
                        const ig_value *want)
{
    ig_value *const *a, *const *b;
    int64_t n, m;
    if (!igi_type_same_kind(&got->type, &want->type)) {
        suite_fail(c, flow, "output %d is of another kind", i);
        return false;
    }
    if (want->type.kind == IG_KIND_MAP &&
        !equal_tensors(c, flow, i, ((const igi_dict *)got)->keys,
                       ((const igi_dict *)want)->keys))
        return false;
    a = igi_value_items(got, &n);
    b = igi_value_items(want, &m);
    if (n != m)
        suite_fail(c, flow, "output %d has %lld items, expected %lld", i, (long long)n,
                   (long long)m);
    for (int64_t k = 0; n == m && k < n; k++)
        if (!suite_equal(c, flow, i, a[k], b[k]))
            return false;
    return n == m;
}

bool suite_equal(const suite_case *c,
                 const char *flow,
                 int i,
                 const ig_value *got,
                 const ig_value *want)
{
    if (!got || !want) {
        if (got || want)
            suite_fail(c, flow, "output %d is %s", i, got ? "not expected" : "missing");
        return !got && !want;
    }
    if (got->type.kind == IG_KIND_TENSOR && want->type.kind == IG_KIND_TENSOR)
        return equal_tensors(c, flow, i, (const ig_tensor *)got,
                             (const ig_tensor *)want);
    return equal_items(c, flow, i, got, want);
}
