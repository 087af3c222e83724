/* System calls are replaced by the linker (--wrap), so that each can be made to fail.
 */
#include "tests/support/test_main.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "graph/core/file.h"
#include "tests/support/failing_alloc.h"

/* ---- calls that fail ---- */

enum { NOTHING, WRITE, PWRITE, FSYNC, CLOSE, RENAME, FCHMOD, OPENAT2 };
static int failing, after, with_errno, partial;

static bool fails(int call)
{
    if (failing != call || after-- > 0)
        return false;
    errno = with_errno;
    return true;
}

static void fail_call(int call, int calls_before, int e)
{
    failing = call;
    after = calls_before;
    with_errno = e;
}

ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    if (fails(WRITE))
        return -1;
    return __real_write(fd, p, partial && n > 1 ? n / 2 : n);
}

ssize_t __real_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite(int fd, const void *p, size_t n, off_t at)
{
    return fails(PWRITE) ? -1 : __real_pwrite(fd, p, n, at);
}

int __real_fsync(int fd);
int __wrap_fsync(int fd);
int __wrap_fsync(int fd)
{
    return fails(FSYNC) ? -1 : __real_fsync(fd);
}

int __real_close(int fd);
int __wrap_close(int fd);
int __wrap_close(int fd)
{
    if (!fails(CLOSE))
        return __real_close(fd);
    __real_close(fd);
    errno = with_errno;
    return -1;
}

int __real_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to);
int __wrap_renameat(int a, const char *from, int b, const char *to)
{
    return fails(RENAME) ? -1 : __real_renameat(a, from, b, to);
}

int __real_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode);
int __wrap_fchmod(int fd, mode_t mode)
{
    return fails(FCHMOD) ? -1 : __real_fchmod(fd, mode);
}

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);
long __wrap_syscall(long number, ...)
{
    va_list args;
    va_start(args, number);
    long a = va_arg(args, int);
    void *b = va_arg(args, void *), *c = va_arg(args, void *);
    size_t d = va_arg(args, size_t);
    va_end(args);
    return number == SYS_openat2 && fails(OPENAT2) ? -1
                                                   : __real_syscall(number, a, b, c, d);
}

/* ---- a folder for each test ---- */

static char folder[64];

