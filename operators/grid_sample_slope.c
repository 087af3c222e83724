/* ingot::GridSampleSlope: GridSample with derived weights, as gradients need them. */
#include "operators/common_grid.h"

IG_USES_OP(GridSampleGrad);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dr], r >= 1."),
    IG_PORT("grid", 'G', "Positions [N, O1, ..., Or, r], the last axis of X first."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Derivatives [N, C, O1, ..., Or]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'G', IG_FLOATS}, {0}};

static ig_status slope_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    const igi_grid_slope_attrs *a = x->attrs;
    IG_TRY(igi_grid_infer(x, x->in[0], x->in[1], dims));
    if (a->orders.n && a->orders.n != x->in[0]->rank - 2)
        return ig_infer_fail(x, "orders needs one element a spatial axis");
    return ig_infer_set(x, 0, x->in[0]->rank, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(1)),
    {0},
};

static ig_status slope_gradient(ig_grad *g)
{
    const igi_grid_slope_attrs *a = ig_grad_attrs(g);
    ig_var dy = ig_grad_dy(g, 0), grid = ig_grad_in(g, 1);
    if (ig_grad_wants(g, 0))
        ig_grad_set(
            g, 0,
            ig_emit3(g, IG_OP(GridSampleGrad), a, dy, grid, ig_grad_in_shape(g, 0)));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, igi_emit_grid_gradient(g, a, dy, ig_grad_in(g, 0), grid));
    return IG_OK;
}

static ig_status slope_reference(ig_kernel_ctx *k)
{
    return igi_grid_sample(k, k->attrs);
}

#define HEAD .struct_size = sizeof(igi_grid_slope_attrs)
static const igi_grid_slope_attrs linear = {HEAD, .orders = IGI_INTS(1, 0)};
static const igi_grid_slope_attrs cubic = {HEAD, .mode = IGI_GRID_CUBIC,
                                           .padding_mode = IGI_GRID_BORDER,
                                           .orders = IGI_INTS(1, 2)};
static const igi_grid_slope_attrs nearest = {HEAD, .mode = IGI_GRID_NEAREST,
                                             .orders = IGI_INTS(1, 1)};
static const ig_sample samples[] = {
    {.name = "linear",
     .attrs = &linear,
     IGI_INPUTS(IGI_IN(2, 2, 3, 4), {IG_SHAPE_IN(2, 2, 1, 2), .fill = IG_FILL_UNIT})},
    {.name = "cubic",
     .attrs = &cubic,
     IGI_INPUTS(IGI_IN(1, 2, 3, 4), {IG_SHAPE_IN(1, 2, 2, 2), .fill = IG_FILL_UNIT})},
    {.name = "nearest_is_flat",
     .attrs = &nearest,
     IGI_INPUTS(IGI_IN(1, 1, 3, 4), {IG_SHAPE_IN(1, 2, 2, 2), .fill = IG_FILL_UNIT})},
    {.name = "empty",
     .attrs = &linear,
     IGI_INPUTS(IGI_IN(0, 1, 3, 3), IGI_IN(0, 2, 2, 2))},
    {0},
};

IG_OPERATOR(GridSampleSlope) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "GridSampleSlope",
    .since = 1,
    .doc =
        "GridSample's derivatives by the coordinates, `orders` times along each axis. "
        "Of gradients.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_grid_slope_rows,
    .attrs_size = sizeof(igi_grid_slope_attrs),
    .infer = slope_infer,
    .gradient = slope_gradient,
    .saves = saves,
    .reference = slope_reference,
    .samples = samples,
};
