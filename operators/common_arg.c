// Searching the best element along an axis.

#include "operators/common_arg.h"

const ig_port igi_arg_inputs[] = {
    IG_PORT("data", 'T', "Tensor of rank >= 1.", .flags = IG_NODIFF),
    {0},
};
const ig_port igi_arg_outputs[] = {
    IG_PORT("reduced", 'S', "Indices along the axis."),
    {0},
};
const ig_type_rule igi_arg_types[] = {{'T', IG_NUMERIC}, {'S', IG_T(INT64)}, {0}};
const ig_attr_def igi_arg_options[] = {
    IG_ATTR_INT(igi_arg_attrs, axis, 0, "Axis searched, -rank to rank - 1."),
    IG_ATTR_INT(igi_arg_attrs,
                keepdims,
                1,
                "1: the axis stays with size 1.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(igi_arg_attrs,
                select_last_index,
                0,
                "1: the last of equal ones, not the first.",
                .min = 0,
                .max = 1),
    {0},
};

ig_status igi_arg_infer(ig_infer *x)
{
    const igi_arg_attrs *o = x->attrs;
    const int64_t *dims = ig_type_dims(x->in[0]);
    int64_t out[IG_RANK_MAX];
    int axis, n = 0, rank = x->in[0]->rank;
    if (rank == 0 && (o->axis == 0 || o->axis == -1)) // as numpy: the only element
        return ig_infer_set(x, 0, 0, NULL);
    IG_TRY(ig_infer_axis(x, o->axis, rank, false, &axis));
    for (int a = 0; a < rank; a++)
        if (a != axis)
            out[n++] = dims[a];
        else if (o->keepdims)
            out[n++] = 1;
    return ig_infer_set(x, 0, n, out);
}

// [outer, length, inner] of contiguous data.
typedef struct search {
    int64_t outer, length, inner;
    bool last, least;
} search;

#define SEARCH_CASE(dtype_, T_, C_, LOAD_, STORE_, ...)                                \
    case dtype_:                                                                       \
        for (int64_t o = 0; o < s->outer; o++)                                         \
            for (int64_t j = 0; j < s->inner; j++) {                                   \
                const T_ *p = (const T_ *)data + o * s->length * s->inner + j;         \
                C_ most = LOAD_(p, 0);                                                 \
                int64_t at = 0;                                                        \
                for (int64_t i = 1; i < s->length; i++) {                              \
                    const C_ v = LOAD_(p, i * s->inner);                               \
                    bool tie = v == most || (v != v && most != most);                  \
                    bool wins = s->least ? v < most : v > most;                        \
                    if (tie ? s->last : wins || (v != v && most == most)) {            \
                        most = v;                                                      \
                        at = i;                                                        \
                    }                                                                  \
                }                                                                      \
                *y++ = at;                                                             \
            }                                                                          \
        return IG_OK;

static ig_status find(ig_kernel_ctx *k, const search *s, const void *data, int64_t *y)
{
    switch (ig_dtype_of(ig_in(k, 0))) {
        IGI_NUMERIC_ROWS(SEARCH_CASE, )
    default:
        return igi_bad_dtype(k, ig_dtype_of(ig_in(k, 0)));
    }
}

ig_status igi_arg_search(ig_kernel_ctx *k, bool least)
{
    const igi_arg_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    search s = {1, 1, 1, o->select_last_index, least};
    int rank = ig_rank(x), axis = (int)igi_index(o->axis, rank);
    for (int a = 0; a < rank; a++)
        *(a < axis ? &s.outer : a > axis ? &s.inner : &s.length) *= ig_dims(x)[a];
    if (ig_numel(y) == 0)
        return IG_OK;
    if (s.length == 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "axis %d has no elements to choose from", axis);
    return find(k, &s, ig_data(x), ig_data(y));
}

static const igi_arg_attrs drop = {sizeof(igi_arg_attrs), 1, 0, 0};
static const igi_arg_attrs last = {sizeof(igi_arg_attrs), -1, 1, 1};
static const double ties[] = {1, 3, 3, 2, 2, 2};
static const igi_arg_attrs last_of_inner = {sizeof(igi_arg_attrs), 1, 0, 1};
static const double nans[] = {1, NAN, 2, NAN, INFINITY, 0, NAN, -1, -INFINITY, 4, 5, 5};
const ig_sample igi_arg_samples[] = {
    {.name = "default", IGI_INPUTS(IGI_IN(3, 4))},
    {.name = "dropped", .attrs = &drop, IGI_INPUTS(IGI_IN(2, 3, 4))},
    {.name = "ties_last",
     .attrs = &last,
     IGI_INPUTS({.rank = 2, .dims = {2, 3}, .data = ties})},
    {.name = "ties_first",
     .attrs = &drop,
     IGI_INPUTS({.rank = 2, .dims = {2, 3}, .data = ties})},
    {.name = "row", .attrs = &last, IGI_INPUTS(IGI_IN(2, 33))},
    {.name = "long_row", .attrs = &drop, IGI_INPUTS(IGI_IN(1, 2100))},
    {.name = "strips", .attrs = &last_of_inner, IGI_INPUTS(IGI_IN(2, 5, 77))},
    {.name = "nan_in_row",
     .attrs = &last,
     .types = IG_FLOATS,
     IGI_INPUTS({IG_SHAPE_IN(2, 6), .data = nans})},
    {.name = "nan_in_strip",
     .attrs = &drop,
     .types = IG_FLOATS,
     IGI_INPUTS({IG_SHAPE_IN(1, 4, 3), .data = nans})},
    {.name = "last_nan_in_strip",
     .attrs = &last_of_inner,
     .types = IG_FLOATS,
     IGI_INPUTS({IG_SHAPE_IN(1, 4, 3), .data = nans})},
    {.name = "size_one", .attrs = &drop, IGI_INPUTS(IGI_IN(3, 1))},
    {.name = "empty", .attrs = &drop, IGI_INPUTS(IGI_IN(0, 3))},
    {0},
};
