/* EinsumGrad(dy, shape, others...) as Einsum: the operand and the result change places.
 * Letters that the operand alone had are repeated by Expand. Written so are equations
 * without an ellipsis, without diagonals in the operand, and without broadcast dims. */
#include "importers/onnx/export_own.h"

#include <ctype.h>
#include <string.h>

enum { TERMS_MAX = 33, TERM_MAX = IG_RANK_MAX + 1 };

typedef struct equation {
    int n; /* operands; the result is term[n] */
    char term[TERMS_MAX][TERM_MAX];
} equation;

/* The result when the equation names none: letters that occur once, in order. */
static void imply_result(equation *e)
{
    char *out = e->term[e->n];
    for (int c = 'A'; c <= 'z'; c++) {
        int count = 0;
        for (int i = 0; i < e->n; i++)
            for (const char *p = e->term[i]; *p; p++)
                count += *p == c;
        if (count == 1)
            *out++ = (char)c;
    }
    *out = 0;
}

/* False for what the comment above leaves out; letters only. */
static bool read_equation(const char *text, equation *e)
{
    bool arrow = false;
    size_t k = 0;
    memset(e, 0, sizeof(*e));
    for (const char *p = text; *p; p++) {
        if (isspace((unsigned char)*p))
            continue;
        bool next = *p == ',' || (*p == '-' && p[1] == '>');
        if (next) {
            arrow = *p == '-';
            p += arrow;
            k = 0;
            if (++e->n >= TERMS_MAX - 1)
                return false;
        } else if (isalpha((unsigned char)*p) && k < TERM_MAX - 1) {
            e->term[e->n][k++] = *p;
        } else {
            return false;
        }
    }
    if (!arrow) {
        e->n++;
        imply_result(e);
    }
    return true;
}

static bool repeats(const char *term)
{
    for (; *term; term++)
        if (strchr(term + 1, *term))
            return true;
    return false;
}

#define ABSENT (-2) /* no dim is that: numbers, -1 for unknown, symbols far below */

/* Size of the letter in a value of that term. */
static int64_t size_of(const ig_graph *g, ig_value_id v, const char *term, char letter)
{
    const char *at = strchr(term, letter);
    const ig_type *t = &igi_value_at(g, v)->type;
    if (!at)
        return ABSENT;
    return t->rank == (int)strlen(term) ? ig_type_dims(t)[at - term] : -1;
}

/* One more size of a letter: none may be unknown or differ, for it might be broadcast.
 */
static bool agrees(int64_t *size, int64_t more)
{
    if (more == ABSENT)
        return true;
    bool same = more != -1 && (*size == ABSENT || *size == more);
    *size = more;
    return same;
}

static bool sizes_agree(const ig_graph *g, const igi_node *n, const equation *e, int k)
{
    for (int c = 'A'; c <= 'z'; c++) {
        int64_t size = ABSENT;
        bool same = agrees(&size, size_of(g, n->in[0], e->term[e->n], (char)c));
        for (int i = 0, port = 2; i < e->n; i++) {
            ig_value_id v = i == k ? n->out[0] : n->in[port++];
            same = same && agrees(&size, size_of(g, v, e->term[i], (char)c));
        }
        if (!same)
            return false;
    }
    return true;
}

static int operand_of(const igi_node *n)
{
    const ig_attr_def *row = igi_attr_find(n->op->def, "operand");
    return (int)*(const int64_t *)igi_attr_at(row, n->attrs);
}

static const char *equation_of(const igi_node *n)
{
    const ig_attr_def *row = igi_attr_find(n->op->def, "equation");
    return *(const char *const *)igi_attr_at(row, n->attrs);
}

bool igi_own_can_einsum_grad(const ig_graph *g, const igi_node *n)
{
    equation e;
    int k = operand_of(n);
    return read_equation(equation_of(n), &e) && k < e.n && e.n == n->n_in - 1 &&
           !repeats(e.term[k]) && sizes_agree(g, n, &e, k);
}

/* "dy,others->operand", without the letters that only the operand has; those axes. */
static const char *turned(igi_own *w, const equation *e, int k, int64_t *axes, int *n)
{
    char text[TERMS_MAX * TERM_MAX + 3] = "", have[TERMS_MAX * TERM_MAX] = "";
    size_t at = 0, h = 0;
    for (int i = -1; i < e->n; i++) {
        const char *term = e->term[i < 0 ? e->n : i];
        if (i == k)
            continue;
        if (i >= 0)
            text[at++] = ',';
        for (const char *p = term; *p; p++)
            text[at++] = have[h++] = *p;
    }
    text[at++] = '-', text[at++] = '>';
    *n = 0;
    for (const char *p = e->term[k]; *p; p++) {
        if (strchr(have, *p))
            text[at++] = *p;
        else
            axes[(*n)++] = p - e->term[k];
    }
    const char *kept = igi_arena_strdup(&w->o->arena, text);
    if (!kept && w->rc == IG_OK)
        w->rc = IG_OUT_OF_MEMORY;
    return kept;
}

void igi_own_einsum_grad(igi_own *w)
{
    equation e;
    int64_t axes[IG_RANK_MAX];
    int missing, k = operand_of(w->n), n = 0;
    const char *in[TERMS_MAX];
    (void)read_equation(equation_of(w->n), &e); /* igi_own_can_einsum_grad has */
    const char *text = turned(w, &e, k, axes, &missing);
    bool cast = w->dtype == IG_BFLOAT16; /* which ONNX's Einsum does not take */
    for (int i = 0; i < w->n->n_in; i++)
        if (i != 1)
            in[n++] =
                cast ? igi_own_cast(w, igi_own_in(w, i), IG_FLOAT32) : igi_own_in(w, i);
    if (w->rc != IG_OK)
        return;
    const char *dx = igi_own_put_n(w, NULL, "Einsum", in, (size_t)n);
    igi_own_set_string(w, "equation", text);
    if (missing) {
        dx = igi_own_put2(w, "Unsqueeze", dx, igi_own_list(w, axes, missing));
        dx = igi_own_put2(w, "Expand", dx, igi_own_in(w, 1));
    }
    igi_own_finish(w, "Cast", dx, NULL);
    igi_own_set_int(w, "to", (int64_t)w->dtype);
}
