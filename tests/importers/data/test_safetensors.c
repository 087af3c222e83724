/* .safetensors: round trips, strictness of the header, damage, memory that runs out. */
#include "importers/data/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/core/alloc.h"
#include "graph/core/tensor.h"
#include "tests/support/failing_alloc.h"
#include "tests/support/test_main.h"

#define TENSORS_MAX 32

static char folder[64], path[128];
static ig_tensor *made[TENSORS_MAX];
static int n_made;
/* What a visit saw. */
static char seen_names[TENSORS_MAX][64];
static ig_tensor *seen[TENSORS_MAX];
static int n_seen;

static int fresh(void **state)
{
    (void)state;
    snprintf(folder, sizeof(folder), "/tmp/ingot_test_safetensors_XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/x.safetensors", folder);
    return 0;
}

static void forget(void)
{
    while (n_seen > 0)
        ig_tensor_unref(seen[--n_seen]);
}

static int drop(void **state)
{
    (void)state;
    forget();
    while (n_made > 0)
        ig_tensor_unref(made[--n_made]);
    (void)unlink(path);
    (void)rmdir(folder);
    return 0;
}

/* A tensor whose bytes count up. */
static ig_tensor *make(ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t = NULL;
    assert_int_equal(ig_tensor_new(&t, dtype, rank, dims), IG_OK);
    made[n_made++] = t;
    unsigned char *p = ig_tensor_data(t);
    for (size_t i = 0; i < ig_tensor_nbytes(t); i++)
        p[i] = (unsigned char)(dtype == IG_BOOL ? i % 2 : i * 7 + 1);
    return t;
}

static ig_status keep(void *user, const char *name, ig_tensor *t)
{
    (void)user;
    if (n_seen == TENSORS_MAX)
        return ig_fail(IG_LIMIT, "more tensors than the test expects");
    snprintf(seen_names[n_seen], sizeof(seen_names[0]), "%s", name);
    seen[n_seen++] = ig_tensor_ref(t);
    return IG_OK;
}

static ig_tensor *find(const char *name)
{
    for (int i = 0; i < n_seen; i++)
        if (!strcmp(seen_names[i], name))
            return seen[i];
    fail_msg("%s was not read", name);
    return NULL;
}

static void same(const ig_tensor *a, const ig_tensor *b)
{
    assert_int_equal(ig_tensor_dtype(a), ig_tensor_dtype(b));
    assert_int_equal(ig_tensor_rank(a), ig_tensor_rank(b));
    for (int i = 0; i < ig_tensor_rank(a); i++)
        assert_int_equal(ig_tensor_dim(a, i), ig_tensor_dim(b, i));
    assert_memory_equal(ig_tensor_data(a), ig_tensor_data(b), ig_tensor_nbytes(a));
}

static void every_type_that_fits_makes_a_round_trip(void **state)
{
    (void)state;
    const char *names[TENSORS_MAX];
    int n = 0;
    for (int d = 1; d < IG_DTYPE_COUNT; d++) {
        if (!igi_safetensors_dtype_name((ig_dtype)d))
            continue;
        names[n] = ig_dtype_name((ig_dtype)d);
        make((ig_dtype)d, 2, (int64_t[]){2, 3});
        n++;
    }
    names[n++] = "scalar";
    make(IG_FLOAT64, 0, NULL);
    names[n++] = "empty";
    make(IG_INT16, 3, (int64_t[]){2, 0, 3});
    assert_int_equal(n, 20);
    assert_int_equal(igi_safetensors_write(path, names, made, n), IG_OK);
    assert_int_equal(igi_safetensors_read(path, keep, NULL), IG_OK);
    assert_int_equal(n_seen, n);
    for (int i = 0; i < n; i++)
        same(find(names[i]), made[i]);
}

