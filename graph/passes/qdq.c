/* Quantized graphs as exporters write them: float operators between DequantizeLinear
 * and QuantizeLinear become operators on bytes.
 *
 *   DQ, Conv or Gemm, (Relu, Clip), Q   QLinearConv, (Clip of bytes)
 *   DQ, MatMul, Q                       QLinearMatMul
 *   DQ, Add, (Relu, Clip), Q            ingot::QAdd
 *   DQ, MaxPool, Reshape, ...           the same on bytes, DQ behind it
 *   DQ, Q with the same numbers         nothing
 *
 * Sums become exact, where float32 rounds; every rounding to bytes of the file stays.
 * Rounding is monotone, so bounds before a rounding are bounds after it. What has no
 * such form keeps its DequantizeLinear and runs in float32. */
#include "graph/passes/qdq.h"

#include <math.h>

#include "graph/core/dtype.h"
#include "graph/core/status.h"

bool igi_quantum_of(const ig_graph *g,
                    ig_value_id scale,
                    ig_value_id zero,
                    int64_t type,
                    igi_quantum *out)
{
    double s, z = 0;
    if (!igi_is_byte(type) || !igi_is_f32(g, scale) ||
        !igi_const_scalar(g, scale, &s) || (zero.i && !igi_const_scalar(g, zero, &z)) ||
        !isfinite(s) || !(s > 0))
        return false;
    *out = (igi_quantum){(float)s, (int64_t)z, (ig_dtype)type};
    return true;
}

/* ---- finding the ends ---- */

/* The DequantizeLinear behind v, with float32 results and no blocks. */
static const igi_node *dequantized(const ig_graph *g, ig_value_id v)
{
    const igi_node *n = v.i ? igi_producer(g, v) : NULL;
    return n && igi_node_is(n, "DequantizeLinear") && igi_is_f32(g, v) &&
                   igi_is_f32(g, n->in[1]) && !igi_attr_int(n, "block_size", 0)
               ? n
               : NULL;
}

/* The same with one scale; *q: its numbers. */
static const igi_node *
dequantized_whole(const ig_graph *g, ig_value_id v, igi_quantum *q)
{
    const igi_node *n = dequantized(g, v);
    return n && igi_quantum_of(g, n->in[1], igi_in(n, 2),
                               igi_type_of(g, n->in[0])->dtype, q)
               ? n
               : NULL;
}

/* What a QuantizeLinear rounds, seen through a Relu or Clip that only it reads. */
typedef struct rounded {
    ig_node_id id; /* the operator that makes the value */
    igi_quantum q;
    int64_t low, high;
    bool bounded; /* narrower than the type */
} rounded;

static int64_t bound_of(const igi_quantum *q, double v, int64_t low, int64_t high)
{
    double r = rint((double)((float)v / q->scale)) + (double)q->zero;
    r = r > (double)low ? r : (double)low;
    return (int64_t)(r < (double)high ? r : (double)high);
}

/* Bounds that Relu or Clip set; false: not such a node. */
static bool bounds_of(const ig_graph *g, const igi_node *n, double *low, double *high)
{
    ig_value_id lo = igi_in(n, 1), hi = igi_in(n, 2);
    *low = -(double)INFINITY;
    *high = (double)INFINITY;
    if (igi_node_is(n, "Relu")) {
        *low = 0;
        return true;
    }
    return igi_node_is(n, "Clip") && (!lo.i || igi_const_scalar(g, lo, low)) &&
           (!hi.i || igi_const_scalar(g, hi, high)) && *low <= *high;
}

static bool rounded_of(const ig_graph *g, const igi_node *n, rounded *r)
{
    double low, high;
    ig_value_id v = n->in[0];
    if (igi_attr_int(n, "block_size", 0) || igi_attr_int(n, "precision", 0) ||
        !igi_is_f32(g, v) || !igi_only_user(g, v).i ||
        !igi_quantum_of(g, n->in[1], igi_in(n, 2), igi_type_of(g, n->out[0])->dtype,
                        &r->q))
        return false;
    igi_byte_range(r->q.type, &r->low, &r->high);
    r->id = igi_producer_id(g, v);
    r->bounded = false;
    if (!r->id.i)
        return false;
    const igi_node *p = igi_node_at(g, r->id);
    if (!bounds_of(g, p, &low, &high))
        return true;
    int64_t all_low = r->low, all_high = r->high;
    r->low = bound_of(&r->q, low, all_low, all_high);
    r->high = bound_of(&r->q, high, all_low, all_high);
    r->bounded = r->low != all_low || r->high != all_high;
    v = p->in[0];
    r->id = igi_producer_id(g, v);
    return r->id.i && igi_only_user(g, v).i;
}

