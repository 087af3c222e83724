/* What scales and shifts the channels of a convolution goes into its weights:
 *   (w * x + b) * s[m] + t[m]  =  (s[m] w) * x + (s[m] b + t[m])
 * for BatchNormalization outside training and for Mul, Add, Sub, Div by constants. A
 * BatchNormalization without a convolution before it takes those of them that follow it
 * into its own scale and bias. Computed in double and rounded once. */
#include <math.h>
#include <string.h>

#include "graph/passes/rewrite.h"

#include "graph/core/dtype.h"

#define SWEEP_SIZE 65536 /* elements */

/* One convolution or normalisation and the affine map of its output channels. */
typedef struct affine {
    ig_node_id conv, by;
    bool norm; /* conv is a BatchNormalization */
    int64_t m;
    double *s, *t;
    bool scales; /* some s is not 1 */
} affine;

/* Whether node n is BatchNormalization outside training with constant parameters. */
static bool is_norm(const ig_graph *g, const igi_node *n)
{
    if (!igi_node_is(n, "BatchNormalization") || igi_attr_int(n, "training_mode", 0) ||
        igi_node_side_used(g, n))
        return false;
    const ig_tensor *scale = igi_const(g, n->in[1]);
    if (!igi_is_f32(g, n->in[0]) || (scale && scale->v.type.dtype != IG_FLOAT32))
        return false;
    for (int i = 2; i < 5 && scale; i++) {
        const ig_tensor *p = igi_const(g, n->in[i]);
        if (!p || igi_tensor_count(p) != igi_tensor_count(scale))
            return false;
    }
    return scale && igi_tensor_count(scale) > 0;
}

/* The convolution or normalisation that makes v for node `by` alone, when its
 * parameters can be rewritten. */
static bool find_conv(const ig_graph *g, ig_node_id by, ig_value_id v, affine *a)
{
    const igi_node *c = v.i ? igi_producer(g, v) : NULL;
    if (!c || igi_only_user(g, v).i != by.i)
        return false;
    *a = (affine){.conv = igi_producer_id(g, v), .by = by, .norm = is_norm(g, c)};
    if (a->norm)
        a->m = igi_tensor_count(igi_const(g, c->in[1]));
    if (a->norm || !igi_node_is(c, "Conv"))
        return a->norm;
    const ig_tensor *w = igi_const(g, c->in[1]), *b = igi_const(g, igi_in(c, 2));
    if (!w || (igi_in(c, 2).i && !b) || w->v.type.rank < 3 ||
        (w->v.type.dtype != IG_FLOAT32 && w->v.type.dtype != IG_FLOAT64))
        return false;
    a->m = ig_type_dims(&w->v.type)[0];
    return a->m > 0 && (!b || igi_tensor_count(b) == a->m);
}

static ig_status affine_alloc(affine *a)
{
    a->s = igi_alloc_array((size_t)a->m, sizeof(double[2]));
    if (!a->s)
        return IG_OUT_OF_MEMORY;
    a->t = a->s + a->m;
    for (int64_t i = 0; i < a->m; i++) {
        a->s[i] = 1;
        a->t[i] = 0;
    }
    return IG_OK;
}

static bool is_finite(const affine *a)
{
    for (int64_t i = 0; i < a->m; i++)
        if (!isfinite(a->s[i]) || !isfinite(a->t[i]))
            return false;
    return true;
}

/* Wherever the constant lies. */
static float float_at(const ig_tensor *t, int64_t i)
{
    float x;
    memcpy(&x, t->data + i * (int64_t)sizeof(x), sizeof(x));
    return x;
}

static ig_status new_weights(ig_graph *g, const affine *a, ig_value_id *w)
{
    ig_tensor *made = NULL;
    const ig_tensor *old = igi_const(g, *w);
    if (old->v.type.dtype != IG_FLOAT32) /* those are read where they lie */
        IG_TRY(igi_tensor_settle(igi_value_at(g, *w)->constant));
    const ig_type *type = &old->v.type;
    ig_dtype dtype = (ig_dtype)type->dtype;
    IG_TRY(ig_tensor_new(&made, dtype, type->rank, ig_type_dims(type)));
    int64_t per = igi_tensor_count(old) / a->m;
    for (int64_t m = 0; m < a->m; m++) {
        for (int64_t i = m * per; i < (m + 1) * per; i++) {
            if (dtype == IG_FLOAT32)
                ((float *)(void *)made->data)[i] =
                    (float)(a->s[m] * (double)float_at(old, i));
            else
                igi_put_f64(dtype, made->data, i,
                            a->s[m] * igi_get_f64(dtype, old->data, i));
        }
    }
    return igi_make_const(g, *w, made, w);
}

/* Scale and bias of a normalisation: y = (x - mean) / dev * (s scale) + (s B + t). */
static ig_status new_norm(ig_graph *g, const affine *a, ig_value_id *in)
{
    const igi_node *n = igi_node_at(g, a->conv);
    for (int i = 0; i < 5; i++)
        in[i] = n->in[i];
    const ig_tensor *scale = igi_const(g, in[1]), *b = igi_const(g, in[2]);
    ig_dtype dtype = (ig_dtype)scale->v.type.dtype;
    for (int64_t m = 0; m < a->m; m++) {
        a->t[m] += a->s[m] * igi_get_f64(dtype, b->data, m);
        a->s[m] *= igi_get_f64(dtype, scale->data, m);
    }
    IG_TRY(igi_make_numbers(g, in[1], dtype, a->m, a->s, &in[1]));
    return igi_make_numbers(g, in[2], dtype, a->m, a->t, &in[2]);
}

