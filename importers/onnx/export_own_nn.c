/* The loss's gradient, and what the optimiser makes (fused ends, channels last), said
 * in ONNX. */
#include "importers/onnx/export_own.h"

#include <string.h>

/* ---- loss ---- */

/* Weight of each label, 0 of ignored ones; *label is made a class that exists. */
static const char *label_weights(igi_own *w, const char **label)
{
    int64_t ignore = igi_own_int(w, "ignore_index");
    const char *mask = NULL;
    if (ignore != INT64_MIN) {
        const char *mark = igi_own_list(w, &ignore, 1);
        const char *out = igi_own_put2(w, "Equal", *label, mark);
        mask = igi_own_cast(w, igi_own_put1(w, "Not", out), w->dtype);
        *label = igi_own_put_as(w, NULL, "Where", out,
                                igi_own_number(w, IG_INT64, 0, 0), *label);
    }
    if (!igi_own_has(w, 3))
        return mask ? mask : igi_own_filled(w, igi_own_put1(w, "Shape", *label), 1);
    const char *weight = igi_own_put2(w, "Gather", igi_own_in(w, 3), *label);
    return mask ? igi_own_put2(w, "Mul", weight, mask) : weight;
}

/* 1 where class c of [N, C, D1, ...] is the label of [N, D1, ...], else 0. */
static const char *one_hot(igi_own *w, const char *label, int rank)
{
    static const int64_t axis[] = {1};
    int64_t column[IG_RANK_MAX] = {-1};
    for (int i = 1; i < rank; i++)
        column[i] = 1;
    const char *n =
        igi_own_put2(w, "Gather", igi_own_in(w, 2), igi_own_number(w, IG_INT64, 0, 1));
    const char *classes =
        igi_own_put_as(w, NULL, "Range", igi_own_number(w, IG_INT64, 0, 0), n,
                       igi_own_number(w, IG_INT64, 0, 1));
    classes = igi_own_put2(w, "Reshape", classes, igi_own_list(w, column, rank));
    label = igi_own_put2(w, "Unsqueeze", label, igi_own_list(w, axis, 1));
    return igi_own_cast(w, igi_own_put2(w, "Equal", label, classes), w->dtype);
}

/* NllLossGrad(dloss, target, shape, weight?):
 * dx = -onehot(target) weight[target] dloss, by the sum of weights for the mean. */
void igi_own_nll_loss_grad(igi_own *w)
{
    static const int64_t axis[] = {1};
    int rank = igi_own_type_in(w, 1)->rank;
    if (rank < 1) {
        igi_own_refuse(w, "its ranks are not known");
        return;
    }
    const char *label = igi_own_cast(w, igi_own_in(w, 1), IG_INT64);
    const char *weight = label_weights(w, &label);
    const char *k = igi_own_put2(w, "Mul", weight, igi_own_in(w, 0));
    if (strcmp(igi_own_choice(w, "reduction"), "mean") == 0) {
        const char *total = igi_own_put1(w, "ReduceSum", weight);
        igi_own_set_int(w, "keepdims", 0);
        k = igi_own_put2(w, "Div", k, total);
    }
    k = igi_own_put2(w, "Unsqueeze", k, igi_own_list(w, axis, 1));
    igi_own_finish(w, "Neg", igi_own_put2(w, "Mul", one_hot(w, label, rank), k), NULL);
}

/* ---- fused ends ---- */

typedef const char *(*act_fn)(igi_own *w, const char *x);

static double act_a(const igi_own *w)
{
    return (double)*(const float *)igi_own_attr(w, "act_a");
}

static double act_b(const igi_own *w)
{
    return (double)*(const float *)igi_own_attr(w, "act_b");
}

static const char *act_relu(igi_own *w, const char *x)
{
    return igi_own_put1(w, "Relu", x);
}

static const char *act_leaky_relu(igi_own *w, const char *x)
{
    x = igi_own_put1(w, "LeakyRelu", x);
    igi_own_set_float(w, "alpha", act_a(w));
    return x;
}

static const char *act_clip(igi_own *w, const char *x)
{
    return igi_own_put_as(w, NULL, "Clip", x, igi_own_real(w, act_a(w)),
                          igi_own_real(w, act_b(w)));
}

