#include "tests/support/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/sym.h"
#include "tests/support/failing_alloc.h"

static ig_symtab *s;
static int64_t N, W, H;

static int setup(void **state)
{
    (void)state;
    if (igi_symtab_new(&s) != IG_OK)
        return -1;
    N = igi_symtab_symbol(s, "N");
    W = igi_symtab_symbol(s, "W");
    H = igi_symtab_symbol(s, "H");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    igi_symtab_unref(s);
    return 0;
}

static int64_t add(int64_t a, int64_t b)
{
    return ig_dim_add(s, a, b);
}
static int64_t sub(int64_t a, int64_t b)
{
    return ig_dim_sub(s, a, b);
}
static int64_t mul(int64_t a, int64_t b)
{
    return ig_dim_mul(s, a, b);
}
static int64_t quotient(int64_t a, int64_t b)
{
    return ig_dim_div(s, a, b);
}

static void assert_prints(int64_t dim, const char *want)
{
    char text[256];
    assert_string_equal(igi_dim_print(s, dim, text, sizeof(text)), want);
}

static void equal_names_are_equal_dims(void **state)
{
    (void)state;
    assert_true(ig_dim_is_symbol(N) && ig_dim_is_symbol(W) && N != W);
    assert_true(igi_symtab_symbol(s, "N") == N);
    assert_string_equal(igi_symtab_name(s, N), "N");
    assert_null(igi_symtab_name(s, add(N, 1)));
    assert_null(igi_symtab_name(s, 3));
    assert_null(igi_symtab_name(s, -1));
    assert_int_equal(igi_symtab_count(s), 3);
    assert_true(igi_symtab_at(s, 1) == W);
    assert_true(igi_symtab_at(s, 3) == -1 && igi_symtab_at(s, -1) == -1);
    assert_true(igi_symtab_symbol(s, "") == -1 && igi_symtab_symbol(s, NULL) == -1);
}

static void a_product_divided_by_a_factor_is_the_rest(void **state)
{
    (void)state;
    int64_t all = mul(mul(N, 3), W);
    assert_true(quotient(all, N) == mul(3, W));
    assert_true(quotient(all, mul(W, N)) == 3);
    assert_true(quotient(all, all) == 1);
    assert_true(quotient(mul(add(N, 1), add(W, 2)), add(W, 2)) == add(N, 1));
    assert_true(quotient(sub(mul(N, N), 1), add(N, 1)) == sub(N, 1));
    assert_true(quotient(0, N) == 0);
    assert_true(quotient(N, 1) == N);
}

static void equal_expressions_are_equal_handles(void **state)
{
    (void)state;
    assert_true(add(N, W) == add(W, N));
    assert_true(mul(N, W) == mul(W, N));
    assert_true(mul(add(N, W), add(N, W)) ==
                add(add(mul(N, N), mul(2, mul(W, N))), mul(W, W)));
    assert_true(sub(add(N, W), W) == N);
    assert_true(sub(N, N) == 0);
    assert_true(add(sub(N, 5), 5) == N);
    assert_true(sub(add(N, 7), N) == 7);
    assert_true(mul(0, N) == 0);
    assert_true(mul(N, 2) == add(N, N));
}

static void numbers_need_no_table(void **state)
{
    (void)state;
    assert_true(ig_dim_add(NULL, 2, 3) == 5);
    assert_true(ig_dim_sub(NULL, 5, 3) == 2);
    assert_true(ig_dim_sub(NULL, 3, 5) == -1);
    assert_true(ig_dim_mul(NULL, 4, 3) == 12);
    assert_true(ig_dim_div(NULL, 7, 2) == 3);
    assert_true(ig_dim_max(NULL, 7, 2) == 7);
    assert_true(ig_dim_min(NULL, 7, 2) == 2);
    assert_true(ig_dim_fresh(NULL) == -1);
    assert_true(ig_dim_add(NULL, -1, 3) == -1);
    assert_true(ig_dim_add(NULL, N, 3) == -1);
}

