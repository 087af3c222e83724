/* What the plugin of NVIDIA GPUs computes before it asks a GPU anything: layouts,
 * batches, epilogues, pieces of copies; and which plans cuDNN has for GPUs that are
 * only described to it. */
#include "tests/support/test_main.h"

#include <string.h>

#include "operators/common_act_kind.h"
#include "operators/gpu/attention_dnn.h"
#include "operators/gpu/conv.h"
#include "operators/gpu/product.h"
#include "operators/gpu/staging.h"

/* ---- layouts ---- */

static void strides_say_which_dim_is_innermost(void **state)
{
    (void)state;
    const int64_t dims[4] = {2, 3, 4, 5};
    int64_t s[4];
    gpu_dense(4, dims, false, s);
    assert_true(s[0] == 60 && s[1] == 20 && s[2] == 5 && s[3] == 1);
    gpu_dense(4, dims, true, s);
    assert_true(s[0] == 60 && s[1] == 1 && s[2] == 15 && s[3] == 3);
}

static igi_conv convolution(int axes)
{
    igi_conv c = {.batch = 2, .group = 2, .c = 3, .m = 4, .w.rank = axes};
    for (int i = 0; i < axes; i++)
        c.w.axis[i] = (igi_window_axis){10, 5, 3, 2, 1, 1, 0};
    return c;
}

static void a_single_spatial_axis_gets_a_neighbour(void **state)
{
    (void)state;
    gpu_window w;
    igi_conv c = convolution(1);
    assert_int_equal(gpu_window_of_conv(&w, &c, false), IG_OK);
    assert_int_equal(w.rank, 4);
    const int64_t x[4] = {2, 6, 1, 10}, f[4] = {8, 3, 1, 3}, y[4] = {2, 8, 1, 5};
    assert_memory_equal(w.x, x, sizeof(x));
    assert_memory_equal(w.w, f, sizeof(f));
    assert_memory_equal(w.y, y, sizeof(y));
    assert_true(w.stride[0] == 1 && w.stride[1] == 2 && w.pre[1] == 1 &&
                w.post[1] == 0);
}

static void what_cudnn_cannot_count_is_refused(void **state)
{
    (void)state;
    gpu_window w;
    igi_conv c = convolution(4);
    assert_int_equal(gpu_window_of_conv(&w, &c, false), IG_UNSUPPORTED);
    c = convolution(2);
    c.batch = 1 << 26; /* times 6 * 100 elements */
    assert_int_equal(gpu_window_of_conv(&w, &c, false), IG_UNSUPPORTED);
    c = convolution(2);
    c.w.axis[0].stride = (int64_t)1 << 40;
    assert_int_equal(gpu_window_of_conv(&w, &c, false), IG_UNSUPPORTED);
}

/* ---- matrices and batches ---- */

static void matrices_are_rows_or_columns(void **state)
{
    (void)state;
    gpu_matrix m;
    assert_true(gpu_matrix_set(&m, 3, 4, 4, 1) && !m.transposed && m.ld == 4);
    assert_true(gpu_matrix_set(&m, 3, 4, 9, 1) && !m.transposed && m.ld == 9);
    assert_true(gpu_matrix_set(&m, 3, 4, 1, 3) && m.transposed && m.ld == 3);
    assert_true(gpu_matrix_set(&m, 1, 4, 0, 1) && !m.transposed && m.ld == 4);
    assert_true(gpu_matrix_set(&m, 4, 1, 7, 0) && !m.transposed && m.ld == 7);
    assert_false(gpu_matrix_set(&m, 3, 4, 8, 2));
    assert_false(gpu_matrix_set(&m, 3, 4, 0, 1)); /* the same row again and again */
    assert_false(gpu_matrix_set(&m, 3, 4, -4, 1));
}

static gpu_product product_of(int64_t m, int64_t n, int64_t depth)
{
    return (gpu_product){.m = m,
                         .n = n,
                         .depth = depth,
                         .a = {false, depth},
                         .b = {false, n},
                         .ld_y = n,
                         .type = IG_FLOAT32};
}

