/* Attributes, shapes, activation functions and the gradient rule of RNN, LSTM and GRU.
 */
#include "operators/common_recurrent.h"

#include <inttypes.h>

IG_USES_OP(RecurrentGrad);

const char *const igi_cell_names[] = {"rnn", "lstm", "gru", NULL}; /* ORDER: cell */
const char *const igi_direction_names[] = {"forward", "reverse", "bidirectional", NULL};

static const struct {
    int gates, functions;
    igi_rec_act usual[3];
} shapes[] = {
    /* ORDER: cell */
    {1, 1, {IGI_REC_ACT_TANH}},
    {4, 3, {IGI_REC_ACT_SIGMOID, IGI_REC_ACT_TANH, IGI_REC_ACT_TANH}},
    {3, 2, {IGI_REC_ACT_SIGMOID, IGI_REC_ACT_TANH}},
};

/* ---- activations ---- */

/* Defaults are those of the ONNX operators of these names; NAN: no such parameter. */
static const struct {
    const char *name;
    float alpha, beta;
} functions[] = {
    /* ORDER: recurrent activation */
    {"Relu", NAN, NAN},     {"Tanh", NAN, NAN},        {"Sigmoid", NAN, NAN},
    {"Affine", 1, 0},       {"LeakyRelu", .01f, NAN},  {"ThresholdedRelu", 1, NAN},
    {"ScaledTanh", 1, 1},   {"HardSigmoid", .2f, .5f}, {"Elu", 1, NAN},
    {"Softsign", NAN, NAN}, {"Softplus", NAN, NAN},
};

static void smooth_at(igi_rec_act kind, double x, double out[3])
{
    double t;
    switch (kind) {
    case IGI_REC_ACT_SIGMOID:
        t = x >= 0 ? 1 / (1 + exp(-x)) : exp(x) / (1 + exp(x));
        out[0] = t;
        out[1] = t * (1 - t);
        out[2] = out[1] * (1 - 2 * t);
        break;
    case IGI_REC_ACT_SOFTSIGN:
        t = 1 / (1 + fabs(x));
        out[0] = x * t;
        out[1] = t * t;
        out[2] = (x < 0 ? 2 : -2) * t * t * t;
        break;
    case IGI_REC_ACT_SOFTPLUS:
        smooth_at(IGI_REC_ACT_SIGMOID, x, out);
        out[2] = out[1];
        out[1] = out[0];
        out[0] = fmax(x, 0) + log1p(exp(-fabs(x)));
        break;
    default: /* Tanh */
        t = tanh(x);
        out[0] = t;
        out[1] = 1 - t * t;
        out[2] = -2 * t * out[1];
    }
}

void igi_rec_fn_at(const igi_rec_fn *f, double x, double out[3])
{
    const double a = (double)f->alpha, b = (double)f->beta;
    const double line = a * x + b;
    out[2] = 0;
    switch (f->kind) {
    case IGI_REC_ACT_RELU:
        out[0] = x < 0 ? 0 : x; /* NaN stays */
        out[1] = x > 0;
        break;
    case IGI_REC_ACT_AFFINE:
        out[0] = line;
        out[1] = a;
        break;
    case IGI_REC_ACT_LEAKY_RELU:
        out[0] = x < 0 ? a * x : x;
        out[1] = x < 0 ? a : 1;
        break;
    case IGI_REC_ACT_THRESHOLDED_RELU:
        out[0] = x < a ? 0 : x;
        out[1] = x >= a;
        break;
    case IGI_REC_ACT_SCALED_TANH:
        smooth_at(IGI_REC_ACT_TANH, b * x, out);
        out[0] *= a;
        out[1] *= a * b;
        out[2] *= a * b * b;
        break;
    case IGI_REC_ACT_HARD_SIGMOID:
        out[0] = line < 0 ? 0 : line > 1 ? 1 : line;
        out[1] = line > 0 && line < 1 ? a : 0;
        break;
    case IGI_REC_ACT_ELU:
        out[0] = x < 0 ? a * expm1(x) : x;
        out[1] = x < 0 ? a * exp(x) : 1;
        out[2] = x < 0 ? a * exp(x) : 0;
        break;
    default:
        smooth_at(f->kind, x, out);
    }
}

static bool same_word(const char *a, const char *b)
{
    for (; *a && *b; a++, b++)
        if ((*a | 0x20) != (*b | 0x20))
            return false;
    return *a == *b;
}

