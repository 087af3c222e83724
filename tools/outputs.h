/* Running a model on inputs, and the outputs it gives. */
#ifndef TOOLS_OUTPUTS_H
#define TOOLS_OUTPUTS_H

#include "tools/inputs.h"

typedef struct outputs {
    const ig_model *model;
    const char **names;
    ig_value **v;
    int n;
} outputs;

/* Runs once. EXIT_OK, or the failure has been said. */
exit_code
outputs_run(outputs *out, ig_model *m, const inputs *in, const ig_run_opts *o);
void outputs_fini(outputs *out);
/* DIR/NAME.npy of each tensor (.pb for types that .npy cannot hold), DIR/NAME.K.npy of
 * the items of sequences; the folder is made. */
exit_code outputs_save(const outputs *out, const char *dir);
/* Output i's NAME in a folder: without slashes, and no other output's. */
#define OUTPUT_FILE                                                                    \
    236 /* of the 255 bytes that file systems take: the rest is endings */
void outputs_file(const ig_model *m, int i, char buf[OUTPUT_FILE]);
/* --timeout, --seed and --profile. */
exit_code run_options(ig_run_opts *o, const cli_args *a);

#endif
