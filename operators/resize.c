/* Resize: every output element is a weighted sum of input elements, separably by axis.
 *
 * What one axis takes from where stands in common_resize.c. Nearest copies elements of
 * any type; linear and cubic work on numbers, in double, and integers drop the fraction
 * and saturate. The gradient is the transposed map, ingot::ResizeGrad. */
#include "operators/common_move.h"
#include "operators/common_resize.h"

IG_USES_OP(ResizeGrad);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input, any rank."),
    IG_PORT("roi",
            'R',
            "Begins, then ends, as parts of the axes; tf_crop_and_resize.",
            .flags = IG_OPTIONAL | IG_NODIFF),
    IG_PORT("scales", 'S', "Scale per axis; or", .flags = IG_OPTIONAL | IG_VALUE),
    IG_PORT("sizes", 'I', "size per axis.", .flags = IG_OPTIONAL | IG_VALUE),
    {0},
};
static const ig_port outputs[] = {IG_PORT("Y", 'T', "The resized tensor."), {0}};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'R', IG_T(FLOAT16) | IG_T(FLOAT32) | IG_T(FLOAT64)},
    {'S', IG_T(FLOAT32)},
    {'I', IG_T(INT64)},
    {0},
};
static const igi_resize_ports ports = {1, 2, 3};

static ig_status resize_infer(ig_infer *x)
{
    int64_t dims[IG_RANK_MAX];
    bool known;
    const igi_resize_attrs *a = x->attrs;
    const ig_type *t = x->in[0];
    if (a->mode != IGI_RESIZE_NEAREST && t->dtype == IG_STRING)
        return ig_infer_fail(x, "strings can only be resized by mode nearest");
    IG_TRY(igi_resize_infer(x, &ports, t->rank, ig_type_dims(t), dims, &known));
    return known ? ig_infer_set(x, 0, t->rank, dims) : ig_infer_fresh(x, 0, t->rank);
}

static const ig_save saves[] = {
    IG_SAVE_IN(1, IG_BIT(0)),
    IG_SAVE_IN(2, IG_BIT(0)),
    IG_SAVE_IN(3, IG_BIT(0)),
    {0},
};

static ig_status resize_gradient(ig_grad *g)
{
    ig_var in[5] = {ig_grad_dy(g, 0), ig_grad_in_shape(g, 0)}, dx = {0};
    for (int i = 1; i < 4; i++)
        if (ig_grad_in_type(g, i))
            in[1 + i] = ig_grad_in(g, i);
    (void)ig_emit_n(g, IG_OP(ResizeGrad), ig_grad_attrs(g), in, 5, &dx, 1);
    ig_grad_set(g, 0, dx);
    return IG_OK;
}

/* ---- reference ---- */

typedef struct resize_call {
    igi_resize r;
    ig_dtype type; /* of the numbers: float of a complex type */
    const void *x;
    int64_t stride[IG_RANK_MAX]; /* of x, in numbers */
    int64_t o[IG_RANK_MAX];      /* position in y */
    int parts;                   /* 2: complex */
    double outside;
} resize_call;

/* Sum over the taps of axes [axis, rank), from element `at` on. */
static double sum_taps(const resize_call *v, int axis, int64_t at)
{
    if (axis == v->r.rank)
        return igi_get_f64(v->type, v->x, at);
    const igi_resize_axis *a = &v->r.axis[axis];
    const int64_t *index = a->index + v->o[axis] * a->taps;
    const double *weight = a->weight + v->o[axis] * a->taps;
    double sum = 0;
    for (int i = 0; i < a->taps; i++)
        if (weight[i] < 0 || weight[i] > 0)
            sum += weight[i] * sum_taps(v, axis + 1, at + index[i] * v->stride[axis]);
    return sum;
}

static bool is_beyond(const resize_call *v)
{
    for (int i = 0; i < v->r.rank; i++)
        if (v->r.axis[i].beyond && v->r.axis[i].beyond[v->o[i]])
            return true;
    return false;
}

/* Mode nearest: the element itself, of any type. */
static void copy_element(const resize_call *v, ig_tensor *y, int64_t n)
{
    int64_t at = 0;
    for (int i = 0; i < v->r.rank; i++)
        at += v->r.axis[i].index[v->o[i]] * v->stride[i];
    igi_put_element(y, n, v->x, at / v->parts);
}

static void put_element(const resize_call *v, bool nearest, ig_tensor *y, int64_t n)
{
    const bool beyond = is_beyond(v), string = ig_dtype_of(y) == IG_STRING;
    if (nearest && !beyond) {
        copy_element(v, y, n);
        return;
    }
    for (int part = 0; part < v->parts && !string; part++)
        igi_put_sampled(v->type, ig_data(y), n * v->parts + part,
                        beyond ? (part ? 0 : v->outside) : sum_taps(v, 0, part));
}

