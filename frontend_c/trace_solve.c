/* Differential tracing, the part with numbers: constants that differ between recordings
 * at several sizes are sizes that the C code computed, solved as functions of the named
 * dims:
 *   integers     element by element an affine function of the dims, b + sum of a_k *
 * N_k; one number   affine, or the inverse of an affine function (a mean by hand);
 *   filled array dims affine, contents one value.
 * Each is rebuilt from the sizes of the inputs, so the graph runs at any size. Anything
 * else fails with the place of the call that reads it. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "frontend_c/trace_join.h"
#include "frontend_c/wrap.h"
#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/ir/same.h"

/* ---- solving ---- */

typedef struct affine {
    int64_t a[IGI_JOIN_RUNS], b;
} affine;

/* v[r] per run; false: not affine with whole coefficients. */
static bool solve(const igi_join *j, const int64_t *v, affine *out)
{
    out->b = v[0];
    for (int k = 0; k < j->n_sym; k++) {
        int64_t dv = v[k + 1] - v[0], ds = j->sizes[k + 1][k] - j->sizes[0][k];
        if (dv % ds)
            return false;
        out->a[k] = dv / ds;
        out->b -= out->a[k] * j->sizes[0][k];
    }
    int last = j->n_runs - 1;
    int64_t check = out->b;
    for (int k = 0; k < j->n_sym; k++)
        check += out->a[k] * j->sizes[last][k];
    return check == v[last];
}

ig_status igi_join_dim(const igi_join *j, const int64_t *v, int64_t *out)
{
    affine f = {{0}, 0};
    *out = -1;
    if (!solve(j, v, &f))
        return IG_OK;
    int64_t sum = f.b;
    for (int k = 0; k < j->n_sym; k++) {
        int64_t n;
        if (!f.a[k])
            continue;
        IG_TRY(ig_graph_dim(j->out, j->d->symbols.p[k], &n));
        sum = ig_dim_add(j->out->syms, sum, ig_dim_mul(j->out->syms, f.a[k], n));
    }
    *out = sum;
    return IG_OK;
}

static const ig_tensor *constant_at(const igi_join *j, int r, ig_value_id base)
{
    ig_value_id id = r ? j->twin[r][base.i] : base;
    return id.i ? igi_value_at(j->runs[r], id)->constant : NULL;
}

/* ---- building ---- */

static ig_status make(igi_join *j,
                      const char *op,
                      const void *attrs,
                      const ig_value_id *in,
                      int n,
                      ig_value_id *out)
{
    return ig_graph_make_named(j->out, op, attrs, in, n, out, 1);
}

static ig_status int_vector(igi_join *j, const int64_t *v, int64_t n, ig_value_id *out)
{
    ig_tensor *t = NULL;
    IG_TRY(ig_tensor_new_copy(&t, IG_INT64, 1, &n, v, (size_t)n * sizeof(*v)));
    ig_status rc = ig_graph_constant(j->out, NULL, t, out);
    ig_tensor_unref(t);
    return rc;
}

/* The size of a symbol, from the first input that has it. A body is given them. */
ig_status igi_join_size(igi_join *j, int symbol, ig_value_id *out)
{
    ig_value_id in[2];
    if (j->dim[symbol].i) {
        *out = j->dim[symbol];
        return IG_OK;
    }
    for (size_t k = 0; k < j->d->dims.n; k++) {
        const igi_dyn_dim *d = &j->d->dims.p[k];
        int64_t axis = d->axis;
        if (d->symbol != symbol)
            continue;
        ig_value_id x = j->out->inputs.p[d->input];
        IG_TRY(make(j, "Shape", NULL, &x, 1, &in[0]));
        IG_TRY(int_vector(j, &axis, 1, &in[1]));
        IG_TRY(make(j, "Gather", NULL, in, 2, &j->dim[symbol]));
        break;
    }
    *out = j->dim[symbol];
    return IG_OK;
}