static void overflow_and_unknown_give_unknown(void **state)
{
    (void)state;
    assert_true(add(INT64_MAX, 1) == -1);
    assert_true(mul(INT64_MAX, 2) == -1);
    assert_true(mul(mul(N, INT64_MAX), 2) == -1);
    assert_true(add(mul(N, INT64_MAX), N) == -1);
    assert_true(quotient(3, 0) == -1 && quotient(N, 0) == -1);
    assert_true(add(-1, N) == -1 && mul(N, -1) == -1 && quotient(-1, 2) == -1);
    assert_true(ig_dim_max(s, -1, N) == -1 && ig_dim_min(s, N, -1) == -1);
    assert_true(sub(3, 5) == -1);
    assert_true(sub(sub(N, 5), N) == -1);
    assert_true(add(-1000000, 1) == -1); /* no handle of this table */
    int64_t power = N;
    for (int i = 0; i < 20; i++)
        power = mul(power, N);
    assert_true(power == -1);
}

static void floors_take_out_what_divides(void **state)
{
    (void)state;
    int64_t odd = add(mul(7, N), 3);
    assert_true(quotient(odd, 2) == add(add(mul(3, N), 1), quotient(add(N, 1), 2)));
    assert_true(quotient(add(mul(4, N), 3), 4) == N);
    assert_true(quotient(add(mul(2, N), 1), 4) == quotient(N, 2));
    assert_true(quotient(sub(mul(2, N), 1), 2) == sub(N, 1));
    assert_true(quotient(sub(N, 4), 2) == sub(quotient(N, 2), 2));
    assert_prints(quotient(N, 2), "floor(N / 2)");
}

static void stacked_strides_are_one_floor(void **state)
{
    (void)state;
    assert_true(quotient(quotient(N, 2), 2) == quotient(N, 4));
    assert_true(quotient(quotient(N, 2), 3) == quotient(quotient(N, 3), 2));
    /* Three layers with kernel 3, stride 2, pad 1: each floor((x - 1) / 2) + 1. */
    int64_t x = N;
    for (int i = 0; i < 3; i++)
        x = add(quotient(sub(x, 1), 2), 1);
    assert_true(x == add(quotient(sub(N, 1), 8), 1));
}

static void quotients_by_symbols_cancel_common_factors(void **state)
{
    (void)state;
    assert_true(quotient(mul(N, H), mul(N, W)) == quotient(H, W));
    assert_true(quotient(mul(6, H), mul(4, W)) == quotient(mul(3, H), mul(2, W)));
    assert_true(quotient(mul(mul(N, 3), W), mul(N, 2)) == quotient(mul(3, W), 2));
    assert_prints(quotient(add(N, 1), mul(2, W)), "floor((N + 1) / (2*W))");
}

static void a_number_beats_a_symbol_in_a_broadcast(void **state)
{
    (void)state;
    int64_t out;
    assert_true(ig_dim_broadcast(s, N, 1, &out) && out == N);
    assert_true(ig_dim_broadcast(s, 1, N, &out) && out == N);
    assert_true(ig_dim_broadcast(s, N, 5, &out) && out == 5);
    assert_true(ig_dim_broadcast(s, 0, N, &out) && out == 0);
    assert_true(ig_dim_broadcast(s, N, N, &out) && out == N);
    assert_true(ig_dim_broadcast(s, -1, 4, &out) && out == 4);
    assert_true(ig_dim_broadcast(s, -1, 1, &out) && out == -1);
    assert_true(ig_dim_broadcast(s, -1, N, &out) && out == -1);
    assert_true(ig_dim_broadcast(s, -1, -1, &out) && out == -1);
    assert_true(ig_dim_broadcast(NULL, 2, 2, &out) && out == 2);
    assert_false(ig_dim_broadcast(s, 2, 3, &out));
    assert_false(ig_dim_broadcast(s, 0, 3, &out));
}

static void two_symbols_broadcast_to_an_atom(void **state)
{
    (void)state;
    int64_t a = 0, b = 0, c;
    assert_true(ig_dim_broadcast(s, N, W, &a) && ig_dim_broadcast(s, W, N, &b));
    assert_true(a == b && a != N && a != W);
    assert_true(ig_dim_broadcast(s, a, N, &c) && c == a);
    assert_true(ig_dim_broadcast(s, W, a, &c) && c == a);
    assert_true(ig_dim_broadcast(s, a, H, &c) && c != a);
    assert_prints(a, "broadcast(N, W)");
}

