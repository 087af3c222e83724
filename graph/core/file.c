/* Reading files, and the rules for external data. */
#include "graph/core/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "graph/core/alloc.h"

/* ---- reading ---- */

static ig_status fail_errno(const char *what, const char *path)
{
    int e = errno;
    char text[128];
    return ig_fail(e == ENOENT || e == ENOTDIR ? IG_NOT_FOUND : IG_IO, "%s: %s: %s",
                   path, what, strerror_r(e, text, sizeof(text)));
}

/* Opened without waiting for the other end of a pipe; what is no regular file is
 * refused. */
static ig_status open_path(int *out, const char *path)
{
    if (!path || !path[0])
        return ig_fail(IG_INVALID_ARGUMENT, "the path is empty");
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0)
        return fail_errno("cannot be opened", path);
    *out = fd;
    return IG_OK;
}

/* The whole file, size bytes, into dst. */
static ig_status
read_all(int fd, const char *name, uint64_t offset, char *dst, size_t n)
{
    size_t done = 0;
    while (done < n) {
        size_t part = n - done < ((size_t)1 << 30) ? n - done : (size_t)1 << 30;
        ssize_t got = pread(fd, dst + done, part, (off_t)(offset + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return fail_errno("cannot be read", name);
        if (got == 0)
            return ig_fail(
                IG_IO, "%s: ends at byte %llu, expected %zu bytes from byte %llu", name,
                (unsigned long long)(offset + done), n, (unsigned long long)offset);
        done += (size_t)got;
    }
    return IG_OK;
}

ig_status
igi_file_read_at(int fd, const char *name, uint64_t offset, void *dst, size_t n)
{
    if (offset > INT64_MAX || n > INT64_MAX - offset)
        return ig_fail(IG_INVALID_ARGUMENT, "%s: no file has %zu bytes at offset %llu",
                       name, n, (unsigned long long)offset);
    return read_all(fd, name, offset, dst, n);
}

static ig_status check_regular(int fd, const char *name, struct stat *st)
{
    if (fstat(fd, st) != 0)
        return fail_errno("cannot be examined", name);
    if (!S_ISREG(st->st_mode))
        return ig_fail(IG_IO, "%s: is not a regular file", name);
    return IG_OK;
}

static ig_status fill(igi_file *f, int fd, const char *name)
{
    static char empty[64] __attribute__((aligned(64)));
    if (f->size == 0) {
        f->mapped = true;
        f->data = empty;
        return IG_OK;
    }
    if (f->mapped) {
        f->data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
        return f->data == MAP_FAILED ? fail_errno("cannot be mapped", name) : IG_OK;
    }
    f->data = igi_alloc(f->size);
    if (!f->data)
        return ig_fail_context("%s: a copy of the file", name);
    ig_status rc = read_all(fd, name, 0, f->data, f->size);
    if (rc != IG_OK)
        igi_free(f->data);
    return rc;
}

ig_status
igi_file_from_fd(igi_file **out, int fd, const char *name, bool map, uint64_t max_bytes)
{
    struct stat st;
    IG_TRY(check_regular(fd, name, &st));
    uint64_t limit = max_bytes ? max_bytes : IGI_FILE_BYTES_DEFAULT;
    if ((uint64_t)st.st_size > limit)
        return ig_fail(IG_LIMIT, "%s: has %llu bytes, the limit file_bytes is %llu",
                       name, (unsigned long long)st.st_size, (unsigned long long)limit);
    igi_file *f = igi_alloc(sizeof(*f));
    if (!f)
        return IG_OUT_OF_MEMORY;
    *f = (igi_file){.refs = 1,
                    .mapped = map,
                    .size = (size_t)st.st_size,
                    .device = (uint64_t)st.st_dev,
                    .inode = (uint64_t)st.st_ino};
    ig_status rc = fill(f, fd, name);
    if (rc != IG_OK) {
        igi_free(f);
        return rc;
    }
    *out = f;
    return IG_OK;
}

static ig_status
from_path(igi_file **out, const char *path, bool map, uint64_t max_bytes)
{
    int fd = -1;
    IG_TRY(open_path(&fd, path));
    ig_status rc = igi_file_from_fd(out, fd, path, map, max_bytes);
    igi_file_close(fd);
    return rc;
}

ig_status igi_file_map(igi_file **out, const char *path, uint64_t max_bytes)
{
    return from_path(out, path, true, max_bytes);
}

ig_status igi_file_read(igi_file **out, const char *path, uint64_t max_bytes)
{
    return from_path(out, path, false, max_bytes);
}

igi_file *igi_file_ref(igi_file *f)
{
    if (f)
        __atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
    return f;
}

void igi_file_unref(igi_file *f)
{
    if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    if (f->mapped && f->size > 0)
        munmap(f->data, f->size);
    else if (!f->mapped)
        igi_free(f->data);
    igi_free(f);
}

void igi_pages_forget(const void *p, size_t n)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t lo = ((uintptr_t)p + page - 1) & ~(page - 1);
    uintptr_t hi = ((uintptr_t)p + n) & ~(page - 1);
    if (lo < hi)
        (void)madvise((void *)lo, hi - lo, MADV_DONTNEED);
}

void igi_file_deleter(void *data, void *user)
{
    (void)data;
    igi_file_unref(user);
}

int igi_file_peek(const char *path, char *buf, size_t size)
{
    size_t done = 0;
    int fd = size > 0 ? open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) : -1;
    if (fd < 0)
        return -1;
    while (done + 1 < size && done < INT32_MAX) {
        ssize_t got = read(fd, buf + done, size - 1 - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        done += (size_t)got;
    }
    buf[done] = 0;
    close(fd);
    return (int)done;
}

void igi_file_close(int fd)
{
    if (fd >= 0)
        close(fd);
}

/* ---- external data ---- */

static ig_status refuse(const char *relative, const char *rule)
{
    return ig_fail(IG_INVALID_ARGUMENT,
                   "external data '%.200s' is refused: %s. It must be a relative path "
                   "to a regular "
                   "file below the model's folder (or data_dir)",
                   relative, rule);
}

ig_status igi_file_check_relative(const char *relative)
{
    size_t n = relative ? strlen(relative) : 0;
    if (n == 0)
        return refuse("", "the path is empty");
    if (n > 4000)
        return refuse(relative, "the path is longer than 4000 bytes");
    if (relative[0] == '/')
        return refuse(relative, "the path is absolute");
    if (relative[n - 1] == '/')
        return refuse(relative, "the path names a folder");
    for (const char *p = relative; *p; p++) {
        if (*p == '\\')
            return refuse(relative, "the path has a backslash");
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            return refuse(relative, "the path has a control character");
    }
    for (const char *p = relative; *p;) {
        size_t part = strcspn(p, "/");
        if (part == 2 && p[0] == '.' && p[1] == '.')
            return refuse(relative, "the path has a component '..'");
        p += part + (p[part] == '/');
    }
    return IG_OK;
}

/* For kernels without openat2 (before 5.6, or behind an old seccomp filter): component
 * by component, never through a link. Returns a descriptor or -1 with errno. */
static int walk_beneath(int dir, const char *relative)
{
    struct stat root, st;
    int at = dup(dir);
    if (at < 0 || fstat(dir, &root) != 0) {
        igi_file_close(at);
        return -1;
    }
    for (const char *p = relative; at >= 0;) {
        char name[256];
        size_t part = strcspn(p, "/");
        bool last = p[part] == 0;
        int flags = last ? O_RDONLY | O_NONBLOCK | O_NOCTTY : O_PATH | O_DIRECTORY;
        if (part >= sizeof(name)) {
            close(at);
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, p, part);
        name[part] = 0;
        if (part == 0)
            memcpy(name, ".", 2);
        int next = openat(at, name, flags | O_NOFOLLOW | O_CLOEXEC);
        if (next < 0 && errno == ENOTDIR)
            errno =
                fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode)
                    ? ELOOP
                    : ENOTDIR;
        int e = errno;
        close(at);
        errno = e;
        at = next;
        if (at >= 0 && (fstat(at, &st) != 0 || st.st_dev != root.st_dev)) {
            close(at);
            errno = EXDEV;
            return -1;
        }
        if (last)
            break;
        p += part + 1;
    }
    return at;
}

