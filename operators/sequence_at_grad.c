// ingot::SequenceAtGrad: zeros in the shapes of the items of `like`, dy at `position`:
// the gradient of SequenceAt. Without dy: nothing but zeros.

#include "operators/common_flow.h"
#include "operators/common_move.h"

IG_USES_OP(SequenceAt);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of the item.", .flags = IG_OPTIONAL),
    IG_PORT(
        "like", 'T', "The sequence; only shapes count.", .flags = IG_SEQ | IG_NODIFF),
    IG_PORT(
        "position", 'I', "As that of SequenceAt; given with dy.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "As long as `like`.", .flags = IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};

static ig_status grad_infer(ig_infer *x)
{
    ig_type t;
    if (!x->in[0] != (x->n_in < 3 || !x->in[2]))
        return ig_infer_fail(x, "dy and position are given together or not at all");
    IG_TRY(igi_type_copy(&t, x->in[1]));
    return igi_infer_take(x, 0, &t);
}

static ig_status grad_reference(ig_kernel_ctx *k)
{
    const igi_sequence *s = igi_sequence_in(k, 1);
    int64_t at = -1;
    if (k->in[0])
        IG_TRY(igi_position(k, 2, s->n, false, 0, &at));
    ig_value **items = igi_calloc((size_t)s->n + 1, sizeof(*items));
    ig_status rc = items ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t i = 0; rc == IG_OK && i < s->n; i++) {
        ig_tensor *t = (ig_tensor *)k->in[0];
        if (i == at) {
            items[i] = ig_value_ref(&t->v);
            continue;
        }
        rc = ig_charge(k, (int64_t)igi_value_bytes(s->items[i]));
        t = NULL;
        if (rc == IG_OK)
            rc = igi_tensor_like(&t, NULL, (const ig_tensor *)s->items[i]);
        items[i] = (ig_value *)t;
        if (t)
            igi_fill_zero(t);
    }
    if (rc == IG_OK)
        rc = igi_give_sequence(k, 0, s->v.type.u.elem, items, s->n);
    for (int64_t i = 0; items && i < s->n; i++)
        ig_value_unref(items[i]);
    igi_free(items);
    return rc;
}

static ig_status grad_gradient(ig_grad *g)
{
    if (!ig_grad_wants(g, 0))
        return IG_OK;
    ig_grad_set(
        g, 0, ig_emit2(g, IG_OP(SequenceAt), NULL, ig_grad_dy(g, 0), ig_grad_in(g, 2)));
    return IG_OK;
}

static const ig_save saves[] = {IG_SAVE_IN(2, IG_BIT(0)), {0}};

#define GRAD(name_, dy_, at_, ...)                                                     \
    {                                                                                  \
        .name = name_,                                                                 \
        IGI_INPUTS(dy_, IGI_IN_SEQUENCE(__VA_ARGS__), IGI_IN_NUMBER(IG_INT64, at_))    \
    }
static const ig_sample samples[] = {
    GRAD("first", IGI_IN(2, 3), 0, IGI_IN(2, 3), IGI_IN(1)),
    GRAD("last", IGI_IN(0, 2), -1, IGI_IN(3), IGI_IN(0, 2)),
    {.name = "zeros",

     IGI_INPUTS(IGI_IN_ABSENT, IGI_IN_SEQUENCE(IGI_IN(2, 3), IGI_IN(1)))},
    {0},
};

IG_OPERATOR(SequenceAtGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "SequenceAtGrad",
    .since = 1,
    .doc = "Gradient of SequenceAt.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_UNRANKED | IG_OP_KEEPS,
    .infer = grad_infer,
    .gradient = grad_gradient,
    .saves = saves,
    .reference = grad_reference,
    .samples = samples,
};
