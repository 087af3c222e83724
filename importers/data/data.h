/* Files of tensors: .npy, .npz, raw bytes and ONNX .pb; see <ingot/ingot.h> for
 * ig_tensor_load and ig_tensor_save.
 *
 * All of it is hostile input: headers have limits, a shape is compared with the bytes
 * that are there before memory is taken, archives are bounded by what their deflate
 * streams can hold. Files are read into private memory, never mapped, and tensors own
 * it. Errors: NOT_FOUND, IO, LIMIT, INVALID_ARGUMENT (format), UNSUPPORTED (a type that
 * the format or Ingot cannot hold), OUT_OF_MEMORY. */
#ifndef IMPORTERS_DATA_DATA_H
#define IMPORTERS_DATA_DATA_H

#include <ingot/ingot.h>

#include "graph/core/file.h"

#define IGI_NPY_HEADER_MAX 10000 /* NumPy's own limit */

/* ---- .npy ---- */

bool igi_npy_sniff(const void *bytes, size_t n);
/* The array in bytes[0, n), which must end with it. Contents stay in `owner` (retained)
 * when it is given and they can be used as they lie; otherwise they are copied. */
ig_status igi_npy_read(ig_tensor **out, const void *bytes, size_t n, igi_file *owner);
ig_status igi_npy_save(const ig_tensor *t, const char *path);

/* One token of the header's dictionary; for npy.c and npy_header.c. */
typedef struct igi_npy_header {
    char kind; /* 'f' 'i' 'u' 'b' 'c' 'S' 'U' */
    bool big_endian, fortran;
    int64_t item; /* bytes of one element; of 'U': 4 per character */
    ig_dtype dtype;
    int rank;
    int64_t dims[IG_RANK_MAX];
    size_t data_at; /* offset of the first element */
} igi_npy_header;
ig_status igi_npy_header_read(igi_npy_header *h, const char *bytes, size_t n);

/* ---- .npz: a zip archive of .npy files, stored or deflated ---- */

typedef struct igi_npz igi_npz;
bool igi_npz_sniff(const void *bytes, size_t n);
/* Retains the file. max_bytes bounds the unpacked contents of all entries (0: 2^37). */
ig_status igi_npz_open(igi_npz **out, igi_file *file, uint64_t max_bytes);
void igi_npz_close(igi_npz *z);
int igi_npz_count(const igi_npz *z);
const char *igi_npz_name(const igi_npz *z, int i); /* without ".npy"; borrowed */
ig_status igi_npz_read(const igi_npz *z, int i, ig_tensor **out);

/* ---- any file ---- */

/* .npy, .npz with one array, or .pb of the type `want` (NULL: a tensor). */
ig_status igi_value_load(ig_value **out,
                         const char *path,
                         const ig_type *want,
                         const ig_limits *limits);
/* The bytes of the file as a tensor of that type, which must have exactly its size. */
ig_status igi_raw_load(ig_tensor **out,
                       const char *path,
                       ig_dtype dtype,
                       int rank,
                       const int64_t *dims,
                       const ig_limits *limits);

#endif
