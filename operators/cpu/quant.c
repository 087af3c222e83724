/* QuantizeLinear, DequantizeLinear and DynamicQuantizeLinear between float32 and bytes:
 * loops of the int8 table, with one scale or a scale per index of an axis. */
#include <ingot/ops.h>

#include "operators/common_qconv.h"
#include "operators/cpu/compute_int8.h"
#include "operators/cpu/kernel.h"

enum { SHORT_RUN = 8 };

/* Everything but the tensors of one call. */
typedef struct quant_call {
    const igi_int8_isa *isa;
    igi_quant_map map;
    const float *scale;
    const ig_tensor *zero;
    const char *from;
    char *to;
    bool is_signed;
    float low, high;
} quant_call;

static ig_status floats_and_bytes(const ig_kernel_ctx *k,
                                  const ig_tensor *bytes,
                                  int64_t axis,
                                  int64_t block)
{
    igi_quant_map m;
    if (!(IGI_QUANT_BYTES >> ig_dtype_of(bytes) & 1))
        return ig_reject("not uint8 or int8");
    if (ig_dtype_of(igi_kin(k, 1)) != IG_FLOAT32)
        return ig_reject("the scale is not float32");
    if (block)
        return ig_reject("blocks");
    igi_quant_map_set(&m, igi_kin(k, 0), igi_kin(k, 1), axis, block);
    return m.inner < SHORT_RUN && m.axis > 1 ? ig_reject("short runs of one scale")
                                             : IG_OK;
}

static void quant_call_set(quant_call *c, const ig_kernel_ctx *k, int64_t axis)
{
    *c = (quant_call){.isa = igi_int8_best(),
                      .scale = igi_kf32(igi_kin(k, 1)),
                      .zero = igi_kin(k, 2),
                      .from = (const char *)igi_kin(k, 0)->data,
                      .to = (char *)igi_kout(k, 0)->data};
    igi_quant_map_set(&c->map, igi_kin(k, 0), igi_kin(k, 1), axis, 0);
}

typedef void (*quant_run)(
    const quant_call *c, int64_t at, int64_t n, float scale, float zero);

/* The thread's share, cut where the scale changes. */
static void
each_run(const ig_kernel_ctx *k, const quant_call *c, int tid, int nth, quant_run f)
{
    int64_t lo, hi;
    ig_split(igi_tensor_count(igi_kin(k, 0)), IGI_GRAIN, tid, nth, &lo, &hi);
    while (lo < hi) {
        int64_t end = (lo / c->map.inner + 1) * c->map.inner;
        int64_t at = igi_quant_at(&c->map, lo);
        end = end < hi ? end : hi;
        f(c, lo, end - lo, c->scale[at], (float)igi_quant_zero(c->zero, at));
        lo = end;
    }
}

/* ---- QuantizeLinear ---- */

static ig_status quantize_supports(const ig_kernel_ctx *k)
{
    const ig_quantize_linear_opts *o = k->attrs;
    if (o->precision && o->precision != IG_FLOAT32)
        return ig_reject("a precision other than float32");
    return floats_and_bytes(k, igi_kout(k, 0), o->axis, o->block_size);
}

static void
quantize_run(const quant_call *c, int64_t at, int64_t n, float scale, float zero)
{
    c->isa->quantize(c->to + at, (const float *)(const void *)c->from + at, n, scale,
                     zero, c->low, c->high);
}

static ig_status quantize(ig_kernel_ctx *k, int tid, int nth)
{
    quant_call c;
    int32_t low, high;
    quant_call_set(&c, k, ((const ig_quantize_linear_opts *)k->attrs)->axis);
    igi_quant_range(ig_dtype_of(igi_kout(k, 0)), &low, &high);
    c.low = (float)low;
    c.high = (float)high;
    each_run(k, &c, tid, nth, quantize_run);
    return IG_OK;
}

/* ---- DequantizeLinear ---- */

static ig_status dequantize_supports(const ig_kernel_ctx *k)
{
    const ig_dequantize_linear_opts *o = k->attrs;
    if (ig_dtype_of(igi_kout(k, 0)) != IG_FLOAT32)
        return ig_reject("the result is not float32");
    return floats_and_bytes(k, igi_kin(k, 0), o->axis, o->block_size);
}

