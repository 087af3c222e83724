/* ONNX bytes to a graph: scan, unpack, check the frame of the model, report what is
 * missing, then inputs, constants, nodes, outputs. There is no other way into the
 * importer (V8). */
#include "importers/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/utf8.h"
#include "importers/onnx/build.h"
#include "importers/onnx/types.h"

bool igi_onnx_sniff(const void *bytes, size_t size)
{
    /* Tags of the fields that writers put first: ir_version, producer, domain, graph,
     * opset. */
    static const uint8_t tags[] = {0x08, 0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42};
    return size > 1 && memchr(tags, ((const uint8_t *)bytes)[0], sizeof(tags)) != NULL;
}

/* ---- the model's frame
 * ------------------------------------------------------------------ */

/* The imports of a model or function. */
static ig_status check_imports(pb_opset *const *v, size_t n)
{
    if (n > IGI_ONNX_IMPORTS)
        return ig_fail(IG_LIMIT, "%zu opset imports, at most %d are supported", n,
                       IGI_ONNX_IMPORTS);
    for (size_t i = 0; i < n; i++) {
        const char *domain = igi_onnx_domain(v[i]->domain);
        for (size_t k = 0; k < i; k++)
            if (strcmp(igi_onnx_domain(v[k]->domain), domain) == 0 &&
                v[k]->version != v[i]->version) /* converters repeat */
                return ig_fail(IG_INVALID_GRAPH,
                               "domain '%s' is imported as opset %" PRId64
                               " and as %" PRId64,
                               domain, v[k]->version, v[i]->version);
        if (v[i]->version < 1)
            return ig_fail(IG_INVALID_GRAPH,
                           "opset %" PRId64 " of domain '%s' does not exist",
                           v[i]->version, domain);
    }
    return IG_OK;
}

static ig_status check_opsets(igi_onnx_build *b)
{
    const pb_model *m = b->model;
    b->opsets = (igi_onnx_opsets){m->opset_import, m->n_opset_import, NULL};
    if (m->n_opset_import == 0 && m->ir_version < 3) {
        igi_onnx__operator_set_id__init(&b->first);
        b->first.version = 1;
        b->first_list[0] = &b->first;
        b->opsets = (igi_onnx_opsets){b->first_list, 1, NULL};
        return IG_OK;
    }
    IG_TRY(check_imports(m->opset_import, m->n_opset_import));
    for (size_t i = 0; i < m->n_opset_import; i++) {
        const pb_opset *o = m->opset_import[i];
        if (*igi_onnx_domain(o->domain))
            continue;
        b->g->opset = o->version;
        if (o->version > IGI_ONNX_RELEASED)
            igi_onnx_warn(
                b,
                "the model uses opset %" PRId64
                ", the newest released one known here is %d: its operators are "
                "read by the rules of %d, which are provisional",
                o->version, IGI_ONNX_RELEASED, IGI_ONNX_OPSET);
    }
    return IG_OK;
}

static ig_status check_frame(igi_onnx_build *b)
{
    const pb_model *m = b->model;
    if (!m->has_ir_version || m->ir_version < 1)
        return ig_fail(IG_INVALID_GRAPH,
                       "the model has no IR version: the file is damaged or not ONNX");
    if (!m->graph)
        return ig_fail(IG_INVALID_GRAPH, "the model has no graph");
    b->g->ir_version = m->ir_version;
    if (m->ir_version > IGI_ONNX_IR && b->data.scan->n_unknown)
        return ig_fail(IG_UNSUPPORTED,
                       "IR version %" PRId64
                       " (known here: 1 to %d), and the file uses what "
                       "is new in it: %s",
                       m->ir_version, IGI_ONNX_IR, b->data.scan->unknown);
    if (m->ir_version > IGI_ONNX_IR)
        igi_onnx_warn(b, "IR version %" PRId64 " is newer than %d", m->ir_version,
                      IGI_ONNX_IR);
    return check_opsets(b);
}

