/* RMSNormalization: over the axes from `axis` on,
 *   r = 1 / sqrt(mean(x^2) + epsilon), y = x * r * scale.
 *
 * The text computes r in stash_type; here it is computed in double. */
#include "operators/common_grad.h"
#include "operators/common_norm.h"

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Tensor to normalise."),
    IG_PORT("scale", 'V', "Factor; broadcasts to X."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'V', "Shape of X, element type of scale."),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'V', IG_FLOATS}, {0}};

static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        igi_norm_attrs, axis, -1, "First axis to normalise; negative: from the end."),
    IG_ATTR_FLOAT(igi_norm_attrs, epsilon, 1e-5f, "Added to the mean of squares."),
    IG_ATTR_DTYPE(igi_norm_attrs,
                  stash_type,
                  IG_FLOAT32,
                  "Element type of the first stage; a bound from below."),
    {0},
};

static ig_status rms_norm_infer(ig_infer *x)
{
    int axis;
    IG_TRY(ig_infer_axis(x, ((const igi_norm_attrs *)x->attrs)->axis, x->in[0]->rank,
                         false, &axis));
    IG_TRY(igi_norm_check(x, 1));
    return ig_infer_copy(x, 0, 0);
}

static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0) | IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0)),
    {0},
};

/* With n = x * r and h = dy * scale: dx = r * (h - n * mean(h * n)), dscale = dy * n.
 * Means are operators, so that sizes may be symbolic. */
static ig_status rms_norm_gradient(ig_grad *g)
{
    const igi_norm_attrs *a = ig_grad_attrs(g);
    const ig_type *x_type = ig_grad_in_type(g, 0), *s_type = ig_grad_in_type(g, 1);
    int rank = x_type->rank, count = 0;
    int64_t axes[IG_RANK_MAX], axis = a->axis < 0 ? a->axis + rank : a->axis;
    bool f64 = x_type->dtype == IG_FLOAT64 || s_type->dtype == IG_FLOAT64;
    ig_dtype wide = f64 ? IG_FLOAT64 : IG_FLOAT32;
    for (int64_t i = axis; i < rank; i++)
        axes[count++] = i;
    ig_var x = igi_emit_cast(g, ig_grad_in(g, 0), wide);
    ig_var dy = igi_emit_cast(g, ig_grad_dy(g, 0), wide);
    ig_var squares = igi_emit_mean(g, igi_emit_mul(g, x, x), axes, count);
    ig_var r = igi_emit_inverse_root(g, squares, (double)a->epsilon);
    ig_var n = igi_emit_mul(g, x, r);
    if (ig_grad_wants(g, 0)) {
        ig_var h = igi_emit_mul(g, dy, igi_emit_cast(g, ig_grad_in(g, 1), wide));
        ig_var mean = igi_emit_mean(g, igi_emit_mul(g, h, n), axes, count);
        ig_var dx = igi_emit_sub(g, h, igi_emit_mul(g, n, mean));
        ig_grad_set(g, 0,
                    igi_emit_cast(g, igi_emit_mul(g, r, dx), (ig_dtype)x_type->dtype));
    }
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1,
                    igi_emit_cast(g, igi_emit_mul(g, dy, n), (ig_dtype)s_type->dtype));
    return IG_OK;
}

static ig_status rms_norm_reference(ig_kernel_ctx *k)
{
    const igi_norm_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *scale = ig_in(k, 1), *y = ig_out(k, 0);
    const ig_dtype T = ig_dtype_of(x), V = ig_dtype_of(scale);
    const igi_norm_rows r = igi_norm_rows_of(x, a->axis);
    const igi_affine s = igi_affine_of(scale, &r);
    for (int64_t row = 0; row < r.rows; row++) {
        const int64_t at = row * r.n, base = igi_affine_row(&s, &r, row);
        double squares = 0;
        for (int64_t j = 0; j < r.n; j++) {
            double v = igi_load(T, ig_data(x), at + j);
            squares += v * v;
        }
        const double inv = 1 / sqrt(squares / (double)r.n + (double)a->epsilon);
        for (int64_t j = 0; j < r.n; j++)
            igi_store(V, ig_data(y), at + j,
                      igi_load(T, ig_data(x), at + j) * inv *
                          igi_affine_load(V, &s, &r, base, j));
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_norm_attrs), .stash_type = IG_FLOAT32
static const igi_norm_attrs middle = {HEAD, .axis = 1, .epsilon = 1e-5f};
static const igi_norm_attrs all_axes = {HEAD, .axis = 0, .epsilon = 0.1f};

static const ig_sample samples[] = {
    {.name = "last_axis", IGI_INPUTS(IGI_IN(3, 5), IGI_IN(5))},
    {.name = "from_axis_one",
     .attrs = &middle,
     IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN(3, 4))},
    {.name = "all_axes", .attrs = &all_axes, IGI_INPUTS(IGI_IN(2, 3), IGI_IN(2, 3))},
    {.name = "broadcast_scale",
     .attrs = &middle,
     IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN(2, 1, 4))},
    {.name = "scale_over_rows",
     .attrs = &middle,
     IGI_INPUTS(IGI_IN(3, 3, 4), IGI_IN(3, 1, 4))},
    {.name = "scalar_scale", IGI_INPUTS(IGI_IN(2, 4), {.rank = 0})},
    {.name = "other_type_of_scale",
     IGI_INPUTS(IGI_IN(2, 4), {IG_SHAPE_IN(4), .dtype = IG_FLOAT64}),
     .types = IG_T(FLOAT16) | IG_T(FLOAT32) | IG_T(FLOAT64)},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1), IGI_IN(1))},
    {.name = "empty_batch", IGI_INPUTS(IGI_IN(0, 4), IGI_IN(4))},
    {.name = "empty_rows", IGI_INPUTS(IGI_IN(2, 0), IGI_IN(0))},
    {0},
};

IG_OPERATOR(RMSNormalization) = {
    IG_OP_HEAD,
    .name = "RMSNormalization",
    .since = 23,
    .doc =
        "Divides by the root of the mean of squares over the axes from `axis` on, then "
        "scales: y = x / sqrt(mean(x^2) + epsilon) * scale.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_norm_attrs),
    .infer = rms_norm_infer,
    .gradient = rms_norm_gradient,
    .saves = saves,
    .reference = rms_norm_reference,
    .samples = samples,
};
