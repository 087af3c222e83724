/* Any bytes as an .ingot file: an error, or a valid graph. Checksums are made right
 * first, else no mutation would come further than them. */
#include <stdlib.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/ir/graph.h"
#include "importers/native/format.h"
#include "importers/native/native.h"
#include "tests/fuzz/fuzz_operators.h"

/* Checksums of header and of the sections that lie inside the file. */
static void seal(unsigned char *p, size_t size)
{
    igi_file_header h;
    igi_file_section s;
    if (size < sizeof(h))
        return;
    memcpy(&h, p, sizeof(h));
    size_t most = (size - sizeof(h)) / sizeof(s);
    size_t n = h.n_sections < most ? h.n_sections : most;
    for (size_t i = 0; i < n; i++) {
        unsigned char *row = p + sizeof(h) + i * sizeof(s);
        memcpy(&s, row, sizeof(s));
        if (s.kind == IGI_SECTION_TENSORS || s.offset > size ||
            s.bytes > size - s.offset)
            continue; /* tensors have sums of their own */
        s.checksum = igi_xxh64(p + s.offset, (size_t)s.bytes);
        memcpy(row, &s, sizeof(s));
    }
    h.checksum = 0;
    memcpy(p, &h, sizeof(h));
    h.checksum = igi_xxh64(p, sizeof(h) + n * sizeof(s));
    memcpy(p, &h, sizeof(h));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    ig_graph *g = NULL, *copy = NULL;
    ig_read_opts o = {
        .registry = igi_fuzz_operators(),
        .limits = {.memory_bytes = 1 << 24, .tensor_bytes = 1 << 22, .nodes = 10000},
    };
    unsigned char *p = igi_alloc(size + 1); /* aligned, as a mapped file is */
    if (!p)
        return 0;
    memcpy(p, data, size);
    seal(p, size);
    igi_source src = {.bytes = p, .size = size};
    if (igi_native_read(&g, &src, &o) == IG_OK) {
        if (ig_graph_verify(g) != IG_OK || ig_graph_clone(&copy, g) != IG_OK)
            abort();
    } else if (g || !*ig_error_message() || ig_error_status() == IG_INTERNAL) {
        abort();
    }
    ig_graph_free(copy);
    ig_graph_free(g);
    igi_free(p);
    return 0;
}
