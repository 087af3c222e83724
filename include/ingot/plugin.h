/* The operator contract: what the author of an operator or kernel sees.
 *
 * An operator is one `const ig_op_def` in one file; operator files include only this
 * header (and "operators/common.h" for typed loops). A kernel is one row of an ordered
 * table.
 *
 * Reading order: ports and types, attributes, infer, kernels, gradients, descriptor.
 * Memory: descriptors are static and const. Strings are never freed.
 * Threads: infer, values, view, supports and rules are pure; they may run on any
 * thread. */
#ifndef INGOT_PLUGIN_H
#define INGOT_PLUGIN_H

#include <ingot/device.h>
#include <ingot/graph.h>

IG_EXTERN_C_BEGIN

#define IG_BIT(n_)   (1ull << (n_))
#define IG_PORTS_MAX 1024 /* inputs or outputs of one node, captures included */

/* ---- errors ---- */

/* Records code and message and returns the code. */
IG_API ig_status ig_fail(ig_status code, const char *fmt, ...) IG_PRINTF(2, 3);
#ifndef IG_TRY
#define IG_TRY(expr_)                                                                  \
    do {                                                                               \
        ig_status ig_try_ = (expr_);                                                   \
        if (ig_try_ != IG_OK)                                                          \
            return ig_try_;                                                            \
    } while (0)
#endif

/* ---- ports and types ---- */

enum { /* ig_port.flags */
       IG_OPTIONAL = 1,
       IG_VARIADIC =
           2, /* last port: any number of values, at least one unless OPTIONAL too */
       IG_HETERO = 4, /* variadic values may differ in type */
       IG_SEQ = 8,    /* a sequence (of tensors of the type variable) */
       IG_VALUE = 16, /* infer may read it: host memory, part of a plan's signature, no
                         gradient */
       IG_TYPE_ONLY =
           32,         /* only shape and dtype are read: does not keep the data alive */
       IG_NODIFF = 64, /* no gradient flows through this port, though its types have
                          some: VALUE ports and types without floats need not say so */
       IG_DYNAMIC =
           128, /* output whose size follows data: the kernel calls ig_out_alloc */
       IG_MUTATED =
           256, /* input that output `alias` overwrites: same storage, version + 1 */
       IG_ANY_KIND = 512, /* also a sequence, optional or map; the type variable is of
                             what the innermost one holds */
       IG_MAP = 1024      /* input: a map (to tensors of the type variable) */
};

typedef struct ig_port {
    const char *name, *doc;
    char tv; /* type variable */
    uint32_t flags;
    uint32_t alias; /* output only: mask of input ports whose memory it may take */
} ig_port;
/* IG_PORT("b", 'T', "Bias.", .flags = IG_OPTIONAL). Lists end with {0}. */
#define IG_PORT(name_, tv_, ...)                                                       \
    {                                                                                  \
        .name = name_, .tv = tv_, .doc = __VA_ARGS__                                   \
    }
#define IG_MAY_ALIAS(...) IG_MASK_OF_(__VA_ARGS__, 31, 31, 31, 31)
#define IG_MASK_OF_(a_, b_, c_, d_, ...)                                               \
    ((uint32_t)((1u << (a_)) | (1u << (b_)) | (1u << (c_)) | (1u << (d_))) &           \
     0x7fffffffu)

/* Allowed element types of a type variable, a mask of IG_BIT(dtype). A variable with
 * one allowed type fixes its ports. Lists end with {0}. */
typedef struct ig_type_rule {
    char tv;
    uint64_t types;
} ig_type_rule;

#define IG_T(name_) IG_BIT(IG_##name_)
#define IG_F16S     (IG_T(FLOAT16) | IG_T(BFLOAT16))
#define IG_FLOATS                                                                      \
    (IG_T(FLOAT32) | IG_T(FLOAT64) | IG_F16S) /* tensor(float...) + bfloat16 */
