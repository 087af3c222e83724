/* Lists of notes, threaded through one array of the graph. */
#include "graph/ir/note.h"

#include <string.h>

#include "graph/core/utf8.h"

const char *igi_note_name(int kind)
{
    static const char *const names[IGI_NOTE_KINDS] = {
        NULL,           "doc",   "metadata", "tensor doc",    "tensor metadata",
        "quantization", "model", "devices",  "configuration", "training"};
    return kind > 0 && kind < IGI_NOTE_KINDS ? names[kind] : NULL;
}

bool igi_note_is_text(int kind)
{
    return kind < IGI_NOTE_DEVICES;
}

ig_status igi_note_add(ig_graph *g,
                       igi_notes *list,
                       igi_note_kind kind,
                       const char *key,
                       const void *value,
                       size_t bytes)
{
    size_t n = g->notes.n ? g->notes.n : 1; /* slot 0 stands for none */
    if (n >= UINT32_MAX)
        return ig_fail(IG_LIMIT, "a graph has more than 2^32 notes");
    if (key)
        IG_TRY(igi_name_check("a note", key));
    if (igi_note_is_text((int)kind) && !igi_utf8_ok(value, bytes, false))
        return ig_fail(IG_INVALID_ARGUMENT, "a note '%s' (%s) is not UTF-8",
                       key ? key : "", igi_note_name((int)kind));
    igi_note one = {.kind = (uint8_t)kind,
                    .key = igi_arena_strdup(&g->arena, key ? key : ""),
                    .value = igi_arena_strndup(&g->arena, bytes ? value : "", bytes),
                    .bytes = bytes};
    if (!one.key || !one.value || !IGI_RESERVE(&g->notes, n + 1))
        return IG_OUT_OF_MEMORY;
    if (g->notes.n == 0)
        g->notes.p[g->notes.n++] = (igi_note){0};
    g->notes.p[g->notes.n++] = one;
    if (list->last)
        g->notes.p[list->last].next = (uint32_t)n;
    else
        list->first = (uint32_t)n;
    list->last = (uint32_t)n;
    return IG_OK;
}

ig_status igi_notes_copy(ig_graph *dst,
                         igi_notes *list,
                         const ig_graph *src,
                         const igi_notes *from)
{
    for (uint32_t i = from->first; i; i = igi_note_at(src, i)->next) {
        const igi_note *n = igi_note_at(src, i);
        IG_TRY(igi_note_add(dst, list, (igi_note_kind)n->kind, n->key, n->value,
                            n->bytes));
    }
    return IG_OK;
}

/* ---- declared types ---- */

static int64_t *dims_of(ig_type *t)
{
    return t->rank > 8 ? t->u.dim_far : t->u.dim;
}

/* What a file calls a dim: NULL when nothing, or nothing that fits into buf. */
static const char *called(const ig_symtab *s, int64_t d, char *buf, size_t size)
{
    const char *label = igi_symtab_label(s, d);
    if (d >= -1 || label || igi_symtab_is_fresh(s, d))
        return label;
    if (igi_symtab_name(s, d))
        return igi_symtab_name(s, d);
    igi_dim_print(s, d, buf, size);
    return strlen(buf) + 1 < size ? buf : NULL;
}

/* have, a dim of a value, when a file says `want`. */
static int64_t
declared_dim(ig_graph *g, const igi_gvalue *v, int64_t have, int64_t want)
{
    char buf[256];
    if (have != -1 && !igi_symtab_is_fresh(g->syms, have))
        return have;
    if (want >= 0) /* what a node makes: exporters write the one of their example */
        return v->producer.i ? have : want;
    const char *name = called(g->syms, want, buf, sizeof(buf));
    return name ? igi_dim_labelled(g->syms, have, name) : have;
}

ig_status
igi_graph_declare(ig_graph *g, ig_value_id v, const ig_type *type, bool *agree)
{
    igi_gvalue *value = igi_value_at(g, v);
    ig_type *have = &value->type;
    *agree = true;
    if (type->kind != have->kind ||
        (type->kind == IG_KIND_TENSOR && type->dtype != have->dtype)) {
        char a[160], b[160];
        return ig_fail(IG_INVALID_GRAPH, "declared as %s, but the graph makes %s",
                       igi_type_print(type, g->syms, a, sizeof(a)),
                       igi_type_print(have, g->syms, b, sizeof(b)));
    }
    if (type->kind != IG_KIND_TENSOR || type->rank < 0)
        return IG_OK;
    if (have->rank < 0) {
        ig_type whole = {0};
        IG_TRY(igi_type_copy(&whole, type));
        for (int i = 0; i < whole.rank; i++)
            dims_of(&whole)[i] = declared_dim(g, value, -1, dims_of(&whole)[i]);
        igi_type_fini(have);
        *have = whole;
        return IG_OK;
    }
    *agree = have->rank == type->rank;
    for (int i = 0; *agree && i < have->rank; i++) {
        int64_t x = ig_type_dims(have)[i], y = ig_type_dims(type)[i];
        *agree = x < 0 || y < 0 || x == y;
    }
    for (int i = 0; *agree && i < have->rank; i++)
        dims_of(have)[i] =
            declared_dim(g, value, dims_of(have)[i], ig_type_dims(type)[i]);
    return IG_OK;
}

ig_status igi_notes_copy_value(ig_graph *dst,
                               ig_value_id to,
                               const ig_graph *src,
                               ig_value_id from)
{
    const igi_gvalue *v = igi_value_at(src, from);
    IG_TRY(igi_notes_copy(dst, &igi_value_at(dst, to)->notes, src, &v->notes));
    igi_value_at(dst, to)->declared = v->declared;
    if (!v->declared || !v->producer.i)
        return IG_OK;
    ig_type t = {0};
    bool agree;
    IG_TRY(igi_type_translate(&t, dst->syms, &v->type, src->syms));
    ig_status rc = igi_graph_declare(dst, to, &t, &agree);
    igi_type_fini(&t);
    return rc;
}
