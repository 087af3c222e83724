/* Graph life cycle, values, reading. Nodes are made in make.c, edits in edit.c. */
#include "graph/ir/graph.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/utf8.h"
#include "graph/ir/build.h"

ig_status igi_graph_new(ig_graph **out,
                        const char *name,
                        const ig_registry *reg,
                        ig_symtab *share)
{
    *out = NULL;
    if (name)
        IG_TRY(igi_name_check("a graph", name));
    ig_graph *g = igi_calloc(1, sizeof(*g));
    if (!g)
        return IG_OUT_OF_MEMORY;
    igi_arena_init(&g->arena);
    g->refs = 1;
    g->reg = igi_registry_ref(reg);
    ig_status rc = share ? IG_OK : igi_symtab_new(&g->syms);
    if (share)
        g->syms = igi_symtab_ref(share);
    if (rc == IG_OK) {
        g->name = igi_arena_strdup(&g->arena, name ? name : "graph");
        /* Slot 0 stands for "none". */
        igi_gvalue no_value = {0};
        igi_node no_node = {0};
        if (!g->name || !IGI_PUSH(&g->values, no_value) ||
            !IGI_PUSH(&g->nodes, no_node))
            rc = IG_OUT_OF_MEMORY;
    }
    if (rc != IG_OK) {
        igi_graph_unref(g);
        return rc;
    }
    *out = g;
    return IG_OK;
}

ig_graph *igi_graph_ref(ig_graph *g)
{
    if (g)
        __atomic_add_fetch(&g->refs, 1, __ATOMIC_RELAXED);
    return g;
}

