/* Rows of caches: checks, and the copy in either direction. */
#include "operators/common_cache.h"

#include <inttypes.h>

const char *const igi_cache_modes[] = {"linear", "circular", NULL};
const ig_attr_def igi_cache_options[] = {
    IG_ATTR_INT(igi_cache_attrs, axis, -2, "Axis of positions; not the batch axis 0."),
    IG_ATTR_ENUM(
        igi_cache_attrs,
        mode,
        IGI_CACHE_LINEAR,
        igi_cache_modes,
        "linear: rows must fit behind their index; circular: they wrap around."),
    {0},
};

ig_status igi_cache_axis(ig_infer *x, int rank, int *axis)
{
    IG_TRY(
        ig_infer_axis(x, ((const igi_cache_attrs *)x->attrs)->axis, rank, false, axis));
    return *axis ? IG_OK : ig_infer_fail(x, "the axis must not be the batch axis 0");
}

ig_status igi_cache_check(ig_infer *x,
                          int axis,
                          const int64_t *cache,
                          const int64_t *rows,
                          int rank,
                          int indices)
{
    const ig_type *t = indices < x->n_in ? x->in[indices] : NULL;
    for (int i = 0; i < rank; i++)
        if (i != axis)
            IG_TRY(
                ig_infer_equal(x, cache[i], rows[i], "dims of cache and rows", NULL));
    if (cache[axis] >= 0 && rows[axis] > cache[axis])
        return ig_infer_fail(x, "%" PRId64 " rows do not fit in a cache of %" PRId64,
                             rows[axis], cache[axis]);
    if (!t)
        return IG_OK;
    if (t->rank != 1)
        return ig_infer_fail(x, "write_indices must have rank 1");
    return ig_infer_equal(x, ig_type_dims(t)[0], cache[0],
                          "dim of write_indices and batch", NULL);
}

/* First row of each batch item: all are checked before anything is written. */
static ig_status check_indices(const ig_kernel_ctx *k,
                               const ig_tensor *indices,
                               int64_t size,
                               int64_t length)
{
    if (!indices || ((const igi_cache_attrs *)k->attrs)->mode == IGI_CACHE_CIRCULAR)
        return IG_OK;
    for (int64_t b = 0; b < ig_numel(indices); b++) {
        int64_t at = ((const int64_t *)ig_data(indices))[b];
        if (at < 0 || at > size - length)
            return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                                  "write_indices[%" PRId64 "] is %" PRId64
                                  ", outside [0, %" PRId64 "] for %" PRId64
                                  " rows in a cache of %" PRId64,
                                  b, at, size - length, length, size);
    }
    return IG_OK;
}

typedef struct {
    const ig_tensor *cache, *rows;
    int axis;
    bool write;
} cache_move;

/* `n` rows of batch item b: from row `row` on, at position `at` of the cache. */
static void
move_rows(const cache_move *m, int64_t b, int64_t row, int64_t at, int64_t n)
{
    int64_t dims[IG_RANK_MAX];
    int rank = ig_rank(m->cache);
    memcpy(dims, ig_dims(m->rows), (size_t)rank * sizeof(*dims));
    dims[0] = 1;
    dims[m->axis] = n;
    const int64_t *cs = ig_strides(m->cache), *rs = ig_strides(m->rows);
    int64_t in_cache = b * cs[0] + at * cs[m->axis],
            in_rows = b * rs[0] + row * rs[m->axis];
    if (n <= 0)
        return;
    if (m->write)
        igi_copy_nd(ig_dtype_of(m->cache), rank, dims, ig_data(m->cache), in_cache, cs,
                    ig_data(m->rows), in_rows, rs);
    else
        igi_copy_nd(ig_dtype_of(m->cache), rank, dims, ig_data(m->rows), in_rows, rs,
                    ig_data(m->cache), in_cache, cs);
}

ig_status igi_cache_move(const ig_kernel_ctx *k,
                         const ig_tensor *cache,
                         const ig_tensor *rows,
                         const ig_tensor *indices,
                         bool write)
{
    cache_move m = {.cache = cache, .rows = rows, .write = write};
    m.axis = (int)igi_index(((const igi_cache_attrs *)k->attrs)->axis, ig_rank(cache));
    const int64_t size = ig_dims(cache)[m.axis], length = ig_dims(rows)[m.axis];
    IG_TRY(check_indices(k, indices, size, length));
    if (ig_numel(rows) == 0)
        return IG_OK;
    for (int64_t b = 0; b < ig_dims(cache)[0]; b++) {
        int64_t at = indices ? ((const int64_t *)ig_data(indices))[b] % size : 0;
        at += at < 0 ? size : 0;
        const int64_t first = length < size - at ? length : size - at;
        move_rows(&m, b, 0, at, first);
        move_rows(&m, b, first, 0, length - first);
    }
    return IG_OK;
}
