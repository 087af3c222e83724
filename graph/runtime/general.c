/* The general road of a call: types, view or outputs, selection, contiguous inputs,
 * storage, run, hand-over. Each phase works on one `space`, so that one clean-up serves
 * every exit. */
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/ir/attr.h"
#include "graph/runtime/call.h"
#include "graph/runtime/remote.h"

typedef struct space {
    igi_invoker *v;
    const igi_op *op;
    const ig_call *call;
    ig_value *const *in; /* the caller's */
    ig_value **out;
    const ig_type **in_type;
    ig_type *type;      /* of outputs */
    ig_type **out_type; /* NULL: not wanted */
    ig_value **kin;     /* what the kernel reads: in, or contiguous copies */
    ig_value **kout;    /* what it writes: new, bound or temporary; counted */
    igi_queue *queue;   /* where it runs; NULL: on the host */
    bool refused;       /* the device has no kernel for it */
    bool guests;        /* it reads or writes memory of other queues */
    uint64_t lasting;   /* of the invoker, for this call */
} space;

#define SMALL_IN  16
#define SMALL_OUT 4
/* Of a space in one block. */
#define BYTES_PER_PORT (sizeof(ig_type) + 4 * sizeof(void *))

static bool is_wanted(const space *s, int i)
{
    if (i >= 64)
        return true;
    if (s->call->wanted)
        return (s->call->wanted | s->op->must_out) >> i & 1;
    int port = igi_op_out_port(s->op, i);
    return s->out[i] || port < 0 || !(s->op->def->outputs[port].flags & IG_OPTIONAL);
}

static uint32_t out_flags(const space *s, int i)
{
    int port = igi_op_out_port(s->op, i);
    return port < 0 ? 0 : s->op->def->outputs[port].flags;
}

int igi_call_mutates(const igi_op *op, const ig_call *call, ig_value *const *in, int i)
{
    int port = igi_op_out_port(op, i), n = call->n_in - call->n_captures;
    uint32_t alias = port < 0 ? 0 : op->def->outputs[port].alias;
    for (int j = 0; alias >> j && j < n && j < op->n_in; j++)
        if (alias >> j & 1 && op->def->inputs[j].flags & IG_MUTATED && in[j])
            return j;
    return -1;
}

/* ---- types ---- */

static ig_status infer(space *s, ig_infer *x)
{
    const ig_call *c = s->call;
    for (int i = 0; i < c->n_in; i++)
        s->in_type[i] = s->in[i] ? &s->in[i]->type : NULL;
    for (int i = 0; i < c->n_out; i++) {
        s->type[i] = (ig_type){.rank = -1};
        s->out_type[i] = is_wanted(s, i) ? &s->type[i] : NULL;
    }
    *x = (ig_infer){.struct_size = sizeof(*x),
                    .n_in = c->n_in,
                    .n_out = c->n_out,
                    .n_captures = c->n_captures,
                    .in = s->in_type,
                    .out = s->out_type,
                    .attrs = c->attrs,
                    .known = s->in,
                    .op = s->op->def};
    return igi_infer_call(s->op, c, x);
}

/* Whether memory of that type can be made before the kernel runs. */
static bool is_complete(const ig_type *t)
{
    if (t->kind != IG_KIND_TENSOR || t->rank < 0)
        return false;
    for (int i = 0; i < t->rank; i++)
        if (ig_type_dims(t)[i] < 0)
            return false;
    return true;
}

/* ---- views ---- */

static bool wants_only_first(const space *s)
{
    for (int i = 1; i < s->call->n_out; i++)
        if (s->out_type[i])
            return false;
    return s->call->n_out > 0 && s->out_type[0] && !s->out[0];
}

/* Tries the view hook; true: done, with *rc. */
static bool try_view(space *s, ig_infer *x, ig_status *rc)
{
    int64_t strides[IG_RANK_MAX] = {0};
    ig_value *in0 = s->call->n_in > 0 ? s->in[0] : NULL;
    const ig_type *type = &s->type[0];
    if (!s->op->def->view || !in0 || in0->type.kind != IG_KIND_TENSOR ||
        !wants_only_first(s) || !is_complete(type) || type->dtype != in0->type.dtype)
        return false;
    ig_tensor *t = (ig_tensor *)in0, *made = NULL;
    ig_view view = {.x = x,
                    .in_stride = igi_strides(t),
                    .in_contiguous = t->v.flags & IGI_CONTIGUOUS,
                    .stride = strides};
    if (!s->op->def->view(&view))
        return false;
    const int64_t *dims = ig_type_dims(type);
    if (ig_dtype_bits((ig_dtype)type->dtype) < 8 &&
        (view.offset != 0 || !igi_strides_are_contiguous(type->rank, dims, strides)))
        return false; /* packed elements begin at whole bytes */
    *rc = igi_tensor_view(&made, s->v->pool, t, type->rank, dims, strides, view.offset);
    if (*rc == IG_OK)
        s->out[0] = &made->v;
    return true;
}

