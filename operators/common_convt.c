/* Geometry of ConvTranspose. */
#include "operators/common_convt.h"

/* Begin and end pad of axis i for a total; SAME_UPPER has the odd one at the end. */
static void share(const igi_convt_attrs *a, int64_t total, int64_t *begin, int64_t *end)
{
    total = total > 0 ? total : 0;
    *begin = a->auto_pad == IGI_PAD_SAME_UPPER ? total / 2 : total - total / 2;
    *end = total - *begin;
}

void igi_convt_plain(igi_conv_attrs *plain,
                     int64_t *pads,
                     const igi_convt_attrs *a,
                     int rank,
                     const int64_t *xd,
                     const int64_t *wd)
{
    const int n = rank - 2;
    const bool same =
        a->auto_pad == IGI_PAD_SAME_UPPER || a->auto_pad == IGI_PAD_SAME_LOWER;
    for (int i = 0; i < n; i++) {
        const bool valid = a->auto_pad == IGI_PAD_VALID;
        if (!a->output_shape.n && !same) { /* sizes need not be known */
            pads[i] = valid ? 0 : igi_convt_item(&a->pads, i, 0);
            pads[n + i] = valid ? 0 : igi_convt_item(&a->pads, n + i, 0);
            continue;
        }
        if (xd[2 + i] < 0 || wd[2 + i] < 0) { /* the caller has SAME for it */
            pads[i] = pads[n + i] = 0;
            continue;
        }
        const int64_t stride = igi_convt_item(&a->strides, i, 1),
                      more = igi_convt_item(&a->output_padding, i, 0) +
                             igi_convt_span(a, i, wd[2 + i]);
        const int64_t out =
            a->output_shape.n ? a->output_shape.v[i] : stride * xd[2 + i];
        share(a, stride * (xd[2 + i] - 1) + more - out, &pads[i], &pads[n + i]);
    }
    *plain = (igi_conv_attrs){.struct_size = sizeof(*plain),
                              .dilations = a->dilations,
                              .group = a->group,
                              .pads = {2 * (int64_t)n, pads},
                              .strides = a->strides};
}
