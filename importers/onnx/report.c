/* What every (operator, opset) of a model stands for, and the list of all that has no
 * meaning here: users see everything that is missing at once, before anything is built.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/text.h"
#include "importers/onnx/contrib.h"
#include "importers/onnx/gradient.h"
#include "importers/onnx/upgrade.h"

static int64_t opset_of(const igi_onnx_opsets *o, const char *domain)
{
    for (; o; o = o->up)
        for (size_t i = 0; i < o->n; i++)
            if (strcmp(igi_onnx_domain(o->v[i]->domain), domain) == 0)
                return o->v[i]->version;
    return 0;
}

/* Lengths stand first: the parts may hold any character. */
bool igi_onnx_function_key(char key[IGI_ONNX_FUNCTION_KEY],
                           const char *domain,
                           const char *name,
                           const char *overload)
{
    domain = igi_onnx_domain(domain);
    int n = snprintf(key, IGI_ONNX_FUNCTION_KEY, "%zu %zu %s%s%s", strlen(domain),
                     strlen(pb_str(name)), domain, pb_str(name), pb_str(overload));
    return n >= 0 && n < IGI_ONNX_FUNCTION_KEY;
}

/* Index + 1 of the local function that a node calls, 0 when it calls none. Import.c
 * refuses functions whose names make no key. */
static uint32_t function_of(const igi_onnx_build *b, const pb_node *node)
{
    char key[IGI_ONNX_FUNCTION_KEY];
    return b->model->n_functions && igi_onnx_function_key(key, node->domain,
                                                          node->op_type, node->overload)
               ? igi_map_get(&b->functions, key)
               : 0;
}

igi_onnx_found
igi_onnx_find(const igi_onnx_build *b, const pb_node *node, const igi_onnx_opsets *o)
{
    const char *domain = igi_onnx_domain(node->domain), *type = pb_str(node->op_type);
    igi_onnx_found f = {.meaning = IGI_ONNX_UNSUPPORTED, .opset = opset_of(o, domain)};
    uint32_t function = function_of(b, node);
    if (function) {
        f.meaning = IGI_ONNX_FUNCTION;
        f.function_index = function - 1;
        f.function = b->model->functions[f.function_index];
        return f;
    }
    if (strstr(type, "::")) /* the keys of the tables are full names, names are not */
        return f;
    if (igi_onnx_is_gradient(node) && f.opset > 0) {
        f.meaning = IGI_ONNX_GRADIENT;
        f.version = 1;
        return f;
    }
    const igi_onnx_upgrade *u = igi_onnx_upgrade_find(domain, type);
    const igi_op *op = igi_registry_find(b->reg, *domain ? domain : NULL,
                                         *domain ? type : igi_onnx_successor(type));
    if (u)
        f.version = igi_onnx_version(u, f.opset);
    else if (op && f.opset >= (int64_t)op->def->since)
        f.version = op->def->since;
    /* The runtime's own domains have one version, and its optimiser does not always
     * import them. */
    if (f.version == 0 && (f.opset > 0 || *domain) &&
        (u = igi_onnx_contrib_find(domain, type))) {
        f.version = 1;
        op = igi_registry_find(b->reg, NULL, type);
    }
    if (f.version == 0)
        return f;
    f.op = op;
    f.upgrade = u;
    if (u && strcmp(type, "Constant") == 0)
        f.meaning = IGI_ONNX_CONSTANT;
    else if (op || (u && u->run))
        f.meaning = IGI_ONNX_OPERATOR;
    return f;
}

void igi_onnx_warn(const igi_onnx_build *b, const char *fmt, ...)
{
    char text[512];
    va_list args;
    if (!b->warn)
        return;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    b->warn(text, b->user);
}

/* ---- the list
 * ----------------------------------------------------------------------------- */

typedef struct missing {
    const char *domain, *type, *first;
    int64_t opset;
    uint64_t count;
} missing;

typedef struct list {
    pb_node **nodes;
    size_t n;
    const igi_onnx_opsets *opsets;
} list;

typedef struct survey {
    igi_onnx_build *b;
    IGI_VEC(list) lists;
    IGI_VEC(missing) rows;
    igi_map seen;     /* "domain:type:opset" -> row + 1 */
    uint8_t *visited; /* per function */
} survey;

