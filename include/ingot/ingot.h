/* Ingot: load a model, run it, from C or C++.
 *
 *     ig_model *m; ig_tensor *x, *y = NULL;
 *     ig_model_load(&m, "model.onnx", NULL);
 *     ig_tensor_load(&x, "x.npy");
 *     ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL);
 *
 * Below it lie the workspace (named tensors) and the net (a compiled graph); above it,
 * in <ingot/train.h>, eager tensors with autograd and tracing. Threads: ig_model_run
 * and ig_net_run may be called from any number of threads at once; a workspace, a
 * context and a graph being edited belong to one thread at a time. fork(): a child
 * makes threads of its own, and its parent's models run on in it; but not those of
 * OpenMP: where oneDNN has run by several threads in the parent (some convolutions and
 * their gradients), whatever runs with threads > 1 in the child waits for ever: use
 * threads = 1 there. */
#ifndef INGOT_INGOT_H
#define INGOT_INGOT_H

#include <ingot/base.h>
#include <ingot/graph.h>

IG_EXTERN_C_BEGIN

/* ---- limits and options
 * --------------------------------------------------------------- */

/* Zero members mean the safe default given here. */
typedef struct ig_limits {
    uint64_t file_bytes;      /* 2^36 */
    uint64_t memory_bytes;    /* of a load or a run, 2^37 */
    uint64_t tensor_bytes;    /* 2^35 */
    uint64_t nodes;           /* 2,000,000, after inlining functions */
    uint32_t depth;           /* 64 nested messages, subgraphs */
    uint32_t name_bytes;      /* 65,536 */
    uint64_t loop_iterations; /* 2^31 */
} ig_limits;

typedef struct ig_model_opts {
    const char *device; /* "cpu" */
    int threads; /* 0: as many as the process may use; 1: none beside the caller */
    int level;   /* optimisation: 0 default (2), -1 none (as written), 1 exact, 2 all */
    ig_limits limits;
    const char *data_dir;    /* folder of external data; NULL: the model's */
    const char *const *dims; /* "N=4" overrides of symbolic dims, NULL-terminated */
    size_t plan_cache;       /* input signatures kept; 0: 8 */
    bool exact_conv;   /* only algorithms that round like the plain one: no Winograd */
    bool small_memory; /* no packed weights that are larger than the weights */
    bool private_copy; /* read the file into private memory instead of mapping it */
    const ig_registry *registry;                /* NULL: built-in */
    void (*warn)(const char *text, void *user); /* NULL: dropped */
    void *user;
    bool strict_qdq; /* quantized models: keep every rounding to integers of the file */
    const char *const *feeds; /* as of ig_read_opts */
    bool keep_on_device;      /* outputs that are made stay in the device's memory */
    bool capture; /* the device keeps a whole run and repeats it (a CUDA graph); inputs
                     are copied to fixed places first. Only where all work is the
                     device's: otherwise runs go on as usual */
    bool tf32;    /* a device may round the factors of float32 products and convolutions
                     to 10 bits of mantissa: faster on the tensor cores of GPUs */
} ig_model_opts;

typedef struct ig_run_opts {
    double deadline_s; /* 0: none; seconds from the start of this run, < 0: passed */
    const volatile int *cancel; /* the run stops soon after it becomes non-zero */
    uint64_t seed;       /* of random operators without their own; 0: fixed default */
    const char *profile; /* path: writes a Chrome trace of this run */
    ig_limits limits;
} ig_run_opts;

/* ---- files of tensors
 * ------------------------------------------------------------------- */

/* .npy, .pb (ONNX TensorProto). Errors: IO, NOT_FOUND, INVALID_ARGUMENT (format). */
IG_API ig_status ig_tensor_load(ig_tensor **out, const char *path);
IG_API ig_status ig_tensor_save(const ig_tensor *t,
                                const char *path); /* .npy, .pb; atomic */

/* ---- graphs from and to files
 * ------------------------------------------------------------- */

/* What of an ONNX file is read: the model, or one training_info of it (ONNX's IR 7),
 * as graphs that the plain runtime trains with.
 *   STEP   inputs: those of the model and of the algorithm, then the state ("W");
 *          outputs: those of both, then the next value of each state ("W.next").
 *   START  no inputs; outputs: the values that the state begins with, in that order.
 * The state are the initialisers that the file updates or initialises. A run of STEP
 * whose next values are given to the following run trains. */
typedef enum ig_read_part {
    IG_READ_MODEL = 0,
    IG_READ_STEP = 1,
    IG_READ_START = 2
} ig_read_part;

typedef struct ig_read_opts {
    ig_limits limits;
    const char *data_dir;
    bool private_copy;
    const ig_registry *registry; /* NULL: built-in */
    void (*warn)(const char *text, void *user);
    void *user;
    /* ONNX: names of initialisers that are inputs too, so that callers may override
     * them, NULL-terminated: they become inputs and their values are dropped. Otherwise
     * such an initialiser is a constant. */
    const char *const *feeds;
    /* ONNX: STEP and START of training_info number `training`, from 0. NOT_FOUND: the
     * file has no such. Other formats have none: INVALID_ARGUMENT. */
    ig_read_part part;
    int training;
} ig_read_opts;

