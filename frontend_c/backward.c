/* Backward: walks the tape downwards with the gradient rules.
 *
 * Creation order is a topological order, so one loop from the newest root to the oldest
 * node visits every node after all its readers (AUTOGRAD rule 14). A node's gradients
 * wait in its `dy` slots; its rule emits eager calls; results go along the edges: into
 * a slot, into a leaf, or into a result of ig_grad. Slots are filled by taking over the
 * first gradient and adding later ones. No recursion: chains may be millions long (rule
 * 20). */
#include <string.h>

#include "frontend_c/place.h"
#include "frontend_c/view.h"
#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/ir/gradient.h"

/* Arrays of the rule at hand; one set for the whole walk, because a hardened build
 * clears what stands on the stack. Rules do not nest. */
typedef struct ports {
    ig_var dy[IG_PORTS_MAX], dx[IG_PORTS_MAX];
    bool wants[IG_PORTS_MAX];
    ig_grad g;
    ig_value *in[IG_PORTS_MAX], *made[IG_PORTS_MAX];
} ports;

typedef struct walk {
    ig_ctx *c;
    ports *p;
    igi_tape_node *node;
    uint32_t index;
    const igi_tape_traced *noted;   /* of the node, while tracing; or NULL */
    bool create, retain, recording; /* recording: where backward was called */
    /* ig_grad: the x's and their sums; NULL for ig_backward. */
    ig_tensor *const *xs;
    ig_tensor **dxs;
    int n_x;
    uint8_t *leads; /* per node: an x lies below it; NULL: everything counts */
} walk;

static ig_var var_of(const ig_tensor *t)
{
    return (ig_var){(uintptr_t)t};
}

static ig_tensor *tensor_of(ig_var v)
{
    return (ig_tensor *)v.h;
}

/* ---- the builder's eager back end ---- */

static ig_status
eager_emit(ig_grad *g, const ig_call *call, const ig_var *in, ig_var *out)
{
    walk *w = g->self;
    ig_value **values = w->p->in, **made = w->p->made;
    for (int i = 0; i < call->n_in; i++)
        values[i] = (ig_value *)tensor_of(in[i]);
    IG_TRY(ig_dispatch(w->c, call, values, made));
    for (int i = 0; i < call->n_out; i++)
        out[i] = var_of((ig_tensor *)made[i]);
    return IG_OK;
}

static ig_var unpack(ig_grad *g, int what, int i)
{
    walk *w = g->self;
    ig_tensor *t = NULL;
    ig_status rc;
    if (!w->create) { /* the rule only reads it */
        rc = igi_tape_saved(&w->c->tape, w->index, what, i, &t);
    } else {
        rc = igi_tape_unpack(&w->c->tape, w->c->pool, w->index, what, i, &t);
        if (rc == IG_OK && t)
            rc = igi_scope_push(w->c, (ig_value *)t);
    }
    if (rc != IG_OK)
        g->status = rc;
    return rc == IG_OK ? var_of(t) : (ig_var){0};
}

static ig_var eager_in(ig_grad *g, int i)
{
    return unpack(g, IG_SAVED_INPUT, i);
}

static ig_var eager_out(ig_grad *g, int i)
{
    return unpack(g, IG_SAVED_OUTPUT, i);
}

static ig_var eager_constant(ig_grad *g, ig_tensor *t)
{
    walk *w = g->self;
    ig_status rc = igi_scope_push(w->c, (ig_value *)ig_tensor_ref(t));
    if (rc != IG_OK)
        g->status = rc;
    return rc == IG_OK ? var_of(t) : (ig_var){0};
}

static const ig_type *eager_type(ig_grad *g, ig_var v)
{
    (void)g;
    return &tensor_of(v)->v.type;
}

static ig_var eager_shape_in(ig_grad *g, int i)
{
    const ig_type *t = g->in_type[i];
    walk *w = g->self;
    igi_sink *s = w->c->trace;
    ig_tensor *traced = NULL;
    if (w->noted && w->noted->id[i]) {
        g->status = s->shape_of(s, w->c, w->noted->id[i], w->node->types[i], &traced);
        return var_of(traced);
    }
    return ig_grad_ints(g, ig_type_dims(t), t->rank);
}

static const igi_grad_api eager_api = {.emit = eager_emit,
                                       .value_in = eager_in,
                                       .value_out = eager_out,
                                       .constant = eager_constant,
                                       .type_of = eager_type,
                                       .shape_in = eager_shape_in,
                                       .derived = igi_derived_eager};

/* ---- sums ---- */

/* *slot += g. The first gradient is taken over, later ones make a new sum: with
 * create_graph and while tracing, sums must be recorded calls like any other. */
