/* .npy arrays: any byte order and either order of axes in, little-endian C order out.
 *
 * Fixed-width strings ('S', 'U') become string tensors and back ('U'). */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/tensor.h"
#include "graph/core/text.h"
#include "importers/data/data.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "big-endian hosts need swaps in npy.c");

/* ---- reading ---- */

/* Strings of no characters ('U0') take no bytes in the file, but memory here. */
#define EMPTY_MAX (INT64_C(1) << 20)

static ig_status check_size(const igi_npy_header *h, size_t n, int64_t *count)
{
    int64_t need = 0;
    if (!igi_dims_count(h->rank, h->dims, count) ||
        !igi_mul_i64(*count, h->item, &need))
        return ig_fail(IG_INVALID_ARGUMENT, "the shape of the .npy data overflows");
    size_t have = n - h->data_at;
    if ((uint64_t)need != have)
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "the .npy data has %zu bytes of contents, but its shape needs %" PRId64
            ": it is cut short or damaged",
            have, need);
    if (h->item == 0 && *count > EMPTY_MAX)
        return ig_fail(IG_LIMIT,
                       "the .npy data has %" PRId64
                       " strings of no characters, the limit is %" PRId64,
                       *count, EMPTY_MAX);
    return IG_OK;
}

/* One code point as UTF-8; 0: not a code point. */
static size_t utf8_put(uint32_t c, char *out)
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return 0;
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (size_t i = n - 1; i > 0; i--) {
        out[i] = (char)(0x80 | (c & 0x3f));
        c >>= 6;
    }
    static const unsigned char lead[5] = {0, 0, 0xc0, 0xe0, 0xf0};
    out[0] = (char)(lead[n] | c);
    return n;
}

static uint32_t code_point_at(const unsigned char *p, bool big_endian)
{
    uint32_t c;
    memcpy(&c, p, 4);
    return big_endian ? __builtin_bswap32(c) : c;
}

/* The string in one 'U' field, trailing zeros dropped. */
static ig_status
string_of_field(const igi_npy_header *h, const unsigned char *p, igi_text *text)
{
    int64_t n = h->item / 4;
    while (n > 0 && code_point_at(p + 4 * (n - 1), h->big_endian) == 0)
        n--;
    for (int64_t i = 0; i < n; i++) {
        char utf8[4];
        uint32_t c = code_point_at(p + 4 * i, h->big_endian);
        size_t k = c ? utf8_put(c, utf8) : 0; /* a zero would end the string here */
        if (k == 0)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "a string of the .npy data holds no valid text");
        igi_text_add_bytes(text, utf8, k);
    }
    return IG_OK;
}

static ig_status read_strings(ig_tensor *t,
                              const igi_npy_header *h,
                              const unsigned char *p,
                              int64_t count)
{
    igi_str **to = (igi_str **)(void *)t->data;
    for (int64_t i = 0; i < count; i++, p += h->item) {
        igi_text text = {0};
        ig_status rc = IG_OK;
        if (h->kind == 'U')
            rc = string_of_field(h, p, &text);
        else
            igi_text_add_bytes(&text, (const char *)p,
                               strnlen((const char *)p, (size_t)h->item));
        if (rc == IG_OK && text.failed)
            rc = IG_OUT_OF_MEMORY;
        if (rc == IG_OK && text.n > 0 && !(to[i] = igi_str_new(text.p, text.n)))
            rc = IG_OUT_OF_MEMORY;
        igi_text_fini(&text);
        IG_TRY(rc);
    }
    return IG_OK;
}

/* Reverses the bytes of each part of an element: complex numbers have two. */
static void swap_bytes(char *p, int64_t count, const igi_npy_header *h)
{
    int64_t part = h->kind == 'c' ? h->item / 2 : h->item;
    int64_t parts = count * (h->item / part);
    for (int64_t i = 0; i < parts; i++, p += part)
        for (int64_t k = 0; k < part / 2; k++) {
            char c = p[k];
            p[k] = p[part - 1 - k];
            p[part - 1 - k] = c;
        }
}