static void batches_of_one_step_are_one_call(void **state)
{
    (void)state;
    gpu_product p = product_of(2, 3, 4);
    const int64_t dims[2] = {5, 6}, a[2] = {48, 8}, b[2] = {72, 12}, y[2] = {36, 6};
    assert_int_equal(gpu_product_batches(&p, 2, dims, a, b, y), IG_OK);
    assert_true(p.batch == 30 && p.outer == 0);
    assert_true(p.step_a == 8 && p.step_b == 12 && p.step_y == 6);
}

static void batches_that_share_the_right_operand_are_one_tall_product(void **state)
{
    (void)state;
    gpu_product p = product_of(2, 3, 4);
    const int64_t dims[2] = {5, 6}, a[2] = {48, 8}, b[2] = {0, 0}, y[2] = {36, 6};
    assert_int_equal(gpu_product_batches(&p, 2, dims, a, b, y), IG_OK);
    assert_true(p.batch == 1 && p.outer == 0 && p.m == 60);
}

static void batches_that_do_not_merge_are_several_calls(void **state)
{
    (void)state;
    gpu_product p = product_of(2, 3, 4); /* a[5, 1], b[1, 6] */
    const int64_t dims[2] = {5, 6}, a[2] = {8, 0}, b[2] = {0, 12}, y[2] = {36, 6};
    assert_int_equal(gpu_product_batches(&p, 2, dims, a, b, y), IG_OK);
    assert_true(p.batch == 6 && p.step_a == 0 && p.step_b == 12 && p.step_y == 6);
    assert_true(p.outer == 1 && p.outer_dim[0] == 5 && p.outer_a[0] == 8 &&
                p.outer_b[0] == 0 && p.outer_y[0] == 36);
}

static void sizes_beyond_32_bits_are_refused(void **state)
{
    (void)state;
    gpu_product p = product_of((int64_t)1 << 31, 3, 4);
    p.batch = 1;
    assert_int_equal(gpu_product_check(&p), IG_UNSUPPORTED);
    p.m = 2;
    assert_int_equal(gpu_product_check(&p), IG_OK);
    p.depth = 0;
    assert_int_equal(gpu_product_check(&p), IG_UNSUPPORTED);
}

static ig_tensor *tensor_of(ig_dtype type, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new(&t, type, rank, dims), IG_OK);
    return t;
}

/* A whole call of MatMul: nothing of it is left out. */
static void a_call_of_matmul_is_a_product(void **state)
{
    (void)state;
    const int64_t a[4] = {5, 6, 2, 4}, b[3] = {6, 4, 3}, y[4] = {5, 6, 2, 3};
    for (int i = 0; i < 2; i++) {
        ig_dtype type = i ? IG_FLOAT16 : IG_FLOAT64;
        ig_tensor *ta = tensor_of(type, 4, a), *tb = tensor_of(type, 3, b),
                  *ty = tensor_of(type, 4, y);
        gpu_product p;
        assert_int_equal(gpu_product_of_matmul(&p, ta, tb, ty), IG_OK);
        assert_true(p.m == 2 && p.n == 3 && p.depth == 4 && p.ld_y == 3);
        assert_true(p.type == type && p.type_y == type && p.alpha == 1);
        assert_true(p.batch == 6 && p.step_a == 8 && p.step_b == 12 && p.step_y == 6);
        assert_true(p.outer == 1 && p.outer_dim[0] == 5 && p.outer_y[0] == 36);
        ig_tensor_unref(ta), ig_tensor_unref(tb), ig_tensor_unref(ty);
    }
}

/* ---- epilogues ---- */

static void epilogues_are_those_that_compute_the_same(void **state)
{
    (void)state;
    assert_int_equal(gpu_product_epilogue(true, IGI_ACT_NONE), CUBLASLT_EPILOGUE_BIAS);
    assert_int_equal(gpu_product_epilogue(true, IGI_ACT_RELU),
                     CUBLASLT_EPILOGUE_RELU_BIAS);
    assert_int_equal(gpu_product_epilogue(false, IGI_ACT_GELU_TANH),
                     CUBLASLT_EPILOGUE_GELU);
    assert_int_equal(gpu_product_epilogue(true, IGI_ACT_GELU_ERF), -1);
    dnn_point p;
    gpu_act act = {.kind = IGI_ACT_RELU};
    assert_true(gpu_conv_fuses(&act, true, &p) && p.mode == CUDNN_POINTWISE_RELU_FWD);
    act.after = true;
    assert_false(gpu_conv_fuses(&act, true, &p));
    assert_true(gpu_conv_fuses(&act, false, &p));
    act.kind = IGI_ACT_SILU;
    assert_false(gpu_conv_fuses(&act, false, &p));
}