/* b + sum a_k N_k as int64[1]. */
static ig_status build_affine(igi_join *j, const affine *f, ig_value_id *out)
{
    ig_value_id sum = {0}, in[2];
    for (int k = 0; k < j->n_sym; k++) {
        if (!f->a[k])
            continue;
        IG_TRY(igi_join_size(j, k, &in[0]));
        if (f->a[k] != 1) {
            IG_TRY(int_vector(j, &f->a[k], 1, &in[1]));
            IG_TRY(make(j, "Mul", NULL, in, 2, &in[0]));
        }
        in[1] = sum;
        if (sum.i)
            IG_TRY(make(j, "Add", NULL, in, 2, &sum));
        else
            sum = in[0];
    }
    if (!sum.i)
        return int_vector(j, &f->b, 1, out);
    in[0] = sum;
    if (f->b) {
        IG_TRY(int_vector(j, &f->b, 1, &in[1]));
        IG_TRY(make(j, "Add", NULL, in, 2, &sum));
    }
    *out = sum;
    return IG_OK;
}

static ig_status build_vector(igi_join *j, const affine *f, int n, ig_value_id *out)
{
    ig_value_id parts[IG_RANK_MAX];
    ig_concat_opts o = IG_CONCAT_OPTS_INIT;
    o.axis = 0;
    if (n == 0)
        return int_vector(j, NULL, 0, out);
    for (int i = 0; i < n; i++)
        IG_TRY(build_affine(j, &f[i], &parts[i]));
    if (n == 1) {
        *out = parts[0];
        return IG_OK;
    }
    return make(j, "Concat", &o, parts, n, out);
}

static ig_status cast_to(igi_join *j, ig_dtype dtype, ig_value_id *v)
{
    ig_cast_opts o = IG_CAST_OPTS_INIT;
    o.to = dtype;
    return dtype == IG_INT64 ? IG_OK : make(j, "Cast", &o, v, 1, v);
}

static ig_status to_scalar(igi_join *j, ig_value_id *v)
{
    ig_value_id in[2] = {*v};
    IG_TRY(int_vector(j, NULL, 0, &in[1]));
    return make(j, "Reshape", NULL, in, 2, v);
}

/* Integers: each element affine. */
static bool solve_ints(const igi_join *j, ig_value_id base, affine *f)
{
    const ig_tensor *t = constant_at(j, 0, base);
    int64_t n = igi_tensor_count(t), v[IGI_JOIN_RUNS] = {0};
    if (t->v.type.rank > 1 || n > IG_RANK_MAX ||
        !igi_dtype_is_int((ig_dtype)t->v.type.dtype))
        return false;
    for (int64_t i = 0; i < n; i++) {
        for (int r = 0; r < j->n_runs; r++) {
            const ig_tensor *x = constant_at(j, r, base);
            if (!x || !igi_type_equal(&x->v.type, &t->v.type))
                return false;
            v[r] = igi_get_i64((ig_dtype)t->v.type.dtype, x->data, i);
        }
        if (!solve(j, v, &f[i]))
            return false;
    }
    return true;
}

/* One floating point number: whole and affine (*inverse false), or the inverse of such.
 */
static bool solve_number(const igi_join *j, ig_value_id base, affine *f, bool *inverse)
{
    const ig_tensor *t = constant_at(j, 0, base);
    if (!igi_dtype_is_float((ig_dtype)t->v.type.dtype) || t->v.type.rank != 0)
        return false;
    for (int form = 0; form < 2; form++) {
        int64_t v[IGI_JOIN_RUNS] = {0};
        bool whole = true;
        for (int r = 0; r < j->n_runs && whole; r++) {
            const ig_tensor *x = constant_at(j, r, base);
            double y = x && x->v.type.rank == 0
                           ? igi_get_f64((ig_dtype)t->v.type.dtype, x->data, 0)
                           : NAN;
            y = form ? 1.0 / y : y;
            whole = fabs(y - rint(y)) <= 1e-6 * fabs(y) && fabs(y) < 1e15;
            v[r] = whole ? (int64_t)rint(y) : 0;
        }
        *inverse = form;
        if (whole && solve(j, v, f))
            return true;
    }
    return false;
}

static bool one_value(const ig_tensor *t)
{
    size_t n = ig_tensor_nbytes(t),
           size = (size_t)ig_dtype_bits((ig_dtype)t->v.type.dtype) / 8;
    return size && n >= size && t->v.type.dtype != IG_STRING &&
           !memcmp(t->data, t->data + size, n - size);
}

