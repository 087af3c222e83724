/* Images as inputs: bytes as Pillow 9 gives them for the same pattern, and files that
 * lie. */
#include "tests/support/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/tensor.h"
#include "tools/image.h"

static void pattern(image *im, int w, int h, int c)
{
    assert_int_equal(image_new(im, w, h, c), IG_OK);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++)
            for (int k = 0; k < c; k++)
                im->pixels[(y * w + x) * c + k] =
                    (unsigned char)((x * 37 + y * 91 + k * 53 + x * y * 7) % 256);
}

static void
assert_resized(int w, int h, int c, int to_w, int to_h, const unsigned char *want)
{
    image im;
    pattern(&im, w, h, c);
    assert_int_equal(image_resize(&im, to_w, to_h), IG_OK);
    assert_memory_equal(im.pixels, want, (size_t)(to_w * to_h * c));
    image_fini(&im);
}

static void shrinking_and_growing_give_the_bytes_of_pillow(void **state)
{
    static const unsigned char small[] = {56,  120, 158, 147, 125, 114,
                                          110, 142, 145, 140, 136, 168};
    static const unsigned char mixed[] = {
        79,  132, 127, 99,  126, 147, 122, 122, 166, 113, 150, 127, 125, 140,
        122, 153, 101, 143, 115, 122, 171, 101, 146, 161, 122, 174, 100, 149,
        126, 115, 169, 82,  135, 87,  140, 135, 113, 140, 124, 145, 138, 115,
        145, 122, 145, 136, 133, 141, 121, 163, 111, 151, 133, 148, 155, 132,
        147, 125, 169, 95,  152, 129, 119, 179, 92,  145};
    static const unsigned char large[] = {
        0,   6,   23,  39,  56,  72,  88,  105, 111, 15,  21,  39,  55,  73,
        90,  106, 124, 130, 56,  62,  81,  99,  118, 136, 154, 173, 179, 96,
        103, 123, 142, 156, 169, 188, 208, 215, 137, 145, 166, 180, 144, 108,
        122, 143, 151, 177, 186, 208, 217, 132, 47,  56,  78,  87,  118, 127,
        150, 166, 121, 74,  90,  113, 123, 45,  54,  79,  102, 109, 115, 138,
        162, 172, 17,  27,  52,  78,  104, 130, 156, 181, 191};
    (void)state;
    assert_resized(7, 5, 1, 3, 4, small);
    assert_resized(7, 5, 3, 11, 2, mixed);
    assert_resized(4, 4, 1, 9, 9, large);
}

static void grey_is_weighted_as_pillow_does(void **state)
{
    static const unsigned char want[] = {43, 80, 117, 154, 191, 134, 178, 193, 87, 54};
    image im;
    (void)state;
    pattern(&im, 5, 2, 3);
    assert_int_equal(image_convert(&im, 1), IG_OK);
    assert_memory_equal(im.pixels, want, sizeof(want));
    image_fini(&im);
}

/* ---- tensors ---- */

static ig_type type_of(ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_type t = {0};
    assert_int_equal(igi_type_set(&t, dtype, rank, dims), IG_OK);
    return t;
}

static void the_layout_follows_the_input(void **state)
{
    static const int64_t nchw[4] = {1, 3, 2, 5}, nhwc[4] = {-1, 2, 5, 3},
                         hw[2] = {-1, -1};
    image_opts o = {0};
    ig_tensor *t = NULL;
    image im;
    (void)state;
    pattern(&im, 5, 2, 3);
    ig_type type = type_of(IG_FLOAT32, 4, nchw);
    assert_int_equal(image_to_tensor(&t, &im, &type, &o), IG_OK);
    assert_float_equal(ig_tensor_data_f32(t)[1], 37.0f / 255.0f,
                       0); /* x of channel 0 */
    assert_float_equal(ig_tensor_data_f32(t)[10], 53.0f / 255.0f, 0); /* channel 1 */
    ig_tensor_unref(t);
    type = type_of(IG_UINT8, 4, nhwc);
    assert_int_equal(image_to_tensor(&t, &im, &type, &o), IG_OK);
    assert_int_equal(((unsigned char *)ig_tensor_data(t))[1], 53);
    assert_int_equal(ig_tensor_dims(t)[0], 1);
    ig_tensor_unref(t);
    type = type_of(IG_FLOAT32, 2, hw);
    assert_int_equal(image_to_tensor(&t, &im, &type, &o), IG_OK);
    assert_int_equal(ig_tensor_dims(t)[0], 2);
    assert_int_equal(ig_tensor_dims(t)[1], 5);
    ig_tensor_unref(t);
    image_fini(&im);
}

static void mean_and_std_apply_to_each_channel(void **state)
{
    static const int64_t chw[3] = {3, 2, 5};
    image_opts o = {.n_mean = 3, .n_std = 3, .mean = {0, 0.5f, 0}, .std = {1, 2, 1}};
    ig_tensor *t = NULL;
    image im;
    (void)state;
    pattern(&im, 5, 2, 3);
    ig_type type = type_of(IG_FLOAT32, 3, chw);
    assert_int_equal(image_to_tensor(&t, &im, &type, &o), IG_OK);
    assert_float_equal(ig_tensor_data_f32(t)[10], (53.0f / 255.0f - 0.5f) / 2, 1e-7);
    ig_tensor_unref(t);
    image_fini(&im);
}