/* ---- copies ---- */

static void pieces_cover_a_copy_and_take_turns(void **state)
{
    (void)state;
    const size_t totals[] = {0, 1, 100, 101, 1000, 1001};
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        gpu_piece p = gpu_pieces(totals[i], 3, 100);
        size_t end = 0;
        unsigned block = 3;
        while (gpu_piece_next(&p)) {
            assert_int_equal(p.at, end);
            assert_true(p.bytes > 0 && p.bytes <= 100);
            assert_int_equal(p.block, block % GPU_STAGING_BLOCKS);
            end += p.bytes;
            block++;
        }
        assert_int_equal(end, totals[i]);
    }
}

/* ---- plans for described GPUs ---- */

#define GPU(name_, version_, processors_, shared_)                                     \
    "{\"maxGridSize\":[2147483647,65535,65535],\"maxBlockSize\":[1024,1024,64],"       \
    "\"regsPerBlock\":65536,\"multiProcessorCount\":" processors_                      \
    ",\"smClockRateKHz\":1410000,\"memClockRateKHz\":1512000,\"l2CacheSize\":"         \
    "41943040,\"warpSize\":32,\"maxSharedMemoryPerBlock\":49152,"                      \
    "\"maxSharedMemoryPerBlockOptin\":" shared_                                        \
    ",\"reservedSharedMemoryPerBlock\":1024,\"maxRegistersPerSM\":65536,"              \
    "\"pciDeviceId\":0,\"maxCtasPerSM\":32,\"maxThreadsPerBlock\":1024,"               \
    "\"maxThreadsPerSM\":2048,\"isTccDriver\":0,\"supportCoopLaunch\":1,"              \
    "\"cudaDeviceId\":0,\"deviceVer\":" version_ ",\"driverVer\":13000,"               \
    "\"deviceName\":\"" name_ "\",\"totalGlobalMem\":40000000000}"

static const char *const gpus[] = {GPU("A100", "800", "108", "167936"),
                                   GPU("H100", "900", "132", "232448")};

/* NULL: this cuDNN does not take descriptions. */
static dnn_desc describe(const char *json)
{
    dnn_desc d = NULL;
    if (cudnnBackendCreateDescriptor(CUDNN_BACKEND_DEVICEPROP_DESCRIPTOR, &d) != 0)
        return NULL;
    if (cudnnBackendSetAttribute(d, CUDNN_ATTR_DEVICEPROP_JSON_REPRESENTATION,
                                 CUDNN_TYPE_CHAR, (int64_t)strlen(json), json) == 0 &&
        cudnnBackendFinalize(d) == 0)
        return d;
    (void)cudnnBackendDestroyDescriptor(d);
    return NULL;
}

static void expect_plan(const dnn_target *t, const gpu_conv *c)
{
    dnn_plan *p = NULL;
    ig_status rc =
        dnn_plan_make(&p, (dnn_recipe){gpu_conv_build, c}, t, dnn_rules_of(c->type, 0));
    if (rc != IG_OK)
        fail_msg("type %d, direction %d, channels last %d, fused %d: %s", (int)c->type,
                 (int)c->direction, c->w.last, c->fused, ig_error_message());
    dnn_plan_free(p);
}

static gpu_conv conv_of(ig_dtype type, bool last, dnn_direction direction)
{
    static const igi_window_axis axis = {28, 14, 3, 2, 1, 0, 1}; /* uneven pads */
    igi_conv c = {.batch = 2, .group = 4, .c = 8, .m = 8, .w = {.rank = 2}};
    gpu_conv v = {.direction = direction, .type = type};
    c.w.axis[0] = c.w.axis[1] = axis;
    c.w.axis[0].in = c.w.axis[1].in = 28;
    assert_int_equal(gpu_window_of_conv(&v.w, &c, last), IG_OK);
    return v;
}

