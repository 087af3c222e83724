// MaxUnpool: elements go back to where MaxPool took them from; zeros elsewhere.
//
// Indices count in the tensor that the attributes give back, without padding. A larger
// output_shape places that tensor at its beginning. Of equal indices the last stays.

#include "operators/common_grad.h"
#include "operators/common_move.h"
#include "operators/common_pool.h"

IG_USES_OP(MaxPoolGather);
IG_USES_OP(Slice);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Pooled elements, [N, C, D1, ..., Dk]."),
    IG_PORT("I", 'I', "MaxPool's indices, of X's dims."),
    IG_PORT("output_shape",
            'I',
            "Dims of the result; absent: from the attributes.",
            .flags = IG_VALUE | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {IG_PORT("output", 'T', "[N, C, O1, ..., Ok]."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INTS(igi_max_unpool_attrs,
                 kernel_shape,
                 "Size of the window per spatial axis.",
                 .flags = IG_REQUIRED,
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_INTS(igi_max_unpool_attrs,
                 pads,
                 "Begins of all spatial axes, then ends; absent: 0.",
                 .min = 0,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_INTS(igi_max_unpool_attrs,
                 strides,
                 "Step per spatial axis; absent: 1.",
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    {0},
};

static ig_status check_lists(ig_infer *x, const igi_max_unpool_attrs *o, int rank)
{
    int n = rank - 2;
    if (n < 1 || o->kernel_shape.n != n || (o->strides.n && o->strides.n != n) ||
        (o->pads.n && o->pads.n != 2 * (int64_t)n))
        return ig_infer_fail(
            x, "kernel_shape, strides and pads must have a number per spatial axis "
               "(pads two)");
    return x->in[1]->rank == rank ? IG_OK
                                  : ig_infer_fail(x, "I must have the dims of X");
}

static ig_status max_unpool_infer(ig_infer *x)
{
    const igi_max_unpool_attrs *o = x->attrs;
    int64_t dims[IG_RANK_MAX], want[IG_RANK_MAX], same;
    int rank = x->in[0]->rank, n = IG_INTS_ABSENT;
    IG_TRY(check_lists(x, o, rank));
    for (int i = 0; i < rank; i++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[0])[i], ig_type_dims(x->in[1])[i],
                              "a dim of I", &same));
    igi_unpooled_dims(x->syms, o, rank, ig_type_dims(x->in[0]), dims);
    if (x->n_in > 2 && x->in[2])
        n = igi_infer_sizes(x, 2, want);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (n == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, rank);
    if (n >= 0 && n != rank)
        return ig_infer_fail(x, "output_shape must have a number per axis");
    for (int i = 0; i < rank; i++)
        if (n < 0 && dims[i] == -1 && ig_type_dims(x->in[0])[i] >= 0)
            return ig_infer_fail(x, "the pads leave nothing of axis %d", i);
    return ig_infer_set(x, 0, rank, n >= 0 ? want : dims);
}

static ig_status max_unpool_gradient(ig_grad *g)
{
    const igi_max_unpool_attrs *o = ig_grad_attrs(g);
    int rank = ig_grad_in_type(g, 0)->rank, n = rank - 2;
    int64_t factor[IG_RANK_MAX] = {1, 1}, term[IG_RANK_MAX] = {0},
            zero[IG_RANK_MAX] = {0};
    ig_var dy = ig_grad_dy(g, 0);
    if (ig_grad_in_type(g, 2)) { // cut to the dims that igi_unpooled_dims gives
        if (rank < 2)
            return ig_grad_fail(g, IG_UNSUPPORTED, "the rank is not known");
        for (int i = 0; i < n; i++) {
            factor[2 + i] = o->strides.n ? o->strides.v[i] : 1;
            term[2 + i] = o->kernel_shape.v[i] - factor[2 + i] -
                          (o->pads.n ? o->pads.v[i] + o->pads.v[n + i] : 0);
        }
        ig_var dims =
            igi_emit_mul(g, ig_grad_in_shape(g, 0), ig_grad_ints(g, factor, rank));
        dims = igi_emit_add(g, dims, ig_grad_ints(g, term, rank));
        dy = ig_emit3(g, IG_OP(Slice), NULL, dy, ig_grad_ints(g, zero, rank), dims);
    }
    ig_grad_set(g, 0, ig_emit2(g, IG_OP(MaxPoolGather), NULL, dy, ig_grad_in(g, 1)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status max_unpool_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    const int64_t *index = ig_data(ig_in(k, 1)), one = 1;
    int64_t dims[IG_RANK_MAX], total, n = ig_numel(x);
    const int rank = ig_rank(x);
    IG_TRY(igi_unpool_dims(k, dims, &total));
    for (int64_t i = 0; i < n; i++)
        if (index[i] < 0 || index[i] >= total ||
            igi_unpool_place(rank, dims, ig_dims(y), index[i]) < 0)
            return igi_unpool_outside(k, i, index[i], total);
    igi_fill_zero(y);
    for (int64_t i = 0; i < n; i++)
        igi_copy_nd(ig_dtype_of(x), 1, &one, ig_data(y),
                    igi_unpool_place(rank, dims, ig_dims(y), index[i]), &one,
                    ig_data(x), i, &one);
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_max_unpool_attrs)
static const igi_max_unpool_attrs two = {HEAD, .kernel_shape = IGI_INTS(2, 2),
                                         .strides = IGI_INTS(2, 2)};
static const igi_max_unpool_attrs padded = {
    HEAD, .kernel_shape = IGI_INTS(3), .pads = IGI_INTS(1, 0), .strides = IGI_INTS(2)};
#define PLACES                                                                         \
    {                                                                                  \
        IG_SHAPE_IN(1, 1, 2, 2), IGI_DATA(IG_INT64, 5, 7, 13, 15)                      \
    }
static const ig_sample samples[] = {
    {.name = "two", .attrs = &two, IGI_INPUTS(IGI_IN(1, 1, 2, 2), PLACES)},
    {.name = "output_shape",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(1, 1, 2, 2), PLACES, IGI_IN_INTS(1, 1, 5, 5))},
    {.name = "padded",
     .attrs = &padded,
     IGI_INPUTS(IGI_IN(2, 1, 2),
                {IG_SHAPE_IN(2, 1, 2), IGI_DATA(IG_INT64, 0, 3, 5, 7)})},
    {.name = "empty",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(0, 1, 2, 2), {IG_SHAPE_IN(0, 1, 2, 2), .dtype = IG_INT64})},
    {0},
};

IG_OPERATOR(MaxUnpool) = {
    IG_OP_HEAD,
    .name = "MaxUnpool",
    .since = 22,
    .doc = "Elements back where MaxPool took them from, zeros elsewhere.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_max_unpool_attrs),
    .infer = max_unpool_infer,
    .gradient = max_unpool_gradient,
    .saves = saves,
    .reference = max_unpool_reference,
    .samples = samples,
};
