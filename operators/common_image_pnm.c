/* PBM, PGM and PPM, as text (P1 to P3) and as bytes (P4 to P6); samples of up to 16
 * bits, scaled to 0..255. */
#include <ctype.h>

#include "operators/common_image.h"

typedef struct reader {
    const unsigned char *p;
    size_t n, at;
} reader;

static bool sniff(const unsigned char *b, size_t n)
{
    return n >= 3 && b[0] == 'P' && b[1] >= '1' && b[1] <= '6' &&
           (isspace(b[2]) || b[2] == '#');
}

static void skip_space(reader *r)
{
    while (r->at < r->n && (isspace(r->p[r->at]) || r->p[r->at] == '#')) {
        if (r->p[r->at] == '#')
            while (r->at < r->n && r->p[r->at] != '\n')
                r->at++;
        else
            r->at++;
    }
}

/* The next number, which stops growing at a million; -1 when there is none. */
static int32_t number(reader *r)
{
    int32_t v = 0;
    skip_space(r);
    if (r->at >= r->n || !isdigit(r->p[r->at]))
        return -1;
    for (; r->at < r->n && isdigit(r->p[r->at]); r->at++)
        v = v < 1000000 ? v * 10 + (r->p[r->at] - '0') : v;
    return v;
}

/* Digits of bitmaps need no space between them. */
static int32_t digit(reader *r)
{
    skip_space(r);
    if (r->at >= r->n || (r->p[r->at] != '0' && r->p[r->at] != '1'))
        return -1;
    return r->p[r->at++] - '0';
}

static unsigned char scaled(int32_t v, int32_t most)
{
    return (unsigned char)(v >= most ? 255 : (v * 255 + most / 2) / most);
}

static ig_status read_text(
    igi_image_job *job, reader *r, int32_t most, bool bits, size_t n, unsigned char *y)
{
    for (size_t i = 0; i < n; i++) {
        int32_t v = bits ? digit(r) : number(r);
        if (v < 0)
            return igi_image_fail(job, IG_INVALID_ARGUMENT, "it is cut short");
        y[i] = bits ? (v ? 0 : 255) : scaled(v, most);
    }
    return IG_OK;
}

static void read_bytes(const reader *r, int32_t most, size_t n, unsigned char *y)
{
    const unsigned char *p = r->p + r->at;
    for (size_t i = 0; i < n; i++)
        y[i] = most < 256 ? scaled(p[i], most)
                          : scaled(p[2 * i] << 8 | p[2 * i + 1], most);
}

/* Rows of bits begin at bytes; 1 is black. */
static void
read_bits(const reader *r, uint32_t width, uint32_t height, unsigned char *y)
{
    size_t stride = ((size_t)width + 7) / 8;
    for (uint32_t row = 0; row < height; row++)
        for (uint32_t x = 0; x < width; x++) {
            unsigned byte = r->p[r->at + row * stride + x / 8];
            *y++ = byte >> (7 - x % 8) & 1 ? 0 : 255;
        }
}

static ig_status decode(igi_image_job *job)
{
    reader r = {job->bytes, job->n, 2};
    int kind = job->bytes[1] - '0';
    bool text = kind <= 3, bits = kind % 3 == 1;
    int32_t width = number(&r), height = number(&r), most = bits ? 1 : number(&r);
    if (width < 1 || height < 1 || most < 1 || most > 65535)
        return igi_image_fail(job, IG_INVALID_ARGUMENT, "its header is malformed");
    if (!text && (r.at >= r.n || !isspace(r.p[r.at++])))
        return igi_image_fail(job, IG_INVALID_ARGUMENT, "its header is malformed");
    igi_image_head h = {(uint32_t)width, (uint32_t)height, kind % 3 == 0 ? 3 : 1, 0};
    /* Both numbers stay below ten million: nothing overflows. */
    uint64_t samples = (uint64_t)h.width * h.height * h.channels;
    uint64_t need = text   ? samples
                    : bits ? (h.width + UINT64_C(7)) / 8 * h.height
                           : samples * (most < 256 ? 1 : 2);
    if (need > r.n - r.at)
        return igi_image_fail(job, IG_INVALID_ARGUMENT, "it is cut short");
    unsigned char *y = job->room(job->user, &h);
    if (!y)
        return IG_LIMIT;
    if (text)
        return read_text(job, &r, most, bits, (size_t)samples, y);
    if (bits)
        read_bits(&r, h.width, h.height, y);
    else
        read_bytes(&r, most, (size_t)samples, y);
    return IG_OK;
}

const igi_image_format igi_image_pnm = {"PNM", sniff, decode};
