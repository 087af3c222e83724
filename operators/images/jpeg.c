/* JPEG by libjpeg-turbo: the slow exact integer transform and smooth upsampling of
 * colours, which are its defaults, named here because results depend on them. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "operators/images/images.h"

/* Scans of a progressive file; a real one has about ten, and each costs a pass over the
 * whole picture. */
enum { SCANS_MAX = 500 };

/* libjpeg reports errors by leaving: the jump ends in igi_decode_jpeg. */
typedef struct errors {
    struct jpeg_error_mgr base;
    jmp_buf leave;
    igi_image_job *job;
} errors;

_Noreturn static void leave(j_common_ptr info)
{
    errors *e = (errors *)info->err;
    longjmp(e->leave, 1);
}

_Noreturn static void on_error(j_common_ptr info)
{
    errors *e = (errors *)info->err;
    char text[JMSG_LENGTH_MAX];
    e->base.format_message(info, text);
    (void)igi_image_fail(e->job, IG_INVALID_ARGUMENT, "%s", text);
    leave(info);
}

/* Of the warnings, those that say that picture data is missing or wrong. */
static void on_message(j_common_ptr info, int level)
{
    int code = info->err->msg_code;
    if (level < 0 && (code == JWRN_JPEG_EOF || code == JWRN_HIT_MARKER ||
                      code == JWRN_HUFF_BAD_CODE || code == JWRN_MUST_RESYNC ||
                      code == JWRN_TOO_MUCH_DATA))
        on_error(info);
}

static void on_progress(j_common_ptr info)
{
    errors *e = (errors *)info->err;
    if (((j_decompress_ptr)info)->input_scan_number <= SCANS_MAX)
        return;
    (void)igi_image_fail(e->job, IG_INVALID_ARGUMENT, "it has more than %d scans",
                         SCANS_MAX);
    leave(info);
}

static void read_rows(struct jpeg_decompress_struct *d, unsigned char *pixels)
{
    size_t row = (size_t)d->output_width * (size_t)d->output_components;
    while (d->output_scanline < d->output_height) {
        JSAMPROW line = pixels + row * d->output_scanline;
        (void)jpeg_read_scanlines(d, &line, 1);
    }
    (void)jpeg_finish_decompress(d);
}

static ig_status read_image(struct jpeg_decompress_struct *d, igi_image_job *job)
{
    (void)jpeg_read_header(d, TRUE);
    bool grey = d->jpeg_color_space == JCS_GRAYSCALE;
    if (d->jpeg_color_space == JCS_CMYK || d->jpeg_color_space == JCS_YCCK)
        return igi_image_fail(job, IG_UNSUPPORTED,
                              "its colours are those of print (CMYK)");
    d->out_color_space = grey ? JCS_GRAYSCALE : JCS_RGB;
    d->dct_method = JDCT_ISLOW;
    d->do_fancy_upsampling = TRUE;
    igi_image_head h = {d->image_width, d->image_height, grey ? 1 : 3, 0};
    if (jpeg_has_multiple_scans(d)) /* all coefficients are kept */
        h.extra_bytes = (uint64_t)h.width * h.height * h.channels * sizeof(JCOEF);
    unsigned char *pixels = job->room(job->user, &h);
    if (!pixels)
        return IG_LIMIT;
    (void)jpeg_start_decompress(d);
    read_rows(d, pixels);
    return IG_OK;
}

ig_status igi_decode_jpeg(igi_image_job *job)
{
    struct jpeg_decompress_struct d;
    struct jpeg_progress_mgr progress;
    errors e;
    memset(&d, 0, sizeof(d));
    memset(&progress, 0, sizeof(progress));
    d.err = jpeg_std_error(&e.base);
    e.base.error_exit = on_error;
    e.base.emit_message = on_message;
    e.job = job;
    progress.progress_monitor = on_progress;
    if (setjmp(e.leave)) {
        jpeg_destroy_decompress(&d);
        return IG_INVALID_ARGUMENT;
    }
    jpeg_create_decompress(&d);
    d.progress = &progress;
    jpeg_mem_src(&d, job->bytes, (unsigned long)job->n);
    ig_status rc = read_image(&d, job);
    jpeg_destroy_decompress(&d);
    return rc;
}
