/* BMP of Windows and OS/2: 1, 4 and 8 bits with a palette, plain or run-length encoded;
 * 16, 24 and 32 bits, with masks of colours or the usual ones. */
#include <string.h>

#include "operators/common_image.h"

enum { RGB = 0, RLE8 = 1, RLE4 = 2, BITFIELDS = 3, ALPHA_BITFIELDS = 6 };

typedef struct bitmap {
    igi_image_job *job;
    igi_image_head head;
    bool top_down;
    uint32_t bits, compression, colours, offset;
    const unsigned char *palette; /* blue, green, red and perhaps a spare byte */
    uint32_t palette_step;
    uint32_t mask[3]; /* red, green, blue */
    unsigned char *y;
} bitmap;

static bool sniff(const unsigned char *b, size_t n)
{
    return n >= 18 && b[0] == 'B' && b[1] == 'M' && !b[16] && !b[17];
}

static uint32_t le16(const unsigned char *p)
{
    return p[0] | (uint32_t)p[1] << 8;
}

static uint32_t le32(const unsigned char *p)
{
    return le16(p) | le16(p + 2) << 16;
}

static ig_status damaged(const bitmap *b, const char *what)
{
    return igi_image_fail(b->job, IG_INVALID_ARGUMENT, "%s", what);
}

/* ---- headers ---- */

/* Of 12 bytes: the oldest. */
static void read_core(bitmap *b, const unsigned char *p)
{
    b->head.width = le16(p + 18);
    b->head.height = le16(p + 20);
    b->bits = le16(p + 24);
    b->palette_step = 3;
}

static void read_info(bitmap *b, const unsigned char *p)
{
    int32_t height = (int32_t)le32(p + 22);
    b->head.width = le32(p + 18);
    b->top_down = height < 0;
    b->head.height = height < 0 ? 0u - (uint32_t)height : (uint32_t)height;
    b->bits = le16(p + 28);
    b->compression = le32(p + 30);
    b->colours = le32(p + 46);
    b->palette_step = 4;
}

static ig_status read_masks(bitmap *b, const unsigned char *p, size_t n)
{
    static const uint32_t rgb555[3] = {0x7c00, 0x3e0, 0x1f};
    static const uint32_t rgb888[3] = {0xff0000, 0xff00, 0xff};
    bool given = b->compression == BITFIELDS || b->compression == ALPHA_BITFIELDS;
    memcpy(b->mask, b->bits == 16 ? rgb555 : rgb888, sizeof(b->mask));
    if (!given)
        return IG_OK;
    if (n < 66)
        return damaged(b, "it is cut short");
    for (int i = 0; i < 3; i++) {
        b->mask[i] = le32(p + 54 + 4 * i);
        uint32_t ones = b->mask[i] ? b->mask[i] >> __builtin_ctz(b->mask[i]) : 0;
        if (ones & (ones + 1))
            return damaged(b, "the bits of a colour do not lie together");
    }
    return IG_OK;
}

static ig_status read_palette(bitmap *b, size_t n, size_t at)
{
    uint32_t most = 1u << b->bits;
    if (b->colours == 0 || b->colours > most)
        b->colours = most;
    if (at > n || b->colours > (n - at) / b->palette_step)
        return damaged(b, "its palette is cut short");
    b->palette = b->job->bytes + at;
    return IG_OK;
}

static bool compression_fits(const bitmap *b)
{
    switch (b->compression) {
    case RGB:
        return true;
    case RLE8:
        return b->bits == 8 && !b->top_down;
    case RLE4:
        return b->bits == 4 && !b->top_down;
    case BITFIELDS:
    case ALPHA_BITFIELDS:
        return b->bits == 16 || b->bits == 32;
    default:
        return false;
    }
}

static ig_status read_headers(bitmap *b)
{
    const unsigned char *p = b->job->bytes;
    size_t n = b->job->n, size = le32(p + 14);
    bool core = size == 12;
    if ((!core && (size < 40 || size > 124)) || n < 14 + size)
        return damaged(b, "its header is malformed");
    b->offset = le32(p + 10);
    b->head.channels = 3;
    if (core)
        read_core(b, p);
    else
        read_info(b, p);
    if (b->bits != 1 && b->bits != 4 && b->bits != 8 && b->bits != 16 &&
        b->bits != 24 && b->bits != 32)
        return damaged(b, "its number of bits a pixel is none of 1, 4, 8, 16, 24, 32");
    if (!compression_fits(b))
        return igi_image_fail(b->job, IG_UNSUPPORTED,
                              "compression %u with %u bits a pixel", b->compression,
                              b->bits);
    if (b->offset > n)
        return damaged(b, "it is cut short");
    return b->bits <= 8 ? read_palette(b, n, 14 + size) : read_masks(b, p, n);
}

/* ---- pixels ---- */

/* Rows are written from the first of the picture on; y counts those of the file. */
static unsigned char *pixel(const bitmap *b, uint32_t x, uint32_t y)
{
    uint32_t row = b->top_down ? y : b->head.height - 1 - y;
    return b->y + ((size_t)row * b->head.width + x) * 3;
}

