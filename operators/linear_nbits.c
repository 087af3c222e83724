/* ingot::LinearNBits: y = act(x w' + b + residual) over the rows of x[..., K], where
 * w' = (w - zero) * scale and w is integers of 2, 4 or 8 bits in blocks along K; made
 * by the optimiser from products with a DequantizeLinear of constants, which so stay as
 * small as they are (com.microsoft's MatMulNBits, weights of language models). */
#include "operators/common_linear.h"
#include "operators/common_nbits.h"

static const ig_port inputs[] = {
    IG_PORT("x", 'T', "Rows [..., K]."),
    IG_PORT("w", 'W', "Integers [K, N], or [N, K] with trans_w."),
    IG_PORT("b", 'T', "Bias [N].", .flags = IG_OPTIONAL),
    IG_PORT("residual", 'T', "Added to the result; shape of y.", .flags = IG_OPTIONAL),
    IG_PORT("scale",
            'S',
            "One a block: shape of w with K divided by block_size, rounded up."),
    IG_PORT(
        "zero", 'W', "Zero points, shape of scale; absent: 0.", .flags = IG_OPTIONAL),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("y", 'T', "Rows [..., N].", .alias = IG_MAY_ALIAS(3)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS},
    {'W', IGI_NBITS_TYPES},
    {'S', IG_FLOATS},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        igi_linear_nbits_attrs, trans_w, 0, "1: w is [N, K].", .min = 0, .max = 1),
    IG_ATTR_INT(igi_linear_nbits_attrs,
                block_size,
                32,
                "Neighbours along K that share a scale.",
                .min = 1,
                .max = INT32_MAX),
    IGI_ACT_ATTRS(igi_linear_nbits_attrs),
    {0},
};

static ig_status nbits_infer(ig_infer *x)
{
    const igi_linear_nbits_attrs *a = x->attrs;
    const bool trans = a->trans_w != 0;
    IG_TRY(igi_linear_infer(x, trans));
    return igi_nbits_infer(x, IGI_NBITS_W, IGI_NBITS_SCALE, IGI_NBITS_ZERO, trans,
                           a->block_size);
}

typedef struct {
    igi_linear l;
    igi_nbits_table w;
    const void *x;
    igi_pace pace;
} nbits_call;

IGI_INLINE ig_status nbits_rows(ig_dtype T, nbits_call *v)
{
    for (int64_t row = 0; row < v->l.m; row++) {
        for (int64_t col = 0; col < v->l.n; col++) {
            double acc = 0;
            IG_TRY(igi_pace_go(&v->pace, v->l.depth));
            for (int64_t k = 0; k < v->l.depth; k++)
                acc += igi_load(T, v->x, row * v->l.depth + k) *
                       igi_nbits_at(&v->w, v->w.along ? col : k, v->w.along ? k : col);
            igi_linear_store(T, &v->l, row, col, 1, &acc);
        }
    }
    return IG_OK;
}

static ig_status nbits_reference(ig_kernel_ctx *k)
{
    const igi_linear_nbits_attrs *a = k->attrs;
    nbits_call v = {.w = {ig_in(k, IGI_NBITS_W), ig_in(k, IGI_NBITS_SCALE),
                          ig_in(k, IGI_NBITS_ZERO), a->trans_w != 0, a->block_size},
                    .x = ig_data(ig_in(k, IGI_NBITS_X)),
                    .pace = igi_pace_of(k)};
    igi_linear_set(&v.l, k);
    v.l.activation = a->activation;
    v.l.act_a = (double)a->act_a;
    v.l.act_b = (double)a->act_b;
    v.l.residual_after = a->residual_after != 0;
    IGI_EACH_FLOAT(k, ig_dtype_of(ig_in(k, IGI_NBITS_X)), IG_TRY(nbits_rows(T, &v)));
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_linear_nbits_attrs)
static const igi_linear_nbits_attrs by_columns = {HEAD, .block_size = 32};
static const igi_linear_nbits_attrs by_rows = {HEAD, .trans_w = 1, .block_size = 32};
static const igi_linear_nbits_attrs relu = {HEAD, .trans_w = 1, .block_size = 16,
                                            .activation = IGI_ACT_RELU};
static const igi_linear_nbits_attrs silu_after = {
    HEAD, .block_size = 16, .activation = IGI_ACT_SILU, .residual_after = 1};
static const igi_linear_nbits_attrs odd_block = {HEAD, .trans_w = 1, .block_size = 3};

#define ABSENT                                                                         \
    {                                                                                  \
        .rank = -1                                                                     \
    }
static const ig_sample samples[] = {
    {.name = "columns",
     .attrs = &by_columns,
     IGI_INPUTS(IGI_IN(3, 64), IGI_IN(64, 5), ABSENT, ABSENT, IGI_IN(2, 5))},
    {.name = "rows",
     .attrs = &by_rows,
     IGI_INPUTS(IGI_IN(2, 3, 64),
                IGI_IN(35, 64),
                ABSENT,
                ABSENT,
                IGI_IN(35, 2),
                IGI_IN(35, 2))},
    {.name = "a_last_block_of_few",
     .attrs = &by_rows,
     IGI_INPUTS(IGI_IN(1, 39), IGI_IN(34, 39), IGI_IN(34), ABSENT, IGI_IN(34, 2))},
    {.name = "bias_relu",
     .attrs = &relu,
     IGI_INPUTS(IGI_IN(9, 48),
                IGI_IN(70, 48),
                IGI_IN(70),
                ABSENT,
                IGI_IN(70, 3),
                IGI_IN(70, 3))},
    {.name = "residual_after_silu",
     .attrs = &silu_after,
     IGI_INPUTS(
         IGI_IN(5, 32), IGI_IN(32, 33), IGI_IN(33), IGI_IN(5, 33), IGI_IN(2, 33))},
    {.name = "one_row_with_residual",
     .attrs = &by_rows,
     IGI_INPUTS(IGI_IN(33), IGI_IN(3, 33), ABSENT, IGI_IN(3), IGI_IN(3, 2))},
    {.name = "one_block",
     .attrs = &by_rows,
     IGI_INPUTS(IGI_IN(4, 7), IGI_IN(3, 7), ABSENT, ABSENT, IGI_IN(3, 1))},
    {.name = "odd_blocks",
     .attrs = &odd_block,
     IGI_INPUTS(
         IGI_IN(2, 8), IGI_IN(3, 8), ABSENT, ABSENT, IGI_IN(3, 3), IGI_IN(3, 3))},
    {.name = "empty_batch",
     .attrs = &by_rows,
     IGI_INPUTS(IGI_IN(0, 32), IGI_IN(3, 32), ABSENT, ABSENT, IGI_IN(3, 1))},
    {.name = "no_depth",
     .attrs = &by_columns,
     IGI_INPUTS(IGI_IN(2, 0), IGI_IN(0, 3), IGI_IN(3), ABSENT, IGI_IN(0, 3))},
    {0},
};

IG_OPERATOR(LinearNBits) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "LinearNBits",
    .since = 1,
    .doc = "y = act(x w' + b + residual), or act(x w' + b) + residual, with w' = (w - "
           "zero) * scale, one scale and zero point for block_size neighbours along K. "
           "Internal: the optimiser makes it after gradients are taken.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_linear_nbits_attrs),
    .infer = nbits_infer,
    .gradient = ig_gradient_forbidden,
    .reference = nbits_reference,
    .samples = samples,
};
