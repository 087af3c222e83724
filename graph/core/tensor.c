/* Headers and storages: birth, views, copies and death.
 *
 * A header writes only the fields that its rank needs. A storage and its data are one
 * block: the struct fills the first 64 bytes and the data follows, from the pool's size
 * classes up to 8 KiB, else from the allocator. */
#include "graph/core/tensor.h"

#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/core/dtype.h"
#include "graph/core/pool.h"
#include "graph/core/queue.h"

#define STORAGE_HEAD 64

_Static_assert(sizeof(igi_storage) <= STORAGE_HEAD,
               "data follows the struct at 64 bytes");

/* Failures are kept out of line: the paths around them run for every eager call. */
#define COLD __attribute__((noinline, cold))

static COLD ig_status bad_dim(const int64_t *dims, int i)
{
    int64_t dim = dims[i];
    return dim < 0 ? ig_fail(IG_INVALID_ARGUMENT,
                             "dim %d is %lld; sizes of a tensor are at least 0", i,
                             (long long)dim)
                   : ig_fail(IG_LIMIT, "dim %d is %lld, the largest is 2^47", i,
                             (long long)dim);
}

static COLD ig_status too_large(ig_dtype dtype, int rank, const int64_t *dims)
{
    char text[256];
    ig_type t = {.dtype = (uint8_t)dtype, .rank = (int16_t)rank};
    if (rank > 8)
        t.u.dim_far = (int64_t *)(uintptr_t)dims;
    else
        memcpy(t.u.dim, dims, (size_t)rank * sizeof(*dims));
    return ig_fail(IG_LIMIT, "a tensor %s is too large: more than %zu bytes",
                   igi_type_print(&t, NULL, text, sizeof(text)), IGI_TENSOR_BYTES_MAX);
}

/* Contiguous strides, and whether all dims are in range and their product fits. */
static ig_status
set_dims(ig_dtype dtype, int rank, const int64_t *dims, int64_t *to, int64_t *stride)
{
    int64_t n = 1;
    for (int i = rank - 1; i >= 0; i--) {
        int64_t dim = dims[i];
        if ((uint64_t)dim > (uint64_t)IGI_DIM_MAX)
            return bad_dim(dims, i);
        to[i] = dim;
        stride[i] = n;
        if (!igi_mul_i64(n, dim > 1 ? dim : 1, &n))
            return too_large(dtype, rank, dims);
    }
    return IG_OK;
}

static COLD ig_status bad_type(ig_dtype dtype, int rank)
{
    if ((unsigned)rank > IG_RANK_MAX)
        return ig_fail(IG_INVALID_ARGUMENT, "rank %d is not between 0 and %d", rank,
                       IG_RANK_MAX);
    return ig_fail(IG_INVALID_ARGUMENT, "element type %d is not known", (int)dtype);
}

/* What never depends on the caller. */
static inline void header_init(ig_tensor *t, igi_pool *pool)
{
    t->v.refs = 1;
    t->v.flags = IGI_CONTIGUOUS;
    t->v.device = t->v.unaligned = 0;
    t->v.home = pool;
    t->v.trace = t->v.trace_epoch = 0;
    t->data = NULL;
    t->st = NULL;
    t->version = t->node = t->node_out = 0;
    t->live = NULL;
    t->grad = t->base = NULL;
    t->stride_far = NULL;
}

static inline void type_init(ig_tensor *t, ig_dtype dtype, int rank)
{
    t->v.type.kind = IG_KIND_TENSOR;
    t->v.type.dtype = (uint8_t)dtype;
    t->v.type.rank = (int16_t)rank;
    t->v.type.spare = 0;
}

static inline void header_drop(ig_tensor *t)
{
    if (t->v.home)
        igi_pool_header_put(t->v.home, t);
    else
        igi_free(t);
}

