/* Reading a call of ingot::Conv. */
#include "operators/cpu/conv_problem.h"

bool igi_conv_problem(const ig_kernel_ctx *k,
                      igi_conv *c,
                      igi_patches *p,
                      igi_epilogue *e)
{
    int64_t xd[IG_RANK_MAX], yd[IG_RANK_MAX];
    const ig_tensor *x = igi_kin(k, 0), *w = igi_kin(k, 1), *y = igi_kout(k, 0);
    const igi_nhwc_conv_attrs *a = k->attrs;
    igi_conv_attrs plain = igi_nhwc_conv_plain(a);
    if (igi_krank(x) != 4)
        return false;
    igi_dims_to_nchw(4, igi_kdims(x), xd);
    igi_dims_to_nchw(4, igi_kdims(y), yd);
    igi_conv_set(c, &plain, 4, xd, igi_kdims(w), yd);
    const igi_window_axis *h = &c->w.axis[0], *v = &c->w.axis[1];
    *p = (igi_patches){.h = h->in,
                       .w = v->in,
                       .c = c->c,
                       .out_h = h->out,
                       .out_w = v->out,
                       .kernel_h = h->kernel,
                       .kernel_w = v->kernel,
                       .stride_h = h->stride,
                       .stride_w = v->stride,
                       .dilation_h = h->dilation,
                       .dilation_w = v->dilation,
                       .pad_top = h->pad,
                       .pad_left = v->pad};
    *e = igi_epilogue_of(a->activation, a->act_a, a->act_b, a->residual_after != 0);
    e->ld_residual = c->group * c->m;
    return true;
}
