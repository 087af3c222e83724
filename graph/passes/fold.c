/* Constant folding, with a budget.
 *
 * Nodes whose inputs are all constants are run once, in topological order, so chains
 * fold in one walk. Sizes of results are checked by inferred type BEFORE anything is
 * evaluated: a file of a hundred bytes may describe a constant of gigabytes
 * (ConstantOfShape, Expand). Shape computations fold without evaluation wherever the
 * propagated integers are all numbers. What cannot be folded, for whatever reason, is
 * left for the run. */
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/passes/rewrite.h"

#define FOLD_BYTES      (16u << 20) /* of one result, unless the caller says otherwise */
#define FOLD_TIMES      8 /* all results together: this many times that, or the weights */
#define FOLD_WORK_BYTES (256u << 10) /* of one operand of a product or convolution */
#define SWEEP_BYTES     (64u << 20)

typedef struct folder {
    ig_graph *g;
    igi_pass_state *s;
    uint64_t since_sweep; /* bytes made */
    bool reinfer;         /* a result feeds a port that inference reads */
    int changes;
} folder;

static bool bytes_of(const ig_type *t, size_t *out)
{
    int64_t count;
    return t->kind == IG_KIND_TENSOR && t->rank >= 0 &&
           igi_dims_count(t->rank, ig_type_dims(t), &count) &&
           igi_dtype_bytes((ig_dtype)t->dtype, count, out);
}

/* Operators whose work is not bounded by the size of operands and result. */
static bool is_heavy(const igi_node *n)
{
    static const char *const names[] = {"MatMul",
                                        "Gemm",
                                        "Conv",
                                        "LRN",
                                        "MaxPool",
                                        "AveragePool",
                                        "ingot::Linear",
                                        "ingot::LinearNBits",
                                        "ingot::Conv",
                                        "ingot::MaxPool",
                                        "ingot::AveragePool",
                                        "ingot::ConvGradInput",
                                        "ingot::ConvGradWeight",
                                        NULL};
    for (int i = 0; names[i]; i++)
        if (igi_node_is(n, names[i]))
            return true;
    return false;
}

/* Whether all inputs are constants; *bytes: how large they are together. */
static bool inputs_are_constants(const folder *f, const igi_node *n, uint64_t *bytes)
{
    bool heavy = is_heavy(n);
    *bytes = 0;
    for (int i = 0; i < n->n_in; i++) {
        size_t one;
        if (!n->in[i].i)
            continue;
        const igi_gvalue *v = igi_value_at(f->g, n->in[i]);
        if (!v->constant || !bytes_of(&v->type, &one) ||
            (heavy && one > FOLD_WORK_BYTES))
            return false;
        *bytes += one;
    }
    return true;
}

static bool foldable(const folder *f, const igi_node *n, uint64_t *bytes)
{
    const ig_op_def *d = n->op->def;
    if (f->s->keep_quantized && igi_node_is(n, "DequantizeLinear"))
        return false;
    if (!f->s->o->fold || d->flags & (IG_OP_RANDOM | IG_OP_EFFECTS | IG_OP_SUBGRAPH) ||
        n->n_captures || n->n_out < 1 || n->n_out > 64)
        return false;
    for (int i = 0; i < n->op->n_in; i++)
        if (d->inputs[i].flags & IG_MUTATED)
            return false;
    *bytes = 0;
    for (int i = 0; i < n->n_out; i++) {
        size_t one = 0;
        int port = igi_op_out_port(n->op, i);
        if (!n->out[i].i)
            continue;
        if (port < 0 || d->outputs[port].flags & IG_DYNAMIC ||
            !bytes_of(igi_type_of(f->g, n->out[i]), &one))
            return false;
        *bytes += one;
    }
    uint64_t in = 0, one = f->s->fold_one;
    if (*bytes > f->s->fold_left || !inputs_are_constants(f, n, &in))
        return false;
    /* By default a large weight may change its form (be transposed), but nothing may
     * grow. */
    return *bytes <= one || (!f->s->o->fold_bytes && *bytes <= in);
}

/* Output i of node `id` becomes the constant t, which is taken. */
static ig_status replace_by(folder *f, ig_node_id id, int i, ig_tensor *t)
{
    ig_graph *g = f->g;
    ig_value_id old = igi_node_at(g, id)->out[i], made;
    const igi_gvalue *v = igi_value_at(g, old);
    for (size_t u = 0; u < v->uses.n && !f->reinfer; u++) {
        igi_use use = v->uses.p[u];
        if (!use.node.i)
            continue;
        const igi_node *reader = igi_node_at(g, use.node);
        int port =
            igi_op_in_port(reader->op, reader->n_in, reader->n_captures, use.port);
        f->reinfer = port >= 0 && reader->op->value_ports >> port & 1;
    }
    IG_TRY(igi_make_const(g, old, t, &made));
    return ig_graph_replace(g, old, made);
}

/* ---- by propagated integers ---- */

