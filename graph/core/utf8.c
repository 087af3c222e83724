/* UTF-8 as Unicode defines it (table 3-7 of the standard). */
#include "graph/core/utf8.h"

#include <string.h>

size_t igi_utf8_length(const char *s, size_t n)
{
    const unsigned char *p = (const unsigned char *)s;
    if (n == 0)
        return 0;
    if (p[0] < 0x80)
        return 1;
    size_t more = p[0] >= 0xf0 ? 3 : p[0] >= 0xe0 ? 2 : 1;
    if (p[0] < 0xc2 || p[0] > 0xf4 || more >= n)
        return 0;
    for (size_t i = 1; i <= more; i++)
        if ((p[i] & 0xc0) != 0x80)
            return 0;
    bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    bool beyond = (p[0] == 0xed && p[1] >= 0xa0) || (p[0] == 0xf4 && p[1] >= 0x90);
    return overlong || beyond ? 0 : more + 1;
}

size_t igi_utf8_cut(const char *s, size_t max)
{
    size_t n = strnlen(s, max + 1);
    if (n <= max)
        return n;
    for (n = max; n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80; n--)
        ;
    return n;
}

/* Length of the text in front of the first byte that does not belong there. */
static size_t good_length(const char *s, size_t n, bool plain)
{
    size_t i = 0;
    while (i < n) {
        unsigned char c = (unsigned char)s[i];
        size_t step = igi_utf8_length(s + i, n - i);
        if (c == 0 || step == 0 || (plain && (c < 0x20 || c == 0x7f)))
            break;
        i += step;
    }
    return i;
}

bool igi_utf8_ok(const char *s, size_t n, bool plain)
{
    return good_length(s, n, plain) == n;
}

ig_status igi_name_check(const char *what, const char *name)
{
    size_t n = strlen(name), good = good_length(name, n, true);
    if (n > IGI_NAME_MAX)
        return ig_fail(IG_LIMIT,
                       "the name of %s has %zu bytes, at most %zu are allowed", what, n,
                       IGI_NAME_MAX);
    if (good < n)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the name of %s holds byte 0x%02x behind \"%.*s\": names are "
                       "UTF-8 without control characters",
                       what, (unsigned char)name[good], good < 200 ? (int)good : 200,
                       name);
    return IG_OK;
}
