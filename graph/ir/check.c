/* The schema check: one pass over inputs binds type variables, one over outputs uses
 * them. */
#include "graph/ir/check.h"

#include <stdio.h>

#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/tensor.h"

static ig_status wrong_kind(const igi_op *op, const ig_port *p, int i)
{
    return ig_fail(IG_INVALID_ARGUMENT, "%s: input %d (%s) must be a %s", op->def->name,
                   i, p->name,
                   p->flags & IG_SEQ   ? "sequence of tensors"
                   : p->flags & IG_MAP ? "map of tensors"
                                       : "tensor");
}

/* "float32, float64" for messages. */
static const char *type_list(uint64_t types, char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = 0;
    for (int d = 1; d < IG_DTYPE_COUNT && at + 1 < size; d++) {
        if (!(types >> d & 1))
            continue;
        int n = snprintf(buf + at, size - at, "%s%s", at ? ", " : "",
                         ig_dtype_name((ig_dtype)d));
        at += n > 0 ? (size_t)n : 0;
    }
    return buf;
}

static ig_status
wrong_type(const igi_op *op, const ig_port *p, int i, int dtype, int bound)
{
    if (!igi_dtype_valid(dtype))
        return ig_fail(IG_INVALID_ARGUMENT, "%s: input %d (%s) has no element type",
                       op->def->name, i, p->name);
    if (bound)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: input %d (%s) is %s, but type %c is %s already; all inputs "
                       "of one type must agree: insert a Cast",
                       op->def->name, i, p->name, ig_dtype_name((ig_dtype)dtype), p->tv,
                       ig_dtype_name((ig_dtype)bound));
    char allowed[400];
    int port = (int)(p - op->def->inputs);
    return ig_fail(
        IG_INVALID_ARGUMENT,
        "%s: input %d (%s) must not be %s, allowed are %s; insert a Cast",
        op->def->name, i, p->name, ig_dtype_name((ig_dtype)dtype),
        type_list(op->var_types[op->in_var[port]], allowed, sizeof(allowed)));
}

static ig_status check_arity(const igi_op *op, const ig_call *call)
{
    int n = call->n_in - call->n_captures;
    if (call->n_in > IG_PORTS_MAX || call->n_out > IG_PORTS_MAX)
        return ig_fail(IG_LIMIT,
                       "%s: %d inputs and %d outputs, at most %d are possible",
                       op->def->name, call->n_in, call->n_out, IG_PORTS_MAX);
    if (n > op->n_in && !op->variadic_in)
        return ig_fail(IG_INVALID_ARGUMENT, "%s takes at most %d inputs, %d given",
                       op->def->name, op->n_in, n);
    if (n < op->min_in)
        return ig_fail(IG_INVALID_ARGUMENT, "%s needs input %d (%s); %d given",
                       op->def->name, n, op->def->inputs[n].name, n);
    if (call->n_out > op->n_out && !op->variadic_out)
        return ig_fail(IG_INVALID_ARGUMENT, "%s has at most %d outputs, %d wanted",
                       op->def->name, op->n_out, call->n_out);
    if (call->n_out < op->min_out)
        return ig_fail(IG_INVALID_ARGUMENT, "%s has output %d (%s); %d wanted",
                       op->def->name, call->n_out, op->def->outputs[call->n_out].name,
                       call->n_out);
    return IG_OK;
}

static ig_status
check_input(const igi_op *op, int i, int port, const ig_type *t, uint8_t *bound)
{
    const ig_port *p = &op->def->inputs[port];
    if (!t) {
        if (p->flags & IG_OPTIONAL)
            return IG_OK;
        return ig_fail(IG_INVALID_ARGUMENT, "%s: input %d (%s) is missing",
                       op->def->name, i, p->name);
    }
    int dtype = t->dtype, var = op->in_var[port];
    if (p->flags & IG_ANY_KIND) {
        while (t->kind != IG_KIND_TENSOR && t->u.elem)
            t = t->u.elem;
        dtype = t->dtype;
    } else if (p->flags & (IG_SEQ | IG_MAP)) {
        uint8_t kind = p->flags & IG_SEQ ? IG_KIND_SEQUENCE : IG_KIND_MAP;
        if (t->kind != kind || !t->u.elem || t->u.elem->kind != IG_KIND_TENSOR)
            return wrong_kind(op, p, i);
        dtype = t->u.elem->dtype;
    } else if (t->kind != IG_KIND_TENSOR) {
        return wrong_kind(op, p, i);
    }
    if (!igi_dtype_valid(dtype) || !(op->var_types[var] >> dtype & 1))
        return wrong_type(op, p, i, dtype, 0);
    if (p->flags & IG_HETERO)
        return IG_OK;
    if (bound[var] && bound[var] != dtype)
        return wrong_type(op, p, i, dtype, bound[var]);
    bound[var] = (uint8_t)dtype;
    return IG_OK;
}

