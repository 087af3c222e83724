/* The adapter; see onednn.h. oneDNN 2.6: operation descriptors are structs that an init
 * call fills, memory descriptors go by value, and scratch memory is ours so that a
 * primitive may run in any thread. */
#include "operators/cpu/onednn.h"

#include <dnnl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#ifdef _OPENMP
#include <omp.h>
#endif

#include "graph/core/alloc.h"
#include "graph/core/map.h"
#include "graph/core/thread.h"
#include "operators/common_act.h"

enum { X, W, Y, SIDES };

/* One tensor of the job: as the caller has it, and as the primitive wants it. */
typedef struct side {
    dnnl_memory_desc_t user_md, md;
    dnnl_memory_t user, mem;
    dnnl_primitive_t reorder; /* NULL: one layout */
    size_t offset;            /* of its scratch copy */
} side;

struct igi_dnn_job {
    dnnl_primitive_desc_t pd;
    dnnl_primitive_t primitive;
    dnnl_stream_t stream;
    side side[SIDES];
    dnnl_memory_t bias, scratchpad;
    size_t scratchpad_bytes, scratch_bytes;
    igi_dnn_kind kind;
    int threads;
};

/* ---- the engine: one a process, made on first use, never freed ---- */

static igi_once once = IGI_ONCE_INIT;
static dnnl_engine_t engine;

static void make_engine(void)
{
    if (dnnl_engine_create(&engine, dnnl_cpu, 0) != dnnl_success)
        engine = NULL;
    (void)dnnl_set_primitive_cache_capacity(
        0); /* plans keep primitives, with a bound */
}

static ig_status check(dnnl_status_t s, const char *what)
{
    if (s == dnnl_success)
        return IG_OK;
    if (s == dnnl_out_of_memory)
        return ig_fail(IG_OUT_OF_MEMORY, "oneDNN is out of memory in %s", what);
    return ig_fail(IG_UNSUPPORTED, "oneDNN refuses %s (status %d)", what, (int)s);
}

/* ---- descriptors ---- */

static void dims_of(const igi_conv *c, bool out, dnnl_dims_t dims)
{
    dims[0] = c->batch;
    dims[1] = c->group * (out ? c->m : c->c);
    for (int i = 0; i < c->w.rank; i++)
        dims[2 + i] = out ? c->w.axis[i].out : c->w.axis[i].in;
}

static dnnl_format_tag_t plain_tag(int rank, bool nhwc)
{
    static const dnnl_format_tag_t tags[3][2] = {
        {dnnl_ncw, dnnl_nwc}, {dnnl_nchw, dnnl_nhwc}, {dnnl_ncdhw, dnnl_ndhwc}};
    return tags[rank - 1][nhwc];
}

static ig_status describe(igi_dnn_job *j, const igi_dnn_spec *s)
{
    const igi_conv *c = &s->geometry;
    int rank = c->w.rank;
    dnnl_dims_t x, y, w;
    dims_of(c, false, x);
    dims_of(c, true, y);
    int at = 0;
    if (c->group > 1)
        w[at++] = c->group;
    w[at++] = c->m;
    w[at++] = c->c;
    for (int i = 0; i < rank; i++)
        w[at++] = c->w.axis[i].kernel;
    static const dnnl_format_tag_t plain_w[3][2] = {
        {dnnl_oiw, dnnl_goiw}, {dnnl_oihw, dnnl_goihw}, {dnnl_oidhw, dnnl_goidhw}};
    dnnl_format_tag_t tag = plain_tag(rank, s->nhwc),
                      any = s->nhwc ? tag : dnnl_format_tag_any;
    dnnl_format_tag_t wtag = plain_w[rank - 1][c->group > 1];
    IG_TRY(check(
        dnnl_memory_desc_init_by_tag(&j->side[X].user_md, rank + 2, x, dnnl_f32, tag),
        "x"));
    IG_TRY(check(
        dnnl_memory_desc_init_by_tag(&j->side[Y].user_md, rank + 2, y, dnnl_f32, tag),
        "y"));
    IG_TRY(check(
        dnnl_memory_desc_init_by_tag(&j->side[W].user_md, at, w, dnnl_f32, wtag), "w"));
    IG_TRY(check(
        dnnl_memory_desc_init_by_tag(&j->side[X].md, rank + 2, x, dnnl_f32, any), "x"));
    IG_TRY(check(
        dnnl_memory_desc_init_by_tag(&j->side[Y].md, rank + 2, y, dnnl_f32, any), "y"));
    return check(dnnl_memory_desc_init_by_tag(&j->side[W].md, at, w, dnnl_f32,
                                              dnnl_format_tag_any),
                 "w");
}

