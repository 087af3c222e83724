/* Any bytes as an image: an error with a reason, or pixels that are all written. */
#include <stdlib.h>
#include <string.h>

#include "graph/core/status.h"
#include "operators/common_image.h"
#include "tests/support/fuzz.h"

typedef struct picture {
    unsigned char *pixels;
    size_t bytes;
} picture;

/* Small enough for many runs a second; claims of more are refused like a limit. */
enum { BYTES_MAX = 1 << 22 };

static unsigned char *room(void *user, const igi_image_head *h)
{
    picture *p = user;
    p->bytes = (size_t)h->width * h->height * h->channels;
    if (p->pixels) /* at most one call */
        abort();
    if (p->bytes + h->extra_bytes > BYTES_MAX) {
        (void)ig_fail(IG_LIMIT, "too large for this test");
        return NULL;
    }
    p->pixels = malloc(p->bytes);
    return p->pixels;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    picture p = {0};
    volatile unsigned sum = 0; /* every pixel is read */
    ig_status rc = igi_image_decode(data, size, room, &p);
    if (rc == IG_INTERNAL || rc == IG_IO || (rc != IG_OK && !*ig_error_message()) ||
        (rc == IG_OK && !p.pixels))
        abort();
    for (size_t i = 0; rc == IG_OK && i < p.bytes; i++)
        sum = sum + p.pixels[i];
    free(p.pixels);
    return 0;
}
