/* A Pad before a convolution or pooling becomes its `pads`, when the padding is what
 * they pad with anyway: zero for Conv and for an AveragePool that counts it, -infinity
 * for MaxPool. */
#include <math.h>
#include <string.h>

#include "graph/passes/rewrite.h"

#define AXES_MAX 8

/* begin[i], end[i] of the spatial axes; false: negative, not known, or not only
 * spatial. */
static bool spatial_pads(const ig_graph *g, const igi_node *n, int rank, int64_t *pads)
{
    int64_t given[2 * IG_RANK_MAX], axes[IG_RANK_MAX], all[2 * IG_RANK_MAX] = {0};
    int count = igi_known_ints(g, igi_in(n, 1), given, 2 * IG_RANK_MAX), n_axes = rank;
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    if (igi_in(n, 3).i)
        n_axes = igi_known_ints(g, igi_in(n, 3), axes, IG_RANK_MAX);
    if (n_axes < 0 || count != 2 * n_axes)
        return false;
    for (int i = 0; i < n_axes; i++) {
        int64_t axis = axes[i] < 0 ? axes[i] + rank : axes[i];
        if (axis < 0 || axis >= rank || given[i] < 0 || given[n_axes + i] < 0)
            return false;
        all[axis] = given[i];
        all[rank + axis] = given[n_axes + i];
    }
    for (int i = 0; i < rank - 2; i++) {
        pads[i] = all[2 + i];
        pads[rank - 2 + i] = all[rank + 2 + i];
    }
    return !all[0] && !all[1] && !all[rank] && !all[rank + 1];
}

/* Adds the node's own pads; *own: it had some. false: it pads in another way. */
static bool add_own(const igi_node *n, int spatial, int64_t *pads, bool *own)
{
    ig_ints given = igi_attr_ints(n, "pads");
    *own = false;
    if (igi_attr_int(n, "auto_pad", 0) != 0 || (given.v && given.n != 2 * spatial))
        return false;
    for (int i = 0; given.v && i < 2 * spatial; i++) {
        *own = *own || given.v[i] != 0;
        if (__builtin_add_overflow(pads[i], given.v[i], &pads[i]))
            return false;
    }
    return true;
}

/* Whether `value` is what the reader pads with. A last window that is cut off begins in
 * the tensor or its left padding, never in the right one: so rounding up counts in
 * another way. */
static bool fits_reader(const igi_node *n, double value, bool own)
{
    if (igi_node_is(n, "Conv"))
        return fpclassify(value) == FP_ZERO;
    if (igi_node_is(n, "AveragePool"))
        return fpclassify(value) == FP_ZERO && !own && !igi_attr_int(n, "ceil_mode", 0);
    return igi_node_is(n, "MaxPool") && isinf(value) && value < 0 &&
           !igi_attr_int(n, "ceil_mode", 0);
}

static ig_status pad(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    ig_value_id x = n->in[0], value = igi_in(n, 2), in[3], y;
    int rank = igi_type_of(g, x)->rank;
    int64_t pads[2 * AXES_MAX];
    double v = 0;
    bool own, done;
    ig_node_id reader = igi_only_user(g, n->out[0]);
    if (!reader.i || rank < 3 || rank - 2 > AXES_MAX ||
        igi_attr_int(n, "mode", -1) != 0 ||
        (value.i && !igi_const_scalar(g, value, &v)) || !spatial_pads(g, n, rank, pads))
        return IG_OK;
    const igi_node *r = igi_node_at(g, reader);
    if (r->n_in > 3 || r->n_out != 1 || r->in[0].i != n->out[0].i ||
        !add_own(r, rank - 2, pads, &own) || !fits_reader(r, v, own))
        return IG_OK;
    ig_node_id both[2] = {id, reader};
    igi_make made = {.op = r->op, .n_in = r->n_in, .like = reader};
    memcpy(in, r->in, (size_t)r->n_in * sizeof(*in));
    in[0] = x;
    void *attrs = igi_new_attrs(g, made.op);
    made.origin = igi_origin(g, both, 2);
    if (!attrs || !made.origin)
        return IG_OUT_OF_MEMORY;
    igi_copy_attrs(made.op, attrs, igi_node_at(g, reader));
    made.attrs = attrs;
    IG_TRY(igi_attrs_set_ints(&g->arena, made.op->def, attrs, "pads", pads,
                              2 * (rank - 2)));
    if (igi_attr_find(made.op->def, "count_include_pad"))
        IG_TRY(igi_attrs_set_int(made.op->def, attrs, "count_include_pad", 1));
    IG_TRY(igi_try_make(g, &made, in, &y));
    if (!y.i)
        return IG_OK;
    IG_TRY(igi_forward(g, reader, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static const igi_rule rules[] = {
    {"Pad", pad, 2},
    {0},
};

ig_status igi_pass_fold_pad(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
