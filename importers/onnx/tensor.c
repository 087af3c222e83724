/* Tensors of a file. A tensor's data lies in exactly one place: raw_data, one typed
 * array, strings, or another file. Floats and doubles of typed arrays have the layout
 * of raw data, so only integer arrays (varints in the file, int32 for narrow types)
 * need conversion. */
#include "importers/onnx/tensor.h"

#include <inttypes.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/dtype.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "ONNX payloads are little endian and used in place");

enum { /* numbers of Tensor fields */
       FIELD_FLOAT = 4,
       FIELD_INT32 = 5,
       FIELD_STRING = 6,
       FIELD_INT64 = 7,
       FIELD_RAW = 9,
       FIELD_DOUBLE = 10,
       FIELD_UINT64 = 11,
       FIELD_EXTERNAL = 13
};

typedef igi_onnx_shape shape;

/* Where the data lies: bytes in the tensor's own layout, or integers still to be
 * converted. */
typedef struct payload {
    int field;               /* 0: none */
    const uint8_t *p;        /* raw layout, or varints when `varints` */
    size_t n;                /* bytes; entries when `inline_ints` */
    bool varints;            /* of the file */
    const void *inline_ints; /* unpacked array of int32, int64 or uint64, by field */
    ig_tensor *owner;        /* whose memory p points into, NULL: temporary */
} payload;

static int typed_field(ig_dtype t)
{
    switch (t) {
    case IG_FLOAT32:
    case IG_COMPLEX64:
        return FIELD_FLOAT;
    case IG_FLOAT64:
    case IG_COMPLEX128:
        return FIELD_DOUBLE;
    case IG_INT64:
        return FIELD_INT64;
    case IG_UINT32:
    case IG_UINT64:
        return FIELD_UINT64;
    case IG_STRING:
        return FIELD_STRING;
    default:
        return FIELD_INT32;
    }
}

static const char *field_name(int field)
{
    const ProtobufCFieldDescriptor *d = protobuf_c_message_descriptor_get_field(
        &igi_onnx__tensor__descriptor, (unsigned)field);
    return d ? d->name : "nothing";
}

ig_status
igi_onnx_tensor_shape(const igi_onnx_data *d, const pb_tensor *p, igi_onnx_shape *s)
{
    uint64_t most = igi_onnx_limit(d->limits.tensor_bytes, 1ull << 35);
    if (!p->has_data_type || !igi_dtype_valid(p->data_type))
        return ig_fail(IG_INVALID_GRAPH, "data_type %d is no element type",
                       p->has_data_type ? p->data_type : 0);
    if (p->n_dims > IG_RANK_MAX)
        return ig_fail(IG_LIMIT, "rank %zu, at most %d is supported", p->n_dims,
                       IG_RANK_MAX);
    for (size_t i = 0; i < p->n_dims; i++)
        if (p->dims[i] < 0 || p->dims[i] > (int64_t)1 << 47)
            return ig_fail(IG_INVALID_GRAPH,
                           "dim %zu is %" PRId64 ", allowed are 0 to 2^47", i,
                           p->dims[i]);
    s->dtype = (ig_dtype)p->data_type;
    s->rank = (int)p->n_dims;
    if (!igi_dims_count(s->rank, p->dims, &s->count) ||
        !igi_dtype_bytes(s->dtype, s->count, &s->bytes) || s->bytes > most)
        return ig_fail(IG_LIMIT,
                       "its %s elements take more than limits.tensor_bytes (%" PRIu64
                       ")",
                       ig_dtype_name(s->dtype), most);
    if (p->segment)
        return ig_fail(IG_UNSUPPORTED, "data in segments is not supported");
    return IG_OK;
}

/* Every field that holds data; the second one is an error. */
static ig_status note(payload *out, int field, const void *p, size_t n, size_t item)
{
    if (out->field != 0)
        return ig_fail(IG_INVALID_GRAPH, "data in both %s and %s",
                       field_name(out->field), field_name(field));
    out->field = field;
    out->p = p;
    out->n = n * item;
    return IG_OK;
}

