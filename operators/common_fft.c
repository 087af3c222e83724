/* Transforms, and the geometry of DFT. */
#include "operators/common_fft.h"

#include <inttypes.h>

#include "graph/core/alloc.h"
#include "operators/common_move.h"

enum { LARGEST_FACTOR = IGI_FFT_LARGEST };

static const double pi = 3.14159265358979323846;

/* ---- plans ---- */

int64_t igi_fft_factor(int64_t n)
{
    if (n % 4 == 0)
        return 4;
    for (int64_t p = 2; p <= LARGEST_FACTOR; p++)
        if (n % p == 0)
            return p;
    return n;
}

static bool is_smooth(int64_t n)
{
    while (n > 1) {
        int64_t p = igi_fft_factor(n);
        if (p > LARGEST_FACTOR)
            return false;
        n /= p;
    }
    return true;
}

static double *complexes(int64_t n)
{
    return igi_alloc_array((size_t)n, sizeof(double[2]));
}

static ig_status set_chirp(igi_fft *f)
{
    const int64_t n = f->n, m = f->inner->n;
    memset(f->kernel, 0, (size_t)m * 2 * sizeof(double));
    for (int64_t k = 0; k < n; k++) {
        IG_TRY(igi_pace_go(f->pace, 16));
        const double angle = pi * (double)(k * k % (2 * n)) / (double)n;
        f->chirp[2 * k] = cos(angle);
        f->chirp[2 * k + 1] = -sin(angle);
        f->kernel[2 * k] = f->chirp[2 * k];
        f->kernel[2 * k + 1] = -f->chirp[2 * k + 1];
        if (k) {
            f->kernel[2 * (m - k)] = f->chirp[2 * k];
            f->kernel[2 * (m - k) + 1] = -f->chirp[2 * k + 1];
        }
    }
    return igi_fft_run(f->inner, f->kernel, false);
}

static ig_status init_bluestein(igi_fft *f)
{
    int64_t m = 1;
    while (m < 2 * f->n - 1)
        m *= 2;
    f->inner = igi_calloc(1, sizeof(*f->inner));
    f->chirp = complexes(f->n);
    f->kernel = complexes(m);
    f->line = complexes(m);
    if (!f->inner || !f->chirp || !f->kernel || !f->line)
        return IG_OUT_OF_MEMORY;
    IG_TRY(igi_fft_init(f->inner, m, false, f->pace));
    return set_chirp(f);
}

/* Buffers and roots of the passes in float32. */
static ig_status init_single(igi_fft *f)
{
    f->single = igi_alloc_array((size_t)f->n, sizeof(float[6]));
    if (!f->single)
        return IG_OUT_OF_MEMORY;
    float *root = f->single + 4 * f->n;
    for (int64_t i = 0; i < 2 * f->n; i++)
        root[i] = (float)f->root[i];
    return IG_OK;
}

ig_status igi_fft_init(igi_fft *f, int64_t n, bool single, igi_pace *pace)
{
    *f = (igi_fft){.n = n, .pace = pace};
    if (n > INT32_MAX)
        return ig_fail(IG_UNSUPPORTED, "a transform of length %" PRId64 "; at most %d",
                       n, INT32_MAX);
    if (!is_smooth(n))
        return init_bluestein(f);
    f->root = complexes(n);
    f->work = complexes(n);
    if (!f->root || !f->work)
        return IG_OUT_OF_MEMORY;
    for (int64_t k = 0; k < n; k++) {
        IG_TRY(igi_pace_go(pace, 16));
        const double angle = 2 * pi * (double)k / (double)n;
        f->root[2 * k] = cos(angle);
        f->root[2 * k + 1] = -sin(angle);
    }
    return single ? init_single(f) : IG_OK;
}

void igi_fft_free(igi_fft *f)
{
    if (f->inner)
        igi_fft_free(f->inner);
    igi_free(f->inner);
    igi_free(f->root);
    igi_free(f->work);
    igi_free(f->chirp);
    igi_free(f->kernel);
    igi_free(f->line);
    igi_free(f->single);
    *f = (igi_fft){0};
}

