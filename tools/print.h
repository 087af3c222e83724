/* Values as text and JSON for people. */
#ifndef TOOLS_PRINT_H
#define TOOLS_PRINT_H

#include <ingot/ingot.h>

#include "tools/json.h"

/* "float32[1,10]" with names of symbolic dims. */
void print_type(igi_text *t, const ig_type *type, const ig_symtab *syms);
/* Element i of a contiguous tensor. */
void print_element(igi_text *t, const ig_tensor *x, int64_t i);
/* Type and the first and last elements of each value inside. */
void print_value(igi_text *t, const char *name, ig_value *v);
/* {"name", "type", "shape", "values": [...]} with at most `most` values; of what is no
 * tensor {"name", "type", "items": [...]}, those of maps being {"key", "value"}. */
void print_value_json(json_out *j, const char *name, ig_value *v, int64_t most);

/* Labels: one a line. */
typedef struct labels {
    char *text;
    char **line;
    size_t n;
} labels;
ig_status labels_read(labels *l, const char *path);
void labels_fini(labels *l);

typedef struct ranked {
    int64_t index;
    double value;
} ranked;
/* The k largest elements along the last axis that is longer than 1, for each row.
 * Returns how many for each row (k or less); 0 when v is no tensor of numbers. *rows:
 * rows * returned entries, igi_free. */
int64_t print_top(ig_value *v, int64_t k, ranked **entries, int64_t *rows);

#endif
