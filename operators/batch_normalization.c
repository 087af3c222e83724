/* BatchNormalization: y = (x - mean) / sqrt(var + epsilon) * scale + b per channel
 * (axis 1).
 *
 * Inference takes mean and variance as given. training_mode takes those of the batch
 * (population variance) and returns the running ones, old * momentum + batch * (1 -
 * momentum). A tensor of rank 1 is a batch of one channel. The three type variables may
 * differ; all is computed in double. */
#include "operators/common_float.h"
#include "operators/common_grad.h"

IG_USES_OP(Expand);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Input [N, C, D1, ..., Dk], or [N] with C = 1."),
    IG_PORT("scale", 'P', "Factor [C]."),
    IG_PORT("B", 'P', "Added at the end [C]."),
    IG_PORT("input_mean", 'S', "Mean, or running mean in training [C]."),
    IG_PORT("input_var", 'S', "Variance, or running variance in training [C]."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("Y", 'T', "Shape of X."),
    IG_PORT("running_mean",
            'S',
            "New running mean; only in training.",
            .flags = IG_OPTIONAL),
    IG_PORT("running_var",
            'S',
            "New running variance (of the population); only in training.",
            .flags = IG_OPTIONAL),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_FLOATS}, {'P', IG_FLOATS}, {'S', IG_FLOATS}, {0}};
typedef struct {
    uint32_t struct_size;
    float epsilon, momentum;
    int64_t training_mode;
} batch_norm_attrs;
static const ig_attr_def attrs[] = {
    IG_ATTR_FLOAT(batch_norm_attrs, epsilon, 1e-5f, "Added to the variance."),
    IG_ATTR_FLOAT(
        batch_norm_attrs, momentum, 0.9f, "Weight of the old running statistics."),
    IG_ATTR_INT(batch_norm_attrs,
                training_mode,
                0,
                "1: normalise by the batch and return running statistics.",
                .min = 0,
                .max = 1),
    {0},
};

static ig_status batch_norm_infer(ig_infer *x)
{
    const batch_norm_attrs *a = x->attrs;
    int rank = x->in[0]->rank;
    if (rank < 1)
        return ig_infer_fail(x, "X must have rank 1 at least");
    int64_t channels = rank > 1 ? ig_type_dims(x->in[0])[1] : 1;
    for (int i = 1; i < 5; i++) {
        if (x->in[i]->rank != 1)
            return ig_infer_fail(x, "%s must have rank 1", x->op->inputs[i].name);
        IG_TRY(ig_infer_equal(x, ig_type_dims(x->in[i])[0], channels,
                              "the channels of X and of its statistics", &channels));
    }
    for (int i = 1; i < x->n_out; i++) {
        if (x->out[i] && !a->training_mode)
            return ig_infer_fail(x, "output %s exists only with training_mode = 1",
                                 x->op->outputs[i].name);
        IG_TRY(ig_infer_set(x, i, 1, &channels));
    }
    return ig_infer_copy(x, 0, 0);
}

static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0) | IG_BIT(1) | IG_BIT(4)),
    IG_SAVE_IN(1, IG_BIT(0) | IG_BIT(3) | IG_BIT(4)),
    IG_SAVE_IN(3, IG_BIT(1) | IG_BIT(4)),
    IG_SAVE_IN(4, IG_BIT(0) | IG_BIT(1) | IG_BIT(3) | IG_BIT(4)),
    {0},
};

/* What both modes' rules share. Emission is done in one type, float32 or float64. */
typedef struct {
    ig_grad *g;
    const batch_norm_attrs *a;
    ig_dtype wide;
    int rank, n_axes;
    int64_t axes[IG_RANK_MAX]; /* all but the channel axis */
    ig_var dy;
} batch_norm_rule;

