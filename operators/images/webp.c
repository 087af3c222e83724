/* WebP by libwebp, lossy and lossless. */
#include <webp/decode.h>

#include "operators/images/images.h"

static ig_status failed(igi_image_job *job, VP8StatusCode code)
{
    switch (code) {
    case VP8_STATUS_OUT_OF_MEMORY:
        return igi_image_fail(job, IG_OUT_OF_MEMORY, "out of memory");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return igi_image_fail(job, IG_UNSUPPORTED,
                              "it has a feature that is not known");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return igi_image_fail(job, IG_INVALID_ARGUMENT, "it is cut short");
    default:
        return igi_image_fail(job, IG_INVALID_ARGUMENT, "its data is damaged");
    }
}

ig_status igi_decode_webp(igi_image_job *job)
{
    WebPDecoderConfig c;
    if (!WebPInitDecoderConfig(&c))
        return igi_image_fail(job, IG_UNSUPPORTED, "libwebp is of another version");
    VP8StatusCode code = WebPGetFeatures(job->bytes, job->n, &c.input);
    if (code != VP8_STATUS_OK)
        return failed(job, code);
    if (c.input.has_animation)
        return igi_image_fail(job, IG_UNSUPPORTED, "it is an animation");
    igi_image_head h = {(uint32_t)c.input.width, (uint32_t)c.input.height, 3, 0};
    if (c.input.format == 2) /* lossless: all pixels are kept, in 4 bytes each */
        h.extra_bytes = (uint64_t)h.width * h.height * 4;
    unsigned char *pixels = job->room(job->user, &h);
    if (!pixels)
        return IG_LIMIT;
    c.output.colorspace = MODE_RGB;
    c.output.is_external_memory = 1;
    c.output.u.RGBA.rgba = pixels;
    c.output.u.RGBA.stride = (int)h.width * 3;
    c.output.u.RGBA.size = (size_t)h.width * 3 * h.height;
    code = WebPDecode(job->bytes, job->n, &c);
    WebPFreeDecBuffer(&c.output);
    return code == VP8_STATUS_OK ? IG_OK : failed(job, code);
}
