// The parser: from RE2's syntax straight to code. A sub-expression is a run of code
// with relative jumps, so it can be moved and repeated by copying.

#include "graph/core/alloc.h"
#include "operators/common_regex_parse.h"

ig_status igi_re_wrong(const igi_re_parser *s, const char *what)
{
    return ig_fail(IG_INVALID_ARGUMENT, "pattern '%.*s', byte %zu: %s",
                   (int)(s->p.n < 80 ? s->p.n : 80), s->p.p, s->at, what);
}

/* ---- growing arrays ---- */

ig_status igi_re_grow(void **p, int32_t *cap, int64_t need, size_t size)
{
    if (need <= *cap)
        return IG_OK;
    int64_t to = *cap ? *cap * 2 : 32;
    to = to < need ? need : to;
    size_t bytes;
    if (!igi_mul_size((size_t)to, size, &bytes))
        return ig_fail(IG_LIMIT, "the pattern is too large");
    void *more = igi_realloc(*p, bytes);
    if (!more)
        return IG_OUT_OF_MEMORY;
    *p = more;
    *cap = (int32_t)to;
    return IG_OK;
}

/* Room for n instructions at `at`; what follows moves up. */
ig_status igi_re_open_code(igi_re_parser *s, int32_t at, int64_t n)
{
    igi_regex *r = s->r;
    if (r->n_code + n > IGI_RE_CODE_MAX)
        return ig_fail(IG_LIMIT, "the pattern is too large: over %d states",
                       IGI_RE_CODE_MAX);
    IG_TRY(
        igi_re_grow((void **)&r->code, &r->cap_code, r->n_code + n, sizeof(*r->code)));
    memmove(r->code + at + n, r->code + at,
            (size_t)(r->n_code - at) * sizeof(*r->code));
    r->n_code += (int32_t)n;
    return IG_OK;
}

ig_status
igi_re_insert(igi_re_parser *s, int32_t at, igi_regex_op op, int32_t a, int32_t b)
{
    IG_TRY(igi_re_open_code(s, at, 1));
    s->r->code[at] = (igi_regex_code){op, a, b};
    return IG_OK;
}

ig_status igi_re_append(igi_re_parser *s, igi_regex_op op, int32_t a, int32_t b)
{
    return igi_re_insert(s, s->r->n_code, op, a, b);
}

static ig_status one_range(igi_re_parser *s, int32_t lo, int32_t hi)
{
    IG_TRY(igi_re_begin_class(s, false));
    IG_TRY(igi_re_add_range(s, lo, hi));
    return igi_re_end_class(s);
}

/* ---- atoms ---- */

static ig_status parse_alternatives(igi_re_parser *s);

/* "(?" has been read: flags or a kind of group. */
static ig_status parse_flags(igi_re_parser *s, bool *group)
{
    *group = true;
    if (igi_re_take(s, ":"))
        return IG_OK;
    if (igi_re_take(s, "P<") || igi_re_take(s, "<")) {
        size_t begin = s->at;
        while (igi_re_more(s) && igi_re_peek(s) != '>')
            s->at++;
        return s->at > begin && igi_re_take(s, ">")
                   ? IG_OK
                   : igi_re_wrong(s, "a bad group name");
    }
    bool off = false, any = false;
    for (;; s->at++) {
        char c = igi_re_peek(s);
        int flag = c == 'i'   ? IGI_RE_FOLD
                   : c == 'm' ? IGI_RE_LINES
                   : c == 's' ? IGI_RE_DOT_ALL
                              : 0;
        if (c == ':' || c == ')')
            break;
        if (c == '-' && !off)
            off = true;
        else if (flag || c == 'U')
            s->flags = off ? s->flags & ~flag : s->flags | flag, any = true;
        else
            return igi_re_wrong(s, "an unknown group flag");
    }
    if (off && !any)
        return igi_re_wrong(s, "no group flag after -");
    *group = igi_re_peek(s) == ':';
    s->at++;
    return IG_OK;
}

static ig_status parse_group(igi_re_parser *s)
{
    const int flags = s->flags;
    bool group = true;
    if (igi_re_take(s, "?"))
        IG_TRY(parse_flags(s, &group));
    if (!group)
        return IG_OK; /* (?i): the flags stay until the enclosing group ends */
    if (++s->depth > IGI_RE_DEPTH_MAX)
        return ig_fail(IG_LIMIT, "groups of the pattern nest deeper than %d",
                       IGI_RE_DEPTH_MAX);
    IG_TRY(parse_alternatives(s));
    if (!igi_re_take(s, ")"))
        return igi_re_wrong(s, "a ( without its )");
    s->depth--;
    s->flags = flags;
    return IG_OK;
}

