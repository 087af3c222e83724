// Linear quantization: QuantizeLinear, DequantizeLinear, DynamicQuantizeLinear and
// ingot::QAdd, on integers of 8 to 32 bits.
#include "operators/gpu/quant.cuh"
#include "operators/gpu/space.cuh"

#include <ingot/ops.h>

namespace
{

// Which scale an element has: x as [outer, axis, inner], blocks of `block` along the
// axis.
struct scales {
    gpu_divisor by_inner, by_axis, by_block;
    int64_t axis, inner, block, blocks;
    bool narrow;

    GPU_FN int64_t at(int64_t i) const
    {
        int64_t q = by_inner.over(i, narrow), outer = by_axis.over(q, narrow);
        int64_t a = q - outer * axis;
        if (!block)
            return a;
        return (outer * blocks + by_block.over(a, narrow)) * inner + (i - q * inner);
    }
};

scales
scales_of(const ig_tensor *x, const ig_tensor *scale, int64_t axis, int64_t block)
{
    scales m = {};
    bool one = ig_rank(scale) == 0 || (ig_rank(scale) == 1 && ig_dims(scale)[0] == 1);
    m.narrow = ig_numel(x) <= INT32_MAX;
    m.axis = m.blocks = 1;
    m.inner = ig_numel(x) > 0 ? ig_numel(x) : 1;
    if (!one || (block && ig_rank(x) == 1)) {
        int a = gpu_axis(x, axis);
        m.axis = ig_dims(x)[a] > 0 ? ig_dims(x)[a] : 1;
        m.inner = gpu_count(x, a + 1, ig_rank(x));
        m.inner = m.inner > 0 ? m.inner : 1;
        m.block = block;
        m.blocks = block ? ig_dims(scale)[a] : m.axis;
    }
    m.by_inner = gpu_divisor(m.inner);
    m.by_axis = gpu_divisor(m.axis);
    m.by_block = gpu_divisor(m.block);
    return m;
}

// C: what x is read as.
template <class C> struct quantize {
    scales m;
    gpu_any<C> x;
    gpu_any<float> scale;
    gpu_any<int64_t> zero, y; // zero: perhaps absent
    gpu_limits l;
    int precision;

    GPU_FN float rounded(float v) const
    {
        return precision == IG_FLOAT16    ? gpu_from_half(gpu_to_half(v))
               : precision == IG_BFLOAT16 ? gpu_from_brain(gpu_to_brain(v))
                                          : v;
    }
    GPU_FN void operator()(int64_t i) const
    {
        int64_t at = m.at(i);
        float q = rounded(rounded((float)x.get(i)) / rounded(scale.get(at)));
        y.put(i, gpu_clamped(q, zero.p ? (float)zero.get(at) : 0, l));
    }
};

constexpr uint64_t SMALL = IG_T(UINT8) | IG_T(INT8) | IG_T(UINT16) | IG_T(INT16);
constexpr uint64_t REALS = IG_T(FLOAT32) | IG_F16S;

ig_status supports_quantize(const ig_kernel_ctx *k)
{
    const ig_quantize_linear_opts *o = (const ig_quantize_linear_opts *)k->attrs;
    if (!(IG_BIT(ig_dtype_of(ig_out(k, 0))) & SMALL))
        return ig_reject("the quantized type has no kernel");
    if (!(IG_BIT(ig_dtype_of(ig_in(k, 1))) & REALS))
        return ig_reject("the type of the scale has no kernel");
    if (o->precision && !(IG_BIT(o->precision) & REALS))
        return ig_reject("the precision has no kernel");
    return IG_OK;
}

ig_status run_quantize(ig_kernel_ctx *k)
{
    const ig_quantize_linear_opts *o = (const ig_quantize_linear_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0), *scale = ig_in(k, 1), *y = ig_out(k, 0);
    return gpu_by_compute<GPU_F32 | GPU_SIGNED>(k, ig_dtype_of(x), [&]<class C>() {
        quantize<C> kernel = {scales_of(x, scale, o->axis, o->block_size),
                              gpu_any_of<C>(x),
                              gpu_any_of<float>(scale),
                              gpu_any_of<int64_t>(ig_in(k, 2)),
                              gpu_any_of<int64_t>(y),
                              gpu_limits_of(ig_dtype_of(y)),
                              o->precision ? (int)o->precision
                                           : (int)ig_dtype_of(scale)};
        return gpu_each(k, ig_numel(x), kernel);
    });
}

struct dequantize {
    scales m;
    gpu_any<int64_t> x, zero; // zero: perhaps absent
    gpu_any<float> scale, y;

