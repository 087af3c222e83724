/* Versions, build options and the machine. */
#include "tools/version.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/file.h"
#include "graph/core/thread.h"

#ifndef IG_BUILD_OPTIONS /* tools/CMakeLists.txt says it */
#define IG_BUILD_OPTIONS "unknown"
#endif

static void find_isa(char *buf, size_t size)
{
    size_t at = 0;
    buf[0] = 0;
#if defined(__x86_64__)
#define HAS(name_)                                                                     \
    if (__builtin_cpu_supports(name_) && at < size)                                    \
    at += (size_t)snprintf(buf + at, size - at, "%s" name_, at ? " " : "")
    HAS("sse4.2");
    HAS("avx");
    HAS("avx2");
    HAS("fma");
    HAS("avx512f");
    HAS("avx512bw");
    HAS("avx512vl");
    HAS("avx512dq");
    HAS("avx512vnni");
#undef HAS
#else
    (void)at;
    (void)snprintf(buf, size, "portable");
#endif
}

/* The first layout members of dnnl_version_t, whose header only operators/cpu may name.
 */
typedef struct onednn_version {
    int major, minor, patch;
} onednn_version;

static void find_onednn(char *buf, size_t size)
{
    const onednn_version *(*get)(void) = NULL;
    void *symbol = dlsym(RTLD_DEFAULT, "dnnl_version");
    memcpy(&get, &symbol, sizeof(get)); /* C has no cast from an object to a function */
    const onednn_version *v = get ? get() : NULL;
    if (v)
        (void)snprintf(buf, size, "%d.%d.%d", v->major, v->minor, v->patch);
    else
        (void)snprintf(buf, size, "not linked");
}

static void find_cpu(char *buf, size_t size)
{
    char text[4096];
    const char *line = NULL;
    (void)snprintf(buf, size, "unknown");
    if (igi_file_peek("/proc/cpuinfo", text, sizeof(text)) > 0)
        line = strstr(text, "model name");
    line = line ? strchr(line, ':') : NULL;
    if (line)
        (void)snprintf(buf, size, "%.*s", (int)strcspn(line + 2, "\n"), line + 2);
}

void version_get(version_info *v)
{
    v->version = ig_version();
    v->compiler = __VERSION__;
    v->build = IG_BUILD_OPTIONS;
    v->cpus = igi_cpu_budget();
    find_isa(v->isa, sizeof(v->isa));
    find_onednn(v->onednn, sizeof(v->onednn));
    find_cpu(v->cpu, sizeof(v->cpu));
}

void version_print(const version_info *v)
{
    printf("ingot %s\n", v->version);
    printf("build:    %s\n", v->build);
    printf("compiler: %s\n", v->compiler);
    printf("oneDNN:   %s\n", v->onednn);
    printf("CPU:      %s (%d usable)\n", v->cpu, v->cpus);
    printf("ISA:      %s\n", v->isa);
}

void version_json(const version_info *v, json_out *j)
{
    json_string(j, "version", v->version);
    json_string(j, "build", v->build);
    json_string(j, "compiler", v->compiler);
    json_string(j, "onednn", v->onednn);
    json_string(j, "cpu", v->cpu);
    json_string(j, "isa", v->isa);
    json_int(j, "cpus", v->cpus);
}
