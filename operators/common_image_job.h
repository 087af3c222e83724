/* Between Ingot and a decoder of images. Plain data and no call into Ingot: decoders
 * may lie in a library of their own (operators/images). */
#ifndef OPERATORS_COMMON_IMAGE_JOB_H
#define OPERATORS_COMMON_IMAGE_JOB_H

#include <ingot/base.h>

#include <stdarg.h>
#include <stdio.h>

/* What the header of a file says. */
typedef struct igi_image_head {
    uint32_t width, height;
    uint32_t channels;    /* 1 or 3 */
    uint64_t extra_bytes; /* that the decoder takes for itself until it is done */
} igi_image_head;

/* Memory for height rows of width * channels bytes; NULL: refused, with a record. */
typedef unsigned char *(*igi_image_room)(void *user, const igi_image_head *head);

/* One decoding. */
typedef struct igi_image_job {
    const unsigned char *bytes;
    size_t n;
    igi_image_room room; /* NULL from it: return IG_LIMIT */
    void *user;
    char error[256]; /* why, when the status is not IG_OK */
} igi_image_job;

typedef struct igi_image_format {
    const char *name; /* "PNG"; NULL ends a table */
    bool (*sniff)(const unsigned char *bytes, size_t n);
    ig_status (*decode)(igi_image_job *job);
} igi_image_format;

/* The library of decoders exports one function, which returns its table. The number
 * changes with the structs above. */
#define IGI_IMAGES_FILE   "libingot_images.so"
#define IGI_IMAGES_SYMBOL "ig_images_1"
typedef const igi_image_format *(*igi_images_fn)(void);

/* For decoders: the reason in words. Returns `status`. */
IG_PRINTF(3, 4)
static inline ig_status
igi_image_fail(igi_image_job *job, ig_status status, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(job->error, sizeof(job->error), fmt, args);
    va_end(args);
    return status;
}

#endif