/* ---- passes ---- */

#define FFT_REAL   double
#define FFT_SUFFIX _64
#include "operators/common_fft.inc.h"

#define FFT_REAL   float
#define FFT_SUFFIX _32
#include "operators/common_fft.inc.h"

/* In float32: the line is rounded on its way in, which is exact for what came from it.
 */
static ig_status forward_single(igi_fft *f, double *x)
{
    float *line = f->single, *work = line + 2 * f->n, *root = work + 2 * f->n;
    for (int64_t i = 0; i < 2 * f->n; i++)
        line[i] = (float)x[i];
    IG_TRY(forward_32(f->pace, root, f->n, line, work));
    for (int64_t i = 0; i < 2 * f->n; i++)
        x[i] = (double)line[i];
    return IG_OK;
}

static ig_status bluestein(igi_fft *f, double *x)
{
    const int64_t n = f->n, m = f->inner->n;
    memset(f->line, 0, (size_t)m * 2 * sizeof(double));
    for (int64_t k = 0; k < n; k++)
        put_64(f->line, k, product_64(at_64(x, k), at_64(f->chirp, k)));
    IG_TRY(igi_fft_run(f->inner, f->line, false));
    for (int64_t k = 0; k < m; k++)
        put_64(f->line, k, product_64(at_64(f->line, k), at_64(f->kernel, k)));
    IG_TRY(igi_fft_run(f->inner, f->line, true));
    for (int64_t k = 0; k < n; k++) {
        number_64 v = product_64(at_64(f->line, k), at_64(f->chirp, k));
        put_64(x, k, (number_64){v.re / (double)m, v.im / (double)m});
    }
    return IG_OK;
}

static void conjugate(double *x, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        x[2 * i + 1] = -x[2 * i + 1];
}

ig_status igi_fft_run(igi_fft *f, double *x, bool inverse)
{
    if (inverse)
        conjugate(x, f->n);
    if (f->inner)
        IG_TRY(bluestein(f, x));
    else if (f->single)
        IG_TRY(forward_single(f, x));
    else
        IG_TRY(forward_64(f->pace, f->root, f->n, x, f->work));
    if (inverse)
        conjugate(x, f->n);
    return IG_OK;
}

/* ---- geometry of DFT ---- */

const ig_attr_def igi_dft_attr_rows[] = {
    IG_ATTR_INT(igi_dft_attrs,
                inverse,
                0,
                "1: the inverse transform, divided by n.",
                .min = 0,
                .max = 1),
    IG_ATTR_INT(
        igi_dft_attrs,
        onesided,
        0,
        "1: only the n / 2 + 1 values that a real signal's spectrum has; inverse: "
        "a real signal from them.",
        .min = 0,
        .max = 1),
    {0},
};

/* One integer of a port; false: not known. */
static ig_status
number_of(ig_infer *x, int port, int64_t absent, int64_t *v, bool *known)
{
    *v = absent;
    *known = true;
    if (port >= x->n_in || !x->in[port])
        return IG_OK;
    return igi_infer_number(x, port, "a number", v, known);
}

ig_status igi_dft_infer(ig_infer *x,
                        int length_port,
                        int axis_port,
                        int rank,
                        const int64_t *xd,
                        int *axis,
                        int64_t *n)
{
    const igi_dft_attrs *a = x->attrs;
    int64_t v;
    bool known;
    *axis = -1;
    *n = -1;
    if (rank < 2)
        return ig_infer_fail(x,
                             "the input needs a signal axis and one of 1 or 2 parts");
    if (xd[rank - 1] >= 0 && xd[rank - 1] != 1 && xd[rank - 1] != 2)
        return ig_infer_fail(x,
                             "the last axis has %" PRId64 " elements: it must have 1 "
                             "(real) or 2 (complex)",
                             xd[rank - 1]);
    IG_TRY(number_of(x, axis_port, -2, &v, &known));
    if (known && !igi_is_symbol(x, axis_port, v)) {
        IG_TRY(ig_infer_axis(x, v, rank, false, axis));
        if (*axis == rank - 1)
            return ig_infer_fail(x, "axis %" PRId64 " holds the parts of numbers", v);
    }
    IG_TRY(number_of(x, length_port, -1, &v, &known));
    const bool given = length_port < x->n_in && x->in[length_port];
    if (given)
        *n = known ? v : -1;
    else if (*axis >= 0 && a->inverse && a->onesided)
        *n = ig_dim_mul(x->syms, ig_dim_sub(x->syms, xd[*axis], 1), 2);
    else if (*axis >= 0)
        *n = xd[*axis];
    const bool numeric = given ? known && !igi_is_symbol(x, length_port, v)
                               : *axis >= 0 && xd[*axis] >= 0;
    if (numeric && (given ? v : *n) < 1)
        return ig_infer_fail(x, "the transform needs a length of at least 1");
    return IG_OK;
}

