/* .safetensors: named tensors in one file, the state of modules.
 *
 * The file is 8 bytes of header length (little-endian), a JSON object, the contents:
 *
 *     {"fc1.bias": {"dtype": "F32", "shape": [64], "data_offsets": [0, 256]}, ...,
 *      "__metadata__": {"key": "text"}}
 *
 * Read as hostile input: the header is at most 100 MB and lies inside the file, is
 * strict JSON of exactly this form (no key twice, nothing unknown), the contents lie in
 * order without a hole or an overlap and end with the file, and each has the size that
 * type and shape ask for. Files are read into private memory, never mapped.
 * Errors: NOT_FOUND, IO, LIMIT, INVALID_ARGUMENT (format, with the byte), UNSUPPORTED
 * (a type that the format or Ingot cannot hold), OUT_OF_MEMORY. */
#ifndef IMPORTERS_DATA_SAFETENSORS_H
#define IMPORTERS_DATA_SAFETENSORS_H

#include <ingot/ingot.h>

#include "graph/core/file.h"
#include "graph/core/map.h"
#include "graph/core/vec.h"

#define IGI_SAFETENSORS_HEADER_MAX 100000000 /* the format's own bound */

/* Gets each tensor of a file, in the order of the contents; name and tensor are
 * borrowed (take a reference to keep it). Not IG_OK: reading stops with that. */
typedef ig_status (*igi_safetensors_visit)(void *user, const char *name, ig_tensor *t);

/* The whole file is checked before the first visit. */
ig_status
igi_safetensors_read(const char *path, igi_safetensors_visit visit, void *user);
/* The same from memory; contents stay in `owner` (retained) when it is given. */
ig_status igi_safetensors_read_bytes(const void *bytes,
                                     size_t n,
                                     igi_file *owner,
                                     igi_safetensors_visit visit,
                                     void *user);
/* Written atomically. The bytes depend on names and contents only, not on their order:
 * wider elements come first, so that each tensor is aligned, then order of names. */
ig_status igi_safetensors_write(const char *path,
                                const char *const *names,
                                ig_tensor *const *tensors,
                                int n);

/* ---- for safetensors.c and safetensors_header.c ---- */

typedef struct igi_safetensors_entry {
    const char *name; /* in `names` of the header */
    size_t dims_at;   /* index into `dims` of the header */
    int rank;
    ig_dtype dtype;
    uint64_t begin, end; /* bytes of the contents */
} igi_safetensors_entry;

typedef struct igi_safetensors_header {
    IGI_VEC(igi_safetensors_entry) entries; /* sorted by begin and end */
    IGI_VEC(int64_t) dims;
    char *names; /* decoded, each zero-terminated */
    igi_map by_name, by_key;
} igi_safetensors_header;

/* The header in text[0, n), checked against `bytes` of contents. Call fini in any case.
 */
ig_status igi_safetensors_header_read(igi_safetensors_header *h,
                                      const char *text,
                                      size_t n,
                                      uint64_t bytes);
void igi_safetensors_header_fini(igi_safetensors_header *h);
/* "F32", NULL when the format cannot hold the type; and back, 0 for unknown names. */
const char *igi_safetensors_dtype_name(ig_dtype dtype);
ig_dtype igi_safetensors_dtype(const char *name);

#endif