#define IG_INT_SIGNED   (IG_T(INT8) | IG_T(INT16) | IG_T(INT32) | IG_T(INT64))
#define IG_INT_UNSIGNED (IG_T(UINT8) | IG_T(UINT16) | IG_T(UINT32) | IG_T(UINT64))
#define IG_INTEGERS     (IG_INT_SIGNED | IG_INT_UNSIGNED)
#define IG_NUMERIC      (IG_FLOATS | IG_INTEGERS)
#define IG_COMPLEXES    (IG_T(COMPLEX64) | IG_T(COMPLEX128))
#define IG_FLOAT8S                                                                     \
    (IG_T(FLOAT8E4M3FN) | IG_T(FLOAT8E4M3FNUZ) | IG_T(FLOAT8E5M2) |                    \
     IG_T(FLOAT8E5M2FNUZ))
#define IG_PACKED                                                                      \
    (IG_T(UINT4) | IG_T(INT4) | IG_T(FLOAT4E2M1) | IG_T(UINT2) | IG_T(INT2))
/* Every tensor type that ONNX 27 knows. */
#define IG_ALL_TYPES                                                                   \
    (IG_NUMERIC | IG_COMPLEXES | IG_T(STRING) | IG_T(BOOL) | IG_FLOAT8S | IG_PACKED |  \
     IG_T(FLOAT8E8M0))
/* The set before bfloat16 and float8 came: ONNX "all_tensor_types". */
#define IG_CLASSIC_TYPES                                                               \
    (IG_T(FLOAT32) | IG_T(FLOAT64) | IG_T(FLOAT16) | IG_INTEGERS | IG_COMPLEXES |      \
     IG_T(STRING) | IG_T(BOOL))

/* ---- attributes ---- */

/* An operator's attributes are one plain struct that begins with `uint32_t
 * struct_size`; rows carry the offsets. Infer, kernels and rules get the struct with
 * defaults filled in. */
typedef enum ig_attr_kind {
    IG_A_END = 0,
    IG_A_INT,     /* int64_t */
    IG_A_FLOAT,   /* float */
    IG_A_STRING,  /* const char *; NULL absent */
    IG_A_INTS,    /* ig_ints */
    IG_A_FLOATS,  /* ig_floats */
    IG_A_STRINGS, /* ig_strings */
    IG_A_TENSOR,  /* ig_tensor *; NULL absent */
    IG_A_GRAPH,   /* ig_graph * */
    IG_A_ENUM,    /* int64_t index into `names`; a string in files */
    IG_A_DTYPE,   /* int64_t holding an ig_dtype; an int in files */
    IG_A_TYPE     /* const ig_type *; NULL absent. Symbolic dims are unknown ones */
} ig_attr_kind;

enum { IG_REQUIRED = 1 }; /* ig_attr_def.flags */

typedef struct ig_attr_def {
    const char *name;
    uint8_t kind, flags;
    uint16_t offset;
    const char *doc;
    union {
        int64_t i;
        double f;
        const char *s;
    } def;
    int64_t min, max;         /* of ints and of each item of INTS; both 0: any */
    const char *const *names; /* of an ENUM, NULL-terminated */
} ig_attr_def;

/* offsetof that does not compile when the member has another type. */
#define IG_FIELD(T_, S_, m_)                                                           \
    (offsetof(S_, m_) + 0 * sizeof(*(1 ? (T_ *)0 : &((S_ *)0)->m_)))
#define IG_ATTR_(S_, m_, T_, kind_, ...)                                               \
    {                                                                                  \
        .name = #m_, .kind = kind_, .offset = IG_FIELD(T_, S_, m_), .doc = __VA_ARGS__ \
    }
#define IG_ATTR_INT(S_, m_, d_, ...)                                                   \
    IG_ATTR_(S_, m_, int64_t, IG_A_INT, __VA_ARGS__, .def.i = d_)
#define IG_ATTR_FLOAT(S_, m_, d_, ...)                                                 \
    IG_ATTR_(S_, m_, float, IG_A_FLOAT, __VA_ARGS__, .def.f = d_)
