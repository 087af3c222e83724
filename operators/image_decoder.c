/* ImageDecoder: the bytes of an image file to pixels, row by row, channels last.
 *
 * What a file holds and how damage is told: operators/common_image.h. ONNX's text gives
 * an empty matrix for a stream that cannot be decoded; here that is an error which says
 * why (ONNX's own implementation raises too): a service must not go on with no image.
 */
#include "operators/common_image.h"

#include "operators/common.h"

enum { RGB, BGR, GRAYSCALE };
static const char *const formats[] = {"RGB", "BGR", "Grayscale", NULL};
typedef struct {
    uint32_t struct_size;
    int64_t pixel_format;
} image_decoder_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_ENUM(
        image_decoder_attrs, pixel_format, RGB, formats, "Channels of the image."),
    {0},
};
static const ig_port inputs[] = {
    IG_PORT("encoded_stream", 'B', "The bytes of the file, rank 1."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("image",
            'B',
            "[height, width, 3], or 1 channel for Grayscale.",
            .flags = IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {{'B', IG_T(UINT8)}, {0}};

static int channels_of(const void *attrs_)
{
    return ((const image_decoder_attrs *)attrs_)->pixel_format == GRAYSCALE ? 1 : 3;
}

static ig_status image_decoder_infer(ig_infer *x)
{
    if (x->in[0]->rank != 1)
        return ig_infer_fail(x, "encoded_stream has rank %d, expected 1",
                             x->in[0]->rank);
    const int64_t dims[3] = {ig_dim_fresh(x->syms), ig_dim_fresh(x->syms),
                             channels_of(x->attrs)};
    return ig_infer_set(x, 0, 3, dims);
}

/* The decoder writes into the output, or beside it when channels differ. */
typedef struct {
    ig_kernel_ctx *k;
    size_t pixels;
    int channels;
    unsigned char *beside;
} target;

static unsigned char *room(void *user, const igi_image_head *h)
{
    target *t = user;
    int wanted = channels_of(t->k->attrs);
    const int64_t dims[3] = {h->height, h->width, wanted};
    t->pixels = (size_t)h->width * h->height;
    t->channels = (int)h->channels;
    size_t bytes = t->pixels * h->channels; /* the decoder's callers limit both */
    uint64_t extra = h->extra_bytes + (t->channels == wanted ? 0 : bytes);
    if (extra > INT64_MAX || ig_charge(t->k, (int64_t)extra) != IG_OK ||
        ig_out_alloc(t->k, 0, 3, dims) != IG_OK)
        return NULL;
    if (t->channels == wanted)
        return ig_data(ig_out(t->k, 0));
    t->beside = igi_alloc(bytes);
    return t->beside;
}

static void red_and_blue_change_places(unsigned char *p, size_t pixels)
{
    for (; pixels > 0; pixels--, p += 3) {
        unsigned char red = p[0];
        p[0] = p[2];
        p[2] = red;
    }
}

static ig_status image_decoder_reference(ig_kernel_ctx *k)
{
    const ig_tensor *in = ig_in(k, 0);
    target t = {.k = k};
    ig_status rc = igi_image_decode(ig_data(in), (size_t)ig_numel(in), room, &t);
    if (rc == IG_OK && t.beside)
        igi_image_channels(ig_data(ig_out(k, 0)), channels_of(k->attrs), t.beside,
                           t.channels, t.pixels);
    igi_free(t.beside);
    if (rc == IG_OK && ((const image_decoder_attrs *)k->attrs)->pixel_format == BGR)
        red_and_blue_change_places(ig_data(ig_out(k, 0)), t.pixels);
    return rc;
}

/* Small files of the kinds that need no library: P6, P5, P1. */
static const double colours[] = {'P', '6', ' ', '2', ' ', '1', ' ', '2', '5',
                                 '5', ' ', 10,  20,  30,  200, 100, 50};
static const double greys[] = {'P', '5', ' ', '1', ' ', '2', ' ',
                               '2', '5', '5', ' ', 7,   250};
static const double bits[] = {'P', '1', ' ', '3', ' ', '1', ' ', '1', '0', '1'};
static const image_decoder_attrs bgr = {sizeof(image_decoder_attrs), BGR};
static const image_decoder_attrs grayscale = {sizeof(image_decoder_attrs), GRAYSCALE};
#define ROW_(name_, attrs_, data_)                                                     \
    {                                                                                  \
        .name = name_, .attrs = attrs_,                                                \
        IGI_INPUTS({IG_SHAPE_IN(sizeof(data_) / sizeof(*data_)), .data = data_})       \
    }
static const ig_sample samples[] = {
    ROW_("colours", NULL, colours),
    ROW_("colours_bgr", &bgr, colours),
    ROW_("colours_to_grey", &grayscale, colours),
    ROW_("grey", &grayscale, greys),
    ROW_("grey_to_colours", NULL, greys),
    ROW_("bits", &grayscale, bits),
    {0},
};

IG_OPERATOR(ImageDecoder) = {
    IG_OP_HEAD,
    .name = "ImageDecoder",
    .since = 20,
    .doc = "Decodes BMP, JPEG, JPEG 2000, PNG, PNM, TIFF and WebP files, told by their "
           "contents, to 8 bits a channel; alpha and profiles are not applied. What "
           "cannot be decoded is an error.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(image_decoder_attrs),
    .infer = image_decoder_infer,
    .gradient = ig_gradient_none,
    .reference = image_decoder_reference,
    .samples = samples,
};
