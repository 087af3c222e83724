/* What every file importer gets and gives.
 *
 * A source is the whole file in memory: mapped, read into private memory, or the
 * caller's. Importers treat it as hostile. Constants that can be used where they lie
 * become views of `owner`, which keeps the memory alive; without an owner they are
 * copied. */
#ifndef IMPORTERS_IMPORT_H
#define IMPORTERS_IMPORT_H

#include <ingot/ingot.h>

#include "graph/core/status.h"

typedef struct igi_source {
    const void *bytes;
    size_t size;
    ig_tensor
        *owner; /* shared uint8 tensor over these bytes; NULL: contents are copied */
    const char *dir;  /* folder of external data; NULL: external data is refused */
    const char *name; /* of the file, for messages; may be NULL */
    char *own_dir;    /* of igi_source_open */
} igi_source;

/* The file at `path`, mapped or, with opts->private_copy, read; external data lies
 * beside it or in opts->data_dir. opts may be NULL; `path` must live as long as the
 * source. */
ig_status igi_source_open(igi_source *s, const char *path, const ig_read_opts *opts);
/* Constants that point into the file keep it alive. */
void igi_source_close(igi_source *s);
/* Gives the pages of mapped bytes back to the system; they are read again when needed.
 * Only for memory of a storage with IGI_MAPPED. */
void igi_source_forget(const void *p, size_t n);
/* A shared uint8 tensor over a whole file, which it keeps alive. */
typedef struct igi_file igi_file; /* graph/core/file.h */
ig_status igi_source_of_file(igi_file *f, ig_tensor **out);

/* ONNX bytes to a graph of the newest operators. opts->registry must be set.
 * *out is the caller's.
 * Errors: INVALID_GRAPH (node, operator, byte offset), UNSUPPORTED (lists everything),
 * LIMIT, IO, OUT_OF_MEMORY. */
ig_status
igi_onnx_read(ig_graph **out, const igi_source *src, const ig_read_opts *opts);
/* Whether the bytes can be an ONNX model: a cheap look at the first fields. */
bool igi_onnx_sniff(const void *bytes, size_t size);

/* A value of test data: TensorProto, SequenceProto, MapProto or OptionalProto, as
 * `want` says (NULL: a tensor). *out is a new reference. */
ig_status
igi_onnx_read_value(const void *bytes, size_t n, const ig_type *want, ig_value **out);
/* A tensor as the bytes of a TensorProto; free with igi_free. name may be NULL. */
ig_status
igi_onnx_write_tensor(const ig_tensor *t, const char *name, void **out, size_t *n);

/* The graph as an ONNX model in memory; free with igi_free. opts may be NULL; external
 * data needs a file: igi_onnx_save. Errors: UNSUPPORTED lists operators that ONNX
 * cannot say. */
ig_status
igi_onnx_write(const ig_graph *g, const ig_save_opts *opts, void **out, size_t *n);
/* The same into a file, atomically; with opts->external_data the weights go into
 * "<file name>.data" beside it. */
ig_status igi_onnx_save(const ig_graph *g, const char *path, const ig_save_opts *opts);

#endif