/* ORDER: activation; 0: oneDNN has none that keeps NaN (its relu and clip do not).
 * `alpha` is act_a unless a number is given. */
static const struct {
    dnnl_alg_kind_t alg;
    float alpha;
} activations[IGI_ACT_COUNT] = {
    [IGI_ACT_LEAKY_RELU] = {dnnl_eltwise_relu, NAN},
    [IGI_ACT_SIGMOID] = {dnnl_eltwise_logistic, 0},
    [IGI_ACT_TANH] = {dnnl_eltwise_tanh, 0},
    [IGI_ACT_SILU] = {dnnl_eltwise_swish, 1},
    [IGI_ACT_GELU_ERF] = {dnnl_eltwise_gelu_erf, 0},
    [IGI_ACT_ELU] = {dnnl_eltwise_elu, NAN},
};

bool igi_dnn_activates(const igi_dnn_spec *s)
{
    if (s->activation == IGI_ACT_LEAKY_RELU) /* without a slope: its relu */
        return s->act_a < 0 || s->act_a > 0;
    return s->activation == IGI_ACT_NONE || activations[s->activation].alg;
}

static ig_status append_activation(dnnl_post_ops_t ops, const igi_dnn_spec *s)
{
    dnnl_alg_kind_t alg = activations[s->activation].alg;
    float alpha = activations[s->activation].alpha;
    if (s->activation == IGI_ACT_NONE)
        return IG_OK;
    if (!igi_dnn_activates(s))
        return ig_fail(IG_UNSUPPORTED, "no such activation in oneDNN");
    alpha = isnan(alpha) ? s->act_a : alpha;
    return check(dnnl_post_ops_append_eltwise(ops, 1.0f, alg, alpha, s->act_b),
                 "an activation");
}

static ig_status post_ops(dnnl_primitive_attr_t attr, const igi_dnn_spec *s)
{
    dnnl_post_ops_t ops = NULL;
    IG_TRY(check(dnnl_post_ops_create(&ops), "post-ops"));
    ig_status rc = IG_OK;
    if (s->residual && !s->residual_after)
        rc = check(dnnl_post_ops_append_sum(ops, 1.0f), "a residual");
    if (rc == IG_OK)
        rc = append_activation(ops, s);
    if (rc == IG_OK && s->residual && s->residual_after)
        rc = check(dnnl_post_ops_append_sum(ops, 1.0f), "a residual");
    if (rc == IG_OK)
        rc = check(dnnl_primitive_attr_set_post_ops(attr, ops), "post-ops");
    dnnl_post_ops_destroy(ops);
    return rc;
}

typedef struct window_dims {
    dnnl_dims_t stride, dilation, pad_l, pad_r;
} window_dims;

static window_dims window_of(const igi_conv *c)
{
    window_dims w;
    for (int i = 0; i < c->w.rank; i++) {
        const igi_window_axis *a = &c->w.axis[i];
        w.stride[i] = a->stride;
        w.dilation[i] = a->dilation - 1;
        w.pad_l[i] = a->pad;
        /* What the formula needs to give exactly `out` positions. */
        w.pad_r[i] = (a->out - 1) * a->stride + (a->kernel - 1) * a->dilation + 1 -
                     a->in - a->pad;
    }
    return w;
}

static ig_status forward_pd(igi_dnn_job *j,
                            const igi_dnn_spec *s,
                            dnnl_primitive_attr_t attr,
                            dnnl_primitive_desc_t *out)
{
    dnnl_convolution_desc_t d;
    dnnl_memory_desc_t bias;
    dnnl_dims_t m = {s->geometry.group * s->geometry.m};
    window_dims w = window_of(&s->geometry);
    IG_TRY(
        check(dnnl_memory_desc_init_by_tag(&bias, 1, m, dnnl_f32, dnnl_a), "a bias"));
    dnnl_prop_kind_t prop =
        s->kind == IGI_DNN_FORWARD ? dnnl_forward_inference : dnnl_forward_training;
    IG_TRY(check(dnnl_dilated_convolution_forward_desc_init(
                     &d, prop, dnnl_convolution_direct, &j->side[X].md, &j->side[W].md,
                     s->bias ? &bias : NULL, &j->side[Y].md, w.stride, w.dilation,
                     w.pad_l, w.pad_r),
                 "a convolution"));
    return check(dnnl_primitive_desc_create(out, &d, attr, engine, NULL),
                 "a convolution");
}

