/* Sparse tensors become dense ones: values go to the positions that a list of sorted,
 * unique indices gives, linear or by axes. */
#include <inttypes.h>
#include <string.h>

#include "importers/onnx/tensor.h"

/* Dense bytes of all sparse tensors without a limit of the caller, since a small file
 * can ask for many: so much, and more the more there is in the file. */
#define SPARSE_DEFAULT  ((uint64_t)1 << 30)
#define SPARSE_PER_BYTE 64

/* Linear position of entry i; false when it is out of range. */
static bool sparse_position(const int64_t *indices,
                            int64_t i,
                            int width,
                            const igi_onnx_shape *s,
                            const int64_t *dims,
                            int64_t *out)
{
    if (width == 0) {
        *out = indices[i];
        return *out >= 0 && *out < s->count;
    }
    int64_t at = 0; /* stays below the checked product of the dims */
    for (int k = 0; k < width; k++) {
        int64_t v = indices[i * width + k];
        if (v < 0 || v >= dims[k])
            return false;
        at = at * dims[k] + v;
    }
    *out = at;
    return true;
}

static ig_status scatter(const ig_tensor *values,
                         const ig_tensor *indices,
                         const igi_onnx_shape *s,
                         ig_tensor *dst)
{
    static const int64_t one = 1;
    const int64_t *index = (const int64_t *)(const void *)indices->data;
    const int64_t *dims = ig_tensor_dims(dst);
    int width = ig_tensor_rank(indices) == 2 ? s->rank : 0;
    int64_t last = -1, at, n = ig_tensor_numel(values);
    for (int64_t i = 0; i < n; i++) {
        if (!sparse_position(index, i, width, s, dims, &at))
            return ig_fail(IG_INVALID_GRAPH, "index %" PRId64 " lies outside the dims",
                           i);
        if (at <= last)
            return ig_fail(IG_INVALID_GRAPH,
                           "index %" PRId64
                           " is not above the one before it: indices must be "
                           "sorted and unique",
                           i);
        last = at;
        igi_copy_nd(s->dtype, 1, &one, dst->data, at, &one, values->data, i, &one);
    }
    return IG_OK;
}

static ig_status
check_sparse(const igi_onnx_shape *s, const ig_tensor *values, const ig_tensor *indices)
{
    int64_t n = ig_tensor_numel(values);
    int rank = ig_tensor_rank(indices);
    if (ig_tensor_rank(values) != 1)
        return ig_fail(IG_INVALID_GRAPH, "values of rank %d, expected 1",
                       ig_tensor_rank(values));
    if (ig_tensor_dtype(indices) != IG_INT64)
        return ig_fail(IG_INVALID_GRAPH, "indices are %s, expected int64",
                       ig_dtype_name(ig_tensor_dtype(indices)));
    if (rank != 1 && rank != 2)
        return ig_fail(IG_INVALID_GRAPH, "indices of rank %d, expected 1 or 2", rank);
    if (ig_tensor_dim(indices, 0) != n ||
        (rank == 2 && ig_tensor_dim(indices, 1) != s->rank))
        return ig_fail(IG_INVALID_GRAPH,
                       "%" PRId64
                       " values of rank %d do not agree with the dims of the indices",
                       n, s->rank);
    return IG_OK;
}

static ig_status make_sparse(igi_onnx_data *d, const pb_sparse *p, ig_tensor **out)
{
    ig_tensor *values = NULL, *indices = NULL, *t = NULL;
    igi_onnx_shape s = {0};
    ig_status rc;
    if (!p->values || !p->indices)
        return ig_fail(IG_INVALID_GRAPH, "values or indices are missing");
    IG_GO(igi_onnx_tensor(d, p->values, &values));
    IG_GO(igi_onnx_tensor(d, p->indices, &indices));
    IG_GO(igi_tensor_settle(indices)); /* read below */
    pb_tensor like = *p->values; /* the dense form: same type, own dims, no data */
    like.dims = p->dims;
    like.n_dims = p->n_dims;
    IG_GO(igi_onnx_tensor_shape(d, &like, &s));
    IG_GO(check_sparse(&s, values, indices));
    d->dense += s.bytes; /* each at most 2^35 by default */
    if (d->limits.tensor_bytes == 0 &&
        d->dense > SPARSE_DEFAULT + d->src.size * SPARSE_PER_BYTE)
        IG_GO(ig_fail(IG_LIMIT,
                      "it has %zu bytes when dense, all sparse tensors so far %" PRIu64
                      "; set limits.tensor_bytes to allow that",
                      s.bytes, d->dense));
    IG_GO(igi_onnx_tensor_new(d, &s, p->dims, &t));
    if (s.bytes)
        memset(t->data, 0, s.bytes);
    IG_GO(scatter(values, indices, &s, t));
    *out = t;
    t = NULL;
out:
    ig_tensor_unref(values);
    ig_tensor_unref(indices);
    ig_tensor_unref(t);
    return rc;
}

ig_status igi_onnx_sparse(igi_onnx_data *d, const pb_sparse *p, ig_tensor **out)
{
    const char *name = p->values ? pb_str(p->values->name) : "";
    if (make_sparse(d, p, out) != IG_OK)
        return ig_fail_context("sparse tensor '%s'", name);
    return IG_OK;
}
