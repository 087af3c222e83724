// X[b] = sum over t of x[t] e^(-2 pi i b t / n).

#include "operators/common_frames.h"

const ig_attr_def igi_onesided_options[] = {
    IG_ATTR_INT(igi_onesided_attrs,
                onesided,
                1,
                "1: the first half of the transform and 1 more, which is all that real "
                "frames have.",
                .min = 0,
                .max = 1),
    {0},
};

int64_t igi_frames_bins(ig_symtab *s, int64_t n, bool onesided)
{
    return onesided ? ig_dim_add(s, ig_dim_div(s, n, 2), 1) : n;
}

ig_status igi_frames_begin(ig_kernel_ctx *k, int64_t n, bool onesided, igi_frames *f)
{
    if (n < 1 || n > INT32_MAX)
        return ig_kernel_fail(k, IG_LIMIT, "frames must have 1 to 2^31 - 1 elements");
    double *all = igi_calloc((size_t)n + 1, sizeof(double[6]));
    int64_t row = n + 1;
    if (!all)
        return IG_OUT_OF_MEMORY;
    *f = (igi_frames){n,
                      igi_frames_bins(NULL, n, onesided),
                      all,
                      all + row,
                      all + 2 * row,
                      all + 3 * row,
                      all + 4 * row,
                      all + 5 * row,
                      igi_pace_of(k)};
    for (int64_t i = 0; i < n; i++) {
        double turn = 6.283185307179586 * (double)i / (double)n;
        f->cosine[i] = cos(turn);
        f->sine[i] = sin(turn);
    }
    return IG_OK;
}

void igi_frames_end(igi_frames *f)
{
    igi_free(f->cosine);
}

ig_status igi_frames_forward(igi_frames *f)
{
    for (int64_t b = 0; b < f->bins; b++) {
        IG_TRY(igi_pace_go(&f->pace, f->n));
        double re = 0, im = 0;
        for (int64_t t = 0, at = 0; t < f->n; t++) {
            re += f->re[t] * f->cosine[at] + f->im[t] * f->sine[at];
            im += f->im[t] * f->cosine[at] - f->re[t] * f->sine[at];
            at = at + b < f->n ? at + b : at + b - f->n;
        }
        f->to_re[b] = re;
        f->to_im[b] = im;
    }
    return IG_OK;
}

ig_status igi_frames_back(igi_frames *f)
{
    for (int64_t t = 0; t < f->n; t++) {
        IG_TRY(igi_pace_go(&f->pace, f->bins));
        double re = 0, im = 0;
        for (int64_t b = 0, at = 0; b < f->bins; b++) {
            re += f->re[b] * f->cosine[at] - f->im[b] * f->sine[at];
            im += f->re[b] * f->sine[at] + f->im[b] * f->cosine[at];
            at = at + t < f->n ? at + t : at + t - f->n;
        }
        f->to_re[t] = re;
        f->to_im[t] = im;
    }
    return IG_OK;
}
