// UTF-8, case and white space.

#include "operators/common_string.h"

#include "graph/core/alloc.h"

typedef struct {
    int32_t first, last, delta, step;
} case_row;

#include "operators/common_case_table.inc.h"

igi_text_view igi_string_at(const ig_tensor *t, int64_t i)
{
    const igi_str *s = ((igi_str *const *)ig_data(t))[i];
    return s ? (igi_text_view){s->text, s->length} : (igi_text_view){"", 0};
}

ig_status igi_string_set(ig_kernel_ctx *k, igi_str **slot, igi_text_view text)
{
    igi_str *s = NULL;
    if (text.n)
        IG_TRY(igi_string_charge(k, text.n));
    if (text.n && !(s = igi_str_new(text.p, text.n)))
        return ig_error_status();
    igi_str_unref(*slot);
    *slot = s;
    return IG_OK;
}

ig_status
igi_string_join(ig_kernel_ctx *k, igi_str **slot, const igi_str *a, const igi_str *b)
{
    size_t n = a ? a->length : 0, m = b ? b->length : 0, size;
    char *text = igi_add_size(n, m, &size) ? igi_alloc(size) : NULL;
    if (!text)
        return IG_OUT_OF_MEMORY;
    if (n)
        memcpy(text, a->text, n);
    if (m)
        memcpy(text + n, b->text, m);
    ig_status rc = igi_string_set(k, slot, (igi_text_view){text, n + m});
    igi_free(text);
    return rc;
}

/* ---- UTF-8 ---- */

int32_t igi_utf8_decode(const char *p, size_t n, int *bytes)
{
    static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char *u = (const unsigned char *)p;
    int more = u[0] < 0x80 ? 1 : u[0] >> 5 == 6 ? 2 : u[0] >> 4 == 14 ? 3 : 4;
    *bytes = 1;
    if (more == 1)
        return u[0];
    if (u[0] < 0xc2 || u[0] > 0xf4 || n < (size_t)more)
        return -1;
    int32_t c = u[0] & (0x7f >> more);
    for (int i = 1; i < more; i++) {
        if (u[i] >> 6 != 2)
            return -1;
        c = c << 6 | (u[i] & 0x3f);
    }
    if (c < least[more] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return -1;
    *bytes = more;
    return c;
}

int igi_utf8_encode(int32_t c, char out[4])
{
    static const unsigned char lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    int n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    for (int i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3f));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* ---- case ---- */

static int32_t map_case(const case_row *rows, size_t n, int32_t c)
{
    size_t lo = 0, hi = n; /* the first row that ends at c or later */
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (rows[mid].last < c)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (lo == n || c < rows[lo].first || (c - rows[lo].first) % rows[lo].step)
        return c;
    return c + rows[lo].delta;
}

int32_t igi_case_upper(int32_t c)
{
    if (c < 0x80)
        return c >= 'a' && c <= 'z' ? c - 32 : c;
    return map_case(upper_rows, sizeof(upper_rows) / sizeof(*upper_rows), c);
}

int32_t igi_case_lower(int32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    return map_case(lower_rows, sizeof(lower_rows) / sizeof(*lower_rows), c);
}

bool igi_is_space(int32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r') || (c >= 0x1c && c <= 0x1f);
    return c == 0x85 || c == 0xa0 || c == 0x1680 || (c >= 0x2000 && c <= 0x200a) ||
           c == 0x2028 || c == 0x2029 || c == 0x202f || c == 0x205f || c == 0x3000;
}

/* Writes the mapped text to `to` unless NULL; returns its bytes. Mappings may change
 * the number of bytes. */
static size_t write_case(igi_text_view text, igi_case how, char *to)
{
    size_t done = 0;
    int bytes;
    for (size_t i = 0; i < text.n; i += (size_t)bytes) {
        char one[4];
        int32_t c = igi_utf8_decode(text.p + i, text.n - i, &bytes);
        int n = 1;
        one[0] = text.p[i]; /* what is not UTF-8 stays */
        if (c >= 0)
            n = igi_utf8_encode(how == IGI_CASE_LOWER   ? igi_case_lower(c)
                                : how == IGI_CASE_UPPER ? igi_case_upper(c)
                                                        : c,
                                one);
        if (to)
            memcpy(to + done, one, (size_t)n);
        done += (size_t)n;
    }
    return done;
}

igi_str *igi_string_in_case(igi_text_view text, igi_case c)
{
    size_t n = write_case(text, c, NULL);
    char *buffer = igi_alloc(n + 1);
    if (!buffer)
        return NULL;
    (void)write_case(text, c, buffer);
    igi_str *s = igi_str_new(buffer, n);
    igi_free(buffer);
    return s;
}
