// AffineGrid: positions in an input image for each position of an output image.
//
//   grid[n, h, w] = theta[n] (x(w), y(h), 1)
//
// Positions run from -1 to 1, at the centers of the corner elements (align_corners) or
// at their outer edges. In three dims (x(w), y(h), z(d), 1).

#include "operators/common_affine.h"

IG_USES_OP(AffineGridGrad);

static const ig_port inputs[] = {
    IG_PORT("theta", 'T', "[N, 2, 3] or [N, 3, 4]."),
    IG_PORT("size",
            'I',
            "Dims of the output image, (N, C, H, W) or (N, C, D, H, W).",
            .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("grid", 'T', "[N, H, W, 2] or [N, D, H, W, 3]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};

static ig_status affine_grid_infer(ig_infer *x)
{
    const ig_type *theta = x->in[0];
    int64_t size[IG_RANK_MAX], dims[5], length, rows, columns;
    if (theta->rank != 3)
        return ig_infer_fail(x, "theta must have rank 3");
    IG_TRY(igi_infer_vector(x, 1, &length));
    rows = ig_type_dims(theta)[1];
    columns = ig_type_dims(theta)[2];
    if (length >= 0 && length != 4 && length != 5)
        return ig_infer_fail(x, "size must have 4 or 5 numbers");
    int n = length >= 0 ? (int)length - 2 : rows == 2 || rows == 3 ? (int)rows : -1;
    if ((rows >= 0 && n >= 0 && rows != n) ||
        (columns >= 0 && n >= 0 && columns != n + 1))
        return ig_infer_fail(x, "theta must be [N, 2, 3] for 4 numbers in size and "
                                "[N, 3, 4] for 5");
    if (n < 0)
        return ig_infer_unknown(x, 0);
    int got = igi_infer_sizes(x, 1, size);
    if (got == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT; // message set
    dims[0] = ig_type_dims(theta)[0];
    if (got == n + 2)
        IG_TRY(ig_infer_equal(x, dims[0], size[0], "the number of images", &dims[0]));
    for (int i = 0; i < n; i++)
        dims[1 + i] = got == n + 2 ? size[2 + i] : ig_dim_fresh(x->syms);
    dims[n + 1] = n;
    return ig_infer_set(x, 0, n + 2, dims);
}

static ig_status affine_grid_gradient(ig_grad *g)
{
    ig_grad_set(g, 0,
                ig_emit1(g, IG_OP(AffineGridGrad), ig_grad_attrs(g), ig_grad_dy(g, 0)));
    return IG_OK;
}

static ig_status affine_grid_reference(ig_kernel_ctx *k)
{
    const ig_tensor *theta = ig_in(k, 0), *grid = ig_out(k, 0);
    bool corners = ((const igi_affine_attrs *)k->attrs)->align_corners;
    int n = ig_rank(grid) - 2;
    int64_t images = ig_dims(grid)[0], places = 1;
    for (int i = 0; i < n; i++)
        places *= ig_dims(grid)[1 + i];
    if (ig_numel(theta) != images * n * (n + 1))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "theta does not fit size");
    IGI_EACH_FLOAT(k, ig_dtype_of(grid), {
        for (int64_t j = 0; j < images * places; j++) {
            double at[4];
            igi_affine_place(grid, corners, j % places, at);
            for (int r = 0; r < n; r++) {
                double sum = 0;
                for (int c = 0; c <= n; c++)
                    sum += at[c] * igi_load(T, ig_data(theta),
                                            (j / places * n + r) * (n + 1) + c);
                igi_store(T, ig_data(grid), j * n + r, sum);
            }
        }
    })
    return IG_OK;
}

static const igi_affine_attrs corners = {sizeof(igi_affine_attrs), 1};
static const ig_sample samples[] = {
    {.name = "flat", IGI_INPUTS(IGI_IN(2, 2, 3), IGI_IN_INTS(2, 3, 4, 5))},
    {.name = "flat_corners",
     .attrs = &corners,
     IGI_INPUTS(IGI_IN(1, 2, 3), IGI_IN_INTS(1, 1, 3, 1))},
    {.name = "deep", IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN_INTS(2, 1, 2, 3, 4))},
    {.name = "deep_corners",
     .attrs = &corners,
     IGI_INPUTS(IGI_IN(1, 3, 4), IGI_IN_INTS(1, 1, 2, 3, 2))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN_INTS(0, 3, 4, 5))},
    {0},
};

IG_OPERATOR(AffineGrid) = {
    IG_OP_HEAD,
    .name = "AffineGrid",
    .since = 20,
    .doc = "Positions in an input image for each position of an output image, by an "
           "affine "
           "map.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_affine_options,
    .attrs_size = sizeof(igi_affine_attrs),
    .infer = affine_grid_infer,
    .gradient = affine_grid_gradient,
    .reference = affine_grid_reference,
    .samples = samples,
};