/* -1 with a record when there is no such function. */
static int find_function(const char *name)
{
    for (int kind = 0; kind < IGI_REC_ACT_COUNT; kind++)
        if (same_word(name, functions[kind].name))
            return kind;
    (void)ig_fail(IG_INVALID_ARGUMENT,
                  "activations names '%s', which is no function; known are Relu, Tanh, "
                  "Sigmoid, Affine, LeakyRelu, ThresholdedRelu, ScaledTanh, "
                  "HardSigmoid, Elu, Softsign and Softplus",
                  name);
    return -1;
}

/* The next listed value when the function has this parameter, its default without one.
 */
static float parameter(const ig_floats *list, int64_t *at, float usual)
{
    if (isnan(usual))
        return 0;
    return *at < list->n ? list->v[(*at)++] : usual;
}

static ig_status read_functions(const igi_rnn_attrs *a, igi_recurrent *r)
{
    int64_t n = shapes[r->cell].functions, at_alpha = 0, at_beta = 0;
    const ig_strings *names = &a->activations;
    if (names->v && names->n != n * r->dirs)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "activations has %" PRId64 " names, expected %" PRId64
                       " for each of %d directions",
                       names->n, n, r->dirs);
    for (int64_t i = 0; i < n * r->dirs; i++) {
        igi_rec_fn *f = &r->fn[i / n][i % n];
        int kind =
            names->v ? find_function(names->v[i]) : (int)shapes[r->cell].usual[i % n];
        if (kind < 0)
            return IG_INVALID_ARGUMENT; /* message set */
        f->kind = (igi_rec_act)kind;
        f->alpha = parameter(&a->activation_alpha, &at_alpha, functions[kind].alpha);
        f->beta = parameter(&a->activation_beta, &at_beta, functions[kind].beta);
    }
    return IG_OK;
}

/* ---- attributes ---- */

static ig_status read_attrs(const ig_op_def *op, const void *attrs, igi_recurrent *r)
{
    const igi_rnn_attrs *a = attrs;
    r->cell = IGI_CELL_RNN;
    r->option = false;
    if (op->domain) { /* a gradient */
        r->cell = (igi_cell)((const igi_recurrent_attrs *)attrs)->cell;
        r->option = ((const igi_recurrent_attrs *)attrs)->option != 0;
    } else if (!strcmp(op->name, "LSTM")) {
        r->cell = IGI_CELL_LSTM;
        r->option = ((const igi_lstm_attrs *)attrs)->input_forget != 0;
    } else if (!strcmp(op->name, "GRU")) {
        r->cell = IGI_CELL_GRU;
        r->option = ((const igi_gru_attrs *)attrs)->linear_before_reset != 0;
    }
    r->gates = shapes[r->cell].gates;
    r->dirs = a->direction == 2 ? 2 : 1;
    r->reverse[0] = a->direction == 1;
    r->reverse[1] = true;
    r->clip = a->clip > 0 ? (double)a->clip : (double)INFINITY;
    if (!(a->clip >= 0))
        return ig_fail(IG_INVALID_ARGUMENT, "clip is %g, it must not be negative",
                       (double)a->clip);
    return read_functions(a, r);
}

/* ---- shapes ---- */

/* Input i has these dims, or is absent. */
static ig_status has_dims(ig_infer *x, int i, int rank, const int64_t *dims)
{
    if (i >= x->n_in || !x->in[i])
        return IG_OK;
    const ig_port *port = &x->op->inputs[i];
    if (x->in[i]->rank != rank)
        return ig_infer_fail(x, "%s has rank %d, expected %d", port->name,
                             x->in[i]->rank, rank);
    for (int k = 0; k < rank; k++)
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[i])[k], dims[k], port->name, NULL));
    return IG_OK;
}

/* Dims of states and of Y in the given layout. */
typedef struct {
    int64_t dirs, steps, batch, input, hidden, rows; /* rows: gates * hidden */
    int64_t state[3], y[4];
} recurrent_dims;

