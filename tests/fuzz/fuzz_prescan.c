/* Any bytes through the pre-scan of ONNX files alone: an error, or a skeleton that is
 * no larger than the file, cuts that lie in it, and messages that unpack within the
 * memory that was predicted. */
#include <stdlib.h>

#include "importers/onnx/scan.h"
#include "tests/support/fuzz.h"

enum { MEMORY = 1 << 22, LENGTH = 8 /* of a message, written at full width */ };

static void check(const igi_onnx_scan *s, size_t size)
{
    uint64_t end = 0;
    if (s->skeleton.n > size + LENGTH * s->messages || s->memory > MEMORY)
        abort();
    for (size_t i = 0; i < s->cuts.n; i++) {
        const igi_onnx_cut *c = &s->cuts.p[i];
        if (c->offset < end || c->length > size || c->offset > size - c->length)
            abort();
        end = c->offset + c->length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ig_limits limits = {.memory_bytes = MEMORY, .nodes = 1000, .depth = 16};
    igi_onnx_scan s = {0};
    ProtobufCMessage *m = NULL;
    ig_status rc =
        igi_onnx_scan_run(&s, &igi_onnx__model__descriptor, data, size, &limits);
    if (rc == IG_OK) {
        check(&s, size);
        rc = igi_onnx_unpack(&s, &igi_onnx__model__descriptor, &limits, &m);
        if (rc == IG_OK && !m)
            abort();
        if (rc == IG_LIMIT) /* the scan has promised that it fits */
            abort();
    }
    if (rc == IG_INTERNAL || (rc != IG_OK && !*ig_error_message()))
        abort();
    igi_onnx_scan_fini(&s);
    return 0;
}
