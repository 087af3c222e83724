/* Which opset says what the nodes of a graph and of its bodies do. */
#include <inttypes.h>
#include <string.h>

#include <ingot/plugin.h>

#include "graph/core/text.h"
#include "graph/ir/body.h"
#include "graph/ir/note.h"
#include "importers/onnx/export.h"
#include "importers/onnx/upgrade.h"

enum { ML, PREVIEW, TRAINING };
static const char *const domains[IGI_ONNX_DOMAINS] = {[ML] = "ai.onnx.ml",
                                                      [PREVIEW] = "ai.onnx.preview",
                                                      [TRAINING] =
                                                          "ai.onnx.preview.training"};

/* Its number among them; -1: another domain. */
static int domain_of(const ig_op_def *op)
{
    for (int i = 0; op->domain && i < IGI_ONNX_DOMAINS; i++)
        if (strcmp(op->domain, domains[i]) == 0)
            return i;
    return -1;
}

bool igi_onnx_is_own(const ig_op_def *op)
{
    return op->domain && domain_of(op) < 0;
}

/* Operators whose newest version matters to some uses alone; 0: all others. */
static int64_t said_by_use(const ig_graph *g, const igi_node *n)
{
    const ig_attr_def *row = n->op->def->attrs;
    if (strcmp(n->op->def->name, "Celu") == 0)
        return ig_graph_value_type(g, n->in[0])->dtype == IG_FLOAT32 ? 12 : 28;
    if (strcmp(n->op->def->name, "Attention") != 0)
        return 0;
    while (row->name && strcmp(row->name, "local_window_size") != 0)
        row++;
    return !row->name || igi_onnx_attr_is_default(row, igi_attr_at(row, n->attrs)) ? 24
                                                                                   : 25;
}

/* Version in which the operator of a node got its present meaning; 0 when ONNX cannot
 * say it. */
static int64_t newest_version(const ig_graph *g, ig_node_id n)
{
    const ig_op_def *op = ig_graph_node_op(g, n);
    if (domain_of(op) >= 0)
        return 1; /* such a domain counts its own opsets */
    if (op->domain)
        return igi_onnx_own_opset(g, igi_node_at(g, n));
    int64_t said = said_by_use(g, igi_node_at(g, n));
    if (said)
        return said;
    const igi_onnx_upgrade *u = igi_onnx_upgrade_find("", op->name);
    int64_t released = u ? igi_onnx_version(u, IGI_ONNX_RELEASED) : (int64_t)op->since;
    return released ? released : igi_onnx_version(u, IGI_ONNX_OPSET);
}

/* Operators whose later versions only added element types, and an opset that has what
 * is used of them here; sorted by name. `unless`: an integer attribute that changed its
 * meaning when it is not 0 (the shape of MaxPool with ceil_mode counts no window that
 * lies in the padding alone only since 22). */
static const struct {
    const char *op;
    int64_t opset;
    const char *unless;
} plain[] = {
    {"ConstantOfShape", 13, NULL},
    {"Conv", 13, NULL},
    {"Dropout", 13, NULL},
    {"Flatten", 13, NULL},
    {"GRU", 14, NULL},
    {"GlobalAveragePool", 13, NULL},
    {"Identity", 13, NULL},
    {"If", 13, NULL},
    {"LSTM", 14, NULL},
    {"Loop", 13, NULL},
    {"MaxPool", 13, "ceil_mode"},
    {"RNN", 14, NULL},
    {"Range", 13, NULL},
    {"Reshape", 14, NULL},
    {"Scan", 13, NULL},
    {"Shape", 15, NULL},
    {"Size", 13, NULL},
    {"SplitToSequence", 13, NULL},
    {"Squeeze", 13, NULL},
    {"Transpose", 13, NULL},
    {"Unsqueeze", 13, NULL},
};

/* A tensor of one of the types that every version of those operators knows. */
static bool is_plain(const ig_graph *g, ig_value_id v)
{
    const ig_type *t = v.i ? ig_graph_value_type(g, v) : NULL;
    return !v.i || (t->kind == IG_KIND_TENSOR &&
                    (t->dtype == IG_FLOAT32 || t->dtype == IG_FLOAT64 ||
                     t->dtype == IG_INT32 || t->dtype == IG_INT64));
}

static bool has_old_meaning(const igi_node *n, const char *unless)
{
    return !unless || *(const int64_t *)igi_attr_at(igi_attr_find(n->op->def, unless),
                                                    n->attrs) == 0;
}

/* The oldest opset known to say what this node does; 0 when ONNX cannot say it. */
static int64_t needed_version(const ig_graph *g, ig_node_id n)
{
    const ig_op_def *op = ig_graph_node_op(g, n);
    int64_t newest = newest_version(g, n);
    size_t k = 0, count = sizeof(plain) / sizeof(*plain);
    while (k < count && (op->domain || strcmp(plain[k].op, op->name) != 0))
        k++;
    bool old = k < count && newest > plain[k].opset &&
               has_old_meaning(igi_node_at(g, n), plain[k].unless);
    for (int i = 0; old && i < ig_graph_node_n_in(g, n); i++)
        old = is_plain(g, ig_graph_node_in(g, n, i));
    for (int i = 0; old && i < ig_graph_node_n_out(g, n); i++)
        old = is_plain(g, ig_graph_node_out(g, n, i));
    return old ? plain[k].opset : newest;
}

