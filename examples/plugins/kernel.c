/* A plugin with a kernel for an operator that exists: Sign of float32, without
 * branches. It is asked before Ingot's own kernels; what it does not take goes on to
 * them.
 *
 *     cc -shared -fPIC $(pkg-config --cflags ingot) kernel.c -o kernel.so
 *     IG_LOG=dispatch ingot run --plugin ./kernel.so model.onnx */
#include <ingot/plugin.h>

IG_PLUGIN("acme-kernels", 1);

/* Called by all threads of the team at once, each with its own part. */
static ig_status run_sign(ig_kernel_ctx *k, int tid, int nth)
{
    const float *x = ig_data(ig_in(k, 0));
    float *y = ig_data(ig_out(k, 0));
    int64_t lo, hi;
    ig_split(ig_numel(ig_in(k, 0)), 64, tid, nth, &lo, &hi);
    for (int64_t i = lo; i < hi; i++)
        y[i] = x[i] != x[i] ? x[i] : (float)((x[i] > 0) - (x[i] < 0)); /* NaN stays */
    return IG_OK;
}

static const ig_kernel_def kernels[] = {{IG_KERNEL_HEAD, .op = "Sign", .name = "acme",
                                         .types = IG_T(FLOAT32), .run_team = run_sign},
                                        {0}};
static const ig_plugin_kernels tables[] = {{"cpu", kernels}, {0}};
IG_PLUGIN_EXPORT(.kernels = tables);
