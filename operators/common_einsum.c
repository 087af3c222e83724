// Reading equations, and the loop over labels.

#include "operators/common_einsum.h"

#include "operators/common_float.h"

// ---- the equation

// Places of labels while a term is read.
static int letter(char c)
{
    return c >= 'a' && c <= 'z' ? c - 'a' : c >= 'A' && c <= 'Z' ? 26 + c - 'A' : -1;
}

// One term, up to ',' or "->" or the end; rank < 0: as many dims as it names, an
// ellipsis being `dots` of them.
static const char *
read_term(const char **text, int rank, int dots, igi_term *t, bool *ellipsis)
{
    const char *s = *text;
    int letters = 0;
    *ellipsis = false;
    for (const char *c = s; *c && *c != ',' && *c != '-'; c++)
        letters += letter(*c) >= 0;
    if (rank >= 0)
        dots = rank - letters;
    t->rank = t->n_ellipsis = 0;
    for (; *s && *s != ',' && *s != '-'; s++) {
        int l = letter(*s);
        if (*s == ' ')
            continue;
        if (l < 0 && (s[0] != '.' || s[1] != '.' || s[2] != '.' || *ellipsis))
            return "the equation has a character that is no letter, or two ellipses";
        if (l < 0 && dots < 0)
            return "a term has more labels than its operand has dims";
        if (t->rank + (l < 0 ? dots : 1) > IG_RANK_MAX)
            return "a term has too many labels";
        if (l >= 0) {
            t->label[t->rank++] = (uint8_t)l;
            continue;
        }
        *ellipsis = true;
        t->n_ellipsis = dots;
        for (int i = dots - 1; i >= 0; i--)
            t->label[t->rank++] = (uint8_t)(IGI_EINSUM_LETTERS + i);
        s += 2;
    }
    *text = s;
    if (rank >= 0 && t->rank != rank)
        return "a term and its operand differ in the number of dims";
    return NULL;
}

// Without "->": the ellipsis, then letters that occur once, in order of the alphabet.
static const char *implicit_result(igi_einsum *e, int dots, const int *seen)
{
    int rank = dots;
    for (int l = 0; l < IGI_EINSUM_LETTERS; l++)
        rank += seen[l] == 1;
    if (rank > IG_RANK_MAX)
        return "the result has too many labels";
    e->out.n_ellipsis = dots;
    for (int i = dots - 1; i >= 0; i--)
        e->out.label[e->out.rank++] = (uint8_t)(IGI_EINSUM_LETTERS + i);
    for (int c = 'A'; c <= 'z'; c++) {
        int l = letter((char)c);
        if (l >= 0 && seen[l] == 1)
            e->out.label[e->out.rank++] = (uint8_t)l;
    }
    e->has_ellipsis[IGI_EINSUM_OPERANDS] = dots > 0;
    return NULL;
}

const char *igi_einsum_read(const char *equation, int n, const int *rank, igi_einsum *e)
{
    const char *s = equation ? equation : "", *wrong;
    int seen[IGI_EINSUM_LABELS] = {0}, dots = 0;
    if (n > IGI_EINSUM_OPERANDS)
        return "at most 32 operands are supported";
    e->n = n;
    e->out = (igi_term){0};
    for (int i = 0; i < n; i++) {
        if ((wrong = read_term(&s, rank[i], 0, &e->in[i], &e->has_ellipsis[i])))
            return wrong;
        dots = e->in[i].n_ellipsis > dots ? e->in[i].n_ellipsis : dots;
        for (int d = 0; d < e->in[i].rank; d++)
            seen[e->in[i].label[d]]++;
        if (i + 1 < n && *s++ != ',')
            return "the equation has fewer terms than there are operands";
    }
    if (*s == ',')
        return "the equation has more terms than there are operands";
    if (!*s)
        return implicit_result(e, dots, seen);
    if (s[0] != '-' || s[1] != '>')
        return "the equation has a '-' that is no arrow";
    s += 2;
    if ((wrong =
             read_term(&s, -1, dots, &e->out, &e->has_ellipsis[IGI_EINSUM_OPERANDS])))
        return wrong;
    for (int d = 0; d < e->out.rank; d++) {
        if (!seen[e->out.label[d]])
            return "the result has a label that no operand has";
        seen[e->out.label[d]] = 0; // a second time is an error too
    }
    return *s ? "the equation goes on after its result" : NULL;
}

char *igi_term_print(const igi_term *t, bool ellipsis, char *text)
{
    bool done = !ellipsis;
    for (int d = 0; d < t->rank; d++) {
        int l = t->label[d];
        if (l < IGI_EINSUM_LETTERS)
            *text++ = (char)(l < 26 ? 'a' + l : 'A' + l - 26);
        else if (!done)
            for (int i = 0; i < 3; i++)
                *text++ = '.';
        done = done || l >= IGI_EINSUM_LETTERS;
    }
    for (int i = 0; !done && i < 3; i++) // an ellipsis of no dims
        *text++ = '.';
    *text = 0;
    return text;
}

bool igi_einsum_sizes(ig_symtab *s,
                      const igi_term *t,
                      const int64_t *dims,
                      int64_t *sizes)
{
    for (int d = 0; d < t->rank; d++)
        if (!ig_dim_broadcast(s, sizes[t->label[d]], dims[d], &sizes[t->label[d]]))
            return false;
    return true;
}

