/* The registry's insides, for the two files that fill it: registry.c (built-in tables)
 * and registry_plugin.c (what a plugin brings). */
#ifndef GRAPH_IR_REGISTRY_BUILD_H
#define GRAPH_IR_REGISTRY_BUILD_H

#include "graph/core/vec.h"
#include "graph/ir/registry.h"

struct ig_registry {
    igi_op_table table; /* first: igi_registry_of reads it */
    int32_t refs;
    IGI_VEC(igi_op *) ops; /* sorted by domain, name */
    const ig_op_def *std[IGI_STD_COUNT];
    const igi_host *host;
    ig_device_def *devices[IGI_DEVICES];  /* owned copies; 0 stays empty */
    IGI_VEC(ig_frontend_def *) frontends; /* of plugins, in the order of loading */
    IGI_VEC(ig_kernel_def *) tables;      /* of plugins */
    IGI_VEC(char *) plugins;              /* their names */
};

/* Checks, compiles and adds a record whose descriptor is set; frees it on failure. */
ig_status igi_registry_put(ig_registry *r, igi_op *op);
/* Takes an operator out again and frees it; its kernels were dropped before. */
void igi_registry_drop(ig_registry *r, igi_op *op);
/* Like igi_registry_add_kernels, but these are asked first. */
ig_status
igi_registry_prefer_kernels(ig_registry *r, int device, const ig_kernel_def *table);
/* A struct that only grows: a shorter one (older plugin) leaves the rest zero, a longer
 * one (newer plugin) must not use what we do not know. */
ig_status igi_registry_copy_sized(
    void *dst, size_t size, const void *src, const char *what, const char *name);
/* Devices with the CPU; adding those of a plugin; taking back all from `before` on. */
int igi_registry_count_devices(const ig_registry *r);
ig_status igi_registry_add_devices(ig_registry *r, const ig_plugin *p);
void igi_registry_drop_devices(ig_registry *r, int before);
/* Whether `k` is a row of the table. */
bool igi_kernel_in(const ig_kernel_def *k, const ig_kernel_def *table);
void igi_registry_drop_kernels(ig_registry *r, int device, const ig_kernel_def *table);

#endif
