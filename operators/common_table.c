// Tables that several operators have: ports, names, numbers of samples.

#include "operators/common.h"

const char *const igi_gelu_names[] = {"none", "tanh", NULL};

#define UNARY_INPUT(name_) IG_PORT(name_, 'T', "Input tensor.")
#define UNARY_OUTPUT(name_)                                                            \
    IG_PORT(name_, 'T', "Same shape as the input.", .alias = IG_MAY_ALIAS(0))
const ig_port igi_unary_x[] = {UNARY_INPUT("X"), {0}};
const ig_port igi_unary_y[] = {UNARY_OUTPUT("Y"), {0}};
const ig_port igi_unary_input[] = {UNARY_INPUT("input"), {0}};
const ig_port igi_unary_output[] = {UNARY_OUTPUT("output"), {0}};

const ig_port igi_binary_inputs[] = {
    IG_PORT("A", 'T', "First operand."),
    IG_PORT("B", 'T', "Second operand."),
    {0},
};
const ig_port igi_binary_outputs[] = {
    IG_PORT("C", 'T', "Shape of the broadcast.", .alias = IG_MAY_ALIAS(0, 1)),
    {0},
};
const ig_port igi_compare_outputs[] = {
    IG_PORT("C", 'B', "Shape of the broadcast."),
    {0},
};

const double igi_sample_a[6] = {1, -2, 3, 0, 5, -4};
const double igi_sample_b[6] = {2, 4, -3, 6, 1, -6};
const double igi_sample_c[2] = {7, -1};