static ig_status new_conv(ig_graph *g, const affine *a, ig_value_id *in)
{
    const igi_node *c = igi_node_at(g, a->conv);
    in[0] = c->in[0];
    in[1] = c->in[1];
    in[2] = igi_in(c, 2);
    const ig_tensor *b = igi_const(g, in[2]);
    ig_dtype dtype = (ig_dtype)igi_type_of(g, in[1])->dtype;
    for (int64_t m = 0; m < a->m && b; m++)
        a->t[m] += a->s[m] * igi_get_f64((ig_dtype)b->v.type.dtype, b->data, m);
    ig_value_id like = in[2].i ? in[2] : in[1];
    if (a->scales)
        IG_TRY(new_weights(g, a, &in[1]));
    return igi_make_numbers(g, like, dtype, a->m, a->t, &in[2]);
}

/* Large old weights go at once: peak memory is that of one layer, not of all. */
static ig_status drop_old(ig_graph *g, const affine *a)
{
    int64_t size =
        igi_tensor_count(igi_value_at(g, igi_node_at(g, a->conv)->in[1])->constant);
    IG_TRY(ig_graph_remove(g, a->by));
    IG_TRY(ig_graph_remove(g, a->conv));
    if (size >= SWEEP_SIZE)
        (void)igi_graph_sweep(g);
    return IG_OK;
}

/* A new node stands for the old one and node `by`. */
static ig_status apply(ig_graph *g, const affine *a, int *changes)
{
    ig_value_id in[5], y;
    ig_node_id both[2] = {a->conv, a->by};
    bool done;
    IG_TRY(a->norm ? new_norm(g, a, in) : new_conv(g, a, in));
    const igi_node *c = igi_node_at(g, a->conv);
    igi_make made = {.op = c->op,
                     .attrs = c->attrs,
                     .n_in = a->norm ? 5 : 3,
                     .like = a->conv,
                     .origin = igi_origin(g, both, 2)};
    if (!made.origin)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_make_node(g, &made, in, &y));
    IG_TRY(igi_forward(g, a->by, 0, y, &done));
    *changes += done;
    return done ? drop_old(g, a) : IG_OK;
}

static ig_status finish(ig_graph *g, affine *a, bool fits, int *changes)
{
    for (int64_t i = 0; fits && i < a->m; i++)
        a->scales = a->scales || a->s[i] < 1 || a->s[i] > 1;
    ig_status rc = fits && is_finite(a) ? apply(g, a, changes) : IG_OK;
    igi_free(a->s);
    return rc;
}

/* ---- BatchNormalization ---- */

static ig_status batch_norm(ig_graph *g, ig_node_id id, int *changes)
{
    affine a;
    const igi_node *n = igi_node_at(g, id);
    const ig_tensor *p[4]; /* scale, B, mean, var */
    if (!is_norm(g, n) || !find_conv(g, id, n->in[0], &a))
        return IG_OK;
    for (int i = 0; i < 4; i++)
        p[i] = igi_const(g, n->in[1 + i]);
    if (igi_tensor_count(p[0]) != a.m)
        return IG_OK;
    double eps = (double)igi_attr_float(n, "epsilon", 1e-5f), v[4];
    IG_TRY(affine_alloc(&a));
    for (int64_t m = 0; m < a.m; m++) {
        for (int i = 0; i < 4; i++)
            v[i] = igi_get_f64((ig_dtype)p[i]->v.type.dtype, p[i]->data, m);
        a.s[m] = v[0] / sqrt(v[3] + eps);
        a.t[m] = v[1] - v[2] * a.s[m];
    }
    return finish(g, &a, true, changes);
}

/* ---- arithmetic with constants ---- */

/* The convolution is operand i, the constant operand 1 - i; `c` receives its channels.
 */
static bool find_operand(const ig_graph *g, ig_node_id id, int i, affine *a)
{
    const igi_node *n = igi_node_at(g, id);
    return n->n_in == 2 && igi_const(g, n->in[1 - i]) &&
           find_conv(g, id, n->in[i], a) && igi_same_type(g, n->in[i], n->out[0]);
}

static ig_status add(ig_graph *g, ig_node_id id, int *changes)
{
    affine a;
    int i = find_operand(g, id, 0, &a) ? 0 : 1;
    if (i == 1 && !find_operand(g, id, 1, &a))
        return IG_OK;
    const igi_node *n = igi_node_at(g, id);
    bool minus = igi_node_is(n, "Sub");
    if (minus && i == 1)
        return IG_OK;
    IG_TRY(affine_alloc(&a));
    bool fits = igi_const_channels(g, n->in[1 - i], igi_type_of(g, n->out[0])->rank, 1,
                                   a.m, a.t);
    for (int64_t m = 0; m < a.m && minus; m++)
        a.t[m] = -a.t[m];
    return finish(g, &a, fits, changes);
}

static ig_status mul(ig_graph *g, ig_node_id id, int *changes)
{
    affine a;
    int i = find_operand(g, id, 0, &a) ? 0 : 1;
    if (i == 1 && !find_operand(g, id, 1, &a))
        return IG_OK;
    const igi_node *n = igi_node_at(g, id);
    bool over = igi_node_is(n, "Div");
    if (over && i == 1)
        return IG_OK;
    IG_TRY(affine_alloc(&a));
    bool fits = igi_const_channels(g, n->in[1 - i], igi_type_of(g, n->out[0])->rank, 1,
                                   a.m, a.s);
    for (int64_t m = 0; m < a.m && over; m++)
        a.s[m] = 1 / a.s[m];
    return finish(g, &a, fits, changes);
}

static const igi_rule rules[] = {
    {"BatchNormalization", batch_norm, 2},
    {"Add", add, 2},
    {"Sub", add, 2},
    {"Mul", mul, 2},
    {"Div", mul, 2},
    {0},
};

ig_status igi_pass_fold_affine(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
