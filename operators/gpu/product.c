/* Sizes, storage and batches of products. */
#include "operators/gpu/product.h"

#include "graph/core/checked.h"
#include "operators/common_act_kind.h"
#include "operators/common_matmul.h"

bool gpu_matrix_set(
    gpu_matrix *m, int64_t rows, int64_t cols, int64_t row_stride, int64_t col_stride)
{
    if ((cols == 1 || col_stride == 1) && (rows == 1 || row_stride >= cols)) {
        *m = (gpu_matrix){false, rows == 1 ? cols : row_stride};
        return true;
    }
    if ((rows == 1 || row_stride == 1) && (cols == 1 || col_stride >= rows)) {
        *m = (gpu_matrix){true, cols == 1 ? rows : col_stride};
        return true;
    }
    return false;
}

/* ---- batches ---- */

typedef struct axis {
    int64_t dim, a, b, y;
} axis;

/* The inner axis continues the outer one in every operand. */
static bool continues(const axis *outer, const axis *inner)
{
    return outer->a == inner->a * inner->dim && outer->b == inner->b * inner->dim &&
           outer->y == inner->y * inner->dim;
}

static int merge(axis *out,
                 int rank,
                 const int64_t *dims,
                 const int64_t *a,
                 const int64_t *b,
                 const int64_t *y)
{
    int n = 0;
    for (int i = 0; i < rank; i++) {
        axis x = {dims[i], a[i], b[i], y[i]};
        if (x.dim == 1)
            continue;
        if (n > 0 && continues(&out[n - 1], &x))
            out[n - 1] = (axis){out[n - 1].dim * x.dim, x.a, x.b, x.y};
        else
            out[n++] = x;
    }
    return n;
}

/* Rows of all items follow each other and meet one b: a single taller product. */
static bool stacks(const gpu_product *p, const axis *x)
{
    return x->b == 0 && !p->a.transposed && x->a == p->m * p->a.ld &&
           x->y == p->m * p->ld_y;
}

ig_status gpu_product_batches(gpu_product *p,
                              int rank,
                              const int64_t *dims,
                              const int64_t *a,
                              const int64_t *b,
                              const int64_t *y)
{
    axis axes[IG_RANK_MAX];
    int n = merge(axes, rank, dims, a, b, y), largest = 0;
    if (n > 0 && stacks(p, &axes[n - 1]))
        p->m *= axes[--n].dim;
    for (int i = 1; i < n; i++)
        if (axes[i].dim > axes[largest].dim)
            largest = i;
    p->batch = 1;
    p->step_a = p->step_b = p->step_y = 0;
    p->outer = 0;
    for (int i = 0; i < n; i++) {
        const axis *x = &axes[i];
        if (i == largest) {
            p->batch = x->dim;
            p->step_a = x->a;
            p->step_b = x->b;
            p->step_y = x->y;
            continue;
        }
        if (p->outer == GPU_BATCH_AXES)
            return ig_reject("too many batch axes that do not merge");
        p->outer_dim[p->outer] = x->dim;
        p->outer_a[p->outer] = x->a;
        p->outer_b[p->outer] = x->b;
        p->outer_y[p->outer++] = x->y;
    }
    return IG_OK;
}

ig_status gpu_product_check(const gpu_product *p)
{
    const int64_t all[] = {p->m, p->n, p->depth, p->a.ld, p->b.ld, p->ld_y, p->batch};
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
        if (all[i] < 1 || all[i] > INT32_MAX)
            return ig_reject("an empty product, or sizes of 2^31 and more");
    return IG_OK;
}

void gpu_spread(const ig_tensor *t, int own, int rank, int64_t *out)
{
    for (int i = 0; i < rank; i++) {
        int j = i - (rank - own);
        out[i] = j < 0 || ig_dims(t)[j] == 1 ? 0 : ig_strides(t)[j];
    }
}

ig_status gpu_product_of_matmul(gpu_product *p,
                                const ig_tensor *a,
                                const ig_tensor *b,
                                const ig_tensor *y)
{
    igi_mat_mul_shape s;
    int64_t sa[IG_RANK_MAX], sb[IG_RANK_MAX], sy[IG_RANK_MAX];
    int ra = ig_rank(a), rb = ig_rank(b);
    igi_mat_mul_set(&s, a, b, y);
    *p = (gpu_product){.m = s.m,
                       .n = s.n,
                       .depth = s.depth,
                       .ld_y = s.n,
                       .type = ig_dtype_of(a),
                       .type_y = ig_dtype_of(a),
                       .alpha = 1};
    int64_t a_row = ra > 1 ? ig_strides(a)[ra - 2] : 0, a_col = ig_strides(a)[ra - 1];
    int64_t b_row = ig_strides(b)[rb > 1 ? rb - 2 : 0],
            b_col = rb > 1 ? ig_strides(b)[rb - 1] : 0;
    if (!gpu_matrix_set(&p->a, s.m, s.depth, a_row, a_col) ||
        !gpu_matrix_set(&p->b, s.depth, s.n, b_row, b_col))
        return ig_reject("strides in both axes of a matrix");
    gpu_spread(a, ra > 2 ? ra - 2 : 0, s.batch, sa);
    gpu_spread(b, rb > 2 ? rb - 2 : 0, s.batch, sb);
    for (int i = s.batch - 1, first = 1; i >= 0; i--, first = 0)
        sy[i] = first ? s.m * s.n : sy[i + 1] * ig_dims(y)[i + 1];
    IG_TRY(gpu_product_batches(p, s.batch, ig_dims(y), sa, sb, sy));
    return gpu_product_check(p);
}

int gpu_product_epilogue(bool bias, int64_t activation)
{
    switch (activation) {
    case IGI_ACT_NONE:
        return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case IGI_ACT_RELU:
        return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case IGI_ACT_GELU_TANH:
        return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default:
        return -1;
    }
}
