/* Random nodes, valid and nearly valid: a sample of an operator from the registry in
 * one of its element types, and then some changes of sizes, types, contents, attributes
 * and of the number of inputs and outputs. */
#ifndef TESTS_FUZZ_RANDOM_NODE_H
#define TESTS_FUZZ_RANDOM_NODE_H

#include "tests/fuzz/chance.h"
#include "tools/suite/suite.h"

#define RANDOM_LISTS 12
#define RANDOM_ITEMS 16

typedef struct random_node {
    suite_case c;
    bool
        wild; /* contents or attributes beyond what kernels agree on to the last bits */
    char what[400]; /* the changes, for messages */
    _Alignas(16) char attrs[512];
    int n_lists; /* used up by attributes */
    int64_t ints[RANDOM_LISTS][RANDOM_ITEMS];
    float floats[RANDOM_LISTS][RANDOM_ITEMS];
    const char *strings[RANDOM_LISTS][RANDOM_ITEMS];
} random_node;

/* op NULL: any of suite_registry(). False: no node came of it; free it nevertheless. */
bool random_node_make(random_node *n, chance *r, const igi_op *op);
void random_node_free(random_node *n);

/* A sample of op (NULL: of any operator) with the reference's results, in one of its
 * types, most often `dtype` where that is one. False: none; free it nevertheless. */
bool random_sample(suite_case *c, chance *r, const igi_op *op, ig_dtype dtype);

#endif