static void types_that_cannot_be_held_are_named(void **state)
{
    (void)state;
    const ig_dtype none[] = {IG_STRING,         IG_COMPLEX128,    IG_INT4,
                             IG_UINT4,          IG_INT2,          IG_UINT2,
                             IG_FLOAT8E4M3FNUZ, IG_FLOAT8E5M2FNUZ};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
        ig_tensor *t = NULL;
        assert_int_equal(ig_tensor_new(&t, none[i], 1, (int64_t[]){2}), IG_OK);
        made[n_made++] = t;
        assert_int_equal(igi_safetensors_write(path, (const char *[]){"w"}, &t, 1),
                         IG_UNSUPPORTED);
        assert_non_null(strstr(ig_error_message(), ig_dtype_name(none[i])));
        assert_int_equal(access(path, F_OK), -1);
    }
    ig_tensor *odd = make(IG_FLOAT4E2M1, 1, (int64_t[]){3});
    assert_int_equal(igi_safetensors_write(path, (const char *[]){"w"}, &odd, 1),
                     IG_UNSUPPORTED);
}

static void names_keep_every_character(void **state)
{
    (void)state;
    const char *names[] = {"a\"b\\c", "tab\tand\nline\x01",
                           "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80"};
    for (int i = 0; i < 3; i++)
        make(IG_FLOAT32, 1, (int64_t[]){i + 1});
    assert_int_equal(igi_safetensors_write(path, names, made, 3), IG_OK);
    assert_int_equal(igi_safetensors_read(path, keep, NULL), IG_OK);
    for (int i = 0; i < 3; i++)
        same(find(names[i]), made[i]);
}

static void names_that_a_file_cannot_hold_are_refused(void **state)
{
    (void)state;
    make(IG_FLOAT32, 0, NULL);
    make(IG_FLOAT32, 0, NULL);
    const char *bad[][2] = {
        {"a", "a"}, {"a", "__metadata__"}, {"a", "\xff"}, {"\xc0\x80", "b"}};
    for (int i = 0; i < 4; i++)
        assert_int_equal(igi_safetensors_write(path, bad[i], made, 2),
                         IG_INVALID_ARGUMENT);
}

static void bytes_do_not_depend_on_the_order_of_tensors(void **state)
{
    (void)state;
    igi_file *a = NULL, *b = NULL;
    make(IG_UINT8, 1, (int64_t[]){3});
    make(IG_FLOAT64, 1, (int64_t[]){2});
    make(IG_FLOAT32, 1, (int64_t[]){5});
    ig_tensor *turned[] = {made[2], made[0], made[1]};
    assert_int_equal(
        igi_safetensors_write(path, (const char *[]){"u", "d", "f"}, made, 3), IG_OK);
    assert_int_equal(igi_file_read(&a, path, 0), IG_OK);
    assert_int_equal(
        igi_safetensors_write(path, (const char *[]){"f", "u", "d"}, turned, 3), IG_OK);
    assert_int_equal(igi_file_read(&b, path, 0), IG_OK);
    assert_int_equal(a->size, b->size);
    assert_memory_equal(a->data, b->data, a->size);
    igi_file_unref(a);
    igi_file_unref(b);
}

static void a_strided_tensor_is_written_in_row_order(void **state)
{
    (void)state;
    ig_tensor *t = make(IG_FLOAT32, 2, (int64_t[]){2, 3}), *turned = NULL;
    assert_int_equal(
        igi_tensor_view(&turned, NULL, t, 2, (int64_t[]){3, 2}, (int64_t[]){1, 3}, 0),
        IG_OK);
    made[n_made++] = turned;
    assert_int_equal(igi_safetensors_write(path, (const char *[]){"t"}, &turned, 1),
                     IG_OK);
    assert_int_equal(igi_safetensors_read(path, keep, NULL), IG_OK);
    const uint32_t *a = ig_tensor_data(t), *b = ig_tensor_data(seen[0]);
    for (int i = 0; i < 6; i++)
        assert_int_equal(b[i], a[i % 2 * 3 + i / 2]);
}

/* ---- headers written by hand ---- */

static ig_status read_text(const char *header, size_t contents)
{
    char bytes[2048] = {0};
    uint64_t n = strlen(header);
    assert_true(8 + n + contents <= sizeof(bytes));
    memcpy(bytes, &n, 8);
    memcpy(bytes + 8, header, n);
    forget();
    return igi_safetensors_read_bytes(bytes, 8 + n + contents, NULL, keep, NULL);
}

