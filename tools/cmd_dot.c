/* ingot dot: the graph as DOT text, for Graphviz. Nodes of one fused group carry their
 * origins, subgraphs become clusters, edges are labelled with types. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/file.h"
#include "graph/ir/graph.h"
#include "graph/runtime/model.h"
#include "tools/commands.h"

static const cli_option options[] = {
    {"out", 'o', "FILE", "Write there instead of standard output."},
    {"optimized", 0, NULL,
     "The graph after the passes of --level, not as it was read."},
    {"max-nodes", 0, "N",
     "Refuse larger graphs, which no layout can show (default: 5000)."},
    {"weights", 0, NULL, "Show constants as nodes of their own."},
    {0},
};

typedef struct drawing {
    igi_text t;
    bool weights;
    int next_graph; /* numbers of graphs, unique in the drawing */
} drawing;

/* A graph that waits to be drawn inside the cluster of its node. */
typedef struct pending {
    const ig_graph *g;
    int id;
    char label[200];
} pending;

typedef struct queue {
    IGI_VEC(pending) v;
} queue;

static void quoted(igi_text *t, const char *s)
{
    igi_text_add(t, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            igi_text_add(t, "\\");
        igi_text_add(t, "%c", (unsigned char)*s < 0x20 ? ' ' : *s);
    }
    igi_text_add(t, "\"");
}

static void type_label(igi_text *t, const ig_graph *g, ig_value_id v)
{
    char type[300];
    quoted(t, igi_type_print(ig_graph_value_type(g, v), g->syms, type, sizeof(type)));
}

/* Name of the DOT node that gives value v; false when it is not drawn. */
static bool source_of(
    const drawing *d, const ig_graph *g, int id, ig_value_id v, char *buf, size_t size)
{
    const igi_gvalue *x = igi_value_at(g, v);
    if (x->producer.i)
        (void)snprintf(buf, size, "g%d_n%u", id, x->producer.i);
    else if (x->is_input || d->weights)
        (void)snprintf(buf, size, "g%d_v%u", id, v.i);
    else
        return false;
    return true;
}

static void draw_values(drawing *d, const ig_graph *g, int id)
{
    char type[300];
    for (uint32_t i = 1; i < g->values.n; i++) {
        const igi_gvalue *v = &g->values.p[i];
        if (!v->live || v->producer.i || !(v->is_input || (d->weights && v->constant)))
            continue;
        igi_text_add(&d->t, "  g%d_v%u [shape=%s, label=", id, i,
                     v->is_input ? "ellipse" : "note");
        quoted(&d->t, v->name);
        igi_text_add(&d->t, ", tooltip=");
        quoted(&d->t, igi_type_print(&v->type, g->syms, type, sizeof(type)));
        igi_text_add(&d->t, "];\n");
    }
}

static void draw_node(drawing *d, const ig_graph *g, int id, ig_node_id n)
{
    const igi_node *x = igi_node_at(g, n);
    char op[160], from[64];
    igi_text_add(&d->t, "  g%d_n%u [label=", id, n.i);
    quoted(&d->t, igi_op_full_name(x->op->def, op, sizeof(op)));
    igi_text_add(&d->t, ", tooltip=");
    quoted(&d->t, x->origin ? x->origin : x->name);
    igi_text_add(&d->t, "];\n");
    for (int i = 0; i < x->n_in; i++) {
        if (!x->in[i].i || !source_of(d, g, id, x->in[i], from, sizeof(from)))
            continue;
        igi_text_add(&d->t, "  %s -> g%d_n%u [label=", from, id, n.i);
        type_label(&d->t, g, x->in[i]);
        igi_text_add(&d->t, "];\n");
    }
}

/* Fused nodes stand in a cluster named after what they were made from. */
static void draw_nodes(drawing *d, const ig_graph *g, int id, queue *q)
{
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    while (ig_node_next(&it, &n)) {
        const igi_node *x = igi_node_at(g, n);
        bool fused = x->origin && strchr(x->origin, '+');
        if (fused) {
            igi_text_add(
                &d->t, "  subgraph cluster_f%d_%u {\n  style=dashed; label=", id, n.i);
            quoted(&d->t, x->origin);
            igi_text_add(&d->t, ";\n  g%d_n%u;\n  }\n", id, n.i);
        }
        draw_node(d, g, id, n);
        for (const ig_attr_def *a = x->op->def->attrs; a && a->name; a++) {
            if (a->kind != IG_A_GRAPH)
                continue;
            pending p = {.id = ++d->next_graph};
            memcpy(&p.g, (const char *)x->attrs + a->offset, sizeof(p.g));
            (void)snprintf(p.label, sizeof(p.label), "%.90s.%.90s", x->name, a->name);
            if (p.g)
                (void)IGI_PUSH(&q->v, p);
        }
    }
}

