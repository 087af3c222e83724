/* Images as model inputs, in one documented way:
 *
 *   decode (operators/common_image.h: every format of ImageDecoder, to 8 bits a
 * channel) -> grey or RGB, by the input's channel count -> resize to the input's height
 * and width, bilinear with antialiasing and half-pixel centres (as Pillow) -> values /
 * 255 for float inputs -> minus mean, divided by std where given -> NCHW, CHW, NHWC or
 * HWC, by the input's shape.
 *
 * Images are hostile input: dimensions are limited before memory is taken. */
#ifndef TOOLS_IMAGE_H
#define TOOLS_IMAGE_H

#include <ingot/ingot.h>

typedef struct image {
    int width, height, channels; /* 1 or 3 */
    unsigned char *pixels;       /* igi_free; rows without padding */
} image;

ig_status image_decode(image *out, const void *bytes, size_t n);
void image_fini(image *im);
/* Checks the size and takes the memory. */
ig_status image_new(image *out, int64_t width, int64_t height, int channels);
/* Grey from RGB (ITU-R 601 in 16 bits, as Pillow) or the other way round. */
ig_status image_convert(image *im, int channels);
ig_status image_resize(image *im, int width, int height);

typedef struct image_opts {
    int n_mean, n_std;
    float mean[4], std[4];
} image_opts;

/* The tensor of type `want` (a tensor type of float or uint8 with 2 to 4 dims; free
 * dims take the image's). Changes im. */
ig_status
image_to_tensor(ig_tensor **out, image *im, const ig_type *want, const image_opts *o);

#endif