static ig_status sizes(ig_infer *x, const igi_recurrent *r, recurrent_dims *d)
{
    const igi_rnn_attrs *a = x->attrs;
    bool batch_first = a->layout != 0;
    if (x->in[IGI_REC_X]->rank != 3 || x->in[IGI_REC_W]->rank != 3 ||
        x->in[IGI_REC_R]->rank != 3)
        return ig_infer_fail(x, "X, W and R must have rank 3");
    const int64_t *xd = ig_type_dims(x->in[IGI_REC_X]);
    d->dirs = r->dirs;
    d->steps = xd[batch_first];
    d->batch = xd[!batch_first];
    d->input = xd[2];
    d->hidden = ig_type_dims(x->in[IGI_REC_R])[2];
    if (a->hidden_size)
        IG_TRY(ig_infer_equal(x, a->hidden_size, d->hidden,
                              "hidden_size and the last dim of R", &d->hidden));
    d->rows = ig_dim_mul(x->syms, r->gates, d->hidden);
    const int64_t time_first[] = {d->steps, d->dirs, d->batch, d->hidden};
    const int64_t time_second[] = {d->batch, d->steps, d->dirs, d->hidden};
    memcpy(d->y, batch_first ? time_second : time_first, sizeof(d->y));
    d->state[0] = batch_first ? d->batch : d->dirs;
    d->state[1] = batch_first ? d->dirs : d->batch;
    d->state[2] = d->hidden;
    return IG_OK;
}

static ig_status check_inputs(ig_infer *x, recurrent_dims *d)
{
    igi_recurrent r = {0};
    ig_status rc = read_attrs(x->op, x->attrs, &r);
    if (rc != IG_OK) {
        (void)ig_fail_context("%s", x->op->name);
        return rc;
    }
    IG_TRY(sizes(x, &r, d));
    int64_t biases = ig_dim_mul(x->syms, 2, d->rows);
    int64_t peepholes = ig_dim_mul(x->syms, 3, d->hidden);
    IG_TRY(has_dims(x, IGI_REC_W, 3, (int64_t[]){d->dirs, d->rows, d->input}));
    IG_TRY(has_dims(x, IGI_REC_R, 3, (int64_t[]){d->dirs, d->rows, d->hidden}));
    IG_TRY(has_dims(x, IGI_REC_B, 2, (int64_t[]){d->dirs, biases}));
    IG_TRY(has_dims(x, IGI_REC_LENS, 1, &d->batch));
    IG_TRY(has_dims(x, IGI_REC_H0, 3, d->state));
    IG_TRY(has_dims(x, IGI_REC_C0, 3, d->state));
    return has_dims(x, IGI_REC_P, 2, (int64_t[]){d->dirs, peepholes});
}

ig_status igi_recurrent_infer(ig_infer *x)
{
    recurrent_dims d = {0};
    IG_TRY(check_inputs(x, &d));
    for (int i = 0; i < x->n_out; i++)
        IG_TRY(ig_infer_set(x, i, i ? 3 : 4, i ? d.state : d.y));
    return IG_OK;
}

ig_status igi_recurrent_grad_infer(ig_infer *x)
{
    recurrent_dims d = {0};
    IG_TRY(check_inputs(x, &d));
    IG_TRY(has_dims(x, IGI_REC_INPUTS, 4, d.y));
    IG_TRY(has_dims(x, IGI_REC_INPUTS + 1, 3, d.state));
    IG_TRY(has_dims(x, IGI_REC_INPUTS + 2, 3, d.state));
    for (int i = 0; i < IGI_REC_GRADS && x->n_in > IGI_REC_COTANGENTS + i; i++)
        if (x->in[IGI_REC_COTANGENTS + i]) {
            const ig_type *of = x->in[igi_recurrent_input_of(i)];
            if (!of)
                return ig_infer_fail(x, "%s is given, but what it belongs to is not",
                                     x->op->inputs[IGI_REC_COTANGENTS + i].name);
            IG_TRY(has_dims(x, IGI_REC_COTANGENTS + i, of->rank, ig_type_dims(of)));
        }
    for (int i = 0; i < x->n_out; i++) {
        int of = i < IGI_REC_GRADS ? igi_recurrent_input_of(i)
                                   : IGI_REC_INPUTS + i - IGI_REC_GRADS;
        if (x->out[i] && (of >= x->n_in || !x->in[of]))
            return ig_infer_fail(x, "output %s is wanted, but its input is absent",
                                 x->op->outputs[i].name);
        if (x->out[i])
            IG_TRY(ig_infer_copy(x, i, of));
    }
    return IG_OK;
}

