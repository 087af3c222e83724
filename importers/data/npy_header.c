/* The header of .npy files, versions 1 to 3: magic, length, and a Python dictionary
 * literal
 *
 *     {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
 *
 * read by hand: three known keys in any order, each once, nothing else. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/checked.h"
#include "importers/data/data.h"

static const char magic[6] = {(char)0x93, 'N', 'U', 'M', 'P', 'Y'};

bool igi_npy_sniff(const void *bytes, size_t n)
{
    return n >= sizeof(magic) && memcmp(bytes, magic, sizeof(magic)) == 0;
}

typedef struct reader {
    const char *p, *end;
} reader;

static ig_status bad(const char *what)
{
    return ig_fail(IG_INVALID_ARGUMENT, "the header of the .npy data is malformed: %s",
                   what);
}

static void skip_blanks(reader *r)
{
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t'))
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

static bool take_word(reader *r, const char *word)
{
    size_t n = strlen(word);
    skip_blanks(r);
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, word, n) != 0)
        return false;
    r->p += n;
    return true;
}

/* A quoted string without escapes into buf. */
static bool take_string(reader *r, char *buf, size_t size)
{
    skip_blanks(r);
    if (r->p >= r->end || (*r->p != '\'' && *r->p != '"'))
        return false;
    char quote = *r->p++;
    size_t n = 0;
    while (r->p < r->end && *r->p != quote) {
        if (*r->p == '\\' || n + 1 >= size)
            return false;
        buf[n++] = *r->p++;
    }
    buf[n] = 0;
    return take(r, quote);
}

static bool take_number(reader *r, int64_t *out)
{
    int64_t v = 0;
    skip_blanks(r);
    if (r->p >= r->end || *r->p < '0' || *r->p > '9')
        return false;
    while (r->p < r->end && *r->p >= '0' && *r->p <= '9')
        if (!igi_mul_i64(v, 10, &v) || !igi_add_i64(v, *r->p++ - '0', &v))
            return false;
    if (r->p < r->end && *r->p == 'L') /* Python 2 */
        r->p++;
    *out = v;
    return true;
}

/* ---- the three values ---- */

typedef struct type_row {
    int64_t item;
    ig_dtype dtype;
    char kind;
} type_row;

static const type_row type_rows[] = {
    {2, IG_FLOAT16, 'f'},   {4, IG_FLOAT32, 'f'},     {8, IG_FLOAT64, 'f'},
    {1, IG_BOOL, 'b'},      {1, IG_INT8, 'i'},        {2, IG_INT16, 'i'},
    {4, IG_INT32, 'i'},     {8, IG_INT64, 'i'},       {1, IG_UINT8, 'u'},
    {2, IG_UINT16, 'u'},    {4, IG_UINT32, 'u'},      {8, IG_UINT64, 'u'},
    {8, IG_COMPLEX64, 'c'}, {16, IG_COMPLEX128, 'c'},
};

static ig_status set_string_type(igi_npy_header *h, int64_t length)
{
    h->dtype = IG_STRING;
    if (!igi_mul_i64(length, h->kind == 'U' ? 4 : 1, &h->item))
        return bad("'descr' is too long");
    return IG_OK;
}

static ig_status read_descr(reader *r, igi_npy_header *h)
{
    char text[32];
    int64_t length = 0;
    skip_blanks(r);
    if (r->p < r->end && *r->p == '[')
        return ig_fail(IG_UNSUPPORTED,
                       "the .npy data holds records, only plain arrays can be read");
    if (!take_string(r, text, sizeof(text)))
        return bad("'descr' is no string");
    const char *p = text;
    if (*p == '<' || *p == '>' || *p == '|' || *p == '=')
        h->big_endian = *p++ == '>';
    h->kind = *p;
    if (h->kind == 'O')
        return ig_fail(
            IG_UNSUPPORTED,
            "the .npy data holds pickled Python objects, which are never read: save "
            "it with a plain dtype");
    reader digits = {p + (*p != 0), p + strlen(p)};
    if (!take_number(&digits, &length) || digits.p != digits.end)
        return bad("'descr' is no type");
    if (h->kind == 'S' || h->kind == 'U')
        return set_string_type(h, length);
    for (size_t i = 0; i < sizeof(type_rows) / sizeof(type_rows[0]); i++)
        if (type_rows[i].kind == h->kind && type_rows[i].item == length) {
            h->dtype = type_rows[i].dtype;
            h->item = length;
            return IG_OK;
        }
    return ig_fail(IG_UNSUPPORTED,
                   "the .npy data has elements of type '%s', which is not supported",
                   text);
}

