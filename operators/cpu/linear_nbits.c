/* ingot::LinearNBits: products with a constant matrix of 2, 4 or 8 bits in blocks.
 *
 * Codes and scales are packed once, in panels of columns; threads split panels. Up to
 * FEW_ROWS rows multiply the codes as they are read, which is what a language model
 * does for every token: time is reading the weights. For more rows a panel is written
 * out as floats into scratch first. */
#include <inttypes.h>
#include <stdio.h>

#include "graph/core/alloc.h"
#include "graph/core/dtype.h"
#include "operators/common_fused.h"
#include "operators/cpu/compute_nbits.h"
#include "operators/cpu/kernel.h"

enum { FEW_ROWS = 4 };

typedef struct state {
    const igi_cpu_isa *isa;
    igi_nbits b; /* addresses of x and y are those of each run */
} state;

static igi_nbits_source source_of(const ig_kernel_ctx *k)
{
    const igi_linear_nbits_attrs *a = k->attrs;
    const ig_tensor *w = igi_kin(k, IGI_NBITS_W);
    const ig_dtype type = (ig_dtype)w->v.type.dtype;
    const bool t = a->trans_w != 0;
    igi_nbits_source s = {.b = w->data,
                          .bits = ig_dtype_bits(type),
                          .is_signed =
                              type == IG_INT2 || type == IG_INT4 || type == IG_INT8,
                          .n = igi_kdims(w)[!t],
                          .k = igi_kdims(w)[t]};
    s.rs = t ? 1 : s.n;
    s.cs = t ? s.k : 1;
    return s;
}

static ig_status supports(const ig_kernel_ctx *k)
{
    const igi_linear_nbits_attrs *a = k->attrs;
    const uint64_t needed = IG_BIT(IGI_NBITS_W) | IG_BIT(IGI_NBITS_SCALE) |
                            (igi_kin(k, IGI_NBITS_ZERO) ? IG_BIT(IGI_NBITS_ZERO) : 0);
    if ((k->constants & needed) != needed)
        return ig_reject("the matrix, its scales or its zero points are no constants");
    const igi_nbits_source s = source_of(k);
    if (a->block_size % (32 / s.bits) != 0 && a->block_size < s.k)
        return ig_reject("blocks that end inside of a word");
    if (s.n == 0 || s.k == 0 || igi_tensor_count(igi_kout(k, 0)) == 0)
        return ig_reject("an empty product");
    return IG_OK;
}

/* ---- packing ---- */

static ig_status fill_codes(const ig_kernel_ctx *k, void *dst, void *user)
{
    const state *s = user;
    const igi_nbits_source source = source_of(k);
    igi_nbits_pack(s->isa, dst, &source, 0, igi_gemm_panels(s->isa, source.n));
    return IG_OK;
}

/* Scales or zero points (port `port`), plus `more`, in panels. */
static void fill_blocks(
    const ig_kernel_ctx *k, const igi_cpu_isa *isa, int port, float more, float *dst)
{
    const ig_tensor *t = igi_kin(k, port);
    const bool trans = ((const igi_linear_nbits_attrs *)k->attrs)->trans_w != 0;
    const int64_t n = igi_kdims(t)[!trans], blocks = igi_kdims(t)[trans];
    for (int64_t col = 0; col < n; col += isa->gemm_panel) {
        for (int64_t b = 0; b < blocks; b++) {
            for (int64_t j = col; j < col + isa->gemm_panel; j++) {
                const int64_t at = trans ? j * blocks + b : b * n + j;
                double v = 0;
                if (j < n)
                    v = igi_get_f64((ig_dtype)t->v.type.dtype, t->data, at);
                *dst++ = (float)v + more;
            }
        }
    }
}

static ig_status fill_scales(const ig_kernel_ctx *k, void *dst, void *user)
{
    fill_blocks(k, ((const state *)user)->isa, IGI_NBITS_SCALE, 0, dst);
    return IG_OK;
}

/* Codes of signed types are larger by `middle`, so are their zero points. */
static ig_status fill_zeros(const ig_kernel_ctx *k, void *dst, void *user)
{
    const state *s = user;
    fill_blocks(k, s->isa, IGI_NBITS_ZERO, s->b.middle, dst);
    return IG_OK;
}

