#include "frontend_c/trace_join.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/ir/body.h"
#include "graph/ir/build.h"
#include "graph/ir/same.h"

/* ---- alignment ---- */

ig_status igi_join_differs(const igi_node *n, const char *what)
{
    return ig_fail(IG_INVALID_ARGUMENT,
                   "the trace depends on the sizes of its inputs: at %s, %s %s at "
                   "another size; keep "
                   "the size as part of a shape, or trace with fixed sizes",
                   n->where ? n->where : "?", n->op->def->name, what);
}

static ig_status
pair_value(igi_join *j, int r, const igi_node *n, ig_value_id base, ig_value_id other)
{
    if (!base.i != !other.i)
        return igi_join_differs(n, "has another number of inputs");
    if (!base.i)
        return IG_OK;
    ig_value_id *twin = &j->twin[r][base.i];
    const igi_gvalue *x = igi_value_at(j->runs[0], base),
                     *y = igi_value_at(j->runs[r], other);
    if (!twin->i && x->constant && y->constant)
        *twin = other;
    if (twin->i == other.i)
        return IG_OK;
    const ig_tensor *before = igi_value_at(j->runs[r], *twin)->constant;
    if (!x->constant || !y->constant || !before)
        return igi_join_differs(n, "reads another value");
    /* A literal may be one tensor in one run and several equal ones in another. */
    return igi_constant_same(before, y->constant)
               ? IG_OK
               : igi_join_differs(n, "reads a constant that is one tensor with another "
                                     "at one size, and differs");
}

static ig_status pair_node(igi_join *j, int r, ig_node_id base, const igi_node *b)
{
    const igi_node *a = igi_node_at(j->runs[0], base);
    if (a->op != b->op || a->n_in != b->n_in || a->n_out != b->n_out)
        return igi_join_differs(a, "is another operator");
    if (!igi_node_alike(a, b)) /* bodies are aligned in their turn */
        return igi_join_differs(a, "has other attributes");
    for (int i = 0; i < a->n_in; i++)
        IG_TRY(pair_value(j, r, a, a->in[i], b->in[i]));
    for (int i = 0; i < a->n_out; i++)
        if (a->out[i].i)
            j->twin[r][a->out[i].i] = b->out[i];
    j->peer[r][base.i] = b;
    return IG_OK;
}

static ig_status align(igi_join *j, int r)
{
    const ig_graph *base = j->runs[0], *g = j->runs[r];
    ig_node_iter x = ig_graph_nodes(base), y = ig_graph_nodes(g);
    ig_node_id a, b;
    for (size_t i = 0; i < base->inputs.n && i < g->inputs.n; i++)
        j->twin[r][base->inputs.p[i].i] = g->inputs.p[i];
    for (;;) {
        bool more = ig_node_next(&x, &a), also = ig_node_next(&y, &b);
        if (!more && !also)
            break;
        if (more != also)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "the traced function makes another number of calls at "
                           "another size; at %s",
                           igi_node_at(more ? base : g, more ? a : b)->where);
        IG_TRY(pair_node(j, r, a, igi_node_at(g, b)));
    }
    for (size_t i = 0; i < base->outputs.n; i++) {
        ig_value_id id = base->outputs.p[i], other = g->outputs.p[i];
        ig_value_id *twin = &j->twin[r][id.i];
        if (!twin->i && igi_value_at(base, id)->constant &&
            igi_value_at(g, other)->constant)
            *twin = other;
        if (twin->i != other.i)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "output %zu of %s is another value at another size", i,
                           base->name);
    }
    return IG_OK;
}

/* ---- one level ---- */

static ig_status join_begin(igi_join *j, ig_symtab *syms)
{
    const ig_graph *base = j->runs[0];
    for (int r = 1; r < j->n_runs; r++) {
        j->twin[r] = igi_calloc(base->values.n, sizeof(*j->twin[r]));
        j->peer[r] = igi_calloc(base->nodes.n, sizeof(*j->peer[r]));
        if (!j->twin[r] || !j->peer[r])
            return IG_OUT_OF_MEMORY;
        IG_TRY(align(j, r));
    }
    j->map = igi_calloc(base->values.n, sizeof(*j->map));
    if (!j->map)
        return IG_OUT_OF_MEMORY;
    return igi_graph_new(&j->out, base->name, base->reg, syms);
}