static ig_status note_cut(const igi_onnx_data *d, const pb_tensor *p, payload *out)
{
    if (p->cut == 0 || p->cut > d->scan->cuts.n)
        return IG_BUG("a cut payload without a row in the scan's table");
    const igi_onnx_cut *c = &d->scan->cuts.p[p->cut - 1];
    IG_TRY(note(out, (int)c->field, d->scan->bytes + c->offset, (size_t)c->length, 1));
    out->owner = d->src.owner;
    out->varints = out->field == FIELD_INT32 || out->field == FIELD_INT64 ||
                   out->field == FIELD_UINT64;
    return IG_OK;
}

static ig_status
find_payload(igi_onnx_data *d, const pb_tensor *p, const shape *s, payload *out)
{
    *out = (payload){0};
    if (p->has_cut)
        IG_TRY(note_cut(d, p, out));
    if (p->has_raw_data && (p->raw_data.len || s->bytes == 0))
        IG_TRY(note(out, FIELD_RAW, p->raw_data.data, p->raw_data.len, 1));
    if (p->n_float_data)
        IG_TRY(note(out, FIELD_FLOAT, p->float_data, p->n_float_data, 4));
    if (p->n_double_data)
        IG_TRY(note(out, FIELD_DOUBLE, p->double_data, p->n_double_data, 8));
    if (p->n_string_data)
        IG_TRY(note(out, FIELD_STRING, NULL, p->n_string_data, 1));
    const struct {
        int field;
        size_t n;
        const void *p;
    } ints[] = {{FIELD_INT32, p->n_int32_data, p->int32_data},
                {FIELD_INT64, p->n_int64_data, p->int64_data},
                {FIELD_UINT64, p->n_uint64_data, p->uint64_data}};
    for (size_t i = 0; i < 3; i++) {
        if (!ints[i].n)
            continue;
        IG_TRY(note(out, ints[i].field, NULL, ints[i].n, 1));
        out->inline_ints = ints[i].p;
    }
    int32_t where = p->has_data_location ? p->data_location : 0;
    if (where != 0 && where != 1)
        return ig_fail(IG_INVALID_GRAPH, "data_location %d, allowed are 0 and 1",
                       where);
    if (where == 1) {
        if (s->dtype == IG_STRING)
            return ig_fail(IG_INVALID_GRAPH, "strings cannot be external data");
        IG_TRY(note(out, FIELD_EXTERNAL, NULL, 0, 0));
        IG_TRY(igi_onnx_external(d, p, s->bytes, &out->owner, &out->p));
        out->n = s->bytes;
    }
    return IG_OK;
}

/* Entries of an integer array are counted before memory is taken for them (V1). */
static ig_status check_entries(const shape *s, const payload *p)
{
    size_t want = ig_dtype_bits(s->dtype) < 8 ? s->bytes : (size_t)s->count, n = p->n;
    for (size_t i = 0; p->varints && i < p->n; i++)
        n -= p->p[i] >> 7; /* bytes that continue a number */
    if (n != want)
        return ig_fail(IG_INVALID_GRAPH, "%s holds %zu entries, the dims ask for %zu",
                       field_name(p->field), n, want);
    return IG_OK;
}

static ig_status check_payload(const shape *s, const payload *p)
{
    if (p->field == 0)
        return s->count == 0 ? IG_OK
                             : ig_fail(IG_INVALID_GRAPH,
                                       "%" PRId64 " elements and no data", s->count);
    bool raw = p->field == FIELD_RAW || p->field == FIELD_EXTERNAL;
    if (raw && s->dtype == IG_STRING)
        return ig_fail(IG_INVALID_GRAPH, "strings in raw_data");
    if (!raw && p->field != typed_field(s->dtype))
        return ig_fail(IG_INVALID_GRAPH, "%s data in %s, expected %s",
                       ig_dtype_name(s->dtype), field_name(p->field),
                       field_name(typed_field(s->dtype)));
    if (p->varints || p->inline_ints)
        return check_entries(s, p);
    size_t want = p->field == FIELD_STRING ? (size_t)s->count : s->bytes;
    if (p->n != want)
        return ig_fail(IG_INVALID_GRAPH, "%s holds %zu %s, the dims ask for %zu",
                       field_name(p->field), p->n,
                       p->field == FIELD_STRING ? "strings" : "bytes", want);
    return IG_OK;
}