/* t has the dims reversed, as the file has them; *out gets them in C order. */
static ig_status from_fortran(ig_tensor **out, ig_tensor *t, const igi_npy_header *h)
{
    int64_t strides[IG_RANK_MAX];
    ig_tensor *view = NULL;
    const int64_t *reversed = igi_strides(t);
    for (int i = 0; i < h->rank; i++)
        strides[i] = reversed[h->rank - 1 - i];
    IG_TRY(igi_tensor_view(&view, NULL, t, h->rank, h->dims, strides, 0));
    ig_status rc = igi_tensor_contiguous_copy(out, NULL, view);
    ig_tensor_unref(view);
    return rc;
}

static ig_status
copy_in(ig_tensor **out, const igi_npy_header *h, const char *p, int64_t count)
{
    int64_t dims[IG_RANK_MAX];
    ig_tensor *t = NULL;
    bool reverse = h->fortran && h->rank > 1;
    for (int i = 0; i < h->rank; i++)
        dims[i] = h->dims[reverse ? h->rank - 1 - i : i];
    IG_TRY(ig_tensor_new(&t, h->dtype, h->rank, dims));
    ig_status rc = IG_OK;
    if (h->dtype == IG_STRING)
        rc = read_strings(t, h, (const unsigned char *)p, count);
    else if (count > 0)
        memcpy(t->data, p, (size_t)(count * h->item));
    if (h->big_endian && h->dtype != IG_STRING)
        swap_bytes(t->data, count, h);
    if (h->dtype == IG_BOOL)
        for (int64_t i = 0; i < count; i++)
            t->data[i] = t->data[i] != 0;
    if (rc == IG_OK && reverse) {
        rc = from_fortran(out, t, h);
        ig_tensor_unref(t);
        return rc;
    }
    if (rc != IG_OK)
        ig_tensor_unref(t);
    else
        *out = t;
    return rc;
}

ig_status igi_npy_read(ig_tensor **out, const void *bytes, size_t n, igi_file *owner)
{
    igi_npy_header h;
    int64_t count = 0;
    IG_TRY(igi_npy_header_read(&h, bytes, n));
    IG_TRY(check_size(&h, n, &count));
    const char *p = (const char *)bytes + h.data_at;
    bool as_is = owner && count > 0 && h.dtype != IG_STRING && h.dtype != IG_BOOL &&
                 !(h.big_endian && h.item > 1) && !(h.fortran && h.rank > 1) &&
                 (uintptr_t)p % 64 == 0;
    if (!as_is)
        return copy_in(out, &h, p, count);
    igi_file_ref(owner);
    ig_status rc = ig_tensor_wrap(out, h.dtype, h.rank, h.dims, (void *)(uintptr_t)p,
                                  n - h.data_at, igi_file_deleter, owner);
    if (rc != IG_OK)
        igi_file_unref(owner);
    return rc;
}

/* ---- writing ---- */

/* NULL when the format cannot hold the type. */
static const char *descr_of(ig_dtype dtype)
{
    switch (dtype) {
    case IG_FLOAT16:
        return "<f2";
    case IG_FLOAT32:
        return "<f4";
    case IG_FLOAT64:
        return "<f8";
    case IG_BOOL:
        return "|b1";
    case IG_INT8:
        return "|i1";
    case IG_INT16:
        return "<i2";
    case IG_INT32:
        return "<i4";
    case IG_INT64:
        return "<i8";
    case IG_UINT8:
        return "|u1";
    case IG_UINT16:
        return "<u2";
    case IG_UINT32:
        return "<u4";
    case IG_UINT64:
        return "<u8";
    case IG_COMPLEX64:
        return "<c8";
    case IG_COMPLEX128:
        return "<c16";
    default:
        return NULL;
    }
}

/* Decodes the code point at *p and moves on; bytes that are no UTF-8 stand for
 * themselves. */