static void rule_set(batch_norm_rule *r, ig_grad *g)
{
    r->g = g;
    r->a = ig_grad_attrs(g);
    r->rank = ig_grad_in_type(g, 0)->rank;
    r->wide = IG_FLOAT32;
    for (int i = 0; i < 5; i++)
        if (ig_grad_in_type(g, i)->dtype == IG_FLOAT64)
            r->wide = IG_FLOAT64;
    r->n_axes = 0;
    for (int i = 0; i < r->rank; i++)
        if (i != 1)
            r->axes[r->n_axes++] = i;
    r->dy = igi_emit_cast(g, ig_grad_dy(g, 0), r->wide);
}

/* Input [C], or a gradient of that shape, as [C, 1, ..., 1] in the wide type. */
static ig_var per_channel(batch_norm_rule *r, ig_var v)
{
    int64_t axes[IG_RANK_MAX];
    int n = 0;
    for (int i = 2; i < r->rank; i++)
        axes[n++] = i - 1;
    return v.h ? igi_emit_unsqueeze(r->g, igi_emit_cast(r->g, v, r->wide), axes, n) : v;
}

/* Sets the gradient of input i: v summed to [C] and in the input's type. */
static void set_summed(batch_norm_rule *r, int i, ig_var v)
{
    if (!ig_grad_wants(r->g, i) || !v.h)
        return;
    /* rank 1: one channel, so the sum over everything has shape [1] */
    v = r->rank == 1 ? igi_emit_sum(r->g, v, r->axes, r->n_axes)
                     : ig_emit_sum_except(r->g, v, 1);
    ig_grad_set(r->g, i,
                igi_emit_cast(r->g, v, (ig_dtype)ig_grad_in_type(r->g, i)->dtype));
}

static bool wants_any(ig_grad *g, uint64_t mask)
{
    for (int i = 0; i < 5; i++)
        if (mask >> i & 1 && ig_grad_wants(g, i))
            return true;
    return false;
}

/* y = (x - mean) * inv * scale + b with mean and inv = (var + epsilon)^-1/2 given. */
static ig_status inference_gradient(batch_norm_rule *r)
{
    ig_grad *g = r->g;
    ig_var dy = r->dy, inv = {0}, scale = {0}, d = {0};
    if (wants_any(g, IG_BIT(0) | IG_BIT(1) | IG_BIT(3) | IG_BIT(4)))
        inv = igi_emit_inverse_root(g, per_channel(r, ig_grad_in(g, 4)),
                                    (double)r->a->epsilon);
    if (wants_any(g, IG_BIT(0) | IG_BIT(3) | IG_BIT(4)))
        scale = igi_emit_mul(g, per_channel(r, ig_grad_in(g, 1)), inv);
    if (wants_any(g, IG_BIT(1) | IG_BIT(4)))
        d = igi_emit_sub(g, igi_emit_cast(g, ig_grad_in(g, 0), r->wide),
                         per_channel(r, ig_grad_in(g, 3)));
    ig_var dx = scale.h ? igi_emit_mul(g, dy, scale) : dy;
    if (ig_grad_wants(g, 0))
        ig_grad_set(g, 0, igi_emit_cast(g, dx, (ig_dtype)ig_grad_in_type(g, 0)->dtype));
    if (ig_grad_wants(g, 1))
        set_summed(r, 1, igi_emit_mul(g, igi_emit_mul(g, dy, d), inv));
    set_summed(r, 2, dy);
    if (ig_grad_wants(g, 3))
        set_summed(r, 3, igi_emit_scale(g, dx, -1));
    if (ig_grad_wants(g, 4)) {
        ig_var v = igi_emit_mul(g, igi_emit_mul(g, dx, d), igi_emit_mul(g, inv, inv));
        set_summed(r, 4, igi_emit_scale(g, v, -0.5));
    }
    return IG_OK;
}

/* The same with mean and variance of the batch; m elements in a channel. With
 * n = (x - mean) * inv and h = dy * scale:
 *   dx = inv * (h - mean(h) - n * mean(h * n))
 *      + (1 - momentum) * (d running_mean + 2 (x - mean) d running_var) / m. */
