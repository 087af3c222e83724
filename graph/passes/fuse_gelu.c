/* Gelu as exporters spell it out:
 *   erf:   0.5 * x * (1 + erf(x / sqrt 2))
 *   tanh:  0.5 * x * (1 + tanh(sqrt(2/pi) * (x + 0.044715 x^3)))
 * with the constants in any place, products in any order, powers as Pow or Mul, the
 * cube inside or outside the bracket. A product is flattened into one number and its
 * factors, so that all these spellings are one pattern. The two forms are never
 * exchanged. */
#include <math.h>

#include "graph/passes/rewrite.h"

#define FACTORS_MAX 6
#define TOLERANCE   1e-4 /* constants are written with four digits at least */

typedef struct product {
    double c;
    ig_value_id leaf[FACTORS_MAX];
    int n;
} product;

static bool near(double a, double b)
{
    return fabs(a - b) <= TOLERANCE * fabs(b);
}

static bool add_leaf(product *p, ig_value_id v)
{
    if (p->n == FACTORS_MAX)
        return false;
    p->leaf[p->n++] = v;
    return true;
}

/* The factors of node n; inner products go on the stack. false: too many. */
static bool split_node(
    const ig_graph *g, const igi_node *n, product *p, ig_value_id *stack, int *depth)
{
    double c;
    ig_value_id a = n->in[0], b = n->in[1];
    if (igi_node_is(n, "Pow")) {
        int times = igi_const_scalar(g, b, &c) ? (near(c, 2)   ? 2
                                                  : near(c, 3) ? 3
                                                               : 0)
                                               : 0;
        for (int i = 0; i < times; i++)
            if (!add_leaf(p, a))
                return false;
        return times > 0;
    }
    bool over = igi_node_is(n, "Div");
    if (igi_const_scalar(g, b, &c)) {
        p->c = over ? p->c / c : p->c * c;
        stack[(*depth)++] = a;
        return true;
    }
    if (over)
        return false;
    if (igi_const_scalar(g, a, &c))
        p->c *= c;
    else
        stack[(*depth)++] = a;
    stack[(*depth)++] = b;
    return true;
}

/* Flattens v; below the top only what nobody else reads is opened. */
static bool factors(const ig_graph *g, ig_value_id v, product *p)
{
    ig_value_id stack[2 * FACTORS_MAX + 2];
    int depth = 0, steps = 0;
    *p = (product){.c = 1};
    stack[depth++] = v;
    while (depth) {
        ig_value_id x = stack[--depth];
        const igi_node *n = igi_producer(g, x);
        bool open =
            n && (x.i == v.i || igi_only_user(g, x).i) &&
            (igi_node_is(n, "Mul") || igi_node_is(n, "Div") || igi_node_is(n, "Pow"));
        int before = p->n, at = depth;
        if (open && steps++ < FACTORS_MAX && split_node(g, n, p, stack, &depth))
            continue;
        p->n = before;
        depth = at;
        if (!add_leaf(p, x))
            return false;
    }
    return true;
}

/* Whether p is c * x^power. */
static bool is_power(const product *p, double c, ig_value_id x, int power)
{
    if (p->n != power || !near(p->c, c))
        return false;
    for (int i = 0; i < power; i++)
        if (p->leaf[i].i != x.i)
            return false;
    return true;
}

/* The other operand of an Add that only one node reads. */
static ig_value_id other_addend(const ig_graph *g, ig_value_id sum, ig_value_id a)
{
    const igi_node *n = igi_producer(g, sum);
    if (!n || !igi_node_is(n, "Add") || !igi_only_user(g, sum).i)
        return (ig_value_id){0};
    return n->in[0].i == a.i   ? n->in[1]
           : n->in[1].i == a.i ? n->in[0]
                               : (ig_value_id){0};
}

/* 1 + d: d, or {0}. */
static ig_value_id less_one(const ig_graph *g, ig_value_id sum)
{
    double c;
    const igi_node *n = igi_producer(g, sum);
    if (!n || !igi_node_is(n, "Add") || !igi_only_user(g, sum).i)
        return (ig_value_id){0};
    for (int i = 0; i < 2; i++)
        if (igi_const_scalar(g, n->in[i], &c) && near(c, 1))
            return n->in[1 - i];
    return (ig_value_id){0};
}

