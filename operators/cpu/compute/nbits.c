/* Packing of matrices of 2, 4 or 8 bits, and products with many rows. */
#include <string.h>

#include "graph/core/checked.h"
#include "operators/cpu/compute_nbits.h"

static int64_t ceil_div(int64_t a, int64_t b)
{
    return a / b + (a % b != 0);
}

bool igi_nbits_packed_size(const igi_cpu_isa *isa,
                           const igi_nbits_source *s,
                           int64_t block,
                           size_t *words,
                           size_t *scales)
{
    return igi_gemm_packed_size(isa, s->n, ceil_div(s->k, 32 / s->bits), words) &&
           igi_gemm_packed_size(isa, s->n, ceil_div(s->k, block), scales);
}

static uint32_t code_at(const igi_nbits_source *s, int64_t at)
{
    const int per = 8 / s->bits, shift = (int)(at % per) * s->bits;
    return (uint32_t)((const uint8_t *)s->b)[at / per] >> shift & ((1u << s->bits) - 1);
}

/* Whether the words of a column lie in the source as they will be packed. */
static bool is_by_words(const igi_nbits_source *s)
{
    const int64_t per = 32 / s->bits;
    return s->rs == 1 && s->k % per == 0 && s->cs % per == 0;
}

static void pack_codes(
    uint32_t *dst, int panel, const igi_nbits_source *s, int64_t col, int64_t cols)
{
    const int64_t per = 32 / s->bits, words = ceil_div(s->k, per);
    for (int64_t w = 0; w < words; w++) {
        for (int64_t j = 0; j < cols; j++) {
            uint32_t word = 0;
            for (int64_t i = 0; i < per && w * per + i < s->k; i++)
                word |= code_at(s, (w * per + i) * s->rs + (col + j) * s->cs)
                        << (i * s->bits);
            dst[w * panel + j] = word;
        }
    }
}

void igi_nbits_pack(const igi_cpu_isa *isa,
                    uint32_t *dst,
                    const igi_nbits_source *s,
                    int64_t panel_lo,
                    int64_t panel_hi)
{
    const int panel = isa->gemm_panel;
    const int64_t per = 32 / s->bits, words = ceil_div(s->k, per);
    /* the highest bit of every code */
    const uint32_t half = s->bits == 2   ? 0xaaaaaaaau
                          : s->bits == 4 ? 0x88888888u
                                         : 0x80808080u;
    dst += panel_lo * words * panel;
    for (int64_t p = panel_lo; p < panel_hi; p++, dst += words * panel) {
        const int64_t col = p * panel, cols = s->n - col < panel ? s->n - col : panel;
        if (cols < panel)
            memset(dst, 0, (size_t)(words * panel) * sizeof(*dst));
        if (is_by_words(s))
            isa->transpose_32(dst, panel, (const uint8_t *)s->b + col * s->cs / per * 4,
                              s->cs / per, cols, words);
        else
            pack_codes(dst, panel, s, col, cols);
        for (int64_t i = 0; s->is_signed && i < words * panel; i++)
            dst[i] ^= half;
    }
}

void igi_nbits_run(const igi_cpu_isa *isa,
                   const igi_nbits *b,
                   float *room,
                   int64_t panel_lo,
                   int64_t panel_hi,
                   igi_stop *stop)
{
    igi_gemm task = b->g;
    task.b = room;
    task.ldb = 0;
    for (int64_t p = panel_lo; p < panel_hi && !igi_stopped(stop); p++) {
        const igi_epilogue *e = &b->g.epilogue;
        const int64_t col = p * isa->gemm_panel, left = b->g.n - col;
        isa->nbits_panel(room, b, p);
        task.n = left < isa->gemm_panel ? left : isa->gemm_panel;
        task.c = b->g.c + col;
        task.epilogue.bias = e->bias ? e->bias + col : NULL;
        task.epilogue.residual = e->residual ? e->residual + col : NULL;
        igi_gemm_run(isa, &task, 0, b->g.m, 0, 1, stop);
    }
}
