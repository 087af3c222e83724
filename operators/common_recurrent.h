/* What RNN, LSTM, GRU and their gradients share: attributes, ports, shapes, activation
 * functions, and one computation of cells and of their derivatives.
 *
 * The computation (common_recurrent_run.c) works on dual numbers v + t e, e^2 = 0. With
 * tangents 0 it gives the operator and its gradient g(p, dy) = J(p)^T dy; with tangents
 * u on the parameters p it gives J(p) u and d/de g(p + e u, dy), which are the
 * gradients of <u, g> by dy and by p (the second derivative is symmetric). So one
 * forward and one backward step per cell serve the operator, its gradient and the
 * gradient of that. */
#ifndef OPERATORS_COMMON_RECURRENT_H
#define OPERATORS_COMMON_RECURRENT_H

#include "operators/common.h"

/* ORDER: cell (igi_cell_names, `shapes` in common_recurrent.c). */
typedef enum igi_cell { IGI_CELL_RNN = 0, IGI_CELL_LSTM, IGI_CELL_GRU } igi_cell;
extern const char *const igi_cell_names[];
extern const char *const igi_direction_names[];

/* ---- attributes: common ones first, then each operator's own ---- */

#define IGI_RECURRENT_MEMBERS                                                          \
    uint32_t struct_size;                                                              \
    float clip;                                                                        \
    ig_strings activations;                                                            \
    ig_floats activation_alpha, activation_beta;                                       \
    int64_t direction, hidden_size, layout;
typedef struct igi_rnn_attrs {
    IGI_RECURRENT_MEMBERS
} igi_rnn_attrs;
typedef struct igi_lstm_attrs {
    IGI_RECURRENT_MEMBERS
    int64_t input_forget;
} igi_lstm_attrs;
typedef struct igi_gru_attrs {
    IGI_RECURRENT_MEMBERS
    int64_t linear_before_reset;
} igi_gru_attrs;
/* Of the gradients: which cell, and its own attribute. */
typedef struct igi_recurrent_attrs {
    IGI_RECURRENT_MEMBERS
    int64_t cell, option;
} igi_recurrent_attrs;

#define IGI_RECURRENT_ATTRS(S_)                                                        \
    IG_ATTR_FLOAT(S_, clip, 0,                                                         \
                  "Bound of the inputs of activations, in [-clip, clip]; 0: none."),   \
        IG_ATTR_STRINGS(S_, activations,                                               \
                        "Functions of a direction's gates, then the other "            \
                        "direction's; absent: Tanh, or Sigmoid for gates."),           \
        IG_ATTR_FLOATS(S_, activation_alpha,                                           \
                       "alpha of the functions that have one, in order."),             \
        IG_ATTR_FLOATS(S_, activation_beta,                                            \
                       "beta of the functions that have one, in order."),              \
        IG_ATTR_ENUM(S_, direction, 0, igi_direction_names,                            \
                     "forward, reverse or bidirectional."),                            \
        IG_ATTR_INT(S_, hidden_size, 0, "Size of the state; 0: that of R.", .min = 0,  \
                    .max = INT32_MAX),                                                 \
        IG_ATTR_INT(S_, layout, 0,                                                     \
                    "0: time comes first in X and Y; 1: the batch does, also in the "  \
                    "states.",                                                         \
                    .min = 0, .max = 1)

/* ---- ports: those of LSTM, of which RNN and GRU have the first six ---- */

enum {
    IGI_REC_X = 0,
    IGI_REC_W,
    IGI_REC_R,
    IGI_REC_B,
    IGI_REC_LENS,
    IGI_REC_H0,
    IGI_REC_C0,
    IGI_REC_P,
    IGI_REC_INPUTS,          /* of the gradient: dY, dY_h, dY_c */
    IGI_REC_COTANGENTS = 11, /* of its gradient: those of the seven gradients */
    IGI_REC_GRADS = 7        /* of all inputs but sequence_lens, in order */
};
/* The input that gradient i belongs to. */
static inline int igi_recurrent_input_of(int i)
{
    return i < IGI_REC_LENS ? i : i + 1;
}
#define IGI_RECURRENT_PORTS                                                            \
    IG_PORT("X", 'T',                                                                  \
            "Sequences [seq_length, batch_size, input_size]; with layout 1 "           \
            "[batch_size, seq_length, input_size]."),                                  \
        IG_PORT("W", 'T',                                                              \
                "Weights of X [num_directions, gates * hidden_size, "                  \
                "input_size]."),                                                       \
        IG_PORT("R", 'T',                                                              \
                "Weights of the state [num_directions, gates * "                       \
                "hidden_size, hidden_size]."),                                         \
        IG_PORT("B", 'T',                                                              \
                "Biases of W, then of R [num_directions, 2 * gates * "                 \
                "hidden_size]; absent: 0.",                                            \
                .flags = IG_OPTIONAL),                                                 \
        IG_PORT("sequence_lens", 'L',                                                  \
                "Length of each sequence [batch_size]; absent: "                       \
                "seq_length.",                                                         \
                .flags = IG_OPTIONAL | IG_NODIFF),                                     \
        IG_PORT("initial_h", 'T',                                                      \
                "State before the first step [num_directions, "                        \
                "batch_size, hidden_size], batch first with "                          \
                "layout 1; absent: 0.",                                                \
                .flags = IG_OPTIONAL)
