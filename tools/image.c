/* Images: PPM and PGM, conversion of channels, and the tensor a model gets. */
#include "tools/image.h"

#include <ctype.h>
#include <inttypes.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/status.h"

ig_status image_new(image *out, int64_t width, int64_t height, int channels)
{
    int64_t pixels;
    size_t bytes;
    if (width < 1 || height < 1)
        return ig_fail(IG_INVALID_ARGUMENT, "the image is empty");
    if (width > IMAGE_SIDE_MAX || height > IMAGE_SIDE_MAX ||
        !igi_mul_i64(width, height, &pixels) || pixels > IMAGE_PIXELS_MAX)
        return ig_fail(IG_LIMIT,
                       "the image has %" PRId64 " x %" PRId64
                       " pixels, the limit is %" PRId64,
                       width, height, IMAGE_PIXELS_MAX);
    if (!igi_mul_size((size_t)pixels, (size_t)channels, &bytes))
        return ig_fail(IG_LIMIT, "the image is too large");
    *out = (image){(int)width, (int)height, channels, igi_alloc(bytes)};
    return out->pixels ? IG_OK : IG_OUT_OF_MEMORY;
}

void image_fini(image *im)
{
    igi_free(im->pixels);
    *im = (image){0};
}

/* ---- PPM and PGM ---- */

/* The next number of a header, comments skipped; -1 when there is none. */
static int64_t header_number(const unsigned char *b, size_t n, size_t *at)
{
    int64_t v = 0;
    while (*at < n && (isspace(b[*at]) || b[*at] == '#')) {
        if (b[*at] == '#')
            while (*at < n && b[*at] != '\n')
                ++*at;
        else
            ++*at;
    }
    if (*at >= n || !isdigit(b[*at]))
        return -1;
    for (; *at < n && isdigit(b[*at]); ++*at)
        v = v < 1000000 ? v * 10 + (b[*at] - '0') : v;
    return v;
}

static ig_status decode_ppm(image *out, const unsigned char *b, size_t n)
{
    size_t at = 2;
    int channels = b[1] == '6' ? 3 : 1;
    int64_t width = header_number(b, n, &at);
    int64_t height = header_number(b, n, &at);
    int64_t most = header_number(b, n, &at);
    if (width < 1 || height < 1 || most < 1 || at >= n || !isspace(b[at]))
        return ig_fail(IG_INVALID_ARGUMENT, "the header of the PPM image is malformed");
    if (most > 255)
        return ig_fail(IG_UNSUPPORTED, "the PPM image has more than 8 bits a channel");
    at++;
    /* Compared before memory is taken; the limits of image_new make the product safe.
     */
    if (width <= IMAGE_SIDE_MAX && height <= IMAGE_SIDE_MAX &&
        (uint64_t)(width * height * channels) > n - at)
        return ig_fail(IG_INVALID_ARGUMENT, "the PPM image is cut short");
    IG_TRY(image_new(out, width, height, channels));
    size_t count = (size_t)(width * height * channels);
    for (size_t i = 0; i < count; i++)
        out->pixels[i] =
            (unsigned char)(b[at + i] >= most ? 255
                                              : (b[at + i] * 255 + most / 2) / most);
    return IG_OK;
}

/* ---- any ---- */

static bool is_png(const unsigned char *b, size_t n)
{
    return n >= 8 && memcmp(b, "\x89PNG\r\n\x1a\n", 8) == 0;
}

static bool is_jpeg(const unsigned char *b, size_t n)
{
    return n >= 3 && b[0] == 0xff && b[1] == 0xd8 && b[2] == 0xff;
}

static bool is_ppm(const unsigned char *b, size_t n)
{
    return n >= 3 && b[0] == 'P' && (b[1] == '5' || b[1] == '6') && isspace(b[2]);
}

bool image_sniff(const void *bytes, size_t n)
{
    return is_png(bytes, n) || is_jpeg(bytes, n) || is_ppm(bytes, n);
}

ig_status image_decode(image *out, const void *bytes, size_t n)
{
    *out = (image){0};
    ig_status rc;
    if (is_png(bytes, n))
        rc = image_decode_png(out, bytes, n);
    else if (is_jpeg(bytes, n))
        rc = image_decode_jpeg(out, bytes, n);
    else if (is_ppm(bytes, n))
        rc = decode_ppm(out, bytes, n);
    else
        rc = ig_fail(IG_UNSUPPORTED, "the image is neither PNG nor JPEG nor PPM");
    if (rc != IG_OK)
        image_fini(out);
    return rc;
}