static void cudnn_has_a_plan_for_each_convolution(void **state)
{
    (void)state;
    static const ig_dtype types[] = {IG_FLOAT32, IG_FLOAT16, IG_BFLOAT16, IG_FLOAT64};
    for (size_t i = 0; i < 2; i++) {
        dnn_target t = {.device = describe(gpus[i])};
        if (!t.device)
            skip();
        for (int k = 0; k < 24; k++) {
            gpu_conv c = conv_of(types[k / 6], k % 2, (dnn_direction)(k / 2 % 3));
            expect_plan(&t, &c);
        }
        (void)cudnnBackendDestroyDescriptor(t.device);
    }
}

static void cudnn_has_a_plan_for_the_usual_end_of_a_convolution(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        dnn_target t = {.device = describe(gpus[i])};
        if (!t.device)
            skip();
        for (int k = 0; k < 8; k++) {
            gpu_conv c =
                conv_of(k & 1 ? IG_FLOAT16 : IG_FLOAT32, (k & 2) != 0, DNN_FORWARD);
            c.bias = c.fused = true;
            c.residual = (k & 4) != 0;
            c.act.kind = IGI_ACT_RELU;
            expect_plan(&t, &c);
        }
        (void)cudnnBackendDestroyDescriptor(t.device);
    }
}

static void build_loose(dnn_graph *g, const void *conv)
{
    g->loose = true;
    gpu_conv_build(g, conv);
}

/* Views may begin at any element: each convolution can be run there, too, in the
 * workspace of the plan that it has for other addresses. */
static void convolutions_run_at_any_element(void **state)
{
    (void)state;
    static const ig_dtype types[] = {IG_FLOAT32, IG_FLOAT16, IG_BFLOAT16, IG_FLOAT64};
    dnn_target t = {.device = describe(gpus[1])};
    if (!t.device)
        skip();
    for (int k = 0; k < 24; k++) {
        gpu_conv c = conv_of(types[k / 6], k % 2, (dnn_direction)(k / 2 % 3));
        dnn_rules rules = dnn_rules_of(c.type, 0);
        dnn_plan *tight = NULL, *loose = NULL;
        assert_int_equal(
            dnn_plan_make(&tight, (dnn_recipe){gpu_conv_build, &c}, &t, rules), IG_OK);
        rules.workspace = tight->workspace;
        if (dnn_plan_make(&loose, (dnn_recipe){build_loose, &c}, &t, rules) != IG_OK)
            fail_msg("call %d: %s", k, ig_error_message());
        dnn_plan_free(tight);
        dnn_plan_free(loose);
    }
    (void)cudnnBackendDestroyDescriptor(t.device);
}

typedef struct pooling {
    gpu_window w;
    cudnnResampleMode_t mode;
    cudnnDataType_t type;
} pooling;

static void build_pool(dnn_graph *g, const void *user)
{
    const pooling *p = user;
    const gpu_window *w = &p->w;
    const dnn_axes axes = {w->axes, w->pre, w->post, w->stride, w->dilation};
    dnn_desc x = dnn_tensor(g, p->type, w->rank, w->x, w->xs),
             y = dnn_tensor(g, p->type, w->rank, w->y, w->ys);
    dnn_pool(g, p->mode, dnn_compute(p->type), &axes, w->kernel, false, x, y);
}

/* With the attributes that they are given; which engine takes them shows on a GPU. */
static void poolings_are_operations_to_cudnn(void **state)
{
    (void)state;
    static const cudnnResampleMode_t modes[] = {CUDNN_RESAMPLE_MAXPOOL,
                                                CUDNN_RESAMPLE_AVGPOOL_INCLUDE_PADDING,
                                                CUDNN_RESAMPLE_AVGPOOL_EXCLUDE_PADDING};
    igi_window window = {.rank = 2};
    window.axis[0] = window.axis[1] = (igi_window_axis){10, 5, 3, 2, 1, 1, 0};
    for (int i = 0; i < 12; i++) {
        pooling p = {.mode = modes[i % 3],
                     .type = i / 6 ? CUDNN_DATA_HALF : CUDNN_DATA_FLOAT};
        dnn_graph g = {0};
        assert_int_equal(gpu_window_of_pool(&p.w, &window, 2, 8, i / 3 % 2), IG_OK);
        build_pool(&g, &p);
        if (g.failed != CUDNN_STATUS_SUCCESS)
            fail_msg("%d: %s: %s", i, g.where, cudnnGetErrorString(g.failed));
        dnn_free(&g);
    }
}

