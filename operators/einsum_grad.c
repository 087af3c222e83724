// EinsumGrad: the gradient of Einsum by one operand, in general: diagonals are
// scattered, labels that only that operand has are repeated, broadcast dims are summed.
//
// It is linear in dy and in each other operand, so its gradient is Einsum with ddX in
// the place of the operand, and EinsumGrad by the others.

#include <inttypes.h>

#include "operators/common_einsum.h"

IG_USES_OP(Einsum);
IG_USES_OP(EinsumGrad);

static const ig_port inputs[] = {
    IG_PORT("dy", 'T', "Of Einsum's result."),
    IG_PORT("shape", 'I', "Dims of the operand.", .flags = IG_VALUE),
    IG_PORT("others", 'T', "The other operands.", .flags = IG_VARIADIC | IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {IG_PORT("dx", 'T', "Of dims `shape`."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'I', IG_T(INT64)}, {0}};
static const ig_attr_def attrs[] = {
    IG_ATTR_STRING(igi_einsum_grad_attrs,
                   equation,
                   NULL,
                   "As given to Einsum.",
                   .flags = IG_REQUIRED),
    IG_ATTR_INT(igi_einsum_grad_attrs,
                operand,
                0,
                "Number of the operand.",
                .min = 0,
                .max = IGI_EINSUM_OPERANDS - 1),
    {0},
};

static ig_status einsum_grad_infer(ig_infer *x)
{
    const igi_einsum_grad_attrs *o = x->attrs;
    int rank[IG_PORTS_MAX], n = x->n_in - 1, at = (int)o->operand;
    int64_t length;
    igi_einsum e;
    if (at >= n || n > IGI_EINSUM_OPERANDS)
        return ig_infer_fail(x, "operand %d of %d does not exist", at, n);
    IG_TRY(igi_infer_vector(x, 1, &length));
    IG_TRY(igi_infer_listed(x, 1));
    for (int j = 0, port = 2; j < n; j++) {
        if (j != at && !x->in[port])
            return ig_infer_fail(x, "operand %d is missing", j);
        rank[j] = j == at ? (int)length : x->in[port++]->rank;
    }
    const char *wrong = length >= 0 ? igi_einsum_read(o->equation, n, rank, &e) : NULL;
    if (wrong)
        return ig_infer_fail(x, "%s", wrong);
    if (length >= 0 && x->in[0]->rank != e.out.rank)
        return ig_infer_fail(x, "dy must have rank %d", e.out.rank);
    return IG_OK;
}

static ig_status einsum_grad_gradient(ig_grad *g)
{
    const igi_einsum_grad_attrs *o = ig_grad_attrs(g);
    const igi_einsum_attrs forward = {sizeof(forward), o->equation};
    ig_var all[IGI_EINSUM_OPERANDS], in[IGI_EINSUM_OPERANDS + 2], out = {0};
    int n = ig_grad_n_in(g) - 1, at = (int)o->operand; // operands, this one included
    for (int j = 0, port = 2; j < n; j++)
        all[j] = j == at ? ig_grad_dy(g, 0) : ig_grad_in(g, port++);
    if (ig_grad_wants(g, 0)) {
        (void)ig_emit_n(g, IG_OP(Einsum), &forward, all, n, &out, 1);
        ig_grad_set(g, 0, out);
    }
    for (int j = 0, port = 2; j < n; j++) {
        if (j == at || !ig_grad_wants(g, port++))
            continue;
        const igi_einsum_grad_attrs by = {sizeof(by), o->equation, j};
        int m = 0;
        in[m++] = ig_grad_in(g, 0);
        in[m++] = ig_grad_in_shape(g, port - 1);
        for (int i = 0; i < n; i++)
            if (i != j)
                in[m++] = all[i];
        (void)ig_emit_n(g, IG_OP(EinsumGrad), &by, in, m, &out, 1);
        ig_grad_set(g, port - 1, out);
    }
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY),
    IG_SAVE_IN(2, IG_SAVE_ANY),
    {0},
};

static ig_status einsum_grad_reference(ig_kernel_ctx *k)
{
    const igi_einsum_grad_attrs *o = k->attrs;
    const ig_tensor *in[IGI_EINSUM_OPERANDS], *dx = ig_out(k, 0);
    const igi_term *term[IGI_EINSUM_OPERANDS];
    int rank[IG_PORTS_MAX], n = k->n_in - 1, at = (int)o->operand, m = 0;
    igi_einsum e;
    if (at >= n || n > IGI_EINSUM_OPERANDS)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "operand %" PRId64 " of %d does not exist", o->operand,
                              n);
    for (int j = 0, port = 2; j < n; j++)
        rank[j] = ig_rank(j == at ? dx : ig_in(k, port++));
    const char *wrong = igi_einsum_read(o->equation, n, rank, &e);
    if (wrong)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "%s", wrong);
    in[m] = ig_in(k, 0);
    term[m++] = &e.out;
    for (int j = 0; j < n; j++)
        if (j != at) {
            in[m] = ig_in(k, m + 1);
            term[m++] = &e.in[j];
        }
    return igi_einsum_run(k, dx, &e.in[at], m, in, term);
}

#define GRAD(name_, text_, operand_)                                                   \
    static const igi_einsum_grad_attrs name_ = {sizeof(igi_einsum_grad_attrs), text_,  \
                                                operand_}
GRAD(diagonal, "ii->i", 0);
GRAD(second, "ij,jk->i", 1);
#define SAMPLE(name_, ...)                                                             \
    {                                                                                  \
        .name = #name_, .attrs = &name_, IGI_INPUTS(__VA_ARGS__)                       \
    }
static const ig_sample samples[] = {
    SAMPLE(diagonal, IGI_IN(3), IGI_IN_INTS(3, 3)),
    SAMPLE(second, IGI_IN(2), IGI_IN_INTS(3, 4), IGI_IN(2, 3)),
    {.name = "size_one",
     .attrs = &second,
     IGI_INPUTS(IGI_IN(1), IGI_IN_INTS(1, 1), IGI_IN(1, 1))},
    {.name = "empty",
     .attrs = &second,
     IGI_INPUTS(IGI_IN(0), IGI_IN_INTS(3, 2), IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(EinsumGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "EinsumGrad",
    .since = 1,
    .doc = "The gradient of Einsum by one of its operands.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_einsum_grad_attrs),
    .infer = einsum_grad_infer,
    .gradient = einsum_grad_gradient,
    .saves = saves,
    .reference = einsum_grad_reference,
    .samples = samples,
};
