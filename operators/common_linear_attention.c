/* The gradient of LinearAttention: the operator as a graph, whose gradient is derived.
 *
 * The graph is a Scan over tokens; with heads as a dim of their own, its body is
 *   S <- exp(g) S,  r = beta (v - k S) or v,  S <- S + k^T r,  o = q S
 * over q[B,H,group,dk], k[B,H,1,dk], v[B,H,1,dv], g[B,H,dk or 1,1], beta[B,H or 1,1,1],
 * S[B,H,dk,dv]. The derived graph goes through the tokens backwards and is itself made
 * of operators that differentiate. */
#include "operators/common_linear_attention.h"

#include <string.h>

#include "graph/ir/graph.h"
#include "operators/common.h"
#include "operators/common_flow_grad.h"

IG_USES_OP(Add);
IG_USES_OP(Cast);
IG_USES_OP(Concat);
IG_USES_OP(Exp);
IG_USES_OP(Expand);
IG_USES_OP(MatMul);
IG_USES_OP(Mul);
IG_USES_OP(Reciprocal);
IG_USES_OP(Reshape);
IG_USES_OP(Scan);
IG_USES_OP(Shape);
IG_USES_OP(Sqrt);
IG_USES_OP(Sub);
IG_USES_OP(Transpose);

/* What the graphs depend on; compared byte by byte. */
typedef struct lin_key {
    igi_arm_key arm; /* over the inputs that are present */
    const ig_registry *reg;
    int64_t q_heads, kv_heads, rule, batch;
    int64_t last[IGI_LIN_INPUTS]; /* last dim of each input; -1, as batch: no number */
    float scale;
    ig_dtype type, state, wide;
    bool has[IGI_LIN_INPUTS];
} lin_key;

/* A graph that grows; nothing happens once a step has failed. */
typedef struct maker {
    ig_graph *g;
    ig_status rc;
} maker;

static ig_value_id
put(maker *m, const ig_op_def *op, const void *attrs, ig_value_id a, ig_value_id b)
{
    ig_value_id in[2] = {a, b}, out = {0};
    ig_call call = {.op = op, .attrs = attrs, .n_in = b.i ? 2 : 1, .n_out = 1};
    if (m->rc == IG_OK)
        m->rc = ig_graph_make(m->g, &call, in, &out);
    return out;
}
static ig_value_id one(maker *m, const ig_op_def *op, ig_value_id a)
{
    return put(m, op, NULL, a, (ig_value_id){0});
}
static ig_value_id two(maker *m, const ig_op_def *op, ig_value_id a, ig_value_id b)
{
    return put(m, op, NULL, a, b);
}

static ig_value_id cast(maker *m, ig_value_id v, ig_dtype to)
{
    const igi_cast_attrs a = {.struct_size = sizeof(a), .to = to, .saturate = 1};
    return put(m, IG_OP(Cast), &a, v, (ig_value_id){0});
}

static ig_value_id ints(maker *m, const int64_t *v, int64_t n)
{
    ig_tensor *t = NULL;
    ig_value_id out = {0};
    if (m->rc == IG_OK)
        m->rc = ig_tensor_new_copy(&t, IG_INT64, 1, &n, v, (size_t)n * sizeof(*v));
    if (m->rc == IG_OK)
        m->rc = ig_graph_constant(m->g, NULL, t, &out);
    ig_tensor_unref(t);
    return out;
}

static ig_value_id number(maker *m, ig_dtype type, double v)
{
    ig_value_id out = {0};
    if (m->rc == IG_OK)
        m->rc = igi_sample_number(m->g, type, v, &out);
    return out;
}

/* Dims [first, end) of v, as a vector. */
static ig_value_id dims(maker *m, ig_value_id v, int64_t first, int64_t end)
{
    const igi_shape_attrs a = {.struct_size = sizeof(a), .start = first, .end = end};
    return put(m, IG_OP(Shape), &a, v, (ig_value_id){0});
}

static ig_value_id
input(maker *m, const char *name, ig_dtype type, int rank, const int64_t *d)
{
    ig_value_id v = {0};
    if (m->rc == IG_OK)
        m->rc = ig_graph_input(m->g, name, type, rank, d, &v);
    return v;
}

static void output(maker *m, const char *name, ig_value_id v)
{
    if (m->rc == IG_OK)
        m->rc = ig_graph_output(m->g, name, v);
}

/* ---- one token ---- */

static int64_t per_head(const lin_key *k, int port, int64_t heads)
{
    return k->last[port] < 0 ? -1 : k->last[port] / heads;
}

/* Dims that are known are said: a Scan without tokens knows its results by them. */
static ig_value_id
per_token(maker *m, const lin_key *k, const char *name, int64_t a, int64_t b, int64_t c)
{
    const int64_t d[4] = {k->batch, a, b, c};
    return input(m, name, k->wide, 4, d);
}

