/* Bodies: adopting them into a graph, editing their ends, checks. */
#include "graph/ir/body.h"

#include <string.h>

#include "graph/ir/build.h"

ig_graph **igi_body_slot(const ig_op_def *op, const void *attrs, int k)
{
    for (const ig_attr_def *row = op->attrs; attrs && row && row->name; row++)
        if (row->kind == IG_A_GRAPH && k-- == 0)
            return igi_attr_at(row, attrs);
    return NULL;
}

static ig_graph **present_slot(const igi_node *n, int k)
{
    ig_graph **slot;
    for (int i = 0; (slot = igi_body_slot(n->op->def, n->attrs, i)); i++)
        if (*slot && k-- == 0)
            return slot;
    return NULL;
}

ig_graph *igi_body_of(const igi_node *n, int k)
{
    ig_graph **slot = present_slot(n, k);
    return slot ? *slot : NULL;
}

size_t igi_graph_count(const ig_graph *g)
{
    size_t n = g->nodes.n - 1;
    for (size_t i = 1; g->depth && i < g->nodes.n; i++) {
        const igi_node *node = &g->nodes.p[i];
        for (int k = 0; node->live && igi_has_bodies(node) && igi_body_of(node, k); k++)
            n += igi_graph_count(igi_body_of(node, k));
    }
    return n;
}

bool igi_graph_is_random(const ig_graph *g)
{
    for (size_t i = 1; i < g->nodes.n; i++) {
        const igi_node *n = &g->nodes.p[i];
        if (n->live && n->op->def->flags & IG_OP_RANDOM)
            return true;
        for (int k = 0; n->live && igi_has_bodies(n) && igi_body_of(n, k); k++)
            if (igi_graph_is_random(igi_body_of(n, k)))
                return true;
    }
    return false;
}

ig_status igi_bodies_adopt(ig_graph *g, const ig_op_def *op, void *attrs)
{
    ig_graph **slot;
    int depth = 0;
    for (int k = 0; (slot = igi_body_slot(op, attrs, k)); k++) {
        if (!*slot)
            continue;
        if ((*slot)->depth + 1 > IGI_BODY_DEPTH)
            return ig_fail(IG_LIMIT, "%s: bodies nest more than %d levels deep",
                           op->name, IGI_BODY_DEPTH);
        depth = (*slot)->depth + 1 > depth ? (*slot)->depth + 1 : depth;
        if ((*slot)->syms == g->syms)
            continue;
        ig_graph *own = NULL;
        IG_TRY(igi_graph_clone_over(&own, *slot, g->syms));
        igi_graph_unref(*slot);
        *slot = own;
    }
    g->depth = depth > g->depth ? depth : g->depth;
    return IG_OK;
}

ig_status igi_body_own(ig_graph *g, ig_node_id n, int k, ig_graph **out)
{
    ig_graph **slot = present_slot(igi_node_at(g, n), k);
    *out = slot ? *slot : NULL;
    if (!*out || __atomic_load_n(&(*out)->refs, __ATOMIC_ACQUIRE) == 1)
        return IG_OK;
    ig_graph *own = NULL;
    IG_TRY(igi_graph_clone_over(&own, *slot, g->syms));
    igi_graph_unref(*slot);
    *out = *slot = own;
    return IG_OK;
}

/* ---- ends ---- */

ig_status igi_body_add_input(ig_graph *body,
                             const ig_graph *outer,
                             ig_value_id like,
                             ig_value_id *out)
{
    const igi_gvalue *v = igi_value_at(outer, like);
    const char *name = igi_graph_fresh_name(body, v->name);
    return name ? ig_graph_input_typed(body, name, &v->type, out) : IG_OUT_OF_MEMORY;
}

void igi_body_drop_input(ig_graph *body, int i)
{
    ig_value_id v = body->inputs.p[i];
    igi_gvalue *value = igi_value_at(body, v);
    memmove(&body->inputs.p[i], &body->inputs.p[i + 1],
            (body->inputs.n - (size_t)i - 1) * sizeof(*body->inputs.p));
    body->inputs.n--;
    body->generation++;
    if (!value->constant) {
        igi_graph_kill_value(body, v);
        return;
    }
    value->is_input = false;
}

ig_status igi_body_fix_input(ig_graph *body, int i, ig_tensor *t)
{
    igi_gvalue *value = igi_value_at(body, body->inputs.p[i]);
    ig_type copy = {0};
    IG_TRY(igi_type_copy(&copy, &t->v.type));
    igi_type_fini(&value->type);
    value->type = copy;
    value->constant = ig_tensor_share(ig_tensor_ref(t));
    return IG_OK;
}

bool igi_capture_is_read(const igi_node *n, int c)
{
    const ig_graph *body;
    for (int k = 0; (body = igi_body_of(n, k)); k++) {
        size_t at = body->inputs.n - (size_t)(n->n_captures - c);
        if (igi_value_at(body, body->inputs.p[at])->uses.n)
            return true;
    }
    return false;
}

ig_status igi_node_drop_capture(ig_graph *g, ig_node_id n, int c)
{
    ig_graph *body;
    igi_node *node = igi_node_at(g, n);
    int at = node->n_in - node->n_captures + c, left = node->n_captures - c;
    for (int k = 0; igi_body_of(node, k); k++) {
        IG_TRY(igi_body_own(g, n, k, &body));
        if (body)
            igi_body_drop_input(body, (int)body->inputs.n - left);
    }
    if (node->in[at].i)
        igi_use_remove(g, node->in[at], (igi_use){n, at});
    for (int i = at; i + 1 < node->n_in; i++) { /* uses know their port */
        ig_value_id v = node->in[i] = node->in[i + 1];
        node->use_at[i] = node->use_at[i + 1];
        if (v.i)
            igi_value_at(g, v)->uses.p[node->use_at[i]].port = i;
    }
    node->n_in--;
    node->n_captures--;
    g->generation++;
    return IG_OK;
}

/* ---- checks ---- */

ig_status igi_bodies_verify(const ig_graph *g, ig_node_id id)
{
    const igi_node *n = igi_node_at(g, id);
    const ig_graph *body;
    for (int k = 0; (body = igi_body_of(n, k)); k++) {
        if (body->syms != g->syms)
            return ig_fail(IG_INVALID_GRAPH, "node '%s': its body has other symbols",
                           n->name);
        if ((int)body->inputs.n < n->n_captures)
            return ig_fail(IG_INVALID_GRAPH,
                           "node '%s': its body has fewer inputs than captures",
                           n->name);
        for (int c = 1; c <= n->n_captures; c++) {
            ig_value_id outer = n->in[n->n_in - c],
                        inner = body->inputs.p[body->inputs.n - (size_t)c];
            if (!outer.i)
                return ig_fail(IG_INVALID_GRAPH, "node '%s': a capture is absent",
                               n->name);
            const ig_type *a = &igi_value_at(g, outer)->type,
                          *b = &igi_value_at(body, inner)->type;
            if (!igi_type_same_kind(a, b))
                return ig_fail(IG_INVALID_GRAPH,
                               "node '%s': capture '%s' has another type inside",
                               n->name, igi_value_at(body, inner)->name);
        }
        if (ig_graph_verify(body) != IG_OK)
            return ig_fail_context("node '%s'", n->name);
    }
    return IG_OK;
}
