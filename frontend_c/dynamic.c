/* The text of ig_trace_opts.dynamic: which dims of which inputs vary, by name. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "frontend_c/trace.h"
#include "graph/core/alloc.h"

void igi_dynamic_fini(igi_dynamic *d)
{
    for (size_t i = 0; i < d->symbols.n; i++)
        igi_free(d->symbols.p[i]);
    IGI_VEC_FREE(&d->symbols);
    IGI_VEC_FREE(&d->dims);
}

static ig_status wrong(const char *text, const char *at, const char *what)
{
    return ig_fail(IG_INVALID_ARGUMENT,
                   "dynamic \"%s\": %s at \"%.20s\"; write \"input: N,3,H; other: N\"",
                   text, what, at);
}

static const char *skip(const char *s)
{
    while (isspace((unsigned char)*s))
        s++;
    return s;
}

/* Length of the word at s: up to a separator or a space. */
static size_t word(const char *s)
{
    size_t n = 0;
    while (s[n] && !strchr(",;:", s[n]) && !isspace((unsigned char)s[n]))
        n++;
    return n;
}

static int input_of(const ig_trace_opts *o, int n_in, const char *s, size_t n)
{
    for (int i = 0; i < n_in; i++)
        if (strlen(o->inputs[i].name) == n && !memcmp(o->inputs[i].name, s, n))
            return i;
    return -1;
}

static ig_status symbol_of(igi_dynamic *d, const char *s, size_t n, int *out)
{
    for (size_t i = 0; i < d->symbols.n; i++) {
        if (strlen(d->symbols.p[i]) == n && !memcmp(d->symbols.p[i], s, n)) {
            *out = (int)i;
            return IG_OK;
        }
    }
    char *name = igi_strndup(s, n);
    if (!name || !IGI_PUSH(&d->symbols, name)) {
        igi_free(name);
        return IG_OUT_OF_MEMORY;
    }
    *out = (int)d->symbols.n - 1;
    return IG_OK;
}

/* One dim: a number that the example must have, or a name. */
static ig_status parse_dim(igi_dynamic *d,
                           const ig_trace_opts *o,
                           int input,
                           int axis,
                           const char *s,
                           size_t n)
{
    const ig_tensor *x = o->inputs[input].example;
    if (axis >= x->v.type.rank)
        return wrong(o->dynamic, s, "the example has fewer dims");
    if (isdigit((unsigned char)*s)) {
        char *end;
        errno = 0;
        int64_t v = strtoll(s, &end, 10);
        if (errno || end != s + n || v != ig_tensor_dim(x, axis))
            return wrong(o->dynamic, s, "the example has another size");
        return IG_OK;
    }
    igi_dyn_dim dim = {.input = input, .axis = axis};
    IG_TRY(symbol_of(d, s, n, &dim.symbol));
    return IGI_PUSH(&d->dims, dim) ? IG_OK : IG_OUT_OF_MEMORY;
}

ig_status igi_dynamic_parse(igi_dynamic *d, const ig_trace_opts *o, int n_in)
{
    const char *s = skip(o->dynamic ? o->dynamic : "");
    while (*s) {
        size_t n = word(s);
        int input = input_of(o, n_in, s, n), axis = 0;
        if (input < 0)
            return wrong(o->dynamic, s, "there is no input of that name");
        if (!o->inputs[input].example)
            return wrong(o->dynamic, s, "the input is no tensor");
        s = skip(s + n);
        if (*s != ':')
            return wrong(o->dynamic, s, "a colon is missing");
        do {
            s = skip(s + 1);
            n = word(s);
            if (!n)
                return wrong(o->dynamic, s, "a dim is missing");
            IG_TRY(parse_dim(d, o, input, axis++, s, n));
            s = skip(s + n);
        } while (*s == ',');
        if (axis != o->inputs[input].example->v.type.rank)
            return wrong(o->dynamic, s, "the example has more dims");
        if (*s == ';')
            s = skip(s + 1);
        else if (*s)
            return wrong(o->dynamic, s, "a comma or semicolon is missing");
    }
    return IG_OK;
}
