/* Companions: shared libraries of Ingot's own that are loaded when first needed, so
 * that programs which never need them do not carry what they link (image decoders).
 *
 * A companion lies in a folder that is known before anything is read: the one that the
 * environment variable INGOT_COMPANIONS names (ignored in set-uid programs), else
 * `ingot` beside the library or program that holds this code, else
 * <libdir>/ingot of an installed command. No model, input or request has a say. It
 * stays in the process for ever. Threads: any. */
#ifndef GRAPH_CORE_COMPANION_H
#define GRAPH_CORE_COMPANION_H

#include <ingot/base.h>

/* Address of `symbol` in the file `name`.
 * Errors: UNSUPPORTED when no folder holds it, with the first one that was tried; IO
 * when it cannot be loaded, with the reason. */
ig_status igi_companion_find(void **out, const char *name, const char *symbol);

#endif
