/* CPU compute primitives: what kernels call once shapes, types and layouts are settled.
 *
 * Pure functions over raw pointers: they allocate nothing, keep no state, cannot fail
 * and know nothing of tensors or graphs. Each exists once per instruction set in a
 * table (igi_cpu_isa), compiled from one body (compute/body.inc.h) over a small vector
 * type.
 *
 * Contract of every function unless it says otherwise:
 * - pointers need only the alignment of their element; sizes are elements, n >= 0;
 * - an output may be the same pointer as an input, but may not overlap it partly;
 * - NaN in gives NaN out; infinities follow the formula; denormals follow the caller's
 * MXCSR;
 * - an element's bits depend on its own inputs and the instruction set, never on its
 * position, on the length of a tail or on how threads split the work. Levels differ in
 * last bits. Threads: any number at once on disjoint outputs. */
#ifndef OPERATORS_CPU_COMPUTE_H
#define OPERATORS_CPU_COMPUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "operators/cpu/compute/keys.h"
#include "operators/cpu/compute/pointwise.h"
#include "operators/cpu/compute/region.h"
#include "operators/cpu/compute/step.h"

/* ---- matrix product -----------------------------------------------------------------
 */

/* What happens to C = A * B on its way to memory:
 *   act(A*B + bias + residual), or act(A*B + bias) + residual when residual_after.
 * bias[n] and residual[m][ld_residual] may be NULL; ld_residual 0 repeats one row;
 * residual may be C itself (the same pointer and stride). */
typedef struct igi_epilogue {
    const float *bias;
    const float *residual;
    int64_t ld_residual;
    bool residual_after;
    igi_unary act;
    float act_params[2];
} igi_epilogue;

/* Asked by what may take long, every few milliseconds; once true, it stays. Work that
 * is left is skipped, results are undefined then. */
typedef struct igi_stop {
    bool (*poll)(void *user);
    void *user;
    bool yes;
} igi_stop;
/* NULL: never. */
static inline bool igi_stopped(igi_stop *s)
{
    if (s && !s->yes)
        s->yes = s->poll(s->user);
    return s && s->yes;
}

/* C[m][n] = epilogue(A[m][k] * B[k][n]), rows of A, B and C at strides lda, ldb and ldc
 * with neighbouring columns adjacent; those of A may be a_step apart (0: 1) where m is
 * not 1 and gemm_dot is not meant. ldb 0 says that b is packed (igi_gemm_pack), in
 * panels that may be deeper than k (depth rows, 0: k; b is where the first begins). Row
 * strides that are a multiple of 4096 bytes cost up to 15 %: pad them. */
typedef struct igi_gemm {
    int64_t m, n, k;
    const float *a;
    int64_t lda, a_step;
    const float *b;
    int64_t ldb, depth;
    float *c;
    int64_t ldc;
    igi_epilogue epilogue;
} igi_gemm;

/* Computes rows [row_lo, row_hi) of the panels [panel_lo, panel_hi) of columns; any
 * split gives the same bits: an element is one chain of multiply-adds a block of k, in
 * the order of k; the first block adds bias and residual. m == 1 (of the whole product,
 * B packed or small) takes four chains a column instead, so its last bits differ from
 * those of the same row inside a larger product. */
typedef void (*igi_gemm_fn)(const igi_gemm *g,
                            int64_t row_lo,
                            int64_t row_hi,
                            int64_t panel_lo,
                            int64_t panel_hi);

typedef struct igi_nbits igi_nbits;         /* compute_nbits.h */
typedef struct igi_fft_lines igi_fft_lines; /* compute_fft.h */
enum { IGI_FEW_ROWS = 4 };                  /* of gemm_few */

/* Strides in elements; any value, 0 included. acc[m][n] starts from `init` when not
 * NULL. */
typedef struct igi_gemm_f64 {
    int64_t m, n, k;
    const double *a;
    int64_t a_rs, a_cs;
    const double *b;
    int64_t b_rs, b_cs;
    const double *init;
    int64_t init_rs, init_cs;
    double alpha;
    double *c;
    int64_t ldc;
} igi_gemm_f64;

/* ---- reductions ---------------------------------------------------------------------
 */

