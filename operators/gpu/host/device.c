/* Work is a list of entries: launches, copies in, and blocks to give back. A graph is
 * such a list without the last two. See device.h. */
#include "operators/gpu/host/device.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* ---- memory ---- */

/* A block: a page without rights, the pages of the block, a page without rights. The
 * block ends at a multiple of 256 bytes as near to the last page as alignment allows;
 * what is between holds a pattern that is checked when the block is given back. */
typedef struct block {
    struct block *next, **link;
    char *map, *memory;
    size_t pages; /* bytes of the pages in the middle */
    size_t bytes;
} block;

enum { ALIGN = 256, PATTERN = 0xdb };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static block *blocks; /* all that exist, under the lock */
static int opened;    /* threads that do work now, under the lock */

static size_t page_size(void)
{
    return (size_t)sysconf(_SC_PAGESIZE);
}

static void set_rights(const block *b, bool all)
{
    if (mprotect(b->map + page_size(), b->pages,
                 all ? PROT_READ | PROT_WRITE : PROT_NONE))
        abort(); /* the test cannot go on */
}

static void open_memory(void)
{
    pthread_mutex_lock(&lock);
    if (opened++ == 0)
        for (block *b = blocks; b; b = b->next)
            set_rights(b, true);
    pthread_mutex_unlock(&lock);
}

static void close_memory(void)
{
    pthread_mutex_lock(&lock);
    if (--opened == 0)
        for (block *b = blocks; b; b = b->next)
            set_rights(b, false);
    pthread_mutex_unlock(&lock);
}

