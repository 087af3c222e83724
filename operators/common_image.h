/* Files of images to bytes: one way for ImageDecoder, the command and tests.
 *
 * What a file holds is told by its first bytes: BMP and PNM are read here; JPEG, JPEG
 * 2000, PNG, TIFF and WebP by operators/images, a library of its own that is loaded
 * when the first such file comes and links the well-kept decoders.
 *
 * The result are the stored colours in 8 bits a channel (the high byte of deeper ones):
 * grey or red, green, blue. Alpha is not applied, colour profiles and gamma neither, as
 * in the image loaders that people train with (Pillow, OpenCV). Of files with several
 * images the first is taken.
 *
 * Files are hostile: a decoder says what it needs before it takes memory, the caller
 * refuses or agrees. Damage that a format can notice is an error, never half an image.
 */
#ifndef OPERATORS_COMMON_IMAGE_H
#define OPERATORS_COMMON_IMAGE_H

#include "graph/core/alloc.h"
#include "operators/common_image_job.h"

/* Refused in any case: larger images are mistakes or attacks. */
#define IGI_IMAGE_SIDE_MAX   65535u
#define IGI_IMAGE_PIXELS_MAX ((uint64_t)1 << 28)

/* Calls `room` at most once, and fills what it gave.
 * Errors: INVALID_ARGUMENT (damaged), UNSUPPORTED (a kind of image, or the decoders are
 * not installed), OUT_OF_MEMORY, LIMIT, and those of `room`. */
ig_status
igi_image_decode(const void *bytes, size_t n, igi_image_room room, void *user);

/* The formats that the library of decoders takes; NULL with a record when it is not
 * there. */
const igi_image_format *igi_image_formats(void);

/* `pixels` pixels with `from` channels as `to` channels (1 or 3 each): grey from
 * colours by ITU-R 601 in 16 bits as Pillow does it, colours from grey by copying. */
void igi_image_channels(
    unsigned char *out, int to, const unsigned char *in, int from, size_t pixels);

/* The two that need no library. */
extern const igi_image_format igi_image_bmp, igi_image_pnm;

#endif
