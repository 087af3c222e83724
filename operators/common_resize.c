/* Sizes and tables of Resize. */
#include "operators/common_resize.h"

#include <inttypes.h>

#include "graph/core/alloc.h"
#include "operators/common_move.h"

static const char *const coordinates[] = {
    "half_pixel", "half_pixel_symmetric", "pytorch_half_pixel",   "align_corners",
    "asymmetric", "tf_crop_and_resize",   "tf_half_pixel_for_nn", NULL};
enum { /* ORDER: coordinates */
       HALF_PIXEL,
       HALF_PIXEL_SYMMETRIC,
       PYTORCH_HALF_PIXEL,
       ALIGN_CORNERS,
       ASYMMETRIC,
       TF_CROP,
       TF_HALF_PIXEL
};
static const char *const policies[] = {"stretch", "not_larger", "not_smaller", NULL};
enum { STRETCH, NOT_LARGER, NOT_SMALLER }; /* ORDER: policies */
static const char *const modes[] = {"nearest", "linear", "cubic", NULL};
static const char *const nearest_modes[] = {"round_prefer_floor", "round_prefer_ceil",
                                            "floor", "ceil", NULL};
enum { PREFER_FLOOR, PREFER_CEIL, FLOOR, CEIL }; /* ORDER: nearest_modes */

const ig_attr_def igi_resize_attr_rows[] = {
    IG_ATTR_INT(igi_resize_attrs,
                antialias,
                0,
                "1: linear and cubic filters widen when sampling down.",
                .min = 0,
                .max = 1),
    IG_ATTR_INTS(
        igi_resize_attrs, axes, "Axes that roi, scales and sizes are of; absent: all."),
    IG_ATTR_ENUM(igi_resize_attrs,
                 coordinate_transformation_mode,
                 HALF_PIXEL,
                 coordinates,
                 "How positions of the output map to the input (tf_half_pixel_for_nn: "
                 "version 11 only)."),
    IG_ATTR_FLOAT(igi_resize_attrs,
                  cubic_coeff_a,
                  -0.75,
                  "Coefficient a of the cubic kernel (Keys 1981)."),
    IG_ATTR_INT(igi_resize_attrs,
                exclude_outside,
                0,
                "1: taps outside count nothing and the rest is scaled to 1.",
                .min = 0,
                .max = 1),
    IG_ATTR_FLOAT(igi_resize_attrs,
                  extrapolation_value,
                  0,
                  "tf_crop_and_resize: the value outside the input."),
    IG_ATTR_ENUM(igi_resize_attrs,
                 keep_aspect_ratio_policy,
                 STRETCH,
                 policies,
                 "How sizes are meant: as they are, or as bounds of one scale."),
    IG_ATTR_ENUM(igi_resize_attrs, mode, IGI_RESIZE_NEAREST, modes, "The filter."),
    IG_ATTR_ENUM(igi_resize_attrs,
                 nearest_mode,
                 PREFER_FLOOR,
                 nearest_modes,
                 "Which neighbour is the nearest."),
    {0},
};

/* ---- sizes ---- */

/* floor(in * scale) in float32, as ONNX's own inference has it. */
static int64_t scaled(int64_t in, float scale)
{
    float v = floorf((float)in * scale);
    return v >= 0x1p62f ? INT64_MAX : (int64_t)v;
}

/* One scale for all axes; sizes are rounded half up. */
static double common_scale(
    int64_t policy, int n, const int *axes, const int64_t *xd, const int64_t *sizes)
{
    double scale = policy == NOT_LARGER ? (double)INFINITY : 0;
    for (int i = 0; i < n; i++) {
        double s = (double)sizes[i] / (double)xd[axes[i]];
        scale = policy == NOT_LARGER ? fmin(scale, s) : fmax(scale, s);
    }
    return scale;
}

/* INT64_MAX: too large. */
static int64_t kept_size(double scale, int64_t in)
{
    double v = floor(scale * (double)in + 0.5);
    return v < 0x1p62 ? (int64_t)v : INT64_MAX;
}

static ig_status
axes_of(ig_infer *x, const igi_resize_attrs *a, int rank, int *axes, int *n)
{
    *n = a->axes.n ? (int)a->axes.n : rank;
    if (a->axes.n)
        return ig_infer_axes(x, a->axes.v, (int)a->axes.n, rank, axes);
    for (int i = 0; i < rank; i++)
        axes[i] = i;
    return IG_OK;
}

