/* The limits of this machine on one core: multiply-adds in registers, and reading and
 * the triad a[i] = b[i] + s * c[i] over memory that no cache holds. Best of several
 * tries.
 *
 * Plain C that the compiler vectorises for the machine it runs on
 * (bench/CMakeLists.txt: -O3 -march=native), so the numbers are a floor of what the
 * hardware can do. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum { LANES = 16, CHAINS = 12, TRIES = 7 };
enum { FLOATS = 32 << 20 }; /* an array of 128 MiB */

typedef float vector __attribute__((vector_size(LANES * sizeof(float))));

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* GF/s of independent chains of multiply-adds. */
static double peak(void)
{
    enum { STEPS = 2000000 };
    double best = 0;
    volatile float sink = 0;
    for (int t = 0; t < TRIES; t++) {
        vector acc[CHAINS], x = {0}, y = {0};
        for (int i = 0; i < CHAINS; i++)
            acc[i] = x + (float)i;
        x += 0.999f, y += 0.001f;
        double begin = now();
        for (int s = 0; s < STEPS; s++) {
#pragma GCC unroll 12
            for (int i = 0; i < CHAINS; i++)
                acc[i] = acc[i] * x + y;
        }
        double rate = 2.0 * STEPS * CHAINS * LANES / (now() - begin) * 1e-9;
        for (int i = 0; i < CHAINS; i++)
            sink = sink + acc[i][0];
        best = rate > best ? rate : best;
    }
    return best;
}

/* GB/s. */
static double reading(const float *a)
{
    double best = 0;
    volatile float sink = 0;
    for (int t = 0; t < TRIES; t++) {
        vector acc[8] = {{0}};
        double begin = now();
        for (size_t i = 0; i < FLOATS; i += 8 * LANES)
            for (int j = 0; j < 8; j++)
                acc[j] += *(const vector *)(const void *)(a + i + (size_t)j * LANES);
        double rate = FLOATS * sizeof(float) / (now() - begin) * 1e-9;
        for (int j = 0; j < 8; j++)
            sink = sink + acc[j][0];
        best = rate > best ? rate : best;
    }
    return best;
}

static double triad(float *a, const float *b, const float *c)
{
    double best = 0;
    for (int t = 0; t < TRIES; t++) {
        double begin = now();
        for (size_t i = 0; i < FLOATS; i++)
            a[i] = b[i] + 1.5f * c[i];
        double rate = 3.0 * FLOATS * sizeof(float) / (now() - begin) * 1e-9;
        best = rate > best ? rate : best;
    }
    return best;
}

int main(void)
{
    float *a[3];
    for (int i = 0; i < 3; i++) {
        a[i] = aligned_alloc(64, FLOATS * sizeof(float));
        if (!a[i])
            return 1;
        for (size_t j = 0; j < FLOATS; j++)
            a[i][j] = (float)(j & 7);
    }
    printf("multiply-adds  %6.1f GF/s\n", peak());
    printf("read           %6.1f GB/s\n", reading(a[0]));
    printf("triad          %6.1f GB/s\n", triad(a[0], a[1], a[2]));
    for (int i = 0; i < 3; i++)
        free(a[i]);
    return 0;
}
