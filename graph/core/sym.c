/* The symbol table: symbols, atoms and interned expressions. */
#include "graph/core/sym.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "graph/core/sym_poly.h"

ig_status igi_symtab_new(ig_symtab **out)
{
    static _Atomic uint64_t
        next_id; /* numbers tables, so that translations can be remembered */
    ig_symtab *s = igi_calloc(1, sizeof(*s));
    if (!s)
        return IG_OUT_OF_MEMORY;
    s->refs = 1;
    s->id = atomic_fetch_add(&next_id, 1);
    igi_arena_init(&s->arena);
    *out = s;
    return IG_OK;
}

ig_symtab *igi_symtab_ref(ig_symtab *s)
{
    if (s)
        __atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
    return s;
}

void igi_symtab_unref(ig_symtab *s)
{
    if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    IGI_VEC_FREE(&s->exprs);
    IGI_VEC_FREE(&s->atoms);
    IGI_VEC_FREE(&s->symbols);
    igi_free(s->slots);
    igi_map_fini(&s->names);
    igi_map_fini(&s->by_text);
    igi_arena_fini(&s->arena);
    igi_free(s);
}

/* ---- expressions ---- */

static size_t hash_of(const igi_term *t, int n)
{
    return (size_t)igi_hash_bytes(t, (size_t)n * sizeof(*t), igi_hash_seed());
}

/* Slot of that expression, or the free one where it belongs. */
static uint32_t *slot_of(const ig_symtab *s, const igi_term *t, int n)
{
    size_t mask = s->n_slots - 1;
    for (size_t i = hash_of(t, n) & mask;; i = (i + 1) & mask) {
        if (s->slots[i] == 0)
            return &s->slots[i];
        const igi_expr *e = &s->exprs.p[s->slots[i] - 1];
        if (e->n == n && memcmp(e->t, t, (size_t)n * sizeof(*t)) == 0)
            return &s->slots[i];
    }
}

/* Room for one more expression than there are, with free slots between. */
static bool grow_slots(ig_symtab *s)
{
    size_t n = s->n_slots ? s->n_slots : 64;
    while (s->exprs.n + s->exprs.n / 2 >= n)
        n += n;
    uint32_t *slots = igi_calloc(n, sizeof(*slots));
    if (!slots)
        return false;
    igi_free(s->slots);
    s->slots = slots;
    s->n_slots = n;
    for (size_t i = 0; i < s->exprs.n; i++)
        *slot_of(s, s->exprs.p[i].t, s->exprs.p[i].n) = (uint32_t)i + 1;
    return true;
}

int64_t igi_poly_intern(ig_symtab *s, const igi_poly *p)
{
    if (p->n == 0)
        return 0;
    if (p->n == 1 && p->t[0].n == 0)
        return p->t[0].c >= 0 ? p->t[0].c
                              : -1; /* no dim stands for a negative number */
    if (s->exprs.n + s->exprs.n / 2 >= s->n_slots && !grow_slots(s))
        return -1;
    uint32_t *slot = slot_of(s, p->t, p->n);
    if (*slot)
        return IG_DIM_SYMBOL_FIRST - (int64_t)(*slot - 1);
    if (s->exprs.n >= IGI_SYM_MAX)
        return -1;
    const igi_term *t = igi_arena_dup(&s->arena, p->t, (size_t)p->n * sizeof(*t));
    igi_expr e = {t, p->n};
    if (!t || !IGI_PUSH(&s->exprs, e))
        return -1;
    *slot = (uint32_t)s->exprs.n;
    return IG_DIM_SYMBOL_FIRST - (int64_t)(s->exprs.n - 1);
}

int64_t igi_atom_dim(ig_symtab *s, uint32_t atom)
{
    igi_poly p;
    p.n = 1;
    p.t[0] = (igi_term){.c = 1, .n = 1, .v = {atom}};
    return igi_poly_intern(s, &p);
}

bool igi_terms_nonnegative(const ig_symtab *s, const igi_term *t, int n)
{
    for (int i = 0; i < n; i++) {
        if (t[i].c < 0)
            return false;
        for (uint32_t k = 0; k < t[i].n; k++) {
            if (!s->atoms.p[t[i].v[k]].nonnegative)
                return false;
        }
    }
    return true;
}

bool igi_dim_nonnegative(const ig_symtab *s, int64_t dim)
{
    return dim >= 0 ||
           (ig_dim_is_symbol(dim) &&
            igi_terms_nonnegative(s, igi_expr_of(s, dim)->t, igi_expr_of(s, dim)->n));
}

