/* Bilinear resize with antialiasing, as Pillow does it: two passes (rows first along x)
 * with triangle filters stretched by the scale when shrinking, half-pixel centres,
 * coefficients in fixed point with 22 bits, 8-bit values in between. Same arithmetic,
 * so the same bytes. (Pillow 13 goes along y first where that is cheaper, which differs
 * by rounding.) */
#include <math.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/status.h"
#include "tools/image.h"

#define PRECISION 22 /* 32 - 8 - 2 bits */

typedef struct taps {
    int *first, *count; /* per output pixel */
    int32_t *weight;    /* per output pixel: `most` of them */
    int most;
} taps;

static void taps_fini(taps *t)
{
    igi_free(t->first);
    igi_free(t->count);
    igi_free(t->weight);
}

static void fill_taps(taps *t, int in, int out, double *row)
{
    double scale = (double)in / out, stretch = scale < 1 ? 1 : scale;
    for (int i = 0; i < out; i++) {
        double centre = (i + 0.5) * scale, sum = 0;
        int lo = (int)(centre - stretch + 0.5), hi = (int)(centre + stretch + 0.5);
        lo = lo < 0 ? 0 : lo;
        hi = hi > in ? in : hi;
        for (int k = lo; k < hi; k++) {
            double x = fabs((k - centre + 0.5) / stretch);
            row[k - lo] = x < 1 ? 1 - x : 0;
            sum += row[k - lo];
        }
        for (int k = 0; k < hi - lo; k++) {
            double w = sum > 0 ? row[k] / sum : 0;
            t->weight[(int64_t)i * t->most + k] =
                (int32_t)(w * (1 << PRECISION) + (w < 0 ? -0.5 : 0.5));
        }
        t->first[i] = lo;
        t->count[i] = hi - lo;
    }
}

static ig_status taps_init(taps *t, int in, int out)
{
    double stretch = in > out ? (double)in / out : 1;
    t->most = (int)ceil(stretch) * 2 + 1;
    t->first = igi_calloc((size_t)out, sizeof(int));
    t->count = igi_calloc((size_t)out, sizeof(int));
    t->weight = igi_calloc((size_t)out * (size_t)t->most, sizeof(int32_t));
    double *row = igi_calloc((size_t)t->most, sizeof(double));
    bool ok = t->first && t->count && t->weight && row;
    if (ok)
        fill_taps(t, in, out, row);
    igi_free(row);
    return ok ? IG_OK : IG_OUT_OF_MEMORY;
}

static unsigned char clip8(int64_t v)
{
    v >>= PRECISION;
    return (unsigned char)(v < 0 ? 0 : v > 255 ? 255 : v);
}

/* Along one axis: `step` bytes between neighbours on it. */
static unsigned char blend(const unsigned char *p, const taps *t, int i, size_t step)
{
    const int32_t *w = t->weight + (int64_t)i * t->most;
    int64_t sum = 1 << (PRECISION - 1);
    p += (size_t)t->first[i] * step;
    for (int k = 0; k < t->count[i]; k++)
        sum += (int64_t)p[(size_t)k * step] * w[k];
    return clip8(sum);
}

static ig_status resize_columns(image *im, int width)
{
    taps t = {0};
    image to = {0};
    int c = im->channels;
    ig_status rc = taps_init(&t, im->width, width);
    if (rc == IG_OK)
        rc = image_new(&to, width, im->height, c);
    for (int y = 0; rc == IG_OK && y < im->height; y++) {
        const unsigned char *from =
            im->pixels + (size_t)y * (size_t)im->width * (size_t)c;
        unsigned char *row = to.pixels + (size_t)y * (size_t)width * (size_t)c;
        for (int x = 0; x < width; x++)
            for (int k = 0; k < c; k++)
                *row++ = blend(from + k, &t, x, (size_t)c);
    }
    taps_fini(&t);
    if (rc != IG_OK)
        return rc;
    image_fini(im);
    *im = to;
    return IG_OK;
}

static ig_status resize_rows(image *im, int height)
{
    taps t = {0};
    image to = {0};
    size_t row = (size_t)im->width * (size_t)im->channels;
    ig_status rc = taps_init(&t, im->height, height);
    if (rc == IG_OK)
        rc = image_new(&to, im->width, height, im->channels);
    for (int y = 0; rc == IG_OK && y < height; y++)
        for (size_t x = 0; x < row; x++)
            to.pixels[(size_t)y * row + x] = blend(im->pixels + x, &t, y, row);
    taps_fini(&t);
    if (rc != IG_OK)
        return rc;
    image_fini(im);
    *im = to;
    return IG_OK;
}

ig_status image_resize(image *im, int width, int height)
{
    if (width != im->width)
        IG_TRY(resize_columns(im, width));
    if (height != im->height)
        IG_TRY(resize_rows(im, height));
    return IG_OK;
}
