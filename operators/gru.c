/* GRU: one layer of gated recurrent units (Cho et al. 2014):
 *   z = f(W_z x + R_z h + b_z)    r = f(W_r x + R_r h + b_r)
 *   n = g(W_h x + Wb_h + R_h (r h) + Rb_h), or with linear_before_reset
 *   n = g(W_h x + Wb_h + r (R_h h + Rb_h))
 *   h' = (1 - z) n + z h
 *
 * The computation is common_recurrent_run.c's; its gradient is ingot::RecurrentGrad. */
#include "operators/common_recurrent.h"

static const ig_port inputs[] = {IGI_RECURRENT_PORTS, {0}};
static const ig_port outputs[] = {IGI_RECURRENT_OUTPUTS, {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'L', IG_T(INT32)}, {0}};
static const ig_attr_def attrs[] = {
    IGI_RECURRENT_ATTRS(igi_gru_attrs),
    IG_ATTR_INT(igi_gru_attrs,
                linear_before_reset,
                0,
                "1: the reset gate multiplies R_h h + Rb_h instead of h.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status gru_gradient(ig_grad *g)
{
    return igi_recurrent_gradient(g, IGI_CELL_GRU);
}

#define HEAD .struct_size = sizeof(igi_gru_attrs)
static const igi_gru_attrs linear = {HEAD, .linear_before_reset = 1};
static const igi_gru_attrs reverse = {HEAD, .direction = 1, .clip = 0.8f};
static const igi_gru_attrs both = {
    HEAD,
    .direction = 2,
    .layout = 1,
    .hidden_size = 2,
    .linear_before_reset = 1,
    .activations = IGI_STRINGS("HardSigmoid", "Softsign", "Sigmoid", "Elu"),
    .activation_alpha = IGI_FLOATS(0.05f, 1)};
#define LENS(...)                                                                      \
    {                                                                                  \
        .rank = 1, .dims = {IG_COUNT_(__VA_ARGS__)}, IGI_DATA(IG_INT32, __VA_ARGS__)   \
    }
#define EVERYTHING                                                                     \
    IGI_INPUTS(IGI_IN(3, 2, 2), IGI_IN(1, 6, 2), IGI_IN(1, 6, 2), IGI_IN(1, 12),       \
               LENS(3, 1), IGI_IN(1, 2, 2))
static const ig_sample samples[] = {
    {.name = "plain",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(3, 2, 2), IGI_IN(1, 6, 2), IGI_IN(1, 6, 2))},
    {.name = "everything", .n_out = 2, EVERYTHING},
    {.name = "everything_linear", .attrs = &linear, .n_out = 2, EVERYTHING},
    {.name = "reverse_clip",
     .attrs = &reverse,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(3, 3, 2),
                IGI_IN(1, 6, 2),
                IGI_IN(1, 6, 2),
                IGI_IN_ABSENT,
                LENS(2, 0, 3),
                IGI_IN(1, 3, 2))},
    {.name = "both_batch_first",
     .attrs = &both,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3, 2),
                IGI_IN(2, 6, 2),
                IGI_IN(2, 6, 2),
                IGI_IN(2, 12),
                LENS(2, 3),
                IGI_IN(2, 2, 2))},
    {.name = "only_y", IGI_INPUTS(IGI_IN(2, 1, 3), IGI_IN(1, 3, 3), IGI_IN(1, 3, 1))},
    {.name = "wide",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3, 5), IGI_IN(1, 57, 5), IGI_IN(1, 57, 19), IGI_IN(1, 114))},
    {.name = "wide_linear",
     .attrs = &linear,
     IGI_INPUTS(IGI_IN(2, 3, 5), IGI_IN(1, 57, 5), IGI_IN(1, 57, 19), IGI_IN(1, 114))},
    {.name = "no_steps",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(1, 3, 3), IGI_IN(1, 3, 1))},
    {.name = "no_batch",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 0, 3), IGI_IN(1, 3, 3), IGI_IN(1, 3, 1))},
    {0},
};

IG_OPERATOR(GRU) = {
    IG_OP_HEAD,
    .name = "GRU",
    .since = 22,
    .doc = "One layer of gated recurrent units over sequences, in one direction or "
           "both.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_gru_attrs),
    .infer = igi_recurrent_infer,
    .gradient = gru_gradient,
    .saves = igi_recurrent_saves,
    .reference = igi_recurrent_forward,
    .samples = samples,
};