typedef enum igi_reduction {
    IGI_REDUCE_SUM = 0, /* of nothing: 0 */
    IGI_REDUCE_SUM_SQ,
    IGI_REDUCE_SUM_ABS,
    IGI_REDUCE_PROD, /* of nothing: 1 */
    IGI_REDUCE_MAX,  /* of nothing: -inf */
    IGI_REDUCE_MIN,  /* of nothing: inf */
    IGI_REDUCE_COUNT
} igi_reduction;

/* Long rows are reduced in blocks of this many elements, blocks in a fixed binary tree.
 */
#define IGI_REDUCE_BLOCK 1024

/* Positions are counted in floats. */
#define IGI_ARG_MAX ((int64_t)1 << 24)

/* ---- normalisation ------------------------------------------------------------------
 */

/* gamma and beta may be NULL (1 and 0). */
typedef struct igi_norm {
    const float *gamma;
    const float *beta;
    float epsilon;
} igi_norm;

/* Of n numbers: their mean and the sum of their squared distances from it. Of none: all
 * zero. */
typedef struct igi_moments {
    double n, mean, squares;
} igi_moments;

/* Those of both (Chan, Golub and LeVeque 1979); `more` are not none. */
static inline void igi_moments_join(igi_moments *m, const igi_moments *more)
{
    if (m->n <= 0) {
        *m = *more;
        return;
    }
    const double n = m->n + more->n, far = more->mean - m->mean;
    m->squares += more->squares + far * far * (m->n * more->n / n);
    m->mean += far * (more->n / n);
    m->n = n;
}

/* ---- pooling ------------------------------------------------------------------------
 */

/* x[h][w][c] with strides in elements between rows and pixels; y likewise, out_w
 * pixels. Padding counts in no maximum; windows without a pixel give -inf and 0. */
typedef struct igi_pool {
    const float *x;
    int64_t x_row, x_pixel;
    int64_t h, w, c;
    float *y;
    int64_t y_row, y_pixel;
    int64_t out_w;
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w;
    int64_t dilation_h, dilation_w;
    int64_t pad_top, pad_left, pad_bottom, pad_right;
    bool count_include_pad; /* the average's divisor counts padding (not what lies
                               beyond) */
} igi_pool;

/* ---- patches ------------------------------------------------------------------------
 */

/* Windows over x[batch][h][w][c]; a window's patch is [kernel_h][kernel_w][c], zero
 * where it leaves the image. */
typedef struct igi_patches {
    const float *x;
    int64_t h, w, c;
    int64_t out_h, out_w;
    int64_t kernel_h, kernel_w;
    int64_t stride_h, stride_w;
    int64_t dilation_h, dilation_w;
    int64_t pad_top, pad_left;
} igi_patches;

/* A convolution of each channel by itself: y[batch][out_h][out_w][c] =
 * epilogue(patches * w), w[kernel_h * kernel_w][ldw], ldw a multiple of 16 and at least
 * c, zero behind c. The residual is added before the activation, has the shape of y and
 * may be y itself. */
typedef struct igi_depthwise {
    igi_patches p;
    const float *w;
    int64_t ldw;
    float *y;
    igi_epilogue epilogue;
} igi_depthwise;

/* ---- Winograd convolution -----------------------------------------------------------
 */

/* y[batch][out_h][out_w][n] = epilogue(convolution of x[batch][h][w][c] by 3 x 3
 * weights), stride 1, as F(tile x tile, 3 x 3); c and n multiples of 16. Pads may be
 * any, so outputs and pads say where the image lies. The epilogue's residual has the
 * shape of y and may be y itself; ld_residual is not read. Rounds differently from the
 * direct sum: errors are below 1e-5 (tile 4; 5e-6 for tile 2) of the results' rms, and
 * an infinity in x makes NaN of its whole tile. */
typedef struct igi_winograd {
    int tile; /* outputs a side: 4 or 2 */
    int64_t batch, h, w, c;
    int64_t out_h, out_w, n;
    int64_t pad_top, pad_left;
    const float *x;
    const float *u; /* igi_winograd_pack */
    float *y;
    igi_epilogue epilogue;
    igi_stop *stop;
} igi_winograd;

/* Panels whose columns are transformed back together. */
#define IGI_WINOGRAD_GROUP 2

