/* ingot::GridSampleGrad: the transpose of GridSample (of any order) with respect to X.
 * Every element of dy goes to the elements that it was made of, with their weights. */
#include "operators/common_grid.h"
#include "operators/common_move.h"

IG_USES_OP(GridSampleSlope);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of the samples [N, C, O1, ..., Or]."),
    IG_PORT("grid", 'G', "Positions [N, O1, ..., Or, r]."),
    IG_PORT("shape", 'I', "Shape of X.", .flags = IG_VALUE),
    {0},
};
static const ig_port outputs[] = {IG_PORT("dx", 'T', "Gradient of X."), {0}};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS}, {'G', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};

static ig_status grid_grad_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    const igi_grid_slope_attrs *a = x->attrs;
    const ig_type *dy = x->in[0], *grid = x->in[1];
    int n = igi_infer_sizes(x, 2, dims);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if ((n != dy->rank && n != IG_INTS_UNKNOWN) || grid->rank != dy->rank ||
        dy->rank < 3)
        return ig_infer_fail(x, "dy, grid and shape must have one rank, at least 3");
    if (n == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, dy->rank);
    if (a->orders.n && a->orders.n != n - 2)
        return ig_infer_fail(x, "orders needs one element a spatial axis");
    const int64_t *yd = ig_type_dims(dy), *gd = ig_type_dims(grid);
    IG_TRY(ig_infer_equal(x, gd[n - 1], n - 2, "the last dim of grid and axes", NULL));
    IG_TRY(ig_infer_equal(x, yd[0], gd[0], "items of dy and grid", NULL));
    for (int i = 0; i < 2; i++)
        IG_TRY(ig_infer_equal(x, yd[i], dims[i], "dims of dy and of X", NULL));
    for (int i = 2; i < n; i++)
        IG_TRY(ig_infer_equal(x, yd[i], gd[i - 1], "dims of dy and grid", NULL));
    return ig_infer_set(x, 0, n, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(1)),
    {0},
};

static ig_status grid_grad_gradient(ig_grad *g)
{
    const igi_grid_slope_attrs *a = ig_grad_attrs(g);
    ig_var ddx = ig_grad_dy(g, 0), grid = ig_grad_in(g, 1);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, ig_emit2(g, IG_OP(GridSampleSlope), a, ddx, grid));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, igi_emit_grid_gradient(g, a, ig_grad_in(g, 0), ddx, grid));
    return IG_OK;
}

static ig_status grid_grad_reference(ig_kernel_ctx *k)
{
    igi_grid v;
    const ig_tensor *dy = ig_in(k, 0);
    ig_tensor *dx = ig_out(k, 0);
    const int64_t count = ig_numel(dx);
    igi_grid_set(&v, k->attrs, ig_rank(dx), ig_dims(dx), ig_in(k, 1));
    if (count == 0)
        return IG_OK;
    double *sum = igi_calloc((size_t)count, sizeof(*sum));
    if (!sum)
        return IG_OUT_OF_MEMORY;
    igi_pace pace = igi_pace_of(k);
    ig_status rc = IG_OK;
    for (int64_t n = 0; n < v.batch; n++)
        for (int64_t p = 0; p < v.places && rc == IG_OK; p++) {
            rc = igi_pace_go(&pace, 32 * (v.channels + 1));
            igi_grid_seek(&v, n, p);
            for (int64_t c = 0; c < v.channels; c++) {
                const int64_t plane = n * v.channels + c;
                igi_grid_scatter(
                    &v, sum, plane * v.plane,
                    igi_get_f64(ig_dtype_of(dy), ig_data(dy), plane * v.places + p));
            }
        }
    for (int64_t i = 0; i < count; i++)
        igi_store(ig_dtype_of(dx), ig_data(dx), i, sum[i]);
    igi_free(sum);
    return rc;
}

#define HEAD .struct_size = sizeof(igi_grid_slope_attrs)
static const igi_grid_slope_attrs linear = {HEAD};
static const igi_grid_slope_attrs cubic = {HEAD, .mode = IGI_GRID_CUBIC,
                                           .padding_mode = IGI_GRID_BORDER,
                                           .orders = IGI_INTS(1, 0)};
static const ig_sample samples[] = {
    {.name = "linear",
     .attrs = &linear,
     IGI_INPUTS(IGI_IN(2, 2, 2, 1),
                {IG_SHAPE_IN(2, 2, 1, 2), .fill = IG_FILL_UNIT},
                IGI_IN_INTS(2, 2, 3, 4))},
    {.name = "cubic",
     .attrs = &cubic,
     IGI_INPUTS(IGI_IN(1, 1, 2, 2),
                {IG_SHAPE_IN(1, 2, 2, 2), .fill = IG_FILL_UNIT},
                IGI_IN_INTS(1, 1, 3, 4))},
    {.name = "empty",
     .attrs = &linear,
     IGI_INPUTS(IGI_IN(0, 1, 2, 2), IGI_IN(0, 2, 2, 2), IGI_IN_INTS(0, 1, 3, 3))},
    {0},
};

IG_OPERATOR(GridSampleGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "GridSampleGrad",
    .since = 1,
    .doc = "Gradient of GridSample and of its derivatives with respect to X, given dy, "
           "the grid and X's shape.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_grid_slope_rows,
    .attrs_size = sizeof(igi_grid_slope_attrs),
    .infer = grid_grad_infer,
    .gradient = grid_grad_gradient,
    .saves = saves,
    .reference = grid_grad_reference,
    .samples = samples,
};
