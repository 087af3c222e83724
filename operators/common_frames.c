// X[b] = sum over t of x[t] e^(-2 pi i b t / n).

#include "operators/common_frames.h"

#include <inttypes.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"

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
    *f = (igi_frames){.n = n,
                      .bins = igi_frames_bins(NULL, n, onesided),
                      .line = igi_calloc((size_t)n, sizeof(double[2])),
                      .pace = igi_pace_of(k)};
    ig_status rc =
        f->line ? igi_fft_init(&f->fft, n, false, &f->pace) : IG_OUT_OF_MEMORY;
    if (rc != IG_OK)
        igi_frames_end(f);
    return rc;
}

void igi_frames_end(igi_frames *f)
{
    igi_fft_free(&f->fft);
    igi_free(f->line);
    f->line = NULL;
}

ig_status igi_frames_forward(igi_frames *f)
{
    return igi_fft_run(&f->fft, f->line, false);
}

ig_status igi_frames_back(igi_frames *f)
{
    memset(f->line + 2 * f->bins, 0, (size_t)(f->n - f->bins) * sizeof(double[2]));
    return igi_fft_run(&f->fft, f->line, true);
}

void igi_frames_load(igi_frames *f, const ig_tensor *t, int64_t at, int64_t parts)
{
    for (int64_t i = 0; i < f->n; i++)
        for (int64_t p = 0; p < 2; p++)
            f->line[2 * i + p] =
                p < parts ? igi_get_f64(ig_dtype_of(t), ig_data(t), at + i * parts + p)
                          : 0;
}

void igi_frames_store(
    const igi_frames *f, const ig_tensor *t, int64_t at, int64_t n, int64_t parts)
{
    for (int64_t i = 0; i < n; i++)
        for (int64_t p = 0; p < parts; p++)
            igi_put_f64(ig_dtype_of(t), ig_data(t), at + i * parts + p,
                        f->line[2 * i + p]);
}

ig_status igi_stft_set(const ig_kernel_ctx *k, igi_stft *s)
{
    const ig_tensor *x = ig_in(k, 0), *window = ig_in(k, 2), *y = ig_out(k, 0);
    bool onesided = ((const igi_onesided_attrs *)k->attrs)->onesided;
    int64_t last;
    *s = (igi_stft){.step = igi_scalar_i64(ig_in(k, 1), 1),
                    .signals = ig_dims(x)[0],
                    .length = ig_dims(x)[1],
                    .parts = ig_rank(x) == 2 ? 1 : ig_dims(x)[2],
                    .frames = ig_dims(y)[1],
                    .bins = ig_dims(y)[2]};
    s->n = igi_scalar_i64(ig_in(k, 3), window ? ig_numel(window) : s->length);
    if (s->step < 1 || s->n < 1 || (window && ig_numel(window) != s->n) ||
        !igi_mul_i64(s->frames - 1, s->step, &last) || last > s->length - s->n ||
        s->bins != igi_frames_bins(NULL, s->n, onesided))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "frames of %" PRId64 " every %" PRId64
                              " do not fit a signal of %" PRId64 " and the window",
                              s->n, s->step, s->length);
    return IG_OK;
}
