/* The text form of graphs, for people, golden tests and bug reports. It is stable.
 *
 *   line 1      graph NAME(inputs: types) -> (output names=values)
 *   constants   const NAME: type
 *   nodes       outputs: types = Op(inputs) {attributes} # node name at file:line
 *
 * `_` stands for an absent input and an unwanted output. */
#include "graph/ir/graph.h"

static void print_type(const ig_graph *g, ig_value_id v, igi_text *t)
{
    char buf[512];
    igi_text_add(t, "%s: %s", igi_value_at(g, v)->name,
                 igi_type_print(&igi_value_at(g, v)->type, g->syms, buf, sizeof(buf)));
}

static void print_node(const ig_graph *g, ig_node_id id, igi_text *t)
{
    const igi_node *n = igi_node_at(g, id);
    char op[160];
    igi_text_add(t, "  ");
    for (int i = 0; i < n->n_out; i++) {
        igi_text_add(t, i ? ", " : "");
        if (n->out[i].i)
            print_type(g, n->out[i], t);
        else
            igi_text_add(t, "_");
    }
    igi_text_add(t, " = %s(", igi_op_full_name(n->op->def, op, sizeof(op)));
    for (int i = 0; i < n->n_in; i++)
        igi_text_add(t, "%s%s", i ? ", " : "",
                     n->in[i].i ? igi_value_at(g, n->in[i])->name : "_");
    igi_text_add(t, ")");
    igi_text attrs = {0};
    if (igi_attrs_print(n->op->def, n->attrs, &attrs) != IG_OK)
        t->failed = true;
    else if (attrs.n)
        igi_text_add(t, " {%s}", attrs.p);
    igi_text_fini(&attrs);
    igi_text_add(t, " # %s", n->origin ? n->origin : n->name);
    igi_text_add(t, n->where ? " at %s\n" : "\n", n->where);
}

ig_status ig_graph_print(const ig_graph *g, char **out)
{
    IGI_NEEDS(g);
    IGI_NEEDS(out);
    igi_text t = {0};
    igi_error_clear();
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    igi_text_add(&t, "graph %s(", g->name);
    for (size_t i = 0; i < g->inputs.n; i++) {
        igi_text_add(&t, i ? ", " : "");
        print_type(g, g->inputs.p[i], &t);
    }
    igi_text_add(&t, ") -> (");
    for (size_t i = 0; i < g->outputs.n; i++)
        igi_text_add(&t, "%s%s=%s", i ? ", " : "", g->output_names.p[i],
                     igi_value_at(g, g->outputs.p[i])->name);
    igi_text_add(&t, ")\n");
    for (size_t i = 1; i < g->values.n; i++) {
        if (!g->values.p[i].live || !g->values.p[i].constant)
            continue;
        igi_text_add(&t, "  const ");
        print_type(g, (ig_value_id){(uint32_t)i}, &t);
        igi_text_add(&t, "\n");
    }
    while (ig_node_next(&it, &n))
        print_node(g, n, &t);
    return igi_text_take(&t, out);
}

void ig_string_free(char *s)
{
    igi_free(s);
}
