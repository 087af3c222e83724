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

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ingot/ops.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/ir/attr.h"
#include "graph/ir/body.h"
#include "graph/ir/build.h"
#include "graph/ir/same.h"

enum { SMALL = 64 }; /* elements of a constant that each arm may have for itself */

/* What both arms of one If read from the graph around it, in the order of their inputs.
 */
typedef IGI_VEC(ig_value_id) captures;

typedef struct level {
    struct level *outer; /* NULL: the graph itself */
    ig_graph *g;
    captures *of; /* the If whose arm this is */
} level;

/* Where a recording is. */
typedef struct walker {
    const igi_path *path;
    size_t node, read; /* the next ones */
    level **level;     /* per value of the recording: who has it, */
    ig_value_id *id;   /* and as what */
    ig_value_id *map;  /* per value: in the level of the walk, for copying */
} walker;

typedef struct merging {
    walker *w;
    int n;
} merging;

/* ---- values ---- */

/* A value of an outer level, seen from l. */
static ig_status lift(level *l, level *from, ig_value_id v, ig_value_id *out)
{
    *out = v;
    if (l == from || !l->outer)
        return IG_OK;
    IG_TRY(lift(l->outer, from, v, &v));
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
static ig_status even_out(level *l)
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
place_constant(level *l, const igi_gvalue *c, level **where, ig_value_id *out)
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
static ig_status value_in(level *l, walker *w, ig_value_id v, ig_value_id *out)
{
    const igi_gvalue *x = igi_value_at(w->path->g, v);
    if (!w->level[v.i] && x->constant)
        IG_TRY(place_constant(l, x, &w->level[v.i], &w->id[v.i]));
    if (!w->level[v.i])
        return ig_fail(IG_INTERNAL, "value %s of a recording stands for nothing",
                       x->name);
    return lift(l, w->level[v.i], w->id[v.i], out);
}

/* ---- nodes ---- */

static const igi_node *next_node(const walker *w)
{
    const ig_graph *g = w->path->g;
    return w->node < g->order.n ? igi_node_at(g, g->order.p[w->node]) : NULL;
}

static const igi_read *next_read(const walker *w)
{
    const igi_reads *r = &w->path->reads;
    return w->read < r->n && r->p[w->read].at == w->node ? &r->p[w->read] : NULL;
}

/* Where a walker stands, for errors. */
static const char *place(const walker *w)
{
    const igi_read *r = next_read(w);
    const igi_node *n = next_node(w);
    return r ? r->where : !n ? "its end" : n->where ? n->where : "(unknown place)";
}

static ig_status parts(const walker *a, const walker *b)
{
    return ig_fail(IG_INVALID_ARGUMENT,
                   "two examples of the trace part, at %s and at %s, without a value "
                   "that was read before: something outside of the trace decides",
                   place(a), place(b));
}

/* Node by node: b does what a does, on the same values. */
static ig_status check_same(level *l, walker *a, walker *b)
{
    const igi_node *x = next_node(a), *y = next_node(b);
    bool same = false;
    if (x && y && !next_read(b))
        IG_TRY(igi_node_same(x, y, &same));
    if (!same)
        return parts(a, b);
    for (int i = 0; i < x->n_in; i++) {
        ig_value_id p, q;
        if (!x->in[i].i)
            continue;
        IG_TRY(value_in(l, a, x->in[i], &p));
        IG_TRY(value_in(l, b, y->in[i], &q));
        if (p.i != q.i)
            return parts(a, b);
    }
    return IG_OK;
}

static ig_status copy_node(level *l, merging *m)
{
    walker *w = &m->w[0];
    const ig_graph *src = w->path->g;
    const igi_node *n = next_node(w);
    for (int k = 1; k < m->n; k++)
        IG_TRY(check_same(l, w, &m->w[k]));
    for (int i = 0; i < n->n_in; i++)
        if (n->in[i].i)
            IG_TRY(value_in(l, w, n->in[i], &w->map[n->in[i].i]));
    IG_TRY(igi_graph_copy_node(l->g, src, src->order.p[w->node], NULL, w->map));
    for (int k = 0; k < m->n; k++) {
        const igi_node *of = next_node(&m->w[k]);
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

/* ---- decisions ---- */

static ig_status finish(level *l, merging *m);

static bool same_value(double a, double b)
{
    return (a != a && b != b) || memcmp(&a, &b, sizeof(a)) == 0;
}

static int by_seen(const void *a, const void *b)
{
    double x = next_read(a)->seen, y = next_read(b)->seen;
    if (x != x || y != y)
        return (x != x) - (y != y);
    return x != y ? (x > y) - (x < y) : signbit(y) - signbit(x);
}

/* The values that were seen, each once; the walkers are sorted by them. */
static int distinct(merging *m, double *seen)
{
    int n = 0;
    qsort(m->w, (size_t)m->n, sizeof(*m->w), by_seen);
    for (int k = 0; k < m->n; k++)
        if (!n || !same_value(seen[n - 1], next_read(&m->w[k])->seen))
            seen[n++] = next_read(&m->w[k])->seen;
    return n;
}

static ig_status
constant(ig_graph *g, ig_dtype dtype, int64_t n, const void *v, ig_value_id *out)
{
    ig_tensor *t = NULL;
    size_t bytes = (size_t)(n < 0 ? 1 : n) * (size_t)ig_dtype_bits(dtype) / 8;
    IG_TRY(ig_tensor_new_copy(&t, dtype, n < 0 ? 0 : 1, &n, v, bytes));
    ig_status rc = ig_graph_constant(g, NULL, t, out);
    ig_tensor_unref(t);
    return rc;
}

/* Covered(value, seen...) */
static ig_status add_covered(level *l,
                             const igi_read *r,
                             ig_value_id value,
                             const double *seen,
                             int n,
                             ig_value_id *path)
{
    ig_value_id in[2] = {value};
    ig_ingot_covered_opts o = IG_INGOT_COVERED_OPTS_INIT;
    o.place = r->where;
    IG_TRY(constant(l->g, IG_FLOAT64, n, seen, &in[1]));
    return ig_graph_make_named(l->g, "ingot::Covered", &o, in, 2, path, 1);
}

/* An arm of `of` in which the walkers [first, end) go on. */
static ig_status
make_arm(level *outer, captures *of, const merging *m, int first, int end, level *arm)
{
    merging rest = {m->w + first, end - first};
    *arm = (level){.outer = outer, .of = of};
    IG_TRY(igi_graph_new(&arm->g, "path", outer->g->reg, outer->g->syms));
    IG_TRY(even_out(arm));
    return finish(arm, &rest);
}

static ig_status decide(level *l, merging *m, ig_value_id path, int index);

/* An arm that decides among the rest: all but the value with number `index`. */
static ig_status make_choice(level *outer,
                             captures *of,
                             const merging *m,
                             int first,
                             ig_value_id path,
                             int index,
                             level *arm)
{
    merging rest = {m->w + first, m->n - first};
    *arm = (level){.outer = outer, .of = of};
    IG_TRY(igi_graph_new(&arm->g, "paths", outer->g->reg, outer->g->syms));
    IG_TRY(even_out(arm));
    IG_TRY(lift(arm, outer, path, &path));
    return decide(arm, &rest, path, index + 1);
}

/* l ends with If(cond): arms, whose results are those of l. */
static ig_status
end_with_if(level *l, ig_value_id cond, const captures *of, level *arms, bool swapped)
{
    const igi_op *op = igi_registry_find_full(l->g->reg, "If");
    ig_value_id in[IG_PORTS_MAX] = {cond}, out[IG_TRACE_INPUTS_MAX];
    _Alignas(16) char attrs[64];
    char name[24];
    if (of->n + 1 > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT,
                       "the paths of the trace share %zu values, at most %d "
                       "are possible",
                       of->n, IG_PORTS_MAX - 1);
    igi_attrs_init(op->def, attrs);
    for (int k = 0; k < 2; k++) {
        IG_TRY(even_out(&arms[k]));
        *igi_body_slot(op->def, attrs, k) = arms[swapped ? 1 - k : k].g;
    }
    for (size_t i = 0; i < of->n; i++)
        in[1 + i] = of->p[i];
    ig_call call = {.op = op->def,
                    .attrs = attrs,
                    .n_in = 1 + (int)of->n,
                    .n_captures = (int)of->n,
                    .n_out = (int)arms[0].g->outputs.n};
    IG_TRY(ig_graph_make(l->g, &call, in, out));
    for (int o = 0; o < call.n_out; o++) {
        const char *own = arms[0].g->output_names.p[o];
        (void)snprintf(name, sizeof(name), "y%d", o);
        IG_TRY(ig_graph_output(l->g, l->outer ? name : own, out[o]));
    }
    return IG_OK;
}

/* The end of the first walkers, which have seen one value. */
static int group_end(const merging *m)
{
    int k = 1;
    while (k < m->n && same_value(next_read(&m->w[0])->seen, next_read(&m->w[k])->seen))
        k++;
    return k;
}

static void pass_read(merging *m)
{
    for (int k = 0; k < m->n; k++)
        m->w[k].read++;
}

/* Walkers of several values: the first value's path, or the others'. `path`: the number
 * of the value; `index`: of the first one here. {0}: the value is the bool `cond`. */
static ig_status
two_arms(level *l, merging *m, ig_value_id cond, ig_value_id path, int index)
{
    captures of = {0};
    level arms[2] = {{0}};
    int end = group_end(m);
    merging first = {m->w, end}, rest = {m->w + end, m->n - end};
    bool last = group_end(&rest) == rest.n;
    pass_read(&first);
    ig_status rc = make_arm(l, &of, m, 0, end, &arms[0]);
    if (rc == IG_OK && last)
        pass_read(&rest);
    if (rc == IG_OK)
        rc = last ? make_arm(l, &of, m, end, m->n, &arms[1])
                  : make_choice(l, &of, m, end, path, index, &arms[1]);
    if (rc == IG_OK)
        rc = end_with_if(l, cond, &of, arms, !path.i);
    for (int k = 0; k < 2; k++)
        igi_graph_unref(arms[k].g);
    IGI_VEC_FREE(&of);
    return rc;
}

static ig_status decide(level *l, merging *m, ig_value_id path, int index)
{
    ig_value_id in[2] = {path}, cond;
    int64_t number = index;
    IG_TRY(constant(l->g, IG_INT64, -1, &number, &in[1]));
    IG_TRY(ig_graph_make_named(l->g, "Equal", NULL, in, 2, &cond, 1));
    return two_arms(l, m, cond, path, index);
}

/* All walkers stand at a read of one value; *done: the arms are the rest. */
static ig_status take_read(level *l, merging *m, bool *done)
{
    ig_value_id value, other, path;
    const igi_read *r = next_read(&m->w[0]);
    IG_TRY(value_in(l, &m->w[0], r->value, &value));
    for (int k = 1; k < m->n; k++) {
        const igi_read *also = next_read(&m->w[k]);
        if (!also)
            return parts(&m->w[0], &m->w[k]);
        IG_TRY(value_in(l, &m->w[k], also->value, &other));
        if (other.i != value.i)
            return parts(&m->w[0], &m->w[k]);
    }
    double *seen = igi_alloc_array((size_t)m->n, sizeof(*seen));
    if (!seen)
        return IG_OUT_OF_MEMORY;
    int n = distinct(m, seen);
    const ig_type *t = ig_graph_value_type(l->g, value);
    bool flag = t->dtype == IG_BOOL && n == 2;
    *done = n > 1;
    ig_status rc = flag ? IG_OK : add_covered(l, r, value, seen, n, &path);
    igi_free(seen);
    IG_TRY(rc);
    if (flag) /* false comes first */
        return two_arms(l, m, value, (ig_value_id){0}, 0);
    if (n > 1) {
        ig_value_id in[2] = {path};
        IG_TRY(constant(l->g, IG_INT64, 0, NULL, &in[1]));
        IG_TRY(ig_graph_make_named(l->g, "Reshape", NULL, in, 2, &path, 1));
        return decide(l, m, path, 0);
    }
    pass_read(m);
    return IG_OK;
}

/* ---- the walk ---- */

static ig_status put_outputs(level *l, merging *m)
{
    const ig_graph *g = m->w[0].path->g;
    char name[24];
    for (size_t o = 0; o < g->outputs.n; o++) {
        ig_value_id v, other;
        IG_TRY(value_in(l, &m->w[0], g->outputs.p[o], &v));
        for (int k = 1; k < m->n; k++) {
            IG_TRY(value_in(l, &m->w[k], m->w[k].path->g->outputs.p[o], &other));
            if (other.i != v.i)
                return parts(&m->w[0], &m->w[k]);
        }
        (void)snprintf(name, sizeof(name), "y%zu", o);
        IG_TRY(ig_graph_output(l->g, l->outer ? name : g->output_names.p[o], v));
    }
    return IG_OK;
}

/* The rest of the function, for these walkers, in l. */
static ig_status finish(level *l, merging *m)
{
    bool done = false;
    while (!done) {
        if (next_read(&m->w[0])) {
            IG_TRY(take_read(l, m, &done));
            continue;
        }
        if (next_node(&m->w[0])) {
            IG_TRY(copy_node(l, m));
            continue;
        }
        for (int k = 1; k < m->n; k++)
            if (next_read(&m->w[k]) || next_node(&m->w[k]))
                return parts(&m->w[0], &m->w[k]);
        IG_TRY(put_outputs(l, m));
        done = true;
    }
    (void)igi_graph_sweep(l->g);
    return IG_OK;
}

static ig_status walker_init(walker *w, level *root, const igi_path *path)
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

static ig_status merge(level *root, merging *m, const igi_path *paths)
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
    return finish(root, m);
}

ig_status igi_trace_merge(ig_graph **out, const igi_path *paths, int n)
{
    merging m = {igi_calloc((size_t)n, sizeof(*m.w)), n};
    level root = {0};
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