/* ---- new values ---- */

static ig_status
make_scalar(ig_graph *g, ig_value_id like, ig_dtype type, double v, ig_value_id *out)
{
    ig_tensor *t = NULL;
    IG_TRY(ig_tensor_new(&t, type, 0, NULL));
    igi_put_f64(type, t->data, 0, v);
    return igi_make_const(g, like, t, out);
}

/* Scale and zero point, given or a new 0, of node `id` (whose bytes are `quantized`).
 */
static ig_status
take_quantum(ig_graph *g, ig_node_id id, ig_value_id quantized, ig_value_id *in)
{
    const igi_node *n = igi_node_at(g, id);
    const ig_dtype type = (ig_dtype)igi_type_of(g, quantized)->dtype;
    in[0] = n->in[1];
    in[1] = igi_in(n, 2);
    return in[1].i ? IG_OK : make_scalar(g, quantized, type, 0, &in[1]);
}

/* `made` (bounded) takes the place of QuantizeLinear `id`. */
static ig_status
replace(ig_graph *g, ig_node_id id, const rounded *r, ig_value_id made, int *changes)
{
    bool done;
    if (!made.i)
        return IG_OK;
    if (r && r->bounded) {
        igi_make m = {
            .op = igi_registry_find_full(g->reg, "Clip"), .n_in = 3, .like = id};
        ig_value_id in[3] = {made};
        if (!m.op)
            return IG_OK;
        IG_TRY(make_scalar(g, made, r->q.type, (double)r->low, &in[1]));
        IG_TRY(make_scalar(g, made, r->q.type, (double)r->high, &in[2]));
        IG_TRY(igi_try_make(g, &m, in, &made));
        if (!made.i)
            return IG_OK;
    }
    IG_TRY(igi_forward(g, id, 0, made, &done));
    *changes += done;
    return IG_OK;
}

/* ---- convolutions and products with constant weights ---- */

enum { X, X_SCALE, X_ZERO, W, W_SCALE, W_ZERO, Y_SCALE, Y_ZERO, BIAS, PORTS };

/* Sums of so many products of bytes are half of what an int32 holds. */
#define DEPTH_MAX (INT32_MAX / 2 / (255 * 255))

/* Constant bytes with a scale for all or for each index of `axis`, which is no sum. */
static const igi_node *weights_of(const ig_graph *g, ig_value_id v, int64_t axis)
{
    const igi_node *n = dequantized(g, v);
    if (!n || !igi_is_byte(igi_type_of(g, n->in[0])->dtype) ||
        !igi_const(g, n->in[0]) || !igi_const(g, n->in[1]) ||
        (igi_in(n, 2).i && !igi_const(g, igi_in(n, 2))))
        return NULL;
    int rank = igi_type_of(g, v)->rank;
    int64_t at = igi_attr_int(n, "axis", 1);
    bool one = igi_tensor_count(igi_const(g, n->in[1])) == 1;
    int64_t count = igi_tensor_count(igi_const(g, n->in[0]));
    if (rank <= axis || count > DEPTH_MAX * ig_type_dims(igi_type_of(g, v))[axis])
        return NULL;
    return one || (at < 0 ? at + rank : at) == axis ? n : NULL;
}

/* Element i of a constant of one or many, as a number. */
static double element(const ig_tensor *t, int64_t i)
{
    return igi_get_f64((ig_dtype)t->v.type.dtype, t->data,
                       igi_tensor_count(t) > 1 ? i : 0);
}

/* The float bias b, its integers as exactly as they are known, in units of x_scale *
 * w_scale; false: not constant, too large, or not to be said in such units by much less
 * than a step of the result. */
