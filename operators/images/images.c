/* Which decoder takes which first bytes. */
#include "operators/images/images.h"

#include <string.h>

static bool begins(const unsigned char *b, size_t n, const char *with, size_t length)
{
    return n >= length && memcmp(b, with, length) == 0;
}
#define BEGINS(b_, n_, with_) begins(b_, n_, with_, sizeof(with_) - 1)

static bool is_jpeg(const unsigned char *b, size_t n)
{
    return BEGINS(b, n, "\xff\xd8\xff");
}

/* The box format, and a code stream alone. */
static bool is_jpeg2000(const unsigned char *b, size_t n)
{
    return BEGINS(b, n, "\0\0\0\x0cjP  \r\n\x87\n") || BEGINS(b, n, "\xff\x4f\xff\x51");
}

static bool is_png(const unsigned char *b, size_t n)
{
    return BEGINS(b, n, "\x89PNG\r\n\x1a\n");
}

static bool is_tiff(const unsigned char *b, size_t n)
{
    return BEGINS(b, n, "II*\0") || BEGINS(b, n, "MM\0*") || BEGINS(b, n, "II+\0") ||
           BEGINS(b, n, "MM\0+");
}

static bool is_webp(const unsigned char *b, size_t n)
{
    return n >= 12 && BEGINS(b, n, "RIFF") && BEGINS(b + 8, n - 8, "WEBP");
}

static const igi_image_format formats[] = {
    {"JPEG", is_jpeg, igi_decode_jpeg}, {"JPEG 2000", is_jpeg2000, igi_decode_jpeg2000},
    {"PNG", is_png, igi_decode_png},    {"TIFF", is_tiff, igi_decode_tiff},
    {"WebP", is_webp, igi_decode_webp}, {NULL, NULL, NULL},
};

const igi_image_format *ig_images_1(void)
{
    return formats;
}
