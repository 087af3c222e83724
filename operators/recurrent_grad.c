/* ingot::RecurrentGrad: the gradients of RNN, LSTM or GRU (attribute cell) with respect
 * to all their inputs, given those of their outputs; and ingot::RecurrentGradGrad, the
 * gradient of that, by dual numbers (common_recurrent.h). */
#include "operators/common_recurrent.h"

IG_USES_OP(RecurrentGradGrad);

#define GRADIENT(name_, of_)                                                           \
    IG_PORT(name_, 'T', "Gradient of " of_ ".", .flags = IG_OPTIONAL)
#define INPUTS                                                                         \
    IGI_RECURRENT_PORTS, IGI_LSTM_PORTS, GRADIENT("dY", "Y"), GRADIENT("dY_h", "Y_h"), \
        GRADIENT("dY_c", "Y_c")
#define GRADIENTS                                                                      \
    IG_PORT("dX", 'T', "Gradient of X."), GRADIENT("dW", "W"), GRADIENT("dR", "R"),    \
        GRADIENT("dB", "B"), GRADIENT("dinitial_h", "initial_h"),                      \
        GRADIENT("dinitial_c", "initial_c"), GRADIENT("dP", "P")
static const ig_port inputs[] = {INPUTS, {0}};
static const ig_port outputs[] = {GRADIENTS, {0}};
static const ig_port second_inputs[] = {
    INPUTS,
    GRADIENT("uX", "dX"),
    GRADIENT("uW", "dW"),
    GRADIENT("uR", "dR"),
    GRADIENT("uB", "dB"),
    GRADIENT("uinitial_h", "dinitial_h"),
    GRADIENT("uinitial_c", "dinitial_c"),
    GRADIENT("uP", "dP"),
    {0},
};
static const ig_port second_outputs[] = {
    GRADIENTS,
    GRADIENT("ddY", "dY"),
    GRADIENT("ddY_h", "dY_h"),
    GRADIENT("ddY_c", "dY_c"),
    {0},
};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {'L', IG_T(INT32)}, {0}};
static const ig_attr_def attrs[] = {
    IGI_RECURRENT_ATTRS(igi_recurrent_attrs),
    IG_ATTR_ENUM(igi_recurrent_attrs, cell, 0, igi_cell_names, "rnn, lstm or gru."),
    IG_ATTR_INT(igi_recurrent_attrs,
                option,
                0,
                "LSTM's input_forget, GRU's linear_before_reset.",
                .min = 0,
                .max = 1),
    {0},
};
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY), IG_SAVE_IN(1, IG_SAVE_ANY),  IG_SAVE_IN(2, IG_SAVE_ANY),
    IG_SAVE_IN(3, IG_SAVE_ANY), IG_SAVE_IN(4, IG_SAVE_ANY),  IG_SAVE_IN(5, IG_SAVE_ANY),
    IG_SAVE_IN(6, IG_SAVE_ANY), IG_SAVE_IN(7, IG_SAVE_ANY),  IG_SAVE_IN(8, IG_SAVE_ANY),
    IG_SAVE_IN(9, IG_SAVE_ANY), IG_SAVE_IN(10, IG_SAVE_ANY), {0},
};

/* The input that output i of the second gradient belongs to. */
static int target(int i)
{
    return i < IGI_REC_GRADS ? igi_recurrent_input_of(i)
                             : IGI_REC_INPUTS + i - IGI_REC_GRADS;
}

static ig_status recurrent_grad_gradient(ig_grad *g)
{
    enum { OUTS = IGI_REC_GRADS + 3 };
    ig_var in[IGI_REC_COTANGENTS + IGI_REC_GRADS] = {{0}}, dx[OUTS];
    ig_call call = {.op = IG_OP(RecurrentGradGrad),
                    .attrs = ig_grad_attrs(g),
                    .n_in = IGI_REC_COTANGENTS + IGI_REC_GRADS,
                    .n_out = OUTS};
    for (int i = 0; i < IGI_REC_COTANGENTS; i++)
        in[i] = ig_grad_in(g, i);
    for (int i = 0; i < IGI_REC_GRADS; i++)
        in[IGI_REC_COTANGENTS + i] = ig_grad_dy(g, i);
    for (int i = 0; i < OUTS; i++)
        if (ig_grad_wants(g, target(i)))
            call.wanted |= IG_BIT(i);
    if (!call.wanted)
        return IG_OK;
    IG_TRY(ig_emit_call(g, &call, in, dx));
    for (int i = 0; i < OUTS; i++)
        ig_grad_set(g, target(i), dx[i]);
    return IG_OK;
}

#define HEAD .struct_size = sizeof(igi_recurrent_attrs)
static const igi_recurrent_attrs lstm = {HEAD, .cell = IGI_CELL_LSTM, .direction = 2};
static const igi_recurrent_attrs lstm_forward = {HEAD, .cell = IGI_CELL_LSTM};
static const igi_recurrent_attrs gru = {HEAD, .cell = IGI_CELL_GRU, .layout = 1};
static const igi_recurrent_attrs gru_linear = {HEAD, .cell = IGI_CELL_GRU, .option = 1,
                                               .direction = 1};
static const igi_recurrent_attrs relu = {HEAD, .activations = IGI_STRINGS("Relu")};
#define LENS(...)                                                                      \
    {                                                                                  \
        .rank = 1, .dims = {IG_COUNT_(__VA_ARGS__)}, IGI_DATA(IG_INT32, __VA_ARGS__)   \
    }
