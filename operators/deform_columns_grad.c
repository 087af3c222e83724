// DeformColumnsGrad: the transpose of DeformColumns in x: columns added to where they
// were read, in order.

#include "operators/common_deform.h"

static const ig_port inputs[] = {
    IG_PORT("dcols", 'T', "Of the columns' shape, [N, C * places, out...]."),
    IG_PORT("offset", 'T', "As given to DeformColumns."),
    IG_PORT("shape", 'I', "Dims of x.", .flags = IG_VALUE),
    IG_PORT("mask", 'T', "As given to DeformColumns.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {IG_PORT("dx", 'T', "Of dims `shape`."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};

static ig_status deform_columns_grad_infer(ig_infer *x)
{
    return igi_infer_listed(x, 2);
}

static ig_status deform_columns_grad_gradient(ig_grad *g)
{
    const igi_deform_attrs *o = ig_grad_attrs(g);
    ig_var h = ig_grad_dy(g, 0), d = ig_grad_in(g, 0), offset = ig_grad_in(g, 1);
    ig_var mask = ig_grad_in(g, 3);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, igi_emit_deform_columns(g, o, h, offset, mask));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, igi_emit_deform_offset(g, o, d, h, offset, mask));
    if (ig_grad_wants(g, 3))
        ig_grad_set(g, 3, igi_emit_deform_sum(g, o, d, h, offset));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(1) | IG_BIT(3)),
    IG_SAVE_IN(1, IG_SAVE_ANY),
    IG_SAVE_IN(3, IG_BIT(0) | IG_BIT(1)),
    {0},
};

static ig_status deform_columns_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *in = ig_in(k, 0), *dx = ig_out(k, 0);
    igi_corner corner[1 << IGI_DEFORM_AXES];
    igi_deform d;
    IG_TRY(igi_deform_make(k, k->attrs, ig_rank(dx), ig_dims(dx), ig_in(k, 1),
                           ig_in(k, 3), &d));
    if (ig_numel(in) != d.batch * d.c * d.places * d.out_plane)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "d does not fit shape and offset");
    if (!ig_numel(dx)) /* planes without a batch may be of any size */
        return IG_OK;
    double *sum = igi_calloc((size_t)d.in_plane + 1, sizeof(*sum));
    if (!sum)
        return IG_OUT_OF_MEMORY;
    igi_pace pace = igi_pace_of(k);
    ig_status rc = IG_OK;
    for (int64_t plane = 0; plane < d.batch * d.c && rc == IG_OK; plane++) {
        int64_t group = plane % d.c / (d.c / d.groups), size = d.places * d.out_plane;
        memset(sum, 0, (size_t)d.in_plane * sizeof(*sum));
        for (int64_t i = 0; i < size && rc == IG_OK; i++) {
            rc = igi_pace_go(&pace, 32);
            int n = igi_deform_corners(&d, plane / d.c, group, i / d.out_plane,
                                       i % d.out_plane, corner);
            double v = igi_get_f64(ig_dtype_of(in), ig_data(in), plane * size + i);
            for (int j = 0; j < n; j++)
                sum[corner[j].at] += corner[j].weight * v;
        }
        for (int64_t i = 0; i < d.in_plane; i++)
            igi_put_f64(ig_dtype_of(dx), ig_data(dx), plane * d.in_plane + i, sum[i]);
    }
    igi_free(sum);
    return rc;
}

static const ig_sample samples[] = {
    {.name = "flat",
     .attrs = &igi_deform_flat,
     IGI_INPUTS(IGI_IN(1, 8, 3, 2),
                IGI_IN(1, 16, 3, 2),
                IGI_IN_INTS(1, 2, 3, 4),
                IGI_IN(1, 8, 3, 2))},
    {.name = "slope",
     .attrs = &igi_deform_line,
     IGI_INPUTS(IGI_IN(1, 2, 3), IGI_IN(1, 2, 3), IGI_IN_INTS(1, 1, 4))},
    {.name = "empty",
     .attrs = &igi_deform_line,
     IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(0, 2, 3), IGI_IN_INTS(0, 1, 4))},
    {.name = "empty_of_many",
     .attrs = &igi_deform_line,
     IGI_INPUTS(IGI_IN(0, 2, (1ll << 40) - 1),
                IGI_IN(0, 2, (1ll << 40) - 1),
                IGI_IN_INTS(0, 1, 1ll << 40))},
    {0},
};

IG_OPERATOR(DeformColumnsGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "DeformColumnsGrad",
    .since = 1,
    .doc = "Columns added to where DeformColumns reads them.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_deform_options,
    .attrs_size = sizeof(igi_deform_attrs),
    .infer = deform_columns_grad_infer,
    .gradient = deform_columns_grad_gradient,
    .saves = saves,
    .reference = deform_columns_grad_reference,
    .samples = samples,
};
