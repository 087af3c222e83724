/* First phase of a plan: concrete types of every value, in one walk over the nodes.
 *
 * Per node: infer with numbers for dims; a node whose outputs stay incomplete is late.
 * Integers that a `values` hook yields become constants of the plan, so shape
 * arithmetic is no step at all. The `view` hook turns a node into strides over its
 * input. A second walk backwards finds what is needed. */
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/ir/check.h"
#include "graph/runtime/instance.h"
#include "graph/runtime/net.h"
#include "graph/runtime/plan.h"

typedef struct walk {
    igi_plan *p;
    ig_symtab *
        syms; /* unknown integers become fresh symbols, which leave a type incomplete */
    const ig_type *in[IG_PORTS_MAX];
    ig_type *out[IG_PORTS_MAX];
    ig_value *known[IG_PORTS_MAX];
    ig_ints ints[IG_PORTS_MAX];
    int64_t strides[IG_RANK_MAX];
    int64_t values[IGI_KEY_INTS];
} walk;

static bool type_is_known(const ig_type *t)
{
    if (t->kind != IG_KIND_TENSOR || t->rank < 0 || !igi_dtype_valid(t->dtype))
        return false;
    for (int i = 0; i < t->rank; i++)
        if (ig_type_dims(t)[i] < 0)
            return false;
    return true;
}

bool igi_type_bytes(const ig_type *t, size_t *out)
{
    int64_t count;
    return igi_dims_count(t->rank, ig_type_dims(t), &count) &&
           igi_dtype_bytes((ig_dtype)t->dtype, count, out);
}

int igi_node_mutates(const igi_node *n, int o)
{
    const ig_op_def *def = n->op->def;
    int port = igi_op_out_port(n->op, o);
    uint32_t alias = port < 0 ? 0 : def->outputs[port].alias;
    for (int j = 0; alias >> j && j < n->n_in - n->n_captures && j < n->op->n_in; j++)
        if (alias >> j & 1 && def->inputs[j].flags & IG_MUTATED && n->in[j].i)
            return j;
    return -1;
}

/* ---- values without a producer ---- */

static ig_status set_constant(igi_plan *p, uint32_t v, ig_tensor *t)
{
    igi_pvalue *pv = &p->value[v];
    IG_TRY(igi_type_copy(&pv->type, &t->v.type));
    pv->known = true;
    pv->where = IGI_AT_CONST;
    pv->constant = t;
    pv->contiguous = t->v.flags & IGI_CONTIGUOUS;
    if (!pv->contiguous) {
        pv->stride = igi_arena_dup(&p->mem, igi_strides(t),
                                   (size_t)t->v.type.rank * sizeof(*pv->stride));
        if (!pv->stride)
            return IG_OUT_OF_MEMORY;
    }
    return IG_OK;
}

static ig_status set_input(igi_plan *p, uint32_t v, int index, const ig_value *given)
{
    igi_pvalue *pv = &p->value[v];
    /* an empty sequence may not know what it could hold */
    const ig_type *type = igi_type_innermost(&given->type)->dtype
                              ? &given->type
                              : &p->net->graph->values.p[v].type;
    IG_TRY(igi_type_copy(&pv->type, type));
    pv->input = index;
    pv->contiguous = true; /* others are copied when a run begins */
    pv->known = type_is_known(&pv->type);
    pv->where = IGI_AT_INPUT;
    pv->space = (uint8_t)igi_plan_space(p->net, given);
    return IG_OK;
}

static ig_status start(igi_plan *p, ig_value *const *in)
{
    const ig_graph *g = p->net->graph;
    for (uint32_t v = 1; v < g->values.n; v++) {
        p->value[v].root = v;
        p->value[v].type.rank = -1;
        if (g->values.p[v].live && g->values.p[v].constant)
            IG_TRY(set_constant(p, v, g->values.p[v].constant));
    }
    for (size_t j = 0; j < g->outputs.n; j++)
        if (p->value[g->outputs.p[j].i].constant)
            IG_TRY(igi_tensor_settle(p->value[g->outputs.p[j].i].constant));
    for (size_t i = 0; i < g->inputs.n; i++)
        IG_TRY(set_input(p, g->inputs.p[i].i, (int)i, in[i]));
    return IG_OK;
}

/* ---- one node ---- */

bool igi_plan_may_read(const ig_value *given)
{
    const ig_tensor *t = (const ig_tensor *)given;
    if (given->type.kind != IG_KIND_TENSOR || given->flags & IGI_REMOTE)
        return false;
    const int bits = ig_dtype_bits((ig_dtype)given->type.dtype);
    int64_t n = igi_tensor_count(t);
    return given->type.rank <= 1 && n <= IGI_KEY_INTS && (t->data || n == 0) &&
           given->type.dtype != IG_STRING && bits >= 8 && bits <= 64;
}

