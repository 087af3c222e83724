/* Static differentiation: appends the backward nodes of a graph, with the same gradient
 * rules as the tape.
 *
 * 1. Mark values that depend on an x (forward) and nodes that a y depends on
 * (backward).
 * 2. Walk those nodes in reverse order; each has the gradients of its outputs by then,
 * because all its readers came later. Run its rule with a builder that appends nodes.
 * 3. Gradients that meet at one value are added up.
 * The walk runs over a snapshot of the order: the graph grows while it is walked, so
 * nothing here keeps pointers into its arrays across an append. */
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/text.h"
#include "graph/ir/gradient.h"
#include "graph/ir/graph.h"

typedef struct walker {
    ig_graph *g;
    ig_node_id node;   /* whose rule runs */
    bool *active;      /* per value of the snapshot: depends on an x */
    bool *needed;      /* per node: a y depends on it and it reads something active */
    ig_value_id *grad; /* per value: sum so far */
    size_t n_values, n_nodes;
    IGI_VEC(ig_graph *) derived; /* by rules, until the nodes hold them */
} walker;

static ig_value_id id_of(ig_var v)
{
    return (ig_value_id){(uint32_t)v.h};
}

static ig_var var_of(ig_value_id id)
{
    return (ig_var){id.i};
}

static const igi_node *current(const ig_grad *g)
{
    const walker *w = g->self;
    return igi_node_at(w->g, w->node);
}

/* ---- the builder's static back end ---- */

static ig_status
static_emit(ig_grad *g, const ig_call *call, const ig_var *in, ig_var *out)
{
    walker *w = g->self;
    ig_value_id ids[IG_PORTS_MAX], made[IG_PORTS_MAX];
    for (int i = 0; i < call->n_in; i++)
        ids[i] = id_of(in[i]);
    IG_TRY(ig_graph_make(w->g, call, ids, made));
    for (int i = 0; i < call->n_out; i++)
        out[i] = var_of(made[i]);
    return IG_OK;
}

static ig_var static_in(ig_grad *g, int i)
{
    return var_of(current(g)->in[i]);
}

static ig_var static_out(ig_grad *g, int i)
{
    walker *w = g->self;
    ig_value_id id = {0};
    ig_status rc = igi_graph_want_output(w->g, w->node, i, &id);
    if (rc != IG_OK)
        g->status = rc;
    return var_of(id);
}

static ig_var static_constant(ig_grad *g, ig_tensor *t)
{
    walker *w = g->self;
    ig_value_id id = {0};
    ig_status rc = ig_graph_constant(w->g, NULL, t, &id);
    if (rc != IG_OK)
        g->status = rc;
    return var_of(id);
}

static const ig_type *static_type(ig_grad *g, ig_var v)
{
    return ig_graph_value_type(((walker *)g->self)->g, id_of(v));
}

/* The shape of a value: a constant when all dims are numbers, else a Shape node. */
static ig_status shape_of(ig_graph *g, ig_value_id v, ig_value_id *out)
{
    const ig_type *t = ig_graph_value_type(g, v);
    const int64_t *d = ig_type_dims(t);
    bool known = t->rank >= 0;
    for (int i = 0; i < t->rank; i++)
        known = known && d[i] >= 0;
    if (!known) {
        ig_call call = {
            .op = igi_registry_std(g->reg, IGI_STD_SHAPE), .n_in = 1, .n_out = 1};
        return ig_graph_make(g, &call, &v, out);
    }
    ig_tensor *ints = NULL;
    int64_t dims[1] = {t->rank};
    IG_TRY(
        ig_tensor_new_copy(&ints, IG_INT64, 1, dims, d, (size_t)t->rank * sizeof(*d)));
    ig_status rc = ig_graph_constant(g, NULL, ints, out);
    ig_tensor_unref(ints);
    return rc;
}

static ig_var static_shape_in(ig_grad *g, int i)
{
    walker *w = g->self;
    ig_value_id id = {0};
    ig_status rc = shape_of(w->g, current(g)->in[i], &id);
    if (rc != IG_OK)
        g->status = rc;
    return var_of(id);
}

