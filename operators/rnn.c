/* RNN: h_t = f(W x_t + R h_(t-1) + Wb + Rb), one layer over sequences.
 *
 * The computation is common_recurrent_run.c's; its gradient is ingot::RecurrentGrad. */
#include "operators/common_recurrent.h"

static const ig_port inputs[] = {IGI_RECURRENT_PORTS, {0}};
static const ig_port outputs[] = {IGI_RECURRENT_OUTPUTS, {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'L', IG_T(INT32)}, {0}};
static const ig_attr_def attrs[] = {IGI_RECURRENT_ATTRS(igi_rnn_attrs), {0}};

static ig_status rnn_gradient(ig_grad *g)
{
    return igi_recurrent_gradient(g, IGI_CELL_RNN);
}

#define HEAD .struct_size = sizeof(igi_rnn_attrs)
static const igi_rnn_attrs reverse = {HEAD, .clip = 0.9f, .direction = 1,
                                      .activations = IGI_STRINGS("Softsign")};
static const igi_rnn_attrs both = {HEAD, .direction = 2, .hidden_size = 2, .layout = 1,
                                   .activations = IGI_STRINGS("Sigmoid", "tanh")};
#define PAIR(name_, a_, b_, ...)                                                       \
    static const igi_rnn_attrs name_ = {                                               \
        HEAD, .direction = 2, .activations = IGI_STRINGS(a_, b_), __VA_ARGS__}
PAIR(affine_leaky,
     "Affine",
     "LeakyRelu",
     .activation_alpha = IGI_FLOATS(0.7f, 0.2f),
     .activation_beta = IGI_FLOATS(0.1f));
PAIR(scaled_hard,
     "ScaledTanh",
     "HardSigmoid",
     .activation_alpha = IGI_FLOATS(1.2f, 0.05f),
     .activation_beta = IGI_FLOATS(0.6f));
PAIR(elu_softplus, "Elu", "Softplus", .activation_alpha = IGI_FLOATS(1));
PAIR(relu_thresholded,
     "Relu",
     "ThresholdedRelu",
     .activation_alpha = IGI_FLOATS(0.01f));
#define LENS(...)                                                                      \
    {                                                                                  \
        .rank = 1, .dims = {IG_COUNT_(__VA_ARGS__)}, IGI_DATA(IG_INT32, __VA_ARGS__)   \
    }
#define BOTH_WAYS                                                                      \
    IGI_INPUTS(IGI_IN(3, 2, 2), IGI_IN(2, 2, 2), IGI_IN(2, 2, 2), IGI_IN(2, 4))
static const ig_sample samples[] = {
    {.name = "plain", IGI_INPUTS(IGI_IN(3, 2, 4), IGI_IN(1, 3, 4), IGI_IN(1, 3, 3))},
    {.name = "reverse_clip_lengths_state",
     .attrs = &reverse,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(4, 3, 2),
                IGI_IN(1, 2, 2),
                IGI_IN(1, 2, 2),
                IGI_IN(1, 4),
                LENS(4, 0, 2),
                IGI_IN(1, 3, 2))},
    {.name = "both_batch_first",
     .attrs = &both,
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 3, 2),
                IGI_IN(2, 2, 2),
                IGI_IN(2, 2, 2),
                IGI_IN(2, 4),
                LENS(2, 3),
                IGI_IN(2, 2, 2))},
    {.name = "affine_leaky", .attrs = &affine_leaky, .n_out = 2, BOTH_WAYS},
    {.name = "scaled_hard", .attrs = &scaled_hard, BOTH_WAYS},
    {.name = "elu_softplus", .attrs = &elu_softplus, BOTH_WAYS},
    {.name = "relu_thresholded", .attrs = &relu_thresholded, BOTH_WAYS},
    {.name = "wide", IGI_INPUTS(IGI_IN(2, 3, 5), IGI_IN(1, 19, 5), IGI_IN(1, 19, 19))},
    {.name = "size_one", IGI_INPUTS(IGI_IN(1, 1, 1), IGI_IN(1, 1, 1), IGI_IN(1, 1, 1))},
    {.name = "no_steps",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(0, 2, 3), IGI_IN(1, 2, 3), IGI_IN(1, 2, 2))},
    {.name = "no_batch",
     .n_out = 2,
     IGI_INPUTS(IGI_IN(2, 0, 3), IGI_IN(1, 2, 3), IGI_IN(1, 2, 2))},
    {0},
};

IG_OPERATOR(RNN) = {
    IG_OP_HEAD,
    .name = "RNN",
    .since = 22,
    .doc = "One recurrent layer: h = f(W x + R h + Wb + Rb) for each step of each "
           "sequence, in one direction or both.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_rnn_attrs),
    .infer = igi_recurrent_infer,
    .gradient = rnn_gradient,
    .saves = igi_recurrent_saves,
    .reference = igi_recurrent_forward,
    .samples = samples,
};
