/* Kernels against the references of their operators, on shapes that are large enough
 * for tails, blocks and teams: one thread and two give the same bits, and both are
 * within rounding of the reference. Samples of operators cover small and odd shapes
 * (tests/operators/suite.c). */
#include "tests/operators/cpu/kernel_support.h"

/* ---- pooling ---- */

static const int64_t k33[] = {3, 3}, s22[] = {2, 2}, p1[] = {1, 1, 1, 1};
static const int64_t k2[] = {2};

static void max_pools_agree_with_their_references(void **state)
{
    (void)state;
    ig_max_pool_opts o = IG_MAX_POOL_OPTS_INIT;
    o.kernel_shape = (ig_ints){2, k33};
    o.strides = (ig_ints){2, s22};
    o.pads = (ig_ints){4, p1};
    ig_tensor *x = floats(DIMS(2, 5, 67, 61));
    ((float *)ig_tensor_data(x))[1234] = NAN;
    compare((call){"MaxPool", "planes", &o, 1, 2, {x}, 0});
    ig_ingot_max_pool_opts n = IG_INGOT_MAX_POOL_OPTS_INIT;
    n.kernel_shape = o.kernel_shape, n.strides = o.strides, n.pads = o.pads;
    x = floats(DIMS(2, 37, 41, 19));
    ((float *)ig_tensor_data(x))[1234] = NAN;
    compare((call){"ingot::MaxPool", "simd", &n, 1, 1, {x}, 0});
}

static void average_pools_agree_with_their_references(void **state)
{
    (void)state;
    ig_average_pool_opts o = IG_AVERAGE_POOL_OPTS_INIT;
    o.kernel_shape = (ig_ints){2, k33};
    o.strides = (ig_ints){2, s22};
    o.pads = (ig_ints){4, p1};
    for (int counting = 0; counting < 2; counting++) {
        o.count_include_pad = counting;
        compare((call){
            "AveragePool", "planes", &o, 1, 1, {floats(DIMS(2, 5, 67, 61))}, 1e-6});
    }
    ig_ingot_average_pool_opts n = IG_INGOT_AVERAGE_POOL_OPTS_INIT;
    n.kernel_shape = o.kernel_shape, n.strides = o.strides, n.pads = o.pads;
    compare((call){
        "ingot::AveragePool", "simd", &n, 1, 1, {floats(DIMS(2, 37, 41, 19))}, 1e-6});
    ig_average_pool_opts line = IG_AVERAGE_POOL_OPTS_INIT;
    line.kernel_shape = (ig_ints){1, k2};
    compare(
        (call){"AveragePool", "planes", &line, 1, 1, {floats(DIMS(2, 3, 900))}, 1e-6});
    compare((call){
        "GlobalAveragePool", "simd", NULL, 1, 1, {floats(DIMS(3, 50, 17, 19))}, 1e-6});
    compare((call){"ingot::GlobalAveragePool",
                   "simd",
                   NULL,
                   1,
                   1,
                   {floats(DIMS(3, 17, 19, 150))},
                   1e-6});
}

/* ---- movement ---- */

static const int64_t perm[] = {0, 2, 3, 1};

static void movement_agrees_with_the_references(void **state)
{
    (void)state;
    ig_transpose_opts t = IG_TRANSPOSE_OPTS_INIT;
    t.perm = (ig_ints){4, perm};
    compare((call){"Transpose", "copy", &t, 1, 1, {floats(DIMS(2, 33, 31, 29))}, 0});
    ig_concat_opts cat = {HEAD(ig_concat_opts), .axis = 1};
    compare((call){
        "Concat",
        "copy",
        &cat,
        3,
        1,
        {floats(DIMS(3, 70, 90)), floats(DIMS(3, 1, 90)), floats(DIMS(3, 200, 90))},
        0});
    compare((call){"Slice",
                   "copy",
                   NULL,
                   5,
                   1,
                   {floats(DIMS(60, 50, 40)), INTS(50, 3), INTS(-100, 40), INTS(0, 2),
                    INTS(-2, 3)},
                   0});
    ig_split_opts split = IG_SPLIT_OPTS_INIT;
    split.axis = -1;
    compare((call){
        "Split", "copy", &split, 2, 3, {floats(DIMS(300, 121)), INTS(1, 100, 20)}, 0});
    compare((call){
        "Expand", "copy", NULL, 2, 1, {floats(DIMS(7, 1, 31)), INTS(9, 7, 40, 31)}, 0});
    compare((call){"Pad",
                   "copy",
                   NULL,
                   2,
                   1,
                   {floats(DIMS(64, 70, 20)), INTS(1, -2, 0, 3, 4, -5)},
                   0});
}

