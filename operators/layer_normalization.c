/* LayerNormalization: over the axes from `axis` on,
 *   mean = mean(x), r = 1 / sqrt(mean((x - mean)^2) + epsilon),
 *   y = (x - mean) * r * scale + b.
 *
 * The text computes the first stage in stash_type; here it is computed in double and
 * the statistics are rounded to stash_type, so a float64 input keeps its precision. */
#include "operators/common_grad.h"
#include "operators/common_norm.h"

IG_USES_OP(Expand);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Tensor to normalise."),
    IG_PORT("Scale", 'T', "Factor; broadcasts to X."),
    IG_PORT("B", 'T', "Added at the end; broadcasts to X.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Shape of X."),
    IG_PORT("Mean", 'U', "Mean; normalised dims are 1.", .flags = IG_OPTIONAL),
    IG_PORT("InvStdDev", 'U', "1 / sqrt(variance + epsilon).", .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS}, {'U', IG_T(FLOAT32) | IG_T(BFLOAT16)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        igi_norm_attrs, axis, -1, "First axis to normalise; negative: from the end."),
    IG_ATTR_FLOAT(igi_norm_attrs, epsilon, 1e-5f, "Added to the variance."),
    IG_ATTR_DTYPE(igi_norm_attrs,
                  stash_type,
                  IG_FLOAT32,
                  "Element type of Mean and InvStdDev: float32 or bfloat16."),
    {0},
};

static ig_status layer_norm_infer(ig_infer *x)
{
    const igi_norm_attrs *a = x->attrs;
    int64_t dims[IG_RANK_MAX];
    int axis, rank = x->in[0]->rank;
    for (int i = 1; i < x->n_out; i++)
        IG_TRY(ig_infer_dtype(x, i, a->stash_type));
    if (rank < 0) {
        for (int i = 0; i < x->n_out; i++)
            IG_TRY(ig_infer_unknown(x, i));
        return IG_OK;
    }
    IG_TRY(ig_infer_axis(x, a->axis, rank, false, &axis));
    IG_TRY(igi_norm_check(x, 1));
    IG_TRY(igi_norm_check(x, 2));
    for (int i = 0; i < rank; i++)
        dims[i] = i < axis ? ig_type_dims(x->in[0])[i] : 1;
    IG_TRY(ig_infer_copy(x, 0, 0));
    IG_TRY(ig_infer_set(x, 1, rank, dims));
    return ig_infer_set(x, 2, rank, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0) | IG_BIT(1)),
    IG_SAVE_IN(1, IG_BIT(0)),
    {0},
};

/* With d = x - mean, n = d * r, and h = dy * scale:
 *   dx = r * (h - mean(h) - n * mean(h * n)) + dMean / m - dInvStdDev * r^2 * n / m
 * over m elements. The forward values are emitted again from x, so that this rule may
 * be differentiated; means are operators, so that sizes may be symbolic. */
static ig_status layer_norm_gradient(ig_grad *g)
{
    const igi_norm_attrs *a = ig_grad_attrs(g);
    int rank = ig_grad_in_type(g, 0)->rank, count = 0;
    int64_t axes[IG_RANK_MAX], axis = a->axis < 0 ? a->axis + rank : a->axis;
    ig_dtype type = (ig_dtype)ig_grad_in_type(g, 0)->dtype;
    ig_dtype wide = type == IG_FLOAT64 ? IG_FLOAT64 : IG_FLOAT32;
    for (int64_t i = axis; i < rank; i++)
        axes[count++] = i;

    ig_var x = igi_emit_cast(g, ig_grad_in(g, 0), wide);
    igi_standard s = igi_emit_standard(g, x, axes, count, (double)a->epsilon);
    ig_var dy = igi_emit_cast(g, ig_grad_dy(g, 0), wide), dx = {0};
    if (ig_grad_wants(g, 0) && dy.h) {
        ig_var h = igi_emit_mul(g, dy, igi_emit_cast(g, ig_grad_in(g, 1), wide));
        dx = igi_emit_standard_dx(g, &s, h, axes, count);
    }
    ig_var dmean = igi_emit_cast(g, ig_grad_dy(g, 1), wide);
    if (dmean.h)
        dx = igi_emit_add(g, dx, igi_emit_div_count(g, dmean, 0, axes, count));
    ig_var dr = igi_emit_cast(g, ig_grad_dy(g, 2), wide);
    if (dr.h) {
        dr = igi_emit_mul(g, dr, igi_emit_mul(g, s.inv, s.inv));
        dr = igi_emit_div_count(g, dr, 0, axes, count);
        dx = igi_emit_sub(g, dx, igi_emit_mul(g, dr, s.n));
    }
    if (!dmean.h && !dr.h && !dy.h)
        return IG_OK;
    if (!dy.h && !dr.h) /* one number a row so far */
        dx = ig_emit2(g, IG_OP(Expand), NULL, dx, ig_grad_in_shape(g, 0));
    ig_grad_set(g, 0, igi_emit_cast(g, dx, type));
    if (dy.h && ig_grad_wants(g, 1))
        ig_grad_set(g, 1, igi_emit_cast(g, igi_emit_mul(g, dy, s.n), type));
    if (dy.h)
        ig_grad_set(g, 2, ig_grad_dy(g, 0));
    return IG_OK;
}