static ig_status add_into(walk *w, ig_tensor **slot, ig_tensor *g)
{
    if (!*slot) {
        *slot = ig_tensor_ref(g);
        return IG_OK;
    }
    ig_value *in[2] = {(ig_value *)*slot, (ig_value *)g}, *sum = NULL;
    ig_call call = {
        .op = igi_registry_std(w->c->reg, IGI_STD_ADD), .n_in = 2, .n_out = 1};
    IG_TRY(ig_dispatch(w->c, &call, in, &sum));
    ig_tensor_unref(*slot);
    *slot = ig_tensor_ref((ig_tensor *)sum);
    return IG_OK;
}

static ig_status route(walk *w, int i, ig_tensor *g)
{
    const igi_edge *e = &w->node->edges[i];
    if (w->c->opts.anomaly)
        IG_TRY(igi_check_finite(w->node, i, g));
    if (e->node != IGI_NO_NODE) {
        igi_tape_node *n = w->c->tape.nodes.p[e->node];
        n->reached = true;
        return add_into(w, &n->dy[e->out], g);
    }
    for (int k = 0; w->dxs && k < w->n_x; k++) /* an x may be given twice */
        if (w->xs[k] == e->leaf)
            IG_TRY(add_into(w, &w->dxs[k], g));
    if (w->xs || !e->leaf)
        return IG_OK;
    IG_TRY(add_into(w, &e->leaf->grad, g));
    IG_TRY(igi_settle_gradient(w->c, &e->leaf->grad));
    return igi_place_like(w->c, &e->leaf->grad, e->leaf);
}

/* ---- one node ---- */

static bool wants_input(const walk *w, const igi_edge *e)
{
    if (e->node == IGI_NO_NODE && !e->leaf)
        return false;
    if (!w->xs)
        return true;
    if (e->node != IGI_NO_NODE)
        return w->leads[e->node];
    for (int k = 0; k < w->n_x; k++)
        if (w->xs[k] == e->leaf)
            return true;
    return false;
}

/* An x that is no leaf: its gradient is complete when its node is reached. */
static ig_status collect_inner(walk *w)
{
    for (int k = 0; k < w->n_x; k++) {
        const ig_tensor *x = w->xs[k];
        if (x->v.flags & IGI_HAS_NODE && x->node == w->index &&
            w->node->dy[x->node_out])
            IG_TRY(add_into(w, &w->dxs[k], w->node->dy[x->node_out]));
    }
    return IG_OK;
}

/* A gradient that is a saved value as it stands needs a header that outlives the node.
 */
static ig_status adopt(walk *w, ig_tensor **g)
{
    IG_TRY(igi_tensor_alias(g, w->c->pool, *g));
    return igi_scope_push(w->c, (ig_value *)*g);
}

static ig_status run_rule(walk *w)
{
    igi_tape_node *n = w->node;
    ig_var *dy = w->p->dy, *dx = w->p->dx; /* set as far as they are used */
    bool *wants = w->p->wants, any = false;
    for (int i = 0; i < n->n_in; i++) {
        any = (wants[i] = wants_input(w, &n->edges[i])) || any;
        dx[i] = (ig_var){0};
    }
    for (int i = 0; i < n->n_out; i++)
        dy[i] = var_of(n->dy[i]);
    if (!any)
        return IG_OK;
    ig_grad *g = &w->p->g; /* the rest stands since walk_tape */
    g->op = n->op;
    g->attrs = n->attrs;
    g->where = n->where;
    g->n_in = n->n_in;
    g->n_out = n->n_out;
    g->n_captures = n->n_captures;
    w->noted =
        w->c->trace ? igi_tape_noted(&w->c->tape, w->index, w->c->trace->epoch) : NULL;
    g->in_type = w->noted ? w->noted->types : n->types;
    g->out_type = g->in_type + n->n_in;
    IG_TRY(igi_grad_run(g));
    for (int i = 0; i < n->n_in; i++) {
        ig_tensor *got = tensor_of(dx[i]);
        if (!got)
            continue;
        if (got->v.flags & IGI_STATIC)
            IG_TRY(adopt(w, &got));
        IG_TRY(route(w, i, got));
    }
    return IG_OK;
}

static void clear_slots(igi_tape_node *n)
{
    for (int i = 0; i < n->n_out; i++) {
        ig_tensor_unref(n->dy[i]);
        n->dy[i] = NULL;
    }
    n->reached = false;
}

static ig_status visit(walk *w, uint32_t index)
{
    w->index = index;
    w->node = w->c->tape.nodes.p[index];
    if (!w->node->reached)
        return IG_OK;
    size_t mark = w->c->scope.n;
    ig_status rc = collect_inner(w);
    if (rc == IG_OK)
        rc = run_rule(w);
    clear_slots(w->node);
    if (!w->retain) {
        if (w->node->state != IGI_SAVED_RELEASED)
            igi_tape_release(w->node, IGI_SAVED_RELEASED);
        if (w->node->region)
            igi_region_visited(w->node->region, index);
    }
    /* Not ig_scope_leave: the tape must not be collected while it is walked. */
    while (w->c->scope.n > mark)
        ig_value_unref(w->c->scope.p[--w->c->scope.n]);
    return rc;
}

