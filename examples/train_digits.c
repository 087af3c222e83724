/* A researcher writes eager code and deploys the same function: draws digits, trains a
 * small convolution net on them, traces it, and saves digits.ingot, digits.onnx
 * and 7.png. */
#include <ingot/train.h>
#include <stdio.h>

#include "examples/digits.h"

typedef struct model {
    ig_nn_conv2d *conv1;
    ig_nn_linear *fc1, *fc2;
} model;

static ig_tensor *forward(ig_ctx *c, ig_tensor *const *in, void *user)
{
    model *m = user;
    ig_tensor *h =
        ig_max_pool2d(c, ig_relu(c, ig_nn_conv2d_apply(c, m->conv1, in[0])), 2, 2, 0);
    h = ig_relu(c, ig_nn_linear_apply(c, m->fc1, ig_flatten(c, h, 1)));
    return ig_nn_linear_apply(c, m->fc2, h);
}

static double accuracy(ig_ctx *c, model *m, ig_tensor *images, ig_tensor *labels)
{
    double hits = 0;
    IG_NO_GRAD(c) {
        IG_SCOPE(c) {
            ig_tensor *best = ig_argmax(c, forward(c, &images, m), 1, false);
            ig_tensor *same = ig_cast(c, ig_eq(c, best, labels), IG_FLOAT32);
            hits = ig_item(c, ig_mean(c, same, IG_ALL, false));
        }
    }
    return hits;
}

static void train(ig_ctx *c, model *m, ig_optim *opt, ig_loader *loader)
{
    ig_tensor *images, *labels;
    for (int step = 0; ig_loader_next(loader, &images, &labels); step++) {
        IG_SCOPE(c) { /* every temporary made inside dies here */
            ig_tensor *loss = ig_cross_entropy(c, forward(c, &images, m), labels);
            ig_backward(c, loss);
            ig_optim_step(opt); /* and clears the gradients */
            if (step % 50 == 0)
                printf("step %3d  loss %.3f\n", step, ig_item(c, loss));
        }
    }
}

/* The same function as a graph: any batch size, self-test vectors inside. */
static void deploy(ig_ctx *c, model *m, ig_tensor *images)
{
    IG_SCOPE(c) {
        ig_tensor *two = ig_slice(c, images, 0, 0, 2, 1);
        ig_graph *g = ig_trace(c, forward, m,
                               &(ig_trace_opts){.inputs = {{"image", two}},
                                                .outputs = {"logits"},
                                                .dynamic = "image: N,1,28,28"});
        if (g && (ig_graph_save(g, "digits.ingot", NULL) ||
                  ig_graph_save(g, "digits.onnx", NULL)))
            ig_ctx_fail(c, IG_HERE, ig_error_status(), "%s", ig_error_message());
        ig_graph_free(g);
    }
}

int main(void)
{
    ig_ctx *c;
    ig_tensor *images, *labels, *test, *answers;
    if (ig_ctx_new(&c, &(ig_ctx_opts){.seed = 7}) ||
        digits_draw(4000, 1, &images, &labels) ||
        digits_draw(500, 2, &test, &answers)) {
        fprintf(stderr, "%s\n", ig_error_message());
        return 1;
    }
    model m;
    ig_module *net = ig_module_new(c, "digits");
    m.conv1 = ig_nn_conv2d_new(net, "conv1", 1, 8, 3, &(ig_nn_conv2d_opts){.pad = 1});
    m.fc1 = ig_nn_linear_new(net, "fc1", 8 * 14 * 14, 32, NULL);
    m.fc2 = ig_nn_linear_new(net, "fc2", 32, 10, NULL);
    ig_optim *opt = ig_adam_new(ig_module_params(net), &(ig_adam_opts){.lr = 2e-3});
    ig_loader *loader =
        ig_loader_new(c, images, labels, &(ig_loader_opts){.batch = 32, .epochs = 3});
    train(c, &m, opt, loader);
    double right = accuracy(c, &m, test, answers);
    deploy(c, &m, test);
    if (!digits_write_png("7.png",
                          (float *)ig_tensor_data(test) + 7 * DIGIT_SIDE * DIGIT_SIDE))
        ig_ctx_fail(c, IG_HERE, IG_IO, "7.png cannot be written");
    if (ig_ctx_status(c) !=
        IG_OK) /* the first error, with op, shapes and this file's line */
        fprintf(stderr, "%s\n", ig_ctx_message(c));
    else
        printf("%.1f %% of 500 new digits are right; wrote digits.ingot, digits.onnx, "
               "7.png\n",
               100 * right);
    int rc = ig_ctx_status(c) != IG_OK || right < 0.95;
    ig_loader_free(loader), ig_optim_free(opt), ig_module_free(net), ig_ctx_free(c);
    ig_tensor_unref(images), ig_tensor_unref(labels), ig_tensor_unref(test),
        ig_tensor_unref(answers);
    return rc;
}
