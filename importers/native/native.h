/* Ingot's own file: a graph with everything a deployment needs, mapped and used in
 * place.
 *
 * Layout and rules: importers/native/format.h. Every byte flip is an error. */
#ifndef IMPORTERS_NATIVE_NATIVE_H
#define IMPORTERS_NATIVE_NATIVE_H

#include "importers/import.h"

bool igi_native_sniff(const void *bytes, size_t size);
/* opts->registry must be set. Weights are views of src->owner when there is one. */
ig_status
igi_native_read(ig_graph **out, const igi_source *src, const ig_read_opts *opts);
/* Deterministic bytes, written atomically. */
ig_status
igi_native_save(const ig_graph *g, const char *path, const ig_save_opts *opts);

#endif