void igi_dim_needs(const ig_symtab *s, int64_t dim, uint8_t *marks)
{
    int64_t dims[2] = {dim, dim};
    size_t i = s->atoms.n;
    memset(marks, 0, s->atoms.n);
    for (;;) {
        for (int d = 0; d < 2; d++) {
            const igi_expr *e =
                ig_dim_is_symbol(dims[d]) ? igi_expr_of(s, dims[d]) : NULL;
            for (int t = 0; e && t < e->n; t++)
                for (uint32_t k = 0; k < e->t[t].n; k++)
                    marks[e->t[t].v[k]] = 1;
        }
        do { /* operands use lower atoms only, so one way down finds all */
            if (i == 0)
                return;
            i--;
        } while (!marks[i] || s->atoms.p[i].kind == IGI_ATOM_SYMBOL);
        dims[0] = s->atoms.p[i].a;
        dims[1] = s->atoms.p[i].b;
    }
}

/* ---- symbols and atoms ---- */

static const char *fresh_name(ig_symtab *s)
{
    char text[32];
    do
        snprintf(text, sizeof(text), "_d%u", s->next_fresh++);
    while (igi_map_get(&s->names, text));
    return igi_arena_strdup(&s->arena, text);
}

/* Appends an atom; -1 when the table is full or out of memory. */
static int64_t add_atom(ig_symtab *s, const igi_atom *a)
{
    if (s->exprs.n >= IGI_SYM_MAX || !IGI_PUSH(&s->atoms, *a))
        return -1;
    return igi_atom_dim(s, (uint32_t)s->atoms.n - 1);
}

int64_t igi_symbol_new(ig_symtab *s, const char *name, bool nonnegative)
{
    igi_atom a = {.kind = IGI_ATOM_SYMBOL,
                  .fresh = !name,
                  .nonnegative = nonnegative,
                  .symbol = (uint32_t)s->symbols.n,
                  .name = name ? igi_arena_strdup(&s->arena, name) : fresh_name(s)};
    if (!a.name || !IGI_PUSH(&s->symbols, (uint32_t)s->atoms.n))
        return -1;
    int64_t dim = add_atom(s, &a);
    if (dim == -1 || igi_map_put(&s->names, a.name, (uint32_t)s->atoms.n) != IG_OK) {
        /* Without a dim or a name it is no symbol. An atom may stay behind, unused. */
        s->symbols.n--;
        return -1;
    }
    return dim;
}

int64_t igi_symtab_symbol(ig_symtab *s, const char *name)
{
    if (!s || !name || !name[0])
        return -1;
    uint32_t have = igi_map_get(&s->names, name);
    if (have && !s->atoms.p[have - 1].fresh)
        return igi_atom_dim(s, have - 1);
    if (have) { /* a made name gives way to a given one: they are not the same dim */
        const char *other = fresh_name(s);
        if (!other || igi_map_put(&s->names, other, have) != IG_OK)
            return -1;
        igi_map_remove(&s->names, name);
        s->atoms.p[have - 1].name = other;
    }
    return igi_symbol_new(s, name, true);
}

int64_t ig_dim_fresh(ig_symtab *s)
{
    return s ? igi_symbol_new(s, NULL, true) : -1;
}

int64_t ig_int_fresh(ig_symtab *s)
{
    return s ? igi_symbol_new(s, NULL, false) : -1;
}

/* The key of a composed atom. */
static void atom_text(char *text, size_t size, int kind, int64_t a, int64_t b)
{
    snprintf(text, size, "%d %lld %lld", kind, (long long)a, (long long)b);
}

int64_t igi_atom_make(ig_symtab *s, igi_atom_kind kind, int64_t a, int64_t b)
{
    char text[80];
    atom_text(text, sizeof(text), (int)kind, a, b);
    uint32_t have = igi_map_get(&s->by_text, text);
    if (have)
        return igi_atom_dim(s, have - 1);
    bool na = igi_dim_nonnegative(s, a), nb = igi_dim_nonnegative(s, b);
    igi_atom atom = {.kind = (uint8_t)kind,
                     .nonnegative = kind == IGI_ATOM_MAX ? na || nb : na && nb,
                     .a = a,
                     .b = b};
    const char *key = igi_arena_strdup(&s->arena, text);
    int64_t dim = key ? add_atom(s, &atom) : -1;
    if (dim == -1 || igi_map_put(&s->by_text, key, (uint32_t)s->atoms.n) != IG_OK)
        return -1;
    return dim;
}