/* ---- the walk ---- */

static ig_status ones_like(ig_ctx *c, const ig_tensor *y, ig_tensor **out)
{
    if (igi_tensor_count(y) != 1) {
        char text[160];
        return ig_fail(IG_INVALID_ARGUMENT,
                       "backward from %s needs its gradient: only a single number has "
                       "the gradient "
                       "1; reduce it (ig_sum, ig_mean) or pass dy",
                       igi_type_print(&y->v.type, NULL, text, sizeof(text)));
    }
    IG_TRY(igi_tensor_header(out, c->pool, (ig_dtype)y->v.type.dtype, y->v.type.rank,
                             ig_type_dims(&y->v.type)));
    ig_status rc = igi_tensor_alloc(*out, c->pool);
    if (rc == IG_OK) {
        igi_put_f64((ig_dtype)y->v.type.dtype, (*out)->data, 0, 1.0);
        rc = igi_place_like(c, out, y);
    }
    if (rc != IG_OK)
        ig_tensor_unref(*out);
    return rc;
}

static ig_status check_seed(const ig_tensor *y, const ig_tensor *dy)
{
    char a[160], b[160];
    if (igi_type_equal(&y->v.type, &dy->v.type))
        return IG_OK;
    return ig_fail(IG_INVALID_ARGUMENT,
                   "gradient of type %s given for a result of type %s",
                   igi_type_print(&dy->v.type, NULL, a, sizeof(a)),
                   igi_type_print(&y->v.type, NULL, b, sizeof(b)));
}

/* Puts dy into the slot of y. A y that is a leaf itself gets it at once. */
static ig_status seed(walk *w, ig_tensor *y, ig_tensor *dy, uint32_t *top)
{
    ig_tensor *g = NULL;
    if (!igi_needs_grad(&y->v))
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "the result does not depend on any tensor that requires a gradient%s",
            w->recording ? "" : " (recording is off here)");
    IG_TRY(dy ? check_seed(y, dy) : ones_like(w->c, y, &g));
    if (dy)
        g = ig_tensor_ref(dy);
    igi_tape_node fake = {0};
    igi_edge edge = {.node = IGI_NO_NODE, .leaf = y};
    if (y->v.flags & IGI_HAS_NODE) {
        edge.node = y->node;
        edge.out = y->node_out;
        edge.leaf = NULL;
        if (y->node + 1 > *top)
            *top = y->node + 1;
    }
    fake.edges = &edge;
    fake.op = NULL;
    w->node = &fake;
    bool anomaly = w->c->opts.anomaly;
    w->c->opts.anomaly = false; /* the seed is the caller's own */
    ig_status rc = route(w, 0, g);
    w->node = NULL;
    w->c->opts.anomaly = anomaly;
    ig_tensor_unref(g);
    return rc;
}

/* Nodes below which an x lies, oldest first: an edge always points at an older node. */
static ig_status mark_leads(walk *w, uint32_t top)
{
    w->leads = igi_calloc((size_t)top + 1, 1);
    if (!w->leads)
        return IG_OUT_OF_MEMORY;
    for (int k = 0; k < w->n_x; k++)
        if (w->xs[k]->v.flags & IGI_HAS_NODE && w->xs[k]->node < top)
            w->leads[w->xs[k]->node] = 1;
    for (uint32_t i = 0; i < top; i++) {
        const igi_tape_node *n = w->c->tape.nodes.p[i];
        for (int e = 0; e < n->n_in && !w->leads[i]; e++)
            w->leads[i] = wants_input(w, &n->edges[e]);
    }
    return IG_OK;
}

/* Histories of other contexts stand on other tapes. */
static ig_status
check_history(const ig_ctx *c, ig_tensor *const *v, int n, const char *what)
{
    for (int i = 0; i < n; i++)
        if (v[i]->v.flags & IGI_HAS_NODE && v[i]->live != c->tape.live)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "%s number %d has its history in another context", what, i);
    return IG_OK;
}

