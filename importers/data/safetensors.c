/* .safetensors: contents in and out; the header is read by safetensors_header.c. */
#include "importers/data/safetensors.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/checked.h"
#include "graph/core/tensor.h"
#include "graph/core/text.h"
#include "graph/core/utf8.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__,
               "big-endian hosts need swaps in safetensors.c");

/* ---- reading ---- */

static ig_status tensor_of(ig_tensor **out,
                           const igi_safetensors_header *h,
                           const igi_safetensors_entry *e,
                           const char *contents,
                           igi_file *owner)
{
    const int64_t *dims = e->rank ? h->dims.p + e->dims_at : NULL;
    const char *p = contents + e->begin;
    size_t n = (size_t)(e->end - e->begin);
    if (owner && n > 0 && e->dtype != IG_BOOL && (uintptr_t)p % 16 == 0) {
        igi_file_ref(owner);
        ig_status rc = ig_tensor_wrap(out, e->dtype, e->rank, dims,
                                      (void *)(uintptr_t)p, n, igi_file_deleter, owner);
        if (rc != IG_OK)
            igi_file_unref(owner);
        return rc;
    }
    IG_TRY(ig_tensor_new_copy(out, e->dtype, e->rank, dims, p, n));
    if (e->dtype == IG_BOOL)
        for (size_t i = 0; i < n; i++)
            (*out)->data[i] = (*out)->data[i] != 0;
    return IG_OK;
}

static ig_status visit_all(const igi_safetensors_header *h,
                           const char *contents,
                           igi_file *owner,
                           igi_safetensors_visit visit,
                           void *user)
{
    for (size_t i = 0; i < h->entries.n; i++) {
        const igi_safetensors_entry *e = &h->entries.p[i];
        ig_tensor *t = NULL;
        IG_TRY(tensor_of(&t, h, e, contents, owner));
        ig_status rc = visit(user, e->name, t);
        ig_tensor_unref(t);
        IG_TRY(rc);
    }
    return IG_OK;
}

ig_status igi_safetensors_read_bytes(const void *bytes,
                                     size_t n,
                                     igi_file *owner,
                                     igi_safetensors_visit visit,
                                     void *user)
{
    uint64_t length = 0;
    if (n >= sizeof(length))
        memcpy(&length, bytes, sizeof(length));
    if (n < sizeof(length) || length > n - sizeof(length))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "is no .safetensors file, or cut short: it has %zu bytes, its "
                       "header %" PRIu64,
                       n, length);
    if (length > IGI_SAFETENSORS_HEADER_MAX)
        return ig_fail(IG_LIMIT,
                       "the header has %" PRIu64 " bytes, the format allows %d", length,
                       IGI_SAFETENSORS_HEADER_MAX);
    igi_safetensors_header h;
    const char *text = (const char *)bytes + sizeof(length);
    size_t rest = n - sizeof(length) - (size_t)length;
    ig_status rc = igi_safetensors_header_read(&h, text, (size_t)length, rest);
    if (rc == IG_OK)
        rc = visit_all(&h, text + length, owner, visit, user);
    igi_safetensors_header_fini(&h);
    return rc;
}

ig_status
igi_safetensors_read(const char *path, igi_safetensors_visit visit, void *user)
{
    igi_file *f = NULL;
    IG_TRY(igi_file_read(&f, path, 0));
    ig_status rc = igi_safetensors_read_bytes(f->data, f->size, f, visit, user);
    igi_file_unref(f);
    return rc == IG_OK ? IG_OK : ig_fail_context("%s", path);
}

/* ---- writing ---- */

typedef struct item {
    const char *name;
    ig_tensor *t;
} item;

static int by_width_and_name(const void *a, const void *b)
{
    const item *x = a, *y = b;
    int wide =
        ig_dtype_bits(ig_tensor_dtype(y->t)) - ig_dtype_bits(ig_tensor_dtype(x->t));
    return wide ? wide : strcmp(x->name, y->name);
}

