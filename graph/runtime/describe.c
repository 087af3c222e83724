/* ig_model_describe: what a model takes, gives and would run, as JSON.
 *
 * Which kernel serves a node depends on shapes: the plan of the last run says it, and
 * before any run a plan for symbolic dims of 1. */
#include <stdlib.h>
#include <string.h>

#include "graph/ir/body.h"
#include "graph/ir/note.h"
#include "graph/runtime/bodies.h"
#include "graph/runtime/model.h"
#include "graph/runtime/profile.h"
#include "graph/runtime/select.h"

static void add_type(igi_text *out, const ig_graph *g, const ig_type *t)
{
    char text[256];
    if (t->kind != IG_KIND_TENSOR) {
        igi_text_add(out, "\"type\": ");
        igi_json_string(out, igi_type_print(t, g->syms, text, sizeof(text)));
        return;
    }
    igi_text_add(out,
                 "\"type\": \"%s\", \"shape\": ", ig_dtype_name((ig_dtype)t->dtype));
    igi_text_add(out, t->rank < 0 ? "null" : "[");
    for (int d = 0; d < t->rank; d++) {
        int64_t dim = ig_type_dims(t)[d];
        igi_text_add(out, "%s", d ? ", " : "");
        if (dim >= 0)
            igi_text_add(out, "%lld", (long long)dim);
        else
            igi_json_string(out, igi_dim_print(g->syms, dim, text, sizeof(text)));
    }
    igi_text_add(out, t->rank < 0 ? "" : "]");
}

static void add_ports(igi_text *out, const ig_model *m, bool in)
{
    int n = in ? m->net->n_in : m->net->n_out;
    igi_text_add(out, "\"%s\": [", in ? "inputs" : "outputs");
    for (int i = 0; i < n; i++) {
        igi_text_add(out, "%s{\"name\": ", i ? ", " : "");
        igi_json_string(out, in ? m->net->in_names[i] : m->net->out_names[i]);
        igi_text_add(out, ", ");
        add_type(out, m->graph,
                 in ? ig_model_input_type(m, i) : ig_model_output_type(m, i));
        igi_text_add(out, "}");
    }
    igi_text_add(out, "],\n");
}

static void add_file(igi_text *out, const ig_graph *g)
{
    size_t bytes = 0, count = 0;
    for (size_t v = 1; v < g->values.n; v++) {
        if (!g->values.p[v].live || !g->values.p[v].constant)
            continue;
        bytes += ig_tensor_nbytes(g->values.p[v].constant);
        count++;
    }
    igi_text_add(out, "\"name\": ");
    igi_json_string(out, g->name ? g->name : "");
    igi_text_add(out, ",\n\"producer\": ");
    igi_json_string(out, g->producer ? g->producer : "");
    igi_text_add(out,
                 ",\n\"ir_version\": %lld, \"opset\": %lld,\n\"constants\": %zu, "
                 "\"constant_bytes\": %zu,\n\"metadata\": {",
                 (long long)g->ir_version, (long long)g->opset, count, bytes);
    for (size_t i = 0; i < g->meta.n; i++) {
        igi_text_add(out, "%s", i ? ", " : "");
        igi_json_string(out, g->meta.p[i].key);
        igi_text_add(out, ": ");
        igi_json_string(out, g->meta.p[i].value);
    }
    igi_text_add(out, "},\n\"notes\": {");
    const char *comma = "";
    for (int kind = 1; kind < IGI_NOTE_KINDS; kind++) {
        size_t n = 0;
        for (size_t i = 1; i < g->notes.n; i++)
            n += g->notes.p[i].kind == kind;
        if (n)
            igi_text_add(out, "%s\"%s\": %zu", comma, igi_note_name(kind), n);
        comma = n ? ", " : comma;
    }
    igi_text_add(out, "},\n");
}

/* ---- operators ---- */

static int by_op_address(const void *a, const void *b)
{
    const igi_op *const *x = a, *const *y = b;
    int c = strcmp((*x)->def->name, (*y)->def->name);
    return c ? c : *x < *y ? -1 : *x > *y;
}

typedef IGI_VEC(const igi_op *) op_list;

/* Operators of g itself, or of all bodies below it. Bodies nest at most IGI_BODY_DEPTH
 * levels. */
