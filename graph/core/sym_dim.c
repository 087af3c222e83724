/* Arithmetic on dims: numbers at once, expressions through polynomials.
 *
 * Quotients: exact division first; then, for a number b, what divides is taken out of
 * the floor (floor((7N + 3) / 2) = 3N + 1 + floor((N + 1) / 2)), common factors cancel,
 * and a floor inside a floor becomes one (strided layers stacked); only the rest is an
 * atom. So equal sizes computed in different ways mostly meet in one handle. */
#include "graph/core/checked.h"
#include "graph/core/sym_poly.h"

static int64_t sum(ig_symtab *s, int64_t a, int64_t b, int64_t factor)
{
    igi_poly p, q;
    if (!s || !igi_poly_of(s, a, &p) || !igi_poly_of(s, b, &q) ||
        !igi_poly_add(&p, &q, factor))
        return -1;
    return igi_poly_intern(s, &p);
}

int64_t ig_dim_add(ig_symtab *s, int64_t a, int64_t b)
{
    int64_t n;
    if (a >= 0 && b >= 0)
        return igi_add_i64(a, b, &n) ? n : -1;
    return sum(s, a, b, 1);
}

int64_t ig_dim_sub(ig_symtab *s, int64_t a, int64_t b)
{
    if (a >= 0 && b >= 0)
        return a >= b ? a - b : -1;
    return sum(s, a, b, -1);
}

int64_t ig_dim_mul(ig_symtab *s, int64_t a, int64_t b)
{
    int64_t n;
    igi_poly p, q, product;
    if (a >= 0 && b >= 0)
        return igi_mul_i64(a, b, &n) ? n : -1;
    if (!s || !igi_poly_of(s, a, &p) || !igi_poly_of(s, b, &q) ||
        !igi_poly_mul(&product, &p, &q))
        return -1;
    return igi_poly_intern(s, &product);
}

static uint64_t magnitude(int64_t v)
{
    return v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
}

static int64_t gcd(int64_t x, int64_t y)
{
    uint64_t a = magnitude(x), b = magnitude(y);
    while (b != 0) {
        uint64_t r = a % b;
        a = b;
        b = r;
    }
    return a > INT64_MAX ? 1 : (int64_t)a;
}

/* Takes floor(coefficient / b) of every term out of `rest` and adds it to `whole`. */
static bool take_out(igi_poly *rest, int64_t b, igi_poly *whole)
{
    igi_poly from;
    igi_poly_copy(&from, rest);
    rest->n = 0;
    for (int i = 0; i < from.n; i++) {
        igi_term q = from.t[i], r = from.t[i];
        q.c = from.t[i].c / b - (from.t[i].c % b < 0);
        r.c = from.t[i].c % b + (from.t[i].c % b < 0 ? b : 0);
        if (!igi_poly_add_term(whole, &q) || !igi_poly_add_term(rest, &r))
            return false;
    }
    return true;
}

/* Cancels the common factor of b and all coefficients but the constant, whose remainder
 * never reaches the next multiple: floor((g P + c) / (g b)) = floor((P + floor(c / g))
 * / b). */
static int64_t cancel_number(igi_poly *rest, int64_t b)
{
    int64_t g = b;
    for (int i = 0; i < rest->n; i++)
        g = rest->t[i].n > 0 ? gcd(g, rest->t[i].c) : g;
    if (g <= 1)
        return b;
    int n = 0;
    for (int i = 0; i < rest->n; i++) {
        igi_term t = rest->t[i];
        t.c /= g;
        if (t.c != 0)
            rest->t[n++] = t;
    }
    rest->n = n;
    return b / g;
}

/* rest = floor(x / m) + c with numbers m, c: true and rest = x + m c, *b = b m. */
static bool unnest(const ig_symtab *s, igi_poly *rest, int64_t *b)
{
    const igi_term *t = rest->t;
    if (rest->n < 1 || rest->n > 2 || t->n != 1 || t->c != 1)
        return false;
    if (rest->n == 2 && t[1].n > 0)
        return false;
    const igi_atom *a = &s->atoms.p[t->v[0]];
    if (a->kind != IGI_ATOM_FLOOR || a->b <= 0)
        return false;
    igi_term c = {.c = rest->n == 2 ? t[1].c : 0};
    igi_poly x;
    int64_t wide;
    if (!igi_mul_i64(*b, a->b, &wide) || !igi_mul_i64(c.c, a->b, &c.c) ||
        !igi_poly_of(s, a->a, &x) || !igi_poly_add_term(&x, &c))
        return false;
    igi_poly_copy(rest, &x);
    *b = wide;
    return true;
}

/* floor(p / b) for a number b > 0. */
static int64_t divide_number(ig_symtab *s, igi_poly *p, int64_t b)
{
    igi_poly whole;
    whole.n = 0;
    do {
        if (!take_out(p, b, &whole))
            return -1;
        b = cancel_number(p, b);
        if (b == 1)
            return igi_poly_add(&whole, p, 1) ? igi_poly_intern(s, &whole) : -1;
    } while (unnest(s, p, &b));
    if (p->n == 0 || p->t[0].n == 0) /* a number below b */
        return igi_poly_intern(s, &whole);
    int64_t inner = igi_poly_intern(s, p);
    int64_t atom = inner == -1 ? -1 : igi_atom_make(s, IGI_ATOM_FLOOR, inner, b);
    igi_poly a;
    if (!igi_poly_of(s, atom, &a) || !igi_poly_add(&whole, &a, 1))
        return -1;
    return igi_poly_intern(s, &whole);
}