/* Blocks for the dims and strides of a rank beyond 8. */
static ig_status far_dims(ig_tensor *t, int rank)
{
    t->v.type.u.dim_far = igi_alloc_array((size_t)rank, sizeof(int64_t));
    t->stride_far = igi_alloc_array((size_t)rank, sizeof(int64_t));
    if (t->v.type.u.dim_far && t->stride_far)
        return IG_OK;
    igi_free(t->v.type.u.dim_far);
    igi_free(t->stride_far);
    return IG_OUT_OF_MEMORY;
}

/* Every rank, from the pool or the allocator. */
static __attribute__((noinline)) ig_status header_any(
    ig_tensor **out, igi_pool *pool, ig_dtype dtype, int rank, const int64_t *dims)
{
    if ((unsigned)rank > IG_RANK_MAX || !igi_dtype_valid((int)dtype))
        return bad_type(dtype, rank);
    ig_tensor *t = pool ? igi_pool_header(pool) : igi_alloc(sizeof(*t));
    if (!t)
        return IG_OUT_OF_MEMORY;
    header_init(t, pool);
    type_init(t, dtype, rank);
    ig_status rc = rank > 8 ? far_dims(t, rank) : IG_OK;
    if (rc != IG_OK) {
        header_drop(t);
        return rc;
    }
    rc = set_dims(dtype, rank, dims, (int64_t *)(uintptr_t)ig_type_dims(&t->v.type),
                  igi_tensor_strides_mut(t));
    if (rc != IG_OK) {
        igi_tensor_free(t);
        return rc;
    }
    *out = t;
    return IG_OK;
}

/* The short way: an ordinary rank, and the pool has a header. */
ig_status igi_tensor_header(
    ig_tensor **out, igi_pool *pool, ig_dtype dtype, int rank, const int64_t *dims)
{
    bool ordinary = (unsigned)rank <= 8 && igi_dtype_valid((int)dtype);
    if (!pool || !pool->headers || !ordinary)
        return header_any(out, pool, dtype, rank, dims);
    ig_tensor *t = igi_pool_pop(pool, &pool->headers);
    header_init(t, pool);
    type_init(t, dtype, rank);
    int64_t n = 1;
    for (int i = rank - 1; i >= 0; i--) {
        int64_t dim = dims[i];
        t->v.type.u.dim[i] = dim;
        t->stride[i] = n;
        if ((uint64_t)dim > (uint64_t)IGI_DIM_MAX ||
            !igi_mul_i64(n, dim > 1 ? dim : 1, &n)) {
            igi_pool_header_put(pool, t);
            return header_any(out, pool, dtype, rank, dims); /* says what is wrong */
        }
    }
    *out = t;
    return IG_OK;
}

int64_t *igi_tensor_strides_mut(ig_tensor *t)
{
    return t->v.type.rank > 8 ? t->stride_far : t->stride;
}

static inline void storage_init(ig_tensor *t, igi_storage *st, size_t bytes)
{
    st->refs = 1;
    st->flags = 0;
    st->device = st->strings = 0;
    st->version = st->history = st->through = 0;
    st->bytes = bytes;
    st->data = (char *)st + STORAGE_HEAD;
    st->deleter = NULL; /* and so `user` is never read */
    t->st = st;
    t->data = st->data;
}

/* Every size and type, from the pool or the allocator. */
static __attribute__((noinline)) ig_status alloc_any(ig_tensor *t, igi_pool *pool)
{
    ig_dtype dtype = (ig_dtype)t->v.type.dtype;
    size_t count = (size_t)igi_tensor_count(t), bits = igi_dtype_bits[dtype], bytes;
    if (!igi_mul_size(count, bits, &bytes) || bytes / 8 >= IGI_TENSOR_BYTES_MAX)
        return too_large(dtype, t->v.type.rank, ig_type_dims(&t->v.type));
    bytes = (bytes + 7) / 8;
    size_t whole = STORAGE_HEAD + bytes;
    if (whole > IGI_POOL_BYTES_MAX)
        pool = NULL;
    igi_storage *st = pool ? igi_pool_block_get(pool, whole) : igi_alloc(whole);
    if (!st)
        return ig_fail_context("storage of %zu bytes for a tensor", bytes);
    storage_init(t, st, bytes);
    st->home = pool;
    if (dtype == IG_STRING) {
        st->strings = 1;
        memset(st->data, 0, bytes);
    } else if (bits < 8 && bytes > 0) {
        st->data[bytes - 1] = 0; /* the unused bits behind a packed tensor */
    }
    return IG_OK;
}

