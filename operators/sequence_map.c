// SequenceMap: runs its body for every item of a sequence; the results make sequences.
// Further inputs are sequences of the same length, which go item by item, or tensors,
// which the body sees whole each time.
//
// Gradient: a SequenceMap of the body's gradient over the same inputs and the sequences
// of dy. What it makes for a tensor, one gradient an item, is summed.

#include <inttypes.h>

#include "operators/common_flow.h"
#include "operators/common_flow_grad.h"
#include "operators/common_opts.h"

IG_USES_OP(Add);
IG_USES_OP(ConcatFromSequence);
IG_USES_OP(Expand);
IG_USES_OP(Mul);
IG_USES_OP(SequenceInsert);
IG_USES_OP(SumTo);

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

/* ---- gradient ---- */

/* The sum of the items; zeros, which come as one more, when there is none. */
static ig_var total(ig_grad *g, int i, ig_var items)
{
    static const igi_concat_from_sequence_attrs stack = {
        .struct_size = sizeof(stack), .axis = 0, .new_axis = 1};
    ig_var zero = ig_grad_scalar(g, (ig_dtype)ig_grad_in_type(g, i)->dtype, 0);
    const ig_var shape = ig_grad_in_shape(g, i);
    zero = ig_emit2(g, IG_OP(Expand), NULL, zero, shape);
    items = ig_emit2(g, IG_OP(SequenceInsert), NULL, items, zero);
    items = ig_emit1(g, IG_OP(ConcatFromSequence), &stack, items);
    return ig_emit2(g, IG_OP(SumTo), NULL, items, shape);
}

/* The inputs of the body's gradient: the body's own, the dy, captures. */
static int gather(ig_grad *g, int formal, ig_var *in)
{
    int n = 0, n_in = ig_grad_n_in(g);
    for (int i = 0; i < formal; i++)
        in[n++] = ig_grad_in(g, i);
    for (int o = 0; o < ig_grad_n_out(g); o++)
        if (ig_grad_dy(g, o).h)
            in[n++] = ig_grad_dy(g, o);
    for (int i = formal; i < n_in; i++)
        in[n++] = ig_grad_in(g, i);
    return n;
}

static ig_status map_gradient(ig_grad *g)
{
    const map_attrs *a = ig_grad_attrs(g);
    ig_var in[2 * IG_PORTS_MAX], out[IG_PORTS_MAX];
    igi_arm_key key;
    int n_in = ig_grad_n_in(g), formal = n_in - g->n_captures;
    igi_arm_key_fill(g, 0, g->n_captures, &key);
    map_attrs back = {sizeof(back), igi_grad_derived(g, a->body, igi_arm_gradient, &key,
                                                     sizeof(key))};
    ig_call call = {.op = g->op->def,
                    .attrs = &back,
                    .n_in = gather(g, formal, in),
                    .n_captures = g->n_captures};
    if (call.n_in > IG_PORTS_MAX)
        return ig_grad_fail(g, IG_LIMIT, "%d inputs and results are too many",
                            call.n_in);
    for (int i = 0; i < n_in; i++) {
        ig_kind kind = (ig_kind)ig_grad_in_type(g, i)->kind;
        call.n_out += ig_grad_wants(g, i);
        if (ig_grad_wants(g, i) && kind != IG_KIND_TENSOR &&
            (i >= formal || kind != IG_KIND_SEQUENCE))
            return ig_grad_fail(g, IG_UNSUPPORTED,
                                "input %d is whole for each item and no tensor: its "
                                "gradients cannot be summed",
                                i);
    }
    IG_TRY(ig_emit_call(g, &call, in, out));
    for (int i = 0, o = 0; i < n_in; i++) {
        if (!ig_grad_wants(g, i))
            continue;
        ig_var items = out[o++];
        ig_grad_set(g, i,
                    ig_grad_in_type(g, i)->kind == IG_KIND_SEQUENCE
                        ? items
                        : total(g, i, items));
    }
    return IG_OK;
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
        .types = IG_NUMERIC, IGI_INPUTS(__VA_ARGS__)                                   \
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
    .gradient = map_gradient,
    .reference = map_reference,
    .samples = samples,
};
