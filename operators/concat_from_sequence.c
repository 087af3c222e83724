// ConcatFromSequence: the items of a sequence put together along one axis, or on a new
// one.
//
// Gradient: dy cut again where the items end.

#include <inttypes.h>

#include "operators/common_flow.h"
#include "operators/common_opts.h"

IG_USES_OP(ConcatFromSequenceGrad);

#define ATTRS igi_concat_from_sequence_attrs

static const ig_port inputs[] = {
    IG_PORT("input_sequence", 'T', "At least one tensor.", .flags = IG_SEQ),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("concat_result", 'T', "All items in order.", .flags = IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(ATTRS,
                axis,
                0,
                "Axis of the result, negative counts from its end.",
                .flags = IG_REQUIRED),
    IG_ATTR_INT(ATTRS,
                new_axis,
                0,
                "1: the items are stacked on a new axis.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status concat_infer(ig_infer *x)
{
    const ATTRS *a = x->attrs;
    const ig_type *t = x->in[0]->u.elem;
    int64_t dims[IG_RANK_MAX + 1];
    int axis, rank = t->rank + (a->new_axis ? 1 : 0), n = 0;
    if (t->rank < 0)
        return ig_infer_unknown(x, 0);
    IG_TRY(ig_infer_axis(x, a->axis, rank, false, &axis));
    for (int i = 0; i < rank && i < IG_RANK_MAX; i++)
        dims[i] = i == axis ? (n += !a->new_axis, -1) : ig_type_dims(t)[n++];
    return ig_infer_set(x, 0, rank, dims);
}

/* Dims of the result from those of the first item and the sum along the axis. */
static ig_status concat_dims(
    ig_kernel_ctx *k, const igi_sequence *s, int *axis, int *rank, int64_t *dims)
{
    const ATTRS *a = k->attrs;
    if (s->n == 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "the sequence has no items");
    const ig_type *first = &s->items[0]->type;
    int64_t at = a->axis;
    *rank = first->rank + (a->new_axis ? 1 : 0);
    at = at < 0 ? at + *rank : at;
    if (at < 0 || at >= *rank || *rank > IG_RANK_MAX)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axis %" PRId64 " does not exist in a result of rank %d",
                              a->axis, *rank);
    *axis = (int)at;
    for (int i = 0, n = 0; i < *rank; i++)
        dims[i] = a->new_axis && i == at ? 0 : ig_type_dims(first)[n++];
    dims[at] = 0;
    for (int64_t i = 0; i < s->n; i++) {
        const ig_type *t = &s->items[i]->type;
        bool fits = t->kind == IG_KIND_TENSOR && t->rank == first->rank;
        for (int d = 0; fits && d < t->rank; d++)
            fits = (!a->new_axis && d == at) ||
                   ig_type_dims(t)[d] == ig_type_dims(first)[d];
        if (!fits)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "item %" PRId64 " does not fit item 0 in shape", i);
        int64_t more = a->new_axis ? 1 : ig_type_dims(t)[at];
        if (!igi_add_i64(dims[at], more, &dims[at]))
            return ig_kernel_fail(k, IG_LIMIT, "the result overflows");
    }
    return IG_OK;
}

static ig_status concat_reference(ig_kernel_ctx *k)
{
    const igi_sequence *s = igi_sequence_in(k, 0);
    int64_t dims[IG_RANK_MAX + 1], item[IG_RANK_MAX + 1], from[IG_RANK_MAX + 1];
    int axis = 0, rank = 0;
    bool stacks = ((const ATTRS *)k->attrs)->new_axis;
    IG_TRY(concat_dims(k, s, &axis, &rank, dims));
    IG_TRY(ig_out_alloc(k, 0, rank, dims));
    const ig_tensor *y = ig_out(k, 0);
    for (int64_t i = 0, at = 0; i < s->n; i++) {
        const ig_tensor *t = (const ig_tensor *)s->items[i];
        for (int d = 0, n = 0; d < rank; d++) {
            bool made = stacks && d == axis;
            item[d] = made ? 1 : ig_dims(t)[n];
            from[d] = made ? 0 : ig_strides(t)[n];
            n += !made;
        }
        igi_copy_nd(ig_dtype_of(y), rank, item, ig_data(y), at * ig_strides(y)[axis],
                    ig_strides(y), ig_data(t), 0, from);
        at += item[axis];
    }
    return IG_OK;
}

static ig_status concat_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(ConcatFromSequenceGrad), ig_grad_attrs(g),
                         ig_grad_dy(g, 0), ig_grad_in(g, 0)));
    return IG_OK;
}

static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(0)), {0}};

static const ATTRS rows = {.struct_size = sizeof(rows)};
static const ATTRS columns = {.struct_size = sizeof(columns), .axis = -1};
static const ATTRS stack = {.struct_size = sizeof(stack), .axis = 1, .new_axis = 1};
#define CONCAT(name_, attrs_, ...)                                                     \
    {                                                                                  \
        .name = name_, .attrs = attrs_, IGI_INPUTS(IGI_IN_SEQUENCE(__VA_ARGS__))       \
    }
static const ig_sample samples[] = {
    CONCAT("rows", &rows, IGI_IN(2, 3), IGI_IN(1, 3), IGI_IN(0, 3)),
    CONCAT("columns", &columns, IGI_IN(2, 3), IGI_IN(2, 1)),
    CONCAT("stacked", &stack, IGI_IN(2, 3), IGI_IN(2, 3)),
    CONCAT("one", &rows, IGI_IN(4)),
    {0},
};

IG_OPERATOR(ConcatFromSequence) = {
    IG_OP_HEAD,
    .name = "ConcatFromSequence",
    .since = 11,
    .doc = "The items of a sequence as one tensor.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(ATTRS),
    .infer = concat_infer,
    .gradient = concat_gradient,
    .saves = saves,
    .reference = concat_reference,
    .samples = samples,
};
