/* Tensors from and to files: the kind of a file is told by its first bytes, ONNX's .pb,
 * which has none of its own, by its ending. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "graph/core/tensor.h"
#include "importers/data/data.h"
#include "importers/import.h"

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

static ig_status read_single(ig_tensor **out, igi_file *file, uint64_t max_bytes)
{
    igi_npz *z = NULL;
    IG_TRY(igi_npz_open(&z, file, max_bytes));
    ig_status rc =
        igi_npz_count(z) == 1
            ? igi_npz_read(z, 0, out)
            : ig_fail(IG_INVALID_ARGUMENT, "the archive holds %d arrays, expected one",
                      igi_npz_count(z));
    igi_npz_close(z);
    return rc;
}

static ig_status read_value(ig_value **out,
                            igi_file *f,
                            const char *path,
                            const ig_type *want,
                            uint64_t max_bytes)
{
    ig_tensor *t = NULL;
    if (!igi_npy_sniff(f->data, f->size) && !igi_npz_sniff(f->data, f->size)) {
        if (ends_with(path, ".pb"))
            return igi_onnx_read_value(f->data, f->size, want, out);
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "is neither .npy nor .npz data, and its name does not end in .pb");
    }
    if (igi_npy_sniff(f->data, f->size))
        IG_TRY(igi_npy_read(&t, f->data, f->size, f));
    else
        IG_TRY(read_single(&t, f, max_bytes));
    *out = ig_tensor_value(t);
    return IG_OK;
}

ig_status igi_value_load(ig_value **out,
                         const char *path,
                         const ig_type *want,
                         const ig_limits *limits)
{
    igi_file *f = NULL;
    *out = NULL;
    IG_TRY(igi_file_read(&f, path, limits ? limits->file_bytes : 0));
    ig_status rc = read_value(out, f, path, want, limits ? limits->memory_bytes : 0);
    igi_file_unref(f);
    return rc == IG_OK ? IG_OK : ig_fail_context("%s", path);
}

ig_status ig_tensor_load(ig_tensor **out, const char *path)
{
    IGI_NEEDS(out);
    ig_value *v = NULL;
    igi_error_clear();
    *out = NULL;
    IG_TRY(igi_value_load(&v, path, NULL, NULL));
    *out = ig_value_tensor(v);
    return IG_OK;
}

ig_status ig_tensor_save(const ig_tensor *t, const char *path)
{
    IGI_NEEDS(t);
    IGI_NEEDS(path);
    void *bytes = NULL;
    size_t n = 0;
    igi_error_clear();
    if (ends_with(path, ".npy"))
        return igi_npy_save(t, path);
    if (!ends_with(path, ".pb"))
        return ig_fail(IG_INVALID_ARGUMENT, "%s ends neither in .npy nor in .pb", path);
    ig_status rc = igi_onnx_write_tensor(t, NULL, &bytes, &n);
    if (rc == IG_OK)
        rc = igi_file_write_atomic(path, bytes, n);
    igi_free(bytes);
    return rc == IG_OK ? IG_OK : ig_fail_context("%s", path);
}

ig_status igi_raw_load(ig_tensor **out,
                       const char *path,
                       ig_dtype dtype,
                       int rank,
                       const int64_t *dims,
                       const ig_limits *limits)
{
    igi_file *f = NULL;
    int64_t count = 0;
    size_t need = 0;
    if (dtype == IG_STRING || !igi_dims_count(rank, dims, &count) ||
        !igi_dtype_bytes(dtype, count, &need))
        return ig_fail(
            IG_INVALID_ARGUMENT,
            "%s: raw bytes need an element type other than string and a known shape",
            path);
    IG_TRY(igi_file_read(&f, path, limits ? limits->file_bytes : 0));
    ig_status rc = IG_OK;
    if (f->size != need)
        rc = ig_fail(IG_INVALID_ARGUMENT, "%s: has %zu bytes, the shape needs %zu",
                     path, f->size, need);
    else
        rc = ig_tensor_new_copy(out, dtype, rank, dims, f->data, f->size);
    if (rc == IG_OK && dtype == IG_BOOL)
        for (int64_t i = 0; i < count; i++)
            ((char *)ig_tensor_data(*out))[i] = ((char *)ig_tensor_data(*out))[i] != 0;
    igi_file_unref(f);
    return rc;
}