static void gathers_agree_and_refuse_bad_indices(void **state)
{
    (void)state;
    ig_gather_opts o = {HEAD(ig_gather_opts), .axis = 1};
    compare((call){"Gather",
                   "copy",
                   &o,
                   2,
                   1,
                   {floats(DIMS(5, 300, 17)), random_ints(1000, 300)},
                   0});
    for (int64_t bad = -301; bad <= 300; bad += 601) {
        call c = {"Gather", "copy", &o, 2, 1, {floats(DIMS(5, 300, 17)), INTS(0, bad)},
                  0};
        ig_value *out[PORTS];
        assert_int_equal(run(&c, "copy", 1, out), IG_INVALID_ARGUMENT);
        assert_non_null(strstr(ig_error_message(), "position 1"));
        drop(out);
        ig_tensor_unref(c.in[0]), ig_tensor_unref(c.in[1]);
    }
}

/* ---- reductions ---- */

static void reductions_agree_with_their_references(void **state)
{
    (void)state;
    static const struct {
        const char *op;
    } ops[] = {{"ReduceSum"}, {"ReduceMean"}, {"ReduceMax"}};
    ig_reduce_sum_opts o = IG_REDUCE_SUM_OPTS_INIT;
    for (size_t i = 0; i < 3; i++) {
        o.keepdims = (int64_t)i % 2;
        const char *op = ops[i].op;
        compare(
            (call){op, "simd", &o, 2, 1, {floats(DIMS(40, 30, 37)), INTS(1)}, 3e-6});
        compare((call){
            op, "simd", &o, 2, 1, {floats(DIMS(40, 30, 37)), INTS(-1, 1)}, 3e-5});
        compare((call){op, "simd", &o, 2, 1, {floats(DIMS(400, 301)), INTS(0)}, 3e-5});
        compare(
            (call){op, "simd", &o, 2, 1, {floats(DIMS(8, 50, 99)), INTS(0, 2)}, 3e-5});
        compare((call){op, "simd", &o, 1, 1, {floats(DIMS(40, 50, 30))}, 3e-4});
    }
    compare((call){"ingot::SumTo",
                   "simd",
                   NULL,
                   2,
                   1,
                   {floats(DIMS(40, 30, 37)), INTS(30, 1)},
                   3e-5});
    compare((call){"ingot::SumTo",
                   "simd",
                   NULL,
                   2,
                   1,
                   {floats(DIMS(40, 30, 37)), INTS(1, 30, 1)},
                   3e-5});
}

/* ---- norms and rows ---- */

static void norms_agree_with_their_references(void **state)
{
    (void)state;
    ig_batch_normalization_opts o = IG_BATCH_NORMALIZATION_OPTS_INIT;
    for (int training = 0; training < 2; training++) {
        o.training_mode = training;
        compare((call){"BatchNormalization",
                       "simd",
                       &o,
                       5,
                       training ? 3 : 1,
                       {floats(DIMS(3, 20, 37, 31)), floats(DIMS(20)), floats(DIMS(20)),
                        floats(DIMS(20)), positive(DIMS(20))},
                       1e-5});
    }
    ig_lrn_opts lrn = IG_LRN_OPTS_INIT;
    lrn.size = 5;
    compare((call){"LRN", "simd", &lrn, 1, 1, {floats(DIMS(2, 20, 31, 29))}, 1e-5});
    ig_softmax_opts soft = IG_SOFTMAX_OPTS_INIT;
    soft.axis = 1;
    compare((call){"Softmax", "strips", &soft, 1, 1, {floats(DIMS(4, 30, 700))}, 1e-6});
}

/* ---- pointwise ---- */

static ig_tensor *bools(int rank, const int64_t *dims)
{
    ig_tensor *t;
    assert_int_equal(ig_tensor_new(&t, IG_BOOL, rank, dims), IG_OK);
    for (int64_t i = 0; i < ig_tensor_numel(t); i++)
        ((uint8_t *)ig_tensor_data(t))[i] = noise() > 0;
    return t;
}

