/* The skeleton of a scan into messages, in the scan's arena: no block of its own for
 * each of the many small messages, and all of them freed at once. The allocator counts,
 * so that even what the scan could not foresee stays within the limit. */
#include "importers/onnx/scan.h"

typedef struct budget {
    igi_arena *arena;
    uint64_t left;
    bool over;
} budget;

static void *budget_alloc(void *user, size_t bytes)
{
    budget *b = user;
    if (bytes > b->left) {
        b->over = true;
        return NULL;
    }
    b->left -= bytes;
    return igi_arena_alloc(b->arena, bytes);
}

static void budget_free(void *user, void *p)
{
    (void)user; /* the arena frees everything at once */
    (void)p;
}

ig_status igi_onnx_unpack(igi_onnx_scan *s,
                          const ProtobufCMessageDescriptor *root,
                          const ig_limits *limits,
                          ProtobufCMessage **out)
{
    static const uint8_t empty[1];
    uint64_t memory = igi_onnx_limit(limits ? limits->memory_bytes : 0, 1ull << 37);
    budget b = {.arena = &s->arena, .left = memory};
    ProtobufCAllocator allocator = {
        .alloc = budget_alloc, .free = budget_free, .allocator_data = &b};
    igi_error_clear();
    *out = protobuf_c_message_unpack(root, &allocator, s->skeleton.n,
                                     s->skeleton.p ? s->skeleton.p : empty);
    if (*out)
        return IG_OK;
    if (b.over)
        return ig_fail(IG_LIMIT,
                       "unpacking the model takes more than limits.memory_bytes (%llu)",
                       (unsigned long long)memory);
    if (ig_error_status() == IG_OUT_OF_MEMORY)
        return IG_OUT_OF_MEMORY;
    return ig_fail(IG_INVALID_GRAPH,
                   "protobuf-c rejects the %s message: the file is damaged",
                   root->short_name);
}