static int open_beneath(int dir, const char *relative)
{
    struct open_how how = {
        .flags = O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    long fd = syscall(SYS_openat2, dir, relative, &how, sizeof(how));
    if (fd >= 0)
        return (int)fd;
    if (errno == ENOSYS || errno == EPERM || errno == E2BIG)
        return walk_beneath(dir, relative);
    return -1;
}

ig_status igi_file_open_beneath(int *out, const char *dir, const char *relative)
{
    struct stat st;
    IG_TRY(igi_file_check_relative(relative));
    int root = open(dir && dir[0] ? dir : ".", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root < 0)
        return fail_errno("the folder of external data cannot be opened", dir);
    int fd = open_beneath(root, relative);
    int e = errno;
    close(root);
    errno = e;
    if (fd < 0 && e == ELOOP)
        return refuse(relative, "it passes through a symbolic link");
    if (fd < 0 && e == EXDEV)
        return refuse(relative, "it leaves the folder or its file system");
    if (fd < 0)
        return fail_errno("external data cannot be opened", relative);
    ig_status rc = IG_OK;
    if (fstat(fd, &st) != 0)
        rc = fail_errno("cannot be examined", relative);
    else if (!S_ISREG(st.st_mode))
        rc = refuse(relative, "it is not a regular file");
    else if (st.st_nlink != 1)
        rc = refuse(relative, "the file has other names (hard links)");
    if (rc != IG_OK) {
        close(fd);
        return rc;
    }
    *out = fd;
    return IG_OK;
}
