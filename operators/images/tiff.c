/* TIFF by libtiff's RGBA interface, which knows every layout and compression that
 * libtiff does. The first page is read. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <tiffio.h>

#include "operators/images/images.h"

/* Of one allocation of libtiff's own; pictures are limited by the caller. */
#define ALLOCATION_MAX ((tmsize_t)1 << 31)

/* ---- bytes as a file ---- */

typedef struct source {
    igi_image_job *job;
    size_t at;
} source;

static tmsize_t on_read(thandle_t handle, void *to, tmsize_t n)
{
    source *s = handle;
    if (n < 0 || s->at >= s->job->n)
        return 0;
    size_t rest = s->job->n - s->at, take = (size_t)n < rest ? (size_t)n : rest;
    memcpy(to, s->job->bytes + s->at, take);
    s->at += take;
    return (tmsize_t)take;
}

static tmsize_t on_write(thandle_t handle, void *from, tmsize_t n)
{
    (void)handle, (void)from, (void)n;
    return -1;
}

static toff_t on_seek(thandle_t handle, toff_t to, int from)
{
    source *s = handle;
    uint64_t base = from == SEEK_SET ? 0 : from == SEEK_CUR ? s->at : s->job->n;
    if (to > SIZE_MAX - base)
        return (toff_t)-1;
    s->at = (size_t)(base + to);
    return s->at;
}

static int on_close(thandle_t handle)
{
    (void)handle;
    return 0;
}

static toff_t on_size(thandle_t handle)
{
    return ((source *)handle)->job->n;
}

/* The first reason is the best. */
static int
on_error(TIFF *t, void *user, const char *module, const char *fmt, va_list args)
{
    igi_image_job *job = user;
    (void)t, (void)module;
    if (!job->error[0])
        (void)vsnprintf(job->error, sizeof(job->error), fmt, args);
    return 1;
}

static int
on_warning(TIFF *t, void *user, const char *module, const char *fmt, va_list args)
{
    (void)t, (void)user, (void)module, (void)fmt, (void)args;
    return 1;
}

static TIFF *open_file(source *s)
{
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    if (!o)
        return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(o, ALLOCATION_MAX);
    TIFFOpenOptionsSetErrorHandlerExtR(o, on_error, s->job);
    TIFFOpenOptionsSetWarningHandlerExtR(o, on_warning, s->job);
    TIFF *t = TIFFClientOpenExt("memory", "rm", s, on_read, on_write, on_seek, on_close,
                                on_size, NULL, NULL, o);
    TIFFOpenOptionsFree(o);
    return t;
}

/* ---- the picture ---- */

/* Extra channels are told to be colours that are multiplied already: libtiff then hands
 * colours over as they are. */
static void keep_colours(TIFF *t)
{
    uint16_t count = 0, *kinds = NULL;
    if (!TIFFGetField(t, TIFFTAG_EXTRASAMPLES, &count, &kinds) || count == 0)
        return;
    uint16_t first = EXTRASAMPLE_ASSOCALPHA;
    if (count == 1)
        (void)TIFFSetField(t, TIFFTAG_EXTRASAMPLES, 1, &first);
}

static ig_status read_image(igi_image_job *job, TIFF *t)
{
    char reason[1024] = "";
    igi_image_head h = {.channels = 3};
    uint16_t photometric = PHOTOMETRIC_RGB;
    if (!TIFFGetField(t, TIFFTAG_IMAGEWIDTH, &h.width) ||
        !TIFFGetField(t, TIFFTAG_IMAGELENGTH, &h.height))
        return igi_image_fail(job, IG_INVALID_ARGUMENT, "it has no size");
    keep_colours(t);
    if (!TIFFRGBAImageOK(t, reason))
        return igi_image_fail(job, IG_UNSUPPORTED, "%s", reason);
    (void)TIFFGetField(t, TIFFTAG_PHOTOMETRIC, &photometric);
    if (photometric == PHOTOMETRIC_MINISBLACK || photometric == PHOTOMETRIC_MINISWHITE)
        h.channels = 1;
    h.extra_bytes = (uint64_t)h.width * h.height * sizeof(uint32_t);
    unsigned char *y = job->room(job->user, &h);
    if (!y)
        return IG_LIMIT;
    size_t pixels = (size_t)h.width * h.height;
    uint32_t *raster = _TIFFmalloc((tmsize_t)(pixels * sizeof(uint32_t)));
    if (!raster)
        return igi_image_fail(job, IG_OUT_OF_MEMORY, "out of memory");
    int ok =
        TIFFReadRGBAImageOriented(t, h.width, h.height, raster, ORIENTATION_TOPLEFT, 1);
    for (size_t i = 0; ok && i < pixels; i++) {
        uint32_t v = raster[i];
        *y++ = (unsigned char)TIFFGetR(v);
        if (h.channels == 1)
            continue;
        *y++ = (unsigned char)TIFFGetG(v);
        *y++ = (unsigned char)TIFFGetB(v);
    }
    _TIFFfree(raster);
    return ok ? IG_OK : IG_INVALID_ARGUMENT;
}

ig_status igi_decode_tiff(igi_image_job *job)
{
    source s = {job, 0};
    TIFF *t = open_file(&s);
    ig_status rc = t ? read_image(job, t) : IG_INVALID_ARGUMENT;
    if (t)
        TIFFClose(t);
    if (rc != IG_OK && !job->error[0])
        return igi_image_fail(job, rc, "its data is damaged");
    return rc;
}
