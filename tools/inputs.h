/* The inputs of a run, from what stands on the command line.
 *
 * An argument is FILE, by position, or NAME=FILE. FILE is .npy, .npz, .pb, .png, .jpg,
 * .ppm, .raw, or one of the words zeros, ones, random, random:SEED. Inputs that are not
 * given are made up, with a note; sequences, optionals and maps of one item. */
#ifndef TOOLS_INPUTS_H
#define TOOLS_INPUTS_H

#include "tools/cli.h"

typedef struct inputs {
    const char **names; /* of the model */
    ig_value **v;
    int n;
    char *made_up; /* text about inputs that nobody gave, NULL when all were given */
} inputs;

/* args: words first..n-1 of the command's arguments. */
exit_code inputs_make(inputs *in, ig_model *m, const cli_args *a, size_t first);
void inputs_fini(inputs *in);

/* A tensor by words "zeros", "ones", "random", "random:7" of a type with known dims. */
ig_status inputs_synthesise(ig_tensor **out, const ig_type *type, const char *word);
bool inputs_is_word(const char *word);

#endif
