/* Raw pointers into traced tensors: ig_tensor_data and its kin have no context, so the
 * trace that runs on this thread is told through this hook. One comparison when nobody
 * traces. */
#ifndef GRAPH_CORE_ESCAPE_H
#define GRAPH_CORE_ESCAPE_H

#include "graph/core/tensor.h"

/* fn NULL: nobody watches. Per thread. */
void igi_escape_watch(void (*fn)(void *user, const ig_tensor *t), void *user);
void igi_escape_report(const ig_tensor *t);
static inline void igi_escape_data(const ig_tensor *t)
{
    if (t && t->v.flags & IGI_TRACED)
        igi_escape_report(t);
}

#endif
