/* Text from outside: is it UTF-8, is it a name? The only place that knows. */
#ifndef GRAPH_CORE_UTF8_H
#define GRAPH_CORE_UTF8_H

#include "graph/core/status.h"

/* Bytes of a name, unless a limit of a load says less. */
#define IGI_NAME_MAX ((size_t)65536)

/* Length of the UTF-8 sequence that begins at s, of which n bytes are there; 0 when it
 * is malformed, overlong, a surrogate or beyond U+10FFFF. */
size_t igi_utf8_length(const char *s, size_t n);
/* Bytes of a text, at most `max`, that end between characters. */
size_t igi_utf8_cut(const char *s, size_t max);
/* Whether n bytes are UTF-8 without zeros; `plain` forbids control characters too. */
bool igi_utf8_ok(const char *s, size_t n, bool plain);
/* A name of a graph, value, node, output or dim: UTF-8, no control characters, at most
 * IGI_NAME_MAX bytes. INVALID_ARGUMENT "the name of <what> ...", or LIMIT. */
ig_status igi_name_check(const char *what, const char *name);

#endif