static ig_status sizes_dims(ig_infer *x,
                            const int64_t *sizes,
                            int n,
                            const int *axes,
                            const int64_t *xd,
                            int64_t *dims)
{
    const igi_resize_attrs *a = x->attrs;
    bool numbers = true, empty = false;
    for (int i = 0; i < n; i++) {
        dims[axes[i]] = sizes[i];
        numbers = numbers && sizes[i] >= 0 && xd[axes[i]] >= 0;
        empty = empty || xd[axes[i]] == 0;
    }
    if (a->keep_aspect_ratio_policy == STRETCH)
        return IG_OK;
    if (empty)
        return ig_infer_fail(x, "an empty axis has no aspect ratio to keep");
    double scale =
        numbers ? common_scale(a->keep_aspect_ratio_policy, n, axes, xd, sizes) : 0;
    for (int i = 0; i < n; i++) {
        int64_t *to = &dims[axes[i]];
        *to = numbers ? kept_size(scale, xd[axes[i]]) : ig_dim_fresh(x->syms);
        if (*to == INT64_MAX)
            return ig_infer_fail(x,
                                 "axis %d keeps its ratio to the sizes at %g times "
                                 "its size: too large",
                                 axes[i], scale);
    }
    return IG_OK;
}

static ig_status scale_dim(ig_infer *x, float scale, int64_t in, int64_t *out)
{
    if (!(scale > 0) || !isfinite(scale))
        return ig_infer_fail(x, "scale %g: it must be positive and finite",
                             (double)scale);
    if (in >= 0) {
        *out = scaled(in, scale);
        if (*out == INT64_MAX)
            return ig_infer_fail(x, "scale %g is too large", (double)scale);
        return IG_OK;
    }
    const bool whole =
        scale < 1e6f && !(scale < rintf(scale)) && !(scale > rintf(scale));
    *out = whole ? ig_dim_mul(x->syms, in, (int64_t)scale) : ig_dim_fresh(x->syms);
    return IG_OK;
}

static const ig_tensor *known_tensor(const ig_infer *x, int port)
{
    if (port >= x->n_in || !x->in[port] || !x->known || !x->known[port])
        return NULL;
    return (const ig_tensor *)x->known[port];
}

/* Whether the port has a list at all: absent, or (in older files) an empty one. */
static bool given(const ig_infer *x, int port)
{
    return port < x->n_in && x->in[port] &&
           !(x->in[port]->rank == 1 && ig_type_dims(x->in[port])[0] == 0);
}

ig_status igi_resize_infer(ig_infer *x,
                           const igi_resize_ports *p,
                           int rank,
                           const int64_t *xd,
                           int64_t *dims,
                           bool *known)
{
    int axes[IG_RANK_MAX], n;
    int64_t sizes[IG_RANK_MAX];
    const igi_resize_attrs *a = x->attrs;
    IG_TRY(axes_of(x, a, rank, axes, &n));
    memcpy(dims, xd, (size_t)rank * sizeof(*dims));
    *known = false;
    if (given(x, p->scales) == given(x, p->sizes))
        return ig_infer_fail(x, "one of scales and sizes must be given, not both");
    const int port = given(x, p->scales) ? p->scales : p->sizes;
    int64_t length;
    IG_TRY(igi_infer_vector(x, port, &length));
    if (length >= 0 && length != n)
        return ig_infer_fail(x, "%s has %" PRId64 " elements, but %d axes are resized",
                             x->op->inputs[port].name, length, n);
    if (port == p->sizes) {
        int got = igi_infer_sizes(x, port, sizes);
        if (got == IG_INTS_TOO_MANY)
            return IG_INVALID_ARGUMENT;
        *known = got >= 0;
        return got >= 0 ? sizes_dims(x, sizes, n, axes, xd, dims) : IG_OK;
    }
    const ig_tensor *t = known_tensor(x, port);
    if (!t || ig_numel(t) != n)
        return IG_OK;
    for (int i = 0; i < n; i++)
        IG_TRY(scale_dim(
            x, (float)igi_get_f64(ig_dtype_of(t), ig_data(t), i * ig_strides(t)[0]),
            xd[axes[i]], &dims[axes[i]]));
    *known = true;
    return IG_OK;
}

/* ---- positions ---- */

/* One axis of a call. */
typedef struct place {
    const igi_resize_attrs *a;
    int64_t in, out;
    double scale, length; /* `length`: of the output, may be a fraction */
    double start, end;    /* roi */
} place;

