/* Atomic writing: the target's folder is opened once and everything happens relative to
 * it, so a rename of folders meanwhile cannot split the temporary file from its target.
 * Bytes are collected in a buffer; large blocks go straight to the file. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "graph/core/alloc.h"
#include "graph/core/file.h"

#define BUFFER 65536

struct igi_writer {
    int dir, fd;
    char *path, *name; /* name: the part of path behind the last slash */
    char temp[40];
    mode_t mode;
    uint64_t at; /* bytes given to write so far */
    size_t n;    /* bytes in the buffer */
    ig_status status;
    char buffer[BUFFER];
};

static ig_status fail_errno(igi_writer *w, const char *what)
{
    int e = errno;
    char text[128];
    w->status = ig_fail(e == ENOENT || e == ENOTDIR ? IG_NOT_FOUND : IG_IO,
                        "%s: %s: %s", w->path, what, strerror_r(e, text, sizeof(text)));
    return w->status;
}

static void writer_free(igi_writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    if (w->temp[0])
        unlinkat(w->dir, w->temp, 0);
    if (w->dir >= 0)
        close(w->dir);
    igi_free(w->path);
    igi_free(w);
}

void igi_writer_abort(igi_writer *w)
{
    if (w)
        writer_free(w);
}

/* Opens the folder of w->path and finds the name in it. */
static ig_status open_folder(igi_writer *w)
{
    char *slash = strrchr(w->path, '/');
    const char *folder = slash == w->path ? "/" : slash ? w->path : ".";
    w->name = slash ? slash + 1 : w->path;
    if (!w->name[0] || strcmp(w->name, ".") == 0 || strcmp(w->name, "..") == 0)
        return ig_fail(IG_INVALID_ARGUMENT, "'%s' names no file", w->path);
    bool cut = slash && slash != w->path;
    if (cut)
        *slash = 0;
    w->dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (cut)
        *slash = '/';
    return w->dir < 0 ? fail_errno(w, "its folder cannot be opened") : IG_OK;
}

/* Creates the temporary file: private while it is written, with the mode of the file
 * that it replaces (or that of a new file) in the end. */