/* u = sqrt(2/pi) (x + 0.044715 x^3), or sqrt(2/pi) x (1 + 0.044715 x^2) */
static bool is_tanh_argument(const ig_graph *g, ig_value_id u, ig_value_id x)
{
    product p, inner;
    if (!factors(g, u, &p) || !near(p.c, 0.7978845608028654))
        return false;
    ig_value_id rest = {0};
    int power = 0;
    if (p.n == 1) {
        rest = other_addend(g, p.leaf[0], x);
        power = 3;
    } else if (p.n == 2 && (p.leaf[0].i == x.i || p.leaf[1].i == x.i)) {
        rest = less_one(g, p.leaf[p.leaf[0].i == x.i]);
        power = 2;
    }
    return rest.i && igi_only_user(g, rest).i && factors(g, rest, &inner) &&
           is_power(&inner, 0.044715, x, power);
}

static bool is_erf_argument(const ig_graph *g, ig_value_id u, ig_value_id x)
{
    product p;
    return factors(g, u, &p) && is_power(&p, 0.7071067811865476, x, 1);
}

/* The x of 0.5 x sum when `root` is that product, else {0}. */
static ig_value_id gelu_input(const ig_graph *g, ig_value_id root, ig_value_id sum)
{
    product p;
    if (!factors(g, root, &p) || p.n != 2 || !near(p.c, 0.5))
        return (ig_value_id){0};
    if (p.leaf[0].i != sum.i && p.leaf[1].i != sum.i)
        return (ig_value_id){0};
    return p.leaf[p.leaf[0].i == sum.i];
}

static ig_status replace(ig_graph *g,
                         ig_node_id root,
                         ig_node_id f,
                         ig_value_id x,
                         bool by_tanh,
                         int *changes)
{
    bool done;
    ig_value_id y;
    ig_node_id from[2] = {f, root};
    igi_make m = {
        .op = igi_registry_find_full(g->reg, "Gelu"), .n_in = 1, .like = root};
    void *attrs = m.op ? igi_new_attrs(g, m.op) : NULL;
    m.origin = igi_origin(g, from, 2);
    if (!m.op)
        return IG_OK;
    if (!attrs || !m.origin)
        return IG_OUT_OF_MEMORY;
    if (by_tanh)
        IG_TRY(
            igi_attrs_set_string(&g->arena, m.op->def, attrs, "approximate", "tanh"));
    m.attrs = attrs;
    IG_TRY(igi_make_node(g, &m, &x, &y));
    IG_TRY(igi_forward(g, root, 0, y, &done));
    *changes += done;
    return IG_OK;
}

/* From erf or tanh up to the product that is the Gelu. */
static ig_status gelu(ig_graph *g, ig_node_id id, int *changes)
{
    const igi_node *f = igi_node_at(g, id);
    bool by_tanh = igi_node_is(f, "Tanh");
    ig_value_id u = f->in[0];
    ig_node_id add = igi_only_user(g, f->out[0]);
    if (!add.i || !igi_is_f32(g, u) || !igi_only_user(g, u).i)
        return IG_OK;
    ig_value_id sum = igi_node_at(g, add)->out[0], v = sum;
    if (less_one(g, sum).i != f->out[0].i)
        return IG_OK;
    for (int level = 0; level < 3; level++) {
        ig_node_id root = igi_only_user(g, v);
        const igi_node *n = root.i ? igi_node_at(g, root) : NULL;
        if (!n || !(igi_node_is(n, "Mul") || igi_node_is(n, "Div")))
            return IG_OK;
        v = n->out[0];
        ig_value_id x = gelu_input(g, v, sum);
        if (x.i && igi_same_type(g, x, v) &&
            (by_tanh ? is_tanh_argument(g, u, x) : is_erf_argument(g, u, x)))
            return replace(g, root, id, x, by_tanh, changes);
    }
    return IG_OK;
}

static const igi_rule rules[] = {
    {"Erf", gelu, 2},
    {"Tanh", gelu, 2},
    {0},
};

ig_status igi_pass_fuse_gelu(ig_graph *g, igi_pass_state *s, int *changes)
{
    return igi_rules_run(g, rules, s->o->level, changes);
}