#define IG_ATTR_STRING(S_, m_, d_, ...)                                                \
    IG_ATTR_(S_, m_, const char *, IG_A_STRING, __VA_ARGS__, .def.s = d_)
#define IG_ATTR_ENUM(S_, m_, d_, names_, ...)                                          \
    IG_ATTR_(S_, m_, int64_t, IG_A_ENUM, __VA_ARGS__, .def.i = d_, .names = names_)
#define IG_ATTR_DTYPE(S_, m_, d_, ...)                                                 \
    IG_ATTR_(S_, m_, int64_t, IG_A_DTYPE, __VA_ARGS__, .def.i = d_)
#define IG_ATTR_INTS(S_, m_, ...) IG_ATTR_(S_, m_, ig_ints, IG_A_INTS, __VA_ARGS__)
#define IG_ATTR_FLOATS(S_, m_, ...)                                                    \
    IG_ATTR_(S_, m_, ig_floats, IG_A_FLOATS, __VA_ARGS__)
#define IG_ATTR_STRINGS(S_, m_, ...)                                                   \
    IG_ATTR_(S_, m_, ig_strings, IG_A_STRINGS, __VA_ARGS__)
#define IG_ATTR_TENSOR(S_, m_, ...)                                                    \
    IG_ATTR_(S_, m_, ig_tensor *, IG_A_TENSOR, __VA_ARGS__)
#define IG_ATTR_TYPE(S_, m_, ...)                                                      \
    IG_ATTR_(S_, m_, const ig_type *, IG_A_TYPE, __VA_ARGS__)
#define IG_ATTR_GRAPH(S_, m_, ...) IG_ATTR_(S_, m_, ig_graph *, IG_A_GRAPH, __VA_ARGS__)

/* ---- dims ---- */

/* Arithmetic on dims that may be symbolic; `s` may be NULL when all dims are numbers.
 * Overflow and unknown operands give -1 (unknown). Division is floor division. */
IG_API int64_t ig_dim_add(ig_symtab *s, int64_t a, int64_t b);
IG_API int64_t ig_dim_sub(ig_symtab *s, int64_t a, int64_t b);
IG_API int64_t ig_dim_mul(ig_symtab *s, int64_t a, int64_t b);
IG_API int64_t ig_dim_div(ig_symtab *s, int64_t a, int64_t b);
IG_API int64_t ig_dim_max(ig_symtab *s, int64_t a, int64_t b);
IG_API int64_t ig_dim_min(ig_symtab *s, int64_t a, int64_t b);
/* Result of broadcasting two dims in *out; false when two numbers do not fit. */
IG_API bool ig_dim_broadcast(ig_symtab *s, int64_t a, int64_t b, int64_t *out);
/* A new symbol that stands for "some size"; -1 when `s` is NULL. */
IG_API int64_t ig_dim_fresh(ig_symtab *s);
/* The same for "some integer", which may be negative: for `values`. */
IG_API int64_t ig_int_fresh(ig_symtab *s);

/* ---- infer ---- */

/* Made by dispatch, graph construction, planner and late nodes; the same infer serves
 * all. Before infer runs: arity and types are checked; kind and dtype of outputs are
 * set from the type variables where those decide; every present required input has a
 * known rank, unless IG_OP_UNRANKED. Otherwise infer is called only when it must choose
 * an element type, and the shapes it sets are dropped: outputs have unknown rank. */
typedef struct ig_infer {
    uint32_t struct_size;
    int n_in, n_out, n_captures;
    const ig_type *const *in; /* NULL entries: absent */
    ig_type *const *out;      /* NULL entries: optional ones that nobody wants */
    const void *attrs;        /* never NULL when the operator has attributes */
    ig_value *const *known; /* per input its value where known, or NULL; may be NULL */
    const ig_ints *ints;    /* per input its propagated integers; may be NULL */
    ig_symtab *syms;        /* NULL: all dims are numbers */
    const ig_op_def *op;
} ig_infer;

