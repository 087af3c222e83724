/* Editing: replace, remove, sweep, sort, inline, clone. Use lists stay right at every
 * step. */
#include <string.h>

#include "graph/core/file.h"
#include "graph/ir/body.h"
#include "graph/ir/build.h"
#include "graph/ir/note.h"

static ig_status check_value(const ig_graph *g, ig_value_id v)
{
    if (v.i == 0 || v.i >= g->values.n || !igi_value_at(g, v)->live)
        return ig_fail(IG_INVALID_ARGUMENT, "id %u is no value of graph %s", v.i,
                       g->name);
    return IG_OK;
}

/* Types agree when no concrete fact contradicts. */
static bool types_agree(const ig_type *a, const ig_type *b)
{
    if (!igi_type_same_kind(a, b))
        return false;
    a = igi_type_innermost(a);
    b = igi_type_innermost(b);
    if (a->kind != IG_KIND_TENSOR || a->rank < 0 || b->rank < 0)
        return true;
    if (a->rank != b->rank)
        return false;
    for (int i = 0; i < a->rank; i++)
        if (ig_type_dims(a)[i] >= 0 && ig_type_dims(b)[i] >= 0 &&
            ig_type_dims(a)[i] != ig_type_dims(b)[i])
            return false;
    return true;
}

ig_status ig_graph_replace(ig_graph *g, ig_value_id from, ig_value_id to)
{
    igi_error_clear();
    IG_TRY(check_value(g, from));
    IG_TRY(check_value(g, to));
    igi_gvalue *a = igi_value_at(g, from), *b = igi_value_at(g, to);
    if (from.i == to.i)
        return IG_OK;
    if (!types_agree(&a->type, &b->type))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "value '%s' cannot stand for '%s': their types differ", b->name,
                       a->name);
    if (!IGI_RESERVE(&b->uses, b->uses.n + a->uses.n))
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < a->uses.n; i++) {
        igi_use u = a->uses.p[i];
        if (u.node.i)
            igi_node_at(g, u.node)->in[u.port] = to;
        else
            g->outputs.p[u.port] = to;
        igi_use_put(g, to, u);
    }
    a->uses.n = 0;
    a->n_overwrites = 0;
    g->order_dirty = true;
    g->generation++;
    return IG_OK;
}

ig_status igi_graph_set_input(ig_graph *g, ig_node_id n, int i, ig_value_id v)
{
    igi_node *node = igi_node_at(g, n);
    if (i < 0 || i >= node->n_in)
        return ig_fail(IG_INVALID_ARGUMENT, "node '%s' has no input %d", node->name, i);
    if (node->in[i].i == v.i)
        return IG_OK;
    if (v.i)
        IG_TRY(check_value(g, v));
    if (v.i && !IGI_RESERVE(&igi_value_at(g, v)->uses, igi_value_at(g, v)->uses.n + 1))
        return IG_OUT_OF_MEMORY;
    if (node->in[i].i)
        igi_use_remove(g, node->in[i], (igi_use){n, i});
    if (v.i)
        igi_use_put(g, v, (igi_use){n, i});
    node->in[i] = v;
    g->order_dirty = true;
    g->generation++;
    return IG_OK;
}

/* A pass has read a constant and made another of it: what it read of a mapped file need
 * not stay in memory. Whoever else has the constant reads it again. */
static void give_back(const ig_tensor *t)
{
    igi_storage *st;
    const char *data = igi_tensor_bytes(t, &st);
    if (st && st->flags & IGI_MAPPED)
        igi_pages_forget(data, ig_tensor_nbytes(t));
}

void igi_graph_kill_value(ig_graph *g, ig_value_id v)
{
    igi_gvalue *value = igi_value_at(g, v);
    igi_map_remove(&g->names, value->name);
    if (value->constant)
        give_back(value->constant);
    ig_tensor_unref(value->constant);
    igi_type_fini(&value->type);
    IGI_VEC_FREE(&value->uses);
    value->constant = NULL;
    value->ints = (ig_ints){0};
    value->live = false;
}

