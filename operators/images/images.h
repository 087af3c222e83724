/* The decoders of libingot_images.so: one file per format, each the only one that names
 * its library. operators/common_image_job.h says what a decoder does. */
#ifndef OPERATORS_IMAGES_IMAGES_H
#define OPERATORS_IMAGES_IMAGES_H

#include "operators/common_image_job.h"

ig_status igi_decode_jpeg(igi_image_job *job);
ig_status igi_decode_jpeg2000(igi_image_job *job);
ig_status igi_decode_png(igi_image_job *job);
ig_status igi_decode_tiff(igi_image_job *job);
ig_status igi_decode_webp(igi_image_job *job);

/* The one symbol that the library exports. */
IG_API const igi_image_format *ig_images_1(void);

#endif
