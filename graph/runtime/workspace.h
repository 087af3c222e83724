/* The insides of a workspace: named values, a parent, packed constants, and one
 * instance for each net that has run in it. See <ingot/ingot.h>. */
#ifndef GRAPH_RUNTIME_WORKSPACE_H
#define GRAPH_RUNTIME_WORKSPACE_H

#include <ingot/ingot.h>

#include "graph/core/map.h"
#include "graph/runtime/pack.h"

typedef struct igi_instance igi_instance; /* graph/runtime/instance.h */

typedef struct igi_named {
    char *name;
    ig_value *value; /* counted, SHARED */
} igi_named;

struct ig_workspace {
    int32_t refs; /* atomic: children and nets retain it */
    ig_workspace *parent;
    igi_map names; /* name -> index + 1 */
    IGI_VEC(igi_named) values;
    IGI_VEC(igi_instance *) instances;
    igi_packs packs;
};

ig_workspace *igi_workspace_ref(ig_workspace *ws);
void igi_workspace_unref(ig_workspace *ws);
/* Borrowed value of that name in ws or its parents; NULL without a record. */
ig_value *igi_workspace_find(const ig_workspace *ws, const char *name);
/* Borrowed value of that name in ws alone. */
ig_value *igi_workspace_own(const ig_workspace *ws, const char *name);
/* The instance of `net` in ws, made when it is the first run. */
ig_status igi_workspace_instance(ig_workspace *ws, ig_net *net, igi_instance **out);

#endif
