// DeformColumns: what the windows of a DeformConv read, as channels (c, place).

#include "operators/common_deform.h"

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "[N, C, in...]."),
    IG_PORT("offset", 'T', "[N, offset_group * places * axes, out...]."),
    IG_PORT("mask",
            'T',
            "Factors, [N, offset_group * places, out...]; absent: 1.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("columns", 'T', "[N, C * places, out...]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status deform_columns_infer(ig_infer *x)
{
    const igi_deform_attrs *o = x->attrs;
    int64_t dims[IG_RANK_MAX], places = 1;
    int rank = x->in[0]->rank;
    if (x->in[1]->rank != rank)
        return ig_infer_fail(x, "offset must have the rank of x");
    IG_TRY(igi_deform_sizes(x, o, rank - 2, ig_type_dims(x->in[0]) + 2, dims + 2));
    for (int i = 0; i < rank - 2; i++) {
        IG_TRY(ig_infer_equal(x, dims[2 + i], ig_type_dims(x->in[1])[2 + i],
                              "a dim of offset", &dims[2 + i]));
        places *= o->kernel_shape.v[i];
    }
    dims[0] = ig_type_dims(x->in[0])[0];
    dims[1] = ig_dim_mul(x->syms, ig_type_dims(x->in[0])[1], places);
    return ig_infer_set(x, 0, rank, dims);
}

static ig_status deform_columns_gradient(ig_grad *g)
{
    const igi_deform_attrs *o = ig_grad_attrs(g);
    ig_var d = ig_grad_dy(g, 0), x = ig_grad_in(g, 0), offset = ig_grad_in(g, 1);
    ig_var mask = ig_grad_in(g, 2);
    if (ig_grad_wants(g, 0))
        ig_grad_set(
            g, 0, igi_emit_deform_back(g, o, d, offset, mask, ig_grad_in_shape(g, 0)));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, igi_emit_deform_offset(g, o, d, x, offset, mask));
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, igi_emit_deform_sum(g, o, d, x, offset));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(1) | IG_BIT(2)),
    IG_SAVE_IN(1, IG_SAVE_ANY),
    IG_SAVE_IN(2, IG_BIT(0) | IG_BIT(1)),
    {0},
};

static ig_status deform_columns_reference(ig_kernel_ctx *k)
{
    const ig_tensor *x = ig_in(k, 0), *y = ig_out(k, 0);
    igi_corner corner[1 << IGI_DEFORM_AXES];
    igi_deform d;
    IG_TRY(igi_deform_make(k, k->attrs, ig_rank(x), ig_dims(x), ig_in(k, 1),
                           ig_in(k, 2), &d));
    if (ig_numel(y) != d.batch * d.c * d.places * d.out_plane)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "offset does not fit the output");
    igi_pace pace = igi_pace_of(k);
    IGI_EACH_FLOAT(k, ig_dtype_of(y), {
        for (int64_t i = 0; i < ig_numel(y); i++) {
            IG_TRY(igi_pace_go(&pace, 32));
            int64_t out = i % d.out_plane, place = i / d.out_plane % d.places;
            int64_t plane = i / (d.out_plane * d.places), c = plane % d.c;
            int n = igi_deform_corners(&d, plane / d.c, c / (d.c / d.groups), place,
                                       out, corner);
            double sum = 0;
            for (int j = 0; j < n; j++)
                sum += corner[j].weight *
                       igi_load(T, ig_data(x), plane * d.in_plane + corner[j].at);
            igi_store(T, ig_data(y), i, sum);
        }
    })
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "flat",
     .attrs = &igi_deform_flat,
     IGI_INPUTS(IGI_IN(1, 2, 3, 4), IGI_IN(1, 16, 3, 2), IGI_IN(1, 8, 3, 2))},
    {.name = "slope",
     .attrs = &igi_deform_line,
     IGI_INPUTS(IGI_IN(2, 1, 4), IGI_IN(2, 2, 3))},
    {.name = "empty",
     .attrs = &igi_deform_line,
     IGI_INPUTS(IGI_IN(0, 1, 4), IGI_IN(0, 2, 3))},
    {0},
};

IG_OPERATOR(DeformColumns) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "DeformColumns",
    .since = 1,
    .doc =
        "What the windows of a DeformConv read, as channels; or its derivative by the "
        "position along a set of axes.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_deform_options,
    .attrs_size = sizeof(igi_deform_attrs),
    .infer = deform_columns_infer,
    .gradient = deform_columns_gradient,
    .saves = saves,
    .reference = deform_columns_reference,
    .samples = samples,
};
