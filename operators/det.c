// Det: determinants of square matrices, by elimination in double.
//
// Gradient: dA = dy det(A) A^-T; NaN where A is singular.

#include "operators/common_grad.h"
#include "operators/common_matrix.h"
#include "operators/common_move.h"

IG_USES_OP(Inverse);
IG_USES_OP(Transpose);

static const ig_port inputs[] = {
    IG_PORT("X", 'T', "Square matrices in the last two dims."),
    {0},
};
static const ig_port outputs[] = {IG_PORT("Y", 'T', "Without these dims."), {0}};
static const ig_type_rule types[] = {{'T', IG_FLOATS}, {0}};

static ig_status det_infer(ig_infer *x)
{
    IG_TRY(igi_infer_square(x));
    return ig_infer_set(x, 0, x->in[0]->rank - 2, ig_type_dims(x->in[0]));
}

static ig_status det_gradient(ig_grad *g)
{
    int rank = ig_grad_in_type(g, 0)->rank;
    int64_t perm[IG_RANK_MAX];
    for (int i = 0; i < rank; i++)
        perm[i] = i < rank - 2 ? i : 2 * rank - 3 - i;
    const igi_transpose_attrs swap = {sizeof(swap), {rank, perm}};
    static const int64_t last[2] = {-2, -1};
    if (rank < 2)
        return ig_grad_fail(g, IG_UNSUPPORTED, "the rank is not known");
    ig_var inverse = ig_emit1(g, IG_OP(Inverse), NULL, ig_grad_in(g, 0));
    ig_var scale = igi_emit_mul(g, ig_grad_dy(g, 0), ig_grad_out(g, 0));
    ig_grad_set(g, 0,
                igi_emit_mul(g, igi_emit_unsqueeze(g, scale, last, 2),
                             ig_emit1(g, IG_OP(Transpose), &swap, inverse)));
    return IG_OK;
}
static const ig_save saves[] = {
    IG_SAVE_IN(0, IG_BIT(0)),
    IG_SAVE_OUT(0, IG_BIT(0)),
    {0},
};

static ig_status det_reference(ig_kernel_ctx *k)
{
    const ig_tensor *y = ig_out(k, 0);
    igi_matrices m;
    IG_TRY(igi_matrices_begin(k, 1, &m));
    ig_status rc = IG_OK;
    for (int64_t i = 0; i < m.count && rc == IG_OK; i++) {
        double det = 1;
        rc = igi_matrix_load(k, &m, i);
        for (int64_t c = 0; c < m.n && rc == IG_OK; c++) {
            int sign = igi_matrix_pivot(&m, c);
            double pivot = m.a[c * m.n + c];
            det *= sign * pivot;
            for (int64_t r = c + 1; r < m.n && sign && rc == IG_OK; r++)
                rc = igi_matrix_subtract(&m, r, c, m.a[r * m.n + c] / pivot, c);
        }
        if (rc == IG_OK)
            igi_put_f64(ig_dtype_of(y), ig_data(y), i, det);
    }
    igi_free(m.a);
    return rc;
}

static const ig_sample samples[] = {
    {.name = "matrix", IGI_INPUTS(IGI_IN(3, 3))},
    {.name = "batch", IGI_INPUTS(IGI_IN(2, 1, 4, 4))},
    {.name = "swapped_rows",
     IGI_INPUTS({IG_SHAPE_IN(2, 2), .data = (const double[]){0, 2, 3, 1}})},
    {.name = "singular",
     .no_gradient = true,
     IGI_INPUTS({IG_SHAPE_IN(2, 2), .data = (const double[]){1, 2, 2, 4}})},
    {.name = "size_one", IGI_INPUTS(IGI_IN(2, 1, 1))},
    {.name = "empty", IGI_INPUTS(IGI_IN(2, 0, 0))},
    {.name = "no_matrices", IGI_INPUTS(IGI_IN(0, 3, 3))},
    {0},
};

IG_OPERATOR(Det) = {
    IG_OP_HEAD,
    .name = "Det",
    .since = 22,
    .doc =
        "Determinants of the square matrices in the last two dims. The gradient of a "
        "singular one is NaN.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .infer = det_infer,
    .gradient = det_gradient,
    .saves = saves,
    .reference = det_reference,
    .samples = samples,
};
