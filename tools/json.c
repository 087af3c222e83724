/* JSON out and in; see json.h. */
#include "tools/json.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/arena.h"
#include "graph/core/status.h"
#include "graph/core/utf8.h"
#include "graph/ir/body.h"

/* Of a model's description: its bodies take four levels each. */
#define DEPTH_MAX (4 * IGI_BODY_DEPTH + 8)

/* ---- writing ---- */

static void quote(igi_text *t, const char *s)
{
    igi_text_add_bytes(t, "\"", 1);
    while (*s) {
        unsigned char c = (unsigned char)*s;
        size_t n = igi_utf8_length(s, strnlen(s, 4));
        if (c == '"' || c == '\\')
            igi_text_add(t, "\\%c", c);
        else if (c == '\n')
            igi_text_add_bytes(t, "\\n", 2);
        else if (c < 0x20 || c == 0x7f || n == 0)
            igi_text_add(t, "\\u%04x", c);
        else
            igi_text_add_bytes(t, s, n);
        s += n ? n : 1;
    }
    igi_text_add_bytes(t, "\"", 1);
}

void json_key(json_out *j, const char *key)
{
    if (j->comma)
        igi_text_add_bytes(&j->text, ", ", 2);
    j->comma = false;
    if (!key)
        return;
    quote(&j->text, key);
    igi_text_add_bytes(&j->text, ": ", 2);
}

void json_begin(json_out *j, char bracket)
{
    if (j->comma)
        igi_text_add_bytes(&j->text, ", ", 2);
    igi_text_add_bytes(&j->text, &bracket, 1);
    j->comma = false;
}

void json_end(json_out *j, char bracket)
{
    igi_text_add_bytes(&j->text, &bracket, 1);
    j->comma = true;
}

void json_string(json_out *j, const char *key, const char *value)
{
    json_key(j, key);
    if (value)
        quote(&j->text, value);
    else
        igi_text_add_bytes(&j->text, "null", 4);
    j->comma = true;
}

void json_int(json_out *j, const char *key, int64_t value)
{
    json_key(j, key);
    igi_text_add(&j->text, "%" PRId64, value);
    j->comma = true;
}

static void number(json_out *j, const char *key, double value, int digits)
{
    char text[40];
    json_key(j, key);
    if (isfinite(value)) {
        (void)snprintf(text, sizeof(text), "%.*g", digits, value);
        igi_text_add(&j->text, "%s", text);
    } else {
        igi_text_add_bytes(&j->text, "null", 4);
    }
    j->comma = true;
}

void json_number(json_out *j, const char *key, double value)
{
    number(j, key, value, 9);
}

void json_double(json_out *j, const char *key, double value)
{
    number(j, key, value, 17);
}

void json_bool(json_out *j, const char *key, bool value)
{
    json_key(j, key);
    igi_text_add(&j->text, "%s", value ? "true" : "false");
    j->comma = true;
}

void json_raw(json_out *j, const char *key, const char *json)
{
    json_key(j, key);
    igi_text_add_bytes(&j->text, json, strlen(json));
    j->comma = true;
}

void json_print(json_out *j)
{
    if (!j->text.failed) {
        (void)fwrite(j->text.p, 1, j->text.n, stdout);
        putchar('\n');
    }
    igi_text_fini(&j->text);
    j->comma = false;
}

/* ---- reading ---- */

typedef struct reader {
    igi_arena *arena;
    const char *p, *end;
} reader;

static bool fail(const char *what)
{
    (void)ig_fail(IG_INVALID_ARGUMENT, "JSON: %s", what);
    return false;
}

