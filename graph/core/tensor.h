/* Values and tensors: the structs behind <ingot/base.h>.
 *
 * A tensor is a small counted header over counted storage. Views share the storage.
 * Headers from a pool return to it; SHARED ones go to the allocator. `data` has the
 * offset applied. Strides count elements; packed (2- and 4-bit) tensors are always
 * contiguous from a whole byte. A string element is a handle (igi_str *), NULL being
 * the empty string; a storage of strings owns one count of each element.
 * Threads: counts are plain until IGI_SHARED is set on value and storage. */
#ifndef GRAPH_CORE_TENSOR_H
#define GRAPH_CORE_TENSOR_H

#include <ingot/graph.h>

#include "graph/core/status.h"

/* ig_value.flags and igi_storage.flags */
enum {
    IGI_SHARED = 1,
    IGI_CONTIGUOUS = 2,
    IGI_REQUIRES_GRAD = 4,
    IGI_LEAF = 8,
    IGI_HAS_NODE = 16,
    IGI_IS_VIEW = 32,
    IGI_STATIC = 64, /* header lives in a plan: never freed by unref */
    IGI_TRACED = 128,
    IGI_READONLY = 256,    /* storage: mapped or constant, must not be written */
    IGI_KEPT = 512,        /* eager: moved out of its scope */
    IGI_MAPPED = 1024,     /* storage: pages of a file, may be dropped and read again */
    IGI_UNRECORDED = 2048, /* view: made without recording, or by detach: it has no part
                              in the history of its base */
    IGI_HOLDS = 4096, /* value: a sequence, optional or map; its items have flags too */
    IGI_REMOTE = 8192 /* tensor: in the memory of a device (graph/core/queue.h) */
};

typedef struct igi_pool igi_pool; /* free lists of a context: graph/core/pool.h */

struct ig_value {
    int32_t refs;
    uint16_t flags;
    uint8_t device;    /* 0: host */
    uint8_t unaligned; /* atomic: see igi_is_unaligned */
    igi_pool *home;    /* where header memory returns; NULL: the allocator */
    ig_type type;
    uint32_t trace, trace_epoch; /* graph value this stands for in that trace */
};

/* Bit of a tape's live counter: its context is gone, the last header frees the counter.
 */
#define IGI_LIVE_ORPHAN 0x80000000u

typedef struct igi_storage {
    int32_t refs;
    uint16_t flags;
    uint8_t device, strings; /* strings: elements are igi_str handles */
    uint32_t version;        /* + 1 at each mutation, shared by all views */
    uint32_t history; /* version after the last write that a tape or trace recorded */
    uint32_t through; /* the trace in which a region has handed it on as it is */
    size_t bytes;
    char *data;
    igi_pool *home;
    ig_deleter deleter; /* NULL: data lies in this block or belongs to somebody else */
    void *user;         /* of the deleter; on a device: its queue, counted */
} igi_storage;

struct ig_tensor {
    ig_value v;
    char *data;
    igi_storage *st;
    uint32_t
        version; /* of the storage when `node` was named, or the view was made: a view
                    that is older than the storage is brought up to date on use */
    uint32_t node, node_out; /* tape: index of the producing node and output */
    uint32_t *live;          /* tape: its count of live headers that name a node */
    ig_tensor *grad;
    ig_tensor *base; /* counted; of a view that a call made: what it looks into, never
                        itself a view with a base (frontend_c/view.c) */
    int64_t *stride_far; /* when rank > 8 */
    int64_t stride[8];
};

typedef struct igi_sequence {
    ig_value v;
    int64_t n;
    ig_value **items; /* counted */
} igi_sequence;

/* Begins like a sequence. */
typedef struct igi_dict {
    ig_value v; /* a map; its type's dtype is that of the keys */
    int64_t n;
    ig_value **items; /* counted; values in the order of the keys */
    ig_tensor *keys;  /* counted: integers or strings [n], each once */
    int64_t *sorted;  /* positions of the keys in ascending order */
} igi_dict;

typedef struct igi_optional {
    ig_value v;
    ig_value *item; /* NULL: empty */
} igi_optional;

/* Immutable counted string. */
typedef struct igi_str {
    int32_t refs; /* always atomic */
    uint32_t length;
    char text[]; /* zero-terminated */
} igi_str;
igi_str *igi_str_new(const char *s, size_t n); /* NULL + record when out of memory */
igi_str *igi_str_ref(igi_str *s);
void igi_str_unref(igi_str *s);

