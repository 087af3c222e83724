/* Builders of ONNX bytes for tests. Memory is an arena's; failing allocations end the
 * test. */
#include "tests/importers/onnx/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const ig_op_def *const igi_builtin_ops[];
static ig_registry *registry;

const ig_registry *igt_registry(void)
{
    if (registry)
        return registry;
    assert_status(igi_registry_new(&registry), IG_OK);
    for (int i = 0; igi_builtin_ops[i]; i++)
        assert_status(igi_registry_add(registry, igi_builtin_ops[i]), IG_OK);
    return registry;
}

void igt_registry_free(void)
{
    igi_registry_free(registry);
    registry = NULL;
}

void *igt_alloc(igt_model *m, size_t bytes)
{
    void *p = igi_arena_alloc(&m->arena, bytes ? bytes : 1);
    assert_non_null(p);
    return p;
}

static char *copy(igt_model *m, const char *s)
{
    char *p = igi_arena_strdup(&m->arena, s);
    assert_non_null(p);
    return p;
}

/* A list with one more item. */
static void *grown(igt_model *m, void *list, size_t n, void *item)
{
    void **v = igt_alloc(m, (n + 1) * sizeof(*v));
    if (n)
        memcpy(v, list, n * sizeof(*v));
    v[n] = item;
    return v;
}

void igt_opset(igt_model *m, const char *domain, int64_t version)
{
    pb_opset *o = igt_alloc(m, sizeof(*o));
    igi_onnx__operator_set_id__init(o);
    o->domain = copy(m, domain);
    o->has_version = true;
    o->version = version;
    m->model.opset_import = grown(m, m->model.opset_import, m->model.n_opset_import, o);
    m->model.n_opset_import++;
}

void igt_begin(igt_model *m, int64_t opset)
{
    memset(m, 0, sizeof(*m));
    igi_arena_init(&m->arena);
    igi_onnx__model__init(&m->model);
    igi_onnx__graph__init(&m->graph);
    m->graph.name = copy(m, "g");
    m->model.graph = &m->graph;
    m->model.has_ir_version = true;
    m->model.ir_version = 8;
    igt_opset(m, "", opset);
}

void igt_end(igt_model *m)
{
    igi_free(m->bytes);
    igi_arena_fini(&m->arena);
    memset(m, 0, sizeof(*m));
}

static pb_value *
value(igt_model *m, const char *name, int dtype, int rank, const int64_t *dims)
{
    pb_value *v = igt_alloc(m, sizeof(*v));
    pb_type *t = igt_alloc(m, sizeof(*t));
    IgiOnnx__Type__TensorType *tt = igt_alloc(m, sizeof(*tt));
    igi_onnx__value_info__init(v);
    igi_onnx__type__init(t);
    igi_onnx__type__tensor_type__init(tt);
    v->name = copy(m, name);
    v->type = t;
    t->tensor_type = tt;
    tt->has_elem_type = true;
    tt->elem_type = dtype;
    if (rank < 0)
        return v;
    tt->shape = igt_alloc(m, sizeof(*tt->shape));
    igi_onnx__tensor_shape__init(tt->shape);
    for (int i = 0; i < rank; i++) {
        pb_dimension *d = igt_alloc(m, sizeof(*d));
        igi_onnx__tensor_shape__dimension__init(d);
        if (dims[i] >= 0) {
            d->has_dim_value = true;
            d->dim_value = dims[i];
        } else {
            char sym[2] = {(char)('M' - dims[i]), 0}; /* -1: N, -2: O */
            d->dim_param = copy(m, sym);
        }
        tt->shape->dim = grown(m, tt->shape->dim, tt->shape->n_dim++, d);
    }
    return v;
}

void igt_input(igt_model *m, const char *name, int dtype, int rank, const int64_t *dims)
{
    m->graph.input =
        grown(m, m->graph.input, m->graph.n_input, value(m, name, dtype, rank, dims));
    m->graph.n_input++;
}

pb_value *
igt_value_info(igt_model *m, const char *name, int dtype, int rank, const int64_t *dims)
{
    pb_value *v = value(m, name, dtype, rank, dims);
    m->graph.value_info = grown(m, m->graph.value_info, m->graph.n_value_info++, v);
    return v;
}

void igt_output(igt_model *m, const char *name, int dtype)
{
    m->graph.output =
        grown(m, m->graph.output, m->graph.n_output, value(m, name, dtype, -1, NULL));
    m->graph.n_output++;
}

pb_tensor *
igt_init(igt_model *m, const char *name, int dtype, int rank, const int64_t *dims)
{
    pb_tensor *t = igt_alloc(m, sizeof(*t));
    igi_onnx__tensor__init(t);
    t->name = copy(m, name);
    t->has_data_type = true;
    t->data_type = dtype;
    t->n_dims = (size_t)rank;
    t->dims = igt_alloc(m, (size_t)rank * sizeof(*t->dims));
    if (rank)
        memcpy(t->dims, dims, (size_t)rank * sizeof(*t->dims));
    m->graph.initializer = grown(m, m->graph.initializer, m->graph.n_initializer, t);
    m->graph.n_initializer++;
    return t;
}

