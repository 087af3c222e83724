/* Writing .ingot files (format.h): the graph section is built in memory, tensors are
 * streamed after it; the table is patched in last, because it holds the checksums. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/file.h"
#include "graph/core/text.h"
#include "graph/core/utf8.h"
#include "graph/core/vec.h"
#include "graph/ir/note.h"
#include "importers/native/format.h"
#include "importers/native/native.h"

typedef struct payload {
    const ig_tensor *t;
    uint64_t offset, bytes;
} payload;

typedef struct builder {
    const ig_graph *g;
    igi_text out;     /* the graph section */
    uint32_t *number; /* per value id: number in the file */
    uint32_t next;
    IGI_VEC(payload) payloads;
    uint64_t tensor_bytes; /* of the TENSORS section so far */
    igi_text notes;        /* the NOTES section */
    uint32_t subjects;     /* in it */
} builder;

static void put(builder *b, const void *p, size_t n)
{
    igi_text_add_bytes(&b->out, p, n);
}

static void put_u8(builder *b, unsigned v)
{
    uint8_t x = (uint8_t)v;
    put(b, &x, sizeof(x));
}

static void put_u32(builder *b, uint64_t v)
{
    uint32_t x = (uint32_t)v;
    put(b, &x, sizeof(x));
}

static void put_i64(builder *b, int64_t v)
{
    put(b, &v, sizeof(v));
}

static void put_bytes(builder *b, const char *s, size_t n)
{
    put_u32(b, n);
    put(b, s, n);
}

static void put_str(builder *b, const char *s)
{
    put_bytes(b, s ? s : "", s ? strlen(s) : 0);
}

/* ---- types, tensors ---- */

/* A fresh dim of a declared type by its label: it is read as one. */
static void put_dim(builder *b, int64_t d, bool declared)
{
    const char *name = declared && igi_symtab_is_fresh(b->g->syms, d)
                           ? igi_symtab_label(b->g->syms, d)
                           : igi_symtab_name(b->g->syms, d);
    put_i64(b, d >= 0 ? d : name ? -2 : -1);
    if (name)
        put_str(b, name);
}

static ig_status put_type(builder *b, const ig_type *t, const char *name, bool declared)
{
    put_u8(b, t->kind);
    put_u8(b, t->dtype);
    if (t->kind != IG_KIND_TENSOR && t->kind != IG_KIND_SPARSE)
        return put_type(b, t->u.elem, name,
                        declared); /* nested IGI_NEST_MAX deep at most */
    if (t->kind != IG_KIND_TENSOR)
        return ig_fail(IG_UNSUPPORTED, "'%s' is of kind %d, which .ingot files lack",
                       name, t->kind);
    int64_t rank = t->rank; /* -1: unknown, all ones in the file */
    put_u32(b, (uint64_t)rank);
    for (int i = 0; i < t->rank; i++)
        put_dim(b, ig_type_dims(t)[i], declared);
    return IG_OK;
}

static void put_strings(builder *b, const ig_tensor *t)
{
    int64_t n = igi_tensor_count(t);
    const igi_str *const *s = (const igi_str *const *)(const void *)t->data;
    for (int64_t i = 0; i < n; i++)
        put_bytes(b, s[i] ? s[i]->text : "", s[i] ? s[i]->length : 0);
}

static ig_status put_tensor(builder *b, const ig_tensor *t)
{
    size_t bytes = ig_tensor_nbytes(t), padded;
    bool strings = t->v.type.dtype == IG_STRING;
    payload p = {t, strings ? 0 : b->tensor_bytes, strings ? 0 : bytes};
    if (!(t->v.flags & IGI_CONTIGUOUS))
        return ig_fail(IG_INTERNAL, "a constant is not contiguous");
    put_u8(b, t->v.type.dtype);
    put_u32(b, (uint64_t)(int64_t)t->v.type.rank);
    for (int i = 0; i < t->v.type.rank; i++)
        put_i64(b, ig_type_dims(&t->v.type)[i]);
    put_i64(b, (int64_t)p.offset);
    put_i64(b, (int64_t)p.bytes);
    if (strings) {
        put_strings(b, t);
        return IG_OK;
    }
    if (!igi_round_up(bytes, IGI_FILE_ALIGN, &padded))
        return ig_fail(IG_LIMIT, "a constant is too large for a file");
    b->tensor_bytes += padded;
    return IGI_PUSH(&b->payloads, p) ? IG_OK : IG_OUT_OF_MEMORY;
}