/* The oldest opset whose Identity takes a value: an output that is an input or constant
 * of the graph is written as one. */
static int64_t identity_version(const ig_type *t)
{
    static const struct {
        uint64_t types;
        int64_t opset;
    } rows[] = {{IG_T(INT2) | IG_T(UINT2), 25},
                {IG_T(FLOAT8E8M0), 24},
                {IG_T(FLOAT4E2M1), 23},
                {IG_T(INT4) | IG_T(UINT4), 21},
                {IG_FLOAT8S, 19}};
    int64_t least = t->kind == IG_KIND_OPTIONAL   ? 16
                    : t->kind == IG_KIND_SEQUENCE ? 14
                                                  : 13;
    const ig_type *inner = igi_type_innermost(t);
    for (size_t i = 0; inner && i < sizeof(rows) / sizeof(*rows); i++)
        if (rows[i].types >> inner->dtype & 1)
            return rows[i].opset > least ? rows[i].opset : least;
    return least;
}

static int64_t outputs_version(const ig_graph *g)
{
    int64_t version = 0;
    for (int i = 0; i < ig_graph_n_outputs(g); i++) {
        ig_value_id v = ig_graph_output_at(g, i);
        int64_t one = identity_version(ig_graph_value_type(g, v));
        if (!ig_graph_value_producer(g, v).i && one > version)
            version = one;
    }
    return version;
}

/* What a walk over all nodes, those of bodies too, finds out. */
typedef struct needs {
    int64_t opset;                /* nodes that need a newer one are listed */
    int64_t oldest;               /* that says what every node does */
    int64_t of[IGI_ONNX_DOMAINS]; /* per domain; 0: no node is of it */
    igi_text list;
    int count;
} needs;

static void survey(const ig_graph *g, needs *x)
{
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    char name[160];
    int64_t outputs = outputs_version(g);
    x->oldest = outputs > x->oldest ? outputs : x->oldest;
    while (ig_node_next(&it, &n)) {
        const igi_node *node = igi_node_at(g, n);
        int64_t version = needed_version(g, n);
        x->oldest = version > x->oldest ? version : x->oldest;
        int domain = domain_of(node->op->def);
        if (domain >= 0 && (int64_t)node->op->def->since > x->of[domain])
            x->of[domain] = node->op->def->since;
        for (int k = 0; igi_has_bodies(node) && igi_body_of(node, k); k++)
            survey(igi_body_of(node, k), x);
        if (version && version <= x->opset)
            continue;
        if (x->count++ < 20)
            igi_text_add(&x->list, "%s%s", x->count > 1 ? ", " : "",
                         igi_op_full_name(node->op->def, name, sizeof(name)));
        if (x->count <= 20 && version)
            igi_text_add(&x->list, " (needs opset %" PRId64 ")", version);
    }
}

ig_status igi_onnx_out_check(const igi_onnx_out *o)
{
    needs x = {.opset = o->opset};
    survey(o->g, &x);
    if (x.count == 0)
        return IG_OK;
    char *all;
    IG_TRY(igi_text_take(&x.list, &all));
    ig_status rc = ig_fail(IG_UNSUPPORTED,
                           "%d nodes cannot be written as ONNX opset %" PRId64 ": %s",
                           x.count, o->opset, all);
    igi_free(all);
    return rc;
}

/* The oldest opset that says what every node does: most runtimes read it. */
static int64_t oldest_opset(const ig_graph *g)
{
    needs x = {.opset = INT64_MAX, .oldest = 13};
    survey(g, &x);
    igi_text_fini(&x.list);
    return x.oldest;
}

/* Whether training_info goes with the model, as the bytes of the file it came from. */
static bool has_training(const ig_graph *g)
{
    for (uint32_t i = g->own_notes.first; i; i = igi_note_at(g, i)->next)
        if (igi_note_at(g, i)->kind == IGI_NOTE_TRAINING)
            return true;
    return false;
}

int64_t igi_onnx_out_default(const ig_graph *g)
{
    int64_t oldest = oldest_opset(g);
    bool keep = g->opset > oldest && g->opset <= IGI_ONNX_OPSET && has_training(g);
    return keep ? g->opset : oldest;
}

ig_status igi_onnx_out_opsets(igi_onnx_out *o)
{
    needs x = {.opset = INT64_MAX};
    survey(o->g, &x);
    igi_text_fini(&x.list);
    if (!x.of[TRAINING] && has_training(o->g))
        x.of[TRAINING] = 1;
    IG_TRY(igi_onnx_out_opset(o, "", o->opset));
    for (int i = 0; i < IGI_ONNX_DOMAINS; i++)
        if (x.of[i])
            IG_TRY(igi_onnx_out_opset(o, domains[i], x.of[i]));
    return IG_OK;
}
