/* Descriptors of cuDNN's backend. */
#include "operators/gpu/dnn.h"

#include <string.h>

void dnn_free(dnn_graph *g)
{
    while (g->n_owned > 0)
        (void)cudnnBackendDestroyDescriptor(g->owned[--g->n_owned]);
}

static void check(dnn_graph *g, cudnnStatus_t s, const char *where)
{
    if (g->failed == CUDNN_STATUS_SUCCESS && s != CUDNN_STATUS_SUCCESS) {
        g->failed = s;
        g->where = where;
    }
}

static dnn_desc make(dnn_graph *g, cudnnBackendDescriptorType_t type, const char *where)
{
    dnn_desc d = NULL;
    if (g->failed != CUDNN_STATUS_SUCCESS)
        return NULL;
    if (g->n_owned == DNN_OWNED) {
        check(g, CUDNN_STATUS_NOT_SUPPORTED, "a graph of that many descriptors");
        return NULL;
    }
    check(g, cudnnBackendCreateDescriptor(type, &d), where);
    if (g->failed == CUDNN_STATUS_SUCCESS)
        g->owned[g->n_owned++] = d;
    return d;
}

static void set(dnn_graph *g,
                dnn_desc d,
                cudnnBackendAttributeName_t name,
                cudnnBackendAttributeType_t type,
                int64_t n,
                const void *values)
{
    if (g->failed == CUDNN_STATUS_SUCCESS)
        check(g, cudnnBackendSetAttribute(d, name, type, n, values), "an attribute");
}

static void
set_i64(dnn_graph *g, dnn_desc d, cudnnBackendAttributeName_t name, int64_t v)
{
    set(g, d, name, CUDNN_TYPE_INT64, 1, &v);
}

static void
set_double(dnn_graph *g, dnn_desc d, cudnnBackendAttributeName_t name, double v)
{
    set(g, d, name, CUDNN_TYPE_DOUBLE, 1, &v);
}

static void
set_type(dnn_graph *g, dnn_desc d, cudnnBackendAttributeName_t name, cudnnDataType_t v)
{
    set(g, d, name, CUDNN_TYPE_DATA_TYPE, 1, &v);
}

static void
set_desc(dnn_graph *g, dnn_desc d, cudnnBackendAttributeName_t name, dnn_desc v)
{
    set(g, d, name, CUDNN_TYPE_BACKEND_DESCRIPTOR, 1, &v);
}

static void finish(dnn_graph *g, dnn_desc d, const char *where)
{
    if (g->failed == CUDNN_STATUS_SUCCESS)
        check(g, cudnnBackendFinalize(d), where);
}

static void add(dnn_graph *g, dnn_desc op, const char *where)
{
    finish(g, op, where);
    if (g->failed == CUDNN_STATUS_SUCCESS && g->n_ops == DNN_OPS)
        check(g, CUDNN_STATUS_NOT_SUPPORTED, "a graph of that many operations");
    if (g->failed == CUDNN_STATUS_SUCCESS)
        g->op[g->n_ops++] = op;
}

/* ---- types ---- */

int dnn_type(ig_dtype t)
{
    switch (t) {
    case IG_FLOAT32:
        return CUDNN_DATA_FLOAT;
    case IG_FLOAT64:
        return CUDNN_DATA_DOUBLE;
    case IG_FLOAT16:
        return CUDNN_DATA_HALF;
    case IG_BFLOAT16:
        return CUDNN_DATA_BFLOAT16;
    default:
        return -1;
    }
}

cudnnDataType_t dnn_compute(cudnnDataType_t t)
{
    return t == CUDNN_DATA_DOUBLE ? CUDNN_DATA_DOUBLE : CUDNN_DATA_FLOAT;
}

dnn_rules dnn_rules_of(ig_dtype t, uint32_t flags)
{
    dnn_rules r = {.forbidden = 1u << CUDNN_NUMERICAL_NOTE_NONDETERMINISTIC |
                                1u << CUDNN_NUMERICAL_NOTE_REDUCED_PRECISION_REDUCTION,
                   .workspace = (int64_t)1 << 30};
    if (t == IG_FLOAT32 && !(flags & IG_RUN_TF32))
        r.forbidden |= 1u << CUDNN_NUMERICAL_NOTE_TENSOR_CORE |
                       1u << CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS;
    if (flags & IG_RUN_EXACT)
        r.forbidden |= 1u << CUDNN_NUMERICAL_NOTE_FFT |
                       1u << CUDNN_NUMERICAL_NOTE_WINOGRAD |
                       1u << CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_4x4 |
                       1u << CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_6x6 |
                       1u << CUDNN_NUMERICAL_NOTE_WINOGRAD_TILE_13x13;
    return r;
}

