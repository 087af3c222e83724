/* A plan: what one net does for one input signature.
 *
 * Types of all values with numbers for dims, the list of steps with one bound kernel
 * context each, and a place for every value. Values live at one of five places:
 *
 *   INPUT   the caller's tensor; the plan's header is pointed at it when a run begins
 *   CONST   a constant of the graph, or integers that the plan has computed
 *   ARENA   an offset in the instance's arena, shared with values of other times
 *   OWN     storage made for one run: graph outputs, and what late nodes read
 *   HEAP    made by a late node while it runs
 *
 * A view has the place of its root. Late nodes are those whose outputs are not known
 * before they run (data-dependent sizes, sequences, strings) and all that reads them;
 * they are inferred and run one by one through igi_invoke. A plan belongs to one
 * instance and thus to one run at a time. */
#ifndef GRAPH_RUNTIME_PLAN_H
#define GRAPH_RUNTIME_PLAN_H

#include "graph/core/arena.h"
#include "graph/core/queue.h"
#include "graph/ir/graph.h"
#include "graph/runtime/net.h"

typedef enum igi_where {
    IGI_NOWHERE = 0,
    IGI_AT_INPUT,
    IGI_AT_CONST,
    IGI_AT_ARENA,
    IGI_AT_OWN,
    IGI_AT_HEAP
} igi_where;

/* The two arenas of a plan: in host memory, and in that of the net's device. */
enum { IGI_HOST, IGI_THERE, IGI_SPACES };

typedef struct igi_pvalue {
    ig_type type;
    bool known;      /* the type is a tensor's, with numbers for dims */
    bool contiguous; /* strides are those of the dims */
    bool needed;     /* some step or output reads its data */
    bool mutated;    /* root: overwritten by a step (IG_MUTATED) */
    bool evaluated;  /* CONST: numbers that this plan has computed by a kernel */
    uint8_t where;   /* igi_where, of the root */
    uint8_t space;   /* IGI_HOST or IGI_THERE, of the root */
    uint32_t root;   /* plan value that has the memory; itself when this is no view */
    int64_t offset;  /* of a view, in elements from the root's first */
    int64_t *stride; /* NULL: contiguous */
    ig_tensor *constant; /* CONST: borrowed, or the plan's */
    ig_tensor *header;   /* what kernels see; NULL until a step needs it */
    ig_ints ints;        /* integers known at plan time; v NULL: none */
    int input;           /* INPUT: which */
    int output;          /* OWN: the graph output that takes the storage, -1: none */
    uint32_t buffer;     /* ARENA: index + 1; 0: no bytes */
    uint32_t copy;       /* contiguous copy of this view, 0: none */
    uint32_t other;      /* the same in the other space, 0: not there */
} igi_pvalue;

typedef struct igi_buffer {
    size_t bytes, at;     /* at: offset in the arena */
    uint32_t first, last; /* times */
    uint8_t space;
} igi_buffer;

typedef enum igi_mode {
    IGI_SERIAL,  /* one thread of the team; on a device: the caller starts it */
    IGI_TEAM,    /* all threads */
    IGI_OUTSIDE, /* the caller alone, team dismissed: the kernel has threads of its own
                  */
    IGI_LATE     /* the caller alone, through igi_invoke */
} igi_mode;

typedef struct igi_step {
    ig_status (*run)(ig_kernel_ctx *k); /* NULL: run_team(k, 0, 1) */
    ig_status (*run_team)(ig_kernel_ctx *k, int tid, int nth);
    const ig_kernel_def *kernel; /* NULL: reference or copy */
    ig_kernel_ctx k;
    ig_node_id node; /* {0}: a copy that the plan has put in */
    uint8_t mode;
    uint8_t space;      /* where the kernel runs */
    bool barrier;       /* the team meets before this step */
    bool prepared;      /* unprepare when the plan dies */
    uint16_t who;       /* SERIAL: thread of the team */
    uint32_t time;      /* when it runs, in units in which memory may be reused */
    uint32_t *in, *out; /* plan values, 0: absent or not wanted */
    uint32_t *drop;     /* LATE: heap values that nobody reads afterwards */
    int n_drop;
    int64_t work; /* elements touched: decides about threads */
} igi_step;

typedef struct igi_patch { /* a header over memory that changes from run to run */
    ig_tensor *header, *root;
    int64_t bytes; /* from the root's first byte */
} igi_patch;

typedef struct igi_arena_of {                    /* of one space */
    size_t arena_bytes, scratch_at, total_bytes; /* buffers, then scratch */
    char *base;          /* address the headers are bound to; NULL: not bound */
    igi_storage storage; /* what static headers over the arena name */
} igi_arena_of;

typedef struct igi_plan {
    igi_arena mem;
    const ig_net *net;
    struct igi_instance *owner; /* rt_self of kernel contexts */
    char *key;                  /* signature */
    size_t key_n;
    uint64_t used;
    igi_pvalue *value;
    uint32_t n_values,
        cap_values; /* 0 stands for none; from n_graph on: made by the plan */
    uint32_t n_graph;
    igi_step *step;
    uint32_t n_steps, cap_steps;
    igi_buffer *buffer;
    uint32_t n_buffers;
    igi_arena_of arena[IGI_SPACES];
    struct igi_capture *capture; /* NULL: runs are not kept */
    igi_queue *queue; /* of the device, borrowed from the owner; NULL: CPU only */
    size_t own_bytes;
    size_t largest_bytes; /* of one value, and which */
    uint32_t largest;
    IGI_VEC(igi_patch) patches; /* views of inputs and of OWN values, outermost first */
    IGI_VEC(uint32_t) own;      /* roots at OWN */
    uint32_t *output;           /* per graph output: plan value */
    ig_node_id failed;          /* node of the last error, for its context */
    uint32_t n_nodes_view, n_nodes_folded;
    bool has_late, has_team, has_random, all_serial;
    bool
        with_ints; /* made for the integers of keyed inputs, not for their types only */
    int64_t runs;
} igi_plan;

