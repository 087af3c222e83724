// TopK: the K largest or smallest elements along an axis, and where they are.
//
// Equal ones come by index; NaN is above every number. `sorted` 0 leaves the order
// open: it is sorted all the same. The gradient goes back to where the elements came
// from.

#include <inttypes.h>

#include "operators/common_index.h"
#include "operators/common_softmax.h"
#include "operators/common_sort.h"

IG_USES_OP(ScatterElements);

typedef struct top_k_attrs {
    uint32_t struct_size;
    int64_t axis, largest, sorted;
} top_k_attrs;

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Tensor of rank >= 1."),
    IG_PORT("K",
            'I',
            "A vector of one number, 0 to the size of the axis.",
            .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Values", 'T', "Dims of X with K at the axis."),
    IG_PORT("Indices", 'I', "Their positions along the axis."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_NUMERIC}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(top_k_attrs, axis, -1, "Axis searched, -rank to rank - 1."),
    IG_ATTR_INT(top_k_attrs,
                largest,
                1,
                "1: the largest, in falling order; 0: the smallest, rising.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(
        top_k_attrs, sorted, 1, "0: the order does not matter.", .min = 0, .max = 1),
    {0},
};

static ig_status top_k_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX], k = -1;
    int axis, rank = x->in[0]->rank;
    bool known = false;
    IG_TRY(ig_infer_axis(x, ((const top_k_attrs *)x->attrs)->axis, rank, false, &axis));
    memcpy(dims, ig_type_dims(x->in[0]), (size_t)rank * sizeof(*dims));
    IG_TRY(igi_infer_number(x, 1, "one number", &k, &known));
    if (known && !igi_is_symbol(x, 1, k) &&
        (k < 0 || (dims[axis] >= 0 && k > dims[axis])))
        return ig_infer_fail(x,
                             "K is %" PRId64 ", but the axis has %" PRId64 " elements",
                             k, dims[axis]);
    dims[axis] = known ? k : ig_dim_fresh(x->syms);
    for (int i = 0; i < 2 && i < x->n_out; i++)
        if (x->out[i])
            IG_TRY(ig_infer_set(x, i, rank, dims));
    return IG_OK;
}

static ig_status top_k_gradient(ig_grad *g)
{
    const igi_scatter_attrs put = {
        sizeof(put), ((const top_k_attrs *)ig_grad_attrs(g))->axis, IGI_SCATTER_NONE};
    ig_var dy = ig_grad_dy(g, 0);
    if (dy.h)
        ig_grad_set(g, 0,
                    ig_emit3(g, IG_OP(ScatterElements), &put,
                             igi_emit_zeros_of_input(g, 0), ig_grad_out(g, 1), dy));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_OUT(1, IG_BIT(0)), {0}};

typedef struct line {
    ig_dtype type;
    const void *data;
    int64_t at, step;
    int sign;
} line;

static int order(const void *user, int64_t a, int64_t b)
{
    const line *l = user;
    return l->sign *
           igi_order(l->type, l->data, l->at + a * l->step, l->at + b * l->step);
}

static ig_status top_k_reference(ig_kernel_ctx *k)
{
    const top_k_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *values = ig_out(k, 0), *indices = ig_out(k, 1);
    int64_t want = igi_scalar_i64(ig_in(k, 1), 0);
    igi_lines from = igi_lines_of(x, o->axis), to = from;
    if (ig_numel(ig_in(k, 1)) != 1 || want < 0 || want > from.n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "K must be one number of 0 to %" PRId64, from.n);
    to.n = want;
    int64_t *at = igi_calloc((size_t)from.n + 1, sizeof(int64_t[2]));
    if (!at)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    igi_pace pace = igi_pace_of(k);
    for (int64_t j = 0; j < from.count && want > 0 && rc == IG_OK; j++) {
        line l = {ig_dtype_of(x), ig_data(x), igi_lines_at(&from, j), from.step,
                  o->largest ? -1 : 1};
        int64_t put = igi_lines_at(&to, j);
        for (int64_t i = 0; i < from.n; i++)
            at[i] = i;
        rc = igi_sort(&pace, at, at + from.n, from.n, order, &l);
        for (int64_t i = 0; i < want && rc == IG_OK; i++) {
            const int64_t one = 1;
            if (values)
                igi_copy_nd(l.type, 1, &one, ig_data(values), put + i * to.step, &one,
                            l.data, l.at + at[i] * l.step, &one);
            if (indices)
                ((int64_t *)ig_data(indices))[put + i * to.step] = at[i];
        }
    }
    igi_free(at);
    return rc;
}

static const top_k_attrs smallest = {sizeof(top_k_attrs), 1, 0, 1};
static const top_k_attrs first_axis = {sizeof(top_k_attrs), 0, 1, 0};
#define DISTINCT(...)                                                                  \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .fill = IG_FILL_DISTINCT                             \
    }
#define TIES                                                                           \
    {                                                                                  \
        IG_SHAPE_IN(6), .data = (const double[])                                       \
        {                                                                              \
            2, 3, 1, 3, 2, 3                                                           \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "largest", .n_out = 2, IGI_INPUTS(DISTINCT(3, 5), IGI_IN_INTS(3))},
    {.name = "smallest",
     .attrs = &smallest,
     .n_out = 2,
     IGI_INPUTS(DISTINCT(2, 4, 3), IGI_IN_INTS(2))},
    {.name = "first_axis",
     .attrs = &first_axis,
     .n_out = 2,
     IGI_INPUTS(DISTINCT(5, 2), IGI_IN_INTS(5))},
    {.name = "ties", .n_out = 2, .no_gradient = true, IGI_INPUTS(TIES, IGI_IN_INTS(4))},
    {.name = "nans",
     .n_out = 2,
     .types = IG_FLOATS,
     .no_gradient = true,
     IGI_INPUTS({IG_SHAPE_IN(5), .data = (const double[]){1, NAN, INFINITY, NAN, -1}},
                IGI_IN_INTS(4))},
    {.name = "long", .n_out = 2, IGI_INPUTS(DISTINCT(2, 200), IGI_IN_INTS(17))},
    {.name = "size_one", .n_out = 2, IGI_INPUTS(DISTINCT(3, 1), IGI_IN_INTS(1))},
    {.name = "none", .n_out = 2, IGI_INPUTS(DISTINCT(2, 3), IGI_IN_INTS(0))},
    {.name = "empty", .n_out = 2, IGI_INPUTS(DISTINCT(0, 3), IGI_IN_INTS(2))},
    {0},
};

IG_OPERATOR(TopK) = {
    IG_OP_HEAD,
    .name = "TopK",
    .since = 24,
    .doc =
        "The K largest (smallest) elements along `axis` and their positions; of equal "
        "ones the first, and NaN is above every number.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(top_k_attrs),
    .infer = top_k_infer,
    .gradient = top_k_gradient,
    .saves = saves,
    .reference = top_k_reference,
    .samples = samples,
};