static void other_writers_headers_are_read(void **state)
{
    (void)state;
    assert_int_equal(read_text("{}", 0), IG_OK);
    assert_int_equal(read_text("{}        ", 0), IG_OK);
    /* blanks, any order of keys and of tensors, metadata */
    assert_int_equal(
        read_text(
            "{ \"__metadata__\" : {\"format\":\"pt\", \"k\":\"\\ud83d\\ude00\"},\n"
            "\"b\": {\"shape\": [ ], \"data_offsets\": [8, 12], \"dtype\": \"F32\"},\t"
            "\"\\u0061\":{\"dtype\":\"I8\",\"shape\":[2,4],\"data_offsets\":[0,8]}}  ",
            12),
        IG_OK);
    assert_int_equal(n_seen, 2);
    assert_int_equal(ig_tensor_rank(find("b")), 0);
    assert_int_equal(ig_tensor_numel(find("a")), 8);
    /* tensors without contents share a place */
    assert_int_equal(
        read_text("{\"a\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[0,0]},"
                  "\"b\":{\"dtype\":\"I8\",\"shape\":[1],\"data_offsets\":[0,1]},"
                  "\"c\":{\"dtype\":\"I8\",\"shape\":[0],\"data_offsets\":[1,1]}}",
                  1),
        IG_OK);
}

#define A(dtype_, shape_, at_)                                                         \
    "\"a\":{\"dtype\":\"" dtype_ "\",\"shape\":[" shape_ "],\"data_offsets\":[" at_ "]}"
#define B(at_) "\"b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[" at_ "]}"

static void malformed_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t contents;
    } bad[] = {
        {"", 0},
        {" {}", 0},
        {"[]", 0},
        {"{", 0},
        {"{}x", 0},
        {"{,}", 0},
        {"{" A("U8", "2", "0,2") ",}", 2},
        {"{" A("U8", "2", "0,2") "}{}", 2},
        {"{" A("U8", "2", "0,2") "," A("U8", "2", "0,2") "}", 2}, /* a name twice */
        {"{" A("U8", "2", "0,2") "," B("0,2") "}", 2},            /* overlap */
        {"{" A("U8", "2", "0,2") "," B("1,3") "}", 3},
        {"{" A("U8", "2", "0,2") "," B("3,5") "}", 5}, /* a hole */
        {"{" A("U8", "2", "1,3") "}", 3},
        {"{" A("U8", "2", "0,2") "}", 3}, /* more than said */
        {"{" A("U8", "2", "0,2") "}", 1},
        {"{" A("U8", "3", "0,2") "}", 2}, /* size and shape */
        {"{" A("U8", "2", "2,0") "}", 2},
        {"{" A("U8", "-2", "0,2") "}", 2},
        {"{" A("U8", "02", "0,2") "}", 2},
        {"{" A("U8", "2.0", "0,2") "}", 2},
        {"{" A("U8", "2e0", "0,2") "}", 2},
        {"{" A("U8", "9223372036854775808", "0,2") "}", 2},
        {"{" A("U8", "4611686018427387904,4", "0,0") "}", 0}, /* 2^64 bytes */
        {"{" A("U8", "140737488355328,140737488355328", "0,0") "}", 0},
        {"{" A("F4", "3", "0,2") "}", 2},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2]}}", 2},
        {"{\"a\":{\"dtype\":\"U8\",\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,"
         "2]}}",
         2},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2],\"x\":1}}", 2},
        {"{\"a\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2,3]}}", 2},
        {"{\"a\":[[[[[[]]]]]]}", 0},
        {"{\"a\":null}", 0},
        {"{\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2},
        {"{\"\\ud83d\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2},
        {"{\"\xc0\xaf\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}", 2},
        {"{\"__metadata__\":{\"a\":1}}", 0},
        {"{\"__metadata__\":{\"a\":\"x\",\"a\":\"y\"}}", 0},
        {"{\"__metadata__\":{},\"__metadata__\":{}}", 0},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (read_text(bad[i].header, bad[i].contents) != IG_INVALID_ARGUMENT)
            fail_msg("%s: %s", bad[i].header, ig_error_message());
        assert_int_equal(n_seen, 0);
    }
    assert_int_equal(read_text("{" A("F6_E2M3", "4", "0,3") "}", 3), IG_UNSUPPORTED);
    assert_non_null(strstr(ig_error_message(), "F6_E2M3"));
}

