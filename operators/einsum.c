// Einsum: sums of products over the labels of an equation, "bij,bjk->bik".
//
// A label that occurs twice in a term takes the diagonal, "..." stands for any dims and
// broadcasts, a missing "->" means the labels that occur once. Floats are summed in
// double.
//
// The gradient of an operand is an Einsum of dy and the other operands wherever its
// labels are distinct and occur among those; ingot::EinsumGrad is the general case.

#include "operators/common_einsum.h"

IG_USES_OP(Einsum);
IG_USES_OP(EinsumGrad);

static const ig_port inputs[] = {
    IG_PORT("Inputs", 'T', "Operands, one per term.", .flags = IG_VARIADIC),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Output", 'T', "A dim for each label of the result."),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_NUMERIC & ~IG_T(BFLOAT16)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_STRING(igi_einsum_attrs,
                   equation,
                   NULL,
                   "Terms of letters and \"...\", separated by commas; \"->\" and the "
                   "result's.",
                   .flags = IG_REQUIRED),
    {0},
};

static ig_status einsum_infer(ig_infer *x)
{
    int rank[IG_PORTS_MAX];
    int64_t sizes[IGI_EINSUM_LABELS], dims[IG_RANK_MAX];
    igi_einsum e;
    for (int i = 0; i < x->n_in; i++)
        rank[i] = x->in[i]->rank;
    const char *wrong = igi_einsum_read(((const igi_einsum_attrs *)x->attrs)->equation,
                                        x->n_in, rank, &e);
    if (wrong)
        return ig_infer_fail(x, "%s", wrong);
    for (int l = 0; l < IGI_EINSUM_LABELS; l++)
        sizes[l] = 1;
    for (int i = 0; i < e.n; i++)
        if (!igi_einsum_sizes(x->syms, &e.in[i], ig_type_dims(x->in[i]), sizes))
            return ig_infer_fail(x, "operand %d differs in the size of a label", i);
    for (int d = 0; d < e.out.rank; d++)
        dims[d] = sizes[e.out.label[d]];
    return ig_infer_set(x, 0, e.out.rank, dims);
}

// Whether dX_i is the Einsum of dy and the other operands: its labels are distinct,
// each occurs there, and none is summed over while the others have it with size 1 only.
static bool plain(const ig_grad *g, const igi_einsum *e, int i)
{
    bool there[IGI_EINSUM_LABELS] = {false}, mine[IGI_EINSUM_LABELS] = {false};
    bool out = e->has_ellipsis[IGI_EINSUM_OPERANDS], dots = out;
    for (int d = 0; d < e->out.rank; d++)
        there[e->out.label[d]] = true;
    for (int j = 0; j < e->n; j++) {
        const int64_t *dims = ig_type_dims(ig_grad_in_type(g, j));
        for (int d = 0; d < e->in[j].rank && j != i; d++)
            there[e->in[j].label[d]] |= dims[d] != 1;
        dots = dots || (j != i && e->has_ellipsis[j]);
    }
    for (int d = 0; d < e->in[i].rank; d++) {
        int l = e->in[i].label[d];
        if (mine[l] || !there[l])
            return false;
        mine[l] = true;
    }
    return dots == e->has_ellipsis[i] && out == dots;
}

// "out,others->term".
static void turned(const igi_einsum *e, int i, char *text)
{
    text = igi_term_print(&e->out, e->has_ellipsis[IGI_EINSUM_OPERANDS], text);
    for (int j = 0; j < e->n; j++) {
        if (j == i)
            continue;
        *text++ = ',';
        text = igi_term_print(&e->in[j], e->has_ellipsis[j], text);
    }
    *text++ = '-';
    *text++ = '>';
    (void)igi_term_print(&e->in[i], e->has_ellipsis[i], text);
}

static ig_var operand_gradient(ig_grad *g, const igi_einsum *e, int i)
{
    char text[(IGI_EINSUM_OPERANDS + 2) * (IG_RANK_MAX + 8)];
    const igi_einsum_attrs *o = ig_grad_attrs(g);
    ig_var in[IGI_EINSUM_OPERANDS + 2], dx = {0};
    bool simple = plain(g, e, i);
    int n = 0;
    in[n++] = ig_grad_dy(g, 0);
    if (!simple)
        in[n++] = ig_grad_in_shape(g, i);
    for (int j = 0; j < e->n; j++)
        if (j != i)
            in[n++] = ig_grad_in(g, j);
    if (simple) {
        turned(e, i, text);
        const igi_einsum_attrs back = {sizeof(back), text};
        (void)ig_emit_n(g, IG_OP(Einsum), &back, in, n, &dx, 1);
    } else {
        const igi_einsum_grad_attrs back = {sizeof(back), o->equation, i};
        (void)ig_emit_n(g, IG_OP(EinsumGrad), &back, in, n, &dx, 1);
    }
    return dx;
}

