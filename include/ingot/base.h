/* Ingot's common ground: status codes, element types, values and tensors.
 *
 * Included by <ingot/ingot.h>, <ingot/train.h> and <ingot/plugin.h>.
 *
 * Invariants: a function that returns `ig_status` other than IG_OK has recorded a
 * message (ig_error_message); objects are opaque; sizes are counted in elements unless
 * a name says bytes; dims are int64_t. Ownership: an object returned through `T **out`
 * belongs to the caller; one returned as `const T *` is borrowed from its parent.
 * Threads: an error record belongs to its thread. Reference counts of tensors are
 * atomic once a tensor is shared (ig_tensor_share); before that a tensor stays with one
 * thread. */
#ifndef INGOT_BASE_H
#define INGOT_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
#define IG_EXTERN_C_BEGIN extern "C" {
#define IG_EXTERN_C_END   }
#define IG_DEF(v)         = v /* default member initialiser of an option struct, C++ only */
#else
#define IG_EXTERN_C_BEGIN
#define IG_EXTERN_C_END
#define IG_DEF(v)
#endif

#if defined(__GNUC__)
#define IG_API                 __attribute__((visibility("default")))
#define IG_MUST_USE            __attribute__((warn_unused_result))
#define IG_PRINTF(fmt_, args_) __attribute__((format(printf, fmt_, args_)))
#else
#define IG_API
#define IG_MUST_USE
#define IG_PRINTF(fmt_, args_)
#endif

#define IG_STRINGIZE_(x) #x
#define IG_STRINGIZE(x)  IG_STRINGIZE_(x)
/* One string literal per call site: the place that an error or a trace entry names. */
#define IG_HERE __FILE__ ":" IG_STRINGIZE(__LINE__)

#define IG_VERSION_MAJOR 0
#define IG_VERSION_MINOR 1
#define IG_VERSION_PATCH 0
#define IG_VERSION_NUM   100 /* major * 10000 + minor * 100 + patch */

IG_EXTERN_C_BEGIN

/* ---- status ---- */

/* Values are pinned: they are part of the ABI and of exit codes in logs. */
typedef enum ig_status {
    IG_OK = 0,
    IG_INVALID_ARGUMENT = 1, /* the caller's value does not fit */
    IG_INVALID_GRAPH = 2,    /* a model or graph breaks its own rules */
    IG_UNSUPPORTED = 3,      /* valid, but no implementation here */
    IG_NOT_FOUND = 4,
    IG_OUT_OF_MEMORY = 5,
    IG_IO = 6,
    IG_DEVICE = 7,
    IG_INTERNAL = 8, /* a broken invariant of Ingot: please report */
    IG_LIMIT = 9,    /* a configured limit was exceeded; the message names it */
    IG_CANCELLED = 10,
    IG_DEADLINE = 11
} ig_status;

/* Name of a status, "invalid argument"; "unknown status" for other numbers. */
IG_API const char *ig_status_string(ig_status status);

/* Message of the last failed call on this thread, "" when the last call succeeded.
 * Never NULL. Valid until the next Ingot call on this thread. */
IG_API const char *ig_error_message(void);

/* The code recorded with ig_error_message, IG_OK when there is none. */
IG_API ig_status ig_error_status(void);

/* Library version as "0.1.0", and as IG_VERSION_NUM of the library that runs. */
IG_API const char *ig_version(void);
IG_API int ig_version_num(void);

/* ---- what a process may replace ---- */

/* Log records for people, of the channels "dispatch", "plan", "pass", "import". Without
 * a function, those that the environment variable IG_LOG names go to stderr. */
typedef void (*ig_log_fn)(const char *channel, const char *text, void *user);
/* NULL: none. Set before threads start. */
IG_API void ig_log_set(ig_log_fn fn, void *user);

/* Host memory. resize(user, NULL, 0, n) allocates, (p, old, n) resizes, (p, old, 0)
 * frees and returns NULL. Must be thread-safe and return 64-byte aligned blocks. */