static void inputs_that_no_image_fits_are_refused(void **state)
{
    static const int64_t four[4] = {1, 4, 2, 5}, batch[4] = {2, 3, 2, 5}, one[1] = {5};
    image_opts o = {0};
    ig_tensor *t = NULL;
    image im;
    (void)state;
    pattern(&im, 5, 2, 3);
    ig_type type = type_of(IG_FLOAT32, 4, four);
    assert_int_equal(image_to_tensor(&t, &im, &type, &o), IG_INVALID_ARGUMENT);
    type = type_of(IG_FLOAT32, 4, batch);
    assert_int_equal(image_to_tensor(&t, &im, &type, &o), IG_INVALID_ARGUMENT);
    type = type_of(IG_FLOAT32, 1, one);
    assert_int_equal(image_to_tensor(&t, &im, &type, &o), IG_INVALID_ARGUMENT);
    type = type_of(IG_STRING, 4, (const int64_t[4]){1, 3, 2, 5});
    assert_int_equal(image_to_tensor(&t, &im, &type, &o), IG_INVALID_ARGUMENT);
    image_fini(&im);
}

/* ---- files ---- */

static void ppm_and_pgm_are_decoded_with_comments_and_scales(void **state)
{
    image im;
    (void)state;
    assert_int_equal(image_decode(&im, "P6 # x\n1 2\n255\nabcdef", 21), IG_OK);
    assert_int_equal(im.channels, 3);
    assert_int_equal(im.height, 2);
    assert_memory_equal(im.pixels, "abcdef", 6);
    image_fini(&im);
    assert_int_equal(image_decode(&im, "P5 2 1 1 \1\0", 11), IG_OK);
    assert_int_equal(im.pixels[0], 255);
    image_fini(&im);
}

static const unsigned char jpeg[] = {
#include "tests/tools/tiny_jpeg.inc.h"
};

static void a_jpeg_is_decoded(void **state)
{
    image im;
    (void)state;
    assert_int_equal(image_decode(&im, jpeg, sizeof(jpeg)), IG_OK);
    assert_int_equal(im.width, 8);
    assert_int_equal(im.channels, 3);
    assert_in_range(im.pixels[0], 197, 203);
    assert_in_range(im.pixels[1], 97, 103);
    assert_in_range(im.pixels[2], 47, 53);
    image_fini(&im);
}

static ig_status decode(const void *bytes, size_t n)
{
    image im;
    ig_status rc = image_decode(&im, bytes, n);
    image_fini(&im);
    return rc;
}

static void claims_of_huge_sizes_are_refused_before_memory_is_taken(void **state)
{
    (void)state;
    assert_int_equal(decode("P6 60000 60000 255\nabc", 22), IG_INVALID_ARGUMENT);
    assert_int_equal(decode("P6 70000 1 255\nabc", 18), IG_INVALID_ARGUMENT);
    assert_int_equal(decode("P6 0 1 255\nabc", 14), IG_INVALID_ARGUMENT);
    assert_int_equal(decode("P6 99999999999999999999 1 255\nabc", 33),
                     IG_INVALID_ARGUMENT);
    unsigned char tall[sizeof(jpeg)];
    memcpy(tall, jpeg, sizeof(jpeg));
    for (size_t i = 0; i + 8 < sizeof(tall); i++)
        if (tall[i] == 0xff && tall[i + 1] == 0xc0)
            memset(tall + i + 5, 0xfd, 4); /* 65021 x 65021 */
    assert_int_equal(decode(tall, sizeof(tall)), IG_LIMIT);
}

static void every_cut_and_flip_of_a_jpeg_is_survived(void **state)
{
    unsigned char b[sizeof(jpeg)];
    (void)state;
    for (size_t n = 0; n < sizeof(jpeg); n++)
        (void)decode(jpeg, n);
    for (size_t bit = 0; bit < 8 * sizeof(jpeg); bit++) {
        memcpy(b, jpeg, sizeof(b));
        b[bit / 8] = (unsigned char)(b[bit / 8] ^ 1u << bit % 8);
        (void)decode(b, sizeof(b));
    }
}

static void damaged_png_data_is_an_error(void **state)
{
    (void)state;
    assert_int_equal(decode("\x89PNG\r\n\x1a\nrubbish", 15), IG_INVALID_ARGUMENT);
    assert_int_equal(decode("GIF89a", 6), IG_UNSUPPORTED);
}

IG_TESTS(cmocka_unit_test(shrinking_and_growing_give_the_bytes_of_pillow),
         cmocka_unit_test(grey_is_weighted_as_pillow_does),
         cmocka_unit_test(the_layout_follows_the_input),
         cmocka_unit_test(mean_and_std_apply_to_each_channel),
         cmocka_unit_test(inputs_that_no_image_fits_are_refused),
         cmocka_unit_test(ppm_and_pgm_are_decoded_with_comments_and_scales),
         cmocka_unit_test(a_jpeg_is_decoded),
         cmocka_unit_test(claims_of_huge_sizes_are_refused_before_memory_is_taken),
         cmocka_unit_test(every_cut_and_flip_of_a_jpeg_is_survived),
         cmocka_unit_test(damaged_png_data_is_an_error))