static ig_status
walk_tape(walk *w, ig_tensor *const *ys, ig_tensor *const *dys, int n_y)
{
    ig_ctx *c = w->c;
    ports p;
    uint32_t top = 0;
    ig_status rc = IG_OK;
    IG_TRY(check_history(c, ys, n_y, "y"));
    IG_TRY(check_history(c, w->xs, w->n_x, "x"));
    p.g = (ig_grad){.api = &eager_api,
                    .self = w,
                    .reg = c->reg,
                    .dy = p.dy,
                    .dx = p.dx,
                    .wants = p.wants,
                    .cache = &c->derived};
    w->p = &p;
    ig_grad_mode mode = ig_grad_mode_set(c, w->create);
    w->recording = mode.before;
    bool outer = c->in_backward;
    c->in_backward = !w->create;
    /* Temporaries of the walk die with this mark, results are counted elsewhere. */
    size_t mark = c->scope.n;
    ++*c->tape.live;                             /* the tape stays while it is walked */
    for (int i = 0; rc == IG_OK && i < n_y; i++) /* writes since then count */
        rc = igi_view_settle(c, NULL, "backward", &ys[i]->v);
    if (rc == IG_OK && w->xs) {
        for (int i = 0; i < n_y; i++)
            if (ys[i]->v.flags & IGI_HAS_NODE && ys[i]->node + 1 > top)
                top = ys[i]->node + 1;
        rc = mark_leads(w, top);
    }
    for (int i = 0; rc == IG_OK && i < n_y; i++)
        rc = seed(w, ys[i], dys ? dys[i] : NULL, &top);
    for (uint32_t i = top; rc == IG_OK && i-- > 0;)
        rc = visit(w, i);
    /* After a failure no half-summed gradient may stay in a slot. */
    for (uint32_t i = 0; rc != IG_OK && i < top && i < c->tape.nodes.n; i++)
        clear_slots(c->tape.nodes.p[i]);
    while (c->scope.n > mark)
        ig_value_unref(c->scope.p[--c->scope.n]);
    --*c->tape.live;
    ig_grad_mode_restore(&mode);
    c->in_backward = outer;
    igi_free(w->leads);
    w->p = NULL;
    return rc;
}

ig_status ig_backward_at(const char *where,
                         ig_ctx *c,
                         ig_tensor *loss,
                         const ig_backward_opts *opts)
{
    ig_backward_opts o = opts ? *opts : (ig_backward_opts){0};
    if (c->status != IG_OK)
        return c->status;
    if (!loss)
        return ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                           "backward from nothing: the loss is NULL");
    walk w = {
        .c = c, .create = o.create_graph, .retain = o.retain_graph || o.create_graph};
    ig_status rc = walk_tape(&w, &loss, o.dy ? &o.dy : NULL, 1);
    if (rc != IG_OK)
        c->status = IG_OK; /* the record of the inner call becomes this call's */
    return igi_ctx_record(c, where, rc);
}

static ig_status finish_grads(walk *w, bool allow_unused)
{
    for (int k = 0; k < w->n_x; k++) {
        if (!w->dxs[k] && !allow_unused)
            return ig_fail(
                IG_INVALID_ARGUMENT,
                "no y depends on x number %d; set allow_unused to get NULL for it", k);
        if (w->dxs[k] && !w->create)
            IG_TRY(igi_settle_gradient(w->c, &w->dxs[k]));
    }
    return IG_OK;
}

ig_status ig_grad_at(const char *where,
                     ig_ctx *c,
                     ig_tensor *const *ys,
                     int n_y,
                     ig_tensor *const *xs,
                     int n_x,
                     ig_tensor **dxs,
                     const ig_grad_opts *opts)
{
    ig_grad_opts o = opts ? *opts : (ig_grad_opts){0};
    for (int k = 0; dxs && k < n_x; k++)
        dxs[k] = NULL;
    if (c->status != IG_OK)
        return c->status;
    if (n_y < 1 || n_x < 1 || !ys || !xs || !dxs)
        return ig_ctx_fail(c, where, IG_INVALID_ARGUMENT,
                           "grad of %d y's by %d x's: there is nothing to do", n_y,
                           n_x);
    for (int i = 0; i < n_y + n_x; i++)
        if (!(i < n_y ? ys[i] : xs[i - n_y]))
            return ig_ctx_fail(c, where, IG_INVALID_ARGUMENT, "grad: a y or x is NULL");
    walk w = {.c = c,
              .create = o.create_graph,
              .retain = o.retain_graph || o.create_graph,
              .xs = xs,
              .dxs = dxs,
              .n_x = n_x};
    ig_status rc = walk_tape(&w, ys, o.dys, n_y);
    if (rc == IG_OK)
        rc = finish_grads(&w, o.allow_unused);
    for (int k = 0; k < n_x; k++) {
        if (rc != IG_OK)
            ig_tensor_unref(dxs[k]);
        else if (dxs[k] && igi_scope_push(c, (ig_value *)dxs[k]) != IG_OK)
            rc = IG_OUT_OF_MEMORY;
        if (rc != IG_OK)
            dxs[k] = NULL;
    }
    if (rc != IG_OK)
        c->status = IG_OK;
    return igi_ctx_record(c, where, rc);
}