/* Input types, known values and integers of a node; true: something it reads is made
 * late. */
static bool gather(walk *w, const igi_node *n, ig_value *const *given)
{
    igi_plan *p = w->p;
    bool late = n->op->def->flags & IG_OP_SUBGRAPH;
    for (int i = 0; i < n->n_in; i++) {
        w->in[i] = NULL;
        w->known[i] = NULL;
        w->ints[i] = (ig_ints){0, NULL};
        if (!n->in[i].i)
            continue;
        igi_pvalue *pv = &p->value[n->in[i].i];
        w->in[i] = &pv->type;
        w->ints[i] = pv->ints;
        if (pv->where == IGI_AT_CONST && !igi_is_unaligned(pv->constant))
            w->known[i] = (ig_value *)pv->constant;
        else if (pv->where == IGI_AT_INPUT && pv->root == n->in[i].i &&
                 p->net->keyed[pv->input] && p->with_ints &&
                 igi_plan_may_read(given[pv->input]))
            w->known[i] = given[pv->input];
        int port = igi_op_in_port(n->op, n->n_in, n->n_captures, i);
        bool type_only = port >= 0 && n->op->type_only_ports >> port & 1 && pv->known;
        late = late ||
               (!type_only &&
                (!pv->known || igi_plan_root(p, n->in[i].i)->where == IGI_AT_HEAP));
    }
    return late;
}

static ig_status infer(walk *w, const igi_node *n, ig_infer *x)
{
    igi_plan *p = w->p;
    ig_call call = {.op = n->op->def,
                    .attrs = n->attrs,
                    .name = n->name,
                    .n_in = n->n_in,
                    .n_captures = n->n_captures,
                    .n_out = n->n_out};
    for (int o = 0; o < n->n_out; o++)
        w->out[o] = n->out[o].i ? &p->value[n->out[o].i].type : NULL;
    *x = (ig_infer){.struct_size = sizeof(*x),
                    .n_in = n->n_in,
                    .n_out = n->n_out,
                    .n_captures = n->n_captures,
                    .in = w->in,
                    .out = w->out,
                    .attrs = n->attrs,
                    .known = w->known,
                    .ints = w->ints,
                    .syms = w->syms,
                    .op = n->op->def};
    return igi_infer_call(n->op, &call, x);
}

/* Whether an output can only be made by the kernel itself. */
static bool output_is_late(const igi_plan *p, const igi_node *n, int o)
{
    const igi_pvalue *pv = &p->value[n->out[o].i];
    int port = igi_op_out_port(n->op, o);
    return !pv->known || pv->type.dtype == IG_STRING ||
           (port >= 0 && n->op->def->outputs[port].flags & IG_DYNAMIC);
}

/* The value is a constant of the plan from now on, freed with it; its contents follow.
 */
static ig_status own_constant(igi_pvalue *pv)
{
    const ig_type *t = &pv->type;
    ig_tensor *c = NULL;
    IG_TRY(igi_tensor_header(&c, NULL, (ig_dtype)t->dtype, t->rank, ig_type_dims(t)));
    pv->constant = c;
    pv->where = IGI_AT_CONST;
    pv->contiguous = true;
    IG_TRY(igi_tensor_alloc(c, NULL));
    c->st->flags |= IGI_READONLY;
    (void)ig_tensor_share(c); /* late nodes may hand it to callers */
    return IG_OK;
}

/* Turns the integers that output 0 is known to hold into a constant of the plan. */
static ig_status fold_values(walk *w, const igi_node *n, ig_infer *x, bool *folded)
{
    igi_plan *p = w->p;
    *folded = false;
    if (!n->op->def->values || n->n_out != 1 || !n->out[0].i)
        return IG_OK;
    uint32_t v = n->out[0].i;
    const ig_type *t = &p->value[v].type;
    int64_t count = 1;
    bool ints = t->dtype == IG_BOOL || igi_dtype_is_int((ig_dtype)t->dtype);
    if (!p->value[v].known || t->rank > 1 || !ints ||
        ig_dtype_bits((ig_dtype)t->dtype) < 8)
        return IG_OK;
    int got = igi_call_values(x, (ig_dtype)t->dtype, w->values, IGI_KEY_INTS);
    if (t->rank == 1)
        count = ig_type_dims(t)[0];
    if (got < 0 || got != count)
        return IG_OK;
    for (int i = 0; i < got; i++)
        if (ig_dim_is_symbol(w->values[i]))
            return IG_OK;
    IG_TRY(own_constant(&p->value[v]));
    for (int i = 0; i < got; i++)
        igi_put_i64((ig_dtype)t->dtype, p->value[v].constant->data, i, w->values[i]);
    *folded = true;
    return IG_OK;
}

