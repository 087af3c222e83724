// Loop: runs its body until cond becomes false or M rounds are done. States go round;
// every further output of the body is stacked over the rounds.
//
//   body(iteration, cond, states..., captures...) -> cond, states..., scans...
//
// Gradient: the loop again with the states of every round stacked, then a Scan from the
// last round to the first that carries the gradients of states and captures.

#include <inttypes.h>
#include <stdio.h>

#include "operators/common_flow.h"
#include "operators/common_flow_grad.h"

IG_USES_OP(Add);
IG_USES_OP(Identity);
IG_USES_OP(Less);
IG_USES_OP(Mul);
IG_USES_OP(Scan);

#define LEAD 2 /* M and cond; iteration and cond of the body */

typedef struct loop_attrs {
    uint32_t struct_size;
    ig_graph *body;
} loop_attrs;

static const ig_port inputs[] = {
    IG_PORT(
        "M", 'I', "Most rounds: one element; absent: no bound.", .flags = IG_OPTIONAL),
    IG_PORT("cond",
            'B',
            "Whether there is a first round; absent: there is.",
            .flags = IG_OPTIONAL),
    IG_PORT("v_initial",
            'V',
            "States before the first round.",
            .flags = IG_VARIADIC | IG_OPTIONAL | IG_HETERO | IG_ANY_KIND),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("v_final_and_scan_outputs",
            'V',
            "States after the last round, then the stacked results.",
            .flags = IG_VARIADIC | IG_HETERO | IG_ANY_KIND | IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {
    {'V', IG_ALL_TYPES},
    {'I', IG_T(INT64)},
    {'B', IG_T(BOOL)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_GRAPH(loop_attrs,
                  body,
                  "(iteration, cond, states..., captures...) -> (cond, states..., "
                  "scans...).",
                  .flags = IG_REQUIRED),
    {0},
};

/* ---- infer ---- */

static ig_status infer_scan(ig_infer *x, const ig_graph *body, int j, int o)
{
    ig_type t;
    int64_t dims[IG_RANK_MAX];
    IG_TRY(igi_body_gives(x, body, j, &t));
    int rank = t.rank;
    ig_status rc = IG_OK;
    if (t.kind != IG_KIND_TENSOR)
        rc = ig_infer_fail(x, "output %d is stacked, so it must be a tensor", o);
    else if (rank >= IG_RANK_MAX)
        rc = ig_infer_fail(x, "output %d of rank %d cannot be stacked", o, rank);
    if (rc == IG_OK && x->out[o]) {
        dims[0] = ig_dim_fresh(x->syms);
        if (rank > 0)
            memcpy(dims + 1, ig_type_dims(&t), (size_t)rank * sizeof(*dims));
        rc = ig_infer_dtype(x, o, t.dtype);
        if (rc == IG_OK)
            rc = rank < 0 ? ig_infer_unknown(x, o) : ig_infer_set(x, o, rank + 1, dims);
    }
    igi_type_fini(&t);
    return rc;
}

static ig_status loop_infer(ig_infer *x)
{
    const ig_graph *body = ((const loop_attrs *)x->attrs)->body;
    int given = x->n_in - x->n_captures, n = given > LEAD ? given - LEAD : 0;
    IG_TRY(igi_body_ends(x, body, "body", LEAD + n, n + 1));
    if ((int)body->outputs.n - 1 < x->n_out)
        return ig_infer_fail(x, "%d outputs are wanted, the body has %zu", x->n_out,
                             body->outputs.n - 1);
    for (int i = 0; i < n; i++) {
        if (!x->in[LEAD + i])
            return ig_infer_fail(x, "state %d is missing", i);
        IG_TRY(igi_body_takes(x, body, LEAD + i, x->in[LEAD + i]));
        IG_TRY(igi_infer_state(x, body, LEAD + i, 1 + i, i));
    }
    for (int o = n; o < x->n_out; o++)
        IG_TRY(infer_scan(x, body, 1 + o, o));
    return IG_OK;
}

/* ---- reference ---- */

typedef struct loop_run {
    igi_rounds r;
    igi_stack stack[IG_PORTS_MAX];
    int n_states, n_out; /* outputs of the body behind cond that are made */
    int64_t t, limit;
    bool go;
} loop_run;

/* Formal input `port`, which may lie behind the last given one. */
static const ig_tensor *number_in(const ig_kernel_ctx *k, int port)
{
    return port < k->n_in - k->n_captures ? ig_in(k, port) : NULL;
}

static ig_status one_number(ig_kernel_ctx *k, int port, const char *name)
{
    const ig_tensor *t = number_in(k, port);
    if (!t || igi_tensor_count(t) == 1)
        return IG_OK;
    return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                          "%s must have one element, not %" PRId64, name,
                          igi_tensor_count(t));
}

/* A number as the body declares it: of rank 0, or of one element. */
static ig_status lead_value(loop_run *l, int i, ig_dtype dtype, int64_t v)
{
    const ig_graph *body = l->r.body;
    const ig_type *want = &igi_value_at(body, body->inputs.p[i])->type;
    const int64_t one = 1;
    ig_tensor *t = NULL;
    IG_TRY(igi_tensor_make(&t, NULL, dtype, want->rank == 1 ? 1 : 0, &one));
    igi_put_i64(dtype, t->data, 0, v);
    igi_rounds_set(&l->r, i, &t->v);
    return IG_OK;
}

static ig_status loop_begin(loop_run *l, ig_kernel_ctx *k)
{
    const ig_graph *body = ((const loop_attrs *)k->attrs)->body;
    const ig_tensor *cond = number_in(k, 1);
    int given = k->n_in - k->n_captures;
    l->n_states = given > LEAD ? given - LEAD : 0;
    l->n_out = k->n_out > l->n_states ? k->n_out : l->n_states;
    IG_TRY(igi_rounds_begin(&l->r, k, body, LEAD + l->n_states, 1 + l->n_out));
    IG_TRY(one_number(k, 0, "M"));
    IG_TRY(one_number(k, 1, "cond"));
    l->limit = igi_scalar_i64(number_in(k, 0), INT64_MAX);
    l->go = !cond || *(const uint8_t *)ig_data(cond);
    for (int i = 0; i < l->n_states; i++)
        igi_rounds_set(&l->r, LEAD + i, ig_value_ref(k->in[LEAD + i]));
    for (int o = l->n_states; o < k->n_out; o++)
        l->stack[o].room = l->limit < 0 ? 0 : l->limit < 64 ? l->limit : 64;
    return IG_OK;
}

/* Takes over what a round has made. */
static ig_status loop_advance(loop_run *l)
{
    const ig_tensor *cond = ig_value_tensor(l->r.out[0]);
    char what[32];
    if (!cond || cond->v.type.dtype != IG_BOOL || igi_tensor_count(cond) != 1)
        return ig_kernel_fail(l->r.k, IG_INVALID_ARGUMENT,
                              "the body's cond must be one bool");
    l->go = *(const uint8_t *)ig_data(cond);
    for (int o = l->n_states; o < l->n_out; o++) {
        if (!l->r.k->out[o])
            continue;
        (void)snprintf(what, sizeof(what), "output %d", o);
        IG_TRY(igi_stack_add(l->r.k, &l->stack[o], l->r.out[1 + o], what));
    }
    for (int i = 0; i < l->n_states; i++)
        IG_TRY(igi_rounds_pass(&l->r, 1 + i, LEAD + i));
    l->t++;
    return IG_OK;
}

static ig_status loop_give(loop_run *l, const ig_graph *body)
{
    ig_kernel_ctx *k = l->r.k;
    for (int o = 0; o < k->n_out; o++) {
        if (!k->out[o])
            continue;
        if (o < l->n_states)
            IG_TRY(igi_state_give(k, o, &l->r, LEAD + o, 1 + o));
        else
            IG_TRY(igi_stack_give(k, o, &l->stack[o],
                                  &igi_value_at(body, body->outputs.p[1 + o])->type, 0,
                                  false));
    }
    return IG_OK;
}

static ig_status loop_end(loop_run *l)
{
    ig_graph *typed = NULL;
    ig_status rc = IG_OK;
    const ig_type *in[IG_PORTS_MAX];
    for (int i = 0; i < l->r.n_in; i++)
        in[i] = l->r.in[i] ? &l->r.in[i]->type : NULL;
    if (l->t == 0 && l->n_states < l->r.k->n_out)
        rc = igi_body_typed(l->r.body, in, l->r.n_in, &typed);
    if (rc == IG_OK)
        rc = loop_give(l, typed ? typed : l->r.body);
    ig_graph_free(typed);
    return rc;
}

static ig_status run(loop_run *l)
{
    while (l->t < l->limit && l->go) {
        IG_TRY(lead_value(l, 0, IG_INT64, l->t));
        IG_TRY(lead_value(l, 1, IG_BOOL, 1));
        if (igi_rounds_run(&l->r) != IG_OK)
            return ig_fail_context("round %" PRId64, l->t);
        IG_TRY(loop_advance(l));
    }
    return loop_end(l);
}

static ig_status loop_reference(ig_kernel_ctx *k)
{
    loop_run *l = igi_calloc(1, sizeof(*l));
    ig_status rc = l ? loop_begin(l, k) : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = run(l);
    for (int o = 0; l && o < IG_PORTS_MAX; o++)
        igi_stack_fini(&l->stack[o]);
    if (l)
        igi_rounds_end(&l->r);
    igi_free(l);
    return rc;
}

/* ---- gradient ---- */

static ig_status loop_gradient(ig_grad *g)
{
    const ig_graph *body = ((const loop_attrs *)ig_grad_attrs(g))->body;
    igi_rounds_shape s;
    igi_rounds_shape_fill(g, &s, body, LEAD, 1, 0);
    ig_var stacked[IG_PORTS_MAX];
    loop_attrs again = {.struct_size = sizeof(again),
                        .body = igi_rounds_recording(g, body, &s)};
    IG_TRY(igi_emit_recording(g, &s, &again, stacked));
    return igi_emit_backwards(g, &s, body, stacked, IG_OP(Scan), NULL);
}

/* ---- samples: x' = x * w + x, stacked x * w; as long as iteration + 1 < 3 ---- */

static ig_status sample_body(const ig_sample_scene *s, void *out)
{
    ig_graph **g = &((loop_attrs *)out)->body;
    ig_value_id i, c, x[2], p[2], sum, go;
    int64_t dims[2] = {-1, 2};
    IG_TRY(igi_graph_new(g, "body", s->registry, NULL));
    IG_TRY(ig_graph_input(*g, "i", IG_INT64, 0, NULL, &i));
    IG_TRY(ig_graph_input(*g, "go", IG_BOOL, 0, NULL, &c));
    IG_TRY(ig_graph_input(*g, "x", s->dtype, 2, dims, &x[0]));
    IG_TRY(ig_graph_input(*g, "w", s->dtype, 2, dims, &x[1]));
    IG_TRY(igi_sample_node(*g, IG_OP(Mul), x, 2, &p[0]));
    p[1] = x[0];
    IG_TRY(igi_sample_node(*g, IG_OP(Add), p, 2, &sum));
    ig_value_id less[2] = {i};
    IG_TRY(igi_sample_number(*g, IG_INT64, 2, &less[1]));
    IG_TRY(igi_sample_node(*g, IG_OP(Less), less, 2, &go));
    IG_TRY(ig_graph_output(*g, "go_on", go));
    IG_TRY(ig_graph_output(*g, "x_next", sum));
    return ig_graph_output(*g, "products", p[0]);
}

#define SAMPLE(name_, n_out_, m_, cond_, rows_)                                        \
    {                                                                                  \
        .name = name_, .n_out = n_out_, .n_captures = 1, .bodies = sample_body,        \
        .types = IG_NUMERIC, IGI_INPUTS(m_, cond_, IGI_IN(rows_, 2), IGI_IN(rows_, 2)) \
    }
static const ig_sample samples[] = {
    SAMPLE("until_cond", 2, IGI_IN_ABSENT, IGI_IN_ABSENT, 2),
    SAMPLE("until_m", 2, IGI_IN_NUMBER(IG_INT64, 2), IGI_IN_NUMBER(IG_BOOL, 1), 1),
    SAMPLE("vector_m", 2, IGI_IN_INTS(1), IGI_IN_NUMBER(IG_BOOL, 1), 2),
    SAMPLE("no_round", 1, IGI_IN_NUMBER(IG_INT64, 5), IGI_IN_NUMBER(IG_BOOL, 0), 2),
    SAMPLE("m_of_zero", 1, IGI_IN_NUMBER(IG_INT64, 0), IGI_IN_ABSENT, 2),
    SAMPLE("empty", 2, IGI_IN_NUMBER(IG_INT64, 2), IGI_IN_ABSENT, 0),
    {0},
};

IG_OPERATOR(Loop) = {
    IG_OP_HEAD,
    .name = "Loop",
    .since = 25,
    .doc = "Runs a body for at most M rounds, as long as its cond is true.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(loop_attrs),
    .flags = IG_OP_SUBGRAPH | IG_OP_UNRANKED,
    .infer = loop_infer,
    .gradient = loop_gradient,
    .reference = loop_reference,
    .samples = samples,
};
