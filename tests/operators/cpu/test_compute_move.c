/* Movement of operators/cpu/compute.h: transposes, strided lines and copies of any
 * rank, compared byte by byte with element-wise loops. */
#include "tests/operators/cpu/compute_support.h"

static const size_t elements[] = {1, 2, 3, 4, 8, 16};
enum { ELEMENTS = sizeof(elements) / sizeof(elements[0]) };

static void fill_bytes(unsigned char *p, size_t n)
{
    uint64_t seed = 31;
    for (size_t i = 0; i < n; i++)
        p[i] = (unsigned char)random_bits(&seed);
}

static void
check_transpose(const igi_cpu_isa *isa, size_t e, int64_t rows, int64_t cols)
{
    enum { LD = 80, BYTES = LD * LD * 16 };
    static _Alignas(16) unsigned char src[BYTES], dst[BYTES], ref[BYTES];
    fill_bytes(src, BYTES);
    memset(dst, 7, BYTES);
    memset(ref, 7, BYTES);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < cols; c++)
            memcpy(ref + (size_t)(c * LD + r) * e, src + (size_t)(r * LD + c) * e, e);
    igi_transpose_2d(isa, e, dst, LD, src, LD, rows, cols);
    assert_memory_equal(dst, ref, BYTES);
}

static void check_transposes(const igi_cpu_isa *isa)
{
    static const int64_t sizes[] = {0, 1, 3, 4, 7, 8, 15, 16, 17, 32, 33, 67};
    enum { SIZES = sizeof(sizes) / sizeof(sizes[0]) };
    for (int e = 0; e < ELEMENTS; e++)
        for (int r = 0; r < SIZES; r++)
            for (int c = r % 3; c < SIZES; c += 3)
                check_transpose(isa, elements[e], sizes[r], sizes[c]);
}
ISA_TEST(transposes_agree_for_any_size_and_element, check_transposes)

static void strided_lines_copy_and_fill(void **state)
{
    (void)state;
    for (int e = 0; e < ELEMENTS; e++) {
        static const int steps[][2] = {{1, 1}, {2, 3}, {1, 0}, {-1, 1}, {3, -2}};
        for (int s = 0; s < 5; s++) {
            enum { N = 21, MIDDLE = 64, BYTES = 2 * MIDDLE * 16 };
            unsigned char src[BYTES], dst[BYTES] = {0}, ref[BYTES] = {0};
            const int64_t size = (int64_t)elements[e];
            fill_bytes(src, BYTES);
            for (int64_t i = 0; i < N; i++)
                memcpy(ref + (MIDDLE + i * steps[s][0]) * size,
                       src + (MIDDLE + i * steps[s][1]) * size, (size_t)size);
            igi_copy_strided(elements[e], dst + MIDDLE * size, steps[s][0],
                             src + MIDDLE * size, steps[s][1], N);
            assert_memory_equal(dst, ref, BYTES);
        }
    }
}

typedef struct nd_case {
    const char *what;
    int rank;
    int64_t dims[6], dst[6], src[6];
    int64_t src_start;
} nd_case;

/* dst is mostly dense and row-major. */
static const nd_case nd_cases[] = {
    {"scalar", 0, {0}, {0}, {0}, 3},
    {"dense", 3, {3, 4, 5}, {20, 5, 1}, {20, 5, 1}, 0},
    {"empty", 3, {3, 0, 5}, {20, 5, 1}, {20, 5, 1}, 0},
    {"ones", 4, {1, 7, 1, 1}, {9, 1, 9, 9}, {9, 1, 9, 9}, 0},
    {"transpose 10", 2, {19, 37}, {37, 1}, {1, 19}, 0},
    {"transpose 0213", 4, {2, 5, 3, 8}, {120, 24, 8, 1}, {120, 8, 40, 1}, 0},
    {"transpose 0231", 4, {2, 17, 3, 9}, {459, 27, 9, 1}, {459, 1, 153, 17}, 0},
    {"transpose 0312", 4, {2, 9, 17, 3}, {459, 51, 3, 1}, {459, 1, 27, 9}, 0},
    {"transpose 210", 3, {5, 6, 7}, {42, 7, 1}, {1, 5, 30}, 0},
    {"slice step 2", 2, {4, 9}, {9, 1}, {40, 2}, 3},
    {"reversed", 2, {6, 5}, {5, 1}, {-5, -1}, 29},
    {"expanded rows", 2, {6, 11}, {11, 1}, {0, 1}, 0},
    {"expanded columns", 2, {6, 11}, {11, 1}, {1, 0}, 0},
    {"into a slice", 3, {3, 4, 5}, {100, 10, 1}, {20, 5, 1}, 0},
    {"into columns", 2, {8, 6}, {1, 20}, {6, 1}, 0},
    {"five axes", 5, {2, 3, 2, 4, 3}, {72, 24, 12, 3, 1}, {3, 6, 72, 18, 1}, 0},
};

static void check_nd_case(const igi_cpu_isa *isa, const nd_case *k, size_t e)
{
    enum { COUNT = 1200, BYTES = COUNT * 16 };
    static _Alignas(16) unsigned char src[BYTES], dst[BYTES], ref[BYTES];
    fill_bytes(src, BYTES);
    memset(dst, 9, BYTES);
    memset(ref, 9, BYTES);
    int64_t total = 1;
    for (int i = 0; i < k->rank; i++)
        total *= k->dims[i];
    for (int64_t flat = 0; flat < total; flat++) {
        int64_t rest = flat, d = 0, s = k->src_start;
        for (int i = k->rank - 1; i >= 0; i--) {
            d += rest % k->dims[i] * k->dst[i];
            s += rest % k->dims[i] * k->src[i];
            rest /= k->dims[i];
        }
        memcpy(ref + (size_t)d * e, src + (size_t)s * e, e);
    }
    const igi_copy copy = {
        .element = e,
        .rank = k->rank,
        .dims = k->dims,
        .dst = dst,
        .dst_strides = k->dst,
        .src = src + (size_t)k->src_start * e,
        .src_strides = k->src,
    };
    igi_cpu_copy_nd(isa, &copy);
    if (memcmp(dst, ref, BYTES) != 0)
        fail_msg("%s, elements of %zu bytes: wrong bytes", k->what, e);
}

static void check_nd(const igi_cpu_isa *isa)
{
    for (size_t i = 0; i < sizeof(nd_cases) / sizeof(nd_cases[0]); i++)
        for (int e = 0; e < ELEMENTS; e++)
            check_nd_case(isa, &nd_cases[i], elements[e]);
}
ISA_TEST(copies_of_any_rank_and_strides_agree, check_nd)

IG_TESTS(cmocka_unit_test(transposes_agree_for_any_size_and_element),
         cmocka_unit_test(strided_lines_copy_and_fill),
         cmocka_unit_test(copies_of_any_rank_and_strides_agree))