static void a_header_longer_than_the_file_or_the_format_is_refused(void **state)
{
    (void)state;
    const uint64_t lies[] = {3, 1000, UINT64_MAX, INT64_MAX, UINT64_MAX - 7};
    char bytes[10] = {0};
    for (size_t i = 0; i < 5; i++) {
        memcpy(bytes, &lies[i], 8);
        memcpy(bytes + 8, "{}", 2);
        assert_int_equal(igi_safetensors_read_bytes(bytes, 10, NULL, keep, NULL),
                         IG_INVALID_ARGUMENT);
    }
    size_t n = (size_t)IGI_SAFETENSORS_HEADER_MAX + 9;
    uint64_t length = n - 8;
    char *big = igi_calloc(n, 1);
    assert_non_null(big);
    memcpy(big, &length, 8);
    ig_status rc = igi_safetensors_read_bytes(big, n, NULL, keep, NULL);
    igi_free(big);
    assert_int_equal(rc, IG_LIMIT);
}

/* ---- damage ---- */

static void try_bytes(const char *p, size_t n)
{
    forget();
    ig_status rc = igi_safetensors_read_bytes(p, n, NULL, keep, NULL);
    if (rc == IG_OK ? n_seen == 0 : !*ig_error_message() || rc == IG_INTERNAL)
        fail_msg("status %d, %d tensors, \"%s\"", (int)rc, n_seen, ig_error_message());
}

static void every_damage_ends_in_an_error_or_a_clean_read(void **state)
{
    (void)state;
    igi_file *f = NULL;
    make(IG_FLOAT32, 2, (int64_t[]){2, 3});
    make(IG_BOOL, 1, (int64_t[]){3});
    assert_int_equal(
        igi_safetensors_write(path, (const char *[]){"w", "mask"}, made, 2), IG_OK);
    assert_int_equal(igi_file_read(&f, path, 0), IG_OK);
    size_t n = f->size;
    for (size_t i = 0; i < n * 8; i++) {
        f->data[i / 8] = (char)(f->data[i / 8] ^ (1 << (i % 8)));
        try_bytes(f->data, n);
        f->data[i / 8] = (char)(f->data[i / 8] ^ (1 << (i % 8)));
    }
    for (size_t k = 0; k < n;
         k++) { /* exact copies, so that a read past the end is seen */
        char *p = igi_alloc(k + 1);
        memcpy(p + 1, f->data, k);
        forget();
        assert_int_not_equal(igi_safetensors_read_bytes(p + 1, k, NULL, keep, NULL),
                             IG_OK);
        igi_free(p);
    }
    for (size_t i = 0; i < n; i++) { /* bytes that mean something in JSON */
        for (const char *c = "{}[]\",:\\0-9eEu \n"; *c; c++) {
            char old = f->data[i];
            f->data[i] = *c;
            try_bytes(f->data, n);
            f->data[i] = old;
        }
    }
    igi_file_unref(f);
}

/* ---- memory ---- */

static ig_status there_and_back(void *arg)
{
    static const int64_t dims[] = {4};
    ig_tensor *t[2] = {NULL, NULL};
    const char *names[] = {"a", "b"};
    ig_status rc = ig_tensor_new(&t[0], IG_FLOAT32, 1, dims);
    if (rc == IG_OK)
        rc = ig_tensor_new(&t[1], IG_BOOL, 1, dims);
    if (rc == IG_OK)
        rc = igi_safetensors_write(arg, names, t, 2);
    if (rc == IG_OK)
        rc = igi_safetensors_read(arg, keep, NULL);
    forget();
    ig_tensor_unref(t[0]);
    ig_tensor_unref(t[1]);
    return rc;
}

static void memory_that_runs_out_leaves_nothing_behind(void **state)
{
    (void)state;
    igi_failing_each(there_and_back, path);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fresh, drop)
IG_TESTS(TEST(every_type_that_fits_makes_a_round_trip),
         TEST(types_that_cannot_be_held_are_named),
         TEST(names_keep_every_character),
         TEST(names_that_a_file_cannot_hold_are_refused),
         TEST(bytes_do_not_depend_on_the_order_of_tensors),
         TEST(a_strided_tensor_is_written_in_row_order),
         TEST(other_writers_headers_are_read),
         TEST(malformed_headers_are_refused),
         TEST(a_header_longer_than_the_file_or_the_format_is_refused),
         TEST(every_damage_ends_in_an_error_or_a_clean_read),
         TEST(memory_that_runs_out_leaves_nothing_behind))
