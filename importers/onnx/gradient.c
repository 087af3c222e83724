/* ai.onnx.preview.training::Gradient: the part of the graph between the values that xs
 * and zs name and the one that y names is differentiated, and its nodes are appended.
 * The part is a graph of its own meanwhile, so that the node's inputs, the point at
 * which derivatives are taken, need not be the named values. What of the forward pass
 * is then there twice, passes merge again. */
#include "importers/onnx/gradient.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/dtype.h"
#include "graph/core/utf8.h"
#include "graph/ir/body.h"
#include "graph/ir/slice.h"

bool igi_onnx_is_gradient(const pb_node *node)
{
    return strcmp(pb_str(node->op_type), "Gradient") == 0 &&
           strcmp(igi_onnx_domain(node->domain), "ai.onnx.preview.training") == 0;
}

/* ---- the names in its attributes ---- */

static ig_status
add_name(igi_onnx_names *out, igi_arena *a, const ProtobufCBinaryData *s)
{
    const char *data = s->len ? (const char *)s->data : "";
    if (!igi_utf8_ok(data, s->len, false))
        return ig_fail(IG_INVALID_GRAPH, "a name in its attributes is not text");
    const char *name = igi_arena_strndup(a, data, s->len);
    if (!name)
        return IG_OUT_OF_MEMORY;
    out->v[out->n++] = name;
    return IG_OK;
}

/* The names of attribute `key`, a list or one string. */
static ig_status add_names(igi_onnx_names *out,
                           igi_arena *arena,
                           const igi_onnx_attr *attrs,
                           size_t n_attrs,
                           const char *key,
                           int want)
{
    int kind;
    for (size_t i = 0; i < n_attrs; i++) {
        const pb_attribute *a = attrs[i].a;
        if (strcmp(attrs[i].name, key) != 0)
            continue;
        IG_TRY(igi_onnx_attr_kind(a, &kind));
        if (kind != want)
            return ig_fail(IG_INVALID_GRAPH, "attribute %s has type %d, expected %d",
                           key, kind, want);
        if (out->n + a->n_strings + 1 > IG_PORTS_MAX)
            return ig_fail(IG_LIMIT, "%s names more than %d values", key, IG_PORTS_MAX);
        if (kind == PB_ATTR_STRING)
            return add_name(out, arena, &a->s);
        for (size_t k = 0; k < a->n_strings; k++)
            IG_TRY(add_name(out, arena, &a->strings[k]));
        return IG_OK;
    }
    return IG_OK;
}

ig_status igi_onnx_gradient_names(igi_arena *arena,
                                  const igi_onnx_attr *attrs,
                                  size_t n_attrs,
                                  igi_onnx_names *out)
{
    *out = (igi_onnx_names){0};
    out->v = igi_arena_array(arena, IG_PORTS_MAX, sizeof(*out->v));
    if (!out->v)
        return IG_OUT_OF_MEMORY;
    IG_TRY(add_names(out, arena, attrs, n_attrs, "xs", PB_ATTR_STRINGS));
    out->n_xs = out->n;
    IG_TRY(add_names(out, arena, attrs, n_attrs, "zs", PB_ATTR_STRINGS));
    out->n_from = out->n;
    return add_names(out, arena, attrs, n_attrs, "y", PB_ATTR_STRING);
}

/* ---- the node ---- */

static ig_status check(const igi_onnx_node *n, const igi_onnx_names *names)
{
    for (size_t i = 0; i < n->n_attrs; i++) {
        const char *name = n->attrs[i].name;
        if (strcmp(name, "xs") != 0 && strcmp(name, "zs") != 0 &&
            strcmp(name, "y") != 0)
            return ig_fail(IG_INVALID_GRAPH, "there is no attribute %s", name);
    }
    if (!names->n_xs || names->n != names->n_from + 1)
        return ig_fail(IG_INVALID_GRAPH, "attribute %s is required",
                       names->n_xs ? "y" : "xs");
    if ((size_t)n->n_in != names->n_from)
        return ig_fail(IG_INVALID_GRAPH, "%d inputs, but xs and zs name %zu values",
                       n->n_in, names->n_from);
    if ((size_t)n->n_out > names->n_xs)
        return ig_fail(IG_INVALID_GRAPH, "%d outputs, but xs names %zu values",
                       n->n_out, names->n_xs);
    for (int i = 0; i < n->n_in; i++)
        if (!n->in[i].i)
            return ig_fail(IG_INVALID_GRAPH, "the input for '%s' is missing",
                           names->v[i]);
    return IG_OK;
}

static ig_status look_up(igi_onnx_node *n,
                         igi_onnx_frame *f,
                         const igi_onnx_names *names,
                         ig_value_id *named)
{
    for (size_t i = 0; i < names->n; i++) {
        const char *which = i < names->n_xs ? "xs" : i < names->n_from ? "zs" : "y";
        if (igi_onnx_lookup(n->b, f, names->v[i], &named[i]) != IG_OK || !named[i].i)
            return ig_fail(IG_INVALID_GRAPH, "%s names '%s', which is defined nowhere",
                           which, names->v[i]);
    }
    for (size_t i = 0; i < names->n_from; i++) {
        const ig_type *a = ig_graph_value_type(n->b->g, named[i]),
                      *b = ig_graph_value_type(n->b->g, n->in[i]);
        if (!igi_type_same_kind(a, b))
            return ig_fail(IG_INVALID_GRAPH,
                           "input %zu has another type than '%s', which it stands for",
                           i, names->v[i]);
    }
    return IG_OK;
}

