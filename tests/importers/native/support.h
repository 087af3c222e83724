/* For tests of .ingot files: a registry of the built-in operators, graphs that use
 * everything the format can say, and files as bytes. Checks fail the running test. */
#ifndef TESTS_IMPORTERS_NATIVE_SUPPORT_H
#define TESTS_IMPORTERS_NATIVE_SUPPORT_H

#include "graph/ir/graph.h"
#include "importers/native/format.h"
#include "importers/native/native.h"
#include "tests/support/test_main.h"

typedef struct file_bytes {
    unsigned char *p; /* 64-byte aligned */
    size_t n;
} file_bytes;

const ig_registry *nt_registry(void);
void nt_registry_free(void);
/* A new registry of the built-in operators, the caller's also on failure. */
ig_status nt_register(ig_registry **out);

/* Every kind of attribute, symbolic and unknown dims, an absent input, an unwanted
 * output, strings, packed and empty constants, names, self-test vectors, metadata. */
ig_graph *nt_rich_graph(void);
/* Two nodes and a constant of three floats: small enough for every bit. */
ig_graph *nt_small_graph(void);

file_bytes nt_save(const ig_graph *g);
void nt_bytes_free(file_bytes *b);
ig_status nt_read(ig_graph **out, const file_bytes *b);
/* The text of a graph; free with ig_string_free. */
char *nt_print(const ig_graph *g);

/* Section `kind` of the file, and its checksums made right again. */
igi_file_section *nt_section(file_bytes *b, igi_section_kind kind);
void nt_seal(file_bytes *b);

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

#endif
