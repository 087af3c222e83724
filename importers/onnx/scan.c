/* The pre-scan. One loop over tags with an explicit stack of open messages, driven by
 * protobuf-c's own descriptors, so that it can never disagree with the parser about a
 * type.
 *
 * The skeleton is written in the same pass. The length of a message is not known when
 * it is opened, because payloads inside it may be cut: five bytes are kept for it and
 * patched as a non-minimal varint, which is legal wire format. */
#include "importers/onnx/scan.h"

#include <stdio.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/utf8.h"

enum { MESSAGES = 10000 }; /* allowed by any limit of nodes */

enum {
    WIRE_VARINT = 0,
    WIRE_64 = 1,
    WIRE_LENGTH = 2,
    WIRE_32 = 5,
    LENGTH_BYTES = 5,
    PRIVATE_FIELD = 1000,
    FIELD_AT = 1000,
    FIELD_CUT = 1001,
    BLOCK_COST = 128 /* heap overhead of one allocation: header and alignment */
};

typedef struct frame {
    const ProtobufCMessageDescriptor *type;
    size_t end;    /* in the input */
    size_t length; /* place of the length in the skeleton; SIZE_MAX for the root */
    uint64_t seen; /* fields that occurred, by descriptor index */
    bool cut;      /* a payload of this tensor was cut out */
} frame;

typedef struct walker {
    igi_onnx_scan *s;
    size_t at;
    int depth;
    uint64_t max_messages, max_nodes, max_memory;
    size_t max_depth, max_name;
    frame stack[IGI_ONNX_DEPTH];
} walker;

typedef struct field {
    const ProtobufCFieldDescriptor *desc; /* NULL: not in the schema */
    uint32_t number;
    unsigned wire;
    size_t tag_at, body, length; /* body and length: of WIRE_LENGTH fields */
    bool again;                  /* not its first occurrence in the message */
} field;

uint64_t igi_onnx_limit(uint64_t set, uint64_t fallback)
{
    return set ? set : fallback;
}