static ig_status list_operators(op_list *ops, const ig_graph *g, bool own, bool bodies)
{
    const ig_graph *body;
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id id;
    while (ig_node_next(&it, &id)) {
        const igi_node *n = igi_node_at(g, id);
        if (own && !IGI_PUSH(ops, n->op))
            return IG_OUT_OF_MEMORY;
        for (int k = 0; bodies && igi_has_bodies(n) && (body = igi_body_of(n, k)); k++)
            IG_TRY(list_operators(ops, body, true, true));
    }
    return IG_OK;
}

static ig_status
add_operators(igi_text *out, const char *title, const ig_graph *g, bool bodies)
{
    char name[160];
    op_list ops = {0};
    ig_status rc = list_operators(&ops, g, !bodies, bodies);
    if (ops.n)
        qsort(ops.p, ops.n, sizeof(ops.p[0]), by_op_address);
    igi_text_add(out, "\"%s\": {", title);
    for (size_t i = 0, j; i < ops.n; i = j) {
        for (j = i; j < ops.n && ops.p[j] == ops.p[i]; j++)
            ;
        igi_text_add(out, "%s", i ? ", " : "");
        igi_json_string(out, igi_op_full_name(ops.p[i]->def, name, sizeof(name)));
        igi_text_add(out, ": %zu", j - i);
    }
    igi_text_add(out, "},\n");
    IGI_VEC_FREE(&ops);
    return rc;
}

/* ---- nodes and kernels ---- */

/* Zeros of type t, with every dim that is not known 1; *left bytes may be had. */
static ig_status sample_input(const ig_type *t, uint64_t *left, ig_value **out)
{
    int64_t dims[IG_RANK_MAX], n = 0;
    size_t bytes = 0;
    ig_tensor *made = NULL;
    if (t->kind != IG_KIND_TENSOR || t->rank < 0 || !t->dtype)
        return ig_fail(IG_UNSUPPORTED, "input types are not known before a run");
    for (int d = 0; d < t->rank; d++)
        dims[d] = ig_type_dims(t)[d] >= 0 ? ig_type_dims(t)[d] : 1;
    if (!igi_dims_count(t->rank, dims, &n) ||
        !igi_dtype_bytes((ig_dtype)t->dtype, n, &bytes) || bytes > *left)
        return ig_fail(IG_LIMIT, "inputs take more than the limit memory_bytes");
    *left -= bytes;
    ig_status rc = ig_tensor_new(&made, (ig_dtype)t->dtype, t->rank, dims);
    *out = (ig_value *)made;
    return rc;
}

/* A plan to look at. */
static ig_status sample_plan(igi_instance *x, igi_plan **out)
{
    const ig_graph *g = x->net->graph;
    int n = x->net->n_in;
    uint64_t left = x->net->limits.memory_bytes;
    ig_value **in = igi_calloc((size_t)n + 1, sizeof(*in));
    ig_status rc = in ? IG_OK : IG_OUT_OF_MEMORY;
    for (int i = 0; i < n && rc == IG_OK; i++)
        rc = sample_input(&igi_value_at(g, g->inputs.p[i])->type, &left, &in[i]);
    if (rc == IG_OK)
        rc = igi_instance_plan(x, in, out);
    for (int i = 0; in && i < n; i++)
        ig_value_unref(in[i]);
    igi_free(in);
    return rc;
}

/* The plan of the last run, or one to look at; NULL: nothing can be said. */
static igi_plan *plan_of(igi_instance *x)
{
    igi_plan *p = x->last;
    if (!p && sample_plan(x, &p) != IG_OK) {
        igi_error_clear();
        p = NULL;
    }
    return p;
}

static void add_node_head(igi_text *out, const igi_node *n, const char *kernel)
{
    char text[160];
    igi_text_add(out, "{\"name\": ");
    igi_json_string(out, n->name);
    igi_text_add(out, ", \"op\": ");
    igi_json_string(out, igi_op_full_name(n->op->def, text, sizeof(text)));
    igi_text_add(out, ", \"kernel\": ");
    if (kernel)
        igi_json_string(out, kernel);
    else
        igi_text_add(out, "null");
    if (n->origin) {
        igi_text_add(out, ", \"origin\": ");
        igi_json_string(out, n->origin);
    }
}

static void add_bodies(igi_text *out, igi_instance *x, const igi_node *n);

