/* Regular expressions in RE2's syntax, matched in time proportional to text times
 * pattern: the pattern becomes a small program for an automaton (Thompson 1968), all of
 * whose states advance together over the text.
 *
 * Everything of RE2 but Unicode classes (\p) and \C. Refused are counts above 1000,
 * nesting above 250 and programs above 100,000 instructions. */
#ifndef OPERATORS_COMMON_REGEX_H
#define OPERATORS_COMMON_REGEX_H

#include "operators/common_string.h"

typedef struct igi_regex igi_regex;

/* Errors: INVALID_ARGUMENT with the place in the pattern, LIMIT, UNSUPPORTED. */
ig_status igi_regex_new(igi_regex **out, igi_text_view pattern);
void igi_regex_free(igi_regex *r);
/* Whether all of `text` matches. One thread at a time. `k` is polled now and then. */
ig_status
igi_regex_match(igi_regex *r, ig_kernel_ctx *k, igi_text_view text, bool *out);

/* ---- between the parser (common_regex.c) and the matcher (common_regex_match.c) ----
 */

typedef enum igi_regex_op {
    IGI_RE_CLASS, /* a: class; one code point of it */
    IGI_RE_SPLIT, /* go on at + a and at + b */
    IGI_RE_JUMP,  /* at + a */
    IGI_RE_WHERE, /* a: igi_regex_place; holds between two code points */
    IGI_RE_DONE
} igi_regex_op;
typedef enum igi_regex_place {
    IGI_RE_TEXT_BEGIN,
    IGI_RE_TEXT_END,
    IGI_RE_LINE_BEGIN,
    IGI_RE_LINE_END,
    IGI_RE_WORD_EDGE,
    IGI_RE_NOT_WORD_EDGE
} igi_regex_place;

typedef struct igi_regex_code {
    igi_regex_op op;
    int32_t a, b;
} igi_regex_code;
/* Code points of ranges [first, first + n), or all others; `fold`: any case of one. */
typedef struct igi_regex_class {
    int32_t first, n;
    bool negated, fold;
} igi_regex_class;
typedef struct igi_regex_range {
    int32_t lo, hi;
} igi_regex_range;

struct igi_regex {
    igi_regex_code *code;
    int32_t n_code, cap_code;
    igi_regex_class *classes;
    int32_t n_classes, cap_classes;
    igi_regex_range *ranges;
    int32_t n_ranges, cap_ranges;
    int32_t *work; /* of the matcher: two sets of states and a stack */
};
enum { IGI_RE_WORK = 6 * sizeof(int32_t) }; /* bytes of work per instruction */

#endif