static bool bias_units(const ig_graph *g,
                       ig_value_id b,
                       double x_scale,
                       const ig_value_id *in,
                       int64_t m,
                       double *out)
{
    double step; /* of the result */
    const ig_tensor *w_scale = igi_const(g, in[W_SCALE]);
    const double most = igi_const_scalar(g, in[Y_SCALE], &step) ? step / 16 : 0;
    const igi_node *d = dequantized(g, b);
    const ig_tensor *t = igi_const(g, d ? d->in[0] : b),
                    *s = d ? igi_const(g, d->in[1]) : NULL,
                    *z = d && igi_in(d, 2).i ? igi_const(g, igi_in(d, 2)) : NULL;
    const int rank = t ? t->v.type.rank : 0; /* a column is none of columns */
    if (!t || igi_tensor_count(t) != m || (d && !s) || (d && igi_in(d, 2).i && !z) ||
        (rank > 0 && ig_type_dims(&t->v.type)[rank - 1] != m))
        return false;
    for (int64_t i = 0; i < m; i++) {
        double unit = x_scale * element(w_scale, i), v = element(t, i);
        double own = s ? element(s, i) : 1, q = v - (z ? element(z, i) : 0);
        bool same = s && fabs(own - unit) <= 1e-6 * unit;
        out[i] = same ? q : rint(q * own / unit);
        if (!(fabs(out[i]) <= INT32_MAX / 2) ||
            (!same && fabs(out[i] * unit - q * own) > most))
            return false;
    }
    return true;
}

static ig_status
make_bias(ig_graph *g, ig_value_id b, double x_scale, int64_t m, ig_value_id *in)
{
    in[BIAS] = (ig_value_id){0};
    double *v = igi_alloc_array((size_t)m + 1, sizeof(*v));
    if (!v)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    if (bias_units(g, b, x_scale, in, m, v))
        rc = igi_make_numbers(g, b, IG_INT32, m, v, &in[BIAS]);
    igi_free(v);
    return rc;
}

/* Ports of QLinearConv but x and w, from the three nodes around; *fits: bias too. */
static ig_status conv_ports(ig_graph *g,
                            ig_node_id quantize,
                            ig_value_id x,
                            ig_value_id w,
                            ig_value_id b,
                            int64_t m,
                            ig_value_id *in,
                            bool *fits)
{
    const igi_node *dx = dequantized(g, x);
    double x_scale;
    ig_node_id xid = igi_producer_id(g, x), wid = igi_producer_id(g, w);
    *fits = igi_const_scalar(g, dx->in[1], &x_scale);
    in[X] = dx->in[0];
    in[W] = igi_node_at(g, wid)->in[0];
    in[BIAS] = (ig_value_id){0};
    IG_TRY(take_quantum(g, xid, in[X], &in[X_SCALE]));
    IG_TRY(take_quantum(g, wid, in[W], &in[W_SCALE]));
    IG_TRY(take_quantum(g, quantize, igi_node_at(g, quantize)->out[0], &in[Y_SCALE]));
    if (!b.i || !*fits)
        return IG_OK;
    IG_TRY(make_bias(g, b, x_scale, m, in));
    *fits = in[BIAS].i != 0;
    return IG_OK;
}

