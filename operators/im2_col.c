// Im2Col: the blocks of an image as columns, 0 where they reach into the padding.
// Col2Im is its transpose, so each is the other's gradient.

#include "operators/common_col.h"

IG_USES_OP(Col2Im);
IG_USES_OP(Slice);

static const ig_port inputs[] = {
    IG_PORT("image", 'T', "[N, C, dims...]."),
    IG_PORT("block_shape", 'I', "Spatial dims of a block.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("columns", 'T', "[N, C * elements of a block, blocks]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};

static ig_status im2_col_infer(ig_infer *x)
{
    int64_t block[IG_RANK_MAX], length, dims[3] = {0};
    const int64_t *in = ig_type_dims(x->in[0]);
    int n = x->in[0]->rank - 2;
    igi_cols c;
    IG_TRY(igi_infer_vector(x, 1, &length));
    if (n < 0 || (length >= 0 && length != n))
        return ig_infer_fail(x, "block_shape must have a number per spatial axis");
    int got = igi_infer_sizes(x, 1, block);
    if (got == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    bool numbers = got == n;
    int64_t places = 1;
    for (int i = 0; i < n && numbers; i++)
        places = ig_dim_mul(x->syms, places, block[i]);
    dims[0] = in[0];
    dims[1] = numbers ? ig_dim_mul(x->syms, in[1], places) : ig_dim_fresh(x->syms);
    for (int i = 0; i < n && numbers; i++)
        numbers = block[i] >= 0 && in[2 + i] >= 0;
    dims[2] = ig_dim_fresh(x->syms);
    const char *wrong = numbers ? igi_cols_make(x->attrs, n, in + 2, block, &c) : NULL;
    if (wrong)
        return ig_infer_fail(x, "%s", wrong);
    if (numbers)
        dims[2] = c.columns;
    if (numbers && in[1] >= 0 && dims[1] < 0)
        return ig_infer_fail(x, "sizes overflow");
    return ig_infer_set(x, 0, 3, dims);
}

static ig_status im2_col_gradient(ig_grad *g)
{
    static const int64_t from[1] = {2}, end[1] = {INT64_MAX};
    const ig_type *t = ig_grad_in_type(g, 0);
    bool known = t->rank >= 2;
    for (int i = 2; i < t->rank; i++)
        known = known && ig_type_dims(t)[i] >= 0;
    ig_var image = known ? ig_grad_ints(g, ig_type_dims(t) + 2, t->rank - 2)
                         : ig_emit3(g, IG_OP(Slice), NULL, ig_grad_in_shape(g, 0),
                                    ig_grad_ints(g, from, 1), ig_grad_ints(g, end, 1));
    ig_grad_set(g, 0,
                ig_emit3(g, IG_OP(Col2Im), ig_grad_attrs(g), ig_grad_dy(g, 0), image,
                         ig_grad_in(g, 1)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(1, IG_BIT(0)), {0}};

static ig_status im2_col_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t block[IG_RANK_MAX], plane = 1;
    int n = ig_rank(x) - 2;
    igi_cols c;
    if (igi_read_ints(ig_in(k, 1), block, IG_RANK_MAX) != n)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "block_shape must have a number per spatial axis");
    const char *wrong = igi_cols_make(k->attrs, n, ig_dims(x) + 2, block, &c);
    if (wrong)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "%s", wrong);
    for (int i = 0; i < n; i++)
        plane *= c.image[i];
    int64_t planes = ig_dims(x)[0] * ig_dims(x)[1], size = c.places * c.columns;
    if (ig_numel(y) != planes * size)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "block_shape does not fit the planned output");
    igi_fill_zero(y);
    const int64_t one = 1;
    igi_pace pace = igi_pace_of(k);
    for (int64_t i = 0; i < planes * size; i++) {
        IG_TRY(igi_pace_go(&pace, 1));
        int64_t in = i % size, at = igi_cols_at(&c, in / c.columns, in % c.columns);
        if (at >= 0)
            igi_copy_nd(ig_dtype_of(y), 1, &one, ig_data(y), i, &one, ig_data(x),
                        i / size * plane + at, &one);
    }
    return IG_OK;
}

static const igi_col_attrs spread = {sizeof(igi_col_attrs), IGI_INTS(1, 2), {0}, {0}};
static const igi_col_attrs padded = {
    sizeof(igi_col_attrs), {0}, IGI_INTS(0, 1, 0, 1), IGI_INTS(2, 1)};
static const ig_sample samples[] = {
    {.name = "plain", IGI_INPUTS(IGI_IN(2, 2, 3, 4), IGI_IN_INTS(2, 2))},
    {.name = "dilated",
     .attrs = &spread,
     IGI_INPUTS(IGI_IN(1, 1, 4, 4), IGI_IN_INTS(2, 2))},
    {.name = "strided_padded",
     .attrs = &padded,
     IGI_INPUTS(IGI_IN(1, 1, 3, 4), IGI_IN_INTS(1, 2))},
    {.name = "one_axis", IGI_INPUTS(IGI_IN(1, 1, 6), IGI_IN_INTS(3))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 1, 2, 2), IGI_IN_INTS(2, 2))},
    {0},
};

IG_OPERATOR(Im2Col) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "Im2Col",
    .since = 1,
    .doc =
        "The blocks of an image as columns, 0 in the padding: the transpose of Col2Im.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_col_options,
    .attrs_size = sizeof(igi_col_attrs),
    .infer = im2_col_infer,
    .gradient = im2_col_gradient,
    .saves = saves,
    .reference = im2_col_reference,
    .samples = samples,
};
