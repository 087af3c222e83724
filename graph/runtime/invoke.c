/* One call on real values.
 *
 * Two roads that end in the same infer and the same kernel. The straight one
 * (plain_call) is for operators with fixed tensor ports and one output on contiguous
 * inputs: eager adds live there. The general one (general_call) knows everything else:
 * optional and variadic ports, views, bound and mutated outputs, outputs whose size
 * only the kernel knows. */
#include "graph/runtime/invoke.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/ir/attr.h"
#include "graph/runtime/bodies.h"
#include "graph/runtime/call.h"
#include "graph/runtime/remote.h"

#define STRAIGHT_MAX                                                                   \
    (1 << 16) /* elements; larger outputs are charged to the limits first */

void igi_invoker_init(igi_invoker *v,
                      const ig_registry *reg,
                      igi_pool *pool,
                      int threads)
{
    *v = (igi_invoker){.pool = pool,
                       .reg = reg,
                       .host = reg ? igi_registry_host(reg) : NULL,
                       .threads = threads > 0 ? threads : igi_cpu_count()};
    v->plain =
        (ig_kernel_ctx){.struct_size = sizeof(v->plain), .n_out = 1, .threads = 1};
    v->plain.rt = &igi_call_services;
    igi_env_init(&v->env, NULL, NULL);
}

void igi_invoker_fini(igi_invoker *v)
{
    igi_bodies_free(v->bodies);
    igi_prepared_free(v->prepared);
    igi_remote_fini(v);
    igi_free(v->scratch);
    v->prepared = NULL;
    v->bodies = NULL;
    v->scratch = NULL;
}

/* ---- the straight road ---- */

/* Kind, element type and rank of a type, for one comparison. */
static inline uint32_t type_head(const ig_value *v)
{
    uint32_t head;
    memcpy(&head, &v->type, sizeof(head));
    return head;
}

static inline bool is_dense(const ig_value *v)
{
    return v && v->type.kind == IG_KIND_TENSOR &&
           (v->flags & (IGI_CONTIGUOUS | IGI_REMOTE)) == IGI_CONTIGUOUS &&
           v->type.rank <= 8;
}

enum { NOT_PLAIN = -1, DIFFERENT = 0, SAME = 1 };

/* Whether the inputs are contiguous tensors of ranks up to 8, and of one type and
 * shape. */
static inline int plain_inputs(ig_value *const *in, int n)
{
    const ig_value *first = in[0];
    int same = SAME;
    if (!is_dense(first))
        return NOT_PLAIN;
    for (int i = 1; i < n; i++) {
        const ig_value *a = in[i];
        if (a == first)
            continue;
        if (!is_dense(a))
            return NOT_PLAIN;
        if (type_head(a) != type_head(first))
            same = DIFFERENT;
        for (int d = 0; same && d < a->type.rank; d++)
            if (a->type.u.dim[d] != first->type.u.dim[d])
                same = DIFFERENT;
    }
    return same;
}

/* Output of a call that obeys the law of IG_OP_ELEMENTWISE: equal shapes and one type
 * variable give that same type. `count`: elements of an input. */
static inline ig_status
output_by_law(igi_invoker *v, const ig_tensor *like, int64_t count, ig_tensor **out)
{
    if (count > STRAIGHT_MAX)
        return igi_call_tensor(v, NULL, &like->v.type, out);
    return igi_tensor_like_plain(out, v->pool, like, count);
}

__attribute__((noinline)) static ig_status output_by_infer(igi_invoker *v,
                                                           const igi_op *op,
                                                           const ig_call *call,
                                                           ig_value *const *in,
                                                           ig_tensor **out)
{
    ig_type local = {.rank = -1}, *slot = &local;
    const ig_type *types[3] = {0};
    for (int i = 0; i < call->n_in; i++)
        types[i] = &in[i]->type;
    ig_infer x = {.struct_size = sizeof(x),
                  .n_in = call->n_in,
                  .n_out = 1,
                  .in = types,
                  .out = &slot,
                  .attrs = call->attrs,
                  .known = in,
                  .op = op->def};
    ig_status rc = igi_infer_call(op, call, &x);
    if (rc == IG_OK && local.rank < 0)
        rc = ig_fail(IG_INTERNAL, "%s: infer gave no rank for concrete inputs",
                     op->def->name);
    if (rc == IG_OK)
        rc = igi_call_tensor(v, NULL, &local, out);
    igi_type_fini(&local);
    return rc;
}