/* ---- copies ---- */

/* Atom i of src, at the same place; composed ones are found again by their text. */
static bool copy_atom(ig_symtab *s, const ig_symtab *src, size_t i)
{
    char text[80];
    igi_atom a = src->atoms.p[i];
    if (a.name && !(a.name = igi_arena_strdup(&s->arena, a.name)))
        return false;
    if (a.label && !(a.label = igi_arena_strdup(&s->arena, a.label)))
        return false;
    if (!IGI_PUSH(&s->atoms, a))
        return false;
    if (a.kind == IGI_ATOM_SYMBOL)
        return true;
    atom_text(text, sizeof(text), a.kind, a.a, a.b);
    const char *key = igi_arena_strdup(&s->arena, text);
    return key && igi_map_put(&s->by_text, key, (uint32_t)i + 1) == IG_OK;
}

static bool copy_parts(ig_symtab *s, const ig_symtab *src)
{
    for (size_t i = 0; i < src->exprs.n; i++) {
        igi_expr e = src->exprs.p[i];
        e.t = igi_arena_dup(&s->arena, e.t, (size_t)e.n * sizeof(*e.t));
        if (!e.t || !IGI_PUSH(&s->exprs, e))
            return false;
    }
    for (size_t i = 0; i < src->atoms.n; i++)
        if (!copy_atom(s, src, i))
            return false;
    for (size_t i = 0; i < src->symbols.n; i++) {
        uint32_t atom = src->symbols.p[i];
        if (!IGI_PUSH(&s->symbols, atom) ||
            igi_map_put(&s->names, s->atoms.p[atom].name, atom + 1) != IG_OK)
            return false;
    }
    s->next_fresh = src->next_fresh;
    return grow_slots(s);
}

ig_status igi_symtab_copy(ig_symtab **out, const ig_symtab *src)
{
    ig_symtab *s;
    IG_TRY(igi_symtab_new(&s));
    if (!copy_parts(s, src)) {
        igi_symtab_unref(s);
        return IG_OUT_OF_MEMORY;
    }
    *out = s;
    return IG_OK;
}

const igi_atom *igi_plain_symbol(const ig_symtab *s, int64_t dim)
{
    if (!ig_dim_is_symbol(dim) || !igi_dim_known(s, dim))
        return NULL;
    const igi_expr *e = igi_expr_of(s, dim);
    if (e->n != 1 || e->t[0].c != 1 || e->t[0].n != 1)
        return NULL;
    const igi_atom *a = &s->atoms.p[e->t[0].v[0]];
    return a->kind == IGI_ATOM_SYMBOL ? a : NULL;
}

const char *igi_symtab_name(const ig_symtab *s, int64_t dim)
{
    const igi_atom *a = igi_plain_symbol(s, dim);
    return a ? a->name : NULL;
}

bool igi_symtab_is_fresh(const ig_symtab *s, int64_t dim)
{
    const igi_atom *a = igi_plain_symbol(s, dim);
    return a && a->fresh;
}

const char *igi_symtab_label(const ig_symtab *s, int64_t dim)
{
    const igi_atom *a = igi_plain_symbol(s, dim);
    return a ? a->label : NULL;
}

int64_t igi_dim_labelled(ig_symtab *s, int64_t dim, const char *label)
{
    const char *have = igi_symtab_label(s, dim);
    if (have && strcmp(have, label) == 0)
        return dim;
    if (have || dim == -1)
        dim = ig_dim_fresh(s);
    const char *copy = dim == -1 ? NULL : igi_arena_strdup(&s->arena, label);
    if (!copy)
        return -1;
    s->atoms.p[igi_expr_of(s, dim)->t[0].v[0]].label = copy;
    return dim;
}

int igi_symtab_count(const ig_symtab *s)
{
    return s ? (int)s->symbols.n : 0;
}

int64_t igi_symtab_at(const ig_symtab *s, int k)
{
    if (!s || k < 0 || (size_t)k >= s->symbols.n)
        return -1;
    igi_term t = {.c = 1, .n = 1, .v = {s->symbols.p[k]}};
    uint32_t slot = *slot_of(s, &t, 1);
    return slot ? IG_DIM_SYMBOL_FIRST - (int64_t)(slot - 1) : -1;
}
