/* Reading .ingot files as hostile input: a cursor that checks every read, counts
 * compared with what remains before anything is allocated, and the graph rebuilt
 * through ig_graph_make, so that a file can say nothing that a caller could not. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/utf8.h"
#include "importers/native/reader.h"

/* ---- nodes ---- */

/* `count` items of `size` bytes, copied out because the file is not aligned. */
static ig_status
take_list(igi_native_reader *r, size_t size, uint32_t *count, void **out)
{
    IG_TRY(igi_native_take_count(r, size, count));
    *out = igi_arena_alloc(&r->g->arena, *count * size + 8);
    return *out ? igi_native_take(r, *out, *count * size) : IG_OUT_OF_MEMORY;
}

static ig_status take_string_list(igi_native_reader *r,
                                  const ig_op_def *op,
                                  void *attrs,
                                  const char *name)
{
    uint32_t n;
    IG_TRY(igi_native_take_count(r, 4, &n));
    const char **v = igi_arena_array(&r->g->arena, (size_t)n + 1, sizeof(*v));
    for (uint32_t i = 0; v && i < n; i++)
        IG_TRY(igi_native_take_text(r, false, &v[i]));
    return v ? igi_attrs_set_strings(&r->g->arena, op, attrs, name, v, n)
             : IG_OUT_OF_MEMORY;
}

static ig_status take_body(igi_native_reader *r, ig_graph **out);

static ig_status take_attr(igi_native_reader *r, const ig_op_def *op, void *attrs)
{
    const char *name, *s;
    uint8_t kind;
    int64_t v;
    float f;
    uint32_t n;
    void *list;
    ig_tensor *t;
    igi_arena *a = &r->g->arena;
    IG_TRY(igi_native_take_str(r, false, &name));
    IG_TRY(igi_native_take_u8(r, &kind));
    switch (kind) {
    case IG_A_INT:
    case IG_A_DTYPE:
        IG_TRY(igi_native_take_i64(r, &v));
        return igi_attrs_set_int(op, attrs, name, v);
    case IG_A_FLOAT:
        IG_TRY(igi_native_take(r, &f, sizeof(f)));
        return igi_attrs_set_float(op, attrs, name, f);
    case IG_A_ENUM:
    case IG_A_STRING:
        IG_TRY(igi_native_take_text(r, false, &s));
        return igi_attrs_set_string(a, op, attrs, name, s);
    case IG_A_INTS:
        IG_TRY(take_list(r, sizeof(int64_t), &n, &list));
        return igi_attrs_set_ints(a, op, attrs, name, list, n);
    case IG_A_FLOATS:
        IG_TRY(take_list(r, sizeof(float), &n, &list));
        return igi_attrs_set_floats(a, op, attrs, name, list, n);
    case IG_A_STRINGS:
        return take_string_list(r, op, attrs, name);
    case IG_A_TENSOR: {
        IG_TRY(igi_native_take_tensor(r, &t));
        ig_status rc = igi_attrs_set_tensor(op, attrs, name, t);
        ig_tensor_unref(t);
        return rc;
    }
    case IG_A_TYPE: {
        ig_type type;
        IG_TRY(igi_native_take_type(r, &type));
        ig_status rc = igi_attrs_set_type(a, op, attrs, name, &type);
        igi_type_fini(&type);
        return rc;
    }
    case IG_A_GRAPH: {
        ig_graph *body = NULL;
        IG_TRY(take_body(r, &body));
        ig_status rc = igi_attrs_set_graph(op, attrs, name, body);
        igi_graph_unref(body);
        return rc;
    }
    default:
        return igi_native_damaged(r, "an attribute is of an unknown kind");
    }
}

static ig_status take_attrs(igi_native_reader *r, const ig_op_def *op, void **out)
{
    uint32_t n;
    IG_TRY(igi_native_take_count(r, 6, &n));
    *out = NULL;
    if (!op->attrs_size)
        return n ? igi_native_damaged(r, "attributes of an operator that has none")
                 : IG_OK;
    void *attrs = igi_arena_alloc(&r->g->arena, op->attrs_size);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    igi_attrs_init(op, attrs);
    *out = attrs;
    for (uint32_t i = 0; i < n; i++)
        IG_TRY(take_attr(r, op, attrs));
    return IG_OK;
}

typedef struct node_record {
    const igi_op *op;
    const char *origin;
    ig_call call;
    ig_value_id in[IG_PORTS_MAX], out[IG_PORTS_MAX];
    const char *names[IG_PORTS_MAX];
    void *attrs;
} node_record;

