// Col2Im: columns go back to where blocks of an image lie, and what meets is added.
//
//   image[n, c, x] = sum of columns[n, (c, k), l] over all (k, l) that lie at x
//
// Of bools the sum is "any of them"; strings have no sum.

#include "operators/common_col.h"

IG_USES_OP(Im2Col);

static const ig_port inputs[] = {
    IG_PORT("input", 'T', "Columns, [N, C * elements of a block, L]."),
    IG_PORT("image_shape", 'I', "Spatial dims of the image.", .flags = IG_VALUE),
    IG_PORT("block_shape", 'I', "Spatial dims of a block.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {IG_PORT("output", 'T', "[N, C, image...]."), {0}};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'I', IG_T(INT64)},
    {0},
};

static ig_status fits(ig_infer *x, const int64_t *image, const int64_t *block, int n)
{
    igi_cols c;
    for (int i = 0; i < n; i++)
        if (image[i] < 0 || block[i] < 0) // symbols
            return IG_OK;
    const char *wrong = igi_cols_make(x->attrs, n, image, block, &c);
    int64_t l = ig_type_dims(x->in[0])[2], rows = ig_type_dims(x->in[0])[1];
    if (wrong)
        return ig_infer_fail(x, "%s", wrong);
    if ((l >= 0 && l != c.columns) || (rows >= 0 && rows % c.places != 0))
        return ig_infer_fail(
            x, "these blocks need %lld columns and a multiple of %lld rows",
            (long long)c.columns, (long long)c.places);
    return IG_OK;
}

static ig_status col2_im_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX], block[IG_RANK_MAX], n_image, n_block;
    const int64_t *in = ig_type_dims(x->in[0]);
    if (x->in[0]->rank != 3)
        return ig_infer_fail(x, "the input must have rank 3");
    IG_TRY(igi_infer_vector(x, 1, &n_image));
    IG_TRY(igi_infer_vector(x, 2, &n_block));
    if (n_image >= 0 && n_block >= 0 && n_image != n_block)
        return ig_infer_fail(x, "image_shape and block_shape must have one length");
    if (n_image > IG_RANK_MAX - 2)
        return ig_infer_fail(x, "too many dims");
    int n = igi_infer_sizes(x, 1, dims + 2), m = igi_infer_sizes(x, 2, block);
    if (n == IG_INTS_TOO_MANY || m == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    if (n < 0 || m < 0)
        return n_image >= 0 ? ig_infer_fresh(x, 0, 2 + (int)n_image)
                            : ig_infer_unknown(x, 0);
    IG_TRY(fits(x, dims + 2, block, n));
    int64_t places = 1;
    for (int i = 0; i < n; i++)
        places = ig_dim_mul(x->syms, places, block[i]);
    dims[0] = in[0];
    dims[1] = places == 0 ? -1 : ig_dim_div(x->syms, in[1], places);
    return ig_infer_set(x, 0, n + 2, dims);
}

static ig_status col2_im_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit2(g, IG_OP(Im2Col), ig_grad_attrs(g), ig_grad_dy(g, 0),
                         ig_grad_in(g, 2)));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(2, IG_BIT(0)), {0}};

// Sums in S_: double, or integers that wrap; z_ says how many of them an element has.
#define COL_CASE(dtype_, T_, C_, LOAD_, STORE_, S_)                                    \
    case dtype_:                                                                       \
        for (int64_t p = 0; p < planes; p++) {                                         \
            const T_ *from = (const T_ *)ig_data(x) + p * c.places * c.columns;        \
            T_ *to = (T_ *)ig_data(y) + p * plane;                                     \
            S_ *sum = room;                                                            \
            memset(room, 0, (size_t)plane * sizeof(*sum));                             \
            for (int64_t i = 0; i < rows; i++) {                                       \
                IG_TRY(igi_pace_go(&pace, c.columns));                                 \
                for (int64_t l = 0; l < c.columns; l++) {                              \
                    int64_t at = igi_cols_at(&c, i, l);                                \
                    if (at >= 0)                                                       \
                        sum[at] += (S_)LOAD_(from, i * c.columns + l);                 \
                }                                                                      \
            }                                                                          \
            for (int64_t i = 0; i < plane; i++)                                        \
                STORE_(T_, to, i, sum[i]);                                             \
        }                                                                              \
        return IG_OK;
#define PAIR_CASE(dtype_, T_)                                                          \
    case dtype_:                                                                       \
        for (int64_t p = 0; p < planes; p++) {                                         \
            const T_ *from = (const T_ *)ig_data(x) + 2 * p * c.places * c.columns;    \
            T_ *to = (T_ *)ig_data(y) + 2 * p * plane;                                 \
            for (int64_t i = 0; i < rows; i++) {                                       \
                IG_TRY(igi_pace_go(&pace, c.columns));                                 \
                for (int64_t l = 0; l < c.columns; l++) {                              \
                    int64_t at = igi_cols_at(&c, i, l), f = i * c.columns + l;         \
                    if (at >= 0) {                                                     \
                        to[2 * at] += from[2 * f];                                     \
                        to[2 * at + 1] += from[2 * f + 1];                             \
                    }                                                                  \
                }                                                                      \
            }                                                                          \
        }                                                                              \
        return IG_OK;