static const char *act_sigmoid(igi_own *w, const char *x)
{
    return igi_own_put1(w, "Sigmoid", x);
}

static const char *act_tanh(igi_own *w, const char *x)
{
    return igi_own_put1(w, "Tanh", x);
}

static const char *act_silu(igi_own *w, const char *x)
{
    return igi_own_put2(w, "Mul", x, igi_own_put1(w, "Sigmoid", x));
}

/* x (1 + t) / 2 */
static const char *half_of(igi_own *w, const char *x, const char *t)
{
    t = igi_own_put2(w, "Add", t, igi_own_real(w, 1));
    return igi_own_put2(w, "Mul", igi_own_put2(w, "Mul", x, igi_own_real(w, 0.5)), t);
}

static const char *act_gelu_erf(igi_own *w, const char *x)
{
    const char *scaled =
        igi_own_put2(w, "Mul", x, igi_own_real(w, 0.70710678118654752440));
    return half_of(w, x, igi_own_put1(w, "Erf", scaled));
}

static const char *act_gelu_tanh(igi_own *w, const char *x)
{
    const char *square = igi_own_put2(w, "Mul", x, x);
    const char *u = igi_own_put2(w, "Mul", square, igi_own_real(w, 0.044715));
    u = igi_own_put2(w, "Mul", igi_own_put2(w, "Add", u, igi_own_real(w, 1)), x);
    u = igi_own_put2(w, "Mul", u, igi_own_real(w, 0.79788456080286535588));
    return half_of(w, x, igi_own_put1(w, "Tanh", u));
}

/* x above 0, alpha (exp(x) - 1) below; exp never sees a positive number. */
static const char *act_elu(igi_own *w, const char *x)
{
    const char *zero = igi_own_real(w, 0);
    const char *e = igi_own_put1(w, "Exp", igi_own_put2(w, "Min", x, zero));
    e = igi_own_put2(w, "Mul", igi_own_put2(w, "Sub", e, igi_own_real(w, 1)),
                     igi_own_real(w, act_a(w)));
    return igi_own_put_as(w, NULL, "Where", igi_own_put2(w, "Greater", x, zero), x, e);
}

static const char *act_softplus(igi_own *w, const char *x)
{
    return igi_own_put1(w, "Softplus", x);
}

/* clip(a x + b, 0, 1) */
static const char *gate(igi_own *w, const char *x, double a, double b)
{
    x = igi_own_put2(w, "Mul", x, igi_own_real(w, a));
    x = igi_own_put2(w, "Add", x, igi_own_real(w, b));
    return igi_own_put_as(w, NULL, "Clip", x, igi_own_real(w, 0), igi_own_real(w, 1));
}

static const char *act_hard_sigmoid(igi_own *w, const char *x)
{
    return gate(w, x, act_a(w), act_b(w));
}

static const char *act_hard_swish(igi_own *w, const char *x)
{
    return igi_own_put2(w, "Mul", x, gate(w, x, 1.0 / 6, 0.5));
}

static act_fn find_act(const char *name)
{
    static const struct {
        const char *name;
        act_fn fn;
    } table[] = {
        {"clip", act_clip},
        {"elu", act_elu},
        {"gelu_erf", act_gelu_erf},
        {"gelu_tanh", act_gelu_tanh},
        {"hard_sigmoid", act_hard_sigmoid},
        {"hard_swish", act_hard_swish},
        {"leaky_relu", act_leaky_relu},
        {"relu", act_relu},
        {"sigmoid", act_sigmoid},
        {"silu", act_silu},
        {"softplus", act_softplus},
        {"tanh", act_tanh},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].fn;
    return NULL;
}

/* The activation; of narrow floats in float32, as the fused operator computes it. */
static const char *activated(igi_own *w, const char *y)
{
    const char *name = igi_own_choice(w, "activation");
    ig_dtype dtype = w->dtype;
    bool narrow = dtype == IG_FLOAT16 || dtype == IG_BFLOAT16;
    act_fn fn = find_act(name);
    if (strcmp(name, "none") == 0)
        return y;
    if (!fn) {
        igi_own_refuse(w, "its activation cannot be said");
        return y;
    }
    if (narrow)
        y = igi_own_cast(w, y, w->dtype = IG_FLOAT32);
    y = fn(w, y);
    w->dtype = dtype;
    return narrow ? igi_own_cast(w, y, dtype) : y;
}

