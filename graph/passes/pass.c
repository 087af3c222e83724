/* The pipeline of passes, in order. */
#include "graph/passes/pass.h"

ig_status igi_passes_run(ig_graph *g, const igi_pass_opts *o)
{
    (void)g;
    (void)o;
    return IG_OK;
}
