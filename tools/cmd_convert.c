/* ingot convert and ingot optimize: models into files, as read or after the passes. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "graph/ir/graph.h"
#include "graph/runtime/model.h"
#include "tools/commands.h"
#include "tools/json.h"

static const cli_option convert_options[] = {
    {"external-data", 0, NULL, "ONNX: put weights beside the file, into NAME.data."},
    {"opset", 0, "N",
     "ONNX: opset to write (default: the oldest that has every operator)."},
    {0},
};

static exit_code save(const ig_graph *g, const cli_args *a, const char *path)
{
    ig_save_opts s = {.external_data = cli_flag(a, "external-data")};
    struct stat st;
    exit_code code = cli_int(a, "opset", 1, 1000, &s.opset);
    if (code != EXIT_OK)
        return code;
    if (ig_graph_save(g, path, &s) != IG_OK)
        return say_failure(NULL);
    int64_t bytes = stat(path, &st) == 0 ? (int64_t)st.st_size : 0;
    if (cli_json(a)) {
        json_out j = {0};
        json_begin(&j, '{');
        json_int(&j, "schema", 1);
        json_string(&j, "path", path);
        json_int(&j, "nodes", (int64_t)g->order.n);
        json_int(&j, "bytes", bytes);
        json_end(&j, '}');
        json_print(&j);
    } else {
        say_note("wrote %s: %zu nodes, %.1f MiB", path, g->order.n,
                 (double)bytes / 0x1p20);
    }
    return EXIT_OK;
}

static exit_code check_ending(const cli_args *a, const char *path)
{
    const char *dot = strrchr(path, '.');
    if (dot && (!strcmp(dot, ".onnx") || !strcmp(dot, ".ingot")))
        return EXIT_OK;
    return say_usage(a->command->name, "%s ends neither in .onnx nor in .ingot", path);
}

static exit_code convert_main(const cli_args *a)
{
    ig_graph *g = NULL;
    exit_code code = check_ending(a, a->v.p[1]);
    if (code == EXIT_OK)
        code = cli_graph_read(&g, a, a->v.p[0]);
    if (code == EXIT_OK)
        code = save(g, a, a->v.p[1]);
    ig_graph_free(g);
    return code;
}

const cli_command cmd_convert = {
    .name = "convert",
    .usage = "IN OUT",
    .summary = "read a model and write it in another format",
    .examples = "ingot convert model.onnx model.ingot\n"
                "ingot convert model.ingot model.onnx --external-data",
    .text =
        "The format of OUT is told by its ending, .ingot or .onnx; IN is told by its "
        "contents. The graph is written as it was read: operators of old opsets are "
        "the "
        "newest ones afterwards.",
    .options = convert_options,
    .groups = CLI_JSON | CLI_LOAD,
    .min = 2,
    .max = 2,
    .run = convert_main,
};

/* ---- optimize ---- */

static exit_code optimize_main(const cli_args *a)
{
    ig_model *m = NULL;
    exit_code code = check_ending(a, a->v.p[1]);
    if (code == EXIT_OK)
        code = cli_model_load(&m, a, a->v.p[0], NULL);
    if (code == EXIT_OK) {
        say_note("%zu nodes before, %zu after", m->graph->order.n,
                 m->net->graph->order.n);
        code = save(m->net->graph, a, a->v.p[1]);
    }
    ig_model_free(m);
    return code;
}

const cli_command cmd_optimize = {
    .name = "optimize",
    .usage = "IN OUT",
    .summary = "write a model after the graph passes",
    .examples = "ingot optimize model.onnx fast.ingot\n"
                "ingot optimize model.onnx simple.onnx --level 1 --dim N=1",
    .text =
        "Runs the passes of the level (1: only what stays exact, 2: all, with fused "
        "operators and layouts chosen for this build) and saves the result. Fused "
        "operators "
        "belong to domain 'ingot', so write .ingot unless another runtime need not "
        "read it.",
    .options = convert_options,
    .groups = CLI_JSON | CLI_LOAD | CLI_DEVICE,
    .min = 2,
    .max = 2,
    .run = optimize_main,
};