enum { IG_INTS_UNKNOWN = -1, IG_INTS_TOO_MANY = -2, IG_INTS_ABSENT = -3 };
/* The integers of a VALUE input (rank 0 or 1, int32 or int64). Returns their count, or
 * IG_INTS_UNKNOWN (not known yet; the type of the port says how many), IG_INTS_TOO_MANY
 * (by value or type no list of at most `cap`; message set: return INVALID_ARGUMENT),
 * IG_INTS_ABSENT (port not given). Unknown single elements are fresh symbols, never -1.
 */
IG_API int ig_infer_ints(ig_infer *x, int port, int64_t *buf, int cap);

IG_API ig_status ig_infer_set(ig_infer *x, int out, int rank, const int64_t *dims);
IG_API ig_status ig_infer_fresh(ig_infer *x,
                                int out,
                                int rank);               /* rank known, dims not */
IG_API ig_status ig_infer_unknown(ig_infer *x, int out); /* rank unknown */
IG_API ig_status ig_infer_dtype(ig_infer *x,
                                int out,
                                int64_t dtype); /* its rule is checked after infer */
IG_API ig_status ig_infer_copy(ig_infer *x, int out, int in); /* shape of input `in` */
/* Whole infer functions. */
IG_API ig_status ig_infer_same(ig_infer *x); /* every output has the shape of input 0 */
IG_API ig_status
ig_infer_broadcast(ig_infer *x); /* output 0: broadcast of all inputs */
/* Axis normalised to 0..rank-1 (rank when `end` is true); error names op, axis and
 * rank. */
IG_API ig_status ig_infer_axis(ig_infer *x, int64_t axis, int rank, bool end, int *out);
/* Normalises and checks a list of distinct axes. */
IG_API ig_status
ig_infer_axes(ig_infer *x, const int64_t *axes, int n, int rank, int *out);
/* Dim i of input `port`; an error when it has no such dim. */
IG_API ig_status ig_infer_dim(ig_infer *x, int port, int64_t i, int64_t *out);
/* Product of dims [lo, hi). */
IG_API int64_t ig_infer_count(ig_infer *x, int port, int lo, int hi);
/* Agrees two dims: numbers must be equal, a number beats a symbol. `what` goes in the
 * message. */
IG_API ig_status
ig_infer_equal(ig_infer *x, int64_t a, int64_t b, const char *what, int64_t *out);
/* INVALID_ARGUMENT with "Op: ..." and the shapes of all inputs appended. */
IG_API ig_status ig_infer_fail(ig_infer *x, const char *fmt, ...) IG_PRINTF(2, 3);

/* `values` of elementwise integer operators: applies f to the inputs' integers. */
IG_API int ig_values_binary(ig_infer *x,
                            int64_t *out,
                            int cap,
                            int64_t (*f)(ig_symtab *, int64_t, int64_t));
IG_API int ig_values_same(ig_infer *x, int64_t *out, int cap); /* those of input 0 */

/* A view: output 0 over the memory of input 0, strides and offset in elements. */
typedef struct ig_view {
    ig_infer *x; /* types are inferred already, dims are numbers */
    const int64_t *in_stride;
    bool in_contiguous;
    int64_t *stride; /* of the output, to be written */
    int64_t offset;  /* to be written; starts at 0 */
} ig_view;
IG_API bool
ig_view_contiguous(ig_view *v); /* Reshape and kin: same order, contiguous */

/* ---- kernels ---- */

typedef struct ig_kernel_ctx ig_kernel_ctx;
typedef ig_status (*ig_pack_fn)(const ig_kernel_ctx *k, void *dst, void *user);

