/* Float32 SoftmaxCrossEntropyLoss over the last axis, and its gradient. */
#include <math.h>

#include "operators/common_loss.h"
#include "operators/cpu/kernel.h"

enum {
    SHORT_ROW = 64, /* up to here many rows share one call of exp */
    BLOCK_ROWS = 16,
    EXPS = 1 << 12
};

typedef struct block {
    float y[BLOCK_ROWS * SHORT_ROW], e[BLOCK_ROWS * SHORT_ROW], sum[BLOCK_ROWS];
} block;

/* y = x - log(sum of exp(x)) for a few short rows. */
static void
short_rows(block *b, float *y, const float *x, int64_t rows, int64_t classes)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    for (int64_t r = 0; r < rows; r++) {
        const float *row = x + r * classes;
        float high = row[0];
        for (int64_t c = 1; c < classes; c++)
            high = row[c] > high ? row[c] : high;
        for (int64_t c = 0; c < classes; c++)
            y[r * classes + c] = row[c] - high;
    }
    isa->unary[IGI_UNARY_EXP](b->e, y, rows * classes, NULL);
    for (int64_t r = 0; r < rows; r++) {
        b->sum[r] = 0;
        for (int64_t c = 0; c < classes; c++)
            b->sum[r] += b->e[r * classes + c];
    }
    isa->unary[IGI_UNARY_LOG](b->sum, b->sum, rows, NULL);
    for (int64_t r = 0; r < rows; r++)
        for (int64_t c = 0; c < classes; c++)
            y[r * classes + c] -= b->sum[r];
}

static ig_status rows_supports(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    if (igi_kcount(x, 2, igi_krank(x)) != 1 || igi_kdims(x)[1] < 1)
        return ig_reject("classes are not the last axis, or there are none");
    if (!igi_kout(k, 1) && igi_kdims(x)[1] > SHORT_ROW)
        return ig_reject("rows are long, and log_prob is not wanted");
    return IG_OK;
}

/* Losses of the rows [first, first + rows), of whose log probabilities y is given. */
static ig_status put_losses(ig_kernel_ctx *k,
                            const igi_loss *l,
                            int64_t first,
                            int64_t rows,
                            const float *y,
                            double *total)
{
    int64_t label;
    for (int64_t r = 0; r < rows; r++) {
        IG_TRY(igi_loss_label(l, first + r, &label));
        double v = label < 0
                       ? 0
                       : igi_loss_weight(l, label) * -(double)y[r * l->classes + label];
        igi_loss_put(IG_FLOAT32, l, first + r, v, igi_kout(k, 0)->data, total);
    }
    return IG_OK;
}

static ig_status cross_entropy_run(ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 0);
    float *log_prob = igi_kf32(igi_kout(k, 1));
    igi_loss l;
    block b;
    double total = 0;
    int64_t left = IGI_POLL_BLOCK / 8;
    igi_loss_set(&l, k, igi_krank(x), igi_kdims(x), 2);
    for (int64_t i = 0, rows; i < l.items; i += rows) {
        const float *from = igi_kf32(x) + i * l.classes;
        float *y = log_prob ? log_prob + i * l.classes : b.y;
        rows = l.classes > SHORT_ROW      ? 1
               : l.items - i < BLOCK_ROWS ? l.items - i
                                          : BLOCK_ROWS;
        IG_TRY(igi_kpace(k, &left, rows * l.classes));
        if (l.classes > SHORT_ROW)
            igi_cpu_isa_best()->log_softmax_row(y, from, l.classes);
        else
            short_rows(&b, y, from, rows, l.classes);
        IG_TRY(put_losses(k, &l, i, rows, y, &total));
    }
    return igi_loss_finish(IG_FLOAT32, &l, total, igi_kout(k, 0)->data);
}

/* dx = f (p - 1 at the label), f = weight dloss / divisor of each row. */
static ig_status cross_entropy_grad_run(ig_kernel_ctx *k)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const ig_tensor *log_prob = igi_kin(k, 2);
    const float *dloss = igi_kf32(igi_kin(k, 0));
    float *dx = igi_kf32(igi_kout(k, 0));
    igi_loss l;
    double divisor;
    igi_loss_set(&l, k, igi_krank(log_prob), igi_kdims(log_prob), 3);
    IG_TRY(igi_loss_divisor(&l, &divisor));
    const int64_t each = 1 + EXPS / (l.classes + 1); /* rows of one call of exp */
    for (int64_t i = 0, left = IGI_POLL_BLOCK; i < l.items; i++) {
        int64_t label, at = i * l.classes;
        IG_TRY(igi_kpace(k, &left, l.classes + 8));
        if (i % each == 0)
            isa->unary[IGI_UNARY_EXP](
                dx + at, igi_kf32(log_prob) + at,
                (l.items - i < each ? l.items - i : each) * l.classes, NULL);
        IG_TRY(igi_loss_label(&l, i, &label));
        double d = (double)dloss[l.reduction == IGI_REDUCTION_NONE ? i : 0];
        float f = label < 0 ? 0 : (float)(igi_loss_weight(&l, label) * d / divisor);
        float *row = dx + at;
        isa->binary[IGI_BINARY_MUL][IGI_BINARY_VS](row, row, &f, l.classes);
        if (label >= 0)
            row[label] -= f;
    }
    return IG_OK;
}

static ig_status grad_supports(const ig_kernel_ctx *k)
{
    const ig_tensor *x = igi_kin(k, 2);
    return igi_kcount(x, 2, igi_krank(x)) == 1
               ? IG_OK
               : ig_reject("classes are not the last axis");
}

IG_KERNELS(loss) = {
    {IG_KERNEL_HEAD, .op = "SoftmaxCrossEntropyLoss", .name = "rows",
     .types = IG_T(FLOAT32), .supports = rows_supports, .run = cross_entropy_run},
    {IG_KERNEL_HEAD, .op = "ingot::CrossEntropyGrad", .name = "rows",
     .types = IG_T(FLOAT32), .supports = grad_supports, .run = cross_entropy_grad_run},
    {0},
};