static void next_position(resize_call *v)
{
    for (int i = v->r.rank - 1; i >= 0; i--) {
        if (++v->o[i] < v->r.axis[i].out)
            return;
        v->o[i] = 0;
    }
}

static ig_status resize_reference(ig_kernel_ctx *k)
{
    const igi_resize_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    const ig_dtype type = ig_dtype_of(x);
    resize_call v = {.x = ig_data(x),
                     .parts = 1,
                     .type = type,
                     .outside = (double)a->extrapolation_value};
    if (type == IG_COMPLEX64 || type == IG_COMPLEX128) {
        v.parts = 2;
        v.type = type == IG_COMPLEX64 ? IG_FLOAT32 : IG_FLOAT64;
    }
    if (ig_numel(y) == 0)
        return IG_OK;
    IG_TRY(igi_resize_make(&v.r, k, &ports, ig_rank(x), ig_dims(x), ig_dims(y)));
    int64_t step = v.parts;
    for (int i = ig_rank(x) - 1; i >= 0; i--) {
        v.stride[i] = step;
        step *= ig_dims(x)[i];
    }
    igi_pace pace = igi_pace_of(k);
    ig_status rc = IG_OK;
    for (int64_t n = 0; n < ig_numel(y) && rc == IG_OK; n++, next_position(&v)) {
        put_element(&v, a->mode == IGI_RESIZE_NEAREST, y, n);
        rc = igi_pace_go(&pace, igi_resize_work(&v.r));
    }
    igi_free(v.r.memory);
    return rc;
}

#define HEAD    .struct_size = sizeof(igi_resize_attrs), .cubic_coeff_a = -0.75f
#define LINEAR_ HEAD, .mode = IGI_RESIZE_LINEAR
#define CUBIC_  HEAD, .mode = IGI_RESIZE_CUBIC
static const igi_resize_attrs nearest_half = {HEAD};
static const igi_resize_attrs nearest_floor = {
    HEAD, .coordinate_transformation_mode = 4, .nearest_mode = 2};
static const igi_resize_attrs nearest_ceil = {HEAD, .coordinate_transformation_mode = 3,
                                              .nearest_mode = 3};
static const igi_resize_attrs nearest_up = {HEAD, .coordinate_transformation_mode = 2,
                                            .nearest_mode = 1};
static const igi_resize_attrs nearest_tf = {HEAD, .coordinate_transformation_mode = 6};
static const igi_resize_attrs linear = {LINEAR_};
static const igi_resize_attrs linear_corners = {LINEAR_,
                                                .coordinate_transformation_mode = 3};
static const igi_resize_attrs linear_torch = {LINEAR_,
                                              .coordinate_transformation_mode = 2};
static const igi_resize_attrs linear_symmetric = {LINEAR_,
                                                  .coordinate_transformation_mode = 1};
static const igi_resize_attrs linear_asymmetric = {LINEAR_,
                                                   .coordinate_transformation_mode = 4};
static const igi_resize_attrs linear_wide = {LINEAR_, .antialias = 1};
static const igi_resize_attrs linear_inside = {LINEAR_, .exclude_outside = 1};
static const igi_resize_attrs cubic = {CUBIC_};
static const igi_resize_attrs cubic_inside = {CUBIC_, .exclude_outside = 1};
static const igi_resize_attrs cubic_wide = {CUBIC_, .antialias = 1};
static const igi_resize_attrs crop = {LINEAR_, .coordinate_transformation_mode = 5,
                                      .extrapolation_value = 10};
static const igi_resize_attrs two_axes = {LINEAR_, .axes = IGI_INTS(3, -2)};
static const igi_resize_attrs not_larger = {LINEAR_, .axes = IGI_INTS(2, 3),
                                            .keep_aspect_ratio_policy = 1};
static const igi_resize_attrs not_smaller = {HEAD, .axes = IGI_INTS(2, 3),
                                             .keep_aspect_ratio_policy = 2};
#define NUMBERS_ ((IG_CLASSIC_TYPES | IG_T(BFLOAT16)) & ~IG_T(STRING))
#define SCALES_(...)                                                                   \
    {                                                                                  \
        .rank = 1, .dims = {IG_COUNT_(__VA_ARGS__)}, IGI_DATA(IG_FLOAT32, __VA_ARGS__) \
    }
#define BY_(name_, attrs_, types_, ...)                                                \
    {                                                                                  \
        .name = name_, .attrs = &(attrs_), .types = types_,                            \
        IGI_INPUTS(IGI_IN(1, 2, 4, 5), IGI_IN_ABSENT, SCALES_(__VA_ARGS__))            \
    }