/* ---- tensors ---- */

/* What may be assumed of addresses. */
static int64_t alignment_of(const dnn_graph *g, cudnnDataType_t type)
{
    if (!g->loose)
        return 16;
    return type == CUDNN_DATA_DOUBLE ? 8 : type == CUDNN_DATA_FLOAT ? 4 : 2;
}

static dnn_desc tensor(dnn_graph *g,
                       cudnnDataType_t type,
                       int rank,
                       const int64_t *dims,
                       const int64_t *strides,
                       int64_t id)
{
    dnn_desc d = make(g, CUDNN_BACKEND_TENSOR_DESCRIPTOR, "a tensor");
    set_type(g, d, CUDNN_ATTR_TENSOR_DATA_TYPE, type);
    set(g, d, CUDNN_ATTR_TENSOR_DIMENSIONS, CUDNN_TYPE_INT64, rank, dims);
    set(g, d, CUDNN_ATTR_TENSOR_STRIDES, CUDNN_TYPE_INT64, rank, strides);
    set_i64(g, d, CUDNN_ATTR_TENSOR_UNIQUE_ID, id);
    return d;
}

/* The number of one more tensor with memory; 0 when there are too many. */
static int64_t next_memory(dnn_graph *g)
{
    if (g->n_memory == DNN_MEMORY) {
        check(g, CUDNN_STATUS_NOT_SUPPORTED, "a graph of that many tensors");
        return 0;
    }
    return ++g->n_memory;
}

dnn_desc dnn_tensor(dnn_graph *g,
                    cudnnDataType_t type,
                    int rank,
                    const int64_t *dims,
                    const int64_t *strides)
{
    dnn_desc d = tensor(g, type, rank, dims, strides, next_memory(g));
    set_i64(g, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, alignment_of(g, type));
    finish(g, d, "a tensor");
    return d;
}

dnn_desc dnn_between(dnn_graph *g,
                     cudnnDataType_t type,
                     int rank,
                     const int64_t *dims,
                     const int64_t *strides)
{
    const bool yes = true;
    dnn_desc d = tensor(g, type, rank, dims, strides, 1000 + g->n_virtual++);
    set_i64(g, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 16);
    set(g, d, CUDNN_ATTR_TENSOR_IS_VIRTUAL, CUDNN_TYPE_BOOLEAN, 1, &yes);
    finish(g, d, "a tensor");
    return d;
}

dnn_desc dnn_number(dnn_graph *g, int rank, float value)
{
    static const int64_t ones[8] = {1, 1, 1, 1, 1, 1, 1, 1};
    const bool yes = true;
    int64_t id = next_memory(g);
    dnn_desc d = tensor(g, CUDNN_DATA_FLOAT, rank, ones, ones, id);
    set_i64(g, d, CUDNN_ATTR_TENSOR_BYTE_ALIGNMENT, 4);
    set(g, d, CUDNN_ATTR_TENSOR_IS_BY_VALUE, CUDNN_TYPE_BOOLEAN, 1, &yes);
    finish(g, d, "a number");
    if (id) {
        g->host[id - 1] = true;
        g->number[id - 1] = value;
    }
    return d;
}

/* ---- operations ---- */

dnn_desc dnn_window(dnn_graph *g, cudnnDataType_t compute, const dnn_axes *a)
{
    const cudnnConvolutionMode_t mode = CUDNN_CROSS_CORRELATION;
    dnn_desc d = make(g, CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR, "a convolution");
    set_type(g, d, CUDNN_ATTR_CONVOLUTION_COMP_TYPE, compute);
    set(g, d, CUDNN_ATTR_CONVOLUTION_CONV_MODE, CUDNN_TYPE_CONVOLUTION_MODE, 1, &mode);
    set_i64(g, d, CUDNN_ATTR_CONVOLUTION_SPATIAL_DIMS, a->n);
    set(g, d, CUDNN_ATTR_CONVOLUTION_PRE_PADDINGS, CUDNN_TYPE_INT64, a->n, a->pre);
    set(g, d, CUDNN_ATTR_CONVOLUTION_POST_PADDINGS, CUDNN_TYPE_INT64, a->n, a->post);
    set(g, d, CUDNN_ATTR_CONVOLUTION_FILTER_STRIDES, CUDNN_TYPE_INT64, a->n, a->stride);
    set(g, d, CUDNN_ATTR_CONVOLUTION_DILATIONS, CUDNN_TYPE_INT64, a->n, a->dilation);
    finish(g, d, "a convolution");
    return d;
}

