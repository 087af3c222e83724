/* Products with matrices of 2, 4 and 8 bits (operators/cpu/compute_nbits.h) against
 * double precision: every width, both orders of the matrix, rows for each height,
 * blocks that end early, epilogues, splits of panels. */
#include "operators/cpu/compute_nbits.h"
#include "tests/operators/cpu/compute_support.h"

enum { M_MAX = 9 };

typedef struct problem {
    igi_nbits_source s;
    igi_nbits b;
    int64_t blocks;
    uint8_t *raw;        /* s.b */
    float *scale, *zero; /* [block][n], as numbers of the type */
    float *a, *c, *bias, *residual;
    uint32_t *codes;
    float *scales, *zeros; /* packed */
} problem;

static int64_t ceil_div(int64_t a, int64_t b)
{
    return (a + b - 1) / b;
}

static int code(const problem *p, int64_t k, int64_t n)
{
    const int64_t at = k * p->s.rs + n * p->s.cs, per = 8 / p->s.bits;
    const int v = p->raw[at / per] >> (at % per * p->s.bits) & ((1 << p->s.bits) - 1);
    return p->s.is_signed && v >> (p->s.bits - 1) ? v - (1 << p->s.bits) : v;
}

/* In panels, with `more` added and what is no column filled with NaN. */
static void pack_blocks(
    const igi_cpu_isa *isa, const problem *p, const float *from, float more, float *dst)
{
    const int panel = isa->gemm_panel;
    for (int64_t n = 0; n < igi_gemm_panels(isa, p->s.n) * panel; n++)
        for (int64_t b = 0; b < p->blocks; b++)
            dst[(n / panel * p->blocks + b) * panel + n % panel] =
                n < p->s.n ? from[b * p->s.n + n] + more : NAN;
}

static problem problem_new(const igi_cpu_isa *isa,
                           int bits,
                           bool is_signed,
                           bool by_rows,
                           int64_t n,
                           int64_t k,
                           int64_t block)
{
    problem p = {.s = {.bits = bits, .is_signed = is_signed, .n = n, .k = k}};
    uint64_t seed = (uint64_t)(n * 1000 + k);
    size_t words, scales;
    p.s.rs = by_rows ? n : 1;
    p.s.cs = by_rows ? 1 : k;
    p.blocks = ceil_div(k, block);
    p.raw = malloc((size_t)(n * k));
    for (int64_t i = 0; i < n * k; i++)
        p.raw[i] = (uint8_t)random_bits(&seed);
    p.s.b = p.raw;
    assert_true(igi_nbits_packed_size(isa, &p.s, block, &words, &scales));
    p.scale = new_floats(p.blocks * n);
    p.zero = new_floats(p.blocks * n);
    p.a = new_floats(M_MAX * k);
    p.c = new_floats(M_MAX * (n + 3));
    p.bias = new_floats(n);
    p.residual = new_floats(M_MAX * n);
    p.scales = new_floats((int64_t)scales);
    p.zeros = new_floats((int64_t)scales);
    p.codes = malloc(words * sizeof(*p.codes));
    memset(p.codes, 0x5a, words * sizeof(*p.codes)); /* packing must write all of it */
    fill_random(p.scale, p.blocks * n, 1);
    fill_random(p.a, M_MAX * k, 2);
    fill_random(p.bias, n, 3);
    fill_random(p.residual, M_MAX * n, 4);
    for (int64_t i = 0; i < p.blocks * n; i++)
        p.zero[i] = (float)((int)(random_bits(&seed) >> (32 - bits)) -
                            (is_signed ? 1 << (bits - 1) : 0));
    const float middle = is_signed ? (float)(1 << (bits - 1)) : 0.0f;
    pack_blocks(isa, &p, p.scale, 0, p.scales);
    pack_blocks(isa, &p, p.zero, middle, p.zeros);
    igi_nbits_pack(isa, p.codes, &p.s, 0, igi_gemm_panels(isa, n));
    p.b = (igi_nbits){.g = {.n = n, .k = k, .a = p.a, .lda = k, .c = p.c, .ldc = n + 3},
                      .bits = bits,
                      .block = block,
                      .codes = p.codes,
                      .scale = p.scales,
                      .zero = p.zeros,
                      .middle = middle};
    return p;
}

static void problem_free(problem *p)
{
    free(p->raw);
    free(p->scale);
    free(p->zero);
    free(p->a);
    free(p->c);
    free(p->bias);
    free(p->residual);
    free(p->codes);
    free(p->scales);
    free(p->zeros);
}

static double want(const problem *p, int64_t i, int64_t j)
{
    const igi_epilogue *e = &p->b.g.epilogue;
    double y = 0;
    for (int64_t k = 0; k < p->s.k; k++) {
        const int64_t at = k / p->b.block * p->s.n + j;
        const double z = p->b.zero ? (double)p->zero[at] : 0;
        y += (double)p->a[i * p->s.k + k] * (code(p, k, j) - z) * (double)p->scale[at];
    }
    y += e->bias ? (double)e->bias[j] : 0;
    y += e->residual ? (double)e->residual[i * e->ld_residual + j] : 0;
    return e->act == IGI_UNARY_RELU && y < 0 ? 0 : y;
}