/* Services of whoever runs the kernel. Append only. */
typedef struct ig_run_api {
    uint32_t struct_size;
    ig_status (*out_alloc)(ig_kernel_ctx *k, int i, int rank, const int64_t *dims);
    ig_status (*out_give)(ig_kernel_ctx *k, int i, ig_value *v);
    ig_status (*run_graph)(ig_kernel_ctx *k,
                           const ig_graph *body,
                           ig_value *const *in,
                           int n_in,
                           ig_value **out,
                           int n_out);
    const void *(*pack)(ig_kernel_ctx *k,
                        int port,
                        const char *key,
                        size_t bytes,
                        ig_pack_fn fill,
                        void *user);
    ig_status (*poll)(
        ig_kernel_ctx *k); /* CANCELLED or DEADLINE when it is time to stop */
    void (*barrier)(ig_kernel_ctx *k); /* all threads of the team meet */
    ig_status (*charge)(ig_kernel_ctx *k, int64_t bytes); /* memory it holds itself */
} ig_run_api;

enum { /* ig_kernel_ctx.flags: what the options of a net ask of its kernels */
       IG_RUN_EXACT = 1, /* only algorithms that round like the plain sum */
       IG_RUN_SMALL = 2, /* no packed form that is much larger than its constant */
       IG_RUN_TF32 = 4   /* float32 products may round their factors to 10 bits */
};

struct ig_kernel_ctx {
    uint32_t struct_size;
    int16_t n_in, n_out;
    int32_t n_captures;
    ig_value *const *in; /* NULL entries: absent */
    ig_value **out;      /* NULL entries: optional ones that nobody wants */
    const void *attrs;
    void *state;          /* of prepare */
    char *scratch;        /* nthreads blocks of scratch_bytes; see ig_scratch */
    size_t scratch_bytes; /* per thread, 64-byte multiple */
    uint64_t constants;   /* mask: inputs whose contents never change (may be packed) */
    uint64_t seed, draw;  /* of random operators */
    int32_t threads;      /* team size that run_team will see */
    uint32_t flags;       /* IG_RUN_* */
    const ig_run_api *rt;
    void *rt_self;
    const ig_op_def *op;
    void *queue;  /* of the kernel's device (<ingot/device.h>); NULL on the CPU */
    uint32_t tag; /* names this call in what the device reports later */
};

/* Inputs and outputs as tensors; NULL: absent or not wanted. Variadic: count with n_in.
 */
IG_API ig_tensor *ig_in(const ig_kernel_ctx *k, int i);
IG_API ig_tensor *ig_out(const ig_kernel_ctx *k, int i);
IG_API void *ig_data(const ig_tensor *t);
IG_API int ig_rank(const ig_tensor *t);
IG_API const int64_t *ig_dims(const ig_tensor *t);
IG_API const int64_t *ig_strides(const ig_tensor *t);
IG_API int64_t ig_numel(const ig_tensor *t);
IG_API ig_dtype ig_dtype_of(const ig_tensor *t);
IG_API bool ig_contiguous(const ig_tensor *t);
/* Scratch of thread `tid`. */
static inline void *ig_scratch(const ig_kernel_ctx *k, int tid)
{
    return k->scratch + (size_t)tid * k->scratch_bytes;
}
/* Shape of a DYNAMIC output, known now; afterwards ig_out(k, i) has memory. */
IG_API ig_status ig_out_alloc(ig_kernel_ctx *k, int i, int rank, const int64_t *dims);
/* Hands a whole value over as output i; takes the reference. */
IG_API ig_status ig_out_give(ig_kernel_ctx *k, int i, ig_value *v);
/* Runs a body. Outputs are new references. */
IG_API ig_status ig_run_graph(ig_kernel_ctx *k,
                              const ig_graph *body,
                              ig_value *const *in,
                              int n_in,
                              ig_value **out,
                              int n_out);
/* In prepare: the packed form of the constant input `port`, made once by `fill` and
 * shared by all nodes and plans of the net that ask with an equal key. NULL with a
 * record on failure. */
IG_API const void *ig_pack(ig_kernel_ctx *k,
                           int port,
                           const char *key,
                           size_t bytes,
                           ig_pack_fn fill,
                           void *user);
IG_API ig_status ig_poll(ig_kernel_ctx *k);
IG_API void ig_barrier(ig_kernel_ctx *k);
/* Counts memory that the kernel holds beside its outputs (values between the runs of a
 * body) against the limits of the run; negative: it is given back. What is left is
 * given back when the kernel returns. LIMIT names the limit. */
