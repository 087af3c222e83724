/* Symbolic dims: interned polynomials over named symbols (CONTRACTS part 1).
 *
 * A dim is a number (>= 0), unknown (-1) or a handle of an expression in one table.
 * The handle of expression k is IG_DIM_SYMBOL_FIRST - k (ig_dim_is_symbol in
 * <ingot/graph.h>), because lists of integers hold small negative numbers beside
 * symbols. Expressions are interned in a canonical form, so equal expressions are equal
 * handles. Polynomials have integer coefficients; a quotient that does not divide
 * exactly, max, min and broadcast of two symbols become atoms. The table only grows;
 * its size is capped (IGI_SYM_MAX expressions: further ones are unknown, never an
 * error).
 * Owner: counted; a graph and its subgraphs share one, a clone gets a copy.
 * Threads: one at a time while growing. */
#ifndef GRAPH_CORE_SYM_H
#define GRAPH_CORE_SYM_H

#include <ingot/plugin.h>

#include "graph/core/status.h"

#define IGI_SYM_MAX 65536

ig_status igi_symtab_new(ig_symtab **out);
/* A table of its own with the same handles: both may grow, in two threads, from then
 * on. src is only read. */
ig_status igi_symtab_copy(ig_symtab **out, const ig_symtab *src);
ig_symtab *igi_symtab_ref(ig_symtab *s);
void igi_symtab_unref(ig_symtab *s);
/* Handle of the symbol of that name, made when new; -1 when the table is full or out of
 * memory. */
int64_t igi_symtab_symbol(ig_symtab *s, const char *name);
/* Name when the dim is one plain symbol, else NULL. */
const char *igi_symtab_name(const ig_symtab *s, int64_t dim);
/* Text of a dim: "3", "?", "N", "3*N*W + 2", "floor(N / 2)". Always terminated. */
const char *igi_dim_print(const ig_symtab *s, int64_t dim, char *buf, size_t size);
/* Number of symbols; symbol k's handle. Fresh ones have generated names ("_d3"). */
int igi_symtab_count(const ig_symtab *s);
int64_t igi_symtab_at(const ig_symtab *s, int k);
bool igi_symtab_is_fresh(const ig_symtab *s, int64_t dim);
/* What somebody calls a fresh symbol (else NULL), without a proof that it is the symbol
 * of that name: it prints as that, and no dim equals it for that. */
const char *igi_symtab_label(const ig_symtab *s, int64_t dim);
/* dim, unknown or a fresh symbol, under that label: itself, or a new fresh symbol when
 * it is unknown or has another label; -1 when the table is full or out of memory. */
int64_t igi_dim_labelled(ig_symtab *s, int64_t dim, const char *label);
/* Is the value never negative, whatever the symbols stand for? May say no too often. */
bool igi_dim_nonnegative(const ig_symtab *s, int64_t dim);
/* Value of a dim when symbol k is values[k] (-1: not known); -1 when it cannot be
 * known. */
int64_t igi_dim_eval(const ig_symtab *s, int64_t dim, const int64_t *values, int n);
/* The dim of another table, translated through names (for inlining, cloning). */
int64_t igi_dim_translate(ig_symtab *dst, const ig_symtab *src, int64_t dim);
/* Copy of a type (deep, `out` fresh) with dims translated. */
ig_status igi_type_translate(ig_type *out,
                             ig_symtab *dst,
                             const ig_type *type,
                             const ig_symtab *src);

#endif
