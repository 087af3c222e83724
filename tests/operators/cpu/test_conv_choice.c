/* Which kernel a convolution gets in a net: by shape, by the options of the net, never
 * by the size of the batch. */
#include <stdio.h>
#include <string.h>

#include <ingot/ingot.h>
#include <ingot/ops.h>

#include "tests/support/test_main.h"

#define OK(expr_)                                                                      \
    do {                                                                               \
        if ((expr_) != IG_OK)                                                          \
            fail_msg("%s:%d: %s", __FILE__, __LINE__, ig_error_message());             \
    } while (0)

typedef struct conv {
    int64_t channels, outputs, kernel, side, batch;
    ig_conv_opts o;
} conv;

static const int64_t ones[] = {1, 1, 1, 1}, twos[] = {2, 2};

static ig_tensor *noise(int rank, const int64_t *dims, uint64_t seed)
{
    ig_tensor *t;
    OK(ig_tensor_new(&t, IG_FLOAT32, rank, dims));
    float *p = ig_tensor_data(t);
    for (int64_t i = 0; i < ig_tensor_numel(t); i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        p[i] = (float)(seed >> 40) / 8388608.0f - 1;
    }
    return t;
}

/* A model of one convolution of images of any number. */
static ig_model *model_of(const conv *c, const ig_model_opts *o)
{
    ig_graph *g;
    ig_model *m;
    int64_t n;
    ig_value_id in[3] = {{0}}, y;
    const int64_t w[] = {c->outputs, c->channels / c->o.group, c->kernel, c->kernel};
    OK(ig_graph_new(&g, "conv", ig_registry_builtin()));
    OK(ig_graph_dim(g, "N", &n));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 4,
                      (int64_t[]){n, c->channels, c->side, c->side}, &in[0]));
    ig_tensor *weights = noise(4, w, 1), *bias = noise(1, w, 2);
    OK(ig_graph_constant(g, "w", weights, &in[1]));
    OK(ig_graph_constant(g, "b", bias, &in[2]));
    OK(ig_graph_make_named(g, "Conv", &c->o, in, 3, &y, 1));
    OK(ig_graph_output(g, "y", y));
    OK(ig_model_from_graph(&m, g, o));
    ig_graph_free(g);
    ig_tensor_unref(weights);
    ig_tensor_unref(bias);
    return m;
}

static ig_tensor *run(ig_model *m, const conv *c)
{
    const int64_t dims[] = {c->batch, c->channels, c->side, c->side};
    ig_tensor *x = noise(4, dims, 3), *y = NULL;
    OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL));
    ig_tensor_unref(x);
    return y;
}

static void
assert_kernel(const conv *c, const ig_model_opts *o, const char *kernel, bool want)
{
    char text[64], *json;
    ig_model *m = model_of(c, o);
    ig_tensor_unref(run(m, c));
    OK(ig_model_describe(m, &json));
    snprintf(text, sizeof(text), "\"kernel\": \"%s\"", kernel);
    if ((strstr(json, text) != NULL) != want)
        fail_msg("kernel %s is %s in %s", kernel, want ? "missing" : "there", json);
    ig_string_free(json);
    ig_model_free(m);
}

static conv plain(void)
{
    conv c = {.channels = 16,
              .outputs = 32,
              .kernel = 3,
              .side = 12,
              .batch = 1,
              .o = IG_CONV_OPTS_INIT};
    c.o.pads = (ig_ints){4, ones};
    return c;
}

static void winograd_takes_3x3_of_stride_1_over_16_channels(void **state)
{
    (void)state;
    conv c = plain();
    assert_kernel(&c, NULL, "winograd", true);
    c.side = 40;
    assert_kernel(&c, NULL, "winograd", true);
    c = plain();
    c.side = 3; /* nine outputs */
    assert_kernel(&c, NULL, "winograd", false);
    c = plain();
    c.channels = 24;
    assert_kernel(&c, NULL, "winograd", false);
    c = plain();
    c.outputs = 40;
    assert_kernel(&c, NULL, "winograd", false);
    c = plain();
    c.channels = 32;
    c.o.group = 2;
    assert_kernel(&c, NULL, "winograd", false);
    c = plain();
    c.kernel = 5;
    assert_kernel(&c, NULL, "winograd", false);
    c = plain();
    c.o.strides = (ig_ints){2, twos};
    assert_kernel(&c, NULL, "winograd", false);
    c = plain();
    c.o.dilations = (ig_ints){2, twos};
    assert_kernel(&c, NULL, "winograd", false);
}

static void options_and_levels_forbid_winograd(void **state)
{
    (void)state;
    const conv c = plain();
    assert_kernel(&c, &(ig_model_opts){.exact_conv = true}, "winograd", false);
    assert_kernel(&c, &(ig_model_opts){.small_memory = true}, "winograd", false);
    assert_kernel(&c, &(ig_model_opts){.level = 1}, "winograd", false);
    assert_kernel(&c, &(ig_model_opts){.level = -1}, "winograd", false);
}

/* The file may have been optimised before: then the fused operator is in it. */
static void exact_levels_forbid_winograd_in_optimised_graphs_too(void **state)
{
    (void)state;
    ig_graph *g;
    ig_value_id in[4] = {{0}}, y;
    ig_ingot_conv_opts o = IG_INGOT_CONV_OPTS_INIT;
    ig_tensor *w = noise(4, (int64_t[]){16, 16, 3, 3}, 1);
    OK(ig_graph_new(&g, "conv", ig_registry_builtin()));
    OK(ig_graph_input(g, "x", IG_FLOAT32, 4, (int64_t[]){1, 12, 12, 16}, &in[0]));
    OK(ig_graph_constant(g, "w", w, &in[1]));
    OK(ig_graph_make_named(g, "ingot::Conv", &o, in, 4, &y, 1));
    OK(ig_graph_output(g, "y", y));
    for (int level = -1; level <= 2; level++) {
        ig_model *m;
        ig_tensor *x = noise(4, (int64_t[]){1, 12, 12, 16}, 3), *r = NULL;
        char *json;
        OK(ig_model_from_graph(&m, g, &(ig_model_opts){.level = level}));
        OK(ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&r), NULL));
        OK(ig_model_describe(m, &json));
        assert_int_equal(strstr(json, "winograd") != NULL, level == 0 || level == 2);
        ig_string_free(json);
        ig_tensor_unref(x), ig_tensor_unref(r);
        ig_model_free(m);
    }
    ig_graph_free(g);
    ig_tensor_unref(w);
}

static void an_image_has_the_same_bits_in_every_batch(void **state)
{
    (void)state;
    static const int64_t sides[] = {7, 12, 23};
    for (size_t i = 0; i < sizeof(sides) / sizeof(*sides); i++) {
        conv c = plain();
        c.side = sides[i];
        ig_model *m = model_of(&c, &(ig_model_opts){.threads = 2});
        ig_tensor *one = run(m, &c), *many;
        c.batch = 5;
        many = run(m, &c);
        assert_memory_equal(ig_tensor_data(one), ig_tensor_data(many),
                            ig_tensor_nbytes(one));
        ig_tensor_unref(one), ig_tensor_unref(many);
        ig_model_free(m);
    }
}

IG_TESTS(cmocka_unit_test(winograd_takes_3x3_of_stride_1_over_16_channels),
         cmocka_unit_test(options_and_levels_forbid_winograd),
         cmocka_unit_test(exact_levels_forbid_winograd_in_optimised_graphs_too),
         cmocka_unit_test(an_image_has_the_same_bits_in_every_batch))