ig_status ig_graph_remove(ig_graph *g, ig_node_id n)
{
    igi_error_clear();
    if (n.i == 0 || n.i >= g->nodes.n || !igi_node_at(g, n)->live)
        return ig_fail(IG_INVALID_ARGUMENT, "id %u is no node of graph %s", n.i,
                       g->name);
    igi_node *node = igi_node_at(g, n);
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i].i && igi_value_at(g, node->out[i])->uses.n)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "node '%s' cannot be removed: output %d is still used",
                           node->name, i);
    for (int i = 0; i < node->n_in; i++)
        if (node->in[i].i)
            igi_use_remove(g, node->in[i], (igi_use){n, i});
    for (int i = 0; i < node->n_out; i++)
        if (node->out[i].i)
            igi_graph_kill_value(g, node->out[i]);
    igi_attrs_release(node->op->def, node->attrs);
    node->live = false;
    g->generation++;
    return IG_OK;
}

int igi_graph_sweep(ig_graph *g)
{
    int removed = 0;
    for (size_t k = g->order.n;
         k-- > 0;) { /* consumers first, so chains die in one pass */
        igi_node *node = igi_node_at(g, g->order.p[k]);
        bool used = !node->live || node->op->def->flags & IG_OP_EFFECTS;
        for (int i = 0; i < node->n_out && !used; i++)
            used = node->out[i].i && igi_value_at(g, node->out[i])->uses.n;
        for (int i = 0; node->op->def->inputs && i < node->op->n_in && !used; i++)
            used = node->op->def->inputs[i].flags & IG_MUTATED;
        if (!used && ig_graph_remove(g, g->order.p[k]) == IG_OK)
            removed++;
    }
    for (size_t i = 1; i < g->values.n; i++) {
        igi_gvalue *v = &g->values.p[i];
        if (v->live && v->constant && !v->uses.n && !v->is_input)
            igi_graph_kill_value(g, (ig_value_id){(uint32_t)i});
    }
    return removed;
}

/* ---- order ---- */

/* Depth first over the present order, producers before their reader, with an explicit
 * stack: a graph that is sorted keeps its order, and a moved edge moves only what it
 * must. */
typedef struct sorter {
    const ig_graph *g;
    uint8_t *state; /* 0 new, 1 on the stack, 2 placed */
    struct frame {
        ig_node_id id;
        int next;    /* input to look at */
        int mutated; /* then: overwritten input and which of its readers */
        size_t reader;
    } * stack;
    ig_node_id *order;
    size_t depth, done;
} sorter;

/* The next producer of the top frame that is not placed; {0} when all are. */
static ig_node_id next_producer(sorter *s, struct frame *top)
{
    const igi_node *n = igi_node_at(s->g, top->id);
    while (top->next < n->n_in) {
        ig_value_id v = n->in[top->next++];
        ig_node_id p = v.i ? igi_value_at(s->g, v)->producer : (ig_node_id){0};
        if (p.i && s->state[p.i] != 2)
            return p;
    }
    return (ig_node_id){0};
}

/* A node that overwrites an input comes after all other readers of it: the next reader
 * that is not placed; {0} when all are. */
static ig_node_id next_reader(sorter *s, struct frame *top)
{
    const igi_node *n = igi_node_at(s->g, top->id);
    int ports =
        n->n_in - n->n_captures < n->op->n_in ? n->n_in - n->n_captures : n->op->n_in;
    for (; top->mutated < ports; top->mutated++, top->reader = 0) {
        if (!(n->op->def->inputs[top->mutated].flags & IG_MUTATED) ||
            !n->in[top->mutated].i)
            continue;
        const igi_gvalue *v = igi_value_at(s->g, n->in[top->mutated]);
        while (top->reader < v->uses.n) {
            ig_node_id r = v->uses.p[top->reader++].node;
            if (r.i && r.i != top->id.i && s->state[r.i] != 2)
                return r;
        }
    }
    return (ig_node_id){0};
}

static ig_status place(sorter *s, ig_node_id root)
{
    if (!igi_node_at(s->g, root)->live || s->state[root.i] == 2)
        return IG_OK;
    s->stack[s->depth++] = (struct frame){.id = root};
    s->state[root.i] = 1;
    while (s->depth) {
        struct frame *top = &s->stack[s->depth - 1];
        ig_node_id p = next_producer(s, top);
        if (!p.i)
            p = next_reader(s, top);
        if (!p.i) {
            s->state[top->id.i] = 2;
            s->order[s->done++] = top->id;
            s->depth--;
        } else if (s->state[p.i] == 1) {
            return ig_fail(IG_INVALID_GRAPH, "node '%s' is part of a cycle",
                           igi_node_at(s->g, p)->name);
        } else {
            s->state[p.i] = 1;
            s->stack[s->depth++] = (struct frame){.id = p};
        }
    }
    return IG_OK;
}

