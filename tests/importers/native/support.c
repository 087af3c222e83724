#include "tests/importers/native/support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "graph/ir/note.h"

extern const ig_op_def *const igi_builtin_ops[];
IG_USES_OP(Constant);
IG_USES_OP(Conv);
IG_USES_OP(Clip);
IG_USES_OP(LeakyRelu);
IG_USES_OP(MaxPool);
IG_USES_OP(Mul);
IG_USES_OP(Relu);
IG_USES_OP(Reshape);

/* ---- registry ---- */

static ig_registry *registry;

ig_status nt_register(ig_registry **out)
{
    ig_status rc = igi_registry_new(out);
    for (int i = 0; rc == IG_OK && igi_builtin_ops[i]; i++)
        rc = igi_registry_add(*out, igi_builtin_ops[i]);
    return rc;
}

const ig_registry *nt_registry(void)
{
    if (!registry)
        OK(nt_register(&registry));
    return registry;
}

void nt_registry_free(void)
{
    igi_registry_free(registry);
    registry = NULL;
}

/* ---- graphs ---- */

static ig_value_id constant(ig_graph *g,
                            const char *name,
                            ig_dtype dtype,
                            int rank,
                            const int64_t *dims,
                            const void *data,
                            size_t bytes)
{
    ig_tensor *t = NULL;
    ig_value_id id;
    OK(ig_tensor_new_copy(&t, dtype, rank, dims, data, bytes));
    OK(ig_graph_constant(g, name, t, &id));
    ig_tensor_unref(t);
    return id;
}

/* One node of operator `op`; `out` has n_out entries. */
static void node(ig_graph *g,
                 const ig_op_def *op,
                 const char *name,
                 const void *attrs,
                 const ig_value_id *in,
                 int n_in,
                 ig_value_id *out,
                 int n_out)
{
    ig_call call = {.op = op,
                    .attrs = attrs,
                    .where = "model.c:12",
                    .name = name,
                    .n_in = n_in,
                    .n_out = n_out};
    for (int i = 0; i < n_out; i++)
        call.wanted |= IG_BIT(i);
    OK(ig_graph_make(g, &call, in, out));
}

typedef struct constant_attrs { /* Constant's own struct */
    uint32_t struct_size;
    float value_float;
    int64_t value_int;
    ig_tensor *value;
    const char *value_string;
    ig_ints value_ints;
    ig_floats value_floats;
    ig_strings value_strings;
} constant_attrs;

static void constants_by_attribute(ig_graph *g)
{
    static const float floats[] = {1.5f, -2};
    static const char *const words[] = {"one", "", "drei"};
    constant_attrs a[3];
    ig_value_id out;
    const float matrix[] = {1, 2, 3, 4};
    ig_tensor *t = NULL;
    OK(ig_tensor_new_copy(&t, IG_FLOAT32, 2, (const int64_t[]){2, 2}, matrix,
                          sizeof(matrix)));
    for (int i = 0; i < 3; i++)
        igi_attrs_init(&ig_op_Constant, &a[i]);
    a[0].value = t;
    a[1].value_floats = (ig_floats){2, floats};
    a[2].value_strings = (ig_strings){3, words};
    for (int i = 0; i < 3; i++) {
        char name[32];
        node(g, &ig_op_Constant, NULL, &a[i], NULL, 0, &out, 1);
        snprintf(name, sizeof(name), "constant%d", i);
        OK(ig_graph_output(g, name, out));
    }
    ig_tensor_unref(t);
}

/* Adds a pooling with a list and an enum, a Clip without its first bound. */
static void nodes_with_attributes(ig_graph *g, ig_value_id image)
{
    _Alignas(16) char pool[256], leaky[64];
    static const int64_t two[] = {2, 2};
    ig_value_id in[3] = {image}, pooled[2], out;
    igi_attrs_init(&ig_op_MaxPool, pool);
    igi_attrs_init(&ig_op_LeakyRelu, leaky);
    ig_graph *own = g;
    OK(igi_attrs_set_ints(&own->arena, &ig_op_MaxPool, pool, "kernel_shape", two, 2));
    OK(igi_attrs_set_string(&own->arena, &ig_op_MaxPool, pool, "auto_pad",
                            "SAME_UPPER"));
    OK(igi_attrs_set_float(&ig_op_LeakyRelu, leaky, "alpha", 0.25f));
    node(g, &ig_op_MaxPool, "pool", pool, in, 1, pooled, 2);
    node(g, &ig_op_LeakyRelu, "leaky", leaky, pooled, 1, &out, 1);
    in[0] = out;
    in[1] = (ig_value_id){0};
    in[2] = constant(g, "limit", IG_FLOAT32, 0, NULL, &(float){6}, sizeof(float));
    node(g, &ig_op_Clip, "clip", NULL, in, 3, &out, 1);
    OK(ig_graph_output(g, "y", out));
    OK(ig_graph_output(g, "indices", pooled[1]));
}

static void add_self_test(ig_graph *g)
{
    size_t n = g->inputs.n + g->outputs.n;
    assert_true(IGI_RESERVE(&g->self_test, n));
    for (size_t i = 0; i < n; i++) {
        ig_tensor *t = NULL;
        float v[2] = {(float)i, -1};
        OK(ig_tensor_new_copy(&t, IG_FLOAT32, 1, (const int64_t[]){2}, v, sizeof(v)));
        g->self_test.p[g->self_test.n++] = ig_tensor_share(t);
    }
}