void igi_dft_dims(
    ig_infer *x, int rank, const int64_t *xd, int axis, int64_t n, int64_t *yd)
{
    const igi_dft_attrs *a = x->attrs;
    memcpy(yd, xd, (size_t)rank * sizeof(*yd));
    yd[axis] = n == -1 ? ig_dim_fresh(x->syms) : n;
    if (a->onesided && !a->inverse && n != -1)
        yd[axis] = ig_dim_add(x->syms, ig_dim_div(x->syms, n, 2), 1);
    yd[rank - 1] = a->onesided && a->inverse ? 1 : 2;
}

ig_status igi_dft_set(igi_dft *d,
                      const ig_kernel_ctx *k,
                      int length_port,
                      int axis_port,
                      const ig_tensor *x,
                      const ig_tensor *y)
{
    const igi_dft_attrs *a = k->attrs;
    const int rank = ig_rank(x);
    int64_t axis = igi_scalar_i64(ig_in(k, axis_port), -2);
    axis = axis < 0 ? axis + rank : axis;
    *d = (igi_dft){.outer = 1,
                   .inner = 1,
                   .x_line = ig_dims(x)[axis],
                   .y_line = ig_dims(y)[axis],
                   .x_parts = ig_dims(x)[rank - 1],
                   .y_parts = ig_dims(y)[rank - 1],
                   .inverse = a->inverse != 0,
                   .onesided = a->onesided != 0};
    const bool real = d->inverse && d->onesided;
    d->n =
        igi_scalar_i64(ig_in(k, length_port), real ? 2 * (d->x_line - 1) : d->x_line);
    for (int i = 0; i < axis; i++)
        d->outer *= ig_dims(x)[i];
    for (int i = (int)axis + 1; i < rank - 1; i++)
        d->inner *= ig_dims(x)[i];
    if (d->n < 1)
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the transform needs a length of at least 1");
    return IG_OK;
}

ig_status igi_dft_lines(ig_kernel_ctx *k,
                        const igi_dft *d,
                        const igi_dft_way *w,
                        const ig_tensor *from,
                        ig_tensor *to)
{
    igi_fft f = {0};
    igi_pace pace = igi_pace_of(k);
    double *line = complexes(d->n);
    const bool single = ig_dtype_of(from) != IG_FLOAT64;
    ig_status rc = line ? igi_fft_init(&f, d->n, single, &pace) : IG_OUT_OF_MEMORY;
    const int64_t x_parts = ig_dims(from)[ig_rank(from) - 1],
                  y_parts = ig_dims(to)[ig_rank(to) - 1];
    for (int64_t i = 0; rc == IG_OK && i < d->outer * d->inner; i++) {
        const int64_t o = i / d->inner, in = i % d->inner;
        w->load(d, ig_dtype_of(from), ig_data(from),
                o * d->inner * w->from + in * x_parts, line);
        rc = igi_fft_run(&f, line, w->inverse);
        if (rc == IG_OK)
            w->store(d, ig_dtype_of(to), ig_data(to),
                     o * d->inner * w->to + in * y_parts, line);
    }
    igi_fft_free(&f);
    igi_free(line);
    return rc;
}
