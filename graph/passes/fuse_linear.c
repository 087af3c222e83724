/* Products with a constant matrix become ingot::Linear, whose kernel packs the matrix
 * once and has room for a bias, a residual and an activation (epilogue.c puts them
 * there). So do those with a bias whose matrix is an input, in training steps: it is
 * contiguous there, which Linear needs and Gemm does not. */
#include "graph/passes/rewrite.h"

/* The operator's descriptor when x * w is a float32 product with a constant matrix. A
 * matrix that is cast from half becomes the half itself. */
static const igi_op *linear_of(const ig_graph *g, ig_value_id x, ig_value_id *w)
{
    const igi_op *op = igi_registry_find_full(g->reg, "ingot::Linear");
    const igi_node *cast;
    bool fits = igi_is_f32(g, x) && igi_is_f32(g, *w) && igi_type_of(g, x)->rank >= 1 &&
                igi_type_of(g, *w)->rank == 2;
    if (fits && igi_made_by(g, *w, "Cast", &cast)) {
        ig_dtype from = (ig_dtype)igi_type_of(g, cast->in[0])->dtype;
        if (from == IG_FLOAT16 || from == IG_BFLOAT16)
            *w = cast->in[0];
    }
    const igi_gvalue *v = igi_value_at(g, *w);
    return fits && (v->constant || (v->is_input && igi_is_f32(g, *w))) ? op : NULL;
}

static ig_status
finish(ig_graph *g, ig_node_id id, igi_make *m, const ig_value_id *in, int *changes)
{
    ig_value_id y;
    bool done;
    m->n_in = 4;
    m->like = id;
    IG_TRY(igi_try_make(g, m, in, &y));
    if (!y.i)
        return IG_OK;
    IG_TRY(igi_forward(g, id, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static ig_status mat_mul(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    ig_value_id in[4] = {n->in[0], n->in[1]};
    igi_make m = {.op = linear_of(g, in[0], &in[1])};
    if (!m.op || !igi_value_at(g, in[1])->constant)
        return IG_OK;
    return finish(g, id, &m, in, changes);
}

/* beta * C as bias or residual: in[2] or in[3] is set, or *fits is false. */
static ig_status place_c(ig_graph *g,
                         const igi_node *n,
                         int64_t cols,
                         double beta,
                         ig_value_id *in,
                         bool *fits)
{
    const bool none = beta >= 0 && beta <= 0; /* C is not read, whatever it holds */
    ig_value_id c = none ? (ig_value_id){0} : igi_in(n, 2), y = n->out[0];
    const ig_type *t = c.i ? igi_type_of(g, c) : NULL;
    bool whole = beta >= 1 && beta <= 1;
    *fits = true;
    if (!c.i)
        return IG_OK;
    if (whole && t->rank == 1 && cols != -1 && ig_type_dims(t)[0] == cols) {
        in[2] = c;
        return IG_OK;
    }
    size_t known = cols < 0 ? 0 : (size_t)cols; /* a symbol has no numbers */
    double *v = igi_alloc_array(known + 1, sizeof(*v));
    if (!v)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    if (cols >= 0 && igi_const_channels(g, c, 2, 1, cols, v)) {
        for (int64_t i = 0; i < cols; i++)
            v[i] *= beta;
        rc = igi_make_numbers(g, c, IG_FLOAT32, cols, v, &in[2]);
    } else if (whole && igi_same_type(g, c, y)) {
        in[3] = c;
    } else {
        *fits = false;
    }
    igi_free(v);
    return rc;
}

static ig_status gemm(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    ig_value_id in[4] = {n->in[0], n->in[1]};
    igi_make m = {.op = linear_of(g, in[0], &in[1])};
    bool fits, trans_w = igi_attr_int(n, "transB", 0) != 0;
    double alpha = (double)igi_attr_float(n, "alpha", 1),
           beta = (double)igi_attr_float(n, "beta", 1);
    if (!m.op || igi_attr_int(n, "transA", 0))
        return IG_OK;
    int64_t cols = ig_type_dims(igi_type_of(g, in[1]))[!trans_w];
    IG_TRY(place_c(g, n, cols, beta, in, &fits));
    if (!fits || !(igi_value_at(g, in[1])->constant || in[2].i))
        return IG_OK;
    void *attrs = igi_new_attrs(g, m.op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_attrs_set_int(m.op->def, attrs, "trans_w", trans_w));
    IG_TRY(igi_attrs_set_float(m.op->def, attrs, "alpha", (float)alpha));
    m.attrs = attrs;
    return finish(g, id, &m, in, changes);
}

static const igi_rule rules[] = {
    {"MatMul", mat_mul, 2},
    {"Gemm", gemm, 2},
    {0},
};

ig_status igi_pass_fuse_linear(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
