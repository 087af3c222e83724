/* The insides of a module. Lists of a module are rebuilt when something below it was
 * added. */
#ifndef FRONTEND_C_MODULE_H
#define FRONTEND_C_MODULE_H

#include <ingot/nn.h>

#include "frontend_c/ctx.h"

typedef struct igi_module_entry {
    char *name;
    ig_tensor *t; /* counted */
    bool param;
} igi_module_entry;

typedef struct igi_param_list {
    IGI_VEC(ig_tensor *) tensors; /* borrowed from entries */
    IGI_VEC(char *) names;
} igi_param_list;

struct ig_module {
    ig_ctx *c;
    char *name;
    ig_module *parent, *children,
        *next; /* next: sibling, or root of the context's list */
    IGI_VEC(igi_module_entry) entries;
    igi_param_list params, state;
    bool changed;
    void *layer; /* struct of the layer that this module is, freed with it */
};

/* Files of named tensors: .safetensors, joined to state.c by builtin.c. A visitor
 * borrows name and tensor; the whole file is checked before its first call. */
typedef ig_status (*igi_state_visit)(void *user, const char *name, ig_tensor *t);
ig_status igi_state_read(const char *path, igi_state_visit visit, void *user);
ig_status igi_state_write(const char *path,
                          const char *const *names,
                          ig_tensor *const *tensors,
                          int n);

#endif