static ig_status conv(ig_graph *g, ig_node_id quantize, const rounded *r, int *changes)
{
    igi_quantum q;
    ig_value_id in[PORTS], y;
    bool fits;
    const igi_node *n = igi_node_at(g, r->id);
    igi_make m = {.op = igi_registry_find_full(g->reg, "QLinearConv"),
                  .n_in = PORTS,
                  .like = r->id};
    ig_value_id x = n->in[0], w = n->in[1], b = igi_in(n, 2);
    if (!m.op || !dequantized_whole(g, x, &q) || !weights_of(g, w, 0))
        return IG_OK;
    int64_t channels = ig_type_dims(igi_type_of(g, w))[0];
    IG_TRY(conv_ports(g, quantize, x, w, b, channels, in, &fits));
    void *attrs = igi_new_attrs(g, m.op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    if (!fits)
        return IG_OK;
    igi_copy_attrs(m.op, attrs, igi_node_at(g, r->id));
    m.attrs = attrs;
    IG_TRY(igi_try_make(g, &m, in, &y));
    return replace(g, quantize, r, y, changes);
}

/* w[K, N] or w[N, K] (transposed) as [N, K, 1, 1]. */
static ig_status as_taps(
    ig_graph *g, ig_value_id w, bool transposed, int64_t n, int64_t k, ig_value_id *out)
{
    const int64_t dims[4] = {n, k, 1, 1};
    const ig_tensor *t = igi_const(g, w);
    if (transposed)
        return igi_make_reshaped(g, w, 4, dims, out);
    ig_tensor *made = NULL;
    IG_TRY(ig_tensor_new(&made, (ig_dtype)t->v.type.dtype, 4, dims));
    for (int64_t i = 0; i < n; i++)
        for (int64_t j = 0; j < k; j++)
            ((uint8_t *)made->data)[i * k + j] = ((const uint8_t *)t->data)[j * n + i];
    return igi_make_const(g, w, made, out);
}

/* Squeeze or Unsqueeze of axes 2 and 3. */
static ig_status
planes(ig_graph *g, const char *op, ig_node_id like, ig_value_id v, ig_value_id *out)
{
    const int64_t axes[2] = {2, 3};
    ig_value_id in[2] = {v};
    igi_make m = {.op = igi_registry_find_full(g->reg, op), .n_in = 2, .like = like};
    if (!m.op)
        return IG_BUG("the registry has no Squeeze or Unsqueeze");
    IG_TRY(igi_make_ints(g, v, axes, 2, &in[1]));
    return igi_make_node(g, &m, in, out);
}

/* x[M, K] w + b is a convolution with one tap over M images of one pixel. */
static ig_status gemm(ig_graph *g, ig_node_id quantize, const rounded *r, int *changes)
{
    igi_quantum q;
    ig_value_id in[PORTS], y;
    bool fits;
    const igi_node *n = igi_node_at(g, r->id);
    const bool transposed = igi_attr_int(n, "transB", 0) != 0;
    const double alpha = (double)igi_attr_float(n, "alpha", 1),
                 beta = (double)igi_attr_float(n, "beta", 1);
    igi_make m = {.op = igi_registry_find_full(g->reg, "QLinearConv"),
                  .n_in = PORTS,
                  .like = r->id};
    ig_value_id x = n->in[0], w = n->in[1], b = igi_in(n, 2);
    if (!m.op || igi_attr_int(n, "transA", 0) || alpha < 1 || alpha > 1 || beta < 1 ||
        beta > 1 || !dequantized_whole(g, x, &q) || !weights_of(g, w, !transposed))
        return IG_OK;
    const int64_t *dims = ig_type_dims(igi_type_of(g, w));
    const int64_t cols = dims[!transposed], depth = dims[transposed];
    IG_TRY(conv_ports(g, quantize, x, w, b, cols, in, &fits));
    if (!fits)
        return IG_OK;
    IG_TRY(as_taps(g, in[W], transposed, cols, depth, &in[W]));
    IG_TRY(planes(g, "Unsqueeze", r->id, in[X], &in[X]));
    IG_TRY(igi_try_make(g, &m, in, &y));
    if (y.i)
        IG_TRY(planes(g, "Squeeze", r->id, y, &y));
    return replace(g, quantize, r, y, changes);
}

static ig_status
mat_mul(ig_graph *g, ig_node_id quantize, const rounded *r, int *changes)
{
    igi_quantum q;
    ig_value_id in[8], y;
    const igi_node *n = igi_node_at(g, r->id);
    igi_make m = {.op = igi_registry_find_full(g->reg, "QLinearMatMul"),
                  .n_in = 8,
                  .like = r->id};
    ig_value_id a = n->in[0], b = n->in[1];
    if (!m.op || !dequantized_whole(g, a, &q))
        return IG_OK;
    if (!dequantized_whole(g, b, &q) && !weights_of(g, b, igi_type_of(g, b)->rank - 1))
        return IG_OK;
    ig_node_id aid = igi_producer_id(g, a), bid = igi_producer_id(g, b);
    in[0] = igi_node_at(g, aid)->in[0];
    in[3] = igi_node_at(g, bid)->in[0];
    IG_TRY(take_quantum(g, aid, in[0], &in[1]));
    IG_TRY(take_quantum(g, bid, in[3], &in[4]));
    IG_TRY(take_quantum(g, quantize, igi_node_at(g, quantize)->out[0], &in[6]));
    IG_TRY(igi_try_make(g, &m, in, &y));
    return replace(g, quantize, r, y, changes);
}

/* ---- sums ---- */

static ig_status set_qadd(const ig_op_def *d,
                          void *attrs,
                          const igi_quantum *a,
                          const igi_quantum *b,
                          const rounded *r)
{
    const struct {
        const char *name;
        int64_t v;
    } ints[] = {{"a_zero", a->zero}, {"b_zero", b->zero}, {"zero", r->q.zero},
                {"low", r->low},     {"high", r->high},   {"to", r->q.type}};
    IG_TRY(igi_attrs_set_float(d, attrs, "a_scale", a->scale));
    IG_TRY(igi_attrs_set_float(d, attrs, "b_scale", b->scale));
    IG_TRY(igi_attrs_set_float(d, attrs, "scale", r->q.scale));
    for (size_t i = 0; i < sizeof(ints) / sizeof(*ints); i++)
        IG_TRY(igi_attrs_set_int(d, attrs, ints[i].name, ints[i].v));
    return IG_OK;
}

static ig_status add(ig_graph *g, ig_node_id quantize, const rounded *r, int *changes)
{
    igi_quantum a, b;
    ig_value_id y;
    const igi_node *n = igi_node_at(g, r->id);
    igi_make m = {
        .op = igi_registry_find_full(g->reg, "ingot::QAdd"), .n_in = 2, .like = r->id};
    const igi_node *da = dequantized_whole(g, n->in[0], &a),
                   *db = dequantized_whole(g, n->in[1], &b);
    if (!m.op || !da || !db)
        return IG_OK;
    ig_value_id in[2] = {da->in[0], db->in[0]};
    const ig_type *ta = igi_type_of(g, in[0]), *tb = igi_type_of(g, in[1]);
    if (ta->rank < 0 || ta->rank != tb->rank)
        return IG_OK;
    for (int i = 0; i < ta->rank; i++)
        if (ig_type_dims(ta)[i] == -1 || ig_type_dims(ta)[i] != ig_type_dims(tb)[i])
            return IG_OK; /* the sum may broadcast */
    void *attrs = igi_new_attrs(g, m.op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    IG_TRY(set_qadd(m.op->def, attrs, &a, &b, r));
    m.attrs = attrs;
    IG_TRY(igi_try_make(g, &m, in, &y));
    return replace(g, quantize, NULL, y, changes);
}

/* ---- the rules ---- */

static ig_status quantize(ig_graph *g, ig_node_id id, int *changes)
{
    static const struct {
        const char *op;
        ig_status (*f)(ig_graph *g,
                       ig_node_id quantize,
                       const rounded *r,
                       int *changes);
    } forms[] = {{"Conv", conv},
                 {"Gemm", gemm},
                 {"MatMul", mat_mul},
                 {"Add", add},
                 {NULL, NULL}};
    rounded r;
    igi_quantum q;
    const igi_node *n = igi_node_at(g, id);
    const igi_node *d = dequantized_whole(g, n->in[0], &q);
    if (d &&
        igi_quantum_of(g, n->in[1], igi_in(n, 2), igi_type_of(g, n->out[0])->dtype,
                       &r.q) &&
        igi_same_quantum(&q, &r.q))
        return replace(g, id, NULL, d->in[0], changes);
    if (!rounded_of(g, n, &r))
        return IG_OK;
    for (int i = 0; forms[i].op; i++)
        if (igi_node_is(igi_node_at(g, r.id), forms[i].op))
            return forms[i].f(g, id, &r, changes);
    return IG_OK;
}

/* Node `id` only moves or compares elements of input 0: it can do that to bytes. */
static ig_status move(ig_graph *g, ig_node_id id, int *changes)
{
    igi_quantum q;
    bool done;
    ig_value_id in[IG_PORTS_MAX], y, scaled[3];
    const igi_node *n = igi_node_at(g, id);
    const igi_node *d = dequantized_whole(g, n->in[0], &q);
    if (!d || igi_node_side_used(g, n) || igi_is_output(g, n->in[0]))
        return IG_OK;
    for (int i = 0; i < n->n_in; i++)
        in[i] = i ? n->in[i] : d->in[0];
    igi_make m = {.op = n->op, .attrs = n->attrs, .n_in = n->n_in, .like = id};
    igi_make back = {.op = d->op, .attrs = d->attrs, .n_in = 3, .like = id};
    scaled[1] = d->in[1];
    scaled[2] = igi_in(d, 2);
    if (n->n_out > 1) {
        m.n_out = n->n_out;
        m.wanted = 1;
    }
    ig_value_id out[64] = {{0}};
    IG_TRY(igi_try_make(g, &m, in, out));
    y = out[0];
    if (!y.i)
        return IG_OK;
    scaled[0] = y;
    IG_TRY(igi_make_node(g, &back, scaled, &y));
    IG_TRY(igi_forward(g, id, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static const igi_rule rules[] = {
    {"QuantizeLinear", quantize, 2},
    {"MaxPool", move, 2},
    {"Reshape", move, 2},
    {"Flatten", move, 2},
    {"Squeeze", move, 2},
    {"Unsqueeze", move, 2},
    {"Transpose", move, 2},
    {0},
};

ig_status igi_pass_qdq(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
