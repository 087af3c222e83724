/* Messages into bytes, files, and files of external data. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/file.h"
#include "importers/onnx/export.h"
#include "importers/onnx/scan.h"

#define DATA_ALIGN 64

static ig_status packed_size(const pb_model *m, size_t *out)
{
    *out = igi_onnx__model__get_packed_size(m);
    return *out <= INT32_MAX ? IG_OK
                             : ig_fail(IG_LIMIT,
                                       "the model takes %zu bytes, an ONNX file holds "
                                       "at most %d: save it "
                                       "with external data",
                                       *out, INT32_MAX);
}

ig_status
igi_onnx_write(const ig_graph *g, const ig_save_opts *opts, void **out, size_t *n)
{
    igi_onnx_out o;
    ig_status rc;
    *out = NULL;
    *n = 0;
    if (opts && opts->external_data)
        return ig_fail(IG_INVALID_ARGUMENT, "external data needs a file to lie beside");
    IG_GO(igi_onnx_out_begin(&o, g, opts));
    IG_GO(packed_size(&o.model, n));
    *out = igi_alloc(*n);
    if (!*out)
        rc = IG_OUT_OF_MEMORY;
    else
        (void)igi_onnx__model__pack(&o.model, *out);
out:
    igi_onnx_out_end(&o);
    return rc;
}

/* protobuf-c's buffer over a writer; the writer remembers the first failure. */
typedef struct sink {
    ProtobufCBuffer base;
    igi_writer *w;
    ig_status rc;
} sink;

static void sink_append(ProtobufCBuffer *b, size_t n, const uint8_t *p)
{
    sink *s = (sink *)(void *)b;
    if (s->rc == IG_OK && n)
        s->rc = igi_writer_write(s->w, p, n);
}

static ig_status write_model(const igi_onnx_out *o, igi_writer *w)
{
    sink s = {.base = {.append = sink_append}, .w = w};
    size_t n;
    IG_TRY(packed_size(&o->model, &n));
    (void)igi_onnx__model__pack_to_buffer(&o->model, &s.base);
    return s.rc;
}

/* ---- external data
 * ------------------------------------------------------------------------ */

static ig_status
add_entry(igi_onnx_out *o, pb_tensor *t, const char *key, const char *value)
{
    pb_entry *e = igi_arena_alloc(&o->arena, sizeof(*e));
    if (!e)
        return IG_OUT_OF_MEMORY;
    igi_onnx__string_string_entry__init(e);
    e->key = (char *)(uintptr_t)key;
    e->value = igi_arena_strdup(&o->arena, value);
    t->external_data[t->n_external_data++] = e;
    return e->value ? IG_OK : IG_OUT_OF_MEMORY;
}

/* Appends the tensor's bytes to the data file and makes the message point there. */
static ig_status
move_out(igi_onnx_out *o, igi_writer *w, const char *location, pb_tensor *t)
{
    static const uint8_t zeros[DATA_ALIGN];
    char number[32];
    uint64_t pad = (DATA_ALIGN - igi_writer_tell(w) % DATA_ALIGN) % DATA_ALIGN;
    IG_TRY(igi_writer_write(w, zeros, (size_t)pad));
    uint64_t at = igi_writer_tell(w);
    IG_TRY(igi_writer_write(w, t->raw_data.data, t->raw_data.len));
    t->external_data = igi_arena_array(&o->arena, 3, sizeof(*t->external_data));
    if (!t->external_data)
        return IG_OUT_OF_MEMORY;
    IG_TRY(add_entry(o, t, "location", location));
    (void)snprintf(number, sizeof(number), "%" PRIu64, at);
    IG_TRY(add_entry(o, t, "offset", number));
    (void)snprintf(number, sizeof(number), "%zu", t->raw_data.len);
    IG_TRY(add_entry(o, t, "length", number));
    t->has_raw_data = false;
    t->has_data_location = true;
    t->data_location = 1;
    return IG_OK;
}

static ig_status write_data(igi_onnx_out *o, igi_writer *w, const char *location)
{
    for (size_t i = 0; i < o->graph->n_initializer; i++) {
        pb_tensor *t = o->graph->initializer[i];
        if (t->has_raw_data && t->raw_data.len >= IGI_ONNX_CUT)
            IG_TRY(move_out(o, w, location, t));
    }
    return igi_writer_settle(w);
}

/* Begins the file beside `path` and fills it. */
static ig_status begin_data(igi_onnx_out *o, const char *path, igi_writer **w)
{
    const char *slash = strrchr(path, '/');
    size_t n = strlen(path);
    char *data = igi_arena_alloc(&o->arena, n + 6);
    if (!data)
        return IG_OUT_OF_MEMORY;
    memcpy(data, path, n + 1);
    memcpy(data + n, ".data", 6);
    const char *location = slash ? data + (slash - path) + 1 : data;
    IG_TRY(igi_file_check_relative(location));
    IG_TRY(igi_writer_begin(w, data));
    return write_data(o, *w, location);
}

/* Both files are whole on the disk before either takes its name: a failure until then
 * leaves those that were there, which belong together. */
ig_status igi_onnx_save(const ig_graph *g, const char *path, const ig_save_opts *opts)
{
    igi_onnx_out o;
    igi_writer *data = NULL, *model = NULL;
    ig_status rc;
    IG_GO(igi_onnx_out_begin(&o, g, opts));
    if (opts && opts->external_data)
        IG_GO(begin_data(&o, path, &data));
    IG_GO(igi_writer_begin(&model, path));
    IG_GO(write_model(&o, model));
    IG_GO(igi_writer_settle(model));
    if (data) {
        rc = igi_writer_commit(data); /* first: the model names it */
        data = NULL;
        IG_GO(rc);
    }
    rc = igi_writer_commit(model);
    model = NULL;
out:
    igi_writer_abort(data);
    igi_writer_abort(model);
    igi_onnx_out_end(&o);
    return rc;
}