static uint32_t utf8_get(const char **p)
{
    const unsigned char *s = (const unsigned char *)*p;
    int more = s[0] >= 0xf0 ? 3 : s[0] >= 0xe0 ? 2 : s[0] >= 0xc0 ? 1 : 0;
    uint32_t c = more == 3   ? s[0] & 7u
                 : more == 2 ? s[0] & 15u
                 : more == 1 ? s[0] & 31u
                             : s[0];
    for (int i = 1; i <= more; i++) {
        if ((s[i] & 0xc0) != 0x80) {
            *p += 1;
            return s[0];
        }
        c = c << 6 | (s[i] & 0x3fu);
    }
    *p += more + 1;
    return c;
}

static size_t characters(const char *s)
{
    size_t n = 0;
    while (*s) {
        (void)utf8_get(&s);
        n++;
    }
    return n;
}

static ig_status write_header(igi_writer *w, const ig_tensor *t, const char *descr)
{
    igi_text text = {0};
    int rank = ig_tensor_rank(t);
    igi_text_add(&text, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
    for (int i = 0; i < rank; i++)
        igi_text_add(&text, "%s%" PRId64 "%s", i ? " " : "", ig_tensor_dims(t)[i],
                     i + 1 < rank || rank == 1 ? "," : "");
    igi_text_add(&text, "), }");
    size_t length = text.n + 1; /* with the line end */
    size_t padded = ((10 + length + 63) & ~(size_t)63) - 10;
    igi_text_add(&text, "%*s\n", (int)(padded - length), "");
    unsigned char head[10] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};
    head[8] = (unsigned char)(padded & 0xff);
    head[9] = (unsigned char)(padded >> 8);
    ig_status rc =
        text.failed ? IG_OUT_OF_MEMORY : igi_writer_write(w, head, sizeof(head));
    if (rc == IG_OK)
        rc = igi_writer_write(w, text.p, text.n);
    igi_text_fini(&text);
    return rc;
}

static ig_status write_strings(igi_writer *w, const ig_tensor *t)
{
    int64_t count = ig_tensor_numel(t);
    size_t width = 1;
    char descr[32];
    for (int64_t i = 0; i < count; i++) {
        size_t n = characters(ig_tensor_string(t, i));
        width = n > width ? n : width;
    }
    (void)snprintf(descr, sizeof(descr), "<U%zu", width);
    IG_TRY(write_header(w, t, descr));
    for (int64_t i = 0; i < count; i++) {
        const char *s = ig_tensor_string(t, i);
        for (size_t k = 0; k < width; k++) {
            uint32_t c = *s ? utf8_get(&s) : 0;
            IG_TRY(igi_writer_write(w, &c, sizeof(c)));
        }
    }
    return IG_OK;
}

static ig_status write_array(igi_writer *w, const ig_tensor *t)
{
    if (ig_tensor_dtype(t) == IG_STRING)
        return write_strings(w, t);
    IG_TRY(write_header(w, t, descr_of(ig_tensor_dtype(t))));
    return ig_tensor_nbytes(t) > 0
               ? igi_writer_write(w, ig_tensor_data(t), ig_tensor_nbytes(t))
               : IG_OK;
}

ig_status igi_npy_save(const ig_tensor *t, const char *path)
{
    ig_tensor *own = NULL;
    igi_writer *w = NULL;
    if (ig_tensor_dtype(t) != IG_STRING && !descr_of(ig_tensor_dtype(t)))
        return ig_fail(IG_UNSUPPORTED,
                       "%s: .npy cannot hold elements of type %s; save it as .pb", path,
                       ig_dtype_name(ig_tensor_dtype(t)));
    IG_TRY(igi_tensor_readable(&own, t));
    t = own;
    ig_status rc = igi_writer_begin(&w, path);
    if (rc == IG_OK) {
        rc = write_array(w, t);
        if (rc == IG_OK)
            rc = igi_writer_commit(w);
        else
            igi_writer_abort(w);
    }
    ig_tensor_unref(own);
    return rc;
}