static void
dequantize_run(const quant_call *c, int64_t at, int64_t n, float scale, float zero)
{
    c->isa->dequantize((float *)(void *)c->to + at, c->from + at, c->is_signed, n, zero,
                       scale);
}

static ig_status dequantize(ig_kernel_ctx *k, int tid, int nth)
{
    quant_call c;
    quant_call_set(&c, k, ((const ig_dequantize_linear_opts *)k->attrs)->axis);
    c.is_signed = ig_dtype_of(igi_kin(k, 0)) == IG_INT8;
    each_run(k, &c, tid, nth, dequantize_run);
    return IG_OK;
}

/* ---- DynamicQuantizeLinear ---- */

static ig_status dynamic_prepare(ig_kernel_ctx *k)
{
    k->scratch_bytes = 64; /* the range that a thread found */
    return IG_OK;
}

static ig_status dynamic(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_int8_isa *isa = igi_int8_best();
    const float *x = igi_kf32(igi_kin(k, 0));
    float *own = ig_scratch(k, tid), low = 0, high = 0, scale, zero;
    int64_t lo, hi;
    ig_split(igi_tensor_count(igi_kin(k, 0)), IGI_GRAIN, tid, nth, &lo, &hi);
    isa->range(x + lo, hi - lo, &own[0], &own[1]);
    ig_barrier(k);
    for (int t = 0; t < nth; t++) {
        const float *found = ig_scratch(k, t);
        low = found[0] < low ? found[0] : low;
        high = found[1] > high ? found[1] : high;
    }
    igi_quant_dynamic(low, high, &scale, &zero);
    isa->quantize((char *)igi_kout(k, 0)->data + lo, x + lo, hi - lo, scale, zero, 0,
                  255);
    if (tid == 0) {
        if (igi_kout(k, 1))
            *igi_kf32(igi_kout(k, 1)) = scale;
        if (igi_kout(k, 2))
            *(uint8_t *)igi_kout(k, 2)->data = (uint8_t)zero;
    }
    return IG_OK;
}

/* ---- ingot::QAdd ---- */

static ig_status add(ig_kernel_ctx *k, int tid, int nth)
{
    const igi_qadd_attrs *o = k->attrs;
    const ig_tensor *a = igi_kin(k, 0), *b = igi_kin(k, 1);
    const igi_int8_add p = {.a_signed = ig_dtype_of(a) == IG_INT8,
                            .b_signed = ig_dtype_of(b) == IG_INT8,
                            .a_zero = (float)o->a_zero,
                            .a_scale = o->a_scale,
                            .b_zero = (float)o->b_zero,
                            .b_scale = o->b_scale,
                            .scale = o->scale,
                            .zero = (float)o->zero,
                            .low = (float)o->low,
                            .high = (float)o->high};
    int64_t lo, hi;
    ig_split(igi_tensor_count(a), IGI_GRAIN, tid, nth, &lo, &hi);
    igi_int8_best()->add((char *)igi_kout(k, 0)->data + lo, (const char *)a->data + lo,
                         (const char *)b->data + lo, hi - lo, &p);
    return IG_OK;
}

IG_KERNELS(quant) = {
    {IG_KERNEL_HEAD, .op = "ingot::QAdd", .name = "simd", .types = IGI_QUANT_BYTES,
     .run_team = add},
    {IG_KERNEL_HEAD, .op = "QuantizeLinear", .name = "simd", .types = IG_T(FLOAT32),
     .supports = quantize_supports, .run_team = quantize},
    {IG_KERNEL_HEAD, .op = "DequantizeLinear", .name = "simd", .types = IGI_QUANT_BYTES,
     .supports = dequantize_supports, .run_team = dequantize},
    {IG_KERNEL_HEAD, .op = "DynamicQuantizeLinear", .name = "simd",
     .types = IG_T(FLOAT32), .prepare = dynamic_prepare, .run_team = dynamic},
    {0},
};
