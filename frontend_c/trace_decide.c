/* Where recordings part: decisions of a merged trace. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <ingot/ops.h>

#include "frontend_c/trace_merge.h"
#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "graph/ir/attr.h"
#include "graph/ir/body.h"

static bool same_value(double a, double b)
{
    return (a != a && b != b) || memcmp(&a, &b, sizeof(a)) == 0;
}

static int by_seen(const void *a, const void *b)
{
    double x = igi_next_read(a)->seen, y = igi_next_read(b)->seen;
    if (x != x || y != y)
        return (x != x) - (y != y);
    return x != y ? (x > y) - (x < y) : signbit(y) - signbit(x);
}

/* The values that were seen, each once; the walkers are sorted by them. */
static int distinct(igi_merging *m, double *seen)
{
    int n = 0;
    qsort(m->w, (size_t)m->n, sizeof(*m->w), by_seen);
    for (int k = 0; k < m->n; k++)
        if (!n || !same_value(seen[n - 1], igi_next_read(&m->w[k])->seen))
            seen[n++] = igi_next_read(&m->w[k])->seen;
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
static ig_status add_covered(igi_level *l,
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
static ig_status make_arm(igi_level *outer,
                          igi_captures *of,
                          const igi_merging *m,
                          int first,
                          int end,
                          igi_level *arm)
{
    igi_merging rest = {m->w + first, end - first};
    *arm = (igi_level){.outer = outer, .of = of};
    IG_TRY(igi_graph_new(&arm->g, "path", outer->g->reg, outer->g->syms));
    IG_TRY(igi_merge_even_out(arm));
    return igi_merge_rest(arm, &rest);
}

static ig_status decide(igi_level *l, igi_merging *m, ig_value_id path, int index);

/* An arm that decides among the rest: all but the value with number `index`. */
static ig_status make_choice(igi_level *outer,
                             igi_captures *of,
                             const igi_merging *m,
                             int first,
                             ig_value_id path,
                             int index,
                             igi_level *arm)
{
    igi_merging rest = {m->w + first, m->n - first};
    *arm = (igi_level){.outer = outer, .of = of};
    IG_TRY(igi_graph_new(&arm->g, "paths", outer->g->reg, outer->g->syms));
    IG_TRY(igi_merge_even_out(arm));
    IG_TRY(igi_merge_lift(arm, outer, path, &path));
    return decide(arm, &rest, path, index + 1);
}

/* l ends with If(cond): arms, whose results are those of l. */
static ig_status end_with_if(igi_level *l,
                             const igi_merging *m,
                             ig_value_id cond,
                             const igi_captures *of,
                             igi_level *arms,
                             bool swapped)
{
    const igi_op *op = igi_registry_find_full(l->g->reg, "If");
    ig_value_id in[IG_PORTS_MAX] = {cond}, out[IG_TRACE_INPUTS_MAX];
    _Alignas(16) char attrs[64];
    if (of->n + 1 > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT,
                       "the paths of the trace share %zu values, at most %d "
                       "are possible",
                       of->n, IG_PORTS_MAX - 1);
    igi_attrs_init(op->def, attrs);
    for (int k = 0; k < 2; k++) {
        IG_TRY(igi_merge_even_out(&arms[k]));
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
    for (int o = 0; o < call.n_out; o++)
        IG_TRY(igi_merge_output(l, m, (size_t)o, out[o]));
    return IG_OK;
}

/* The end of the first walkers, which have seen one value. */
static int group_end(const igi_merging *m)
{
    int k = 1;
    while (k < m->n &&
           same_value(igi_next_read(&m->w[0])->seen, igi_next_read(&m->w[k])->seen))
        k++;
    return k;
}

static void pass_read(igi_merging *m)
{
    for (int k = 0; k < m->n; k++)
        m->w[k].read++;
}

/* Walkers of several values: the first value's path, or the others'. `path`: the number
 * of the value; `index`: of the first one here. {0}: the value is the bool `cond`. */
static ig_status
two_arms(igi_level *l, igi_merging *m, ig_value_id cond, ig_value_id path, int index)
{
    igi_captures of = {0};
    igi_level arms[2] = {{0}};
    int end = group_end(m);
    igi_merging first = {m->w, end}, rest = {m->w + end, m->n - end};
    bool last = group_end(&rest) == rest.n;
    pass_read(&first);
    ig_status rc = make_arm(l, &of, m, 0, end, &arms[0]);
    if (rc == IG_OK && last)
        pass_read(&rest);
    if (rc == IG_OK)
        rc = last ? make_arm(l, &of, m, end, m->n, &arms[1])
                  : make_choice(l, &of, m, end, path, index, &arms[1]);
    if (rc == IG_OK)
        rc = end_with_if(l, m, cond, &of, arms, !path.i);
    for (int k = 0; k < 2; k++)
        igi_graph_unref(arms[k].g);
    IGI_VEC_FREE(&of);
    return rc;
}

static ig_status decide(igi_level *l, igi_merging *m, ig_value_id path, int index)
{
    ig_value_id in[2] = {path}, cond;
    int64_t number = index;
    IG_TRY(constant(l->g, IG_INT64, -1, &number, &in[1]));
    IG_TRY(ig_graph_make_named(l->g, "Equal", NULL, in, 2, &cond, 1));
    return two_arms(l, m, cond, path, index);
}

/* All walkers stand at a read of one value; *done: the arms are the rest. */
ig_status igi_merge_read(igi_level *l, igi_merging *m, bool *done)
{
    ig_value_id value, other, path;
    const igi_read *r = igi_next_read(&m->w[0]);
    IG_TRY(igi_merge_value(l, &m->w[0], r->value, &value));
    for (int k = 1; k < m->n; k++) {
        const igi_read *also = igi_next_read(&m->w[k]);
        if (!also)
            return igi_merge_parts(&m->w[0], &m->w[k]);
        IG_TRY(igi_merge_value(l, &m->w[k], also->value, &other));
        if (other.i != value.i)
            return igi_merge_parts(&m->w[0], &m->w[k]);
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