/* ONNX or .ingot, told by contents. UNSUPPORTED lists all that is unsupported. */
IG_API ig_status ig_graph_read(ig_graph **out,
                               const char *path,
                               const ig_read_opts *opts);
IG_API ig_status ig_graph_read_bytes(ig_graph **out,
                                     const void *bytes,
                                     size_t n,
                                     ig_deleter deleter,
                                     void *user,
                                     const ig_read_opts *opts);

typedef struct ig_save_opts {
    bool external_data; /* ONNX: weights beside the file */
    int64_t opset;      /* ONNX; 0: the oldest that has every operator used */
} ig_save_opts;
/* By the file's ending, .ingot or .onnx; written atomically. */
IG_API ig_status ig_graph_save(const ig_graph *g,
                               const char *path,
                               const ig_save_opts *opts);

/* ---- workspaces
 * ----------------------------------------------------------------------------- */

typedef struct ig_workspace
    ig_workspace;             /* named values; names resolve here, then in the parent */
typedef struct ig_net ig_net; /* a compiled graph: immutable, shared between threads */

/* Retains the parent. NULL when out of memory. */
IG_API ig_workspace *ig_workspace_new(ig_workspace *parent);
IG_API void ig_workspace_free(ig_workspace *ws);
/* Retains the value under that name in `ws` itself, replacing an older one. */
IG_API ig_status ig_workspace_feed(ig_workspace *ws, const char *name, ig_tensor *t);
IG_API ig_status ig_workspace_feed_value(ig_workspace *ws,
                                         const char *name,
                                         ig_value *v);
/* A new reference; NOT_FOUND when neither ws nor its parents know the name. */
IG_API ig_status ig_workspace_fetch(const ig_workspace *ws,
                                    const char *name,
                                    ig_tensor **out);
IG_API ig_status ig_workspace_fetch_value(const ig_workspace *ws,
                                          const char *name,
                                          ig_value **out);
IG_API ig_status ig_workspace_remove(ig_workspace *ws, const char *name);

/* ---- nets
 * -------------------------------------------------------------------------------------
 */

typedef struct ig_net_opts {
    const char *device; /* "cpu" */
    int threads;        /* 0: as many as the process may use */
    int level;          /* 0 default (2), -1 none, 1, 2 */
    ig_limits limits;
    size_t plan_cache;             /* 0: 8 */
    bool exact_conv, small_memory; /* as ig_model_opts */
    bool parallel_branches;        /* run independent chains of nodes side by side */
    const ig_registry *registry;
    bool strict_qdq;                    /* as ig_model_opts' */
    bool keep_on_device, capture, tf32; /* as ig_model_opts' */
    bool deterministic;                 /* as ig_ctx_opts' */
} ig_net_opts;

/* Compile `g` into a net that can run many times. Constants of the graph go into
 * `weights` (shared by all nets and workspaces below it). Owns: *out is the caller's
 * (ig_net_free); g is only read and may be freed after. Errors: INVALID_GRAPH,
 * UNSUPPORTED, OUT_OF_MEMORY.  Threads: one per workspace. */
IG_API ig_status ig_net_new(ig_net **out,
                            const ig_graph *g,
                            ig_workspace *weights,
                            const ig_net_opts *opts);
IG_API void ig_net_free(ig_net *net);
/* Reads the net's inputs from ws by name and puts its outputs there. */
IG_API ig_status ig_net_run(ig_net *net, ig_workspace *ws, const ig_run_opts *opts);

/* ---- models: for services
 * ------------------------------------------------------------------------ */

typedef struct ig_model ig_model;

typedef struct ig_inputs {
    int n;
    ig_tensor *const *v;
} ig_inputs;
typedef struct ig_outputs {
    int n;
    ig_tensor **const
        *v; /* each: address of the caller's pointer, NULL pointer = make it */
} ig_outputs;

IG_API ig_status ig_model_load(ig_model **out,
                               const char *path,
                               const ig_model_opts *opts);
/* The bytes are copied unless a deleter is given; then they are borrowed until it runs.
 */
IG_API ig_status ig_model_load_bytes(ig_model **out,
                                     const void *bytes,
                                     size_t n,
                                     ig_deleter deleter,
                                     void *user,
                                     const ig_model_opts *opts);
/* Compiles a graph; g may be freed after. */
IG_API ig_status ig_model_from_graph(ig_model **out,
                                     const ig_graph *g,
                                     const ig_model_opts *opts);
IG_API void ig_model_free(ig_model *m);

/* Inputs and outputs by position. An output that is NULL on entry is made and owned by
 * the caller; one that is set is written in place and must fit. Fewer outputs than the
 * model has are allowed. Errors name input or output, expected and given type. Threads:
 * any number on one model. */
