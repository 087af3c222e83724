/* .npz archives: zip files of .npy entries, stored or deflated, with zip64 sizes.
 *
 * The central directory decides; local headers only say where contents begin. Contents
 * must lie inside the file, unpack to exactly the size that was declared, and match
 * their CRC. A declared size beyond what deflate can reach from the packed bytes is
 * refused before memory is taken, and so is a sum of all sizes beyond the caller's
 * limit. */
#include <inttypes.h>
#include <string.h>

#include <zlib.h>

#include "graph/core/alloc.h"
#include "graph/core/map.h"
#include "graph/core/vec.h"
#include "importers/data/data.h"

#define ENTRIES_MAX       65535
#define NAME_MAX_BYTES    1024
#define DEFLATE_RATIO_MAX 1032 /* one bit-pair of deflate repeats at most 258 bytes */

typedef struct entry {
    char *name;
    uint32_t crc;
    uint16_t method; /* 0 stored, 8 deflated */
    uint64_t packed, size, header_at;
} entry;

struct igi_npz {
    igi_file *file;
    IGI_VEC(entry) entries;
    igi_map names;
};

static uint32_t le(const unsigned char *p, int n)
{
    uint32_t v = 0;
    for (int i = n - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static uint64_t le64(const unsigned char *p)
{
    return (uint64_t)le(p + 4, 4) << 32 | le(p, 4);
}

static ig_status bad(const char *what)
{
    return ig_fail(IG_INVALID_ARGUMENT, "the .npz archive is malformed: %s", what);
}

bool igi_npz_sniff(const void *bytes, size_t n)
{
    return n >= 22 &&
           (memcmp(bytes, "PK\3\4", 4) == 0 || memcmp(bytes, "PK\5\6", 4) == 0);
}

/* ---- the central directory ---- */

typedef struct directory {
    uint64_t entries, bytes, at;
} directory;

/* The end record is the last thing in the file, behind it at most a comment. */
static ig_status find_directory(const igi_file *f, directory *d)
{
    const unsigned char *b = (const unsigned char *)f->data;
    if (f->size < 22)
        return bad("it is too short");
    size_t at = f->size - 22, lowest = at > 65535 ? at - 65535 : 0;
    while (memcmp(b + at, "PK\5\6", 4) != 0 ||
           at + 22 + le(b + at + 20, 2) != f->size) {
        if (at == lowest)
            return bad("it has no end record");
        at--;
    }
    *d = (directory){le(b + at + 10, 2), le(b + at + 12, 4), le(b + at + 16, 4)};
    if (d->entries != 0xffff && d->bytes != 0xffffffff && d->at != 0xffffffff)
        return IG_OK;
    if (at < 20 || memcmp(b + at - 20, "PK\6\7", 4) != 0)
        return bad("it has no zip64 locator");
    uint64_t far = le64(b + at - 20 + 8);
    if (f->size < 56 || far > f->size - 56 || memcmp(b + far, "PK\6\6", 4) != 0)
        return bad("it has no zip64 end record");
    *d = (directory){le64(b + far + 32), le64(b + far + 40), le64(b + far + 48)};
    return IG_OK;
}

/* Sizes that do not fit in 32 bits stand in an extra field, in this order. */
static ig_status read_zip64(const unsigned char *extra, size_t n, entry *e)
{
    bool want =
        e->size == 0xffffffff || e->packed == 0xffffffff || e->header_at == 0xffffffff;
    for (size_t at = 0; want && at + 4 <= n;) {
        size_t length = le(extra + at + 2, 2);
        if (length > n - at - 4)
            return bad("an extra field is too long");
        const unsigned char *p = extra + at + 4, *end = p + length;
        uint64_t *fields[3] = {&e->size, &e->packed, &e->header_at};
        for (int i = 0; le(extra + at, 2) == 1 && i < 3; i++) {
            if (*fields[i] != 0xffffffff)
                continue;
            if (end - p < 8)
                return bad("its zip64 field is too short");
            *fields[i] = le64(p);
            p += 8;
        }
        at += 4 + length;
    }
    return IG_OK;
}

static ig_status check_entry(const igi_file *f, const entry *e, unsigned flags)
{
    if (flags & 1)
        return ig_fail(IG_UNSUPPORTED, "'%s' of the .npz archive is encrypted",
                       e->name);
    if (e->method != 0 && e->method != 8)
        return ig_fail(IG_UNSUPPORTED,
                       "'%s' of the .npz archive uses compression method %d, only "
                       "stored and deflated can be read",
                       e->name, e->method);
    if (e->header_at > f->size || e->packed > f->size - e->header_at)
        return bad("an entry lies outside of the file");
    if (e->method == 0 ? e->size != e->packed : e->size / DEFLATE_RATIO_MAX > e->packed)
        return ig_fail(IG_INVALID_ARGUMENT,
                       "'%s' of the .npz archive claims %" PRIu64 " bytes from %" PRIu64
                       ", more than its compression can hold",
                       e->name, e->size, e->packed);
    return IG_OK;
}

static ig_status take_name(igi_npz *z, const char *p, size_t n, char **out)
{
    if (n == 0 || n > NAME_MAX_BYTES || memchr(p, 0, n))
        return bad("a name is empty, too long or holds a zero byte");
    if (n > 4 && memcmp(p + n - 4, ".npy", 4) == 0)
        n -= 4;
    char *name = igi_strndup(p, n);
    if (!name)
        return IG_OUT_OF_MEMORY;
    ig_status rc = IG_OK;
    if (igi_map_get(&z->names, name))
        rc = ig_fail(IG_INVALID_ARGUMENT, "the .npz archive has '%s' twice", name);
    else
        rc = igi_map_put(&z->names, name, (uint32_t)z->entries.n + 1);
    if (rc != IG_OK)
        igi_free(name);
    else
        *out = name;
    return rc;
}

/* Reads the record at p, `room` bytes before the directory's end; *used gets its
 * length. */
static ig_status
read_entry(igi_npz *z, const unsigned char *p, size_t room, size_t *used)
{
    entry e = {0};
    if (room < 46 || memcmp(p, "PK\1\2", 4) != 0)
        return bad("its directory is cut short");
    size_t name_n = le(p + 28, 2), extra_n = le(p + 30, 2), comment_n = le(p + 32, 2);
    *used = 46 + name_n + extra_n + comment_n;
    if (*used > room)
        return bad("its directory is cut short");
    e.method = (uint16_t)le(p + 10, 2);
    e.crc = le(p + 16, 4);
    e.packed = le(p + 20, 4);
    e.size = le(p + 24, 4);
    e.header_at = le(p + 42, 4);
    IG_TRY(read_zip64(p + 46 + name_n, extra_n, &e));
    if (!IGI_RESERVE(&z->entries, z->entries.n + 1))
        return IG_OUT_OF_MEMORY;
    IG_TRY(take_name(z, (const char *)p + 46, name_n, &e.name));
    z->entries.p[z->entries.n++] = e;
    return check_entry(z->file, &e, le(p + 8, 2));
}

static ig_status read_directory(igi_npz *z, uint64_t max_bytes)
{
    directory d = {0};
    uint64_t total = 0;
    IG_TRY(find_directory(z->file, &d));
    if (d.entries > ENTRIES_MAX)
        return ig_fail(IG_LIMIT,
                       "the .npz archive has %" PRIu64 " entries, the limit is %d",
                       d.entries, ENTRIES_MAX);
    if (d.at > z->file->size || d.bytes > z->file->size - d.at)
        return bad("its directory lies outside of the file");
    const unsigned char *p = (const unsigned char *)z->file->data + d.at;
    size_t room = (size_t)d.bytes;
    for (uint64_t i = 0; i < d.entries; i++) {
        size_t used = 0;
        IG_TRY(read_entry(z, p, room, &used));
        p += used;
        room -= used;
        uint64_t size = z->entries.p[z->entries.n - 1].size;
        if (size > max_bytes - total)
            return ig_fail(IG_LIMIT,
                           "the .npz archive unpacks to more than %" PRIu64
                           " bytes, the limit",
                           max_bytes);
        total += size;
    }
    return IG_OK;
}

ig_status igi_npz_open(igi_npz **out, igi_file *file, uint64_t max_bytes)
{
    igi_npz *z = igi_calloc(1, sizeof(*z));
    if (!z)
        return IG_OUT_OF_MEMORY;
    z->file = igi_file_ref(file);
    ig_status rc = read_directory(z, max_bytes ? max_bytes : (uint64_t)1 << 37);
    if (rc != IG_OK)
        igi_npz_close(z);
    else
        *out = z;
    return rc;
}

void igi_npz_close(igi_npz *z)
{
    if (!z)
        return;
    igi_map_fini(&z->names);
    for (size_t i = 0; i < z->entries.n; i++)
        igi_free(z->entries.p[i].name);
    IGI_VEC_FREE(&z->entries);
    igi_file_unref(z->file);
    igi_free(z);
}

int igi_npz_count(const igi_npz *z)
{
    return (int)z->entries.n;
}

const char *igi_npz_name(const igi_npz *z, int i)
{
    return i >= 0 && i < igi_npz_count(z) ? z->entries.p[i].name : NULL;
}

/* ---- contents ---- */

static void *zlib_alloc(void *user, unsigned count, unsigned size)
{
    (void)user;
    return igi_alloc_array(count, size);
}

static void zlib_free(void *user, void *p)
{
    (void)user;
    igi_free(p);
}

static ig_status
inflate_all(const entry *e, const unsigned char *packed, unsigned char *dst)
{
    z_stream s = {.zalloc = zlib_alloc, .zfree = zlib_free};
    if (inflateInit2(&s, -15) != Z_OK)
        return ig_fail(IG_OUT_OF_MEMORY, "out of memory for zlib");
    uint64_t in_left = e->packed, out_left = e->size;
    int rc = Z_OK;
    s.next_in = (unsigned char *)(uintptr_t)packed;
    s.next_out = dst;
    while (rc == Z_OK) {
        const uint64_t most = (uint64_t)1 << 30;
        if (s.avail_in == 0) {
            s.avail_in = (unsigned)(in_left < most ? in_left : most);
            in_left -= s.avail_in;
        }
        if (s.avail_out == 0) {
            s.avail_out = (unsigned)(out_left < most ? out_left : most);
            out_left -= s.avail_out;
        }
        rc = inflate(&s, Z_NO_FLUSH);
        if (rc == Z_BUF_ERROR && (s.avail_in == 0 ? in_left : 1) &&
            (s.avail_out == 0 ? out_left : 0))
            rc = Z_OK;
    }
    bool whole = rc == Z_STREAM_END && s.avail_out == 0 && out_left == 0 &&
                 s.avail_in == 0 && in_left == 0;
    (void)inflateEnd(&s);
    if (rc == Z_MEM_ERROR)
        return ig_fail(IG_OUT_OF_MEMORY, "out of memory for zlib");
    return whole ? IG_OK : bad("contents do not unpack to the declared size");
}

static bool crc_matches(const entry *e, const unsigned char *p)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), p, (size_t)e->size) == e->crc;
}