static ig_status list_functions(igi_onnx_build *b)
{
    const pb_model *m = b->model;
    if (m->n_functions > 10000)
        return ig_fail(IG_LIMIT, "%zu functions, at most 10000 are supported",
                       m->n_functions);
    for (size_t i = 0; i < m->n_functions; i++) {
        const pb_function *f = m->functions[i];
        char key[IGI_ONNX_FUNCTION_KEY];
        if (!igi_onnx_function_key(key, f->domain, f->name, f->overload))
            return ig_fail(IG_LIMIT,
                           "function %zu: domain, name and overload are over %zu bytes",
                           i, sizeof(key));
        if (check_imports(f->opset_import, f->n_opset_import) != IG_OK)
            return ig_fail_context("function '%s'", pb_str(f->name));
        if (f->n_attribute > IGI_ONNX_ATTRIBUTES ||
            f->n_attribute_proto > IGI_ONNX_ATTRIBUTES)
            return ig_fail(IG_LIMIT, "function '%s' has more than %d attributes",
                           pb_str(f->name), IGI_ONNX_ATTRIBUTES);
        if (igi_map_get(&b->functions, key))
            return ig_fail(IG_INVALID_GRAPH, "function '%s' is defined twice",
                           pb_str(f->name));
        char *own = igi_arena_strdup(&b->arena, key);
        if (!own)
            return IG_OUT_OF_MEMORY;
        IG_TRY(igi_map_put(&b->functions, own, (uint32_t)i + 1));
    }
    return IG_OK;
}

static ig_status add_meta(igi_onnx_build *b)
{
    const pb_model *m = b->model;
    ig_graph *g = b->g;
    char producer[256];
    const char *name = pb_str(m->producer_name), *version = pb_str(m->producer_version);
    (void)snprintf(producer, sizeof(producer), "%.*s%s%.*s",
                   (int)igi_utf8_cut(name, 120), name, *version ? " " : "",
                   (int)igi_utf8_cut(version, 120), version);
    const char *doc = *pb_str(m->doc_string) ? m->doc_string : m->graph->doc_string;
    g->producer = igi_arena_strdup(&g->arena, producer);
    g->doc = igi_arena_strdup(&g->arena, pb_str(doc));
    if (*pb_str(m->graph->name))
        g->name = igi_arena_strdup(&g->arena, m->graph->name);
    if (!g->producer || !g->doc || !g->name)
        return IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < m->n_metadata_props; i++)
        IG_TRY(igi_graph_add_meta(g, pb_str(m->metadata_props[i]->key),
                                  pb_str(m->metadata_props[i]->value)));
    return IG_OK;
}

/* ---- values
 * ------------------------------------------------------------------------------ */

/* Takes the tensor. */
static ig_status
add_constant(igi_onnx_build *b, igi_map *names, const char *name, ig_tensor *t)
{
    ig_value_id v = {0};
    ig_status rc;
    bool taken = igi_map_get(&b->g->names, name); /* by a capture of another body */
    t->st->flags |= IGI_READONLY; /* the file's, whether copied or viewed */
    if (!*name)
        rc = ig_fail(IG_INVALID_GRAPH, "an initialiser has no name");
    else if (igi_map_get(names, name))
        rc = ig_fail(IG_INVALID_GRAPH, "two initialisers are named '%s'", name);
    else
        rc = ig_graph_constant(b->g, taken ? NULL : name, t, &v);
    if (rc == IG_OK)
        rc = igi_onnx_set_name(b->g, v, name);
    ig_tensor_unref(t);
    return rc == IG_OK ? igi_map_put(names, name, v.i) : rc;
}

static const char *sparse_name(const pb_sparse *s)
{
    return s->values ? pb_str(s->values->name) : "";
}

/* Whether the caller will feed the initialiser, which must be an input as well. */
static bool is_fed(const igi_onnx_build *b, const char *name)
{
    size_t k = 0;
    while (b->feeds && b->feeds[k] && strcmp(b->feeds[k], name) != 0)
        k++;
    return b->feeds && b->feeds[k];
}

