// Where deformed windows look.

#include "operators/common_deform.h"

#include <inttypes.h>

#include "operators/common_window.h"

IG_USES_OP(Concat);
IG_USES_OP(DeformColumns);
IG_USES_OP(DeformColumnsGrad);
IG_USES_OP(DeformSum);
IG_USES_OP(Shape);

const ig_attr_def igi_deform_options[] = {
    IG_ATTR_INTS(igi_deform_attrs,
                 dilations,
                 "Distance of places per spatial axis; absent: 1.",
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_INTS(igi_deform_attrs,
                 kernel_shape,
                 "Places of a window per spatial axis.",
                 .flags = IG_REQUIRED,
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_INT(igi_deform_attrs,
                offset_group,
                1,
                "Groups of channels with offsets of their own.",
                .min = 1,
                .max = IGI_WINDOW_MAX),
    IG_ATTR_INTS(igi_deform_attrs,
                 pads,
                 "Begins of all spatial axes, then ends; absent: 0.",
                 .min = 0,
                 .max = IGI_WINDOW_MAX),
    IG_ATTR_INT(igi_deform_attrs,
                slopes,
                0,
                "Set of axes (bits) along which the derivative is taken.",
                .min = 0,
                .max = (1 << IGI_DEFORM_AXES) - 1),
    IG_ATTR_INTS(igi_deform_attrs,
                 strides,
                 "Step per spatial axis; absent: 1.",
                 .min = 1,
                 .max = IGI_WINDOW_MAX),
    {0},
};

const igi_deform_attrs igi_deform_flat = {.struct_size = sizeof(igi_deform_attrs),
                                          .kernel_shape = IGI_INTS(2, 2),
                                          .offset_group = 2,
                                          .pads = IGI_INTS(1, 0, 0, 1),
                                          .strides = IGI_INTS(1, 2)};
const igi_deform_attrs igi_deform_line = {.struct_size = sizeof(igi_deform_attrs),
                                          .kernel_shape = IGI_INTS(2),
                                          .offset_group = 1,
                                          .slopes = 1};

static bool fits(const ig_ints *list, int64_t n)
{
    return list->n == 0 || list->n == n;
}

static bool lists_fit(const igi_deform_attrs *o, int n)
{
    return n >= 1 && n <= IGI_DEFORM_AXES && o->kernel_shape.n == n &&
           fits(&o->strides, n) && fits(&o->dilations, n) && fits(&o->pads, 2 * n);
}

ig_status igi_deform_sizes(
    ig_infer *x, const igi_deform_attrs *o, int n, const int64_t *in, int64_t *out)
{
    const igi_window_spec s = {.kernel = o->kernel_shape,
                               .strides = o->strides,
                               .pads = o->pads,
                               .dilations = o->dilations};
    if (!lists_fit(o, n))
        return ig_infer_fail(
            x,
            "1 to %d spatial axes are needed, and a number for each in "
            "kernel_shape, strides and dilations, two in pads",
            IGI_DEFORM_AXES);
    return igi_window_infer(x, &s, n, in, o->kernel_shape.v, out);
}

// Places of a window, and channels of offsets; false when these or the columns of all
// images are no size. Kernel dims and groups are numbers of attributes: nothing bounds
// their products before.
static bool count_places(igi_deform *d, int64_t *offsets)
{
    int64_t columns;
    return igi_dims_count(d->n, d->kernel, &d->places) &&
           igi_mul_i64(d->groups * d->n, d->places, offsets) &&
           igi_dims_count(4, (int64_t[]){d->batch, d->c, d->places, d->out_plane},
                          &columns);
}

ig_status igi_deform_make(const ig_kernel_ctx *k,
                          const igi_deform_attrs *o,
                          int rank,
                          const int64_t *x_dims,
                          const ig_tensor *offset,
                          const ig_tensor *mask,
                          igi_deform *d)
{
    int n = rank - 2;
    int64_t offsets;
    *d = (igi_deform){.n = n,
                      .groups = o->offset_group,
                      .in_plane = 1,
                      .out_plane = 1,
                      .slopes = o->slopes,
                      .type = ig_dtype_of(offset),
                      .offset = ig_data(offset),
                      .mask = mask ? ig_data(mask) : NULL};
    if (!lists_fit(o, n) || ig_rank(offset) != rank || (mask && ig_rank(mask) != rank))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "ranks and attributes do not fit");
    d->batch = x_dims[0];
    d->c = x_dims[1];
    for (int i = 0; i < n; i++) {
        d->in[i] = x_dims[2 + i];
        d->out[i] = ig_dims(offset)[2 + i];
        d->kernel[i] = o->kernel_shape.v[i];
        d->stride[i] = o->strides.n ? o->strides.v[i] : 1;
        d->dilation[i] = o->dilations.n ? o->dilations.v[i] : 1;
        d->pad[i] = o->pads.n ? o->pads.v[i] : 0;
        d->in_plane *= d->in[i];
        d->out_plane *= d->out[i];
    }
    if (!count_places(d, &offsets))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "no tensor can hold what the windows read");
    if (d->c % d->groups != 0 || ig_dims(offset)[0] != d->batch ||
        ig_dims(offset)[1] != offsets ||
        (mask && ig_numel(mask) != d->batch * d->groups * d->places * d->out_plane))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "offset and mask do not fit %" PRId64
                              " groups of %" PRId64 " places",
                              d->groups, d->places);
    return IG_OK;
}

