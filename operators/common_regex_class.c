// Characters, escapes and classes of regular expressions.

#include "operators/common_regex_parse.h"

/* ---- classes ---- */

ig_status igi_re_add_range(igi_re_parser *s, int32_t lo, int32_t hi)
{
    igi_regex *r = s->r;
    IG_TRY(igi_re_grow((void **)&r->ranges, &r->cap_ranges, (int64_t)r->n_ranges + 1,
                       sizeof(*r->ranges)));
    r->ranges[r->n_ranges++] = (igi_regex_range){lo, hi};
    return IG_OK;
}

ig_status igi_re_begin_class(igi_re_parser *s, bool negated)
{
    igi_regex *r = s->r;
    IG_TRY(igi_re_grow((void **)&r->classes, &r->cap_classes, (int64_t)r->n_classes + 1,
                       sizeof(*r->classes)));
    r->classes[r->n_classes++] =
        (igi_regex_class){.first = r->n_ranges,
                          .negated = negated,
                          .fold = (s->flags & IGI_RE_FOLD) != 0};
    return IG_OK;
}

ig_status igi_re_end_class(igi_re_parser *s)
{
    igi_regex_class *c = &s->r->classes[s->r->n_classes - 1];
    c->n = s->r->n_ranges - c->first;
    return igi_re_append(s, IGI_RE_CLASS, s->r->n_classes - 1, 0);
}

/* Named sets of ASCII: pairs of bounds in order. */
static const struct {
    const char *name, *pairs;
} sets[] = {
    {"d", "09"},           {"s", "\t\n\f\r  "},
    {"w", "09AZ__az"},     {"alnum", "09AZaz"},
    {"alpha", "AZaz"},     {"ascii", "\1\x7f"}, /* and 0, below */
    {"blank", "\t\t  "},   {"cntrl", "\1\x1f\x7f\x7f"},
    {"digit", "09"},       {"graph", "!~"},
    {"lower", "az"},       {"print", " ~"},
    {"punct", "!/:@[`{~"}, {"space", "\t\r  "},
    {"upper", "AZ"},       {"word", "09AZ__az"},
    {"xdigit", "09AFaf"},
};

/* Adds the set of that name, or what is outside of it; *found says whether it exists.
 */
ig_status
igi_re_add_set(igi_re_parser *s, const char *name, size_t n, bool negated, bool *found)
{
    size_t i = 0, count = sizeof(sets) / sizeof(*sets);
    while (i < count &&
           (strlen(sets[i].name) != n || memcmp(sets[i].name, name, n) != 0))
        i++;
    *found = i < count;
    if (!*found)
        return IG_OK;
    const bool with_nul =
        !strcmp(sets[i].name, "ascii") || !strcmp(sets[i].name, "cntrl");
    int32_t next = 0; /* first code point not decided yet */
    for (const char *p = sets[i].pairs; *p; p += 2) {
        int32_t lo = p[0] == 1 && with_nul ? 0 : p[0], hi = p[1];
        if (!negated)
            IG_TRY(igi_re_add_range(s, lo, hi));
        else if (next < lo)
            IG_TRY(igi_re_add_range(s, next, lo - 1));
        next = hi + 1;
    }
    return negated ? igi_re_add_range(s, next, IGI_RE_RUNE_MAX) : IG_OK;
}

/* ---- characters ---- */

ig_status igi_re_next_rune(igi_re_parser *s, int32_t *c)
{
    int bytes;
    *c = igi_utf8_decode(s->p.p + s->at, s->p.n - s->at, &bytes);
    if (*c < 0)
        return igi_re_wrong(s, "not UTF-8");
    s->at += (size_t)bytes;
    return IG_OK;
}

static int digit_of(char c, int base)
{
    int v = c >= '0' && c <= '9'                 ? c - '0'
            : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                 : 99;
    return v < base ? v : -1;
}

/* Digits up to `most` of them; their number in *n. */
int32_t igi_re_digits(igi_re_parser *s, int base, int most, int *n)
{
    int32_t v = 0;
    for (*n = 0; *n < most && igi_re_more(s) && digit_of(igi_re_peek(s), base) >= 0;
         ++*n, s->at++)
        v = v > IGI_RE_RUNE_MAX ? v : v * base + digit_of(igi_re_peek(s), base);
    return v;
}

