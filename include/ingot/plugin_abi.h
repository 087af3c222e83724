/* Plugins: operators, kernels and file formats in a shared library.
 *
 * A plugin is a shared object with one exported function, ig_plugin_init. It needs no
 * link to Ingot: the macros below call Ingot through a table of functions that the
 * library hands over when a program loads the plugin (ig_registry_load_plugin). With
 * IG_BUILTIN defined before the include, calls are direct: in Ingot's own build, where
 * the same file makes a built-in operator, and in programs that link the library.
 *
 *     #include <ingot/plugin.h>
 *     IG_PLUGIN("acme", 1);
 *     IG_OPERATOR(SquarePlus) = {IG_OP_HEAD, .domain = "acme", ...};
 *     IG_PLUGIN_OPS(SquarePlus);
 *
 *     cc -shared -fPIC $(pkg-config --cflags ingot) square_plus.c -o square_plus.so
 *     ingot check-plugin ./square_plus.so
 *
 * ABI: the table and every struct with a struct_size only grow at their end; plugins
 * built for an older Ingot keep working. ig_type, ig_port, ig_type_rule, ig_attr_def,
 * ig_save, ig_sample and ig_sample_in stand in arrays and never change. A plugin built
 * for a newer Ingot is refused, unless it defines IG_PLUGIN_NEEDS before the include:
 * the ABI number whose functions it does with.
 * Trust: a plugin is code of the process. No model, file or request can name one. */
#ifndef INGOT_PLUGIN_ABI_H
#define INGOT_PLUGIN_ABI_H

#include <ingot/plugin.h>

IG_EXTERN_C_BEGIN

/* ---- frontends: file formats ---- */

/* A whole file in memory, hostile until checked; valid during `read`. */
typedef struct ig_source {
    uint32_t struct_size;
    const void *bytes;
    size_t size;
    const char *name; /* of the file, for messages; may be NULL */
    ig_tensor *owner; /* NULL, or what keeps the bytes alive: see ig_source_tensor */
} ig_source;

/* A tensor of the bytes from `offset` on: a view when they are kept alive and aligned
 * for the type, else a copy. Errors: INVALID_GRAPH when it would end beyond the source.
 */
IG_API ig_status ig_source_tensor(const ig_source *s,
                                  size_t offset,
                                  ig_dtype dtype,
                                  int rank,
                                  const int64_t *dims,
                                  ig_tensor **out);

typedef struct ig_frontend_def {
    uint32_t struct_size;
    const char *name; /* "netlist" */
    const char *doc;
    /* Whether the bytes are of this format: a cheap look at the first ones. */
    bool (*sniff)(const void *bytes, size_t size);
    /* Builds the graph (empty on entry) with ig_graph_input, _constant, _make, _output.
     * On failure the graph is dropped. Any thread, several at once. */
    ig_status (*read)(ig_graph *g, const ig_source *source);
} ig_frontend_def;
#define IG_FRONTEND_HEAD .struct_size = (uint32_t)sizeof(ig_frontend_def)

/* ---- what a plugin says of itself ---- */

/* Kernels for operators that exist (built in, or of this plugin), best first. They are
 * asked before those that are there already. */
typedef struct ig_plugin_kernels {
    const char *device;         /* "cpu" */
    const ig_kernel_def *table; /* ended by {0} */
} ig_plugin_kernels;

/* An operator that a rule emits, found by name when the plugin is loaded. */
typedef struct ig_op_use {
    const char *name;
    const ig_op_def *op;
} ig_op_use;

typedef struct ig_plugin {
    uint32_t struct_size; /* on entry: how much the library takes */
    uint32_t abi;         /* IG_PLUGIN_ABI of the plugin's build */
    const char *name;
    int64_t version;
    const ig_op_def *const *ops;      /* ended by NULL; so are the others */
    const ig_plugin_kernels *kernels; /* ended by {0} */
    const ig_frontend_def *const *frontends;
    ig_op_use *uses, *uses_end;   /* filled by the library */
    ig_status (*none)(ig_grad *); /* the plugin's ig_gradient_none, ... */
    ig_status (*forbidden)(ig_grad *);
    ig_status (*todo)(ig_grad *);
    const ig_device_def *const *devices; /* ended by NULL */
} ig_plugin;

