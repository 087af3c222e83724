/* Graphs of float16 and bfloat16 compute in float32: an operator that has a float32
 * kernel is made anew over float32 inputs, and its results are cast back for whoever
 * reads them as they were. Readers that are made anew themselves read the result before
 * that cast, so a chain of operators is cast at its ends only, rounds less often, and
 * the patterns for float32 find it.
 *
 * Casts that the model itself has are its rounding and stay.
 *
 * Small constants become float32 at once; a large one stays half and is cast, because a
 * product packs it straight from its half (fuse_linear.c), which keeps one copy. */
#include "graph/core/dtype.h"
#include "graph/passes/rewrite.h"

enum {
    SMALL = 1 << 14, /* elements */
    NBITS_SCALE = 4  /* port of ingot::LinearNBits that may be half beside float32 */
};

typedef struct half {
    ig_graph *g;
    size_t first; /* node of this pass */
    int changes;
} half;

static bool is_half(const ig_graph *g, ig_value_id v)
{
    const ig_type *t = v.i ? igi_type_of(g, v) : NULL;
    return t && t->kind == IG_KIND_TENSOR &&
           (t->dtype == IG_FLOAT16 || t->dtype == IG_BFLOAT16);
}

static ig_status
cast(ig_graph *g, ig_value_id v, ig_dtype to, ig_node_id like, ig_value_id *out)
{
    const igi_op *op = igi_registry_find_full(g->reg, "Cast");
    void *attrs = op ? igi_new_attrs(g, op) : NULL;
    *out = (ig_value_id){0};
    if (!attrs)
        return op ? IG_OUT_OF_MEMORY : IG_OK;
    IG_TRY(igi_attrs_set_int(op->def, attrs, "to", to));
    igi_make m = {.op = op, .attrs = attrs, .n_in = 1, .like = like};
    return igi_try_make(g, &m, &v, out);
}

/* The float32 value that this pass has cast to v, {0}: none. */
static ig_value_id before_cast(const half *h, ig_value_id v)
{
    const igi_node *n;
    if (igi_made_by(h->g, v, "Cast", &n) && igi_is_f32(h->g, n->in[0]) &&
        igi_producer_id(h->g, v).i >= h->first)
        return n->in[0];
    return (ig_value_id){0};
}

static ig_status small_constant(ig_graph *g, ig_value_id v, ig_value_id *out)
{
    const ig_tensor *t = igi_const(g, v);
    ig_tensor *wide = NULL;
    int64_t n = t ? igi_tensor_count(t) : SMALL + 1;
    *out = (ig_value_id){0};
    if (n > SMALL)
        return IG_OK;
    IG_TRY(ig_tensor_new(&wide, IG_FLOAT32, t->v.type.rank, ig_type_dims(&t->v.type)));
    for (int64_t i = 0; i < n; i++)
        igi_put_f64(IG_FLOAT32, wide->data, i,
                    igi_get_f64((ig_dtype)t->v.type.dtype, t->data, i));
    return igi_make_const(g, v, wide, out);
}

static ig_status
widened(const half *h, ig_value_id v, ig_node_id like, ig_value_id *out)
{
    *out = before_cast(h, v);
    if (!out->i)
        IG_TRY(small_constant(h->g, v, out));
    return out->i ? IG_OK : cast(h->g, v, IG_FLOAT32, like, out);
}

/* Node `id` over float32 inputs, its half outputs cast back. */
static ig_status widen(half *h, ig_node_id id)
{
    ig_graph *g = h->g;
    const igi_node *n = igi_node_at(g, id);
    ig_value_id in[8], out[4] = {{0}};
    igi_make m = {
        .op = n->op, .attrs = n->attrs, .n_in = n->n_in, .n_out = n->n_out, .like = id};
    const bool is_nbits = igi_node_is(n, "ingot::LinearNBits");
    int halves = 0;
    if (n->n_in > 8 || n->n_out > 4)
        return IG_OK;
    for (int i = 0; i < m.n_out; i++)
        m.wanted |= n->out[i].i ? IG_BIT(i) : 0;
    for (int i = 0; i < m.n_in; i++) {
        in[i] = igi_node_at(g, id)->in[i];
        if (!is_half(g, in[i]) || (i == NBITS_SCALE && is_nbits))
            continue;
        IG_TRY(widened(h, in[i], id, &in[i]));
        if (!in[i].i)
            return IG_OK;
        halves++;
    }
    if (!halves)
        return IG_OK;
    IG_TRY(igi_try_make(g, &m, in, out));
    for (int i = 0; i < m.n_out && out[0].i; i++) {
        ig_value_id old = igi_node_at(g, id)->out[i], to = out[i];
        bool done = false;
        if (!old.i || !to.i)
            continue;
        if (is_half(g, old) && igi_is_f32(g, to))
            IG_TRY(cast(g, to, (ig_dtype)igi_type_of(g, old)->dtype, id, &to));
        if (to.i)
            IG_TRY(igi_forward(g, id, i, to, &done));
        h->changes += done;
    }
    return IG_OK;
}