static ig_status gradient_pd(igi_dnn_job *j,
                             const igi_dnn_spec *s,
                             dnnl_primitive_attr_t attr,
                             dnnl_primitive_desc_t hint)
{
    dnnl_convolution_desc_t d;
    window_dims w = window_of(&s->geometry);
    if (s->kind == IGI_DNN_GRAD_INPUT)
        IG_TRY(check(dnnl_dilated_convolution_backward_data_desc_init(
                         &d, dnnl_convolution_direct, &j->side[X].md, &j->side[W].md,
                         &j->side[Y].md, w.stride, w.dilation, w.pad_l, w.pad_r),
                     "a gradient"));
    else
        IG_TRY(check(dnnl_dilated_convolution_backward_weights_desc_init(
                         &d, dnnl_convolution_direct, &j->side[X].md, &j->side[W].md,
                         NULL, &j->side[Y].md, w.stride, w.dilation, w.pad_l, w.pad_r),
                     "a gradient"));
    return check(dnnl_primitive_desc_create(&j->pd, &d, attr, engine, hint),
                 "a gradient");
}

/* The reference implementations of oneDNN are slower than ours. */
static ig_status refuse_slow(const igi_dnn_job *j)
{
    const char *impl = "";
    (void)dnnl_primitive_desc_query(j->pd, dnnl_query_impl_info_str, 0, (void *)&impl);
    if (!strncmp(impl, "ref", 3))
        return ig_fail(IG_UNSUPPORTED, "oneDNN has only %s for this convolution", impl);
    return IG_OK;
}

static ig_status make_pd(igi_dnn_job *j, const igi_dnn_spec *s)
{
    dnnl_primitive_attr_t attr = NULL;
    dnnl_primitive_desc_t hint = NULL;
    IG_TRY(check(dnnl_primitive_attr_create(&attr), "attributes"));
    ig_status rc =
        check(dnnl_primitive_attr_set_scratchpad_mode(attr, dnnl_scratchpad_mode_user),
              "scratch");
    if (rc == IG_OK && s->kind == IGI_DNN_FORWARD)
        rc = post_ops(attr, s);
    if (rc == IG_OK && s->kind == IGI_DNN_FORWARD) {
        rc = forward_pd(j, s, attr, &j->pd);
    } else if (rc == IG_OK) {
        rc = forward_pd(j, s, NULL, &hint);
        if (rc == IG_OK)
            rc = gradient_pd(j, s, attr, hint);
        if (hint)
            dnnl_primitive_desc_destroy(hint);
    }
    dnnl_primitive_attr_destroy(attr);
    return rc == IG_OK ? refuse_slow(j) : rc;
}

/* ---- memory ---- */

static size_t align64(size_t n)
{
    return (n + 63) & ~(size_t)63;
}

static ig_status make_reorder(side *s, bool output)
{
    dnnl_primitive_desc_t pd = NULL;
    const dnnl_memory_desc_t *from = output ? &s->md : &s->user_md,
                             *to = output ? &s->user_md : &s->md;
    IG_TRY(
        check(dnnl_reorder_primitive_desc_create(&pd, from, engine, to, engine, NULL),
              "a reorder"));
    ig_status rc = check(dnnl_primitive_create(&s->reorder, pd), "a reorder");
    dnnl_primitive_desc_destroy(pd);
    return rc;
}

static dnnl_query_t query_of(igi_dnn_kind kind, int i)
{
    if (i == X)
        return kind == IGI_DNN_GRAD_INPUT ? dnnl_query_diff_src_md : dnnl_query_src_md;
    if (i == W)
        return kind == IGI_DNN_GRAD_WEIGHT ? dnnl_query_diff_weights_md
                                           : dnnl_query_weights_md;
    return kind == IGI_DNN_FORWARD ? dnnl_query_dst_md : dnnl_query_diff_dst_md;
}

static bool is_output(igi_dnn_kind kind, int i)
{
    return i == (kind == IGI_DNN_FORWARD ? Y : kind == IGI_DNN_GRAD_INPUT ? X : W);
}

