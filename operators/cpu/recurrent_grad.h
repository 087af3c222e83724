/* The two files of the RecurrentGrad kernel: recurrent_grad.c has sizes, weights and
 * outputs, recurrent_grad_steps.c goes through the steps. */
#ifndef OPERATORS_CPU_RECURRENT_GRAD_H
#define OPERATORS_CPU_RECURRENT_GRAD_H

#include "operators/common_recurrent.h"
#include "operators/cpu/kernel.h"

/* Floats: row strides of 4096 bytes would collide in the cache. */
enum { IGI_RGRAD_PAD = 16 };

/* Arrays of scratch, in floats. `zr` are the gates that see the state itself: all but
 * the last of GRU. */
enum {
    IGI_RGRAD_W_IN,    /* packed W^T */
    IGI_RGRAD_R_IN,    /* packed R^T of zr */
    IGI_RGRAD_RN_IN,   /* of GRU's last gate */
    IGI_RGRAD_R_BACK,  /* packed R of zr */
    IGI_RGRAD_RN_BACK, /* of GRU's last gate */
    IGI_RGRAD_W_BACK,  /* packed W */
    IGI_RGRAD_X_PACK, /* packed X, and IGI_RGRAD_H_PACK the states, as right operands */
    IGI_RGRAD_H_PACK,
    IGI_RGRAD_GATES,  /* [row][gates]: activated, then gradients of pre-activations */
    IGI_RGRAD_TURNED, /* their transpose, [gate][row] */
    IGI_RGRAD_PART,   /* GRU: R h + Rb of the last gate, then its gradient; or r * h */
    IGI_RGRAD_PART_TURNED,
    IGI_RGRAD_H_BEFORE, /* states before each step [row][hidden], also cells */
    IGI_RGRAD_C_BEFORE,
    IGI_RGRAD_C_AFTER,
    IGI_RGRAD_H_OF_C, /* h(C) */
    IGI_RGRAD_DH,     /* [sequence][hidden] */
    IGI_RGRAD_DC,
    IGI_RGRAD_DPART,
    IGI_RGRAD_BIAS,
    IGI_RGRAD_DP, /* of peepholes [3][hidden] */
    IGI_RGRAD_ARRAYS
};

typedef struct igi_rgrad {
    ig_kernel_ctx *k;
    igi_recurrent r;
    const igi_cpu_isa *isa;
    int64_t rows, width, zr;  /* width: gates * hidden; zr: of those gates */
    int64_t ld_g, ld_h, ld_t; /* row strides of gates, states, transposed arrays */
    size_t at[IGI_RGRAD_ARRAYS + 1];
    int tid, nth;
    int d; /* direction */
    igi_stop *stop;
} igi_rgrad;

static inline bool igi_rgrad_is_gru(const igi_rgrad *p)
{
    return p->r.cell == IGI_CELL_GRU;
}

static inline float *igi_rgrad_array(const igi_rgrad *p, int i)
{
    return (float *)(void *)p->k->scratch + p->at[i];
}

static inline const float *igi_rgrad_input(const igi_rgrad *p, int i)
{
    return igi_kf32(igi_kin(p->k, i));
}

/* Where step t of sequence b lies. */
static inline int64_t igi_rgrad_row(const igi_rgrad *p, int64_t t, int64_t b)
{
    return (t * p->r.x_step + b * p->r.x_seq) / p->r.input;
}
static inline int64_t
igi_rgrad_row_step(const igi_rgrad *p) /* from a sequence to the next one */
{
    return p->r.x_seq / p->r.input;
}
/* The step that is the s-th of this direction. */
static inline int64_t igi_rgrad_time(const igi_rgrad *p, int64_t s)
{
    return p->r.reverse[p->d] ? p->r.steps - 1 - s : s;
}
static inline bool igi_rgrad_active(const igi_rgrad *p, int64_t t, int64_t b)
{
    return t < igi_recurrent_length(&p->r, b);
}

/* C[m][n] = A[m][k] * packed B (+ C). */
typedef struct igi_rgrad_product {
    int64_t m, n, k;
    const float *a;
    int64_t lda;
    int b;
    float *c;
    int64_t ldc;
    const float *bias;
    bool add;
} igi_rgrad_product;

/* This thread's columns. */
void igi_rgrad_multiply(const igi_rgrad *p, igi_rgrad_product v);

/* Whether the kernel knows the slope of f from its value. */
bool igi_rgrad_takes(const igi_rec_fn *f);
/* All steps; units [lo, hi) are this thread's. Afterwards IGI_RGRAD_GATES holds the
 * gradients of pre-activations, IGI_RGRAD_DH and IGI_RGRAD_DC those of the first
 * states. */
void igi_rgrad_forward(const igi_rgrad *p, int64_t lo, int64_t hi);
void igi_rgrad_backward(const igi_rgrad *p, int64_t lo, int64_t hi);

#endif