typedef struct ig_plugin_api ig_plugin_api;

IG_EXTERN_C_END

#include <ingot/plugin_api.h>

/* ---- writing one ---- */

#define IG_PLUGIN_LIST_1_(a_)                                    &ig_op_##a_
#define IG_PLUGIN_LIST_2_(a_, ...)                               &ig_op_##a_, IG_PLUGIN_LIST_1_(__VA_ARGS__)
#define IG_PLUGIN_LIST_3_(a_, ...)                               &ig_op_##a_, IG_PLUGIN_LIST_2_(__VA_ARGS__)
#define IG_PLUGIN_LIST_4_(a_, ...)                               &ig_op_##a_, IG_PLUGIN_LIST_3_(__VA_ARGS__)
#define IG_PLUGIN_LIST_5_(a_, ...)                               &ig_op_##a_, IG_PLUGIN_LIST_4_(__VA_ARGS__)
#define IG_PLUGIN_LIST_6_(a_, ...)                               &ig_op_##a_, IG_PLUGIN_LIST_5_(__VA_ARGS__)
#define IG_PLUGIN_LIST_7_(a_, ...)                               &ig_op_##a_, IG_PLUGIN_LIST_6_(__VA_ARGS__)
#define IG_PLUGIN_LIST_8_(a_, ...)                               &ig_op_##a_, IG_PLUGIN_LIST_7_(__VA_ARGS__)
#define IG_PLUGIN_PICK_(a_, b_, c_, d_, e_, f_, g_, h_, n_, ...) n_
/* Up to 8 operators; more: a table of your own. */
#define IG_PLUGIN_LIST(...)                                                            \
    ((const ig_op_def *const[]){IG_PLUGIN_PICK_(__VA_ARGS__, IG_PLUGIN_LIST_8_,        \
                                                IG_PLUGIN_LIST_7_, IG_PLUGIN_LIST_6_,  \
                                                IG_PLUGIN_LIST_5_, IG_PLUGIN_LIST_4_,  \
                                                IG_PLUGIN_LIST_3_, IG_PLUGIN_LIST_2_,  \
                                                IG_PLUGIN_LIST_1_, 0)(__VA_ARGS__),    \
                                NULL})

#define IG_PLUGIN_NOTHING_ _Static_assert(1, "built in")
#ifdef IG_BUILTIN

#define IG_PLUGIN(name_, version_) IG_PLUGIN_NOTHING_
#define IG_PLUGIN_OPS(...)         IG_PLUGIN_NOTHING_
#define IG_PLUGIN_EXPORT(...)      IG_PLUGIN_NOTHING_

#else

#ifndef IG_PLUGIN_NEEDS
#define IG_PLUGIN_NEEDS IG_PLUGIN_ABI
#endif
#define IG_HIDDEN __attribute__((visibility("hidden")))

/* Set when the plugin is loaded; in the file with IG_PLUGIN. */
extern IG_HIDDEN const ig_plugin_api *ig_api;
/* Where the linker puts all IG_USES_OP of the plugin. */
extern IG_HIDDEN ig_op_use __start_ig_op_uses[] __attribute__((weak));
extern IG_HIDDEN ig_op_use __stop_ig_op_uses[] __attribute__((weak));

/* What may stand in a descriptor needs an address: wrappers, defined by IG_PLUGIN. */
#define IG_PLUGIN_WRAPPERS_(X_)                                                        \
    X_(ig_status, infer_same, (ig_infer * x), (x))                                     \
    X_(ig_status, infer_broadcast, (ig_infer * x), (x))                                \
    X_(int, values_same, (ig_infer * x, int64_t * out, int cap), (x, out, cap))        \
    X_(bool, view_contiguous, (ig_view * v), (v))                                      \
    X_(ig_status, gradient_none, (ig_grad * g), (g))                                   \
    X_(ig_status, gradient_forbidden, (ig_grad * g), (g))                              \
    X_(ig_status, gradient_todo, (ig_grad * g), (g))