/* ---- types ---- */
/* Bounds of one axis, of one tensor in bytes (whatever limits say), and of the nesting
 * of sequences, optionals and maps. */
#define IGI_DIM_MAX          ((int64_t)1 << 47)
#define IGI_TENSOR_BYTES_MAX ((size_t)1 << 46)
#define IGI_NEST_MAX         8
/* dims NULL: all unknown. Allocates when rank > 8. */
ig_status igi_type_set(ig_type *t, ig_dtype dtype, int rank, const int64_t *dims);
/* Deep; dst must be fresh or finished. */
ig_status igi_type_copy(ig_type *dst, const ig_type *src);
void igi_type_fini(ig_type *t); /* frees far dims and element types */
bool igi_type_equal(const ig_type *a, const ig_type *b);
/* What both say: dims (or the rank) in which they differ become unknown in `t`. False
 * when kinds or element types differ; then t is as it was. */
bool igi_type_weaken(ig_type *t, const ig_type *other);
/* The type of the elements of the innermost tensor. */
const ig_type *igi_type_innermost(const ig_type *t);
/* Type of a sequence or optional of tensors (of sequences) like `elem`, without
 * shapes; igi_type_fini it. */
ig_status igi_wrapped_type(ig_type *out, ig_kind kind, const ig_type *elem);
/* Same nesting and element type, whatever the shapes. */
bool igi_type_same_kind(const ig_type *a, const ig_type *b);
/* "float32[2,3,N]" into buf; always terminated. `s` names symbols, may be NULL. */
const char *
igi_type_print(const ig_type *t, const ig_symtab *s, char *buf, size_t size);
/* Checked product of concrete dims; false: overflow or a dim is not known. */
bool igi_dims_count(int rank, const int64_t *dims, int64_t *out);
/* Bytes of `count` elements, sub-byte types rounded up; false on overflow. */
bool igi_dtype_bytes(ig_dtype dtype, int64_t count, size_t *out);
void igi_strides_contiguous(int rank, const int64_t *dims, int64_t *strides);
bool igi_strides_are_contiguous(int rank, const int64_t *dims, const int64_t *strides);

/* ---- tensors ---- */
/* Header without storage, contiguous strides set; type from dtype and dims. pool may be
 * NULL. */
ig_status igi_tensor_header(
    ig_tensor **out, igi_pool *pool, ig_dtype dtype, int rank, const int64_t *dims);
/* Storage for the header's type (not zeroed unless strings). */
ig_status igi_tensor_alloc(ig_tensor *t, igi_pool *pool);
/* Both at once; and with the type of another tensor, always contiguous. */
ig_status igi_tensor_make(
    ig_tensor **out, igi_pool *pool, ig_dtype dtype, int rank, const int64_t *dims);
ig_status igi_tensor_like(ig_tensor **out, igi_pool *pool, const ig_tensor *like);
/* The same for a contiguous `like` of rank up to 8 with `count` elements. */
ig_status igi_tensor_like_plain(ig_tensor **out,
                                igi_pool *pool,
                                const ig_tensor *like,
                                int64_t count);
/* Header that views `base`: same storage; strides, dims and element offset given. */
ig_status igi_tensor_view(ig_tensor **out,
                          igi_pool *pool,
                          ig_tensor *base,
                          int rank,
                          const int64_t *dims,
                          const int64_t *strides,
                          int64_t offset);
/* First and last element that a view of these dims touches, counted from its base's
 * first; false: overflow, or the view has no elements. */
bool igi_strided_range(int rank,
                       const int64_t *dims,
                       const int64_t *strides,
                       int64_t offset,
                       int64_t *lo,
                       int64_t *hi);
/* Whether two elements may lie at one place (a broadcast, a window). False for all
 * views that reshaping, permuting and slicing make. */
bool igi_strided_overlap(int rank, const int64_t *dims, const int64_t *strides);
/* Header over the same storage with t's type, strides and trace identity. */
ig_status igi_tensor_alias(ig_tensor **out, igi_pool *pool, const ig_tensor *t);
/* Contiguous copy (also of strings and packed types). */
ig_status
igi_tensor_contiguous_copy(ig_tensor **out, igi_pool *pool, const ig_tensor *t);
/* A new reference to t, or to a copy of it when it is not dense in host memory. */
ig_status igi_tensor_readable(ig_tensor **out, const ig_tensor *t);
/* dst (contiguous or strided) := src, same dims and dtype; anywhere. */
ig_status igi_tensor_copy_into(ig_tensor *dst, const ig_tensor *src);
int64_t *igi_tensor_strides_mut(ig_tensor *t);