static ig_status open_temp(igi_writer *w)
{
    struct stat old, made;
    bool exists = fstatat(w->dir, w->name, &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (exists && !S_ISREG(old.st_mode) && !S_ISLNK(old.st_mode))
        return ig_fail(IG_IO, "%s: exists and is not a regular file", w->path);
    for (int tries = 0; w->fd < 0 && tries < 100; tries++) {
        uint64_t random;
        if (getrandom(&random, sizeof(random), 0) != (ssize_t)sizeof(random))
            return fail_errno(w, "no random name for a temporary file");
        snprintf(w->temp, sizeof(w->temp), ".ingot-%016llx.tmp",
                 (unsigned long long)random);
        w->fd = openat(w->dir, w->temp,
                       O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (w->fd < 0 && errno != EEXIST)
            break;
    }
    if (w->fd < 0) {
        w->temp[0] = 0;
        return fail_errno(w, "a temporary file cannot be made beside it");
    }
    if (fstat(w->fd, &made) != 0 || fchmod(w->fd, 0600) != 0)
        return fail_errno(w, "its temporary file cannot be made private");
    w->mode = (exists && S_ISREG(old.st_mode) ? old.st_mode : made.st_mode) & 0777;
    return IG_OK;
}

ig_status igi_writer_begin(igi_writer **out, const char *path)
{
    if (!path || !path[0])
        return ig_fail(IG_INVALID_ARGUMENT, "the path is empty");
    igi_writer *w = igi_alloc(sizeof(*w));
    if (!w)
        return IG_OUT_OF_MEMORY;
    w->dir = w->fd = -1;
    w->temp[0] = 0;
    w->at = 0;
    w->n = 0;
    w->status = IG_OK;
    w->path = igi_strdup(path);
    ig_status rc = w->path ? open_folder(w) : IG_OUT_OF_MEMORY;
    if (rc == IG_OK)
        rc = open_temp(w);
    if (rc != IG_OK) {
        writer_free(w);
        return rc;
    }
    *out = w;
    return IG_OK;
}

static ig_status write_all(igi_writer *w, const char *p, size_t n)
{
    while (n > 0) {
        size_t part = n < ((size_t)1 << 30) ? n : (size_t)1 << 30;
        ssize_t done = write(w->fd, p, part);
        if (done < 0 && errno == EINTR)
            continue;
        if (done == 0)
            errno = ENOSPC;
        if (done <= 0)
            return fail_errno(w, "cannot be written");
        p += done;
        n -= (size_t)done;
    }
    return IG_OK;
}

/* The failure that came first, for calls that follow it. */
static ig_status failed_before(const igi_writer *w)
{
    return ig_fail(w->status, "%s: writing failed before", w->path);
}

static ig_status flush(igi_writer *w)
{
    size_t n = w->n;
    w->n = 0;
    return write_all(w, w->buffer, n);
}

ig_status igi_writer_write(igi_writer *w, const void *p, size_t n)
{
    if (w->status != IG_OK)
        return failed_before(w);
    if (n == 0)
        return IG_OK;
    if (n > BUFFER - w->n)
        IG_TRY(flush(w));
    w->at += n;
    if (n >= BUFFER)
        return write_all(w, p, n);
    memcpy(w->buffer + w->n, p, n);
    w->n += n;
    return IG_OK;
}

ig_status igi_writer_patch(igi_writer *w, uint64_t offset, const void *p, size_t n)
{
    if (w->status != IG_OK)
        return failed_before(w);
    if (offset > w->at || n > w->at - offset)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "%s: %zu bytes at offset %llu are not written yet", w->path, n,
                       (unsigned long long)offset);
    IG_TRY(flush(w));
    const char *from = p;
    while (n > 0) {
        ssize_t done = pwrite(w->fd, from, n, (off_t)offset);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return fail_errno(w, "cannot be written");
        from += done;
        offset += (uint64_t)done;
        n -= (size_t)done;
    }
    return IG_OK;
}

uint64_t igi_writer_tell(const igi_writer *w)
{
    return w->at;
}

ig_status igi_writer_settle(igi_writer *w)
{
    if (w->status != IG_OK)
        return failed_before(w);
    if (w->fd < 0) /* has been settled */
        return IG_OK;
    IG_TRY(flush(w));
    if (fchmod(w->fd, w->mode) != 0)
        return fail_errno(w, "its mode cannot be set");
    if (fsync(w->fd) != 0)
        return fail_errno(w, "cannot be brought to the disk");
    int fd = w->fd;
    w->fd = -1;
    if (close(fd) != 0 && errno != EINTR)
        return fail_errno(w, "cannot be closed");
    return IG_OK;
}

ig_status igi_writer_commit(igi_writer *w)
{
    ig_status rc = igi_writer_settle(w);
    if (rc == IG_OK && renameat(w->dir, w->temp, w->dir, w->name) != 0)
        rc = fail_errno(w, "the finished file cannot take its name");
    if (rc == IG_OK) {
        w->temp[0] = 0;
        /* File systems that cannot sync folders say EINVAL; the file itself is safe
         * there. */
        if (fsync(w->dir) != 0 && errno != EINVAL)
            rc = fail_errno(w, "its folder cannot be brought to the disk");
    }
    writer_free(w);
    return rc;
}

ig_status igi_file_write_atomic(const char *path, const void *p, size_t n)
{
    igi_writer *w = NULL;
    IG_TRY(igi_writer_begin(&w, path));
    ig_status rc = igi_writer_write(w, p, n);
    if (rc != IG_OK) {
        igi_writer_abort(w);
        return rc;
    }
    return igi_writer_commit(w);
}