#define NONE IGI_IN_ABSENT
#define LSTM_BOTH                                                                      \
    IGI_IN(3, 2, 2), IGI_IN(2, 8, 2), IGI_IN(2, 8, 2), IGI_IN(2, 16), LENS(3, 2),      \
        IGI_IN(2, 2, 2), IGI_IN(2, 2, 2), IGI_IN(2, 6), IGI_IN(3, 2, 2, 2),            \
        IGI_IN(2, 2, 2), IGI_IN(2, 2, 2)
#define LSTM_PEEPHOLES                                                                 \
    IGI_IN(3, 2, 2), IGI_IN(2, 8, 2), IGI_IN(2, 8, 2), IGI_IN(2, 16), NONE,            \
        IGI_IN(2, 2, 2), IGI_IN(2, 2, 2), IGI_IN(2, 6), IGI_IN(3, 2, 2, 2),            \
        IGI_IN(2, 2, 2), IGI_IN(2, 2, 2)
#define LSTM_WIDE                                                                      \
    IGI_IN(3, 5, 3), IGI_IN(1, 76, 3), IGI_IN(1, 76, 19), IGI_IN(1, 152), NONE, NONE,  \
        NONE, NONE, IGI_IN(3, 1, 5, 19)
#define GRU_INPUTS                                                                     \
    IGI_IN(2, 3, 2), IGI_IN(1, 6, 2), IGI_IN(1, 6, 2), IGI_IN(1, 12), LENS(3, 1),      \
        IGI_IN(2, 1, 2), NONE, NONE, IGI_IN(2, 3, 1, 2), IGI_IN(2, 1, 2)
#define GRU_LINEAR                                                                     \
    IGI_IN(3, 2, 2), IGI_IN(1, 6, 2), IGI_IN(1, 6, 2), IGI_IN(1, 12), NONE,            \
        IGI_IN(1, 2, 2), NONE, NONE, IGI_IN(3, 1, 2, 2), IGI_IN(1, 2, 2)
#define RNN_INPUTS                                                                     \
    IGI_IN(3, 2, 2), IGI_IN(1, 3, 2), IGI_IN(1, 3, 3), IGI_IN(1, 6), NONE,             \
        IGI_IN(1, 2, 3), NONE, NONE, IGI_IN(3, 1, 2, 3), IGI_IN(1, 2, 3)
static const ig_sample samples[] = {
    {.name = "lstm",
     .attrs = &lstm,
     .n_out = 7,
     IGI_INPUTS(LSTM_BOTH),
     .no_second = true},
    {.name = "lstm_wide",
     .attrs = &lstm_forward,
     .n_out = 4,
     IGI_INPUTS(LSTM_WIDE),
     .no_gradient = true},
    {.name = "gru",
     .attrs = &gru,
     .n_out = 5,
     IGI_INPUTS(GRU_INPUTS),
     .no_second = true},
    {.name = "gru_linear",
     .attrs = &gru_linear,
     .n_out = 5,
     IGI_INPUTS(GRU_LINEAR),
     .no_second = true},
    {.name = "rnn", .n_out = 5, IGI_INPUTS(RNN_INPUTS), .no_second = true},
    {.name = "rnn_relu",
     .attrs = &relu,
     .n_out = 3,
     IGI_INPUTS(RNN_INPUTS),
     .no_gradient = true},
    {.name = "nothing_flows",
     IGI_INPUTS(IGI_IN(2, 1, 2), IGI_IN(1, 1, 2), IGI_IN(1, 1, 1)),
     .no_second = true},
    {.name = "no_batch",
     .n_out = 3,
     IGI_INPUTS(IGI_IN(2, 0, 2), IGI_IN(1, 1, 2), IGI_IN(1, 1, 1)),
     .no_second = true},
    {0},
};
static const ig_sample second_samples[] = {
    {.name = "lstm",
     .attrs = &lstm,
     .n_out = 10,
     IGI_INPUTS(LSTM_PEEPHOLES,
                IGI_IN(3, 2, 2),
                IGI_IN(2, 8, 2),
                IGI_IN(2, 8, 2),
                NONE,
                IGI_IN(2, 2, 2),
                IGI_IN(2, 2, 2),
                IGI_IN(2, 6))},
    {.name = "gru",
     .attrs = &gru,
     .n_out = 5,
     IGI_INPUTS(GRU_INPUTS,
                NONE,
                IGI_IN(2, 3, 2),
                IGI_IN(1, 6, 2),
                NONE,
                NONE,
                IGI_IN(2, 1, 2))},
    {.name = "rnn",
     .n_out = 1,
     IGI_INPUTS(RNN_INPUTS, NONE, NONE, NONE, NONE, IGI_IN(1, 6))},
    {.name = "no_batch",
     .n_out = 3,
     IGI_INPUTS(IGI_IN(2, 0, 2), IGI_IN(1, 1, 2), IGI_IN(1, 1, 1)),
     .no_second = true},
    {0},
};

IG_OPERATOR(RecurrentGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "RecurrentGrad",
    .since = 1,
    .doc = "Gradients of RNN, LSTM or GRU with respect to their inputs. Inputs that "
           "are absent here were absent there; an absent gradient is 0.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_recurrent_attrs),
    .infer = igi_recurrent_grad_infer,
    .gradient = recurrent_grad_gradient,
    .saves = saves,
    .reference = igi_recurrent_backward,
    .samples = samples,
};

IG_OPERATOR(RecurrentGradGrad) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "RecurrentGradGrad",
    .since = 1,
    .doc = "Gradients of ingot::RecurrentGrad, given those of its outputs (uX, uW, "
           "...; absent: 0). Third derivatives are not there.",
    .inputs = second_inputs,
    .outputs = second_outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_recurrent_attrs),
    .infer = igi_recurrent_grad_infer,
    .gradient = ig_gradient_forbidden,
    .reference = igi_recurrent_second,
    .samples = second_samples,
};
