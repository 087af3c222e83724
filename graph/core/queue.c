/* Queues, tensors in their memory, and copies between there and the host. */
#include "graph/core/queue.h"

#include <string.h>

#include "graph/core/alloc.h"

static ig_status init_recursive(igi_mutex *m)
{
    pthread_mutexattr_t kind;
    if (pthread_mutexattr_init(&kind) != 0)
        return IG_OUT_OF_MEMORY;
    int e = pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_RECURSIVE);
    if (e == 0)
        e = pthread_mutex_init(m, &kind);
    (void)pthread_mutexattr_destroy(&kind);
    return e == 0 ? IG_OK : IG_OUT_OF_MEMORY;
}

/* All or none. */
static ig_status init_mutexes(igi_queue *q)
{
    IG_TRY(igi_mutex_init(&q->lock));
    ig_status rc = igi_mutex_init(&q->waiting);
    if (rc == IG_OK) {
        rc = init_recursive(&q->use);
        if (rc == IG_OK)
            return IG_OK;
        igi_mutex_fini(&q->waiting);
    }
    igi_mutex_fini(&q->lock);
    return rc;
}

static void fini_mutexes(igi_queue *q)
{
    igi_mutex_fini(&q->use);
    igi_mutex_fini(&q->waiting);
    igi_mutex_fini(&q->lock);
}

ig_status igi_queue_new(igi_queue **out, const ig_device_def *def, int device)
{
    igi_queue *q = *out = igi_calloc(1, sizeof(*q));
    if (!q)
        return IG_OUT_OF_MEMORY;
    q->refs = 1;
    q->def = def;
    q->device = (uint8_t)device;
    ig_status rc = init_mutexes(q);
    if (rc == IG_OK) {
        rc = def->open(def, &q->self);
        if (rc == IG_OK)
            return IG_OK;
        fini_mutexes(q);
    }
    igi_free(q);
    *out = NULL;
    if (ig_error_status() != rc)
        (void)ig_fail(rc, "it cannot be opened");
    return ig_fail_context("device '%s'", def->name);
}

igi_queue *igi_queue_ref(igi_queue *q)
{
    if (q)
        __atomic_add_fetch(&q->refs, 1, __ATOMIC_RELAXED);
    return q;
}