static ig_status add_up(ig_kernel_ctx *k, igi_cols c, void *room)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    int64_t plane = 1, planes = ig_dims(y)[0] * ig_dims(y)[1];
    // Blocks larger than the image have no columns, and more places than memory.
    const int64_t rows = c.columns ? c.places : 0;
    igi_pace pace = igi_pace_of(k);
    for (int i = 0; i < c.n; i++)
        plane *= c.image[i];
    switch (ig_dtype_of(x)) {
        IGI_FLOAT_ROWS(COL_CASE, double)
        IGI_INTEGER_ROWS(COL_CASE, uint64_t)
        IGI_BOOL_ROWS(COL_CASE, uint64_t)
        PAIR_CASE(IG_COMPLEX64, float)
        PAIR_CASE(IG_COMPLEX128, double)
    default:
        return ig_kernel_fail(k, IG_UNSUPPORTED, "%s has no sum",
                              ig_dtype_name(ig_dtype_of(x)));
    }
}

static ig_status col2_im_reference(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    int64_t plane = 1;
    igi_cols c;
    IG_TRY(igi_cols_read(k, &c));
    for (int i = 0; i < c.n; i++)
        plane *= c.image[i];
    if (ig_numel(y) == 0)
        return IG_OK;
    void *room = igi_calloc((size_t)plane, sizeof(double));
    if (!room)
        return IG_OUT_OF_MEMORY;
    if (IG_COMPLEXES >> ig_dtype_of(y) & 1)
        igi_fill_zero(y);
    ig_status rc = add_up(k, c, room);
    igi_free(room);
    return rc;
}

static const igi_col_attrs spread = {sizeof(igi_col_attrs), IGI_INTS(1, 2), {0}, {0}};
static const igi_col_attrs padded = {
    sizeof(igi_col_attrs), {0}, IGI_INTS(0, 1, 0, 1), IGI_INTS(2, 1)};
static const igi_col_attrs far = {sizeof(igi_col_attrs), IGI_INTS(2, 3),
                                  IGI_INTS(4, 9, 2, 8), IGI_INTS(1, 3)};
#define ADDABLE (IG_NUMERIC | IG_COMPLEXES | IG_T(BOOL))
static const ig_sample samples[] = {
    {.name = "plain",
     .types = ADDABLE,
     IGI_INPUTS(IGI_IN(1, 8, 6), IGI_IN_INTS(3, 4), IGI_IN_INTS(2, 2))},
    {.name = "dilated",
     .attrs = &spread,
     .types = ADDABLE,
     IGI_INPUTS(IGI_IN(2, 4, 6), IGI_IN_INTS(4, 4), IGI_IN_INTS(2, 2))},
    {.name = "no_columns",
     .types = ADDABLE,
     IGI_INPUTS(IGI_IN(1, INT64_C(1) << 40, 0),
                IGI_IN_INTS(2, 3),
                IGI_IN_INTS(1 << 20, 1 << 20))},
    {.name = "strided_padded",
     .attrs = &padded,
     .types = ADDABLE,
     IGI_INPUTS(IGI_IN(1, 2, 10), IGI_IN_INTS(3, 4), IGI_IN_INTS(1, 2))},
    {.name = "one_axis",
     .types = IG_FLOATS,
     IGI_INPUTS(IGI_IN(1, 3, 4), IGI_IN_INTS(6), IGI_IN_INTS(3))},
    {.name = "three_axes",
     .types = IG_FLOATS,
     IGI_INPUTS(IGI_IN(1, 4, 8), IGI_IN_INTS(2, 3, 3), IGI_IN_INTS(1, 2, 2))},
    {.name = "far_pads",
     .attrs = &far,
     .types = IG_FLOATS,
     IGI_INPUTS(IGI_IN(1, 12, 35), IGI_IN_INTS(3, 2), IGI_IN_INTS(2, 3))},
    {.name = "empty",
     .types = ADDABLE,
     IGI_INPUTS(IGI_IN(0, 4, 1), IGI_IN_INTS(2, 2), IGI_IN_INTS(2, 2))},
    {0},
};

IG_OPERATOR(Col2Im) = {
    IG_OP_HEAD,
    .name = "Col2Im",
    .since = 18,
    .doc = "An image from the columns of its blocks; what meets in one place is added.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_col_options,
    .attrs_size = sizeof(igi_col_attrs),
    .infer = col2_im_infer,
    .gradient = col2_im_gradient,
    .saves = saves,
    .reference = col2_im_reference,
    .samples = samples,
};
