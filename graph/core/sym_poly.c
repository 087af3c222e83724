/* Arithmetic of polynomials: sorted merges, and exact division by leading terms. */
#include "graph/core/sym_poly.h"

#include <string.h>

#include "graph/core/checked.h"

/* < 0: a comes before b, that is, a's monomial is the larger one. */
static int compare(const igi_term *a, const igi_term *b)
{
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1;
    for (uint32_t i = 0; i < a->n; i++) {
        if (a->v[i] != b->v[i])
            return a->v[i] < b->v[i] ? -1 : 1;
    }
    return 0;
}

bool igi_poly_add_term(igi_poly *p, const igi_term *t)
{
    int i = 0, order = 1;
    if (t->c == 0)
        return true;
    while (i < p->n && (order = compare(&p->t[i], t)) < 0)
        i++;
    if (i < p->n && order == 0) {
        if (!igi_add_i64(p->t[i].c, t->c, &p->t[i].c))
            return false;
        if (p->t[i].c == 0) {
            p->n--;
            memmove(&p->t[i], &p->t[i + 1], (size_t)(p->n - i) * sizeof(*t));
        }
        return true;
    }
    if (p->n == IGI_TERMS_MAX)
        return false;
    memmove(&p->t[i + 1], &p->t[i], (size_t)(p->n - i) * sizeof(*t));
    p->t[i] = *t;
    p->n++;
    return true;
}

void igi_poly_copy(igi_poly *out, const igi_poly *p)
{
    out->n = p->n;
    memcpy(out->t, p->t, (size_t)p->n * sizeof(*p->t));
}

bool igi_poly_of(const ig_symtab *s, int64_t dim, igi_poly *out)
{
    out->n = 0;
    if (!igi_dim_known(s, dim))
        return false;
    if (dim >= 0) {
        out->t[0] = (igi_term){.c = dim};
        out->n = dim > 0;
        return true;
    }
    const igi_expr *e = igi_expr_of(s, dim);
    memcpy(out->t, e->t, (size_t)e->n * sizeof(*e->t));
    out->n = e->n;
    return true;
}

bool igi_poly_add(igi_poly *p, const igi_poly *q, int64_t factor)
{
    for (int i = 0; i < q->n; i++) {
        igi_term t = q->t[i];
        if (!igi_mul_i64(t.c, factor, &t.c) || !igi_poly_add_term(p, &t))
            return false;
    }
    return true;
}

/* Product of two terms: coefficients multiplied, sorted lists of atoms merged. */
static bool term_mul(igi_term *out, const igi_term *a, const igi_term *b)
{
    *out = (igi_term){.n = a->n + b->n};
    if (out->n > IGI_DEGREE_MAX || !igi_mul_i64(a->c, b->c, &out->c))
        return false;
    for (uint32_t i = 0, j = 0, k = 0; k < out->n; k++) {
        bool from_a = j == b->n || (i < a->n && a->v[i] <= b->v[j]);
        out->v[k] = from_a ? a->v[i++] : b->v[j++];
    }
    return true;
}

/* False unless b divides a. */
static bool term_divide(igi_term *out, const igi_term *a, const igi_term *b)
{
    uint32_t j = 0;
    *out = (igi_term){0};
    if ((b->c == -1 && a->c == INT64_MIN) || a->c % b->c != 0)
        return false;
    out->c = a->c / b->c;
    for (uint32_t i = 0; i < a->n && i < IGI_DEGREE_MAX; i++) {
        if (j < b->n && a->v[i] == b->v[j])
            j++;
        else
            out->v[out->n++] = a->v[i];
    }
    return j == b->n;
}

bool igi_poly_mul(igi_poly *out, const igi_poly *a, const igi_poly *b)
{
    out->n = 0;
    for (int i = 0; i < a->n; i++) {
        for (int j = 0; j < b->n; j++) {
            igi_term t;
            if (!term_mul(&t, &a->t[i], &b->t[j]) || !igi_poly_add_term(out, &t))
                return false;
        }
    }
    return true;
}

bool igi_poly_divide(igi_poly *quotient, const igi_poly *a, const igi_poly *b)
{
    igi_poly rest;
    igi_poly_copy(&rest, a);
    quotient->n = 0;
    if (b->n == 0)
        return false;
    /* Each round removes the largest monomial of the rest, so this ends. */
    while (rest.n > 0) {
        igi_term t, product;
        if (!term_divide(&t, &rest.t[0], &b->t[0]) || !igi_poly_add_term(quotient, &t))
            return false;
        if (t.c == INT64_MIN)
            return false;
        t.c = -t.c;
        for (int i = 0; i < b->n; i++) {
            if (!term_mul(&product, &t, &b->t[i]) ||
                !igi_poly_add_term(&rest, &product))
                return false;
        }
    }
    return true;
}