static bool put_colour(const bitmap *b, uint32_t x, uint32_t y, uint32_t index)
{
    if (index >= b->colours)
        return false;
    const unsigned char *c = b->palette + (size_t)index * b->palette_step;
    unsigned char *to = pixel(b, x, y);
    to[0] = c[2], to[1] = c[1], to[2] = c[0];
    return true;
}

static unsigned char channel(uint32_t v, uint32_t mask)
{
    if (!mask)
        return 0;
    int shift = __builtin_ctz(mask);
    uint64_t most = mask >> shift, part = (v & mask) >> shift;
    return (unsigned char)(part * 255 / most); /* rounded as Pillow does */
}

static bool put_row(const bitmap *b, const unsigned char *p, uint32_t y)
{
    uint32_t bytes = b->bits / 8;
    for (uint32_t x = 0; x < b->head.width; x++) {
        if (b->bits <= 8) {
            uint64_t bit = (uint64_t)x * b->bits;
            uint32_t index =
                (uint32_t)p[bit / 8] >> (8 - b->bits - bit % 8) & ((1u << b->bits) - 1);
            if (!put_colour(b, x, y, index))
                return false;
            continue;
        }
        uint32_t v = 0;
        for (uint32_t i = 0; i < bytes; i++)
            v |= (uint32_t)p[x * (size_t)bytes + i] << (8 * i);
        unsigned char *to = pixel(b, x, y);
        for (int i = 0; i < 3; i++)
            to[i] = channel(v, b->mask[i]);
    }
    return true;
}

static ig_status read_rows(const bitmap *b, uint64_t stride)
{
    const unsigned char *p = b->job->bytes + b->offset;
    for (uint32_t y = 0; y < b->head.height; y++)
        if (!put_row(b, p + y * stride, y))
            return damaged(b, "a pixel has a colour beyond the palette");
    return IG_OK;
}

/* ---- run-length encoding ---- */

typedef struct runs {
    const unsigned char *p, *end;
    uint32_t x, y;
} runs;

/* `count` pixels at the place that the runs have reached: all of them with the one or
 * two colours of `p[0]`, or each with its own. */
static bool
put_run(const bitmap *b, runs *r, const unsigned char *p, uint32_t count, bool own)
{
    if (r->y >= b->head.height || count > b->head.width - r->x)
        return false;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t index = b->bits == 8
                             ? p[own ? i : 0]
                             : (uint32_t)p[own ? i / 2 : 0] >> (i % 2 ? 0 : 4) & 15;
        if (!put_colour(b, r->x++, r->y, index))
            return false;
    }
    return true;
}

/* What follows a zero: ends, a jump, or pixels with their own colours, padded to two
 * bytes. *done: the end of the bitmap. */
static bool put_escape(const bitmap *b, runs *r, uint32_t code, bool *done)
{
    if (code == 0) {
        r->x = 0;
        r->y++;
        return true;
    }
    if (code == 1) {
        *done = true;
        return true;
    }
    if (code == 2) {
        if (r->end - r->p < 2 || r->p[0] > b->head.width - r->x ||
            r->p[1] > b->head.height - r->y)
            return false;
        r->x += r->p[0];
        r->y += r->p[1];
        r->p += 2;
        return true;
    }
    uint32_t bytes = b->bits == 8 ? code : (code + 1) / 2;
    if ((uint64_t)(r->end - r->p) < bytes || !put_run(b, r, r->p, code, true))
        return false;
    bytes += bytes % 2;
    r->p = (uint64_t)(r->end - r->p) < bytes ? r->end : r->p + bytes;
    return true;
}

static ig_status read_runs(const bitmap *b)
{
    runs r = {b->job->bytes + b->offset, b->job->bytes + b->job->n, 0, 0};
    bool done = false, ok = true;
    for (uint32_t y = 0; y < b->head.height; y++) /* what no run reaches */
        for (uint32_t x = 0; x < b->head.width; x++)
            (void)put_colour(b, x, y, 0);
    while (ok && !done && r.end - r.p >= 2 && r.y <= b->head.height) {
        uint32_t count = r.p[0], code = r.p[1];
        r.p += 2;
        ok = count ? put_run(b, &r, r.p - 1, count, false)
                   : put_escape(b, &r, code, &done);
    }
    return done && ok ? IG_OK : damaged(b, "its runs of pixels are damaged");
}

static ig_status decode(igi_image_job *job)
{
    bitmap b = {.job = job};
    ig_status rc = read_headers(&b);
    if (rc != IG_OK)
        return rc;
    bool packed = b.compression == RLE8 || b.compression == RLE4;
    uint64_t stride = ((uint64_t)b.head.width * b.bits + 31) / 32 * 4;
    if (!packed && b.head.height && stride > (job->n - b.offset) / b.head.height)
        return damaged(&b, "it is cut short");
    b.y = job->room(job->user, &b.head);
    if (!b.y)
        return IG_LIMIT;
    return packed ? read_runs(&b) : read_rows(&b, stride);
}

const igi_image_format igi_image_bmp = {"BMP", sniff, decode};