static ig_status put_items(builder *b, const ig_value *v)
{
    if (v->type.kind == IG_KIND_TENSOR)
        return put_tensor(b, (const ig_tensor *)v);
    int64_t n;
    ig_value **items = igi_value_items(v, &n);
    put_u32(b, (uint64_t)n);
    if (v->type.kind == IG_KIND_MAP)
        IG_TRY(put_tensor(b, ((const igi_dict *)v)->keys));
    for (int64_t i = 0; i < n; i++)
        IG_TRY(put_items(b, items[i]));
    return IG_OK;
}

/* A value of the self-test: a tensor, or a mark, its type, and its tensors one after
 * the other. */
static ig_status put_test(builder *b, const ig_value *v)
{
    if (v->type.kind != IG_KIND_TENSOR) {
        put_u8(b, IGI_FILE_NO_TENSOR);
        IG_TRY(put_type(b, &v->type, "self-test", false));
    }
    return put_items(b, v);
}

/* ---- nodes ---- */

static ig_status put_body(builder *b, const ig_graph *g);

static ig_status put_attr(builder *b, const igi_node *n, const ig_attr_def *a)
{
    const void *at = igi_attr_at(a, n->attrs);
    put_str(b, a->name);
    put_u8(b, a->kind);
    switch (a->kind) {
    case IG_A_INT:
    case IG_A_DTYPE:
        put_i64(b, *(const int64_t *)at);
        return IG_OK;
    case IG_A_ENUM:
        put_str(b, a->names[*(const int64_t *)at]);
        return IG_OK;
    case IG_A_FLOAT:
        put(b, at, sizeof(float));
        return IG_OK;
    case IG_A_STRING:
        put_str(b, *(const char *const *)at);
        return IG_OK;
    case IG_A_INTS:
        put_u32(b, (uint64_t)((const ig_ints *)at)->n);
        put(b, ((const ig_ints *)at)->v,
            (size_t)((const ig_ints *)at)->n * sizeof(int64_t));
        return IG_OK;
    case IG_A_FLOATS:
        put_u32(b, (uint64_t)((const ig_floats *)at)->n);
        put(b, ((const ig_floats *)at)->v,
            (size_t)((const ig_floats *)at)->n * sizeof(float));
        return IG_OK;
    case IG_A_STRINGS:
        put_u32(b, (uint64_t)((const ig_strings *)at)->n);
        for (int64_t i = 0; i < ((const ig_strings *)at)->n; i++)
            put_str(b, ((const ig_strings *)at)->v[i]);
        return IG_OK;
    case IG_A_TENSOR:
        return put_tensor(b, *(ig_tensor *const *)at);
    case IG_A_TYPE:
        return put_type(b, *(const ig_type *const *)at, a->name, false);
    default:
        return put_body(b, *(ig_graph *const *)at);
    }
}

static bool attr_given(const ig_attr_def *a, const void *attrs)
{
    return a->kind == IG_A_DTYPE || !igi_attr_is_absent(a, igi_attr_at(a, attrs));
}

static ig_status put_attrs(builder *b, const igi_node *n)
{
    size_t count = 0;
    for (const ig_attr_def *a = n->op->def->attrs; a && a->name; a++)
        count += attr_given(a, n->attrs);
    put_u32(b, count);
    for (const ig_attr_def *a = n->op->def->attrs; a && a->name; a++)
        if (attr_given(a, n->attrs))
            IG_TRY(put_attr(b, n, a));
    return IG_OK;
}

static ig_status put_node(builder *b, const igi_node *n)
{
    char op[160];
    put_str(b, igi_op_full_name(n->op->def, op, sizeof(op)));
    put_u32(b, n->op->def->since);
    put_str(b, n->name);
    bool text = n->where && igi_utf8_ok(n->where, strlen(n->where), true);
    put_str(b, text ? n->where : NULL); /* a path may be of any bytes */
    put_str(b, n->origin);
    put_i64(b, (int64_t)n->draw);
    put_u32(b, (uint32_t)n->n_in);
    put_u32(b, (uint32_t)n->n_captures);
    put_u32(b, (uint32_t)n->n_out);
    for (int i = 0; i < n->n_in; i++)
        put_u32(b, b->number[n->in[i].i]);
    for (int i = 0; i < n->n_out; i++) {
        put_u8(b, n->out[i].i != 0);
        if (!n->out[i].i)
            continue;
        put_str(b, igi_value_at(b->g, n->out[i])->name);
        b->number[n->out[i].i] = b->next++;
    }
    return put_attrs(b, n);
}

/* ---- the graph section ---- */

static void put_head(builder *b)
{
    const ig_graph *g = b->g;
    put_str(b, g->name);
    put_str(b, g->doc);
    put_str(b, g->producer);
    put_i64(b, g->ir_version);
    put_i64(b, g->opset);
    put_u32(b, g->meta.n);
    for (size_t i = 0; i < g->meta.n; i++) {
        put_str(b, g->meta.p[i].key);
        put_str(b, g->meta.p[i].value);
    }
}