/* Where the packed bytes of the entry lie. */
static ig_status
contents_of(const igi_npz *z, const entry *e, const unsigned char **out)
{
    const unsigned char *b = (const unsigned char *)z->file->data + e->header_at;
    uint64_t room = z->file->size - e->header_at;
    if (room < 30 || memcmp(b, "PK\3\4", 4) != 0)
        return bad("an entry has no header");
    uint64_t skip = 30 + (uint64_t)le(b + 26, 2) + le(b + 28, 2);
    if (skip > room || e->packed > room - skip)
        return bad("an entry lies outside of the file");
    *out = b + skip;
    return IG_OK;
}

static ig_status read_array(const igi_npz *z, const entry *e, ig_tensor **out)
{
    const unsigned char *packed = NULL;
    IG_TRY(contents_of(z, e, &packed));
    if (e->method == 0) {
        if (!crc_matches(e, packed))
            return bad("the checksum of its contents is wrong");
        return igi_npy_read(out, packed, (size_t)e->size, NULL);
    }
    unsigned char *bytes = igi_alloc((size_t)e->size);
    if (!bytes)
        return IG_OUT_OF_MEMORY;
    ig_status rc = inflate_all(e, packed, bytes);
    if (rc == IG_OK && !crc_matches(e, bytes))
        rc = bad("the checksum of its contents is wrong");
    if (rc == IG_OK)
        rc = igi_npy_read(out, bytes, (size_t)e->size, NULL);
    igi_free(bytes);
    return rc;
}

ig_status igi_npz_read(const igi_npz *z, int i, ig_tensor **out)
{
    if (i < 0 || i >= igi_npz_count(z))
        return ig_fail(IG_INVALID_ARGUMENT,
                       "the .npz archive has %d arrays, number %d was asked for",
                       igi_npz_count(z), i);
    const entry *e = &z->entries.p[i];
    ig_status rc = read_array(z, e, out);
    return rc == IG_OK ? IG_OK : ig_fail_context("'%s'", e->name);
}