    GPU_FN void operator()(int64_t i) const
    {
        int64_t at = m.at(i);
        y.put(i, (float)(x.get(i) - (zero.p ? zero.get(at) : 0)) * scale.get(at));
    }
};

ig_status supports_dequantize(const ig_kernel_ctx *k)
{
    return IG_BIT(ig_dtype_of(ig_in(k, 1))) & REALS
               ? IG_OK
               : ig_reject("the type of the scale has no kernel");
}

ig_status run_dequantize(ig_kernel_ctx *k)
{
    const ig_dequantize_linear_opts *o = (const ig_dequantize_linear_opts *)k->attrs;
    const ig_tensor *x = ig_in(k, 0), *scale = ig_in(k, 1);
    dequantize kernel = {scales_of(x, scale, o->axis, o->block_size),
                         gpu_any_of<int64_t>(x), gpu_any_of<int64_t>(ig_in(k, 2)),
                         gpu_any_of<float>(scale), gpu_any_of<float>(ig_out(k, 0))};
    return gpu_each(k, ig_numel(x), kernel);
}

// ---- scales from the data ----

struct range {
    float low, high;
};
struct wider {
    GPU_FN range operator()(range a, range b) const
    {
        return {fmin(a.low, b.low), fmax(a.high, b.high)};
    }
};

// Scale and zero point of data within a range that holds 0.
struct find_scale {
    const float *x;
    int64_t n;
    float *scale;
    uint8_t *zero;

    template <class B> GPU_FN void operator()(const B &b, int64_t) const
    {
        range r = {0, 0};
        b.each(n, [&](int64_t i) {
            r.low = x[i] < r.low ? x[i] : r.low;
            r.high = x[i] > r.high ? x[i] : r.high;
        });
        r = b.reduce(r, wider());
        if (b.lane != 0)
            return;
        float s = r.high > r.low ? (r.high - r.low) / 255.0f : 1.0f,
              z = 0.0f - r.low / s;
        z = z > 0.0f ? z : 0.0f; // also NaN, of an infinite range
        *scale = s;
        *zero = (uint8_t)nearbyint(z < 255.0f ? z : 255.0f);
    }
};

struct quantize_bytes {
    const float *x, *scale;
    const uint8_t *zero;
    uint8_t *y;

    GPU_FN void operator()(int64_t i) const
    {
        y[i] = (uint8_t)gpu_clamped(x[i] / *scale, (float)*zero, {0, 255});
    }
};

ig_status run_dynamic(ig_kernel_ctx *k)
{
    const float *x = (const float *)ig_data(ig_in(k, 0));
    float *scale = (float *)ig_data(ig_out(k, 1));
    uint8_t *zero = (uint8_t *)ig_data(ig_out(k, 2)),
            *y = (uint8_t *)ig_data(ig_out(k, 0));
    int64_t n = ig_numel(ig_in(k, 0));
    IG_TRY(gpu_rows(k, 1, n, find_scale{x, n, scale, zero}));
    return gpu_each(k, n, quantize_bytes{x, scale, zero, y});
}

// ---- sums of quantized tensors ----

struct add {
    gpu_any<int64_t> a, b, y;
    float a_zero, b_zero, a_scale, b_scale, scale, zero;
    gpu_limits l;

    GPU_FN void operator()(int64_t i) const
    {
        float u = (float)a.get(i) - a_zero, v = (float)b.get(i) - b_zero;
        y.put(i, gpu_clamped(
                     (gpu_exact_product(u, a_scale) + gpu_exact_product(v, b_scale)) /
                         scale,
                     zero, l));
    }
};

ig_status run_add(ig_kernel_ctx *k)
{
    const ig_ingot_q_add_opts *o = (const ig_ingot_q_add_opts *)k->attrs;
    add kernel = {gpu_any_of<int64_t>(ig_in(k, 0)),
                  gpu_any_of<int64_t>(ig_in(k, 1)),
                  gpu_any_of<int64_t>(ig_out(k, 0)),
                  (float)o->a_zero,
                  (float)o->b_zero,
                  o->a_scale,
                  o->b_scale,
                  o->scale,
                  (float)o->zero,
                  {(float)o->low, (float)o->high}};
    return gpu_each(k, ig_numel(ig_in(k, 0)), kernel);
}

} // namespace

GPU_TABLE(gpu_quant) = {
    gpu_row{"QuantizeLinear", REALS | IG_T(INT32), run_quantize, 0, supports_quantize},
    gpu_row{"DequantizeLinear", SMALL | IG_T(INT32), run_dequantize, 0,
            supports_dequantize},
    gpu_row{"DynamicQuantizeLinear", IG_T(FLOAT32), run_dynamic},
    gpu_row{"ingot::QAdd", IG_T(UINT8) | IG_T(INT8), run_add},
    {},
};
