/* ingot doctor: what a bug report needs, and a small self-check. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "graph/core/file.h"
#include "graph/ir/registry.h"
#include "operators/common_image.h"
#include "tools/commands.h"
#include "tools/devices.h"
#include "tools/json.h"
#include "tools/version.h"

static const char *const variables[] = {
    "IG_LOG",
    "INGOT_COMPANIONS",
    "CUDA_VISIBLE_DEVICES",
    "OMP_NUM_THREADS",
    "OMP_WAIT_POLICY",
    "OMP_PROC_BIND",
    "GOMP_CPU_AFFINITY",
    "LD_PRELOAD",
    NULL,
};

/* "MemTotal:       16 kB" of /proc/meminfo, in bytes; 0 when it cannot be read. */
static int64_t memory_field(const char *name)
{
    char text[4096];
    if (igi_file_peek("/proc/meminfo", text, sizeof(text)) <= 0)
        return 0;
    const char *at = strstr(text, name);
    return at ? (int64_t)strtoll(at + strlen(name), NULL, 10) * 1024 : 0;
}

/* y = relu(a + b) through graph, passes, plan and kernels. */
static ig_status run_small_model(ig_tensor **y)
{
    static const float av[4] = {1, -2, 3, -4}, bv[4] = {1, 1, 1, 1};
    const int64_t dims[1] = {4};
    ig_graph *g = NULL;
    ig_model *m = NULL;
    ig_tensor *a = NULL, *b = NULL;
    ig_value_id in[2], sum, out;
    ig_status rc;
    IG_GO(ig_graph_new(&g, "doctor", NULL));
    IG_GO(ig_graph_input(g, "a", IG_FLOAT32, 1, dims, &in[0]));
    IG_GO(ig_graph_input(g, "b", IG_FLOAT32, 1, dims, &in[1]));
    IG_GO(ig_graph_make_named(g, "Add", NULL, in, 2, &sum, 1));
    IG_GO(ig_graph_make_named(g, "Relu", NULL, &sum, 1, &out, 1));
    IG_GO(ig_graph_output(g, "y", out));
    IG_GO(ig_model_from_graph(&m, g, NULL));
    IG_GO(ig_tensor_new_copy(&a, IG_FLOAT32, 1, dims, av, sizeof(av)));
    IG_GO(ig_tensor_new_copy(&b, IG_FLOAT32, 1, dims, bv, sizeof(bv)));
    rc = ig_model_run(m, IG_INPUTS(a, b), IG_OUTPUTS(y), NULL);
out:
    ig_tensor_unref(b);
    ig_tensor_unref(a);
    ig_model_free(m);
    ig_graph_free(g);
    return rc;
}

static bool self_check(const char **what)
{
    static const float want[4] = {2, 0, 4, 0};
    ig_tensor *y = NULL;
    const float *p = run_small_model(&y) == IG_OK ? ig_tensor_data_f32(y) : NULL;
    bool ok = p && ig_tensor_numel(y) == 4;
    for (int i = 0; ok && i < 4; i++)
        ok = p[i] == want[i]; /* sums of small integers are exact */
    *what = ok ? "ok" : p ? "a small model gave wrong numbers" : ig_error_message();
    ig_tensor_unref(y);
    return ok;
}

/* What images can be read: "BMP, PNM, JPEG, ...", or why no more. */
static void image_formats(char *buf, size_t size)
{
    int at = snprintf(buf, size, "BMP, PNM");
    const igi_image_format *f = igi_image_formats();
    if (!f)
        (void)snprintf(buf + at, size - (size_t)at, "; %s", ig_error_message());
    for (; f && f->name && at >= 0 && (size_t)at < size; f++)
        at += snprintf(buf + at, size - (size_t)at, ", %s", f->name);
}

static void print_device(const char *name, const char *text, void *user)
{
    (void)user;
    printf("device %s: %s\n", name, text);
}

static void json_device(const char *name, const char *text, void *user)
{
    json_string(user, name, text);
}

static void print_text(const version_info *v, const char *check)
{
    struct utsname host;
    char images[1024];
    const ig_registry *r = ig_registry_builtin();
    version_print(v);
    if (uname(&host) == 0)
        printf("system:   %s %s %s\n", host.sysname, host.release, host.machine);
    printf("memory:   %.1f GiB, %.1f GiB available\n",
           (double)memory_field("MemTotal:") / 0x1p30,
           (double)memory_field("MemAvailable:") / 0x1p30);
    printf("operators: %d\n", r ? igi_registry_count(r) : 0);
    image_formats(images, sizeof(images));
    printf("images:   %s\n", images);
    device_lines(print_device, NULL);
    for (int i = 0; variables[i]; i++)
        if (getenv(variables[i]))
            printf("%s=%s\n", variables[i], getenv(variables[i]));
    printf("self-check: %s\n", check);
}

static void print_json(const version_info *v, const char *check, bool ok)
{
    json_out j = {0};
    struct utsname host;
    char images[1024];
    const ig_registry *r = ig_registry_builtin();
    json_begin(&j, '{');
    json_int(&j, "schema", 1);
    version_json(v, &j);
    json_string(&j, "system", uname(&host) == 0 ? host.sysname : "");
    json_string(&j, "kernel", uname(&host) == 0 ? host.release : "");
    json_string(&j, "machine", uname(&host) == 0 ? host.machine : "");
    json_int(&j, "memory_bytes", memory_field("MemTotal:"));
    json_int(&j, "memory_available_bytes", memory_field("MemAvailable:"));
    json_int(&j, "operators", r ? igi_registry_count(r) : 0);
    image_formats(images, sizeof(images));
    json_string(&j, "images", images);
    json_key(&j, "devices");
    json_begin(&j, '{');
    device_lines(json_device, &j);
    json_end(&j, '}');
    json_key(&j, "environment");
    json_begin(&j, '{');
    for (int i = 0; variables[i]; i++)
        if (getenv(variables[i]))
            json_string(&j, variables[i], getenv(variables[i]));
    json_end(&j, '}');
    json_string(&j, "self_check", check);
    json_bool(&j, "ok", ok);
    json_end(&j, '}');
    json_print(&j);
}

static exit_code doctor_main(const cli_args *a)
{
    version_info v;
    const char *check;
    bool ok = self_check(&check);
    version_get(&v);
    if (cli_json(a))
        print_json(&v, check, ok);
    else
        print_text(&v, check);
    return ok ? EXIT_OK : EXIT_FAILED;
}

const cli_command cmd_doctor = {
    .name = "doctor",
    .usage = "",
    .summary = "print what a bug report needs and check the installation",
    .examples = "ingot doctor\n"
                "ingot doctor --json",
    .groups = CLI_JSON,
    .min = 0,
    .max = 0,
    .run = doctor_main,
};
