/* ingot::AveragePool: AveragePool over x[N, in..., C]; made by the optimiser. */
#include "operators/common_nhwc.h"

static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};
static const ig_attr_def attrs[] = {IGI_AVERAGE_POOL_ATTRS, {0}};

static ig_status nhwc_average_pool_infer(ig_infer *x)
{
    igi_window_spec s = igi_average_pool_spec(x->attrs);
    return igi_nhwc_pool_infer(x, &s);
}

/* Channels [lo, hi) of output pixel `pixel`, whose window has `count` elements. */
IGI_INLINE ig_status average_pixel(
    ig_dtype T, igi_nhwc_pool *v, int64_t pixel, int64_t count, int64_t lo, int64_t hi)
{
    double sum[IGI_CHUNK];
    for (int64_t c = lo; c < hi; c++)
        sum[c - lo] = 0;
    for (int64_t tap = 0; tap < v->taps; tap++) {
        IG_TRY(igi_pace_go(&v->pace, hi - lo));
        int64_t at = igi_nhwc_pool_tap(v, tap);
        for (int64_t c = lo; at >= 0 && c < hi; c++)
            sum[c - lo] += igi_load(T, v->x, at + c);
    }
    for (int64_t c = lo; c < hi; c++)
        igi_store(T, v->y, pixel * v->channels + c,
                  count ? sum[c - lo] / (double)count : 0);
    return IG_OK;
}

IGI_INLINE ig_status average_pixels(ig_dtype T, igi_nhwc_pool *v, bool padded)
{
    const igi_window_axis *a = &v->w.axis[v->w.rank - 1];
    int64_t c = v->channels;
    for (int64_t i = 0; i < v->pixels; i++) {
        igi_nhwc_pool_seek(v, i);
        int64_t count = igi_window_count_row(&v->w, v->row, padded);
        count *= igi_window_count(a, v->o, padded);
        for (int64_t lo = 0; lo < c; lo += IGI_CHUNK)
            IG_TRY(average_pixel(T, v, i, count, lo, igi_chunk_end(lo, c)));
    }
    return IG_OK;
}

static ig_status nhwc_average_pool_reference(ig_kernel_ctx *k)
{
    const igi_average_pool_attrs *a = k->attrs;
    igi_window_spec s = igi_average_pool_spec(a);
    igi_nhwc_pool v;
    igi_nhwc_pool_set(&v, k, &s);
    v.pace = igi_pace_of(k);
    IGI_EACH_FLOAT(k, ig_dtype_of(ig_in(k, 0)),
                   IG_TRY(average_pixels(T, &v, a->count_include_pad != 0)));
    return IG_OK;
}

static const ig_sample samples[] = {
    {.name = "two_by_two",
     .attrs = &igi_average_sample_two,
     IGI_INPUTS(IGI_IN(2, 4, 5, 3)),
     .no_gradient = true},
    {.name = "ceil_counting_pads",
     .attrs = &igi_average_sample_counting,
     IGI_INPUTS(IGI_IN(1, 5, 4, 2)),
     .no_gradient = true},
    {.name = "same_one_axis",
     .attrs = &igi_average_sample_same,
     IGI_INPUTS(IGI_IN(2, 8, 2)),
     .no_gradient = true},
    {.name = "empty_batch",
     .attrs = &igi_average_sample_two,
     IGI_INPUTS(IGI_IN(0, 4, 4, 3)),
     .no_gradient = true},
    {0},
};

IG_OPERATOR(NhwcAveragePool) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "AveragePool",
    .since = 1,
    .doc = "AveragePool over x[N, in..., C]. Internal: the optimiser makes it after "
           "gradients are taken.",
    .inputs = igi_nhwc_pool_inputs,
    .outputs = igi_nhwc_pool_outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_average_pool_attrs),
    .infer = nhwc_average_pool_infer,
    .gradient = ig_gradient_forbidden,
    .reference = nhwc_average_pool_reference,
    .samples = samples,
};
