/* .npz archives, made here entry by entry so that each field can lie. */
#include "tests/support/test_main.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "importers/data/data.h"
#include "tests/support/failing_alloc.h"

/* ---- making archives ---- */

typedef struct zip {
    unsigned char b[8192];
    size_t n;
    unsigned char directory[1024];
    size_t directory_n;
    unsigned entries;
} zip;

static void put(unsigned char *b, size_t *n, uint64_t v, int bytes)
{
    for (int i = 0; i < bytes; i++)
        b[(*n)++] = (unsigned char)(i < 8 ? v >> (8 * i) : 0);
}

typedef struct lies { /* added to the true numbers */
    int64_t packed, size;
    uint32_t crc;
    unsigned flags;
    int method; /* 0: the true one */
} lies;

static void add_entry(
    zip *z, const char *name, const void *data, size_t size, bool deflated, lies l)
{
    unsigned char packed[4096];
    size_t packed_n = size, at = z->n;
    uint32_t crc = (uint32_t)crc32(0, data, (uInt)size) + l.crc;
    if (deflated) {
        z_stream s = {0};
        assert_int_equal(deflateInit2(&s, 9, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY),
                         Z_OK);
        s.next_in = (unsigned char *)(uintptr_t)data;
        s.avail_in = (uInt)size;
        s.next_out = packed;
        s.avail_out = sizeof(packed);
        assert_int_equal(deflate(&s, Z_FINISH), Z_STREAM_END);
        packed_n = s.total_out;
        deflateEnd(&s);
    } else {
        memcpy(packed, data, size);
    }
    unsigned method = l.method ? (unsigned)l.method : deflated ? 8 : 0;
    put(z->b, &z->n, 0x04034b50, 4);
    put(z->b, &z->n, 0, 22); /* nobody reads them: the directory decides */
    put(z->b, &z->n, strlen(name), 2);
    put(z->b, &z->n, 0, 2);
    memcpy(z->b + z->n, name, strlen(name));
    z->n += strlen(name);
    memcpy(z->b + z->n, packed, packed_n);
    z->n += packed_n;

    unsigned char *d = z->directory;
    size_t *n = &z->directory_n;
    put(d, n, 0x02014b50, 4);
    put(d, n, 0, 4);
    put(d, n, l.flags, 2);
    put(d, n, method, 2);
    put(d, n, 0, 4);
    put(d, n, crc, 4);
    put(d, n, packed_n + (uint64_t)l.packed, 4);
    put(d, n, size + (uint64_t)l.size, 4);
    put(d, n, strlen(name), 2);
    put(d, n, 0, 12);
    put(d, n, at, 4);
    memcpy(d + *n, name, strlen(name));
    *n += strlen(name);
    z->entries++;
}

static void finish(zip *z)
{
    size_t at = z->n;
    memcpy(z->b + z->n, z->directory, z->directory_n);
    z->n += z->directory_n;
    put(z->b, &z->n, 0x06054b50, 4);
    put(z->b, &z->n, 0, 4);
    put(z->b, &z->n, z->entries, 2);
    put(z->b, &z->n, z->entries, 2);
    put(z->b, &z->n, z->directory_n, 4);
    put(z->b, &z->n, at, 4);
    put(z->b, &z->n, 0, 2);
}

#define HEADER                                                                         \
    "\x93NUMPY\1\0\x36\0{'descr':'<f4','fortran_order':False,'shape':(2,)}    "

static size_t pair(char *buf, float a, float b)
{
    size_t n = sizeof(HEADER) - 1;
    memcpy(buf, HEADER, n);
    memcpy(buf + n, &a, 4);
    memcpy(buf + n + 4, &b, 4);
    return n + 8;
}

static char path[64];

static int setup(void **state)
{
    (void)state;
    snprintf(path, sizeof(path), "/tmp/ingot_test_npz_XXXXXX");
    int fd = mkstemp(path);
    return fd < 0 ? -1 : close(fd);
}

static int teardown(void **state)
{
    (void)state;
    return unlink(path);
}

static ig_status
open_bytes(igi_npz **out, const unsigned char *b, size_t n, uint64_t limit)
{
    igi_file *f = NULL;
    FILE *to = fopen(path, "wb");
    *out = NULL;
    assert_non_null(to);
    assert_int_equal(fwrite(b, 1, n, to), n);
    assert_int_equal(fclose(to), 0);
    ig_status rc = igi_file_read(&f, path, 0);
    if (rc == IG_OK)
        rc = igi_npz_open(out, f, limit);
    igi_file_unref(f);
    return rc;
}

static void make_pair(zip *z, bool deflated, lies l)
{
    char data[128];
    memset(z, 0, sizeof(*z));
    add_entry(z, "x.npy", data, pair(data, 1, 2), deflated, l);
    finish(z);
}

/* ---- tests ---- */

static void stored_and_deflated_entries_are_read_by_name(void **state)
{
    static zip z;
    char data[128];
    igi_npz *a;
    ig_tensor *t = NULL;
    (void)state;
    memset(&z, 0, sizeof(z));
    add_entry(&z, "x.npy", data, pair(data, 1, 2), false, (lies){0});
    add_entry(&z, "folder/y.npy", data, pair(data, 3, 4), true, (lies){0});
    finish(&z);
    assert_int_equal(open_bytes(&a, z.b, z.n, 0), IG_OK);
    assert_int_equal(igi_npz_count(a), 2);
    assert_string_equal(igi_npz_name(a, 0), "x");
    assert_string_equal(igi_npz_name(a, 1), "folder/y");
    assert_null(igi_npz_name(a, 2));
    assert_int_equal(igi_npz_read(a, 1, &t), IG_OK);
    assert_float_equal(ig_tensor_data_f32(t)[1], 4, 0);
    ig_tensor_unref(t);
    assert_int_equal(igi_npz_read(a, 0, &t), IG_OK);
    assert_float_equal(ig_tensor_data_f32(t)[0], 1, 0);
    ig_tensor_unref(t);
    assert_int_equal(igi_npz_read(a, 2, &t), IG_INVALID_ARGUMENT);
    igi_npz_close(a);
}