static block *block_new(size_t bytes)
{
    size_t page = page_size();
    block *b = bytes > SIZE_MAX / 4 ? NULL : calloc(1, sizeof(*b));
    if (!b)
        return NULL;
    b->pages = (bytes + page - 1) / page * page;
    b->bytes = bytes;
    b->map =
        mmap(NULL, b->pages + 2 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (b->map == MAP_FAILED) {
        free(b);
        return NULL;
    }
    b->memory = b->map + page + (b->pages - bytes) / ALIGN * ALIGN;
    set_rights(b, true);
    memset(b->map + page, PATTERN, b->pages);
    return b;
}

static void block_check(const block *b)
{
    const char *at = b->map + page_size(), *end = at + b->pages;
    for (; at < end; at++) {
        bool inside = at >= b->memory && at < b->memory + b->bytes;
        if (!inside && (unsigned char)*at != PATTERN) {
            fprintf(stderr, "host-gpu: a kernel wrote outside a block of %zu bytes\n",
                    b->bytes);
            abort();
        }
    }
}

static void block_free(void *memory)
{
    pthread_mutex_lock(&lock);
    block *b = blocks;
    while (b && b->memory != memory)
        b = b->next;
    if (!b)
        abort(); /* no block, or given back twice */
    *b->link = b->next;
    if (b->next)
        b->next->link = b->link;
    pthread_mutex_unlock(&lock);
    set_rights(b, true);
    block_check(b);
    munmap(b->map, b->pages + 2 * page_size());
    free(b);
}

static ig_status device_alloc(void *queue, size_t bytes, void **out)
{
    block *b = block_new(bytes);
    (void)queue;
    if (!b)
        return ig_fail(IG_OUT_OF_MEMORY, "host-gpu: no memory for %zu bytes", bytes);
    pthread_mutex_lock(&lock);
    set_rights(b, opened > 0);
    b->next = blocks;
    b->link = &blocks;
    if (b->next)
        b->next->link = &b->next;
    blocks = b;
    pthread_mutex_unlock(&lock);
    *out = b->memory;
    return IG_OK;
}

/* ---- work ---- */

typedef struct entry {
    struct entry *next;
    gpu_host_fn run; /* a launch; or */
    void *to;        /* where data is copied; or neither, and the end of a block */
    int64_t n;       /* parts of the kernel */
    bool backwards;
    void *block;              /* given back when the rest of the list is done */
    size_t bytes;             /* of data */
    _Alignas(16) char data[]; /* the kernel, or what is copied */
} entry;

typedef struct list {
    entry *first, **last;
    int n;
} list;

struct gpu_queue {
    list work;
    list *kept; /* the graph that is being recorded, or NULL */
    gpu_fault fault;
    bool backwards;
    pthread_mutex_t lock; /* of the work: waiting and giving back are any thread's */
};

/* So many entries wait at most: their copies hold memory. */
enum { ENTRIES_MAX = 256 };

static void list_init(list *l)
{
    *l = (list){NULL, NULL, 0};
    l->last = &l->first;
}

static void list_clear(list *l)
{
    for (entry *e = l->first, *next; e; e = next) {
        next = e->next;
        free(e);
    }
    list_init(l);
}

static void run_list(const list *l)
{
    open_memory();
    for (const entry *e = l->first; e; e = e->next) {
        if (e->run)
            e->run(e->data, e->n, e->backwards);
        else if (e->to)
            memcpy(e->to, e->data, e->bytes);
    }
    close_memory();
    for (const entry *e = l->first; e; e = e->next)
        if (e->block)
            block_free(e->block);
}

static void flush_locked(gpu_queue *q)
{
    run_list(&q->work);
    list_clear(&q->work);
}

static void flush(gpu_queue *q)
{
    pthread_mutex_lock(&q->lock);
    flush_locked(q);
    pthread_mutex_unlock(&q->lock);
}

static entry *entry_new(size_t bytes)
{
    entry *e = calloc(1, sizeof(*e) + bytes);
    if (!e)
        ig_fail(IG_OUT_OF_MEMORY, "host-gpu: no memory for work of %zu bytes", bytes);
    else
        e->bytes = bytes;
    return e;
}

static void push_to(gpu_queue *q, list *l, entry *e)
{
    pthread_mutex_lock(&q->lock);
    *l->last = e;
    l->last = &e->next;
    if (++l->n > ENTRIES_MAX && l == &q->work)
        flush_locked(q);
    pthread_mutex_unlock(&q->lock);
}

static void push(gpu_queue *q, entry *e)
{
    push_to(q, q->kept ? q->kept : &q->work, e);
}

ig_status gpu_host_launch(
    gpu_queue *q, gpu_host_fn run, const void *kernel, size_t bytes, int64_t n)
{
    entry *e = entry_new(bytes);
    if (!e)
        return IG_OUT_OF_MEMORY;
    e->run = run;
    e->n = n;
    e->backwards = q->backwards = !q->backwards;
    memcpy(e->data, kernel, bytes);
    push(q, e);
    return IG_OK;
}

gpu_fault *gpu_host_fault(gpu_queue *q)
{
    return &q->fault;
}

ig_status gpu_host_fetch(gpu_queue *q, void *host, const void *device, size_t bytes)
{
    if (q->kept)
        return ig_fail(IG_DEVICE,
                       "host-gpu: nothing can be read while a graph is kept");
    flush(q);
    open_memory();
    memcpy(host, device, bytes);
    close_memory();
    return IG_OK;
}

/* ---- the device ---- */

static ig_status device_open(const ig_device_def *d, void **queue)
{
    (void)d;
    gpu_queue *q = calloc(1, sizeof(*q));
    if (!q)
        return ig_fail(IG_OUT_OF_MEMORY, "host-gpu: no memory for a queue");
    list_init(&q->work);
    if (pthread_mutex_init(&q->lock, NULL) != 0) {
        free(q);
        return ig_fail(IG_OUT_OF_MEMORY, "host-gpu: no more mutexes");
    }
    *queue = q;
    return IG_OK;
}

static void device_close(void *queue)
{
    gpu_queue *q = queue;
    flush(q);
    (void)pthread_mutex_destroy(&q->lock);
    free(q);
}

static void device_release(void *queue, void *memory, size_t bytes)
{
    gpu_queue *q = queue;
    entry *e = entry_new(0);
    (void)bytes;
    if (!e) { /* then at once */
        flush(q);
        block_free(memory);
        return;
    }
    e->block = memory;
    push_to(q, &q->work, e); /* no part of a graph */
}

static ig_status device_upload(void *queue, void *dst, const void *src, size_t bytes)
{
    entry *e = entry_new(bytes);
    if (!e)
        return IG_OUT_OF_MEMORY;
    e->to = dst;
    memcpy(e->data, src, bytes);
    push(queue, e);
    return IG_OK;
}

static ig_status device_download(void *queue, void *dst, const void *src, size_t bytes)
{
    return gpu_host_fetch(queue, dst, src, bytes);
}

static ig_status device_move(void *queue,
                             size_t element,
                             int rank,
                             const int64_t *dims,
                             void *dst,
                             const int64_t *dst_strides,
                             const void *src,
                             const int64_t *src_strides)
{
    return gpu_move(queue, element, rank, dims, dst, dst_strides, src, src_strides);
}

static ig_status device_wait(void *queue, uint32_t *tag)
{
    gpu_queue *q = queue;
    flush(q);
    gpu_fault f = q->fault;
    q->fault = (gpu_fault){0};
    *tag = f.tag;
    return gpu_fault_status(&f);
}

static ig_status capture_begin(void *queue)
{
    gpu_queue *q = queue;
    list *l = q->kept ? NULL : calloc(1, sizeof(*l));
    if (!l)
        return ig_fail(q->kept ? IG_DEVICE : IG_OUT_OF_MEMORY,
                       "host-gpu: no graph can be begun");
    list_init(l);
    q->kept = l;
    return IG_OK;
}

static ig_status capture_end(void *queue, void **graph)
{
    gpu_queue *q = queue;
    if (!q->kept)
        return ig_fail(IG_DEVICE, "host-gpu: no graph was begun");
    *graph = q->kept;
    q->kept = NULL;
    return IG_OK;
}

/* Replays are work like other work: they run when somebody waits. */
static ig_status replay(void *queue, void *graph)
{
    for (const entry *e = ((const list *)graph)->first; e; e = e->next) {
        entry *copy = entry_new(e->bytes);
        if (!copy)
            return IG_OUT_OF_MEMORY;
        memcpy(copy, e, sizeof(*e) + e->bytes);
        copy->next = NULL;
        push(queue, copy);
    }
    return IG_OK;
}

static void graph_free(void *queue, void *graph)
{
    (void)queue;
    list_clear(graph);
    free(graph);
}

static void describe(const ig_device_def *d, char *text, size_t size)
{
    (void)d;
    snprintf(text, size, "loops on the host, for tests");
}

const ig_device_def gpu_host_device = {
    IG_DEVICE_HEAD,
    .name = "host-gpu",
    .doc = "A GPU made of loops, for tests: memory that only kernels may touch.",
    .open = device_open,
    .close = device_close,
    .alloc = device_alloc,
    .release = device_release,
    .upload = device_upload,
    .download = device_download,
    .move = device_move,
    .wait = device_wait,
    .capture_begin = capture_begin,
    .capture_end = capture_end,
    .replay = replay,
    .graph_free = graph_free,
    .describe = describe,
};
