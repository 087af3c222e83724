/* The reader of .ingot files: a cursor over the graph section, and what it has read so
 * far. */
#ifndef IMPORTERS_NATIVE_READER_H
#define IMPORTERS_NATIVE_READER_H

#include "graph/core/vec.h"
#include "graph/ir/graph.h"
#include "importers/native/format.h"
#include "importers/native/native.h"

typedef struct igi_native_reader {
    const igi_source *src;
    const unsigned char *base;     /* of the file */
    const unsigned char *at, *end; /* cursor in the graph section, then in the notes */
    const unsigned char *notes, *notes_end; /* the NOTES section, NULL: none */
    const unsigned char *tensors;           /* the TENSORS section */
    uint64_t tensor_bytes, tensor_at; /* its size; where the next tensor must begin */
    IGI_VEC(uint64_t) sums;           /* of tensors read so far */
    ig_graph *g;
    IGI_VEC(ig_value_id) values; /* by number in the file, of the graph at hand */
    uint64_t nodes, max_nodes;
    uint64_t memory, max_memory; /* of values, nodes and copied tensors so far */
    uint64_t max_tensor;
    uint32_t max_name;
    int depth, max_depth; /* of bodies */
} igi_native_reader;

/* n things of `size` bytes are about to be made: LIMIT when all of them exceed
 * limits.memory_bytes. */
ig_status igi_native_charge(igi_native_reader *r, uint64_t n, uint64_t size);
/* INVALID_GRAPH with the byte where it was seen. */
ig_status igi_native_damaged(const igi_native_reader *r, const char *what);
ig_status igi_native_take(igi_native_reader *r, void *out, size_t n);
ig_status igi_native_take_u8(igi_native_reader *r, uint8_t *out);
ig_status igi_native_take_u32(igi_native_reader *r, uint32_t *out);
ig_status igi_native_take_i64(igi_native_reader *r, int64_t *out);
/* A count of items of at least `size` bytes each. */
ig_status igi_native_take_count(igi_native_reader *r, size_t size, uint32_t *out);
/* A name in the graph's arena: UTF-8 without control characters; NULL for the empty one
 * when `or_null`. And text, which may have them. */
ig_status igi_native_take_str(igi_native_reader *r, bool or_null, const char **out);
ig_status igi_native_take_text(igi_native_reader *r, bool or_null, const char **out);
ig_status igi_native_take_input(igi_native_reader *r);
/* igi_type_fini it. */
ig_status igi_native_take_type(igi_native_reader *r, ig_type *out);
/* A value of the self-test. */
ig_status igi_native_take_test(igi_native_reader *r, ig_value **out);
/* A new reference: a view of the file where it can be. */
ig_status igi_native_take_tensor(igi_native_reader *r, ig_tensor **out);
ig_status igi_native_take_constant(igi_native_reader *r);
/* The NOTES section (read_notes.c), when all else has been read. */
ig_status igi_native_take_notes(igi_native_reader *r);

#endif