static ig_status einsum_gradient(ig_grad *g)
{
    int rank[IG_PORTS_MAX], n = ig_grad_n_in(g);
    igi_einsum e;
    for (int i = 0; i < n; i++) {
        rank[i] = ig_grad_in_type(g, i)->rank;
        if (rank[i] < 0)
            return ig_grad_fail(g, IG_UNSUPPORTED,
                                "the rank of operand %d is not known", i);
    }
    const char *wrong = igi_einsum_read(
        ((const igi_einsum_attrs *)ig_grad_attrs(g))->equation, n, rank, &e);
    if (wrong)
        return ig_grad_fail(g, IG_INVALID_ARGUMENT, "%s", wrong);
    for (int i = 0; i < n; i++)
        if (ig_grad_wants(g, i))
            ig_grad_set(g, i, operand_gradient(g, &e, i));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_IN(0, IG_SAVE_ANY), {0}};

static ig_status einsum_reference(ig_kernel_ctx *k)
{
    const ig_tensor *in[IGI_EINSUM_OPERANDS];
    const igi_term *term[IGI_EINSUM_OPERANDS];
    int rank[IG_PORTS_MAX];
    igi_einsum e;
    for (int i = 0; i < k->n_in; i++)
        rank[i] = ig_rank(ig_in(k, i));
    const char *wrong = igi_einsum_read(((const igi_einsum_attrs *)k->attrs)->equation,
                                        k->n_in, rank, &e);
    if (wrong)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT, "%s", wrong);
    for (int i = 0; i < e.n; i++) {
        in[i] = ig_in(k, i);
        term[i] = &e.in[i];
    }
    return igi_einsum_run(k, ig_out(k, 0), &e.out, e.n, in, term);
}

#define EQUATION(name_, text_)                                                         \
    static const igi_einsum_attrs name_ = {sizeof(igi_einsum_attrs), text_}
EQUATION(product, "ij,jk->ik");
EQUATION(batched, " bij , bkj -> bki ");
EQUATION(implicit, "ba,ac");
EQUATION(dots, "...ij,...jk->...ik");
EQUATION(dots_implicit, "i...,ij");
EQUATION(dots_summed, "...i,i->i");
EQUATION(diagonal, "ii->i");
EQUATION(trace, "ii");
EQUATION(diagonals, "iij,jj->ji");
EQUATION(permuted, "abC->Cab");
EQUATION(total, "ij->");
EQUATION(three, "ij,jk,k->i");
EQUATION(outer, "i,j->ij");
EQUATION(scalar, ",i->i");
EQUATION(heads, "bqhd,bkhd->bhqk");
EQUATION(vector, "ij,j->i");
EQUATION(two_depths, "ijk,jkl->il");
#define SAMPLE(name_, ...)                                                             \
    {                                                                                  \
        .name = #name_, .attrs = &name_, IGI_INPUTS(__VA_ARGS__)                       \
    }
static const ig_sample samples[] = {
    SAMPLE(product, IGI_IN(2, 3), IGI_IN(3, 4)),
    SAMPLE(batched, IGI_IN(2, 3, 4), IGI_IN(2, 5, 4)),
    SAMPLE(implicit, IGI_IN(2, 3), IGI_IN(3, 2)),
    SAMPLE(dots, IGI_IN(2, 1, 2, 3), IGI_IN(4, 3, 2)),
    SAMPLE(dots_implicit, IGI_IN(3, 2), IGI_IN(3, 4)),
    SAMPLE(dots_summed, IGI_IN(2, 3, 4), IGI_IN(4)),
    SAMPLE(diagonal, IGI_IN(3, 3)),
    SAMPLE(trace, IGI_IN(4, 4)),
    SAMPLE(diagonals, IGI_IN(2, 2, 3), IGI_IN(3, 3)),
    SAMPLE(permuted, IGI_IN(2, 3, 4)),
    SAMPLE(total, IGI_IN(2, 3)),
    SAMPLE(three, IGI_IN(2, 3), IGI_IN(3, 4), IGI_IN(4)),
    SAMPLE(outer, IGI_IN(2), IGI_IN(3)),
    SAMPLE(scalar, IGI_IN_SCALAR, IGI_IN(3)),
    SAMPLE(heads, IGI_IN(2, 5, 3, 4), IGI_IN(2, 7, 3, 4)),
    SAMPLE(vector, IGI_IN(5, 9), IGI_IN(9)),
    SAMPLE(two_depths, IGI_IN(3, 2, 4), IGI_IN(2, 4, 5)),
    {.name = "size_one", .attrs = &product, IGI_INPUTS(IGI_IN(2, 1), IGI_IN(3, 2))},
    {.name = "empty", .attrs = &product, IGI_INPUTS(IGI_IN(0, 3), IGI_IN(3, 2))},
    {.name = "empty_sum", .attrs = &product, IGI_INPUTS(IGI_IN(2, 0), IGI_IN(0, 2))},
    {0},
};

IG_OPERATOR(Einsum) = {
    IG_OP_HEAD,
    .name = "Einsum",
    .since = 12,
    .doc = "Sums of products over the labels of an equation.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_einsum_attrs),
    .infer = einsum_infer,
    .gradient = einsum_gradient,
    .saves = saves,
    .reference = einsum_reference,
    .samples = samples,
};
