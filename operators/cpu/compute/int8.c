/* Choosing the table, and packing. */
#include "operators/cpu/compute/int8_isa.h"

#include <string.h>

#include "graph/core/checked.h"

const igi_int8_isa *igi_int8_get(igi_int8_level level)
{
    if (level == IGI_INT8_PORTABLE)
        return igi_int8_isa_portable();
#if defined(__x86_64__)
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    if (level == IGI_INT8_AVX2 && avx2)
        return igi_int8_isa_avx2();
    if (level == IGI_INT8_AVX512 && avx512)
        return igi_int8_isa_avx512();
    if (level == IGI_INT8_VNNI && avx512 && __builtin_cpu_supports("avx512vnni"))
        return igi_int8_isa_vnni();
#endif
    return NULL;
}

const igi_int8_isa *igi_int8_best(void)
{
    const igi_int8_isa *isa = NULL;
    for (int level = IGI_INT8_LEVELS - 1; !isa; level--)
        isa = igi_int8_get((igi_int8_level)level);
    return isa;
}

/* ---- packing ---- */

/* Bytes of one column: all its segments in whole steps. */
static int64_t column_bytes(const igi_int8_isa *isa, const igi_int8_source *s)
{
    return s->count[0] * igi_int8_padded(isa, s->count[1] * s->count[2]) * isa->element;
}

bool igi_int8_packed_bytes(const igi_int8_isa *isa,
                           const igi_int8_source *s,
                           size_t *bytes)
{
    int64_t len, k, columns = igi_int8_panels(isa, s->n) * isa->panel, total, sums;
    if (!igi_mul_i64(s->count[1], s->count[2], &len) || len > INT64_MAX / 16 ||
        !igi_mul_i64(s->count[0], igi_int8_padded(isa, len) * isa->element, &k) ||
        !igi_mul_i64(k, columns, &total) ||
        !igi_mul_i64(columns, sizeof(int32_t), &sums) ||
        !igi_add_i64(total, sums, &total) || total > PTRDIFF_MAX)
        return false;
    *bytes = (size_t)total;
    return true;
}

const void *igi_int8_panel(const igi_int8_isa *isa,
                           const void *packed,
                           const igi_int8_source *s,
                           int64_t p)
{
    return (const char *)packed + p * isa->panel * column_bytes(isa, s);
}

const int32_t *
igi_int8_sums(const igi_int8_isa *isa, const void *packed, const igi_int8_source *s)
{
    return igi_int8_panel(isa, packed, s, igi_int8_panels(isa, s->n));
}

/* One column into its panel: step by step, `panel` columns side by side. */
static int32_t
pack_column(const igi_int8_isa *isa, char *panel, const igi_int8_source *s, int64_t n)
{
    const int unit = 4 / isa->element, column = (int)(n % isa->panel);
    const uint8_t *b = (const uint8_t *)s->b + n * s->step_n;
    int64_t sum = 0;
    for (int64_t g = 0; g < s->count[0]; g++) {
        int64_t k = g * igi_int8_padded(isa, s->count[1] * s->count[2]);
        for (int64_t t = 0; t < s->count[1]; t++) {
            const uint8_t *from = b + g * s->step[0] + t * s->step[1];
            for (int64_t c = 0; c < s->count[2]; c++, k++) {
                uint8_t v = from[c * s->step[2]];
                int8_t w = (int8_t)(s->is_signed ? v : v ^ 0x80);
                int64_t at = (k / unit * isa->panel + column) * unit + k % unit;
                if (isa->element == 1)
                    ((int8_t *)panel)[at] = w;
                else
                    ((int16_t *)(void *)panel)[at] = w;
                sum += w;
            }
        }
    }
    return (int32_t)(uint32_t)sum;
}

void igi_int8_pack(const igi_int8_isa *isa,
                   void *dst,
                   const igi_int8_source *s,
                   int64_t lo,
                   int64_t hi)
{
    const size_t bytes = (size_t)(isa->panel * column_bytes(isa, s));
    int32_t *sums = (int32_t *)(uintptr_t)igi_int8_sums(isa, dst, s);
    for (int64_t p = lo; p < hi; p++) {
        char *panel = (char *)dst + (size_t)p * bytes;
        memset(panel, 0, bytes);
        for (int64_t n = p * isa->panel; n < (p + 1) * isa->panel; n++)
            sums[n] = n < s->n ? pack_column(isa, panel, s, n) : 0;
    }
}

static size_t depthwise_line(int64_t channels, int64_t taps)
{
    return (size_t)((channels * taps + 63) / 64 * 64);
}

size_t igi_int8_depthwise_bytes(int64_t channels, int64_t taps)
{
    return depthwise_line(channels, taps) + depthwise_line(channels, sizeof(int32_t));
}

const int32_t *
igi_int8_depthwise_sums(const void *packed, int64_t channels, int64_t taps)
{
    return (const int32_t *)(const void *)((const char *)packed +
                                           depthwise_line(channels, taps));
}

void igi_int8_pack_depthwise(
    void *dst, const uint8_t *w, bool is_signed, int64_t channels, int64_t taps)
{
    const uint8_t flip = is_signed ? 0 : 0x80;
    int32_t *sums = (int32_t *)(uintptr_t)igi_int8_depthwise_sums(dst, channels, taps);
    for (int64_t c = 0; c < channels; c++) {
        sums[c] = 0;
        for (int64_t t = 0; t < taps; t++) {
            int8_t v = (int8_t)(w[c * taps + t] ^ flip);
            ((int8_t *)dst)[t * channels + c] = v;
            sums[c] += v;
        }
    }
}

/* Eight bytes at a time. */
static void copy_shifted(uint8_t *dst, const uint8_t *src, int64_t n)
{
    int64_t i = 0;
    for (; i + 8 <= n; i += 8) {
        uint64_t v;
        memcpy(&v, src + i, sizeof(v));
        v ^= 0x8080808080808080u;
        memcpy(dst + i, &v, sizeof(v));
    }
    for (; i < n; i++)
        dst[i] = src[i] ^ 0x80;
}

void igi_int8_copy(
    const igi_int8_isa *isa, void *dst, const void *src, int64_t n, bool is_signed)
{
    const uint8_t *from = src;
    int16_t *wide = dst;
    if (isa->element == 1 && is_signed)
        copy_shifted(dst, src, n);
    else if (isa->element == 1)
        memcpy(dst, src, (size_t)n);
    else
        for (int64_t i = 0; i < n; i++)
            wide[i] = (int16_t)(is_signed ? from[i] ^ 0x80 : from[i]);
}

int32_t igi_int8_copy_row(
    const igi_int8_isa *isa, void *dst, const void *src, int64_t n, bool is_signed)
{
    const int64_t whole = igi_int8_padded(isa, n);
    const uint8_t *from = src;
    uint32_t sum = 0;
    igi_int8_copy(isa, dst, src, n, is_signed);
    memset((char *)dst + n * isa->element, 0, (size_t)((whole - n) * isa->element));
    for (int64_t i = 0; i < n; i++)
        sum += is_signed ? from[i] ^ 0x80u : from[i];
    return (int32_t)sum;
}

int32_t igi_int8_row_sum(const void *a, int64_t n)
{
    const uint8_t *p = a;
    uint32_t sum = 0;
    for (int64_t i = 0; i < n; i++)
        sum += p[i];
    return (int32_t)sum;
}
