/* What a dim says: its text, its value for given symbols, its twin in another table.
 *
 * Atoms use lower atoms only, so values and twins are computed from the lowest needed
 * one upwards; the printer keeps a small stack of what is still to be printed. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/checked.h"
#include "graph/core/sym_poly.h"
#include "graph/core/tensor.h"

/* ---- text ---- */

#define STACK 256

typedef struct piece {
    const char *text; /* or, when NULL: */
    const igi_term *term;
    int64_t dim; /* or, when both are NULL */
    bool group;  /* a sum goes in parentheses */
    bool first;  /* term of a sum: no " + " before it */
} piece;

typedef struct printer {
    const ig_symtab *s;
    char *buf;
    size_t size, at;
    piece stack[STACK];
    int n;
} printer;

static void put(printer *p, const char *text)
{
    while (*text && p->at + 1 < p->size)
        p->buf[p->at++] = *text++;
    p->buf[p->at] = 0;
}

static void push(printer *p, piece x)
{
    if (p->n < STACK)
        p->stack[p->n++] = x;
}

static void print_dim(printer *p, const piece *x)
{
    char text[24];
    if (x->dim != -1 && !ig_dim_is_symbol(x->dim)) { /* below -1: an item of a list */
        snprintf(text, sizeof(text), "%lld", (long long)x->dim);
        put(p, text);
        return;
    }
    if (!igi_dim_known(p->s, x->dim)) {
        put(p, "?");
        return;
    }
    const igi_expr *e = igi_expr_of(p->s, x->dim);
    bool group = x->group && (e->n > 1 || e->t[0].n > 1 || e->t[0].c != 1);
    if (group)
        push(p, (piece){.text = ")"});
    for (int i = e->n - 1; i >= 0; i--)
        push(p, (piece){.term = &e->t[i], .first = i == 0});
    if (group)
        push(p, (piece){.text = "("});
}

static void push_atom(printer *p, const igi_atom *a)
{
    static const char *const before[] = {
        [IGI_ATOM_FLOOR] = "floor(",
        [IGI_ATOM_MAX] = "max(",
        [IGI_ATOM_MIN] = "min(",
        [IGI_ATOM_BROADCAST] = "broadcast(",
    };
    bool floor = a->kind == IGI_ATOM_FLOOR;
    if (a->kind == IGI_ATOM_SYMBOL) {
        push(p, (piece){.text = a->label ? a->label : a->name});
        return;
    }
    push(p, (piece){.text = ")"});
    push(p, (piece){.dim = a->b, .group = floor});
    push(p, (piece){.text = floor ? " / " : ", "});
    push(p, (piece){.dim = a->a, .group = floor});
    push(p, (piece){.text = before[a->kind]});
}

static void print_term(printer *p, const piece *x)
{
    const igi_term *t = x->term;
    uint64_t c = t->c < 0 ? 0 - (uint64_t)t->c : (uint64_t)t->c;
    char text[32];
    put(p, t->c < 0 ? (x->first ? "-" : " - ") : (x->first ? "" : " + "));
    if (c != 1 || t->n == 0) {
        snprintf(text, sizeof(text), t->n ? "%llu*" : "%llu", (unsigned long long)c);
        put(p, text);
    }
    for (uint32_t k = t->n; k > 0; k--) {
        push_atom(p, &p->s->atoms.p[t->v[k - 1]]);
        if (k > 1)
            push(p, (piece){.text = "*"});
    }
}

const char *igi_dim_print(const ig_symtab *s, int64_t dim, char *buf, size_t size)
{
    printer p;
    if (size == 0)
        return "";
    p.s = s;
    p.buf = buf;
    p.size = size;
    p.at = 0;
    p.n = 0;
    buf[0] = 0;
    push(&p, (piece){.dim = dim});
    while (p.n > 0 && p.at + 1 < size) {
        piece x = p.stack[--p.n];
        if (x.text)
            put(&p, x.text);
        else if (x.term)
            print_term(&p, &x);
        else
            print_dim(&p, &x);
    }
    return buf;
}

/* ---- value ---- */

typedef struct number {
    bool known;
    int64_t v;
} number;

/* Value of a dim whose atoms have the given values. */
static number eval_dim(const ig_symtab *s, int64_t dim, const number *atoms)
{
    number sum = {dim >= 0, dim};
    if (!ig_dim_is_symbol(dim))
        return sum;
    const igi_expr *e = igi_expr_of(s, dim);
    sum = (number){true, 0};
    for (int i = 0; i < e->n && sum.known; i++) {
        int64_t product = e->t[i].c;
        for (uint32_t k = 0; k < e->t[i].n && sum.known; k++) {
            const number *a = &atoms[e->t[i].v[k]];
            sum.known = a->known && igi_mul_i64(product, a->v, &product);
        }
        sum.known = sum.known && igi_add_i64(sum.v, product, &sum.v);
    }
    return sum;
}

