/* Matrix products of operators/cpu/compute.h: every tile height and width, odd sizes,
 * blocks of K, epilogues, splits over threads, operands with any strides, float64.
 * References are in double precision. */
#include "tests/operators/cpu/compute_support.h"

typedef struct problem {
    int64_t m, n, k;
    int64_t lda, ldc, ldr;
    float *a, *b, *packed, *c, *bias, *residual;
    igi_epilogue epilogue;
} problem;

enum { COLUMN_GUARD = 3 };

static void problem_free(problem *p)
{
    free(p->a);
    free(p->b);
    free(p->packed);
    free(p->c);
    free(p->bias);
    free(p->residual);
}

static problem problem_new(const igi_cpu_isa *isa, int64_t m, int64_t n, int64_t k)
{
    problem p = {.m = m, .n = n, .k = k, .lda = k + 2, .ldc = n + COLUMN_GUARD};
    p.ldr = n + 1;
    size_t packed;
    assert_true(igi_gemm_packed_size(isa, n, k, &packed));
    p.a = new_floats(m * p.lda);
    p.b = new_floats(k * n);
    p.packed = new_floats((int64_t)packed);
    p.c = new_floats(m * p.ldc);
    p.bias = new_floats(n);
    p.residual = new_floats(m * p.ldr);
    fill_random(p.a, m * p.lda, 1);
    fill_random(p.b, k * n, 2);
    fill_random(p.bias, n, 3);
    fill_random(p.residual, m * p.ldr, 4);
    for (size_t i = 0; i < packed; i++)
        p.packed[i] = NAN; /* packing must write all of it */
    const igi_gemm_source s = {.b = p.b, .rs = n, .cs = 1, .n = n, .k = k, .scale = 1};
    igi_gemm_pack(isa, p.packed, &s, 0, igi_gemm_panels(isa, n));
    return p;
}

static igi_gemm task_of(const problem *p, bool packed)
{
    return (igi_gemm){
        .m = p->m,
        .n = p->n,
        .k = p->k,
        .a = p->a,
        .lda = p->lda,
        .b = packed ? p->packed : p->b,
        .ldb = packed ? 0 : p->n,
        .c = p->c,
        .ldc = p->ldc,
        .epilogue = p->epilogue,
    };
}

static double ref_act(const igi_epilogue *e, double x)
{
    switch (e->act) {
    case IGI_UNARY_RELU:
        return fmax(x, 0);
    case IGI_UNARY_CLIP:
        return fmin(fmax(x, (double)e->act_params[0]), (double)e->act_params[1]);
    case IGI_UNARY_GELU_ERF:
        return 0.5 * x * erfc(-x * sqrt(0.5));
    default:
        return x;
    }
}

static double ref_element(const problem *p, int64_t i, int64_t j)
{
    const igi_epilogue *e = &p->epilogue;
    double x = e->bias ? (double)e->bias[j] : 0;
    double r = e->residual ? (double)e->residual[i * e->ld_residual + j] : 0;
    for (int64_t k = 0; k < p->k; k++)
        x += (double)p->a[i * p->lda + k] * (double)p->b[k * p->n + j];
    return e->residual_after ? ref_act(e, x) + r : ref_act(e, x + r);
}

static void expect_product(const igi_cpu_isa *isa, const problem *p)
{
    /* Partial sums grow as sqrt(k), their rounding errors add up as sqrt(k) again. */
    const double tolerance = 3e-7 + 6e-8 * (double)p->k;
    for (int64_t i = 0; i < p->m; i++) {
        for (int64_t j = 0; j < p->n; j++) {
            const double y = (double)p->c[i * p->ldc + j], ref = ref_element(p, i, j);
            if (!is_near(y, ref, tolerance))
                fail_msg("%s %dx%dx%d: c[%d][%d] = %g, expected %g", isa->name,
                         (int)p->m, (int)p->n, (int)p->k, (int)i, (int)j, y, ref);
        }
        for (int64_t j = p->n; j < p->ldc; j++)
            assert_true(p->c[i * p->ldc + j] == 55.0f);
    }
}

static void fill_c(problem *p)
{
    for (int64_t i = 0; i < p->m * p->ldc; i++)
        p->c[i] = 55.0f;
}

static void run_and_expect(const igi_cpu_isa *isa, problem *p)
{
    const int64_t panels = igi_gemm_panels(isa, p->n);
    for (int packed = 0; packed < 2; packed++) {
        igi_gemm g = task_of(p, packed);
        fill_c(p);
        isa->gemm(&g, 0, p->m, 0, panels);
        expect_product(isa, p);
    }
}

