/* The graph of attention in the form that cuDNN knows as one kernel: scores, scale,
 * mask, softmax from its parts, values. It recognises the form only with the statistics
 * of the softmax (log of the sum plus the maximum) as a result, so they are written,
 * too. */
#include "operators/gpu/attention_dnn.h"

typedef struct parts {
    dnn_graph *g;
    int64_t scores[4], scores_steps[4], rows[4], rows_steps[4];
} parts;

static dnn_desc between_of(const parts *p, cudnnDataType_t type)
{
    return dnn_between(p->g, type, 4, p->scores, p->scores_steps);
}

static dnn_desc between(const parts *p)
{
    return between_of(p, CUDNN_DATA_FLOAT);
}

static dnn_desc row(const parts *p)
{
    return dnn_between(p->g, CUDNN_DATA_FLOAT, 4, p->rows, p->rows_steps);
}

/* y = f(x) or f(x, b), y being made unless it is given. */
static dnn_desc
apply(const parts *p, cudnnPointwiseMode_t mode, dnn_desc x, dnn_desc b, dnn_desc y)
{
    const dnn_point f = {.mode = mode, .compute = CUDNN_DATA_FLOAT};
    if (!y)
        y = between(p);
    dnn_pointwise(p->g, &f, x, b, NULL, y);
    return y;
}

/* Keys after the query get a score that vanishes. */
static dnn_desc hide_later_keys(const parts *p, dnn_desc scores)
{
    dnn_point index = {
        .mode = CUDNN_POINTWISE_GEN_INDEX, .compute = CUDNN_DATA_FLOAT, .axis = 2};
    const dnn_point sees = {.mode = CUDNN_POINTWISE_CMP_GE,
                            .compute = CUDNN_DATA_BOOLEAN};
    const dnn_point choose = {.mode = CUDNN_POINTWISE_BINARY_SELECT,
                              .compute = CUDNN_DATA_FLOAT};
    dnn_desc query = between_of(p, CUDNN_DATA_INT32),
             key = between_of(p, CUDNN_DATA_INT32), shown = between(p),
             seen = between_of(p, CUDNN_DATA_BOOLEAN);
    dnn_pointwise(p->g, &index, scores, NULL, NULL, query);
    index.axis = 3;
    dnn_pointwise(p->g, &index, scores, NULL, NULL, key);
    dnn_pointwise(p->g, &sees, query, key, NULL, seen);
    dnn_pointwise(p->g, &choose, scores, dnn_number(p->g, 4, -1e30f), seen, shown);
    return shown;
}

/* Probabilities of `type`. */
static dnn_desc softmax(const parts *p, dnn_desc scores, cudnnDataType_t type)
{
    dnn_desc high = row(p), sum = row(p);
    dnn_reduce(p->g, CUDNN_REDUCE_TENSOR_MAX, scores, high);
    dnn_desc e = apply(p, CUDNN_POINTWISE_EXP,
                       apply(p, CUDNN_POINTWISE_SUB, scores, high, NULL), NULL, NULL);
    dnn_reduce(p->g, CUDNN_REDUCE_TENSOR_ADD, e, sum);
    dnn_desc log = apply(p, CUDNN_POINTWISE_LOG, sum, NULL, row(p));
    dnn_desc statistics = dnn_tensor(p->g, CUDNN_DATA_FLOAT, 4, p->rows, p->rows_steps);
    (void)apply(p, CUDNN_POINTWISE_ADD, high, log, statistics);
    return apply(p, CUDNN_POINTWISE_DIV, e, sum,
                 dnn_between(p->g, type, 4, p->scores, p->scores_steps));
}

static dnn_desc operand(dnn_graph *g,
                        cudnnDataType_t type,
                        const igi_attention *a,
                        int64_t heads,
                        int64_t rows,
                        int64_t size,
                        const igi_heads *h,
                        bool transposed)
{
    const int64_t dims[4] = {a->batch, heads, transposed ? size : rows,
                             transposed ? rows : size};
    const int64_t steps[4] = {h->batch, h->head, transposed ? 1 : h->row,
                              transposed ? h->row : 1};
    return dnn_tensor(g, type, 4, dims, steps);
}

void gpu_flash_build(dnn_graph *g, const void *flash)
{
    const gpu_flash *f = flash;
    const igi_attention *a = &f->a;
    cudnnDataType_t type = (cudnnDataType_t)dnn_type(f->type);
    int64_t h = a->q_heads, n = a->q_len, t = a->total;
    parts p = {g,
               {a->batch, h, n, t},
               {h * n * t, n * t, t, 1},
               {a->batch, h, n, 1},
               {h * n, n, 1, 1}};
    dnn_desc q = operand(g, type, a, h, n, a->size, &a->q, false);
    dnn_desc k = operand(g, type, a, a->kv_heads, t, a->size, &a->k, true);
    dnn_desc v = operand(g, type, a, a->kv_heads, t, a->v_size, &a->v, false);
    dnn_desc s = between(&p);
    dnn_product(g, CUDNN_DATA_FLOAT, q, k, s);
    s = apply(&p, CUDNN_POINTWISE_MUL, s, dnn_number(g, 4, (float)a->scale), NULL);
    if (f->mask_dims[0]) {
        int64_t steps[4];
        for (int i = 3; i >= 0; i--) /* a broadcast axis needs a stride, too */
            steps[i] = a->mask_stride[i] ? a->mask_stride[i]
                       : i == 3          ? 1
                                         : steps[i + 1] * f->mask_dims[i + 1];
        s = apply(&p, CUDNN_POINTWISE_ADD, s,
                  dnn_tensor(g, type, 4, f->mask_dims, steps), NULL);
    }
    if (a->attrs->is_causal)
        s = hide_later_keys(&p, s);
    s = softmax(&p, s, type);
    dnn_product(g, CUDNN_DATA_FLOAT, s, v,
                operand(g, type, a, h, n, a->v_size, &a->y, false));
}
