/* PNG by libpng. Colours come as stored: no gamma, no alpha, the high byte of 16 bits.
 * Metadata is not read. */
#include <setjmp.h>
#include <string.h>

#include <png.h>

#include "operators/images/images.h"

typedef struct reader {
    igi_image_job *job;
    size_t at;
} reader;

/* libpng reports errors by leaving: the jump ends in igi_decode_png. */
_Noreturn static void on_error(png_structp png, png_const_charp text)
{
    reader *r = png_get_error_ptr(png);
    (void)igi_image_fail(r->job, IG_INVALID_ARGUMENT, "%s", text);
    png_longjmp(png, 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
    (void)png, (void)text;
}

static void on_read(png_structp png, png_bytep to, size_t n)
{
    reader *r = png_get_io_ptr(png);
    if (n > r->job->n - r->at)
        png_error(png, "it is cut short");
    memcpy(to, r->job->bytes + r->at, n);
    r->at += n;
}

/* To 8 bits a channel, grey or red, green, blue. Returns how often each row is read. */
static int simplify(png_structp png, png_infop info)
{
    png_set_expand(png);
    png_set_strip_16(png);
    png_set_strip_alpha(png);
    int passes = png_set_interlace_handling(png);
    png_read_update_info(png, info);
    return passes;
}

static ig_status read_image(png_structp png, png_infop info, reader *r)
{
    png_set_read_fn(png, r, on_read);
    png_set_keep_unknown_chunks(png, PNG_HANDLE_CHUNK_NEVER, NULL, -1);
    png_read_info(png, info);
    int passes = simplify(png, info);
    igi_image_head h = {png_get_image_width(png, info), png_get_image_height(png, info),
                        png_get_channels(png, info), 0};
    unsigned char *pixels = r->job->room(r->job->user, &h);
    if (!pixels)
        return IG_LIMIT;
    size_t stride = (size_t)h.width * h.channels;
    if (png_get_rowbytes(png, info) != stride)
        png_error(png, "its rows have an unexpected size");
    while (passes-- > 0)
        for (uint32_t y = 0; y < h.height; y++)
            png_read_row(png, pixels + y * stride, NULL);
    png_read_end(png, NULL);
    return IG_OK;
}

ig_status igi_decode_png(igi_image_job *job)
{
    reader r = {job, 0};
    png_infop info = NULL;
    png_structp png =
        png_create_read_struct(PNG_LIBPNG_VER_STRING, &r, on_error, on_warning);
    if (png)
        info = png_create_info_struct(png);
    if (!info) {
        png_destroy_read_struct(&png, &info, NULL);
        return igi_image_fail(job, IG_OUT_OF_MEMORY, "out of memory");
    }
    volatile ig_status rc = IG_INVALID_ARGUMENT; /* what a jump leaves */
    if (!setjmp(png_jmpbuf(png)))
        rc = read_image(png, info, &r);
    png_destroy_read_struct(&png, &info, NULL);
    return rc;
}
