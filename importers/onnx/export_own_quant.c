/* Quantized operators that the optimiser makes, said in ONNX: each rounding and bound
 * as a node of its own. Sums of products are ConvInteger's; what comes after is
 * computed in float32, as the fused operators do it. */
#include "importers/onnx/export_own.h"

static const char *number(igi_own *w, ig_dtype dtype, const char *attr)
{
    return igi_own_number(w, dtype, 0, (double)igi_own_int(w, attr));
}

static const char *real_attr(igi_own *w, const char *attr)
{
    return igi_own_real(w, (double)*(const float *)igi_own_attr(w, attr));
}

/* (x - zero) * scale of a quantized input. */
static const char *
dequantized(igi_own *w, int input, const char *zero, const char *scale)
{
    const char *x = igi_own_cast(w, igi_own_in(w, input), IG_FLOAT32);
    x = igi_own_put2(w, "Sub", x, number(w, IG_FLOAT32, zero));
    return igi_own_put2(w, "Mul", x, real_attr(w, scale));
}

/* Output 0: round(v) + zero between low and high, as the type `to`. */
static void quantized(igi_own *w, const char *v, const char *zero)
{
    v = igi_own_put2(w, "Add", igi_own_put1(w, "Round", v),
                     number(w, IG_FLOAT32, zero));
    v = igi_own_put_as(w, NULL, "Clip", v, number(w, IG_FLOAT32, "low"),
                       number(w, IG_FLOAT32, "high"));
    igi_own_finish(w, "Cast", v, NULL);
    igi_own_set_int(w, "to", igi_own_int(w, "to"));
}

void igi_own_qadd(igi_own *w)
{
    w->dtype = IG_FLOAT32;
    const char *a = dequantized(w, 0, "a_zero", "a_scale");
    const char *sum = igi_own_put2(w, "Add", a, dequantized(w, 1, "b_zero", "b_scale"));
    quantized(w, igi_own_put2(w, "Div", sum, real_attr(w, "scale")), "zero");
}

/* The sums of QConv(x[N, in..., C], w, factor, bias?, residual?), channels last. */
static const char *sums(igi_own *w, int rank)
{
    static const char *const same[] = {"auto_pad", "dilations", "group", "pads",
                                       "strides"};
    const char *in[] = {igi_own_channels_first(w, rank), igi_own_in(w, 1),
                        number(w, (ig_dtype)igi_own_type_in(w, 0)->dtype, "x_zero"),
                        number(w, (ig_dtype)igi_own_type_in(w, 1)->dtype, "w_zero")};
    const char *y = igi_own_put_n(w, NULL, "ConvInteger", in, 4);
    for (size_t i = 0; i < sizeof(same) / sizeof(*same); i++)
        igi_own_copy_attr(w, same[i]);
    return igi_own_channels_last(w, NULL, y, rank);
}

void igi_own_qconv(igi_own *w)
{
    int rank = igi_own_nhwc_rank(w);
    if (!rank)
        return;
    const char *y = sums(w, rank);
    if (igi_own_has(w, 3))
        y = igi_own_put2(w, "Add", y, igi_own_in(w, 3));
    w->dtype = IG_FLOAT32;
    y = igi_own_put2(w, "Mul", igi_own_cast(w, y, IG_FLOAT32), igi_own_in(w, 2));
    if (igi_own_has(w, 4)) {
        y = igi_own_put_as(w, NULL, "Clip", y, real_attr(w, "sum_low"),
                           real_attr(w, "sum_high"));
        y = igi_own_put2(w, "Add", y,
                         dequantized(w, 4, "residual_zero", "residual_factor"));
    }
    quantized(w, y, "y_zero");
}
