/* Merging recordings into a tree of decisions.
 *
 * The recordings are walked side by side. As long as they make the same calls on the
 * same values, one node stands for all. At a read each of them tells what it saw:
 *   one value    a Covered node: a run that has another one fails;
 *   a bool       an If over it;
 *   several      Covered gives the number of the value, a chain of Ifs the path.
 * The arms are the rest of the function, to its end. A C function that reads the same
 * values does the same, so nothing is guessed: what no example took is an error of the
 * run. Equal constants are one, in the graph itself, and captured by arms. */
#include "frontend_c/trace_merge.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/ir/body.h"
#include "graph/ir/build.h"
#include "graph/ir/same.h"

enum { SMALL = 64 }; /* elements of a constant that each arm may have for itself */

/* ---- values ---- */

/* A value of an outer level, seen from l. */
ig_status igi_merge_lift(igi_level *l, igi_level *from, ig_value_id v, ig_value_id *out)
{
    *out = v;
    if (l == from || !l->outer)
        return IG_OK;
    IG_TRY(igi_merge_lift(l->outer, from, v, &v));
    for (size_t i = 0; i < l->of->n; i++)
        if (l->of->p[i].i == v.i) {
            *out = l->g->inputs.p[i];
            return IG_OK;
        }
    if (!IGI_PUSH(l->of, v))
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_body_add_input(l->g, l->outer->g, v, out));
    return igi_graph_know_ints(l->g, *out, &igi_value_at(l->outer->g, v)->ints);
}

/* Inputs for the captures that the arm has not heard of yet. */
ig_status igi_merge_even_out(igi_level *l)
{
    ig_value_id in;
    for (size_t i = l->g->inputs.n; i < l->of->n; i++)
        IG_TRY(igi_body_add_input(l->g, l->outer->g, l->of->p[i], &in));
    return IG_OK;
}

/* Parameters are told apart by their names, even while two are equal; what has none
 * (trace_sink.c) by contents. */
static bool same_origin(const char *a, const char *b)
{
    const char *none = IGI_UNNAMED_CONSTANT;
    return !strcmp(a, b) ||
           (!strncmp(a, none, strlen(none)) && !strncmp(b, none, strlen(none)));
}

/* A constant of a recording: in the level itself when it is small, so that inference
 * sees shapes, else in the graph, once for all that are equal. */
static ig_status
place_constant(igi_level *l, const igi_gvalue *c, igi_level **where, ig_value_id *out)
{
    while (l->outer && igi_tensor_count(c->constant) > SMALL)
        l = l->outer;
    *where = l;
    for (size_t i = 1; i < l->g->values.n; i++) {
        const igi_gvalue *v = &l->g->values.p[i];
        if (v->live && v->constant && same_origin(v->name, c->name) &&
            igi_constant_same(v->constant, c->constant)) {
            *out = (ig_value_id){(uint32_t)i};
            return IG_OK;
        }
    }
    const char *name = igi_graph_fresh_name(l->g, c->name);
    return name ? ig_graph_constant(l->g, name, c->constant, out) : IG_OUT_OF_MEMORY;
}

/* Value v of the recording, seen from l. */
ig_status igi_merge_value(igi_level *l, igi_walker *w, ig_value_id v, ig_value_id *out)
{
    const igi_gvalue *x = igi_value_at(w->path->g, v);
    if (!w->level[v.i] && x->constant)
        IG_TRY(place_constant(l, x, &w->level[v.i], &w->id[v.i]));
    if (!w->level[v.i])
        return ig_fail(IG_INTERNAL, "value %s of a recording stands for nothing",
                       x->name);
    return igi_merge_lift(l, w->level[v.i], w->id[v.i], out);
}

/* ---- nodes ---- */

/* Where a walker stands, for errors. */
static const char *place(const igi_walker *w)
{
    const igi_read *r = igi_next_read(w);
    const igi_node *n = igi_next_node(w);
    return r ? r->where : !n ? "its end" : n->where ? n->where : "(unknown place)";
}

ig_status igi_merge_parts(const igi_walker *a, const igi_walker *b)
{
    return ig_fail(IG_INVALID_ARGUMENT,
                   "two examples of the trace part, at %s and at %s, without a value "
                   "that was read before: something outside of the trace decides",
                   place(a), place(b));
}

/* Node by node: b does what a does, on the same values. */
static ig_status check_same(igi_level *l, igi_walker *a, igi_walker *b)
{
    const igi_node *x = igi_next_node(a), *y = igi_next_node(b);
    bool same = false;
    if (x && y && !igi_next_read(b))
        IG_TRY(igi_node_same(x, y, &same));
    if (!same)
        return igi_merge_parts(a, b);
    for (int i = 0; i < x->n_in; i++) {
        ig_value_id p, q;
        if (!x->in[i].i)
            continue;
        IG_TRY(igi_merge_value(l, a, x->in[i], &p));
        IG_TRY(igi_merge_value(l, b, y->in[i], &q));
        if (p.i != q.i)
            return igi_merge_parts(a, b);
    }
    return IG_OK;
}

