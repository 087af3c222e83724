/* Plans of samples over planes. Elements lie anywhere, so sums are scalar; four planes
 * at once share what the plan says. */
#include "operators/cpu/taps.h"

enum { PLANES = 4, LINE = 64 };

static size_t lines(int64_t n, size_t element)
{
    return ((size_t)n * element + LINE - 1) / LINE * LINE;
}

size_t igi_taps_bytes(int64_t n, int most)
{
    return lines(n, sizeof(int32_t)) + lines(n * most, sizeof(int32_t)) +
           lines(n * most, sizeof(float));
}

igi_taps igi_taps_in(void *memory, int64_t n, int most)
{
    char *at = memory;
    igi_taps t = {.n = n, .most = most, .count = memory};
    at += lines(n, sizeof(int32_t));
    t.index = (int32_t *)(void *)at;
    at += lines(n * most, sizeof(int32_t));
    t.weight = (float *)(void *)at;
    return t;
}

/* One sum over some planes; constant `planes` and `count` unroll it. */
static inline void sum_taps(const int planes,
                            const int count,
                            const int32_t *index,
                            const float *weight,
                            const float *const *x,
                            float *y,
                            int64_t ld_y)
{
    float sum[PLANES];
    for (int c = 0; c < planes; c++)
        sum[c] = weight[0] * x[c][index[0]];
    for (int i = 1; i < count; i++)
        for (int c = 0; c < planes; c++)
            sum[c] += weight[i] * x[c][index[i]];
    for (int c = 0; c < planes; c++)
        y[c * ld_y] = sum[c];
}

static inline void run_planes(
    const int planes, const igi_taps *t, const float *const *x, float *y, int64_t ld_y)
{
    const int32_t *index = t->index;
    const float *weight = t->weight;
    for (int64_t p = 0; p < t->n; p++, index += t->most, weight += t->most) {
        if (t->count[p] == 4)
            sum_taps(planes, 4, index, weight, x, y + p, ld_y);
        else if (t->count[p] > 0)
            sum_taps(planes, t->count[p], index, weight, x, y + p, ld_y);
        else
            for (int c = 0; c < planes; c++)
                y[c * ld_y + p] = 0;
    }
}

static void copy_plane(const igi_taps *t, const float *x, float *y)
{
    for (int64_t p = 0; p < t->n; p++)
        y[p] = t->count[p] ? x[t->index[p]] : 0;
}

void igi_taps_run(const igi_taps *t,
                  int64_t planes,
                  const float *x,
                  int64_t ld_x,
                  float *y,
                  int64_t ld_y)
{
    for (int64_t c = 0, n; c < planes; c += n) {
        const float *from[PLANES];
        n = t->most == 1 ? 1 : planes - c < PLANES ? planes - c : PLANES;
        for (int64_t i = 0; i < n; i++)
            from[i] = x + (c + i) * ld_x;
        float *to = y + c * ld_y;
        if (t->most == 1)
            copy_plane(t, from[0], to);
        else if (n == 4)
            run_planes(4, t, from, to, ld_y);
        else if (n == 3)
            run_planes(3, t, from, to, ld_y);
        else if (n == 2)
            run_planes(2, t, from, to, ld_y);
        else
            run_planes(1, t, from, to, ld_y);
    }
}
