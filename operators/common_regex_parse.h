/* Inside the parser of regular expressions: its state, and the parts that
 * common_regex.c (structure) and common_regex_class.c (characters and classes) offer
 * each other. */
#ifndef OPERATORS_COMMON_REGEX_PARSE_H
#define OPERATORS_COMMON_REGEX_PARSE_H

#include "operators/common_regex.h"

enum {
    IGI_RE_CODE_MAX = 100000,
    IGI_RE_COUNT_MAX = 1000,
    IGI_RE_DEPTH_MAX = 250,
    IGI_RE_RUNE_MAX = 0x10ffff
};
enum { IGI_RE_FOLD = 1, IGI_RE_LINES = 2, IGI_RE_DOT_ALL = 4 }; /* (?i), (?m), (?s) */

typedef struct igi_re_parser {
    igi_regex *r;
    igi_text_view p;
    size_t at;
    int flags, depth;
} igi_re_parser;

static inline bool igi_re_more(const igi_re_parser *s)
{
    return s->at < s->p.n;
}
static inline char igi_re_peek(const igi_re_parser *s)
{
    return igi_re_more(s) ? s->p.p[s->at] : 0;
}
static inline bool igi_re_looking_at(const igi_re_parser *s, const char *text)
{
    size_t n = strlen(text);
    return s->p.n - s->at >= n && memcmp(s->p.p + s->at, text, n) == 0;
}
static inline bool igi_re_take(igi_re_parser *s, const char *text)
{
    if (!igi_re_looking_at(s, text))
        return false;
    s->at += strlen(text);
    return true;
}

/* An error at the present place of the pattern. */
ig_status igi_re_wrong(const igi_re_parser *s, const char *what);
ig_status igi_re_grow(void **p, int32_t *cap, int64_t need, size_t size);
/* Room for n instructions at `at`, what follows moves up; and one instruction there, or
 * at the end. */
ig_status igi_re_open_code(igi_re_parser *s, int32_t at, int64_t n);
ig_status
igi_re_insert(igi_re_parser *s, int32_t at, igi_regex_op op, int32_t a, int32_t b);
ig_status igi_re_append(igi_re_parser *s, igi_regex_op op, int32_t a, int32_t b);

/* A class is begun, gets ranges and sets, and ends as an instruction. */
ig_status igi_re_begin_class(igi_re_parser *s, bool negated);
ig_status igi_re_add_range(igi_re_parser *s, int32_t lo, int32_t hi);
/* Adds the set of that name, or what is outside of it; *found: it exists. */
ig_status
igi_re_add_set(igi_re_parser *s, const char *name, size_t n, bool negated, bool *found);
ig_status igi_re_end_class(igi_re_parser *s);
/* After the '['. */
ig_status igi_re_parse_class(igi_re_parser *s);

ig_status igi_re_next_rune(igi_re_parser *s, int32_t *c);
/* Up to `most` digits; their number in *n. */
int32_t igi_re_digits(igi_re_parser *s, int base, int most, int *n);
/* After a backslash: one character. */
ig_status igi_re_escaped(igi_re_parser *s, int32_t *c);

#endif
