/* Runs that a device keeps as a whole and repeats (a CUDA graph).
 *
 * Possible when all steps between the first and the last of the device are the
 * device's, and none draws random numbers, whose seed changes. Inputs of the host are
 * sent before and results fetched behind. A kept run holds addresses: it is repeated
 * only while the arena and the tensors that callers gave on the device lie where they
 * did, and kept anew when new ones came twice in a row. What cannot be kept runs
 * plainly.
 */
#ifndef GRAPH_RUNTIME_CAPTURE_H
#define GRAPH_RUNTIME_CAPTURE_H

#include "graph/runtime/plan.h"

struct igi_instance;

typedef struct igi_capture {
    uint32_t lo, hi; /* steps that are kept */
    void *graph;     /* the device's; NULL: none yet */
    uint64_t last;   /* addresses of the run before, as a hash */
    uint64_t kept;   /* of `graph` */
    bool refused;    /* the device could not keep the work */
} igi_capture;

/* Sends of inputs go in front of all other steps. */
void igi_capture_order(igi_plan *p);
/* Whether runs of this plan can be kept: made for a plan that is complete. */
ig_status igi_capture_plan(igi_plan *p);
void igi_capture_free(igi_plan *p);
ig_status
igi_capture_run(struct igi_instance *x,
                ig_status (*steps)(struct igi_instance *x, uint32_t lo, uint32_t hi));

#endif