/* ---- making the tensor
 * --------------------------------------------------------------- */

/* Counts the bytes of a copy, made now or later. */
ig_status igi_onnx_charge(igi_onnx_data *d, uint64_t bytes)
{
    uint64_t most = igi_onnx_limit(d->limits.memory_bytes, 1ull << 37);
    if (__builtin_add_overflow(d->copied, bytes, &d->copied) || d->copied > most)
        return ig_fail(IG_LIMIT,
                       "constants and nodes take more than limits.memory_bytes "
                       "(%" PRIu64 ")",
                       most);
    return IG_OK;
}

ig_status igi_onnx_tensor_new(igi_onnx_data *d,
                              const igi_onnx_shape *s,
                              const int64_t *dims,
                              ig_tensor **out)
{
    IG_TRY(igi_onnx_charge(d, s->bytes));
    IG_TRY(igi_tensor_header(out, NULL, s->dtype, s->rank, dims));
    ig_status rc = igi_tensor_alloc(*out, NULL);
    if (rc != IG_OK) {
        ig_tensor_unref(*out);
        *out = NULL;
    }
    return rc;
}

/* A header over memory that `owner` keeps alive. */
static ig_status view_bytes(ig_tensor *owner,
                            const uint8_t *p,
                            const shape *s,
                            const int64_t *dims,
                            ig_tensor **out)
{
    ig_tensor *t;
    IG_TRY(igi_tensor_header(&t, NULL, s->dtype, s->rank, dims));
    t->st = igi_storage_ref(owner->st);
    t->data = (char *)(uintptr_t)p;
    t->v.flags |= IGI_READONLY;
    t->v.unaligned = (uintptr_t)p % igi_dtype_align(s->dtype) != 0;
    *out = t;
    return IG_OK;
}

/* Matrices of this size stay where they lie even at an odd address (a payload in a
 * protobuf lies at any): mostly they are packed, and the copy is never made. */
#define LARGE ((size_t)64 << 10)

static bool may_view(const payload *p, const shape *s)
{
    bool odd = (uintptr_t)p->p % igi_dtype_align(s->dtype) != 0;
    if (s->bytes == 0 || (odd && (s->bytes < LARGE || s->rank < 2)))
        return false;
    if (s->dtype != IG_BOOL)
        return true;
    for (size_t i = 0; i < s->bytes; i++)
        if (p->p[i] > 1)
            return false;
    return true;
}

/* The pages behind what has been copied from a mapped file are given back as the copy
 * goes on: they can be read again, and a load never holds its weights twice. */
static void copy_raw(const payload *p, const shape *s, uint8_t *dst)
{
    enum { STEP = 1 << 20 };
    bool mapped = p->owner && p->owner->st->flags & IGI_MAPPED;
    for (size_t at = 0; at < s->bytes; at += STEP) {
        size_t n = s->bytes - at < STEP ? s->bytes - at : STEP;
        memcpy(dst + at, p->p + at, n);
        if (mapped && n == STEP)
            igi_source_forget(p->p + at, n);
    }
    for (size_t i = 0; s->dtype == IG_BOOL && i < s->bytes; i++)
        dst[i] = dst[i] != 0;
}

static ig_status copy_strings(const pb_tensor *p, const shape *s, ig_tensor *t)
{
    igi_str **dst = (igi_str **)(void *)t->data;
    for (int64_t i = 0; i < s->count; i++) {
        const ProtobufCBinaryData *b = &p->string_data[i];
        if (b->len > UINT32_MAX / 2 || (b->len && memchr(b->data, 0, b->len)))
            return ig_fail(IG_INVALID_GRAPH,
                           "string %" PRId64 " contains a zero byte or is "
                           "over 2 GiB long",
                           i);
        if (b->len && !(dst[i] = igi_str_new((const char *)b->data, b->len)))
            return IG_OUT_OF_MEMORY;
    }
    return IG_OK;
}

