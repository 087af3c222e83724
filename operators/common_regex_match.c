// The matcher: a set of states that advances by one code point at a time. A state is in
// a set once, so a step costs at most the program's length.

#include "operators/common_regex.h"

/* A set of states in order of arrival; `at` says where a state stands, if it does. */
typedef struct {
    int32_t *member, *at, n;
} set;

typedef struct {
    const igi_regex *r;
    set now, next;
    int32_t *stack;
    int32_t before, after; /* code points around the place; -1: an end of the text */
} matcher;

static bool contains(const set *s, int32_t pc)
{
    return s->at[pc] >= 0 && s->at[pc] < s->n && s->member[s->at[pc]] == pc;
}

static bool is_word(int32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           c == '_';
}

/* -2 stands for a byte that is no UTF-8: it is no end. */
static bool holds(const matcher *m, int32_t place)
{
    switch ((igi_regex_place)place) {
    case IGI_RE_TEXT_BEGIN:
        return m->before == -1;
    case IGI_RE_TEXT_END:
        return m->after == -1;
    case IGI_RE_LINE_BEGIN:
        return m->before == -1 || m->before == '\n';
    case IGI_RE_LINE_END:
        return m->after == -1 || m->after == '\n';
    case IGI_RE_WORD_EDGE:
        return is_word(m->before) != is_word(m->after);
    default:
        return is_word(m->before) == is_word(m->after);
    }
}

/* Adds pc and all that it leads to without reading. The stack holds at most two entries
 * for each state that was put in the set. */
static void add(matcher *m, set *to, int32_t pc)
{
    int32_t depth = 0;
    m->stack[depth++] = pc;
    while (depth > 0) {
        pc = m->stack[--depth];
        if (contains(to, pc))
            continue;
        to->at[pc] = to->n;
        to->member[to->n++] = pc;
        const igi_regex_code *c = &m->r->code[pc];
        if (c->op == IGI_RE_SPLIT) {
            m->stack[depth++] = pc + c->b;
            m->stack[depth++] = pc + c->a;
        } else if (c->op == IGI_RE_JUMP) {
            m->stack[depth++] = pc + c->a;
        } else if (c->op == IGI_RE_WHERE && holds(m, c->a)) {
            m->stack[depth++] = pc + 1;
        }
    }
}

static bool in_ranges(const igi_regex *r, const igi_regex_class *k, int32_t c)
{
    for (int32_t i = 0; i < k->n; i++) {
        const igi_regex_range *g = &r->ranges[k->first + i];
        if (c >= g->lo && c <= g->hi)
            return true;
    }
    return false;
}

/* One for all that differ in case only, such as the three sigmas. */
static int32_t folded(int32_t c)
{
    return igi_case_lower(igi_case_upper(c));
}

/* Whether the class names a single code point that folds to this one. */
static bool has_folded(const igi_regex *r, const igi_regex_class *k, int32_t f)
{
    for (int32_t i = 0; i < k->n; i++) {
        const igi_regex_range *g = &r->ranges[k->first + i];
        if (g->lo == g->hi && folded(g->lo) == f)
            return true;
    }
    return false;
}

static bool in_class(const igi_regex *r, int32_t class_index, int32_t c)
{
    const igi_regex_class *k = &r->classes[class_index];
    if (c < 0)
        return false; /* no UTF-8 */
    bool in = in_ranges(r, k, c);
    if (!in && k->fold) {
        int32_t lower = igi_case_lower(c), upper = igi_case_upper(c), f = folded(c);
        in = in_ranges(r, k, lower) || in_ranges(r, k, upper) ||
             in_ranges(r, k, igi_case_upper(lower)) || in_ranges(r, k, f) ||
             has_folded(r, k, f);
    }
    return in != k->negated;
}

static int32_t rune_at(igi_text_view t, size_t i, int *bytes)
{
    *bytes = 0;
    if (i >= t.n)
        return -1;
    int32_t c = igi_utf8_decode(t.p + i, t.n - i, bytes);
    return c < 0 ? -2 : c;
}

ig_status igi_regex_match(igi_regex *r, ig_kernel_ctx *k, igi_text_view text, bool *out)
{
    const int32_t n = r->n_code, patience = (1 << 20) / n + 1;
    int bytes, following;
    matcher m = {.r = r,
                 .now = {r->work, r->work + n, 0},
                 .next = {r->work + 2 * n, r->work + 3 * n, 0},
                 .stack = r->work + 4 * n,
                 .before = -1};
    for (int32_t i = 0; i < n; i++)
        m.now.at[i] = m.next.at[i] = -1;
    m.after = rune_at(text, 0, &bytes);
    add(&m, &m.now, 0);
    int32_t steps = 0;
    for (size_t i = 0; i < text.n && m.now.n; i += (size_t)bytes, bytes = following) {
        const int32_t c = m.after;
        if (++steps % patience == 0 && k)
            IG_TRY(ig_poll(k));
        m.before = c;
        m.after = rune_at(text, i + (size_t)bytes, &following);
        m.next.n = 0;
        for (int32_t s = 0; s < m.now.n; s++) {
            int32_t pc = m.now.member[s];
            if (r->code[pc].op == IGI_RE_CLASS && in_class(r, r->code[pc].a, c))
                add(&m, &m.next, pc + 1);
        }
        set done = m.now;
        m.now = m.next;
        m.next = done;
    }
    *out = contains(&m.now, n - 1);
    return IG_OK;
}