/* ---- constants at odd addresses (graph/core/unaligned.c) ---- */
/* An importer may leave a large constant where it lies in the file, at an address that
 * its element type does not allow. Kernels that pack such a constant, or read it by
 * loads of any alignment, say so (ig_kernel_def.unaligned) and take it as it is;
 * everybody else settles it first: from then on it is an aligned copy, made once.
 * Threads: any; the bytes of before stay valid as long as the tensor. */
static inline bool igi_is_unaligned(const ig_tensor *t)
{
    return __atomic_load_n(&t->v.unaligned, __ATOMIC_ACQUIRE);
}
ig_status igi_tensor_settle(ig_tensor *t);
/* Where the bytes are now, aligned or not: for memcpy and writing to files. */
char *igi_tensor_bytes(const ig_tensor *t, igi_storage **st);
void igi_tensor_free(ig_tensor *t); /* at zero references */
void igi_storage_unref(igi_storage *st);
igi_storage *igi_storage_ref(igi_storage *st);
void igi_storage_leave_device(igi_storage *st); /* gives back memory and queue */

/* ---- other values: `type` is that of the whole value; they retain their items ---- */
ig_status igi_sequence_new(ig_value **out,
                           const ig_type *type,
                           ig_value *const *items,
                           int64_t n);
ig_status igi_optional_new(ig_value **out, const ig_type *type, ig_value *item);
/* keys: a contiguous vector of integers or strings of type->dtype, none twice; items:
 * as many. */
ig_status igi_dict_new(ig_value **out,
                       const ig_type *type,
                       ig_tensor *keys,
                       ig_value *const *items);
bool igi_is_key_type(ig_dtype dtype);
/* The position of a key, `name` when keys are strings (NULL: the empty one); -1: it has
 * none. */
int64_t igi_dict_find(const igi_dict *d, int64_t key, const char *name);
/* Any of them without anything inside. */
ig_status igi_value_empty(ig_value **out, const ig_type *type);
/* Holds nothing, and nobody said of what type. */
bool igi_value_is_untyped(const ig_value *v);
/* What v, no tensor, holds: *n items, of maps the values. Borrowed. */
ig_value **igi_value_items(const ig_value *v, int64_t *n);
/* A value of v's type, and with its keys, that holds other items. */
ig_status
igi_value_with(ig_value **out, const ig_value *v, ig_value *const *items, int64_t n);
/* Each item fits the element type of `type`; shapes are not compared. */
ig_status igi_items_check(const ig_type *type, ig_value *const *items, int64_t n);
/* Bytes that v holds: of its storage, or of all items, headers included. */
size_t igi_value_bytes(const ig_value *v);
/* igi_value_release of a value whose flags are not plain. */
bool igi_value_release_special(ig_value *v);
/* A copy that shares no memory with v, contiguous, where v lies; and on the host. */
ig_status igi_value_copy(ig_value **out, const ig_value *v);
ig_status igi_value_home(ig_value **out, const ig_value *v);
/* Flags of all that v holds, its own among them. */
uint16_t igi_value_flags(const ig_value *v);
/* ig_tensor_share for any value, with all that is inside. */
ig_value *igi_value_share(ig_value *v);

/* Moves elements of any type: dst[dst_off + i.dst_stride] = src[src_off + i.src_stride]
 * over the index space `dims`. Strides may be 0 or negative. Packed types go bit by
 * bit. String handles are counted, old ones of dst released. Offsets and strides in
 * elements. */
void igi_copy_nd(ig_dtype dtype,
                 int rank,
                 const int64_t *dims,
                 void *dst,
                 int64_t dst_off,
                 const int64_t *dst_stride,
                 const void *src,
                 int64_t src_off,
                 const int64_t *src_stride);

/* ---- inline ---- */
/* Drops one reference; true: it was the last, and the caller frees the value. */
static inline bool igi_value_release(ig_value *v)
{
    if (!v)
        return false;
    if (v->flags & (IGI_SHARED | IGI_STATIC))
        return igi_value_release_special(v);
    return --v->refs == 0;
}
static inline int64_t igi_tensor_count(const ig_tensor *t)
{
    const int64_t *d = ig_type_dims(&t->v.type);
    int64_t n = 1;
    for (int i = 0; i < t->v.type.rank; i++)
        n *= d[i]; /* checked when the header was made */
    return n;
}
static inline const int64_t *igi_strides(const ig_tensor *t)
{
    return t->v.type.rank > 8 ? t->stride_far : t->stride;
}

#endif
