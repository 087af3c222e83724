/* Models made in the test, as ONNX bytes: small builders over the generated messages.
 *
 *     igt_model m;
 *     igt_begin(&m, 17);
 *     igt_input(&m, "x", IG_FLOAT32, 2, (int64_t[]){2, 3});
 *     igt_node(&m, "Relu", "x", "y");
 *     igt_output(&m, "y", IG_FLOAT32);
 *     ig_status rc = igt_read(&m, &g);
 *     igt_end(&m);
 * Names in lists are separated by blanks; "-" is an omitted one. */
#ifndef TESTS_IMPORTERS_ONNX_SUPPORT_H
#define TESTS_IMPORTERS_ONNX_SUPPORT_H

#include "graph/core/tensor.h"
#include "graph/ir/graph.h"
#include "importers/import.h"
#include "importers/onnx/proto.h"
#include "tests/support/test_main.h"

typedef struct igt_model {
    pb_model model;
    pb_graph graph;
    igi_arena arena;
    void *bytes; /* of igt_pack */
    size_t size;
} igt_model;

/* The built-in operators; made once, freed by igt_registry_free. */
const ig_registry *igt_registry(void);
void igt_registry_free(void);

void igt_begin(igt_model *m, int64_t opset);
void igt_opset(igt_model *m, const char *domain, int64_t version); /* one more */
void igt_end(igt_model *m);
void igt_opset(igt_model *m, const char *domain, int64_t version);
void igt_input(
    igt_model *m, const char *name, int dtype, int rank, const int64_t *dims);
void igt_output(igt_model *m, const char *name, int dtype);
pb_value *igt_value_info(
    igt_model *m, const char *name, int dtype, int rank, const int64_t *dims);
pb_tensor *
igt_init(igt_model *m, const char *name, int dtype, int rank, const int64_t *dims);
pb_tensor *igt_init_floats(igt_model *m, const char *name, int64_t n, const float *v);
pb_node *igt_node(igt_model *m, const char *op, const char *in, const char *out);
pb_node *igt_new_node(igt_model *m, const char *op, const char *in, const char *out);
pb_attribute *igt_attr(igt_model *m, pb_node *n, const char *name, int type);
void igt_int(igt_model *m, pb_node *n, const char *name, int64_t v);
void igt_float(igt_model *m, pb_node *n, const char *name, float v);
void igt_string(igt_model *m, pb_node *n, const char *name, const char *v);
void igt_ints(igt_model *m, pb_node *n, const char *name, int count, const int64_t *v);
void igt_strings(igt_model *m, pb_node *n, const char *name, const char *list);
/* What m->graph holds so far, which is empty afterwards. */
pb_graph *igt_take_graph(igt_model *m);
/* Bindings are "key=value key=value". */
IgiOnnx__TrainingInfo *igt_training(igt_model *m,
                                    pb_graph *initialization,
                                    const char *initialization_binding,
                                    pb_graph *algorithm,
                                    const char *update_binding);
pb_function *
igt_function(igt_model *m, const char *name, const char *in, const char *out);
void igt_function_node(igt_model *m, pb_function *f, pb_node *n);
void *igt_alloc(igt_model *m, size_t bytes); /* zeroed, dies with the model */
char **igt_names(igt_model *m, const char *list, size_t *n);

void igt_pack(igt_model *m); /* into m->bytes */
/* Packs and reads with default limits, or those given. */
ig_status igt_read(igt_model *m, ig_graph **g);
ig_status igt_read_limits(igt_model *m, const ig_limits *l, ig_graph **g);
ig_status igt_read_bytes(const void *bytes, size_t n, ig_graph **g);
/* "Add(x,c0)->y Relu(y)->z": operators of the graph, in order. Static buffer. */
const char *igt_ops(const ig_graph *g);
/* int64 constant list that input i of node k (in order) reads, "1,2". Static buffer. */
const char *igt_ints_of(const ig_graph *g, int k, int i);

/* An allocator whose allocation n fails, once or for ever (n < 0: none). Begin and end
 * only while no object of the library is alive. */
void igt_fail_begin(void);
void igt_fail_at(long n, bool for_ever);
void igt_fail_end(void);

#define assert_status(expr_, status_)                                                  \
    do {                                                                               \
        ig_status got_ = (expr_);                                                      \
        if (got_ != (status_))                                                         \
            fail_msg("%s: status %d (%s), expected %d", #expr_, (int)got_,             \
                     ig_error_message(), (int)(status_));                              \
    } while (0)
#define assert_message(part_)                                                          \
    do {                                                                               \
        if (!strstr(ig_error_message(), part_))                                        \
            fail_msg("message '%s' lacks '%s'", ig_error_message(), part_);            \
    } while (0)

#endif
