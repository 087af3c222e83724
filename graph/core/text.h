/* A growing string for printers. Failure sticks: check igi_text_take. */
#ifndef GRAPH_CORE_TEXT_H
#define GRAPH_CORE_TEXT_H

#include "graph/core/alloc.h"

typedef struct igi_text {
    char *p;
    size_t n, cap;
    bool failed;
} igi_text;

void igi_text_add(igi_text *t, const char *fmt, ...) IG_PRINTF(2, 3);
/* One number and nothing else, with a point in every locale: programs may set one. */
void igi_text_real(igi_text *t, const char *fmt, double v);
void igi_text_add_bytes(igi_text *t, const char *s, size_t n);
ig_status igi_text_take(igi_text *t,
                        char **out); /* caller frees with igi_free; t is empty after */
void igi_text_fini(igi_text *t);

/* A decimal number (also inf, nan) with nothing after it but blanks. Independent of the
 * locale. */
bool igi_parse_real(const char *s, size_t n, double *out);

#endif