static int64_t floor_divide(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static number eval_atom(const ig_symtab *s, const igi_atom *atom, const number *atoms)
{
    number a = eval_dim(s, atom->a, atoms), b = eval_dim(s, atom->b, atoms);
    bool both = a.known && b.known;
    switch (atom->kind) {
    case IGI_ATOM_FLOOR:
        both = both && b.v > 0;
        return (number){both, both ? floor_divide(a.v, b.v) : 0};
    case IGI_ATOM_MAX:
        return (number){both, a.v > b.v ? a.v : b.v};
    case IGI_ATOM_MIN:
        return (number){both, a.v < b.v ? a.v : b.v};
    default:
        both = both && (a.v == b.v || a.v == 1 || b.v == 1);
        return (number){both, a.v == 1 ? b.v : a.v};
    }
}

int64_t igi_dim_eval(const ig_symtab *s, int64_t dim, const int64_t *values, int n)
{
    if (dim >= 0 || !igi_dim_known(s, dim))
        return dim >= 0 ? dim : -1;
    uint8_t *needed = igi_alloc(s->atoms.n);
    number *atoms = igi_alloc_array(s->atoms.n, sizeof(*atoms));
    number result = {false, -1};
    if (needed && atoms) {
        igi_dim_needs(s, dim, needed);
        for (size_t i = 0; i < s->atoms.n; i++) {
            const igi_atom *a = &s->atoms.p[i];
            if (!needed[i])
                continue;
            if (a->kind != IGI_ATOM_SYMBOL)
                atoms[i] = eval_atom(s, a, atoms);
            else if (a->symbol < (uint32_t)(n > 0 ? n : 0))
                atoms[i] = (number){values[a->symbol] >= 0, values[a->symbol]};
            else
                atoms[i] = (number){false, 0};
        }
        result = eval_dim(s, dim, atoms);
    }
    igi_free(needed);
    igi_free(atoms);
    return result.known && result.v >= 0 ? result.v : -1;
}

/* ---- translation ---- */

/* The symbol of dst for a symbol of src: by name, or, when made, by a remembered
 * pairing. */
static int64_t translate_symbol(ig_symtab *dst, const ig_symtab *src, const igi_atom *a)
{
    char text[64];
    if (!a->fresh)
        return igi_symtab_symbol(dst, a->name);
    snprintf(text, sizeof(text), "table %llu %u", (unsigned long long)src->id,
             a->symbol);
    uint32_t have = igi_map_get(&dst->by_text, text);
    if (have)
        return igi_atom_dim(dst, have - 1);
    const char *key = igi_arena_strdup(&dst->arena, text);
    int64_t dim = key ? igi_symbol_new(dst, NULL, a->nonnegative) : -1;
    if (dim == -1 || igi_map_put(&dst->by_text, key, (uint32_t)dst->atoms.n) != IG_OK)
        return -1;
    return a->label ? igi_dim_labelled(dst, dim, a->label) : dim;
}

/* A dim of src in dst, when the twins of its atoms are known. */
static int64_t
translate_dim(ig_symtab *dst, const ig_symtab *src, int64_t dim, const int64_t *atoms)
{
    if (!ig_dim_is_symbol(dim))
        return dim;
    const igi_expr *e = igi_expr_of(src, dim);
    igi_poly sum, factor, product;
    sum.n = 0;
    for (int i = 0; i < e->n; i++) {
        product.n = 1;
        product.t[0] = (igi_term){.c = e->t[i].c};
        for (uint32_t k = 0; k < e->t[i].n; k++) {
            igi_poly old;
            igi_poly_copy(&old, &product);
            if (!igi_poly_of(dst, atoms[e->t[i].v[k]], &factor) ||
                !igi_poly_mul(&product, &old, &factor))
                return -1;
        }
        if (!igi_poly_add(&sum, &product, 1))
            return -1;
    }
    return igi_poly_intern(dst, &sum);
}

static int64_t translate_atom(ig_symtab *dst,
                              const ig_symtab *src,
                              const igi_atom *a,
                              const int64_t *atoms)
{
    int64_t out = -1, x, y;
    if (a->kind == IGI_ATOM_SYMBOL)
        return translate_symbol(dst, src, a);
    x = translate_dim(dst, src, a->a, atoms);
    y = translate_dim(dst, src, a->b, atoms);
    switch (a->kind) {
    case IGI_ATOM_FLOOR:
        return ig_dim_div(dst, x, y);
    case IGI_ATOM_MAX:
        return ig_dim_max(dst, x, y);
    case IGI_ATOM_MIN:
        return ig_dim_min(dst, x, y);
    default:
        return ig_dim_broadcast(dst, x, y, &out) ? out : -1;
    }
}

int64_t igi_dim_translate(ig_symtab *dst, const ig_symtab *src, int64_t dim)
{
    if (!ig_dim_is_symbol(dim) || dst == src)
        return dim;
    if (!dst || !igi_dim_known(src, dim))
        return -1;
    if (igi_plain_symbol(src, dim))
        return translate_symbol(dst, src, igi_plain_symbol(src, dim));
    uint8_t *needed = igi_alloc(src->atoms.n);
    int64_t *atoms = igi_alloc_array(src->atoms.n, sizeof(*atoms));
    int64_t result = -1;
    if (needed && atoms) {
        igi_dim_needs(src, dim, needed);
        for (size_t i = 0; i < src->atoms.n; i++) {
            if (needed[i])
                atoms[i] = translate_atom(dst, src, &src->atoms.p[i], atoms);
        }
        result = translate_dim(dst, src, dim, atoms);
    }
    igi_free(needed);
    igi_free(atoms);
    return result;
}

ig_status igi_type_translate(ig_type *out,
                             ig_symtab *dst,
                             const ig_type *type,
                             const ig_symtab *src)
{
    IG_TRY(igi_type_copy(out, type));
    ig_type *t = out;
    while (t->kind != IG_KIND_TENSOR && t->u.elem)
        t = (ig_type *)(uintptr_t)t->u.elem;
    int64_t *d = t->rank > 8 ? t->u.dim_far : t->u.dim;
    for (int i = 0; t->kind == IG_KIND_TENSOR && i < t->rank; i++)
        d[i] = igi_dim_translate(dst, src, d[i]);
    return IG_OK;
}
