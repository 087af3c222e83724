/* The proof that a plan is alias-free, from its steps and offsets alone: it shares no
 * lifetime with plan_memory.c, which it checks.
 *
 * Two values in the arena may share bytes only when one is dead before the other is
 * written: every step that touches the first is complete before the step that writes
 * the second starts. The one exception is a step that overwrites an input it reads
 * itself, which its operator must allow for that pair, at one and the same address. */
#include "graph/core/checked.h"
#include "graph/runtime/plan.h"

typedef struct span {
    size_t at, end;
    uint32_t value, writer;
} span;

static bool reads(const igi_plan *p, uint32_t step, uint32_t root)
{
    const igi_step *s = &p->step[step];
    for (int j = 0; j < s->k.n_in; j++)
        if (s->in[j] && p->value[s->in[j]].root == root)
            return true;
    return false;
}

/* Whether step `w`, which writes value b, may do so over value a that it reads. */
static bool pair_is_allowed(const igi_plan *p, uint32_t w, uint32_t a, uint32_t b)
{
    const igi_step *s = &p->step[w];
    if (!s->node.i)
        return false;
    const igi_op *op = igi_node_at(p->net->graph, s->node)->op;
    int count = 0, port = -1;
    for (int j = 0; j < s->k.n_in; j++) {
        if (!s->in[j] || p->value[s->in[j]].root != a)
            continue;
        count++;
        port = j;
    }
    for (int o = 0; o < s->k.n_out && count == 1 && port < 31; o++) {
        int formal = igi_op_out_port(op, o);
        if (s->out[o] == b && formal >= 0)
            return op->def->outputs[formal].alias >> port & 1;
    }
    return false;
}

/* Whether every touch of value a is over before b is written, or b takes a over. */
static bool dies_before(const igi_plan *p, const span *a, const span *b)
{
    for (size_t j = 0; j < p->net->graph->outputs.n; j++)
        if (p->value[p->output[j]].root == a->value)
            return false; /* read when all steps are done */
    if (!igi_step_before(p, a->writer, b->writer))
        return false;
    for (uint32_t i = 0; i < p->n_steps; i++) {
        if (!reads(p, i, a->value))
            continue;
        if (i == b->writer) {
            if (a->at != b->at || !pair_is_allowed(p, i, a->value, b->value))
                return false;
        } else if (!igi_step_before(p, i, b->writer)) {
            return false;
        }
    }
    return true;
}

static const char *name_of(const igi_plan *p, uint32_t v)
{
    return v < p->n_graph ? p->net->graph->values.p[v].name : "(copy)";
}

static ig_status collect(const igi_plan *p, span *spans, size_t *n)
{
    for (uint32_t i = 0; i < p->n_steps; i++) {
        for (int o = 0; o < p->step[i].k.n_out; o++) {
            uint32_t v = p->step[i].out[o];
            size_t bytes;
            if (!v || p->value[v].root != v || p->value[v].where != IGI_AT_ARENA ||
                !p->value[v].buffer)
                continue;
            size_t at = p->buffer[p->value[v].buffer - 1].at;
            size_t arena = p->arena[p->value[v].space].arena_bytes;
            if (!igi_type_bytes(&p->value[v].type, &bytes) || at % 64 || at > arena ||
                bytes > arena - at)
                return ig_fail(IG_INTERNAL, "plan: value '%s' is not inside the arena",
                               name_of(p, v));
            spans[(*n)++] = (span){at, at + bytes, v, i};
        }
    }
    return IG_OK;
}

ig_status igi_plan_check(const igi_plan *p)
{
    size_t n = 0;
    span *spans = igi_alloc_array(p->n_values, sizeof(*spans));
    ig_status rc = spans ? collect(p, spans, &n) : IG_OUT_OF_MEMORY;
    for (size_t i = 0; i < n && rc == IG_OK; i++) {
        for (size_t j = 0; j < i && rc == IG_OK; j++) {
            const span *a = &spans[i], *b = &spans[j];
            if (p->value[a->value].space != p->value[b->value].space ||
                a->at >= b->end || b->at >= a->end || dies_before(p, a, b) ||
                dies_before(p, b, a))
                continue;
            rc = ig_fail(IG_INTERNAL,
                         "plan: values '%s' and '%s' share memory while both live",
                         name_of(p, a->value), name_of(p, b->value));
        }
    }
    igi_free(spans);
    return rc;
}