static bool follows(const half *h, const igi_node *n)
{
    for (int i = 0; i < n->n_in; i++)
        if (before_cast(h, n->in[i]).i)
            return true;
    return false;
}

/* A cast to float32 of what was float32. */
static ig_status uncast(half *h, ig_node_id id)
{
    const igi_node *n = igi_node_at(h->g, id);
    ig_value_id from = before_cast(h, n->in[0]);
    bool done;
    if (!from.i || !igi_is_f32(h->g, n->out[0]))
        return IG_OK;
    IG_TRY(igi_forward(h->g, id, 0, from, &done));
    h->changes += done;
    return IG_OK;
}

/* Operators with float32 kernels, or that stand between such. */
static const char *const computing[] = {"Abs",
                                        "Add",
                                        "Attention",
                                        "AveragePool",
                                        "BatchNormalization",
                                        "Clip",
                                        "Conv",
                                        "ConvTranspose",
                                        "Div",
                                        "Einsum",
                                        "Elu",
                                        "Erf",
                                        "Exp",
                                        "GRU",
                                        "Gelu",
                                        "Gemm",
                                        "GlobalAveragePool",
                                        "GroupNormalization",
                                        "HardSigmoid",
                                        "HardSwish",
                                        "InstanceNormalization",
                                        "LRN",
                                        "LSTM",
                                        "LayerNormalization",
                                        "LeakyRelu",
                                        "Log",
                                        "LogSoftmax",
                                        "MatMul",
                                        "Max",
                                        "MaxPool",
                                        "Min",
                                        "Mish",
                                        "Mul",
                                        "Neg",
                                        "PRelu",
                                        "Pow",
                                        "RMSNormalization",
                                        "RNN",
                                        "Reciprocal",
                                        "ReduceMax",
                                        "ReduceMean",
                                        "ReduceSum",
                                        "Relu",
                                        "Resize",
                                        "Sigmoid",
                                        "Softmax",
                                        "Softplus",
                                        "Softsign",
                                        "Sqrt",
                                        "Sub",
                                        "Sum",
                                        "Swish",
                                        "Tanh",
                                        "ingot::LinearNBits",
                                        NULL};

/* Operators that only move elements follow those that compute. */
static const char *const moving[] = {"Concat",    "Dropout",  "Expand",  "Flatten",
                                     "Gather",    "Identity", "Pad",     "Reshape",
                                     "Slice",     "Split",    "Squeeze", "Transpose",
                                     "Unsqueeze", "Where",    NULL};

static bool is_one_of(const igi_node *n, const char *const *names)
{
    while (*names && !igi_node_is(n, *names))
        names++;
    return *names;
}

/* Resize to the nearest pixel moves elements, its other modes compute. */
static bool only_moves(const igi_node *n)
{
    if (igi_node_is(n, "Resize"))
        return igi_attr_int(n, "mode", -1) == 0;
    return is_one_of(n, moving);
}

static ig_status one_node(half *h, ig_node_id id)
{
    const igi_node *n = igi_node_at(h->g, id);
    if (!n->live || !igi_node_used(h->g, n))
        return IG_OK;
    if (igi_node_is(n, "Cast"))
        return uncast(h, id);
    if (only_moves(n) ? follows(h, n) : is_one_of(n, computing))
        return widen(h, id);
    return IG_OK;
}

/* In order, so that an operator finds what was made of those before it. */
ig_status igi_pass_half(ig_graph *g, igi_pass_state *s, int *changes)
{
    half h = {g, g->nodes.n, 0};
    const size_t count = g->order.n;
    (void)s;
    for (size_t i = 0; i < count; i++) {
        const ig_node_id id = g->order.p[i];
        if (one_node(&h, id) != IG_OK)
            return igi_graph_node_context(g, id);
    }
    *changes += h.changes;
    return h.changes ? igi_clean(g) : IG_OK;
}