static int setup(void **state)
{
    (void)state;
    failing = NOTHING;
    partial = 0;
    snprintf(folder, sizeof(folder), "/tmp/ingot_test_file_XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[128];
    failing = NOTHING;
    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    return system(command);
}

static const char *at(const char *name)
{
    static char paths[4][256];
    static int next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void put(const char *name, const char *text)
{
    FILE *f = fopen(at(name), "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void assert_contains(const char *name, const char *text)
{
    igi_file *f;
    assert_int_equal(igi_file_read(&f, at(name), 0), IG_OK);
    assert_int_equal(f->size, strlen(text));
    assert_memory_equal(f->data, text, f->size);
    igi_file_unref(f);
}

static int files_in_folder(void)
{
    int n = 0;
    DIR *d = opendir(folder);
    for (struct dirent *e = readdir(d); e; e = readdir(d))
        n += strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0;
    closedir(d);
    return n;
}

/* ---- reading ---- */

static void a_file_is_read_or_mapped_whole(void **state)
{
    (void)state;
    put("f", "contents");
    for (int map = 0; map < 2; map++) {
        igi_file *f;
        assert_int_equal(
            map ? igi_file_map(&f, at("f"), 0) : igi_file_read(&f, at("f"), 0), IG_OK);
        assert_int_equal(f->size, 8);
        assert_memory_equal(f->data, "contents", 8);
        assert_int_equal((uintptr_t)f->data % 64, 0);
        assert_int_equal(f->mapped, map);
        igi_file_ref(f);
        igi_file_deleter(f->data, f);
        igi_file_unref(f);
    }
    put("empty", "");
    igi_file *f;
    assert_int_equal(igi_file_map(&f, at("empty"), 0), IG_OK);
    assert_int_equal(f->size, 0);
    assert_non_null(f->data);
    igi_file_unref(f);
    igi_file_unref(NULL);
}

static void what_cannot_be_read_is_named(void **state)
{
    (void)state;
    igi_file *f;
    assert_int_equal(igi_file_read(&f, at("nothing"), 0), IG_NOT_FOUND);
    assert_non_null(strstr(ig_error_message(), at("nothing")));
    assert_int_equal(igi_file_read(&f, folder, 0), IG_IO);
    assert_non_null(strstr(ig_error_message(), "not a regular file"));
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    assert_int_equal(igi_file_read(&f, at("pipe"), 0), IG_IO); /* and does not wait */
    assert_int_equal(igi_file_map(&f, "/dev/zero", 0), IG_IO);
    assert_int_equal(igi_file_read(&f, "", 0), IG_INVALID_ARGUMENT);
    assert_int_equal(igi_file_read(&f, NULL, 0), IG_INVALID_ARGUMENT);
}

static void files_above_the_limit_are_refused(void **state)
{
    (void)state;
    igi_file *f;
    put("f", "12345678");
    assert_int_equal(igi_file_read(&f, at("f"), 7), IG_LIMIT);
    assert_non_null(strstr(ig_error_message(), "file_bytes"));
    assert_int_equal(igi_file_read(&f, at("f"), 8), IG_OK);
    igi_file_unref(f);
    assert_int_equal(truncate(at("f"), (off_t)IGI_FILE_BYTES_DEFAULT + 1), 0);
    assert_int_equal(igi_file_read(&f, at("f"), 0), IG_LIMIT);
}

static void a_part_must_lie_in_the_file(void **state)
{
    (void)state;
    char buf[8] = "";
    put("f", "12345678");
    int fd = open(at("f"), O_RDONLY);
    assert_int_equal(igi_file_read_at(fd, "f", 2, buf, 4), IG_OK);
    assert_memory_equal(buf, "3456", 4);
    assert_int_equal(igi_file_read_at(fd, "f", 5, buf, 4), IG_IO);
    assert_int_equal(igi_file_read_at(fd, "f", 100, buf, 1), IG_IO);
    assert_int_equal(igi_file_read_at(fd, "f", UINT64_MAX, buf, 8),
                     IG_INVALID_ARGUMENT);
    assert_int_equal(igi_file_read_at(fd, "f", 8, buf, 0), IG_OK);
    igi_file_close(fd);
}

static void small_texts_can_be_peeked(void **state)
{
    (void)state;
    char buf[5];
    put("f", "12345678");
    assert_int_equal(igi_file_peek(at("f"), buf, sizeof(buf)), 4);
    assert_string_equal(buf, "1234");
    assert_int_equal(igi_file_peek(at("nothing"), buf, sizeof(buf)), -1);
}

static ig_status read_file(void *arg)
{
    igi_file *f;
    IG_TRY(igi_file_read(&f, arg, 0));
    igi_file_unref(f);
    return IG_OK;
}

static void failing_reads_leave_nothing_behind(void **state)
{
    (void)state;
    put("f", "contents");
    igi_failing_each(read_file, (void *)(uintptr_t)at("f"));
}

/* ---- external data (V20) ---- */

static const struct {
    const char *path, *says;
} refused[] = {
    {"", "empty"},
    {"/etc/passwd", "absolute"},
    {"../f", "'..'"},
    {"sub/../../f", "'..'"},
    {"sub/..", "'..'"},
    {"sub\\f", "backslash"},
    {"f\n", "control character"},
    {"sub/", "folder"},
    {"link", "symbolic link"},
    {"sub_link/f", "symbolic link"},
    {"twin", "hard links"},
    {"sub", "not a regular file"},
    {"pipe", "not a regular file"},
};

static void external_data_stays_below_its_folder(void **state)
{
    (void)state;
    int fd;
    char text[4] = "";
    put("f", "data");
    assert_int_equal(mkdir(at("sub"), 0700), 0);
    put("sub/f", "deep");
    put("twin", "twin");
    assert_int_equal(link(at("twin"), at("twin2")), 0);
    assert_int_equal(symlink("f", at("link")), 0);
    assert_int_equal(symlink("sub", at("sub_link")), 0);
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    for (int fallback = 0; fallback < 2; fallback++) {
        static const char *const fine[] = {"f", "./f", "sub/f", "sub//f", "./sub/./f"};
        for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++) {
            fail_call(fallback ? OPENAT2 : NOTHING, 0, ENOSYS);
            assert_int_equal(igi_file_open_beneath(&fd, folder, fine[i]), IG_OK);
            assert_int_equal(igi_file_read_at(fd, "f", 0, text, 4), IG_OK);
            assert_memory_equal(text, strstr(fine[i], "sub") ? "deep" : "data", 4);
            igi_file_close(fd);
        }
        for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
            fail_call(fallback ? OPENAT2 : NOTHING, 0, ENOSYS);
            ig_status rc = igi_file_open_beneath(&fd, folder, refused[i].path);
            assert_int_equal(rc, IG_INVALID_ARGUMENT);
            assert_non_null(strstr(ig_error_message(), refused[i].says));
        }
        fail_call(fallback ? OPENAT2 : NOTHING, 0, ENOSYS);
        assert_int_equal(igi_file_open_beneath(&fd, folder, "nothing"), IG_NOT_FOUND);
        fail_call(fallback ? OPENAT2 : NOTHING, 0, ENOSYS);
        assert_int_equal(igi_file_open_beneath(&fd, folder, "f/below"), IG_NOT_FOUND);
    }
    assert_int_equal(igi_file_open_beneath(&fd, at("nothing"), "f"), IG_NOT_FOUND);
    assert_int_equal(igi_file_check_relative(NULL), IG_INVALID_ARGUMENT);
    assert_int_equal(igi_file_check_relative("a/..b/c.bin"), IG_OK);
    char wide[5000];
    memset(wide, 'w', sizeof(wide) - 1);
    wide[sizeof(wide) - 1] = 0;
    assert_int_equal(igi_file_check_relative(wide), IG_INVALID_ARGUMENT);
}

/* ---- writing (V23) ---- */

static ig_status write_pieces(const char *path, size_t piece, int pieces)
{
    igi_writer *w;
    char text[256];
    memset(text, 'p', sizeof(text));
    IG_TRY(igi_writer_begin(&w, path));
    ig_status rc = IG_OK;
    for (int i = 0; i < pieces && rc == IG_OK; i++)
        rc = igi_writer_write(w, text, piece);
    if (rc == IG_OK)
        rc = igi_writer_patch(w, 0, "head", 4);
    if (rc != IG_OK) {
        igi_writer_abort(w);
        return rc;
    }
    return igi_writer_commit(w);
}

static void a_written_file_appears_whole(void **state)
{
    (void)state;
    for (partial = 0; partial < 2; partial++) {
        assert_int_equal(igi_file_write_atomic(at("f"), "new", 3), IG_OK);
        assert_contains("f", "new");
        assert_int_equal(write_pieces(at("big"), 200, 1000), IG_OK);
        igi_file *f;
        assert_int_equal(igi_file_read(&f, at("big"), 0), IG_OK);
        assert_int_equal(f->size, 200000);
        assert_memory_equal(f->data, "headpppp", 8);
        assert_int_equal(f->data[199999], 'p');
        igi_file_unref(f);
    }
    assert_int_equal(files_in_folder(), 2);
}

static void the_mode_of_the_old_file_is_kept(void **state)
{
    (void)state;
    struct stat st;
    put("f", "old");
    put("reference", "");
    assert_int_equal(chmod(at("f"), 0640), 0);
    assert_int_equal(igi_file_write_atomic(at("f"), "new", 3), IG_OK);
    assert_int_equal(stat(at("f"), &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    assert_int_equal(igi_file_write_atomic(at("g"), "new", 3), IG_OK);
    assert_int_equal(stat(at("reference"), &st), 0);
    mode_t usual = st.st_mode & 0777;
    assert_int_equal(stat(at("g"), &st), 0);
    assert_int_equal(st.st_mode & 0777, usual);
}

static void a_failed_write_leaves_the_old_file(void **state)
{
    (void)state;
    static const struct {
        int call, after, e;
    } failures[] = {
        {WRITE, 0, ENOSPC}, {WRITE, 1, EIO},    {PWRITE, 0, ENOSPC}, {FSYNC, 0, EIO},
        {CLOSE, 0, EIO},    {RENAME, 0, EPERM}, {FCHMOD, 0, EPERM},  {FCHMOD, 1, EPERM},
    };
    put("f", "old");
    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
        fail_call(failures[i].call, failures[i].after, failures[i].e);
        assert_int_equal(write_pieces(at("f"), 256, 1000), IG_IO);
        failing = NOTHING;
        assert_non_null(strstr(ig_error_message(), at("f")));
        assert_non_null(strstr(ig_error_message(), strerror(failures[i].e)));
        assert_contains("f", "old");
        assert_int_equal(files_in_folder(), 1);
    }
}

static void a_folder_that_cannot_be_synced_is_reported(void **state)
{
    (void)state;
    fail_call(FSYNC, 1, EIO);
    assert_int_equal(igi_file_write_atomic(at("f"), "new", 3), IG_IO);
    assert_contains("f", "new"); /* written, but perhaps not for ever */
    fail_call(FSYNC, 1, EINVAL); /* file systems that cannot sync folders */
    assert_int_equal(igi_file_write_atomic(at("f"), "newer", 5), IG_OK);
    assert_int_equal(files_in_folder(), 1);
}

static void a_failure_sticks_to_its_writer(void **state)
{
    (void)state;
    igi_writer *w;
    char big[70000] = "";
    assert_int_equal(igi_writer_begin(&w, at("f")), IG_OK);
    fail_call(WRITE, 0, ENOSPC);
    assert_int_equal(igi_writer_write(w, big, sizeof(big)), IG_IO);
    failing = NOTHING;
    assert_int_equal(igi_writer_write(w, big, 1), IG_IO);
    assert_int_equal(igi_writer_patch(w, 0, big, 1), IG_IO);
    assert_int_equal(igi_writer_commit(w), IG_IO);
    assert_int_equal(files_in_folder(), 0);
}

static void an_aborted_write_leaves_nothing(void **state)
{
    (void)state;
    igi_writer *w;
    assert_int_equal(igi_writer_begin(&w, at("f")), IG_OK);
    assert_int_equal(files_in_folder(), 1);
    igi_writer_write(w, "abc", 3);
    assert_int_equal(igi_writer_tell(w), 3);
    assert_int_equal(igi_writer_patch(w, 2, "xy", 2), IG_INVALID_ARGUMENT);
    assert_int_equal(igi_writer_patch(w, 2, "x", 1), IG_OK);
    igi_writer_abort(w);
    igi_writer_abort(NULL);
    assert_int_equal(files_in_folder(), 0);
}

static void only_regular_files_are_replaced(void **state)
{
    (void)state;
    assert_int_equal(mkdir(at("sub"), 0700), 0);
    assert_int_equal(igi_file_write_atomic(at("sub"), "x", 1), IG_IO);
    assert_int_equal(mkfifo(at("pipe"), 0600), 0);
    assert_int_equal(igi_file_write_atomic(at("pipe"), "x", 1), IG_IO);
    assert_int_equal(igi_file_write_atomic(at("sub/"), "x", 1), IG_INVALID_ARGUMENT);
    assert_int_equal(igi_file_write_atomic(at("sub/.."), "x", 1), IG_INVALID_ARGUMENT);
    assert_int_equal(igi_file_write_atomic(at("no/f"), "x", 1), IG_NOT_FOUND);
    assert_int_equal(igi_file_write_atomic("", "x", 1), IG_INVALID_ARGUMENT);
    /* A link is replaced; what it points to stays. */
    put("target", "old");
    assert_int_equal(symlink("target", at("link")), 0);
    assert_int_equal(igi_file_write_atomic(at("link"), "new", 3), IG_OK);
    assert_contains("target", "old");
    assert_contains("link", "new");
}

static ig_status write_file(void *arg)
{
    return igi_file_write_atomic(arg, "new", 3);
}

static void failing_allocations_leave_nothing_behind(void **state)
{
    (void)state;
    igi_failing_each(write_file, (void *)(uintptr_t)at("f"));
    assert_int_equal(files_in_folder(), 1);
}

#define T(f_) cmocka_unit_test_setup_teardown(f_, setup, teardown)
IG_TESTS(T(a_file_is_read_or_mapped_whole),
         T(what_cannot_be_read_is_named),
         T(files_above_the_limit_are_refused),
         T(a_part_must_lie_in_the_file),
         T(small_texts_can_be_peeked),
         T(failing_reads_leave_nothing_behind),
         T(external_data_stays_below_its_folder),
         T(a_written_file_appears_whole),
         T(the_mode_of_the_old_file_is_kept),
         T(a_failed_write_leaves_the_old_file),
         T(a_folder_that_cannot_be_synced_is_reported),
         T(a_failure_sticks_to_its_writer),
         T(an_aborted_write_leaves_nothing),
         T(only_regular_files_are_replaced),
         T(failing_allocations_leave_nothing_behind))
