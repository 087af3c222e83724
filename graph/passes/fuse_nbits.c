/* Products with a dequantized constant become ingot::LinearNBits while the constant is
 * still small:
 *
 *   x, DequantizeLinear(w) [Transpose], MatMul or Gemm
 *
 * with weights of 2 or 4 bits, or of 8 bits where they are large: in blocks along the
 * inner dim of the product, or with one scale a column. A matrix of floats would be 4
 * to 16 times as large, and reading it is what one row by a large matrix costs. Small
 * matrices of bytes become floats, which many rows multiply faster.
 *
 * A Gather of rows of a table in blocks becomes ingot::GatherNBits. */
#include "graph/core/dtype.h"
#include "graph/passes/rewrite.h"

enum { LARGE_BYTES = 1 << 20, WORD_CODES = 16 /* most codes of one packed word */ };

typedef struct weights {
    ig_value_id w, scale, zero;
    bool trans;    /* w is [N, K] */
    int64_t block; /* along K */
} weights;

/* The DequantizeLinear of constants behind matrix v; *trans: a Transpose between. */
static const igi_node *source_of(const ig_graph *g, ig_value_id v, bool *trans)
{
    const igi_node *n = igi_producer(g, v);
    const ig_ints perm =
        n && igi_node_is(n, "Transpose") ? igi_attr_ints(n, "perm") : (ig_ints){0};
    if (igi_type_of(g, v)->rank != 2)
        return NULL;
    *trans = n && igi_node_is(n, "Transpose") && (!perm.n || perm.v[0] == 1);
    n = *trans ? igi_producer(g, n->in[0]) : n;
    if (!n || !igi_node_is(n, "DequantizeLinear") || !igi_const(g, n->in[0]) ||
        !igi_const(g, n->in[1]) || (igi_in(n, 2).i && !igi_const(g, igi_in(n, 2))))
        return NULL;
    return n;
}

static bool worth_it(const ig_tensor *w)
{
    const ig_dtype type = (ig_dtype)w->v.type.dtype;
    const uint64_t few = IG_T(UINT2) | IG_T(INT2) | IG_T(UINT4) | IG_T(INT4),
                   bytes = IG_T(UINT8) | IG_T(INT8);
    return few >> type & 1 || (bytes >> type & 1 && igi_tensor_count(w) >= LARGE_BYTES);
}

/* Whether matrix v, read transposed by its reader or not, is such weights. */
static bool weights_of(const ig_graph *g, ig_value_id v, bool transposed, weights *out)
{
    bool trans;
    const igi_node *n = source_of(g, v, &trans);
    if (!n || !worth_it(igi_const(g, n->in[0])))
        return false;
    const int64_t *dims = ig_type_dims(igi_type_of(g, n->in[0]));
    *out = (weights){n->in[0], n->in[1], igi_in(n, 2), trans != transposed,
                     igi_attr_int(n, "block_size", 0)};
    const int64_t k = dims[out->trans], at = igi_attr_int(n, "axis", 1);
    const bool along_k = (at < 0 ? at + 2 : at) == out->trans;
    if (out->block)
        return along_k && (out->block % WORD_CODES == 0 || out->block >= k);
    out->block = k;
    return !along_k && k > 0 && k <= INT32_MAX && igi_type_of(g, out->scale)->rank == 1;
}

/* A scale a column as one a block. */
static ig_status as_blocks(ig_graph *g, bool trans, ig_value_id *v)
{
    if (!v->i || igi_type_of(g, *v)->rank != 1)
        return IG_OK;
    const int64_t n = ig_type_dims(igi_type_of(g, *v))[0];
    const int64_t dims[2] = {trans ? n : 1, trans ? 1 : n};
    return igi_make_reshaped(g, *v, 2, dims, v);
}

static ig_status
put(ig_graph *g, ig_node_id id, const igi_make *m, const ig_value_id *in, int *changes)
{
    bool done;
    ig_value_id y;
    IG_TRY(igi_try_make(g, m, in, &y));
    if (!y.i)
        return IG_OK;
    IG_TRY(igi_forward(g, id, 0, y, &done));
    *changes += done;
    return IG_OK;
}