typedef struct ig_allocator {
    void *(*resize)(void *user, void *p, size_t old_bytes, size_t new_bytes);
    void *user;
} ig_allocator;
/* NULL restores the default. Not while objects are alive: they would be freed by
 * another allocator. */
IG_API void ig_allocator_set(const ig_allocator *a);

/* ---- element types ---- */

/* Numbers are those of ONNX TensorProto.DataType, so a set of types is a bit mask.
 * ORDER: dtype (graph/core/dtype.c has one row per number). */
typedef enum ig_dtype {
    IG_UNDEFINED = 0,
    IG_FLOAT32 = 1,
    IG_UINT8 = 2,
    IG_INT8 = 3,
    IG_UINT16 = 4,
    IG_INT16 = 5,
    IG_INT32 = 6,
    IG_INT64 = 7,
    IG_STRING = 8,
    IG_BOOL = 9,
    IG_FLOAT16 = 10,
    IG_FLOAT64 = 11,
    IG_UINT32 = 12,
    IG_UINT64 = 13,
    IG_COMPLEX64 = 14,
    IG_COMPLEX128 = 15,
    IG_BFLOAT16 = 16,
    IG_FLOAT8E4M3FN = 17,
    IG_FLOAT8E4M3FNUZ = 18,
    IG_FLOAT8E5M2 = 19,
    IG_FLOAT8E5M2FNUZ = 20,
    IG_UINT4 = 21,
    IG_INT4 = 22,
    IG_FLOAT4E2M1 = 23,
    IG_FLOAT8E8M0 = 24,
    IG_UINT2 = 25,
    IG_INT2 = 26,
    IG_DTYPE_COUNT = 27
} ig_dtype;

/* "float32", "int64", ...; "undefined" for numbers that are no type. */
IG_API const char *ig_dtype_name(ig_dtype dtype);
/* The type of that name, IG_UNDEFINED when there is none. ONNX names ("float",
 * "double") work too. */
IG_API ig_dtype ig_dtype_parse(const char *name);
/* Bits of one element: 2 and 4 for packed types, 64 for strings (a handle). 0 for
 * IG_UNDEFINED. */
IG_API int ig_dtype_bits(ig_dtype dtype);

/* ---- values and tensors ---- */

#define IG_RANK_MAX 64 /* kernels keep index arrays of this size on the stack */

typedef enum ig_kind {
    IG_KIND_TENSOR = 0,
    IG_KIND_SEQUENCE = 1,
    IG_KIND_OPTIONAL = 2,
    IG_KIND_MAP = 3,
    IG_KIND_SPARSE = 4
} ig_kind;

typedef struct ig_value ig_value; /* tensor, sequence, optional, map or sparse tensor */
typedef struct ig_tensor ig_tensor; /* every tensor is a value: ig_tensor_value */
typedef struct ig_graph ig_graph;
typedef struct ig_ctx ig_ctx;

/* Called once when wrapped memory is no longer needed. */
typedef void (*ig_deleter)(void *data, void *user);

/* A contiguous host tensor, contents zero. Strings start empty.
 * Errors: INVALID_ARGUMENT (rank, negative dim), LIMIT (size), OUT_OF_MEMORY. */
IG_API ig_status ig_tensor_new(ig_tensor **out,
                               ig_dtype dtype,
                               int rank,
                               const int64_t *dims);

/* The same with `bytes` of contents copied from `data` (not for strings). */
IG_API ig_status ig_tensor_new_copy(ig_tensor **out,
                                    ig_dtype dtype,
                                    int rank,
                                    const int64_t *dims,
                                    const void *data,
                                    size_t bytes);

/* Wraps the caller's contiguous memory without a copy; `deleter` (may be NULL) runs
 * when the last user is gone. On failure the deleter is not called. */
IG_API ig_status ig_tensor_wrap(ig_tensor **out,
                                ig_dtype dtype,
                                int rank,
                                const int64_t *dims,
                                void *data,
                                size_t bytes,
                                ig_deleter deleter,
                                void *user);