static void check_heights_and_widths(const igi_cpu_isa *isa)
{
    for (int64_t m = 1; m <= 2 * isa->gemm_rows + 1; m++) {
        for (int64_t n = 1; n <= 67; n += n < 34 ? 1 : 11) {
            problem p = problem_new(isa, m, n, 1 + (m * 7 + n) % 13);
            run_and_expect(isa, &p);
            problem_free(&p);
        }
    }
}
ISA_TEST(every_tile_height_and_width_gives_the_product, check_heights_and_widths)

static void check_long_k(const igi_cpu_isa *isa)
{
    static const int64_t ks[] = {0, 1, 2, 3, 4, 5, 767, 768, 769, 1537, 2304};
    for (size_t i = 0; i < sizeof(ks) / sizeof(ks[0]); i++) {
        for (int64_t m = 1; m < 18; m += 8) {
            problem p = problem_new(isa, m, 37, ks[i]);
            p.epilogue.bias = p.bias;
            run_and_expect(isa, &p);
            problem_free(&p);
        }
    }
}
ISA_TEST(any_depth_gives_the_product, check_long_k)

static void check_epilogues(const igi_cpu_isa *isa)
{
    static const igi_unary acts[] = {IGI_UNARY_NONE, IGI_UNARY_RELU, IGI_UNARY_CLIP,
                                     IGI_UNARY_GELU_ERF};
    for (int bits = 0; bits < 64; bits++) {
        problem p = problem_new(isa, bits & 32 ? 1 : 17, 43, bits & 16 ? 900 : 19);
        p.epilogue.bias = bits & 1 ? p.bias : NULL;
        p.epilogue.residual = bits & 2 ? p.residual : NULL;
        p.epilogue.ld_residual = bits & 8 ? 0 : p.ldr;
        p.epilogue.residual_after = bits & 4;
        p.epilogue.act = acts[(bits / 8 + bits) & 3];
        p.epilogue.act_params[0] = -0.5f;
        p.epilogue.act_params[1] = 0.75f;
        run_and_expect(isa, &p);
        problem_free(&p);
    }
}
ISA_TEST(epilogues_add_and_activate_in_order, check_epilogues)

/* A residual that is the output gives the same bits as one that lies elsewhere, be it
 * added before or after the activation. */
static void check_in_place(const igi_cpu_isa *isa, int64_t m, int64_t k, int bits)
{
    problem p = problem_new(isa, m, 45, k);
    const int64_t size = p.m * p.ldc;
    float *before = new_floats(size), *want = new_floats(size);
    igi_gemm g;
    fill_random(before, size, 8);
    for (int64_t i = 0; i < p.m; i++)
        for (int64_t j = p.n; j < p.ldc; j++)
            before[i * p.ldc + j] = 55.0f;
    p.epilogue.bias = p.bias;
    p.epilogue.act = bits & 1 ? IGI_UNARY_RELU : IGI_UNARY_GELU_ERF;
    p.epilogue.residual_after = bits & 2;
    p.epilogue.ld_residual = p.ldc;
    for (int pass = 0; pass < 2; pass++) {
        memcpy(p.c, before, (size_t)size * sizeof(float));
        p.epilogue.residual = pass ? p.c : before;
        g = task_of(&p, bits & 4);
        if (bits & 8) { /* b is read as [n][k] */
            g.b = p.b;
            g.ldb = p.k;
            isa->gemm_dot(&g, 0, p.n);
        } else {
            isa->gemm(&g, 0, p.m, 0, igi_gemm_panels(isa, p.n));
        }
        if (!pass)
            memcpy(want, p.c, (size_t)size * sizeof(float));
    }
    assert_true(same_bits(want, p.c, size));
    p.epilogue.residual = before;
    if (!(bits & 8))
        expect_product(isa, &p);
    free(before);
    free(want);
    problem_free(&p);
}

static void check_residual_in_place(const igi_cpu_isa *isa)
{
    for (int bits = 0; bits < 16; bits++) {
        check_in_place(isa, 19, 800, bits);
        check_in_place(isa, 1, 800, bits);
        check_in_place(isa, 5, 0, bits);
    }
}
ISA_TEST(a_residual_may_be_the_output, check_residual_in_place)