static void choices_and_casts_agree_with_their_references(void **state)
{
    (void)state;
    compare((call){"Where",
                   "loop",
                   NULL,
                   3,
                   1,
                   {bools(DIMS(200, 301)), floats(DIMS(200, 301)), floats(DIMS(1))},
                   0});
    static const char *const compares[] = {"Equal", "Greater", "Less"};
    for (int i = 0; i < 3; i++) {
        ig_tensor *a = floats(DIMS(70000)), *b = floats(DIMS(70000));
        ((float *)ig_tensor_data(a))[5] = NAN;
        memcpy((float *)ig_tensor_data(b) + 10, (float *)ig_tensor_data(a) + 10, 4000);
        compare((call){compares[i], "pairs", NULL, 2, 1, {a, b}, 0});
    }
    static const float odd[] = {NAN,           INFINITY,       -INFINITY, 3e38f, -3e38f,
                                2147483648.0f, -2147483648.0f, 0.9f,      -0.9f, 0};
    static const int64_t to[] = {IG_INT64, IG_INT32, IG_BOOL};
    for (int i = 0; i < 3; i++) {
        ig_cast_opts o = IG_CAST_OPTS_INIT;
        o.to = to[i];
        ig_tensor *x = floats(DIMS(70000));
        memcpy(ig_tensor_data(x), odd, sizeof(odd));
        compare((call){"Cast", "loop", &o, 1, 1, {x}, 0});
    }
    ig_cast_opts o = IG_CAST_OPTS_INIT;
    o.to = IG_FLOAT32;
    compare((call){"Cast", "loop", &o, 1, 1, {random_ints(4000, (int64_t)1 << 40)}, 0});
    compare((call){"Cast", "loop", &o, 1, 1, {bools(DIMS(70000))}, 0});
}

static void activation_gradients_agree_with_their_references(void **state)
{
    (void)state;
    ig_ingot_relu_grad_opts relu = {HEAD(ig_ingot_relu_grad_opts)};
    for (int leaky = 0; leaky < 2; leaky++) {
        relu.alpha = leaky ? 0.1f : 0;
        compare((call){"ingot::ReluGrad",
                       "loop",
                       &relu,
                       2,
                       1,
                       {floats(DIMS(70001)), floats(DIMS(70001))},
                       0});
    }
    ig_ingot_gelu_grad_opts gelu = IG_INGOT_GELU_GRAD_OPTS_INIT;
    for (int tanh_form = 0; tanh_form < 2; tanh_form++) {
        gelu.approximate = tanh_form;
        ig_tensor *x = floats(DIMS(70001));
        float *p = ig_tensor_data(x);
        for (int i = 0; i < 70001; i++)
            p[i] *= 5;
        p[0] = 1e30f, p[1] = -1e30f, p[2] = NAN;
        compare((call){
            "ingot::GeluGrad", "loop", &gelu, 2, 1, {floats(DIMS(70001)), x}, 1e-5});
    }
}

/* An infinity beside the pixel that is copied, with a weight of 0, gave NaN. */
static void resize_ignores_what_has_no_weight(void **state)
{
    (void)state;
    static const float by[] = {1, 1, 2, 2};
    ig_resize_opts o = IG_RESIZE_OPTS_INIT;
    ig_tensor *x = floats(DIMS(1, 2, 5, 7)), *scales = floats(DIMS(4));
    ((float *)ig_tensor_data(x))[17] = INFINITY;
    memcpy(ig_tensor_data(scales), by, sizeof(by));
    o.mode = IG_RESIZE_MODE_LINEAR;
    o.coordinate_transformation_mode =
        IG_RESIZE_COORDINATE_TRANSFORMATION_MODE_ASYMMETRIC;
    compare((call){"Resize", "simd", &o, 3, 1, {x, NULL, scales}, 1e-5});
}

/* It read them as neighbours, beyond the memory of a repeated one too. */
static void attention_takes_lengths_of_any_stride(void **state)
{
    (void)state;
    static const int64_t n[] = {4};
    ig_tensor *all = INTS(6, 1, 5, 2, 4, 3, 3, 4), *one = INTS(3), *some;
    for (int64_t stride = 0; stride < 3; stride += 2) {
        assert_int_equal(
            igi_tensor_view(&some, NULL, stride ? all : one, 1, n, &stride, 0), IG_OK);
        compare((call){"Attention",
                       "blocks",
                       NULL,
                       7,
                       1,
                       {floats(DIMS(4, 2, 3, 5)), floats(DIMS(4, 2, 6, 5)),
                        floats(DIMS(4, 2, 6, 5)), NULL, NULL, NULL, some},
                       1e-5});
    }
    ig_tensor_unref(all);
    ig_tensor_unref(one);
}