IG_API ig_status ig_charge(ig_kernel_ctx *k, int64_t bytes);
/* Part [*lo, *hi) of n items for thread tid of nth, cut at multiples of `grain`. */
IG_API void
ig_split(int64_t n, int64_t grain, int tid, int nth, int64_t *lo, int64_t *hi);
/* Refusal of `supports`; the reason shows in logs, info and profiles. Returns
 * UNSUPPORTED. */
IG_API ig_status ig_reject(const char *reason);
/* Error of a kernel: "Op: ..." ; use for bad indices and the like. */
IG_API ig_status ig_kernel_fail(const ig_kernel_ctx *k,
                                ig_status code,
                                const char *fmt,
                                ...) IG_PRINTF(3, 4);

enum { /* ig_kernel_def.needs: all must hold; refusal texts write themselves */
       IG_NEED_CONTIGUOUS = 0, /* the default: other inputs are copied first */
       IG_KERNEL_STRIDED = 1,  /* takes inputs of any strides */
       IG_NEED_SAME_SHAPE =
           2, /* all inputs and output 0 have one shape (or numel 1 each) */
       IG_NEED_NONEMPTY = 4, /* no input has zero elements */
       IG_KERNEL_HEAVY = 8,  /* much work per element (products, convolutions): worth
                                all threads even when the tensors are small */
       IG_KERNEL_VARIES =
           16 /* its results may differ in last bits from run to run
                 (atomics): refused where the user asks for determinism */
};

typedef struct ig_kernel_def {
    uint32_t struct_size;
    const char *op;   /* "Add", "ingot::Conv" */
    const char *name; /* "simd", "onednn" */
    uint64_t types; /* allowed dtypes of input 0 (of output 0 without inputs); 0: any */
    uint32_t needs;
    ig_status (*supports)(const ig_kernel_ctx *k); /* optional: what bits cannot say */
    ig_status (*prepare)(ig_kernel_ctx *k); /* optional: per shape signature; sets
                                               state, scratch_bytes */
    ig_status (*run)(ig_kernel_ctx *k);     /* serial; or */
    ig_status (*run_team)(ig_kernel_ctx *k,
                          int tid,
                          int nth); /* all threads of the team, n >= 1 */
    ig_status (*run_own)(
        ig_kernel_ctx *k); /* starts threads itself (a library with OpenMP) */
    void (*unprepare)(ig_kernel_ctx *k);
    uint64_t unaligned; /* mask: inputs that may lie at any address when they are
                           constants: they are packed, or read by loads that allow it
                           (weights inside an ONNX file; others get a copy) */
} ig_kernel_def;
#define IG_KERNEL_HEAD .struct_size = (uint32_t)sizeof(ig_kernel_def)
/* IG_KERNELS(softmax) = {{IG_KERNEL_HEAD, .op = "Softmax", ...}, {0}}; best first. */
#define IG_KERNELS(name_) const ig_kernel_def igi_kernels_##name_[]

/* ---- gradients ---- */

typedef struct ig_grad ig_grad;
typedef struct ig_var {
    uintptr_t h; /* a tensor (eager) or a graph value (static); 0: absent */
} ig_var;

enum { IG_SAVED_INPUT = 1, IG_SAVED_OUTPUT = 2 };
typedef struct ig_save {
    uint8_t what, port;   /* a port from a variadic on: all its values */
    uint64_t for_grad_of; /* mask of input ports whose gradient reads it */
} ig_save;
#define IG_SAVE_IN(port_, inputs_)                                                     \
    {                                                                                  \
        .what = IG_SAVED_INPUT, .port = port_, .for_grad_of = inputs_                  \
    }
#define IG_SAVE_OUT(port_, inputs_)                                                    \
    {                                                                                  \
        .what = IG_SAVED_OUTPUT, .port = port_, .for_grad_of = inputs_                 \
    }
#define IG_SAVE_ANY UINT64_MAX

