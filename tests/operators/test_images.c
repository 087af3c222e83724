/* Files of every format: the pixels that were put in, cut files, limits. The files lie
 * in tests/fuzz/images; most hold the pattern below. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ingot/ingot.h>
#include <ingot/plugin.h>

#include "graph/core/file.h"
#include "graph/core/status.h"
#include "operators/common_image.h"
#include "tests/support/test_main.h"

enum { WIDTH = 6, HEIGHT = 5, PIXELS = WIDTH * HEIGHT };

typedef struct picture {
    igi_image_head head;
    unsigned char *pixels;
} picture;

static unsigned char *room(void *user, const igi_image_head *h)
{
    picture *p = user;
    p->head = *h;
    p->pixels = malloc((size_t)h->width * h->height * h->channels);
    return p->pixels;
}

static size_t size_of(const picture *p)
{
    return (size_t)p->head.width * p->head.height * p->head.channels;
}

static igi_file *read_file(const char *name)
{
    char path[4096];
    igi_file *f = NULL;
    (void)snprintf(path, sizeof(path), "%s/tests/fuzz/images/%s", IG_SOURCE_DIR, name);
    assert_int_equal(igi_file_read(&f, path, 1 << 20), IG_OK);
    return f;
}

static void decode(const char *name, picture *p)
{
    igi_file *f = read_file(name);
    memset(p, 0, sizeof(*p));
    ig_status rc = igi_image_decode(f->data, f->size, room, p);
    igi_file_unref(f);
    if (rc != IG_OK)
        fail_msg("%s: %s", name, ig_error_message());
}

static void pattern(unsigned char *p)
{
    for (int y = 0; y < HEIGHT; y++)
        for (int x = 0; x < WIDTH; x++)
            for (int k = 0; k < 3; k++)
                *p++ = (unsigned char)(x * 37 + y * 91 + k * 53 + x * y * 7);
}

static void files_without_loss_give_their_pixels(void **state)
{
    static const char *const colours[] = {
        "rgb.png",     "rgb.bmp",       "rgb.ppm",        "plain.tif", "lzw.tif",
        "deflate.tif", "lossless.webp", "reversible.jp2", "alpha.tif"};
    static const char *const greys[] = {"grey.png", "grey.pgm", "grey.tif", "grey.jp2"};
    unsigned char want[3 * PIXELS], grey[PIXELS];
    picture p;
    (void)state;
    pattern(want);
    igi_image_channels(grey, 1, want, 3, PIXELS);
    for (size_t i = 0; i < sizeof(colours) / sizeof(*colours); i++) {
        decode(colours[i], &p);
        assert_int_equal(size_of(&p), sizeof(want));
        assert_memory_equal(p.pixels, want, sizeof(want));
        free(p.pixels);
    }
    for (size_t i = 0; i < sizeof(greys) / sizeof(*greys); i++) {
        decode(greys[i], &p);
        assert_int_equal(size_of(&p), sizeof(grey));
        assert_memory_equal(p.pixels, grey, sizeof(grey));
        free(p.pixels);
    }
}

/* Pillow gives these bytes for the same files. */
static void assert_pixels(const char *name,
                          uint32_t width,
                          uint32_t height,
                          uint32_t channels,
                          const unsigned char *want)
{
    picture p;
    decode(name, &p);
    assert_int_equal(p.head.width, width);
    assert_int_equal(p.head.height, height);
    assert_int_equal(p.head.channels, channels);
    assert_memory_equal(p.pixels, want, size_of(&p));
    free(p.pixels);
}

#include "tests/operators/images_expected.inc.h"

static void palettes_bits_and_runs_give_the_pixels_of_pillow(void **state)
{
    (void)state;
    assert_pixels("rle8.bmp", 5, 3, 3, rle8);
    assert_pixels("rle4.bmp", 5, 3, 3, rle4);
    assert_pixels("rgb555.bmp", 4, 2, 3, rgb555);
    assert_pixels("core.bmp", 2, 2, 3, core);
    assert_pixels("text.ppm", 2, 2, 3, text_ppm);
    assert_pixels("text.pbm", 3, 2, 1, text_pbm);
    assert_pixels("bits.pbm", WIDTH, HEIGHT, 1, bits);
    assert_pixels("bits.png", WIDTH, HEIGHT, 1, bits);
    assert_pixels("fax.tif", WIDTH, HEIGHT, 1, bits);
    assert_pixels("deep.pgm", 2, 1, 1, deep_pgm);
    assert_pixels("deep.png", 4, 3, 1, deep_png);
    assert_pixels("palette.png", WIDTH, HEIGHT, 3, palette);
    assert_pixels("palette.bmp", WIDTH, HEIGHT, 3, palette);
    assert_pixels("colour.jpg", 16, 16, 3, colour_jpg);
    assert_pixels("progressive.jpg", 16, 16, 3, progressive_jpg);
    assert_pixels("lossy.webp", 16, 16, 3, lossy_webp);
}

/* What is missing is never made up: a cut file is an error, or was whole already. */
static void every_cut_is_an_error_or_changes_nothing(void **state)
{
    static const char *const names[] = {
        "rgb.png",          "rgb.bmp",       "rgb.ppm",    "lzw.tif",
        "deflate.tif",      "lossless.webp", "lossy.webp", "reversible.jp2",
        "irreversible.j2k", "grey.jpg",      "colour.jpg", "progressive.jpg",
        "rle8.bmp",         "text.pbm",      "fax.tif"};
    (void)state;
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        igi_file *f = read_file(names[i]);
        picture whole, cut;
        decode(names[i], &whole);
        for (size_t n = 0; n < f->size; n++) {
            memset(&cut, 0, sizeof(cut));
            if (igi_image_decode(f->data, n, room, &cut) == IG_OK &&
                memcmp(cut.pixels, whole.pixels, size_of(&whole)) != 0)
                fail_msg("%s, cut to %zu bytes, gives other pixels", names[i], n);
            free(cut.pixels);
        }
        free(whole.pixels);
        igi_file_unref(f);
    }
}

