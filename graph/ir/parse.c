/* One node from one line of text: "y, mask = Dropout(x, ratio) seed=1".
 *
 *     line   = outputs "=" operator "(" inputs ")" { name "=" value }
 *     value  = word { "," word }        a word may stand in double quotes
 *
 * Attributes go through the operator's own table, so this file knows no operator. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/text.h"
#include "graph/core/utf8.h"
#include "graph/ir/build.h"

enum { NAMES_MAX = 64, WORDS_MAX = 256 };

typedef struct line {
    ig_graph *g;
    char *at; /* a copy, cut into words as it is read */
    const igi_op *op;
    void *attrs;
    char *outputs[NAMES_MAX], *inputs[NAMES_MAX];
    int n_out, n_in;
} line;

static bool is_space(char c)
{
    return c == ' ' || c == '\t';
}

static char *skip(char *p)
{
    while (is_space(*p))
        p++;
    return p;
}

/* Cuts `text` at commas into trimmed words; -1: too many. */
static int split(char *text, char **words, int most)
{
    int n = 0;
    if (!*skip(text))
        return 0;
    for (char *next = text; next; text = next) {
        next = strchr(text, ',');
        if (next)
            *next++ = 0;
        text = skip(text);
        size_t end = strlen(text);
        while (end && is_space(text[end - 1]))
            text[--end] = 0;
        if (n == most)
            return -1;
        words[n++] = text;
    }
    return n;
}

static ig_status read_call(line *l)
{
    char *equals = strchr(l->at, '='), *open = equals ? strchr(equals, '(') : NULL,
         *close = open ? strchr(open, ')') : NULL, *name[1];
    if (!close)
        return ig_fail(IG_INVALID_GRAPH, "expected `outputs = Operator(inputs) "
                                         "attribute=value ...`");
    *equals = *open = *close = 0;
    l->n_out = split(l->at, l->outputs, NAMES_MAX);
    l->n_in = split(open + 1, l->inputs, NAMES_MAX);
    if (l->n_out < 1 || l->n_in < 0 || split(equals + 1, name, 1) != 1)
        return ig_fail(IG_INVALID_GRAPH,
                       "expected 1 to %d outputs, one operator and at most %d inputs",
                       NAMES_MAX, NAMES_MAX);
    l->op = igi_registry_find_full(l->g->reg, name[0]);
    if (!l->op)
        return ig_fail(IG_NOT_FOUND, "there is no operator '%s'", name[0]);
    l->at = close + 1;
    return IG_OK;
}

/* ---- attributes ---- */

static bool read_int(const char *word, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(word, &end, 10);
    return *word && !*end && errno == 0;
}

static bool read_float(const char *word, float *out)
{
    double v;
    if (!igi_parse_real(word, strlen(word), &v))
        return false;
    *out = (float)v;
    return true;
}

static ig_status set_list(const line *l, const ig_attr_def *row, char **words, int n)
{
    int64_t ints[WORDS_MAX];
    float floats[WORDS_MAX];
    igi_arena *a = &l->g->arena;
    const ig_op_def *op = l->op->def;
    for (int i = 0; i < n; i++)
        if ((row->kind == IG_A_INTS && !read_int(words[i], &ints[i])) ||
            (row->kind == IG_A_FLOATS && !read_float(words[i], &floats[i])))
            return ig_fail(IG_INVALID_GRAPH, "attribute %s: '%s' is no number",
                           row->name, words[i]);
    if (row->kind == IG_A_INTS)
        return igi_attrs_set_ints(a, op, l->attrs, row->name, ints, n);
    if (row->kind == IG_A_FLOATS)
        return igi_attrs_set_floats(a, op, l->attrs, row->name, floats, n);
    return igi_attrs_set_strings(a, op, l->attrs, row->name, (const char *const *)words,
                                 n);
}

static ig_status set_one(const line *l, const ig_attr_def *row, const char *word)
{
    int64_t number = 0;
    float real = 0;
    const ig_op_def *op = l->op->def;
    bool is_type = row->kind == IG_A_DTYPE && ig_dtype_parse(word) != IG_UNDEFINED;
    if (is_type)
        number = ig_dtype_parse(word);
    switch ((ig_attr_kind)row->kind) {
    case IG_A_INT:
    case IG_A_DTYPE:
        if (!is_type && !read_int(word, &number))
            return ig_fail(IG_INVALID_GRAPH, "attribute %s: '%s' is no integer",
                           row->name, word);
        return igi_attrs_set_int(op, l->attrs, row->name, number);
    case IG_A_FLOAT:
        if (!read_float(word, &real))
            return ig_fail(IG_INVALID_GRAPH, "attribute %s: '%s' is no number",
                           row->name, word);
        return igi_attrs_set_float(op, l->attrs, row->name, real);
    case IG_A_STRING:
    case IG_A_ENUM:
        return igi_attrs_set_string(&l->g->arena, op, l->attrs, row->name, word);
    default:
        return ig_fail(IG_UNSUPPORTED,
                       "attribute %s holds a tensor or a graph: text cannot say it",
                       row->name);
    }
}

/* The value of name=value: up to the next space, or in double quotes. *end: after it.
 */
