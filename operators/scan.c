// Scan: runs its body once for every position of the scanned inputs. States go round;
// every further output of the body is stacked.
//
//   body(states..., items..., captures...) -> states..., results...
//
// Gradient: the scan again with the states of every round stacked, then a Scan in the
// other direction that carries the gradients of states and captures.

#include <inttypes.h>
#include <stdio.h>

#include "operators/common_flow.h"
#include "operators/common_flow_grad.h"

IG_USES_OP(Add);
IG_USES_OP(Mul);
IG_USES_OP(Scan);

static const ig_port inputs[] = {
    IG_PORT("initial_state_and_scan_inputs",
            'V',
            "States before the first round, then the num_scan_inputs scanned tensors.",
            .flags = IG_VARIADIC | IG_HETERO),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("final_state_and_scan_outputs",
            'V',
            "States after the last round, then the stacked results.",
            .flags = IG_VARIADIC | IG_HETERO | IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {{'V', IG_ALL_TYPES}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_GRAPH(igi_scan_attrs,
                  body,
                  "(states..., items..., captures...) -> (states..., results...).",
                  .flags = IG_REQUIRED),
    IG_ATTR_INT(igi_scan_attrs,
                num_scan_inputs,
                1,
                "How many of the inputs are scanned.",
                .flags = IG_REQUIRED,
                .min = 1,
                .max = IG_PORTS_MAX),
    IG_ATTR_INTS(
        igi_scan_attrs, scan_input_axes, "Axis of each scanned input; absent: 0."),
    IG_ATTR_INTS(igi_scan_attrs,
                 scan_input_directions,
                 "1: from the last item to the first; absent: 0.",
                 .min = 0,
                 .max = 1),
    IG_ATTR_INTS(igi_scan_attrs,
                 scan_output_axes,
                 "Axis on which each result is stacked; absent: 0."),
    IG_ATTR_INTS(igi_scan_attrs,
                 scan_output_directions,
                 "1: the last result comes first; absent: 0.",
                 .min = 0,
                 .max = 1),
    {0},
};

/* ---- infer ---- */

static int64_t listed(const ig_ints *l, int i)
{
    return l->v ? l->v[i] : 0;
}

static ig_status check_list(ig_infer *x, const char *name, const ig_ints *l, int n)
{
    if (!l->v || l->n == n)
        return IG_OK;
    return ig_infer_fail(x, "%s has %" PRId64 " items, expected %d", name, l->n, n);
}

/* The length of scanned input i agrees with the others; its item fits the body. */
static ig_status
infer_item(ig_infer *x, const igi_scan_attrs *a, int n_states, int i, int64_t *length)
{
    int port = n_states + i, axis;
    const ig_type *t = x->in[port];
    IG_TRY(igi_body_takes(x, a->body, port, t));
    if (t->rank < 0)
        return IG_OK;
    IG_TRY(ig_infer_axis(x, listed(&a->scan_input_axes, i), t->rank, false, &axis));
    IG_TRY(igi_body_takes_slice(x, a->body, port, t, axis));
    return ig_infer_equal(x, *length, ig_type_dims(t)[axis],
                          "lengths of scanned inputs", length);
}

static ig_status
infer_result(ig_infer *x, const igi_scan_attrs *a, int n_states, int o, int64_t length)
{
    ig_type t;
    int64_t dims[IG_RANK_MAX];
    int axis = 0;
    IG_TRY(igi_body_gives(x, a->body, o, &t));
    int rank = t.rank;
    ig_status rc = ig_infer_dtype(x, o, t.dtype);
    if (rc == IG_OK && (t.kind != IG_KIND_TENSOR || rank >= IG_RANK_MAX))
        rc = ig_infer_fail(x,
                           "output %d is stacked, so it must be a tensor of rank %d "
                           "at most",
                           o, IG_RANK_MAX - 1);
    if (rc == IG_OK && rank >= 0)
        rc = ig_infer_axis(x, listed(&a->scan_output_axes, o - n_states), rank + 1,
                           false, &axis);
    for (int d = 0; rc == IG_OK && d <= rank; d++)
        dims[d] = d == axis ? length : ig_type_dims(&t)[d < axis ? d : d - 1];
    if (rc == IG_OK)
        rc = rank < 0 ? ig_infer_unknown(x, o) : ig_infer_set(x, o, rank + 1, dims);
    igi_type_fini(&t);
    return rc;
}

static ig_status scan_infer(ig_infer *x)
{
    const igi_scan_attrs *a = x->attrs;
    int n_scan = (int)a->num_scan_inputs;
    int n_states = x->n_in - x->n_captures - n_scan, n_results = x->n_out - n_states;
    int64_t length = -1;
    if (n_states < 0)
        return ig_infer_fail(x, "num_scan_inputs is %d, but there are %d inputs",
                             n_scan, n_scan + n_states);
    IG_TRY(igi_body_ends(x, a->body, "body", n_states + n_scan,
                         x->n_out > n_states ? x->n_out : n_states));
    int all = (int)a->body->outputs.n - n_states;
    IG_TRY(check_list(x, "scan_input_axes", &a->scan_input_axes, n_scan));
    IG_TRY(check_list(x, "scan_input_directions", &a->scan_input_directions, n_scan));
    IG_TRY(check_list(x, "scan_output_axes", &a->scan_output_axes, all));
    IG_TRY(check_list(x, "scan_output_directions", &a->scan_output_directions, all));
    for (int i = 0; i < n_states; i++) {
        IG_TRY(igi_body_takes(x, a->body, i, x->in[i]));
        IG_TRY(igi_infer_state(x, a->body, i, i, i));
    }
    for (int i = 0; i < n_scan; i++)
        IG_TRY(infer_item(x, a, n_states, i, &length));
    for (int o = 0; o < n_results; o++)
        IG_TRY(infer_result(x, a, n_states, n_states + o, length));
    return IG_OK;
}

/* ---- reference ---- */

typedef struct scan_run {
    igi_rounds r;
    const igi_scan_attrs *a;
    igi_stack stack[IG_PORTS_MAX];
    int n_states, n_scan, n_out;
    int axis[IG_PORTS_MAX];
    int64_t length;
} scan_run;

static ig_status scan_begin(scan_run *s, ig_kernel_ctx *k)
{
    s->a = k->attrs;
    s->n_scan = (int)s->a->num_scan_inputs;
    s->n_states = k->n_in - k->n_captures - s->n_scan;
    s->n_out = k->n_out > s->n_states ? k->n_out : s->n_states;
    IG_TRY(igi_rounds_begin(&s->r, k, s->a->body, s->n_states + s->n_scan, s->n_out));
    for (int i = 0; i < s->n_states; i++)
        igi_rounds_set(&s->r, i, ig_value_ref(k->in[i]));
    for (int i = 0; i < s->n_scan; i++) {
        const ig_type *t = &k->in[s->n_states + i]->type;
        int64_t axis = listed(&s->a->scan_input_axes, i);
        s->axis[i] = (int)(axis < 0 ? axis + t->rank : axis); /* checked by infer */
        s->length = ig_type_dims(t)[s->axis[i]];
    }
    for (int o = s->n_states; o < k->n_out; o++)
        s->stack[o].room = s->length;
    return IG_OK;
}

static ig_status scan_round(scan_run *s, int64_t t)
{
    ig_kernel_ctx *k = s->r.k;
    char what[32];
    for (int i = 0; i < s->n_scan; i++) {
        ig_tensor *item = NULL;
        bool back = listed(&s->a->scan_input_directions, i);
        IG_TRY(igi_slice_of(ig_in(k, s->n_states + i), s->axis[i],
                            back ? s->length - 1 - t : t, -1, &item));
        igi_rounds_set(&s->r, s->n_states + i, &item->v);
    }
    if (igi_rounds_run(&s->r) != IG_OK)
        return ig_fail_context("round %" PRId64, t);
    for (int o = s->n_states; o < k->n_out; o++) {
        if (!k->out[o])
            continue;
        (void)snprintf(what, sizeof(what), "output %d", o);
        IG_TRY(igi_stack_add(k, &s->stack[o], s->r.out[o], what));
    }
    for (int i = 0; i < s->n_states; i++)
        IG_TRY(igi_rounds_pass(&s->r, i, i));
    return IG_OK;
}

/* The body with the types of states, captures, and items that are not there. */
static ig_status type_body(scan_run *s, ig_graph **out)
{
    const ig_type *in[IG_PORTS_MAX];
    ig_type *item = igi_calloc((size_t)s->n_scan, sizeof(*item));
    ig_status rc = item ? IG_OK : IG_OUT_OF_MEMORY;
    for (int i = 0; i < s->r.n_in; i++)
        in[i] = s->r.in[i] ? &s->r.in[i]->type : NULL;
    for (int i = 0; rc == IG_OK && i < s->n_scan; i++) {
        const ig_type *t = &s->r.k->in[s->n_states + i]->type;
        int64_t dims[IG_RANK_MAX];
        int rank = 0;
        for (int d = 0; d < t->rank; d++)
            if (d != s->axis[i])
                dims[rank++] = ig_type_dims(t)[d];
        rc = igi_type_set(&item[i], (ig_dtype)t->dtype, rank, dims);
        in[s->n_states + i] = &item[i];
    }
    if (rc == IG_OK)
        rc = igi_body_typed(s->a->body, in, s->r.n_in, out);
    for (int i = 0; item && i < s->n_scan; i++)
        igi_type_fini(&item[i]);
    igi_free(item);
    return rc;
}

static ig_status scan_give(scan_run *s, const ig_graph *body)
{
    ig_kernel_ctx *k = s->r.k;
    for (int o = 0; o < k->n_out; o++) {
        if (!k->out[o])
            continue;
        int result = o - s->n_states;
        if (result < 0) {
            IG_TRY(ig_out_give(k, o, ig_value_ref(s->r.in[o])));
            continue;
        }
        const ig_type *none = &igi_value_at(body, body->outputs.p[o])->type;
        int rank = s->stack[o].all ? s->stack[o].all->v.type.rank : none->rank + 1;
        int64_t axis = listed(&s->a->scan_output_axes, result);
        axis = axis < 0 ? axis + rank : axis;
        if (axis < 0 || axis >= rank)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "scan_output_axes[%d] is outside a result of rank %d",
                                  result, rank);
        IG_TRY(igi_stack_give(k, o, &s->stack[o], none, (int)axis,
                              listed(&s->a->scan_output_directions, result)));
    }
    return IG_OK;
}

static ig_status scan_end(scan_run *s)
{
    ig_graph *typed = NULL;
    ig_status rc =
        s->length || s->r.k->n_out <= s->n_states ? IG_OK : type_body(s, &typed);
    if (rc == IG_OK)
        rc = scan_give(s, typed ? typed : s->a->body);
    ig_graph_free(typed);
    return rc;
}

static ig_status scan_reference(ig_kernel_ctx *k)
{
    scan_run *s = igi_calloc(1, sizeof(*s));
    ig_status rc = s ? scan_begin(s, k) : IG_OUT_OF_MEMORY;
    for (int64_t t = 0; rc == IG_OK && t < s->length; t++)
        rc = scan_round(s, t);
    if (rc == IG_OK)
        rc = scan_end(s);
    for (int o = 0; s && o < IG_PORTS_MAX; o++)
        igi_stack_fini(&s->stack[o]);
    if (s)
        igi_rounds_end(&s->r);
    igi_free(s);
    return rc;
}

/* ---- gradient ---- */

static ig_status scan_gradient(ig_grad *g)
{
    const igi_scan_attrs *a = ig_grad_attrs(g);
    igi_rounds_shape s;
    ig_var stacked[IG_PORTS_MAX];
    igi_rounds_shape_fill(g, &s, a->body, 0, 0, (int)a->num_scan_inputs);
    igi_scan_attrs again = *a;
    again.body = igi_rounds_recording(g, a->body, &s);
    again.scan_output_axes = again.scan_output_directions = (ig_ints){0};
    IG_TRY(igi_emit_recording(g, &s, &again, stacked));
    return igi_emit_backwards(g, &s, a->body, stacked, IG_OP(Scan), a);
}

/* ---- samples: h' = h * w + x, result h' * x ---- */

static ig_status sample_body(const ig_sample_scene *s, void *out)
{
    ig_graph **g = &((igi_scan_attrs *)out)->body;
    ig_value_id h[2], x, next[2], p, y;
    int64_t dims[1] = {2};
    IG_TRY(igi_graph_new(g, "body", s->registry, NULL));
    IG_TRY(ig_graph_input(*g, "h", s->dtype, 1, dims, &h[0]));
    IG_TRY(ig_graph_input(*g, "x", s->dtype, 1, dims, &x));
    IG_TRY(ig_graph_input(*g, "w", s->dtype, 1, dims, &h[1]));
    IG_TRY(igi_sample_node(*g, IG_OP(Mul), h, 2, &p));
    next[0] = p;
    next[1] = x;
    IG_TRY(igi_sample_node(*g, IG_OP(Add), next, 2, &h[0]));
    next[0] = h[0];
    IG_TRY(igi_sample_node(*g, IG_OP(Mul), next, 2, &y));
    IG_TRY(ig_graph_output(*g, "h_next", h[0]));
    return ig_graph_output(*g, "y", y);
}

static const igi_scan_attrs plain = {.struct_size = sizeof(plain),
                                     .num_scan_inputs = 1};
static const igi_scan_attrs turned = {.struct_size = sizeof(turned),
                                      .num_scan_inputs = 1,
                                      .scan_input_axes = IGI_INTS(-1),
                                      .scan_input_directions = IGI_INTS(1),
                                      .scan_output_axes = IGI_INTS(1),
                                      .scan_output_directions = IGI_INTS(1)};

#define SAMPLE(name_, attrs_, x_)                                                      \
    {                                                                                  \
        .name = name_, .attrs = attrs_, .n_out = 2, .n_captures = 1,                   \
        .bodies = sample_body, .types = IG_NUMERIC,                                    \
        IGI_INPUTS(IGI_IN(2), x_, IGI_IN(2))                                           \
    }
static const ig_sample samples[] = {
    SAMPLE("rows", &plain, IGI_IN(3, 2)),
    SAMPLE("columns_backwards", &turned, IGI_IN(2, 3)),
    SAMPLE("one_round", &plain, IGI_IN(1, 2)),
    SAMPLE("no_round", &plain, IGI_IN(0, 2)),
    {0},
};

IG_OPERATOR(Scan) = {
    IG_OP_HEAD,
    .name = "Scan",
    .since = 25,
    .doc = "Runs a body over the items of tensors.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_scan_attrs),
    .flags = IG_OP_SUBGRAPH | IG_OP_UNRANKED,
    .infer = scan_infer,
    .gradient = scan_gradient,
    .reference = scan_reference,
    .samples = samples,
};