void igi_graph_unref(ig_graph *g)
{
    if (!g || __atomic_sub_fetch(&g->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 1; i < g->values.n; i++) {
        igi_type_fini(&g->values.p[i].type);
        ig_tensor_unref(g->values.p[i].constant);
        IGI_VEC_FREE(&g->values.p[i].uses);
    }
    for (size_t i = 1; i < g->nodes.n; i++)
        igi_attrs_release(g->nodes.p[i].op->def, g->nodes.p[i].attrs);
    IGI_VEC_FREE(&g->values);
    IGI_VEC_FREE(&g->nodes);
    IGI_VEC_FREE(&g->order);
    IGI_VEC_FREE(&g->inputs);
    IGI_VEC_FREE(&g->outputs);
    IGI_VEC_FREE(&g->output_names);
    for (size_t i = 0; i < g->self_test.n; i++)
        ig_value_unref(g->self_test.p[i]);
    IGI_VEC_FREE(&g->self_test);
    IGI_VEC_FREE(&g->meta);
    IGI_VEC_FREE(&g->notes);
    igi_map_fini(&g->names);
    igi_registry_free(g->reg);
    igi_map_fini(&g->output_map);
    igi_symtab_unref(g->syms);
    igi_arena_fini(&g->arena);
    igi_free(g);
}

void ig_graph_free(ig_graph *g)
{
    igi_graph_unref(g);
}

void igi_output_stem(char *buf, size_t size, const char *node, int i)
{
    int n = (int)igi_utf8_cut(node, 200);
    snprintf(buf, size, i ? "%.*s:%d" : "%.*s", n, node, i);
}

const char *igi_graph_fresh_name(ig_graph *g, const char *stem)
{
    char buf[256];
    int n = (int)igi_utf8_cut(stem, 200);
    if (!igi_map_get(&g->names, stem))
        return igi_arena_strdup(&g->arena, stem);
    do {
        snprintf(buf, sizeof(buf), "%.*s_%u", n, stem, ++g->counter);
    } while (igi_map_get(&g->names, buf));
    return igi_arena_strdup(&g->arena, buf);
}

ig_status igi_graph_add_meta(ig_graph *g, const char *key, const char *value)
{
    IG_TRY(igi_name_check("a metadata property", key));
    if (!igi_utf8_ok(value, strlen(value), false))
        return ig_fail(IG_INVALID_ARGUMENT, "metadata '%s' is not UTF-8", key);
    igi_meta m = {igi_arena_strdup(&g->arena, key), igi_arena_strdup(&g->arena, value)};
    if (!m.key || !m.value || !IGI_PUSH(&g->meta, m))
        return IG_OUT_OF_MEMORY;
    return IG_OK;
}

/* Registers a value that has a unique name and a type, which it takes over. */
ig_status
igi_graph_add_value(ig_graph *g, const char *name, ig_type *type, ig_value_id *out)
{
    igi_gvalue v = {.name = name, .live = true};
    uint32_t id = (uint32_t)g->values.n;
    if (!name || !IGI_RESERVE(&g->values, g->values.n + 1) ||
        igi_map_put(&g->names, name, id) != IG_OK) {
        igi_type_fini(type);
        return IG_OUT_OF_MEMORY;
    }
    v.type = *type;
    g->values.p[g->values.n++] = v;
    g->generation++;
    *out = (ig_value_id){id};
    return IG_OK;
}

void igi_graph_drop_last_value(ig_graph *g, ig_value_id v)
{
    igi_gvalue *value = igi_value_at(g, v);
    igi_map_remove(&g->names, value->name);
    igi_type_fini(&value->type);
    IGI_VEC_FREE(&value->uses);
    g->values.n--;
}

static ig_status
claim_name(ig_graph *g, const char *name, const char *stem, const char **out)
{
    *out = NULL;
    if (name && !*name)
        name = NULL; /* as in files: no name */
    if (name)
        IG_TRY(igi_name_check("a value", name));
    if (name && igi_map_get(&g->names, name))
        return ig_fail(IG_INVALID_GRAPH, "graph %s: the name '%s' is taken", g->name,
                       name);
    *out = name ? igi_arena_strdup(&g->arena, name) : igi_graph_fresh_name(g, stem);
    return *out ? IG_OK : IG_OUT_OF_MEMORY;
}

/* Dims and element type of a type that comes from a caller; at its innermost element.
 */
static ig_status check_type(const char *name, const ig_type *t)
{
    for (int depth = 0; t->kind != IG_KIND_TENSOR && t->kind < IG_KIND_SPARSE;
         depth++) {
        if (depth > IGI_NEST_MAX || !t->u.elem)
            return ig_fail(
                IG_INVALID_ARGUMENT,
                "input %s: a sequence, optional or map without an element type, or "
                "nested deeper than %d",
                name, IGI_NEST_MAX);
        if (t->kind == IG_KIND_MAP && !igi_is_key_type((ig_dtype)t->dtype))
            return ig_fail(IG_INVALID_ARGUMENT,
                           "input %s: a map has no keys of type %s", name,
                           ig_dtype_name((ig_dtype)t->dtype));
        t = t->u.elem;
    }
    if (t->kind > IG_KIND_SPARSE || !igi_dtype_valid(t->dtype) || t->rank < -1 ||
        t->rank > IG_RANK_MAX)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "input %s: kind %d, element type %d or rank %d does not exist",
                       name, t->kind, t->dtype, t->rank);
    const int64_t *dims = ig_type_dims(t);
    for (int i = 0; i < t->rank; i++)
        if (dims[i] < -1 && !ig_dim_is_symbol(dims[i]))
            return ig_fail(IG_INVALID_ARGUMENT,
                           "input %s: dim %d is negative; -1 means unknown", name, i);
    return IG_OK;
}

ig_status ig_graph_input_typed(ig_graph *g,
                               const char *name,
                               const ig_type *type,
                               ig_value_id *out)
{
    const char *own;
    ig_type copy = {0};
    igi_error_clear();
    IG_TRY(check_type(name ? name : "?", type));
    IG_TRY(claim_name(g, name, "x", &own));
    IG_TRY(igi_type_copy(&copy, type));
    if (!IGI_RESERVE(&g->inputs, g->inputs.n + 1)) {
        igi_type_fini(&copy);
        return IG_OUT_OF_MEMORY;
    }
    IG_TRY(igi_graph_add_value(g, own, &copy, out));
    igi_value_at(g, *out)->is_input = true;
    g->inputs.p[g->inputs.n++] = *out;
    return IG_OK;
}

ig_status ig_graph_input(ig_graph *g,
                         const char *name,
                         ig_dtype dtype,
                         int rank,
                         const int64_t *dims,
                         ig_value_id *out)
{
    ig_type type = {0};
    igi_error_clear();
    if (dtype <= 0 || dtype >= IG_DTYPE_COUNT || (rank > 0 && !dims))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "input %s: element type %d does not exist, or dims are missing",
                       name ? name : "?", (int)dtype);
    IG_TRY(igi_type_set(&type, dtype, rank, dims));
    ig_status rc = ig_graph_input_typed(g, name, &type, out);
    igi_type_fini(&type);
    return rc;
}