/* Cut anywhere, with other rows or without: a row has the same bits. */
static void check_few_rows(const igi_cpu_isa *isa, int64_t m, int64_t k, int bits)
{
    float alone[181];
    problem p = problem_new(isa, m, 181, k);
    p.epilogue.bias = bits & 1 ? p.bias : NULL;
    p.epilogue.residual = bits & 2 ? p.residual : NULL;
    p.epilogue.ld_residual = p.ldr;
    p.epilogue.residual_after = bits & 4;
    p.epilogue.act = bits & 8 ? IGI_UNARY_GELU_ERF : IGI_UNARY_NONE;
    igi_gemm g = task_of(&p, false);
    g.m = 1;
    isa->gemm_few(&g, 0, p.n);
    memcpy(alone, p.c, sizeof(alone));
    for (int64_t cut = 0; cut <= p.n; cut += 60) {
        g = task_of(&p, false);
        fill_c(&p);
        if (bits & 16 && p.epilogue.residual) { /* in place */
            for (int64_t i = 0; i < m; i++)
                memcpy(p.c + i * p.ldc, p.residual + i * p.ldr, sizeof(alone));
            g.epilogue.residual = p.c;
            g.epilogue.ld_residual = p.ldc;
        }
        isa->gemm_few(&g, cut, p.n);
        isa->gemm_few(&g, 0, cut);
        expect_product(isa, &p);
        assert_true(same_bits(alone, p.c, p.n));
    }
    problem_free(&p);
}

static void check_all_few_rows(const igi_cpu_isa *isa)
{
    static const int64_t ks[] = {0, 1, 3, 4, 7, 8, 13, 600};
    for (int64_t m = 1; m <= IGI_FEW_ROWS; m++)
        for (size_t i = 0; i < sizeof(ks) / sizeof(ks[0]); i++)
            for (int bits = 0; bits < 32; bits++)
                check_few_rows(isa, m, ks[i], bits);
}
ISA_TEST(few_rows_have_the_same_bits_alone_and_cut, check_all_few_rows)

/* A sum that starts from a large residual rounds all its products at that size: only
 * the ends of blocks of K may. */
static void check_large_residual(const igi_cpu_isa *isa)
{
    const double ulp = 4096 * 0x1p-23;
    for (int64_t m = 1; m <= 5; m += 4) {
        problem p = problem_new(isa, m, 40, 1536);
        for (int64_t i = 0; i < p.m * p.ldr; i++)
            p.residual[i] += 4096;
        p.epilogue.residual = p.residual;
        p.epilogue.ld_residual = p.ldr;
        igi_gemm g = task_of(&p, true);
        isa->gemm(&g, 0, p.m, 0, igi_gemm_panels(isa, p.n));
        for (int64_t i = 0; i < p.m; i++)
            for (int64_t j = 0; j < p.n; j++)
                assert_true(fabs((double)p.c[i * p.ldc + j] - ref_element(&p, i, j)) <
                            1.2 * ulp);
        problem_free(&p);
    }
}
ISA_TEST(a_large_residual_does_not_round_every_product, check_large_residual)

/* Rows or panels cut anywhere: the same bits, at M = 1 too. */
static void check_split(const igi_cpu_isa *isa, int64_t m, bool packed)
{
    problem p = problem_new(isa, m, 150, 1001);
    p.epilogue.bias = p.bias;
    p.epilogue.act = IGI_UNARY_TANH;
    const int64_t panels = igi_gemm_panels(isa, p.n), size = p.m * p.ldc;
    const igi_gemm g = task_of(&p, packed);
    float *whole = new_floats(size);
    fill_c(&p);
    isa->gemm(&g, 0, m, 0, panels);
    memcpy(whole, p.c, (size_t)size * sizeof(float));
    for (int64_t cut = 0; cut <= panels; cut++) {
        fill_c(&p);
        isa->gemm(&g, 0, m, cut, panels);
        isa->gemm(&g, 0, m, 0, cut);
        assert_true(same_bits(whole, p.c, size));
    }
    for (int64_t cut = 0; cut <= m; cut++) {
        fill_c(&p);
        isa->gemm(&g, 0, cut, 0, panels);
        isa->gemm(&g, cut, m, 0, panels);
        assert_true(same_bits(whole, p.c, size));
    }
    free(whole);
    problem_free(&p);
}

static void check_splits(const igi_cpu_isa *isa)
{
    for (int64_t m = 1; m < 48; m += 11) {
        check_split(isa, m, true);
        check_split(isa, m, false);
    }
}
ISA_TEST(splits_over_rows_and_panels_do_not_change_bits, check_splits)

