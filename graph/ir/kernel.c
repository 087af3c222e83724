/* What kernels are written with: access to inputs and outputs, services of the runner.
 */
#include <stdarg.h>
#include <stdio.h>

#include "graph/core/tensor.h"
#include "graph/ir/registry.h"

ig_tensor *ig_in(const ig_kernel_ctx *k, int i)
{
    ig_value *v = i >= 0 && i < k->n_in ? k->in[i] : NULL;
    return v && v->type.kind == IG_KIND_TENSOR ? (ig_tensor *)v : NULL;
}

ig_tensor *ig_out(const ig_kernel_ctx *k, int i)
{
    ig_value *v = i >= 0 && i < k->n_out ? k->out[i] : NULL;
    return v && v->type.kind == IG_KIND_TENSOR ? (ig_tensor *)v : NULL;
}

void *ig_data(const ig_tensor *t)
{
    return t->data;
}

int ig_rank(const ig_tensor *t)
{
    return t->v.type.rank;
}

const int64_t *ig_dims(const ig_tensor *t)
{
    return ig_type_dims(&t->v.type);
}

const int64_t *ig_strides(const ig_tensor *t)
{
    return igi_strides(t);
}

int64_t ig_numel(const ig_tensor *t)
{
    return igi_tensor_count(t);
}

ig_dtype ig_dtype_of(const ig_tensor *t)
{
    return (ig_dtype)t->v.type.dtype;
}

bool ig_contiguous(const ig_tensor *t)
{
    return t->v.flags & IGI_CONTIGUOUS;
}

static ig_status no_service(const char *what)
{
    return ig_fail(IG_UNSUPPORTED, "the runner of this kernel offers no %s", what);
}

ig_status ig_out_alloc(ig_kernel_ctx *k, int i, int rank, const int64_t *dims)
{
    return k->rt && k->rt->out_alloc ? k->rt->out_alloc(k, i, rank, dims)
                                     : no_service("out_alloc");
}

ig_status ig_out_give(ig_kernel_ctx *k, int i, ig_value *v)
{
    if (k->rt && k->rt->out_give)
        return k->rt->out_give(k, i, v);
    ig_value_unref(v);
    return no_service("out_give");
}

ig_status ig_run_graph(ig_kernel_ctx *k,
                       const ig_graph *body,
                       ig_value *const *in,
                       int n_in,
                       ig_value **out,
                       int n_out)
{
    return k->rt && k->rt->run_graph ? k->rt->run_graph(k, body, in, n_in, out, n_out)
                                     : no_service("run_graph");
}

const void *ig_pack(ig_kernel_ctx *k,
                    int port,
                    const char *key,
                    size_t bytes,
                    ig_pack_fn fill,
                    void *user)
{
    if (k->rt && k->rt->pack)
        return k->rt->pack(k, port, key, bytes, fill, user);
    (void)no_service("pack");
    return NULL;
}

ig_status ig_poll(ig_kernel_ctx *k)
{
    return k->rt && k->rt->poll ? k->rt->poll(k) : IG_OK;
}

void ig_barrier(ig_kernel_ctx *k)
{
    if (k->rt && k->rt->barrier)
        k->rt->barrier(k);
}

ig_status ig_charge(ig_kernel_ctx *k, int64_t bytes)
{
    return k->rt && k->rt->charge ? k->rt->charge(k, bytes) : IG_OK;
}

void ig_split(int64_t n, int64_t grain, int tid, int nth, int64_t *lo, int64_t *hi)
{
    if (nth == 1) { /* most calls are small */
        *lo = 0;
        *hi = n;
        return;
    }
    grain = grain > 0 ? grain : 1;
    int64_t units = n / grain + (n % grain != 0);
    int64_t base = units / nth, extra = units % nth;
    int64_t first = tid * base + (tid < extra ? tid : extra);
    int64_t last = first + base + (tid < extra ? 1 : 0);
    *lo = first * grain < n ? first * grain : n;
    *hi = last * grain < n ? last * grain : n;
}

ig_status ig_reject(const char *reason)
{
    return ig_fail(IG_UNSUPPORTED, "%s", reason);
}

ig_status ig_kernel_fail(const ig_kernel_ctx *k, ig_status code, const char *fmt, ...)
{
    char text[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return ig_fail(code, "%s: %s", k->op ? k->op->name : "kernel", text);
}