#define IGI_LSTM_PORTS                                                                 \
    IG_PORT("initial_c", 'T',                                                          \
            "Cell before the first step, shaped as initial_h; "                        \
            "absent: 0.",                                                              \
            .flags = IG_OPTIONAL),                                                     \
        IG_PORT("P", 'T',                                                              \
                "Peepholes of the gates i, o, f [num_directions, 3 * "                 \
                "hidden_size]; absent: 0.",                                            \
                .flags = IG_OPTIONAL)
#define IGI_RECURRENT_OUTPUTS                                                          \
    IG_PORT("Y", 'T',                                                                  \
            "State after every step [seq_length, num_directions, "                     \
            "batch_size, hidden_size]; with layout 1 [batch_size, "                    \
            "seq_length, num_directions, hidden_size]. 0 beyond a "                    \
            "sequence's length."),                                                     \
        IG_PORT("Y_h", 'T',                                                            \
                "State after the last step of each sequence, shaped as "               \
                "initial_h.",                                                          \
                .flags = IG_OPTIONAL)

/* ---- activations ---- */

/* ORDER: recurrent activation (`functions` in common_recurrent.c). */
typedef enum igi_rec_act {
    IGI_REC_ACT_RELU = 0,
    IGI_REC_ACT_TANH,
    IGI_REC_ACT_SIGMOID,
    IGI_REC_ACT_AFFINE,           /* alpha x + beta */
    IGI_REC_ACT_LEAKY_RELU,       /* alpha */
    IGI_REC_ACT_THRESHOLDED_RELU, /* x where x >= alpha, else 0 */
    IGI_REC_ACT_SCALED_TANH,      /* alpha tanh(beta x) */
    IGI_REC_ACT_HARD_SIGMOID,     /* clip(alpha x + beta, 0, 1) */
    IGI_REC_ACT_ELU,              /* alpha */
    IGI_REC_ACT_SOFTSIGN,
    IGI_REC_ACT_SOFTPLUS,
    IGI_REC_ACT_COUNT
} igi_rec_act;

typedef struct igi_rec_fn {
    igi_rec_act kind;
    float alpha, beta;
} igi_rec_fn;

/* f(x), f'(x), f''(x). */
void igi_rec_fn_at(const igi_rec_fn *f, double x, double out[3]);

/* ---- one call ---- */

typedef struct igi_recurrent {
    igi_cell cell;
    bool option; /* input_forget, linear_before_reset */
    int gates, dirs;
    bool reverse[2];
    double clip; /* INFINITY: none */
    igi_rec_fn fn[2][3];
    int64_t steps, batch, input, hidden;
    /* in elements: X and Y by step and sequence, Y by direction, states by both */
    int64_t x_step, x_seq, y_step, y_seq, y_dir, h_seq, h_dir;
    const int32_t *lens; /* NULL: all are `steps` */
} igi_recurrent;

/* Reads attributes and shapes: what is known before a run; then, in a run, lengths,
 * which are an error outside 0..steps. */
ig_status igi_recurrent_read(const ig_kernel_ctx *k, igi_recurrent *r);
ig_status igi_recurrent_lengths(const ig_kernel_ctx *k, igi_recurrent *r);
/* The step that sequence b of direction d takes as its i-th, i < its length. */
static inline int64_t igi_recurrent_length(const igi_recurrent *r, int64_t b)
{
    return r->lens ? r->lens[b] : r->steps;
}
static inline int64_t
igi_recurrent_step(const igi_recurrent *r, int d, int64_t b, int64_t i)
{
    return r->reverse[d] ? igi_recurrent_length(r, b) - 1 - i : i;
}

/* Whole infer functions: of the operators, and of both gradients. */
ig_status igi_recurrent_infer(ig_infer *x);
ig_status igi_recurrent_grad_infer(ig_infer *x);
/* The rule of RNN, LSTM and GRU: emits ingot::RecurrentGrad. */
ig_status igi_recurrent_gradient(ig_grad *g, igi_cell cell);
extern const ig_save igi_recurrent_saves[], igi_lstm_saves[];

/* The three computations, for every float type. */
ig_status igi_recurrent_forward(ig_kernel_ctx *k);
ig_status igi_recurrent_backward(ig_kernel_ctx *k);
ig_status igi_recurrent_second(ig_kernel_ctx *k);

/* ---- samples ---- */

/* Attribute lists; file scope only. */
#define IGI_STRINGS(...)                                                               \
    {                                                                                  \
        .n = (int)(sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *)),       \
        .v = (const char *const[])                                                     \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
#define IGI_FLOATS(...)                                                                \
    {                                                                                  \
        .n = (int)(sizeof((const float[]){__VA_ARGS__}) / sizeof(float)),              \
        .v = (const float[])                                                           \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }

#endif
