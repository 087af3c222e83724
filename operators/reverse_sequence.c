// ReverseSequence: of each batch entry b the first sequence_lens[b] items along the
// time axis in reversed order; the rest stays.
//
// It is its own inverse, and so is its gradient.

#include <inttypes.h>

#include "operators/common.h"

IG_USES_OP(ReverseSequence);

typedef struct reverse_attrs {
    uint32_t struct_size;
    int64_t batch_axis, time_axis;
} reverse_attrs;

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Tensor of rank >= 2."),
    IG_PORT("sequence_lens",
            'L',
            "One length for each batch entry, 0 to the size of the time axis."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Same shape as the input."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES},
    {'L', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(reverse_attrs, batch_axis, 1, "0 or 1.", .min = 0, .max = 1),
    IG_ATTR_INT(reverse_attrs, time_axis, 0, "The other one.", .min = 0, .max = 1),
    {0},
};

static ig_status reverse_infer(ig_infer *x)
{
    const reverse_attrs *a = x->attrs;
    if (x->in[0]->rank < 2)
        return ig_infer_fail(x, "the input needs rank 2 or more");
    if (a->batch_axis == a->time_axis)
        return ig_infer_fail(x, "batch_axis and time_axis are both %d",
                             (int)a->time_axis);
    if (x->in[1]->rank != 1)
        return ig_infer_fail(x, "sequence_lens must be a list");
    IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[0])[a->batch_axis],
                          ig_type_dims(x->in[1])[0], "batch size and number of lengths",
                          NULL));
    return ig_infer_copy(x, 0, 0);
}

static ig_status reverse_reference(ig_kernel_ctx *k)
{
    const reverse_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *l = ig_in(k, 1), *y = ig_out(k, 0);
    const int64_t *xs = ig_strides(x), *ys = ig_strides(y);
    int64_t dims[IG_RANK_MAX], sx[IG_RANK_MAX], t = a->time_axis, b = a->batch_axis;
    memcpy(dims, ig_dims(x), (size_t)ig_rank(x) * sizeof(*dims));
    memcpy(sx, xs, (size_t)ig_rank(x) * sizeof(*sx));
    int64_t batch = dims[b], time = dims[t];
    dims[b] = 1;
    for (int64_t i = 0; i < batch; i++) {
        int64_t n = igi_get_i64(IG_INT64, ig_data(l), i * ig_strides(l)[0]);
        if (n < 0 || n > time)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "sequence_lens[%" PRId64 "] is %" PRId64
                                  ", outside [0, %" PRId64 "]",
                                  i, n, time);
        dims[t] = n;
        sx[t] = -xs[t];
        if (n > 0)
            igi_copy_nd(ig_dtype_of(x), ig_rank(x), dims, ig_data(y), i * ys[b], ys,
                        ig_data(x), i * xs[b] + (n - 1) * xs[t], sx);
        dims[t] = time - n;
        igi_copy_nd(ig_dtype_of(x), ig_rank(x), dims, ig_data(y), i * ys[b] + n * ys[t],
                    ys, ig_data(x), i * xs[b] + n * xs[t], xs);
    }
    return IG_OK;
}

static ig_status reverse_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(ReverseSequence), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 1)));
    return IG_OK;
}

static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static const reverse_attrs batch_first = {.struct_size = sizeof(batch_first),
                                          .time_axis = 1};
static const ig_sample samples[] = {
    {.name = "time_first", IGI_INPUTS(IGI_IN(4, 3), IGI_IN_INTS(4, 2, 0))},
    {.name = "batch_first",
     .attrs = &batch_first,
     IGI_INPUTS(IGI_IN(2, 3, 2), IGI_IN_INTS(3, 1))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN_INTS(1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0), IGI_IN_NO_INTS)},
    {0},
};

IG_OPERATOR(ReverseSequence) = {
    IG_OP_HEAD,
    .name = "ReverseSequence",
    .since = 10,
    .doc = "Sequences of different lengths in reversed order.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(reverse_attrs),
    .flags = IG_OP_STRIDED,
    .infer = reverse_infer,
    .gradient = reverse_gradient,
    .saves = saves,
    .reference = reverse_reference,
    .samples = samples,
};
