/* The parts of `ingot test`: finding cases, running one, and running all in processes.
 */
#ifndef TOOLS_TEST_SUITE_H
#define TOOLS_TEST_SUITE_H

#include <ingot/ingot.h>

#include "graph/core/vec.h"
#include "tools/compare.h"

typedef enum test_status {
    TEST_PASSED,
    TEST_FAILED,
    TEST_CRASHED,
    TEST_TIMEOUT,
    TEST_UNSUPPORTED,
    TEST_STATUS_COUNT
} test_status;
const char *test_status_name(test_status s);

typedef struct test_case {
    char *name;   /* path below the folder that was given */
    char *folder; /* of a case with model.onnx, or NULL */
    char *model;  /* path of the model */
    char *output; /* light models: the expected output, else NULL */
    test_status status;
    char *message; /* NULL when passed */
    double ms;
} test_case;

typedef struct test_list {
    test_case *p;
    size_t n, cap;
} test_list;

/* Appends the cases below `path`, sorted by name. */
ig_status test_find(test_list *list, const char *path, const char *filter);
void test_list_fini(test_list *list);

typedef struct test_opts {
    ig_model_opts model;
    const char *round_trip; /* "ingot" or "onnx": saved so and read back first; NULL */
    compare_opts compare;
    double timeout_s;
    int jobs;
} test_opts;

/* Runs one case in this process. The text says why it did not pass; of unsupported
 * models it is the whole list of the importer. */
test_status
test_run_case(const test_case *c, const test_opts *o, char *text, size_t size);

/* Runs all, each in a process of its own, `jobs` at a time. False when interrupted. */
bool test_run_all(test_list *list, const test_opts *o);

#endif
