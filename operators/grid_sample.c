/* GridSample: X sampled at the positions of a grid, by linear, nearest or cubic
 * weights.
 *
 * Positions run from -1 to 1 along each axis. What lies outside counts 0, is the
 * border's neighbour, or is reflected there: tap by tap, so a cubic filter at the
 * border sees repeated elements. Nearest rounds half to even. The gradient by X is the
 * transposed map, that by grid samples the derivative of the weights (common_grid.h).
 */
#include "operators/common_grid.h"

IG_USES_OP(GridSampleGrad);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dr], r >= 1."),
    IG_PORT("grid", 'G', "Positions [N, O1, ..., Or, r], the last axis of X first."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Samples [N, C, O1, ..., Or]."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {'G', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(igi_grid_sample_attrs,
                align_corners,
                0,
                "1: -1 and 1 are centres of the corner elements, 0: their outer edges.",
                .min = 0,
                .max = 1),
    IG_ATTR_ENUM(
        igi_grid_sample_attrs, mode, IGI_GRID_LINEAR, igi_grid_modes, "The filter."),
    IG_ATTR_ENUM(igi_grid_sample_attrs,
                 padding_mode,
                 IGI_GRID_ZEROS,
                 igi_grid_paddings,
                 "What lies outside."),
    {0},
};

static ig_status grid_sample_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    const igi_grid_sample_attrs *a = x->attrs;
    if (a->mode != IGI_GRID_NEAREST && x->in[0]->dtype == IG_STRING)
        return ig_infer_fail(x, "strings can only be sampled by mode nearest");
    IG_TRY(igi_grid_infer(x, x->in[0], x->in[1], dims));
    return ig_infer_set(x, 0, x->in[0]->rank, dims);
}

static igi_grid_slope_attrs plain(const igi_grid_sample_attrs *a)
{
    return (igi_grid_slope_attrs){.struct_size = sizeof(igi_grid_slope_attrs),
                                  .align_corners = a->align_corners,
                                  .mode = a->mode,
                                  .padding_mode = a->padding_mode};
}

static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(1)),
    {0},
};

static ig_status grid_sample_gradient(ig_grad *g)
{
    const igi_grid_slope_attrs a = plain(ig_grad_attrs(g));
    ig_var dy = ig_grad_dy(g, 0), grid = ig_grad_in(g, 1);
    if (ig_grad_wants(g, 0))
        ig_grad_set(
            g, 0,
            ig_emit3(g, IG_OP(GridSampleGrad), &a, dy, grid, ig_grad_in_shape(g, 0)));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, igi_emit_grid_gradient(g, &a, dy, ig_grad_in(g, 0), grid));
    return IG_OK;
}

static ig_status grid_sample_reference(ig_kernel_ctx *k)
{
    const igi_grid_slope_attrs a = plain(k->attrs);
    return igi_grid_sample(k, &a);
}

#define A_(name_, align_, mode_, padding_)                                             \
    static const igi_grid_sample_attrs name_ = {sizeof(igi_grid_sample_attrs), align_, \
                                                mode_, padding_}
A_(linear_zeros, 0, IGI_GRID_LINEAR, IGI_GRID_ZEROS);
A_(linear_border, 1, IGI_GRID_LINEAR, IGI_GRID_BORDER);
A_(linear_reflection, 0, IGI_GRID_LINEAR, IGI_GRID_REFLECTION);
A_(nearest_zeros, 0, IGI_GRID_NEAREST, IGI_GRID_ZEROS);
A_(nearest_reflection, 1, IGI_GRID_NEAREST, IGI_GRID_REFLECTION);
A_(nearest_border, 0, IGI_GRID_NEAREST, IGI_GRID_BORDER);
A_(cubic_zeros, 1, IGI_GRID_CUBIC, IGI_GRID_ZEROS);
A_(cubic_border, 0, IGI_GRID_CUBIC, IGI_GRID_BORDER);
A_(cubic_reflection, 1, IGI_GRID_CUBIC, IGI_GRID_REFLECTION);
#define NUMBERS_ ((IG_CLASSIC_TYPES | IG_T(BFLOAT16)) & ~IG_T(STRING))
/* Inside, at both sides outside and far outside; no position on a kink. */
#define GRID_                                                                          \
    {                                                                                  \
        IG_SHAPE_IN(1, 2, 3, 2), .data = (const double[])                              \
        {                                                                              \
            0.13, -0.31, -0.72, 0.55, 1.31, -1.42, 0.91, 0.07, -2.63, 0.41, 0.23, 3.77 \
        }                                                                              \
    }