/* Tiles of the whole batch are numbered row by row. */
static inline int64_t igi_winograd_across(const igi_winograd *g)
{
    return (g->out_w + g->tile - 1) / g->tile;
}
static inline int64_t igi_winograd_down(const igi_winograd *g)
{
    return (g->out_h + g->tile - 1) / g->tile;
}

/* Some weights of one panel: w[cols][channels][3][3], `ld` floats between outputs, to
 * u[f][channels][panel], `step` floats between frequencies f. channels <= 16. */
typedef struct igi_winograd_kernel {
    const float *w;
    int64_t ld, cols, channels;
    float *u;
    int64_t step;
} igi_winograd_kernel;

/* Transformed inputs v[f][tile][channel] of tiles from `first` on. */
typedef struct igi_winograd_tiles {
    float *v;
    int64_t first, ld, step; /* floats between tiles, between frequencies */
} igi_winograd_tiles;

/* Products m[f][tile][column] of `tiles` tiles from `first` on and of the `width`
 * columns from `column` on, width <= IGI_WINOGRAD_GROUP panels. */
typedef struct igi_winograd_products {
    const float *m;
    int64_t first, tiles, ld, step;
    int64_t column, width;
} igi_winograd_products;

/* ---- recurrent cells ----------------------------------------------------------------
 */

typedef enum igi_cell_step_kind {
    IGI_CELL_STEP_RNN = 0,
    IGI_CELL_STEP_LSTM,
    IGI_CELL_STEP_GRU_LINEAR, /* linear_before_reset */
    IGI_CELL_STEP_GRU_RESET,  /* otherwise two passes: z and r * h, */
    IGI_CELL_STEP_GRU_NEW     /* then the state */
} igi_cell_step_kind;

/* One step of one direction, or one pass of it. Hidden units come in blocks of
 * cell_block, the last one padded; rows of states have `ld` floats, a multiple of it.
 * Gates lie as in ONNX. */
typedef struct igi_cell_step {
    igi_cell_step_kind kind;
    bool option; /* LSTM: the forget gate is 1 - the input gate */
    int gates;   /* of x */
    /* ORDER: recurrent activation: numbers of igi_rec_act */
    int fn[3];
    float alpha[3], beta[3], clip; /* clip: INFINITY for none */
    int64_t rows, hidden, ld;
    int64_t t;           /* rows with lens[row] <= t keep their state; their y is 0 */
    const int32_t *lens; /* NULL: none */
    const float *r;      /* packed [block][hidden][gates of this pass][cell_block] */
    const float *x;      /* [row][block][gates][cell_block]: products with X, biases */
    int64_t ld_x;
    const float *h;      /* what r multiplies: the state; of GRU_NEW r * h */
    const float *before; /* the state */
    float *out;          /* the new one; of GRU_RESET r * h. Not h. */
    float *c;            /* LSTM: the cell, replaced. GRU: z, between the passes */
    float *y;            /* also here, [row][hidden], NULL: nowhere */
    int64_t ld_y;
    const float *p;  /* LSTM: peepholes [3][ld], NULL: none */
    const float *rb; /* GRU_LINEAR: bias of R's last gate [ld] */
} igi_cell_step;

/* ---- the table ----------------------------------------------------------------------
 */

typedef enum igi_cpu_level {
    IGI_CPU_PORTABLE = 0, /* plain vectors of 16 bytes: every CPU */
    IGI_CPU_AVX2 = 1,     /* AVX2, FMA and F16C */
    IGI_CPU_AVX512 = 2,   /* F, BW, DQ, VL */
    IGI_CPU_LEVELS = 3
} igi_cpu_level;

