/* Files: the one place that opens them.
 *
 * Reading: a whole file, mapped read-only or as a private copy (V7: whoever can
 * truncate or change a mapped file can kill or deceive the reader, so maps are for
 * files that are trusted not to change). Only regular files, never more than the given
 * limit.
 * Writing: always atomic (V23): a temporary file beside the target, then fsync, rename,
 * fsync of the folder. A failure at any point leaves the old file as it was.
 * External data (V20): a relative path that cannot leave its folder.
 * Errors: NOT_FOUND, IO, LIMIT, INVALID_ARGUMENT, OUT_OF_MEMORY; messages name the
 * path. */
#ifndef GRAPH_CORE_FILE_H
#define GRAPH_CORE_FILE_H

#include "graph/core/status.h"

#define IGI_FILE_BYTES_DEFAULT ((uint64_t)1 << 36)

/* ---- reading ---- */

/* The bytes of a file; counted (atomically), because tensors may point into them.
 * Read-only when mapped. */
typedef struct igi_file {
    int32_t refs;
    bool mapped;
    char *data; /* 64-byte aligned; never NULL */
    size_t size;
    uint64_t device, inode; /* to see that two paths are one file */
} igi_file;

/* max_bytes 0: IGI_FILE_BYTES_DEFAULT. */
ig_status igi_file_map(igi_file **out, const char *path, uint64_t max_bytes);
ig_status igi_file_read(igi_file **out, const char *path, uint64_t max_bytes);
/* The same from an open file, which stays the caller's; `name` is for messages. */
ig_status igi_file_from_fd(
    igi_file **out, int fd, const char *name, bool map, uint64_t max_bytes);
igi_file *igi_file_ref(igi_file *f);
void igi_file_unref(igi_file *f);
/* Drops the reference given as `user`: for tensors that wrap a part of a file. */
void igi_file_deleter(void *data, void *user);
/* Gives the whole pages in [p, p + n) of a mapped file back to the system; they are
 * read again when needed. Only for memory of a storage with IGI_MAPPED. */
void igi_pages_forget(const void *p, size_t n);
/* Exactly n bytes at `offset` into dst; IO when the file is shorter. */
ig_status
igi_file_read_at(int fd, const char *name, uint64_t offset, void *dst, size_t n);
/* The beginning of a small text file, as of /proc: its length, or -1 without a record.
 */
int igi_file_peek(const char *path, char *buf, size_t size);

/* ---- external data ---- */

/* Opens `relative` below the folder `dir` for reading: no absolute path, no "..", no
 * symbolic link, no other mount, a regular file with one name only. igi_file_close ends
 * it. */
ig_status igi_file_open_beneath(int *out, const char *dir, const char *relative);
/* The path rules alone, for those who write such names into files. */
ig_status igi_file_check_relative(const char *relative);
void igi_file_close(int fd);

/* ---- writing ---- */

typedef struct igi_writer igi_writer;
/* Begins a temporary file ".ingot-*.tmp" beside `path`. */
ig_status igi_writer_begin(igi_writer **out, const char *path);
/* Appends; after a failure further calls return the same failure. */
ig_status igi_writer_write(igi_writer *w, const void *p, size_t n);
/* Overwrites bytes that were written before (a header that is known last). */
ig_status igi_writer_patch(igi_writer *w, uint64_t offset, const void *p, size_t n);
uint64_t igi_writer_tell(const igi_writer *w);
/* Brings all bytes to the disk, under the temporary name still: what is left for commit
 * is the name. For files that belong together. Nothing may be written afterwards. */
ig_status igi_writer_settle(igi_writer *w);
/* Makes the file appear under its name, whole, or not at all. Frees w in any case. */
ig_status igi_writer_commit(igi_writer *w);
void igi_writer_abort(igi_writer *w); /* NULL is harmless */
ig_status igi_file_write_atomic(const char *path, const void *p, size_t n);

#endif