static void skip_blanks(reader *r)
{
    while (r->p < r->end &&
           (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r'))
        r->p++;
}

static bool read_escape(reader *r, char **to)
{
    static const char from[] = "\"\\/bfnrt", into[] = "\"\\/\b\f\n\r\t";
    char hex[5] = {0};
    if (r->p >= r->end)
        return fail("a string does not end");
    const char *at = strchr(from, *r->p);
    char c = *r->p++;
    if (c && at) {
        *(*to)++ = into[at - from];
        return true;
    }
    if (c != 'u' || r->end - r->p < 4)
        return fail("unknown escape");
    memcpy(hex, r->p, 4);
    r->p += 4;
    unsigned long v = strtoul(hex, NULL, 16);
    if (v < 0x80) {
        *(*to)++ = (char)v;
    } else if (v < 0x800) {
        *(*to)++ = (char)(0xc0 | v >> 6);
        *(*to)++ = (char)(0x80 | (v & 63));
    } else {
        *(*to)++ = (char)(0xe0 | v >> 12);
        *(*to)++ = (char)(0x80 | (v >> 6 & 63));
        *(*to)++ = (char)(0x80 | (v & 63));
    }
    return true;
}

static char *read_string(reader *r)
{
    const char *close = r->p + 1;
    while (close < r->end && *close != '"')
        close += *close == '\\' && close + 1 < r->end ? 2 : 1;
    if (r->p >= r->end || *r->p != '"' || close >= r->end) {
        (void)fail("a string was expected");
        return NULL;
    }
    char *s = igi_arena_alloc(r->arena, (size_t)(close - r->p) + 1), *to = s;
    for (r->p++; s && r->p < close;) {
        if (*r->p != '\\') {
            *to++ = *r->p++;
            continue;
        }
        r->p++;
        if (!read_escape(r, &to))
            return NULL;
    }
    if (s)
        *to = 0;
    r->p = close + 1;
    return s;
}

static bool read_scalar(reader *r, json_value *v)
{
    static const struct {
        const char *word;
        json_kind kind;
        double number;
    } words[] = {
        {"true", JSON_BOOL, 1}, {"false", JSON_BOOL, 0}, {"null", JSON_NULL, 0}};
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i].word);
        if ((size_t)(r->end - r->p) >= n && memcmp(r->p, words[i].word, n) == 0) {
            v->kind = words[i].kind;
            v->number = words[i].number;
            r->p += n;
            return true;
        }
    }
    char text[64] = {0};
    size_t n = 0;
    while (r->p + n < r->end && n < sizeof(text) - 1 &&
           strchr("+-.0123456789eE", r->p[n]))
        n++;
    memcpy(text, r->p, n);
    char *end = text;
    v->kind = JSON_NUMBER;
    v->number = strtod(text, &end);
    if (n == 0 || *end)
        return fail("a value was expected");
    r->p += n;
    return true;
}

/* One level of nesting being read. */
typedef struct level {
    json_value *parent, **tail;
} level;

/* The value at the reader; brackets open a level, which the loop of json_parse fills.
 */
static bool read_value(reader *r, json_value *v, level *levels, int *depth)
{
    skip_blanks(r);
    if (r->p >= r->end)
        return fail("it ends early");
    if (*r->p == '"') {
        v->kind = JSON_STRING;
        v->string = read_string(r);
        return v->string != NULL;
    }
    if (*r->p != '{' && *r->p != '[')
        return read_scalar(r, v);
    if (*depth == DEPTH_MAX)
        return fail("nested too deeply");
    v->kind = *r->p++ == '{' ? JSON_OBJECT : JSON_ARRAY;
    levels[(*depth)++] = (level){v, &v->child};
    return true;
}

/* One item of the innermost open level, or its end. */
static bool read_item(reader *r, level *levels, int *depth)
{
    level *l = &levels[*depth - 1];
    bool object = l->parent->kind == JSON_OBJECT;
    skip_blanks(r);
    if (r->p < r->end && *r->p == (object ? '}' : ']')) {
        r->p++;
        (*depth)--;
        return true;
    }
    if (l->parent->child) {
        if (r->p >= r->end || *r->p != ',')
            return fail("a comma was expected");
        r->p++;
    }
    json_value *v = igi_arena_alloc(r->arena, sizeof(*v));
    if (!v)
        return false;
    *v = (json_value){0};
    if (object) {
        skip_blanks(r);
        v->key = read_string(r);
        skip_blanks(r);
        if (!v->key || r->p >= r->end || *r->p++ != ':')
            return fail("a key was expected");
    }
    *l->tail = v;
    l->tail = &v->next;
    return read_value(r, v, levels, depth);
}

bool json_parse(json_doc *doc, const char *text, size_t n)
{
    level levels[DEPTH_MAX];
    int depth = 0;
    *doc = (json_doc){0};
    doc->arena = igi_calloc(1, sizeof(*doc->arena));
    if (!doc->arena)
        return false;
    reader r = {doc->arena, text, text + n};
    doc->root = igi_arena_alloc(doc->arena, sizeof(*doc->root));
    bool ok = doc->root != NULL;
    if (ok) {
        *doc->root = (json_value){0};
        ok = read_value(&r, doc->root, levels, &depth);
    }
    while (ok && depth > 0)
        ok = read_item(&r, levels, &depth);
    if (!ok)
        json_free(doc);
    return ok;
}

void json_free(json_doc *doc)
{
    if (doc->arena)
        igi_arena_fini(doc->arena);
    igi_free(doc->arena);
    *doc = (json_doc){0};
}

const json_value *json_get(const json_value *v, const char *key)
{
    if (!v || v->kind != JSON_OBJECT)
        return NULL;
    for (v = v->child; v; v = v->next)
        if (strcmp(v->key, key) == 0)
            return v;
    return NULL;
}

const char *json_get_string(const json_value *v, const char *key)
{
    const json_value *s = json_get(v, key);
    return s && s->kind == JSON_STRING ? s->string : "";
}

double json_get_number(const json_value *v, const char *key, double otherwise)
{
    const json_value *n = json_get(v, key);
    return n && n->kind == JSON_NUMBER ? n->number : otherwise;
}