typedef struct convolution_names {
    cudnnBackendDescriptorType_t type;
    cudnnBackendAttributeName_t window, x, w, y, alpha, beta;
} convolution_names;

static const convolution_names convolutions[] = {
    /* ORDER: dnn_direction */
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_Y,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DX,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_W,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_DATA_BETA},
    {CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_CONV_DESC,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_X,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DW,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_DY,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_ALPHA,
     CUDNN_ATTR_OPERATION_CONVOLUTION_BWD_FILTER_BETA},
};

void dnn_convolve(dnn_graph *g,
                  dnn_direction direction,
                  dnn_desc window,
                  dnn_desc x,
                  dnn_desc w,
                  dnn_desc y)
{
    const convolution_names *n = &convolutions[direction];
    dnn_desc d = make(g, n->type, "a convolution");
    set_desc(g, d, n->window, window);
    set_desc(g, d, n->x, x);
    set_desc(g, d, n->w, w);
    set_desc(g, d, n->y, y);
    set_double(g, d, n->alpha, 1);
    set_double(g, d, n->beta, 0);
    add(g, d, "a convolution");
}

static dnn_desc point_desc(dnn_graph *g, const dnn_point *p)
{
    dnn_desc d = make(g, CUDNN_BACKEND_POINTWISE_DESCRIPTOR, "a pointwise function");
    set(g, d, CUDNN_ATTR_POINTWISE_MODE, CUDNN_TYPE_POINTWISE_MODE, 1, &p->mode);
    set_type(g, d, CUDNN_ATTR_POINTWISE_MATH_PREC, p->compute);
    if (p->mode == CUDNN_POINTWISE_SWISH_FWD) {
        set_double(g, d, CUDNN_ATTR_POINTWISE_SWISH_BETA, 1);
    } else if (p->mode == CUDNN_POINTWISE_GEN_INDEX) {
        set_i64(g, d, CUDNN_ATTR_POINTWISE_AXIS, p->axis);
    }
    finish(g, d, "a pointwise function");
    return d;
}

void dnn_pointwise(
    dnn_graph *g, const dnn_point *p, dnn_desc x, dnn_desc b, dnn_desc t, dnn_desc y)
{
    dnn_desc f = point_desc(g, p);
    dnn_desc d = make(g, CUDNN_BACKEND_OPERATION_POINTWISE_DESCRIPTOR, "a function");
    set_desc(g, d, CUDNN_ATTR_OPERATION_POINTWISE_PW_DESCRIPTOR, f);
    set_desc(g, d, CUDNN_ATTR_OPERATION_POINTWISE_XDESC, x);
    if (b)
        set_desc(g, d, CUDNN_ATTR_OPERATION_POINTWISE_BDESC, b);
    if (t)
        set_desc(g, d, CUDNN_ATTR_OPERATION_POINTWISE_TDESC, t);
    set_desc(g, d, CUDNN_ATTR_OPERATION_POINTWISE_YDESC, y);
    add(g, d, "a pointwise function");
}

void dnn_reduce(dnn_graph *g, cudnnReduceTensorOp_t how, dnn_desc x, dnn_desc y)
{
    dnn_desc r = make(g, CUDNN_BACKEND_REDUCTION_DESCRIPTOR, "a reduction");
    set_type(g, r, CUDNN_ATTR_REDUCTION_COMP_TYPE, CUDNN_DATA_FLOAT);
    set(g, r, CUDNN_ATTR_REDUCTION_OPERATOR, CUDNN_TYPE_REDUCTION_OPERATOR_TYPE, 1,
        &how);
    finish(g, r, "a reduction");
    dnn_desc d = make(g, CUDNN_BACKEND_OPERATION_REDUCTION_DESCRIPTOR, "a reduction");
    set_desc(g, d, CUDNN_ATTR_OPERATION_REDUCTION_XDESC, x);
    set_desc(g, d, CUDNN_ATTR_OPERATION_REDUCTION_YDESC, y);
    set_desc(g, d, CUDNN_ATTR_OPERATION_REDUCTION_DESC, r);
    add(g, d, "a reduction");
}