static ig_status literal(igi_re_parser *s, int32_t c)
{
    return one_range(s, c, c);
}

static ig_status place(igi_re_parser *s, igi_regex_place where)
{
    return igi_re_append(s, IGI_RE_WHERE, (int32_t)where, 0);
}

/* After a backslash. */
static ig_status parse_escape(igi_re_parser *s)
{
    static const char places[] = "AzbB";
    static const igi_regex_place of[] = {IGI_RE_TEXT_BEGIN, IGI_RE_TEXT_END,
                                         IGI_RE_WORD_EDGE, IGI_RE_NOT_WORD_EDGE};
    int32_t c;
    char e = igi_re_peek(s), lower = (char)(e | 32);
    const char *where = e ? strchr(places, e) : NULL;
    if (where) {
        s->at++;
        return place(s, of[where - places]);
    }
    if (e && strchr("dsw", lower)) {
        bool found;
        s->at++;
        IG_TRY(igi_re_begin_class(s, false));
        IG_TRY(igi_re_add_set(s, &lower, 1, e != lower, &found));
        return igi_re_end_class(s);
    }
    IG_TRY(igi_re_escaped(s, &c));
    return literal(s, c);
}

/* One atom; \Q...\E puts all but its last character in front of it. */
static ig_status parse_quoted(igi_re_parser *s, int32_t *start)
{
    while (igi_re_more(s) && !igi_re_take(s, "\\E")) {
        int32_t c;
        IG_TRY(igi_re_next_rune(s, &c));
        *start = s->r->n_code;
        IG_TRY(literal(s, c));
    }
    return IG_OK;
}

static ig_status parse_atom(igi_re_parser *s, int32_t *start)
{
    int32_t c;
    *start = s->r->n_code;
    if (igi_re_take(s, "\\Q"))
        return parse_quoted(s, start);
    if (igi_re_take(s, "("))
        return parse_group(s);
    if (igi_re_take(s, "["))
        return igi_re_parse_class(s);
    if (igi_re_take(s, "\\"))
        return parse_escape(s);
    if (igi_re_take(s, "^"))
        return place(s,
                     s->flags & IGI_RE_LINES ? IGI_RE_LINE_BEGIN : IGI_RE_TEXT_BEGIN);
    if (igi_re_take(s, "$"))
        return place(s, s->flags & IGI_RE_LINES ? IGI_RE_LINE_END : IGI_RE_TEXT_END);
    if (igi_re_take(s, ".")) {
        IG_TRY(igi_re_begin_class(s, !(s->flags & IGI_RE_DOT_ALL)));
        IG_TRY(s->flags & IGI_RE_DOT_ALL ? igi_re_add_range(s, 0, IGI_RE_RUNE_MAX)
                                         : igi_re_add_range(s, '\n', '\n'));
        return igi_re_end_class(s);
    }
    IG_TRY(igi_re_next_rune(s, &c));
    return literal(s, c);
}

/* ---- repetition ---- */

/* "{n}", "{n,}", "{n,m}"; *most -1: no bound. Anything else is no count. */
static bool take_count(igi_re_parser *s, int32_t *least, int32_t *most)
{
    const size_t begin = s->at;
    int n, m = 0;
    s->at++;
    *least = igi_re_digits(s, 10, 7, &n);
    *most = *least;
    if (igi_re_take(s, ","))
        *most = igi_re_peek(s) == '}' ? -1 : igi_re_digits(s, 10, 7, &m);
    if (n && igi_re_take(s, "}") && (m || *most < 0 || *most == *least))
        return true;
    s->at = begin;
    return false;
}

/* Code from `start` on: zero or one, zero or more. */
static ig_status optional(igi_re_parser *s, int32_t start)
{
    return igi_re_insert(s, start, IGI_RE_SPLIT, 1, s->r->n_code - start + 1);
}
static ig_status any_number(igi_re_parser *s, int32_t start)
{
    int32_t n = s->r->n_code - start;
    IG_TRY(igi_re_insert(s, start, IGI_RE_SPLIT, 1, n + 2));
    return igi_re_append(s, IGI_RE_JUMP, -(n + 1), 0);
}