static ig_graph *make_body(const lin_key *k, ig_symtab *syms, ig_status *rc)
{
    maker m = {0};
    const igi_transpose_attrs turn = {sizeof(turn), {4, (const int64_t[]){0, 1, 3, 2}}};
    const int64_t h = k->kv_heads, dk = per_head(k, IGI_LIN_K, h),
                  dv = per_head(k, IGI_LIN_V, h);
    m.rc = igi_graph_new(&m.g, "token", k->reg, syms);
    ig_value_id s = per_token(&m, k, "state", h, dk, dv),
                q = per_token(&m, k, "q", h, k->q_heads / h, dk),
                key = per_token(&m, k, "k", h, 1, dk),
                r = per_token(&m, k, "v", h, 1, dv);
    if (igi_lin_is_gated(k->rule)) {
        ig_value_id gate = per_token(&m, k, "g", h, per_head(k, IGI_LIN_DECAY, h), 1);
        s = two(&m, IG_OP(Mul), s, one(&m, IG_OP(Exp), gate));
    }
    if (igi_lin_is_delta(k->rule)) {
        r = two(&m, IG_OP(Sub), r, two(&m, IG_OP(MatMul), key, s));
        r = two(&m, IG_OP(Mul), r,
                per_token(&m, k, "beta", k->last[IGI_LIN_BETA], 1, 1));
    }
    key = put(&m, IG_OP(Transpose), &turn, key, (ig_value_id){0});
    s = two(&m, IG_OP(Add), s, two(&m, IG_OP(Mul), key, r));
    output(&m, "next", s);
    output(&m, "o", two(&m, IG_OP(MatMul), q, s));
    *rc = m.rc;
    return m.g;
}

/* ---- all tokens ---- */

/* A packed input with the dims that follow batch and tokens; -1: what is left. */
static ig_value_id
unpack(maker *m, const lin_key *k, ig_value_id v, int64_t a, int64_t b, int64_t c)
{
    const int64_t shape[5] = {0, 0, a, b, c};
    return two(m, IG_OP(Reshape), cast(m, v, k->wide), ints(m, shape, 5));
}

/* 1 / sqrt(dk), or the factor that is given. */
static ig_value_id scaled(maker *m, const lin_key *k, ig_value_id q, ig_value_id key)
{
    if (k->scale < 0 || k->scale > 0)
        return two(m, IG_OP(Mul), q, number(m, k->wide, (double)k->scale));
    ig_value_id size = cast(m, dims(m, key, 4, 5), k->wide);
    return two(m, IG_OP(Mul), q, one(m, IG_OP(Reciprocal), one(m, IG_OP(Sqrt), size)));
}

static ig_value_id
first_state(maker *m, const lin_key *k, ig_value_id key, ig_value_id v)
{
    const igi_axis_attrs front = {sizeof(front), 0};
    ig_value_id shape =
        put(m, IG_OP(Concat), &front, dims(m, key, 0, 1), dims(m, key, 2, 3));
    shape = put(m, IG_OP(Concat), &front, shape, dims(m, key, 4, 5));
    shape = put(m, IG_OP(Concat), &front, shape, dims(m, v, 4, 5));
    return two(m, IG_OP(Expand), number(m, k->wide, 0), shape);
}

