/* Graph attributes: bodies of If, Loop, Scan, SequenceMap.
 *
 * A body of the file may read any name that is visible around it. Here it reads its
 * inputs only: an outer value that it names becomes a capture, the last inputs of the
 * node and of all its bodies, in one order. Small constants that infer may want to read
 * (all but floats, which somebody may want to differentiate by) are copied into the
 * body instead; their tensor is shared. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/ir/body.h"
#include "importers/onnx/frame.h"
#include "importers/onnx/types.h"

/* ---- captures ---- */

static ig_status put_name(igi_onnx_frame *f, const char *name, uint32_t id)
{
    return igi_map_put(&f->names, name, id);
}

/* Which input of the body that is being built stands for outer value v. */
static ig_status
capture_input(igi_onnx_build *b, igi_onnx_frame *f, ig_value_id v, ig_value_id *out)
{
    igi_onnx_region *r = f->region;
    for (size_t i = 0; i < r->captures.n; i++)
        if (r->captures.p[i].i == v.i) {
            *out = b->g->inputs.p[f->first_capture + i];
            return IG_OK;
        }
    if (r->captures.n == IG_PORTS_MAX) /* at once: each is compared with all before */
        return ig_fail(IG_LIMIT,
                       "the bodies of a node read more than %d outer values, the most "
                       "that is supported",
                       IG_PORTS_MAX);
    if (!IGI_PUSH(&r->captures, v))
        return IG_OUT_OF_MEMORY;
    return igi_body_add_input(b->g, r->g, v, out);
}

ig_status igi_onnx_capture(igi_onnx_build *b,
                           igi_onnx_frame *f,
                           const char *name,
                           ig_value_id *out)
{
    igi_onnx_region *r = f->region;
    ig_graph *inner = b->g;
    ig_value_id v = {0};
    if (!r->outer)
        return ig_fail(IG_UNSUPPORTED,
                       "'%s' is defined around a call that gives this graph to a "
                       "function, which uses it in a body",
                       name);
    b->g = r->g; /* a capture of the outer body is an input of that */
    ig_status rc = igi_onnx_lookup(b, r->outer, name, &v);
    b->g = inner;
    IG_TRY(rc);
    *out = v;
    if (!v.i)
        return put_name(f, name, IGI_ONNX_ABSENT);
    const igi_gvalue *value = igi_value_at(r->g, v);
    if (value->constant && !igi_dtype_is_float((ig_dtype)value->type.dtype)) {
        const char *own = igi_graph_fresh_name(inner, value->name);
        IG_TRY(own ? ig_graph_constant(inner, own, value->constant, out)
                   : IG_OUT_OF_MEMORY);
    } else {
        IG_TRY(capture_input(b, f, v, out));
    }
    return put_name(f, name, out->i);
}

/* ---- inputs of a body ---- */

/* Scores and probabilities of FlexAttention. */
static ig_status flex_type(const igi_onnx_node *n, ig_type *out)
{
    const ig_type *q = ig_graph_value_type(n->b->g, n->in[0]);
    *out = (ig_type){.dtype = q && q->dtype == IG_FLOAT64 ? IG_FLOAT64 : IG_FLOAT32,
                     .rank = 4,
                     .u.dim = {-1, -1, -1, -1}};
    for (size_t i = 0; i < n->n_attrs; i++)
        if (strcmp(n->attrs[i].name, "softmax_precision") == 0) {
            int64_t type = n->attrs[i].a->i;
            if (type <= 0 || type >= IG_DTYPE_COUNT)
                return ig_fail(IG_INVALID_GRAPH, "softmax_precision is no type");
            out->dtype = (uint8_t)type;
        }
    return IG_OK;
}

/* The type of input i when the file does not say it: what the node will give. */
static ig_status implied_type(const igi_onnx_node *n, size_t i, ig_type *out)
{
    const char *op = n->op->def->name;
    *out = (ig_type){.rank = -1};
    if (strcmp(op, "Loop") == 0 && i < 2) {
        *out = (ig_type){.dtype = i ? IG_BOOL : IG_INT64, .rank = 0};
        return IG_OK;
    }
    if (strcmp(op, "FlexAttention") == 0)
        return flex_type(n, out);
    const ig_type *t = (int)i < n->n_in ? ig_graph_value_type(n->b->g, n->in[i]) : NULL;
    if (!t)
        return ig_fail(IG_INVALID_GRAPH,
                       "it has no type, and the node no input for it");
    if (strcmp(op, "SequenceMap") == 0 && t->kind == IG_KIND_SEQUENCE)
        t = t->u.elem;
    IG_TRY(igi_type_copy(out, t));
    ig_type *in = (ig_type *)(uintptr_t)igi_type_innermost(out);
    if (in->rank > 8)
        igi_free(in->u.dim_far);
    in->rank = -1;
    return IG_OK;
}

