/* Coordinates, taps and walks of GridSample. */
#include "operators/common_grid.h"

IG_USES_OP(Concat);
IG_USES_OP(GridSampleSlope);
IG_USES_OP(Mul);
IG_USES_OP(ReduceSum);

const char *const igi_grid_modes[] = {"linear", "nearest", "cubic", NULL};
const char *const igi_grid_paddings[] = {"zeros", "border", "reflection", NULL};

const ig_attr_def igi_grid_slope_rows[] = {
    IG_ATTR_INT(
        igi_grid_slope_attrs, align_corners, 0, "As GridSample's.", .min = 0, .max = 1),
    IG_ATTR_ENUM(igi_grid_slope_attrs,
                 mode,
                 IGI_GRID_LINEAR,
                 igi_grid_modes,
                 "As GridSample's."),
    IG_ATTR_INTS(igi_grid_slope_attrs,
                 orders,
                 "How often the weights of each axis of X are derived; absent: 0.",
                 .min = 0,
                 .max = 8),
    IG_ATTR_ENUM(igi_grid_slope_attrs,
                 padding_mode,
                 IGI_GRID_ZEROS,
                 igi_grid_paddings,
                 "As GridSample's."),
    {0},
};

ig_status
igi_grid_infer(ig_infer *x, const ig_type *xt, const ig_type *grid, int64_t *yd)
{
    const int rank = xt->rank;
    const int64_t *xd = ig_type_dims(xt), *gd = ig_type_dims(grid);
    if (rank < 3 || grid->rank != rank)
        return ig_infer_fail(x, "X and grid must have the same rank, at least 3");
    IG_TRY(ig_infer_equal(x, gd[rank - 1], rank - 2,
                          "the last dim of grid and the spatial axes of X", NULL));
    IG_TRY(ig_infer_equal(x, xd[0], gd[0], "items of X and grid", &yd[0]));
    yd[1] = xd[1];
    for (int i = 2; i < rank; i++)
        yd[i] = gd[i - 1];
    return IG_OK;
}

void igi_grid_set(igi_grid *v,
                  const igi_grid_slope_attrs *a,
                  int rank,
                  const int64_t *xd,
                  const ig_tensor *grid)
{
    *v = (igi_grid){.a = *a,
                    .rank = rank - 2,
                    .batch = xd[0],
                    .channels = xd[1],
                    .places = 1,
                    .plane = 1,
                    .grid = grid};
    for (int i = v->rank - 1; i >= 0; i--) {
        v->in[i] = xd[2 + i];
        v->stride[i] = v->plane;
        v->plane *= xd[2 + i];
        v->places *= ig_dims(grid)[1 + i];
    }
}

/* ---- taps ---- */

/* Index i of an axis of n, as the padding has it; -1: nothing. */
static int64_t padded(int64_t padding, bool align, double i, int64_t n)
{
    const double low = align ? 0 : -0.5, high = (double)n - 1 - low;
    if (i >= 0 && i <= (double)n - 1)
        return (int64_t)i;
    if (padding == IGI_GRID_ZEROS)
        return -1;
    if (padding == IGI_GRID_REFLECTION && high > low) {
        const double range = high - low;
        double d = fmod(fabs(i - low), 2 * range);
        i = low + (d > range ? 2 * range - d : d);
    }
    i = i > 0 ? i : 0;
    return (int64_t)(i < (double)n - 1 ? i : (double)n - 1);
}

/* Keys' kernel with a = -0.75, derived `order` times: |d| <= 1, and 1 < |d| < 2. */
static double inner(int order, double d)
{
    static const double a = -0.75;
    switch (order) {
    case 0:
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    case 1:
        return (3 * (a + 2) * d - 2 * (a + 3)) * d;
    case 2:
        return 6 * (a + 2) * d - 2 * (a + 3);
    default:
        return order == 3 ? 6 * (a + 2) : 0;
    }
}