static const ig_sample samples[] = {
    BY_("nearest_up", nearest_half, 0, 1, 1, 2, 2),
    BY_("nearest_down", nearest_half, 0, 1, 1, 0.6, 0.7),
    BY_("nearest_floor", nearest_floor, 0, 1, 1, 2, 3),
    BY_("nearest_ceil", nearest_ceil, 0, 1, 1, 1.7, 2.3),
    BY_("nearest_prefer_ceil", nearest_up, 0, 1, 1, 2.5, 0.5),
    BY_("nearest_tf", nearest_tf, 0, 1, 1, 2, 0.6),
    BY_("linear", linear, NUMBERS_, 1, 1, 2, 1.3),
    BY_("linear_all_axes", linear, IG_FLOATS, 2, 1.5, 2, 1.3),
    BY_("linear_corners", linear_corners, IG_FLOATS, 1, 1, 2, 0.6),
    BY_("linear_torch", linear_torch, IG_FLOATS, 1, 1, 0.25, 2),
    BY_("linear_symmetric", linear_symmetric, IG_FLOATS, 1, 1, 2.3, 0.7),
    BY_("linear_asymmetric", linear_asymmetric, IG_FLOATS, 1, 1, 2, 1.5),
    BY_("linear_antialias", linear_wide, IG_FLOATS, 1, 1, 0.6, 0.4),
    BY_("linear_exclude_outside", linear_inside, IG_FLOATS, 1, 1, 2, 0.6),
    BY_("cubic", cubic, NUMBERS_, 1, 1, 2, 0.6),
    BY_("cubic_exclude_outside", cubic_inside, IG_FLOATS, 1, 1, 2, 0.6),
    BY_("cubic_antialias", cubic_wide, IG_FLOATS, 1, 1, 0.6, 0.8),
    {.name = "sizes",
     .attrs = &linear,
     IGI_INPUTS(
         IGI_IN(1, 2, 4, 5), IGI_IN_ABSENT, IGI_IN_ABSENT, IGI_IN_INTS(1, 2, 7, 3)),
     .types = IG_FLOATS},
    {.name = "channels_last",
     .attrs = &linear,
     IGI_INPUTS(
         IGI_IN(2, 4, 3, 19), IGI_IN_ABSENT, IGI_IN_ABSENT, IGI_IN_INTS(2, 7, 6, 19)),
     .types = IG_FLOATS},
    {.name = "nearest_channels_last",
     .attrs = &nearest_floor,
     IGI_INPUTS(IGI_IN(2, 4, 3, 19), IGI_IN_ABSENT, SCALES_(1, 2, 2, 1))},
    {.name = "crop",
     .attrs = &crop,
     IGI_INPUTS(IGI_IN(1, 1, 4, 5),
                SCALES_(0, 0, 0.4, -0.3, 1, 1, 1.2, 0.8),
                IGI_IN_ABSENT,
                IGI_IN_INTS(1, 1, 3, 4)),
     .types = IG_FLOATS},
    {.name = "two_axes",
     .attrs = &two_axes,
     IGI_INPUTS(IGI_IN(1, 2, 4, 5), IGI_IN_ABSENT, SCALES_(2, 1.5)),
     .types = IG_FLOATS},
    {.name = "not_larger",
     .attrs = &not_larger,
     IGI_INPUTS(IGI_IN(1, 1, 4, 6), IGI_IN_ABSENT, IGI_IN_ABSENT, IGI_IN_INTS(7, 8)),
     .types = IG_FLOATS},
    {.name = "not_smaller",
     .attrs = &not_smaller,
     IGI_INPUTS(IGI_IN(1, 1, 4, 6), IGI_IN_ABSENT, IGI_IN_ABSENT, IGI_IN_INTS(7, 8))},
    {.name = "one_axis",
     .attrs = &linear,
     IGI_INPUTS(IGI_IN(5), IGI_IN_ABSENT, SCALES_(2.2)),
     .types = IG_FLOATS},
    {.name = "size_one",
     .attrs = &linear,
     IGI_INPUTS(IGI_IN(1, 1), IGI_IN_ABSENT, IGI_IN_ABSENT, IGI_IN_INTS(3, 1)),
     .types = IG_FLOATS},
    {.name = "empty",
     .attrs = &nearest_half,
     IGI_INPUTS(IGI_IN(0, 3), IGI_IN_ABSENT, SCALES_(1, 2))},
    {0},
};

IG_OPERATOR(Resize) = {
    IG_OP_HEAD,
    .name = "Resize",
    .since = 19,
    .doc = "Resizes by nearest neighbour, linear or cubic filters (antialiased on "
           "demand), to scales or sizes, along all or some axes.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = igi_resize_attr_rows,
    .attrs_size = sizeof(igi_resize_attrs),
    .infer = resize_infer,
    .gradient = resize_gradient,
    .saves = saves,
    .reference = resize_reference,
    .samples = samples,
};
