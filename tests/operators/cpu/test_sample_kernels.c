/* Kernels of operators that sample against their references, on shapes that are large
 * enough for tails and teams. */
#include "tests/operators/cpu/kernel_support.h"

static ig_tensor *scales_of(int n, const float *v)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new(&t, IG_FLOAT32, 1, &(int64_t){n}), IG_OK);
    memcpy(ig_tensor_data(t), v, (size_t)n * sizeof(*v));
    return t;
}
#define SCALES(...)                                                                    \
    scales_of((int)(sizeof((float[]){__VA_ARGS__}) / sizeof(float)),                   \
              (float[]){__VA_ARGS__})

static void resizes_agree_with_their_references(void **state)
{
    (void)state;
    ig_resize_opts o = IG_RESIZE_OPTS_INIT;
    compare((call){"Resize",
                   "copy",
                   &o,
                   3,
                   1,
                   {floats(DIMS(2, 3, 37, 41)), NULL, SCALES(1, 1, 2, 2)},
                   0});
    compare((call){"Resize",
                   "copy",
                   &o,
                   3,
                   1,
                   {floats(DIMS(2, 37, 21, 19)), NULL, SCALES(1, 1.7f, 0.6f, 1)},
                   0});
    for (int mode = 1; mode < 3; mode++) {
        o.mode = mode;
        compare((call){"Resize",
                       "simd",
                       &o,
                       3,
                       1,
                       {floats(DIMS(2, 3, 37, 41)), NULL, SCALES(1, 1, 2, 2)},
                       1e-5});
        compare((call){"Resize",
                       "simd",
                       &o,
                       3,
                       1,
                       {floats(DIMS(2, 37, 21, 19)), NULL, SCALES(1, 2, 0.6f, 1)},
                       1e-5});
        compare((call){"Resize",
                       "simd",
                       &o,
                       3,
                       1,
                       {floats(DIMS(300, 70)), NULL, SCALES(1, 2.3f)},
                       1e-5});
    }
    o.antialias = 1;
    compare((call){"Resize",
                   "simd",
                   &o,
                   3,
                   1,
                   {floats(DIMS(2, 3, 61, 57)), NULL, SCALES(1, 1, 0.3f, 0.4f)},
                   1e-5});
}

static void transposed_convolutions_agree_with_their_references(void **state)
{
    (void)state;
    static const int64_t s22[] = {2, 2}, p1[] = {1, 1, 1, 1}, more[] = {1, 0};
    ig_conv_transpose_opts o = IG_CONV_TRANSPOSE_OPTS_INIT;
    o.strides = (ig_ints){2, s22};
    o.pads = (ig_ints){4, p1};
    for (int group = 1; group < 5; group += 3) {
        o.group = group;
        o.output_padding = group > 1 ? (ig_ints){2, more} : (ig_ints){0};
        compare((call){"ConvTranspose",
                       "onednn",
                       &o,
                       3,
                       1,
                       {floats(DIMS(2, 32, 13, 11)), floats(DIMS(32, 8, 4, 4)),
                        floats(DIMS(8 * group))},
                       1e-4});
    }
}

IG_TESTS(cmocka_unit_test(resizes_agree_with_their_references),
         cmocka_unit_test(transposed_convolutions_agree_with_their_references))