ig_status ig_graph_dim(ig_graph *g, const char *name, int64_t *out)
{
    igi_error_clear();
    if (!name || !*name)
        return ig_fail(IG_INVALID_ARGUMENT, "a symbolic dim needs a name");
    IG_TRY(igi_name_check("a dim", name));
    *out = igi_symtab_symbol(g->syms, name);
    if (*out != -1)
        return IG_OK;
    return ig_error_status() == IG_OUT_OF_MEMORY
               ? IG_OUT_OF_MEMORY
               : ig_fail(IG_LIMIT, "no more than %d symbolic dims", IGI_SYM_MAX);
}

ig_status
ig_graph_constant(ig_graph *g, const char *name, ig_tensor *t, ig_value_id *out)
{
    const char *own;
    ig_type copy = {0};
    igi_error_clear();
    if (!t)
        return ig_fail(IG_INVALID_ARGUMENT, "constant %s has no tensor",
                       name ? name : "?");
    IG_TRY(claim_name(g, name, "c", &own));
    IG_TRY(igi_type_copy(&copy, &t->v.type));
    IG_TRY(igi_graph_add_value(g, own, &copy, out));
    igi_value_at(g, *out)->constant = ig_tensor_share(ig_tensor_ref(t));
    return IG_OK;
}

/* ---- uses ---- */

static bool overwrites(const ig_graph *g, igi_use use)
{
    if (!use.node.i)
        return false;
    const igi_node *n = igi_node_at(g, use.node);
    const int port = igi_op_in_port(n->op, n->n_in, n->n_captures, use.port);
    return port >= 0 && n->op->def->inputs[port].flags & IG_MUTATED;
}

void igi_use_put(ig_graph *g, ig_value_id v, igi_use use)
{
    igi_gvalue *value = igi_value_at(g, v);
    if (use.node.i)
        igi_node_at(g, use.node)->use_at[use.port] = (uint32_t)value->uses.n;
    value->n_overwrites += overwrites(g, use);
    value->uses.p[value->uses.n++] = use;
}

/* The last use takes the place of the one that goes. */
void igi_use_remove(ig_graph *g, ig_value_id v, igi_use use)
{
    igi_gvalue *value = igi_value_at(g, v);
    uint32_t at = igi_node_at(g, use.node)->use_at[use.port];
    igi_use last = value->uses.p[--value->uses.n];
    value->n_overwrites -= overwrites(g, use);
    value->uses.p[at] = last;
    if (last.node.i)
        igi_node_at(g, last.node)->use_at[last.port] = at;
}

ig_status ig_graph_output(ig_graph *g, const char *name, ig_value_id value)
{
    igi_error_clear();
    if (value.i == 0 || value.i >= g->values.n || !igi_value_at(g, value)->live)
        return ig_fail(IG_INVALID_ARGUMENT, "output %s is no value of the graph",
                       name ? name : "?");
    if (name)
        IG_TRY(igi_name_check("an output", name));
    const char *own =
        igi_arena_strdup(&g->arena, name ? name : igi_value_at(g, value)->name);
    if (own && igi_map_get(&g->output_map, own))
        return ig_fail(IG_INVALID_GRAPH, "graph %s has two outputs '%s'", g->name, own);
    if (!own || !IGI_RESERVE(&g->outputs, g->outputs.n + 1) ||
        !IGI_RESERVE(&g->output_names, g->output_names.n + 1) ||
        !IGI_RESERVE(&igi_value_at(g, value)->uses,
                     igi_value_at(g, value)->uses.n + 1) ||
        igi_map_put(&g->output_map, own, (uint32_t)g->outputs.n + 1) != IG_OK)
        return IG_OUT_OF_MEMORY;
    igi_use_put(g, value, (igi_use){{0}, (int)g->outputs.n});
    g->outputs.p[g->outputs.n++] = value;
    g->output_names.p[g->output_names.n++] = own;
    g->generation++;
    return IG_OK;
}

/* ---- reading ---- */

static bool has_value(const ig_graph *g, ig_value_id v)
{
    return v.i > 0 && v.i < g->values.n && g->values.p[v.i].live;
}

static bool has_node(const ig_graph *g, ig_node_id n)
{
    return n.i > 0 && n.i < g->nodes.n && g->nodes.p[n.i].live;
}

