/* Layers: initial values as PyTorch has them, and one call each. */
#include <math.h>

#include "frontend_c/module.h"
#include "graph/core/alloc.h"

/* The child module of a layer with memory for its struct. */
static void *layer_new(ig_module *parent, const char *name, size_t size, ig_module **m)
{
    *m = ig_module_child(parent, name);
    if (!*m)
        return NULL;
    (*m)->layer = igi_calloc(1, size);
    if (!(*m)->layer)
        (void)igi_ctx_record(parent->c, NULL, IG_OUT_OF_MEMORY);
    return (*m)->layer;
}

/* Uniform in [-bound, bound). */
static ig_tensor *uniform_param(
    ig_module *m, const char *name, ig_dtype dtype, ig_shape shape, double bound)
{
    ig_ctx *c = m->c;
    ig_tensor *u = ig_rand(c, dtype, shape);
    ig_tensor *t = ig_add_scalar(c, ig_mul_scalar(c, u, 2 * bound), -bound);
    return ig_module_param(m, name, t);
}

ig_nn_linear *ig_nn_linear_new(ig_module *parent,
                               const char *name,
                               int64_t in,
                               int64_t out,
                               const ig_nn_linear_opts *opts)
{
    ig_nn_linear_opts o = opts ? *opts : (ig_nn_linear_opts){0};
    ig_dtype dtype = o.dtype ? o.dtype : IG_FLOAT32;
    ig_module *m;
    ig_nn_linear *l = layer_new(parent, name, sizeof(*l), &m);
    if (!l)
        return NULL;
    double bound = 1.0 / sqrt((double)(in > 0 ? in : 1));
    IG_NO_GRAD(m->c) {
        ig_scope s = ig_scope_enter(m->c);
        l->weight = uniform_param(m, "weight", dtype, IG_SHAPE(out, in), bound);
        if (!o.no_bias)
            l->bias = uniform_param(m, "bias", dtype, IG_SHAPE(out), bound);
        ig_scope_leave(&s);
    }
    return m->c->status == IG_OK ? l : NULL;
}

ig_tensor *
ig_nn_linear_apply_at(const char *where, ig_ctx *c, const ig_nn_linear *l, ig_tensor *x)
{
    return l ? ig_linear_at(where, c, x, l->weight, l->bias) : NULL;
}

ig_nn_conv2d *ig_nn_conv2d_new(ig_module *parent,
                               const char *name,
                               int64_t in,
                               int64_t out,
                               int64_t kernel,
                               const ig_nn_conv2d_opts *opts)
{
    ig_nn_conv2d_opts o = opts ? *opts : (ig_nn_conv2d_opts){0};
    ig_dtype dtype = o.dtype ? o.dtype : IG_FLOAT32;
    ig_module *m;
    ig_nn_conv2d *l = layer_new(parent, name, sizeof(*l), &m);
    if (!l)
        return NULL;
    l->stride = o.stride ? o.stride : 1;
    l->pad = o.pad;
    l->dilation = o.dilation ? o.dilation : 1;
    l->groups = o.groups ? o.groups : 1;
    int64_t per_group = in / l->groups;
    double bound = 1.0 / sqrt((double)(per_group * kernel * kernel > 0
                                           ? per_group * kernel * kernel
                                           : 1));
    IG_NO_GRAD(m->c) {
        ig_scope s = ig_scope_enter(m->c);
        l->weight = uniform_param(m, "weight", dtype,
                                  IG_SHAPE(out, per_group, kernel, kernel), bound);
        if (!o.no_bias)
            l->bias = uniform_param(m, "bias", dtype, IG_SHAPE(out), bound);
        ig_scope_leave(&s);
    }
    return m->c->status == IG_OK ? l : NULL;
}

ig_tensor *
ig_nn_conv2d_apply_at(const char *where, ig_ctx *c, const ig_nn_conv2d *l, ig_tensor *x)
{
    if (!l)
        return NULL;
    ig_conv_opts o = IG_CONV_OPTS_INIT;
    int64_t s[2] = {l->stride, l->stride}, p[4] = {l->pad, l->pad, l->pad, l->pad};
    int64_t d[2] = {l->dilation, l->dilation};
    o.strides = (ig_ints){2, s};
    o.pads = (ig_ints){4, p};
    o.dilations = (ig_ints){2, d};
    o.group = l->groups;
    return ig_op_conv_at(where, c, x, l->weight, l->bias, &o);
}

ig_nn_layer_norm *
ig_nn_layer_norm_new(ig_module *parent, const char *name, int64_t size, double eps)
{
    ig_module *m;
    ig_nn_layer_norm *l = layer_new(parent, name, sizeof(*l), &m);
    if (!l)
        return NULL;
    l->eps = eps > 0 ? eps : 1e-5;
    ig_scope s = ig_scope_enter(m->c);
    l->weight =
        ig_module_param(m, "weight", ig_full(m->c, IG_FLOAT32, IG_SHAPE(size), 1.0));
    l->bias = ig_module_param(m, "bias", ig_zeros(m->c, IG_FLOAT32, IG_SHAPE(size)));
    ig_scope_leave(&s);
    return m->c->status == IG_OK ? l : NULL;
}

ig_tensor *ig_nn_layer_norm_apply_at(const char *where,
                                     ig_ctx *c,
                                     const ig_nn_layer_norm *l,
                                     ig_tensor *x)
{
    return l ? ig_layer_norm_at(where, c, x, l->weight, l->bias, -1, l->eps) : NULL;
}

ig_nn_embedding *
ig_nn_embedding_new(ig_module *parent, const char *name, int64_t count, int64_t size)
{
    ig_module *m;
    ig_nn_embedding *l = layer_new(parent, name, sizeof(*l), &m);
    if (!l)
        return NULL;
    ig_scope s = ig_scope_enter(m->c);
    l->weight =
        ig_module_param(m, "weight", ig_randn(m->c, IG_FLOAT32, IG_SHAPE(count, size)));
    ig_scope_leave(&s);
    return m->c->status == IG_OK ? l : NULL;
}

ig_tensor *ig_nn_embedding_apply_at(const char *where,
                                    ig_ctx *c,
                                    const ig_nn_embedding *l,
                                    ig_tensor *ids)
{
    return l ? ig_index_select_at(where, c, l->weight, 0, ids) : NULL;
}
