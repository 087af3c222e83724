/* Batches in parts; see onednn_parts.h. */
#include "operators/cpu/onednn_parts.h"

#include "operators/cpu/host.h"
#include "operators/cpu/kernel.h"

/* Multiply-adds of a part: some milliseconds, beside which a call costs nothing; floats
 * of a piece that a thread activates. */
enum { PART = 1 << 29, PIECE = 1 << 14 };

/* How far `work` is from PART, as a ratio of at least 1. */
static double away(double work)
{
    return work > PART ? work / PART : PART / work;
}

/* Images of a part: the divisor of the batch whose work comes nearest to PART. */
static int64_t images_of(const igi_conv *c)
{
    const double image = (double)c->group * (double)c->m * (double)c->c *
                         (double)c->taps * (double)c->out_plane;
    int64_t best = c->batch;
    if (image * (double)c->batch <= PART)
        return best;
    for (int64_t d = 1; d <= c->batch / d; d++) {
        const int64_t pair[2] = {d, c->batch / d};
        for (int i = 0; i < 2 && c->batch % d == 0; i++)
            if (away(image * (double)pair[i]) < away(image * (double)best))
                best = pair[i];
    }
    return best;
}

/* oneDNN counts positions and bytes between them in int, unchecked: windows that reach
 * that far beyond the image are not for it. */
static bool in_reach(const igi_conv *c, int axis)
{
    const igi_window_axis *a = &c->w.axis[axis];
    const int64_t span = (a->kernel - 1) * a->dilation + 1;
    int64_t far = span > a->stride ? span : a->stride;
    double step =
        sizeof(float) * (double)c->group * (double)(c->c > c->m ? c->c : c->m);
    far = far > a->pad ? far : a->pad;
    far = far > a->pad_end ? far : a->pad_end;
    for (int i = axis + 1; i < c->w.rank; i++)
        step *= (double)(c->w.axis[i].in > c->w.axis[i].out ? c->w.axis[i].in
                                                            : c->w.axis[i].out);
    return far <= 16 * a->in + 1024 && (double)far * step <= INT32_MAX;
}

/* Whether some window has no tap inside the image: with a residual, oneDNN 2.6 gives
 * something else for it, or reads where nothing is. */
static bool has_empty_window(const igi_conv *c)
{
    for (int i = 0; i < c->w.rank; i++) {
        const igi_window_axis *a = &c->w.axis[i];
        const int64_t span = (a->kernel - 1) * a->dilation + 1;
        for (int64_t o = 0; o < a->out && o * a->stride < a->pad; o++)
            if (!igi_window_count(a, o, false))
                return true;
        for (int64_t o = a->out - 1; o >= 0 && o * a->stride - a->pad + span > a->in;
             o--)
            if (!igi_window_count(a, o, false))
                return true;
    }
    return false;
}

ig_status igi_dnn_parts_new(igi_dnn_parts *out, const igi_dnn_spec *s)
{
    igi_dnn_spec part = *s;
    igi_conv *c = &part.geometry;
    for (int i = 0; i < s->geometry.w.rank; i++)
        if (!in_reach(&s->geometry, i))
            return ig_fail(IG_UNSUPPORTED, "windows reach too far for oneDNN");
    out->rest = (igi_epilogue){.act = IGI_UNARY_NONE};
    out->threads = s->threads > 0 ? s->threads : 1;
    if (out->threads > 1)
        igi_cpu_library_runs();
    out->adds = s->residual &&
                (has_empty_window(c) || (s->residual_after && !igi_dnn_activates(s)));
    if (out->adds || !igi_dnn_activates(s)) {
        out->rest =
            igi_epilogue_of(s->activation, s->act_a, s->act_b, s->residual_after);
        part.activation = 0;
        part.residual = s->residual && !out->adds;
    }
    if (s->kind != IGI_DNN_GRAD_WEIGHT)
        c->batch = images_of(&s->geometry);
    out->count = s->geometry.batch / c->batch;
    const int64_t images = c->batch * c->group;
    out->x_bytes = (size_t)(images * c->c * c->in_plane) * sizeof(float);
    out->y_bytes = (size_t)(images * c->m * c->out_plane) * sizeof(float);
    return igi_dnn_new(&out->job, &part);
}

/* What the job has left, on n floats. */
static void finish(const igi_epilogue *e, float *y, const float *residual, int64_t n)
{
    const igi_cpu_isa *isa = igi_cpu_isa_best();
    const igi_binary_fn add = isa->binary[IGI_BINARY_ADD][IGI_BINARY_VV];
    if (residual && !e->residual_after)
        add(y, y, residual, n);
    if (e->act != IGI_UNARY_NONE)
        isa->unary[e->act](y, y, n, e->act_params);
    if (residual && e->residual_after)
        add(y, y, residual, n);
}

static void finish_part(const igi_dnn_parts *p, float *y, const float *residual)
{
    const int64_t n = (int64_t)(p->y_bytes / sizeof(float));
    const int64_t pieces = (n + PIECE - 1) / PIECE;
#ifdef _OPENMP
#pragma omp parallel for num_threads(p->threads)
#endif
    for (int64_t i = 0; i < pieces; i++)
        finish(&p->rest, y + i * PIECE, residual ? residual + i * PIECE : NULL,
               n - i * PIECE < PIECE ? n - i * PIECE : PIECE);
}

ig_status
igi_dnn_parts_run(ig_kernel_ctx *k, const igi_dnn_parts *p, const igi_dnn_args *a)
{
    igi_dnn_args part = *a;
    for (int64_t i = 0; i < p->count; i++) {
        if (i)
            IG_TRY(ig_poll(k));
        part.x = (char *)a->x + (size_t)i * p->x_bytes;
        part.y = (char *)a->y + (size_t)i * p->y_bytes;
        IG_TRY(igi_dnn_run(p->job, &part));
        if (p->adds || p->rest.act != IGI_UNARY_NONE)
            finish_part(p, part.y,
                        p->adds ? a->residual + (size_t)i * p->y_bytes / sizeof(float)
                                : NULL);
    }
    return IG_OK;
}
