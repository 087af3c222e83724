/* One recording, and the alignment of several into one graph with symbolic dims. */
#ifndef FRONTEND_C_TRACE_H
#define FRONTEND_C_TRACE_H

#include <ingot/trace.h>

#include "frontend_c/ctx.h"
#include "graph/core/text.h"
#include "graph/ir/graph.h"

/* What left the library, or should be known of a function. All but DRAWS freeze
 * something, so that the trace fails. */
typedef enum igi_escape_kind {
    IGI_ESCAPE_VALUE, /* the value of a tensor, a draw on the host */
    IGI_ESCAPE_DATA,  /* a raw pointer */
    IGI_ESCAPE_SIZE,  /* a size that follows data */
    IGI_ESCAPE_DRAWS  /* a random operator: differs between arms at most */
} igi_escape_kind;

typedef struct igi_escape_entry {
    igi_escape_kind kind;
    char *text; /* "file.c:12: the value of a tensor"; owned */
} igi_escape_entry;

#define IGI_UNNAMED_CONSTANT "const" /* stem of names: no parameter of a module */

/* A value that the function read, while examples of several paths are traced. */
typedef struct igi_read {
    ig_value_id value;
    size_t at;   /* nodes recorded before */
    double seen; /* in this example */
    char *where; /* owned */
} igi_read;
typedef IGI_VEC(igi_read) igi_reads;

typedef struct igi_recording {
    igi_sink sink;
    ig_graph *g;
    uint32_t epoch;                    /* of trace identities in headers */
    IGI_VEC(igi_escape_entry) escapes; /* the ledger: nobody accounted for them */
    bool lost;                         /* an entry found no memory */
    igi_reads *reads; /* of a path of a merged trace; NULL: a read is an escape */
    igi_text notes;   /* what the trace reports and does not fail for */
    int n_in;         /* graph inputs from here on are state, which may be written */
    struct igi_bodies *bodies;   /* of a body (frontend_c/region.h); NULL: none */
    struct igi_recording *outer; /* of a body: the recording around it */
} igi_recording;
/* In a body: outer value v is an input of it. */
ig_status igi_bodies_capture(igi_recording *r, ig_value *v, ig_value_id *out);

/* frontend_c/trace_sink.c. A recording without a graph, with an epoch of its own. */
void igi_recording_init(igi_recording *r);
void igi_recording_fini(igi_recording *r); /* ledger and notes, not the graph */
/* Whether t stands for a value of the graph, or one around it, that a run may change.
 */
bool igi_recording_has(const igi_recording *r, const ig_tensor *t);
/* One more entry; memory that is short fails the trace as the entry would have. */
void igi_ledger_add(igi_recording *r, igi_escape_kind kind, const char *fmt, ...)
    IG_PRINTF(3, 4);
/* The entries that make the trace fail as an error; OK: there are none. */
ig_status igi_ledger_check(const igi_recording *r);
/* Entries of the bodies of one region become those of the recording around them, with
 * the names of the bodies; what only one of two arms does is said to be so. */
void igi_ledger_merge(igi_recording *to,
                      igi_recording *const *from,
                      const char *const *names,
                      int n);
/* Raw pointers into tensors of r are entries of its ledger from now on; NULL: of no
 * ledger. */
void igi_recording_watch(igi_recording *r);
/* The graph value behind v; what is not of the graph becomes a constant or a capture.
 */
ig_status igi_trace_id(igi_recording *r, ig_ctx *c, ig_value *v, ig_value_id *out);

/* Tensors that a traced step takes and gives back: parameters, buffers, the
 * optimiser's. Borrowed. */
typedef struct igi_trace_state {
    IGI_VEC(ig_tensor *) tensors;
    IGI_VEC(char *) names; /* owned */
    ig_tensor **before;    /* their contents when the trace began; owned */
} igi_trace_state;

typedef struct igi_trace_job {
    ig_ctx *c;
    ig_trace_fn fn; /* or */
    ig_trace_fn_n fn_n;
    ig_trace_fn_values fn_values;
    void *user;
    const ig_trace_opts *o;
    const igi_trace_state *state; /* NULL: none. Not NULL: recorded for backward */
    int n_in, n_out;
    ig_value *out[IG_TRACE_INPUTS_MAX]; /* results of the latest run, in its scope */
} igi_trace_job;
/* NULL with the error in the context. */
ig_graph *igi_trace(const char *where, igi_trace_job *j);
/* frontend_c/trace_step.c: contents of the state as before the trace, no gradients. */
ig_status igi_trace_state_restore(const igi_trace_state *s);

/* A dim of an input that may vary. */
typedef struct igi_dyn_dim {
    int input, axis, symbol;
} igi_dyn_dim;
typedef struct igi_dynamic {
    IGI_VEC(igi_dyn_dim) dims;
    IGI_VEC(char *) symbols; /* owned names */
} igi_dynamic;
/* "image: N,1,28,28; mask: N,T"; names what is wrong and where. */
ig_status igi_dynamic_parse(igi_dynamic *d, const ig_trace_opts *o, int n_in);
void igi_dynamic_fini(igi_dynamic *d);

/* Joins recordings at n sets of sizes (sizes[run][symbol]) into one graph: run 0 is the
 * base, run k + 1 changes symbol k only, the last run checks. */
ig_status igi_trace_join(ig_graph **out,
                         ig_graph *const *runs,
                         int n_runs,
                         int64_t *const *sizes,
                         const igi_dynamic *d);

#endif