ig_status igi_check_call(const igi_op *op,
                         const ig_call *call,
                         const ig_type *const *in,
                         ig_type *const *out)
{
    uint8_t bound[16] = {0};
    IG_TRY(check_arity(op, call));
    int n = call->n_in - call->n_captures;
    for (int i = 0; i < n; i++)
        IG_TRY(check_input(op, i, i < op->n_in ? i : op->n_in - 1, in[i], bound));
    for (int i = 0; i < call->n_out; i++) {
        if (!out[i])
            continue;
        int port = i < op->n_out ? i : op->n_out - 1, var = op->out_var[port];
        uint64_t allowed = op->var_types[var];
        out[i]->kind =
            op->def->outputs[port].flags & IG_SEQ ? IG_KIND_SEQUENCE : IG_KIND_TENSOR;
        out[i]->dtype = bound[var] ? bound[var]
                        : (allowed & (allowed - 1)) == 0
                            ? (uint8_t)__builtin_ctzll(allowed)
                            : 0;
        out[i]->rank = -1;
    }
    return IG_OK;
}

static bool ranks_known(const igi_op *op, const ig_infer *x)
{
    if (op->def->flags & IG_OP_UNRANKED)
        return true;
    for (int i = 0; i < x->n_in - x->n_captures; i++)
        if (x->in[i] && x->in[i]->kind == IG_KIND_TENSOR && x->in[i]->rank < 0)
            return false;
    return true;
}

/* Infer of inputs without ranks: skipped, unless an element type hangs on it. What it
 * says about shapes then is no knowledge. */
static ig_status infer_unranked(const igi_op *op, ig_infer *x)
{
    bool decides = false;
    for (int i = 0; i < x->n_out; i++)
        decides = decides || (x->out[i] && !x->out[i]->dtype);
    if (!decides)
        return IG_OK;
    IG_TRY(op->def->infer(x));
    for (int i = 0; i < x->n_out; i++)
        if (x->out[i] && x->out[i]->kind == IG_KIND_TENSOR)
            (void)ig_infer_unknown(x, i);
    return IG_OK;
}

static ig_status check_outputs(const igi_op *op, const ig_infer *x)
{
    for (int i = 0; i < x->n_out; i++) {
        const ig_type *t = x->out[i];
        if (!t || t->kind != IG_KIND_TENSOR)
            continue;
        int port = igi_op_out_port(op, i);
        if (!igi_dtype_valid(t->dtype) ||
            !(op->var_types[op->out_var[port]] >> t->dtype & 1))
            return ig_fail(IG_INVALID_ARGUMENT, "%s: output %d (%s) cannot be %s",
                           op->def->name, i, op->def->outputs[port].name,
                           ig_dtype_name((ig_dtype)t->dtype));
        const int64_t *d = ig_type_dims(t);
        int64_t known = 1; /* whoever multiplies dims later need not check again */
        for (int k = 0; k < t->rank; k++) {
            if (d[k] < -1 && (!x->syms || !ig_dim_is_symbol(d[k])))
                return ig_infer_fail((ig_infer *)(uintptr_t)x,
                                     "output %d has a negative size", i);
            if (d[k] > IGI_DIM_MAX || (d[k] > 0 && !igi_mul_i64(known, d[k], &known)))
                return ig_infer_fail((ig_infer *)(uintptr_t)x,
                                     "output %d has more elements than memory can hold",
                                     i);
        }
    }
    return IG_OK;
}

ig_status igi_infer_call(const igi_op *op, const ig_call *call, ig_infer *x)
{
    IG_TRY(igi_check_call(op, call, x->in, x->out));
    if (ranks_known(op, x))
        IG_TRY(op->def->infer(x));
    else
        IG_TRY(infer_unranked(op, x));
    return check_outputs(op, x);
}

/* ---- integers ---- */

static bool fits(ig_dtype dtype, int64_t v)
{
    const int bits = ig_dtype_bits(dtype);
    if (dtype == IG_BOOL)
        return true;
    if (!igi_dtype_is_signed(dtype))
        return v >= 0 && (bits == 64 || v >> bits == 0);
    return bits == 64 || (v >> (bits - 1)) == (v < 0 ? -1 : 0);
}

int igi_call_values(ig_infer *x, ig_dtype dtype, int64_t *out, int cap)
{
    int n = x->op->values(x, out, cap);
    for (int i = 0; i < n; i++) {
        if (ig_dim_is_symbol(out[i]) || fits(dtype, out[i]))
            continue;
        if (!x->syms)
            return IG_INTS_UNKNOWN;
        out[i] = ig_int_fresh(x->syms);
    }
    return n;
}