#define IG_PLUGIN_DECLARE_(T_, n_, params_, args_)                                     \
    extern IG_HIDDEN T_ ig_plugin_##n_ params_;
#define IG_PLUGIN_DEFINE_(T_, n_, params_, args_)                                      \
    T_ ig_plugin_##n_ params_                                                          \
    {                                                                                  \
        return ig_api->n_ args_;                                                       \
    }
IG_PLUGIN_WRAPPERS_(IG_PLUGIN_DECLARE_)
#define ig_infer_same         ig_plugin_infer_same
#define ig_infer_broadcast    ig_plugin_infer_broadcast
#define ig_values_same        ig_plugin_values_same
#define ig_view_contiguous    ig_plugin_view_contiguous
#define ig_gradient_none      ig_plugin_gradient_none
#define ig_gradient_forbidden ig_plugin_gradient_forbidden
#define ig_gradient_todo      ig_plugin_gradient_todo

#undef IG_OPERATOR
#define IG_OPERATOR(name_)                                                             \
    extern IG_HIDDEN const ig_op_def ig_op_##name_;                                    \
    const ig_op_def ig_op_##name_
#undef IG_USES_OP
#define IG_USES_OP(name_)                                                              \
    static ig_op_use ig_use_##name_                                                    \
        __attribute__((section("ig_op_uses"), used)) = {#name_, NULL}
#undef IG_OP
#define IG_OP(name_) (ig_use_##name_.op)

/* In one file of the plugin: its name and its own version. */
#define IG_PLUGIN(name_, version_)                                                     \
    const ig_plugin_api *ig_api;                                                       \
    static const char *const ig_plugin_name_ = name_;                                  \
    static const int64_t ig_plugin_version_ = version_;                                \
    IG_PLUGIN_WRAPPERS_(IG_PLUGIN_DEFINE_)                                             \
    _Static_assert(1, "a semicolon")
/* IG_PLUGIN_EXPORT(.ops = IG_PLUGIN_LIST(A, B), .kernels = k, .frontends = f); in the
 * file with IG_PLUGIN, last. Newer members than the library knows are not handed over.
 */
#define IG_PLUGIN_EXPORT(...)                                                          \
    static const ig_plugin ig_plugin_mine_ = {.abi = IG_PLUGIN_NEEDS, __VA_ARGS__};    \
    IG_API ig_status ig_plugin_init(const ig_plugin_api *api, ig_plugin *self);        \
    IG_API ig_status ig_plugin_init(const ig_plugin_api *api, ig_plugin *self)         \
    {                                                                                  \
        uint32_t size = self->struct_size;                                             \
        ig_plugin all = ig_plugin_mine_;                                               \
        if (ig_api != api) /* other threads may read it */                             \
            ig_api = api;                                                              \
        all.struct_size = size;                                                        \
        all.name = ig_plugin_name_;                                                    \
        all.version = ig_plugin_version_;                                              \
        all.uses = __start_ig_op_uses;                                                 \
        all.uses_end = __stop_ig_op_uses;                                              \
        all.none = ig_gradient_none;                                                   \
        all.forbidden = ig_gradient_forbidden;                                         \
        all.todo = ig_gradient_todo;                                                   \
        __builtin_memcpy(self, &all, size < sizeof(all) ? size : sizeof(all));         \
        return IG_OK;                                                                  \
    }                                                                                  \
    _Static_assert(1, "a semicolon")
#define IG_PLUGIN_OPS(...) IG_PLUGIN_EXPORT(.ops = IG_PLUGIN_LIST(__VA_ARGS__))

#endif

#endif
