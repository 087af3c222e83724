#include "tests/operators/gpu/bridge.h"

#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <ingot/ingot.h>

#include "graph/core/tensor.h"

enum { PORTS = 32, TAG = 77 };

static ig_plugin_init_fn plugin_init;
static ig_plugin plugin;
static const ig_device_def *device;
static void *queue;
static const ig_kernel_def *current;
static ig_kernel_def stand_in;
static bool works_in_place;

/* ---- loading ---- */

/* Hands over nothing: the plugin's own tables are kept here, whatever devices the
 * registry knows. */
static ig_status listen(const ig_plugin_api *api, ig_plugin *self)
{
    uint32_t size = self->struct_size;
    plugin.struct_size = (uint32_t)sizeof(plugin);
    IG_TRY(plugin_init(api, &plugin));
    *self = (ig_plugin){.struct_size = size,
                        .abi = plugin.abi,
                        .name = plugin.name,
                        .version = plugin.version};
    return IG_OK;
}

bool bridge_open(const char *path)
{
    void *lib = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    union {
        void *object;
        ig_plugin_init_fn function;
    } init = {lib ? dlsym(lib, "ig_plugin_init") : NULL};
    ig_registry *r = NULL;
    plugin_init = init.function;
    bool ok = init.object && ig_registry_new(&r) == IG_OK;
    if (ok)
        (void)ig_registry_add_plugin(r, listen); /* perhaps refused: it is empty */
    ig_registry_free(r);
    ok = ok && plugin.devices && plugin.devices[0] &&
         plugin.devices[0]->open(plugin.devices[0], &queue) == IG_OK;
    if (!ok) {
        fprintf(stderr, "%s: %s\n", path, lib ? ig_error_message() : dlerror());
        return false;
    }
    device = plugin.devices[0];
    return true;
}

const ig_device_def *bridge_device(void)
{
    return device;
}

const ig_plugin_kernels *bridge_tables(void)
{
    return plugin.kernels;
}

/* ---- one call ---- */

typedef struct passage {
    ig_kernel_ctx k;
    ig_kernel_ctx *outer;
    ig_value *in[PORTS], *out[PORTS];
    struct {
        void *memory;
        size_t bytes;
    } block[2 * PORTS + 1];
    int n_blocks;
} passage;

static ig_status take_block(passage *p, size_t bytes, void **out)
{
    bytes = bytes ? bytes : 1;
    IG_TRY(device->alloc(queue, bytes, out));
    p->block[p->n_blocks].memory = *out;
    p->block[p->n_blocks++].bytes = bytes;
    return IG_OK;
}

/* Lowest and highest element that t reaches, from its first one. */
static void reach(const ig_tensor *t, int64_t *lo, int64_t *hi)
{
    *lo = *hi = 0;
    for (int a = 0; a < ig_rank(t); a++) {
        int64_t far = (ig_dims(t)[a] - 1) * ig_strides(t)[a];
        *(far < 0 ? lo : hi) += far;
    }
}

/* t in the device's memory, of the same strides. */
static ig_status send(passage *p, const ig_tensor *t, ig_value **out)
{
    int64_t lo = 0, hi = -1, bits = ig_dtype_bits(ig_dtype_of(t));
    ig_tensor *base = NULL, *view = NULL;
    void *memory;
    if (ig_numel(t) > 0)
        reach(t, &lo, &hi);
    int64_t n = hi - lo + 1;
    size_t bytes = (size_t)((n * bits + 7) / 8);
    IG_TRY(take_block(p, bytes, &memory));
    const char *first = (const char *)ig_data(t) + lo * bits / 8;
    if (bytes)
        IG_TRY(device->upload(queue, memory, first, bytes));
    if (ig_contiguous(t))
        IG_TRY(ig_tensor_wrap(&view, ig_dtype_of(t), ig_rank(t), ig_dims(t), memory,
                              bytes, NULL, NULL));
    else {
        IG_TRY(ig_tensor_wrap(&base, ig_dtype_of(t), 1, &n, memory, bytes, NULL, NULL));
        ig_status rc = igi_tensor_view(&view, NULL, base, ig_rank(t), ig_dims(t),
                                       ig_strides(t), -lo);
        ig_tensor_unref(base);
        IG_TRY(rc);
    }
    *out = ig_tensor_value(view);
    return IG_OK;
}

static ig_status send_inputs(passage *p, ig_kernel_ctx *k)
{
    for (int i = 0; i < k->n_in; i++) {
        int formal = 0;
        while (formal < i && k->op->inputs[formal + 1].name)
            formal++;
        uint32_t flags = k->op->inputs[formal].flags;
        ig_tensor *t = k->in[i] ? ig_value_tensor(k->in[i]) : NULL;
        if (!t && k->in[i])
            return ig_kernel_fail(k, IG_UNSUPPORTED, "the bridge takes tensors only");
        if (!t)
            continue;
        if (flags & IG_VALUE)
            p->in[i] = ig_value_ref(k->in[i]);
        else
            IG_TRY(send(p, t, &p->in[i]));
    }
    return IG_OK;
}