/* ---- outputs ---- */

/* A header that only says "wanted": the kernel replaces it by out_alloc or out_give. */
static ig_status placeholder(space *s, int i)
{
    int64_t dims[IG_RANK_MAX] = {0};
    const ig_type *t = &s->type[i];
    ig_tensor *made = NULL;
    if (t->kind != IG_KIND_TENSOR)
        return igi_value_empty(&s->kout[i], t);
    for (int d = 0; d < t->rank; d++)
        dims[d] = ig_type_dims(t)[d] > 0 ? ig_type_dims(t)[d] : 0;
    IG_TRY(igi_tensor_header(&made, s->v->pool, (ig_dtype)t->dtype,
                             t->rank > 0 ? t->rank : 0, dims));
    s->kout[i] = &made->v;
    return IG_OK;
}

static ig_status mutated_output(space *s, int i, int from)
{
    ig_tensor *t = ig_value_tensor(s->in[from]), *made = NULL;
    const char *name = s->op->def->name;
    if (!t || !igi_type_equal(&t->v.type, &s->type[i]))
        return ig_fail(IG_INTERNAL, "%s: output %d differs in type from input %d", name,
                       i, from);
    if (!(t->v.flags & IGI_CONTIGUOUS) || !t->st || t->st->flags & IGI_READONLY)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: input %d is written in place, so it must be contiguous and "
                       "no constant",
                       name, from);
    IG_TRY(igi_tensor_view(&made, s->v->pool, t, t->v.type.rank,
                           ig_type_dims(&t->v.type), igi_strides(t), 0));
    s->kout[i] = &made->v;
    t->st->version++;
    return IG_OK;
}

static bool overlaps(const ig_tensor *a, const ig_tensor *b)
{
    return a->st && a->st == b->st;
}

/* Whether the kernel may write straight into the bound tensor. */
static bool bound_is_direct(const space *s, int i, const ig_tensor *bound)
{
    int port = igi_op_out_port(s->op, i);
    uint32_t alias = port < 0 ? 0 : s->op->def->outputs[port].alias;
    if (!(bound->v.flags & IGI_CONTIGUOUS) || !bound->data ||
        (bound->v.flags & IGI_REMOTE) != (s->queue ? IGI_REMOTE : 0))
        return false;
    int shared = 0;
    for (int j = 0; j < s->call->n_in; j++) {
        const ig_tensor *t = s->in[j] ? ig_value_tensor(s->in[j]) : NULL;
        if (!t || !overlaps(bound, t))
            continue;
        if (shared++ || j > 30 || !(alias >> j & 1) || t->data != bound->data ||
            !(t->v.flags & IGI_CONTIGUOUS) ||
            igi_tensor_count(t) != igi_tensor_count(bound))
            return false;
    }
    return true;
}

static ig_status check_bound(const space *s, int i)
{
    char want[256], have[256];
    const ig_value *b = s->out[i];
    if (is_complete(&s->type[i]) && !igi_type_equal(&b->type, &s->type[i]))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: output %d is %s, but the tensor given for it is %s",
                       s->op->def->name, i,
                       igi_type_print(&s->type[i], NULL, want, sizeof(want)),
                       igi_type_print(&b->type, NULL, have, sizeof(have)));
    const ig_tensor *t = ig_value_tensor(s->out[i]);
    if (!t || !t->st || t->st->flags & IGI_READONLY)
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "%s: the value given for output %d is no tensor that can be written",
            s->op->def->name, i);
    return IG_OK;
}

static ig_status make_outputs(space *s)
{
    for (int i = 0; i < s->call->n_out; i++) {
        s->kout[i] = NULL;
    }
    for (int i = 0; i < s->call->n_out; i++) {
        int from;
        if (!s->out_type[i])
            continue;
        if (s->out[i])
            IG_TRY(check_bound(s, i));
        if ((from = igi_call_mutates(s->op, s->call, s->in, i)) >= 0) {
            IG_TRY(mutated_output(s, i, from));
        } else if (out_flags(s, i) & IG_DYNAMIC || !is_complete(&s->type[i])) {
            IG_TRY(placeholder(s, i));
        } else if (s->out[i] && bound_is_direct(s, i, ig_value_tensor(s->out[i]))) {
            s->kout[i] = ig_value_ref(s->out[i]);
            ig_value_tensor(s->out[i])->st->version++;
        } else {
            ig_tensor *t = NULL;
            IG_TRY(igi_call_tensor(s->v, s->queue, &s->type[i], &t));
            s->kout[i] = &t->v;
        }
    }
    return IG_OK;
}

/* ---- inputs, run, hand-over ---- */

