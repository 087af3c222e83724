/* Making tensors, reading values, in-place forms. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "frontend_c/place.h"
#include "frontend_c/view.h"
#include "frontend_c/wrap.h"
#include "graph/core/dtype.h"
#include "graph/core/rng.h"
#include "graph/core/text.h"

/* A fresh tensor in the scope; contents undefined unless `zero`. */
static ig_tensor *
make(ig_ctx *c, const char *where, ig_dtype dtype, ig_shape shape, bool zero)
{
    ig_tensor *t = NULL;
    if (igi_misses(c, where, "the shape",
                   shape.rank > 0 ? (const void *)shape.dims : &shape))
        return NULL;
    ig_status rc = igi_tensor_header(&t, c->pool, dtype, shape.rank, shape.dims);
    if (rc == IG_OK)
        rc = igi_tensor_alloc(t, c->pool);
    if (rc != IG_OK)
        ig_tensor_unref(t);
    else if (zero && dtype != IG_STRING)
        memset(t->data, 0, ig_tensor_nbytes(t));
    if (rc == IG_OK && c->trace) { /* born in the trace: it may be written there */
        t->v.flags |= IGI_TRACED;
        t->v.trace_epoch = c->trace->epoch;
    }
    if (rc == IG_OK)
        rc = igi_scope_push(c, (ig_value *)t);
    return igi_ctx_record(c, where, rc) == IG_OK ? t : NULL;
}

ig_tensor *ig_zeros_at(const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape)
{
    return igi_settle_new(c, where, make(c, where, dtype, shape, true));
}

ig_tensor *
ig_full_at(const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape, double value)
{
    ig_tensor *t = make(c, where, dtype, shape, true);
    int64_t n = t && dtype != IG_STRING ? igi_tensor_count(t) : 0;
    for (int64_t i = 0; i < n; i++)
        igi_put_f64(dtype, t->data, i, value);
    return igi_settle_new(c, where, t);
}

ig_tensor *ig_scalar_at(const char *where, ig_ctx *c, ig_dtype dtype, double value)
{
    return ig_full_at(where, c, dtype, ig_shape_scalar(), value);
}

ig_tensor *ig_from_at(
    const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape, const void *data)
{
    if (dtype == IG_STRING) {
        (void)ig_ctx_fail(
            c, where, IG_INVALID_ARGUMENT,
            "ig_from copies numbers; use ig_tensor_new_strings for strings");
        return NULL;
    }
    ig_tensor *t = make(c, where, dtype, shape, false);
    size_t bytes = t ? ig_tensor_nbytes(t) : 0;
    if (bytes && igi_misses(c, where, "the data", data))
        return NULL;
    if (bytes)
        memcpy(t->data, data, bytes);
    return igi_settle_new(c, where, t);
}

ig_tensor *ig_arange_at(const char *where,
                        ig_ctx *c,
                        ig_dtype dtype,
                        double start,
                        double stop,
                        double step)
{
    double count = ceil((stop - start) / step);
    if (!isfinite(count) || count > 1e15) {
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "arange from %g to %g by %g has no length", start, stop,
                          step);
        return NULL;
    }
    int64_t n = count > 0 ? (int64_t)count : 0;
    ig_tensor *t = make(c, where, dtype, (ig_shape){1, &n}, true);
    for (int64_t i = 0; t && i < n; i++)
        igi_put_f64(dtype, t->data, i, start + (double)i * step);
    return igi_settle_new(c, where, t);
}

/* ---- random: element i hashes (seed, draw, i), so threads and order do not matter
 * ---- */

static double uniform(uint64_t key, int64_t i)
{
    return (double)(igi_mix64(key + IGI_RNG_STEP * (uint64_t)(i + 1)) >> 11) * 0x1p-53;
}

/* A draw outside an operator is frozen by a trace, so it is an escape. */
static uint64_t next_key(ig_ctx *c, const char *where)
{
    (void)igi_escape(c, where, "a random draw", NULL);
    return igi_mix64(c->seed ^ igi_mix64(++c->invoker.draw));
}

