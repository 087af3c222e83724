/* Nodes that do nothing, or undo each other, one rule an operator. All are bit-exact at
 * level 1; rules of level 2 may turn a -0 into a 0. Movement rules are in
 * simplify_shape.c. */
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/passes/simplify.h"

/* Output 0 becomes input i. */
static ig_status drop(ig_graph *g, ig_node_id id, int i, int *changes)
{
    bool done;
    IG_TRY(igi_forward(g, id, 0, igi_node_at(g, id)->in[i], &done));
    *changes += done;
    return IG_OK;
}

static ig_status identity(ig_graph *g, ig_node_id id, int *changes)
{
    return drop(g, id, 0, changes);
}

/* Dropout outside training, when nobody reads the mask. A ratio of unknown shape stays:
 * the run may have to refuse it. */
static ig_status dropout(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    ig_value_id ratio = igi_in(n, 1), training = igi_in(n, 2);
    double on = 0, any;
    if (igi_node_side_used(g, n) ||
        (ratio.i && igi_type_of(g, ratio)->rank != 0 &&
         !igi_const_scalar(g, ratio, &any)) ||
        (training.i && !igi_const_scalar(g, training, &on)) || on > 0)
        return IG_OK;
    return drop(g, id, 0, changes);
}

static ig_status cast(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    if (igi_type_of(g, n->in[0])->dtype != igi_type_of(g, n->out[0])->dtype)
        return IG_OK;
    return drop(g, id, 0, changes);
}

/* Sum, Max, Min, Concat of one value. */
static ig_status of_one(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    if (n->n_in - n->n_captures != 1 || n->n_out != 1)
        return IG_OK;
    return drop(g, id, 0, changes);
}

/* Concat may name an axis that a value of unknown rank does not have. */
static ig_status concat(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    return igi_type_of(g, n->in[0])->rank < 0 ? IG_OK : of_one(g, id, changes);
}

/* Sum of two is Add, which more patterns know. */
static ig_status sum(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    igi_make m = {.op = igi_registry_find_full(g->reg, "Add"), .n_in = 2, .like = id};
    bool done;
    if (n->n_in != 2 || !m.op)
        return of_one(g, id, changes);
    ig_value_id in[2] = {n->in[0], n->in[1]}, y;
    IG_TRY(igi_try_make(g, &m, in, &y));
    if (!y.i)
        return IG_OK;
    IG_TRY(igi_forward(g, id, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static ig_status split_into_one(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id);
    if (n->n_out != 1 || !igi_same_type(g, n->in[0], n->out[0]))
        return IG_OK;
    return drop(g, id, 0, changes);
}

/* f(f(x)) = f(x) */
static ig_status idempotent(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id), *p = igi_producer(g, n->in[0]);
    if (!p || p->op != n->op)
        return IG_OK;
    return drop(g, id, 0, changes);
}

/* f(f(x)) = x */
static ig_status involution(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id), *p = igi_producer(g, n->in[0]);
    bool done;
    if (!p || p->op != n->op)
        return IG_OK;
    IG_TRY(igi_forward(g, id, 0, p->in[0], &done));
    *changes += done;
    return IG_OK;
}

/* ---- neutral operands ---- */

/* Whether input i is, in every element, exactly `want` (the sign of zero counts), and
 * the result has the type of the other input. */
static bool is_neutral(const ig_graph *g, const igi_node *n, int i, double want)
{
    double c;
    return n->n_in == 2 && igi_same_type(g, n->in[1 - i], n->out[0]) &&
           igi_const_number(g, n->in[i], &c) && !memcmp(&c, &want, sizeof(c));
}

static bool is_integer(const ig_graph *g, ig_value_id v)
{
    return igi_dtype_is_int((ig_dtype)igi_type_of(g, v)->dtype);
}

/* x + -0 is x for every float x; x + 0 is not when x is -0. Integers know one zero. */
static ig_status add_exact(ig_graph *g, ig_node_id id, int *changes)
{
    for (int i = 1; i >= 0; i--) {
        const igi_node *n = igi_node_at(g, id);
        if (is_neutral(g, n, i, is_integer(g, n->out[0]) ? 0.0 : -0.0))
            return drop(g, id, 1 - i, changes);
    }
    return IG_OK;
}

static ig_status add_any_zero(ig_graph *g, ig_node_id id, int *changes)
{
    for (int i = 1; i >= 0; i--)
        if (is_neutral(g, igi_node_at(g, id), i, 0.0))
            return drop(g, id, 1 - i, changes);
    return IG_OK;
}

static ig_status sub_exact(ig_graph *g, ig_node_id id, int *changes)
{
    return is_neutral(g, igi_node_at(g, id), 1, 0.0) ? drop(g, id, 0, changes) : IG_OK;
}

static ig_status sub_minus_zero(ig_graph *g, ig_node_id id, int *changes)
{
    return is_neutral(g, igi_node_at(g, id), 1, -0.0) ? drop(g, id, 0, changes) : IG_OK;
}

static ig_status mul(ig_graph *g, ig_node_id id, int *changes)
{
    for (int i = 1; i >= 0; i--)
        if (is_neutral(g, igi_node_at(g, id), i, 1.0))
            return drop(g, id, 1 - i, changes);
    return IG_OK;
}

static ig_status by_one(ig_graph *g, ig_node_id id, int *changes) /* Div, Pow */
{
    return is_neutral(g, igi_node_at(g, id), 1, 1.0) ? drop(g, id, 0, changes) : IG_OK;
}

static const igi_rule rules[] = {
    {"Identity", identity, 1},
    {"Dropout", dropout, 1},
    {"Cast", cast, 1},
    {"CastLike", cast, 1},
    {"Sum", sum, 1},
    {"Max", of_one, 1},
    {"Min", of_one, 1},
    {"Concat", concat, 1},
    {"Split", split_into_one, 1},
    {"Relu", idempotent, 1},
    {"Abs", idempotent, 1},
    {"Neg", involution, 1},
    {"Not", involution, 1},
    {"Add", add_exact, 1},
    {"Add", add_any_zero, 2},
    {"Sub", sub_exact, 1},
    {"Sub", sub_minus_zero, 2},
    {"Mul", mul, 1},
    {"Div", by_one, 1},
    {"Pow", by_one, 1},
    {"Transpose", igi_simplify_transpose, 1},
    {"Reshape", igi_simplify_reshape, 1},
    {"Flatten", igi_simplify_reshape, 1},
    {"Squeeze", igi_simplify_reshape, 1},
    {"Unsqueeze", igi_simplify_reshape, 1},
    {"Expand", igi_simplify_expand, 1},
    {"Slice", igi_simplify_slice, 1},
    {"Pad", igi_simplify_pad, 1},
    {0},
};

ig_status igi_pass_simplify(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