/* The short way: a small tensor of whole bytes, and the pool has a block for it. */
ig_status igi_tensor_alloc(ig_tensor *t, igi_pool *pool)
{
    size_t count = (size_t)igi_tensor_count(t), bits = igi_dtype_bits[t->v.type.dtype];
    bool ordinary = bits >= 8 && t->v.type.dtype != IG_STRING;
    if (!pool || count > IGI_POOL_BYTES_MAX || !ordinary)
        return alloc_any(t, pool);
    size_t bytes = count * (bits / 8), whole = STORAGE_HEAD + bytes;
    int c = igi_pool_class(whole);
    if (c >= IGI_POOL_CLASSES || !pool->blocks[c])
        return alloc_any(t, pool);
    igi_storage *st = igi_pool_pop(pool, &pool->blocks[c]);
    storage_init(t, st, bytes);
    st->home = pool;
    return IG_OK;
}

ig_status igi_tensor_make(
    ig_tensor **out, igi_pool *pool, ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t;
    IG_TRY(igi_tensor_header(&t, pool, dtype, rank, dims));
    ig_status rc = igi_tensor_alloc(t, pool);
    if (__builtin_expect(rc != IG_OK, 0)) {
        igi_tensor_free(t);
        return rc;
    }
    *out = t;
    return IG_OK;
}

ig_status igi_tensor_like(ig_tensor **out, igi_pool *pool, const ig_tensor *like)
{
    int rank = like->v.type.rank;
    if (rank > 8 || !(like->v.flags & IGI_CONTIGUOUS))
        return igi_tensor_make(out, pool, (ig_dtype)like->v.type.dtype, rank,
                               ig_type_dims(&like->v.type));
    ig_tensor *t = pool ? igi_pool_header(pool) : igi_alloc(sizeof(*t));
    if (!t)
        return IG_OUT_OF_MEMORY;
    header_init(t, pool);
    t->v.type = like->v.type; /* all of it: cheaper than a loop over the rank */
    memcpy(t->stride, like->stride, sizeof(t->stride));
    ig_status rc = igi_tensor_alloc(t, pool);
    if (__builtin_expect(rc != IG_OK, 0)) {
        igi_tensor_free(t);
        return rc;
    }
    *out = t;
    return IG_OK;
}

ig_status igi_tensor_like_plain(ig_tensor **out,
                                igi_pool *pool,
                                const ig_tensor *like,
                                int64_t count)
{
    ig_dtype dtype = (ig_dtype)like->v.type.dtype;
    size_t bits = igi_dtype_bits[dtype], bytes = (size_t)count * (bits / 8);
    int c = igi_pool_class(STORAGE_HEAD + bytes);
    if (!pool || !pool->headers || (size_t)count > IGI_POOL_BYTES_MAX || bits < 8 ||
        dtype == IG_STRING || c >= IGI_POOL_CLASSES || !pool->blocks[c])
        return igi_tensor_like(out, pool, like);
    ig_tensor *t = igi_pool_pop(pool, &pool->headers);
    igi_storage *st = igi_pool_pop(pool, &pool->blocks[c]);
    header_init(t, pool);
    t->v.type = like->v.type;
    memcpy(t->stride, like->stride, sizeof(t->stride));
    storage_init(t, st, bytes);
    st->home = pool;
    *out = t;
    return IG_OK;
}

igi_storage *igi_storage_ref(igi_storage *st)
{
    if (st && (st->flags & IGI_SHARED))
        __atomic_add_fetch(&st->refs, 1, __ATOMIC_RELAXED);
    else if (st)
        st->refs++;
    return st;
}