#define SAMPLE_(attrs_, types_)                                                        \
    {                                                                                  \
        .name = #attrs_, .attrs = &(attrs_), .types = types_,                          \
        IGI_INPUTS(IGI_IN(1, 2, 4, 3), GRID_)                                          \
    }
static const ig_sample samples[] = {
    SAMPLE_(linear_zeros, NUMBERS_),
    SAMPLE_(linear_border, IG_FLOATS),
    SAMPLE_(linear_reflection, IG_FLOATS),
    SAMPLE_(nearest_zeros, 0),
    SAMPLE_(nearest_reflection, 0),
    SAMPLE_(nearest_border, 0),
    SAMPLE_(cubic_zeros, NUMBERS_),
    SAMPLE_(cubic_border, IG_FLOATS),
    SAMPLE_(cubic_reflection, IG_FLOATS),
    {.name = "three_axes",
     .attrs = &linear_zeros,
     .types = IG_FLOATS,
     IGI_INPUTS(IGI_IN(2, 1, 2, 3, 2),
                {IG_SHAPE_IN(2, 1, 2, 2, 3), .fill = IG_FILL_UNIT})},
    {.name = "one_axis",
     .attrs = &cubic_border,
     .types = IG_FLOATS,
     IGI_INPUTS(IGI_IN(1, 2, 5), {IG_SHAPE_IN(1, 4, 1), .fill = IG_FILL_UNIT})},
    {.name = "grid_float32",
     .attrs = &linear_zeros,
     .types = IG_FLOATS,
     .no_gradient = true, /* differences need the precision of float64 */
     IGI_INPUTS(IGI_IN(1, 1, 3, 3),
                {IG_SHAPE_IN(1, 1, 2, 2), IGI_DATA(IG_FLOAT32, 0.2, 0.3, -0.4, 0.6)})},
    {.name = "no_numbers",
     .attrs = &linear_border,
     .types = IG_FLOATS,
     .no_gradient = true,
     IGI_INPUTS(
         IGI_IN(1, 1, 3, 3),
         {IG_SHAPE_IN(1, 1, 2, 2), IGI_DATA(IG_FLOAT64, NAN, INFINITY, 1e300, -1e30)})},
    {.name = "size_one",
     .attrs = &linear_border,
     .types = IG_FLOATS,
     IGI_INPUTS(IGI_IN(1, 1, 1, 1), {IG_SHAPE_IN(1, 1, 1, 2), .fill = IG_FILL_UNIT})},
    {.name = "empty",
     .attrs = &linear_zeros,
     .types = IG_FLOATS,
     IGI_INPUTS(IGI_IN(0, 1, 3, 3), IGI_IN(0, 2, 2, 2))},
    {0},
};

IG_OPERATOR(GridSample) = {
    IG_OP_HEAD,
    .name = "GridSample",
    .since = 22,
    .doc = "Samples X at positions of a grid by linear, nearest or cubic filters over "
           "r >= 1 axes; zeros, the border or reflections lie outside.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_grid_sample_attrs),
    .infer = grid_sample_infer,
    .gradient = grid_sample_gradient,
    .saves = saves,
    .reference = grid_sample_reference,
    .samples = samples,
};