static double original(const place *p, double o)
{
    const double last = (double)p->in - 1;
    const bool many = p->length > 1;
    switch (p->a->coordinate_transformation_mode) {
    case HALF_PIXEL_SYMMETRIC:
        return (double)p->in / 2 * (1 - (double)p->out / p->length) +
               (o + 0.5) / p->scale - 0.5;
    case PYTORCH_HALF_PIXEL:
        return p->out > 1 ? (o + 0.5) / p->scale - 0.5 : 0;
    case ALIGN_CORNERS:
        return many ? o * last / (p->length - 1) : 0;
    case ASYMMETRIC:
        return o / p->scale;
    case TF_CROP:
        return many ? p->start * last + o * (p->end - p->start) * last / (p->length - 1)
                    : 0.5 * (p->start + p->end) * last;
    case TF_HALF_PIXEL:
        return (o + 0.5) / p->scale;
    default:
        return (o + 0.5) / p->scale - 0.5;
    }
}

static double nearest(int64_t mode, double v)
{
    switch (mode) {
    case PREFER_CEIL:
        return floor(v + 0.5);
    case FLOOR:
        return floor(v);
    case CEIL:
        return ceil(v);
    default:
        return ceil(v - 0.5);
    }
}

static double filter(const place *p, double d)
{
    const double a = (double)p->a->cubic_coeff_a;
    d = fabs(d);
    if (p->a->mode == IGI_RESIZE_LINEAR)
        return d < 1 ? 1 - d : 0;
    if (d <= 1)
        return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

/* How wide the filter is drawn: 1, or more when antialiasing samples down. */
static double stretch_of(const place *p)
{
    return p->a->antialias && p->scale < 1 ? p->scale : 1;
}

static int taps_of(const place *p)
{
    const double reach = p->a->mode == IGI_RESIZE_LINEAR ? 1 : 2;
    if (p->a->mode == IGI_RESIZE_NEAREST)
        return 1;
    const double n = 2 - 2 * (floor(-reach / stretch_of(p)) + 1);
    return n < INT32_MAX ? (int)n : INT32_MAX;
}

static int64_t clamp(double v, int64_t in)
{
    if (!(v > 0))
        return 0;
    return v < (double)(in - 1) ? (int64_t)v : in - 1;
}

/* Taps of the position whose original is v. */
static void set_taps(const place *p, igi_resize_axis *t, int64_t o, double v)
{
    int64_t *index = t->index + o * t->taps;
    double *weight = t->weight + o * t->taps, sum = 0;
    if (p->a->mode == IGI_RESIZE_NEAREST) {
        index[0] = clamp(nearest(p->a->nearest_mode, v), p->in);
        weight[0] = 1;
        return;
    }
    const int half = t->taps / 2;
    const double first = ceil(v) - half; /* left neighbour first; ties too */
    for (int i = 0; i < t->taps; i++) {
        const double at = first + i;
        const bool outside = at < 0 || at >= (double)p->in;
        weight[i] = filter(p, (at - v) * stretch_of(p));
        if (outside && p->a->exclude_outside)
            weight[i] = 0;
        index[i] = clamp(at, p->in);
        sum += weight[i];
    }
    if (p->a->exclude_outside || p->a->antialias)
        for (int i = 0; i < t->taps && (sum < 0 || sum > 0); i++)
            weight[i] /= sum;
}

static void fill_axis(const place *p, igi_resize_axis *t)
{
    for (int64_t o = 0; o < t->out; o++) {
        const double v = original(p, (double)o);
        if (t->beyond)
            t->beyond[o] = !(v >= 0 && v <= (double)p->in - 1);
        set_taps(p, t, o, v);
    }
}

/* ---- tables ---- */

/* Lists of a call, spread over all axes. */
static ig_status places_of(const ig_kernel_ctx *k,
                           const igi_resize_ports *ports,
                           int rank,
                           const int64_t *xd,
                           place *p)
{
    const igi_resize_attrs *a = k->attrs;
    const ig_tensor *roi = ig_in(k, ports->roi), *scales = ig_in(k, ports->scales),
                    *sizes = ig_in(k, ports->sizes);
    const int n = a->axes.n ? (int)a->axes.n : rank;
    int axes[IG_RANK_MAX];
    const bool crop = a->coordinate_transformation_mode == TF_CROP;
    scales = scales && ig_numel(scales) ? scales : NULL;
    if (crop && (!roi || ig_numel(roi) != 2 * n))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "tf_crop_and_resize needs a roi of %d elements", 2 * n);
    for (int i = 0; i < n; i++) {
        const int64_t listed = a->axes.n ? a->axes.v[i] : i;
        axes[i] = (int)(listed < 0 ? listed + rank : listed);
        place *at = &p[axes[i]];
        at->scale = (double)at->out / (double)(at->in ? at->in : 1);
        if (scales)
            at->scale = igi_get_f64(ig_dtype_of(scales), ig_data(scales), i);
        if (crop) {
            at->start = igi_get_f64(ig_dtype_of(roi), ig_data(roi), i);
            at->end = igi_get_f64(ig_dtype_of(roi), ig_data(roi), n + i);
        }
    }
    if (!scales && a->keep_aspect_ratio_policy != STRETCH) {
        int64_t list[IG_RANK_MAX];
        if (igi_read_ints(sizes, list, rank) != n)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "sizes needs %d elements", n);
        double scale = common_scale(a->keep_aspect_ratio_policy, n, axes, xd, list);
        for (int i = 0; i < n; i++)
            p[axes[i]].scale = scale;
    }
    for (int i = 0; i < rank; i++)
        p[i].length = p[i].scale * (double)p[i].in;
    return IG_OK;
}