static ig_status make_side(igi_dnn_job *j, int i)
{
    side *s = &j->side[i];
    s->md = *dnnl_primitive_desc_query_md(j->pd, query_of(j->kind, i), 0);
    IG_TRY(check(dnnl_memory_create(&s->user, &s->user_md, engine, DNNL_MEMORY_NONE),
                 "memory"));
    IG_TRY(
        check(dnnl_memory_create(&s->mem, &s->md, engine, DNNL_MEMORY_NONE), "memory"));
    if (dnnl_memory_desc_equal(&s->user_md, &s->md))
        return IG_OK;
    s->offset = j->scratch_bytes;
    j->scratch_bytes += align64(dnnl_memory_desc_get_size(&s->md));
    return make_reorder(s, is_output(j->kind, i));
}

static ig_status make_job(igi_dnn_job *j, const igi_dnn_spec *s)
{
    dnnl_dims_t m = {s->geometry.group * s->geometry.m};
    dnnl_memory_desc_t bias;
    IG_TRY(describe(j, s));
    IG_TRY(make_pd(j, s));
    IG_TRY(check(dnnl_primitive_create(&j->primitive, j->pd), "a convolution"));
    IG_TRY(check(dnnl_stream_create(&j->stream, engine, dnnl_stream_default_flags),
                 "a stream"));
    const dnnl_memory_desc_t *pad =
        dnnl_primitive_desc_query_md(j->pd, dnnl_query_scratchpad_md, 0);
    j->scratchpad_bytes = dnnl_memory_desc_get_size(pad);
    j->scratch_bytes = align64(j->scratchpad_bytes);
    IG_TRY(check(dnnl_memory_create(&j->scratchpad, pad, engine, DNNL_MEMORY_NONE),
                 "memory"));
    if (s->bias) {
        IG_TRY(check(dnnl_memory_desc_init_by_tag(&bias, 1, m, dnnl_f32, dnnl_a),
                     "a bias"));
        IG_TRY(check(dnnl_memory_create(&j->bias, &bias, engine, DNNL_MEMORY_NONE),
                     "memory"));
    }
    for (int i = 0; i < SIDES; i++)
        IG_TRY(make_side(j, i));
    return IG_OK;
}

/* oneDNN plans for the thread count that OpenMP shows it; the caller's is put back. */
static int set_threads(int n)
{
#ifdef _OPENMP
    int before = omp_get_max_threads();
    if (before != n)
        omp_set_num_threads(n);
    return before;
#else
    return n;
#endif
}

ig_status igi_dnn_new(igi_dnn_job **out, const igi_dnn_spec *s)
{
    *out = NULL;
    igi_call_once(&once, make_engine);
    if (!engine)
        return ig_fail(IG_UNSUPPORTED, "oneDNN has no CPU engine");
    if (s->geometry.w.rank < 1 || s->geometry.w.rank > 3)
        return ig_fail(IG_UNSUPPORTED, "oneDNN convolves 1 to 3 spatial axes");
    igi_dnn_job *j = igi_calloc(1, sizeof(*j));
    if (!j)
        return IG_OUT_OF_MEMORY;
    j->kind = s->kind;
    j->threads = s->threads > 0 ? s->threads : 1;
    int before = set_threads(j->threads);
    ig_status rc = make_job(j, s);
    (void)set_threads(before);
    if (rc != IG_OK) {
        igi_dnn_free(j);
        return rc;
    }
    *out = j;
    return IG_OK;
}

void igi_dnn_free(igi_dnn_job *j)
{
    if (!j)
        return;
    for (int i = 0; i < SIDES; i++) {
        if (j->side[i].reorder)
            dnnl_primitive_destroy(j->side[i].reorder);
        if (j->side[i].user)
            dnnl_memory_destroy(j->side[i].user);
        if (j->side[i].mem)
            dnnl_memory_destroy(j->side[i].mem);
    }
    if (j->bias)
        dnnl_memory_destroy(j->bias);
    if (j->scratchpad)
        dnnl_memory_destroy(j->scratchpad);
    if (j->stream)
        dnnl_stream_destroy(j->stream);
    if (j->primitive)
        dnnl_primitive_destroy(j->primitive);
    if (j->pd)
        dnnl_primitive_desc_destroy(j->pd);
    igi_free(j);
}

/* ---- packing ---- */

