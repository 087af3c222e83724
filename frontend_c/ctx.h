/* The insides of a context: one per thread of eager work.
 *
 * Sinks (trace, tape) are told of every call after it ran, trace first: what the tape
 * saves must carry its trace identity. */
#ifndef FRONTEND_C_CTX_H
#define FRONTEND_C_CTX_H

#include <ingot/train.h>

#include "frontend_c/derived.h"
#include "frontend_c/tape.h"
#include "graph/core/vec.h"
#include "graph/runtime/invoke.h"

typedef struct igi_sink {
    ig_status (*called)(struct igi_sink *s,
                        ig_ctx *c,
                        const ig_call *call,
                        ig_value *const *in,
                        ig_value *const *out);
    /* A value or size left the library at `where` (tracing): fails or accepts. */
    ig_status (*escaped)(struct igi_sink *s,
                         ig_ctx *c,
                         const char *where,
                         const char *what,
                         ig_tensor *t);
    /* A size left the library: an escape when it follows data. */
    void (*sized)(struct igi_sink *s, const char *where, const ig_tensor *t, int axis);
    /* Whether t may be written in place: it was made during the trace. */
    ig_status (*writable)(struct igi_sink *s, ig_ctx *c, ig_tensor *t, bool *yes);
    /* The type of value `id` of the trace when its dims follow data, so that a number
     * would freeze them; NULL: they do not. Valid until the next call. */
    const ig_type *(*follows_data)(struct igi_sink *s, uint32_t id);
    /* The shape of such a value, now of type t, as a traced tensor of the scope. */
    ig_status (*shape_of)(
        struct igi_sink *s, ig_ctx *c, uint32_t id, const ig_type *t, ig_tensor **out);
    uint32_t epoch; /* of trace identities in headers */
    uint32_t whole; /* of the whole trace, in a body of a region */
} igi_sink;

struct ig_ctx {
    ig_status status; /* first error; everything is refused while set */
    bool grad_mode;
    bool in_backward; /* gradient rules run, and are not recorded */
    igi_sink *trace;  /* NULL: not tracing */
    const ig_registry *reg;
    int device; /* where new tensors live; 0: the host */
    igi_pool *pool;
    igi_invoker invoker;
    igi_tape tape;
    igi_derived *derived;      /* made when first needed */
    IGI_VEC(ig_value *) scope; /* one stack; scopes are marks */
    ig_ctx_opts opts;
    /* Name of a parameter by module path ("fc1.weight"), NULL: unknown; set by modules.
     */
    const char *(*param_name)(ig_ctx *c, const ig_tensor *t);
    struct ig_module *modules; /* list of all modules of this context */
    uint64_t seed;
    igi_error first;
};

/* Puts a new reference into the innermost scope. */
static inline ig_status igi_scope_push(ig_ctx *c, ig_value *v)
{
    if (IGI_PUSH(&c->scope, v))
        return IG_OK;
    ig_value_unref(v);
    return IG_OUT_OF_MEMORY;
}
/* Records the present error record as the context's first, with its place. Returns
 * code. */
ig_status igi_ctx_record(ig_ctx *c, const char *where, ig_status code);
/* What a function of the user's came to, which returned rc: the context's error first;
 * a status without a message gets one. The thread's record was cleared before. */
ig_status igi_answer(const ig_ctx *c, ig_status rc);
/* One tensor result of a call; NULL inputs (where given) give NULL. */
ig_tensor *igi_call(ig_ctx *c,
                    const char *where,
                    const ig_op_def *op,
                    const void *attrs,
                    ig_tensor *const *in,
                    int n_in);
/* Tells the trace of an escape; OK when not tracing. */
ig_status igi_escape(ig_ctx *c, const char *where, const char *what, ig_tensor *t);
/* Whether `what` must give NULL: an error stands, or t is NULL, which becomes one. */
bool igi_refuses(ig_ctx *c, const char *where, const char *what, const ig_tensor *t);
/* The same of what is no tensor: a name, a function, data. */
bool igi_misses(ig_ctx *c, const char *where, const char *what, const void *p);
/* In place: the result of op over in (at most 3, x may be among them) goes into x's own
 * memory. Returns x. */
ig_tensor *igi_call_inplace(ig_ctx *c,
                            const char *where,
                            const ig_op_def *op,
                            ig_tensor *x,
                            ig_tensor *const *in,
                            int n_in);
/* Tells the sinks of a call that has run; whether the tape must know of it. */
ig_status igi_record(ig_ctx *c,
                     const igi_op *op,
                     const ig_call *call,
                     ig_value *const *in,
                     ig_value *const *out,
                     bool on_tape);
bool igi_takes_part(const ig_ctx *c,
                    const igi_op *op,
                    const ig_call *call,
                    ig_value *const *in);
/* What users see of a gradient is contiguous and theirs alone, since clipping and they
 * write in it: *slot becomes a copy where it is not, with the same history. */
ig_status igi_settle_gradient(ig_ctx *c, ig_tensor **slot);
/* A new reference to a tensor over v's storage without history, in the scope. */
ig_tensor *igi_alias(ig_ctx *c, ig_tensor *t);

#endif