/* ---- states of a Loop ----
 *
 * Exporters declare the shapes of the first round (a beam of one token), and the body
 * makes others of them. Then it is built again for states of fewer known dims. */

#define LEAD     2 /* the body's iteration and cond, before the states */
#define ATTEMPTS 3 /* then nothing of their shapes is believed */

/* The type of input i without what the body `before` did not keep. */
static ig_status kept_type(const igi_onnx_region *r, size_t i, ig_type *out)
{
    const ig_graph *g = r->before;
    IG_TRY(igi_type_copy(out, &igi_value_at(g, g->inputs.p[i])->type));
    if (i < LEAD || i - LEAD + 1 >= g->outputs.n)
        return IG_OK;
    ig_type any = {.kind = out->kind, .dtype = out->dtype, .rank = -1};
    const ig_type *next = &igi_value_at(g, g->outputs.p[i - LEAD + 1])->type;
    (void)igi_type_weaken(out, r->attempt < ATTEMPTS ? next : &any);
    return IG_OK;
}

static ig_status keeps_states(const igi_onnx_region *r, size_t n_formal, bool *yes)
{
    const ig_graph *g = r->before;
    *yes = true;
    for (size_t i = LEAD; i < n_formal && *yes; i++) {
        ig_type t = {.rank = -1};
        IG_TRY(kept_type(r, i, &t));
        *yes = igi_type_equal(&t, &igi_value_at(g, g->inputs.p[i])->type);
        igi_type_fini(&t);
    }
    return IG_OK;
}

static ig_status add_input(
    igi_onnx_node *n, ig_graph *body, const pb_value *p, size_t i, igi_onnx_frame *f)
{
    igi_onnx_build *b = n->b;
    igi_map *names = &f->names;
    ig_type implied = {.rank = -1}, *type = &implied;
    ig_value_id v;
    const char *name = pb_str(p->name);
    if (!*name || igi_map_get(names, name))
        return ig_fail(IG_INVALID_GRAPH, "its name is %s", *name ? "taken" : "empty");
    if (f->region->before)
        IG_TRY(kept_type(f->region, i, &implied));
    else if (p->type)
        IG_TRY(igi_onnx_type(b, p->type, &type));
    else
        IG_TRY(implied_type(n, i, &implied));
    ig_status rc = ig_graph_input_typed(body, name, type, &v);
    igi_type_fini(&implied);
    return rc == IG_OK ? igi_map_put(names, name, v.i) : rc;
}

static ig_status
add_inputs(igi_onnx_node *n, ig_graph *body, const pb_graph *g, igi_onnx_frame *f)
{
    for (size_t i = 0; i < g->n_input; i++) {
        if (add_input(n, body, g->input[i], i, f) != IG_OK)
            return ig_fail_context("input %zu '%s' of the body", i,
                                   pb_str(g->input[i]->name));
    }
    f->first_capture = body->inputs.n;
    for (size_t c = 0; c < f->region->captures.n; c++) { /* of the bodies before */
        ig_value_id v;
        IG_TRY(igi_body_add_input(body, f->region->g, f->region->captures.p[c], &v));
    }
    return IG_OK;
}

static ig_status add_outputs(igi_onnx_build *b, const pb_graph *g, igi_onnx_frame *f)
{
    if (g->n_output > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT, "a body with %zu outputs, at most %d are supported",
                       g->n_output, IG_PORTS_MAX);
    for (size_t i = 0; i < g->n_output; i++) {
        const char *name = pb_str(g->output[i]->name);
        ig_value_id v = {0};
        IG_TRY(igi_onnx_lookup(b, f, name, &v));
        if (!v.i)
            return ig_fail(IG_INVALID_GRAPH, "output '%s' of the body is absent", name);
        if (igi_onnx_declare(b, g->output[i], v) != IG_OK)
            return ig_fail_context("output '%s' of the body", name);
        if (igi_map_get(&b->g->output_map, name)) /* once more: outputs go by place */
            name = igi_graph_fresh_name(b->g, name);
        IG_TRY(name ? ig_graph_output(b->g, name, v) : IG_OUT_OF_MEMORY);
    }
    return IG_OK;
}

/* ---- a node's bodies ---- */

