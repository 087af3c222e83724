// AffineGridGrad: dtheta[n] = sum over positions of dgrid times (x, y, 1): the
// transpose of AffineGrid, which is its own gradient's map.

#include "operators/common_affine.h"

IG_USES_OP(AffineGrid);
IG_USES_OP(Gather);

static const ig_port inputs[] = {
    IG_PORT("dgrid", 'T', "[N, H, W, 2] or [N, D, H, W, 3]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("dtheta", 'T', "[N, 2, 3] or [N, 3, 4]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status affine_grid_grad_infer(ig_infer *x)
{
    int n = x->in[0]->rank - 2;
    if (n != 2 && n != 3)
        return ig_infer_fail(x, "dgrid must have rank 4 or 5");
    int64_t same;
    IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[0])[n + 1], n,
                          "the numbers of a position", &same));
    const int64_t dims[3] = {ig_type_dims(x->in[0])[0], n, n + 1};
    return ig_infer_set(x, 0, 3, dims);
}

// The number of channels in size says nothing here: that of images stands for it.
static ig_status affine_grid_grad_gradient(ig_grad *g)
{
    static const int64_t order[5] = {0, 0, 1, 2, 3};
    int rank = ig_grad_in_type(g, 0)->rank;
    ig_var size = ig_emit2(g, IG_OP(Gather), NULL, ig_grad_in_shape(g, 0),
                           ig_grad_ints(g, order, rank < 0 ? 4 : rank));
    ig_grad_set(
        g, 0, ig_emit2(g, IG_OP(AffineGrid), ig_grad_attrs(g), ig_grad_dy(g, 0), size));
    return IG_OK;
}

static ig_status affine_grid_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *grid = ig_in(k, 0), *theta = ig_out(k, 0);
    bool corners = ((const igi_affine_attrs *)k->attrs)->align_corners;
    int n = ig_rank(grid) - 2;
    int64_t places = 1;
    for (int i = 0; i < n; i++)
        places *= ig_dims(grid)[1 + i];
    IGI_EACH_FLOAT(k, ig_dtype_of(grid), {
        for (int64_t image = 0; image < ig_dims(grid)[0]; image++) {
            double sum[12] = {0}, at[4];
            for (int64_t j = 0; j < places; j++) {
                igi_affine_place(grid, corners, j, at);
                for (int i = 0; i < n * (n + 1); i++)
                    sum[i] += at[i % (n + 1)] *
                              igi_load(T, ig_data(grid),
                                       (image * places + j) * n + i / (n + 1));
            }
            for (int i = 0; i < n * (n + 1); i++)
                igi_store(T, ig_data(theta), image * n * (n + 1) + i, sum[i]);
        }
    })
    return IG_OK;
}

static const igi_affine_attrs corners = {sizeof(igi_affine_attrs), 1};
static const ig_sample samples[] = {
    {.name = "flat", IGI_INPUTS(IGI_IN(2, 3, 4, 2))},
    {.name = "deep_corners", .attrs = &corners, IGI_INPUTS(IGI_IN(1, 2, 3, 2, 3))},
    {.name = "empty", IGI_INPUTS(IGI_IN(0, 3, 4, 2))},
    {0},
};

IG_OPERATOR(AffineGridGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "AffineGridGrad",
    .since = 1,
    .doc = "The gradient of AffineGrid by theta.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_affine_options,
    .attrs_size = sizeof(igi_affine_attrs),
    .infer = affine_grid_grad_infer,
    .gradient = affine_grid_grad_gradient,
    .reference = affine_grid_grad_reference,
    .samples = samples,
};