static bool next_int(const payload *p, size_t *at, int64_t *v)
{
    if (p->varints) {
        uint64_t u;
        if (*at >= p->n || !igi_onnx_varint(p->p, p->n, at, &u))
            return false;
        *v = p->field == FIELD_INT32 ? (int32_t)(uint32_t)u : (int64_t)u;
        return true;
    }
    if (*at >= p->n)
        return false;
    size_t i = (*at)++;
    *v = p->field == FIELD_INT32   ? ((const int32_t *)p->inline_ints)[i]
         : p->field == FIELD_INT64 ? ((const int64_t *)p->inline_ints)[i]
                                   : (int64_t)((const uint64_t *)p->inline_ints)[i];
    return true;
}

/* Stores entry i, `width` bytes wide; signed and unsigned readings of a type are
 * accepted for types that are bit patterns, the exact range for integers. */
static bool store_int(const shape *s, int width, uint8_t *dst, int64_t i, int64_t v)
{
    if (width == 8) {
        memcpy(dst + i * 8, &v, 8);
        return true;
    }
    int64_t top = (int64_t)1 << (width * 8 - 1);
    bool is_signed =
        s->dtype == IG_INT8 || s->dtype == IG_INT16 || s->dtype == IG_INT32;
    bool is_unsigned =
        s->dtype == IG_UINT8 || s->dtype == IG_UINT16 || s->dtype == IG_UINT32;
    if (s->dtype == IG_BOOL)
        v = v != 0;
    if (v < (is_unsigned ? 0 : -top) || v >= (is_signed ? top : 2 * top))
        return false;
    memcpy(dst + i * width, &v, (size_t)width);
    return true;
}

static ig_status convert_ints(const payload *p, const shape *s, uint8_t *dst)
{
    int bits = ig_dtype_bits(s->dtype), width = bits < 8 ? 1 : bits / 8;
    int64_t want = bits < 8 ? (int64_t)s->bytes : s->count, v;
    size_t at = 0;
    for (int64_t i = 0; i < want; i++) {
        if (!next_int(p, &at, &v))
            return ig_fail(IG_INVALID_GRAPH, "entry %" PRId64 " of %s is damaged", i,
                           field_name(p->field));
        if (!store_int(s, width, dst, i, v))
            return ig_fail(IG_INVALID_GRAPH,
                           "entry %" PRId64 " of %s is %" PRId64 ", which is no %s", i,
                           field_name(p->field), v, ig_dtype_name(s->dtype));
    }
    return IG_OK;
}

static ig_status make_tensor(igi_onnx_data *d, const pb_tensor *p, ig_tensor **out)
{
    shape s = {0};
    payload at;
    IG_TRY(igi_onnx_tensor_shape(d, p, &s));
    IG_TRY(find_payload(d, p, &s, &at));
    IG_TRY(check_payload(&s, &at));
    bool ints = at.varints || at.inline_ints;
    if (at.owner && !ints && at.field != FIELD_STRING && may_view(&at, &s)) {
        IG_TRY(view_bytes(at.owner, at.p, &s, p->dims, out));
        return igi_is_unaligned(*out) ? igi_onnx_charge(d, s.bytes) : IG_OK;
    }
    ig_tensor *t = NULL;
    IG_TRY(igi_onnx_tensor_new(d, &s, p->dims, &t));
    ig_status rc = IG_OK;
    if (at.field == FIELD_STRING)
        rc = copy_strings(p, &s, t);
    else if (ints)
        rc = convert_ints(&at, &s, (uint8_t *)t->data);
    else if (at.p)
        copy_raw(&at, &s, (uint8_t *)t->data);
    if (rc != IG_OK) {
        ig_tensor_unref(t);
        return rc;
    }
    *out = t;
    return IG_OK;
}

ig_status igi_onnx_tensor(igi_onnx_data *d, const pb_tensor *p, ig_tensor **out)
{
    ig_status rc = make_tensor(d, p, out);
    if (rc != IG_OK)
        return ig_fail_context("tensor '%s' (byte %" PRIu64 ")", pb_str(p->name),
                               p->at);
    return IG_OK;
}