/* Over the symbols of the graph, which its owner is editing. */
static ig_graph *static_derived(ig_grad *g,
                                const ig_graph *body,
                                igi_derive_fn make,
                                const void *key,
                                size_t key_bytes)
{
    walker *w = g->self;
    igi_derive d = {w->g->syms, ig_graph_gradient};
    ig_graph *made = NULL;
    (void)key_bytes;
    if (make(&d, body, key, &made) != IG_OK || IGI_PUSH(&w->derived, made))
        return made;
    igi_graph_unref(made);
    return NULL;
}

static const igi_grad_api static_api = {.emit = static_emit,
                                        .value_in = static_in,
                                        .value_out = static_out,
                                        .constant = static_constant,
                                        .type_of = static_type,
                                        .shape_in = static_shape_in,
                                        .derived = static_derived};

/* ---- marking ---- */

/* Tensors of floats, and sequences and optionals of them: the gradient of a sequence is
 * a sequence. */
static bool differentiable(const ig_type *t)
{
    t = igi_type_innermost(t);
    return t->kind == IG_KIND_TENSOR && igi_dtype_is_float((ig_dtype)t->dtype);
}

static bool flows(const walker *w, const igi_node *n, int i)
{
    int port = igi_op_in_port(n->op, n->n_in, n->n_captures, i);
    if (!n->in[i].i || !w->active[n->in[i].i])
        return false;
    return (port < 0 || !(n->op->nodiff_ports >> port & 1)) &&
           differentiable(&igi_value_at(w->g, n->in[i])->type);
}

static bool output_flows(const igi_node *n, int i)
{
    int port = igi_op_out_port(n->op, i);
    return port >= 0 && !(n->op->nodiff_out >> port & 1);
}

static void mark_active(walker *w, const ig_value_id *xs, int n_x)
{
    for (int i = 0; i < n_x; i++)
        w->active[xs[i].i] = true;
    for (size_t k = 0; k < w->g->order.n; k++) {
        const igi_node *n = igi_node_at(w->g, w->g->order.p[k]);
        bool any = false;
        for (int i = 0; n->live && i < n->n_in && !any; i++)
            any = flows(w, n, i);
        if (any && n->op->def->gradient == ig_gradient_none)
            any = false;
        for (int i = 0; any && i < n->n_out; i++)
            if (n->out[i].i && output_flows(n, i) &&
                differentiable(&igi_value_at(w->g, n->out[i])->type))
                w->active[n->out[i].i] = true;
    }
}

/* Nodes that some y depends on; lists those that cannot be differentiated, all at once.
 */
static ig_status mark_needed(walker *w, const ig_value_id *ys, int n_y)
{
    bool *reached = igi_calloc(w->n_values, sizeof(*reached));
    igi_text bad = {0};
    if (!reached)
        return IG_OUT_OF_MEMORY;
    for (int i = 0; i < n_y; i++)
        reached[ys[i].i] = true;
    for (size_t k = w->g->order.n; k-- > 0;) {
        ig_node_id id = w->g->order.p[k];
        const igi_node *n = igi_node_at(w->g, id);
        bool any = false;
        for (int i = 0; n->live && i < n->n_out; i++)
            any =
                any || (n->out[i].i && reached[n->out[i].i] && w->active[n->out[i].i]);
        if (!any)
            continue;
        w->needed[id.i] = true;
        for (int i = 0; i < n->n_in; i++)
            if (flows(w, n, i))
                reached[n->in[i].i] = true;
        if (n->op->def->gradient == ig_gradient_todo ||
            n->op->def->gradient == ig_gradient_forbidden)
            igi_text_add(&bad, "%s%s ('%s')", bad.n ? ", " : "", n->op->def->name,
                         n->name);
    }
    igi_free(reached);
    ig_status rc = IG_OK;
    if (bad.n)
        rc = ig_fail(IG_UNSUPPORTED, "operators without a gradient are in the way: %s",
                     bad.p);
    igi_text_fini(&bad);
    return rc;
}