// ---- the loop

// Labels in the order of the loop: those that move the target come first.
typedef struct space {
    int n, n_target; // labels; of them that move the target
    int64_t size[IGI_EINSUM_LABELS];
    int64_t target[IGI_EINSUM_LABELS];
    int64_t source[IGI_EINSUM_OPERANDS + 1][IGI_EINSUM_LABELS];
    int n_source;
    int64_t index[IGI_EINSUM_LABELS], at[IGI_EINSUM_OPERANDS + 1], to;
    igi_pace pace;
} space;

static void add_strides(const igi_term *t,
                        const ig_tensor *x,
                        const int64_t *sizes,
                        const int *place,
                        int64_t *out)
{
    int64_t stride[IG_RANK_MAX];
    igi_strides_contiguous(t->rank, ig_dims(x), stride);
    for (int d = 0; d < t->rank; d++)
        if (ig_dims(x)[d] == sizes[t->label[d]] && sizes[t->label[d]] != 1)
            out[place[t->label[d]]] += stride[d];
}

// The next combination of labels lo .. hi - 1; false after the last.
static bool advance(space *w, int lo, int hi)
{
    for (int l = hi - 1; l >= lo; l--) {
        bool carry = ++w->index[l] == w->size[l];
        int64_t move = carry ? 1 - w->size[l] : 1;
        for (int j = 0; j < w->n_source; j++)
            w->at[j] += move * w->source[j][l];
        w->to += move * w->target[l];
        if (!carry)
            return true;
        w->index[l] = 0;
    }
    return false;
}

// S_ is double, or an unsigned integer that wraps.
#define EINSUM_CASE(dtype_, T_, C_, LOAD_, STORE_, S_)                                 \
    case dtype_:                                                                       \
        do {                                                                           \
            S_ sum = 0;                                                                \
            do {                                                                       \
                IG_TRY(igi_pace_go(&w->pace, 4));                                      \
                S_ term = 1;                                                           \
                for (int j = 0; j < w->n_source; j++)                                  \
                    term *= (S_)LOAD_((const T_ *)ig_data(source[j]), w->at[j]);       \
                sum += term;                                                           \
            } while (advance(w, w->n_target, w->n));                                   \
            STORE_(T_, (T_ *)ig_data(target), w->to, sum);                             \
        } while (advance(w, 0, w->n_target));                                          \
        return IG_OK;

static ig_status
run(ig_kernel_ctx *k, space *w, const ig_tensor *target, const ig_tensor *const *source)
{
    switch (ig_dtype_of(target)) {
        IGI_FLOAT_ROWS(EINSUM_CASE, double)
        IGI_INTEGER_ROWS(EINSUM_CASE, uint64_t)
    default:
        return igi_bad_dtype(k, ig_dtype_of(target));
    }
}

static bool find_sizes(const ig_tensor *target,
                       const igi_term *to,
                       int n,
                       const ig_tensor *const *source,
                       const igi_term *const *from,
                       int64_t *sizes)
{
    for (int l = 0; l < IGI_EINSUM_LABELS; l++)
        sizes[l] = 1;
    for (int i = 0; i < n; i++)
        if (ig_rank(source[i]) != from[i]->rank ||
            !igi_einsum_sizes(NULL, from[i], ig_dims(source[i]), sizes))
            return false;
    return ig_rank(target) == to->rank &&
           igi_einsum_sizes(NULL, to, ig_dims(target), sizes);
}

ig_status igi_einsum_run(ig_kernel_ctx *k,
                         const ig_tensor *target,
                         const igi_term *to,
                         int n,
                         const ig_tensor *const *source,
                         const igi_term *const *from)
{
    int64_t sizes[IGI_EINSUM_LABELS];
    int place[IGI_EINSUM_LABELS];
    bool moves[IGI_EINSUM_LABELS] = {false}, empty = false;
    if (!find_sizes(target, to, n, source, from, sizes))
        return ig_kernel_fail(k, IG_INVALID_ARGUMENT,
                              "the operands do not agree in the size of a label");
    for (int d = 0; d < to->rank; d++)
        moves[to->label[d]] = ig_dims(target)[d] == sizes[to->label[d]];
    igi_fill_zero(target); // a diagonal leaves the rest
    space *w = igi_calloc(1, sizeof(*w));
    if (!w)
        return IG_OUT_OF_MEMORY;
    w->n_source = n;
    w->pace = igi_pace_of(k);
    for (int pass = 1; pass >= 0; pass--)
        for (int l = 0; l < IGI_EINSUM_LABELS; l++) {
            if (moves[l] != pass || sizes[l] == 1)
                continue;
            empty = empty || sizes[l] == 0;
            w->n_target += pass;
            w->size[w->n] = sizes[l];
            place[l] = w->n++;
        }
    add_strides(to, target, sizes, place, w->target);
    for (int j = 0; j < n; j++)
        add_strides(from[j], source[j], sizes, place, w->source[j]);
    ig_status rc = empty || ig_numel(target) == 0 ? IG_OK : run(k, w, target, source);
    igi_free(w);
    return rc;
}
