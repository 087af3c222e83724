// Where: output = condition ? X : Y, all three broadcast together.
//
// Elements are moved, not computed, so the loops depend only on their size; strings are
// counted handles. Gradient: dy goes to the chosen side and 0 to the other (a NaN born
// in the branch that was not chosen still is one: 0 * inf happens before it arrives
// here).

#include "operators/common.h"

static const ig_port inputs[] = {
    IG_PORT("condition", 'B', "Where true, X is taken."),
    IG_PORT("X", 'T', "Values where the condition holds."),
    IG_PORT("Y", 'T', "Values elsewhere."),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("output", 'T', "Shape of the broadcast.", .alias = IG_MAY_ALIAS(1, 2)),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_CLASSIC_TYPES | IG_T(BFLOAT16)},
    {'B', IG_T(BOOL)},
    {0},
};
static const ig_save saves[] = {IG_SAVE_IN(0, IG_BIT(1) | IG_BIT(2)), {0}};

#define COND_ .dtype = IG_BOOL, .fill = IG_FILL_ZERO_ONE
#define SAMPLE_(name_, ...)                                                            \
    {                                                                                  \
        .name = name_, .n_in = 3, .in = (const ig_sample_in[])                         \
        {                                                                              \
            __VA_ARGS__                                                                \
        }                                                                              \
    }
static const ig_sample samples[] = {
    SAMPLE_("same_shape",
            {IG_SHAPE_IN(3, 5), COND_},
            {IG_SHAPE_IN(3, 5)},
            {IG_SHAPE_IN(3, 5)}),
    SAMPLE_("mask", {IG_SHAPE_IN(2, 1, 4), COND_}, {IG_SHAPE_IN(3, 4)}, {.rank = 0}),
    SAMPLE_(
        "scalar_condition", {.rank = 0, COND_}, {IG_SHAPE_IN(7)}, {IG_SHAPE_IN(2, 1)}),
    SAMPLE_("scalars", {.rank = 0, COND_}, {.rank = 0}, {.rank = 0}),
    SAMPLE_("size_one", {IG_SHAPE_IN(1), COND_}, {IG_SHAPE_IN(1, 1)}, {IG_SHAPE_IN(1)}),
    SAMPLE_("empty", {IG_SHAPE_IN(0, 3), COND_}, {IG_SHAPE_IN(1, 3)}, {.rank = 0}),
    {0},
};
#undef COND_
#undef SAMPLE_

static int where_values(ig_infer *x, int64_t *out, int cap)
{
    int64_t v[3][64];
    int n[3], count = 1;
    for (int i = 0; i < 3; i++) {
        n[i] = ig_infer_ints(x, i, v[i], 64);
        if (n[i] < 0 || (n[i] != 1 && count != 1 && n[i] != count))
            return IG_INTS_UNKNOWN;
        count = n[i] != 1 ? n[i] : count;
    }
    if (count > cap)
        return IG_INTS_UNKNOWN;
    for (int i = 0; i < count; i++) {
        int64_t c = v[0][n[0] == 1 ? 0 : i];
        int64_t yes = v[1][n[1] == 1 ? 0 : i], no = v[2][n[2] == 1 ? 0 : i];
        bool open = ig_dim_is_symbol(c) && yes != no;
        out[i] = open ? ig_int_fresh(x->syms) : c ? yes : no;
    }
    return count;
}

static ig_status where_gradient(ig_grad *g)
{
    ig_var c = ig_grad_in(g, 0), dy = ig_grad_dy(g, 0);
    if (ig_grad_wants(g, 1))
        ig_grad_set(g, 1, igi_emit_masked(g, c, dy));
    if (ig_grad_wants(g, 2))
        ig_grad_set(g, 2, igi_emit_unmasked(g, c, dy));
    return IG_OK;
}

typedef struct {
    uint64_t half[2];
} wide; // complex128

#define MOVE_CASE(bits_, T_)                                                           \
    case bits_: {                                                                      \
        T_ *y = (T_ *)ig_data(t[0]) + w.at[0];                                         \
        const T_ *yes = (const T_ *)ig_data(t[2]) + w.at[2];                           \
        const T_ *no = (const T_ *)ig_data(t[3]) + w.at[3];                            \
        for (int64_t i = 0; i < w.inner; i++)                                          \
            y[i * w.step[0]] =                                                         \
                c[i * w.step[1]] ? yes[i * w.step[2]] : no[i * w.step[3]];             \
        break;                                                                         \
    }

static ig_status where_reference(ig_kernel_ctx *k)
{
    const ig_tensor *t[4] = {ig_out(k, 0), ig_in(k, 0), ig_in(k, 1), ig_in(k, 2)};
    const bool strings = ig_dtype_of(t[0]) == IG_STRING;
    const int bits = strings ? 0 : ig_dtype_bits(ig_dtype_of(t[0]));
    igi_walk w;
    for (igi_walk_tensors(&w, t[0], t, 4); w.rows > 0; igi_walk_next(&w)) {
        const uint8_t *c = (const uint8_t *)ig_data(t[1]) + w.at[1];
        switch (bits) {
            MOVE_CASE(8, uint8_t)
            MOVE_CASE(16, uint16_t)
            MOVE_CASE(32, uint32_t)
            MOVE_CASE(64, uint64_t)
            MOVE_CASE(128, wide)
        case 0:
            for (int64_t i = 0; i < w.inner; i++) {
                int from = c[i * w.step[1]] ? 2 : 3;
                igi_string_put(
                    (igi_str **)ig_data(t[0]) + w.at[0] + i * w.step[0],
                    ((igi_str **)ig_data(t[from]))[w.at[from] + i * w.step[from]]);
            }
            break;
        default:
            return igi_bad_dtype(k, ig_dtype_of(t[0]));
        }
    }
    return IG_OK;
}

IG_OPERATOR(Where) = {
    IG_OP_HEAD,
    .name = "Where",
    .since = 16,
    .doc = "output = condition ? X : Y, elementwise with broadcasting.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .flags = IG_OP_STRIDED,
    .infer = ig_infer_broadcast,
    .values = where_values,
    .gradient = where_gradient,
    .saves = saves,
    .reference = where_reference,
    .samples = samples,
};
