/* One call on real values.
 *
 * Two roads that end in the same infer and the same kernel. The straight one
 * (plain_call) is for operators with fixed tensor ports and one output on contiguous
 * inputs: eager adds live there. The general one (general_call) knows everything else:
 * optional and variadic ports, views, bound and mutated outputs, outputs whose size
 * only the kernel knows. */
#include "graph/runtime/invoke.h"

#include "graph/core/alloc.h"
#include "graph/ir/attr.h"
#include "graph/runtime/call.h"

#define STRAIGHT_MAX                                                                   \
    (1 << 16) /* elements; larger outputs are charged to the limits first */

void igi_invoker_init(igi_invoker *v,
                      const ig_registry *reg,
                      igi_pool *pool,
                      int threads)
{
    *v = (igi_invoker){.pool = pool,
                       .device = reg ? igi_registry_device(reg, 0) : NULL,
                       .threads = threads > 0 ? threads : igi_cpu_count()};
    igi_env_init(&v->env, NULL, NULL);
}

void igi_invoker_fini(igi_invoker *v)
{
    igi_prepared_free(v->prepared);
    igi_free(v->scratch);
    v->prepared = NULL;
    v->scratch = NULL;
}

/* ---- the straight road ---- */

/* Whether the inputs are contiguous tensors; *same: they also agree in type and shape.
 */
static inline bool plain_inputs(ig_value *const *in, int n, bool *same)
{
    *same = true;
    for (int i = 0; i < n; i++) {
        const ig_value *a = in[i], *first = in[0];
        if (!a || a->type.kind != IG_KIND_TENSOR || !(a->flags & IGI_CONTIGUOUS) ||
            a->type.rank > 8)
            return false;
        if (i == 0)
            continue;
        bool equal =
            a->type.dtype == first->type.dtype && a->type.rank == first->type.rank;
        for (int d = 0; equal && d < a->type.rank; d++)
            equal = a->type.u.dim[d] == first->type.u.dim[d];
        *same = *same && equal;
    }
    return true;
}

/* The law of IG_OP_ELEMENTWISE: equal shapes and one type variable give that same type.
 */
static inline bool law_applies(const igi_op *op, const ig_type *t)
{
    int var = op->out_var[0];
    for (int i = 0; i < op->n_in; i++)
        if (op->in_var[i] != var)
            return false;
    return op->def->flags & IG_OP_ELEMENTWISE && op->var_types[var] >> t->dtype & 1;
}

static ig_status
plain_types(const igi_op *op, const ig_call *call, ig_value *const *in, ig_infer *x)
{
    const ig_type *types[3] = {0};
    for (int i = 0; i < call->n_in; i++)
        types[i] = &in[i]->type;
    *x = (ig_infer){.struct_size = sizeof(*x),
                    .n_in = call->n_in,
                    .n_out = 1,
                    .in = types,
                    .out = x->out,
                    .attrs = call->attrs,
                    .known = in,
                    .op = op->def};
    return igi_infer_call(op, call, x);
}

static ig_status plain_run(igi_invoker *v,
                           const igi_op *op,
                           const ig_call *call,
                           ig_value *const *in,
                           ig_value *made,
                           bool same)
{
    igi_frame f = {.v = v, .op = op};
    ig_kernel_ctx k = {.struct_size = sizeof(k),
                       .n_in = (int16_t)call->n_in,
                       .n_out = 1,
                       .in = in,
                       .out = &made,
                       .attrs = call->attrs,
                       .seed = v->env.seed,
                       .threads = 1,
                       .rt = &igi_call_services,
                       .rt_self = &f,
                       .op = op->def};
    if (op->n_kernels[v->device_index]) {
        igi_facts facts = {IG_BIT(in[0]->type.dtype), IGI_FACT_BITS};
        if (!same || igi_tensor_count((ig_tensor *)in[0]) == 0)
            facts = igi_facts_of(&k);
        f.kernel = igi_select(op, v->device_index, &k, facts);
        if (f.kernel && !f.kernel->run)
            k.threads = igi_call_threads(v, &k);
    }
    return igi_call_run(&f, &k);
}

static ig_status plain_call(igi_invoker *v,
                            const igi_op *op,
                            const ig_call *call,
                            ig_value *const *in,
                            ig_value **out,
                            bool same)
{
    ig_type local = {0}, *slot = &local;
    const ig_type *type = &in[0]->type;
    if (!same || !law_applies(op, type)) {
        ig_infer x = {.out = &slot};
        IG_TRY(plain_types(op, call, in, &x));
        type = &local;
    }
    ig_tensor *t = NULL;
    ig_status rc;
    int64_t count = 1;
    for (int i = 0; i < type->rank && count <= STRAIGHT_MAX; i++)
        count *= ig_type_dims(type)[i] <= STRAIGHT_MAX ? ig_type_dims(type)[i]
                                                       : STRAIGHT_MAX + 1;
    if (type->rank > 8 || count > STRAIGHT_MAX) {
        rc = igi_call_tensor(v, type, &t);
    } else {
        rc = igi_tensor_header(&t, v->pool, (ig_dtype)type->dtype, type->rank,
                               type->u.dim);
        if (rc == IG_OK)
            rc = igi_tensor_alloc(t, v->pool);
    }
    if (rc == IG_OK)
        rc = plain_run(v, op, call, in, &t->v, same);
    igi_type_fini(&local);
    if (rc != IG_OK) {
        ig_tensor_unref(t);
        return rc;
    }
    *out = &t->v;
    return IG_OK;
}

/* ---- the entry ---- */

#define DEFAULTS_MAX                                                                   \
    512 /* bytes of an attribute struct whose defaults fit on the stack */

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
    bool same;
    if (!call->attrs && op->def->attrs)
        return with_defaults(v, op, call, in, out);
    if (op->plain && call->n_in == op->n_in && call->n_in > 0 && call->n_out == 1 &&
        call->n_captures == 0 && !out[0] && !op->def->view &&
        plain_inputs(in, call->n_in, &same))
        return plain_call(v, op, call, in, out, same);
    return igi_call_general(v, op, call, in, out);
}
