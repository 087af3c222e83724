/* Drawing digits; see digits.h. */
#include "examples/digits.h"

#include <math.h>
#include <png.h>
#include <string.h>

static const char *const font[10] = {
    "01110100011001110101110011000101110", /* rows of 5, from the top */
    "00100011000010000100001000010001110", "01110100010000100010001000100011111",
    "11111000100010000010000011000101110", "00010001100101010010111110001000010",
    "11111100001111000001000011000101110", "00110010001000011110100011000101110",
    "11111000010001000100010000100001000", "01110100011000101110100011000101110",
    "01110100011000101111000010001001100",
};

static double uniform(unsigned *state)
{
    *state = *state * 1664525u + 1013904223u; /* Numerical Recipes' generator */
    return (*state >> 8) / 16777216.0;
}

/* Ink of the font at a place in glyph units, smoothed between cells. */
static double ink(int digit, double x, double y)
{
    double sum = 0;
    for (int j = 0; j < 7; j++) {
        for (int i = 0; i < 5; i++) {
            double dx = fabs(x - (i + 0.5)), dy = fabs(y - (j + 0.5));
            if (font[digit][j * 5 + i] == '1' && dx < 1 && dy < 1)
                sum += (1 - dx) * (1 - dy);
        }
    }
    return sum > 1 ? 1 : sum;
}

static void draw(float *image, int digit, unsigned *state)
{
    double scale = 2.6 + uniform(state), slant = (uniform(state) - 0.5) * 0.5;
    double cx = 14 + (uniform(state) - 0.5) * 5, cy = 14 + (uniform(state) - 0.5) * 5;
    for (int y = 0; y < DIGIT_SIDE; y++) {
        for (int x = 0; x < DIGIT_SIDE; x++) {
            double v = (y + 0.5 - cy) / scale, u = (x + 0.5 - cx) / scale + slant * v;
            double p = ink(digit, u + 2.5, v + 3.5) + (uniform(state) - 0.5) * 0.2;
            image[y * DIGIT_SIDE + x] = (float)(p < 0 ? 0 : p > 1 ? 1 : p);
        }
    }
}

ig_status digits_draw(int n, unsigned seed, ig_tensor **images, ig_tensor **labels)
{
    int64_t dims[4] = {n, 1, DIGIT_SIDE, DIGIT_SIDE};
    ig_status rc = ig_tensor_new(images, IG_FLOAT32, 4, dims);
    if (rc || (rc = ig_tensor_new(labels, IG_INT64, 1, dims)))
        return rc;
    float *pixels = ig_tensor_data(*images);
    int64_t *label = ig_tensor_data(*labels);
    for (int i = 0; i < n; i++) {
        label[i] = i % 10;
        draw(pixels + i * DIGIT_SIDE * DIGIT_SIDE, i % 10, &seed);
    }
    return IG_OK;
}

int digits_write_png(const char *path, const float *image)
{
    unsigned char grey[DIGIT_SIDE * DIGIT_SIDE];
    png_image png;
    memset(&png, 0, sizeof(png));
    png.version = PNG_IMAGE_VERSION;
    png.width = png.height = DIGIT_SIDE;
    png.format = PNG_FORMAT_GRAY;
    for (int i = 0; i < DIGIT_SIDE * DIGIT_SIDE; i++)
        grey[i] = (unsigned char)lroundf(image[i] * 255);
    return png_image_write_to_file(&png, path, 0, grey, 0, NULL);
}