static ig_status take_ports(igi_native_reader *r, node_record *n)
{
    uint32_t n_in, n_captures, n_out, v;
    IG_TRY(igi_native_take_u32(r, &n_in));
    IG_TRY(igi_native_take_u32(r, &n_captures));
    IG_TRY(igi_native_take_u32(r, &n_out));
    if (n_in > IG_PORTS_MAX || n_out > IG_PORTS_MAX || n_captures > n_in)
        return igi_native_damaged(r, "a node has too many ports");
    for (uint32_t i = 0; i < n_in; i++) {
        IG_TRY(igi_native_take_u32(r, &v));
        if (v >= r->values.n)
            return igi_native_damaged(r,
                                      "a node reads a value that does not exist yet");
        n->in[i] = r->values.p[v];
    }
    for (uint32_t i = 0; i < n_out; i++) {
        uint8_t wanted;
        IG_TRY(igi_native_take_u8(r, &wanted));
        n->names[i] = NULL;
        if (wanted > 1)
            return igi_native_damaged(r, "a flag is neither 0 nor 1");
        if (wanted)
            IG_TRY(igi_native_take_str(r, false, &n->names[i]));
        if (wanted && i < 64)
            n->call.wanted |= IG_BIT(i);
    }
    n->call.n_in = (int)n_in;
    n->call.n_captures = (int)n_captures;
    n->call.n_out = (int)n_out;
    return IG_OK;
}

static ig_status take_node_head(igi_native_reader *r, node_record *n)
{
    const char *op;
    uint32_t since;
    int64_t draw;
    IG_TRY(igi_native_take_str(r, false, &op));
    IG_TRY(igi_native_take_u32(r, &since));
    IG_TRY(igi_native_take_str(r, false, &n->call.name));
    IG_TRY(igi_native_take_str(r, true, &n->call.where));
    IG_TRY(igi_native_take_str(r, true, &n->origin));
    IG_TRY(igi_native_take_i64(r, &draw));
    n->call.draw = (uint64_t)draw;
    n->op = igi_registry_find_full(r->g->reg, op);
    if (!n->op || n->op->def->since != since)
        return ig_fail(
            IG_UNSUPPORTED, "node '%s' needs operator %s of version %u, which %s",
            n->call.name, op, since,
            n->op ? "this library has in another version" : "is not registered");
    n->call.op = n->op->def;
    return IG_OK;
}

static ig_status make_node(igi_native_reader *r, node_record *n)
{
    n->call.attrs = n->attrs;
    ig_status rc = ig_graph_make(r->g, &n->call, n->in, n->out);
    if (rc != IG_OK)
        return ig_fail_context("node '%s'", n->call.name);
    igi_node_at(r->g, r->g->order.p[r->g->order.n - 1])->origin = n->origin;
    for (int i = 0; i < n->call.n_out; i++) {
        if (!n->names[i])
            continue;
        igi_graph_rename(r->g, n->out[i], n->names[i]);
        if (!IGI_PUSH(&r->values, n->out[i]))
            return IG_OUT_OF_MEMORY;
    }
    return IG_OK;
}

static ig_status take_node(igi_native_reader *r, node_record *n)
{
    memset(&n->call, 0, sizeof(n->call));
    n->attrs = NULL;
    IG_TRY(take_node_head(r, n));
    IG_TRY(take_ports(r, n));
    ig_status rc = take_attrs(r, n->op->def, &n->attrs);
    if (rc == IG_OK)
        rc = make_node(r, n);
    igi_attrs_release(n->op->def, n->attrs);
    return rc;
}

/* ---- the graph section ---- */

static ig_status take_head(igi_native_reader *r)
{
    uint32_t n;
    IG_TRY(igi_native_take_str(r, false, &r->g->name));
    IG_TRY(igi_native_take_text(r, true, &r->g->doc));
    IG_TRY(igi_native_take_str(r, true, &r->g->producer));
    IG_TRY(igi_native_take_i64(r, &r->g->ir_version));
    IG_TRY(igi_native_take_i64(r, &r->g->opset));
    IG_TRY(igi_native_take_count(r, 8, &n));
    for (uint32_t i = 0; i < n; i++) {
        const char *key, *value;
        IG_TRY(igi_native_take_str(r, false, &key));
        IG_TRY(igi_native_take_text(r, false, &value));
        IG_TRY(igi_graph_add_meta(r->g, key, value));
    }
    return IG_OK;
}

static ig_status take_outputs(igi_native_reader *r)
{
    uint32_t n, v;
    IG_TRY(igi_native_take_count(r, 8, &n));
    for (uint32_t i = 0; i < n; i++) {
        const char *name;
        IG_TRY(igi_native_take_str(r, false, &name));
        IG_TRY(igi_native_take_u32(r, &v));
        if (v == 0 || v >= r->values.n)
            return igi_native_damaged(r, "an output is a value that does not exist");
        IG_TRY(ig_graph_output(r->g, name, r->values.p[v]));
    }
    return IG_OK;
}