static void check_nan_stays_in_its_row(const igi_cpu_isa *isa)
{
    problem p = problem_new(isa, 15, 40, 20);
    p.a[4 * p.lda + 7] = NAN;
    const igi_gemm g = task_of(&p, true);
    isa->gemm(&g, 0, p.m, 0, igi_gemm_panels(isa, p.n));
    for (int64_t i = 0; i < p.m; i++)
        for (int64_t j = 0; j < p.n; j++)
            assert_true(!isnan(p.c[i * p.ldc + j]) == (i != 4));
    problem_free(&p);
}
ISA_TEST(a_nan_reaches_its_row_and_no_other, check_nan_stays_in_its_row)

/* Packing a transposed or strided B, scaled, equals packing a plain copy of it. */
static void check_packing(const igi_cpu_isa *isa)
{
    enum { N = 45, K = 23 };
    float plain[K * N], transposed[N * K], strided[K * N * 3];
    for (int k = 0; k < K; k++) {
        for (int j = 0; j < N; j++) {
            const float x = (float)(k * N + j);
            plain[k * N + j] = 0.5f * x;
            transposed[j * K + k] = x;
            strided[(k * N + j) * 3] = x;
        }
    }
    size_t size;
    assert_true(igi_gemm_packed_size(isa, N, K, &size));
    float *out[3];
    const igi_gemm_source sources[3] = {
        {.b = plain, .rs = N, .cs = 1, .n = N, .k = K, .scale = 1.0f},
        {.b = transposed, .rs = 1, .cs = K, .n = N, .k = K, .scale = 0.5f},
        {.b = strided, .rs = 3 * N, .cs = 3, .n = N, .k = K, .scale = 0.5f},
    };
    for (int i = 0; i < 3; i++) {
        out[i] = new_floats((int64_t)size);
        memset(out[i], 0xff, size * sizeof(float));
        for (int64_t p = 0; p < igi_gemm_panels(isa, N); p++)
            igi_gemm_pack(isa, out[i], &sources[i], p, p + 1);
        assert_true(same_bits(out[0], out[i], (int64_t)size));
    }
    /* The last row of the last panel: columns, then zeros. */
    const int64_t pad = igi_gemm_panels(isa, N) * isa->gemm_panel - N;
    assert_true(pad > 0 && out[0][size - 1 - (size_t)pad] != 0.0f);
    for (int64_t i = 0; i < pad; i++)
        assert_true(out[0][size - 1 - (size_t)i] == 0.0f);
    for (int i = 0; i < 3; i++)
        free(out[i]);
}
ISA_TEST(packing_takes_any_strides_and_a_scale, check_packing)

static void packed_sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    size_t size;
    assert_false(igi_gemm_packed_size(isa, INT64_MAX, 1, &size));
    assert_false(igi_gemm_packed_size(isa, INT64_MAX / 4, 4, &size));
    assert_false(igi_gemm_packed_size(isa, 1, INT64_MAX / 2, &size));
    assert_false(igi_gemm_packed_size(isa, -1, 3, &size));
    assert_true(igi_gemm_packed_size(isa, 0, 3, &size));
    assert_int_equal(size, 0);
}

/* One product through igi_matmul with operands laid out by `layout`: bits 0, 1
 * transpose A and B, bit 2 strides B inside rows, bit 3 sets alpha. */
static void
check_matmul(const igi_cpu_isa *isa, int64_t m, int64_t n, int64_t k, int layout)
{
    problem p = problem_new(isa, m, n, k);
    p.epilogue.bias = p.bias;
    p.epilogue.residual = p.residual;
    p.epilogue.ld_residual = p.ldr;
    p.epilogue.act = IGI_UNARY_RELU;
    const int64_t step = layout & 4 ? 2 : 1;
    const float alpha = layout & 8 ? 0.5f : 1.0f;
    float *a = new_floats(m * k), *b = new_floats(k * n * step);
    igi_matmul g = {.m = m, .n = n, .k = k, .a = a, .b = b, .alpha = alpha};
    g.a_rs = layout & 1 ? 1 : k;
    g.a_cs = layout & 1 ? m : 1;
    g.b_rs = layout & 2 ? step : n * step;
    g.b_cs = layout & 2 ? k * step : step;
    for (int64_t i = 0; i < m; i++)
        for (int64_t kk = 0; kk < k; kk++)
            a[i * g.a_rs + kk * g.a_cs] = p.a[i * p.lda + kk];
    for (int64_t kk = 0; kk < k; kk++) {
        for (int64_t j = 0; j < n; j++) {
            b[kk * g.b_rs + j * g.b_cs] = p.b[kk * n + j];
            p.b[kk * n + j] *= alpha;
        }
    }
    g.c = p.c;
    g.ldc = p.ldc;
    g.epilogue = p.epilogue;
    size_t floats;
    assert_true(igi_matmul_scratch(isa, &g, &floats));
    float *scratch = new_floats((int64_t)floats);
    const int64_t panels = igi_gemm_panels(isa, n), size = m * p.ldc;
    fill_c(&p);
    igi_matmul_run(isa, &g, scratch, 0, panels);
    expect_product(isa, &p);
    float *whole = new_floats(size);
    memcpy(whole, p.c, (size_t)size * sizeof(float));
    fill_c(&p);
    for (int64_t panel = panels - 1; panel >= 0; panel--)
        igi_matmul_run(isa, &g, scratch, panel, panel + 1);
    assert_true(same_bits(whole, p.c, size));
    free(whole);
    free(scratch);
    free(a);
    free(b);
    problem_free(&p);
}