/* Divides both by the term that all their terms share. */
static void cancel_common(igi_poly *a, igi_poly *b)
{
    igi_poly common, q;
    igi_term g = b->t[0];
    g.c = 0;
    for (int i = 0; i < a->n + b->n; i++) {
        const igi_term *t = i < a->n ? &a->t[i] : &b->t[i - a->n];
        igi_term both = {.c = gcd(g.c, t->c)};
        for (uint32_t x = 0, y = 0; x < g.n && y < t->n;) {
            if (g.v[x] == t->v[y]) {
                both.v[both.n++] = g.v[x++];
                y++;
            } else if (g.v[x] < t->v[y]) {
                x++;
            } else {
                y++;
            }
        }
        g = both;
    }
    common.n = 1;
    common.t[0] = g;
    if (g.c > 0 && igi_poly_divide(&q, a, &common)) {
        igi_poly_copy(a, &q);
        if (igi_poly_divide(&q, b, &common))
            igi_poly_copy(b, &q);
    }
}

int64_t ig_dim_div(ig_symtab *s, int64_t a, int64_t b)
{
    igi_poly p, d, q;
    if (b == 0)
        return -1;
    if (a >= 0 && b > 0)
        return a / b;
    if (!s || !igi_poly_of(s, a, &p) || !igi_poly_of(s, b, &d))
        return -1;
    if (igi_poly_divide(&q, &p, &d))
        return igi_poly_intern(s, &q);
    if (b < 0)
        cancel_common(&p, &d);
    if (d.n == 1 && d.t[0].n == 0)
        return d.t[0].c > 0 ? divide_number(s, &p, d.t[0].c) : -1;
    int64_t x = igi_poly_intern(s, &p), y = igi_poly_intern(s, &d);
    return x == -1 || y == -1 ? -1 : igi_atom_make(s, IGI_ATOM_FLOOR, x, y);
}

/* Max or min: decided when the difference has one sign, else an atom. */
static int64_t extreme(ig_symtab *s, int64_t a, int64_t b, igi_atom_kind kind)
{
    if (a == -1 || b == -1)
        return -1;
    if (a == b)
        return a;
    if (a >= 0 && b >= 0)
        return (a > b) == (kind == IGI_ATOM_MAX) ? a : b;
    if (!igi_dim_known(s, a) || !igi_dim_known(s, b))
        return -1;
    igi_poly p, q;
    for (int swap = 0; swap < 2; swap++) {
        int64_t big = swap ? b : a, small = swap ? a : b;
        igi_poly_of(s, big, &p);
        igi_poly_of(s, small, &q);
        if (!igi_poly_add(&p, &q, -1))
            return -1;
        if (igi_terms_nonnegative(s, p.t, p.n))
            return kind == IGI_ATOM_MAX ? big : small;
    }
    return a > b ? igi_atom_make(s, kind, a, b) : igi_atom_make(s, kind, b, a);
}

int64_t ig_dim_max(ig_symtab *s, int64_t a, int64_t b)
{
    return extreme(s, a, b, IGI_ATOM_MAX);
}

int64_t ig_dim_min(ig_symtab *s, int64_t a, int64_t b)
{
    return extreme(s, a, b, IGI_ATOM_MIN);
}

/* Is a = broadcast(b, something), or broadcast(something, b)? */
static bool contains(const ig_symtab *s, int64_t a, int64_t b)
{
    if (!ig_dim_is_symbol(a))
        return false;
    const igi_expr *e = igi_expr_of(s, a);
    if (e->n != 1 || e->t[0].c != 1 || e->t[0].n != 1)
        return false;
    const igi_atom *atom = &s->atoms.p[e->t[0].v[0]];
    return atom->kind == IGI_ATOM_BROADCAST && (atom->a == b || atom->b == b);
}

bool ig_dim_broadcast(ig_symtab *s, int64_t a, int64_t b, int64_t *out)
{
    if (a == b || b == 1) {
        *out = a;
    } else if (a == 1) {
        *out = b;
    } else if (a >= 0 && b >= 0) {
        return false;
    } else if (a >= 0 || b >= 0) { /* a number other than 1 beats what is not known */
        *out = a >= 0 ? a : b;
    } else if (a == -1 || b == -1 || !igi_dim_known(s, a) || !igi_dim_known(s, b)) {
        *out = -1;
    } else if (contains(s, a, b)) {
        *out = a;
    } else if (contains(s, b, a)) {
        *out = b;
    } else {
        *out = a > b ? igi_atom_make(s, IGI_ATOM_BROADCAST, a, b)
                     : igi_atom_make(s, IGI_ATOM_BROADCAST, b, a);
    }
    return true;
}
