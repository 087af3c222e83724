/* Images of the command: memory, channels, and the tensor a model gets. */
#include "tools/image.h"

#include <inttypes.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/status.h"
#include "operators/common_image.h"

ig_status image_new(image *out, int64_t width, int64_t height, int channels)
{
    size_t bytes;
    if (width < 1 || height < 1)
        return ig_fail(IG_INVALID_ARGUMENT, "the image is empty");
    if (width > IGI_IMAGE_SIDE_MAX || height > IGI_IMAGE_SIDE_MAX ||
        (uint64_t)(width * height) > IGI_IMAGE_PIXELS_MAX ||
        !igi_mul_size((size_t)(width * height), (size_t)channels, &bytes))
        return ig_fail(IG_LIMIT,
                       "the image has %" PRId64 " x %" PRId64
                       " pixels, the limit is %" PRIu64,
                       width, height, IGI_IMAGE_PIXELS_MAX);
    *out = (image){(int)width, (int)height, channels, igi_alloc(bytes)};
    return out->pixels ? IG_OK : IG_OUT_OF_MEMORY;
}

void image_fini(image *im)
{
    igi_free(im->pixels);
    *im = (image){0};
}

/* ---- files ---- */

static unsigned char *room(void *user, const igi_image_head *h)
{
    image *im = user;
    return image_new(im, h->width, h->height, (int)h->channels) == IG_OK ? im->pixels
                                                                         : NULL;
}

ig_status image_decode(image *out, const void *bytes, size_t n)
{
    *out = (image){0};
    ig_status rc = igi_image_decode(bytes, n, room, out);
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
    igi_image_channels(to.pixels, channels, im->pixels, im->channels,
                       (size_t)im->width * (size_t)im->height);
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
    if (want->dtype == IG_STRING)
        return ig_fail(IG_INVALID_ARGUMENT, "an image needs an input of numbers, not "
                                            "strings");
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
    if (h > IGI_IMAGE_SIDE_MAX || w > IGI_IMAGE_SIDE_MAX)
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
