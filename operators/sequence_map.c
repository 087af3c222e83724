// SequenceMap: runs its body for every item of a sequence; the results make sequences.
// Further inputs are sequences of the same length, which go item by item, or tensors,
// which the body sees whole each time.

#include <inttypes.h>

#include "operators/common_flow.h"

IG_USES_OP(Add);
IG_USES_OP(Mul);

typedef struct map_attrs {
    uint32_t struct_size;
    ig_graph *body;
} map_attrs;

static const ig_port inputs[] = {
    IG_PORT(
        "input_sequence", 'S', "Its length is the number of rounds.", .flags = IG_SEQ),
    IG_PORT("additional_inputs",
            'V',
            "Sequences of that length, or tensors.",
            .flags = IG_VARIADIC | IG_OPTIONAL | IG_HETERO | IG_ANY_KIND),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("out_sequence",
            'V',
            "One sequence for each output of the body.",
            .flags = IG_VARIADIC | IG_HETERO | IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {
    {'S', IG_CLASSIC_TYPES},
    {'V', IG_CLASSIC_TYPES},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_GRAPH(map_attrs,
                  body,
                  "(item, items or tensors..., captures...) -> items.",
                  .flags = IG_REQUIRED),
    {0},
};

static ig_status map_infer(ig_infer *x)
{
    const ig_graph *body = ((const map_attrs *)x->attrs)->body;
    int n = x->n_in - x->n_captures;
    IG_TRY(igi_body_ends(x, body, "body", n, x->n_out));
    for (int i = 0; i < n; i++) {
        const ig_type *t = x->in[i];
        if (!t)
            return ig_infer_fail(x, "input %d is missing", i);
        IG_TRY(igi_body_takes(x, body, i, t->kind == IG_KIND_SEQUENCE ? t->u.elem : t));
    }
    for (int o = 0; o < x->n_out; o++) {
        ig_type t;
        IG_TRY(igi_body_gives(x, body, o, &t));
        ig_status rc = igi_infer_wrap(x, o, IG_KIND_SEQUENCE, &t);
        igi_type_fini(&t);
        IG_TRY(rc);
    }
    return IG_OK;
}

typedef struct map_run {
    igi_rounds r;
    int64_t n;
    ig_value **made; /* n of each output */
} map_run;

static ig_status map_begin(map_run *m, ig_kernel_ctx *k)
{
    int formal = k->n_in - k->n_captures;
    size_t bytes;
    m->n = igi_sequence_in(k, 0)->n;
    IG_TRY(igi_rounds_begin(&m->r, k, ((const map_attrs *)k->attrs)->body, formal,
                            k->n_out));
    for (int i = 0; i < formal; i++) {
        const igi_sequence *s = igi_sequence_in(k, i);
        if (!s)
            igi_rounds_set(&m->r, i, ig_value_ref(k->in[i]));
        else if (s->n != m->n)
            return ig_kernel_fail(
                k, IG_INVALID_ARGUMENT,
                "input %d has %" PRId64 " items, input 0 has %" PRId64, i, s->n, m->n);
    }
    if (!igi_mul_size((size_t)m->n + 1, (size_t)k->n_out, &bytes))
        return IG_OUT_OF_MEMORY;
    m->made = igi_calloc(bytes, sizeof(*m->made));
    return m->made ? IG_OK : IG_OUT_OF_MEMORY;
}

static ig_status map_round(map_run *m, int64_t t)
{
    ig_kernel_ctx *k = m->r.k;
    for (int i = 0; i < k->n_in - k->n_captures; i++)
        if (igi_sequence_in(k, i))
            igi_rounds_set(&m->r, i, ig_value_ref(igi_sequence_in(k, i)->items[t]));
    if (igi_rounds_run(&m->r) != IG_OK)
        return ig_fail_context("item %" PRId64, t);
    for (int o = 0; o < k->n_out; o++) {
        m->made[o * m->n + t] = m->r.out[o];
        m->r.out[o] = NULL;
        IG_TRY(ig_charge(k, (int64_t)igi_value_bytes(m->made[o * m->n + t])));
    }
    return IG_OK;
}

static ig_status map_reference(ig_kernel_ctx *k)
{
    map_run m = {.n = 0};
    ig_status rc = map_begin(&m, k);
    for (int64_t t = 0; rc == IG_OK && t < m.n; t++)
        rc = map_round(&m, t);
    for (int o = 0; rc == IG_OK && o < k->n_out; o++)
        rc = igi_give_sequence(k, o,
                               &igi_value_at(m.r.body, m.r.body->outputs.p[o])->type,
                               m.made + o * m.n, m.n);
    for (int64_t i = 0; m.made && i < m.n * k->n_out; i++)
        ig_value_unref(m.made[i]);
    igi_free(m.made);
    igi_rounds_end(&m.r);
    return rc;
}

/* Samples: item * w + other. */
static ig_status sample_body(const ig_sample_scene *s, void *out)
{
    ig_graph **g = &((map_attrs *)out)->body;
    ig_value_id in[3], p[2], y;
    IG_TRY(igi_graph_new(g, "body", s->registry, NULL));
    IG_TRY(ig_graph_input(*g, "item", s->dtype, -1, NULL, &in[0]));
    IG_TRY(ig_graph_input(*g, "other", s->dtype, -1, NULL, &p[1]));
    IG_TRY(ig_graph_input(*g, "w", s->dtype, -1, NULL, &in[1]));
    IG_TRY(igi_sample_node(*g, IG_OP(Mul), in, 2, &p[0]));
    IG_TRY(igi_sample_node(*g, IG_OP(Add), p, 2, &y));
    return ig_graph_output(*g, "y", y);
}

#define MAP(name_, ...)                                                                \
    {                                                                                  \
        .name = name_, .n_out = 1, .n_captures = 1, .bodies = sample_body,             \
        .types = IG_NUMERIC, .no_gradient = true, IGI_INPUTS(__VA_ARGS__)              \
    }
static const ig_sample samples[] = {
    MAP("sequences",
        IGI_IN_SEQUENCE(IGI_IN(2, 3), IGI_IN(1), IGI_IN(0, 3)),
        IGI_IN_SEQUENCE(IGI_IN(2, 3), IGI_IN(1), IGI_IN(0, 3)),
        IGI_IN(1)),
    MAP("tensor", IGI_IN_SEQUENCE(IGI_IN(2, 3), IGI_IN(3)), IGI_IN(3), IGI_IN(1)),
    MAP("no_item", IGI_IN_NO_ITEMS, IGI_IN(3), IGI_IN(1)),
    {0},
};

IG_OPERATOR(SequenceMap) = {
    IG_OP_HEAD,
    .name = "SequenceMap",
    .since = 17,
    .doc = "Runs a body for every item of a sequence.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(map_attrs),
    .flags = IG_OP_SUBGRAPH | IG_OP_UNRANKED,
    .infer = map_infer,
    .gradient = ig_gradient_todo,
    .reference = map_reference,
    .samples = samples,
};