ig_tensor *ig_rand_at(const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape)
{
    ig_tensor *t = make(c, where, dtype, shape, true);
    uint64_t key = next_key(c, where);
    int64_t n = t ? igi_tensor_count(t) : 0;
    for (int64_t i = 0; i < n; i++)
        igi_put_f64(dtype, t->data, i, uniform(key, i));
    return igi_settle_new(c, where, t);
}

/* Box and Muller's transform: two uniforms give a normal. */
ig_tensor *ig_randn_at(const char *where, ig_ctx *c, ig_dtype dtype, ig_shape shape)
{
    const double two_pi = 6.283185307179586;
    ig_tensor *t = make(c, where, dtype, shape, true);
    uint64_t key = next_key(c, where);
    int64_t n = t ? igi_tensor_count(t) : 0;
    for (int64_t i = 0; i < n; i++) {
        double u = 1.0 - uniform(key, 2 * i), v = uniform(key, 2 * i + 1);
        igi_put_f64(dtype, t->data, i, sqrt(-2.0 * log(u)) * cos(two_pi * v));
    }
    return igi_settle_new(c, where, t);
}

/* ---- reading ---- */

static bool is_complex(ig_dtype d)
{
    return d == IG_COMPLEX64 || d == IG_COMPLEX128;
}

double ig_item_at(const char *where, ig_ctx *c, ig_tensor *t)
{
    if (igi_refuses(c, where, "item", t))
        return NAN;
    ig_dtype dtype = (ig_dtype)t->v.type.dtype;
    if (igi_tensor_count(t) != 1 || dtype == IG_STRING || is_complex(dtype)) {
        char text[160];
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "item needs one number, not %s",
                          igi_type_print(&t->v.type, NULL, text, sizeof(text)));
        return NAN;
    }
    if (c->trace && /* the graph decides by what a view reads now */
        igi_ctx_record(c, where, igi_view_settle(c, where, "item", &t->v)) != IG_OK)
        return NAN;
    if (igi_escape(c, where, "the value of a tensor", t) != IG_OK)
        return NAN;
    ig_tensor *home = NULL;
    if (igi_ctx_record(c, where, igi_tensor_readable(&home, t)) != IG_OK)
        return NAN;
    double x = igi_get_f64((ig_dtype)t->v.type.dtype, home->data, 0);
    ig_tensor_unref(home);
    return x;
}

int64_t ig_size_at(const char *where, ig_ctx *c, ig_tensor *t, int axis)
{
    if (igi_refuses(c, where, "size", t))
        return -1;
    int64_t d = ig_tensor_dim(t, axis);
    if (c->trace)
        c->trace->sized(c->trace, where, t, axis);
    if (d < 0)
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                          "size: axis %d of a tensor of rank %d", axis, t->v.type.rank);
    return d;
}

static double complex_part(const ig_tensor *t, int64_t at)
{
    return igi_get_f64(t->v.type.dtype == IG_COMPLEX64 ? IG_FLOAT32 : IG_FLOAT64,
                       t->data, at);
}

static void format_element(igi_text *out, const ig_tensor *t, int64_t i)
{
    ig_dtype d = (ig_dtype)t->v.type.dtype;
    if (d == IG_STRING)
        igi_text_add(out, "\"%s\"", ig_tensor_string(t, i));
    else if (d == IG_BOOL)
        igi_text_add(out, ((const uint8_t *)t->data)[i] ? "true" : "false");
    else if (d == IG_UINT64)
        igi_text_add(out, "%" PRIu64, ((const uint64_t *)(const void *)t->data)[i]);
    else if (igi_dtype_is_int(d))
        igi_text_add(out, "%" PRId64, igi_get_i64(d, t->data, i));
    else if (is_complex(d))
        igi_text_add(out, "%g%+gj", complex_part(t, 2 * i), complex_part(t, 2 * i + 1));
    else
        igi_text_real(out, "%g", igi_get_f64(d, t->data, i));
}

#define EDGE 3 /* elements shown at each end of a long axis */