pb_tensor *igt_init_floats(igt_model *m, const char *name, int64_t n, const float *v)
{
    pb_tensor *t = igt_init(m, name, IG_FLOAT32, 1, &n);
    t->n_float_data = (size_t)n;
    t->float_data = igt_alloc(m, (size_t)n * sizeof(*v));
    memcpy(t->float_data, v, (size_t)n * sizeof(*v));
    return t;
}

char **igt_names(igt_model *m, const char *list, size_t *n)
{
    char **names = NULL;
    *n = 0;
    while (*list) {
        size_t len = strcspn(list, " ");
        char *name = igi_arena_strndup(&m->arena, list, len);
        assert_non_null(name);
        if (strcmp(name, "-") == 0)
            *name = 0;
        names = grown(m, names, (*n)++, name);
        list += len + (list[len] == ' ');
    }
    return names;
}

pb_node *igt_new_node(igt_model *m, const char *op, const char *in, const char *out)
{
    pb_node *p = igt_alloc(m, sizeof(*p));
    igi_onnx__node__init(p);
    p->op_type = copy(m, op);
    char *domain = strstr(p->op_type, "::");
    if (domain) {
        p->domain = p->op_type;
        *domain = 0;
        p->op_type = domain + 2;
    }
    p->input = igt_names(m, in, &p->n_input);
    p->output = igt_names(m, out, &p->n_output);
    return p;
}

pb_node *igt_node(igt_model *m, const char *op, const char *in, const char *out)
{
    pb_node *p = igt_new_node(m, op, in, out);
    m->graph.node = grown(m, m->graph.node, m->graph.n_node++, p);
    return p;
}

pb_attribute *igt_attr(igt_model *m, pb_node *n, const char *name, int type)
{
    pb_attribute *a = igt_alloc(m, sizeof(*a));
    igi_onnx__attribute__init(a);
    a->name = copy(m, name);
    a->has_type = true;
    a->type = type;
    if (n)
        n->attribute = grown(m, n->attribute, n->n_attribute++, a);
    return a;
}

void igt_int(igt_model *m, pb_node *n, const char *name, int64_t v)
{
    pb_attribute *a = igt_attr(m, n, name, PB_ATTR_INT);
    a->has_i = true;
    a->i = v;
}

void igt_float(igt_model *m, pb_node *n, const char *name, float v)
{
    pb_attribute *a = igt_attr(m, n, name, PB_ATTR_FLOAT);
    a->has_f = true;
    a->f = v;
}

void igt_string(igt_model *m, pb_node *n, const char *name, const char *v)
{
    pb_attribute *a = igt_attr(m, n, name, PB_ATTR_STRING);
    a->has_s = true;
    a->s = (ProtobufCBinaryData){strlen(v), (uint8_t *)copy(m, v)};
}

void igt_ints(igt_model *m, pb_node *n, const char *name, int count, const int64_t *v)
{
    pb_attribute *a = igt_attr(m, n, name, PB_ATTR_INTS);
    a->n_ints = (size_t)count;
    a->ints = igt_alloc(m, (size_t)count * sizeof(*v));
    if (count)
        memcpy(a->ints, v, (size_t)count * sizeof(*v));
}

void igt_strings(igt_model *m, pb_node *n, const char *name, const char *list)
{
    pb_attribute *a = igt_attr(m, n, name, PB_ATTR_STRINGS);
    char **v = igt_names(m, list, &a->n_strings);
    a->strings = igt_alloc(m, a->n_strings * sizeof(*a->strings));
    for (size_t i = 0; i < a->n_strings; i++)
        a->strings[i] = (ProtobufCBinaryData){strlen(v[i]), (uint8_t *)v[i]};
}

pb_graph *igt_take_graph(igt_model *m)
{
    pb_graph *g = igt_alloc(m, sizeof(*g));
    *g = m->graph;
    igi_onnx__graph__init(&m->graph);
    m->graph.name = copy(m, "g");
    return g;
}

static pb_entry **bindings(igt_model *m, const char *list, size_t *n)
{
    char **text = igt_names(m, list, n);
    pb_entry **out = igt_alloc(m, *n * sizeof(*out));
    for (size_t i = 0; i < *n; i++) {
        out[i] = igt_alloc(m, sizeof(**out));
        igi_onnx__string_string_entry__init(out[i]);
        char *equals = strchr(text[i], '=');
        assert_non_null(equals);
        *equals = 0;
        out[i]->key = text[i];
        out[i]->value = equals + 1;
    }
    return out;
}