/* Whether name and type can stand in a file. */
static ig_status check_item(const item *it, igi_map *seen)
{
    size_t n = strlen(it->name);
    ig_dtype dtype = ig_tensor_dtype(it->t);
    if (!strcmp(it->name, "__metadata__") || igi_map_get(seen, it->name))
        return ig_fail(IG_INVALID_ARGUMENT, "the name \"%.200s\" %s", it->name,
                       igi_map_get(seen, it->name) ? "stands there twice"
                                                   : "is reserved by .safetensors");
    for (size_t i = 0, k; i < n; i += k)
        if ((k = igi_utf8_length(it->name + i, n - i)) == 0)
            return ig_fail(IG_INVALID_ARGUMENT, "the name \"%.200s\" is not UTF-8",
                           it->name);
    if (!igi_safetensors_dtype_name(dtype))
        return ig_fail(IG_UNSUPPORTED,
                       "\"%.200s\": .safetensors cannot hold elements of type %s",
                       it->name, ig_dtype_name(dtype));
    if (ig_tensor_numel(it->t) % 8 * ig_dtype_bits(dtype) % 8 != 0)
        return ig_fail(IG_UNSUPPORTED,
                       "\"%.200s\": .safetensors holds whole bytes, not %" PRId64
                       " elements of type %s",
                       it->name, ig_tensor_numel(it->t), ig_dtype_name(dtype));
    return igi_map_put(seen, it->name, 1);
}

static void put_string(igi_text *text, const char *s)
{
    igi_text_add(text, "\"");
    for (; *s; s++) {
        if (*s == '"' || *s == '\\')
            igi_text_add(text, "\\%c", *s);
        else if ((unsigned char)*s < 0x20)
            igi_text_add(text, "\\u%04x", (unsigned)*s);
        else
            igi_text_add_bytes(text, s, 1);
    }
    igi_text_add(text, "\"");
}

/* Padded with blanks, so that contents begin at a multiple of 64 bytes. */
static void make_header(igi_text *text, const item *items, int n)
{
    uint64_t at = 0;
    igi_text_add(text, "{");
    for (int i = 0; i < n; i++) {
        const ig_tensor *t = items[i].t;
        uint64_t end = at + ig_tensor_nbytes(t);
        igi_text_add(text, "%s", i ? "," : "");
        put_string(text, items[i].name);
        igi_text_add(text, ":{\"dtype\":\"%s\",\"shape\":[",
                     igi_safetensors_dtype_name(ig_tensor_dtype(t)));
        for (int k = 0; k < ig_tensor_rank(t); k++)
            igi_text_add(text, "%s%" PRId64, k ? "," : "", ig_tensor_dims(t)[k]);
        igi_text_add(text, "],\"data_offsets\":[%" PRIu64 ",%" PRIu64 "]}", at, end);
        at = end;
    }
    igi_text_add(text, "}");
    size_t padded = ((8 + text->n + 63) & ~(size_t)63) - 8;
    igi_text_add(text, "%*s", (int)(padded - text->n), "");
}

static ig_status write_contents(igi_writer *w, const ig_tensor *t)
{
    ig_tensor *own = NULL;
    if (ig_tensor_nbytes(t) == 0)
        return IG_OK;
    IG_TRY(igi_tensor_readable(&own, t));
    t = own;
    ig_status rc = igi_writer_write(w, ig_tensor_data(t), ig_tensor_nbytes(t));
    ig_tensor_unref(own);
    return rc;
}

static ig_status write_file(const char *path, const item *items, int n)
{
    igi_text text = {0};
    igi_writer *w = NULL;
    make_header(&text, items, n);
    uint64_t length = text.n;
    ig_status rc = IG_OK;
    if (text.failed)
        rc = IG_OUT_OF_MEMORY;
    else if (length > IGI_SAFETENSORS_HEADER_MAX)
        rc = ig_fail(IG_LIMIT, "the names and shapes of %d tensors exceed %d bytes", n,
                     IGI_SAFETENSORS_HEADER_MAX);
    if (rc == IG_OK)
        rc = igi_writer_begin(&w, path);
    if (rc == IG_OK)
        rc = igi_writer_write(w, &length, sizeof(length));
    if (rc == IG_OK)
        rc = igi_writer_write(w, text.p, text.n);
    for (int i = 0; rc == IG_OK && i < n; i++)
        rc = write_contents(w, items[i].t);
    igi_text_fini(&text);
    if (rc == IG_OK)
        return igi_writer_commit(w);
    igi_writer_abort(w);
    return rc;
}

ig_status igi_safetensors_write(const char *path,
                                const char *const *names,
                                ig_tensor *const *tensors,
                                int n)
{
    igi_map seen = {0};
    ig_status rc = IG_OK;
    item *items = igi_alloc_array((size_t)n, sizeof(*items));
    if (!items)
        return IG_OUT_OF_MEMORY;
    for (int i = 0; i < n && rc == IG_OK; i++) {
        items[i] = (item){names[i], tensors[i]};
        rc = check_item(&items[i], &seen);
    }
    igi_map_fini(&seen);
    if (rc == IG_OK) {
        qsort(items, (size_t)n, sizeof(*items), by_width_and_name);
        rc = write_file(path, items, n);
    }
    igi_free(items);
    return rc == IG_OK ? IG_OK : ig_fail_context("%s", path);
}