/* The device's memory of an input that output t is, or may be, computed in. */
static void *shared_memory(const passage *p, uint32_t alias, const ig_tensor *t)
{
    for (int j = 0; j < p->k.n_in && ig_numel(t) > 0; j++) {
        const ig_tensor *x = p->in[j] ? ig_value_tensor(p->outer->in[j]) : NULL;
        bool fits = x && ig_contiguous(x) && ig_dtype_of(x) == ig_dtype_of(t) &&
                    ig_numel(x) == ig_numel(t);
        bool may = works_in_place && j < 32 && alias >> j & 1;
        if (x && ig_numel(x) > 0 && (ig_data(x) == ig_data(t) || (may && fits)))
            return ig_data(ig_value_tensor(p->in[j]));
    }
    return NULL;
}

static ig_status make_output(passage *p, ig_kernel_ctx *k, int i)
{
    const ig_tensor *t = ig_value_tensor(k->out[i]);
    int formal = 0;
    while (formal < i && k->op->outputs[formal + 1].name)
        formal++;
    if (!ig_data(t) && ig_numel(t) != 0)
        return IG_OK; /* the kernel makes it */
    void *memory = shared_memory(p, k->op->outputs[formal].alias, t);
    size_t bytes = ig_tensor_nbytes(t);
    if (!memory)
        IG_TRY(take_block(p, bytes, &memory));
    ig_tensor *made = NULL;
    IG_TRY(ig_tensor_wrap(&made, ig_dtype_of(t), ig_rank(t), ig_dims(t), memory, bytes,
                          NULL, NULL));
    p->out[i] = ig_tensor_value(made);
    return IG_OK;
}

static ig_status out_alloc(ig_kernel_ctx *k, int i, int rank, const int64_t *dims)
{
    passage *p = k->rt_self;
    IG_TRY(p->outer->rt->out_alloc(p->outer, i, rank, dims));
    return make_output(p, p->outer, i);
}

static ig_status work(passage *p)
{
    ig_kernel_ctx *k = &p->k;
    void *scratch = NULL;
    uint32_t tag = 0;
    if (current->prepare)
        IG_TRY(current->prepare(k));
    if (k->scratch_bytes)
        IG_TRY(take_block(p, k->scratch_bytes * (size_t)k->threads, &scratch));
    k->scratch = scratch;
    ig_status rc = current->run(k), late = device->wait(queue, &tag);
    if (rc == IG_OK && late != IG_OK && tag != TAG)
        rc = ig_fail(IG_INTERNAL, "the fault names call %u: %s", tag,
                     ig_error_message());
    if (current->unprepare)
        current->unprepare(k);
    return rc == IG_OK ? late : rc;
}

static ig_status bring_back(passage *p)
{
    for (int i = 0; i < p->outer->n_out; i++) {
        const ig_tensor *to = p->out[i] ? ig_value_tensor(p->outer->out[i]) : NULL;
        if (to && ig_tensor_nbytes(to))
            IG_TRY(device->download(queue, ig_data(to),
                                    ig_data(ig_value_tensor(p->out[i])),
                                    ig_tensor_nbytes(to)));
    }
    return IG_OK;
}

static ig_status run(ig_kernel_ctx *k)
{
    passage p = {.k = *k, .outer = k};
    ig_run_api api = *k->rt;
    api.out_alloc = out_alloc;
    p.k.in = p.in;
    p.k.out = p.out;
    p.k.queue = queue;
    p.k.tag = TAG;
    p.k.rt = &api;
    p.k.rt_self = &p;
    p.k.threads = 1;
    if (k->n_in > PORTS || k->n_out > PORTS)
        return ig_kernel_fail(k, IG_UNSUPPORTED, "the bridge has %d ports", PORTS);
    ig_status rc = send_inputs(&p, k);
    for (int i = 0; i < k->n_out && rc == IG_OK; i++)
        rc = k->out[i] ? make_output(&p, k, i) : IG_OK;
    if (rc == IG_OK)
        rc = work(&p);
    if (rc == IG_OK)
        rc = bring_back(&p);
    for (int i = 0; i < PORTS; i++) {
        ig_value_unref(p.in[i]);
        ig_value_unref(p.out[i]);
    }
    for (int i = 0; i < p.n_blocks; i++)
        device->release(queue, p.block[i].memory, p.block[i].bytes);
    uint32_t tag;
    (void)device->wait(queue, &tag); /* blocks are looked at now */
    return rc;
}

void bridge_in_place(bool in_place)
{
    works_in_place = in_place;
}

const ig_kernel_def *bridge_to(const ig_kernel_def *kernel)
{
    current = kernel;
    stand_in = *kernel;
    stand_in.prepare = NULL;
    stand_in.unprepare = NULL;
    stand_in.run = run;
    return &stand_in;
}
