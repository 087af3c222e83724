/* Scan of opset 8, whose inputs had a batch axis: a Scan over the batch whose body is
 * the Scan that we know.
 *
 *   Scan-8(sequence_lens?, states[B, ...]..., scanned[B, T, ...]...)
 *
 * With sequence_lens the inner Scan reads the first len items of each scanned input,
 * and its results are filled up with zeros to T items. */
#include <stdio.h>
#include <string.h>

#include "graph/ir/body.h"
#include "importers/onnx/upgrade.h"

typedef struct batch {
    igi_onnx_node *n;
    const igi_op *scan;
    ig_graph *inner, *outer;
    int n_scan, n_states, n_out;
    ig_value_id in[IG_PORTS_MAX]; /* of the inner Scan, values of `outer` */
    ig_value_id length;           /* items of this batch entry; {0}: all */
    ig_value_id whole;            /* T as int64[1], when there are lengths */
} batch;

static igi_onnx_attr *body_attr(const igi_onnx_node *n)
{
    for (size_t i = 0; i < n->n_attrs; i++)
        if (n->attrs[i].body)
            return &n->attrs[i];
    return NULL;
}

/* An input of the outer body: one entry of the batch of value v. */
static ig_status add_entry(batch *b, const char *stem, ig_value_id v, ig_value_id *out)
{
    const ig_type *t = ig_graph_value_type(b->n->b->g, v);
    const char *name = igi_graph_fresh_name(b->outer, stem);
    if (!t || t->kind != IG_KIND_TENSOR || t->rank == 0 || !name)
        return ig_fail(IG_INVALID_GRAPH, "an input of Scan has no batch axis");
    int64_t dims[IG_RANK_MAX];
    int rank = t->rank > 0 ? t->rank - 1 : -1;
    if (rank > 0)
        memcpy(dims, ig_type_dims(t) + 1, (size_t)rank * sizeof(*dims));
    return ig_graph_input(b->outer, name, (ig_dtype)t->dtype, rank, dims, out);
}

static ig_status node(batch *b,
                      const char *op,
                      const void *attrs,
                      const ig_value_id *in,
                      int n_in,
                      ig_value_id *out)
{
    return ig_graph_make_named(b->outer, op, attrs, in, n_in, out, 1);
}

static ig_status number(batch *b, int64_t v, ig_value_id *out)
{
    ig_tensor *t = NULL;
    const int64_t one = 1;
    IG_TRY(ig_tensor_new_copy(&t, IG_INT64, 1, &one, &v, sizeof(v)));
    ig_status rc = ig_graph_constant(b->outer, NULL, t, out);
    ig_tensor_unref(t);
    return rc;
}

/* The first items of the scanned inputs, and T. */
static ig_status cut_inputs(batch *b)
{
    ig_value_id zero, shape, in[4], flat[2];
    if (!b->length.i)
        return IG_OK;
    IG_TRY(number(b, 0, &zero));
    flat[0] = b->length;
    flat[1] = zero;
    IG_TRY(node(b, "Unsqueeze", NULL, flat, 2, &b->length));
    IG_TRY(node(b, "Shape", NULL, &b->in[b->n_states], 1, &shape));
    flat[0] = shape;
    IG_TRY(node(b, "Gather", NULL, flat, 2, &b->whole));
    for (int i = b->n_states; i < b->n_states + b->n_scan; i++) {
        in[0] = b->in[i];
        in[1] = zero;
        in[2] = b->length;
        in[3] = zero;
        IG_TRY(node(b, "Slice", NULL, in, 4, &b->in[i]));
    }
    return IG_OK;
}

/* Zeros behind a result, up to T items. */
static ig_status fill_up(batch *b, ig_value_id *v)
{
    ig_value_id in[4] = {b->whole, b->length}, zero, ends[2];
    IG_TRY(number(b, 0, &zero));
    IG_TRY(node(b, "Sub", NULL, in, 2, &ends[1]));
    ends[0] = zero;
    void *attrs = NULL;
    const igi_op *concat = igi_registry_find(b->n->b->reg, NULL, "Concat");
    if (!concat ||
        !(attrs = igi_arena_alloc(&b->n->b->scratch, concat->def->attrs_size)))
        return ig_fail(IG_UNSUPPORTED, "it needs operator Concat");
    igi_attrs_init(concat->def, attrs);
    in[0] = *v;
    in[2] = (ig_value_id){0};
    in[3] = zero;
    IG_TRY(node(b, "Concat", attrs, ends, 2, &in[1]));
    return node(b, "Pad", NULL, in, 4, v);
}