/* Windows that lie in one block of keys, across two, and begin behind the first; many
 * queries and one of a group. What they hide may be infinite. */
static void attention_sees_a_window_only(void **state)
{
    (void)state;
    static const int64_t windows[] = {1, 40, 700, 5000};
    ig_attention_opts o = IG_ATTENTION_OPTS_INIT;
    o.is_causal = 1;
    for (int i = 0; i < 8; i++) {
        const int64_t rows = i % 2 ? 1 : 1300, past = 1300 - rows;
        ig_tensor *v = floats(DIMS(1, 1, rows, 9));
        o.local_window_size = windows[i / 2];
        if (!(i % 2))
            ((float *)ig_tensor_data(v))[3] = INFINITY;
        compare((call){"Attention",
                       "blocks",
                       &o,
                       6,
                       3,
                       {floats(DIMS(1, 2, rows, 8)), floats(DIMS(1, 1, rows, 8)), v,
                        NULL, floats(DIMS(1, 1, past, 8)), floats(DIMS(1, 1, past, 9))},
                       1e-5});
    }
}

/* Keys and values whose rows lie across each other (a transposed tensor), and a mask of
 * every other column, cannot be read where they lie: they are copied, and the
 * reference is not asked. */
static void attention_copies_what_it_cannot_stride_over(void **state)
{
    (void)state;
    for (int64_t rows = 1; rows < 100; rows += 69) {
        const int64_t n = 2, heads = 3, keys = 50, size = 8;
        const int64_t dims[4] = {n, heads, keys, size}, mask[4] = {1, 1, rows, keys};
        const int64_t turned[4] = {heads * keys * size, keys * size, 1, keys};
        const int64_t every_other[4] = {0, 0, 2 * keys, 2};
        ig_tensor *k, *v, *m,
            *all[3] = {floats(DIMS(n, heads, size, keys)),
                       floats(DIMS(n, heads, size, keys)),
                       floats(DIMS(rows, 2 * keys))};
        assert_int_equal(igi_tensor_view(&k, NULL, all[0], 4, dims, turned, 0), IG_OK);
        assert_int_equal(igi_tensor_view(&v, NULL, all[1], 4, dims, turned, 0), IG_OK);
        assert_int_equal(igi_tensor_view(&m, NULL, all[2], 4, mask, every_other, 1),
                         IG_OK);
        ig_value *in[4] = {NULL, &k->v, &v->v, &m->v}, *out[1];
        ig_tensor *q = floats(DIMS(n, heads, rows, size)),
                  *y = floats(DIMS(n, heads, rows, size));
        in[0] = &q->v, out[0] = &y->v;
        const igi_op *op = igi_registry_find_full(ig_registry_builtin(), "Attention");
        ig_attention_opts o = IG_ATTENTION_OPTS_INIT;
        const ig_kernel_ctx ctx = {.struct_size = sizeof(ctx),
                                   .n_in = 4,
                                   .n_out = 1,
                                   .in = in,
                                   .out = out,
                                   .attrs = &o,
                                   .threads = 1,
                                   .op = op->def};
        assert_string_equal(
            igi_kernel_name(igi_select(op, 0, &ctx, igi_facts_of(&ctx))),
            "blocks_of_copies");
        ig_tensor_unref(y);
        compare(
            (call){"Attention", "blocks_of_copies", NULL, 4, 1, {q, k, v, m}, 1e-5});
        for (int i = 0; i < 3; i++)
            ig_tensor_unref(all[i]);
    }
}

IG_TESTS(cmocka_unit_test(max_pools_agree_with_their_references),
         cmocka_unit_test(average_pools_agree_with_their_references),
         cmocka_unit_test(movement_agrees_with_the_references),
         cmocka_unit_test(gathers_agree_and_refuse_bad_indices),
         cmocka_unit_test(reductions_agree_with_their_references),
         cmocka_unit_test(norms_agree_with_their_references),
         cmocka_unit_test(choices_and_casts_agree_with_their_references),
         cmocka_unit_test(activation_gradients_agree_with_their_references),
         cmocka_unit_test(resize_ignores_what_has_no_weight),
         cmocka_unit_test(attention_takes_lengths_of_any_stride),
         cmocka_unit_test(attention_sees_a_window_only),
         cmocka_unit_test(attention_copies_what_it_cannot_stride_over))
