/* The workspace, Caffe2's way: shared weights, one net, named values. workspace MODEL
 * feeds ones into every input and prints the outputs. */
#include <ingot/train.h>
#include <stdio.h>

static int failed(void)
{
    fprintf(stderr, "%s\n", ig_error_message());
    return 1;
}

/* Ones of the input's shape, 1 where a dim is free. */
static ig_status feed_ones(ig_workspace *ws, const ig_graph *graph, int i)
{
    ig_value_id v = ig_graph_input_at(graph, i);
    const ig_type *type = ig_graph_value_type(graph, v);
    int64_t dims[IG_RANK_MAX], n = 1;
    ig_tensor *x = NULL;
    for (int k = 0; k < type->rank; k++)
        n *= dims[k] = ig_type_dims(type)[k] > 0 ? ig_type_dims(type)[k] : 1;
    ig_status rc = ig_tensor_new(&x, (ig_dtype)type->dtype, type->rank, dims);
    for (int64_t k = 0; !rc && type->dtype == IG_FLOAT32 && k < n; k++)
        ((float *)ig_tensor_data(x))[k] = 1;
    if (!rc)
        rc = ig_workspace_feed(ws, ig_graph_value_name(graph, v), x);
    ig_tensor_unref(x);
    return rc;
}

int main(int argc, char **argv)
{
    ig_graph *graph; /* from an importer, a trace, or built node by node */
    ig_net *net;     /* compiled for a device: immutable, shared between threads */
    ig_workspace *weights = ig_workspace_new(NULL), *ws = ig_workspace_new(weights);
    if (argc < 2 || ig_graph_read(&graph, argv[1], NULL) ||
        ig_net_new(&net, graph, weights, &(ig_net_opts){.device = "cpu", .threads = 2}))
        return failed();
    for (int i = 0; i < ig_graph_n_inputs(graph); i++)
        if (feed_ones(ws, graph, i))
            return failed();
    if (ig_net_run(net, ws, NULL))
        return failed();
    for (int i = 0; i < ig_graph_n_outputs(graph); i++) {
        const char *name = ig_graph_output_name(graph, i);
        ig_tensor *y;
        char *text;
        if (ig_workspace_fetch(ws, name, &y) || ig_tensor_format(y, &text))
            return failed();
        printf("%s = %s\n", name, text);
        ig_string_free(text), ig_tensor_unref(y);
    }
    ig_net_free(net), ig_graph_free(graph), ig_workspace_free(ws),
        ig_workspace_free(weights);
}