static ig_status make_contiguous(space *s)
{
    for (int i = 0; i < s->call->n_in - s->call->n_captures; i++) {
        const ig_tensor *t = s->kin[i] ? ig_value_tensor(s->kin[i]) : NULL;
        if (!t || t->v.flags & IGI_CONTIGUOUS)
            continue;
        ig_tensor *copy = NULL;
        IG_TRY(igi_call_copy(s->v, s->v->pool, t, &copy));
        s->kin[i] = &copy->v;
    }
    return IG_OK;
}

/* Host tensors follow the others to the device, but those that must be read here. */
static ig_status send_inputs(space *s)
{
    for (int i = 0; i < s->call->n_in; i++) {
        ig_tensor *t = s->in[i] ? ig_value_tensor(s->in[i]) : NULL, *there = NULL;
        int port = igi_op_in_port(s->op, s->call->n_in, s->call->n_captures, i);
        uint32_t flags = port < 0 ? 0 : s->op->def->inputs[port].flags;
        if (!t || t->v.flags & IGI_REMOTE || flags & (IG_VALUE | IG_TYPE_ONLY))
            continue;
        IG_TRY(igi_queue_moved(&there, s->queue, NULL, t));
        s->kin[i] = &there->v;
    }
    return IG_OK;
}

static ig_status enter(space *s)
{
    IG_TRY(igi_queue_enter(s->queue, s->kin, s->call->n_in, &s->guests));
    return igi_queue_enter(s->queue, s->kout, s->call->n_out, &s->guests);
}

/* Picks the kernel and makes inputs as it wants them; a refusal is UNSUPPORTED. */
static ig_status choose(space *s, igi_frame *f, ig_kernel_ctx *k)
{
    k->threads = 1;
    f->kernel = igi_select(s->op, s->queue ? s->queue->device : 0, k,
                           igi_facts_for(k, s->v->deterministic));
    if (!s->queue) {
        k->threads = igi_call_threads(s->v, k, f->kernel);
    } else {
        s->refused = !f->kernel;
        if (s->refused)
            return IG_UNSUPPORTED;
        IG_TRY(send_inputs(s));
        k->queue = s->queue->self;
        k->tag = igi_remote_tag(s->v, s->call);
    }
    /* What prepare refuses may end at a kernel that takes no strides. */
    if (!igi_takes_strides(s->op, f->kernel) || (f->kernel && f->kernel->prepare))
        IG_TRY(make_contiguous(s));
    return s->queue ? enter(s) : IG_OK;
}

static ig_status run(space *s)
{
    const ig_call *c = s->call;
    igi_frame f = {.v = s->v, .op = s->op, .queue = s->queue};
    ig_kernel_ctx k = {.struct_size = sizeof(k),
                       .n_in = (int16_t)c->n_in,
                       .n_out = (int16_t)c->n_out,
                       .n_captures = c->n_captures,
                       .in = s->kin,
                       .out = s->kout,
                       .attrs = c->attrs,
                       .constants = s->lasting,
                       .seed = s->v->env.seed,
                       .draw = c->draw,
                       .rt = &igi_call_services,
                       .rt_self = &f,
                       .op = s->op->def};
    if (s->op->def->flags & (IG_OP_RANDOM | IG_OP_SUBGRAPH) && !c->draw)
        k.draw = ++s->v->draw;
    IG_TRY(choose(s, &f, &k));
    for (int i = 0; i < c->n_in && i < 64; i++)
        if (s->kin[i] != s->in[i]) /* a copy for this call */
            k.constants &= ~IG_BIT(i);
    uint64_t used = s->v->env.memory_used;
    ig_status rc = igi_call_run(&f, &k);
    s->v->env.memory_used = used; /* what the kernel held for itself */
    if (s->queue)
        igi_queue_mark(s->queue);
    if (s->guests && rc == IG_OK)
        rc = igi_queue_wait(s->queue);
    else if (s->guests)
        igi_queue_settle(s->queue);
    s->refused = s->queue && rc == IG_UNSUPPORTED && !f.kernel;
    return rc;
}

/* A body may hand out a tensor that somebody else holds too (an input, a constant of
 * its graph). Callers of single calls may write to results, so they get a copy. */
static ig_status own_result(space *s, int i)
{
    ig_tensor *t = ig_value_tensor(s->kout[i]), *made = NULL;
    if (s->v->owner || !(s->op->def->flags & IG_OP_SUBGRAPH) || !t || t->v.refs == 1)
        return IG_OK;
    IG_TRY(igi_call_copy(s->v, s->v->pool, t, &made));
    ig_tensor_unref(t);
    s->kout[i] = &made->v;
    return IG_OK;
}

/* An error for an output without memory: infer could not say its size, as from a list
 * of no element where one is due, or it was the kernel's to make. */
