/* What this build is and what machine it runs on; for --version and doctor. */
#ifndef TOOLS_VERSION_H
#define TOOLS_VERSION_H

#include "tools/json.h"

typedef struct version_info {
    const char *version, *compiler, *build; /* "Release, oneDNN, OpenMP" */
    char cpu[100];                          /* of /proc/cpuinfo */
    char isa[200];                          /* "avx2 fma avx512f" */
    char onednn[48];                        /* "2.6.3", or why there is none */
    int cpus;
} version_info;

void version_get(version_info *v);
void version_print(const version_info *v);
void version_json(const version_info *v, json_out *j); /* members of an open object */

#endif