/* The first failed call sticks and later ones return {0}: rules need no checks. */
IG_API int ig_grad_n_in(const ig_grad *g);
IG_API int ig_grad_n_out(const ig_grad *g);
IG_API bool ig_grad_wants(const ig_grad *g, int i); /* input i needs a gradient */
IG_API const void *ig_grad_attrs(const ig_grad *g);
IG_API ig_var ig_grad_dy(ig_grad *g, int i); /* {0} when nothing flowed into output i */
IG_API ig_var ig_grad_dy_full(ig_grad *g, int i); /* zeros instead of {0} */
IG_API ig_var ig_grad_in(ig_grad *g, int i); /* forward values, declared in `saves` */
IG_API ig_var ig_grad_out(ig_grad *g, int i);
IG_API const ig_type *ig_grad_in_type(const ig_grad *g, int i); /* NULL: absent */
IG_API const ig_type *ig_grad_out_type(const ig_grad *g, int i);
IG_API ig_var ig_grad_in_shape(ig_grad *g,
                               int i); /* int64 [rank], a number or Shape(in) */
IG_API ig_var ig_grad_ints(ig_grad *g, const int64_t *v, int n);        /* int64 [n] */
IG_API ig_var ig_grad_scalar(ig_grad *g, ig_dtype dtype, double value); /* rank 0 */
IG_API const ig_type *ig_grad_type(ig_grad *g, ig_var v);               /* of any var */
IG_API ig_var ig_emit1(ig_grad *g, const ig_op_def *op, const void *attrs, ig_var a);
IG_API ig_var
ig_emit2(ig_grad *g, const ig_op_def *op, const void *attrs, ig_var a, ig_var b);
IG_API ig_var ig_emit3(
    ig_grad *g, const ig_op_def *op, const void *attrs, ig_var a, ig_var b, ig_var c);
/* n inputs, n outputs, optional ones too; ig_status only mirrors the sticky state. */
IG_API ig_status ig_emit_n(ig_grad *g,
                           const ig_op_def *op,
                           const void *attrs,
                           const ig_var *in,
                           int n_in,
                           ig_var *out,
                           int n_out);
/* The same for any call: op, attrs, n_in, n_captures, n_out and the mask of wanted
 * outputs are read; outputs that are not wanted give {0}. */
IG_API ig_status ig_emit_call(ig_grad *g,
                              const ig_call *call,
                              const ig_var *in,
                              ig_var *out);
/* Sum over all axes but `axis` (negative counts from the end), dims dropped. */
IG_API ig_var ig_emit_sum_except(ig_grad *g, ig_var v, int axis);
/* The gradient of input i; a larger (broadcast) one is summed down by the engine. */
IG_API void ig_grad_set(ig_grad *g, int i, ig_var dx);
/* Fails the rule with a message. */
IG_API ig_status ig_grad_fail(ig_grad *g, ig_status code, const char *fmt, ...)
    IG_PRINTF(3, 4);

/* The three ways to have no gradient. */
IG_API ig_status ig_gradient_none(ig_grad *g); /* not differentiable: zero, silently */
IG_API ig_status ig_gradient_forbidden(ig_grad *g); /* asking for it is an error */
IG_API ig_status ig_gradient_todo(ig_grad *g); /* differentiable, not written yet */

/* ---- samples: inputs for the generic operator suite ---- */

