// SequenceInsert: a sequence with one more item, which it shares.

#include "operators/common_flow.h"

IG_USES_OP(Less);
IG_USES_OP(SequenceAt);
IG_USES_OP(SequenceErase);
IG_USES_OP(Sub);
IG_USES_OP(Where);

static const ig_port inputs[] = {
    IG_PORT("input_sequence", 'T', "The sequence.", .flags = IG_SEQ),
    IG_PORT("tensor", 'T', "The new item."),
    IG_PORT("position",
            'I',
            "Where it will stand; negative counts from the end; absent: last.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output_sequence", 'T', "One item more.", .flags = IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};

static ig_status insert_infer(ig_infer *x)
{
    ig_type t;
    IG_TRY(igi_type_copy(&t, x->in[0]->u.elem));
    (void)igi_type_weaken(&t, x->in[1]);
    ig_status rc = igi_infer_wrap(x, 0, IG_KIND_SEQUENCE, &t);
    igi_type_fini(&t);
    return rc;
}

static ig_status insert_reference(ig_kernel_ctx *k)
{
    const igi_sequence *s = igi_sequence_in(k, 0);
    int64_t at, n = s->n;
    IG_TRY(igi_position(k, 2, n, true, n, &at));
    ig_value **items = igi_alloc_array((size_t)n + 1, sizeof(*items));
    if (!items)
        return IG_OUT_OF_MEMORY;
    for (int64_t i = 0; i <= n; i++)
        items[i] = i == at ? k->in[1] : s->items[i < at ? i : i - 1];
    ig_status rc = igi_give_sequence(k, 0, s->v.type.u.elem, items, n + 1);
    igi_free(items);
    return rc;
}

/* Where the new item stands in the result: position -1 is before the last item of the
 * input, so it is -2 of the result. */
static ig_var position_after(ig_grad *g)
{
    const int64_t last = -1;
    const ig_type *t = ig_grad_in_type(g, 2);
    ig_var at = ig_grad_in(g, 2);
    if (!t)
        return ig_grad_ints(g, &last, 1);
    ig_dtype d = (ig_dtype)t->dtype;
    ig_var negative = ig_emit2(g, IG_OP(Less), NULL, at, ig_grad_scalar(g, d, 0));
    return ig_emit3(g, IG_OP(Where), NULL, negative,
                    ig_emit2(g, IG_OP(Sub), NULL, at, ig_grad_scalar(g, d, 1)), at);
}

static ig_status insert_gradient(ig_grad *g)
{
    ig_var dy = ig_grad_dy(g, 0), at = position_after(g);
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(SequenceErase), NULL, dy, at));
    ig_grad_set(g, 1, ig_emit2(g, IG_OP(SequenceAt), NULL, dy, at));
    return IG_OK;
}

static const ig_save saves[] = {IG_SAVE_IN(2, IG_SAVE_ANY), {0}};

#define INSERT(name_, at_, x_, ...)                                                    \
    {                                                                                  \
        .name = name_, IGI_INPUTS(IGI_IN_SEQUENCE(__VA_ARGS__), x_, at_)               \
    }
static const ig_sample samples[] = {
    INSERT("at_end", IGI_IN_ABSENT, IGI_IN(2), IGI_IN(2, 3), IGI_IN(4)),
    INSERT("at_front", IGI_IN_NUMBER(IG_INT64, 0), IGI_IN(1), IGI_IN(2, 3), IGI_IN(4)),
    INSERT("behind_last", IGI_IN_NUMBER(IG_INT32, 2), IGI_IN(0), IGI_IN(3), IGI_IN(4)),
    INSERT("negative", IGI_IN_NUMBER(IG_INT64, -1), IGI_IN(1), IGI_IN(3), IGI_IN(4)),
    {.name = "into_none", IGI_INPUTS(IGI_IN_NO_ITEMS, IGI_IN(2))},
    {0},
};

IG_OPERATOR(SequenceInsert) = {
    IG_OP_HEAD,
    .name = "SequenceInsert",
    .since = 11,
    .doc = "A sequence with one item inserted.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED | IG_OP_KEEPS,
    .infer = insert_infer,
    .gradient = insert_gradient,
    .saves = saves,
    .reference = insert_reference,
    .samples = samples,
};