/* A string tensor from `n` zero-terminated strings (copied). */
IG_API ig_status ig_tensor_new_strings(ig_tensor **out,
                                       int rank,
                                       const int64_t *dims,
                                       const char *const *strings);

IG_API ig_tensor *ig_tensor_ref(ig_tensor *t); /* returns t; NULL gives NULL */
IG_API void ig_tensor_unref(ig_tensor *t);     /* NULL is harmless */
/* From now on reference counts of `t` are atomic, so threads may share it. */
IG_API ig_tensor *ig_tensor_share(ig_tensor *t);

IG_API ig_dtype ig_tensor_dtype(const ig_tensor *t);
IG_API int ig_tensor_rank(const ig_tensor *t);
IG_API const int64_t *ig_tensor_dims(const ig_tensor *t);
/* Size of axis `axis`; negative counts from the end; -1 when there is no such axis. */
IG_API int64_t ig_tensor_dim(const ig_tensor *t, int axis);
IG_API int64_t ig_tensor_numel(const ig_tensor *t);
IG_API const int64_t *ig_tensor_strides(const ig_tensor *t); /* in elements */
IG_API bool ig_tensor_is_contiguous(const ig_tensor *t);
IG_API size_t ig_tensor_nbytes(const ig_tensor *t); /* of a contiguous copy */

/* Where the elements lie: "cpu", or the name of a device. */
IG_API const char *ig_tensor_device(const ig_tensor *t);
/* A dense copy in host memory, or t itself when it is one; a new reference. Waits for
 * the work of t's device. Errors: OUT_OF_MEMORY, and those of that work. */
IG_API ig_status ig_tensor_to_host(const ig_tensor *t, ig_tensor **out);
/* First element. The caller may write only to tensors that nobody else reads. NULL for
 * NULL, and with a message for a tensor on a device. */
IG_API void *ig_tensor_data(const ig_tensor *t);
/* Typed access: NULL with a message when the type differs or the tensor is not
 * contiguous. */
IG_API const float *ig_tensor_data_f32(const ig_tensor *t);
IG_API const double *ig_tensor_data_f64(const ig_tensor *t);
IG_API const int64_t *ig_tensor_data_i64(const ig_tensor *t);
IG_API const int32_t *ig_tensor_data_i32(const ig_tensor *t);
/* Element `i` (in row-major order) of a string tensor; NULL with a message otherwise.
 */
IG_API const char *ig_tensor_string(const ig_tensor *t, int64_t i);

IG_API ig_value *ig_tensor_value(const ig_tensor *t); /* the same object as a value */
IG_API ig_tensor *ig_value_tensor(ig_value *v);       /* NULL when v is no tensor */
IG_API ig_kind ig_value_kind(const ig_value *v);
IG_API ig_value *ig_value_ref(ig_value *v);
IG_API void ig_value_unref(ig_value *v);

/* ---- what values hold ---- */

/* How many items a sequence or map has, or an optional (0 or 1); -1 of a tensor. */
IG_API int64_t ig_value_size(const ig_value *v);
/* Item i, of maps a value, in the order of ig_map_keys. Borrowed from v; NULL beyond.
 */
IG_API ig_value *ig_value_item(const ig_value *v, int64_t i);

/* A map from keys[i], integers or strings in a contiguous vector, to values[i], which
 * are of one type (shapes may differ). Retains keys, which must not be written any
 * more, and values. No keys: an empty map whose values have no type yet.
 * Errors: INVALID_ARGUMENT (a key twice, types), OUT_OF_MEMORY. */
IG_API ig_status ig_map_new(ig_value **out, ig_tensor *keys, ig_value *const *values);
/* Borrowed, in their order; NULL when v is no map. Iterate: for i in 0 .. size - 1, key
 * i and ig_value_item(v, i). */
IG_API ig_tensor *ig_map_keys(const ig_value *v);
/* The value of a key, borrowed; NULL when v has no such key, or is no map with keys of
 * that type. */
IG_API ig_value *ig_map_get(const ig_value *v, int64_t key);
IG_API ig_value *ig_map_get_string(const ig_value *v, const char *key);

IG_EXTERN_C_END
#endif