/* ---- walking ---- */

static ig_status accumulate(walker *w, ig_value_id v, ig_value_id dv)
{
    if (!dv.i)
        return IG_OK;
    if (!w->grad[v.i].i) {
        w->grad[v.i] = dv;
        return IG_OK;
    }
    ig_value_id in[2] = {w->grad[v.i], dv};
    uint8_t kind = ig_graph_value_type(w->g, v)->kind;
    if (kind == IG_KIND_OPTIONAL)
        return ig_fail(IG_UNSUPPORTED,
                       "gradients of the optional '%s' meet, and have no sum",
                       ig_graph_value_name(w->g, v));
    igi_std add = kind == IG_KIND_SEQUENCE ? IGI_STD_SEQUENCE_ADD : IGI_STD_ADD;
    ig_call call = {.op = igi_registry_std(w->g->reg, add), .n_in = 2, .n_out = 1};
    return ig_graph_make(w->g, &call, in, &w->grad[v.i]);
}

typedef struct frame {
    ig_type types[2 * IG_PORTS_MAX];
    const ig_type *in[IG_PORTS_MAX], *out[IG_PORTS_MAX];
    ig_var dy[IG_PORTS_MAX], dx[IG_PORTS_MAX];
    bool wants[IG_PORTS_MAX];
    ig_value_id ids[IG_PORTS_MAX];
} frame;

static bool fill_frame(walker *w, frame *f, const igi_node *n)
{
    bool any = false;
    memset(f->dx, 0, sizeof(f->dx));
    for (int i = 0; i < n->n_in; i++) {
        f->ids[i] = n->in[i];
        f->in[i] = NULL;
        f->wants[i] = flows(w, n, i);
        if (!n->in[i].i)
            continue;
        f->types[i] =
            igi_value_at(w->g, n->in[i])->type; /* arrays move: shallow copies */
        f->in[i] = &f->types[i];
    }
    for (int i = 0; i < n->n_out; i++) {
        f->out[i] = NULL;
        f->dy[i] = (ig_var){0};
        if (!n->out[i].i)
            continue;
        f->types[IG_PORTS_MAX + i] = igi_value_at(w->g, n->out[i])->type;
        f->out[i] = &f->types[IG_PORTS_MAX + i];
        if (output_flows(n, i) && n->out[i].i < w->n_values)
            f->dy[i] = var_of(w->grad[n->out[i].i]);
        any = any || f->dy[i].h;
    }
    return any;
}

static ig_status visit(walker *w, frame *f, ig_node_id id)
{
    const igi_node *n = igi_node_at(w->g, id);
    if (!fill_frame(w, f, n))
        return IG_OK;
    int n_in = n->n_in;
    w->node = id;
    ig_grad grad = {.api = &static_api,
                    .self = w,
                    .reg = w->g->reg,
                    .op = n->op,
                    .attrs = n->attrs,
                    .where = n->where,
                    .n_in = n_in,
                    .n_out = n->n_out,
                    .n_captures = n->n_captures,
                    .in_type = f->in,
                    .out_type = f->out,
                    .dy = f->dy,
                    .dx = f->dx,
                    .wants = f->wants};
    if (igi_grad_run(&grad) != IG_OK)
        return igi_graph_node_context(w->g, id);
    for (int i = 0; i < n_in; i++)
        if (f->wants[i])
            IG_TRY(accumulate(w, f->ids[i], id_of(f->dx[i])));
    return IG_OK;
}

