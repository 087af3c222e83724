// Gaussian elimination with partial pivoting.

#include "operators/common_matrix.h"

#include "graph/core/alloc.h"

ig_status igi_infer_square(ig_infer *x)
{
    int rank = x->in[0]->rank;
    const int64_t *dims = ig_type_dims(x->in[0]);
    int64_t same;
    if (rank < 2)
        return ig_infer_fail(x, "the input must have rank >= 2");
    return ig_infer_equal(x, dims[rank - 2], dims[rank - 1], "rows and columns", &same);
}

ig_status igi_matrices_begin(ig_kernel_ctx *k, int64_t columns, igi_matrices *m)
{
    const ig_tensor *x = ig_in(k, 0);
    int rank = ig_rank(x);
    int64_t size;
    *m = (igi_matrices){.n = ig_dims(x)[rank - 1], .count = 1, .pace = igi_pace_of(k)};
    for (int i = 0; i < rank - 2; i++)
        m->count *= ig_dims(x)[i];
    if (!igi_mul_i64(m->n, columns, &m->width) || !igi_mul_i64(m->width, m->n, &size))
        return ig_kernel_fail(k, IG_LIMIT, "the matrix is too large");
    m->a = igi_calloc((size_t)size + 1, sizeof(*m->a));
    return m->a ? IG_OK : IG_OUT_OF_MEMORY;
}

ig_status igi_matrix_load(const ig_kernel_ctx *k, const igi_matrices *m, int64_t i)
{
    const ig_tensor *x = ig_in(k, 0);
    IGI_EACH_FLOAT(k, ig_dtype_of(x), {
        for (int64_t r = 0; r < m->n; r++)
            for (int64_t c = 0; c < m->n; c++)
                m->a[r * m->width + c] =
                    igi_load(T, ig_data(x), (i * m->n + r) * m->n + c);
    })
    return IG_OK;
}

int igi_matrix_pivot(const igi_matrices *m, int64_t c)
{
    int64_t best = c;
    for (int64_t r = c + 1; r < m->n; r++)
        if (fabs(m->a[r * m->width + c]) > fabs(m->a[best * m->width + c]))
            best = r;
    for (int64_t j = 0; j < m->width && best != c; j++) {
        double swap = m->a[c * m->width + j];
        m->a[c * m->width + j] = m->a[best * m->width + j];
        m->a[best * m->width + j] = swap;
    }
    return m->a[c * m->width + c] == 0 ? 0 : best == c ? 1 : -1;
}

ig_status
igi_matrix_subtract(igi_matrices *m, int64_t r, int64_t c, double factor, int64_t from)
{
    IG_TRY(igi_pace_go(&m->pace, m->width));
    for (int64_t j = from; j < m->width && factor != 0; j++)
        m->a[r * m->width + j] -= factor * m->a[c * m->width + j];
    return IG_OK;
}