ig_status igi_graph_topological(const ig_graph *g, ig_node_id **out, size_t *count)
{
    size_t n = g->nodes.n;
    sorter s = {.g = g,
                .state = igi_calloc(n, 1),
                .stack = igi_alloc_array(n, sizeof(*s.stack)),
                .order = igi_alloc_array(n, sizeof(*s.order))};
    ig_status rc = s.state && s.stack && s.order ? IG_OK : IG_OUT_OF_MEMORY;
    for (size_t k = 0; rc == IG_OK && k < g->order.n; k++)
        rc = place(&s, g->order.p[k]);
    igi_free(s.state);
    igi_free(s.stack);
    if (rc != IG_OK) {
        igi_free(s.order);
        return rc;
    }
    *out = s.order;
    *count = s.done;
    return IG_OK;
}

ig_status igi_graph_sort(ig_graph *g)
{
    ig_node_id *order;
    size_t n;
    if (!g->order_dirty)
        return IG_OK;
    IG_TRY(igi_graph_topological(g, &order, &n));
    if (n)
        memcpy(g->order.p, order, n * sizeof(*order));
    igi_free(order);
    g->order.n = n;
    g->order_dirty = false;
    return IG_OK;
}

ig_status igi_graph_know_ints(ig_graph *g, ig_value_id v, const ig_ints *ints)
{
    if (!ints->v)
        return IG_OK;
    size_t n = (size_t)ints->n;
    int64_t *own = igi_arena_array(&g->arena, n + 1, sizeof(*own));
    if (!own)
        return IG_OUT_OF_MEMORY;
    memcpy(own, ints->v, n * sizeof(*own));
    igi_value_at(g, v)->ints = (ig_ints){ints->n, own};
    return IG_OK;
}

/* ---- copying between graphs ---- */

ig_status igi_graph_copy_node(ig_graph *dst,
                              const ig_graph *src,
                              ig_node_id id,
                              const igi_node_changes *as,
                              ig_value_id *map)
{
    const igi_node *n = igi_node_at(src, id);
    ig_value_id in[IG_PORTS_MAX], out[IG_PORTS_MAX];
    const char *names[IG_PORTS_MAX], *origin = NULL;
    ig_call call = {.op = n->op->def,
                    .attrs = n->attrs,
                    .where = n->where,
                    .name = n->name,
                    .draw = n->draw,
                    .n_in = n->n_in,
                    .n_captures = n->n_captures,
                    .n_out = n->n_out};
    for (int i = 0; i < n->n_in; i++) {
        in[i] = n->in[i].i ? map[n->in[i].i] : (ig_value_id){0};
        if (n->in[i].i && !in[i].i)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "node '%s' cannot be copied: nothing stands for its input "
                           "%d (%s); give the inputs of the graph in `map`",
                           n->name, i, igi_value_at(src, n->in[i])->name);
    }
    for (int i = 0; i < n->n_out; i++) {
        names[i] = n->out[i].i ? igi_value_at(src, n->out[i])->name : NULL;
        if (i < 64)
            call.wanted |= n->out[i].i ? IG_BIT(i) : 0;
    }
    if (as && n->n_in + as->n_extra > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT, "node '%s' has too many captures", n->name);
    for (int i = 0; as && i < as->n_extra; i++) {
        in[call.n_in++] = as->extra[i];
        call.n_captures++;
    }
    if (as && as->attrs)
        call.attrs = as->attrs;
    if (n->origin && !(origin = igi_arena_strdup(&dst->arena, n->origin)))
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_graph_make_as(dst, &call, in, names, out));
    igi_node *made = igi_node_at(dst, dst->order.p[dst->order.n - 1]);
    made->origin = origin;
    IG_TRY(igi_notes_copy(dst, &made->notes, src, &n->notes));
    for (int i = 0; i < n->n_out; i++) {
        if (!n->out[i].i)
            continue;
        map[n->out[i].i] = out[i];
        IG_TRY(igi_notes_copy_value(dst, out[i], src, n->out[i]));
    }
    return IG_OK;
}

void igi_graph_rename(ig_graph *dst, ig_value_id id, const char *name)
{
    igi_gvalue *v = igi_value_at(dst, id);
    if (!strcmp(v->name, name) || igi_map_get(&dst->names, name))
        return;
    const char *own = igi_arena_strdup(&dst->arena, name);
    if (!own || igi_map_put(&dst->names, own, id.i) != IG_OK)
        return;
    igi_map_remove(&dst->names, v->name);
    v->name = own;
}