size_t igi_dnn_scratch(const igi_dnn_job *j, bool constant_weights)
{
    size_t weights =
        j->side[W].reorder ? align64(dnnl_memory_desc_get_size(&j->side[W].md)) : 0;
    /* Packed weights need no copy; their place is the last but for y, so it is kept
     * simple: only when nothing lies behind it can it be dropped. */
    bool last = j->side[W].offset + weights == j->scratch_bytes;
    return constant_weights && last ? j->scratch_bytes - weights : j->scratch_bytes;
}

size_t igi_dnn_packed_bytes(const igi_dnn_job *j)
{
    return dnnl_memory_desc_get_size(&j->side[W].md);
}

void igi_dnn_packed_key(const igi_dnn_job *j, char *buf, size_t size)
{
    uint64_t h = igi_hash_bytes(&j->side[W].md, sizeof(j->side[W].md), 1);
    snprintf(buf, size, "onednn %d.%d %016" PRIx64, DNNL_VERSION_MAJOR,
             DNNL_VERSION_MINOR, h);
}

static ig_status
reorder(const igi_dnn_job *j, const side *s, dnnl_memory_t from, dnnl_memory_t to)
{
    dnnl_exec_arg_t args[2] = {{DNNL_ARG_FROM, from}, {DNNL_ARG_TO, to}};
    return check(dnnl_primitive_execute(s->reorder, j->stream, 2, args), "a reorder");
}

ig_status igi_dnn_pack(igi_dnn_job *j, const void *weights, void *dst)
{
    side *s = &j->side[W];
    if (!s->reorder) {
        memcpy(dst, weights, igi_dnn_packed_bytes(j));
        return IG_OK;
    }
    (void)dnnl_memory_set_data_handle(s->user, (void *)(uintptr_t)weights);
    (void)dnnl_memory_set_data_handle(s->mem, dst);
    ig_status rc = reorder(j, s, s->user, s->mem);
    (void)dnnl_stream_wait(j->stream);
    return rc;
}

/* ---- running ---- */

/* Points a side at its data; inputs in another layout are copied first. */
static ig_status
bind(igi_dnn_job *j, int i, void *data, char *scratch, dnnl_memory_t *out)
{
    side *s = &j->side[i];
    (void)dnnl_memory_set_data_handle(s->user, data);
    *out = s->user;
    if (!s->reorder)
        return IG_OK;
    (void)dnnl_memory_set_data_handle(s->mem, scratch + s->offset);
    *out = s->mem;
    return is_output(j->kind, i) ? IG_OK : reorder(j, s, s->user, s->mem);
}

static ig_status execute(igi_dnn_job *j, const igi_dnn_args *a)
{
    static const int names[3][SIDES] = {
        {DNNL_ARG_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DST},
        {DNNL_ARG_DIFF_SRC, DNNL_ARG_WEIGHTS, DNNL_ARG_DIFF_DST},
        {DNNL_ARG_SRC, DNNL_ARG_DIFF_WEIGHTS, DNNL_ARG_DIFF_DST}};
    void *data[SIDES] = {a->x, a->w, a->y};
    dnnl_exec_arg_t args[5];
    dnnl_memory_t mem;
    int n = 0;
    for (int i = 0; i < SIDES; i++) {
        if (i == W && a->packed) {
            mem = j->side[W].mem;
            (void)dnnl_memory_set_data_handle(mem, (void *)(uintptr_t)a->packed);
        } else {
            IG_TRY(bind(j, i, data[i], a->scratch, &mem));
        }
        args[n++] = (dnnl_exec_arg_t){names[j->kind][i], mem};
    }
    if (j->bias) {
        (void)dnnl_memory_set_data_handle(j->bias, (void *)(uintptr_t)a->bias);
        args[n++] = (dnnl_exec_arg_t){DNNL_ARG_BIAS, j->bias};
    }
    (void)dnnl_memory_set_data_handle(j->scratchpad, a->scratch);
    args[n++] = (dnnl_exec_arg_t){DNNL_ARG_SCRATCHPAD, j->scratchpad};
    IG_TRY(check(dnnl_primitive_execute(j->primitive, j->stream, n, args),
                 "a convolution"));
    for (int i = 0; i < SIDES; i++)
        if (is_output(j->kind, i) && j->side[i].reorder)
            IG_TRY(reorder(j, &j->side[i], j->side[i].mem, j->side[i].user));
    return check(dnnl_stream_wait(j->stream), "a convolution");
}

ig_status igi_dnn_run(igi_dnn_job *j, const igi_dnn_args *a)
{
    int before = set_threads(j->threads);
    ig_status rc = execute(j, a);
    (void)set_threads(before);
    return rc;
}
