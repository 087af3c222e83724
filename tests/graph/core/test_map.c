#include "tests/support/test_main.h"

#include <stdio.h>

#include "graph/core/map.h"
#include "tests/support/failing_alloc.h"

#define N 2000

static char keys[N][16];

static void make_keys(void)
{
    for (int i = 0; i < N; i++)
        snprintf(keys[i], sizeof(keys[i]), "key%d", i);
}

static void keys_are_found_until_they_are_removed(void **state)
{
    (void)state;
    igi_map m = {0};
    make_keys();
    assert_int_equal(igi_map_get(&m, "nothing"), 0);
    igi_map_remove(&m, "nothing");
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(igi_map_put(&m, keys[i], i + 1), IG_OK);
    assert_int_equal(m.n, N);
    for (uint32_t i = 0; i < N; i += 3)
        igi_map_remove(&m, keys[i]);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(igi_map_get(&m, keys[i]), i % 3 == 0 ? 0 : i + 1);
    for (uint32_t i = 0; i < N; i += 3)
        assert_int_equal(igi_map_put(&m, keys[i], i + 7), IG_OK);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(igi_map_get(&m, keys[i]), i % 3 == 0 ? i + 7 : i + 1);
    igi_map_fini(&m);
    assert_int_equal(igi_map_get(&m, keys[1]), 0);
}

static void a_second_put_overwrites(void **state)
{
    (void)state;
    igi_map m = {0};
    igi_map_put(&m, "k", 1);
    igi_map_put(&m, "k", 2);
    assert_int_equal(m.n, 1);
    assert_int_equal(igi_map_get(&m, "k"), 2);
    igi_map_fini(&m);
}

static ig_status put_all(void *arg)
{
    (void)arg;
    igi_map m = {0};
    ig_status rc = IG_OK;
    uint32_t done = 0;
    for (; done < 100 && rc == IG_OK; done++)
        rc = igi_map_put(&m, keys[done], done + 1);
    for (uint32_t i = 0; i + 1 < done; i++)
        assert_int_equal(igi_map_get(&m, keys[i]), i + 1);
    igi_map_fini(&m);
    return rc;
}

static void a_map_that_cannot_grow_stays_whole(void **state)
{
    (void)state;
    make_keys();
    igi_failing_each(put_all, NULL);
}

static void hashes_depend_on_bytes_length_and_seed(void **state)
{
    (void)state;
    char zeros[32] = {0};
    uint64_t seed = igi_hash_seed();
    assert_int_equal(seed, igi_hash_seed());
    assert_true(seed != 0);
    for (size_t n = 0; n + 1 < sizeof(zeros); n++) {
        assert_true(igi_hash_bytes(zeros, n, seed) !=
                    igi_hash_bytes(zeros, n + 1, seed));
        assert_true(igi_hash_bytes(zeros, n, 1) != igi_hash_bytes(zeros, n, 2));
        if (n > 0) {
            uint64_t before = igi_hash_bytes(zeros, n, seed);
            zeros[n - 1] = 1;
            assert_true(before != igi_hash_bytes(zeros, n, seed));
            zeros[n - 1] = 0;
        }
    }
}

IG_TESTS(cmocka_unit_test(keys_are_found_until_they_are_removed),
         cmocka_unit_test(a_second_put_overwrites),
         cmocka_unit_test(a_map_that_cannot_grow_stays_whole),
         cmocka_unit_test(hashes_depend_on_bytes_length_and_seed))