/* Output 0 from the product y: residual (input 3) and activation in their order. */
static void finish_fused(igi_own *w, const char *y)
{
    bool residual = igi_own_has(w, 3), after = igi_own_int(w, "residual_after") != 0;
    if (residual && !after)
        y = igi_own_put2(w, "Add", y, igi_own_in(w, 3));
    y = activated(w, y);
    if (residual && after)
        igi_own_finish(w, "Add", y, igi_own_in(w, 3));
    else
        igi_own_finish(w, "Identity", y, NULL);
}

/* Linear(x, w, b?, residual?) */
void igi_own_linear(igi_own *w)
{
    static const int64_t swap[] = {1, 0};
    double alpha = (double)*(const float *)igi_own_attr(w, "alpha");
    const char *weight = igi_own_in(w, 1);
    if (igi_own_type_in(w, 1)->dtype != igi_own_type_in(w, 0)->dtype)
        weight = igi_own_put2(w, "CastLike", weight, igi_own_in(w, 0));
    if (igi_own_int(w, "trans_w"))
        weight = igi_own_transposed(w, weight, swap, 2);
    const char *y = igi_own_put2(w, "MatMul", igi_own_in(w, 0), weight);
    if (alpha != 1)
        y = igi_own_put2(w, "Mul", y, igi_own_real(w, alpha));
    if (igi_own_has(w, 2))
        y = igi_own_put2(w, "Add", y, igi_own_in(w, 2));
    finish_fused(w, y);
}

/* ---- channels last ---- */

int igi_own_nhwc_rank(igi_own *w)
{
    int rank = igi_own_type_in(w, 0)->rank;
    if (rank < 3)
        igi_own_refuse(w, "its rank is not known");
    return w->rc == IG_OK ? rank : 0;
}

const char *igi_own_channels_first(igi_own *w, int rank)
{
    int64_t perm[IG_RANK_MAX];
    for (int i = 0; i < rank; i++)
        perm[i] = i == 0 ? 0 : i == 1 ? rank - 1 : i - 1;
    return igi_own_transposed(w, igi_own_in(w, 0), perm, rank);
}

const char *igi_own_channels_last(igi_own *w, const char *out, const char *y, int rank)
{
    int64_t perm[IG_RANK_MAX];
    for (int i = 0; i < rank; i++)
        perm[i] = i == 0 ? 0 : i == rank - 1 ? 1 : i + 1;
    out = igi_own_put_as(w, out, "Transpose", y, NULL, NULL);
    igi_own_set_ints(w, "perm", perm, rank);
    return out;
}

/* Conv(x, w, b?, residual?) */
void igi_own_nhwc_conv(igi_own *w)
{
    static const char *const same[] = {"auto_pad", "dilations", "group", "pads",
                                       "strides"};
    int rank = igi_own_nhwc_rank(w);
    if (!rank)
        return;
    const char *y =
        igi_own_put_as(w, NULL, "Conv", igi_own_channels_first(w, rank),
                       igi_own_in(w, 1), igi_own_has(w, 2) ? igi_own_in(w, 2) : NULL);
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        igi_own_copy_attr(w, same[i]);
    finish_fused(w, igi_own_channels_last(w, NULL, y, rank));
}

/* Pooling: the operator of that name in ONNX has the same attributes. */
static void nhwc_pool(igi_own *w, const char *op)
{
    int rank = igi_own_nhwc_rank(w);
    if (!rank)
        return;
    const char *y = igi_own_put1(w, op, igi_own_channels_first(w, rank));
    for (const ig_attr_def *a = w->n->op->def->attrs; a && a->name; a++)
        igi_own_copy_attr(w, a->name);
    (void)igi_own_channels_last(w, w->out[0], y, rank);
}

void igi_own_nhwc_average_pool(igi_own *w)
{
    nhwc_pool(w, "AveragePool");
}

void igi_own_nhwc_global_average_pool(igi_own *w)
{
    nhwc_pool(w, "GlobalAveragePool");
}

void igi_own_nhwc_max_pool(igi_own *w)
{
    nhwc_pool(w, "MaxPool");
}
