// ingot::SequenceAdd: item by item a + b; how gradients of sequences are summed.

#include <inttypes.h>

#include "operators/common_flow.h"

static const ig_port inputs[] = {
    IG_PORT("a", 'T', "A sequence.", .flags = IG_SEQ),
    IG_PORT("b", 'T', "As many items of the same shapes.", .flags = IG_SEQ),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("sum", 'T', "The sums.", .flags = IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status add_infer(ig_infer *x)
{
    ig_type t;
    IG_TRY(igi_type_copy(&t, x->in[0]));
    (void)igi_type_weaken(&t, x->in[1]);
    return igi_infer_take(x, 0, &t);
}

static ig_status
sum_of(ig_kernel_ctx *k, const ig_tensor *left, const ig_tensor *right, ig_tensor *y)
{
    IGI_APPLY2(k, y, left, right, IGI_CASES2_FLOAT(a + b));
    return IG_OK;
}

static ig_status add_items(
    ig_kernel_ctx *k, int64_t i, const ig_value *a, const ig_value *b, ig_value **out)
{
    ig_tensor *y = NULL;
    if (!igi_type_equal(&a->type, &b->type))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "items %" PRId64 " differ in shape", i);
    IG_TRY(ig_charge(k, (int64_t)igi_value_bytes(a)));
    IG_TRY(igi_tensor_like(&y, NULL, (const ig_tensor *)a));
    *out = &y->v;
    return sum_of(k, (const ig_tensor *)a, (const ig_tensor *)b, y);
}

static ig_status add_reference(ig_kernel_ctx *k)
{
    const igi_sequence *a = igi_sequence_in(k, 0), *b = igi_sequence_in(k, 1);
    if (a->n != b->n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "sequences of %" PRId64 " and %" PRId64 " items", a->n,
                              b->n);
    ig_value **items = igi_calloc((size_t)a->n + 1, sizeof(*items));
    ig_status rc = items ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t i = 0; rc == IG_OK && i < a->n; i++)
        rc = add_items(k, i, a->items[i], b->items[i], &items[i]);
    if (rc == IG_OK)
        rc = igi_give_sequence(k, 0, a->v.type.u.elem, items, a->n);
    for (int64_t i = 0; items && i < a->n; i++)
        ig_value_unref(items[i]);
    igi_free(items);
    return rc;
}

static ig_status add_gradient(ig_grad *g)
{
    ig_grad_set(g, 0, ig_grad_dy(g, 0));
    ig_grad_set(g, 1, ig_grad_dy(g, 0));
    return IG_OK;
}

#define ADD(name_, ...)                                                                \
    {                                                                                  \
        .name = name_, IGI_INPUTS(__VA_ARGS__)                                         \
    }
static const ig_sample samples[] = {
    ADD("two",
        IGI_IN_SEQUENCE(IGI_IN(2, 3), IGI_IN(1), IGI_IN(0)),
        IGI_IN_SEQUENCE(IGI_IN(2, 3), IGI_IN(1), IGI_IN(0))),
    ADD("no_item", IGI_IN_NO_ITEMS, IGI_IN_NO_ITEMS),
    {0},
};

IG_OPERATOR(SequenceAdd) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "SequenceAdd",
    .since = 1,
    .doc = "Sums of the items of two sequences.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_UNRANKED,
    .infer = add_infer,
    .gradient = add_gradient,
    .reference = add_reference,
    .samples = samples,
};