/* The graph stays in j->out; NULL after a failure. */
static ig_status join_end(igi_join *j, ig_status rc)
{
    for (int r = 0; r < j->n_runs; r++) {
        igi_free(j->twin[r]);
        igi_free(j->peer[r]);
    }
    igi_free(j->map);
    if (rc != IG_OK) {
        igi_graph_unref(j->out);
        j->out = NULL;
    }
    return rc;
}

static ig_status copy_region(igi_join *j, ig_node_id id);

/* Constants, nodes and outputs, when the inputs are there. */
static ig_status join_contents(igi_join *j)
{
    const ig_graph *base = j->runs[0];
    ig_node_iter it = ig_graph_nodes(base);
    ig_node_id id;
    IG_TRY(igi_join_constants(j));
    IG_TRY(igi_graph_copy_constants(j->out, base, j->map));
    while (ig_node_next(&it, &id))
        IG_TRY(igi_has_bodies(igi_node_at(base, id))
                   ? copy_region(j, id)
                   : igi_graph_copy_node(j->out, base, id, NULL, j->map));
    for (size_t i = 0; i < base->outputs.n; i++)
        IG_TRY(ig_graph_output(j->out, base->output_names.p[i],
                               j->map[base->outputs.p[i].i]));
    (void)igi_graph_sweep(j->out);
    return IG_OK;
}

/* ---- bodies ---- */

/* Input i of the body, of the node of `outer` that holds it: a capture has the type
 * that its outer value has now, what comes in rounds has sizes that follow the dims as
 * those of the runs did. */
static ig_status body_input(igi_join *j, const igi_node *node, size_t i)
{
    const ig_graph *base = j->runs[0];
    size_t from_end = base->inputs.n - i;
    ig_value_id *to = &j->map[base->inputs.p[i].i];
    const igi_gvalue *v = igi_value_at(base, base->inputs.p[i]);
    if (from_end <= (size_t)node->n_captures) {
        ig_value_id outer = j->outer->map[node->in[(size_t)node->n_in - from_end].i];
        const igi_gvalue *o = igi_value_at(j->outer->out, outer);
        IG_TRY(ig_graph_input_typed(j->out, v->name, &o->type, to));
        return igi_graph_know_ints(j->out, *to, &o->ints);
    }
    ig_type type;
    IG_TRY(igi_type_copy(&type, &v->type));
    int64_t *dims = type.rank > 8 ? type.u.dim_far : type.u.dim;
    ig_status rc = IG_OK;
    for (int d = 0; type.kind == IG_KIND_TENSOR && d < type.rank && rc == IG_OK; d++) {
        int64_t at[IGI_JOIN_RUNS] = {0};
        bool known = dims[d] >= 0;
        for (int r = 0; r < j->n_runs; r++) {
            const ig_type *t = &igi_value_at(j->runs[r], j->runs[r]->inputs.p[i])->type;
            at[r] = t->rank == type.rank ? ig_type_dims(t)[d] : -1;
            known = known && at[r] >= 0;
        }
        if (known)
            rc = igi_join_dim(j, at, &dims[d]);
        else
            dims[d] = -1;
    }
    if (rc == IG_OK)
        rc = ig_graph_input_typed(j->out, v->name, &type, to);
    igi_type_fini(&type);
    return rc;
}

/* The sizes of all symbols are further captures of the body. */
static ig_status body_sizes(igi_join *j, const ig_value_id *sizes)
{
    for (int k = 0; k < j->n_sym; k++) {
        IG_TRY(igi_body_add_input(j->out, j->outer->out, sizes[k], &j->dim[k]));
        IG_TRY(igi_graph_know_ints(j->out, j->dim[k],
                                   &igi_value_at(j->outer->out, sizes[k])->ints));
    }
    return IG_OK;
}