static ig_status pack(ig_kernel_ctx *k, state *s, const igi_nbits_source *source)
{
    size_t words, scales;
    char key[96];
    const bool trans = source->rs == 1;
    if (!igi_nbits_packed_size(s->isa, source, s->b.block, &words, &scales))
        return ig_kernel_fail(k, IG_LIMIT, "the right matrix is too large to pack");
    /* Equal keys mean equal bytes: panels, orientation, sizes; a shared constant may be
     * that of matrices of several types. */
    snprintf(key, sizeof(key), "nbits %d %d%d %" PRId64 " %" PRId64 " %g",
             s->isa->gemm_panel, trans, source->bits, source->k, s->b.block,
             (double)s->b.middle);
    s->b.codes = ig_pack(k, IGI_NBITS_W, key, words * sizeof(uint32_t), fill_codes, s);
    if (s->b.codes)
        s->b.scale =
            ig_pack(k, IGI_NBITS_SCALE, key, scales * sizeof(float), fill_scales, s);
    if (s->b.scale && igi_kin(k, IGI_NBITS_ZERO))
        s->b.zero =
            ig_pack(k, IGI_NBITS_ZERO, key, scales * sizeof(float), fill_zeros, s);
    const bool done = s->b.scale && (s->b.zero || !igi_kin(k, IGI_NBITS_ZERO));
    return done ? IG_OK : ig_error_status();
}

/* ---- preparing and running ---- */

static void unprepare(ig_kernel_ctx *k)
{
    igi_free(k->state);
    k->state = NULL;
}

static ig_status prepare(ig_kernel_ctx *k)
{
    const igi_linear_nbits_attrs *a = k->attrs;
    const ig_tensor *x = igi_kin(k, IGI_NBITS_X);
    IG_TRY(supports(k));
    const igi_nbits_source source = source_of(k);
    size_t room;
    state *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    s->isa = igi_cpu_isa_best();
    s->b = (igi_nbits){
        .g = {.m = igi_kcount(x, 0, igi_krank(x) - 1),
              .n = source.n,
              .k = source.k,
              .lda = source.k,
              .ldc = source.n,
              .epilogue = igi_epilogue_of(a->activation, a->act_a, a->act_b,
                                          a->residual_after != 0)},
        .bits = source.bits,
        .block = a->block_size < source.k ? a->block_size : source.k,
        .middle = source.is_signed ? (float)(1 << (source.bits - 1)) : 0.0f};
    s->b.g.epilogue.ld_residual = source.n;
    k->state = s;
    ig_status rc = pack(k, s, &source);
    if (rc == IG_OK && igi_gemm_packed_size(s->isa, 1, source.k, &room))
        k->scratch_bytes = s->b.g.m > FEW_ROWS ? room * sizeof(float) : 0;
    if (rc != IG_OK)
        unprepare(k);
    return rc;
}

static ig_status run(ig_kernel_ctx *k, int tid, int nth)
{
    const state *s = k->state;
    igi_nbits b = s->b;
    int64_t lo, hi;
    igi_stop stop = igi_kstop(k);
    b.g.a = igi_kf32(igi_kin(k, IGI_NBITS_X));
    b.g.c = igi_kf32(igi_kout(k, 0));
    b.g.epilogue.bias = igi_kf32(igi_kin(k, IGI_NBITS_B));
    b.g.epilogue.residual = igi_kf32(igi_kin(k, IGI_NBITS_RESIDUAL));
    ig_split(igi_gemm_panels(s->isa, b.g.n), 1, tid, nth, &lo, &hi);
    if (b.g.m > FEW_ROWS)
        igi_nbits_run(s->isa, &b, ig_scratch(k, tid), lo, hi, &stop);
    else
        s->isa->nbits_rows(&b, lo, hi);
    return igi_kstop_status(&stop);
}

IG_KERNELS(linear_nbits) = {
    {IG_KERNEL_HEAD, .op = "ingot::LinearNBits", .name = "nbits",
     .types = IG_T(FLOAT32), .needs = IG_KERNEL_HEAVY, .supports = supports,
     .prepare = prepare, .run_team = run, .unprepare = unprepare},
    {0},
};
