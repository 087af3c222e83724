/* JPEG 2000 by OpenJPEG: the box format (.jp2) and code streams alone (.j2k). */
#include <string.h>

#include <openjpeg.h>

#include "operators/images/images.h"

/* ---- bytes as a stream ---- */

typedef struct source {
    const unsigned char *p;
    size_t n, at;
} source;

static OPJ_SIZE_T on_read(void *to, OPJ_SIZE_T n, void *user)
{
    source *s = user;
    if (s->at >= s->n)
        return (OPJ_SIZE_T)-1;
    n = n < s->n - s->at ? n : s->n - s->at;
    memcpy(to, s->p + s->at, n);
    s->at += n;
    return n;
}

static OPJ_OFF_T on_skip(OPJ_OFF_T n, void *user)
{
    source *s = user;
    if (n < 0 || (uint64_t)n > s->n - s->at)
        return -1;
    s->at += (size_t)n;
    return n;
}

static OPJ_BOOL on_seek(OPJ_OFF_T to, void *user)
{
    source *s = user;
    if (to < 0 || (uint64_t)to > s->n)
        return OPJ_FALSE;
    s->at = (size_t)to;
    return OPJ_TRUE;
}

static opj_stream_t *open_stream(source *s)
{
    opj_stream_t *stream = opj_stream_create(1 << 16, OPJ_TRUE);
    if (!stream)
        return NULL;
    opj_stream_set_user_data(stream, s, NULL);
    opj_stream_set_user_data_length(stream, s->n);
    opj_stream_set_read_function(stream, on_read);
    opj_stream_set_skip_function(stream, on_skip);
    opj_stream_set_seek_function(stream, on_seek);
    return stream;
}

/* The first reason is the best; OpenJPEG ends it with a newline. */
static void on_error(const char *text, void *user)
{
    igi_image_job *job = user;
    if (!job->error[0])
        (void)igi_image_fail(job, IG_INVALID_ARGUMENT, "%.*s", (int)strcspn(text, "\n"),
                             text);
}

/* ---- the picture ---- */

static ig_status check(igi_image_job *job, const opj_image_t *im)
{
    uint32_t used = im->numcomps < 3 ? 1 : 3;
    if (im->numcomps < 1)
        return igi_image_fail(job, IG_INVALID_ARGUMENT, "it has no component");
    if (im->color_space == OPJ_CLRSPC_SYCC || im->color_space == OPJ_CLRSPC_EYCC ||
        im->color_space == OPJ_CLRSPC_CMYK)
        return igi_image_fail(job, IG_UNSUPPORTED, "its colours are not RGB or grey");
    for (uint32_t i = 0; i < used; i++) {
        const opj_image_comp_t *c = &im->comps[i];
        if (c->prec < 1 || c->prec > 31)
            return igi_image_fail(job, IG_UNSUPPORTED, "its samples have %u bits",
                                  c->prec);
        if (c->w != im->comps[0].w || c->h != im->comps[0].h)
            return igi_image_fail(job, IG_UNSUPPORTED,
                                  "its components have different sizes");
    }
    return IG_OK;
}

/* To 0..255: the 8 high bits of deeper samples, shallower ones stretched. */
static unsigned char sample(const opj_image_comp_t *c, size_t i)
{
    int64_t most = (INT64_C(1) << c->prec) - 1;
    int64_t v = c->data[i] + (c->sgnd ? INT64_C(1) << (c->prec - 1) : 0);
    v = v < 0 ? 0 : v > most ? most : v;
    return (unsigned char)(c->prec > 8 ? v >> (c->prec - 8)
                                       : (v * 255 + most / 2) / most);
}

static ig_status read_image(igi_image_job *job,
                            opj_codec_t *codec,
                            opj_stream_t *stream,
                            opj_image_t **im)
{
    if (!opj_read_header(stream, codec, im))
        return IG_INVALID_ARGUMENT;
    ig_status rc = check(job, *im);
    if (rc != IG_OK)
        return rc;
    igi_image_head h = {(*im)->comps[0].w, (*im)->comps[0].h,
                        (*im)->numcomps < 3 ? 1 : 3, 0};
    /* The decoder keeps all samples, and a tile of them, in 4 bytes each. */
    h.extra_bytes = (uint64_t)h.width * h.height * (*im)->numcomps * 8;
    unsigned char *y = job->room(job->user, &h);
    if (!y)
        return IG_LIMIT;
    if (!opj_decode(codec, stream, *im) || !opj_end_decompress(codec, stream))
        return IG_INVALID_ARGUMENT;
    size_t pixels = (size_t)h.width * h.height;
    for (uint32_t c = 0; c < h.channels; c++) {
        const opj_image_comp_t *comp = &(*im)->comps[c];
        if (!comp->data || comp->w != h.width || comp->h != h.height)
            return igi_image_fail(job, IG_INVALID_ARGUMENT, "a component is missing");
        for (size_t i = 0; i < pixels; i++)
            y[i * h.channels + c] = sample(comp, i);
    }
    return IG_OK;
}

ig_status igi_decode_jpeg2000(igi_image_job *job)
{
    source s = {job->bytes, job->n, 0};
    opj_dparameters_t parameters;
    opj_image_t *im = NULL;
    ig_status rc = IG_OUT_OF_MEMORY;
    bool boxes = job->bytes[0] == 0; /* a code stream begins with ff */
    opj_codec_t *codec = opj_create_decompress(boxes ? OPJ_CODEC_JP2 : OPJ_CODEC_J2K);
    opj_stream_t *stream = open_stream(&s);
    opj_set_default_decoder_parameters(&parameters);
    if (codec && stream) {
        rc = IG_INVALID_ARGUMENT;
        (void)opj_set_error_handler(codec, on_error, job);
        if (opj_setup_decoder(codec, &parameters))
            rc = read_image(job, codec, stream, &im);
    }
    opj_image_destroy(im);
    opj_stream_destroy(stream);
    opj_destroy_codec(codec);
    if (rc != IG_OK && !job->error[0])
        return igi_image_fail(
            job, rc, rc == IG_OUT_OF_MEMORY ? "out of memory" : "its data is damaged");
    return rc;
}
