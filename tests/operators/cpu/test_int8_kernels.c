/* Kernels of quantized operators against the references: exact, on shapes that are
 * large enough for tails, blocks and teams. */
#include "tests/operators/cpu/kernel_support.h"

static const int64_t s22[] = {2, 2}, p1[] = {1, 1, 1, 1};

static ig_tensor *bytes(ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new(&t, dtype, rank, dims), IG_OK);
    uint8_t *p = ig_tensor_data(t);
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        p[i] = (uint8_t)(int)(127.9f * noise() + 128);
    return t;
}

static ig_tensor *number(ig_dtype dtype, double v)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new(&t, dtype, 0, NULL), IG_OK);
    if (dtype == IG_FLOAT32)
        *(float *)ig_tensor_data(t) = (float)v;
    else
        *(int8_t *)ig_tensor_data(t) = (int8_t)(int)v;
    return t;
}

static void quantization_agrees_with_its_references(void **state)
{
    (void)state;
    ig_quantize_linear_opts q = IG_QUANTIZE_LINEAR_OPTS_INIT;
    ig_dequantize_linear_opts d = IG_DEQUANTIZE_LINEAR_OPTS_INIT;
    compare(
        (call){"QuantizeLinear",
               "simd",
               &q,
               3,
               1,
               {floats(DIMS(70001)), number(IG_FLOAT32, 0.013), number(IG_UINT8, 5)},
               0});
    compare(
        (call){"QuantizeLinear",
               "simd",
               &q,
               3,
               1,
               {floats(DIMS(3, 5, 9001)), positive(DIMS(5)), bytes(IG_INT8, DIMS(5))},
               0});
    compare((call){
        "DequantizeLinear",
        "simd",
        &d,
        3,
        1,
        {bytes(IG_INT8, DIMS(3, 5, 9001)), positive(DIMS(5)), bytes(IG_INT8, DIMS(5))},
        0});
    compare(
        (call){"DynamicQuantizeLinear", "simd", NULL, 1, 3, {floats(DIMS(70001))}, 0});
}

static void integer_products_agree_with_their_references(void **state)
{
    (void)state;
    static const ig_dtype types[] = {IG_UINT8, IG_INT8};
    for (int i = 0; i < 4; i++) {
        const ig_dtype a = types[i & 1], b = types[i / 2];
        compare((call){"MatMulInteger",
                       "int8",
                       NULL,
                       4,
                       1,
                       {bytes(a, DIMS(53, 203)), bytes(b, DIMS(203, 130)), number(a, 3),
                        number(b, -2)},
                       0});
        compare(
            (call){"QLinearMatMul",
                   "int8",
                   NULL,
                   8,
                   1,
                   {bytes(a, DIMS(2, 29, 140)), number(IG_FLOAT32, 0.02),
                    number(a, 100), bytes(b, DIMS(2, 140, 70)), positive(DIMS(70)),
                    bytes(b, DIMS(70)), number(IG_FLOAT32, 2.5), number(IG_UINT8, 128)},
                   0});
    }
}

static void integer_convolutions_agree_with_their_references(void **state)
{
    (void)state;
    static const int64_t dilated[] = {1, 2}, uneven[] = {1, 2, 0, 1};
    ig_ingot_q_conv_opts o = IG_INGOT_Q_CONV_OPTS_INIT;
    o.x_zero = 17, o.y_zero = 120, o.residual_factor = 0.7f, o.residual_zero = 99;
    for (int i = 0; i < 6; i++) {
        const bool depthwise = i == 4, grouped = i == 5;
        const int64_t c = grouped ? 8 : depthwise ? 1 : 44, m = depthwise ? 44 : 70;
        o.group = depthwise ? 44 : grouped ? 2 : 1;
        o.strides = i & 1 ? (ig_ints){2, s22} : (ig_ints){0};
        o.pads = i & 2    ? (ig_ints){4, p1}
                 : i == 5 ? (ig_ints){4, uneven}
                          : (ig_ints){0};
        o.dilations = i == 3 ? (ig_ints){2, dilated} : (ig_ints){0};
        const int64_t taps = i == 0 ? 1 : 3;
        ig_tensor *factor = positive(DIMS(m)), *bias;
        assert_int_equal(ig_tensor_new(&bias, IG_INT32, 1, &m), IG_OK);
        for (int64_t j = 0; j < m; j++) {
            ((float *)ig_tensor_data(factor))[j] *= 1e-3f;
            ((int32_t *)ig_tensor_data(bias))[j] = (int32_t)(20000 * noise());
        }
        compare(
            (call){"ingot::QConv",
                   "int8",
                   &o,
                   4,
                   1,
                   {bytes(i == 2 ? IG_INT8 : IG_UINT8, DIMS(2, 15, 17, c * o.group)),
                    bytes(IG_INT8, DIMS(m, c, taps, taps)), factor, bias},
                   0});
    }
}

/* The product of its sizes is 2^64: it was taken for 0. */
static void an_enormous_window_is_refused(void **state)
{
    (void)state;
    static const int64_t size[] = {1 << 22, 1 << 22, 1 << 20};
    static const int64_t step[] = {INT32_MAX, INT32_MAX, INT32_MAX};
    static const int64_t pads[] = {(1 << 22) - 1, (1 << 22) - 1, (1 << 20) - 1,
                                   (1 << 22) - 1, (1 << 22) - 1, (1 << 20) - 1};
    ig_ingot_max_pool_opts o = IG_INGOT_MAX_POOL_OPTS_INIT;
    o.kernel_shape = (ig_ints){3, size};
    o.strides = (ig_ints){3, step};
    o.pads = (ig_ints){6, pads};
    ig_tensor *x = bytes(IG_UINT8, DIMS(1, 2, 2, 2, 3)),
              *y = bytes(IG_UINT8, DIMS(1, 1, 1, 1, 3));
    call c = {"ingot::MaxPool", "int8", &o, 1, 1, {x}, 0};
    ig_value *out[] = {(ig_value *)y};
    igi_op one = with_kernel(&c, "int8");
    ig_kernel_ctx k = {.struct_size = sizeof(k),
                       .n_in = 1,
                       .n_out = 1,
                       .in = (ig_value *const *)c.in,
                       .out = out,
                       .attrs = &o,
                       .threads = 1,
                       .op = one.def};
    assert_null(igi_select(&one, 0, &k, igi_facts_of(&k)));
    ig_tensor_unref(x), ig_tensor_unref(y);
}

IG_TESTS(cmocka_unit_test(quantization_agrees_with_its_references),
         cmocka_unit_test(integer_products_agree_with_their_references),
         cmocka_unit_test(integer_convolutions_agree_with_their_references),
         cmocka_unit_test(an_enormous_window_is_refused))