/* `outer`: where the file gives the graph. */
static ig_status build_body(igi_onnx_node *n,
                            const igi_onnx_frame *outer,
                            igi_onnx_region *region,
                            const pb_graph *g,
                            ig_graph **out)
{
    igi_onnx_build *b = n->b;
    igi_onnx_frame f = {.nodes = g->node,
                        .n = g->n_node,
                        .opsets = outer->opsets,
                        .bound = outer->bound,
                        .n_bound = outer->n_bound,
                        .refers = outer->refers,
                        .region = region};
    ig_graph *body = NULL;
    IG_TRY(igi_graph_new(&body, *pb_str(g->name) ? g->name : "body", b->g->reg,
                         b->g->syms));
    ig_status rc = add_inputs(n, body, g, &f);
    b->g = body;
    if (rc == IG_OK)
        rc = igi_onnx_add_constants(b, g, &f.names);
    if (rc == IG_OK)
        rc = igi_onnx_walk(b, &f);
    if (rc == IG_OK)
        rc = add_outputs(b, g, &f);
    b->g = region->g;
    igi_map_fini(&f.names);
    igi_free(f.order);
    *out = body;
    return rc;
}

/* As build_body; a Loop's until its states are what it makes of them. */
static ig_status build_loop(igi_onnx_node *n,
                            const igi_onnx_frame *outer,
                            igi_onnx_region *region,
                            const pb_graph *g,
                            ig_graph **out)
{
    igi_onnx_build *b = n->b;
    void (*warn)(const char *, void *) = b->warn;
    bool kept = false;
    ig_status rc = IG_OK;
    while (rc == IG_OK && !kept) {
        ig_graph *body = NULL;
        rc = build_body(n, outer, region, g, &body);
        igi_graph_unref(region->before);
        region->before = body;
        b->warn = NULL; /* all is said once */
        if (rc == IG_OK)
            rc = keeps_states(region, g->n_input, &kept);
        region->attempt++;
    }
    b->warn = warn;
    *out = region->before;
    region->before = NULL;
    return rc;
}

/* Captures that only later bodies found become inputs of the earlier ones too. */
static ig_status even_out(const igi_onnx_region *r, ig_graph *body, size_t n_formal)
{
    for (size_t c = body->inputs.n - n_formal; c < r->captures.n; c++) {
        ig_value_id v;
        IG_TRY(igi_body_add_input(body, r->g, r->captures.p[c], &v));
    }
    return IG_OK;
}

/* The main graph or body that f belongs to: functions are inlined. */
static const igi_onnx_frame *root_of(const igi_onnx_frame *f)
{
    while (f->function)
        f = f->up;
    return f;
}

static ig_status build_all(igi_onnx_node *n, igi_onnx_frame *f, igi_onnx_region *r)
{
    for (size_t i = 0; i < n->n_attrs; i++) {
        igi_onnx_attr *a = &n->attrs[i];
        if (!a->a->g)
            continue;
        r->outer = root_of(a->home) == root_of(f) ? a->home : NULL;
        bool loop = strcmp(n->op->def->name, "Loop") == 0;
        if ((loop ? build_loop : build_body)(n, a->home, r, a->a->g, &a->body) != IG_OK)
            return ig_fail_context("%s", a->name);
    }
    for (size_t i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].a->g)
            IG_TRY(even_out(r, n->attrs[i].body, n->attrs[i].a->g->n_input));
    n->n_captures = (int)r->captures.n;
    if (r->captures.n)
        memcpy(n->captures, r->captures.p, r->captures.n * sizeof(*n->captures));
    return IG_OK;
}

ig_status igi_onnx_subgraphs(igi_onnx_node *n, igi_onnx_frame *f)
{
    igi_onnx_build *b = n->b;
    igi_onnx_region region = {.g = b->g};
    const igi_onnx_attr *any = NULL;
    for (size_t i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].a->g)
            any = &n->attrs[i];
    if (!any)
        return IG_OK;
    if (!n->op) /* said with others of ours: none of those has bodies */
        return ig_fail(IG_INVALID_GRAPH, "there is no graph attribute %s", any->name);
    if (b->depth >= b->max_depth)
        return ig_fail(IG_LIMIT, "bodies nest deeper than limits.depth of %u",
                       b->max_depth);
    b->depth++;
    ig_status rc = build_all(n, f, &region);
    b->depth--;
    IGI_VEC_FREE(&region.captures);
    return rc;
}

void igi_onnx_subgraphs_drop(igi_onnx_node *n)
{
    for (size_t i = 0; n->attrs && i < n->n_attrs; i++)
        igi_graph_unref(n->attrs[i].body);
}