static void expect(const igi_cpu_isa *isa, const problem *p, const char *what)
{
    const double tolerance = 1e-7 * (double)(p->s.k << p->s.bits);
    for (int64_t i = 0; i < p->b.g.m; i++) {
        for (int64_t j = 0; j < p->s.n; j++) {
            const double y = (double)p->c[i * (p->s.n + 3) + j], ref = want(p, i, j);
            if (!is_near(y, ref, tolerance))
                fail_msg("%s %s, %d bits, %dx%dx%d: c[%d][%d] = %g, expected %g",
                         isa->name, what, p->s.bits, (int)p->b.g.m, (int)p->s.n,
                         (int)p->s.k, (int)i, (int)j, y, ref);
        }
        for (int64_t j = p->s.n; j < p->s.n + 3; j++)
            assert_true(p->c[i * (p->s.n + 3) + j] == 55.0f);
    }
}

/* By both ways: codes as they are read, panel by panel, and panels of floats. */
static void run_and_expect(const igi_cpu_isa *isa, problem *p)
{
    const int64_t panels = igi_gemm_panels(isa, p->s.n), cut = panels / 2;
    float *room = new_floats(p->s.k * isa->gemm_panel);
    for (int way = 0; way < 2; way++) {
        for (int64_t i = 0; i < M_MAX * (p->s.n + 3); i++)
            p->c[i] = 55.0f;
        for (int part = 0; part < 2; part++) {
            const int64_t lo = part ? cut : 0, hi = part ? panels : cut;
            if (way)
                igi_nbits_run(isa, &p->b, room, lo, hi, NULL);
            else
                isa->nbits_rows(&p->b, lo, hi);
        }
        expect(isa, p, way ? "panels" : "rows");
    }
    free(room);
}

static void check_widths(const igi_cpu_isa *isa)
{
    static const int64_t sizes[][3] = {/* n, k, block */
                                       {1, 1, 1},    {3, 64, 32},  {33, 96, 32},
                                       {70, 39, 16}, {40, 37, 37}, {64, 1600, 128},
                                       {17, 800, 16}};
    for (int kind = 0; kind < 12; kind++) {
        for (size_t s = 0; s < sizeof(sizes) / sizeof(*sizes); s++) {
            problem p = problem_new(isa, 2 << (kind % 3), kind / 3 % 2, kind / 6,
                                    sizes[s][0], sizes[s][1], sizes[s][2]);
            for (p.b.g.m = 1; p.b.g.m <= M_MAX; p.b.g.m += p.b.g.m < 5 ? 1 : 4)
                run_and_expect(isa, &p);
            problem_free(&p);
        }
    }
}
ISA_TEST(products_of_all_widths_agree, check_widths)

static void check_epilogue(const igi_cpu_isa *isa)
{
    problem p = problem_new(isa, 4, false, false, 45, 64, 32);
    p.b.g.m = 3;
    p.b.zero = NULL; /* the middle everywhere: 0 */
    p.b.g.epilogue.bias = p.bias;
    run_and_expect(isa, &p);
    p.b.g.epilogue.residual = p.residual;
    p.b.g.epilogue.ld_residual = p.s.n;
    p.b.g.epilogue.act = IGI_UNARY_RELU;
    run_and_expect(isa, &p);
    problem_free(&p);
}
ISA_TEST(bias_residual_and_activation_come_behind, check_epilogue)

/* One row gives the same bits alone and among others. */
static void check_rows(const igi_cpu_isa *isa)
{
    problem p = problem_new(isa, 4, true, false, 50, 352, 32);
    float alone[50];
    p.b.g.m = 1;
    isa->nbits_rows(&p.b, 0, igi_gemm_panels(isa, 50));
    memcpy(alone, p.c, sizeof(alone));
    for (p.b.g.m = 2; p.b.g.m <= 4; p.b.g.m++) {
        isa->nbits_rows(&p.b, 0, igi_gemm_panels(isa, 50));
        assert_memory_equal(alone, p.c, sizeof(alone));
    }
    problem_free(&p);
}
ISA_TEST(bits_do_not_depend_on_other_rows, check_rows)

static void sizes_that_overflow_are_refused(void **state)
{
    (void)state;
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const igi_nbits_source huge = {.bits = 4, .n = INT64_MAX / 4, .k = 1024};
    size_t words, scales;
    assert_false(igi_nbits_packed_size(isa, &huge, 32, &words, &scales));
}

IG_TESTS(cmocka_unit_test(products_of_all_widths_agree),
         cmocka_unit_test(bias_residual_and_activation_come_behind),
         cmocka_unit_test(bits_do_not_depend_on_other_rows),
         cmocka_unit_test(sizes_that_overflow_are_refused))