static void drop_strings(igi_storage *st)
{
    igi_str **s = (igi_str **)(void *)st->data;
    for (size_t i = 0; i < st->bytes / sizeof(*s); i++)
        igi_str_unref(s[i]);
}

/* Every storage. */
static __attribute__((noinline)) void unref_any(igi_storage *st)
{
    int32_t left = st->flags & IGI_SHARED
                       ? __atomic_sub_fetch(&st->refs, 1, __ATOMIC_ACQ_REL)
                       : --st->refs;
    if (left > 0)
        return;
    if (st->strings)
        drop_strings(st);
    if (st->device)
        igi_storage_leave_device(st);
    else if (st->deleter)
        st->deleter(st->data, st->user);
    if (st->home)
        igi_pool_block_put(st->home, st, STORAGE_HEAD + st->bytes);
    else
        igi_free(st);
}

/* The short way: a block of a pool (so it is not shared, and has no deleter). */
void igi_storage_unref(igi_storage *st)
{
    if (!st)
        return;
    if (!st->home || st->strings)
        unref_any(st);
    else if (--st->refs == 0)
        igi_pool_block_put(st->home, st, STORAGE_HEAD + st->bytes);
}

/* The tape node and the base; a base has none itself. */
static inline void leave(ig_tensor *t)
{
    if (t->v.flags & IGI_HAS_NODE && t->live && --*t->live == IGI_LIVE_ORPHAN)
        igi_free(t->live);
    if (t->base)
        ig_tensor_unref(t->base);
}

/* A gradient may have a gradient (double backward), so this is a loop. */
void igi_tensor_free(ig_tensor *t)
{
    do {
        ig_tensor *grad = t->grad;
        if (t->v.flags & (IGI_HAS_NODE | IGI_IS_VIEW))
            leave(t);
        if (t->v.type.rank > 8) {
            igi_free(t->v.type.u.dim_far);
            igi_free(t->stride_far);
        }
        igi_storage_unref(t->st);
        header_drop(t);
        t = grad;
    } while (t && igi_value_release(&t->v));
}

void ig_tensor_unref(ig_tensor *t)
{
    if (t && igi_value_release(&t->v))
        igi_tensor_free(t);
}

/* Does every element of the view lie inside the storage of base? */
static bool view_fits(const ig_tensor *base,
                      int rank,
                      const int64_t *dims,
                      const int64_t *strides,
                      int64_t offset)
{
    int64_t lo, hi, bits = ig_dtype_bits((ig_dtype)base->v.type.dtype);
    for (int i = 0; i < rank; i++)
        if (dims[i] == 0)
            return true;
    if (!igi_strided_range(rank, dims, strides, offset, &lo, &hi))
        return false;
    int64_t first = (base->data - base->st->data) * 8; /* in bits, below 2^50 */
    int64_t size = (int64_t)base->st->bytes * 8;
    return lo >= -(first / bits) && hi < (size - first) / bits;
}

ig_status igi_tensor_view(ig_tensor **out,
                          igi_pool *pool,
                          ig_tensor *base,
                          int rank,
                          const int64_t *dims,
                          const int64_t *strides,
                          int64_t offset)
{
    ig_dtype dtype = (ig_dtype)base->v.type.dtype;
    int bits = ig_dtype_bits(dtype);
    ig_tensor *t;
    if (!base->st)
        return ig_fail(IG_INVALID_ARGUMENT, "a view of a tensor without memory");
    IG_TRY(igi_tensor_header(&t, pool, dtype, rank, dims));
    bool contiguous = igi_strides_are_contiguous(rank, dims, strides);
    bool whole_bytes = bits >= 8 || (contiguous && offset % (8 / bits) == 0);
    if (!whole_bytes || !view_fits(base, rank, dims, strides, offset)) {
        igi_tensor_free(t);
        return whole_bytes ? ig_fail(IG_INVALID_ARGUMENT,
                                     "a view with element offset %lld leaves its "
                                     "storage of %zu bytes",
                                     (long long)offset, base->st->bytes)
                           : ig_fail(IG_UNSUPPORTED,
                                     "views of %s are contiguous and begin at whole "
                                     "bytes: copy first",
                                     ig_dtype_name(dtype));
    }
    if (rank > 0)
        memcpy(igi_tensor_strides_mut(t), strides, (size_t)rank * sizeof(*strides));
    t->v.flags = (uint16_t)(IGI_IS_VIEW | (contiguous ? IGI_CONTIGUOUS : 0) |
                            (base->v.flags & IGI_REMOTE));
    t->v.device = base->v.device;
    t->st = igi_storage_ref(base->st);
    t->version = t->st->version;
    t->data = base->data + (bits >= 8 ? offset * (bits / 8) : offset / (8 / bits));
    *out = t;
    return IG_OK;
}