static void check_matmuls(const igi_cpu_isa *isa)
{
    static const int64_t shapes[][3] = {
        {1, 1, 1},     {1, 70, 33},  {3, 40, 129}, {4, 33, 1},    {5, 20, 65},
        {30, 95, 100}, {26, 5, 7},   {2, 300, 64}, {3, 40, 75},   {30, 3, 0},
        {33, 65, 800}, {1, 64, 129}, {2, 67, 131}, {3, 65, 1000}, {4, 1025, 10},
        {1, 4100, 3},  {4, 1023, 9}, {3, 8200, 1}, {2, 2049, 11}, {4, 4097, 2},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (int layout = 0; layout < 16; layout++)
            check_matmul(isa, shapes[i][0], shapes[i][1], shapes[i][2], layout);
}
ISA_TEST(products_of_strided_operands_agree, check_matmuls)

static void
check_f64(const igi_cpu_isa *isa, int64_t m, int64_t n, int64_t k, int layout)
{
    double a[700], b[4000], c[900], init[900];
    assert_true(m * k <= 700 && k * n <= 4000 && m * n <= 900);
    uint64_t seed = 9;
    for (int i = 0; i < 4000; i++)
        b[i] = (double)random_float(&seed);
    for (int i = 0; i < 700; i++)
        a[i] = (double)random_float(&seed);
    for (int i = 0; i < 900; i++)
        init[i] = (double)random_float(&seed);
    igi_gemm_f64 g = {.m = m, .n = n, .k = k, .a = a, .b = b, .c = c, .ldc = n};
    g.a_rs = layout & 1 ? 1 : k;
    g.a_cs = layout & 1 ? m : 1;
    g.b_rs = layout & 2 ? 1 : n;
    g.b_cs = layout & 2 ? k : 1;
    g.alpha = layout & 4 ? -2.0 : 1.0;
    if (layout & 8) {
        g.init = init;
        g.init_rs = layout & 1 ? 0 : n;
        g.init_cs = 1;
    }
    isa->gemm_f64(&g, m / 2, m);
    isa->gemm_f64(&g, 0, m / 2);
    for (int64_t i = 0; i < m; i++) {
        for (int64_t j = 0; j < n; j++) {
            double ref = g.init ? init[i * g.init_rs + j] : 0;
            for (int64_t kk = 0; kk < k; kk++)
                ref +=
                    g.alpha * a[i * g.a_rs + kk * g.a_cs] * b[kk * g.b_rs + j * g.b_cs];
            assert_true(is_near(c[i * n + j], ref, 1e-13));
        }
    }
}

static void check_f64_products(const igi_cpu_isa *isa)
{
    static const int64_t shapes[][3] = {{1, 1, 1},    {7, 33, 19}, {5, 8, 129},
                                        {3, 17, 200}, {13, 19, 5}, {2, 5, 0}};
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        for (int layout = 0; layout < 16; layout++)
            check_f64(isa, shapes[i][0], shapes[i][1], shapes[i][2], layout);
}
ISA_TEST(float64_products_agree, check_f64_products)

IG_TESTS(cmocka_unit_test(every_tile_height_and_width_gives_the_product),
         cmocka_unit_test(any_depth_gives_the_product),
         cmocka_unit_test(epilogues_add_and_activate_in_order),
         cmocka_unit_test(a_residual_may_be_the_output),
         cmocka_unit_test(few_rows_have_the_same_bits_alone_and_cut),
         cmocka_unit_test(a_large_residual_does_not_round_every_product),
         cmocka_unit_test(splits_over_rows_and_panels_do_not_change_bits),
         cmocka_unit_test(a_nan_reaches_its_row_and_no_other),
         cmocka_unit_test(packing_takes_any_strides_and_a_scale),
         cmocka_unit_test(packed_sizes_that_overflow_are_refused),
         cmocka_unit_test(products_of_strided_operands_agree),
         cmocka_unit_test(float64_products_agree))