static ig_status hex_escape(igi_re_parser *s, int32_t *c)
{
    int n;
    bool braces = igi_re_take(s, "{");
    *c = igi_re_digits(s, 16, braces ? 8 : 2, &n);
    if (n < (braces ? 1 : 2) || *c > IGI_RE_RUNE_MAX ||
        (braces && !igi_re_take(s, "}")))
        return igi_re_wrong(s,
                            "\\x needs two digits, or digits in braces up to 10FFFF");
    return IG_OK;
}

/* After a backslash: one character. */
ig_status igi_re_escaped(igi_re_parser *s, int32_t *c)
{
    static const char names[] = "afnrtv", values[] = "\a\f\n\r\t\v";
    char e = igi_re_peek(s);
    int n;
    const char *known = e ? strchr(names, e) : NULL;
    if (!igi_re_more(s))
        return igi_re_wrong(s, "a backslash at the end");
    if (e == 'p' || e == 'P' || e == 'C')
        return ig_fail(IG_UNSUPPORTED, "pattern '%.80s': \\%c is not supported", s->p.p,
                       e);
    if (e == '0' || (e >= '1' && e <= '7' && s->at + 1 < s->p.n &&
                     digit_of(s->p.p[s->at + 1], 8) >= 0)) {
        *c = igi_re_digits(s, 8, 3, &n);
        return IG_OK;
    }
    if (known) {
        s->at++;
        *c = values[known - names];
        return IG_OK;
    }
    if (igi_re_take(s, "x"))
        return hex_escape(s, c);
    bool word =
        (e >= '0' && e <= '9') || ((e | 32) >= 'a' && (e | 32) <= 'z') || e == '_';
    if (word && e != '_')
        return igi_re_wrong(s, "an escape that has no meaning");
    return igi_re_next_rune(s, c);
}

/* ---- [...] ---- */

/* "[:name:]" or "\d": adds the set and says so. */
static ig_status named_in_class(igi_re_parser *s, bool *found)
{
    *found = false;
    if (igi_re_looking_at(s, "[:")) {
        size_t begin = s->at + 2, end;
        bool negated = begin < s->p.n && s->p.p[begin] == '^';
        begin += negated;
        for (end = begin; end + 1 < s->p.n && s->p.p[end] != ':';)
            end++;
        if (end + 1 >= s->p.n || s->p.p[end + 1] != ']')
            return IG_OK; /* an ordinary '[' */
        IG_TRY(igi_re_add_set(s, s->p.p + begin, end - begin, negated, found));
        if (!*found)
            return igi_re_wrong(s, "no such class name");
        s->at = end + 2;
    } else if (igi_re_peek(s) == '\\' && s->at + 1 < s->p.n &&
               strchr("dswDSW", s->p.p[s->at + 1])) {
        char lower = (char)(s->p.p[s->at + 1] | 32);
        IG_TRY(igi_re_add_set(s, &lower, 1, s->p.p[s->at + 1] != lower, found));
        s->at += 2;
    }
    return IG_OK;
}

static ig_status class_rune(igi_re_parser *s, int32_t *c)
{
    if (!igi_re_more(s))
        return igi_re_wrong(s, "a [ without its ]");
    return igi_re_take(s, "\\") ? igi_re_escaped(s, c) : igi_re_next_rune(s, c);
}

ig_status igi_re_parse_class(igi_re_parser *s)
{
    IG_TRY(igi_re_begin_class(s, igi_re_take(s, "^")));
    for (bool first = true; first || igi_re_peek(s) != ']'; first = false) {
        int32_t lo = 0, hi;
        bool named;
        IG_TRY(named_in_class(s, &named));
        if (named)
            continue;
        IG_TRY(class_rune(s, &lo));
        hi = lo;
        if (igi_re_peek(s) == '-' && s->at + 1 < s->p.n && s->p.p[s->at + 1] != ']') {
            s->at++;
            IG_TRY(class_rune(s, &hi));
        }
        if (hi < lo)
            return igi_re_wrong(s, "a range whose end is before its begin");
        IG_TRY(igi_re_add_range(s, lo, hi));
    }
    s->at++;
    return igi_re_end_class(s);
}