typedef struct {
    const void *x;
    void *y;
    ig_tensor *mean, *inv; /* NULL: not wanted */
    igi_affine scale, bias;
    igi_norm_rows r;
    double epsilon;
} layer_norm_call;

IGI_INLINE void layer_norm_row(ig_dtype T, const layer_norm_call *v, int64_t row)
{
    int64_t at = row * v->r.n, n = v->r.n;
    double sum = 0, squares = 0;
    for (int64_t j = 0; j < n; j++)
        sum += igi_load(T, v->x, at + j);
    double mean = n ? sum / (double)n : (double)NAN;
    for (int64_t j = 0; j < n; j++) {
        double d = igi_load(T, v->x, at + j) - mean;
        squares += d * d;
    }
    double inv = n ? 1 / sqrt(squares / (double)n + v->epsilon) : (double)NAN;
    if (v->mean)
        igi_put_f64(ig_dtype_of(v->mean), ig_data(v->mean), row, mean);
    if (v->inv)
        igi_put_f64(ig_dtype_of(v->inv), ig_data(v->inv), row, inv);
    int64_t s = igi_affine_row(&v->scale, &v->r, row),
            b = igi_affine_row(&v->bias, &v->r, row);
    for (int64_t j = 0; j < n; j++) {
        double y = (igi_load(T, v->x, at + j) - mean) * inv;
        y *= igi_affine_load(T, &v->scale, &v->r, s, j);
        if (v->bias.data)
            y += igi_affine_load(T, &v->bias, &v->r, b, j);
        igi_store(T, v->y, at + j, y);
    }
}

static ig_status layer_norm_reference(ig_kernel_ctx *k)
{
    const igi_norm_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    layer_norm_call v = {.x = ig_data(x),
                         .y = ig_data(ig_out(k, 0)),
                         .mean = ig_out(k, 1),
                         .inv = ig_out(k, 2),
                         .r = igi_norm_rows_of(x, a->axis),
                         .epsilon = (double)a->epsilon};
    v.scale = igi_affine_of(ig_in(k, 1), &v.r);
    v.bias = igi_affine_of(ig_in(k, 2), &v.r);
    for (int64_t row = 0; row < v.r.rows; row++)
        IGI_EACH_FLOAT(k, ig_dtype_of(x), layer_norm_row(T, &v, row));
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_norm_attrs), .epsilon = 1e-5f
static const igi_norm_attrs middle = {HEAD, .axis = 1, .stash_type = IG_FLOAT32};
static const igi_norm_attrs all_axes = {HEAD, .axis = 0, .stash_type = IG_FLOAT32};
static const igi_norm_attrs bf16 = {HEAD, .axis = -1, .stash_type = IG_BFLOAT16};
static const ig_sample samples[] = {
    {.name = "last_axis", IGI_INPUTS(IGI_IN(3, 5), IGI_IN(5), IGI_IN(5))},
    {.name = "from_axis_one",
     .attrs = &middle,
     IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN(3, 4), IGI_IN(3, 4))},
    {.name = "all_axes", .attrs = &all_axes, IGI_INPUTS(IGI_IN(2, 3), IGI_IN(2, 3))},
    {.name = "broadcast_scale",
     .attrs = &middle,
     IGI_INPUTS(IGI_IN(2, 3, 4), IGI_IN(3, 1), IGI_IN(2, 1, 4))},
    {.name = "scale_over_rows",
     .attrs = &middle,
     IGI_INPUTS(IGI_IN(3, 3, 4), IGI_IN(3, 1, 4), IGI_IN(3, 1, 4))},
    {.name = "scalar_scale", IGI_INPUTS(IGI_IN(2, 4), {.rank = 0}, IGI_IN(1))},
    {.name = "statistics",
     .attrs = &middle,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(2, 3, 2), IGI_IN(3, 2), IGI_IN(2)),
     .no_gradient =
         true}, /* float32 statistics are too coarse for finite differences */
    {.name = "bfloat16_statistics",
     .attrs = &bf16,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(2, 4), IGI_IN(4)),
     .no_gradient = true},
    {.name = "empty_batch", .n_out = 3, IGI_INPUTS(IGI_IN(0, 4), IGI_IN(4), IGI_IN(4))},
    {.name = "empty_rows", IGI_INPUTS(IGI_IN(2, 0), IGI_IN(0))},
    {0},
};

IG_OPERATOR(LayerNormalization) = {
    IG_OP_HEAD,
    .name = "LayerNormalization",
    .since = 17,
    .doc =
        "Normalises to mean 0 and variance 1 over the axes from `axis` on, then scales "
        "and shifts: y = (x - mean) / sqrt(variance + epsilon) * Scale + B.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_norm_attrs),
    .infer = layer_norm_infer,
    .gradient = layer_norm_gradient,
    .saves = saves,
    .reference = layer_norm_reference,
    .samples = samples,
};
