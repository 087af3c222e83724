/* The JSON header of .safetensors, read by hand: its form is known, so the reader takes
 * what it expects or fails with the byte, and nothing nests. Strings are decoded into
 * one buffer of the header's size (a string is never longer than its JSON), shapes into
 * one array, so that memory is bounded by the header's length. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/tensor.h"
#include "graph/core/utf8.h"
#include "importers/data/safetensors.h"

/* ORDER: none; types that are missing here cannot be held by the format. */
static const struct {
    const char *name;
    ig_dtype dtype;
} types[] = {
    {"BOOL", IG_BOOL},
    {"U8", IG_UINT8},
    {"I8", IG_INT8},
    {"U16", IG_UINT16},
    {"I16", IG_INT16},
    {"U32", IG_UINT32},
    {"I32", IG_INT32},
    {"U64", IG_UINT64},
    {"I64", IG_INT64},
    {"F16", IG_FLOAT16},
    {"BF16", IG_BFLOAT16},
    {"F32", IG_FLOAT32},
    {"F64", IG_FLOAT64},
    {"C64", IG_COMPLEX64},
    {"F8_E4M3", IG_FLOAT8E4M3FN},
    {"F8_E5M2", IG_FLOAT8E5M2},
    {"F8_E8M0", IG_FLOAT8E8M0},
    {"F4", IG_FLOAT4E2M1},
};

const char *igi_safetensors_dtype_name(ig_dtype dtype)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (types[i].dtype == dtype)
            return types[i].name;
    return NULL;
}

ig_dtype igi_safetensors_dtype(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (!strcmp(types[i].name, name))
            return types[i].dtype;
    return IG_UNDEFINED;
}

/* ---- JSON ---- */

typedef struct reader {
    const char *start, *p, *end;
    char *out; /* where the next decoded string goes */
} reader;

static ig_status bad(const reader *r, const char *what)
{
    return ig_fail(IG_INVALID_ARGUMENT, "the header is malformed at byte %zu: %s",
                   (size_t)(r->p - r->start), what);
}