static double outer(int order, double d)
{
    static const double a = -0.75;
    switch (order) {
    case 0:
        return ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
    case 1:
        return (3 * a * d - 10 * a) * d + 8 * a;
    case 2:
        return 6 * a * d - 10 * a;
    default:
        return order == 3 ? 6 * a : 0;
    }
}

void igi_grid_weights(igi_grid_axis *t, int64_t mode, int order, double f)
{
    const double sign = order % 2 ? -1 : 1; /* distances that shrink as f grows */
    if (mode == IGI_GRID_LINEAR) {
        t->weight[0] = order == 0 ? 1 - f : order == 1 ? -1 : 0;
        t->weight[1] = order == 0 ? f : order == 1 ? 1 : 0;
    } else {
        t->weight[0] = outer(order, f + 1);
        t->weight[1] = inner(order, f);
        t->weight[2] = sign * inner(order, 1 - f);
        t->weight[3] = sign * outer(order, 2 - f);
    }
}

static void set_axis(igi_grid *v, int axis, double g)
{
    igi_grid_axis *t = &v->axis[axis];
    const int order = v->a.orders.n ? (int)v->a.orders.v[axis] : 0;
    const bool align = v->a.align_corners != 0;
    const double n = (double)v->in[axis], factor = (align ? n - 1 : n) / 2;
    double at = align ? (g + 1) * factor : (g + 1) * factor - 0.5;
    if (!(fabs(at) < 1e15)) /* also NaN */
        at = at > 0 ? 1e15 : -1e15;
    if (v->a.mode == IGI_GRID_NEAREST) {
        t->n = order == 0;
        t->index[0] = padded(v->a.padding_mode, align, rint(at), v->in[axis]);
        t->weight[0] = 1;
        return;
    }
    const double left = floor(at);
    t->n = v->a.mode == IGI_GRID_LINEAR ? 2 : 4;
    igi_grid_weights(t, v->a.mode, order, at - left);
    for (int i = 0; i < t->n; i++) {
        t->index[i] =
            padded(v->a.padding_mode, align, left + i - (t->n == 4), v->in[axis]);
        for (int k = 0; k < order; k++)
            t->weight[i] *= factor;
    }
}

void igi_grid_seek(igi_grid *v, int64_t n, int64_t p)
{
    const int64_t first = (n * v->places + p) * v->rank;
    for (int i = 0; i < v->rank; i++)
        set_axis(v, i,
                 igi_get_f64(ig_dtype_of(v->grid), ig_data(v->grid),
                             first + v->rank - 1 - i));
}

/* ---- walks ---- */

static double gather(
    const igi_grid *v, ig_dtype type, const void *x, int axis, int64_t at, int64_t step)
{
    if (axis == v->rank)
        return igi_get_f64(type, x, at);
    const igi_grid_axis *t = &v->axis[axis];
    double sum = 0;
    for (int i = 0; i < t->n; i++)
        if (t->index[i] >= 0 && (t->weight[i] < 0 || t->weight[i] > 0))
            sum +=
                t->weight[i] * gather(v, type, x, axis + 1,
                                      at + t->index[i] * v->stride[axis] * step, step);
    return sum;
}

double
igi_grid_gather(const igi_grid *v, ig_dtype type, const void *x, int64_t at, int step)
{
    return gather(v, type, x, 0, at, step);
}

static void scatter(const igi_grid *v, double *dx, int axis, int64_t at, double dy)
{
    if (axis == v->rank) {
        dx[at] += dy;
        return;
    }
    const igi_grid_axis *t = &v->axis[axis];
    for (int i = 0; i < t->n; i++)
        if (t->index[i] >= 0)
            scatter(v, dx, axis + 1, at + t->index[i] * v->stride[axis],
                    dy * t->weight[i]);
}

void igi_grid_scatter(const igi_grid *v, double *dx, int64_t at, double dy)
{
    scatter(v, dx, 0, at, dy);
}

