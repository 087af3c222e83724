/* Files as sources: mapped (or read, when the caller wants a private copy) and wrapped
 * as one shared tensor of bytes, of which constants may be views. */
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/file.h"
#include "graph/core/tensor.h"
#include "importers/import.h"

ig_status igi_source_of_file(igi_file *f, ig_tensor **out)
{
    int64_t n = (int64_t)f->size;
    *out = NULL;
    if (f->size == 0) /* nothing to keep alive */
        return ig_tensor_new(out, IG_UINT8, 1, &n);
    IG_TRY(ig_tensor_wrap(out, IG_UINT8, 1, &n, f->data, f->size, igi_file_deleter, f));
    igi_file_ref(f);
    (*out)->st->flags |= IGI_READONLY | (f->mapped ? IGI_MAPPED : 0);
    (void)ig_tensor_share(*out);
    return IG_OK;
}

void igi_source_forget(const void *p, size_t n)
{
    igi_pages_forget(p, n);
}

/* The folder part of a path, "." when it has none. */
static char *folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return igi_strdup(".");
    return slash == path ? igi_strdup("/") : igi_strndup(path, (size_t)(slash - path));
}

ig_status igi_source_open(igi_source *s, const char *path, const ig_read_opts *opts)
{
    igi_file *f = NULL;
    uint64_t most = opts ? opts->limits.file_bytes : 0;
    *s = (igi_source){0};
    if (opts && opts->private_copy)
        IG_TRY(igi_file_read(&f, path, most));
    else
        IG_TRY(igi_file_map(&f, path, most));
    ig_status rc = igi_source_of_file(f, &s->owner);
    igi_file_unref(f); /* the tensor has its own count */
    if (rc != IG_OK)
        return rc;
    s->bytes = ig_tensor_data(s->owner);
    s->size = (size_t)ig_tensor_numel(s->owner);
    s->name = path;
    s->own_dir = opts && opts->data_dir ? igi_strdup(opts->data_dir) : folder_of(path);
    s->dir = s->own_dir;
    if (!s->dir) {
        igi_source_close(s);
        return IG_OUT_OF_MEMORY;
    }
    return IG_OK;
}

void igi_source_close(igi_source *s)
{
    ig_tensor_unref(s->owner);
    igi_free(s->own_dir);
    *s = (igi_source){0};
}
