// SplitToSequence: pieces of a tensor along one axis as a sequence. `split` lists their
// lengths, or is one number, the length of all but the last; absent: pieces of one
// element, without the axis unless keepdims.
//
// Gradient: the pieces of dy put together again.

#include <inttypes.h>

#include "operators/common_flow.h"
#include "operators/common_opts.h"

IG_USES_OP(ConcatFromSequence);

typedef struct split_attrs {
    uint32_t struct_size;
    int64_t axis, keepdims;
} split_attrs;

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Tensor of rank >= 1."),
    IG_PORT("split",
            'I',
            "Lengths (rank 1), or the length of all pieces (rank 0).",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output_sequence", 'T', "The pieces, in order.", .flags = IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT32) | IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(split_attrs, axis, 0, "Axis to cut, -rank to rank - 1."),
    IG_ATTR_INT(split_attrs,
                keepdims,
                1,
                "Without split: 0 drops the axis of the pieces.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status split_infer(ig_infer *x)
{
    const split_attrs *a = x->attrs;
    int axis, rank = x->in[0]->rank;
    ig_type t;
    if (rank < 0)
        return igi_infer_wrap(x, 0, IG_KIND_SEQUENCE, x->in[0]);
    IG_TRY(ig_infer_axis(x, a->axis, rank, false, &axis));
    bool split = x->n_in > 1 && x->in[1];
    if (split && x->in[1]->rank > 1)
        return ig_infer_fail(x, "split must be a number or a list of numbers");
    IG_TRY(igi_type_copy(&t, x->in[0]));
    int64_t *d = rank > 8 ? t.u.dim_far : t.u.dim;
    bool drops = !split && !a->keepdims;
    if (!drops)
        d[axis] = split ? -1 : 1;
    if (drops && rank <= 9) { /* far dims would change their place */
        int64_t dims[9];
        int n = 0;
        for (int i = 0; i < rank; i++)
            if (i != axis)
                dims[n++] = d[i];
        igi_type_fini(&t);
        IG_TRY(igi_type_set(&t, (ig_dtype)x->in[0]->dtype, n, dims));
    } else if (drops) {
        igi_type_fini(&t);
        IG_TRY(igi_type_set(&t, (ig_dtype)x->in[0]->dtype, -1, NULL));
    }
    ig_status rc = igi_infer_wrap(x, 0, IG_KIND_SEQUENCE, &t);
    igi_type_fini(&t);
    return rc;
}

/* Where pieces are cut: n of them, piece i from at(i) on. */
typedef struct cuts {
    const ig_tensor *list; /* NULL: all of `each`, the last one may be shorter */
    int64_t each, n, size;
} cuts;

static int64_t number_at(const ig_tensor *t, int64_t i)
{
    return igi_get_i64(ig_dtype_of(t), ig_data(t),
                       ig_rank(t) ? i * ig_strides(t)[0] : 0);
}

static ig_status read_cuts(const ig_kernel_ctx *k, int64_t size, cuts *c)
{
    const ig_tensor *t = ig_in(k, 1);
    int64_t sum = 0;
    *c = (cuts){.each = 1, .n = size, .size = size};
    if (!t)
        return IG_OK;
    if (ig_rank(t) == 0) {
        c->each = number_at(t, 0);
        if (c->each <= 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "split is %" PRId64 ", must be above 0", c->each);
        c->n = size / c->each + (size % c->each != 0);
        return IG_OK;
    }
    c->list = t;
    c->n = ig_numel(t);
    for (int64_t i = 0; i < c->n; i++) {
        int64_t v = number_at(t, i);
        if (v < 0 || v > size - sum)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "split[%" PRId64 "] is %" PRId64
                                  "; lengths must not be negative and sum to the "
                                  "size of the axis, %" PRId64,
                                  i, v, size);
        sum += v;
    }
    if (sum != size)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the lengths of split sum to %" PRId64
                              ", the axis has %" PRId64,
                              sum, size);
    return IG_OK;
}

#define ITEM_BYTES 256 /* of a piece's header, about */

static ig_status split_reference(ig_kernel_ctx *k)
{
    const split_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    int axis = (int)(a->axis < 0 ? a->axis + ig_rank(x) : a->axis);
    bool drops = !ig_in(k, 1) && !a->keepdims;
    ig_type elem = {.dtype = (uint8_t)ig_dtype_of(x), .rank = -1};
    cuts c;
    IG_TRY(read_cuts(k, ig_dims(x)[axis], &c));
    IG_TRY(ig_charge(k, c.n > INT64_MAX / ITEM_BYTES ? INT64_MAX : c.n * ITEM_BYTES));
    ig_value **items = igi_calloc((size_t)c.n + 1, sizeof(*items));
    ig_status rc = items ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t i = 0, at = 0; rc == IG_OK && i < c.n; i++) {
        int64_t left = c.size - at, n = c.list          ? number_at(c.list, i)
                                        : c.each < left ? c.each
                                                        : left;
        ig_tensor *t = NULL;
        rc = igi_slice_of(x, axis, at, drops ? -1 : n, &t);
        items[i] = (ig_value *)t;
        at += n;
    }
    if (rc == IG_OK)
        rc = igi_give_sequence(k, 0, &elem, items, c.n);
    for (int64_t i = 0; items && i < c.n; i++)
        ig_value_unref(items[i]);
    igi_free(items);
    return rc;
}

static ig_status split_gradient(ig_grad *g)
{
    const split_attrs *a = ig_grad_attrs(g);
    igi_concat_from_sequence_attrs o = {.struct_size = sizeof(o), .axis = a->axis};
    o.new_axis = !ig_grad_in_type(g, 1) && !a->keepdims;
    ig_grad_set(g, 0, ig_emit1(g, IG_OP(ConcatFromSequence), &o, ig_grad_dy(g, 0)));
    return IG_OK;
}

static const split_attrs last = {
    .struct_size = sizeof(last), .axis = -1, .keepdims = 1};
static const split_attrs drop = {.struct_size = sizeof(drop), .axis = 1};
#define SPLIT(name_, attrs_, ...)                                                      \
    {                                                                                  \
        .name = name_, .attrs = attrs_, IGI_INPUTS(__VA_ARGS__)                        \
    }
static const ig_sample samples[] = {
    SPLIT("ones", NULL, IGI_IN(3, 2)),
    SPLIT("drop_axis", &drop, IGI_IN(2, 3)),
    SPLIT("drop_axis_is_ignored", &drop, IGI_IN(2, 3), IGI_IN_INTS(1, 2)),
    SPLIT("list", &last, IGI_IN(2, 5), IGI_IN_INTS(2, 0, 3)),
    SPLIT("number", &last, IGI_IN(2, 5), IGI_IN_NUMBER(IG_INT32, 2)),
    SPLIT("size_one", NULL, IGI_IN(1)),
    SPLIT("empty", NULL, IGI_IN(0, 2)),
    {0},
};

IG_OPERATOR(SplitToSequence) = {
    IG_OP_HEAD,
    .name = "SplitToSequence",
    .since = 24,
    .doc = "Pieces of a tensor as a sequence.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(split_attrs),
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED,
    .infer = split_infer,
    .gradient = split_gradient,
    .reference = split_reference,
    .samples = samples,
};