bool igi_onnx_varint(const uint8_t *bytes, size_t size, size_t *at, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 70 && *at < size; shift += 7) {
        uint8_t b = bytes[(*at)++];
        if (shift == 63 && b > 1)
            return false;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (!(b & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

static ig_status bad(const walker *w, size_t at, const char *what)
{
    const char *type = w->depth ? w->stack[w->depth - 1].type->short_name : "message";
    return ig_fail(IG_INVALID_GRAPH,
                   "byte %zu: %s in %s: the file is damaged or not ONNX", at, what,
                   type);
}

static ig_status put(walker *w, const uint8_t *p, size_t n)
{
    igi_onnx_scan *s = w->s;
    size_t need;
    if (!igi_add_size(s->skeleton.n, n, &need) || need > INT32_MAX)
        return ig_fail(
            IG_LIMIT,
            "the model without its tensors is over %d bytes, the most that the "
            "file format can hold",
            INT32_MAX);
    if (!IGI_RESERVE(&s->skeleton, need))
        return IG_OUT_OF_MEMORY;
    if (n)
        memcpy(s->skeleton.p + s->skeleton.n, p, n);
    s->skeleton.n = need;
    return IG_OK;
}

/* A varint field of our own. */
static ig_status put_private(walker *w, uint32_t number, uint64_t value)
{
    uint8_t buf[20];
    size_t n = 0;
    uint64_t parts[2] = {(uint64_t)number << 3 | WIRE_VARINT, value};
    for (int i = 0; i < 2; i++) {
        uint64_t v = parts[i];
        for (; v > 0x7f; v >>= 7)
            buf[n++] = (uint8_t)(v | 0x80);
        buf[n++] = (uint8_t)v;
    }
    return put(w, buf, n);
}

static ig_status charge(walker *w, size_t bytes)
{
    if (__builtin_add_overflow(w->s->memory, bytes, &w->s->memory) ||
        w->s->memory > w->max_memory)
        return ig_fail(
            IG_LIMIT,
            "byte %zu: reading this model would take more than memory_bytes "
            "(%llu) before any weight is loaded; raise limits.memory_bytes if "
            "the file is trusted",
            w->at, (unsigned long long)w->max_memory);
    return IG_OK;
}

static ig_status
open_message(walker *w, const ProtobufCMessageDescriptor *type, size_t end)
{
    igi_onnx_scan *s = w->s;
    if (w->depth >= (int)w->max_depth)
        return ig_fail(
            IG_LIMIT,
            "byte %zu: messages nest deeper than %zu; raise limits.depth (at "
            "most %d)",
            w->at, w->max_depth, IGI_ONNX_DEPTH);
    if (++s->messages > w->max_messages)
        return ig_fail(IG_LIMIT,
                       "byte %zu: more than %llu messages; raise limits.nodes", w->at,
                       (unsigned long long)w->max_messages);
    bool node = type == &igi_onnx__node__descriptor;
    if (node && ++s->nodes > w->max_nodes)
        return ig_fail(IG_LIMIT, "byte %zu: more than %llu nodes; raise limits.nodes",
                       w->at, (unsigned long long)w->max_nodes);
    IG_TRY(charge(w, type->sizeof_message + BLOCK_COST));
    frame *f = &w->stack[w->depth];
    *f = (frame){.type = type, .end = end, .length = SIZE_MAX};
    if (w->depth > 0) {
        static const uint8_t zeros[LENGTH_BYTES];
        f->length = s->skeleton.n;
        IG_TRY(put(w, zeros, LENGTH_BYTES));
    }
    w->depth++;
    if (node || type == &igi_onnx__tensor__descriptor)
        IG_TRY(put_private(w, FIELD_AT, w->at));
    return IG_OK;
}

static void close_message(walker *w)
{
    const frame *f = &w->stack[--w->depth];
    if (f->length == SIZE_MAX)
        return;
    uint64_t n = w->s->skeleton.n - f->length - LENGTH_BYTES;
    uint8_t *p = w->s->skeleton.p + f->length;
    for (int i = 0; i < LENGTH_BYTES; i++, n >>= 7)
        p[i] = (uint8_t)((n & 0x7f) | (i + 1 < LENGTH_BYTES ? 0x80 : 0));
}

static unsigned wire_of(ProtobufCType type)
{
    switch (type) {
    case PROTOBUF_C_TYPE_FLOAT:
    case PROTOBUF_C_TYPE_FIXED32:
    case PROTOBUF_C_TYPE_SFIXED32:
        return WIRE_32;
    case PROTOBUF_C_TYPE_DOUBLE:
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_SFIXED64:
        return WIRE_64;
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return WIRE_LENGTH;
    default:
        return WIRE_VARINT;
    }
}

/* Reads tag and extent of the next field and moves past it (past its head when
 * WIRE_LENGTH). */
static ig_status read_field(walker *w, field *f)
{
    const frame *top = &w->stack[w->depth - 1];
    const uint8_t *b = w->s->bytes;
    uint64_t tag, value;
    f->tag_at = w->at;
    if (!igi_onnx_varint(b, top->end, &w->at, &tag) || tag > UINT32_MAX ||
        tag >> 3 == 0)
        return bad(w, f->tag_at, "a malformed field tag");
    f->wire = (unsigned)(tag & 7);
    f->number = (uint32_t)(tag >> 3);
    f->desc = f->number < PRIVATE_FIELD
                  ? protobuf_c_message_descriptor_get_field(top->type, f->number)
                  : NULL;
    size_t left = top->end - w->at;
    switch (f->wire) {
    case WIRE_VARINT:
        return igi_onnx_varint(b, top->end, &w->at, &value)
                   ? IG_OK
                   : bad(w, f->tag_at, "a malformed varint");
    case WIRE_32:
    case WIRE_64:
        if (left < (f->wire == WIRE_32 ? 4u : 8u))
            return bad(w, f->tag_at, "a number cut short");
        w->at += f->wire == WIRE_32 ? 4 : 8;
        return IG_OK;
    case WIRE_LENGTH:
        if (!igi_onnx_varint(b, top->end, &w->at, &value) || value > top->end - w->at)
            return bad(w, f->tag_at, "a length beyond the end of what contains it,");
        f->body = w->at;
        f->length = (size_t)value;
        return IG_OK;
    default:
        return bad(w, f->tag_at, "an unknown wire type");
    }
}

static ig_status split_payload(const walker *w, const field *f)
{
    return ig_fail(
        IG_UNSUPPORTED,
        "byte %zu: field %s of %s is split into several parts: write it as one",
        f->tag_at, f->desc->name, w->stack[w->depth - 1].type->short_name);
}

static ig_status check_repeats(walker *w, field *f)
{
    frame *top = &w->stack[w->depth - 1];
    uint64_t bit = 1ull << ((size_t)(f->desc - top->type->fields) & 63);
    f->again = (top->seen & bit) != 0;
    top->seen |= bit;
    if (f->again && f->desc->label != PROTOBUF_C_LABEL_REPEATED)
        return ig_fail(IG_INVALID_GRAPH,
                       "byte %zu: field %s of %s occurs twice: which one counts is not "
                       "defined",
                       f->tag_at, f->desc->name, top->type->short_name);
    if (f->again && top->cut && wire_of(f->desc->type) != WIRE_LENGTH && f->number != 1)
        return split_payload(w, f);
    return IG_OK;
}

static ig_status check_text(walker *w, const field *f)
{
    const uint8_t *p = w->s->bytes + f->body;
    const char *name = f->desc->name;
    bool prose = strcmp(name, "doc_string") == 0 || strcmp(name, "value") == 0;
    if (!prose && f->length > w->max_name)
        return ig_fail(
            IG_LIMIT,
            "byte %zu: field %s of %s has %zu bytes, more than limits.name_bytes "
            "(%zu)",
            f->tag_at, name, w->stack[w->depth - 1].type->short_name, f->length,
            w->max_name);
    if (!igi_utf8_ok((const char *)p, f->length, !prose))
        return ig_fail(IG_INVALID_GRAPH,
                       "byte %zu: field %s of %s is not text (UTF-8 without zeros and "
                       "control characters)",
                       f->tag_at, name, w->stack[w->depth - 1].type->short_name);
    return IG_OK;
}

/* Size of a packed array: every element must be whole. */
static ig_status check_packed(walker *w, const field *f)
{
    unsigned wire = wire_of(f->desc->type);
    size_t count = 0, run = 0;
    if (wire == WIRE_32 || wire == WIRE_64) {
        size_t item = wire == WIRE_32 ? 4 : 8;
        if (f->length % item != 0)
            return bad(w, f->tag_at, "a packed array with a broken last element");
        return charge(w, f->length + BLOCK_COST);
    }
    const uint8_t *p = w->s->bytes + f->body;
    for (size_t i = 0; i < f->length; i++) {
        run = p[i] & 0x80 ? run + 1 : 0;
        count += run == 0;
        if (run >= 10)
            return bad(w, f->tag_at, "a malformed varint in a packed array");
    }
    if (run != 0)
        return bad(w, f->tag_at, "a packed array with a broken last element");
    return charge(w, count * 8 + BLOCK_COST); /* count <= length <= SIZE_MAX / 16 */
}

static bool is_payload(const frame *top, const field *f)
{
    if (top->type != &igi_onnx__tensor__descriptor || f->wire != WIRE_LENGTH)
        return false;
    return f->number == 9 || f->number == 4 || f->number == 5 || f->number == 7 ||
           f->number == 10 || f->number == 11;
}

static ig_status cut_payload(walker *w, const field *f)
{
    frame *top = &w->stack[w->depth - 1];
    igi_onnx_scan *s = w->s;
    if (top->cut)
        return ig_fail(
            IG_INVALID_GRAPH,
            "byte %zu: a tensor with two sets of data (field %s is the second)",
            f->tag_at, f->desc->name);
    if (f->again)
        return split_payload(w, f);
    top->cut = true;
    igi_onnx_cut cut = {.offset = f->body, .length = f->length, .field = f->number};
    if (s->cuts.n >= UINT32_MAX - 1 || !IGI_PUSH(&s->cuts, cut))
        return IG_OUT_OF_MEMORY;
    return put_private(w, FIELD_CUT, s->cuts.n);
}

/* A field with a length: descend, cut or copy. Leaves `at` behind what was consumed. */
static ig_status take_length(walker *w, const field *f)
{
    const frame *top = &w->stack[w->depth - 1];
    const uint8_t *b = w->s->bytes;
    ProtobufCType type = f->desc->type;
    if (type == PROTOBUF_C_TYPE_MESSAGE) {
        uint8_t tag[5];
        size_t n = 0;
        uint32_t v = f->number << 3 | WIRE_LENGTH;
        for (; v > 0x7f; v >>= 7)
            tag[n++] = (uint8_t)(v | 0x80);
        tag[n++] = (uint8_t)v;
        IG_TRY(put(w, tag, n));
        return open_message(w, f->desc->descriptor, f->body + f->length);
    }
    w->at = f->body + f->length;
    if (is_payload(top, f) && f->length >= IGI_ONNX_CUT)
        return cut_payload(w, f);
    if (type == PROTOBUF_C_TYPE_STRING)
        IG_TRY(check_text(w, f));
    if (wire_of(type) != WIRE_LENGTH)
        IG_TRY(check_packed(w, f));
    IG_TRY(charge(w, f->length + BLOCK_COST));
    return put(w, b + f->tag_at, w->at - f->tag_at);
}

static void note_unknown(walker *w, const field *f)
{
    igi_onnx_scan *s = w->s;
    if (s->n_unknown++ == 0)
        (void)snprintf(s->unknown, sizeof(s->unknown), "field %u of %s at byte %zu",
                       f->number, w->stack[w->depth - 1].type->short_name, f->tag_at);
}

static ig_status step(walker *w)
{
    field f = {0};
    IG_TRY(read_field(w, &f));
    if (!f.desc) {
        if (f.wire == WIRE_LENGTH)
            w->at = f.body + f.length;
        note_unknown(w, &f);
        return IG_OK;
    }
    IG_TRY(check_repeats(w, &f));
    unsigned want = wire_of(f.desc->type);
    bool packed = f.desc->label == PROTOBUF_C_LABEL_REPEATED && f.wire == WIRE_LENGTH;
    if (f.wire != want && !packed)
        return bad(w, f.tag_at, "a field of the wrong wire type");
    if (f.wire == WIRE_LENGTH)
        return take_length(w, &f);
    IG_TRY(charge(w, 16)); /* an element of a repeated scalar, with room to grow */
    return put(w, w->s->bytes + f.tag_at, w->at - f.tag_at);
}

ig_status igi_onnx_scan_run(igi_onnx_scan *s,
                            const ProtobufCMessageDescriptor *root,
                            const void *bytes,
                            size_t size,
                            const ig_limits *limits)
{
    ig_limits none = {0};
    const ig_limits *l = limits ? limits : &none;
    uint64_t depth = igi_onnx_limit(l->depth, IGI_ONNX_DEPTH);
    walker w = {
        .s = s,
        .max_nodes = igi_onnx_limit(l->nodes, 2000000),
        .max_memory = igi_onnx_limit(l->memory_bytes, 1ull << 37),
        .max_depth = depth < IGI_ONNX_DEPTH ? (size_t)depth : IGI_ONNX_DEPTH,
        .max_name = (size_t)igi_onnx_limit(l->name_bytes, IGI_NAME_MAX),
    };
    uint64_t max_file = igi_onnx_limit(l->file_bytes, 1ull << 36);
    if (__builtin_mul_overflow(w.max_nodes, 8, &w.max_messages))
        w.max_messages = UINT64_MAX;
    if (w.max_messages < MESSAGES) /* few nodes may have many attributes and types */
        w.max_messages = MESSAGES;
    if (size > max_file || size > SIZE_MAX / 16)
        return ig_fail(IG_LIMIT,
                       "the file has %zu bytes, more than limits.file_bytes (%llu)",
                       size, (unsigned long long)max_file);
    s->bytes = bytes;
    s->size = size;
    IG_TRY(open_message(&w, root, size));
    while (w.depth > 0) {
        if (w.at == w.stack[w.depth - 1].end)
            close_message(&w);
        else
            IG_TRY(step(&w));
    }
    return IG_OK;
}

void igi_onnx_scan_fini(igi_onnx_scan *s)
{
    IGI_VEC_FREE(&s->skeleton);
    IGI_VEC_FREE(&s->cuts);
    igi_arena_fini(&s->arena);
}
