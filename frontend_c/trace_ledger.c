/* The escape ledger of a trace: what left the library as a plain number, and what the
 * arms of a region do differently. */
#include <stdarg.h>
#include <stdio.h>

#include "frontend_c/trace.h"
#include "graph/core/alloc.h"

static void add_owned(igi_recording *r, igi_escape_kind kind, char *text)
{
    igi_escape_entry e = {kind, text};
    if (!text || !IGI_PUSH(&r->escapes, e)) {
        igi_free(text);
        if (kind != IGI_ESCAPE_DRAWS)
            r->lost = true;
    }
}

void igi_ledger_add(igi_recording *r, igi_escape_kind kind, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    add_owned(r, kind, igi_strdup(text));
}

ig_status igi_ledger_check(const igi_recording *r)
{
    igi_text all = {0};
    int n = 0;
    for (size_t i = 0; i < r->escapes.n; i++) {
        if (r->escapes.p[i].kind == IGI_ESCAPE_DRAWS)
            continue;
        igi_text_add(&all, "\n  %s", r->escapes.p[i].text);
        n++;
    }
    ig_status rc = IG_OK;
    if (n)
        rc = ig_fail(
            IG_INVALID_ARGUMENT,
            "the trace fails, because %d value(s) left it and would be frozen:%s\n"
            "keep them as tensors, or use ig_item_constant where a constant is meant",
            n, all.p ? all.p : "");
    else if (r->lost)
        rc = IG_OUT_OF_MEMORY;
    igi_text_fini(&all);
    return rc;
}

static int count(const igi_recording *r, igi_escape_kind kind)
{
    int n = 0;
    for (size_t i = 0; i < r->escapes.n; i++)
        n += r->escapes.p[i].kind == kind;
    return n;
}

static const char *deed(igi_escape_kind kind)
{
    static const char *const deeds[] = {"reads fewer values", "takes fewer pointers",
                                        "reads fewer sizes", "draws less often"};
    return deeds[kind];
}

void igi_ledger_merge(igi_recording *to,
                      igi_recording *const *from,
                      const char *const *names,
                      int n)
{
    for (int k = 0; k < n; k++) {
        int seen[4] = {0};
        const igi_recording *r = from[k], *other = n == 2 ? from[1 - k] : NULL;
        for (size_t i = 0; i < r->escapes.n; i++) {
            const igi_escape_entry *e = &r->escapes.p[i];
            bool only = other && seen[e->kind]++ >= count(other, e->kind);
            igi_text text = {0};
            igi_text_add(&text, "in the %s: %s", names[k], e->text);
            if (only)
                igi_text_add(&text, "; the %s %s", names[1 - k], deed(e->kind));
            if (only && e->kind == IGI_ESCAPE_DRAWS)
                igi_text_add(&to->notes, "%s%s", to->notes.p ? "\n" : "",
                             text.p ? text.p : "");
            if (only || e->kind != IGI_ESCAPE_DRAWS || k == 0)
                add_owned(to, e->kind, text.p ? igi_strdup(text.p) : NULL);
            igi_text_fini(&text);
        }
        if (r->notes.p)
            igi_text_add(&to->notes, "%s%s", to->notes.p ? "\n" : "", r->notes.p);
        to->lost = to->lost || r->lost;
    }
}

void igi_recording_fini(igi_recording *r)
{
    for (size_t i = 0; i < r->escapes.n; i++)
        igi_free(r->escapes.p[i].text);
    IGI_VEC_FREE(&r->escapes);
    igi_text_fini(&r->notes);
}
