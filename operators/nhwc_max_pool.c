/* ingot::MaxPool: MaxPool over x[N, in..., C] without Indices; made by the optimiser.
 */
#include "operators/common_nhwc.h"

static const ig_type_rule types[] = {{'T', IG_FLOATS | IG_T(INT8) | IG_T(UINT8)}, {0}};
static const ig_attr_def attrs[] = {IGI_POOL_ATTRS(igi_pool_attrs), {0}};

static ig_status nhwc_max_pool_infer(ig_infer *x)
{
    igi_window_spec s = igi_pool_spec(x->attrs);
    return igi_nhwc_pool_infer(x, &s);
}

/* Channels [lo, hi) of output pixel `pixel`. NaN beats everything. */
IGI_INLINE ig_status
max_pixel(ig_dtype T, igi_nhwc_pool *v, int64_t pixel, int64_t lo, int64_t hi)
{
    double best[IGI_CHUNK];
    for (int64_t c = lo; c < hi; c++)
        best[c - lo] = T == IG_INT8 ? -128 : T == IG_UINT8 ? 0 : -(double)INFINITY;
    for (int64_t tap = 0; tap < v->taps; tap++) {
        IG_TRY(igi_pace_go(&v->pace, hi - lo));
        int64_t at = igi_nhwc_pool_tap(v, tap);
        for (int64_t c = lo; at >= 0 && c < hi; c++) {
            double e = igi_load(T, v->x, at + c);
            if (e > best[c - lo] || isnan(e))
                best[c - lo] = e;
        }
    }
    for (int64_t c = lo; c < hi; c++)
        igi_store(T, v->y, pixel * v->channels + c, best[c - lo]);
    return IG_OK;
}

IGI_INLINE ig_status max_pixels(ig_dtype T, igi_nhwc_pool *v)
{
    int64_t c = v->channels;
    for (int64_t i = 0; i < v->pixels; i++) {
        igi_nhwc_pool_seek(v, i);
        for (int64_t lo = 0; lo < c; lo += IGI_CHUNK)
            IG_TRY(max_pixel(T, v, i, lo, igi_chunk_end(lo, c)));
    }
    return IG_OK;
}

static ig_status nhwc_max_pool_reference(ig_kernel_ctx *k)
{
    igi_window_spec s = igi_pool_spec(k->attrs);
    igi_nhwc_pool v;
    igi_nhwc_pool_set(&v, k, &s);
    v.pace = igi_pace_of(k);
    switch (ig_dtype_of(ig_in(k, 0))) {
        IGI_EACH_CASE_(IG_INT8, IG_TRY(max_pixels(T, &v)))
        IGI_EACH_CASE_(IG_UINT8, IG_TRY(max_pixels(T, &v)))
    default:
        IGI_EACH_FLOAT(k, ig_dtype_of(ig_in(k, 0)), IG_TRY(max_pixels(T, &v)));
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_pool_attrs)
static const igi_pool_attrs two = {HEAD, .kernel_shape = IGI_INTS(2, 2),
                                   .strides = IGI_INTS(2, 2)};
static const igi_pool_attrs uneven = {HEAD,
                                      .ceil_mode = 1,
                                      .dilations = IGI_INTS(1, 2),
                                      .kernel_shape = IGI_INTS(3, 2),
                                      .pads = IGI_INTS(1, 0, 2, 1),
                                      .strides = IGI_INTS(2, 1)};
static const igi_pool_attrs same_one = {HEAD, .auto_pad = IGI_PAD_SAME_LOWER,
                                        .kernel_shape = IGI_INTS(4),
                                        .strides = IGI_INTS(3)};

static const ig_sample samples[] = {
    {.name = "two_by_two",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(2, 4, 5, 3)),
     .no_gradient = true},
    {.name = "uneven_pads",
     .attrs = &uneven,
     IGI_INPUTS(IGI_IN(1, 5, 4, 2)),
     .no_gradient = true},
    {.name = "same_one_axis",
     .attrs = &same_one,
     IGI_INPUTS(IGI_IN(2, 8, 2)),
     .no_gradient = true},
    {.name = "empty_batch",
     .attrs = &two,
     IGI_INPUTS(IGI_IN(0, 4, 4, 3)),
     .no_gradient = true},
    {0},
};

IG_OPERATOR(NhwcMaxPool) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "MaxPool",
    .since = 1,
    .doc =
        "MaxPool over x[N, in..., C]. Internal: the optimiser makes it after gradients "
        "are taken.",
    .inputs = igi_nhwc_pool_inputs,
    .outputs = igi_nhwc_pool_outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_pool_attrs),
    .infer = nhwc_max_pool_infer,
    .gradient = ig_gradient_forbidden,
    .reference = nhwc_max_pool_reference,
    .samples = samples,
};