typedef struct ig_sample_in {
    int rank; /* -1: absent optional */
    int64_t dims[6];
    uint8_t dtype;      /* 0: the type under test (type variable of the port) */
    uint8_t fill;       /* ig_fill */
    const double *data; /* explicit contents, numel of them; NULL: by fill */
    uint8_t kind;       /* ig_kind; of a sequence or optional, or of a map, whose first
                           item are the keys: */
    int n_items;
    const struct ig_sample_in *items;
} ig_sample_in;
typedef enum ig_fill {
    IG_FILL_NORMAL = 0,   /* seeded, about [-2, 2] (integers: -8..8, unsigned 0..8) */
    IG_FILL_POSITIVE = 1, /* [0.3, 2.3] */
    IG_FILL_UNIT = 2,     /* (-0.9, 0.9) */
    IG_FILL_DISTINCT = 3, /* no two equal, gaps > 0.1: for max, sort, kinks */
    IG_FILL_NONZERO = 4,  /* |x| >= 0.5 */
    IG_FILL_ZERO_ONE = 5  /* bool or 0/1 */
} ig_fill;
/* What a sample that builds bodies is given. */
typedef struct ig_sample_scene {
    const ig_registry *registry;
    ig_dtype dtype; /* under test */
} ig_sample_scene;
typedef struct ig_sample {
    const char *name; /* "same_shape", "broadcast", "empty", ... */
    const void *attrs;
    int n_in, n_out; /* n_out 0: the required outputs */
    const ig_sample_in *in;
    uint64_t
        types; /* restrict to these dtypes of the first type variable; 0: all allowed */
    bool no_gradient; /* kinks or integers make finite differences meaningless here */
    bool no_second;   /* the first gradient is made of operators that have none */
    int n_captures;   /* of the inputs, the last ones */
    /* Makes the graphs of a copy of attrs, whose owner frees them; NULL: none. */
    ig_status (*bodies)(const ig_sample_scene *s, void *attrs);
} ig_sample;
#define IG_SHAPE_IN(...) .rank = IG_COUNT_(__VA_ARGS__), .dims = {__VA_ARGS__}
#define IG_COUNT_(...)   ((int)(sizeof((int64_t[]){__VA_ARGS__}) / sizeof(int64_t)))

/* ---- the descriptor ---- */

enum { /* ig_op_def.flags */
       IG_OP_ELEMENTWISE =
           1, /* law: equal shapes and one type variable give that same type */
       IG_OP_STRIDED = 2, /* the reference takes inputs of any strides */
       IG_OP_RANDOM = 4,
       IG_OP_SUBGRAPH = 8,
       IG_OP_EFFECTS = 16,  /* never removed or merged */
       IG_OP_UNRANKED = 32, /* infer is called even when ranks are unknown */
       IG_OP_COMMUTATIVE = 64,
       IG_OP_KEEPS = 128 /* outputs hold the inputs or their items themselves: in eager
                            code those keep their histories, a tape records nothing */
};

struct ig_op_def {
    uint32_t struct_size, since; /* since: opset in which this meaning began */
    const char *domain;          /* NULL: ai.onnx */
    const char *name, *doc;
    const ig_port *inputs, *outputs;
    const ig_type_rule *types;
    const ig_attr_def *attrs; /* NULL: none */
    uint32_t attrs_size;      /* sizeof the attribute struct */
    uint32_t flags;
    ig_status (*infer)(ig_infer *x);
    /* Integers of output 0 (rank <= 1), for shape computations: count, or
     * IG_INTS_UNKNOWN. Elements are numbers (negative ones too) or symbols
     * (ig_dim_is_symbol); an element that cannot be known is ig_int_fresh(x->syms),
     * never -1. */
    int (*values)(ig_infer *x, int64_t *out, int cap);
    bool (*view)(ig_view *v);
    ig_status (*gradient)(ig_grad *g);
    const ig_save *saves;
    ig_status (*reference)(ig_kernel_ctx *k);
    const ig_sample *samples; /* ended by {0} */
};
#define IG_OP_HEAD .struct_size = (uint32_t)sizeof(struct ig_op_def)
/* IG_OPERATOR(Add) = {IG_OP_HEAD, .name = "Add", ...}; */
#define IG_OPERATOR(name_)                                                             \
    extern const ig_op_def ig_op_##name_;                                              \
    const ig_op_def ig_op_##name_
/* Another operator, in gradient rules; declared by IG_USES_OP(Mul). */
#define IG_USES_OP(name_) extern const ig_op_def ig_op_##name_
#define IG_OP(name_)      (&ig_op_##name_)

IG_EXTERN_C_END

#include <ingot/plugin_abi.h>

#endif