/* Each operation of the graph is one to cuDNN, and memory is asked for in the order in
 * which the kernel gives it: Q, K, V, mask, statistics, Y, with numbers between. (Which
 * engine takes the form shows only where a driver is.) */
static void the_graph_of_attention_is_one_to_cudnn(void **state)
{
    (void)state;
    const igi_attention_attrs attrs = {.is_causal = 1};
    gpu_flash f = {.type = IG_FLOAT16, .mask_dims = {1, 4, 5, 6}};
    f.a = (igi_attention){.attrs = &attrs,
                          .batch = 2,
                          .q_heads = 4,
                          .kv_heads = 2,
                          .q_len = 5,
                          .total = 6,
                          .size = 8,
                          .v_size = 16,
                          .scale = 0.5,
                          .q = {160, 40, 8},
                          .k = {96, 48, 8},
                          .v = {192, 96, 16},
                          .y = {320, 80, 16},
                          .mask_stride = {0, 30, 6, 1}};
    static const bool host[] = {false, false, false, true, false, true, false, false};
    dnn_graph g = {0};
    gpu_flash_build(&g, &f);
    assert_int_equal(g.failed, CUDNN_STATUS_SUCCESS);
    assert_int_equal(g.n_memory, 8);
    assert_memory_equal(g.host, host, sizeof(host));
    assert_true(g.number[3] == 0.5f && g.number[5] < -1e29f);
    assert_int_equal(g.n_ops, 15);
    dnn_free(&g);
}

/* The rules are what refuses: with everything forbidden nothing is left. */
static void rules_refuse_algorithms(void **state)
{
    (void)state;
    dnn_target t = {.device = describe(gpus[1])};
    if (!t.device)
        skip();
    gpu_conv c = conv_of(IG_FLOAT16, true, DNN_FORWARD);
    dnn_rules none = {.forbidden = ~0u, .workspace = -1};
    dnn_plan *p = NULL;
    assert_int_equal(dnn_plan_make(&p, (dnn_recipe){gpu_conv_build, &c}, &t, none),
                     IG_UNSUPPORTED);
    assert_null(p);
    (void)cudnnBackendDestroyDescriptor(t.device);
    assert_true(dnn_rules_of(IG_FLOAT32, 0).forbidden &
                1u << CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
    assert_false(dnn_rules_of(IG_FLOAT32, IG_RUN_TF32).forbidden &
                 1u << CUDNN_NUMERICAL_NOTE_TENSOR_CORE);
    assert_true(dnn_rules_of(IG_FLOAT32, IG_RUN_EXACT).forbidden &
                1u << CUDNN_NUMERICAL_NOTE_WINOGRAD);
}

IG_TESTS(cmocka_unit_test(strides_say_which_dim_is_innermost),
         cmocka_unit_test(a_single_spatial_axis_gets_a_neighbour),
         cmocka_unit_test(what_cudnn_cannot_count_is_refused),
         cmocka_unit_test(matrices_are_rows_or_columns),
         cmocka_unit_test(batches_of_one_step_are_one_call),
         cmocka_unit_test(batches_that_share_the_right_operand_are_one_tall_product),
         cmocka_unit_test(batches_that_do_not_merge_are_several_calls),
         cmocka_unit_test(sizes_beyond_32_bits_are_refused),
         cmocka_unit_test(a_call_of_matmul_is_a_product),
         cmocka_unit_test(epilogues_are_those_that_compute_the_same),
         cmocka_unit_test(pieces_cover_a_copy_and_take_turns),
         cmocka_unit_test(cudnn_has_a_plan_for_each_convolution),
         cmocka_unit_test(cudnn_has_a_plan_for_the_usual_end_of_a_convolution),
         cmocka_unit_test(convolutions_run_at_any_element),
         cmocka_unit_test(poolings_are_operations_to_cudnn),
         cmocka_unit_test(the_graph_of_attention_is_one_to_cudnn),
         cmocka_unit_test(rules_refuse_algorithms))