static ig_status not_made(const space *s, int i)
{
    if (!is_complete(&s->type[i]) && !(out_flags(s, i) & IG_DYNAMIC))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: the size of output %d does not follow from these inputs",
                       s->op->def->name, i);
    return ig_fail(IG_INTERNAL, "%s: the kernel has not made output %d",
                   s->op->def->name, i);
}

/* Gives kout[i] to the caller: as it is, or copied into the bound tensor. */
static ig_status hand_over(space *s)
{
    for (int i = 0; i < s->call->n_out; i++) {
        if (!s->kout[i])
            continue;
        IG_TRY(own_result(s, i));
        ig_value *v = s->kout[i];
        const ig_tensor *t = ig_value_tensor(v);
        if (t && !t->st) /* an empty one has a storage too */
            return not_made(s, i);
        if (!s->out[i])
            continue;
        ig_tensor *bound = ig_value_tensor(s->out[i]);
        if (bound == t || (t && bound->data == t->data && bound->st == t->st))
            continue;
        if (!t || !igi_type_equal(&t->v.type, &bound->v.type))
            return ig_fail(IG_INVALID_ARGUMENT,
                           "%s: the tensor given for output %d does not have its type",
                           s->op->def->name, i);
        bound->st->version++;
        IG_TRY(igi_tensor_copy_into(bound, t));
    }
    for (int i = 0; i < s->call->n_out; i++) {
        if (!s->kout[i] || s->out[i])
            continue;
        s->out[i] = s->kout[i];
        s->kout[i] = NULL;
    }
    return IG_OK;
}

static ig_status run_space(space *s)
{
    ig_infer x;
    ig_status rc = infer(s, &x);
    if (rc == IG_OK && !try_view(s, &x, &rc)) {
        memcpy(s->kin, s->in, (size_t)s->call->n_in * sizeof(*s->kin));
        rc = make_outputs(s);
        if (rc == IG_OK)
            rc = run(s);
        if (rc == IG_OK)
            rc = hand_over(s);
        for (int i = 0; i < s->call->n_in; i++)
            if (s->kin[i] != s->in[i])
                ig_value_unref(s->kin[i]);
        for (int i = 0; i < s->call->n_out; i++)
            ig_value_unref(s->kout[i]);
    }
    for (int i = 0; i < s->call->n_out; i++)
        igi_type_fini(&s->type[i]);
    return rc;
}

static ig_status run_small(space *s)
{
    const ig_type *in_type[SMALL_IN];
    ig_type type[SMALL_OUT], *out_type[SMALL_OUT];
    ig_value *kin[SMALL_IN], *kout[SMALL_OUT];
    s->in_type = in_type;
    s->type = type;
    s->out_type = out_type;
    s->kin = kin;
    s->kout = kout;
    /* *s ends too. NOLINTNEXTLINE(clang-analyzer-core.StackAddressEscape) */
    return run_space(s);
}

ig_status igi_call_general(igi_invoker *v,
                           const igi_op *op,
                           const ig_call *call,
                           ig_value *const *in,
                           ig_value **out)
{
    if (call->n_in < 0 || call->n_in > IG_PORTS_MAX || call->n_out < 0 ||
        call->n_out > IG_PORTS_MAX || call->n_captures > call->n_in)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: %d inputs and %d outputs; at most %d are possible",
                       op->def->name, call->n_in, call->n_out, IG_PORTS_MAX);
    return __builtin_expect(igi_remote_any(call, in, out), 0)
               ? igi_call_remote(v, op, call, in, out)
               : igi_call_placed(v, op, call, in, out, NULL, NULL);
}

ig_status igi_call_placed(igi_invoker *v,
                          const igi_op *op,
                          const ig_call *call,
                          ig_value *const *in,
                          ig_value **out,
                          igi_queue *q,
                          bool *refused)
{
    space s = {.v = v,
               .op = op,
               .call = call,
               .in = in,
               .out = out,
               .queue = q,
               .lasting = q ? 0 : v->lasting};
    v->lasting = 0; /* not of calls in this one */
    if (call->n_in <= SMALL_IN && call->n_out <= SMALL_OUT) {
        ig_status small = run_small(&s);
        if (refused)
            *refused = s.refused;
        return small;
    }
    size_t n = (size_t)(call->n_in > call->n_out ? call->n_in : call->n_out);
    char *block = igi_calloc(n, BYTES_PER_PORT);
    if (!block)
        return IG_OUT_OF_MEMORY;
    s.type = (ig_type *)(void *)block;
    s.in_type = (const ig_type **)(void *)(s.type + n);
    s.out_type = (ig_type **)(void *)(s.in_type + n);
    s.kin = (ig_value **)(void *)(s.out_type + n);
    s.kout = s.kin + n;
    ig_status rc = run_space(&s);
    if (refused)
        *refused = s.refused;
    igi_free(block);
    return rc;
}