/* Runs the kernel for output `made`; `count`: its elements; law: all shapes are equal.
 */
static inline ig_status plain_run(igi_invoker *v,
                                  const igi_op *op,
                                  const ig_call *call,
                                  ig_value *const *in,
                                  ig_value *made,
                                  int64_t count,
                                  bool law)
{
    igi_frame f;
    ig_kernel_ctx *k = &v->plain; /* the rest stands since igi_invoker_init */
    f.v = v;
    f.op = op;
    f.kernel = NULL;
    f.barrier = NULL;
    f.queue = NULL;
    k->n_in = (int16_t)call->n_in;
    k->in = in;
    k->out = &made;
    k->attrs = call->attrs;
    k->threads = 1;
    k->rt_self = &f;
    k->op = op->def;
    if (op->n_kernels[0]) {
        igi_facts facts = {IG_BIT(made->type.dtype), IGI_FACT_BITS};
        if (__builtin_expect(!law || count == 0, 0))
            facts = igi_facts_of(k);
        f.kernel = igi_select(op, 0, k, facts);
        if (__builtin_expect(v->threads > 1 && count > IGI_PARALLEL_WORK / 8, 0))
            k->threads = igi_call_threads(v, k, f.kernel);
    }
    return igi_call_run(&f, k);
}

static inline ig_status plain_call(igi_invoker *v,
                                   const igi_op *op,
                                   const ig_call *call,
                                   ig_value *const *in,
                                   ig_value **out,
                                   bool same)
{
    const ig_type *type = &in[0]->type;
    ig_tensor *t;
    int64_t count;
    bool law = same && op->law_types >> type->dtype & 1;
    if (__builtin_expect(law, 1)) {
        count = igi_tensor_count((ig_tensor *)in[0]);
        IG_TRY(output_by_law(v, (ig_tensor *)in[0], count, &t));
    } else {
        IG_TRY(output_by_infer(v, op, call, in, &t));
        count = INT64_MAX; /* threads are a question of all tensors then */
    }
    ig_status rc = plain_run(v, op, call, in, &t->v, count, law);
    if (rc != IG_OK) {
        ig_tensor_unref(t);
        return rc;
    }
    v->uniform = law;
    *out = &t->v;
    return IG_OK;
}

/* ---- the entry ---- */

#define DEFAULTS_MAX 512 /* bytes of attributes whose defaults fit on the stack */

/* The call again with the operator's default attributes. */
static ig_status with_defaults(igi_invoker *v,
                               const igi_op *op,
                               const ig_call *call,
                               ig_value *const *in,
                               ig_value **out)
{
    _Alignas(16) char local[DEFAULTS_MAX];
    size_t size = op->def->attrs_size;
    void *attrs = size <= sizeof(local) ? local : igi_alloc(size);
    if (!attrs)
        return IG_OUT_OF_MEMORY;
    igi_attrs_init(op->def, attrs);
    ig_call c = *call;
    c.attrs = attrs;
    ig_status rc = igi_invoke(v, op, &c, in, out);
    if (attrs != local)
        igi_free(attrs);
    return rc;
}

ig_status igi_invoke(igi_invoker *v,
                     const igi_op *op,
                     const ig_call *call,
                     ig_value *const *in,
                     ig_value **out)
{
    if (!call->attrs && op->def->attrs)
        return with_defaults(v, op, call, in, out);
    if (op->def->attrs)
        IG_TRY(igi_attrs_check(op->def, call->attrs));
    int odd = (call->n_in ^ op->n_in) | (call->n_out ^ 1) | call->n_captures;
    if (op->plain && !odd && !out[0]) {
        int same = plain_inputs(in, call->n_in);
        if (same != NOT_PLAIN)
            return plain_call(v, op, call, in, out, same);
    }
    ig_status rc = igi_call_general(v, op, call, in, out);
    v->uniform = false;
    return rc;
}