static void
add_node(igi_text *out, igi_instance *x, const igi_plan *p, const igi_step *s)
{
    const igi_node *n = igi_node_at(p->net->graph, s->node);
    add_node_head(out, n, s->mode == IGI_LATE ? "late" : igi_kernel_name(s->kernel));
    int device = s->space == IGI_THERE ? p->net->device : 0;
    if (s->mode != IGI_LATE && p->queue) {
        igi_text_add(out, ", \"device\": ");
        igi_json_string(out, device ? p->queue->def->name : "cpu");
    }
    if (s->mode != IGI_LATE && !s->kernel && n->op->n_kernels[device]) {
        igi_text why = {0};
        igi_select_explain(n->op, device, &s->k,
                           igi_facts_for(&s->k, x->net->deterministic), &why);
        igi_text_add(out, ", \"why\": ");
        igi_json_string(out, why.p ? why.p : "");
        igi_text_fini(&why);
    }
    add_bodies(out, x, n);
    igi_text_add(out, "}");
}

/* The steps of a plan; without one the nodes of the graph, whose kernels are null. */
static void add_nodes(igi_text *out, igi_instance *x, const igi_plan *p)
{
    const ig_graph *g = x->net->graph;
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id id;
    const char *comma = "";
    igi_text_add(out, "\"nodes\": [\n");
    for (uint32_t i = 0; p && i < p->n_steps; i++) {
        if (!p->step[i].node.i)
            continue;
        igi_text_add(out, "%s", comma);
        add_node(out, x, p, &p->step[i]);
        comma = ",\n";
    }
    while (!p && x->nested && ig_node_next(&it, &id)) {
        igi_text_add(out, "%s", comma);
        add_node_head(out, igi_node_at(g, id), NULL);
        add_bodies(out, x, igi_node_at(g, id));
        igi_text_add(out, "}");
        comma = ",\n";
    }
    igi_text_add(out, "]");
}

/* Bodies of a node, as its net has compiled them. */
static void add_bodies(igi_text *out, igi_instance *x, const igi_node *n)
{
    const ig_graph *body;
    const ig_attr_def *a = n->op->def->attrs;
    const char *comma = "";
    if (!igi_has_bodies(n))
        return;
    igi_text_add(out, ", \"bodies\": [");
    for (int k = 0; (body = igi_body_of(n, k)); k++) {
        igi_instance *inner = NULL;
        while (a->kind != IG_A_GRAPH)
            a++;
        const char *attribute = a++->name;
        if (igi_bodies_instance(x, body, &inner) != IG_OK) {
            igi_error_clear(); /* what is not known is left out */
            continue;
        }
        inner->nested = true;
        igi_text_add(out, "%s{\"attribute\": \"%s\", ", comma, attribute);
        add_nodes(out, inner, plan_of(inner));
        igi_text_add(out, "}");
        comma = ", ";
    }
    igi_text_add(out, "]");
}

static void add_plan(igi_text *out, const igi_plan *p)
{
    if (p)
        igi_text_add(
            out,
            ",\n\"steps\": %u, \"views\": %u, \"folded\": %u, \"arena_bytes\": %zu",
            p->n_steps, p->n_nodes_view, p->n_nodes_folded, igi_plan_bytes(p));
}

ig_status ig_model_describe(const ig_model *m, char **json)
{
    IGI_NEEDS(m);
    IGI_NEEDS(json);
    igi_error_clear();
    igi_text out = {0};
    igi_instance *x = NULL;
    igi_plan *p = NULL;
    *json = NULL;
    igi_text_add(&out, "{");
    add_file(&out, m->graph);
    add_ports(&out, m, true);
    add_ports(&out, m, false);
    ig_status rc = add_operators(&out, "operators", m->graph, false);
    if (rc == IG_OK)
        rc = add_operators(&out, "body_operators", m->graph, true);
    if (rc == IG_OK)
        rc = igi_model_borrow((ig_model *)(uintptr_t)m, &x);
    if (rc == IG_OK) {
        p = plan_of(x); /* NULL: then nothing is said about kernels */
        igi_text_add(&out, "\"threads\": %d, \"level\": %d,\n", m->net->threads,
                     m->net->level);
        add_nodes(&out, x, p);
        add_plan(&out, p);
        igi_text_add(&out, "}\n");
        igi_model_return((ig_model *)(uintptr_t)m, x);
        rc = igi_text_take(&out, json);
    }
    igi_text_fini(&out);
    return rc;
}