static void refused(bool deflated, lies l, ig_status status)
{
    static zip z;
    igi_npz *a;
    ig_tensor *t = NULL;
    make_pair(&z, deflated, l);
    ig_status rc = open_bytes(&a, z.b, z.n, 0);
    if (rc == IG_OK)
        rc = igi_npz_read(a, 0, &t);
    igi_npz_close(a);
    ig_tensor_unref(t);
    assert_int_equal(rc, status);
}

static void sizes_that_lie_are_refused(void **state)
{
    (void)state;
    refused(false, (lies){.packed = 1}, IG_INVALID_ARGUMENT);
    refused(false, (lies){.packed = -1, .size = -1}, IG_INVALID_ARGUMENT);
    refused(true, (lies){.size = 1}, IG_INVALID_ARGUMENT);
    refused(true, (lies){.size = -1}, IG_INVALID_ARGUMENT);
    refused(true, (lies){.packed = -1}, IG_INVALID_ARGUMENT);
    refused(true, (lies){.packed = 1000000}, IG_INVALID_ARGUMENT);
}

static void a_size_beyond_what_deflate_can_reach_is_refused_unread(void **state)
{
    static zip z;
    igi_npz *a;
    (void)state;
    make_pair(&z, true, (lies){.size = 0x7fffffff});
    assert_int_equal(open_bytes(&a, z.b, z.n, 0), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "compression"));
}

static void contents_beyond_the_callers_limit_are_refused(void **state)
{
    static zip z;
    igi_npz *a;
    (void)state;
    make_pair(&z, false, (lies){0});
    assert_int_equal(open_bytes(&a, z.b, z.n, 50), IG_LIMIT);
    assert_int_equal(open_bytes(&a, z.b, z.n, 500), IG_OK);
    igi_npz_close(a);
}

static void wrong_checksums_encryption_and_methods_are_refused(void **state)
{
    (void)state;
    refused(false, (lies){.crc = 1}, IG_INVALID_ARGUMENT);
    refused(true, (lies){.crc = 1}, IG_INVALID_ARGUMENT);
    refused(true, (lies){.flags = 1}, IG_UNSUPPORTED);
    refused(true, (lies){.method = 12}, IG_UNSUPPORTED);
}

static void a_name_that_comes_twice_is_refused(void **state)
{
    static zip z;
    char data[128];
    igi_npz *a;
    (void)state;
    memset(&z, 0, sizeof(z));
    add_entry(&z, "x.npy", data, pair(data, 1, 2), false, (lies){0});
    add_entry(&z, "x", data, pair(data, 1, 2), false, (lies){0});
    finish(&z);
    assert_int_equal(open_bytes(&a, z.b, z.n, 0), IG_INVALID_ARGUMENT);
    assert_non_null(strstr(ig_error_message(), "twice"));
}

static void read_all(const unsigned char *b, size_t n)
{
    igi_npz *a;
    if (open_bytes(&a, b, n, 0) != IG_OK) {
        assert_int_not_equal(strlen(ig_error_message()), 0);
        return;
    }
    for (int i = 0; i < igi_npz_count(a); i++) {
        ig_tensor *t = NULL;
        if (igi_npz_read(a, i, &t) == IG_OK)
            ig_tensor_unref(t);
    }
    igi_npz_close(a);
}

static void every_cut_and_flip_is_an_error_or_a_clean_read(void **state)
{
    static zip z;
    unsigned char b[8192];
    (void)state;
    make_pair(&z, true, (lies){0});
    for (size_t cut = 0; cut < z.n; cut++)
        read_all(z.b, cut);
    for (size_t bit = 0; bit < 8 * z.n; bit++) {
        memcpy(b, z.b, z.n);
        b[bit / 8] = (unsigned char)(b[bit / 8] ^ 1u << bit % 8);
        read_all(b, z.n);
    }
}

static ig_status read_with_failures(void *arg)
{
    const zip *z = arg;
    igi_npz *a;
    ig_tensor *t = NULL;
    ig_status rc = open_bytes(&a, z->b, z->n, 0);
    if (rc == IG_OK)
        rc = igi_npz_read(a, 0, &t);
    ig_tensor_unref(t);
    igi_npz_close(a);
    return rc;
}

static void reading_without_memory_leaks_nothing(void **state)
{
    static zip z;
    (void)state;
    make_pair(&z, true, (lies){0});
    igi_failing_each(read_with_failures, &z);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, setup, teardown)

IG_TESTS(TEST(stored_and_deflated_entries_are_read_by_name),
         TEST(sizes_that_lie_are_refused),
         TEST(a_size_beyond_what_deflate_can_reach_is_refused_unread),
         TEST(contents_beyond_the_callers_limit_are_refused),
         TEST(wrong_checksums_encryption_and_methods_are_refused),
         TEST(a_name_that_comes_twice_is_refused),
         TEST(every_cut_and_flip_is_an_error_or_a_clean_read),
         TEST(reading_without_memory_leaks_nothing))