static ig_status copy_node(igi_level *l, igi_merging *m)
{
    igi_walker *w = &m->w[0];
    const ig_graph *src = w->path->g;
    const igi_node *n = igi_next_node(w);
    for (int k = 1; k < m->n; k++)
        IG_TRY(check_same(l, w, &m->w[k]));
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].i)
            IG_TRY(igi_merge_value(l, w, n->in[i], &w->map[n->in[i].i]));
    IG_TRY(igi_graph_copy_node(l->g, src, src->order.p[w->node], NULL, w->map));
    for (int k = 0; k < m->n; k++) {
        const igi_node *of = igi_next_node(&m->w[k]);
        for (int o = 0; o < n->n_out; o++) {
            if (!n->out[o].i || !of->out[o].i)
                continue;
            m->w[k].level[of->out[o].i] = l;
            m->w[k].id[of->out[o].i] = w->map[n->out[o].i];
        }
        m->w[k].node++;
    }
    return IG_OK;
}

/* ---- the walk ---- */

/* Result number o of l, which is v. The graph has the names of the trace. */
ig_status igi_merge_output(igi_level *l, const igi_merging *m, size_t o, ig_value_id v)
{
    char name[24];
    (void)snprintf(name, sizeof(name), "y%zu", o);
    return ig_graph_output(l->g, l->outer ? name : m->w[0].path->g->output_names.p[o],
                           v);
}

static ig_status put_outputs(igi_level *l, igi_merging *m)
{
    const ig_graph *g = m->w[0].path->g;
    for (size_t o = 0; o < g->outputs.n; o++) {
        ig_value_id v, other;
        IG_TRY(igi_merge_value(l, &m->w[0], g->outputs.p[o], &v));
        for (int k = 1; k < m->n; k++) {
            IG_TRY(igi_merge_value(l, &m->w[k], m->w[k].path->g->outputs.p[o], &other));
            if (other.i != v.i)
                return igi_merge_parts(&m->w[0], &m->w[k]);
        }
        IG_TRY(igi_merge_output(l, m, o, v));
    }
    return IG_OK;
}

/* The rest of the function, for these walkers, in l. */
ig_status igi_merge_rest(igi_level *l, igi_merging *m)
{
    bool done = false;
    while (!done) {
        if (igi_next_read(&m->w[0])) {
            IG_TRY(igi_merge_read(l, m, &done));
            continue;
        }
        if (igi_next_node(&m->w[0])) {
            IG_TRY(copy_node(l, m));
            continue;
        }
        for (int k = 1; k < m->n; k++)
            if (igi_next_read(&m->w[k]) || igi_next_node(&m->w[k]))
                return igi_merge_parts(&m->w[0], &m->w[k]);
        IG_TRY(put_outputs(l, m));
        done = true;
    }
    (void)igi_graph_sweep(l->g);
    return IG_OK;
}

static ig_status walker_init(igi_walker *w, igi_level *root, const igi_path *path)
{
    size_t n = path->g->values.n;
    w->path = path;
    w->level = igi_calloc(n, sizeof(*w->level));
    w->id = igi_calloc(n, sizeof(*w->id));
    w->map = igi_calloc(n, sizeof(*w->map));
    if (!w->level || !w->id || !w->map)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < path->g->inputs.n; i++) {
        uint32_t v = path->g->inputs.p[i].i;
        w->level[v] = root;
        w->id[v] = root->g->inputs.p[i];
    }
    return IG_OK;
}

static ig_status merge(igi_level *root, igi_merging *m, const igi_path *paths)
{
    const ig_graph *first = paths[0].g;
    for (size_t i = 0; i < first->inputs.n; i++) {
        const igi_gvalue *v = igi_value_at(first, first->inputs.p[i]);
        ig_value_id in;
        IG_TRY(ig_graph_input_typed(root->g, v->name, &v->type, &in));
    }
    for (size_t i = 0; i < first->meta.n; i++)
        IG_TRY(
            igi_graph_add_meta(root->g, first->meta.p[i].key, first->meta.p[i].value));
    for (int k = 0; k < m->n; k++)
        IG_TRY(walker_init(&m->w[k], root, &paths[k]));
    return igi_merge_rest(root, m);
}

ig_status igi_trace_merge(ig_graph **out, const igi_path *paths, int n)
{
    igi_merging m = {igi_calloc((size_t)n, sizeof(*m.w)), n};
    igi_level root = {0};
    ig_status rc = m.w ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = igi_graph_new(&root.g, paths[0].g->name, paths[0].g->reg, NULL);
    if (rc == IG_OK)
        rc = merge(&root, &m, paths);
    for (int k = 0; m.w && k < n; k++) {
        igi_free(m.w[k].level);
        igi_free(m.w[k].id);
        igi_free(m.w[k].map);
    }
    igi_free(m.w);
    if (rc != IG_OK)
        igi_graph_unref(root.g);
    else
        *out = root.g;
    return rc;
}
