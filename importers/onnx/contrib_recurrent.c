/* Recurrent operators of com.microsoft: ONNX's, with more attributes or with weights of
 * bytes. */
#include <inttypes.h>

#include "importers/onnx/compose.h"
#include "importers/onnx/contrib.h"

/* An attribute that ONNX's operator does not have may say what it does anyway. */
static void refuse_unless(igi_make *m, const char *name, int64_t v)
{
    if (igi_mk_int(m, name, v) != v)
        igi_mk_refuse(m, "%s must be %" PRId64, name, v);
}

ig_status igi_ms_linear_attention(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    refuse_unless(&m, "state_window", 0);
    return m.rc;
}

ig_status igi_ms_causal_conv(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    refuse_unless(&m, "state_window", 0);
    refuse_unless(&m, "channels_last", 0);
    refuse_unless(&m, "dilation", 1);
    refuse_unless(&m, "ndim", 1);
    return m.rc;
}

/* Input i [directions, size, 4 hidden] as real [directions, 4 hidden, size], by a scale
 * and a zero point a direction, or a column too. */
static ig_value_id real_weights(igi_make *m, int i, int scale)
{
    ig_value_id v = igi_mk_in(m, i), s = igi_mk_in(m, scale),
                zero = igi_mk_in(m, scale + 1);
    ig_dtype dtype = igi_mk_dtype(m, s);
    v = igi_mk_cast(m, v, dtype);
    if (zero.i) {
        zero = igi_mk_reshape(m, igi_mk_cast(m, zero, dtype), IGI_LIST(0, 1, -1));
        v = igi_mk(m, IGI_IN(v, zero), "Sub");
    }
    v = igi_mk(m, IGI_IN(v, igi_mk_reshape(m, s, IGI_LIST(0, 1, -1))), "Mul");
    return igi_mk(m, IGI_IN(v), "Transpose perm=0,2,1");
}

/* LSTM whose weights are bytes. The runtime rounds X and the state to bytes too at each
 * step, to multiply faster; here they stay as exact as they are. */
ig_status igi_ms_dynamic_quantize_lstm(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id in[8];
    for (int i = 0; i < 8; i++)
        in[i] = igi_mk_in(&m, i);
    in[1] = real_weights(&m, 1, 8);
    in[2] = real_weights(&m, 2, 10);
    return igi_mk_give_as(&m, "LSTM", in, 8);
}