static ig_status training_gradient(batch_norm_rule *r)
{
    ig_grad *g = r->g;
    double fresh = 1 - (double)r->a->momentum;
    ig_var dy = r->dy, dx = {0};
    igi_standard s = {0};
    ig_var dmean = ig_grad_dy(g, 1), dvar = ig_grad_dy(g, 2);
    if (wants_any(g, IG_BIT(0) | IG_BIT(1))) {
        ig_var x = igi_emit_cast(g, ig_grad_in(g, 0), r->wide);
        s = igi_emit_standard(g, x, r->axes, r->n_axes, (double)r->a->epsilon);
    }
    if (ig_grad_wants(g, 0) && dy.h) {
        ig_var h = igi_emit_mul(g, dy, per_channel(r, ig_grad_in(g, 1)));
        dx = igi_emit_standard_dx(g, &s, h, r->axes, r->n_axes);
    }
    if (ig_grad_wants(g, 0) && (dmean.h || dvar.h)) {
        ig_var t = per_channel(r, dmean);
        if (dvar.h)
            t = igi_emit_add(
                g, t, igi_emit_mul(g, igi_emit_scale(g, s.d, 2), per_channel(r, dvar)));
        t = igi_emit_div_count(g, igi_emit_scale(g, t, fresh), 0, r->axes, r->n_axes);
        if (!dy.h && !dvar.h) /* one number a channel so far */
            t = ig_emit2(g, IG_OP(Expand), NULL, t, ig_grad_in_shape(g, 0));
        dx = igi_emit_add(g, dx, t);
    }
    if (dx.h)
        ig_grad_set(g, 0, igi_emit_cast(g, dx, (ig_dtype)ig_grad_in_type(g, 0)->dtype));
    if (ig_grad_wants(g, 1) && dy.h)
        set_summed(r, 1, igi_emit_mul(g, dy, s.n));
    set_summed(r, 2, dy);
    if (dmean.h)
        ig_grad_set(g, 3, igi_emit_scale(g, dmean, (double)r->a->momentum));
    if (dvar.h)
        ig_grad_set(g, 4, igi_emit_scale(g, dvar, (double)r->a->momentum));
    return IG_OK;
}

static ig_status batch_norm_gradient(ig_grad *g)
{
    batch_norm_rule r;
    rule_set(&r, g);
    return r.a->training_mode ? training_gradient(&r) : inference_gradient(&r);
}

typedef struct {
    const void *x;
    void *y;
    int64_t batch, channels, inner;
    double epsilon;
} batch_norm_call;

/* Mean and population variance of a channel. */
IGI_INLINE void channel_statistics(
    ig_dtype T, const batch_norm_call *v, int64_t c, double *mean, double *var)
{
    double sum = 0, squares = 0, m = (double)v->batch * (double)v->inner;
    for (int64_t n = 0; n < v->batch; n++)
        for (int64_t i = 0; i < v->inner; i++)
            sum += igi_load(T, v->x, (n * v->channels + c) * v->inner + i);
    *mean = m > 0 ? sum / m : (double)NAN;
    for (int64_t n = 0; n < v->batch; n++) {
        for (int64_t i = 0; i < v->inner; i++) {
            double d = igi_load(T, v->x, (n * v->channels + c) * v->inner + i) - *mean;
            squares += d * d;
        }
    }
    *var = m > 0 ? squares / m : (double)NAN;
}

IGI_INLINE void normalise_channel(ig_dtype T,
                                  const batch_norm_call *v,
                                  int64_t c,
                                  double mean,
                                  double factor,
                                  double add)
{
    for (int64_t n = 0; n < v->batch; n++) {
        for (int64_t i = 0; i < v->inner; i++) {
            int64_t at = (n * v->channels + c) * v->inner + i;
            igi_store(T, v->y, at, (igi_load(T, v->x, at) - mean) * factor + add);
        }
    }
}

static double channel_value(const ig_tensor *t, int64_t c)
{
    return igi_get_f64(ig_dtype_of(t), ig_data(t), c);
}

