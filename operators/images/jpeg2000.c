/* JPEG 2000 by OpenJPEG: the box format (.jp2) and code streams alone (.j2k). */
#include <math.h>
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

/* ---- what the markers ask for ---- */

/* OpenJPEG takes memory for every component of every tile when it reads the header, and
 * for every precinct (a part of a resolution) when it decodes: a hundred bytes can ask
 * for gigabytes. So markers are read here first, wherever they stand, since OpenJPEG
 * passes over what it does not know. Those whose lengths do not fit are none: picture
 * data. */
enum { TILES_MAX = 65535 }; /* OpenJPEG's own */
#define HEADER_MAX      ((uint64_t)256 << 20)
#define TILE_BYTES      6000u /* about, in OpenJPEG 2.5 */
#define COMPONENT_BYTES 1100u
#define PRECINCT_BYTES  600.0

typedef struct markers {
    uint64_t tiles, components;
    double precincts; /* of a component, per pixel */
    uint32_t seen;    /* tiles that have data */
    unsigned char is_seen[TILES_MAX / 8 + 1];
} markers;

static uint32_t be16(const unsigned char *p)
{
    return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t be32(const unsigned char *p)
{
    return be16(p) << 16 | be16(p + 2);
}

static uint64_t header_bytes(const markers *m)
{
    return m->tiles * (m->components * COMPONENT_BYTES + TILE_BYTES);
}

/* Tiles along an axis, p: the size, then 16 bytes on that of a tile, then 8 bytes on
 * where the first begins. */
static uint64_t tiles_along(const unsigned char *p)
{
    const uint64_t size = be32(p), tile = be32(p + 16), first = be32(p + 24);
    return tile && size > first ? (size - first + tile - 1) / tile : 0;
}

/* SIZ: the largest counts. */
static void read_size(markers *m, const unsigned char *p, size_t n)
{
    if (n < 38 || be16(p) != 38 + 3 * be16(p + 36))
        return;
    const uint64_t x = tiles_along(p + 4), y = tiles_along(p + 8);
    markers is = {.tiles = x < TILES_MAX && y < TILES_MAX ? x * y : 0,
                  .components = be16(p + 36)};
    if (is.tiles <= TILES_MAX && header_bytes(&is) > header_bytes(m)) {
        m->tiles = is.tiles;
        m->components = is.components;
    }
}

/* COD and COC: the sizes of precincts, powers of two, from the lowest resolution up.
 * `at`: where the number of resolutions stands, after a byte whose bit 0 says that
 * sizes follow. */
static void
read_style(markers *m, const unsigned char *p, size_t n, size_t flag, size_t at)
{
    if (n < at + 5 || !(p[flag] & 1) || p[at] > 32)
        return;
    const size_t count = p[at] + (size_t)1, end = at + 5 + count;
    double sum = 0;
    if (n < end || be16(p) != end)
        return;
    for (size_t r = 0; r < count; r++) { /* up to three bands each */
        const unsigned char size = p[at + 5 + r];
        sum += ldexp(3, -(int)(2 * (count - 1 - r)) - (size & 15) - (size >> 4));
    }
    m->precincts = sum > m->precincts ? sum : m->precincts;
}

static void read_tile(markers *m, const unsigned char *p, size_t n)
{
    if (n < 4 || be16(p) != 10)
        return;
    const uint32_t tile = be16(p + 2), bit = 1u << tile % 8;
    if (tile < TILES_MAX && !(m->is_seen[tile / 8] & bit)) {
        m->is_seen[tile / 8] |= (unsigned char)bit;
        m->seen++;
    }
}

static void read_markers(markers *m, const unsigned char *p, size_t n)
{
    for (size_t i = 0; i + 2 < n; i++) {
        const unsigned char *next = memchr(p + i, 0xff, n - 2 - i);
        if (!next)
            return;
        i = (size_t)(next - p);
        const size_t left = n - 2 - i;
        next += 2;
        switch (p[i + 1]) {
        case 0x51:
            read_size(m, next, left);
            break;
        case 0x52:
            read_style(m, next, left, 2, 7);
            break;
        case 0x53: /* the component's number has one byte, or two */
            read_style(m, next, left, 3, 4);
            read_style(m, next, left, 4, 5);
            break;
        case 0x90:
            read_tile(m, next, left);
            break;
        default:
            break;
        }
    }
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

/* That the decoder keeps: all samples, and a tile of them, in 4 bytes each, and what
 * the markers ask for. */
static uint64_t
decoder_bytes(const markers *m, const igi_image_head *h, uint32_t components)
{
    const uint64_t samples = (uint64_t)h->width * h->height * components;
    const double precincts = (double)samples * m->precincts * PRECINCT_BYTES;
    return samples * 8 + header_bytes(m) +
           (precincts < 0x1p60 ? (uint64_t)precincts : UINT64_C(1) << 60);
}

static ig_status read_image(igi_image_job *job,
                            opj_codec_t *codec,
                            opj_stream_t *stream,
                            opj_image_t **im)
{
    markers m = {0};
    read_markers(&m, job->bytes, job->n);
    if (header_bytes(&m) > HEADER_MAX)
        return igi_image_fail(job, IG_LIMIT,
                              "it has %u tiles of %u components, which would take "
                              "more than %u MiB",
                              (unsigned)m.tiles, (unsigned)m.components,
                              (unsigned)(HEADER_MAX >> 20));
    if (!opj_read_header(stream, codec, im))
        return IG_INVALID_ARGUMENT;
    ig_status rc = check(job, *im);
    if (rc != IG_OK)
        return rc;
    igi_image_head h = {(*im)->comps[0].w, (*im)->comps[0].h,
                        (*im)->numcomps < 3 ? 1 : 3, 0};
    h.extra_bytes = decoder_bytes(&m, &h, (*im)->numcomps);
    unsigned char *y = job->room(job->user, &h);
    if (!y)
        return IG_LIMIT;
    if (!opj_decode(codec, stream, *im) || !opj_end_decompress(codec, stream))
        return IG_INVALID_ARGUMENT;
    if (m.seen < m.tiles)
        return igi_image_fail(job, IG_INVALID_ARGUMENT, "%u of %u tiles are missing",
                              (unsigned)(m.tiles - m.seen), (unsigned)m.tiles);
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