ig_status igi_recurrent_read(const ig_kernel_ctx *k, igi_recurrent *r)
{
    const int64_t *xd = ig_dims(ig_in(k, IGI_REC_X)),
                  *rd = ig_dims(ig_in(k, IGI_REC_R));
    IG_TRY(read_attrs(k->op, k->attrs, r));
    bool batch_first = ((const igi_rnn_attrs *)k->attrs)->layout != 0;
    r->steps = xd[batch_first];
    r->batch = xd[!batch_first];
    r->input = xd[2];
    r->hidden = rd[2];
    int64_t h = r->hidden, layer = r->dirs * h;
    r->x_step = batch_first ? r->input : r->batch * r->input;
    r->x_seq = batch_first ? r->steps * r->input : r->input;
    r->y_step = batch_first ? layer : r->batch * layer;
    r->y_seq = batch_first ? r->steps * layer : h;
    r->y_dir = batch_first ? h : r->batch * h;
    r->h_seq = batch_first ? layer : h;
    r->h_dir = batch_first ? h : r->batch * h;
    r->lens = NULL;
    return IG_OK;
}

ig_status igi_recurrent_lengths(const ig_kernel_ctx *k, igi_recurrent *r)
{
    const ig_tensor *lens = ig_in(k, IGI_REC_LENS);
    r->lens = lens ? ig_data(lens) : NULL;
    for (int64_t b = 0; r->lens && b < r->batch; b++)
        if (r->lens[b] < 0 || r->lens[b] > r->steps)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "sequence_lens[%" PRId64 "] is %d, not in 0..%" PRId64
                                  " (the seq_length of X)",
                                  b, r->lens[b], r->steps);
    return IG_OK;
}

/* ---- gradients ---- */

const ig_save igi_recurrent_saves[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY),
    IG_SAVE_IN(1, IG_SAVE_ANY),
    IG_SAVE_IN(2, IG_SAVE_ANY),
    IG_SAVE_IN(3, IG_SAVE_ANY),
    IG_SAVE_IN(4, IG_SAVE_ANY),
    IG_SAVE_IN(5, IG_SAVE_ANY),
    {0},
};
const ig_save igi_lstm_saves[] = {
    IG_SAVE_IN(0, IG_SAVE_ANY), IG_SAVE_IN(1, IG_SAVE_ANY), IG_SAVE_IN(2, IG_SAVE_ANY),
    IG_SAVE_IN(3, IG_SAVE_ANY), IG_SAVE_IN(4, IG_SAVE_ANY), IG_SAVE_IN(5, IG_SAVE_ANY),
    IG_SAVE_IN(6, IG_SAVE_ANY), IG_SAVE_IN(7, IG_SAVE_ANY), {0},
};

static igi_recurrent_attrs attrs_of_gradient(const void *attrs, igi_cell cell)
{
    igi_recurrent_attrs a = {.cell = cell};
    memcpy(&a, attrs, sizeof(igi_rnn_attrs)); /* the members that all have */
    a.struct_size = sizeof(a);
    if (cell == IGI_CELL_LSTM)
        a.option = ((const igi_lstm_attrs *)attrs)->input_forget;
    else if (cell == IGI_CELL_GRU)
        a.option = ((const igi_gru_attrs *)attrs)->linear_before_reset;
    return a;
}

ig_status igi_recurrent_gradient(ig_grad *g, igi_cell cell)
{
    igi_recurrent_attrs a = attrs_of_gradient(ig_grad_attrs(g), cell);
    ig_var in[IGI_REC_COTANGENTS] = {{0}}, dx[IGI_REC_GRADS];
    ig_call call = {.op = IG_OP(RecurrentGrad),
                    .attrs = &a,
                    .n_in = IGI_REC_COTANGENTS,
                    .n_out = IGI_REC_GRADS};
    for (int i = 0; i < ig_grad_n_in(g); i++)
        in[i] = ig_grad_in(g, i);
    for (int i = 0; i < ig_grad_n_out(g); i++)
        in[IGI_REC_INPUTS + i] = ig_grad_dy(g, i);
    for (int i = 0; i < IGI_REC_GRADS; i++)
        if (ig_grad_wants(g, igi_recurrent_input_of(i)))
            call.wanted |= IG_BIT(i);
    if (!call.wanted)
        return IG_OK;
    IG_TRY(ig_emit_call(g, &call, in, dx));
    for (int i = 0; i < IGI_REC_GRADS; i++)
        ig_grad_set(g, igi_recurrent_input_of(i), dx[i]);
    return IG_OK;
}