static ig_status join_body(
    igi_join *outer, ig_node_id id, int k, const ig_value_id *sizes, ig_graph **out)
{
    const igi_node *node = igi_node_at(outer->runs[0], id);
    igi_join *j = igi_calloc(1, sizeof(*j));
    if (!j)
        return IG_OUT_OF_MEMORY;
    j->outer = outer;
    j->n_runs = outer->n_runs;
    j->n_sym = outer->n_sym;
    j->sizes = outer->sizes;
    j->d = outer->d;
    for (int r = 0; r < j->n_runs; r++)
        j->runs[r] = igi_body_of(r ? outer->peer[r][id.i] : node, k);
    ig_status rc = join_begin(j, outer->out->syms);
    for (size_t i = 0; rc == IG_OK && i < j->runs[0]->inputs.n; i++)
        rc = body_input(j, node, i);
    if (rc == IG_OK)
        rc = body_sizes(j, sizes);
    if (rc == IG_OK)
        rc = join_contents(j);
    rc = join_end(j, rc);
    *out = j->out;
    igi_free(j);
    return rc;
}

/* Sizes that no body reads are no captures after all. */
static ig_status drop_idle(ig_graph *g, ig_node_id id, int n)
{
    int last = igi_node_at(g, id)->n_captures - 1;
    for (int c = last; c > last - n; c--)
        if (!igi_capture_is_read(igi_node_at(g, id), c))
            IG_TRY(igi_node_drop_capture(g, id, c));
    return IG_OK;
}

static ig_status copy_region(igi_join *j, ig_node_id id)
{
    const igi_node *node = igi_node_at(j->runs[0], id);
    const ig_op_def *op = node->op->def;
    ig_value_id sizes[IGI_JOIN_RUNS] = {{0}};
    igi_node_changes as = {.extra = sizes, .n_extra = j->n_sym};
    ig_status rc = IG_OK;
    char *attrs = igi_alloc(op->attrs_size);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    memcpy(attrs, node->attrs, op->attrs_size);
    for (int k = 0; igi_body_slot(op, attrs, k); k++)
        *igi_body_slot(op, attrs, k) = NULL;
    for (int k = 0; rc == IG_OK && k < j->n_sym; k++)
        rc = igi_join_size(j, k, &sizes[k]);
    for (int k = 0; rc == IG_OK && igi_body_slot(op, attrs, k); k++)
        rc = join_body(j, id, k, sizes, igi_body_slot(op, attrs, k));
    as.attrs = attrs;
    if (rc == IG_OK)
        rc = igi_graph_copy_node(j->out, j->runs[0], id, &as, j->map);
    for (int k = 0; igi_body_slot(op, attrs, k); k++)
        igi_graph_unref(*igi_body_slot(op, attrs, k));
    igi_free(attrs);
    return rc == IG_OK
               ? drop_idle(j->out, j->out->order.p[j->out->order.n - 1], j->n_sym)
               : rc;
}

/* ---- the trace itself ---- */

static ig_status join_inputs(igi_join *j)
{
    const ig_graph *base = j->runs[0];
    for (size_t i = 0; i < base->inputs.n; i++) {
        const igi_gvalue *v = igi_value_at(base, base->inputs.p[i]);
        int64_t dims[IG_RANK_MAX];
        memcpy(dims, ig_type_dims(&v->type), sizeof(int64_t) * (size_t)v->type.rank);
        for (size_t k = 0; k < j->d->dims.n; k++) {
            const igi_dyn_dim *d = &j->d->dims.p[k];
            if ((size_t)d->input == i)
                IG_TRY(
                    ig_graph_dim(j->out, j->d->symbols.p[d->symbol], &dims[d->axis]));
        }
        IG_TRY(ig_graph_input(j->out, v->name, (ig_dtype)v->type.dtype, v->type.rank,
                              dims, &j->map[base->inputs.p[i].i]));
    }
    return IG_OK;
}

ig_status igi_trace_join(ig_graph **out,
                         ig_graph *const *runs,
                         int n_runs,
                         int64_t *const *sizes,
                         const igi_dynamic *d)
{
    igi_join j = {.n_runs = n_runs, .n_sym = (int)d->symbols.n, .sizes = sizes, .d = d};
    memcpy(j.runs, runs, (size_t)n_runs * sizeof(*runs));
    ig_status rc = join_begin(&j, NULL);
    if (rc == IG_OK)
        rc = join_inputs(&j);
    if (rc == IG_OK)
        rc = join_contents(&j);
    for (size_t i = 0; rc == IG_OK && i < runs[0]->meta.n; i++)
        rc =
            igi_graph_add_meta(j.out, runs[0]->meta.p[i].key, runs[0]->meta.p[i].value);
    rc = join_end(&j, rc);
    if (rc == IG_OK)
        *out = j.out;
    return rc;
}
