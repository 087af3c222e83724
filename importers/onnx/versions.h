/* What of ONNX is read, for those who list it: tables without the importer's types. */
#ifndef IMPORTERS_ONNX_VERSIONS_H
#define IMPORTERS_ONNX_VERSIONS_H

#include <stddef.h>
#include <stdint.h>

/* Opsets in which the definition of an operator of ONNX changed, ascending, as far as
 * the importer has a table of them; NULL when it has none: then the operator's own
 * `since` is the only one. Ended by 0. */
const uint8_t *igi_onnx_versions(const char *domain, const char *op);
/* Full name ("com.microsoft::FusedConv") of operator i that ONNX does not define and
 * that is said in ours when a file has it; NULL behind the last. */
const char *igi_onnx_foreign(size_t i);

#endif
