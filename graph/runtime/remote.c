/* Where a call runs whose tensors lie on a device, and the copies that this takes. */
#include "graph/runtime/remote.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/log.h"
#include "graph/runtime/call.h"
#include "graph/runtime/instance.h"

/* ---- queues, and the names of calls that fail later ---- */

#define TRAIL 256 /* calls that are remembered */

struct igi_trail {
    uint32_t next;
    const ig_op_def *op[TRAIL];
    const char *where[TRAIL];
};

static void name_call(void *user, uint32_t tag)
{
    const igi_invoker *v = user;
    uint32_t at = tag & ~IGI_TAG_CALL;
    if (!(tag & IGI_TAG_CALL)) {
        if (v->owner && v->owner->plan)
            (void)igi_plan_context(v->owner->plan, (ig_node_id){tag});
    } else if (v->trail && v->trail->next - at < TRAIL) {
        const char *where = v->trail->where[at % TRAIL];
        (void)ig_fail_context("%s%s%s", where ? where : "", where ? ": " : "",
                              v->trail->op[at % TRAIL]->name);
    }
}

uint32_t igi_remote_tag(igi_invoker *v, const ig_call *call)
{
    if (!v->trail && !(v->trail = igi_calloc(1, sizeof(*v->trail))))
        return 0; /* then a late failure has no name */
    uint32_t at = ++v->trail->next & ~IGI_TAG_CALL;
    v->trail->op[at % TRAIL] = call->op;
    v->trail->where[at % TRAIL] = call->where;
    return at | IGI_TAG_CALL;
}

static void let_registry_go(const void *reg)
{
    igi_registry_free(reg);
}

ig_status igi_remote_queue(igi_invoker *v, int device, igi_queue **out)
{
    const ig_device_def *def = v->reg ? igi_registry_device(v->reg, device) : NULL;
    *out = NULL;
    if (!def)
        return ig_fail(IG_DEVICE, "a tensor lies on a device of another registry");
    if (!v->queue[device]) {
        IG_TRY(igi_queue_new(&v->queue[device], def, device));
        v->queue[device]->held = igi_registry_ref(v->reg);
        v->queue[device]->let_go = let_registry_go;
        igi_queue_set_names(v->queue[device], name_call, v);
    }
    *out = v->queue[device];
    return IG_OK;
}

void igi_remote_fini(igi_invoker *v)
{
    for (int d = 1; d < IGI_DEVICES; d++) {
        if (!v->queue[d])
            continue;
        igi_queue_set_names(v->queue[d], NULL, NULL);
        igi_queue_unref(v->queue[d]);
        v->queue[d] = NULL;
    }
    igi_free(v->trail);
    v->trail = NULL;
}

/* ---- where ---- */

static bool is_remote(const ig_value *v)
{
    return v && igi_value_flags(v) & IGI_REMOTE;
}

bool igi_remote_any(const ig_call *call, ig_value *const *in, ig_value *const *out)
{
    unsigned flags = 0;
    for (int i = 0; i < call->n_in; i++)
        if (in[i])
            flags |= in[i]->flags & IGI_HOLDS ? igi_value_flags(in[i]) : in[i]->flags;
    for (int i = 0; i < call->n_out; i++)
        flags |= out[i] ? out[i]->flags : 0u;
    return flags & IGI_REMOTE;
}

static uint32_t port_flags(const igi_op *op, const ig_call *call, int i)
{
    int port = igi_op_in_port(op, call->n_in, call->n_captures, i);
    return port < 0 ? 0 : op->def->inputs[port].flags;
}

/* The device of the first input whose contents count, 0: the host. A tensor that is
 * written in place decides alone. */
static ig_status find_device(const igi_op *op,
                             const ig_call *call,
                             ig_value *const *in,
                             const ig_tensor **first)
{
    *first = NULL;
    for (int i = 0; i < call->n_in; i++)
        if (in[i] && port_flags(op, call, i) & IG_MUTATED) {
            *first = ig_value_tensor(in[i]);
            return IG_OK;
        }
    for (int i = 0; i < call->n_in; i++) {
        const ig_tensor *t = in[i] ? ig_value_tensor(in[i]) : NULL;
        if (!t || !(t->v.flags & IGI_REMOTE) ||
            port_flags(op, call, i) & (IG_VALUE | IG_TYPE_ONLY))
            continue;
        if (*first && (*first)->v.device != t->v.device)
            return ig_fail(IG_DEVICE,
                           "%s: inputs lie on two devices, '%s' and '%s'; move one "
                           "with ig_to",
                           op->def->name, igi_queue_of(*first)->def->name,
                           igi_queue_of(t)->def->name);
        *first = *first ? *first : t;
    }
    return IG_OK;
}

/* ---- values on their way ---- */

