// DeformSum: per place the sum, over the channels of a group, of d times what
// DeformColumns reads: the gradient of a mask, and with a slope that of an offset.

#include "operators/common_deform.h"

static const ig_port inputs[] = {
    IG_PORT("dcols", 'T', "Of the columns' shape, [N, C * places, out...]."),
    IG_PORT("x", 'T', "[N, C, in...]."),
    IG_PORT("offset", 'T', "[N, offset_group * places * axes, out...]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("sum", 'T', "[N, offset_group * places, out...]."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status deform_sum_infer(ig_infer *x)
{
    const igi_deform_attrs *o = x->attrs;
    int64_t dims[IG_RANK_MAX], places = 1;
    int rank = x->in[1]->rank;
    if (x->in[0]->rank != rank || x->in[2]->rank != rank)
        return ig_infer_fail(x, "d, x and offset must have one rank");
    IG_TRY(igi_deform_sizes(x, o, rank - 2, ig_type_dims(x->in[1]) + 2, dims + 2));
    for (int i = 0; i < rank - 2; i++) {
        IG_TRY(ig_infer_equal(x, dims[2 + i], ig_type_dims(x->in[2])[2 + i],
                              "a dim of offset", &dims[2 + i]));
        places *= o->kernel_shape.v[i];
    }
    dims[0] = ig_type_dims(x->in[1])[0];
    dims[1] = ig_dim_mul(x->syms, o->offset_group, places);
    return ig_infer_set(x, 0, rank, dims);
}

static ig_status deform_sum_gradient(ig_grad *g)
{
    const igi_deform_attrs *o = ig_grad_attrs(g);
    ig_var h = ig_grad_dy(g, 0), d = ig_grad_in(g, 0), x = ig_grad_in(g, 1);
    ig_var offset = ig_grad_in(g, 2);
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, igi_emit_deform_columns(g, o, x, offset, h));
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1,
                    igi_emit_deform_back(g, o, d, offset, h, ig_grad_in_shape(g, 1)));
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, igi_emit_deform_offset(g, o, d, x, offset, h));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(1) | IG_BIT(2)),
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(2)),
    IG_SAVE_IN(2, IG_SAVE_ANY),
    {0},
};

static ig_status deform_sum_reference(ig_kernel_ctx *k)
{
    const ig_tensor *in = ig_in(k, 0), *x = ig_in(k, 1), *y = ig_out(k, 0);
    igi_corner corner[1 << IGI_DEFORM_AXES];
    igi_deform d;
    IG_TRY(igi_deform_make(k, k->attrs, ig_rank(x), ig_dims(x), ig_in(k, 2), NULL, &d));
    int64_t size = d.places * d.out_plane, per = d.c / d.groups;
    if (ig_numel(in) != d.batch * d.c * size ||
        ig_numel(y) != d.batch * d.groups * size)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "d does not fit x and offset");
    igi_pace pace = igi_pace_of(k);
    IGI_EACH_FLOAT(k, ig_dtype_of(y), {
        for (int64_t i = 0; i < ig_numel(y); i++) {
            IG_TRY(igi_pace_go(&pace, 32 + 8 * per));
            int64_t group = i / size, place = i % size / d.out_plane;
            int n = igi_deform_corners(&d, group / d.groups, group % d.groups, place,
                                       i % d.out_plane, corner);
            double sum = 0;
            for (int64_t c = group * per; c < (group + 1) * per; c++)
                for (int j = 0; j < n; j++)
                    sum += corner[j].weight *
                           igi_load(T, ig_data(in), c * size + i % size) *
                           igi_load(T, ig_data(x), c * d.in_plane + corner[j].at);
            igi_store(T, ig_data(y), i, sum);
        }
    })
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "flat",
     .attrs = &igi_deform_flat,
     IGI_INPUTS(IGI_IN(1, 16, 3, 2), IGI_IN(1, 4, 3, 4), IGI_IN(1, 16, 3, 2))},
    {.name = "slope",
     .attrs = &igi_deform_line,
     IGI_INPUTS(IGI_IN(2, 2, 3), IGI_IN(2, 1, 4), IGI_IN(2, 2, 3))},
    {.name = "empty",
     .attrs = &igi_deform_line,
     IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(0, 1, 4), IGI_IN(0, 2, 3))},
    {0},
};

IG_OPERATOR(DeformSum) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "DeformSum",
    .since = 1,
    .doc = "The gradient of DeformConv's mask, or with a slope that of its offsets.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_deform_options,
    .attrs_size = sizeof(igi_deform_attrs),
    .infer = deform_sum_infer,
    .gradient = deform_sum_gradient,
    .saves = saves,
    .reference = deform_sum_reference,
    .samples = samples,
};