IgiOnnx__TrainingInfo *igt_training(igt_model *m,
                                    pb_graph *initialization,
                                    const char *initialization_binding,
                                    pb_graph *algorithm,
                                    const char *update_binding)
{
    IgiOnnx__TrainingInfo *t = igt_alloc(m, sizeof(*t));
    igi_onnx__training_info__init(t);
    t->initialization = initialization;
    t->algorithm = algorithm;
    t->initialization_binding =
        bindings(m, initialization_binding, &t->n_initialization_binding);
    t->update_binding = bindings(m, update_binding, &t->n_update_binding);
    m->model.training_info =
        grown(m, m->model.training_info, m->model.n_training_info, t);
    m->model.n_training_info++;
    return t;
}

pb_function *
igt_function(igt_model *m, const char *name, const char *in, const char *out)
{
    pb_function *f = igt_alloc(m, sizeof(*f));
    igi_onnx__function__init(f);
    f->name = copy(m, name);
    f->domain = copy(m, "local");
    f->input = igt_names(m, in, &f->n_input);
    f->output = igt_names(m, out, &f->n_output);
    f->opset_import = m->model.opset_import;
    f->n_opset_import = 1;
    m->model.functions = grown(m, m->model.functions, m->model.n_functions, f);
    m->model.n_functions++;
    return f;
}

void igt_function_node(igt_model *m, pb_function *f, pb_node *n)
{
    f->node = grown(m, f->node, f->n_node, n);
    f->n_node++;
}

void igt_pack(igt_model *m)
{
    igi_free(m->bytes);
    m->size = igi_onnx__model__get_packed_size(&m->model);
    m->bytes = igi_alloc(m->size);
    assert_non_null(m->bytes);
    assert_int_equal(igi_onnx__model__pack(&m->model, m->bytes), m->size);
}

ig_status igt_read_limits(igt_model *m, const ig_limits *l, ig_graph **g)
{
    igt_pack(m);
    ig_read_opts o = {.registry = igt_registry()};
    if (l)
        o.limits = *l;
    igi_source src = {.bytes = m->bytes, .size = m->size};
    return igi_onnx_read(g, &src, &o);
}

ig_status igt_read(igt_model *m, ig_graph **g)
{
    return igt_read_limits(m, NULL, g);
}

ig_status igt_read_bytes(const void *bytes, size_t n, ig_graph **g)
{
    ig_read_opts o = {.registry = igt_registry()};
    igi_source src = {.bytes = bytes, .size = n};
    return igi_onnx_read(g, &src, &o);
}

const char *igt_ops(const ig_graph *g)
{
    static char buf[4096];
    size_t at = 0;
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n;
    buf[0] = 0;
    while (ig_node_next(&it, &n) && at + 300 < sizeof(buf)) {
        at += (size_t)snprintf(buf + at, sizeof(buf) - at, "%s%s(", at ? " " : "",
                               ig_graph_node_op(g, n)->name);
        for (int i = 0; i < ig_graph_node_n_in(g, n); i++) {
            ig_value_id v = ig_graph_node_in(g, n, i);
            const char *name = !v.i ? "-"
                               : ig_graph_value_constant(g, v) &&
                                       !strchr("wxyz", ig_graph_value_name(g, v)[0])
                                   ? "#"
                                   : ig_graph_value_name(g, v);
            at += (size_t)snprintf(buf + at, sizeof(buf) - at, "%s%.60s", i ? "," : "",
                                   name);
        }
        at += (size_t)snprintf(buf + at, sizeof(buf) - at, ")");
    }
    return buf;
}

const char *igt_ints_of(const ig_graph *g, int k, int i)
{
    static char buf[512];
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id n = {0};
    size_t at = 0;
    for (int j = 0; j <= k; j++)
        assert_true(ig_node_next(&it, &n));
    ig_tensor *t = ig_graph_value_constant(g, ig_graph_node_in(g, n, i));
    assert_non_null(t);
    const int64_t *v = ig_tensor_data_i64(t);
    assert_non_null(v);
    buf[0] = 0;
    for (int64_t j = 0; j < ig_tensor_numel(t) && at + 30 < sizeof(buf); j++)
        at += (size_t)snprintf(buf + at, sizeof(buf) - at, "%s%lld", j ? "," : "",
                               (long long)v[j]);
    return buf;
}

/* ---- failing allocations ---- */

typedef struct failing {
    long left; /* allocations until one fails; < 0: never */
    bool for_ever;
} failing;

static void *failing_resize(void *user, void *p, size_t old, size_t n)
{
    failing *f = user;
    (void)old;
    if (n == 0) {
        free(p);
        return NULL;
    }
    if (f->left == 0) {
        if (!f->for_ever)
            f->left = -1;
        return NULL;
    }
    if (f->left > 0)
        f->left--;
    void *q = aligned_alloc(64, (n + 63) / 64 * 64);
    if (q && p) {
        memcpy(q, p, old < n ? old : n);
        free(p);
    }
    return q;
}

static failing fail = {-1, false};

void igt_fail_begin(void)
{
    static const ig_allocator a = {failing_resize, &fail};
    fail.left = -1;
    ig_allocator_set(&a);
}

void igt_fail_at(long n, bool for_ever)
{
    fail.left = n;
    fail.for_ever = for_ever;
}

void igt_fail_end(void)
{
    ig_allocator_set(NULL);
}