ig_status igi_remote_home(igi_invoker *v, ig_value *value, ig_value **out)
{
    ig_tensor *t = NULL;
    if (!is_remote(value)) {
        *out = ig_value_ref(value);
        return IG_OK;
    }
    if (value->type.kind != IG_KIND_TENSOR)
        return igi_value_home(out, value);
    IG_TRY(igi_queue_moved(&t, NULL, v->pool, (ig_tensor *)value));
    *out = &t->v;
    return IG_OK;
}

/* Inputs that must be on the host come there: those of VALUE ports, or all. */
static ig_status
fetch(igi_invoker *v, const igi_op *op, const ig_call *call, ig_value **in, bool all)
{
    for (int i = 0; i < call->n_in; i++) {
        uint32_t flags = port_flags(op, call, i);
        ig_value *home = NULL;
        if (!is_remote(in[i]) || flags & IG_TYPE_ONLY || !(all || flags & IG_VALUE))
            continue;
        IG_TRY(igi_remote_home(v, in[i], &home));
        ig_value_unref(in[i]);
        in[i] = home;
    }
    return IG_OK;
}

/* Result `made` of a call that ran on the host: into the tensor that was bound or is
 * written in place, else to the device. */
static ig_status send(igi_queue *q, ig_value *made, ig_tensor *over, ig_value **out)
{
    ig_tensor *t = ig_value_tensor(made), *there = NULL;
    ig_tensor *to = *out ? ig_value_tensor(*out) : over;
    if (to && (!t || !igi_type_equal(&t->v.type, &to->v.type)))
        return ig_fail(IG_INVALID_ARGUMENT, "the tensor given for an output does not "
                                            "have its type");
    if (to) {
        to->st->version++;
        IG_TRY(igi_tensor_copy_into(to, t));
        return *out ? IG_OK
                    : igi_tensor_view((ig_tensor **)out, NULL, to, to->v.type.rank,
                                      ig_type_dims(&to->v.type), igi_strides(to), 0);
    }
    if (!q || !t || t->v.type.dtype == IG_STRING || t->v.flags & IGI_REMOTE) {
        *out = ig_value_ref(made);
        return IG_OK;
    }
    IG_TRY(igi_queue_moved(&there, q, NULL, t));
    *out = &there->v;
    return IG_OK;
}

/* The call on the host, between copies. `q`: where results go, NULL: they stay. */
static ig_status run_at_home(igi_invoker *v,
                             const igi_op *op,
                             const ig_call *call,
                             ig_value *const *given,
                             ig_value **in,
                             ig_value **out,
                             igi_queue *q)
{
    ig_value *made[IG_PORTS_MAX];
    ig_call c = *call;
    memset(made, 0, (size_t)call->n_out * sizeof(ig_value *));
    for (int i = 0; i < call->n_out && i < 64 && call->wanted == 0; i++) {
        int port = igi_op_out_port(op, i); /* bound outputs count as wanted */
        bool optional = port >= 0 && op->def->outputs[port].flags & IG_OPTIONAL;
        c.wanted |= out[i] || !optional ? IG_BIT(i) : 0;
    }
    IG_TRY(fetch(v, op, call, in, true));
    if (igi_log_on(IGI_LOG_DISPATCH) && q)
        igi_log(IGI_LOG_DISPATCH, "%s: on the host: device '%s' has no kernel for it",
                op->def->name, q->def->name);
    ig_status rc = igi_call_placed(v, op, &c, in, made, NULL, NULL);
    for (int i = 0; i < call->n_out; i++) {
        int j = igi_call_mutates(op, call, given, i);
        if (rc == IG_OK && made[i])
            rc = send(q, made[i], j < 0 ? NULL : ig_value_tensor(given[j]), &out[i]);
        ig_value_unref(made[i]);
    }
    return rc;
}

static ig_status run_remote(igi_invoker *v,
                            const igi_op *op,
                            const ig_call *call,
                            ig_value *const *given,
                            ig_value **in,
                            ig_value **out)
{
    const ig_tensor *first;
    igi_queue *q = NULL;
    bool refused = false;
    IG_TRY(find_device(op, call, in, &first));
    IG_TRY(fetch(v, op, call, in, false));
    if (op->def->flags & IG_OP_KEEPS && !(op->def->flags & IG_OP_SUBGRAPH))
        return igi_call_placed(v, op, call, in, out, NULL, NULL);
    if (first && first->v.flags & IGI_REMOTE)
        IG_TRY(igi_remote_queue(v, first->v.device, &q));
    if (q) {
        ig_status rc = igi_call_placed(v, op, call, in, out, q, &refused);
        if (!refused)
            return rc;
    }
    return run_at_home(v, op, call, given, in, out, q);
}

ig_status igi_call_remote(igi_invoker *v,
                          const igi_op *op,
                          const ig_call *call,
                          ig_value *const *in,
                          ig_value **out)
{
    ig_value *at[IG_PORTS_MAX];
    for (int i = 0; i < call->n_in; i++)
        at[i] = ig_value_ref(in[i]);
    ig_status rc = run_remote(v, op, call, in, at, out);
    for (int i = 0; i < call->n_in; i++)
        ig_value_unref(at[i]);
    return rc;
}