ig_status igi_onnx_add_constants(igi_onnx_build *b, const pb_graph *g, igi_map *names)
{
    ig_tensor *t;
    for (size_t i = 0; i < g->n_initializer; i++) {
        if (is_fed(b, pb_str(g->initializer[i]->name)))
            continue;
        IG_TRY(igi_onnx_tensor(&b->data, g->initializer[i], &t));
        IG_TRY(add_constant(b, names, pb_str(g->initializer[i]->name), t));
    }
    for (size_t i = 0; i < g->n_sparse_initializer; i++) {
        const pb_sparse *s = g->sparse_initializer[i];
        if (is_fed(b, sparse_name(s)))
            continue;
        IG_TRY(igi_onnx_sparse(&b->data, s, &t));
        IG_TRY(add_constant(b, names, sparse_name(s), t));
    }
    return IG_OK;
}

/* Each of them must be an initialiser and an input of the file. */
static ig_status check_feeds(const igi_onnx_build *b)
{
    const pb_graph *g = b->model->graph;
    for (size_t k = 0; b->feeds && b->feeds[k]; k++) {
        bool input = false, constant = false;
        for (size_t i = 0; i < g->n_input && !input; i++)
            input = strcmp(pb_str(g->input[i]->name), b->feeds[k]) == 0;
        for (size_t i = 0; i < g->n_initializer && !constant; i++)
            constant = strcmp(pb_str(g->initializer[i]->name), b->feeds[k]) == 0;
        for (size_t i = 0; i < g->n_sparse_initializer && !constant; i++)
            constant = strcmp(sparse_name(g->sparse_initializer[i]), b->feeds[k]) == 0;
        if (!input || !constant)
            return ig_fail(IG_NOT_FOUND,
                           "feeds: '%s' is %s of the model, so nobody can override it",
                           b->feeds[k], input ? "no initialiser" : "no input");
    }
    return IG_OK;
}

/* An input that is an initialiser too is a constant, unless the caller says that it
 * will be fed: before IR 4 every initialiser had to be listed as an input, and nobody
 * feeds those. */
static ig_status add_inputs(igi_onnx_build *b, igi_map *names)
{
    const pb_graph *g = b->model->graph;
    for (size_t i = 0; i < g->n_input; i++) {
        const char *name = pb_str(g->input[i]->name);
        ig_type *type;
        ig_value_id v;
        uint32_t known = igi_map_get(names, name);
        if (known && igi_value_at(b->g, (ig_value_id){known})->constant)
            continue;
        if (!*name || known)
            return ig_fail(IG_INVALID_GRAPH, "input %zu: its name '%s' is %s", i, name,
                           known ? "taken" : "empty");
        if (igi_onnx_type(b, g->input[i]->type, &type) != IG_OK)
            return ig_fail_context("input '%s'", name);
        IG_TRY(ig_graph_input_typed(b->g, name, type, &v));
        IG_TRY(igi_map_put(names, name, v.i));
    }
    return IG_OK;
}

/* Has a file said of a type what inference would not find again? It is to be said in
 * the next file too. */
static bool is_declared(const ig_graph *g, bool was_open, const ig_type *t)
{
    bool said = was_open && t->rank >= 0;
    for (int i = 0; t->kind == IG_KIND_TENSOR && i < t->rank; i++)
        said |= igi_symtab_label(g->syms, ig_type_dims(t)[i]) != NULL;
    return said;
}

static ig_status add_outputs(igi_onnx_build *b, const igi_map *names)
{
    const pb_graph *g = b->model->graph;
    if (g->n_output + b->n_ends == 0 || g->n_output > IGI_ONNX_OUTPUTS)
        return ig_fail(g->n_output ? IG_LIMIT : IG_INVALID_GRAPH,
                       "the graph has %zu outputs, allowed are 1 to %d", g->n_output,
                       IGI_ONNX_OUTPUTS);
    for (size_t i = 0; i < g->n_output; i++) {
        const char *name = pb_str(g->output[i]->name);
        ig_value_id v = {igi_map_get(names, name)};
        if (!v.i)
            return ig_fail(IG_INVALID_GRAPH, "output '%s' is defined nowhere", name);
        const ig_type *found = &igi_value_at(b->g, v)->type;
        bool open = found->kind == IG_KIND_TENSOR && found->rank < 0;
        if (igi_onnx_declare(b, g->output[i], v) != IG_OK)
            return ig_fail_context("output '%s'", name);
        igi_gvalue *value = igi_value_at(b->g, v);
        value->declared |= is_declared(b->g, open, &value->type);
        IG_TRY(ig_graph_output(b->g, name, v));
    }
    return IG_OK;
}