/* new = old * momentum + batch * (1 - momentum), when wanted. */
static void
put_running(ig_kernel_ctx *k, int out, int in, int64_t c, double momentum, double batch)
{
    ig_tensor *t = ig_out(k, out);
    if (t)
        igi_put_f64(ig_dtype_of(t), ig_data(t), c,
                    channel_value(ig_in(k, in), c) * momentum + batch * (1 - momentum));
}

static ig_status batch_norm_reference(ig_kernel_ctx *k)
{
    const batch_norm_attrs *a = k->attrs;
    const ig_tensor *x = ig_in(k, 0);
    int rank = ig_rank(x);
    batch_norm_call v = {.x = ig_data(x),
                         .y = ig_data(ig_out(k, 0)),
                         .batch = ig_dims(x)[0],
                         .channels = rank > 1 ? ig_dims(x)[1] : 1,
                         .inner = 1,
                         .epsilon = (double)a->epsilon};
    for (int i = 2; i < rank; i++)
        v.inner *= ig_dims(x)[i];
    for (int64_t c = 0; c < v.channels; c++) {
        double mean = channel_value(ig_in(k, 3), c),
               var = channel_value(ig_in(k, 4), c);
        if (a->training_mode) {
            IGI_EACH_FLOAT(k, ig_dtype_of(x),
                           channel_statistics(T, &v, c, &mean, &var));
            put_running(k, 1, 3, c, (double)a->momentum, mean);
            put_running(k, 2, 4, c, (double)a->momentum, var);
        }
        double factor = channel_value(ig_in(k, 1), c) / sqrt(var + v.epsilon);
        double add = channel_value(ig_in(k, 2), c);
        IGI_EACH_FLOAT(k, ig_dtype_of(x),
                       normalise_channel(T, &v, c, mean, factor, add));
    }
    return IG_OK;
}

#define HEAD .struct_size = sizeof(batch_norm_attrs), .epsilon = 1e-5f
static const batch_norm_attrs training = {HEAD, .momentum = 0.75f, .training_mode = 1};
#define WIDE(...)                                                                      \
    {                                                                                  \
        IG_SHAPE_IN(__VA_ARGS__), .dtype = IG_FLOAT64                                  \
    }
#define PER_CHANNEL(n_) IGI_IN(n_), IGI_IN(n_), IGI_IN(n_), IGI_IN_POSITIVE(n_)
static const ig_sample samples[] = {
    {.name = "inference", IGI_INPUTS(IGI_IN(2, 3, 2, 2), PER_CHANNEL(3))},
    {.name = "training",
     .attrs = &training,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(3, 2, 2), PER_CHANNEL(2))},
    {.name = "training_two_axes",
     .attrs = &training,
     IGI_INPUTS(IGI_IN(5, 2), PER_CHANNEL(2))},
    {.name = "one_axis", IGI_INPUTS(IGI_IN(4), PER_CHANNEL(1))},
    {.name = "training_one_axis",
     .attrs = &training,
     .n_out = 3,
     IGI_INPUTS(IGI_IN(4), PER_CHANNEL(1))},
    {.name = "mixed_types",
     IGI_INPUTS(IGI_IN(2, 2, 3),
                WIDE(2),
                WIDE(2),
                {IG_SHAPE_IN(2), .dtype = IG_FLOAT32},
                {IG_SHAPE_IN(2), .dtype = IG_FLOAT32, .fill = IG_FILL_POSITIVE}),
     .no_gradient =
         true}, /* float32 statistics are too coarse for finite differences */
    {.name = "empty_batch", IGI_INPUTS(IGI_IN(0, 2, 3), PER_CHANNEL(2))},
    {0},
};

IG_OPERATOR(BatchNormalization) = {
    IG_OP_HEAD,
    .name = "BatchNormalization",
    .since = 15,
    .doc = "(X - mean) / sqrt(var + epsilon) * scale + B per channel, with the given "
           "statistics, or in training with those of the batch.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(batch_norm_attrs),
    .infer = batch_norm_infer,
    .gradient = batch_norm_gradient,
    .saves = saves,
    .reference = batch_norm_reference,
    .samples = samples,
};