typedef struct igi_cpu_isa {
    const char *name;
    igi_cpu_level level;
    int vector;     /* floats */
    int gemm_panel; /* columns of a packed panel */
    int gemm_rows;  /* rows of the tallest tile: split rows in multiples of it */

    igi_unary_fn unary[IGI_UNARY_COUNT];
    igi_binary_fn binary[IGI_BINARY_COUNT][IGI_BINARY_MODES];
    igi_binary64_fn binary_f64[IGI_BINARY_POW][IGI_BINARY_MODES]; /* all but Pow */

    igi_gemm_fn gemm;
    /* The same product with b as [n][k], row stride ldb (not 0): dot products of rows
     * read in place, for few rows of A. Columns [col_lo, col_hi), all rows. */
    void (*gemm_dot)(const igi_gemm *g, int64_t col_lo, int64_t col_hi);
    /* The same of at most IGI_FEW_ROWS rows by b[k][n], row stride ldb (not 0), read
     * along its rows; bits depend neither on the number of rows nor on the split. */
    void (*gemm_few)(const igi_gemm *g, int64_t col_lo, int64_t col_hi);
    /* Rows [row_lo, row_hi); one chain per element in the order of k. */
    void (*gemm_f64)(const igi_gemm_f64 *g, int64_t row_lo, int64_t row_hi);
    /* compute_nbits.h: all rows of the panels [panel_lo, panel_hi), for few rows, whose
     * bits depend neither on their number nor on the split; and panel p as floats,
     * packed as igi_gemm_pack does it. */
    void (*nbits_rows)(const igi_nbits *b, int64_t panel_lo, int64_t panel_hi);
    void (*nbits_panel)(float *dst, const igi_nbits *b, int64_t p);

    float (*reduce)(igi_reduction op, const float *x, int64_t n);
    /* For threads: blocks [lo, hi) of x[n] into partial[block]; igi_reduction's bits
     * result when reduce_combine folds all ceil(n / IGI_REDUCE_BLOCK) partials. */
    void (*reduce_blocks)(igi_reduction op,
                          float *partial,
                          const float *x,
                          int64_t n,
                          int64_t lo,
                          int64_t hi);
    float (*reduce_combine)(igi_reduction op, const float *partial, int64_t count);
    /* y[outer][inner] = op over axis of x[outer][axis][inner]. */
    void (*reduce_axis)(igi_reduction op,
                        float *y,
                        const float *x,
                        int64_t outer,
                        int64_t axis,
                        int64_t inner);
    /* The same for IGI_REDUCE_SUM and IGI_REDUCE_MAX. */
    void (*reduce_axis_f64)(igi_reduction op,
                            double *y,
                            const double *x,
                            int64_t outer,
                            int64_t axis,
                            int64_t inner);
    /* Index of the largest (smallest) of n >= 1 elements; NaN beats all; the first of
     * equals, the last if `last`. */
    int64_t (*argmax)(const float *x, int64_t n, bool last);
    int64_t (*argmin)(const float *x, int64_t n, bool last);
    /* y[j] = the same along axis of x[axis][inner], for j < n <= inner; axis >= 1 and
     * at most IGI_ARG_MAX. */
    void (*arg_columns)(int64_t *y,
                        const float *x,
                        int64_t axis,
                        int64_t inner,
                        int64_t n,
                        bool least,
                        bool last);
    igi_key_above_fn key_above[IGI_KEY_COUNT];

    /* y = exp(scale * x - shift); the sum of y. */
    float (*exp_sum)(float *y, const float *x, int64_t n, float scale, float shift);
    /* y = softmax(scale * x), scale >= 0. */
    void (*softmax_row)(float *y, const float *x, int64_t n, float scale);
    void (*log_softmax_row)(float *y, const float *x, int64_t n);
    /* y = (x - mean) * inv_std * gamma + beta, inv_std = 1 / sqrt(variance + epsilon),
     * n >= 1. mean and inv_std may be NULL. rms_norm_row leaves the mean out. */
    void (*layer_norm_row)(float *y,
                           const float *x,
                           int64_t n,
                           const igi_norm *p,
                           float *mean,
                           float *inv_std);
    void (*rms_norm_row)(
        float *y, const float *x, int64_t n, const igi_norm *p, float *inv_rms);

    /* Joins those of x[n], n >= 1. Finite whenever x is. */
    void (*moments)(igi_moments *m, const float *x, int64_t n);
    /* y = (x - mean) * factor + add. */
    void (*standard_row)(
        float *y, const float *x, int64_t n, float mean, float factor, float add);

    /* float16 and bfloat16 to float32 and back, rounding to nearest even. */
    void (*widen_f16)(float *y, const uint16_t *x, int64_t n);
    void (*widen_bf16)(float *y, const uint16_t *x, int64_t n);
    void (*narrow_f16)(uint16_t *y, const float *x, int64_t n);
    void (*narrow_bf16)(uint16_t *y, const float *x, int64_t n);

    /* dst[c][r] = src[r][c] of 4-byte elements, row strides in elements; no overlap. */
    void (*transpose_32)(void *dst,
                         int64_t ld_dst,
                         const void *src,
                         int64_t ld_src,
                         int64_t rows,
                         int64_t cols);

    /* Patches of windows [lo, hi), counted over the whole batch, `ld` floats apart. */
    void (*patches)(
        const igi_patches *p, float *dst, int64_t ld, int64_t lo, int64_t hi);
    /* y[r][i] += x[r][i], i < n, rows at strides ld_y and ld_x. */
    void (*add_rows)(
        float *y, int64_t ld_y, const float *x, int64_t ld_x, int64_t rows, int64_t n);

    /* Output rows [row_lo, row_hi) of the channels from `channel` on, as many as a
     * vector has (`vector`). `tile`: the rows of the image that they meet, from the
     * first tap's to the last one's, each as wide as all outputs of a row reach, times
     * `vector`. */
    void (*depthwise)(const igi_depthwise *d,
                      int64_t image,
                      int64_t row_lo,
                      int64_t row_hi,
                      int64_t channel,
                      float *tile);

    /* The transforms; `zeros`: c of them; tiles [lo, hi). */
    void (*winograd_weights)(int tile, const igi_winograd_kernel *k);
    void (*winograd_input)(const igi_winograd *g,
                           const igi_winograd_tiles *t,
                           const float *zeros,
                           int64_t lo,
                           int64_t hi);
    void (*winograd_output)(const igi_winograd *g, const igi_winograd_products *q);
    /* compute_fft.h: transforms of `vector` lines that lie side by side. */
    float *(*fft)(const igi_fft_lines *f, float *x, float *work);
    void (*fft_times)(
        float *y, const float *x, const float *by, int64_t n, bool conjugate);
    void (*fft_weigh)(float *x, const float *by, int64_t n, int64_t parts);
    void (*fft_unpack)(
        float *y, const float *x, const float *root, int64_t n, int64_t bins);
    int cell_block; /* hidden units of a block of igi_cell_step */
    /* Blocks [block_lo, block_hi) of all rows. */
    void (*cell_step)(const igi_cell_step *s, int64_t block_lo, int64_t block_hi);

    /* One output row oy >= 0, all channels. */
    void (*max_pool_row)(const igi_pool *p, int64_t oy);
    void (*avg_pool_row)(const igi_pool *p, int64_t oy);
    /* y[c] = mean over pixels of x[pixel][c] at stride x_pixel, pixels >= 1. */
    void (*global_avg_pool)(
        float *y, const float *x, int64_t pixels, int64_t x_pixel, int64_t channels);
    /* y[rows][columns] from a plane x. */
    void (*region)(const igi_region *r, float *y, const float *x);
    igi_adam_fn adam;
    igi_relu_grad_fn relu_grad;
    /* Whether `box` overlaps one of n boxes by more than `most` (intersection by
     * union): low and high of one axis, of the other one, and area. boxes: five such
     * rows, `ld` floats each, filled up to whole vectors with lows of INFINITY; areas >
     * 0. */
    bool (*overlaps)(
        const float *boxes, int64_t ld, int64_t n, const float *box, float most);
} igi_cpu_isa;