static ig_status
add_list(survey *s, pb_node **nodes, size_t n, const igi_onnx_opsets *o)
{
    list l = {nodes, n, o};
    return IGI_PUSH(&s->lists, l) ? IG_OK : IG_OUT_OF_MEMORY;
}

static ig_status add_missing(survey *s, const pb_node *node, int64_t opset)
{
    const char *domain = igi_onnx_domain(node->domain), *type = pb_str(node->op_type);
    char key[320];
    (void)snprintf(key, sizeof(key), "%.120s:%.120s:%" PRId64, domain, type, opset);
    uint32_t at = igi_map_get(&s->seen, key);
    if (at) {
        s->rows.p[at - 1].count++;
        return IG_OK;
    }
    missing row = {domain, type, pb_str(node->name), opset, 1};
    char *own = igi_arena_strdup(&s->b->arena, key);
    if (!own || !IGI_PUSH(&s->rows, row))
        return IG_OUT_OF_MEMORY;
    return igi_map_put(&s->seen, own, (uint32_t)s->rows.n);
}

static ig_status visit_function(survey *s, size_t i)
{
    const pb_function *f = s->b->model->functions[i];
    if (s->visited[i])
        return IG_OK;
    s->visited[i] = 1;
    igi_onnx_opsets *o = igi_arena_alloc(&s->b->arena, sizeof(*o));
    if (!o)
        return IG_OUT_OF_MEMORY;
    *o = (igi_onnx_opsets){f->opset_import, f->n_opset_import, &s->b->opsets};
    return add_list(s, f->node, f->n_node, o);
}

static ig_status visit_node(survey *s, const pb_node *node, const igi_onnx_opsets *o)
{
    igi_onnx_found f = igi_onnx_find(s->b, node, o);
    if (f.meaning == IGI_ONNX_UNSUPPORTED)
        IG_TRY(add_missing(s, node, f.opset));
    if (f.meaning == IGI_ONNX_FUNCTION)
        IG_TRY(visit_function(s, f.function_index));
    for (size_t i = 0; i < node->n_attribute; i++) {
        const pb_attribute *a = node->attribute[i];
        if (a->g)
            IG_TRY(add_list(s, a->g->node, a->g->n_node, o));
        for (size_t k = 0; k < a->n_graphs; k++)
            IG_TRY(add_list(s, a->graphs[k]->node, a->graphs[k]->n_node, o));
    }
    return IG_OK;
}

static ig_status say(survey *s)
{
    igi_text text = {0};
    char *all = NULL;
    for (size_t i = 0; i < s->rows.n; i++) {
        const missing *m = &s->rows.p[i];
        igi_text_add(&text, "%s%s%s%s", i ? ", " : "", m->domain,
                     *m->domain ? "::" : "", m->type);
        if (m->opset)
            igi_text_add(&text, " (opset %" PRId64 ")", m->opset);
        else
            igi_text_add(&text, " (its domain is not imported)");
        igi_text_add(&text, " x%" PRIu64, m->count);
    }
    IG_TRY(igi_text_take(&text, &all));
    ig_status rc = ig_fail(
        IG_UNSUPPORTED, "%zu operator%s of this model %s not supported: %s", s->rows.n,
        s->rows.n == 1 ? "" : "s", s->rows.n == 1 ? "is" : "are", all);
    igi_onnx_warn(s->b, "not supported: %s", all);
    igi_free(all);
    return rc;
}

ig_status igi_onnx_report(igi_onnx_build *b)
{
    survey s = {.b = b};
    ig_status rc;
    s.visited = igi_calloc(b->model->n_functions + 1, 1);
    if (!s.visited)
        return IG_OUT_OF_MEMORY;
    IG_GO(add_list(&s, b->model->graph->node, b->model->graph->n_node, &b->opsets));
    while (s.lists.n > 0) {
        list l = s.lists.p[--s.lists.n];
        for (size_t i = 0; i < l.n; i++)
            IG_GO(visit_node(&s, l.nodes[i], l.opsets));
    }
    rc = s.rows.n ? say(&s) : IG_OK;
out:
    IGI_VEC_FREE(&s.lists);
    IGI_VEC_FREE(&s.rows);
    igi_map_fini(&s.seen);
    igi_free(s.visited);
    return rc;
}
