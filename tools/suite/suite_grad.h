/* What the two halves of the gradient checks share: the tape's results, by places, and
 * the graph's, by ports. */
#ifndef TOOLS_SUITE_SUITE_GRAD_H
#define TOOLS_SUITE_SUITE_GRAD_H

#include "tools/suite/suite.h"

/* A tensor of float64 among the inputs or outputs: of a port, or an item of it. */
typedef struct suite_place {
    int port, item; /* item -1: the value itself */
} suite_place;

typedef struct suite_probe {
    const suite_case *c;
    int n_x, n_y;
    suite_place x[SUITE_PORTS], y[SUITE_PORTS];
    ig_tensor *w[SUITE_PORTS];   /* per y */
    ig_tensor *v[SUITE_PORTS];   /* per x, for the second gradient */
    ig_tensor *dx[SUITE_PORTS];  /* by the tape */
    ig_tensor *ddx[SUITE_PORTS]; /* of M, by x then by w */
    /* The same by ports, as graphs see them. */
    int n_px, n_py, px[SUITE_PORTS], py[SUITE_PORTS];
} suite_probe;

/* The tensor at a place of `values`, NULL when there is none. */
ig_tensor *suite_tensor_at(ig_value *const *values, suite_place at);
/* Static gradients against those of the tape. */
void suite_check_static(const suite_probe *p, bool second, suite_constants which);

#endif
