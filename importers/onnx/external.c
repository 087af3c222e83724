/* External data (V20): the file that a tensor names lies beneath the model's folder, is
 * a plain file with one link, and is mapped once for all tensors that use it. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/file.h"
#include "importers/onnx/tensor.h"

struct igi_onnx_file {
    igi_onnx_file *next;
    ig_tensor *bytes; /* uint8, shared, over the whole file */
    char *location;
};

typedef struct place {
    const char *location;
    uint64_t offset, length;
    bool has_offset, has_length;
} place;

/* A non-negative decimal number without sign, spaces or overflow. */
static ig_status decimal(const char *key, const char *text, uint64_t *out)
{
    uint64_t v = 0;
    bool ok = *text != 0;
    for (const char *p = text; *p && ok; p++)
        ok = *p >= '0' && *p <= '9' && !__builtin_mul_overflow(v, 10, &v) &&
             !__builtin_add_overflow(v, (uint64_t)(*p - '0'), &v);
    if (!ok || v > INT64_MAX)
        return ig_fail(IG_INVALID_GRAPH,
                       "external data: %s '%.40s' is no number of bytes", key, text);
    *out = v;
    return IG_OK;
}

/* A number that is given once. */
static ig_status take_number(const pb_entry *e, bool *has, uint64_t *out)
{
    if (*has)
        return ig_fail(IG_INVALID_GRAPH, "external data: two entries '%s'",
                       pb_str(e->key));
    *has = true;
    return decimal(pb_str(e->key), pb_str(e->value), out);
}

/* Unknown keys (checksum and what writers add) are ignored. */
static ig_status parse_place(const pb_tensor *p, place *out)
{
    *out = (place){0};
    for (size_t i = 0; i < p->n_external_data; i++) {
        const pb_entry *e = p->external_data[i];
        if (strcmp(pb_str(e->key), "location") == 0) {
            if (out->location)
                return ig_fail(IG_INVALID_GRAPH, "external data: two locations");
            out->location = pb_str(e->value);
        } else if (strcmp(pb_str(e->key), "offset") == 0) {
            IG_TRY(take_number(e, &out->has_offset, &out->offset));
        } else if (strcmp(pb_str(e->key), "length") == 0) {
            IG_TRY(take_number(e, &out->has_length, &out->length));
        }
    }
    if (!out->location || !*out->location)
        return ig_fail(IG_INVALID_GRAPH, "external data without a location");
    return IG_OK;
}

static ig_status
map_beneath(const igi_onnx_data *d, const char *location, ig_tensor **out)
{
    int fd;
    igi_file *file = NULL;
    IG_TRY(igi_file_open_beneath(&fd, d->src.dir, location));
    ig_status rc =
        igi_file_from_fd(&file, fd, location, !d->private_copy, d->limits.file_bytes);
    if (rc == IG_OK)
        rc = igi_source_of_file(file, out);
    igi_file_unref(file);
    igi_file_close(fd);
    return rc;
}

static ig_status open_file(igi_onnx_data *d, const char *location, igi_onnx_file **out)
{
    for (igi_onnx_file *f = d->files; f; f = f->next)
        if (strcmp(f->location, location) == 0) {
            *out = f;
            return IG_OK;
        }
    if (!d->src.dir)
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "external data '%s': a model from memory has no folder; give data_dir",
            location);
    igi_onnx_file *f = igi_calloc(1, sizeof(*f));
    if (!f)
        return IG_OUT_OF_MEMORY;
    f->location = igi_strdup(location);
    ig_status rc = f->location ? IG_OK : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = map_beneath(d, location, &f->bytes);
    if (rc != IG_OK) {
        igi_free(f->location);
        igi_free(f);
        return rc;
    }
    f->next = d->files;
    d->files = f;
    *out = f;
    return IG_OK;
}

ig_status igi_onnx_external(igi_onnx_data *d,
                            const pb_tensor *p,
                            size_t want,
                            ig_tensor **owner,
                            const uint8_t **bytes)
{
    place at = {0};
    igi_onnx_file *f = NULL;
    IG_TRY(parse_place(p, &at));
    if (at.has_length && at.length != want)
        return ig_fail(IG_INVALID_GRAPH,
                       "external data has %" PRIu64 " bytes, the dims ask for %zu",
                       at.length, want);
    IG_TRY(open_file(d, at.location, &f));
    uint64_t size = (uint64_t)ig_tensor_numel(f->bytes);
    if (at.offset > size || want > size - at.offset)
        return ig_fail(IG_INVALID_GRAPH,
                       "external data: bytes %" PRIu64 " to %" PRIu64
                       " of '%s', which has %" PRIu64,
                       at.offset, at.offset + want, at.location, size);
    *owner = f->bytes;
    *bytes = (const uint8_t *)ig_tensor_data(f->bytes) + at.offset;
    return IG_OK;
}

void igi_onnx_data_fini(igi_onnx_data *d)
{
    while (d->files) {
        igi_onnx_file *f = d->files;
        d->files = f->next;
        ig_tensor_unref(f->bytes);
        igi_free(f->location);
        igi_free(f);
    }
}