static ig_status take_tests(igi_native_reader *r)
{
    uint32_t n;
    IG_TRY(igi_native_take_count(r, 12, &n));
    if (n && n != r->g->inputs.n + r->g->outputs.n)
        return igi_native_damaged(
            r, "self-test vectors do not fit the inputs and outputs");
    for (uint32_t i = 0; i < n; i++) {
        if (!IGI_RESERVE(&r->g->self_test, r->g->self_test.n + 1))
            return IG_OUT_OF_MEMORY;
        ig_value *v;
        IG_TRY(igi_native_take_test(r, &v));
        r->g->self_test.p[r->g->self_test.n++] = igi_value_share(v);
    }
    return IG_OK;
}

static ig_status
each(igi_native_reader *r, size_t size, ig_status (*fn)(igi_native_reader *))
{
    uint32_t n;
    IG_TRY(igi_native_take_count(r, size, &n));
    for (uint32_t i = 0; i < n; i++)
        IG_TRY(fn(r));
    return IG_OK;
}

/* Values, nodes and outputs, numbered from 1. */
static ig_status take_contents(igi_native_reader *r)
{
    uint32_t n;
    if (!IGI_PUSH(&r->values, (ig_value_id){0}))
        return IG_OUT_OF_MEMORY;
    IG_TRY(each(r, 8, igi_native_take_input));
    IG_TRY(each(r, 25, igi_native_take_constant));
    IG_TRY(igi_native_take_count(r, 40, &n));
    r->nodes += n;
    if (r->nodes > r->max_nodes)
        return ig_fail(IG_LIMIT,
                       "the file has %" PRIu64 " nodes or more, limits.nodes allows "
                       "%" PRIu64,
                       r->nodes, r->max_nodes);
    IG_TRY(igi_native_charge(r, n, sizeof(igi_node) + sizeof(igi_gvalue)));
    node_record *record = igi_alloc(sizeof(*record));
    ig_status rc = record ? IG_OK : IG_OUT_OF_MEMORY;
    for (uint32_t i = 0; rc == IG_OK && i < n; i++)
        rc = take_node(r, record);
    igi_free(record);
    IG_TRY(rc);
    return take_outputs(r);
}

/* A body has numbers of its own and the symbols of its parent. */
static ig_status take_body(igi_native_reader *r, ig_graph **out)
{
    igi_native_reader inner = *r;
    const char *name;
    *out = NULL;
    if (++inner.depth > inner.max_depth)
        return ig_fail(IG_LIMIT, "bodies nest deeper than limits.depth of %d",
                       inner.max_depth);
    IG_TRY(igi_native_take_str(&inner, false, &name));
    IG_TRY(igi_graph_new(&inner.g, name, r->g->reg, r->g->syms));
    memset(&inner.values, 0, sizeof(inner.values));
    ig_status rc = take_contents(&inner);
    IGI_VEC_FREE(&inner.values);
    r->at = inner.at;
    r->tensor_at = inner.tensor_at;
    r->sums = inner.sums;
    r->nodes = inner.nodes;
    r->memory = inner.memory;
    if (rc != IG_OK) {
        igi_graph_unref(inner.g);
        return rc;
    }
    *out = inner.g;
    return IG_OK;
}

static ig_status take_graph(igi_native_reader *r, const ig_read_opts *opts)
{
    const ig_limits *l = &opts->limits;
    r->max_nodes = l->nodes ? l->nodes : 2000000;
    r->max_depth = l->depth ? (int)l->depth : 64;
    r->max_memory = l->memory_bytes ? l->memory_bytes : 1ull << 37;
    r->max_tensor = l->tensor_bytes ? l->tensor_bytes : 1ull << 35;
    r->max_name = l->name_bytes ? l->name_bytes : (uint32_t)IGI_NAME_MAX;
    IG_TRY(igi_native_charge(r, 1, (uint64_t)(r->end - r->at)));
    IG_TRY(take_head(r));
    IG_TRY(take_contents(r));
    IG_TRY(take_tests(r));
    if (r->at != r->end)
        return igi_native_damaged(r, "bytes follow the graph");
    if (r->tensor_at != r->tensor_bytes)
        return igi_native_damaged(r, "bytes follow the tensors");
    return igi_native_take_notes(r);
}

/* ---- the file ---- */

static ig_status check_gap(const igi_native_reader *r, uint64_t from, uint64_t to)
{
    for (; from < to; from++)
        if (r->base[from])
            return igi_native_damaged(r, "bytes between sections are not zero");
    return IG_OK;
}