static void extremes_are_decided_when_the_difference_has_a_sign(void **state)
{
    (void)state;
    assert_true(ig_dim_max(s, N, add(N, 2)) == add(N, 2));
    assert_true(ig_dim_min(s, N, add(N, 2)) == N);
    assert_true(ig_dim_max(s, N, 0) == N && ig_dim_min(s, 0, N) == 0);
    assert_true(ig_dim_max(s, N, N) == N);
    assert_true(ig_dim_max(s, N, 3) == ig_dim_max(s, 3, N));
    assert_true(ig_dim_min(s, N, W) == ig_dim_min(s, W, N));
    assert_true(ig_dim_max(s, add(N, W), W) == add(N, W));
    assert_true(ig_dim_max(s, sub(N, 3), 0) != sub(N, 3)); /* may be negative */
    assert_prints(ig_dim_max(s, N, 3), "max(3, N)");
}

static void dims_are_printed_for_people(void **state)
{
    (void)state;
    assert_prints(3, "3");
    assert_prints(-1, "?");
    assert_prints(-7, "-7"); /* an item of a list of integers */
    assert_prints(add(mul(mul(3, N), W), 2), "3*N*W + 2");
    assert_prints(sub(sub(mul(N, N), W), 1), "N*N - W - 1");
    assert_prints(sub(0, N), "-N");
    assert_prints(quotient(sub(N, W), 2), "-W + floor((N + W) / 2)");
    char text[8];
    int64_t long_one = add(mul(mul(3, N), W), 2);
    for (size_t n = 1; n <= sizeof(text); n++) {
        memset(text, 'x', sizeof(text));
        igi_dim_print(s, long_one, text, n);
        assert_int_equal(strlen(text), n - 1);
    }
    assert_string_equal(igi_dim_print(NULL, N, text, sizeof(text)), "?");
}

/* A dim of random operations, and its value for N, W, H = v. */
static int64_t random_dim(const int64_t *v, int64_t *value)
{
    int64_t dim = rand() % 2 ? N : W, x = dim == N ? v[0] : v[1];
    for (int i = rand() % 6; i > 0; i--) {
        int64_t other = rand() % 2 ? H : 1 + rand() % 4, y = other == H ? v[2] : other;
        switch (rand() % 6) {
        case 0:
            dim = add(dim, other), x += y;
            break;
        case 1:
            dim = sub(add(dim, 20), other), x = x + 20 - y;
            break;
        case 2:
            dim = mul(dim, other), x *= y;
            break;
        case 3:
            dim = quotient(dim, other), x = x / y - (x % y < 0);
            break;
        case 4:
            dim = ig_dim_max(s, dim, other), x = x > y ? x : y;
            break;
        default:
            dim = ig_dim_min(s, dim, other), x = x < y ? x : y;
            break;
        }
    }
    *value = x;
    return dim;
}

static void values_follow_from_those_of_the_symbols(void **state)
{
    (void)state;
    int known = 0;
    ig_symtab *other;
    srand(1);
    assert_int_equal(igi_symtab_new(&other), IG_OK);
    igi_symtab_symbol(other, "H"); /* other numbers for the same names */
    for (int i = 0; i < 20000; i++) {
        int64_t v[3] = {1 + rand() % 9, 1 + rand() % 9, 1 + rand() % 9}, want;
        int64_t dim = random_dim(v, &want);
        int64_t got = igi_dim_eval(s, dim, v, 3);
        if (dim == -1)
            continue;
        assert_true(got == (want >= 0 ? want : -1));
        int64_t there = igi_dim_translate(other, s, dim), w[3];
        for (int k = 0; k < igi_symtab_count(other); k++) {
            const char *name = igi_symtab_name(other, igi_symtab_at(other, k));
            w[k] = v[name[0] == 'N' ? 0 : name[0] == 'W' ? 1 : 2];
        }
        assert_true(igi_dim_eval(other, there, w, igi_symtab_count(other)) == got);
        known += got >= 0;
    }
    assert_true(known > 15000);
    igi_symtab_unref(other);
}

