/* The failing allocator, on top of the C library's. */
#include "tests/support/failing_alloc.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "graph/core/alloc.h"
#include "tests/support/test_main.h"

static atomic_long live, count, countdown = -1;
static atomic_size_t live_bytes, peak_bytes;
static atomic_bool forever_after, hit;

static bool refused(void)
{
    atomic_fetch_add(&count, 1);
    long left = atomic_load(&countdown);
    if (left < 0)
        return false;
    if (left == 0) {
        if (!atomic_load(&forever_after))
            atomic_store(&countdown, -1);
        atomic_store(&hit, true);
        return true;
    }
    atomic_store(&countdown, left - 1);
    return false;
}

static void note_peak(void)
{
    size_t now = live_bytes, top = peak_bytes;
    while (now > top && !atomic_compare_exchange_weak(&peak_bytes, &top, now))
        ;
}

static void *resize(void *user, void *p, size_t old_bytes, size_t new_bytes)
{
    (void)user;
    if (new_bytes == 0) {
        live -= p != NULL;
        live_bytes -= p ? old_bytes : 0;
        free(p);
        return NULL;
    }
    if (new_bytes > SIZE_MAX / 4 || refused())
        return NULL;
    void *q = aligned_alloc(64, (new_bytes + 63) & ~(size_t)63);
    if (!q)
        return NULL;
    memset(q, 0xa5, new_bytes); /* nobody may count on zeros */
    live_bytes += new_bytes;
    note_peak();
    if (p) {
        memcpy(q, p, old_bytes < new_bytes ? old_bytes : new_bytes);
        free(p);
        live_bytes -= old_bytes;
    } else {
        live++;
    }
    return q;
}

void igi_failing_install(void)
{
    static const ig_allocator failing = {resize, NULL};
    live = 0;
    count = 0;
    live_bytes = 0;
    igi_failing_at(-1, false);
    ig_allocator_set(&failing);
}

void igi_failing_uninstall(void)
{
    ig_allocator_set(NULL);
}

void igi_failing_at(long n, bool forever)
{
    atomic_store(&hit, false);
    atomic_store(&forever_after, forever);
    atomic_store(&countdown, n);
}

bool igi_failing_hit(void)
{
    return atomic_load(&hit);
}

long igi_failing_live(void)
{
    return live;
}

size_t igi_failing_live_bytes(void)
{
    return live_bytes;
}

void igi_failing_peak_reset(void)
{
    peak_bytes = (size_t)live_bytes;
}

size_t igi_failing_peak_bytes(void)
{
    return peak_bytes;
}

long igi_failing_count(void)
{
    return count;
}

/* Did an allocation fail in this run? */
static bool one_run(ig_status (*fn)(void *arg), void *arg, long n, bool forever)
{
    long before = igi_failing_live();
    igi_failing_at(n, forever);
    ig_status rc = fn(arg);
    bool failed = igi_failing_hit();
    igi_failing_at(-1, false);
    if (rc != IG_OK) {
        assert_true(failed);
        assert_int_equal(rc, IG_OUT_OF_MEMORY);
        assert_int_equal(ig_error_status(), rc);
        assert_true(ig_error_message()[0] != 0);
    }
    assert_int_equal(igi_failing_live(), before);
    return failed;
}

void igi_failing_each(ig_status (*fn)(void *arg), void *arg)
{
    igi_failing_install();
    for (int forever = 0; forever < 2; forever++) {
        for (long n = 0; one_run(fn, arg, n, forever); n++) {
        }
    }
    igi_failing_uninstall();
}