static ig_status scan_attrs(batch *b, ig_graph *body, int64_t n, void **out)
{
    const ig_op_def *def = b->scan->def;
    *out = igi_arena_alloc(&b->n->b->scratch, def->attrs_size);
    if (!*out)
        return IG_OUT_OF_MEMORY;
    igi_attrs_init(def, *out);
    IG_TRY(igi_attrs_set_int(def, *out, "num_scan_inputs", n));
    *igi_body_slot(def, *out, 0) = body; /* borrowed */
    return IG_OK;
}

static ig_status make_inner(batch *b, const ig_ints *directions)
{
    ig_value_id out[IG_PORTS_MAX];
    igi_onnx_node *n = b->n;
    const ig_op_def *def = b->scan->def;
    void *attrs;
    char name[32];
    int n_in = b->n_states + b->n_scan;
    IG_TRY(scan_attrs(b, b->inner, b->n_scan, &attrs));
    if (directions->v)
        IG_TRY(igi_attrs_set_ints(&n->b->scratch, def, attrs, "scan_input_directions",
                                  directions->v, directions->n));
    IG_TRY(cut_inputs(b));
    for (int c = 0; c < n->n_captures; c++)
        IG_TRY(igi_body_add_input(b->outer, n->b->g, n->captures[c], &b->in[n_in + c]));
    ig_call call = {.op = def,
                    .attrs = attrs,
                    .name = n->name,
                    .n_in = n_in + n->n_captures,
                    .n_captures = n->n_captures,
                    .n_out = b->n_out};
    IG_TRY(ig_graph_make(b->outer, &call, b->in, out));
    for (int o = 0; o < b->n_out; o++) {
        if (o >= b->n_states && b->length.i)
            IG_TRY(fill_up(b, &out[o]));
        (void)snprintf(name, sizeof(name), "out%d", o);
        IG_TRY(ig_graph_output(b->outer, name, out[o]));
    }
    return IG_OK;
}

static ig_status make_outer(batch *b)
{
    igi_onnx_node *n = b->n;
    void *attrs;
    int n_in = n->n_in;
    IG_TRY(scan_attrs(b, b->outer, n_in, &attrs));
    memcpy(n->in + n_in, n->captures, (size_t)n->n_captures * sizeof(*n->captures));
    ig_call call = {.op = b->scan->def,
                    .attrs = attrs,
                    .name = n->name,
                    .wanted = n->n_out < 64 ? n->wanted & (IG_BIT(n->n_out) - 1) : 0,
                    .n_in = n_in + n->n_captures,
                    .n_captures = n->n_captures,
                    .n_out = n->n_out};
    return ig_graph_make(n->b->g, &call, n->in, n->out);
}

/* n->in without the lengths in front, which go last. */
static ig_status take_inputs(batch *b)
{
    igi_onnx_node *n = b->n;
    ig_value_id lengths = n->in[0];
    memmove(n->in, n->in + 1, (size_t)(n->n_in - 1) * sizeof(*n->in));
    n->n_in--;
    for (int i = 0; i < n->n_in; i++)
        IG_TRY(
            add_entry(b, i < b->n_states ? "state" : "scanned", n->in[i], &b->in[i]));
    if (!lengths.i)
        return IG_OK;
    IG_TRY(add_entry(b, "length", lengths, &b->length));
    n->in[n->n_in++] = lengths;
    return IG_OK;
}

ig_status igi_up_scan(igi_onnx_node *n)
{
    int64_t n_scan;
    ig_ints directions;
    igi_onnx_attr *a = body_attr(n);
    if (n->version > 8)
        return IG_OK;
    IG_TRY(igi_up_int(n, "num_scan_inputs", 0, &n_scan));
    IG_TRY(igi_up_ints(n, "directions", &directions));
    if (!a || n_scan < 1 || n_scan > n->n_in - 1 ||
        n->n_in + n->n_captures + 1 > IG_PORTS_MAX)
        return ig_fail(IG_INVALID_GRAPH,
                       "it lacks a body, or num_scan_inputs does not fit its %d inputs",
                       n->n_in);
    batch b = {.n = n,
               .scan = n->op,
               .inner = a->body,
               .n_scan = (int)n_scan,
               .n_states = n->n_in - 1 - (int)n_scan,
               .n_out = (int)a->body->outputs.n};
    a->used = true;
    IG_TRY(igi_graph_new(&b.outer, "batch", n->b->reg, n->b->g->syms));
    ig_status rc = take_inputs(&b);
    if (rc == IG_OK)
        rc = make_inner(&b, &directions);
    if (rc == IG_OK)
        rc = make_outer(&b);
    igi_graph_unref(b.outer);
    n->done = rc == IG_OK;
    return rc;
}