igi_deform_attrs
igi_deform_columns_of(const igi_deform_conv_attrs *o, int n, const int64_t *kernel)
{
    return (igi_deform_attrs){.struct_size = sizeof(igi_deform_attrs),
                              .dilations = o->dilations,
                              .kernel_shape = {n, kernel},
                              .offset_group = o->offset_group,
                              .pads = o->pads,
                              .strides = o->strides};
}

ig_status igi_deform_conv_make(const ig_kernel_ctx *k, igi_deform *d)
{
    const igi_deform_conv_attrs *o = k->attrs;
    const ig_tensor *x = ig_in(k, 0), *w = ig_in(k, 1), *b = ig_in(k, 3),
                    *y = ig_out(k, 0);
    int rank = ig_rank(x);
    igi_deform_attrs columns = igi_deform_columns_of(o, rank - 2, ig_dims(w) + 2);
    IG_TRY(igi_deform_make(k, &columns, rank, ig_dims(x), ig_in(k, 2), ig_in(k, 4), d));
    if (ig_dims(w)[1] * o->group != d->c || ig_dims(w)[0] % o->group != 0 ||
        ig_numel(y) != d->batch * ig_dims(w)[0] * d->out_plane ||
        (b && ig_numel(b) != ig_dims(w)[0]))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "W and B do not fit X and group");
    return IG_OK;
}

// Floor of position a and its fraction; false when it is far outside or no number.
static bool position(const igi_deform *d,
                     int64_t at,
                     int a,
                     int64_t place,
                     int64_t out,
                     int64_t *low,
                     double *fraction)
{
    double p = (double)(out * d->stride[a] - d->pad[a] + place * d->dilation[a]) +
               igi_load(d->type, d->offset, at + a * d->out_plane);
    if (!(p > -1 && p < (double)d->in[a]))
        return false;
    double f = floor(p);
    *low = (int64_t)f;
    *fraction = p - f;
    return true;
}

int igi_deform_corners(const igi_deform *d,
                       int64_t image,
                       int64_t group,
                       int64_t place,
                       int64_t out,
                       igi_corner *corner)
{
    int64_t low[IGI_DEFORM_AXES], k = place, o = out;
    double fraction[IGI_DEFORM_AXES];
    int64_t row = (image * d->groups + group) * d->places + place;
    int count = 0;
    for (int a = d->n - 1; a >= 0; a--) {
        if (!position(d, row * d->n * d->out_plane + out, a, k % d->kernel[a],
                      o % d->out[a], &low[a], &fraction[a]))
            return 0;
        k /= d->kernel[a];
        o /= d->out[a];
    }
    double m = d->mask ? igi_load(d->type, d->mask, row * d->out_plane + out) : 1;
    for (int c = 0; c < 1 << d->n; c++) {
        int64_t at = 0;
        double weight = m;
        bool inside = true;
        for (int a = 0; a < d->n; a++) {
            int high = c >> a & 1;
            int64_t i = low[a] + high;
            inside = inside && i >= 0 && i < d->in[a];
            at = at * d->in[a] + i;
            weight *= d->slopes >> a & 1 ? (high ? 1 : -1)
                      : high             ? fraction[a]
                                         : 1 - fraction[a];
        }
        if (inside)
            corner[count++] = (igi_corner){at, weight};
    }
    return count;
}

// ---- gradients

ig_var igi_emit_deform_columns(
    ig_grad *g, const igi_deform_attrs *o, ig_var x, ig_var offset, ig_var mask)
{
    return ig_emit3(g, IG_OP(DeformColumns), o, x, offset, mask);
}

ig_var igi_emit_deform_back(ig_grad *g,
                            const igi_deform_attrs *o,
                            ig_var d,
                            ig_var offset,
                            ig_var mask,
                            ig_var shape)
{
    const ig_var in[4] = {d, offset, shape, mask};
    ig_var out = {0};
    (void)ig_emit_n(g, IG_OP(DeformColumnsGrad), o, in, 4, &out, 1);
    return out;
}

ig_var igi_emit_deform_sum(
    ig_grad *g, const igi_deform_attrs *o, ig_var d, ig_var x, ig_var offset)
{
    return ig_emit3(g, IG_OP(DeformSum), o, d, x, offset);
}

// Per axis a sum with one slope more; the axes are put together as the third dim, which
// then joins the second.
ig_var igi_emit_deform_offset(ig_grad *g,
                              const igi_deform_attrs *o,
                              ig_var d,
                              ig_var x,
                              ig_var offset,
                              ig_var mask)
{
    const igi_axis_attrs third = {sizeof(third), 2};
    static const int64_t at[1] = {2};
    int n = (int)o->kernel_shape.n;
    ig_var part[IGI_DEFORM_AXES], all = {0};
    for (int a = 0; a < n; a++) {
        igi_deform_attrs more = *o;
        more.slopes |= (int64_t)1 << a;
        ig_var sum = igi_emit_deform_sum(g, &more, d, x, offset);
        if (o->slopes >> a & 1) // linear: no second derivative along one axis
            sum = igi_emit_scale(g, sum, 0);
        if (mask.h)
            sum = igi_emit_mul(g, sum, mask);
        part[a] = igi_emit_unsqueeze(g, sum, at, 1);
    }
    (void)ig_emit_n(g, IG_OP(Concat), &third, part, n, &all, 1);
    return igi_emit_reshape(g, all, ig_emit1(g, IG_OP(Shape), NULL, offset));
}