/* The best table this CPU runs; never NULL. A few loads: call it once per prepare. */
const igi_cpu_isa *igi_cpu_isa_best(void);
/* The table of one level, NULL when the CPU or the build lacks it. For options and
 * tests. */
const igi_cpu_isa *igi_cpu_isa_get(igi_cpu_level level);

/* ---- packing and general products (compute/gemm.c) ---- */

/* Panels of n columns. */
int64_t igi_gemm_panels(const igi_cpu_isa *isa, int64_t n);
/* Floats of a packed k x n matrix; false when that overflows. */
bool igi_gemm_packed_size(const igi_cpu_isa *isa, int64_t n, int64_t k, size_t *floats);

/* Packs scale * B, B[k][n] at element strides (rs, cs), into panels
 * [panel][k][gemm_panel], zero padded; only panels [panel_lo, panel_hi), at their
 * places in dst. Independent of m. */
typedef struct igi_gemm_source {
    const float *b;
    int64_t rs, cs;
    int64_t n, k;
    float scale;
    int64_t depth; /* rows of a panel of dst, when these k are a part of them; 0: k */
} igi_gemm_source;
void igi_gemm_pack(const igi_cpu_isa *isa,
                   float *dst,
                   const igi_gemm_source *source,
                   int64_t panel_lo,
                   int64_t panel_hi);