static ig_status repeat(igi_re_parser *s, int32_t start, int32_t least, int32_t most)
{
    const int32_t n = s->r->n_code - start;
    const int64_t copies = most < 0 ? (int64_t)least + 1 : most;
    if (least > IGI_RE_COUNT_MAX || most > IGI_RE_COUNT_MAX ||
        (most >= 0 && most < least))
        return igi_re_wrong(s,
                            "a repeat count above 1000, or bounds in the wrong order");
    if (n && copies * (n + 2) > IGI_RE_CODE_MAX) /* before anything is copied */
        return ig_fail(IG_LIMIT, "the pattern is too large: over %d states",
                       IGI_RE_CODE_MAX);
    igi_regex_code *one = igi_alloc_array((size_t)n + 1, sizeof(*one));
    if (!one)
        return IG_OUT_OF_MEMORY;
    if (n)
        memcpy(one, s->r->code + start, (size_t)n * sizeof(*one));
    s->r->n_code = start;
    ig_status rc = IG_OK;
    for (int64_t i = 0; i < copies && rc == IG_OK; i++) {
        int32_t at = s->r->n_code;
        rc = igi_re_open_code(s, at, n);
        if (rc == IG_OK && n)
            memcpy(s->r->code + at, one, (size_t)n * sizeof(*one));
        if (rc == IG_OK && i >= least)
            rc = most < 0 ? any_number(s, at) : optional(s, at);
    }
    igi_free(one);
    return rc;
}

static ig_status parse_repeat(igi_re_parser *s, int32_t start, bool *any)
{
    int32_t least = 0, most = -1;
    *any = true;
    if (igi_re_take(s, "*"))
        IG_TRY(any_number(s, start));
    else if (igi_re_take(s, "+"))
        IG_TRY(igi_re_append(s, IGI_RE_SPLIT, start - s->r->n_code, 1));
    else if (igi_re_take(s, "?"))
        IG_TRY(optional(s, start));
    else if (igi_re_peek(s) == '{' && take_count(s, &least, &most))
        IG_TRY(repeat(s, start, least, most));
    else
        *any = false;
    if (*any)
        (void)igi_re_take(s, "?"); /* lazy: the same strings match */
    return IG_OK;
}

static ig_status parse_sequence(igi_re_parser *s)
{
    while (igi_re_more(s) && igi_re_peek(s) != '|' && igi_re_peek(s) != ')') {
        int32_t start;
        bool any;
        int32_t ignored;
        char c = igi_re_peek(s);
        if (c == '*' || c == '+' || c == '?')
            return igi_re_wrong(s, "nothing to repeat");
        if (c == '{') {
            const size_t begin = s->at;
            if (take_count(s, &ignored, &ignored)) {
                s->at = begin;
                return igi_re_wrong(s, "nothing to repeat");
            }
        }
        IG_TRY(parse_atom(s, &start));
        IG_TRY(parse_repeat(s, start, &any));
        c = igi_re_peek(s);
        if (any && (c == '*' || c == '+' || c == '?'))
            return igi_re_wrong(s, "a repeat of a repeat");
    }
    return IG_OK;
}

/* Each alternative but the last is "split to the next; code; jump to the end"; the
 * jumps wait in a chain until the end is known. */
static ig_status parse_alternatives(igi_re_parser *s)
{
    int32_t chain = -1;
    for (;;) {
        int32_t start = s->r->n_code;
        IG_TRY(parse_sequence(s));
        if (!igi_re_take(s, "|"))
            break;
        IG_TRY(igi_re_insert(s, start, IGI_RE_SPLIT, 1, s->r->n_code - start + 2));
        IG_TRY(igi_re_append(s, IGI_RE_JUMP, chain, 0));
        chain = s->r->n_code - 1;
    }
    while (chain >= 0) {
        int32_t before = s->r->code[chain].a;
        s->r->code[chain].a = s->r->n_code - chain;
        chain = before;
    }
    return IG_OK;
}

ig_status igi_regex_new(igi_regex **out, igi_text_view pattern)
{
    *out = NULL;
    igi_re_parser s = {.r = igi_calloc(1, sizeof(igi_regex)), .p = pattern};
    if (!s.r)
        return IG_OUT_OF_MEMORY;
    ig_status rc = parse_alternatives(&s);
    if (rc == IG_OK && igi_re_more(&s))
        rc = igi_re_wrong(&s, "a ) without its (");
    if (rc == IG_OK)
        rc = igi_re_append(&s, IGI_RE_DONE, 0, 0);
    if (rc == IG_OK) {
        s.r->work = igi_alloc_array((size_t)s.r->n_code + 2, IGI_RE_WORK);
        rc = s.r->work ? IG_OK : IG_OUT_OF_MEMORY;
    }
    if (rc == IG_OK)
        *out = s.r;
    else
        igi_regex_free(s.r);
    return rc;
}

void igi_regex_free(igi_regex *r)
{
    if (!r)
        return;
    igi_free(r->code);
    igi_free(r->classes);
    igi_free(r->ranges);
    igi_free(r->work);
    igi_free(r);
}