static void values_of_unknown_symbols_are_unknown(void **state)
{
    (void)state;
    int64_t v[] = {4, -1, 2};
    assert_true(igi_dim_eval(s, N, v, 3) == 4);
    assert_true(igi_dim_eval(s, W, v, 3) == -1);
    assert_true(igi_dim_eval(s, H, v, 2) == -1);
    assert_true(igi_dim_eval(s, add(N, W), v, 3) == -1);
    assert_true(igi_dim_eval(s, sub(N, 5), v, 3) == -1);
    assert_true(igi_dim_eval(s, 7, NULL, 0) == 7);
    assert_true(igi_dim_eval(s, -1, v, 3) == -1);
    int64_t out, bad[] = {4, 5, 2};
    ig_dim_broadcast(s, N, W, &out);
    assert_true(igi_dim_eval(s, out, bad, 3) == -1);
    bad[0] = 1;
    assert_true(igi_dim_eval(s, out, bad, 3) == 5);
    assert_true(igi_dim_eval(s, quotient(N, sub(W, 5)), bad, 3) == -1);
}

static void fresh_symbols_never_meet_given_names(void **state)
{
    (void)state;
    char name[16];
    int64_t fresh = ig_dim_fresh(s), again = ig_dim_fresh(s);
    assert_true(fresh != again);
    assert_true(igi_symtab_is_fresh(s, fresh) && !igi_symtab_is_fresh(s, N));
    snprintf(name, sizeof(name), "%s", igi_symtab_name(s, fresh));
    int64_t given = igi_symtab_symbol(s, name);
    assert_true(given != fresh);
    assert_false(igi_symtab_is_fresh(s, given));
    assert_string_equal(igi_symtab_name(s, given), name);
    assert_string_not_equal(igi_symtab_name(s, fresh), name);
    assert_true(igi_symtab_symbol(s, name) == given);
}

static void a_label_is_text_alone(void **state)
{
    (void)state;
    char text[16];
    ig_symtab *d = NULL;
    int64_t fresh = ig_dim_fresh(s), first = igi_dim_labelled(s, fresh, "N");
    assert_true(first == fresh && first != N);
    assert_string_equal(igi_dim_print(s, first, text, sizeof(text)), "N");
    assert_true(igi_dim_labelled(s, first, "N") == first);
    int64_t other = igi_dim_labelled(s, first, "rows"); /* the first keeps its own */
    int64_t unknown = igi_dim_labelled(s, -1, "N");
    assert_true(other != first && unknown != first && unknown != N);
    assert_string_equal(igi_symtab_label(s, first), "N");
    assert_string_equal(igi_symtab_label(s, other), "rows");
    assert_null(igi_symtab_label(s, N));
    assert_int_equal(igi_symtab_new(&d), IG_OK);
    int64_t twin = igi_dim_translate(d, s, first);
    assert_true(twin != igi_symtab_symbol(d, "N"));
    assert_string_equal(igi_symtab_label(d, twin), "N");
    igi_symtab_unref(d);
    assert_int_equal(igi_symtab_copy(&d, s), IG_OK);
    assert_string_equal(igi_symtab_label(d, other), "rows");
    igi_symtab_unref(d);
}

static void translation_goes_through_names(void **state)
{
    (void)state;
    ig_symtab *d;
    assert_int_equal(igi_symtab_new(&d), IG_OK);
    int64_t dw = igi_symtab_symbol(d, "W");
    int64_t own = ig_dim_fresh(d), fresh = ig_dim_fresh(s);
    assert_true(igi_dim_translate(d, s, W) == dw);
    assert_true(igi_dim_translate(d, s, 5) == 5);
    assert_true(igi_dim_translate(d, s, -1) == -1);
    assert_true(igi_dim_translate(s, s, add(N, 1)) == add(N, 1));
    /* Made symbols of two tables are unrelated, but each has one twin. */
    int64_t twin = igi_dim_translate(d, s, fresh);
    assert_true(twin != own && igi_symtab_is_fresh(d, twin));
    assert_true(igi_dim_translate(d, s, fresh) == twin);
    assert_true(igi_dim_translate(d, s, mul(fresh, W)) == ig_dim_mul(d, twin, dw));
    int64_t a, b;
    ig_dim_broadcast(s, N, W, &a);
    ig_dim_broadcast(d, igi_symtab_symbol(d, "N"), dw, &b);
    assert_true(igi_dim_translate(d, s, a) == b);
    assert_true(igi_dim_translate(NULL, s, N) == -1);
    igi_symtab_unref(d);
}

