/* Queues: a device beside the host, as the runtime uses it.
 *
 * A queue wraps one queue of a device (<ingot/device.h>) and is counted: every storage
 * in the device's memory holds the queue that it came from. Tensors there carry
 * IGI_REMOTE and the device's number in the registry; host code must not read them.
 *
 * Guests: memory is given back in the order of the queue that it came from, and who
 * asks whether it is ready asks that queue. So work of another queue over it begins
 * when that queue has nothing under way and is waited for before anybody goes on.
 * Constants are no guests.
 *
 * Threads: one at a time puts work into a queue, except for what anybody may do with a
 * tensor that lies there: wait, copy it, give it back. Copies and requests for memory
 * exclude each other and the keeping of a run (`use`). `marked` grows behind each piece
 * of work, so that a wait of another thread before it is not taken for one behind it.
 */
#ifndef GRAPH_CORE_QUEUE_H
#define GRAPH_CORE_QUEUE_H

#include <ingot/device.h>

#include "graph/core/tensor.h"
#include "graph/core/thread.h"

/* Says whose call `tag` was, in front of the current error record. */
typedef void (*igi_tag_fn)(void *user, uint32_t tag);

typedef struct igi_queue {
    int32_t refs; /* atomic */
    uint8_t device;
    bool capturing; /* work is kept: whoever runs it has waited for its guests */
    uint64_t marked, waited; /* atomic: calls that put work in; of which all is done */
    const ig_device_def *def;
    const void *held; /* what `def` is part of: it stays as long as the queue */
    void (*let_go)(const void *held); /* NULL: nothing is held */
    void *self;
    igi_mutex waiting;   /* one thread at a time asks the device */
    igi_mutex use;       /* recursive: of copies and memory, see below */
    igi_mutex lock;      /* of the two below: whoever waits may be another thread */
    igi_tag_fn name_tag; /* NULL: nobody knows */
    void *name_user;
} igi_queue;

ig_status igi_queue_new(igi_queue **out, const ig_device_def *def, int device);
igi_queue *igi_queue_ref(igi_queue *q);
void igi_queue_unref(igi_queue *q);

/* Who can say what a tag stands for; NULL: nobody any more. */
void igi_queue_set_names(igi_queue *q, igi_tag_fn fn, void *user);

/* Behind work that was put in. */
void igi_queue_mark(igi_queue *q);
/* While it lasts, no other thread copies from or to q or asks it for memory. */
void igi_queue_take(igi_queue *q);
void igi_queue_leave(igi_queue *q);
/* Waits for all work; what failed meanwhile, with the name of its call. */
ig_status igi_queue_wait(igi_queue *q);
/* The same behind a failure, which stays the current error. */
void igi_queue_settle(igi_queue *q);
/* Memory of the device that is no tensor's: arenas, scratch. */
ig_status igi_queue_alloc(igi_queue *q, size_t bytes, char **out);
void igi_queue_release(igi_queue *q, char *p, size_t bytes);
/* Before work over these tensors (NULL: none): waits for the queues of those that lie
 * in other ones. *guests (unless NULL) becomes true when there are any: then q must
 * be waited for behind the work. */
ig_status igi_queue_enter(igi_queue *q, ig_value *const *v, int n, bool *guests);

/* The queue of a tensor in a device's memory; NULL: it lies on the host. */
static inline igi_queue *igi_queue_of(const ig_tensor *t)
{
    return t->v.flags & IGI_REMOTE && t->st ? t->st->user : NULL;
}
/* Header and storage in the device's memory, contiguous, contents undefined.
 * UNSUPPORTED for strings. */
ig_status igi_queue_tensor(
    ig_tensor **out, igi_queue *q, ig_dtype dtype, int rank, const int64_t *dims);
/* dst := src, of one type; at least one of them lies on a device. */
ig_status igi_queue_copy(ig_tensor *dst, const ig_tensor *src);
/* A contiguous copy of t in q's memory; q NULL: on the host, from `pool`. */
ig_status
igi_queue_moved(ig_tensor **out, igi_queue *q, igi_pool *pool, const ig_tensor *t);

#endif