static void skip_blanks(reader *r)
{
    while (r->p < r->end &&
           (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

/* Takes `c` when it comes next. */
static bool take(reader *r, char c)
{
    skip_blanks(r);
    if (r->p >= r->end || *r->p != c)
        return false;
    r->p++;
    return true;
}

/* Four hexadecimal digits; -1: they are not. */
static int32_t take_hex(reader *r)
{
    int32_t v = 0;
    if (r->end - r->p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = *r->p++;
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

/* The code point of "\uXXXX", which may be two halves; 0: not one that a name may hold.
 */
static uint32_t take_code_point(reader *r)
{
    int32_t high = take_hex(r);
    if (high < 0xd800 || high > 0xdfff)
        return high > 0 ? (uint32_t)high : 0;
    if (high > 0xdbff || r->end - r->p < 2 || r->p[0] != '\\' || r->p[1] != 'u')
        return 0;
    r->p += 2;
    int32_t low = take_hex(r);
    if (low < 0xdc00 || low > 0xdfff)
        return 0;
    return 0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00);
}

static char *put_code_point(char *out, uint32_t c)
{
    if (c < 0x80) {
        *out++ = (char)c;
        return out;
    }
    int more = c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    static const unsigned char lead[4] = {0, 0xc0, 0xe0, 0xf0};
    *out++ = (char)(lead[more] | c >> (6 * more));
    while (more-- > 0)
        *out++ = (char)(0x80 | ((c >> (6 * more)) & 0x3f));
    return out;
}

static ig_status take_escape(reader *r, char **out)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char c = r->p < r->end ? *r->p++ : 0;
    const char *at = c ? strchr(from, c) : NULL;
    if (at) {
        *(*out)++ = to[at - from];
        return IG_OK;
    }
    uint32_t point = c == 'u' ? take_code_point(r) : 0;
    if (!point)
        return bad(r, "an escape that is none, or stands for no character");
    *out = put_code_point(*out, point);
    return IG_OK;
}

/* Decodes a string to r->out, zero-terminated; the caller moves r->out to keep it. */
static ig_status take_string(reader *r, size_t *length)
{
    char *out = r->out;
    if (!take(r, '"'))
        return bad(r, "a string was expected");
    while (r->p < r->end && *r->p != '"') {
        if (*r->p == '\\') {
            r->p++;
            IG_TRY(take_escape(r, &out));
            continue;
        }
        size_t n = igi_utf8_length(r->p, (size_t)(r->end - r->p));
        if (n == 0 || (unsigned char)*r->p < 0x20)
            return bad(r, "a string holds a byte that is not text");
        memcpy(out, r->p, n);
        out += n;
        r->p += n;
    }
    if (!take(r, '"'))
        return bad(r, "a string does not end");
    *out = 0;
    if (length)
        *length = (size_t)(out - r->out);
    return IG_OK;
}

static ig_status take_number(reader *r, int64_t *out)
{
    int64_t v = 0;
    skip_blanks(r);
    const char *first = r->p;
    for (; r->p < r->end && *r->p >= '0' && *r->p <= '9'; r->p++)
        if (__builtin_mul_overflow(v, 10, &v) ||
            __builtin_add_overflow(v, *r->p - '0', &v))
            return bad(r, "a number is above 2^63");
    if (r->p == first || (*first == '0' && r->p - first > 1))
        return bad(r, "a number without sign, fraction or leading zero was expected");
    *out = v;
    return IG_OK;
}

/* Between the members of an object or list: true in *more after a comma. */
static ig_status take_next(reader *r, char close, bool *more)
{
    *more = take(r, ',');
    if (*more || take(r, close))
        return IG_OK;
    return bad(r, "a comma or the closing bracket was expected");
}

/* ---- the header's form ---- */

static ig_status
take_shape(reader *r, igi_safetensors_header *h, igi_safetensors_entry *e)
{
    bool more = true;
    e->dims_at = h->dims.n;
    if (!take(r, '['))
        return bad(r, "\"shape\" must be a list");
    if (take(r, ']'))
        return IG_OK;
    while (more) {
        int64_t d = 0;
        IG_TRY(take_number(r, &d));
        if (d > IGI_DIM_MAX || e->rank == IG_RANK_MAX)
            return bad(r, "a size above 2^47, or more than 64 axes");
        if (!IGI_PUSH(&h->dims, d))
            return IG_OUT_OF_MEMORY;
        e->rank++;
        IG_TRY(take_next(r, ']', &more));
    }
    return IG_OK;
}

static ig_status take_offsets(reader *r, igi_safetensors_entry *e)
{
    int64_t begin = 0, end = 0;
    if (!take(r, '['))
        return bad(r, "\"data_offsets\" must be a list of two numbers");
    IG_TRY(take_number(r, &begin));
    if (!take(r, ','))
        return bad(r, "\"data_offsets\" must be a list of two numbers");
    IG_TRY(take_number(r, &end));
    if (!take(r, ']') || end < begin)
        return bad(r, "\"data_offsets\" must be two numbers, the second not smaller");
    e->begin = (uint64_t)begin;
    e->end = (uint64_t)end;
    return IG_OK;
}

static ig_status take_dtype(reader *r, igi_safetensors_entry *e)
{
    IG_TRY(take_string(r, NULL));
    e->dtype = igi_safetensors_dtype(r->out);
    if (e->dtype != IG_UNDEFINED)
        return IG_OK;
    return ig_fail(IG_UNSUPPORTED, "\"%s\" has the type \"%.40s\", which is not known",
                   e->name, r->out);
}

static ig_status
take_entry(reader *r, igi_safetensors_header *h, igi_safetensors_entry *e)
{
    static const char *const keys[] = {"dtype", "shape", "data_offsets"};
    unsigned seen = 0;
    bool more = true;
    if (!take(r, '{'))
        return bad(r, "a tensor must be an object");
    while (more) {
        int k = 0;
        IG_TRY(take_string(r, NULL));
        while (k < 3 && strcmp(r->out, keys[k]) != 0)
            k++;
        if (k == 3 || (seen & 1u << k))
            return bad(r, "a tensor has the keys dtype, shape and data_offsets, once");
        seen |= 1u << k;
        if (!take(r, ':'))
            return bad(r, "a colon was expected");
        IG_TRY(k == 0   ? take_dtype(r, e)
               : k == 1 ? take_shape(r, h, e)
                        : take_offsets(r, e));
        IG_TRY(take_next(r, '}', &more));
    }
    return seen == 7 ? IG_OK : bad(r, "a tensor lacks dtype, shape or data_offsets");
}

/* A key to keep: moves r->out behind it. */
static ig_status take_key(reader *r, igi_map *seen, const char **out)
{
    size_t n = 0;
    IG_TRY(take_string(r, &n));
    if (strlen(r->out) != n)
        return bad(r, "a name holds a zero byte");
    if (igi_map_get(seen, r->out))
        return ig_fail(IG_INVALID_ARGUMENT, "the name \"%.200s\" stands there twice",
                       r->out);
    *out = r->out;
    r->out += n + 1;
    IG_TRY(igi_map_put(seen, *out, 1));
    return take(r, ':') ? IG_OK : bad(r, "a colon was expected");
}

static ig_status take_metadata(reader *r, igi_safetensors_header *h)
{
    const char *key;
    bool more = true;
    if (!take(r, '{'))
        return bad(r, "\"__metadata__\" must be an object of strings");
    if (take(r, '}'))
        return IG_OK;
    while (more) {
        IG_TRY(take_key(r, &h->by_key, &key));
        IG_TRY(take_string(r, NULL));
        IG_TRY(take_next(r, '}', &more));
    }
    return IG_OK;
}

static ig_status take_all(reader *r, igi_safetensors_header *h)
{
    bool more = true;
    if (r->p >= r->end || *r->p != '{')
        return bad(r, "it must begin with {");
    r->p++;
    more = !take(r, '}');
    while (more) {
        igi_safetensors_entry e = {0};
        IG_TRY(take_key(r, &h->by_name, &e.name));
        if (!strcmp(e.name, "__metadata__")) {
            IG_TRY(take_metadata(r, h));
        } else {
            IG_TRY(take_entry(r, h, &e));
            if (!IGI_PUSH(&h->entries, e))
                return IG_OUT_OF_MEMORY;
        }
        IG_TRY(take_next(r, '}', &more));
    }
    skip_blanks(r);
    return r->p == r->end ? IG_OK : bad(r, "something follows the object");
}

/* ---- the layout ---- */

static int by_offset(const void *a, const void *b)
{
    const igi_safetensors_entry *x = a, *y = b;
    if (x->begin != y->begin)
        return x->begin < y->begin ? -1 : 1;
    return x->end < y->end ? -1 : x->end > y->end;
}

static ig_status check_layout(igi_safetensors_header *h, uint64_t bytes)
{
    uint64_t at = 0;
    if (h->entries.n)
        qsort(h->entries.p, h->entries.n, sizeof(*h->entries.p), by_offset);
    for (size_t i = 0; i < h->entries.n; i++) {
        const igi_safetensors_entry *e = &h->entries.p[i];
        int64_t count = 0;
        size_t need = 0;
        if (!igi_dims_count(e->rank, e->rank ? h->dims.p + e->dims_at : NULL, &count) ||
            !igi_dtype_bytes(e->dtype, count, &need))
            return ig_fail(IG_INVALID_ARGUMENT, "the shape of \"%.200s\" overflows",
                           e->name);
        if (count % 8 * ig_dtype_bits(e->dtype) % 8 != 0)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "\"%.200s\" does not fill whole bytes: %" PRId64
                           " elements of %d bits",
                           e->name, count, ig_dtype_bits(e->dtype));
        if (e->begin != at || e->end - e->begin != need)
            return ig_fail(IG_INVALID_ARGUMENT,
                           "\"%.200s\" lies at bytes %" PRIu64 " to %" PRIu64
                           " of the contents, expected %" PRIu64 " to %" PRIu64,
                           e->name, e->begin, e->end, at, at + need);
        at = e->end;
    }
    if (at == bytes)
        return IG_OK;
    return ig_fail(IG_INVALID_ARGUMENT,
                   "the tensors fill %" PRIu64 " bytes, the file has %" PRIu64
                   " behind its header: it is cut short or damaged",
                   at, bytes);
}

ig_status igi_safetensors_header_read(igi_safetensors_header *h,
                                      const char *text,
                                      size_t n,
                                      uint64_t bytes)
{
    *h = (igi_safetensors_header){0};
    h->names = igi_alloc(n + 1);
    if (!h->names)
        return IG_OUT_OF_MEMORY;
    reader r = {text, text, text + n, h->names};
    IG_TRY(take_all(&r, h));
    return check_layout(h, bytes);
}

void igi_safetensors_header_fini(igi_safetensors_header *h)
{
    IGI_VEC_FREE(&h->entries);
    IGI_VEC_FREE(&h->dims);
    igi_map_fini(&h->by_name);
    igi_map_fini(&h->by_key);
    igi_free(h->names);
}