void igi_queue_unref(igi_queue *q)
{
    if (!q || __atomic_sub_fetch(&q->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    q->def->close(q->self);
    fini_mutexes(q);
    if (q->let_go)
        q->let_go(q->held);
    igi_free(q);
}

/* A failure of the device's own functions, with its name. */
static ig_status failed(const igi_queue *q, ig_status rc)
{
    if (rc == IG_OK)
        return rc;
    if (ig_error_status() != rc)
        (void)ig_fail(rc, "%s", ig_status_string(rc));
    return ig_fail_context("device '%s'", q->def->name);
}

void igi_queue_set_names(igi_queue *q, igi_tag_fn fn, void *user)
{
    igi_mutex_lock(&q->lock);
    q->name_tag = fn;
    q->name_user = user;
    igi_mutex_unlock(&q->lock);
}

static bool is_done(igi_queue *q, uint64_t marked)
{
    return __atomic_load_n(&q->waited, __ATOMIC_ACQUIRE) >= marked;
}

ig_status igi_queue_wait(igi_queue *q)
{
    uint32_t tag = 0;
    uint64_t marked = __atomic_load_n(&q->marked, __ATOMIC_ACQUIRE);
    ig_status rc = IG_OK;
    if (is_done(q, marked))
        return IG_OK;
    igi_mutex_lock(&q->waiting);
    if (!is_done(q, marked)) { /* nobody else has waited meanwhile */
        rc = failed(q, q->def->wait(q->self, &tag));
        __atomic_store_n(&q->waited, marked, __ATOMIC_RELEASE);
    }
    igi_mutex_unlock(&q->waiting);
    if (rc == IG_OK || !tag)
        return rc;
    igi_mutex_lock(&q->lock);
    if (q->name_tag)
        q->name_tag(q->name_user, tag);
    igi_mutex_unlock(&q->lock);
    return rc;
}

void igi_queue_settle(igi_queue *q)
{
    igi_error first;
    igi_error_get(&first);
    (void)igi_queue_wait(q);
    (void)igi_error_set(&first);
}

void igi_queue_mark(igi_queue *q)
{
    (void)__atomic_add_fetch(&q->marked, 1, __ATOMIC_RELEASE);
}

void igi_queue_take(igi_queue *q)
{
    igi_mutex_lock(&q->use);
}

void igi_queue_leave(igi_queue *q)
{
    igi_mutex_unlock(&q->use);
}

/* The end of a copy that began with igi_queue_take. */
static ig_status copied(igi_queue *q, ig_status rc)
{
    igi_queue_mark(q);
    igi_queue_leave(q);
    return failed(q, rc);
}

ig_status igi_queue_alloc(igi_queue *q, size_t bytes, char **out)
{
    void *p = NULL;
    igi_queue_take(q);
    ig_status rc = q->def->alloc(q->self, bytes ? bytes : 1, &p);
    igi_queue_leave(q);
    *out = rc == IG_OK ? p : NULL;
    return failed(q, rc);
}

void igi_queue_release(igi_queue *q, char *p, size_t bytes)
{
    if (p)
        q->def->release(q->self, p, bytes ? bytes : 1);
}

/* The other queue whose memory t lies in, or NULL. Constants were waited for when they
 * were sent, and stay as long as the weights that they are part of. */
static igi_queue *host_of(const igi_queue *q, const ig_tensor *t)
{
    igi_queue *other = t ? igi_queue_of(t) : NULL;
    return other && other != q && !(t->st->flags & IGI_READONLY) ? other : NULL;
}

ig_status igi_queue_enter(igi_queue *q, ig_value *const *v, int n, bool *guests)
{
    for (int i = 0; i < n; i++) {
        igi_queue *other = host_of(q, v[i] ? ig_value_tensor(v[i]) : NULL);
        if (!other)
            continue;
        IG_TRY(igi_queue_wait(other));
        if (guests)
            *guests = true;
    }
    return IG_OK;
}

/* ---- tensors ---- */

ig_status igi_queue_tensor(
    ig_tensor **out, igi_queue *q, ig_dtype dtype, int rank, const int64_t *dims)
{
    ig_tensor *t;
    char *data = NULL;
    if (dtype == IG_STRING)
        return ig_fail(IG_UNSUPPORTED, "strings live in host memory only, not on '%s'",
                       q->def->name);
    IG_TRY(igi_tensor_header(&t, NULL, dtype, rank, dims));
    size_t bytes = ig_tensor_nbytes(t);
    igi_storage *st = igi_calloc(1, sizeof(*st));
    ig_status rc = st ? igi_queue_alloc(q, bytes, &data) : IG_OUT_OF_MEMORY;
    if (rc != IG_OK) {
        igi_free(st);
        igi_tensor_free(t);
        return rc;
    }
    *st = (igi_storage){.refs = 1,
                        .device = q->device,
                        .bytes = bytes,
                        .data = data,
                        .user = igi_queue_ref(q)};
    t->st = st;
    t->data = data;
    t->v.device = q->device;
    t->v.flags |= IGI_REMOTE;
    *out = t;
    return IG_OK;
}

void igi_storage_leave_device(igi_storage *st)
{
    igi_queue *q = st->user;
    igi_queue_release(q, st->data, st->bytes);
    igi_queue_unref(q);
}

/* ---- copies ---- */

static bool is_dense(const ig_tensor *t)
{
    return t->v.flags & IGI_CONTIGUOUS;
}

/* Both in memory of one device: elements step by step, packed ones as bytes. */
static ig_status copy_within(igi_queue *q, ig_tensor *dst, const ig_tensor *src)
{
    int bits = ig_dtype_bits((ig_dtype)src->v.type.dtype);
    int64_t bytes = (int64_t)ig_tensor_nbytes(src), one = 1;
    if (is_dense(dst) && is_dense(src)) {
        igi_queue_take(q);
        return copied(
            q, q->def->move(q->self, 1, 1, &bytes, dst->data, &one, src->data, &one));
    }
    if (bits < 8)
        return ig_fail(IG_UNSUPPORTED, "a strided copy of %s on device '%s'",
                       ig_dtype_name((ig_dtype)src->v.type.dtype), q->def->name);
    igi_queue_take(q);
    return copied(q, q->def->move(q->self, (size_t)bits / 8, src->v.type.rank,
                                  ig_type_dims(&src->v.type), dst->data,
                                  igi_strides(dst), src->data, igi_strides(src)));
}

/* Between host and device both ends are contiguous. */
static ig_status copy_across(ig_tensor *dst, const ig_tensor *src)
{
    igi_queue *q = igi_queue_of(dst);
    size_t bytes = ig_tensor_nbytes(src);
    if (q) {
        igi_queue_take(q);
        return copied(q, q->def->upload(q->self, dst->data, src->data, bytes));
    }
    q = igi_queue_of(src);
    igi_queue_take(q);
    IG_TRY(copied(q, q->def->download(q->self, dst->data, src->data, bytes)));
    return igi_queue_wait(q);
}

/* A contiguous tensor like t where t lies. */
static ig_status scratch_like(ig_tensor **out, const ig_tensor *t)
{
    igi_queue *q = igi_queue_of(t);
    const int64_t *dims = ig_type_dims(&t->v.type);
    ig_dtype dtype = (ig_dtype)t->v.type.dtype;
    return q ? igi_queue_tensor(out, q, dtype, t->v.type.rank, dims)
             : igi_tensor_make(out, NULL, dtype, t->v.type.rank, dims);
}

/* Whether this thread keeps a run of q: another one that does lets nobody in. */
static bool keeps_here(igi_queue *q)
{
    igi_queue_take(q);
    bool keeps = q->capturing;
    igi_queue_leave(q);
    return keeps;
}

ig_status igi_queue_copy(ig_tensor *dst, const ig_tensor *src)
{
    igi_queue *to = igi_queue_of(dst), *from = igi_queue_of(src);
    if (ig_tensor_nbytes(src) == 0)
        return IG_OK;
    bool guest = host_of(to, src) && !(to && keeps_here(to));
    if (guest)
        IG_TRY(igi_queue_wait(from));
    if (to && from && to->def == from->def) {
        IG_TRY(copy_within(to, dst, src));
        return guest ? igi_queue_wait(to) : IG_OK;
    }
    if (is_dense(dst) && is_dense(src) && (!to || !from))
        return copy_across(dst, src);
    /* Over a contiguous stop: of the source on its side, or of both on the host. */
    ig_tensor *stop = NULL;
    ig_status rc = to && from       ? igi_queue_moved(&stop, NULL, NULL, src)
                   : !is_dense(src) ? scratch_like(&stop, src)
                                    : scratch_like(&stop, dst);
    if (rc == IG_OK && !(to && from))
        rc = is_dense(src) ? copy_across(stop, src) : igi_tensor_copy_into(stop, src);
    if (rc == IG_OK)
        rc = igi_tensor_copy_into(dst, stop);
    ig_tensor_unref(stop);
    return rc;
}

ig_status
igi_queue_moved(ig_tensor **out, igi_queue *q, igi_pool *pool, const ig_tensor *t)
{
    ig_tensor *copy = NULL;
    const int64_t *dims = ig_type_dims(&t->v.type);
    ig_dtype dtype = (ig_dtype)t->v.type.dtype;
    IG_TRY(q ? igi_queue_tensor(&copy, q, dtype, t->v.type.rank, dims)
             : igi_tensor_make(&copy, pool, dtype, t->v.type.rank, dims));
    ig_status rc = igi_tensor_copy_into(copy, t);
    if (rc != IG_OK) {
        ig_tensor_unref(copy);
        return rc;
    }
    *out = copy;
    return IG_OK;
}
