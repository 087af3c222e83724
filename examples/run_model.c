/* A service loads a model and runs it: run_model MODEL INPUT.npy prints the output's
 * numbers. */
#include <ingot/ingot.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    ig_model *model = NULL;
    ig_tensor *x = NULL, *y = NULL;
    if (argc < 3 || ig_model_load(&model, argv[1], NULL) ||
        ig_tensor_load(&x, argv[2]) ||
        ig_model_run(model, IG_INPUTS(x), IG_OUTPUTS(&y), NULL)) {
        fprintf(stderr, "%s\n", ig_error_message());
        return 1;
    }
    const float *p =
        ig_tensor_data_f32(y); /* NULL with a message when the type differs */
    for (int64_t i = 0; p && i < ig_tensor_numel(y); i++)
        printf("%g\n", (double)p[i]);
    ig_tensor_unref(y), ig_tensor_unref(x), ig_model_free(model);
}
