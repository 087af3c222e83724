/* LSTM: one layer of long short-term memory cells (Hochreiter, Schmidhuber 1997) with
 * optional peepholes (Gers, Schmidhuber 2000):
 *   i = f(W_i x + R_i h + P_i c + b_i)    f = f(W_f x + R_f h + P_f c + b_f), or 1 - i
 *   c' = f c + i g(W_c x + R_c h + b_c)   with input_forget
 *   o = f(W_o x + R_o h + P_o c' + b_o)   h' = o h(c')
 *
 * The computation is common_recurrent_run.c's; its gradient is ingot::RecurrentGrad. */
#include "operators/common_recurrent.h"

static const ig_port inputs[] = {IGI_RECURRENT_PORTS, IGI_LSTM_PORTS, {0}};
static const ig_port outputs[] = {
    IGI_RECURRENT_OUTPUTS,
    IG_PORT("Y_c",
            'T',
            "Cell after the last step of each sequence, shaped as initial_h.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'L', IG_T(INT32)}, {0}};
static const ig_attr_def attrs[] = {
    IGI_RECURRENT_ATTRS(igi_lstm_attrs),
    IG_ATTR_INT(igi_lstm_attrs,
                input_forget,
                0,
                "1: the forget gate is 1 - the input gate.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status lstm_gradient(ig_grad *g)
{
    return igi_recurrent_gradient(g, IGI_CELL_LSTM);
}

#define HEAD .struct_size = sizeof(igi_lstm_attrs)
static const igi_lstm_attrs reverse = {HEAD, .direction = 1, .clip = 0.8f,
                                       .input_forget = 1};
static const igi_lstm_attrs both = {
    HEAD,
    .direction = 2,
    .layout = 1,
    .hidden_size = 2,
    .activations =
        IGI_STRINGS("HardSigmoid", "Softsign", "Tanh", "Sigmoid", "Elu", "Softplus"),
    .activation_alpha = IGI_FLOATS(0.05f, 1)};
#define LENS(...)                                                                      \
    {                                                                                  \
        .rank = 1, .dims = {IG_COUNT_(__VA_ARGS__)}, IGI_DATA(IG_INT32, __VA_ARGS__)   \
    }
static const ig_sample samples[] = {
    {.name = "plain",
     .n_out = 3,
     IGI_INPUTS(IGI_IN(3, 2, 2), IGI_IN(1, 8, 2), IGI_IN(1, 8, 2))},
    {.name = "everything",
     .n_out = 3,
     IGI_INPUTS(IGI_IN(3, 2, 2),
                IGI_IN(1, 8, 2),
                IGI_IN(1, 8, 2),
                IGI_IN(1, 16),
                LENS(3, 1),
                IGI_IN(1, 2, 2),
                IGI_IN(1, 2, 2),
                IGI_IN(1, 6))},
    {.name = "reverse_clip_coupled",
     .attrs = &reverse,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(3, 3, 2),
                IGI_IN(1, 8, 2),
                IGI_IN(1, 8, 2),
                IGI_IN(1, 16),
                LENS(2, 0, 3),
                IGI_IN_ABSENT,
                IGI_IN(1, 3, 2),
                IGI_IN(1, 6))},
    {.name = "both_batch_first",
     .attrs = &both,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(2, 3, 2),
                IGI_IN(2, 8, 2),
                IGI_IN(2, 8, 2),
                IGI_IN(2, 16),
                LENS(2, 3),
                IGI_IN(2, 2, 2),
                IGI_IN(2, 2, 2),
                IGI_IN(2, 6))},
    {.name = "only_y", IGI_INPUTS(IGI_IN(2, 1, 3), IGI_IN(1, 4, 3), IGI_IN(1, 4, 1))},
    {.name = "wide",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3, 5), IGI_IN(1, 76, 5), IGI_IN(1, 76, 19), IGI_IN(1, 152))},
    {.name = "no_steps",
     .n_out = 3,
     IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(1, 4, 3), IGI_IN(1, 4, 1))},
    {.name = "no_batch",
     .n_out = 3,
     IGI_INPUTS(IGI_IN(2, 0, 3), IGI_IN(1, 4, 3), IGI_IN(1, 4, 1))},
    {0},
};

IG_OPERATOR(LSTM) = {
    IG_OP_HEAD,
    .name = "LSTM",
    .since = 22,
    .doc = "One layer of long short-term memory cells over sequences, in one direction "
           "or both, with optional peepholes.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_lstm_attrs),
    .infer = igi_recurrent_infer,
    .gradient = lstm_gradient,
    .saves = igi_lstm_saves,
    .reference = igi_recurrent_forward,
    .samples = samples,
};