static void draw_outputs(drawing *d, const ig_graph *g, int id)
{
    char from[64];
    for (int i = 0; i < ig_graph_n_outputs(g); i++) {
        ig_value_id v = ig_graph_output_at(g, i);
        igi_text_add(&d->t, "  g%d_o%d [shape=ellipse, label=", id, i);
        quoted(&d->t, g->output_names.p[i]);
        igi_text_add(&d->t, "];\n");
        if (!source_of(d, g, id, v, from, sizeof(from)))
            continue;
        igi_text_add(&d->t, "  %s -> g%d_o%d [label=", from, id, i);
        type_label(&d->t, g, v);
        igi_text_add(&d->t, "];\n");
    }
}

/* Subgraphs are drawn one after another; DOT needs no nesting to show them. */
static ig_status draw(drawing *d, const ig_graph *g)
{
    queue q = {0};
    igi_text_add(&d->t, "digraph ");
    quoted(&d->t, ig_graph_name(g) ? ig_graph_name(g) : "");
    igi_text_add(&d->t,
                 " {\n  node [shape=box, fontname=\"sans-serif\", fontsize=10];\n"
                 "  edge [fontname=\"sans-serif\", fontsize=8];\n");
    draw_values(d, g, 0);
    draw_nodes(d, g, 0, &q);
    draw_outputs(d, g, 0);
    for (size_t i = 0; i < q.v.n; i++) {
        pending p = q.v.p[i]; /* the list grows */
        igi_text_add(&d->t, "  subgraph cluster_g%d {\n  label=", p.id);
        quoted(&d->t, p.label);
        igi_text_add(&d->t, ";\n");
        draw_values(d, p.g, p.id);
        draw_nodes(d, p.g, p.id, &q);
        draw_outputs(d, p.g, p.id);
        igi_text_add(&d->t, "  }\n");
    }
    igi_text_add(&d->t, "}\n");
    IGI_VEC_FREE(&q.v);
    return d->t.failed ? ig_fail(IG_OUT_OF_MEMORY, "out of memory for the drawing")
                       : IG_OK;
}

static exit_code write_drawing(const drawing *d, const cli_args *a)
{
    const char *path = cli_value(a, "out");
    if (!path) {
        (void)fwrite(d->t.p, 1, d->t.n, stdout);
        return EXIT_OK;
    }
    if (igi_file_write_atomic(path, d->t.p, d->t.n) != IG_OK)
        return say_failure(NULL);
    say_note("wrote %s: dot -Tsvg %s -o graph.svg", path, path);
    return EXIT_OK;
}

static exit_code draw_graph(const ig_graph *g, const cli_args *a)
{
    drawing d = {.weights = cli_flag(a, "weights")};
    int64_t most = 5000;
    exit_code code = cli_int(a, "max-nodes", 1, INT64_MAX, &most);
    if (code == EXIT_OK && (int64_t)g->order.n > most) {
        (void)ig_fail(IG_LIMIT,
                      "the graph has %zu nodes, the limit --max-nodes is %" PRId64,
                      g->order.n, most);
        code = say_failure(NULL);
    }
    if (code == EXIT_OK && draw(&d, g) != IG_OK)
        code = say_failure(NULL);
    if (code == EXIT_OK)
        code = write_drawing(&d, a);
    igi_text_fini(&d.t);
    return code;
}

static exit_code dot_main(const cli_args *a)
{
    ig_model *m = NULL;
    ig_graph *g = NULL;
    exit_code code;
    if (cli_flag(a, "optimized")) {
        code = cli_model_load(&m, a, a->v.p[0], NULL);
        if (code == EXIT_OK)
            code = draw_graph(m->net->graph, a);
    } else {
        code = cli_graph_read(&g, a, a->v.p[0]);
        if (code == EXIT_OK)
            code = draw_graph(g, a);
    }
    ig_graph_free(g);
    ig_model_free(m);
    return code;
}

const cli_command cmd_dot = {
    .name = "dot",
    .usage = "MODEL",
    .summary = "draw the graph as DOT text",
    .examples = "ingot dot model.onnx | dot -Tsvg > model.svg\n"
                "ingot dot model.onnx --optimized --level 2 --out after.dot",
    .text = "Edges carry element types and shapes, subgraphs and fused nodes stand in "
            "clusters. "
            "Tooltips of an SVG name the nodes of the original model.",
    .options = options,
    .groups = CLI_LOAD | CLI_DEVICE,
    .min = 1,
    .max = 1,
    .run = dot_main,
};