/* ---- JPEG 2000 whose markers ask for much ---- */

static unsigned char *put(unsigned char *to, uint32_t v, int bytes)
{
    for (int i = bytes - 1; i >= 0; i--)
        *to++ = (unsigned char)(v >> (8 * i));
    return to;
}

/* A picture of `side` x `side` in tiles of `tile`, of which only the first has data,
 * and no resolution but one. Returns the bytes. */
static size_t
code_stream(unsigned char *to, uint32_t side, uint32_t tile, uint32_t components)
{
    unsigned char *p = put(to, 0xff4fff51, 4);
    p = put(put(p, 38 + 3 * components, 2), 0, 2);
    p = put(put(p, side, 4), side, 4);
    p = put(put(p, 0, 4), 0, 4);
    p = put(put(p, tile, 4), tile, 4);
    p = put(put(put(p, 0, 4), 0, 4), components, 2);
    for (uint32_t c = 0; c < components; c++)
        p = put(p, 0x70101, 3);
    p = put(put(p, 0xff52, 2), 13, 2); /* precincts of 1 x 1 */
    p = put(put(put(p, 1, 1), 0, 1), 1, 2);
    p = put(put(put(p, 0, 2), 0, 3), 0x0100, 2);
    p = put(put(put(p, 0xff5c, 2), 4, 2), 0x4040, 2);
    p = put(put(put(p, 0xff90, 2), 10, 2), 0, 2);
    p = put(put(p, 15, 4), 1, 2);
    p = put(put(p, 0xff93, 2), 0, 1);
    return (size_t)(put(p, 0xffd9, 2) - to);
}

static ig_status decode_stream(uint32_t side, uint32_t tile, uint32_t n, picture *p)
{
    unsigned char bytes[4096];
    memset(p, 0, sizeof(*p));
    return igi_image_decode(bytes, code_stream(bytes, side, tile, n), room, p);
}

static void tiles_and_precincts_are_counted_before_memory_is_taken(void **state)
{
    (void)state;
    picture p;
    assert_int_equal(decode_stream(64, 1, 1000, &p), IG_LIMIT); /* 4 GiB */
    assert_non_null(strstr(ig_error_message(), "4096 tiles of 1000 components"));
    assert_null(p.pixels);
    (void)decode_stream(16, 16, 1, &p);
    assert_true(p.head.extra_bytes > 100 * 16 * 16);
    free(p.pixels);
}

static void a_missing_tile_is_an_error(void **state)
{
    (void)state;
    picture p;
    if (decode_stream(1, 1, 1, &p) != IG_OK)
        fail_msg("%s", ig_error_message());
    free(p.pixels);
    assert_int_equal(decode_stream(2, 1, 1, &p), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "3 of 4 tiles are missing"));
    free(p.pixels);
}

/* ---- the operator ---- */

/* On a file that is smaller than its pixels. */
static ig_status run(const ig_limits *limits, ig_tensor **y)
{
    igi_file *f = read_file("lossless.webp");
    const int64_t dims[1] = {(int64_t)f->size};
    const ig_run_opts opts = {.limits = *limits};
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_tensor *x = NULL;
    ig_value_id in, out;
    assert_int_equal(ig_graph_new(&g, "images", NULL), IG_OK);
    assert_int_equal(ig_graph_input(g, "x", IG_UINT8, 1, (int64_t[]){-1}, &in), IG_OK);
    assert_int_equal(
        ig_graph_make_text(g, "y = ImageDecoder(x) pixel_format=BGR", &out), IG_OK);
    assert_int_equal(ig_graph_output(g, "y", out), IG_OK);
    assert_int_equal(ig_model_from_graph(&m, g, NULL), IG_OK);
    assert_int_equal(ig_tensor_new_copy(&x, IG_UINT8, 1, dims, f->data, f->size),
                     IG_OK);
    ig_status rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(y), &opts);
    ig_tensor_unref(x);
    ig_model_free(m);
    ig_graph_free(g);
    igi_file_unref(f);
    return rc;
}

static void the_operator_keeps_to_the_limits_of_a_run(void **state)
{
    ig_limits limits = {0};
    ig_tensor *y = NULL;
    unsigned char want[3 * PIXELS];
    (void)state;
    assert_int_equal(run(&limits, &y), IG_OK);
    pattern(want);
    assert_int_equal(((unsigned char *)ig_tensor_data(y))[0], want[2]);
    assert_int_equal(ig_tensor_dim(y, 1), WIDTH);
    ig_tensor_unref(y);
    y = NULL;
    limits.tensor_bytes = 3 * PIXELS - 1;
    assert_int_equal(run(&limits, &y), IG_LIMIT);
    assert_non_null(strstr(ig_error_message(), "tensor_bytes"));
    assert_non_null(strstr(ig_error_message(), "ImageDecoder"));
    limits = (ig_limits){.memory_bytes = 50};
    assert_int_equal(run(&limits, &y), IG_LIMIT);
}

IG_TESTS(cmocka_unit_test(files_without_loss_give_their_pixels),
         cmocka_unit_test(palettes_bits_and_runs_give_the_pixels_of_pillow),
         cmocka_unit_test(every_cut_is_an_error_or_changes_nothing),
         cmocka_unit_test(tiles_and_precincts_are_counted_before_memory_is_taken),
         cmocka_unit_test(a_missing_tile_is_an_error),
         cmocka_unit_test(the_operator_keeps_to_the_limits_of_a_run))
