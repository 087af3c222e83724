/* Experimental operators of ONNX's first years, which onnxruntime still reads in the
 * default domain. */
#include <inttypes.h>
#include <string.h>

#include "importers/onnx/compose.h"
#include "importers/onnx/contrib.h"

static ig_value_id scaled(igi_make *m, ig_value_id x, double factor)
{
    return igi_mk(m, IGI_IN(x, igi_mk_number(m, igi_mk_dtype(m, x), factor)), "Mul");
}

/* alpha x + beta */
ig_status igi_old_affine(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = igi_mk_in(&m, 0);
    ig_value_id y = scaled(&m, x, igi_mk_float(&m, "alpha", 1));
    ig_value_id beta =
        igi_mk_number(&m, igi_mk_dtype(&m, x), igi_mk_float(&m, "beta", 0));
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(y, beta), "Add"));
}

ig_status igi_old_scale(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    return igi_mk_give(&m, scaled(&m, igi_mk_in(&m, 0), igi_mk_float(&m, "scale", 1)));
}

/* alpha tanh(beta x) */
ig_status igi_old_scaled_tanh(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    double alpha = igi_mk_float(&m, "alpha", 1), beta = igi_mk_float(&m, "beta", 1);
    ig_value_id t = igi_mk(&m, IGI_IN(scaled(&m, igi_mk_in(&m, 0), beta)), "Tanh");
    return igi_mk_give(&m, scaled(&m, t, alpha));
}

/* alpha log(1 + e^(beta x)) */
ig_status igi_old_parametric_softplus(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    double alpha = igi_mk_float(&m, "alpha", 1), beta = igi_mk_float(&m, "beta", 1);
    ig_value_id t = igi_mk(&m, IGI_IN(scaled(&m, igi_mk_in(&m, 0), beta)), "Softplus");
    return igi_mk_give(&m, scaled(&m, t, alpha));
}

/* scale x + bias[channel] */
ig_status igi_old_image_scaler(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id y = scaled(&m, igi_mk_in(&m, 0), igi_mk_float(&m, "scale", 1));
    ig_floats bias = igi_mk_floats(&m, "bias");
    ig_value_id b = {0};
    if (m.rc == IG_OK)
        m.rc = igi_up_const_floats(n, bias.v, bias.n, &b);
    b = igi_mk_cast(&m, b, igi_mk_dtype(&m, y));
    b = igi_mk_unsqueeze(&m, b, IGI_LIST(1, 2));
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(y, b), "Add"));
}

/* border: left, top, right, bottom; scale, when given, is the height and width instead
 * of what right and bottom leave. */
ig_status igi_old_crop(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_ints border = igi_mk_list(&m, "border"), scale = igi_mk_list(&m, "scale");
    if (border.n != 4 || (scale.v && scale.n != 2)) {
        igi_mk_refuse(&m, "border must have 4 numbers and scale 2");
        return m.rc;
    }
    int64_t top = border.v[1], left = border.v[0];
    int64_t ends[2] = {-border.v[3], -border.v[2]};
    for (int i = 0; i < 2; i++) {
        int64_t start = i ? left : top;
        if (scale.v ? scale.v[i] < 0 || scale.v[i] > INT32_MAX : ends[i] > 0)
            igi_mk_refuse(&m, "border and scale may not be negative");
        if (start < 0 || start > INT32_MAX)
            igi_mk_refuse(&m, "border %" PRId64 " is out of range", start);
        ends[i] = scale.v ? start + scale.v[i] : ends[i] ? ends[i] : INT64_MAX;
    }
    ig_value_id x = igi_mk_in(&m, 0);
    return igi_mk_give(
        &m, igi_mk(&m,
                   IGI_IN(x, igi_mk_ints(&m, IGI_LIST(top, left)),
                          igi_mk_ints(&m, ends, 2), igi_mk_ints(&m, IGI_LIST(2, 3))),
                   "Slice"));
}

ig_status igi_old_slice(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    return igi_mk_give(&m, igi_mk(&m,
                                  IGI_IN(igi_mk_in(&m, 0), igi_mk_in(&m, 1),
                                         igi_mk_in(&m, 2), igi_mk_in(&m, 3)),
                                  "Slice"));
}

/* Over the plane, or with across_channels over channels and plane; normalize_variance
 * 0 takes the mean off only. */
ig_status igi_old_mean_variance(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = igi_mk_in(&m, 0);
    bool across = igi_mk_int(&m, "across_channels", 0) != 0;
    bool variance = igi_mk_int(&m, "normalize_variance", 1) != 0;
    if (variance)
        return igi_mk_give(&m, igi_mk(&m, IGI_IN(x), "%s",
                                      across ? "MeanVarianceNormalization axes=1,2,3"
                                             : "MeanVarianceNormalization axes=2,3"));
    ig_value_id axes =
        across ? igi_mk_ints(&m, IGI_LIST(1, 2, 3)) : igi_mk_ints(&m, IGI_LIST(2, 3));
    ig_value_id mean = igi_mk(&m, IGI_IN(x, axes), "ReduceMean");
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(x, mean), "Sub"));
}
