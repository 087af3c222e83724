/* What users write, as C11 and as C++17, without a warning: the macros of the public
 * headers and the ways out of a scope. Prints "works" when all of it does. */
#include <ingot/train.h>
#include <stdio.h>
#include <string.h>

static int failures;

static void check(int ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s\n", what);
        failures++;
    }
}

static ig_tensor *twice(ig_ctx *c, ig_tensor *const *in, void *user)
{
    (void)user;
    return ig_mul_scalar(c, in[0], 2);
}

/* A scope and a mode end by return as by their closing brace. */
static double leaves_early(ig_ctx *c)
{
    IG_NO_GRAD(c) {
        IG_SCOPE(c) {
            ig_tensor *x = ig_full(c, IG_FLOAT32, IG_SHAPE(2, 3), 1.5);
            return ig_item(c, ig_sum(c, x, IG_ALL, false));
        }
    }
    return 0;
}

static void eager(ig_ctx *c)
{
    int64_t n = 2;
    IG_SCOPE(c) {
        const float data[] = {1, -2, 3, -4};
        ig_tensor *x =
            ig_requires_grad(c, ig_from(c, IG_FLOAT32, IG_SHAPE(n, 2), data), true);
        ig_tensor *y =
            ig_sum(c, ig_relu(c, ig_reshape(c, x, IG_SHAPE(-1))), IG_ALL, false);
        ig_backward(c, y);
        const float *dx = ig_tensor_data_f32(ig_tensor_grad(x));
        check(dx && dx[0] > 0 && !(dx[1] > 0), "the gradient of relu");
        IG_NO_GRAD(c) {
            check(!ig_grad_enabled(c), "IG_NO_GRAD");
            if (n == 2)
                break;
        }
        check(ig_grad_enabled(c), "IG_NO_GRAD ends by break");
        check(ig_item(c, ig_zeros(c, IG_FLOAT32, IG_SCALAR)) < 1, "IG_SCALAR");
    }
    check(leaves_early(c) > 8.9 && ig_grad_enabled(c), "a return out of a scope");
    check(ig_ctx_status(c) == IG_OK, ig_ctx_message(c));
}

static void run(ig_ctx *c)
{
    ig_model *model = NULL;
    ig_tensor *x = NULL, *y = NULL;
    ig_trace_opts opts;
    memset(&opts, 0, sizeof(opts));
    x = ig_keep(c, ig_full(c, IG_FLOAT32, IG_SHAPE(1, 3), 2));
    opts.inputs[0].name = "x";
    opts.inputs[0].example = x;
    ig_graph *g = ig_trace(c, twice, NULL, &opts);
    check(g && ig_model_from_graph(&model, g, NULL) == IG_OK, ig_error_message());
    check(ig_model_run(model, IG_INPUTS(x), IG_OUTPUTS(&y), NULL) == IG_OK,
          ig_error_message());
    const float *p = ig_tensor_data_f32(y);
    check(p && p[0] > 3.9f, "the traced function");
    ig_tensor_unref(y), ig_tensor_unref(x), ig_model_free(model), ig_graph_free(g);
}

int main(void)
{
    ig_ctx *c = NULL;
    if (ig_ctx_new(&c, NULL))
        return 1;
    eager(c);
    run(c);
    ig_ctx_free(c);
    puts(failures ? "fails" : "works");
    return failures != 0;
}
