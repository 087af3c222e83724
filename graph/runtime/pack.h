/* Packed forms of constants (ig_pack): made once, shared by all nodes, plans and nets
 * that hang on one workspace of weights.
 *
 * An entry is keyed by the constant's memory and type and by the kernel's key, which
 * names format and instruction set. It keeps the source alive, so that an address stays
 * an identity; pages of a mapped source are given back once packed. Threads: any. */
#ifndef GRAPH_RUNTIME_PACK_H
#define GRAPH_RUNTIME_PACK_H

#include "graph/core/queue.h"
#include "graph/core/thread.h"
#include "graph/core/vec.h"
#include "graph/ir/registry.h"

typedef struct igi_packed {
    uint64_t hash;
    ig_type type;
    const char *source; /* first element */
    char *key;
    igi_storage *pin;
    void *data;
    size_t bytes;
} igi_packed;

typedef struct igi_sent { /* a constant in a device's memory */
    igi_storage *pin;
    const char *source;
    ig_tensor *there;
} igi_sent;

typedef struct igi_packs {
    igi_mutex lock;
    IGI_VEC(igi_packed) entries;
    size_t bytes; /* of all packed data */
    IGI_VEC(igi_sent) sent;
} igi_packs;

ig_status igi_packs_init(igi_packs *p);
void igi_packs_fini(igi_packs *p);
/* The packed form of `constant`, from the cache or by fill(k, dst, user). */
ig_status igi_packs_get(igi_packs *p,
                        const ig_kernel_ctx *k,
                        const ig_tensor *constant,
                        const char *key,
                        size_t bytes,
                        ig_pack_fn fill,
                        void *user,
                        const void **out);
/* The same for a kernel's input, if that is a constant; NULL with the error if not. */
const void *igi_pack_input(igi_packs *p,
                           ig_kernel_ctx *k,
                           int port,
                           const char *key,
                           size_t bytes,
                           ig_pack_fn fill,
                           void *user);
/* The constant (contiguous) in the memory of q's device: a new reference to what is
 * sent once for all. */
ig_status
igi_packs_sent(igi_packs *p, const ig_tensor *constant, igi_queue *q, ig_tensor **out);

#endif