const char *ig_graph_name(const ig_graph *g)
{
    return g->name;
}

ig_symtab *ig_graph_symbols(const ig_graph *g)
{
    return g->syms;
}

int ig_graph_n_inputs(const ig_graph *g)
{
    return (int)g->inputs.n;
}

int ig_graph_n_outputs(const ig_graph *g)
{
    return (int)g->outputs.n;
}

ig_value_id ig_graph_input_at(const ig_graph *g, int i)
{
    return i >= 0 && (size_t)i < g->inputs.n ? g->inputs.p[i] : (ig_value_id){0};
}

ig_value_id ig_graph_output_at(const ig_graph *g, int i)
{
    return i >= 0 && (size_t)i < g->outputs.n ? g->outputs.p[i] : (ig_value_id){0};
}

const char *ig_graph_output_name(const ig_graph *g, int i)
{
    return i >= 0 && (size_t)i < g->output_names.n ? g->output_names.p[i] : "";
}

ig_value_id ig_graph_find(const ig_graph *g, const char *name)
{
    return (ig_value_id){name ? igi_map_get(&g->names, name) : 0};
}

const char *ig_graph_value_name(const ig_graph *g, ig_value_id v)
{
    return has_value(g, v) ? igi_value_at(g, v)->name : "";
}

const ig_type *ig_graph_value_type(const ig_graph *g, ig_value_id v)
{
    return has_value(g, v) ? &igi_value_at(g, v)->type : NULL;
}

ig_tensor *ig_graph_value_constant(const ig_graph *g, ig_value_id v)
{
    ig_tensor *t = has_value(g, v) ? igi_value_at(g, v)->constant : NULL;
    return t && igi_tensor_settle(t) == IG_OK ? t : NULL;
}

ig_node_id ig_graph_value_producer(const ig_graph *g, ig_value_id v)
{
    return has_value(g, v) ? igi_value_at(g, v)->producer : (ig_node_id){0};
}

int ig_graph_value_n_uses(const ig_graph *g, ig_value_id v)
{
    return has_value(g, v) ? (int)igi_value_at(g, v)->uses.n : 0;
}

const ig_op_def *ig_graph_node_op(const ig_graph *g, ig_node_id n)
{
    return has_node(g, n) ? igi_node_at(g, n)->op->def : NULL;
}

const char *ig_graph_node_name(const ig_graph *g, ig_node_id n)
{
    return has_node(g, n) ? igi_node_at(g, n)->name : "";
}

const void *ig_graph_node_attrs(const ig_graph *g, ig_node_id n)
{
    return has_node(g, n) ? igi_node_at(g, n)->attrs : NULL;
}

int ig_graph_node_n_in(const ig_graph *g, ig_node_id n)
{
    return has_node(g, n) ? igi_node_at(g, n)->n_in : 0;
}

int ig_graph_node_n_out(const ig_graph *g, ig_node_id n)
{
    return has_node(g, n) ? igi_node_at(g, n)->n_out : 0;
}

ig_value_id ig_graph_node_in(const ig_graph *g, ig_node_id n, int i)
{
    return has_node(g, n) && i >= 0 && i < igi_node_at(g, n)->n_in
               ? igi_node_at(g, n)->in[i]
               : (ig_value_id){0};
}

ig_value_id ig_graph_node_out(const ig_graph *g, ig_node_id n, int i)
{
    return has_node(g, n) && i >= 0 && i < igi_node_at(g, n)->n_out
               ? igi_node_at(g, n)->out[i]
               : (ig_value_id){0};
}

ig_node_iter ig_graph_nodes(const ig_graph *g)
{
    return (ig_node_iter){g, 0};
}

bool ig_node_next(ig_node_iter *it, ig_node_id *out)
{
    while (it->pos < it->g->order.n) {
        *out = it->g->order.p[it->pos++];
        if (igi_node_at(it->g, *out)->live)
            return true;
    }
    return false;
}

ig_status igi_graph_node_context(const ig_graph *g, ig_node_id n)
{
    const igi_node *node = igi_node_at(g, n);
    char op[160];
    igi_op_full_name(node->op->def, op, sizeof(op));
    if (node->origin)
        return ig_fail_context("node '%s' (%s, from %s)", node->name, op, node->origin);
    return ig_fail_context("node '%s' (%s)", node->name, op);
}
