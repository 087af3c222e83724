/* Speed of the matrix product of operators/cpu/compute.h, per instruction set, against
 * the peak that a loop of independent multiply-adds reaches on the same core in the
 * same minute.
 *
 *   gemm_bench [seconds per line, default 0.3]
 *
 * B is packed; buffers are warm. "unary" lines give ns an element for 4096 floats in
 * L1. */
#include "operators/cpu/compute.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double seconds_per_line = 0.3;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static float *floats(size_t n)
{
    float *p = aligned_alloc(64, (n * sizeof(float) + 4095) / 4096 * 4096);
    if (!p) {
        fprintf(stderr, "gemm_bench: out of memory\n");
        exit(1);
    }
    for (size_t i = 0; i < n; i++)
        p[i] = (float)((i * 2654435761u >> 8) & 1023) / 512.0f - 1.0f;
    return p;
}

/* Best of many runs, in seconds: neighbours on the machine only ever add. */
#define BEST(statement_)                                                               \
    do {                                                                               \
        best = 1e9;                                                                    \
        for (double end = now() + seconds_per_line, t = 0; t < end;) {                 \
            const double start = now();                                                \
            statement_;                                                                \
            t = now();                                                                 \
            best = t - start < best ? t - start : best;                                \
        }                                                                              \
    } while (0)

/* GF/s of the tallest tile over a K that fits in L1: everything but memory. */
static double peak(const igi_cpu_isa *isa)
{
    const int64_t k = 64, m = isa->gemm_rows, n = isa->gemm_panel;
    float *a = floats((size_t)(m * k)), *b = floats((size_t)(n * k)),
          *c = floats((size_t)(m * n));
    const igi_gemm g = {
        .m = m, .n = n, .k = k, .a = a, .lda = k, .b = b, .c = c, .ldc = n};
    double best;
    BEST(for (int i = 0; i < 200; i++) isa->gemm(&g, 0, m, 0, 1));
    free(a);
    free(b);
    free(c);
    return 2e-9 * 200 * (double)(m * n * k) / best;
}

static void
bench_gemm(const igi_cpu_isa *isa, int64_t m, int64_t n, int64_t k, igi_unary act)
{
    const int64_t lda = k % 1024 ? k : k + 16, ldc = n % 1024 ? n : n + 16;
    size_t size;
    if (!igi_gemm_packed_size(isa, n, k, &size))
        return;
    float *a = floats((size_t)(m * lda)), *b = floats((size_t)(n * k)),
          *packed = floats(size), *c = floats((size_t)(m * ldc));
    const igi_gemm_source source = {
        .b = b, .rs = n, .cs = 1, .n = n, .k = k, .scale = 1};
    const int64_t panels = igi_gemm_panels(isa, n);
    igi_gemm_pack(isa, packed, &source, 0, panels);
    const igi_gemm g = {
        .m = m,
        .n = n,
        .k = k,
        .a = a,
        .lda = lda,
        .b = packed,
        .c = c,
        .ldc = ldc,
        .epilogue = {.bias = b, .act = act},
    };
    double best;
    BEST(isa->gemm(&g, 0, m, 0, panels));
    const double flop = 2 * (double)m * (double)n * (double)k;
    printf("  %4lld x %5lld x %5lld %-5s %9.4f ms %8.1f GF/s", (long long)m,
           (long long)n, (long long)k, act ? "gelu" : "", 1e3 * best,
           1e-9 * flop / best);
    if (m == 1)
        printf(" %6.1f GB/s of weights", 1e-9 * (double)(n * k) * 4 / best);
    printf("\n");
    free(a);
    free(b);
    free(packed);
    free(c);
}

static void bench_unary(const igi_cpu_isa *isa, const char *name, igi_unary f)
{
    enum { N = 4096 };
    static float x[N], y[N];
    const float params[2] = {0.1f, 0.9f};
    for (int i = 0; i < N; i++)
        x[i] = (float)i / 512.0f - 4.0f;
    double best;
    BEST(for (int i = 0; i < 20; i++) isa->unary[f](y, x, N, params));
    printf(" %s %.3f", name, 1e9 * best / (20.0 * N));
}

static void bench_isa(const igi_cpu_isa *isa)
{
    static const int shapes[][3] = {
        {128, 768, 768}, {128, 3072, 768}, {128, 768, 3072}, {197, 768, 768},
        {64, 2048, 512}, {512, 512, 512},  {3136, 64, 576},  {49, 512, 2048},
        {4, 3072, 768},  {1, 3072, 768},   {1, 768, 3072},   {1, 2048, 512},
        {16, 64, 32},    {1, 64, 64},      {1, 8, 8},
    };
    printf("%s: tile in L1 %.1f GF/s\n", isa->name, peak(isa));
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        bench_gemm(isa, shapes[i][0], shapes[i][1], shapes[i][2], IGI_UNARY_NONE);
    bench_gemm(isa, 128, 3072, 768, IGI_UNARY_GELU_ERF);
    printf("  unary ns:");
    bench_unary(isa, "copy", IGI_UNARY_NONE);
    bench_unary(isa, "exp", IGI_UNARY_EXP);
    bench_unary(isa, "log", IGI_UNARY_LOG);
    bench_unary(isa, "sigmoid", IGI_UNARY_SIGMOID);
    bench_unary(isa, "silu", IGI_UNARY_SILU);
    bench_unary(isa, "tanh", IGI_UNARY_TANH);
    bench_unary(isa, "erf", IGI_UNARY_ERF);
    bench_unary(isa, "gelu", IGI_UNARY_GELU_ERF);
    bench_unary(isa, "gelu_tanh", IGI_UNARY_GELU_TANH);
    printf("\n");
}

int main(int argc, char **argv)
{
    if (argc > 1)
        seconds_per_line = strtod(argv[1], NULL);
    for (int level = IGI_CPU_LEVELS - 1; level >= 0; level--) {
        const igi_cpu_isa *isa = igi_cpu_isa_get((igi_cpu_level)level);
        if (isa)
            bench_isa(isa);
    }
    return 0;
}