ig_status image_convert(image *im, int channels)
{
    image to = {0};
    if (im->channels == channels)
        return IG_OK;
    IG_TRY(image_new(&to, im->width, im->height, channels));
    size_t n = (size_t)im->width * (size_t)im->height;
    const unsigned char *p = im->pixels;
    for (size_t i = 0; i < n; i++) {
        if (channels == 1) {
            uint32_t grey =
                p[3 * i] * 19595u + p[3 * i + 1] * 38470u + p[3 * i + 2] * 7471u;
            to.pixels[i] = (unsigned char)((grey + 0x8000u) >> 16);
        } else {
            memset(to.pixels + 3 * i, p[i], 3);
        }
    }
    image_fini(im);
    *im = to;
    return IG_OK;
}

/* ---- the tensor ---- */

/* Which axis is what: -1 where there is none. */
typedef struct layout {
    int batch, channel, row, column;
} layout;

static ig_status find_layout(const ig_type *want, layout *l)
{
    static const layout layouts[] = {{-1, -1, 0, 1}, {-1, 0, 1, 2}, {0, 1, 2, 3}};
    static const layout channels_last[] = {{-1, -1, 0, 1}, {-1, 2, 0, 1}, {0, 3, 1, 2}};
    const int64_t *d = ig_type_dims(want);
    if (want->kind != IG_KIND_TENSOR || want->rank < 2 || want->rank > 4)
        return ig_fail(IG_INVALID_ARGUMENT, "an image needs an input of 2 to 4 dims");
    *l = layouts[want->rank - 2];
    if (want->rank > 2) {
        int64_t first = d[want->rank - 3], last = d[want->rank - 1];
        if ((last == 1 || last == 3) && first != 1 && first != 3)
            *l = channels_last[want->rank - 2];
    }
    int64_t c = l->channel < 0 ? 1 : d[l->channel];
    if (c >= 0 && c != 1 && c != 3)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the input has %" PRId64 " channels, an image has 1 or 3", c);
    if (l->batch >= 0 && d[l->batch] > 1)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the input is a batch of %" PRId64
                       ", one image was given; feed a .npy file",
                       d[l->batch]);
    return IG_OK;
}

static float normalised(unsigned char v, int c, bool scale, const image_opts *o)
{
    float x = scale ? (float)v / 255.0f : (float)v;
    if (o->n_mean)
        x -= o->mean[c < o->n_mean ? c : 0];
    if (o->n_std)
        x /= o->std[c < o->n_std ? c : 0];
    return x;
}

static void
fill(ig_tensor *t, const image *im, bool channels_first, const image_opts *o)
{
    int64_t at = 0, pixels = (int64_t)im->width * im->height;
    bool scale = igi_dtype_is_float(ig_tensor_dtype(t));
    for (int64_t p = 0; p < pixels; p++)
        for (int c = 0; c < im->channels; c++) {
            int64_t to = channels_first ? c * pixels + p : at;
            float x = normalised(im->pixels[at++], c, scale, o);
            igi_put_f64(ig_tensor_dtype(t), ig_tensor_data(t), to, (double)x);
        }
}

ig_status
image_to_tensor(ig_tensor **out, image *im, const ig_type *want, const image_opts *o)
{
    layout l = {-1, -1, -1, -1};
    int64_t dims[4];
    IG_TRY(find_layout(want, &l));
    const int64_t *d = ig_type_dims(want);
    int64_t c = l.channel < 0 ? 1 : d[l.channel] > 0 ? d[l.channel] : im->channels;
    int64_t h = d[l.row] > 0 ? d[l.row] : im->height,
            w = d[l.column] > 0 ? d[l.column] : im->width;
    if (h > IMAGE_SIDE_MAX || w > IMAGE_SIDE_MAX)
        return ig_fail(IG_LIMIT, "the input is larger than images can be");
    IG_TRY(image_convert(im, (int)c));
    IG_TRY(image_resize(im, (int)w, (int)h));
    dims[l.row] = h;
    dims[l.column] = w;
    if (l.channel >= 0)
        dims[l.channel] = c;
    if (l.batch >= 0)
        dims[l.batch] = 1;
    IG_TRY(ig_tensor_new(out, (ig_dtype)want->dtype, want->rank, dims));
    fill(*out, im, l.channel >= 0 && l.channel < l.row, o);
    return IG_OK;
}
