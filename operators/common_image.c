/* Which decoder takes a file, and what all of them share. */
#include "operators/common_image.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>

#include "graph/core/companion.h"
#include "graph/core/status.h"

/* ---- the library of decoders ---- */

static ig_status library(const igi_image_format **out)
{
    static _Atomic(const igi_image_format *) known;
    union {
        void *object;
        igi_images_fn function;
    } found;
    *out = atomic_load_explicit(&known, memory_order_acquire);
    if (*out)
        return IG_OK;
    ig_status rc =
        igi_companion_find(&found.object, IGI_IMAGES_FILE, IGI_IMAGES_SYMBOL);
    if (rc != IG_OK)
        return ig_fail_context(
            "images other than BMP and PNM need Ingot's image library, which is built "
            "when libjpeg, libopenjp2, libpng, libtiff and libwebp are installed");
    *out = found.function();
    atomic_store_explicit(&known, *out, memory_order_release);
    return IG_OK;
}

const igi_image_format *igi_image_formats(void)
{
    const igi_image_format *table = NULL;
    return library(&table) == IG_OK ? table : NULL;
}

static const igi_image_format *
find(const igi_image_format *table, const unsigned char *bytes, size_t n)
{
    for (; table->name; table++)
        if (table->sniff(bytes, n))
            return table;
    return NULL;
}

/* ---- decoding ---- */

/* The caller's room, asked only for images of sane size. */
typedef struct guarded {
    igi_image_room room;
    void *user;
    ig_status rc; /* of a refusal */
} guarded;

static unsigned char *guard(void *user, const igi_image_head *h)
{
    guarded *g = user;
    g->rc = IG_OK;
    if (h->width < 1 || h->height < 1 || (h->channels != 1 && h->channels != 3))
        g->rc = ig_fail(IG_INVALID_ARGUMENT, "the image is empty");
    else if (h->width > IGI_IMAGE_SIDE_MAX || h->height > IGI_IMAGE_SIDE_MAX ||
             (uint64_t)h->width * h->height > IGI_IMAGE_PIXELS_MAX)
        g->rc = ig_fail(IG_LIMIT,
                        "the image has %" PRIu32 " x %" PRIu32
                        " pixels, the limit is %" PRIu64,
                        h->width, h->height, IGI_IMAGE_PIXELS_MAX);
    if (g->rc != IG_OK)
        return NULL;
    unsigned char *pixels = g->room(g->user, h);
    if (!pixels)
        g->rc = ig_error_status();
    return pixels;
}

ig_status igi_image_decode(const void *bytes, size_t n, igi_image_room room, void *user)
{
    const igi_image_format *f = NULL, *table = NULL;
    guarded g = {room, user, IG_OK};
    igi_image_job job = {bytes, n, guard, &g, {0}};
    if (igi_image_bmp.sniff(bytes, n))
        f = &igi_image_bmp;
    else if (igi_image_pnm.sniff(bytes, n))
        f = &igi_image_pnm;
    if (!f) {
        IG_TRY(library(&table));
        f = find(table, bytes, n);
    }
    if (!f)
        return ig_fail(IG_UNSUPPORTED,
                       "these %zu bytes are no image of a known format: BMP, JPEG, "
                       "JPEG 2000, PNG, PNM, TIFF or WebP",
                       n);
    ig_status rc = f->decode(&job);
    if (rc == IG_OK || g.rc != IG_OK)
        return g.rc;
    return ig_fail(rc, "the %s image cannot be read: %s", f->name, job.error);
}

/* ---- channels ---- */

void igi_image_channels(
    unsigned char *out, int to, const unsigned char *in, int from, size_t pixels)
{
    if (to == from) {
        memcpy(out, in, pixels * (size_t)to);
        return;
    }
    for (size_t i = 0; i < pixels; i++) {
        if (to == 1) {
            uint32_t grey =
                in[3 * i] * 19595u + in[3 * i + 1] * 38470u + in[3 * i + 2] * 7471u;
            out[i] = (unsigned char)((grey + 0x8000u) >> 16);
        } else {
            memset(out + 3 * i, in[i], 3);
        }
    }
}