static ig_status check_sections(igi_native_reader *r,
                                const igi_file_section *s,
                                uint32_t n,
                                uint64_t size)
{
    uint64_t at = sizeof(igi_file_header) + n * sizeof(*s);
    const igi_file_section *graph = NULL, *tensors = NULL, *notes = NULL;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t start = (at + IGI_FILE_ALIGN - 1) / IGI_FILE_ALIGN * IGI_FILE_ALIGN;
        if (s[i].offset != start || start > size || s[i].bytes > size - start)
            return igi_native_damaged(r, "a section is out of place");
        IG_TRY(check_gap(r, at, start));
        at = start + s[i].bytes;
        const igi_file_section **slot = s[i].kind == IGI_SECTION_GRAPH     ? &graph
                                        : s[i].kind == IGI_SECTION_TENSORS ? &tensors
                                        : s[i].kind == IGI_SECTION_NOTES   ? &notes
                                                                           : NULL;
        if (slot && *slot)
            return igi_native_damaged(r, "a section stands twice");
        if (slot)
            *slot = &s[i];
        if (!slot && s[i].flags & IGI_SECTION_CRITICAL)
            return ig_fail(
                IG_UNSUPPORTED,
                "the file needs section kind %u, which this version does not know",
                s[i].kind);
        if ((!slot || slot == &notes) &&
            igi_xxh64(r->base + start, (size_t)s[i].bytes) != s[i].checksum)
            return igi_native_damaged(r, "the checksum of a section does not match");
    }
    if (at != size || !graph || !tensors)
        return igi_native_damaged(r,
                                  "a section is missing, or bytes follow the last one");
    if (igi_xxh64(r->base + graph->offset, (size_t)graph->bytes) != graph->checksum)
        return igi_native_damaged(r, "the checksum of the graph does not match");
    r->notes = notes ? r->base + notes->offset : NULL;
    r->notes_end = notes ? r->notes + notes->bytes : NULL;
    r->at = r->base + graph->offset;
    r->end = r->at + graph->bytes;
    r->tensors = r->base + tensors->offset;
    r->tensor_bytes = tensors->bytes;
    return IG_OK;
}

static ig_status
check_header(igi_native_reader *r, igi_file_section *s, uint64_t *tensor_sum)
{
    igi_file_header h;
    struct {
        igi_file_header h;
        igi_file_section s[IGI_FILE_SECTIONS_MAX];
    } top;
    uint64_t size = r->src->size;
    if (size < sizeof(h))
        return igi_native_damaged(r, "it is shorter than its header");
    memcpy(&h, r->base, sizeof(h));
    if (h.version != IGI_FILE_VERSION)
        return ig_fail(IG_UNSUPPORTED,
                       "the file is of version %u, this library reads version %u",
                       h.version, IGI_FILE_VERSION);
    size_t table = h.n_sections * sizeof(*s);
    if (h.header_bytes != sizeof(h) || h.n_sections > IGI_FILE_SECTIONS_MAX ||
        h.file_bytes != size || size - sizeof(h) < table)
        return igi_native_damaged(r, "header and size disagree");
    if (h.reserved || h.zero[0] || h.zero[1] || h.zero[2])
        return igi_native_damaged(r, "reserved fields of the header are not zero");
    memset(&top, 0, sizeof(top));
    memcpy(&top, r->base, sizeof(h) + table);
    top.h.checksum = 0;
    if (igi_xxh64(&top, sizeof(h) + table) != h.checksum)
        return igi_native_damaged(r, "the checksum of the header does not match");
    memcpy(s, top.s, table);
    IG_TRY(check_sections(r, s, h.n_sections, size));
    for (uint32_t i = 0; i < h.n_sections; i++)
        if (s[i].kind == IGI_SECTION_TENSORS)
            *tensor_sum = s[i].checksum;
    return IG_OK;
}

bool igi_native_sniff(const void *bytes, size_t size)
{
    return size >= 8 && !memcmp(bytes, IGI_FILE_MAGIC, 8);
}

static ig_status
read_file(ig_graph **out, const igi_source *src, const ig_read_opts *opts)
{
    igi_native_reader r = {.src = src, .base = src->bytes, .at = src->bytes};
    igi_file_section sections[IGI_FILE_SECTIONS_MAX];
    uint64_t sum = 0;
    *out = NULL;
    IG_TRY(check_header(&r, sections, &sum));
    IG_TRY(igi_graph_new(&r.g, "graph", opts->registry, NULL));
    ig_status rc = take_graph(&r, opts);
    if (rc == IG_OK && igi_xxh64(r.sums.p, r.sums.n * sizeof(*r.sums.p)) != sum)
        rc = igi_native_damaged(&r, "the checksum of the tensors does not match");
    IGI_VEC_FREE(&r.sums);
    IGI_VEC_FREE(&r.values);
    if (rc != IG_OK) {
        igi_graph_unref(r.g);
        return rc;
    }
    *out = r.g;
    return IG_OK;
}

ig_status
igi_native_read(ig_graph **out, const igi_source *src, const ig_read_opts *opts)
{
    ig_status rc = read_file(out, src, opts);
    return rc != IG_OK && src->name ? ig_fail_context("%s", src->name) : rc;
}