ig_status igi_tensor_alias(ig_tensor **out, igi_pool *pool, const ig_tensor *t)
{
    ig_tensor *x;
    IG_TRY(igi_tensor_header(&x, pool, (ig_dtype)t->v.type.dtype, t->v.type.rank,
                             ig_type_dims(&t->v.type)));
    x->v.flags = (uint16_t)(IGI_IS_VIEW |
                            (t->v.flags & (IGI_CONTIGUOUS | IGI_TRACED | IGI_REMOTE)));
    x->v.device = t->v.device;
    x->v.trace = t->v.trace;
    x->v.trace_epoch = t->v.trace_epoch;
    if (!(t->v.flags & IGI_CONTIGUOUS))
        memcpy(igi_tensor_strides_mut(x), igi_strides(t),
               sizeof(int64_t) * (size_t)t->v.type.rank);
    x->st = igi_storage_ref(t->st);
    x->version = t->st ? t->st->version : 0;
    x->data = t->data;
    *out = x;
    return IG_OK;
}

ig_status
igi_tensor_contiguous_copy(ig_tensor **out, igi_pool *pool, const ig_tensor *t)
{
    ig_tensor *copy;
    if (t->v.flags & IGI_REMOTE)
        return igi_queue_moved(out, igi_queue_of(t), NULL, t);
    IG_TRY(igi_tensor_header(&copy, pool, (ig_dtype)t->v.type.dtype, t->v.type.rank,
                             ig_type_dims(&t->v.type)));
    ig_status rc = igi_tensor_alloc(copy, pool);
    if (rc == IG_OK)
        rc = igi_tensor_copy_into(copy, t);
    if (rc != IG_OK) {
        igi_tensor_free(copy);
        return rc;
    }
    *out = copy;
    return IG_OK;
}

ig_status igi_tensor_readable(ig_tensor **out, const ig_tensor *t)
{
    if (!(t->v.flags & IGI_CONTIGUOUS) || t->v.flags & IGI_REMOTE)
        return igi_queue_moved(out, NULL, NULL, t);
    *out = ig_tensor_ref((ig_tensor *)(uintptr_t)t);
    return IG_OK;
}

ig_status igi_tensor_copy_into(ig_tensor *dst, const ig_tensor *src)
{
    char a[256], b[256];
    if (!igi_type_equal(&dst->v.type, &src->v.type))
        return ig_fail(IG_INVALID_ARGUMENT, "copy of %s into %s: types must be equal",
                       igi_type_print(&src->v.type, NULL, a, sizeof(a)),
                       igi_type_print(&dst->v.type, NULL, b, sizeof(b)));
    if (!dst->st || !src->st)
        return ig_fail(IG_INVALID_ARGUMENT, "copy between tensors without memory");
    if (dst->data == src->data && (dst->v.flags & src->v.flags & IGI_CONTIGUOUS))
        return IG_OK; /* a state that a net has updated where it lies */
    if ((dst->v.flags | src->v.flags) & IGI_REMOTE)
        return igi_queue_copy(dst, src);
    igi_copy_nd((ig_dtype)src->v.type.dtype, src->v.type.rank,
                ig_type_dims(&src->v.type), dst->data, 0, igi_strides(dst), src->data,
                0, igi_strides(src));
    return IG_OK;
}
