/* Einsum: the equation, and one loop that serves the operator and its gradient.
 *
 * Labels are letters, and one for each dim of an ellipsis, counted from the right. The
 * loop adds, over all values of all labels, the product of the sources into the target;
 * what a label moves in an operand is a stride (the sum of two for a diagonal, 0 where
 * the operand lacks it or is broadcast). So a gradient is the same loop with dy among
 * the sources and an operand as the target. */
#ifndef OPERATORS_COMMON_EINSUM_H
#define OPERATORS_COMMON_EINSUM_H

#include "operators/common_move.h"

enum {
    IGI_EINSUM_LETTERS = 52,
    IGI_EINSUM_LABELS = IGI_EINSUM_LETTERS + IG_RANK_MAX,
    IGI_EINSUM_OPERANDS = 32
};

typedef struct igi_einsum_attrs {
    uint32_t struct_size;
    const char *equation;
} igi_einsum_attrs;
typedef struct igi_einsum_grad_attrs {
    uint32_t struct_size;
    const char *equation;
    int64_t operand;
} igi_einsum_grad_attrs;

/* The labels of one operand, or of the result. */
typedef struct igi_term {
    int rank, n_ellipsis; /* dims; how many of them an ellipsis stands for */
    uint8_t label[IG_RANK_MAX];
} igi_term;

typedef struct igi_einsum {
    int n;
    igi_term in[IGI_EINSUM_OPERANDS], out;
    bool has_ellipsis[IGI_EINSUM_OPERANDS +
                      1]; /* written in the term; last: the result */
} igi_einsum;

/* Reads the equation for operands of these ranks. NULL, or what is wrong. */
const char *
igi_einsum_read(const char *equation, int n, const int *rank, igi_einsum *e);
/* Text of a term: "ij", "...k"; needs room for rank + 4 characters. Returns its end. */
char *igi_term_print(const igi_term *t, bool ellipsis, char *text);

/* sizes[label] from an operand's dims; a number beats a symbol, and 1 is broadcast.
 * False when two numbers differ. Begins with all labels 1. */
bool igi_einsum_sizes(ig_symtab *s,
                      const igi_term *t,
                      const int64_t *dims,
                      int64_t *sizes);

/* target := the sum over all labels of the product of the sources; tensors contiguous,
 * dims as their terms say. Errors: INVALID_ARGUMENT when sizes do not agree. */
ig_status igi_einsum_run(ig_kernel_ctx *k,
                         const ig_tensor *target,
                         const igi_term *to,
                         int n,
                         const ig_tensor *const *source,
                         const igi_term *const *from);

#endif
