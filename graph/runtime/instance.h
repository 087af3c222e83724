/* An instance: what one run of a net needs for itself. It owns the arena and a bounded
 * cache of plans, one per input signature. Workspaces keep one per net, models keep a
 * pool. Threads: one run at a time. */
#ifndef GRAPH_RUNTIME_INSTANCE_H
#define GRAPH_RUNTIME_INSTANCE_H

#include "graph/runtime/invoke.h"
#include "graph/runtime/plan.h"
#include "graph/runtime/team.h"

typedef struct igi_profile igi_profile; /* graph/runtime/profile.h */

struct igi_instance {
    ig_net *net; /* counted */
    igi_plan **plans;
    size_t n_plans;
    igi_plan *last; /* of the run before */
    uint64_t clock;
    char *key; /* of the run at hand */
    size_t key_n, key_cap;
    char *arena[IGI_SPACES];
    size_t arena_bytes[IGI_SPACES];
    igi_invoker invoker; /* runs late nodes; its env is the run's */

    /* The run at hand. */
    igi_plan *plan;
    ig_value **in;   /* per graph input: the caller's, or a contiguous copy of it */
    ig_value **real; /* per plan value: counted value outside the arena, or NULL */
    size_t real_cap;
    bool *direct; /* per graph output: its memory is the caller's bound tensor */
    bool *made;   /* per graph output: this run delivered a value of its own */
    igi_barrier *barrier;         /* of the team, while it runs */
    igi_profile *profile;         /* NULL: off */
    struct igi_instance **bodies; /* per body of the net, made when first run */
    bool running, nested;         /* nested: this run is one of a body */
    /* Plans made only because integers of inputs changed; many: plans without them. */
    int int_plans;
};

ig_status igi_instance_new(igi_instance **out, ig_net *net);
void igi_instance_free(igi_instance *x);
ig_net *igi_instance_net(const igi_instance *x);

/* Whether plans are made for the integers of inputs too, or for their types only. */
bool igi_instance_keyed(const igi_instance *x);
/* The plan for these inputs, made when missing. The instance owns it. */
ig_status igi_instance_plan(igi_instance *x, ig_value *const *in, igi_plan **out);

/* Runs the net. in: one value per graph input. out: n_out <= outputs of the net; NULL
 * on entry: a new reference is made; set: a tensor that is written in place and must
 * fit. */
ig_status igi_instance_run(igi_instance *x,
                           ig_value *const *in,
                           ig_value **out,
                           int n_out,
                           const ig_run_opts *opts);

/* The same as the body of a call whose run is `env`: limits, clock, seed and what is
 * left of them are that run's; `outer` is the profile that this one is added to, or
 * NULL. Results may be the inputs themselves. */
ig_status igi_instance_run_body(igi_instance *x,
                                igi_env *env,
                                igi_profile *outer,
                                ig_value *const *in,
                                ig_value **out,
                                int n_out);

/* ---- shared by instance.c, bind.c and execute.c ---- */

extern const ig_run_api igi_plan_services;
/* Checks inputs against the graph's declaration; names input, given and expected type.
 */
ig_status igi_inputs_check(const ig_net *net, ig_value *const *in);
/* Points inputs, outputs and views at this run's memory. */
ig_status igi_bind_run(igi_instance *x, ig_value *const *in, ig_value **out, int n_out);
/* Gives results to the caller after the last step. */
ig_status igi_deliver(igi_instance *x, ig_value **out, int n_out);
/* Drops the first n results again, as far as the run has made them. */
void igi_take_back(const igi_instance *x, ig_value **out, int n);
/* Drops what the run has made and nobody took. */
void igi_unbind_run(igi_instance *x, ig_value *const *in);
/* Counted value behind plan value v for late nodes; borrowed. */
ig_status igi_real_value(igi_instance *x, uint32_t v, ig_value **out);
/* Runs all steps. */
ig_status igi_execute(igi_instance *x);

#endif