static void format_axis(igi_text *out, const ig_tensor *t)
{
    const int64_t *dims = ig_type_dims(&t->v.type);
    int rank = t->v.type.rank;
    int64_t n = igi_tensor_count(t), at[IG_RANK_MAX] = {0};
    bool shorten = n > 1000;
    for (int64_t i = 0; i < n; i++) {
        int64_t rest = i;
        bool skip = false;
        for (int k = rank - 1; k >= 0; k--) {
            at[k] = rest % dims[k];
            rest /= dims[k];
            skip = skip || (shorten && dims[k] > 2 * EDGE && at[k] >= EDGE &&
                            at[k] < dims[k] - EDGE);
        }
        if (skip)
            continue;
        int opened = 0;
        for (int k = rank - 1; k >= 0 && at[k] == 0; k--)
            opened++;
        if (i)
            igi_text_add(out, ", ");
        int axis = rank - 1 - opened; /* the one that goes on here */
        if (axis >= 0 && shorten && at[axis] == dims[axis] - EDGE &&
            dims[axis] > 2 * EDGE)
            igi_text_add(out, "..., ");
        for (int k = 0; k < opened; k++)
            igi_text_add(out, "[");
        format_element(out, t, i);
        for (int k = rank - 1; k >= 0 && at[k] == dims[k] - 1; k--)
            igi_text_add(out, "]");
    }
    if (n == 0)
        igi_text_add(out, "[]");
}

ig_status ig_tensor_format(const ig_tensor *t, char **out)
{
    igi_text text = {0};
    char type[256];
    ig_tensor *flat = NULL;
    igi_error_clear();
    if (!t)
        return ig_fail(IG_INVALID_ARGUMENT, "the tensor is NULL");
    IG_TRY(igi_tensor_readable(&flat, t));
    igi_text_add(&text, "%s ", igi_type_print(&t->v.type, NULL, type, sizeof(type)));
    format_axis(&text, flat);
    ig_tensor_unref(flat);
    return igi_text_take(&text, out);
}

/* ---- in place ---- */

ig_tensor *ig_add_inplace_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *y)
{
    static const ig_op_def *op;
    ig_tensor *in[2] = {x, y};
    return igi_call_inplace(c, where, igi_op_once(&op, "Add"), x, in, 2);
}

ig_tensor *ig_mul_inplace_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *y)
{
    static const ig_op_def *op;
    ig_tensor *in[2] = {x, y};
    return igi_call_inplace(c, where, igi_op_once(&op, "Mul"), x, in, 2);
}

ig_tensor *ig_relu_inplace_at(const char *where, ig_ctx *c, ig_tensor *x)
{
    static const ig_op_def *op;
    return igi_call_inplace(c, where, igi_op_once(&op, "Relu"), x, &x, 1);
}

ig_tensor *ig_copy_inplace_at(const char *where, ig_ctx *c, ig_tensor *x, ig_tensor *y)
{
    static const ig_op_def *op;
    if (igi_refuses(c, where, "copy in place", x && y ? x : NULL))
        return NULL;
    if (!igi_type_equal(&x->v.type, &y->v.type)) {
        char a[160], b[160];
        (void)ig_ctx_fail(c, where, IG_INVALID_ARGUMENT, "copy in place: %s into %s",
                          igi_type_print(&y->v.type, NULL, a, sizeof(a)),
                          igi_type_print(&x->v.type, NULL, b, sizeof(b)));
        return NULL;
    }
    return igi_call_inplace(c, where, igi_op_once(&op, "Identity"), x, &y, 1);
}

ig_tensor *ig_fill_inplace_at(const char *where, ig_ctx *c, ig_tensor *x, double value)
{
    static const ig_op_def *op;
    if (igi_refuses(c, where, "fill in place", x))
        return NULL;
    const int64_t rank = x->v.type.rank;
    ig_tensor *in[2] = {
        ig_scalar_at(where, c, (ig_dtype)x->v.type.dtype, value),
        ig_from_at(where, c, IG_INT64, (ig_shape){1, &rank}, ig_type_dims(&x->v.type))};
    return igi_call_inplace(c, where, igi_op_once(&op, "Expand"), x, in, 2);
}