/* Few numbers: what sizes are made of. */
static bool is_small(const ig_type *t)
{
    int64_t count;
    return t->kind == IG_KIND_TENSOR && t->dtype != IG_STRING &&
           igi_dims_count(t->rank, ig_type_dims(t), &count) && count <= IGI_KEY_INTS;
}

/* Whether a node makes few numbers of few that the plan knows and has made itself:
 * those of a graph are what its level has left there. */
static bool can_evaluate(const walk *w, const igi_node *n)
{
    const igi_plan *p = w->p;
    const ig_graph *g = p->net->graph;
    bool made = false;
    if (p->queue || n->op->def->flags & IG_OP_SUBGRAPH || n->n_out != 1 ||
        !n->out[0].i || !p->value[n->out[0].i].known ||
        !is_small(&p->value[n->out[0].i].type))
        return false;
    for (int i = 0; i < n->n_in; i++) {
        if (!n->in[i].i)
            continue;
        if (!w->known[i] || !is_small(w->in[i]))
            return false;
        made = made || !g->values.p[n->in[i].i].constant;
    }
    return made;
}

/* Runs such a node once, so that sizes which floats decide are known before the run (a
 * Resize by 800 / min(height, width)). Where its kernel fails, the run says so. */
static ig_status evaluate(walk *w, const igi_node *n, bool *folded)
{
    igi_plan *p = w->p;
    if (!can_evaluate(w, n))
        return IG_OK;
    igi_pvalue *pv = &p->value[n->out[0].i];
    ig_value *made = NULL;
    ig_call call = {.op = n->op->def,
                    .attrs = n->attrs,
                    .name = n->name,
                    .wanted = 1,
                    .n_in = n->n_in,
                    .n_out = 1};
    ig_status rc = igi_invoke(&p->owner->invoker, n->op, &call, w->known, &made);
    if (rc == IG_OUT_OF_MEMORY)
        return rc;
    igi_error_clear();
    ig_tensor *t = made ? ig_value_tensor(made) : NULL;
    rc = IG_OK;
    if (t && igi_type_equal(&t->v.type, &pv->type)) { /* it may be a view of an input */
        pv->evaluated = *folded = true;
        rc = own_constant(pv);
        if (rc == IG_OK)
            rc = igi_tensor_copy_into(pv->constant, t);
    }
    ig_value_unref(made);
    return rc;
}

static ig_status make_view(walk *w, const igi_node *n, ig_infer *x, bool *is_view)
{
    igi_plan *p = w->p;
    *is_view = false;
    if (!n->op->def->view || n->n_in < 1 || !n->in[0].i || !n->out[0].i ||
        (p->net->copied && p->net->copied[n->out[0].i]))
        return IG_OK;
    for (int o = 1; o < n->n_out; o++)
        if (n->out[o].i)
            return IG_OK;
    const igi_pvalue *from = &p->value[n->in[0].i];
    igi_pvalue *to = &p->value[n->out[0].i];
    if (from->type.dtype != to->type.dtype)
        return IG_OK;
    int64_t contiguous[IG_RANK_MAX];
    igi_strides_contiguous(from->type.rank, ig_type_dims(&from->type), contiguous);
    memset(w->strides, 0, sizeof(w->strides));
    ig_view view = {.x = x,
                    .in_stride = from->stride ? from->stride : contiguous,
                    .in_contiguous = from->contiguous,
                    .stride = w->strides};
    if (!n->op->def->view(&view))
        return IG_OK;
    bool dense =
        igi_strides_are_contiguous(to->type.rank, ig_type_dims(&to->type), w->strides);
    if (ig_dtype_bits((ig_dtype)to->type.dtype) < 8 && (view.offset != 0 || !dense))
        return IG_OK;
    if (!dense) {
        to->stride = igi_arena_dup(&p->mem, w->strides,
                                   (size_t)to->type.rank * sizeof(*to->stride));
        if (!to->stride)
            return IG_OUT_OF_MEMORY;
    }
    to->contiguous = dense;
    to->root = from->root;
    to->offset = from->offset + view.offset;
    *is_view = true;
    return IG_OK;
}

/* Outputs over MUTATED inputs are those inputs' memory, though the node is a step. */
static ig_status place_outputs(igi_plan *p, const igi_node *n, bool late)
{
    for (int o = 0; o < n->n_out; o++) {
        if (!n->out[o].i)
            continue;
        igi_pvalue *pv = &p->value[n->out[o].i];
        int from = igi_node_mutates(n, o);
        pv->contiguous = true;
        pv->where = late ? IGI_AT_HEAP : IGI_AT_ARENA;
        if (from < 0)
            continue;
        igi_pvalue *root = igi_plan_root(p, n->in[from].i);
        if (root->where == IGI_AT_CONST || !p->value[n->in[from].i].contiguous)
            return ig_fail(IG_INVALID_GRAPH,
                           "input %d is written in place, so it must be contiguous and "
                           "no constant",
                           from);
        root->mutated = true;
        if (late)
            continue; /* igi_invoke makes the same header over the same memory */
        pv->where = IGI_NOWHERE;
        pv->root = p->value[n->in[from].i].root;
        pv->offset = p->value[n->in[from].i].offset;
    }
    return IG_OK;
}