/* In a body only what stands there is known: a value from outside might depend on xs.
 */
static ig_status
check_leaves(const igi_onnx_frame *f, const igi_slice *s, const igi_onnx_names *names)
{
    size_t first = names->n_from; /* input that no name stands for */
    if (!f->region || first >= s->g->inputs.n)
        return IG_OK;
    return ig_fail(
        IG_UNSUPPORTED,
        "'%s' is made from '%s', which is defined outside of the body and not "
        "named by xs or zs",
        names->v[first], igi_value_at(s->g, s->g->inputs.p[first])->name);
}

static ig_status zeros_like(ig_graph *g, ig_value_id x, ig_value_id *out)
{
    ig_value_id in[2];
    ig_tensor *zero = NULL;
    ig_call shape = {
        .op = igi_registry_std(g->reg, IGI_STD_SHAPE), .n_in = 1, .n_out = 1};
    ig_call expand = {
        .op = igi_registry_std(g->reg, IGI_STD_EXPAND), .n_in = 2, .n_out = 1};
    IG_TRY(ig_tensor_new(&zero, (ig_dtype)igi_value_at(g, x)->type.dtype, 0, NULL));
    ig_status rc = ig_graph_constant(g, NULL, zero, &in[0]);
    ig_tensor_unref(zero);
    IG_TRY(rc);
    IG_TRY(ig_graph_make(g, &shape, &x, &in[1]));
    return ig_graph_make(g, &expand, in, out);
}

/* Derivatives become the outputs of s->g: all that are wanted, zeros where y does not
 * depend on an x. */
static ig_status differentiate(const igi_onnx_node *n,
                               const igi_onnx_names *names,
                               igi_slice *s,
                               const ig_value_id *ends)
{
    char name[16];
    ig_value_id dx[IG_PORTS_MAX] = {{0}};
    for (size_t i = 0; i < names->n; i++) {
        const ig_type *t = ig_graph_value_type(s->g, ends[i]);
        bool x = i < names->n_xs || i == names->n_from;
        if (x && (t->kind != IG_KIND_TENSOR || !igi_dtype_is_float((ig_dtype)t->dtype)))
            return ig_fail(IG_INVALID_GRAPH, "'%s' is no tensor of floats",
                           names->v[i]);
    }
    IG_TRY(ig_graph_gradient(s->g, &ends[names->n_from], NULL, 1, ends, dx,
                             (int)names->n_xs));
    for (int i = 0; i < n->n_out; i++) {
        if (i < 64 && !(n->wanted >> i & 1))
            continue;
        if (!dx[i].i)
            IG_TRY(zeros_like(s->g, ends[i], &dx[i]));
        (void)snprintf(name, sizeof(name), "dx%d", i);
        IG_TRY(ig_graph_output(s->g, name, dx[i]));
    }
    (void)igi_graph_sweep(s->g);
    return IG_OK;
}

/* Gradients of gradients multiply: their nodes count as those of functions do. */
static ig_status count_nodes(igi_onnx_build *b, const ig_graph *part)
{
    b->nodes += igi_graph_count(part);
    if (b->nodes > b->max_nodes)
        return ig_fail(IG_LIMIT,
                       "more than %" PRIu64
                       " nodes with those of gradients; raise limits.nodes",
                       b->max_nodes);
    return IG_OK;
}

ig_status igi_onnx_gradient(igi_onnx_node *n, igi_onnx_frame *f)
{
    igi_onnx_names names;
    igi_slice s;
    ig_value_id named[IG_PORTS_MAX] = {{0}}, ends[IG_PORTS_MAX], made[IG_PORTS_MAX];
    ig_graph *g = n->b->g;
    IG_TRY(igi_onnx_gradient_names(&n->b->scratch, n->attrs, n->n_attrs, &names));
    IG_TRY(check(n, &names));
    IG_TRY(look_up(n, f, &names, named));
    IG_TRY(igi_onnx_count_work(n->b, g->values.n)); /* the cut walks over the graph */
    IG_TRY(igi_slice_cut(&s, g, named, (int)names.n_from, named[names.n_from], ends));
    ig_status rc = check_leaves(f, &s, &names);
    if (rc == IG_OK)
        rc = count_nodes(n->b, s.g);
    if (rc == IG_OK)
        rc = differentiate(n, &names, &s, ends);
    if (rc == IG_OK)
        rc = count_nodes(n->b, s.g);
    if (rc == IG_OK)
        rc = igi_slice_paste(&s, g, n->in, n->n_in, made);
    for (int i = 0, k = 0; rc == IG_OK && i < n->n_out; i++)
        if (i >= 64 || n->wanted >> i & 1)
            n->out[i] = made[k++];
    igi_slice_fini(&s);
    return rc;
}
