/* Every own kernel of the GPU, as loops on the host, through the kernel checks of the
 * operator suite: every sample, element type and layout, under guard bytes and pages. */
#include <stdlib.h>
#include <string.h>

#include "tests/operators/gpu/bridge.h"
#include "tests/operators/suite_list.h"
#include "tools/suite/suite.h"

/* Whether the kernel took the case; with SUITE_GPU_REFUSED set those that it did not
 * take are listed. */
static bool check_case(const igi_op *op, int sample, ig_dtype dtype)
{
    suite_case c;
    uint64_t taken = 0;
    if (suite_case_make(&c, op, sample, dtype)) {
        suite_kernels(&c, &taken);
        if (!taken && !(IG_BIT(dtype) & (IG_T(STRING) | IG_PACKED)) && getenv("SUITE_GPU_REFUSED"))
            print_message("%s, %s, %s: refused\n", op->def->name,
                          op->def->samples[sample].name, ig_dtype_name(dtype));
    }
    suite_case_free(&c);
    return taken != 0;
}

static void check_kernel(const igi_op *op, const ig_kernel_def *kernel, bool in_place)
{
    igi_op one = *op;
    bool taken = false;
    memset(one.n_kernels, 0, sizeof(one.n_kernels));
    one.n_kernels[0] = 1;
    one.kernels[0][0] = bridge_to(kernel, in_place);
    for (int s = 0; op->def->samples[s].name; s++) {
        uint64_t types = suite_dtypes(op, &op->def->samples[s]);
        for (int d = 1; d < IG_DTYPE_COUNT; d++)
            if (types >> d & 1)
                taken = check_case(&one, s, (ig_dtype)d) || taken;
    }
    if (!taken)
        suite_fail(&(suite_case){.op = op}, "samples", "none is taken by kernel %s",
                   kernel->name);
}

/* The kernels of op, best first; how many. */
static int kernels_of(const igi_op *op, const ig_kernel_def **out, int cap)
{
    char name[160];
    int n = 0;
    (void)igi_op_full_name(op->def, name, sizeof(name));
    for (const ig_plugin_kernels *t = bridge_tables(); t->table; t++)
        for (const ig_kernel_def *d = t->table; d->op; d++)
            if (!strcmp(d->op, name) && n < cap)
                out[n++] = d;
    return n;
}

static bool may_be_in_place(const igi_op *op)
{
    for (const ig_port *p = op->def->outputs; p->name; p++)
        if (p->alias)
            return true;
    return false;
}

static void kernels_on_the_host_agree_with_the_reference(void **state)
{
    const igi_op *op = *state;
    const ig_kernel_def *list[8];
    int n = kernels_of(op, list, 8);
    suite_failures_reset();
    for (int i = 0; i < n; i++) {
        check_kernel(op, list[i], false);
        if (may_be_in_place(op))
            check_kernel(op, list[i], true);
    }
    assert_int_equal(suite_failures(), 0);
}

/* One test per operator that has kernels. */
const struct CMUnitTest *igi_tests_get(size_t *count)
{
    struct CMUnitTest *all = (struct CMUnitTest *)(uintptr_t)suite_tests(
        kernels_on_the_host_agree_with_the_reference, count);
    size_t n = 0;
    const ig_kernel_def *some;
    if (!bridge_open(IG_GPU_HOST_PLUGIN))
        exit(1);
    for (size_t i = 0; i < *count; i++) {
        if (!kernels_of(all[i].initial_state, &some, 1)) {
            free((char *)(uintptr_t)all[i].name);
            continue;
        }
        all[n++] = all[i];
    }
    memset(&all[n], 0, sizeof(*all));
    *count = n;
    return all;
}