static bool is_identity(const place *p)
{
    return p->in == p->out && !(p->scale < 1) && !(p->scale > 1) && !(p->start < 0) &&
           !(p->start > 0) && !(p->end < 1) && !(p->end > 1) &&
           p->a->coordinate_transformation_mode != TF_HALF_PIXEL;
}

ig_status igi_resize_make(igi_resize *r,
                          const ig_kernel_ctx *k,
                          const igi_resize_ports *ports,
                          int rank,
                          const int64_t *xd,
                          const int64_t *yd)
{
    place p[IG_RANK_MAX];
    size_t bytes = 0;
    for (int i = 0; i < IG_RANK_MAX; i++)
        p[i] = (place){.a = k->attrs, .scale = 1, .end = 1};
    for (int i = 0; i < rank; i++) {
        p[i].in = xd[i];
        p[i].out = yd[i];
    }
    *r = (igi_resize){.rank = rank};
    IG_TRY(places_of(k, ports, rank, xd, p));
    for (int i = 0; i < rank; i++) {
        size_t one;
        igi_resize_axis *t = &r->axis[i];
        *t = (igi_resize_axis){.in = xd[i], .out = yd[i]};
        if (yd[i] > 0 && xd[i] == 0)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "axis %d of the input is empty: nothing to sample",
                                  i);
        t->taps = is_identity(&p[i]) ? 1 : taps_of(&p[i]);
        if (!igi_mul_size((size_t)t->taps * 16 + 8, (size_t)yd[i] + 1, &one) ||
            !igi_add_size(bytes, one, &bytes))
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "the tables are too large");
    }
    r->memory = igi_calloc(bytes ? bytes : 1, 1);
    if (!r->memory)
        return IG_OUT_OF_MEMORY;
    char *at = r->memory;
    for (int i = 0; i < rank; i++) {
        igi_resize_axis *t = &r->axis[i];
        const size_t n = (size_t)t->taps * (size_t)t->out;
        t->index = (int64_t *)(void *)at;
        t->weight = (double *)(void *)(at + n * 8);
        at += n * 16;
        if (p[i].a->coordinate_transformation_mode == TF_CROP) {
            t->beyond = (uint8_t *)at;
            at += ((size_t)t->out + 7) / 8 * 8;
        }
        if (!is_identity(&p[i]))
            fill_axis(&p[i], t);
        else
            for (int64_t o = 0; o < t->out; o++) {
                t->index[o] = o;
                t->weight[o] = 1;
            }
    }
    return IG_OK;
}

int64_t igi_resize_work(const igi_resize *r)
{
    int64_t n = 1;
    for (int i = 0; i < r->rank && n < IGI_POLL_WORK; i++)
        n *= r->axis[i].taps;
    return n;
}

bool igi_resize_is_copy(const igi_resize_axis *a)
{
    if (a->in != a->out || a->taps != 1)
        return false;
    for (int64_t o = 0; o < a->out; o++)
        if (a->index[o] != o || (a->beyond && a->beyond[o]))
            return false;
    return true;
}

void igi_put_sampled(ig_dtype type, void *y, int64_t i, double v)
{
    if (type == IG_BOOL)
        ((uint8_t *)y)[i] = (uint8_t)(v < 0 || v > 0);
    else if (type == IG_UINT64)
        ((uint64_t *)y)[i] = igi_f64_to_u64(v);
    else if (igi_dtype_is_int(type))
        igi_put_i64(type, y, i, igi_f64_to_i64(v));
    else
        igi_put_f64(type, y, i, v);
}

void igi_put_element(ig_tensor *y, int64_t i, const void *x, int64_t at)
{
    const size_t size = (size_t)ig_dtype_bits(ig_dtype_of(y)) / 8;
    if (ig_dtype_of(y) == IG_STRING)
        igi_string_put((igi_str **)ig_data(y) + i, ((igi_str *const *)x)[at]);
    else
        memcpy((char *)ig_data(y) + (size_t)i * size,
               (const char *)x + (size_t)at * size, size);
}