/* dy = 1, in the shape of y. */
static ig_status ones_like(ig_graph *g, ig_value_id y, ig_value_id *out)
{
    const ig_type *t = ig_graph_value_type(g, y);
    ig_dtype dtype = (ig_dtype)t->dtype;
    int rank = t->rank; /* t moves when a value is added */
    ig_tensor *one = NULL;
    ig_value_id in[2];
    if (t->kind != IG_KIND_TENSOR)
        return ig_fail(IG_INVALID_ARGUMENT, "y '%s' is no tensor: give its gradient dy",
                       ig_graph_value_name(g, y));
    IG_TRY(ig_tensor_new(&one, dtype, 0, NULL));
    igi_put_f64(dtype, one->data, 0, 1.0);
    ig_status rc = ig_graph_constant(g, NULL, one, &in[0]);
    ig_tensor_unref(one);
    IG_TRY(rc);
    if (rank == 0) {
        *out = in[0];
        return IG_OK;
    }
    IG_TRY(shape_of(g, y, &in[1]));
    ig_call call = {
        .op = igi_registry_std(g->reg, IGI_STD_EXPAND), .n_in = 2, .n_out = 1};
    return ig_graph_make(g, &call, in, out);
}

static ig_status
check_ids(const ig_graph *g, const ig_value_id *v, int n, const char *what)
{
    for (int i = 0; i < n; i++) {
        const ig_type *t = ig_graph_value_type(g, v[i]);
        if (!t || !differentiable(t))
            return ig_fail(IG_INVALID_ARGUMENT, "%s number %d is %s", what, i,
                           t ? "no tensor of floats, nor a sequence of them"
                             : "no value of the graph");
    }
    return IG_OK;
}

static ig_status walk(walker *w, const ig_value_id *ys, const ig_value_id *dys, int n_y)
{
    ig_status rc = IG_OK;
    size_t n = w->g->order.n;
    frame *f = igi_alloc(sizeof(*f));
    ig_node_id *snapshot = igi_alloc_array(n + 1, sizeof(*snapshot));
    if (!f || !snapshot)
        rc = IG_OUT_OF_MEMORY;
    else if (n)
        memcpy(snapshot, w->g->order.p, n * sizeof(*snapshot));
    for (int i = 0; rc == IG_OK && i < n_y; i++) {
        ig_value_id seed = dys ? dys[i] : (ig_value_id){0};
        if (!seed.i)
            rc = ones_like(w->g, ys[i], &seed);
        if (rc == IG_OK)
            rc = accumulate(w, ys[i], seed);
    }
    for (size_t k = n; rc == IG_OK && k-- > 0;)
        if (w->needed[snapshot[k].i])
            rc = visit(w, f, snapshot[k]);
    igi_free(f);
    igi_free(snapshot);
    return rc;
}

ig_status ig_graph_gradient(ig_graph *g,
                            const ig_value_id *ys,
                            const ig_value_id *dys,
                            int n_y,
                            const ig_value_id *xs,
                            ig_value_id *dxs,
                            int n_x)
{
    igi_error_clear();
    IG_TRY(check_ids(g, ys, n_y, "y"));
    for (int i = 0; dys && i < n_y; i++)
        if (dys[i].i)
            IG_TRY(check_ids(g, &dys[i], 1, "dy"));
    IG_TRY(check_ids(g, xs, n_x, "x"));
    IG_TRY(igi_graph_sort(g));
    walker w = {.g = g,
                .active = igi_calloc(g->values.n, sizeof(bool)),
                .needed = igi_calloc(g->nodes.n, sizeof(bool)),
                .grad = igi_calloc(g->values.n, sizeof(ig_value_id)),
                .n_values = g->values.n,
                .n_nodes = g->nodes.n};
    ig_status rc = w.active && w.needed && w.grad ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK) {
        mark_active(&w, xs, n_x);
        rc = mark_needed(&w, ys, n_y);
    }
    if (rc == IG_OK)
        rc = walk(&w, ys, dys, n_y);
    for (int i = 0; rc == IG_OK && i < n_x; i++)
        dxs[i] = w.grad[xs[i].i];
    for (size_t i = 0; i < w.derived.n; i++)
        igi_graph_unref(w.derived.p[i]);
    IGI_VEC_FREE(&w.derived);
    igi_free(w.active);
    igi_free(w.needed);
    igi_free(w.grad);
    return rc;
}