static void a_full_table_makes_dims_unknown(void **state)
{
    (void)state;
    int64_t last = 0;
    for (int i = 0; i < IGI_SYM_MAX + 10; i++)
        last = add(N, i + 1);
    assert_true(last == -1);
    assert_true(add(N, 1) != -1); /* what is there is still found */
    assert_true(igi_symtab_symbol(s, "new") == -1);
    assert_true(ig_dim_fresh(s) == -1);
    assert_int_equal(igi_symtab_count(s), 3);
}

static void deep_nesting_neither_recurses_nor_explodes(void **state)
{
    (void)state;
    char text[64];
    int64_t v[] = {9, 5, 3}, x = N;
    for (int i = 0; i < 5000; i++) {
        x = ig_dim_max(s, sub(x, 1), W);
        x = quotient(add(mul(x, x), 3), W);
    }
    igi_dim_print(s, x, text, sizeof(text));
    igi_dim_eval(s, x, v, 3);
    ig_symtab *d;
    assert_int_equal(igi_symtab_new(&d), IG_OK);
    igi_dim_translate(d, s, x);
    igi_symtab_unref(d);
}

static void a_large_table_is_copied_with_its_handles(void **state)
{
    (void)state;
    ig_symtab *copy = NULL;
    int64_t last = N;
    for (int i = 1; i < 1000; i++)
        last = add(N, i);
    assert_int_equal(igi_symtab_copy(&copy, s), IG_OK);
    assert_true(ig_dim_add(copy, igi_symtab_symbol(copy, "N"), 999) == last);
    igi_symtab_unref(copy);
}

static ig_status use_a_table(void *arg)
{
    (void)arg;
    ig_symtab *a = NULL, *b = NULL;
    ig_status rc;
    IG_GO(igi_symtab_new(&a));
    IG_GO(igi_symtab_new(&b));
    int64_t v[] = {7, 5}, n = igi_symtab_symbol(a, "N"), w = igi_symtab_symbol(a, "W");
    for (int i = 0; i < 100; i++) { /* without memory dims are unknown, never wrong */
        int64_t x = ig_dim_div(a, ig_dim_add(a, ig_dim_mul(a, n, w), i), 2);
        int64_t got = igi_dim_eval(a, x, v, 2);
        assert_true(got == -1 || got == (35 + i) / 2);
        igi_dim_translate(b, a, x);
        igi_dim_labelled(a, ig_dim_fresh(a), "rows");
    }
out:
    igi_symtab_unref(a);
    igi_symtab_unref(b);
    return rc;
}

static void without_memory_dims_are_unknown(void **state)
{
    (void)state;
    igi_failing_each(use_a_table, NULL);
}

#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
IG_TESTS(T(equal_names_are_equal_dims),
         T(a_product_divided_by_a_factor_is_the_rest),
         T(equal_expressions_are_equal_handles),
         T(numbers_need_no_table),
         T(overflow_and_unknown_give_unknown),
         T(floors_take_out_what_divides),
         T(stacked_strides_are_one_floor),
         T(quotients_by_symbols_cancel_common_factors),
         T(a_number_beats_a_symbol_in_a_broadcast),
         T(two_symbols_broadcast_to_an_atom),
         T(extremes_are_decided_when_the_difference_has_a_sign),
         T(dims_are_printed_for_people),
         T(values_follow_from_those_of_the_symbols),
         T(values_of_unknown_symbols_are_unknown),
         T(fresh_symbols_never_meet_given_names),
         T(a_label_is_text_alone),
         T(translation_goes_through_names),
         T(a_full_table_makes_dims_unknown),
         T(a_large_table_is_copied_with_its_handles),
         T(deep_nesting_neither_recurses_nor_explodes),
         cmocka_unit_test(without_memory_dims_are_unknown))