/* (inputs that are present) -> (output, present_state). */
static ig_status make_forward(const lin_key *k, ig_symtab *syms, ig_graph **out)
{
    static const char *const names[IGI_LIN_INPUTS] = {"q", "k", "v", "s", "g", "beta"};
    const int64_t h = k->kv_heads;
    maker m = {0};
    ig_value_id in[IGI_LIN_INPUTS] = {{0}}, scan[6], made[2] = {{0}};
    int n = 0;
    m.rc = igi_graph_new(&m.g, "tokens", k->reg, syms);
    const int64_t past[4] = {k->batch, h, per_head(k, IGI_LIN_K, h),
                             per_head(k, IGI_LIN_V, h)};
    for (int i = 0; i < IGI_LIN_INPUTS; i++) {
        const int64_t rows[3] = {k->batch, -1, k->last[i]};
        if (!k->has[i])
            continue;
        in[i] = i == IGI_LIN_PAST ? input(&m, names[i], k->state, 4, past)
                                  : input(&m, names[i], k->type, 3, rows);
    }
    ig_value_id q = unpack(&m, k, in[IGI_LIN_Q], h, k->q_heads / h,
                           per_head(k, IGI_LIN_Q, k->q_heads)),
                key = unpack(&m, k, in[IGI_LIN_K], h, 1, per_head(k, IGI_LIN_K, h)),
                v = unpack(&m, k, in[IGI_LIN_V], h, 1, per_head(k, IGI_LIN_V, h));
    scan[n++] = k->has[IGI_LIN_PAST] ? cast(&m, in[IGI_LIN_PAST], k->wide)
                                     : first_state(&m, k, key, v);
    scan[n++] = scaled(&m, k, q, key);
    scan[n++] = key;
    scan[n++] = v;
    if (igi_lin_is_gated(k->rule))
        scan[n++] =
            unpack(&m, k, in[IGI_LIN_DECAY], h, per_head(k, IGI_LIN_DECAY, h), 1);
    if (igi_lin_is_delta(k->rule))
        scan[n++] = unpack(&m, k, in[IGI_LIN_BETA], k->last[IGI_LIN_BETA], 1, 1);
    const int64_t axes[5] = {1, 1, 1, 1, 1};
    igi_scan_attrs a = {.struct_size = sizeof(a),
                        .num_scan_inputs = n - 1,
                        .scan_input_axes = {n - 1, axes},
                        .scan_output_axes = {1, axes}};
    if (m.rc == IG_OK)
        a.body = make_body(k, syms, &m.rc);
    ig_call call = {.op = IG_OP(Scan), .attrs = &a, .n_in = n, .n_out = 2};
    if (m.rc == IG_OK)
        m.rc = ig_graph_make(m.g, &call, scan, made);
    igi_graph_unref(a.body);
    const igi_axis_attrs front = {sizeof(front), 0};
    ig_value_id width =
        two(&m, IG_OP(Mul), ints(&m, &k->q_heads, 1), dims(&m, v, 4, 5));
    /* not by copied dims: without tokens the Scan does not know the batch */
    ig_value_id packed =
        put(&m, IG_OP(Concat), &front, dims(&m, in[IGI_LIN_Q], 0, 2), width);
    output(&m, "y", cast(&m, two(&m, IG_OP(Reshape), made[1], packed), k->type));
    output(&m, "present", cast(&m, made[0], k->state));
    *out = m.g;
    return m.rc;
}

static ig_status make_gradient(const igi_derive *d,
                               const ig_graph *none,
                               const void *key,
                               ig_graph **out)
{
    const lin_key *k = key;
    ig_graph *forward = NULL;
    (void)none;
    ig_status rc = make_forward(k, d->syms, &forward);
    if (rc == IG_OK)
        rc = igi_arm_gradient(d, forward, &k->arm, out);
    igi_graph_unref(forward);
    return rc;
}

/* ---- the rule ---- */

static int64_t number_of(const ig_type *t, int axis)
{
    int64_t d = t->rank > 0 ? ig_type_dims(t)[axis] : -1;
    return d < 0 ? -1 : d;
}

static void fill_key(ig_grad *g, lin_key *k)
{
    const igi_linear_attention_attrs *a = ig_grad_attrs(g);
    memset(k, 0, sizeof(*k));
    k->reg = g->reg;
    k->q_heads = a->q_num_heads;
    k->kv_heads = a->kv_num_heads;
    k->rule = a->update_rule;
    k->batch = number_of(ig_grad_in_type(g, IGI_LIN_Q), 0);
    k->scale = a->scale;
    k->type = (ig_dtype)ig_grad_in_type(g, IGI_LIN_Q)->dtype;
    k->state = (ig_dtype)ig_grad_out_type(g, 1)->dtype;
    k->wide = k->type == IG_FLOAT64 || k->state == IG_FLOAT64 ? IG_FLOAT64 : IG_FLOAT32;
    for (int i = 0; i < ig_grad_n_in(g); i++) {
        const ig_type *t = ig_grad_in_type(g, i);
        k->has[i] = t != NULL;
        if (!t)
            continue;
        k->last[i] = number_of(t, t->rank - 1);
        k->arm.wants[k->arm.n_in++] = ig_grad_wants(g, i);
    }
    k->arm.n_out = 2;
    for (int o = 0; o < 2; o++)
        k->arm.dy[o] = ig_grad_dy(g, o).h != 0;
}

ig_status igi_linear_attention_gradient(ig_grad *g)
{
    lin_key k;
    ig_var in[IGI_LIN_INPUTS + 2], out[IGI_LIN_INPUTS];
    int n = 0, n_out = 0, o = 0;
    fill_key(g, &k);
    ig_graph *arm = igi_grad_derived(g, NULL, make_gradient, &k, sizeof(k));
    for (int i = 0; i < ig_grad_n_in(g); i++)
        if (k.has[i]) {
            in[n++] = ig_grad_in(g, i);
            n_out += ig_grad_wants(g, i);
        }
    for (int i = 0; i < 2; i++)
        if (k.arm.dy[i])
            in[n++] = ig_grad_dy(g, i);
    IG_TRY(igi_emit_arm(g, arm, in, n, out, n_out));
    for (int i = 0; i < ig_grad_n_in(g); i++)
        if (k.has[i] && ig_grad_wants(g, i))
            ig_grad_set(g, i, out[o++]);
    return IG_OK;
}
