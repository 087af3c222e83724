/* Operators and kernels by name and by address.
 *
 * A registry is filled once (built-ins, plugins) and then frozen: afterwards any thread
 * may read it. Each operator gets a compiled record (igi_op) that infer, dispatch and
 * nets use, so that ports are never walked by strings. Descriptors stay const and are
 * found by address through a small pointer hash. */
#ifndef GRAPH_IR_REGISTRY_H
#define GRAPH_IR_REGISTRY_H

#include <ingot/plugin.h>

#include "graph/core/host.h"
#include "graph/core/status.h"

#define IGI_DEVICES     4 /* 0 is the CPU, the others are those of plugins */
#define IGI_KERNELS_MAX 12

typedef struct igi_op {
    const ig_op_def *def;
    const ig_op_def
        *given;           /* as its author gave it: `def`, or what that is a copy of */
    ig_op_def *own;       /* the copy of a plugin's descriptor; NULL: built in */
    uint16_t n_in, n_out; /* formal ports, a variadic one counted once */
    uint16_t min_in, min_out; /* required ones */
    uint64_t must_out;        /* mask of formal outputs that every node has */
    bool variadic_in, variadic_out;
    bool records; /* a tape must know of its calls: it has a gradient of its own */
    bool plain;   /* fixed tensor ports, one output, <= 3 inputs, nothing special: eager
                     fast path */
    bool holds;   /* some port is or may be a sequence or optional */
    uint64_t value_ports, nodiff_ports, type_only_ports; /* masks of formal inputs */
    uint64_t law_types; /* plain and ELEMENTWISE over one type variable: equal inputs of
                           these types give that same type and shape; 0: no such law */
    uint64_t nodiff_out; /* of formal outputs that have no gradient */
    int8_t in_var[32],
        out_var[32]; /* per formal port: index of its rule in def->types */
    uint64_t var_types[16];
    uint64_t save_in, save_out; /* formal ports named in saves */
    int n_kernels[IGI_DEVICES];
    const ig_kernel_def
        *kernels[IGI_DEVICES][IGI_KERNELS_MAX]; /* best first, reference not included */
} igi_op;

/* Counted: whoever keeps a registry holds it. Any thread. */
ig_status igi_registry_new(ig_registry **out);
const ig_registry *igi_registry_ref(const ig_registry *r);
void igi_registry_free(const ig_registry *r); /* drops one hold */
/* Checks the descriptor (ports, masks, saves, rows, sizes) and names what is wrong with
 * it. */
ig_status igi_registry_add(ig_registry *r, const ig_op_def *def);
ig_status
igi_registry_add_kernels(ig_registry *r, int device, const ig_kernel_def *table);
/* Everything that a plugin brings, or nothing. `p` was filled by its ig_plugin_init. */
ig_status igi_registry_add_plugin(ig_registry *r, const ig_plugin *p);
/* The frontend for these bytes; NULL when none knows them. */
const ig_frontend_def *
igi_registry_sniff(const ig_registry *r, const void *bytes, size_t size);
ig_status igi_registry_set_host(ig_registry *r, const igi_host *h);
/* NULL when none was set: threads of the runtime. */
const igi_host *igi_registry_host(const ig_registry *r);
/* Devices have numbers from 1 on, in the order of loading; NULL beyond the last. */
const ig_device_def *igi_registry_device(const ig_registry *r, int device);
/* The number of a name ("cpu" and NULL: 0). INVALID_ARGUMENT lists those there are. */
ig_status igi_registry_find_device(const ig_registry *r, const char *name, int *out);
/* domain NULL, "" and "ai.onnx" are one. NULL when unknown (no record). */
const igi_op *
igi_registry_find(const ig_registry *r, const char *domain, const char *name);

/* Operators by the address of their descriptor: every eager call looks one up. */
typedef struct igi_op_slot {
    const ig_op_def *def; /* NULL: free */
    igi_op *op;
} igi_op_slot;
typedef struct igi_op_table { /* the beginning of struct ig_registry */
    igi_op_slot *slots;
    size_t cap; /* power of two, at most a quarter full: look-ups rarely collide */
} igi_op_table;
static inline size_t igi_op_hash(const ig_op_def *def)
{
    uint64_t x = (uint64_t)(uintptr_t)def;
    return (size_t)((x >> 4) * 0x9E3779B97F4A7C15ull >> 20);
}
static inline const igi_op *igi_registry_of(const ig_registry *r, const ig_op_def *def)
{
    const igi_op_table *t = (const igi_op_table *)(const void *)r;
    if (!t->cap)
        return NULL;
    for (size_t i = igi_op_hash(def) & (t->cap - 1);; i = (i + 1) & (t->cap - 1)) {
        if (t->slots[i].def == def)
            return t->slots[i].op;
        if (!t->slots[i].def)
            return NULL;
    }
}
/* By "Name" or "domain::Name". */
const igi_op *igi_registry_find_full(const ig_registry *r, const char *full);
int igi_registry_count(const ig_registry *r);
const igi_op *igi_registry_at(const ig_registry *r, int i); /* sorted by domain, name */
const char *igi_op_full_name(const ig_op_def *def, char *buf, size_t size);

/* Operators that engines emit themselves; NULL when the registry lacks one.
 * ORDER: std (graph/ir/registry.c). */
typedef enum igi_std {
    IGI_STD_SUM_TO,
    IGI_STD_REDUCE_SUM,
    IGI_STD_EXPAND,
    IGI_STD_ADD,
    IGI_STD_SHAPE,
    IGI_STD_IDENTITY,
    IGI_STD_VIEW_READ,
    IGI_STD_VIEW_WRITE,
    IGI_STD_SEQUENCE_ADD,
    IGI_STD_SEQUENCE_ZEROS,
    IGI_STD_COUNT
} igi_std;
const ig_op_def *igi_registry_std(const ig_registry *r, igi_std which);

/* Formal port of actual input i, -1 for a capture; nobody indexes inputs[] by hand. */
static inline int igi_op_in_port(const igi_op *op, int n_in, int n_captures, int i)
{
    if (i < 0 || i >= n_in - n_captures)
        return -1;
    return i < op->n_in ? i : op->variadic_in ? op->n_in - 1 : -1;
}
static inline int igi_op_out_port(const igi_op *op, int i)
{
    return i < 0 ? -1 : i < op->n_out ? i : op->variadic_out ? op->n_out - 1 : -1;
}

#endif