static char *read_value(char *p, char **end)
{
    char quote = *p == '"' ? '"' : 0;
    char *value = quote ? p + 1 : p, *stop = value;
    while (*stop && (quote ? *stop != quote : !is_space(*stop)))
        stop++;
    *end = *stop ? stop + 1 : stop;
    *stop = 0;
    return value;
}

static ig_status read_attrs(line *l)
{
    for (char *p = skip(l->at); *p; p = skip(p)) {
        char *equals = strchr(p, '='), *words[WORDS_MAX];
        if (!equals)
            return ig_fail(IG_INVALID_GRAPH, "expected attribute=value, found '%s'", p);
        *equals = 0;
        const ig_attr_def *row = igi_attr_find(l->op->def, p);
        if (!row)
            return ig_fail(IG_INVALID_GRAPH, "%s has no attribute '%s'",
                           l->op->def->name, p);
        char *value = read_value(equals + 1, &p);
        bool list = row->kind == IG_A_INTS || row->kind == IG_A_FLOATS ||
                    row->kind == IG_A_STRINGS;
        int n = list ? split(value, words, WORDS_MAX) : 1;
        if (n < 0)
            return ig_fail(IG_LIMIT, "attribute %s has more than %d items", row->name,
                           WORDS_MAX);
        IG_TRY(list ? set_list(l, row, words, n) : set_one(l, row, value));
    }
    return IG_OK;
}

/* The operator's attributes, made from what is left of the line. */
static ig_status take_attrs(line *l)
{
    if (!l->op->def->attrs)
        return !*skip(l->at)
                   ? IG_OK
                   : ig_fail(IG_INVALID_GRAPH, "%s has no attributes, found '%s'",
                             l->op->def->name, skip(l->at));
    l->attrs = igi_arena_alloc(&l->g->arena, l->op->def->attrs_size);
    if (!l->attrs)
        return IG_OUT_OF_MEMORY;
    igi_attrs_init(l->op->def, l->attrs);
    return read_attrs(l);
}

/* ---- the node ---- */

/* Outputs get the names that the line says: another one would leave later lines with
 * an older value. */
static ig_status check_outputs(const line *l)
{
    for (int i = 0; i < l->n_out; i++) {
        const char *name = l->outputs[i];
        bool taken = *name && ig_graph_find(l->g, name).i;
        for (int k = 0; *name && k < i; k++)
            taken |= strcmp(l->outputs[k], name) == 0;
        if (taken)
            return ig_fail(IG_INVALID_GRAPH, "the name '%s' is taken", name);
        if (*name)
            IG_TRY(igi_name_check("a value", name));
    }
    return IG_OK;
}

static ig_status make(line *l, ig_value_id *out)
{
    ig_value_id in[NAMES_MAX] = {{0}}, made[NAMES_MAX];
    IG_TRY(read_call(l));
    IG_TRY(check_outputs(l));
    IG_TRY(take_attrs(l));
    for (int i = 0; i < l->n_in; i++) {
        in[i] = *l->inputs[i] ? ig_graph_find(l->g, l->inputs[i]) : (ig_value_id){0};
        if (*l->inputs[i] && !in[i].i)
            return ig_fail(IG_NOT_FOUND, "input '%s' is not known here", l->inputs[i]);
    }
    ig_call call = {
        .op = l->op->def, .attrs = l->attrs, .n_in = l->n_in, .n_out = l->n_out};
    IG_TRY(igi_graph_make_as(l->g, &call, in, (const char *const *)l->outputs, made));
    if (out)
        *out = made[0];
    return IG_OK;
}

static ig_status
make_call(line *l, const ig_value_id *in, int n_in, ig_value_id *out, int n_out)
{
    char *end = l->at + strcspn(l->at, " ");
    char *rest = *end ? end + 1 : end;
    *end = 0;
    l->op = igi_registry_find_full(l->g->reg, l->at);
    if (!l->op)
        return ig_fail(IG_UNSUPPORTED, "it needs operator '%s'", l->at);
    l->at = rest;
    IG_TRY(take_attrs(l));
    ig_call call = {.op = l->op->def, .attrs = l->attrs, .n_in = n_in, .n_out = n_out};
    return ig_graph_make(l->g, &call, in, out);
}

ig_status igi_graph_make_call(ig_graph *g,
                              const char *text,
                              const ig_value_id *in,
                              int n_in,
                              ig_value_id *out,
                              int n_out)
{
    char *copy = igi_strdup(text);
    if (!copy)
        return IG_OUT_OF_MEMORY;
    line l = {.g = g, .at = copy};
    ig_status rc = make_call(&l, in, n_in, out, n_out);
    igi_free(copy);
    return rc;
}

ig_status ig_graph_make_text(ig_graph *g, const char *text, ig_value_id *out)
{
    igi_error_clear();
    char *copy = igi_strdup(text ? text : "");
    if (!copy)
        return IG_OUT_OF_MEMORY;
    line l = {.g = g, .at = copy};
    ig_status rc = make(&l, out);
    igi_free(copy);
    return rc == IG_OK || rc == IG_OUT_OF_MEMORY
               ? rc
               : ig_fail_context("'%.120s'", text ? text : "");
}
