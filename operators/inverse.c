// Inverse: inverses of square matrices, by Gauss-Jordan elimination in double; NaN for
// singular ones. The gradient of Det needs it.
//
// Gradient: dA = -Y^T dY Y^T.

#include "operators/common_grad.h"
#include "operators/common_matrix.h"
#include "operators/common_move.h"

IG_USES_OP(MatMul);
IG_USES_OP(Neg);
IG_USES_OP(Transpose);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Square matrices in the last two dims."),
    {0},
};
static const ig_port outputs[] = {IG_PORT("Y", 'T', "Same shape."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status inverse_infer(ig_infer *x)
{
    IG_TRY(igi_infer_square(x));
    return ig_infer_copy(x, 0, 0);
}

static ig_status inverse_gradient(ig_grad *g)
{
    int rank = ig_grad_in_type(g, 0)->rank;
    int64_t perm[IG_RANK_MAX];
    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    const igi_transpose_attrs swap = {sizeof(swap), {rank, perm}};
    if (rank < 2)
        return ig_grad_fail(g, IG_UNSUPPORTED, "the rank is not known");
    ig_var yt = ig_emit1(g, IG_OP(Transpose), &swap, ig_grad_out(g, 0));
    ig_var left = ig_emit2(g, IG_OP(MatMul), NULL, yt, ig_grad_dy(g, 0));
    ig_var both = ig_emit2(g, IG_OP(MatMul), NULL, left, yt);
    ig_grad_set(g, 0, ig_emit1(g, IG_OP(Neg), NULL, both));
    return IG_OK;
}
static const ig_save saves[] = {IG_SAVE_OUT(0, IG_BIT(0)), {0}};

// Turns [A, I] into [I, A^-1].
static ig_status invert(igi_matrices *m, bool *regular)
{
    *regular = false;
    for (int64_t r = 0; r < m->n; r++)
        for (int64_t c = 0; c < m->n; c++)
            m->a[r * m->width + m->n + c] = r == c;
    for (int64_t c = 0; c < m->n; c++) {
        if (!igi_matrix_pivot(m, c))
            return IG_OK;
        double *row = m->a + c * m->width, pivot = row[c];
        for (int64_t j = c; j < m->width; j++)
            row[j] /= pivot;
        for (int64_t r = 0; r < m->n; r++)
            if (r != c)
                IG_TRY(igi_matrix_subtract(m, r, c, m->a[r * m->width + c], c));
    }
    *regular = true;
    return IG_OK;
}

static ig_status inverse_reference(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    igi_matrices m;
    IG_TRY(igi_matrices_begin(k, 2, &m));
    ig_status rc = IG_OK;
    for (int64_t i = 0; i < m.count && rc == IG_OK; i++) {
        bool regular = false;
        rc = igi_matrix_load(k, &m, i);
        if (rc == IG_OK)
            rc = invert(&m, &regular);
        for (int64_t j = 0; j < m.n * m.n && rc == IG_OK; j++)
            igi_put_f64(ig_dtype_of(y), ig_data(y), i * m.n * m.n + j,
                        regular ? m.a[j / m.n * m.width + m.n + j % m.n] : (double)NAN);
    }
    igi_free(m.a);
    return rc;
}

#define REGULAR                                                                        \
    {                                                                                  \
        IG_SHAPE_IN(2, 3, 3), .data = (const double[])                                 \
        {                                                                              \
            2, 1, 0, 1, 3, 1, 0, 1, 4, 0, 2, 1, 3, 0, 1, 1, 1, 5                       \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "batch", IGI_INPUTS(REGULAR)},
    {.name = "swapped_rows",
     IGI_INPUTS({IG_SHAPE_IN(2, 2), .data = (const double[]){0, 2, 3, 1}})},
    {.name = "singular",
     .no_gradient = true,
     IGI_INPUTS({IG_SHAPE_IN(2, 2), .data = (const double[]){1, 2, 2, 4}})},
    {.name = "size_one",
     IGI_INPUTS({IG_SHAPE_IN(1, 1, 1), .data = (const double[]){4}})},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0, 0))},
    {0},
};

IG_OPERATOR(Inverse) = {
    IG_OP_HEAD,
    .domain = "ingot",
    .name = "Inverse",
    .since = 1,
    .doc =
        "Inverses of the square matrices in the last two dims; NaN for singular ones.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = inverse_infer,
    .gradient = inverse_gradient,
    .saves = saves,
    .reference = inverse_reference,
    .samples = samples,
};