/* On the graph, a node, a result and an input; one of bytes. */
static void add_notes(ig_graph *g)
{
    ig_node_id n = g->order.p[0];
    ig_value_id y = igi_node_at(g, n)->out[0];
    OK(igi_note_add(g, &g->own_notes, IGI_NOTE_META, "stage", "last", 4));
    OK(igi_note_add(g, &g->own_notes, IGI_NOTE_TRAINING, NULL, "\0\xff", 2));
    OK(igi_note_add(g, &igi_node_at(g, n)->notes, IGI_NOTE_DOC, NULL, "two\nlines", 9));
    OK(igi_note_add(g, &igi_value_at(g, y)->notes, IGI_NOTE_QUANTIZATION,
                    "SCALE_TENSOR", "x", 1));
    igi_value_at(g, y)->declared = true;
    OK(igi_note_add(g, &igi_value_at(g, g->inputs.p[0])->notes, IGI_NOTE_DOC, NULL, "d",
                    1));
}

ig_graph *nt_rich_graph(void)
{
    ig_graph *g = NULL;
    ig_value_id image, any, text;
    int64_t dims[4] = {0, 3, -1, 8};
    ig_tensor *words = NULL;
    OK(igi_graph_new(&g, "rich", nt_registry(), NULL));
    OK(ig_graph_dim(g, "batch", &dims[0]));
    OK(ig_graph_input(g, "image", IG_FLOAT32, 4, dims, &image));
    OK(ig_graph_input(g, "any", IG_INT64, -1, NULL, &any));
    OK(ig_graph_output(g, "passed", any));
    (void)constant(g, "packed", IG_INT4, 1, (const int64_t[]){3}, "\x21\x03", 2);
    (void)constant(g, "empty", IG_FLOAT64, 2, (const int64_t[]){0, 5}, "", 0);
    OK(ig_tensor_new_strings(&words, 1, (const int64_t[]){2},
                             (const char *const[]){"a word", ""}));
    OK(ig_graph_constant(g, "words", words, &text));
    ig_tensor_unref(words);
    OK(ig_graph_output(g, "text", text));
    nodes_with_attributes(g, image);
    constants_by_attribute(g);
    add_self_test(g);
    OK(igi_graph_add_meta(g, "author", "nobody"));
    add_notes(g);
    g->doc = "A graph of everything.";
    g->producer = "a test";
    g->opset = 21;
    return g;
}

ig_graph *nt_small_graph(void)
{
    ig_graph *g = NULL;
    ig_value_id in[2], out;
    const float w[3] = {1, 2, 3};
    OK(igi_graph_new(&g, "g", nt_registry(), NULL));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 1, (const int64_t[]){3}, &in[0]));
    in[1] = constant(g, "w", IG_FLOAT32, 1, (const int64_t[]){3}, w, sizeof(w));
    node(g, &ig_op_Mul, "m", NULL, in, 2, &out, 1);
    in[0] = out;
    node(g, &ig_op_Relu, "r", NULL, in, 1, &out, 1);
    OK(ig_graph_output(g, "y", out));
    return g;
}

/* ---- files ---- */

file_bytes nt_save(const ig_graph *g)
{
    file_bytes b = {0};
    char path[] = "/tmp/ingot_native_XXXXXX.ingot";
    int fd = mkstemps(path, 6);
    assert_true(fd >= 0);
    close(fd);
    OK(igi_native_save(g, path, NULL));
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fseek(f, 0, SEEK_END), 0);
    b.n = (size_t)ftell(f);
    rewind(f);
    b.p = aligned_alloc(64, (b.n + 63) / 64 * 64);
    assert_non_null(b.p);
    assert_int_equal(fread(b.p, 1, b.n, f), b.n);
    fclose(f);
    unlink(path);
    return b;
}

void nt_bytes_free(file_bytes *b)
{
    free(b->p);
    b->p = NULL;
}

ig_status nt_read(ig_graph **out, const file_bytes *b)
{
    igi_source src = {.bytes = b->p, .size = b->n, .name = "test.ingot"};
    ig_read_opts opts = {.registry = nt_registry()};
    igi_error_clear();
    return igi_native_read(out, &src, &opts);
}

char *nt_print(const ig_graph *g)
{
    char *text = NULL;
    OK(ig_graph_print(g, &text));
    return text;
}

igi_file_section *nt_section(file_bytes *b, igi_section_kind kind)
{
    igi_file_header *h = (igi_file_header *)(void *)b->p;
    igi_file_section *s = (igi_file_section *)(void *)(h + 1);
    for (uint32_t i = 0; i < h->n_sections; i++)
        if (s[i].kind == kind)
            return &s[i];
    return NULL;
}

void nt_seal(file_bytes *b)
{
    igi_file_header *h = (igi_file_header *)(void *)b->p;
    igi_file_section *s[] = {nt_section(b, IGI_SECTION_GRAPH),
                             nt_section(b, IGI_SECTION_NOTES)};
    for (int i = 0; i < 2; i++)
        if (s[i])
            s[i]->checksum = igi_xxh64(b->p + s[i]->offset, (size_t)s[i]->bytes);
    h->checksum = 0;
    h->checksum = igi_xxh64(h, sizeof(*h) + h->n_sections * sizeof(igi_file_section));
}
