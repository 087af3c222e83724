/* Training steps: the factor of clipping goes from a product over each gradient into
 * the step of the optimiser that reads it; what the rule of SoftmaxCrossEntropyLoss
 * emits becomes one pass over the log probabilities. */
#include "graph/passes/rewrite.h"

/* One number for all elements of the other operand. */
static bool is_factor(const ig_graph *g, ig_value_id v)
{
    const ig_type *t = igi_type_of(g, v);
    return t->kind == IG_KIND_TENSOR && t->rank == 0;
}

/* step(p, g * s, lr, ..., absent) is step(p, g, lr, ..., s). Scalars of a step have one
 * type, which a Cast of s may hide. */
static ig_status take_scale(ig_graph *g, ig_node_id id, int lr, int port, int *changes)
{
    const igi_node *n = igi_node_at(g, id), *mul, *cast;
    if (n->n_in <= port || n->in[port].i || !igi_only_user(g, n->in[1]).i ||
        !igi_made_by(g, n->in[1], "Mul", &mul))
        return IG_OK;
    int factor = is_factor(g, mul->in[1]) ? 1 : 0;
    ig_value_id grad = mul->in[1 - factor], scale = mul->in[factor];
    if (igi_made_by(g, scale, "Cast", &cast))
        scale = cast->in[0];
    if (!is_factor(g, scale) || !igi_same_type(g, grad, n->in[1]) ||
        igi_type_of(g, scale)->dtype != igi_type_of(g, n->in[lr])->dtype)
        return IG_OK;
    IG_TRY(igi_graph_set_input(g, id, 1, grad));
    IG_TRY(igi_graph_set_input(g, id, port, scale));
    ++*changes;
    return IG_OK;
}

static ig_status adam(ig_graph *g, ig_node_id id, int *changes)
{
    return take_scale(g, id, 5, 10, changes);
}

static ig_status sgd(ig_graph *g, ig_node_id id, int *changes)
{
    return take_scale(g, id, 3, 6, changes);
}

/* v = sum of `of` over axis 1, kept, and read once. */
static bool is_class_sum(const ig_graph *g, ig_value_id v, ig_value_id of)
{
    const igi_node *n;
    int64_t axis;
    return igi_only_user(g, v).i && igi_made_by(g, v, "ReduceSum", &n) &&
           n->in[0].i == of.i && igi_attr_int(n, "keepdims", 1) &&
           igi_known_ints(g, igi_in(n, 1), &axis, 1) == 1 && axis == 1;
}

/* dl - exp(log_prob) * (sum of dl over the classes), dl = NllLossGrad. */
static ig_status cross_entropy(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *n = igi_node_at(g, id), *nll, *mul, *e;
    igi_make m = {.op = igi_registry_find_full(g->reg, "ingot::CrossEntropyGrad"),
                  .n_in = 4,
                  .like = id};
    ig_value_id y, dl = n->in[0];
    bool done;
    if (!m.op || !igi_made_by(g, dl, "ingot::NllLossGrad", &nll) ||
        !igi_made_by(g, n->in[1], "Mul", &mul) || !igi_only_user(g, n->in[1]).i)
        return IG_OK;
    int sum = is_class_sum(g, mul->in[1], dl) ? 1 : 0;
    if (!is_class_sum(g, mul->in[sum], dl) ||
        !igi_made_by(g, mul->in[1 - sum], "Exp", &e) || !igi_same_type(g, dl, e->in[0]))
        return IG_OK;
    ig_value_id in[4] = {nll->in[0], nll->in[1], e->in[0], igi_in(nll, 3)};
    void *attrs = igi_new_attrs(g, m.op);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    igi_copy_attrs(m.op, attrs, nll);
    m.attrs = attrs;
    IG_TRY(igi_try_make(g, &m, in, &y));
    if (!y.i)
        return IG_OK;
    IG_TRY(igi_forward(g, id, 0, y, &done));
    *changes += done;
    return IG_OK;
}

static const igi_rule rules[] = {
    {"Sub", cross_entropy, 2},
    {"ingot::AdamStep", adam, 2},
    {"ingot::SgdStep", sgd, 2},
    {0},
};

ig_status igi_pass_fuse_step(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
