/* PNG through libpng's simplified interface, JPEG through libjpeg. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>
#include <png.h>

#include "graph/core/alloc.h"
#include "graph/core/status.h"
#include "tools/image.h"

ig_status image_decode_png(image *out, const void *bytes, size_t n)
{
    png_image png;
    memset(&png, 0, sizeof(png));
    png.version = PNG_IMAGE_VERSION;
    if (!png_image_begin_read_from_memory(&png, bytes, n))
        return ig_fail(IG_INVALID_ARGUMENT, "the PNG image cannot be read: %s",
                       png.message);
    bool colour = (png.format & PNG_FORMAT_FLAG_COLOR) != 0;
    png.format = colour ? PNG_FORMAT_RGB : PNG_FORMAT_GRAY;
    ig_status rc = image_new(out, png.width, png.height, colour ? 3 : 1);
    if (rc != IG_OK) {
        png_image_free(&png);
        return rc;
    }
    static const png_color black = {0, 0, 0};
    if (!png_image_finish_read(&png, &black, out->pixels, 0, NULL))
        return ig_fail(IG_INVALID_ARGUMENT, "the PNG image cannot be read: %s",
                       png.message);
    return IG_OK;
}

/* ---- JPEG ---- */

/* libjpeg reports errors by leaving: the jump ends in image_decode_jpeg. */
typedef struct jpeg_errors {
    struct jpeg_error_mgr base;
    jmp_buf leave;
    char text[JMSG_LENGTH_MAX];
} jpeg_errors;

_Noreturn static void on_error(j_common_ptr info)
{
    jpeg_errors *e = (jpeg_errors *)info->err;
    e->base.format_message(info, e->text);
    longjmp(e->leave, 1);
}

static void on_message(j_common_ptr info)
{
    (void)info; /* warnings about damaged data: the image is what could be read */
}

static void decode(struct jpeg_decompress_struct *d, image *out)
{
    (void)jpeg_start_decompress(d);
    size_t row = (size_t)out->width * (size_t)out->channels;
    while (d->output_scanline < d->output_height) {
        JSAMPROW line = out->pixels + row * d->output_scanline;
        (void)jpeg_read_scanlines(d, &line, 1);
    }
    (void)jpeg_finish_decompress(d);
}

ig_status image_decode_jpeg(image *out, const void *bytes, size_t n)
{
    struct jpeg_decompress_struct d;
    jpeg_errors errors;
    memset(&d, 0, sizeof(d));
    d.err = jpeg_std_error(&errors.base);
    errors.base.error_exit = on_error;
    errors.base.output_message = on_message;
    if (setjmp(errors.leave)) {
        jpeg_destroy_decompress(&d);
        return ig_fail(IG_INVALID_ARGUMENT, "the JPEG image cannot be read: %s",
                       errors.text);
    }
    jpeg_create_decompress(&d);
    jpeg_mem_src(&d, bytes, (unsigned long)n);
    (void)jpeg_read_header(&d, TRUE);
    bool grey = d.jpeg_color_space == JCS_GRAYSCALE;
    d.out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    d.mem->max_memory_to_use = 1L << 30;
    ig_status rc = image_new(out, d.image_width, d.image_height, grey ? 1 : 3);
    if (rc == IG_OK)
        decode(&d, out);
    jpeg_destroy_decompress(&d);
    return rc;
}