static ig_status visit(walk *w, ig_node_id id, ig_value *const *given)
{
    igi_plan *p = w->p;
    const igi_node *n = igi_node_at(p->net->graph, id);
    if (n->n_in > IG_PORTS_MAX || n->n_out > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT, "more than %d inputs or outputs", IG_PORTS_MAX);
    ig_infer x;
    bool late = gather(w, n, given), folded = false, is_view = false;
    IG_TRY(infer(w, n, &x));
    for (int o = 0; o < n->n_out; o++) {
        if (!n->out[o].i)
            continue;
        igi_pvalue *pv = &p->value[n->out[o].i];
        pv->known = type_is_known(&pv->type);
        late = late || output_is_late(p, n, o);
    }
    if (!late && !(n->op->def->flags & (IG_OP_RANDOM | IG_OP_EFFECTS)))
        IG_TRY(fold_values(w, n, &x, &folded));
    if (!late && !folded && !(n->op->def->flags & (IG_OP_RANDOM | IG_OP_EFFECTS)))
        IG_TRY(evaluate(w, n, &folded));
    if (folded) {
        p->n_nodes_folded++;
        return IG_OK;
    }
    if (!late)
        IG_TRY(make_view(w, n, &x, &is_view));
    if (is_view) {
        p->n_nodes_view++;
        return IG_OK;
    }
    return place_outputs(p, n, late);
}

ig_status igi_plan_types(igi_plan *p, ig_value *const *in)
{
    walk *w = igi_alloc(sizeof(*w));
    if (!w)
        return IG_OUT_OF_MEMORY;
    w->p = p;
    w->syms = NULL;
    ig_status rc = igi_symtab_new(&w->syms);
    if (rc == IG_OK)
        rc = start(p, in);
    ig_node_iter it = ig_graph_nodes(p->net->graph);
    ig_node_id n;
    while (rc == IG_OK && ig_node_next(&it, &n)) {
        rc = visit(w, n, in);
        if (rc != IG_OK)
            rc = igi_plan_context(p, n);
    }
    igi_symtab_unref(w->syms);
    igi_free(w);
    return rc;
}

/* ---- what is needed ---- */

/* Whether the node runs when something reads its outputs. */
static bool has_outputs_needed(const igi_plan *p, const igi_node *n)
{
    for (int o = 0; o < n->n_out; o++)
        if (n->out[o].i && p->value[n->out[o].i].needed &&
            p->value[n->out[o].i].where != IGI_AT_CONST)
            return true;
    return false;
}

static bool must_run(const igi_node *n)
{
    if (n->op->def->flags & IG_OP_EFFECTS)
        return true;
    for (int o = 0; o < n->n_out; o++)
        if (igi_node_mutates(n, o) >= 0)
            return true;
    return false;
}

static bool is_late(const igi_plan *p, const igi_node *n)
{
    for (int o = 0; o < n->n_out; o++)
        if (n->out[o].i && p->value[n->out[o].i].where == IGI_AT_HEAP)
            return true;
    return false;
}

/* Backwards: a view needs its root's data, a step all inputs but those read by type
 * only. Late nodes need them too, as values; they keep what they read out of the arena.
 */
void igi_plan_needed(igi_plan *p)
{
    const ig_graph *g = p->net->graph;
    for (size_t i = 0; i < g->outputs.n; i++)
        p->value[g->outputs.p[i].i].needed = true;
    for (size_t k = g->order.n; k-- > 0;) {
        const igi_node *n = igi_node_at(g, g->order.p[k]);
        if (!n->live || !(has_outputs_needed(p, n) || must_run(n)))
            continue;
        uint32_t out = n->n_out ? n->out[0].i : 0;
        bool view = out && p->value[out].root != out && igi_node_mutates(n, 0) < 0;
        bool late = is_late(p, n);
        p->has_late = p->has_late || late;
        for (int i = 0; i < (view ? 1 : n->n_in); i++) {
            if (!n->in[i].i)
                continue;
            int port = igi_op_in_port(n->op, n->n_in, n->n_captures, i);
            igi_pvalue *root = igi_plan_root(p, n->in[i].i);
            if (!late && port >= 0 && n->op->type_only_ports >> port & 1)
                continue;
            p->value[n->in[i].i].needed = true;
            root->needed = true;
            if (late && root->where == IGI_AT_ARENA)
                root->where = IGI_AT_OWN;
        }
    }
}
