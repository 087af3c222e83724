/* TensorProto and its kin as tensors and values (V10, V11, V20).
 *
 * Payloads are used where they lie when the source has an owner and the address suits
 * the element type, or they are large (igi_tensor_settle); else they are copied once.
 * Typed fields are converted, their ranges checked; bools are normalised to 0 and 1. */
#ifndef IMPORTERS_ONNX_TENSOR_H
#define IMPORTERS_ONNX_TENSOR_H

#include "graph/core/tensor.h"
#include "importers/import.h"
#include "importers/onnx/scan.h"

typedef struct igi_onnx_file igi_onnx_file; /* one mapped file of external data */

typedef struct igi_onnx_data {
    const igi_onnx_scan *scan;
    igi_source src;
    ig_limits limits;
    bool private_copy; /* read external data instead of mapping it */
    uint64_t copied;   /* bytes of tensors made so far, against limits.memory_bytes */
    uint64_t dense;    /* bytes of those that were sparse in the file */
    igi_onnx_file *files;
} igi_onnx_data;

typedef struct igi_onnx_shape {
    ig_dtype dtype;
    int rank;
    int64_t count;
    size_t bytes;
} igi_onnx_shape;

/* The type that `p` claims, checked against the limits. */
ig_status
igi_onnx_tensor_shape(const igi_onnx_data *d, const pb_tensor *p, igi_onnx_shape *s);
/* Counts bytes that are copied from the file against limits.memory_bytes. */
ig_status igi_onnx_charge(igi_onnx_data *d, uint64_t bytes);
/* An empty tensor of it, counted against limits.memory_bytes. */
ig_status igi_onnx_tensor_new(igi_onnx_data *d,
                              const igi_onnx_shape *s,
                              const int64_t *dims,
                              ig_tensor **out);
/* A new tensor. Errors name the tensor and its byte offset. */
ig_status igi_onnx_tensor(igi_onnx_data *d, const pb_tensor *p, ig_tensor **out);
/* A sparse tensor, made dense. */
ig_status igi_onnx_sparse(igi_onnx_data *d, const pb_sparse *p, ig_tensor **out);
void igi_onnx_data_fini(igi_onnx_data *d);

/* Bytes of external data that `p` names, as a view of the mapped file (external.c). */
ig_status igi_onnx_external(igi_onnx_data *d,
                            const pb_tensor *p,
                            size_t want,
                            ig_tensor **owner,
                            const uint8_t **bytes);

/* Fills a message that borrows the tensor's memory; `copy` is a contiguous form, if
 * needed. */
ig_status igi_onnx_fill_tensor(const ig_tensor *t,
                               const char *name,
                               pb_tensor *p,
                               ig_tensor **copy);
void igi_onnx_drop_tensor(pb_tensor *p, ig_tensor *copy);

#endif