/* Builds the plan for inputs `in` (tensors: types count, and contents of keyed ones).
 * Errors name the node. `owner` serves the kernels' contexts (rt_self). */
ig_status igi_plan_new(igi_plan **out,
                       const ig_net *net,
                       struct igi_instance *owner,
                       const ig_run_api *rt,
                       ig_value *const *in);
void igi_plan_free(igi_plan *p);

/* Points all headers over an arena to `base` (aligned, total_bytes long). */
void igi_plan_bind_arena(igi_plan *p, int space, char *base);
static inline size_t igi_plan_bytes(const igi_plan *p)
{
    return p->arena[IGI_HOST].total_bytes + p->arena[IGI_THERE].total_bytes;
}
/* LIMIT names the largest value when it is larger than that. */
ig_status igi_plan_fits(const igi_plan *p, uint64_t tensor_bytes);

/* Proves from steps and offsets alone that no two values that live at one time overlap,
 * except views and allowed in-place pairs. INTERNAL names two values. */
ig_status igi_plan_check(const igi_plan *p);

/* "node 'n' (Op) on float32[2,3], int64[1]: " before the current record. */
ig_status igi_plan_context(const igi_plan *p, ig_node_id n);

/* ---- phases, in order; shared by the plan_*.c files ---- */

ig_status igi_plan_types(igi_plan *p, ig_value *const *in); /* types, views, integers */
void igi_plan_needed(igi_plan *p);
ig_status igi_plan_steps(igi_plan *p,
                         const ig_run_api *rt); /* select, copies, prepare */
ig_status igi_plan_schedule(igi_plan *p);       /* threads, times, barriers */
ig_status igi_plan_memory(igi_plan *p);         /* in-place, offsets */
ig_status igi_plan_headers(igi_plan *p);        /* patches */

/* Whether the elements of a keyed input are part of signatures: a plan is made for what
 * its signature has, and reads no other. */
bool igi_plan_may_read(const ig_value *given);
/* Where a given input lies as far as this net's plans are concerned. */
int igi_plan_space(const ig_net *net, const ig_value *given);
static inline int igi_plan_space_of(const igi_plan *p, uint32_t v)
{
    return p->value[p->value[v].root].space;
}
/* A step before the one at hand that makes view `v` contiguous; *out is the copy. */
ig_status igi_plan_copy(igi_plan *p, uint32_t v, const ig_run_api *rt, uint32_t *out);
/* Value `v` in the other space: the device's copy of a constant, or made by a step. */
ig_status igi_plan_move(igi_plan *p, uint32_t v, const ig_run_api *rt, uint32_t *out);
/* Whether a kernel of the device should run node n if it takes it. */
bool igi_plan_prefers_device(const igi_plan *p, const igi_node *n);
/* Copies of the graph's outputs that were made on the device, for the host. */
ig_status igi_plan_bring_home(igi_plan *p, const ig_run_api *rt);
/* A node that writes in place an input that its kernel cannot reach: UNSUPPORTED. */
ig_status igi_plan_check_mutated(const igi_plan *p, const igi_node *n, int space);
/* A new step; with arrays for its values; one slot of them bound. */
igi_step *igi_plan_add_step(igi_plan *p);
ig_status igi_plan_step_arrays(igi_plan *p, igi_step *s, int n_in, int n_out);
ig_status igi_plan_bind_value(igi_plan *p, igi_step *s, uint32_t v, ig_value **slot);
/* Marks value v, and its header if made, as one of the device's memory. */
void igi_plan_set_space(igi_plan *p, uint32_t v, int space);
/* Header of value v, made when missing. NULL + record. */
ig_tensor *igi_plan_header(igi_plan *p, uint32_t v);
/* A new value of the plan; 0 + record. Pointers into p->value move. */
uint32_t igi_plan_add_value(igi_plan *p);
static inline igi_pvalue *igi_plan_root(const igi_plan *p, uint32_t v)
{
    return &p->value[p->value[v].root];
}

/* Whether v is a constant that packed forms may be kept of: not one of this plan alone.
 */
static inline bool igi_plan_lasts(const igi_plan *p, uint32_t v)
{
    const igi_pvalue *root = igi_plan_root(p, v);
    return root->where == IGI_AT_CONST && !root->evaluated;
}
/* Whether step `a` is complete, and seen, before step `b` starts. */
bool igi_step_before(const igi_plan *p, uint32_t a, uint32_t b);
/* Bytes of a known tensor type; false on overflow. */
bool igi_type_bytes(const ig_type *t, size_t *out);
/* Input port whose memory output o of the step's node overwrites (MUTATED); -1: none.
 */
int igi_node_mutates(const igi_node *n, int o);

#endif
