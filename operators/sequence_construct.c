// SequenceConstruct: a sequence of the given tensors, which it shares.

#include "operators/common_flow.h"

IG_USES_OP(SequenceAt);

static const ig_port inputs[] = {
    IG_PORT("inputs", 'T', "Tensors of one element type.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output_sequence", 'T', "All of them, in order.", .flags = IG_SEQ),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)}, {0}};

static ig_status construct_infer(ig_infer *x)
{
    ig_type t;
    IG_TRY(igi_type_copy(&t, x->in[0]));
    for (int i = 1; i < x->n_in; i++)
        if (x->in[i])
            (void)igi_type_weaken(&t, x->in[i]);
    ig_status rc = igi_infer_wrap(x, 0, IG_KIND_SEQUENCE, &t);
    igi_type_fini(&t);
    return rc;
}

static ig_status construct_reference(ig_kernel_ctx *k)
{
    return igi_give_sequence(k, 0, &k->in[0]->type, k->in, k->n_in);
}

static ig_status construct_gradient(ig_grad *g)
{
    for (int i = 0; i < ig_grad_n_in(g); i++) {
        const int64_t at = i;
        if (ig_grad_wants(g, i))
            ig_grad_set(g, i,
                        ig_emit2(g, IG_OP(SequenceAt), NULL, ig_grad_dy(g, 0),
                                 ig_grad_ints(g, &at, 1)));
    }
    return IG_OK;
}

#define CONSTRUCT(name_, ...)                                                          \
    {                                                                                  \
        .name = name_, IGI_INPUTS(__VA_ARGS__)                                         \
    }
static const ig_sample samples[] = {
    CONSTRUCT("three", IGI_IN(2, 3), IGI_IN(4), IGI_IN_SCALAR),
    CONSTRUCT("one", IGI_IN(1)),
    CONSTRUCT("empty_tensor", IGI_IN(0, 2), IGI_IN(2)),
    {0},
};

IG_OPERATOR(SequenceConstruct) = {
    IG_OP_HEAD,
    .name = "SequenceConstruct",
    .since = 11,
    .doc = "A sequence of tensors.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED | IG_OP_UNRANKED | IG_OP_KEEPS,
    .infer = construct_infer,
    .gradient = construct_gradient,
    .reference = construct_reference,
    .samples = samples,
};
