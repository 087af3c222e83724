/* The way back of Loop and Scan, emitted: one Scan from the last round to the first.
 * Its body is made by common_flow_grad.c. */
#include <string.h>

#include "graph/core/alloc.h"
#include "operators/common_flow_grad.h"

IG_USES_OP(If);

ig_status igi_emit_arm(
    ig_grad *g, ig_graph *arm, const ig_var *in, int n_in, ig_var *out, int n_out)
{
    const igi_if_attrs arms = {sizeof(arms), arm, arm};
    ig_var all[IG_PORTS_MAX];
    if (n_in >= IG_PORTS_MAX)
        return ig_grad_fail(g, IG_LIMIT, "it reads %d values, at most %d can be", n_in,
                            IG_PORTS_MAX - 1);
    if (!arm)
        return IG_OUT_OF_MEMORY; /* the rule has failed */
    all[0] = ig_grad_scalar(g, IG_BOOL, 1);
    memcpy(all + 1, in, (size_t)n_in * sizeof(*in));
    ig_call call = {.op = IG_OP(If),
                    .attrs = &arms,
                    .n_in = n_in + 1,
                    .n_captures = n_in,
                    .n_out = n_out};
    return ig_emit_call(g, &call, all, out);
}

static ig_var emit_zeros_like(ig_grad *g, ig_var v)
{
    const ig_type *t = ig_grad_type(g, v);
    if (!t)
        return (ig_var){0};
    if (t->kind == IG_KIND_SEQUENCE)
        return ig_emit2(g, igi_registry_std(g->reg, IGI_STD_SEQUENCE_ZEROS), NULL,
                        (ig_var){0}, v);
    ig_var zero = ig_grad_scalar(g, (ig_dtype)t->dtype, 0.0);
    return ig_emit2(g, igi_registry_std(g->reg, IGI_STD_EXPAND), NULL, zero,
                    ig_emit1(g, igi_registry_std(g->reg, IGI_STD_SHAPE), NULL, v));
}

/* Inputs of the Scan and the lists of its axes and directions. */
typedef struct back {
    ig_var in[2 * IG_PORTS_MAX + 2], out[2 * IG_PORTS_MAX];
    int64_t in_axis[IG_PORTS_MAX], in_way[IG_PORTS_MAX];
    int64_t out_axis[IG_PORTS_MAX], out_way[IG_PORTS_MAX];
    int n_in, n_scan, n_out, n_results;
} back;

static void put_item(back *b, ig_var v, int64_t axis, int64_t way)
{
    if (b->n_scan < IG_PORTS_MAX) {
        b->in_axis[b->n_scan] = axis;
        b->in_way[b->n_scan] = way;
    }
    b->in[b->n_in++] = v;
    b->n_scan++;
}

static int64_t listed(const ig_ints *l, int i)
{
    return l && l->v ? l->v[i] : 0;
}

static void
put_states(ig_grad *g, const igi_rounds_shape *s, const ig_var *stacked, back *b)
{
    for (int i = 0; i < s->n_states; i++)
        if (s->carries[i])
            b->in[b->n_in++] = g->dy[i].h ? g->dy[i] : emit_zeros_like(g, stacked[i]);
    for (int c = 0; c < s->n_captures; c++)
        if (s->sum[c])
            b->in[b->n_in++] =
                emit_zeros_like(g, ig_grad_in(g, g->n_in - s->n_captures + c));
    b->n_out = b->n_in;
}

static void put_items(ig_grad *g,
                      const igi_rounds_shape *s,
                      const ig_var *stacked,
                      const igi_scan_attrs *a,
                      back *b)
{
    int extra = s->lead ? 1 : 0;
    for (int i = 0; i < extra + s->n_states; i++)
        put_item(b, stacked[s->n_states + i], 0, 1);
    for (int i = 0; i < s->n_scan; i++) {
        int64_t axis = listed(&a->scan_input_axes, i);
        int64_t way = 1 - listed(&a->scan_input_directions, i);
        put_item(b, ig_grad_in(g, s->lead + s->n_states + i), axis, way);
        if (!s->item[i])
            continue;
        b->out_axis[b->n_results] = axis;
        b->out_way[b->n_results++] = way;
    }
    for (int o = 0; o < s->n_results; o++)
        if (s->dy[o])
            put_item(b, g->dy[s->n_states + o], a ? listed(&a->scan_output_axes, o) : 0,
                     1 - (a ? listed(&a->scan_output_directions, o) : 0));
    for (int c = 0; c < s->n_captures; c++)
        b->in[b->n_in++] = ig_grad_in(g, g->n_in - s->n_captures + c);
    b->n_out += b->n_results;
}

static void take_gradients(ig_grad *g, const igi_rounds_shape *s, const back *b)
{
    int n = 0;
    for (int i = 0; i < s->n_states; i++)
        if (s->carries[i])
            ig_grad_set(g, s->lead + i, b->out[n++]);
    for (int c = 0; c < s->n_captures; c++)
        if (s->sum[c])
            ig_grad_set(g, g->n_in - s->n_captures + c, b->out[n++]);
    for (int i = 0; i < s->n_scan; i++)
        if (s->item[i])
            ig_grad_set(g, s->lead + s->n_states + i, b->out[n++]);
}

ig_status igi_emit_backwards(ig_grad *g,
                             const igi_rounds_shape *s,
                             const ig_graph *body,
                             const ig_var *stacked,
                             const ig_op_def *scan,
                             const igi_scan_attrs *a)
{
    back *b = igi_calloc(1, sizeof(*b));
    if (!b)
        return g->status = IG_OUT_OF_MEMORY;
    put_states(g, s, stacked, b);
    put_items(g, s, stacked, a, b);
    igi_scan_attrs attrs = {
        .struct_size = sizeof(attrs),
        .body = igi_grad_derived(g, body, igi_make_backwards, s, sizeof(*s)),
        .num_scan_inputs = b->n_scan,
        .scan_input_axes = {b->n_scan, b->in_axis},
        .scan_input_directions = {b->n_scan, b->in_way},
        .scan_output_axes = {b->n_results, b->out_axis},
        .scan_output_directions = {b->n_results, b->out_way}};
    ig_call call = {.op = scan,
                    .attrs = &attrs,
                    .n_in = b->n_in,
                    .n_captures = s->n_captures,
                    .n_out = b->n_out};
    if (b->n_in > IG_PORTS_MAX)
        (void)ig_grad_fail(g, IG_LIMIT, "it needs a Scan with %d inputs", b->n_in);
    else if (b->n_out > 0 && ig_emit_call(g, &call, b->in, b->out) == IG_OK)
        take_gradients(g, s, b);
    igi_free(b);
    return g->status;
}