static ig_status read_shape(reader *r, igi_npy_header *h)
{
    if (!take(r, '('))
        return bad("'shape' is no tuple");
    while (!take(r, ')')) {
        if (h->rank == IG_RANK_MAX)
            return ig_fail(IG_LIMIT, "the .npy data has more than %d axes",
                           IG_RANK_MAX);
        if (!take_number(r, &h->dims[h->rank]))
            return bad("'shape' holds something that is no size");
        h->rank++;
        if (!take(r, ',')) {
            if (!take(r, ')'))
                return bad("'shape' does not end");
            break;
        }
    }
    return IG_OK;
}

static ig_status read_pair(reader *r, igi_npy_header *h, unsigned *seen)
{
    char key[20];
    unsigned bit;
    if (!take_string(r, key, sizeof(key)) || !take(r, ':'))
        return bad("no key");
    bit = !strcmp(key, "descr")           ? 1
          : !strcmp(key, "fortran_order") ? 2
          : !strcmp(key, "shape")         ? 4
                                          : 0;
    if (bit == 0 || (*seen & bit))
        return bad(bit ? "a key comes twice" : "unknown key");
    *seen |= bit;
    if (bit == 1)
        return read_descr(r, h);
    if (bit == 4)
        return read_shape(r, h);
    h->fortran = take_word(r, "True");
    return h->fortran || take_word(r, "False")
               ? IG_OK
               : bad("'fortran_order' is neither True nor False");
}

static ig_status read_dictionary(reader *r, igi_npy_header *h)
{
    unsigned seen = 0;
    if (!take(r, '{'))
        return bad("no dictionary");
    while (!take(r, '}')) {
        IG_TRY(read_pair(r, h, &seen));
        if (!take(r, ',')) {
            if (!take(r, '}'))
                return bad("the dictionary does not end");
            break;
        }
    }
    skip_blanks(r);
    if (r->p != r->end)
        return bad("text follows the dictionary");
    return seen == 7 ? IG_OK : bad("a key is missing");
}

ig_status igi_npy_header_read(igi_npy_header *h, const char *bytes, size_t n)
{
    const unsigned char *b = (const unsigned char *)bytes;
    memset(h, 0, sizeof(*h));
    if (!igi_npy_sniff(bytes, n) || n < 10)
        return bad("it does not begin with the magic string");
    if (b[6] < 1 || b[6] > 3 || b[7] != 0)
        return ig_fail(IG_UNSUPPORTED,
                       ".npy version %d.%d is not supported, only 1.0 to 3.0", b[6],
                       b[7]);
    size_t at = b[6] == 1 ? 10 : 12;
    if (n < at)
        return bad("it ends in the header's length");
    size_t length = (size_t)b[8] | (size_t)b[9] << 8;
    if (b[6] > 1)
        length |= (size_t)b[10] << 16 | (size_t)b[11] << 24;
    if (length > IGI_NPY_HEADER_MAX)
        return ig_fail(IG_LIMIT, "the .npy header has %zu bytes, the limit is %d",
                       length, IGI_NPY_HEADER_MAX);
    if (length > n - at)
        return bad("it is longer than the data");
    h->data_at = at + length;
    reader r = {bytes + at, bytes + at + length};
    return read_dictionary(&r, h);
}