/* Mode nearest: the element as it is, of any type; nothing outside. */
static void copy_nearest(
    const igi_grid *v, const ig_tensor *x, int64_t at, ig_tensor *y, int64_t to)
{
    for (int i = 0; i < v->rank; i++) {
        if (v->axis[i].n == 0 || v->axis[i].index[0] < 0) {
            if (ig_dtype_of(y) != IG_STRING)
                memset((char *)ig_data(y) + to * (ig_dtype_bits(ig_dtype_of(y)) / 8), 0,
                       (size_t)ig_dtype_bits(ig_dtype_of(y)) / 8);
            return;
        }
        at += v->axis[i].index[0] * v->stride[i];
    }
    igi_put_element(y, to, ig_data(x), at);
}

ig_status igi_grid_sample(ig_kernel_ctx *k, const igi_grid_slope_attrs *a)
{
    igi_grid v;
    const ig_tensor *x = ig_in(k, 0);
    ig_tensor *y = ig_out(k, 0);
    const ig_dtype type = ig_dtype_of(x);
    const bool complex_ = type == IG_COMPLEX64 || type == IG_COMPLEX128;
    const ig_dtype number = type == IG_COMPLEX64    ? IG_FLOAT32
                            : type == IG_COMPLEX128 ? IG_FLOAT64
                                                    : type;
    const int parts = complex_ ? 2 : 1;
    igi_grid_set(&v, a, ig_rank(x), ig_dims(x), ig_in(k, 1));
    if (ig_numel(y) == 0)
        return IG_OK;
    if (v.plane == 0)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "X has no elements to sample from");
    igi_pace pace = igi_pace_of(k);
    for (int64_t n = 0; n < v.batch; n++) {
        for (int64_t p = 0; p < v.places; p++) {
            IG_TRY(igi_pace_go(&pace, 32 * (v.channels + 1)));
            igi_grid_seek(&v, n, p);
            for (int64_t c = 0; c < v.channels; c++) {
                const int64_t plane = n * v.channels + c, to = plane * v.places + p;
                if (a->mode == IGI_GRID_NEAREST) {
                    copy_nearest(&v, x, plane * v.plane, y, to);
                    continue;
                }
                for (int part = 0; part < parts; part++)
                    igi_put_sampled(number, ig_data(y), to * parts + part,
                                    igi_grid_gather(&v, number, ig_data(x),
                                                    plane * v.plane * parts + part,
                                                    parts));
            }
        }
    }
    return IG_OK;
}

/* ---- gradient ---- */

ig_var igi_emit_grid_gradient(
    ig_grad *g, const igi_grid_slope_attrs *a, ig_var dy, ig_var x, ig_var grid)
{
    const ig_type *xt = ig_grad_type(g, x), *gt = ig_grad_type(g, grid);
    const int64_t channel[1] = {1}, last[1] = {-1};
    ig_var part[IG_RANK_MAX], out = {0};
    if (!xt || !gt)
        return out;
    const int rank = xt->rank - 2;
    const ig_dtype to = (ig_dtype)gt->dtype;
    const bool cast = xt->dtype != gt->dtype;
    for (int j = 0; j < rank; j++) {
        const int axis = rank - 1 - j; /* grid lists the last axis first */
        int64_t orders[IG_RANK_MAX];
        for (int i = 0; i < rank; i++)
            orders[i] = (a->orders.n ? a->orders.v[i] : 0) + (i == axis);
        igi_grid_slope_attrs more = *a;
        more.struct_size = sizeof(more);
        more.orders = (ig_ints){rank, orders};
        ig_var slope = ig_emit2(g, IG_OP(GridSampleSlope), &more, x, grid);
        ig_var by = ig_emit2(g, IG_OP(Mul), NULL, dy, slope);
        by = igi_emit_squeeze(g, igi_emit_sum(g, by, channel, 1), channel, 1);
        if (cast)
            by = igi_emit_cast(g, by, to);
        part[j] = igi_emit_unsqueeze(g, by, last, 1);
    }
    igi_axis_attrs along = {sizeof(along), -1};
    (void)ig_emit_n(g, IG_OP(Concat), &along, part, rank, &out, 1);
    return out;
}