IG_API ig_status ig_model_run(ig_model *m,
                              ig_inputs in,
                              ig_outputs out,
                              const ig_run_opts *opts);
/* The same by names and with any kind of value; outputs are new references. */
IG_API ig_status ig_model_run_values(ig_model *m,
                                     const char *const *in_names,
                                     ig_value *const *in,
                                     int n_in,
                                     const char *const *out_names,
                                     ig_value **out,
                                     int n_out,
                                     const ig_run_opts *opts);

IG_API int ig_model_n_inputs(const ig_model *m);
IG_API int ig_model_n_outputs(const ig_model *m);
IG_API const char *ig_model_input_name(const ig_model *m, int i);
IG_API const char *ig_model_output_name(const ig_model *m, int i);
IG_API const ig_type *ig_model_input_type(const ig_model *m, int i);
IG_API const ig_type *ig_model_output_type(const ig_model *m, int i);
/* Names, types, symbolic dims, metadata, operators and which kernel serves each, as
 * JSON; free with ig_string_free. */
IG_API ig_status ig_model_describe(const ig_model *m, char **json);
/* The graph as loaded, before optimisation. */
IG_API const ig_graph *ig_model_graph(const ig_model *m);

/* ---- values of runs: sequences, optionals, memory ---- */

/* From now on counts of v and of everything in it are atomic: ig_tensor_share for any
 * value. */
IG_API ig_value *ig_value_share(ig_value *v);

/* A sequence of n values, which it retains. They are of one kind and element type,
 * those of `like`; NULL takes the first item's. Empty maps and sequences, which may
 * have no type, get it. `like` may be any value, a tensor without elements too, and is
 * only read. Errors: INVALID_ARGUMENT (an item that does not fit, or no item and no
 * `like`), OUT_OF_MEMORY. */
IG_API ig_status ig_sequence_new(ig_value **out,
                                 ig_value *const *items,
                                 int64_t n,
                                 const ig_value *like);
/* An optional that holds `item` (retained); NULL: an empty one, of what `like` is. */
IG_API ig_status ig_optional_new(ig_value **out, ig_value *item, const ig_value *like);
/* Nobody else reads these elements: no other tensor, no model, no file that they were
 * mapped from. Then the caller may write them. */
IG_API bool ig_tensor_is_writable(const ig_tensor *t);

/* ---- registries and plugins ---- */

/* Operators that come with the library. */
IG_API const ig_registry *ig_registry_builtin(void);

/* <ingot/plugin_abi.h> */
typedef struct ig_plugin_api ig_plugin_api;
typedef struct ig_plugin ig_plugin;
typedef ig_status (*ig_plugin_init_fn)(const ig_plugin_api *api, ig_plugin *self);

/* A registry with everything that is built in, to which plugins can be added. Objects
 * made with it (graphs, nets, contexts, models) hold it; ig_registry_free drops the
 * caller's hold. *out is the caller's. */
IG_API ig_status ig_registry_new(ig_registry **out);
IG_API void ig_registry_free(ig_registry *r);
/* Loads a plugin by the path of its file and adds what it brings; all of it or nothing.
 * The code stays in the process for ever. Not while other threads use the registry.
 * Errors: NOT_FOUND or IO (the file), UNSUPPORTED (ABI), INVALID_ARGUMENT (a descriptor
 * that is wrong, or a name that is taken). */
IG_API ig_status ig_registry_load_plugin(ig_registry *r, const char *path);
/* The same for a plugin that is linked into the program. */
IG_API ig_status ig_registry_add_plugin(ig_registry *r, ig_plugin_init_fn init);
IG_API int ig_registry_n_plugins(const ig_registry *r);
IG_API const char *ig_registry_plugin_name(const ig_registry *r, int i); /* NULL */

IG_EXTERN_C_END

#ifdef __cplusplus
#include <initializer_list>
/* In C++ a temporary array lives to the end of the full expression. */
static inline ig_inputs ig_inputs_make(std::initializer_list<ig_tensor *> l)
{
    return ig_inputs{(int)l.size(), l.begin()};
}
static inline ig_outputs ig_outputs_make(std::initializer_list<ig_tensor **> l)
{
    return ig_outputs{(int)l.size(), l.begin()};
}
#define IG_INPUTS(...)  ig_inputs_make({__VA_ARGS__})
#define IG_OUTPUTS(...) ig_outputs_make({__VA_ARGS__})
#else
#define IG_ARRAY_N_(T_, ...) ((int)(sizeof((T_[]){__VA_ARGS__}) / sizeof(T_)))
#define IG_INPUTS(...)                                                                 \
    ((ig_inputs){IG_ARRAY_N_(ig_tensor *, __VA_ARGS__), (ig_tensor *[]){__VA_ARGS__}})
#define IG_OUTPUTS(...)                                                                \
    ((ig_outputs){IG_ARRAY_N_(ig_tensor **, __VA_ARGS__),                              \
                  (ig_tensor * *[]){__VA_ARGS__}})
#endif

#endif