/* isa->gemm of that part; when it is large in pieces of some milliseconds, between
 * which `stop` is asked. Nothing when it said yes before. */
void igi_gemm_run(const igi_cpu_isa *isa,
                  const igi_gemm *g,
                  int64_t row_lo,
                  int64_t row_hi,
                  int64_t panel_lo,
                  int64_t panel_hi,
                  igi_stop *stop);

/* A product whose B is not worth packing ahead: C = epilogue(alpha * A * B), any
 * strides. */
typedef struct igi_matmul {
    int64_t m, n, k;
    const float *a;
    int64_t a_rs, a_cs;
    const float *b;
    int64_t b_rs, b_cs;
    float alpha;
    float *c;
    int64_t ldc;
    igi_epilogue epilogue;
    igi_stop *stop;
} igi_matmul;

/* Floats of scratch that igi_matmul_run needs per thread for these sizes and strides
 * (pointers are not read); 0 when operands are used in place. False on overflow. */
bool igi_matmul_scratch(const igi_cpu_isa *isa, const igi_matmul *g, size_t *floats);
/* Columns of panels [panel_lo, panel_hi), all rows. */
void igi_matmul_run(const igi_cpu_isa *isa,
                    const igi_matmul *g,
                    float *scratch,
                    int64_t panel_lo,
                    int64_t panel_hi);

/* ---- Winograd convolution (compute/winograd.c) ---- */

/* Floats of packed weights; false when that overflows. */
bool igi_winograd_packed_size(const igi_cpu_isa *isa,
                              const igi_winograd *g,
                              size_t *floats);
/* w[n][c][3][3] to u[group of panels][frequency][panel][c][gemm_panel]. */
void igi_winograd_pack(const igi_cpu_isa *isa,
                       const igi_winograd *g,
                       const float *w,
                       float *u);
/* Floats of scratch per thread; false on overflow. */
bool igi_winograd_scratch(const igi_cpu_isa *isa,
                          const igi_winograd *g,
                          size_t *floats);
/* The part of thread tid of nth. `scratch`: of the whole team, at a cache line. `meet`
 * makes the team meet; it is called equally often by all, and not at all when nth is 1.
 * Any nth gives the same bits. */
void igi_winograd_run(const igi_cpu_isa *isa,
                      const igi_winograd *g,
                      float *scratch,
                      int tid,
                      int nth,
                      void (*meet)(void *user),
                      void *user);

/* ---- movement (compute/move.c) ---- */

/* dst[c][r] = src[r][c]; elements of 1, 2, 4, 8 or 16 bytes; row strides in elements.
 */
void igi_transpose_2d(const igi_cpu_isa *isa,
                      size_t element,
                      void *dst,
                      int64_t ld_dst,
                      const void *src,
                      int64_t ld_src,
                      int64_t rows,
                      int64_t cols);

/* n elements at any strides (in elements; src_step 0 fills). */
void igi_copy_strided(size_t element,
                      void *dst,
                      int64_t dst_step,
                      const void *src,
                      int64_t src_step,
                      int64_t n);

/* dst[i...] = src[i...] over dims[rank], rank <= IG_RANK_MAX, strides in elements:
 * transposes, slices (negative strides too) and expansions (src stride 0). Axes are
 * merged and reordered first; the two fastest become a 2-D transpose or rows of memcpy.
 * No overlap. */
typedef struct igi_copy {
    size_t element;
    int rank;
    const int64_t *dims;
    void *dst;
    const int64_t *dst_strides;
    const void *src;
    const int64_t *src_strides;
} igi_copy;
void igi_cpu_copy_nd(const igi_cpu_isa *isa, const igi_copy *copy);

#endif