static ig_status fold_ints(folder *f, ig_node_id id, bool *done)
{
    const igi_node *n = igi_node_at(f->g, id);
    ig_tensor *t = NULL;
    *done = false;
    if (n->n_out < 1 || !n->out[0].i || igi_node_side_used(f->g, n) ||
        n->op->def->flags & (IG_OP_EFFECTS | IG_OP_RANDOM))
        return IG_OK;
    const igi_gvalue *v = igi_value_at(f->g, n->out[0]);
    const ig_ints ints = v->ints;
    ig_dtype dtype = (ig_dtype)v->type.dtype;
    int rank = v->type.rank;
    int64_t buf[64], dims[1] = {ints.n};
    if (!ints.v || !v->uses.n || rank < 0 || rank > 1 || (rank == 0 && ints.n != 1) ||
        igi_known_ints(f->g, n->out[0], buf, 64) != ints.n ||
        (rank == 1 && ig_type_dims(&v->type)[0] >= 0 &&
         ig_type_dims(&v->type)[0] != ints.n))
        return IG_OK;
    IG_TRY(ig_tensor_new(&t, dtype, rank, dims));
    for (int64_t i = 0; i < ints.n; i++)
        igi_put_i64(dtype, t->data, i, buf[i]);
    *done = true;
    return replace_by(f, id, 0, t);
}

/* ---- by evaluation ---- */

/* Constant nodes hold their tensor already. */
static ig_status fold_constant_node(folder *f, ig_node_id id, bool *done)
{
    const igi_node *n = igi_node_at(f->g, id);
    *done = false;
    if (!igi_node_is(n, "Constant") || !n->out[0].i)
        return IG_OK;
    const ig_attr_def *row = igi_attr_find(n->op->def, "value");
    ig_tensor *t = row && row->kind == IG_A_TENSOR
                       ? *(ig_tensor *const *)igi_attr_at(row, n->attrs)
                       : NULL;
    if (!t)
        return IG_OK;
    *done = true;
    return replace_by(f, id, 0, ig_tensor_ref(t));
}

static ig_status keep_results(folder *f, ig_node_id id, ig_value **out)
{
    ig_status rc = IG_OK;
    int n_out = igi_node_at(f->g, id)->n_out;
    for (int i = 0; i < n_out; i++) {
        ig_tensor *t = out[i] ? ig_value_tensor(out[i]) : NULL;
        if (t && rc == IG_OK)
            rc = replace_by(f, id, i, ig_tensor_ref(t));
        ig_value_unref(out[i]);
    }
    return rc;
}

static ig_status evaluate(folder *f, ig_node_id id, bool *done)
{
    const igi_node *n = igi_node_at(f->g, id);
    ig_value *in[IG_PORTS_MAX], *out[64] = {0};
    ig_call call = {.op = n->op->def,
                    .attrs = n->attrs,
                    .where = n->where,
                    .name = n->name,
                    .n_in = n->n_in,
                    .n_out = n->n_out};
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].i)
            IG_TRY(igi_tensor_settle(igi_value_at(f->g, n->in[i])->constant));
    for (int i = 0; i < n->n_in; i++)
        in[i] = n->in[i].i ? &igi_value_at(f->g, n->in[i])->constant->v : NULL;
    for (int i = 0; i < n->n_out; i++)
        call.wanted |= n->out[i].i ? IG_BIT(i) : 0;
    *done = false;
    ig_status rc = f->s->o->fold(f->s->o->fold_self, n->op, &call, in, out);
    if (rc == IG_OUT_OF_MEMORY)
        return rc;
    if (rc !=
        IG_OK) { /* an error in the data is an error of the run, with its inputs */
        igi_error_clear();
        return IG_OK;
    }
    *done = true;
    return keep_results(f, id, out);
}

static ig_status fold_node(folder *f, ig_node_id id)
{
    uint64_t bytes = 0;
    bool done = false;
    IG_TRY(fold_constant_node(f, id, &done));
    if (!done)
        IG_TRY(fold_ints(f, id, &done));
    if (!done && foldable(f, igi_node_at(f->g, id), &bytes))
        IG_TRY(evaluate(f, id, &done));
    if (!done)
        return IG_OK;
    f->changes++;
    f->s->fold_left -= bytes;
    f->since_sweep += bytes;
    IG_TRY(ig_graph_remove(f->g, id));
    if (f->since_sweep > SWEEP_BYTES) { /* operands of what was folded go early */
        (void)igi_graph_sweep(f->g);
        f->since_sweep = 0;
    }
    return IG_OK;
}

static uint64_t weight_bytes(const ig_graph *g)
{
    uint64_t sum = 0;
    for (size_t i = 1; i < g->values.n; i++) {
        size_t one;
        const igi_gvalue *v = &g->values.p[i];
        if (v->live && v->constant && bytes_of(&v->type, &one))
            sum += one;
    }
    return sum;
}

void igi_fold_budget(const ig_graph *g, igi_pass_state *s)
{
    uint64_t one = s->o->fold_bytes ? s->o->fold_bytes : FOLD_BYTES,
             weights = weight_bytes(g);
    s->fold_one = one;
    s->fold_left = one > UINT64_MAX / FOLD_TIMES ? UINT64_MAX : one * FOLD_TIMES;
    if (s->fold_left < weights)
        s->fold_left = weights;
}

ig_status igi_pass_fold(ig_graph *g, igi_pass_state *s, int *changes)
{
    folder f = {.g = g, .s = s};
    for (size_t k = 0; k < g->order.n; k++) {
        ig_node_id id = g->order.p[k];
        const igi_node *n = igi_node_at(g, id);
        if (!n->live || !igi_node_used(g, n))
            continue;
        if (fold_node(&f, id) != IG_OK)
            return igi_graph_node_context(g, id);
    }
    *changes += f.changes;
    if (!f.changes)
        return IG_OK;
    IG_TRY(igi_clean(g));
    return f.reinfer ? igi_graph_infer(g) : IG_OK;
}
