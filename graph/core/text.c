/* A growing string. After a failure further additions do nothing, so printers need not
 * check each of them. */
#include "graph/core/text.h"

#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/checked.h"

/* Room for n more bytes and the terminator. */
static bool reserve(igi_text *t, size_t n)
{
    size_t need;
    if (t->failed)
        return false;
    if (!igi_add_size(t->n, n, &need) || !igi_add_size(need, 1, &need)) {
        ig_fail(IG_OUT_OF_MEMORY, "out of memory: a text of %zu bytes", t->n);
        t->failed = true;
        return false;
    }
    if (t->p && need <= t->cap)
        return true;
    size_t cap = t->cap < 128 ? 128 : t->cap;
    while (cap < need)
        cap = cap < SIZE_MAX / 2 ? cap + cap : need;
    char *p = igi_realloc(t->p, cap);
    if (!p) {
        t->failed = true;
        return false;
    }
    t->p = p;
    t->cap = cap;
    return true;
}

void igi_text_add_bytes(igi_text *t, const char *s, size_t n)
{
    if (!reserve(t, n))
        return;
    if (n)
        memcpy(t->p + t->n, s, n);
    t->n += n;
    t->p[t->n] = 0;
}

void igi_text_add(igi_text *t, const char *fmt, ...)
{
    char small[256];
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(small, sizeof(small), fmt, args);
    if (n >= 0 && (size_t)n < sizeof(small)) {
        igi_text_add_bytes(t, small, (size_t)n);
    } else if (n < 0) {
        igi_text_add_bytes(t, fmt, strlen(fmt));
    } else if (reserve(t, (size_t)n)) {
        vsnprintf(t->p + t->n, (size_t)n + 1, fmt, again);
        t->n += (size_t)n;
    }
    va_end(again);
    va_end(args);
}

void igi_text_real(igi_text *t, const char *fmt, double v)
{
    char text[400]; /* room for %f of the largest */
    const char *point = localeconv()->decimal_point;
    (void)snprintf(text, sizeof(text), fmt, v);
    char *at = strcmp(point, ".") != 0 ? strstr(text, point) : NULL;
    if (!at) {
        igi_text_add_bytes(t, text, strlen(text));
        return;
    }
    igi_text_add_bytes(t, text, (size_t)(at - text));
    igi_text_add_bytes(t, ".", 1);
    at += strlen(point);
    igi_text_add_bytes(t, at, strlen(at));
}

ig_status igi_text_take(igi_text *t, char **out)
{
    if (!t->failed && !t->p)
        igi_text_add_bytes(t, "", 0);
    if (t->failed) {
        igi_text_fini(t);
        return ig_fail(IG_OUT_OF_MEMORY, "out of memory while a text was made");
    }
    *out = t->p;
    *t = (igi_text){0};
    return IG_OK;
}

void igi_text_fini(igi_text *t)
{
    igi_free(t->p);
    *t = (igi_text){0};
}

bool igi_parse_real(const char *s, size_t n, double *out)
{
    char text[512], *end;
    const char *point = localeconv()->decimal_point;
    size_t at = 0, wide = strlen(point);
    for (size_t i = 0; i < n; i++) {
        const char *from = s[i] == '.' ? point : s + i;
        size_t len = s[i] == '.' ? wide : 1;
        if (at + len >= sizeof(text))
            return false;
        memcpy(text + at, from, len);
        at += len;
    }
    text[at] = 0;
    *out = strtod(text, &end);
    return end != text && end[strspn(end, " \t\r\n")] == 0;
}