/* An array filled with one value whose dims are affine. */
static bool solve_filled(const igi_join *j, ig_value_id base, affine *f)
{
    const ig_tensor *t = constant_at(j, 0, base);
    int64_t v[IGI_JOIN_RUNS] = {0};
    size_t size = (size_t)ig_dtype_bits((ig_dtype)t->v.type.dtype) / 8;
    for (int r = 0; r < j->n_runs; r++) {
        const ig_tensor *x = constant_at(j, r, base);
        if (!x || x->v.type.rank != t->v.type.rank ||
            x->v.type.dtype != t->v.type.dtype || !one_value(x) ||
            memcmp(x->data, t->data, size) != 0)
            return false;
    }
    for (int i = 0; i < t->v.type.rank; i++) {
        for (int r = 0; r < j->n_runs; r++)
            v[r] = ig_type_dims(&constant_at(j, r, base)->v.type)[i];
        if (!solve(j, v, &f[i]))
            return false;
    }
    return true;
}

static ig_status
build_filled(igi_join *j, const ig_tensor *t, const affine *f, ig_value_id *out)
{
    ig_tensor *one = NULL;
    ig_value_id in[2];
    size_t size = (size_t)ig_dtype_bits((ig_dtype)t->v.type.dtype) / 8;
    IG_TRY(ig_tensor_new_copy(&one, (ig_dtype)t->v.type.dtype, 0, NULL, t->data, size));
    ig_status rc = ig_graph_constant(j->out, NULL, one, &in[0]);
    ig_tensor_unref(one);
    IG_TRY(rc);
    IG_TRY(build_vector(j, f, t->v.type.rank, &in[1]));
    return make(j, "Expand", NULL, in, 2, out);
}

/* ---- the constants of the base that differ ---- */

static const igi_node *first_reader(const igi_join *j, ig_value_id v)
{
    const igi_gvalue *x = igi_value_at(j->runs[0], v);
    for (size_t u = 0; u < x->uses.n; u++)
        if (x->uses.p[u].node.i)
            return igi_node_at(j->runs[0], x->uses.p[u].node);
    return NULL;
}

static ig_status rebuild_constant(igi_join *j, ig_value_id base, ig_value_id *out)
{
    affine f[IG_RANK_MAX] = {{{0}, 0}};
    bool inverse;
    const ig_tensor *t = constant_at(j, 0, base);
    ig_dtype dtype = (ig_dtype)t->v.type.dtype;
    if (solve_ints(j, base, f)) {
        IG_TRY(build_vector(j, f, (int)igi_tensor_count(t), out));
        IG_TRY(cast_to(j, dtype, out));
        return t->v.type.rank == 0 ? to_scalar(j, out) : IG_OK;
    }
    if (solve_number(j, base, f, &inverse)) {
        IG_TRY(build_affine(j, f, out));
        IG_TRY(to_scalar(j, out));
        IG_TRY(cast_to(j, dtype, out));
        return inverse ? make(j, "Reciprocal", NULL, out, 1, out) : IG_OK;
    }
    if (solve_filled(j, base, f))
        return build_filled(j, t, f, out);
    const igi_node *n = first_reader(j, base);
    return n ? igi_join_differs(n, "reads a constant that has other contents")
             : ig_fail(IG_INVALID_ARGUMENT,
                       "an output of the trace is a constant that follows sizes");
}

ig_status igi_join_constants(igi_join *j)
{
    const ig_graph *base = j->runs[0];
    for (uint32_t i = 1; i < base->values.n; i++) {
        ig_value_id id = {i};
        bool same = true;
        if (!base->values.p[i].live || !base->values.p[i].constant ||
            !base->values.p[i].uses.n)
            continue;
        for (int r = 1; r < j->n_runs && same; r++) {
            const ig_tensor *x = constant_at(j, r, id);
            same = !x || igi_constant_same(base->values.p[i].constant, x);
        }
        if (!same)
            IG_TRY(rebuild_constant(j, id, &j->map[i]));
    }
    return IG_OK;
}