static ig_status put_values(builder *b)
{
    const ig_graph *g = b->g;
    uint32_t count = 0;
    put_u32(b, g->inputs.n);
    for (size_t i = 0; i < g->inputs.n; i++) {
        const igi_gvalue *v = igi_value_at(g, g->inputs.p[i]);
        put_str(b, v->name);
        IG_TRY(put_type(b, &v->type, v->name, false));
        b->number[g->inputs.p[i].i] = b->next++;
    }
    for (size_t i = 1; i < g->values.n; i++)
        count += g->values.p[i].live && g->values.p[i].constant;
    put_u32(b, count);
    for (size_t i = 1; i < g->values.n; i++) {
        const igi_gvalue *v = &g->values.p[i];
        if (!v->live || !v->constant)
            continue;
        put_str(b, v->name);
        IG_TRY(put_tensor(b, v->constant));
        b->number[i] = b->next++;
    }
    return IG_OK;
}

static ig_status put_nodes(builder *b)
{
    const ig_graph *g = b->g;
    uint32_t count = 0;
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    while (ig_node_next(&it, &n))
        count++;
    put_u32(b, count);
    it = ig_graph_nodes(g);
    while (ig_node_next(&it, &n))
        IG_TRY(put_node(b, igi_node_at(g, n)));
    put_u32(b, g->outputs.n);
    for (size_t i = 0; i < g->outputs.n; i++) {
        put_str(b, g->output_names.p[i]);
        put_u32(b, b->number[g->outputs.p[i].i]);
    }
    return IG_OK;
}

/* A body: its name, then values, nodes and outputs, numbered from 1 for itself. */
static ig_status put_body(builder *b, const ig_graph *g)
{
    const ig_graph *outer = b->g;
    uint32_t *numbers = b->number, next = b->next;
    b->g = g;
    b->next = 1;
    b->number = igi_calloc(g->values.n, sizeof(*b->number));
    ig_status rc = b->number ? IG_OK : IG_OUT_OF_MEMORY;
    put_str(b, g->name);
    if (rc == IG_OK)
        rc = put_values(b);
    if (rc == IG_OK)
        rc = put_nodes(b);
    igi_free(b->number);
    b->g = outer;
    b->number = numbers;
    b->next = next;
    return rc;
}

static ig_status build(builder *b)
{
    const ig_graph *g = b->g;
    put_head(b);
    IG_TRY(put_values(b));
    IG_TRY(put_nodes(b));
    put_u32(b, g->self_test.n);
    for (size_t i = 0; i < g->self_test.n; i++)
        IG_TRY(put_test(b, g->self_test.p[i]));
    return b->out.failed
               ? ig_fail(IG_OUT_OF_MEMORY, "no memory for the file's graph section")
               : IG_OK;
}

/* ---- notes ---- */

enum { ON_GRAPH, ON_NODE, ON_VALUE };

/* One subject of the NOTES section, when there is something to say. */
static ig_status put_subject(builder *b,
                             unsigned on,
                             uint32_t number,
                             const igi_notes *list,
                             const igi_gvalue *v)
{
    uint32_t n = 0;
    bool declared = v && v->declared && v->type.kind == IG_KIND_TENSOR;
    for (uint32_t i = list->first; i; i = igi_note_at(b->g, i)->next)
        n++;
    if (!n && !declared)
        return IG_OK;
    b->subjects++;
    put_u8(b, on);
    put_u32(b, number);
    put_u8(b, declared);
    if (declared)
        IG_TRY(put_type(b, &v->type, v->name, true));
    put_u32(b, n);
    for (uint32_t i = list->first; i; i = igi_note_at(b->g, i)->next) {
        const igi_note *note = igi_note_at(b->g, i);
        if (note->bytes > UINT32_MAX)
            return ig_fail(IG_LIMIT, "a note of %zu bytes is too long", note->bytes);
        put_u8(b, note->kind);
        put_str(b, note->key);
        put_bytes(b, note->value, note->bytes);
    }
    return IG_OK;
}

/* Into b->out, which the graph section has left. */
static ig_status build_notes(builder *b)
{
    const ig_graph *g = b->g;
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    uint32_t number = 0;
    put_u32(b, 0);
    IG_TRY(put_subject(b, ON_GRAPH, 0, &g->own_notes, NULL));
    while (ig_node_next(&it, &n))
        IG_TRY(put_subject(b, ON_NODE, ++number, &igi_node_at(g, n)->notes, NULL));
    for (size_t i = 1; i < g->values.n; i++)
        if (g->values.p[i].live && b->number[i])
            IG_TRY(put_subject(b, ON_VALUE, b->number[i], &g->values.p[i].notes,
                               &g->values.p[i]));
    if (b->out.failed)
        return ig_fail(IG_OUT_OF_MEMORY, "no memory for the file's notes");
    memcpy(b->out.p, &b->subjects, sizeof(b->subjects));
    return IG_OK;
}

