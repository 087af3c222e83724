/* .ingot files when memory runs out (T6). */
#include <stdlib.h>
#include <unistd.h>

#include "tests/importers/native/support.h"
#include "tests/support/failing_alloc.h"

static file_bytes b;

static int teardown(void **state)
{
    (void)state;
    nt_bytes_free(&b);
    nt_registry_free();
    return 0;
}

/* The operators, too, are registered anew, so that no object outlives a run. */
static ig_status load_and_save(void *arg)
{
    const file_bytes *f = arg;
    char path[] = "/tmp/ingot_native_oom_XXXXXX";
    ig_registry *r = NULL;
    ig_graph *read = NULL;
    ig_status rc = nt_register(&r);
    igi_source src = {.bytes = f->p, .size = f->n};
    ig_read_opts opts = {.registry = r};
    int fd = mkstemp(path);
    if (rc == IG_OK)
        rc = igi_native_read(&read, &src, &opts);
    if (rc == IG_OK)
        rc = igi_native_save(read, path, NULL);
    igi_graph_unref(read);
    igi_registry_free(r);
    close(fd);
    unlink(path);
    return rc;
}

static void every_failing_allocation_ends_in_a_clean_error(void **state)
{
    (void)state;
    ig_graph *g = nt_rich_graph();
    b = nt_save(g);
    igi_graph_unref(g);
    nt_registry_free();
    igi_failing_each(load_and_save, &b);
}

IG_TESTS(cmocka_unit_test_teardown(every_failing_allocation_ends_in_a_clean_error,
                                   teardown))