/* Takes the place of node `id`: x by `w`, plus b unless {0}. */
static ig_status
replace(ig_graph *g, ig_node_id id, weights *w, ig_value_id b, int *changes)
{
    igi_make m = {.op = igi_registry_find_full(g->reg, "ingot::LinearNBits"),
                  .n_in = 6,
                  .like = id};
    void *attrs = m.op ? igi_new_attrs(g, m.op) : NULL;
    if (!attrs)
        return m.op ? IG_OUT_OF_MEMORY : IG_OK;
    IG_TRY(as_blocks(g, w->trans, &w->scale));
    IG_TRY(as_blocks(g, w->trans, &w->zero));
    IG_TRY(igi_attrs_set_int(m.op->def, attrs, "trans_w", w->trans));
    IG_TRY(igi_attrs_set_int(m.op->def, attrs, "block_size", w->block));
    m.attrs = attrs;
    const ig_value_id in[6] = {
        igi_node_at(g, id)->in[0], w->w, b, {0}, w->scale, w->zero};
    return put(g, id, &m, in, changes);
}

static ig_status mat_mul(ig_graph *g, ig_node_id id, int *changes)
{
    weights w;
    const igi_node *n = igi_node_at(g, id);
    if (igi_type_of(g, n->in[0])->rank < 1 || !weights_of(g, n->in[1], false, &w))
        return IG_OK;
    return replace(g, id, &w, (ig_value_id){0}, changes);
}

/* alpha, beta and a C that is no bias keep their Gemm. */
static ig_status gemm(ig_graph *g, ig_node_id id, int *changes)
{
    weights w;
    const igi_node *n = igi_node_at(g, id);
    const float alpha = igi_attr_float(n, "alpha", 1),
                beta = igi_attr_float(n, "beta", 1);
    const ig_value_id c = igi_in(n, 2);
    if (igi_attr_int(n, "transA", 0) || alpha < 1 || alpha > 1 || beta < 1 ||
        beta > 1 || !weights_of(g, n->in[1], igi_attr_int(n, "transB", 0) != 0, &w))
        return IG_OK;
    const int64_t columns = ig_type_dims(igi_type_of(g, w.w))[!w.trans];
    if (c.i &&
        (igi_type_of(g, c)->rank != 1 || ig_type_dims(igi_type_of(g, c))[0] != columns))
        return IG_OK;
    return replace(g, id, &w, c, changes);
}

/* ---- tables ---- */

/* Rows of a table in blocks along its rows. */
static ig_status gather(ig_graph *g, ig_node_id id, int *changes)
{
    bool trans;
    const igi_node *n = igi_node_at(g, id), *d = source_of(g, n->in[0], &trans);
    const int64_t axis = igi_attr_int(n, "axis", 0),
                  along = d ? igi_attr_int(d, "axis", 1) : 0,
                  block = d ? igi_attr_int(d, "block_size", 0) : 0;
    if (!d || trans || !block || (along != 1 && along != -1) ||
        (axis != 0 && axis != -2))
        return IG_OK;
    const ig_value_id in[4] = {d->in[0], n->in[1], d->in[1], igi_in(d, 2)};
    igi_make m = {.op = igi_registry_find_full(g->reg, "ingot::GatherNBits"),
                  .n_in = 4,
                  .like = id};
    void *attrs = m.op ? igi_new_attrs(g, m.op) : NULL;
    if (!attrs)
        return m.op ? IG_OUT_OF_MEMORY : IG_OK;
    IG_TRY(igi_attrs_set_int(m.op->def, attrs, "block_size", block));
    m.attrs = attrs;
    return put(g, id, &m, in, changes);
}

static const igi_rule rules[] = {
    {"MatMul", mat_mul, 2},
    {"Gemm", gemm, 2},
    {"Gather", gather, 2},
    {0},
};

ig_status igi_pass_fuse_nbits(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
