// ingot::ConcatFromSequenceGrad: dy cut into pieces of the shapes of the items of
// `like`; its own gradient puts them together again.

#include "operators/common_flow.h"
#include "operators/common_opts.h"

IG_USES_OP(ConcatFromSequence);

#define ATTRS igi_concat_from_sequence_attrs

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of the whole."),
    IG_PORT("like", 'T', "The items; only shapes count.", .flags = IG_SEQ | IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dx", 'T', "The pieces.", .flags = IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(ATTRS, axis, 0, "As that of ConcatFromSequence."),
    IG_ATTR_INT(
        ATTRS, new_axis, 0, "As that of ConcatFromSequence.", .min = 0, .max = 1),
    {0},
};

static ig_status grad_infer(ig_infer *x)
{
    ig_type t;
    int axis, rank = x->in[0]->rank;
    if (rank >= 0)
        IG_TRY(ig_infer_axis(x, ((const ATTRS *)x->attrs)->axis, rank, false, &axis));
    IG_TRY(igi_type_copy(&t, x->in[1]));
    return igi_infer_take(x, 0, &t);
}

static ig_status grad_reference(ig_kernel_ctx *k)
{
    const ATTRS *a = k->attrs;
    const ig_tensor *dy = ig_in(k, 0);
    const igi_sequence *s = igi_sequence_in(k, 1);
    int axis = (int)(a->axis < 0 ? a->axis + ig_rank(dy) : a->axis);
    int64_t left = ig_dims(dy)[axis];
    ig_value **items = igi_calloc((size_t)s->n + 1, sizeof(*items));
    ig_status rc = items ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t i = 0, at = 0; rc == IG_OK && i < s->n; i++) {
        const ig_type *t = &s->items[i]->type;
        ig_tensor *piece = NULL;
        bool fits = a->new_axis || axis < t->rank;
        int64_t n = a->new_axis ? 1 : fits ? ig_type_dims(t)[axis] : 0;
        if (!fits || n > left)
            rc = ig_kernel_fail(k, IG_INVALID_ARGUMENT, "dy is too short");
        else
            rc = igi_slice_of(dy, axis, at, a->new_axis ? -1 : n, &piece);
        items[i] = (ig_value *)piece;
        left -= n;
        at += n;
        if (rc == IG_OK && !igi_type_equal(&piece->v.type, t))
            rc = ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                "dy does not have the shape of the items together");
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
    ig_grad_set(
        g, 0,
        ig_emit1(g, IG_OP(ConcatFromSequence), ig_grad_attrs(g), ig_grad_dy(g, 0)));
    return IG_OK;
}

static const ATTRS stack = {.struct_size = sizeof(stack), .axis = 1, .new_axis = 1};
#define GRAD(name_, attrs_, dy_, ...)                                                  \
    {                                                                                  \
        .name = name_, .attrs = attrs_, IGI_INPUTS(dy_, IGI_IN_SEQUENCE(__VA_ARGS__))  \
    }
static const ig_sample samples[] = {
    GRAD("rows", NULL, IGI_IN(3, 3), IGI_IN(2, 3), IGI_IN(1, 3), IGI_IN(0, 3)),
    GRAD("stacked", &stack, IGI_IN(2, 2, 3), IGI_IN(2, 3), IGI_IN(2, 3)),
    {0},
};

IG_OPERATOR(ConcatFromSequenceGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "ConcatFromSequenceGrad",
    .since = 1,
    .doc = "Gradient of ConcatFromSequence.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(ATTRS),
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED,
    .infer = grad_infer,
    .gradient = grad_gradient,
    .reference = grad_reference,
    .samples = samples,
};
