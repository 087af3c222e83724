/* The pre-scan: an iterative walk over the wire bytes before anything is unpacked (V8).
 *
 * It checks every length, tag, wire type, varint, string and nesting depth, counts
 * messages and predicts the memory of the unpacked form, all without recursion and
 * against limits. Payloads of tensors from IGI_ONNX_CUT bytes on are left in the file:
 * the walk writes a *skeleton*, the same message without them, and a table that says
 * where they lie. protobuf-c unpacks only the skeleton. Owns: the skeleton and the
 * table; the scanned bytes are borrowed. */
#ifndef IMPORTERS_ONNX_SCAN_H
#define IMPORTERS_ONNX_SCAN_H

#include <ingot/ingot.h>

#include "graph/core/arena.h"
#include "graph/core/vec.h"
#include "importers/onnx/proto.h"

#define IGI_ONNX_DEPTH 64 /* nested messages, unless a smaller limit is set */
#define IGI_ONNX_CUT   1024

typedef struct igi_onnx_cut {
    uint64_t offset, length; /* of the payload in the scanned bytes */
    uint32_t field; /* number of the Tensor field: raw_data or a packed array */
} igi_onnx_cut;

typedef struct igi_onnx_scan {
    const uint8_t *bytes;
    size_t size;
    IGI_VEC(uint8_t) skeleton;
    IGI_VEC(igi_onnx_cut) cuts;
    uint64_t messages, nodes;
    uint64_t memory;    /* predicted bytes of the unpacked skeleton */
    uint64_t n_unknown; /* fields that this schema does not know; dropped */
    char unknown[96];   /* the first of them */
    igi_arena arena;    /* of the unpacked messages */
} igi_onnx_scan;

/* Walks `bytes` as a message of type `root`; `s` must be zeroed. limits may be NULL.
 * Errors: INVALID_GRAPH with the byte offset, LIMIT, OUT_OF_MEMORY. */
ig_status igi_onnx_scan_run(igi_onnx_scan *s,
                            const ProtobufCMessageDescriptor *root,
                            const void *bytes,
                            size_t size,
                            const ig_limits *limits);
void igi_onnx_scan_fini(igi_onnx_scan *s);

/* Unpacks the skeleton, once, with at most limits->memory_bytes of heap; the messages
 * live as long as the scan. */
ig_status igi_onnx_unpack(igi_onnx_scan *s,
                          const ProtobufCMessageDescriptor *root,
                          const ig_limits *limits,
                          ProtobufCMessage **out);

/* Reads a varint of at most ten bytes; false when cut short, too long or over 64 bits.
 */
bool igi_onnx_varint(const uint8_t *bytes, size_t size, size_t *at, uint64_t *out);

/* A limit, or its default where it is zero (<ingot/ingot.h>). */
uint64_t igi_onnx_limit(uint64_t set, uint64_t fallback);

#endif
