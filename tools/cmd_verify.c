/* ingot verify: the loader's own verdict, and the self-test vectors that a file may
 * carry. */
#include <stdio.h>
#include <string.h>

#include "graph/ir/graph.h"
#include "tools/commands.h"
#include "tools/compare.h"
#include "tools/json.h"
#include "tools/outputs.h"

static const cli_option options[] = {
    {"rtol", 0, "X", "Relative tolerance of self-tests (default: 0.001)."},
    {"atol", 0, "X", "Absolute tolerance of self-tests (default: 1e-5)."},
    {"no-run", 0, NULL, "Do not run self-test vectors."},
    {0},
};

/* The vectors: inputs of the graph in order, then outputs. Says what differs. */
static exit_code self_test(ig_model *m, const compare_opts *c)
{
    const ig_graph *g = ig_model_graph(m);
    int n_in = ig_model_n_inputs(m), n_out = ig_model_n_outputs(m);
    inputs in = {.n = n_in};
    outputs out = {0};
    ig_run_opts o = {.cancel = &say_interrupted};
    in.names = igi_calloc((size_t)n_in + 1, sizeof(*in.names));
    in.v = igi_calloc((size_t)n_in + 1, sizeof(ig_value *));
    if (!in.names || !in.v) {
        inputs_fini(&in);
        return say_failure(NULL);
    }
    exit_code code = EXIT_OK;
    for (int i = 0; i < n_in && code == EXIT_OK; i++) { /* a step updates its inputs */
        in.names[i] = ig_model_input_name(m, i);
        if (igi_value_copy(&in.v[i], g->self_test.p[i]) != IG_OK)
            code = say_failure(NULL);
    }
    if (code == EXIT_OK)
        code = outputs_run(&out, m, &in, &o);
    for (int i = 0; code == EXIT_OK && i < n_out; i++) {
        compare_result r;
        if (compare_values(out.v[i], g->self_test.p[n_in + i], c, &r))
            continue;
        (void)ig_fail(IG_INVALID_ARGUMENT, "self-test: output '%s': %s", out.names[i],
                      r.text);
        code = say_failure(NULL);
    }
    outputs_fini(&out);
    inputs_fini(&in);
    return code;
}

static void report(const cli_args *a, const ig_model *m, bool tested)
{
    const ig_graph *g = ig_model_graph(m);
    if (cli_json(a)) {
        json_out j = {0};
        json_begin(&j, '{');
        json_int(&j, "schema", 1);
        json_string(&j, "path", a->v.p[0]);
        json_bool(&j, "valid", true);
        json_int(&j, "nodes", (int64_t)g->order.n);
        json_bool(&j, "self_test", tested);
        json_end(&j, '}');
        json_print(&j);
        return;
    }
    printf("%s: valid, %zu nodes, %d inputs, %d outputs; %s\n", a->v.p[0], g->order.n,
           ig_model_n_inputs(m), ig_model_n_outputs(m),
           tested ? "its self-test passed" : "no self-test was run");
}

static exit_code verify_main(const cli_args *a)
{
    ig_model *m = NULL;
    compare_opts c = {.rtol = 1e-3, .atol = 1e-5};
    bool tested = false;
    exit_code code = cli_double(a, "rtol", 0, &c.rtol);
    if (code == EXIT_OK)
        code = cli_double(a, "atol", 0, &c.atol);
    if (code == EXIT_OK)
        code = cli_model_load(&m, a, a->v.p[0], NULL);
    if (code == EXIT_OK && ig_graph_verify(ig_model_graph(m)) != IG_OK)
        code = say_failure(a->v.p[0]);
    if (code == EXIT_OK && !cli_flag(a, "no-run") && ig_model_graph(m)->self_test.n) {
        code = self_test(m, &c);
        tested = true;
    }
    if (code == EXIT_OK)
        report(a, m, tested);
    ig_model_free(m);
    return code;
}

const cli_command cmd_verify = {
    .name = "verify",
    .usage = "MODEL",
    .summary = "check a model as the loader does and run its self-test",
    .examples = "ingot verify model.onnx\n"
                "ingot verify upload.onnx --limits hostile --json",
    .text = "Reads the whole model with all checks of the loader, which is the same "
            "code that "
            "'run' uses, compiles it, and runs the self-test vectors that an .ingot "
            "file may "
            "carry. Nothing else is run.",
    .options = options,
    .groups = CLI_JSON | CLI_LOAD | CLI_DEVICE,
    .min = 1,
    .max = 1,
    .run = verify_main,
};
