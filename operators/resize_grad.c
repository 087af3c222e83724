/* ingot::ResizeGrad: the transpose of Resize. Every element of dy goes to the elements
 * of x that it was made of, with their weights. Its own gradient is Resize again. */
#include "operators/common_move.h"
#include "operators/common_resize.h"

IG_USES_OP(Resize);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Gradient of Resize's output."),
    IG_PORT("shape", 'I', "Shape of Resize's input.", .flags = IG_VALUE),
    IG_PORT("roi", 'R', "As Resize's.", .flags = IG_OPTIONAL | IG_NODIFF),
    IG_PORT("scales", 'S', "As Resize's.", .flags = IG_OPTIONAL | IG_VALUE),
    IG_PORT("sizes", 'I', "As Resize's.", .flags = IG_OPTIONAL | IG_VALUE),
    {0},
};
static const ig_port outputs[] = {IG_PORT("dx", 'T', "Gradient of the input."), {0}};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'R', IG_T(FLOAT16) | IG_T(FLOAT32) | IG_T(FLOAT64)},
    {'S', IG_T(FLOAT32)},
    {'I', IG_T(INT64)},
    {0},
};
static const igi_resize_ports ports = {2, 3, 4};

static ig_status resize_grad_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX], out[IG_RANK_MAX];
    bool known;
    const ig_type *dy = x->in[0];
    int n = igi_infer_sizes(x, 1, dims);
    if (n == IG_INTS_TOO_MANY)
        return IG_INVALID_ARGUMENT;
    if (n == IG_INTS_UNKNOWN)
        return ig_infer_fresh(x, 0, dy->rank);
    if (n != dy->rank)
        return ig_infer_fail(x, "dy has rank %d, the shape names %d dims", dy->rank, n);
    IG_TRY(igi_resize_infer(x, &ports, n, dims, out, &known));
    for (int i = 0; known && i < n; i++)
        IG_TRY(ig_infer_equal(x, out[i], ig_type_dims(dy)[i],
                              "dims of dy and of the resized tensor", NULL));
    return ig_infer_set(x, 0, n, dims);
}

static const ig_save saves[] = {
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_IN(3, IG_BIT(0)),
    IG_SAVE_IN(4, IG_BIT(0)),
    {0},
};

static ig_status resize_grad_gradient(ig_grad *g)
{
    ig_var in[4] = {ig_grad_dy(g, 0)}, y = {0};
    for (int i = 2; i < 5; i++)
        if (ig_grad_in_type(g, i))
            in[i - 1] = ig_grad_in(g, i);
    igi_resize_attrs a = *(const igi_resize_attrs *)ig_grad_attrs(g);
    a.extrapolation_value = 0; /* a constant adds nothing to a linear map */
    (void)ig_emit_n(g, IG_OP(Resize), &a, in, 4, &y, 1);
    ig_grad_set(g, 0, y);
    return IG_OK;
}

typedef struct {
    igi_resize r;
    int64_t stride[IG_RANK_MAX], o[IG_RANK_MAX];
    double *dx;
} grad_call;

static void spread(const grad_call *v, int axis, int64_t at, double dy)
{
    if (axis == v->r.rank) {
        v->dx[at] += dy;
        return;
    }
    const igi_resize_axis *a = &v->r.axis[axis];
    for (int i = 0; i < a->taps; i++) {
        const double w = a->weight[v->o[axis] * a->taps + i];
        const int64_t index = a->index[v->o[axis] * a->taps + i];
        if (w < 0 || w > 0)
            spread(v, axis + 1, at + index * v->stride[axis], w * dy);
    }
}

/* Position n of dy; false: its value was the extrapolation's. */
static bool seek(grad_call *v, int64_t n)
{
    bool inside = true;
    for (int i = v->r.rank - 1; i >= 0; i--) {
        v->o[i] = n % v->r.axis[i].out;
        n /= v->r.axis[i].out;
        inside = inside && !(v->r.axis[i].beyond && v->r.axis[i].beyond[v->o[i]]);
    }
    return inside;
}

static ig_status resize_grad_reference(ig_kernel_ctx *k)
{
    const ig_tensor *dy = ig_in(k, 0);
    ig_tensor *dx = ig_out(k, 0);
    const int64_t count = ig_numel(dx);
    grad_call v = {0};
    if (count == 0)
        return IG_OK;
    IG_TRY(igi_resize_make(&v.r, k, &ports, ig_rank(dx), ig_dims(dx), ig_dims(dy)));
    int64_t step = 1;
    for (int i = ig_rank(dx) - 1; i >= 0; i--) {
        v.stride[i] = step;
        step *= ig_dims(dx)[i];
    }
    v.dx = igi_calloc((size_t)count, sizeof(*v.dx));
    igi_pace pace = igi_pace_of(k);
    ig_status rc = v.dx ? IG_OK : IG_OUT_OF_MEMORY;
    for (int64_t n = 0; rc == IG_OK && n < ig_numel(dy); n++) {
        if (seek(&v, n))
            spread(&v, 0, 0, igi_get_f64(ig_dtype_of(dy), ig_data(dy), n));
        rc = igi_pace_go(&pace, igi_resize_work(&v.r));
    }
    for (int64_t i = 0; v.dx && i < count; i++)
        igi_store(ig_dtype_of(dx), ig_data(dx), i, v.dx[i]);
    igi_free(v.dx);
    igi_free(v.r.memory);
    return rc;
}

#define HEAD .struct_size = sizeof(igi_resize_attrs), .cubic_coeff_a = -0.75f
static const igi_resize_attrs nearest = {HEAD};
static const igi_resize_attrs cubic = {HEAD, .mode = IGI_RESIZE_CUBIC};
#define SCALES_(...)                                                                   \
    {                                                                                  \
        .rank = 1, .dims = {IG_COUNT_(__VA_ARGS__)}, IGI_DATA(IG_FLOAT32, __VA_ARGS__) \
    }
static const ig_sample samples[] = {
    {.name = "nearest",
     .attrs = &nearest,
     IGI_INPUTS(IGI_IN(1, 2, 4, 6),
                IGI_IN_INTS(1, 2, 2, 3),
                IGI_IN_ABSENT,
                SCALES_(1, 1, 2, 2))},
    {.name = "cubic",
     .attrs = &cubic,
     IGI_INPUTS(IGI_IN(1, 1, 8, 3),
                IGI_IN_INTS(1, 1, 4, 5),
                IGI_IN_ABSENT,
                IGI_IN_ABSENT,
                IGI_IN_INTS(1, 1, 8, 3))},
    {.name = "empty",
     .attrs = &nearest,
     IGI_INPUTS(IGI_IN(0, 6), IGI_IN_INTS(0, 3), IGI_IN_ABSENT, SCALES_(1, 2))},
    {0},
};

IG_OPERATOR(ResizeGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "ResizeGrad",
    .since = 1,
    .doc =
        "Gradient of Resize with respect to X, given dy and X's shape. Attributes are "
        "Resize's.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_resize_attr_rows,
    .attrs_size = sizeof(igi_resize_attrs),
    .infer = resize_grad_infer,
    .gradient = resize_grad_gradient,
    .saves = saves,
    .reference = resize_grad_reference,
    .samples = samples,
};
