/* Constants at odd addresses: the one way from "as it lies in the file" to an aligned
 * copy. One lock serves all: it is taken when plans are made, never by a run. */
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/file.h"
#include "graph/core/tensor.h"
#include "graph/core/thread.h"

static igi_mutex lock = IGI_MUTEX_INIT;

/* The old bytes stay: plans that read them point there. */
static void drop_both(void *data, void *user)
{
    igi_free(data);
    igi_storage_unref(user);
}

/* A mapped file gives its pages back as the copy goes on, so that a constant is never
 * in memory twice. */
static void copy_out(char *dst, const ig_tensor *t, size_t bytes)
{
    enum { STEP = 1 << 20 };
    for (size_t at = 0; at < bytes; at += STEP) {
        size_t n = bytes - at < STEP ? bytes - at : STEP;
        memcpy(dst + at, t->data + at, n);
        if (t->st->flags & IGI_MAPPED)
            igi_pages_forget(t->data + at, n);
    }
}

static ig_status settle(ig_tensor *t)
{
    size_t bytes = ig_tensor_nbytes(t);
    int64_t n = (int64_t)bytes;
    ig_tensor *whole = NULL;
    char *data = igi_alloc(bytes);
    if (!data)
        return IG_OUT_OF_MEMORY;
    copy_out(data, t, bytes);
    ig_status rc =
        ig_tensor_wrap(&whole, IG_UINT8, 1, &n, data, bytes, drop_both, t->st);
    if (rc != IG_OK) {
        igi_free(data);
        return rc;
    }
    whole->st->flags |= IGI_READONLY | (t->st->flags & IGI_SHARED);
    t->st = igi_storage_ref(whole->st); /* its deleter has the count of the old one */
    t->data = data;
    ig_tensor_unref(whole);
    __atomic_store_n(&t->v.unaligned, 0, __ATOMIC_RELEASE);
    return IG_OK;
}

ig_status igi_tensor_settle(ig_tensor *t)
{
    if (!igi_is_unaligned(t))
        return IG_OK;
    igi_mutex_lock(&lock);
    ig_status rc = t->v.unaligned ? settle(t) : IG_OK;
    igi_mutex_unlock(&lock);
    return rc;
}

char *igi_tensor_bytes(const ig_tensor *t, igi_storage **st)
{
    bool odd = igi_is_unaligned(t);
    if (odd)
        igi_mutex_lock(&lock);
    char *data = t->data;
    if (st)
        *st = t->st;
    if (odd)
        igi_mutex_unlock(&lock);
    return data;
}