/* Values of a state have its type. */
static ig_status add_ends(igi_onnx_build *b, const igi_map *names)
{
    for (size_t i = 0; i < b->n_ends; i++) {
        const igi_onnx_end *e = &b->ends[i];
        ig_value_id v = {igi_map_get(names, e->value)};
        if (!v.i)
            return ig_fail(IG_INVALID_GRAPH,
                           "output '%s': its value '%s' is defined nowhere", e->name,
                           e->value);
        const ig_type *t = ig_graph_value_type(b->g, v);
        if (t->kind != IG_KIND_TENSOR || t->dtype != e->dtype)
            return ig_fail(
                IG_INVALID_GRAPH,
                "output '%s': its value '%s' has another type than the state", e->name,
                e->value);
        IG_TRY(ig_graph_output(b->g, e->name, v));
    }
    return IG_OK;
}

/* ---- all together
 * -------------------------------------------------------------------------- */

static ig_status build_graph(igi_onnx_build *b)
{
    igi_map names = {0};
    ig_status rc;
    IG_TRY(check_frame(b));
    IG_TRY(list_functions(b));
    IG_TRY(igi_onnx_report(b));
    IG_TRY(add_meta(b));
    IG_TRY(igi_onnx_note_model(b));
    IG_TRY(igi_onnx_list_declared(b));
    IG_GO(check_feeds(b));
    IG_GO(igi_onnx_add_constants(b, b->model->graph, &names));
    IG_GO(add_inputs(b, &names));
    IG_GO(igi_onnx_body(b, b->model->graph, &names));
    IG_GO(add_outputs(b, &names));
    IG_GO(add_ends(b, &names));
    IG_GO(igi_onnx_note_values(b, &names));
out:
    igi_map_fini(&names);
    return rc;
}

static ig_status
read_model(ig_graph **out, const igi_source *src, const ig_read_opts *opts)
{
    igi_onnx_scan scan = {0};
    ProtobufCMessage *m = NULL;
    igi_onnx_build b = {.reg = opts->registry,
                        .warn = opts->warn,
                        .user = opts->user,
                        .feeds = opts->feeds};
    ig_status rc;
    igi_arena_init(&b.arena);
    igi_arena_init(&b.scratch);
    IG_GO(igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, src->bytes, src->size,
                            &opts->limits));
    IG_GO(igi_onnx_unpack(&scan, &igi_onnx__model__descriptor, &opts->limits, &m));
    IG_GO(igi_graph_new(&b.g, NULL, opts->registry, NULL));
    b.model = (const pb_model *)m;
    b.data = (igi_onnx_data){.scan = &scan,
                             .src = *src,
                             .limits = opts->limits,
                             .private_copy = opts->private_copy};
    b.max_nodes = igi_onnx_limit(opts->limits.nodes, 2000000);
    b.max_depth = (uint32_t)igi_onnx_limit(opts->limits.depth, 64);
    if (opts->part != IG_READ_MODEL)
        IG_GO(igi_onnx_training(&b, opts->training, opts->part == IG_READ_START));
    IG_GO(build_graph(&b));
    *out = b.g;
    b.g = NULL;
out:
    ig_graph_free(b.g);
    igi_map_fini(&b.functions);
    igi_map_fini(&b.declared);
    igi_onnx_data_fini(&b.data);
    igi_onnx_scan_fini(&scan);
    igi_arena_fini(&b.scratch);
    igi_arena_fini(&b.arena);
    return rc;
}

ig_status igi_onnx_read(ig_graph **out, const igi_source *src, const ig_read_opts *opts)
{
    *out = NULL;
    if (!opts || !opts->registry)
        return ig_fail(IG_INVALID_ARGUMENT, "igi_onnx_read: opts->registry is missing");
    if ((int)opts->part < IG_READ_MODEL || (int)opts->part > IG_READ_START)
        return ig_fail(IG_INVALID_ARGUMENT, "opts->part is %d, no ig_read_part",
                       (int)opts->part);
    if (read_model(out, src, opts) != IG_OK)
        return src->name ? ig_fail_context("%s", src->name) : ig_error_status();
    return IG_OK;
}
