/* Polynomials of a symbol table, for the sym_*.c files only.
 *
 * A polynomial is a sum of terms, each a coefficient and a product of at most
 * IGI_DEGREE_MAX atoms (an atom may repeat). Terms are sorted by degree, then by atom
 * ids (graded lexicographic order, highest first), coefficients are not zero, so equal
 * polynomials have equal bytes. Working copies have room for IGI_TERMS_MAX terms; what
 * needs more, or overflows, is given up: functions return false and the dim is unknown.
 */
#ifndef GRAPH_CORE_SYM_POLY_H
#define GRAPH_CORE_SYM_POLY_H

#include "graph/core/arena.h"
#include "graph/core/map.h"
#include "graph/core/sym.h"
#include "graph/core/vec.h"

#define IGI_TERMS_MAX  32
#define IGI_DEGREE_MAX 8

typedef struct igi_term {
    int64_t c;
    uint32_t n, v[IGI_DEGREE_MAX], zero; /* n atoms, ascending; the rest of v is 0 */
} igi_term;

typedef struct igi_poly {
    int n;
    igi_term t[IGI_TERMS_MAX];
} igi_poly;

typedef enum igi_atom_kind {
    IGI_ATOM_SYMBOL,
    IGI_ATOM_FLOOR, /* floor(a / b) */
    IGI_ATOM_MAX,
    IGI_ATOM_MIN,
    IGI_ATOM_BROADCAST
} igi_atom_kind;

typedef struct igi_atom {
    uint8_t kind;
    bool fresh;        /* a symbol with a made name */
    bool nonnegative;  /* symbols of sizes are */
    uint32_t symbol;   /* of a symbol: its number */
    const char *name;  /* of a symbol */
    const char *label; /* of a fresh symbol, or NULL: see igi_symtab_label */
    int64_t a, b;      /* operands, dims that use lower atoms only */
} igi_atom;

typedef struct igi_expr {
    const igi_term *t;
    int n;
} igi_expr;

struct ig_symtab {
    int32_t refs; /* atomic */
    uint64_t id;  /* of this table in this process */
    igi_arena arena;
    IGI_VEC(igi_expr) exprs;
    IGI_VEC(igi_atom) atoms;
    IGI_VEC(uint32_t) symbols; /* atom of each symbol */
    uint32_t *slots;           /* open hash of expression numbers + 1 */
    size_t n_slots;
    igi_map names;   /* symbols: atom + 1 */
    igi_map by_text; /* composed atoms, and fresh symbols of other tables: atom + 1 */
    uint32_t next_fresh;
};

/* Of a handle (ig_dim_is_symbol) of this table. */
static inline const igi_expr *igi_expr_of(const ig_symtab *s, int64_t dim)
{
    return &s->exprs.p[IG_DIM_SYMBOL_FIRST - dim];
}
static inline bool igi_dim_known(const ig_symtab *s, int64_t dim)
{
    return dim >= 0 || (ig_dim_is_symbol(dim) && s &&
                        (uint64_t)(IG_DIM_SYMBOL_FIRST - dim) < s->exprs.n);
}

/* The atom of a dim that is one plain symbol, else NULL. */
const igi_atom *igi_plain_symbol(const ig_symtab *s, int64_t dim);

void igi_poly_copy(igi_poly *out, const igi_poly *p); /* the terms in use only */
bool igi_poly_of(const ig_symtab *s, int64_t dim, igi_poly *out);
int64_t igi_poly_intern(ig_symtab *s, const igi_poly *p); /* number, handle, or -1 */
bool igi_poly_add_term(igi_poly *p, const igi_term *t);
bool igi_poly_add(igi_poly *p, const igi_poly *q, int64_t factor); /* p += factor * q */
bool igi_poly_mul(igi_poly *out, const igi_poly *a, const igi_poly *b);
bool igi_poly_divide(igi_poly *quotient,
                     const igi_poly *a,
                     const igi_poly *b); /* exact only */
/* The atom that composes two dims, made when new; -1 when the table is full. */
int64_t igi_atom_make(ig_symtab *s, igi_atom_kind kind, int64_t a, int64_t b);
/* A new symbol; name NULL: fresh. */
int64_t igi_symbol_new(ig_symtab *s, const char *name, bool nonnegative);
int64_t igi_atom_dim(ig_symtab *s, uint32_t atom);
/* Is the value never negative, whatever sizes the symbols stand for? May say no too
 * often. */
bool igi_terms_nonnegative(const ig_symtab *s, const igi_term *t, int n);
/* marks[i] becomes 1 for every atom that the dim needs, directly or not; marks has
 * s->atoms.n. */
void igi_dim_needs(const ig_symtab *s, int64_t dim, uint8_t *marks);

#endif