void dnn_product(
    dnn_graph *g, cudnnDataType_t compute, dnn_desc a, dnn_desc b, dnn_desc c)
{
    dnn_desc m = make(g, CUDNN_BACKEND_MATMUL_DESCRIPTOR, "a product");
    set_type(g, m, CUDNN_ATTR_MATMUL_COMP_TYPE, compute);
    finish(g, m, "a product");
    dnn_desc d = make(g, CUDNN_BACKEND_OPERATION_MATMUL_DESCRIPTOR, "a product");
    set_desc(g, d, CUDNN_ATTR_OPERATION_MATMUL_ADESC, a);
    set_desc(g, d, CUDNN_ATTR_OPERATION_MATMUL_BDESC, b);
    set_desc(g, d, CUDNN_ATTR_OPERATION_MATMUL_CDESC, c);
    set_desc(g, d, CUDNN_ATTR_OPERATION_MATMUL_DESC, m);
    add(g, d, "a product");
}

/* ---- pooling ---- */

/* Sizes of windows and their steps are fractions in general (resampling); ours are n/1.
 */
static void set_whole(
    dnn_graph *g, dnn_desc d, cudnnBackendAttributeName_t name, int n, const int64_t *v)
{
    cudnnFraction_t f[3];
    for (int i = 0; i < n; i++)
        f[i] = (cudnnFraction_t){v[i], 1};
    set(g, d, name, CUDNN_TYPE_FRACTION, n, f);
}

/* CUDNN_TYPE_NAN_PROPOGATION, which cuDNN 9 calls deprecated though the attribute that
 * has this type is not. */
#define NAN_TYPE ((cudnnBackendAttributeType_t)10)

static dnn_desc pool_desc(dnn_graph *g,
                          cudnnResampleMode_t mode,
                          cudnnDataType_t compute,
                          const dnn_axes *a,
                          const int64_t *window)
{
    const cudnnPaddingMode_t padding =
        mode == CUDNN_RESAMPLE_MAXPOOL ? CUDNN_NEG_INF_PAD : CUDNN_ZERO_PAD;
    const int nan = 1; /* CUDNN_PROPAGATE_NAN */
    dnn_desc d = make(g, CUDNN_BACKEND_RESAMPLE_DESCRIPTOR, "a pooling");
    if (mode == CUDNN_RESAMPLE_MAXPOOL) /* else NaN would count as the least */
        set(g, d, CUDNN_ATTR_RESAMPLE_NAN_PROPAGATION, NAN_TYPE, 1, &nan);
    set(g, d, CUDNN_ATTR_RESAMPLE_MODE, CUDNN_TYPE_RESAMPLE_MODE, 1, &mode);
    set_type(g, d, CUDNN_ATTR_RESAMPLE_COMP_TYPE, compute);
    set(g, d, CUDNN_ATTR_RESAMPLE_PADDING_MODE, CUDNN_TYPE_PADDING_MODE, 1, &padding);
    set_i64(g, d, CUDNN_ATTR_RESAMPLE_SPATIAL_DIMS, a->n);
    set_whole(g, d, CUDNN_ATTR_RESAMPLE_WINDOW_DIMS, a->n, window);
    set_whole(g, d, CUDNN_ATTR_RESAMPLE_PRE_PADDINGS, a->n, a->pre);
    set_whole(g, d, CUDNN_ATTR_RESAMPLE_POST_PADDINGS, a->n, a->post);
    set_whole(g, d, CUDNN_ATTR_RESAMPLE_STRIDES, a->n, a->stride);
    finish(g, d, "a pooling");
    return d;
}

void dnn_pool(dnn_graph *g,
              cudnnResampleMode_t mode,
              cudnnDataType_t compute,
              const dnn_axes *a,
              const int64_t *window,
              bool backward,
              dnn_desc x,
              dnn_desc y)
{
    dnn_desc how = pool_desc(g, mode, compute, a, window);
    dnn_desc d = make(g,
                      backward ? CUDNN_BACKEND_OPERATION_RESAMPLE_BWD_DESCRIPTOR
                               : CUDNN_BACKEND_OPERATION_RESAMPLE_FWD_DESCRIPTOR,
                      "a pooling");
    set_desc(g, d,
             backward ? CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DXDESC
                      : CUDNN_ATTR_OPERATION_RESAMPLE_FWD_XDESC,
             x);
    set_desc(g, d,
             backward ? CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DYDESC
                      : CUDNN_ATTR_OPERATION_RESAMPLE_FWD_YDESC,
             y);
    set_desc(g, d,
             backward ? CUDNN_ATTR_OPERATION_RESAMPLE_BWD_DESC
                      : CUDNN_ATTR_OPERATION_RESAMPLE_FWD_DESC,
             how);
    add(g, d, "a pooling");
}
