/* Decodes the file that is named with ImageDecoder and prints the shape. */
#include <ingot/ingot.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    static unsigned char bytes[65536];
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_tensor *x = NULL, *y = NULL;
    ig_value_id in, out;
    FILE *f = argc > 1 ? fopen(argv[1], "rb") : NULL;
    const int64_t n = f ? (int64_t)fread(bytes, 1, sizeof(bytes), f) : 0;
    if (f)
        fclose(f);
    ig_status rc = ig_graph_new(&g, "images", NULL);
    if (!rc)
        rc = ig_graph_input(g, "x", IG_UINT8, 1, (int64_t[]){-1}, &in);
    if (!rc)
        rc = ig_graph_make_text(g, "y = ImageDecoder(x)", &out);
    if (!rc)
        rc = ig_graph_output(g, "y", out);
    if (!rc)
        rc = ig_model_from_graph(&m, g, NULL);
    if (!rc)
        rc = ig_tensor_new_copy(&x, IG_UINT8, 1, &n, bytes, (size_t)n);
    if (!rc)
        rc = ig_model_run(m, IG_INPUTS(x), IG_OUTPUTS(&y), NULL);
    if (rc)
        fprintf(stderr, "%s\n", ig_error_message());
    else
        printf("%d %d %d\n", (int)ig_tensor_dim(y, 0), (int)ig_tensor_dim(y, 1),
               (int)ig_tensor_dim(y, 2));
    ig_tensor_unref(y);
    ig_tensor_unref(x);
    ig_model_free(m);
    ig_graph_free(g);
    return (int)rc;
}