ig_status igi_graph_copy_constants(ig_graph *dst, const ig_graph *src, ig_value_id *map)
{
    for (size_t i = 1; i < src->values.n; i++) {
        const igi_gvalue *v = &src->values.p[i];
        if (!v->live || !v->constant || map[i].i)
            continue;
        const char *name = igi_graph_fresh_name(dst, v->name);
        IG_TRY(name ? ig_graph_constant(dst, name, v->constant, &map[i])
                    : IG_OUT_OF_MEMORY);
        IG_TRY(igi_notes_copy_value(dst, map[i], src, (ig_value_id){(uint32_t)i}));
    }
    return IG_OK;
}

ig_status igi_graph_inline(ig_graph *dst, const ig_graph *src, ig_value_id *map)
{
    ig_node_id *order;
    size_t count;
    IG_TRY(igi_graph_copy_constants(dst, src, map));
    IG_TRY(igi_graph_topological(src, &order, &count));
    ig_status rc = IG_OK;
    for (size_t k = 0; rc == IG_OK && k < count; k++)
        rc = igi_graph_copy_node(dst, src, order[k], NULL, map);
    igi_free(order);
    return rc;
}

static ig_status clone_into(ig_graph *dst, const ig_graph *src, ig_value_id *map)
{
    for (size_t i = 0; i < src->inputs.n; i++) {
        const igi_gvalue *v = igi_value_at(src, src->inputs.p[i]);
        ig_value_id *to = &map[src->inputs.p[i].i];
        ig_type type = {0};
        IG_TRY(igi_type_translate(&type, dst->syms, &v->type, src->syms));
        ig_status rc = ig_graph_input_typed(dst, v->name, &type, to);
        igi_type_fini(&type);
        IG_TRY(rc);
        IG_TRY(igi_notes_copy_value(dst, *to, src, src->inputs.p[i]));
    }
    IG_TRY(igi_graph_inline(dst, src, map));
    for (size_t i = 0; i < src->outputs.n; i++)
        IG_TRY(ig_graph_output(dst, src->output_names.p[i], map[src->outputs.p[i].i]));
    for (size_t i = 0; i < src->self_test.n; i++) {
        if (!IGI_RESERVE(&dst->self_test, dst->self_test.n + 1))
            return IG_OUT_OF_MEMORY;
        dst->self_test.p[dst->self_test.n++] = ig_value_ref(src->self_test.p[i]);
    }
    for (size_t i = 0; i < src->meta.n; i++)
        IG_TRY(igi_graph_add_meta(dst, src->meta.p[i].key, src->meta.p[i].value));
    IG_TRY(igi_notes_copy(dst, &dst->own_notes, src, &src->own_notes));
    dst->ir_version = src->ir_version;
    dst->opset = src->opset;
    dst->counter = src->counter > dst->counter ? src->counter : dst->counter;
    dst->draws = src->draws;
    if ((src->doc && !(dst->doc = igi_arena_strdup(&dst->arena, src->doc))) ||
        (src->producer &&
         !(dst->producer = igi_arena_strdup(&dst->arena, src->producer))))
        return IG_OUT_OF_MEMORY;
    return IG_OK;
}

ig_status igi_graph_clone_over(ig_graph **out, const ig_graph *src, ig_symtab *syms)
{
    ig_graph *g = NULL;
    *out = NULL;
    ig_value_id *map = igi_calloc(src->values.n, sizeof(*map));
    ig_status rc = map ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = igi_graph_new(&g, src->name, src->reg, syms);
    if (rc == IG_OK)
        rc = clone_into(g, src, map);
    igi_free(map);
    if (rc != IG_OK) {
        igi_graph_unref(g);
        return rc;
    }
    *out = g;
    return IG_OK;
}

ig_status ig_graph_clone(ig_graph **out, const ig_graph *src)
{
    IGI_NEEDS(out);
    IGI_NEEDS(src);
    ig_symtab *syms = NULL;
    *out = NULL;
    igi_error_clear();
    /* Two threads may clone one graph, and inference adds symbols: no shared table. */
    IG_TRY(igi_symtab_copy(&syms, src->syms));
    ig_status rc = igi_graph_clone_over(out, src, syms);
    igi_symtab_unref(syms);
    return rc;
}