/* ---- the file ---- */

static ig_status pad(igi_writer *w)
{
    static const char zeros[IGI_FILE_ALIGN];
    uint64_t over = igi_writer_tell(w) % IGI_FILE_ALIGN;
    return over ? igi_writer_write(w, zeros, (size_t)(IGI_FILE_ALIGN - over)) : IG_OK;
}

/* The TENSORS section is checksummed tensor by tensor: XXH64 over the list of their
 * XXH64, so that neither writer nor reader needs it in one piece. */
static ig_status write_tensors(builder *b, igi_writer *w, uint64_t *sum)
{
    igi_text sums = {0};
    ig_status rc = IG_OK;
    for (size_t i = 0; rc == IG_OK && i < b->payloads.n; i++) {
        const payload *p = &b->payloads.p[i];
        const char *data = igi_tensor_bytes(p->t, NULL);
        uint64_t h = igi_xxh64(data, (size_t)p->bytes);
        igi_text_add_bytes(&sums, (const char *)&h, sizeof(h));
        rc = igi_writer_write(w, data, (size_t)p->bytes);
        if (rc == IG_OK && i + 1 < b->payloads.n)
            rc = pad(w);
    }
    if (rc == IG_OK && sums.failed)
        rc = ig_fail(IG_OUT_OF_MEMORY, "no memory for checksums");
    *sum = igi_xxh64(sums.p, sums.n);
    igi_text_fini(&sums);
    return rc;
}

/* The bytes of a section, and its row. */
static ig_status write_section(igi_writer *w,
                               igi_file_section *row,
                               igi_section_kind kind,
                               const igi_text *t)
{
    *row = (igi_file_section){.kind = kind,
                              .flags =
                                  kind == IGI_SECTION_GRAPH ? IGI_SECTION_CRITICAL : 0,
                              .offset = igi_writer_tell(w),
                              .bytes = t->n,
                              .checksum = igi_xxh64(t->p, t->n)};
    IG_TRY(igi_writer_write(w, t->p, t->n));
    return pad(w);
}

static ig_status write_file(builder *b, igi_writer *w)
{
    struct {
        igi_file_header h;
        igi_file_section s[3];
    } top;
    memset(&top, 0, sizeof(top));
    memcpy(top.h.magic, IGI_FILE_MAGIC, sizeof(top.h.magic));
    top.h.version = IGI_FILE_VERSION;
    top.h.header_bytes = sizeof(top.h);
    top.h.n_sections = b->subjects ? 3 : 2;
    size_t size = sizeof(top.h) + top.h.n_sections * sizeof(*top.s);
    igi_file_section *last = &top.s[top.h.n_sections - 1];
    IG_TRY(igi_writer_write(w, &top, size));
    IG_TRY(pad(w));
    IG_TRY(write_section(w, &top.s[0], IGI_SECTION_GRAPH, &b->out));
    if (b->subjects)
        IG_TRY(write_section(w, &top.s[1], IGI_SECTION_NOTES, &b->notes));
    *last = (igi_file_section){.kind = IGI_SECTION_TENSORS,
                               .flags = IGI_SECTION_CRITICAL,
                               .offset = igi_writer_tell(w)};
    IG_TRY(write_tensors(b, w, &last->checksum));
    last->bytes = igi_writer_tell(w) - last->offset;
    top.h.file_bytes = igi_writer_tell(w);
    top.h.checksum = igi_xxh64(&top, size);
    return igi_writer_patch(w, 0, &top, size);
}

/* Both sections that are built in memory. */
static ig_status build_all(builder *b)
{
    IG_TRY(build(b));
    igi_text graph = b->out;
    b->out = (igi_text){0};
    ig_status rc = build_notes(b);
    b->notes = b->out;
    b->out = graph;
    return rc;
}

ig_status igi_native_save(const ig_graph *g, const char *path, const ig_save_opts *opts)
{
    builder b = {.g = g, .next = 1};
    igi_writer *w = NULL;
    (void)opts;
    b.number = igi_calloc(g->values.n, sizeof(*b.number));
    ig_status rc = b.number ? build_all(&b) : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = igi_writer_begin(&w, path);
    if (rc == IG_OK)
        rc = write_file(&b, w);
    if (rc == IG_OK)
        rc = igi_writer_commit(w);
    else
        igi_writer_abort(w);
    igi_text_fini(&b.out);
    igi_text_fini(&b.notes);
    IGI_VEC_FREE(&b.payloads);
    igi_free(b.number);
    return rc;
}
