/* Winograd convolution of operators/cpu/compute.h against the direct sum in double
 * precision: images that are no multiple of a tile, borders and pads of any width,
 * batches, every kind of epilogue, teams. */
#include "tests/operators/cpu/compute_support.h"

#include "graph/runtime/team.h"

typedef struct problem {
    igi_winograd g;
    float *x, *w, *u, *y, *bias, *residual, *scratch;
    int64_t outputs, scratch_floats; /* of all threads */
} problem;

enum { GUARD = 16, TEAM_MOST = 3 };

static problem problem_new(const igi_cpu_isa *isa, igi_winograd g, int pad_ends)
{
    problem p = {.g = g};
    p.g.out_h = g.h + g.pad_top + pad_ends - 2;
    p.g.out_w = g.w + g.pad_left + pad_ends - 2;
    p.outputs = g.batch * p.g.out_h * p.g.out_w * g.n;
    size_t packed, scratch;
    assert_true(igi_winograd_packed_size(isa, &p.g, &packed));
    assert_true(igi_winograd_scratch(isa, &p.g, &scratch));
    p.scratch_floats = (int64_t)scratch * TEAM_MOST;
    p.x = new_floats(g.batch * g.h * g.w * g.c);
    p.w = new_floats(g.n * g.c * 9);
    p.u = new_floats((int64_t)packed);
    p.y = new_floats(p.outputs + GUARD);
    p.bias = new_floats(g.n);
    p.residual = new_floats(p.outputs);
    p.scratch = new_floats(p.scratch_floats + GUARD);
    fill_random(p.x, g.batch * g.h * g.w * g.c, 1);
    fill_random(p.w, g.n * g.c * 9, 2);
    fill_random(p.bias, g.n, 3);
    fill_random(p.residual, p.outputs, 4);
    for (size_t i = 0; i < packed; i++)
        p.u[i] = NAN; /* packing must write all of it */
    igi_winograd_pack(isa, &p.g, p.w, p.u);
    p.g.x = p.x, p.g.u = p.u, p.g.y = p.y;
    return p;
}

static void problem_free(problem *p)
{
    float *all[] = {p->x, p->w, p->u, p->y, p->bias, p->residual, p->scratch};
    for (size_t i = 0; i < sizeof(all) / sizeof(*all); i++)
        free(all[i]);
}

/* ---- the reference ---- */

static double ref_act(const igi_epilogue *e, double x)
{
    switch (e->act) {
    case IGI_UNARY_RELU:
        return fmax(x, 0);
    case IGI_UNARY_CLIP:
        return fmin(fmax(x, (double)e->act_params[0]), (double)e->act_params[1]);
    case IGI_UNARY_SILU:
        return x / (1 + exp(-x));
    default:
        return x;
    }
}

static double ref_sum(const problem *p, int64_t image, int64_t r, int64_t q, int64_t n)
{
    const igi_winograd *g = &p->g;
    double sum = 0;
    for (int64_t i = 0; i < 9; i++) {
        const int64_t row = r + i / 3 - g->pad_top, col = q + i % 3 - g->pad_left;
        if (row < 0 || col < 0 || row >= g->h || col >= g->w)
            continue;
        const float *x = p->x + ((image * g->h + row) * g->w + col) * g->c;
        for (int64_t c = 0; c < g->c; c++)
            sum += (double)x[c] * (double)p->w[(n * g->c + c) * 9 + i];
    }
    return sum;
}

static void check_outputs(const problem *p, const char *name)
{
    const igi_winograd *g = &p->g;
    const igi_epilogue *e = &g->epilogue;
    for (int64_t i = 0; i < p->outputs; i++) {
        const int64_t n = i % g->n, q = i / g->n % g->out_w;
        const int64_t r = i / g->n / g->out_w % g->out_h;
        const int64_t image = i / g->n / g->out_w / g->out_h;
        double want = ref_sum(p, image, r, q, n);
        want += e->bias ? (double)e->bias[n] : 0;
        const double add = e->residual ? (double)p->residual[i] : 0;
        want = e->residual_after ? ref_act(e, want) + add : ref_act(e, want + add);
        /* Sums of 9 c products of numbers below 1: a third of the root is their rms. */
        const double rounding = g->tile == 4 ? 4e-6 : 2e-6;
        if (!is_near((double)p->y[i], want, rounding * sqrt(9.0 * (double)g->c)))
            fail_msg("%s, F(%d): output %lld,%lld,%lld,%lld is %.9g, not %.9g", name,
                     g->tile, (long long)image, (long long)r, (long long)q,
                     (long long)n, (double)p->y[i], want);
    }
    for (int64_t i = 0; i < GUARD; i++)
        assert_true(p->y[p->outputs + i] == 0);
}

/* ---- running, alone and in teams ---- */

typedef struct crew {
    const igi_cpu_isa *isa;
    const problem *p;
    igi_barrier barrier;
} crew;

static void meet(void *user)
{
    (void)igi_barrier_wait(user);
}

static void member(void *arg, int tid, int nth)
{
    crew *t = arg;
    if (tid == 0)
        assert_int_equal(nth, t->barrier.n);
    igi_winograd_run(t->isa, &t->p->g, t->p->scratch, tid, nth, meet, &t->barrier);
}

/* Scratch is dirty before each run: nothing may depend on what it held. */
static void run(const igi_cpu_isa *isa, problem *p, int threads)
{
    crew t = {.isa = isa, .p = p};
    for (int64_t i = 0; i < p->scratch_floats; i++)
        p->scratch[i] = NAN;
    igi_barrier_init(&t.barrier, threads);
    igi_team_run(NULL, member, &t, threads);
    for (int64_t i = 0; i < GUARD; i++)
        assert_true(p->scratch[p->scratch_floats + i] == 0);
}

static void check(const igi_cpu_isa *isa, problem *p, const char *name)
{
    float *alone = new_floats(p->outputs);
    run(isa, p, 1);
    check_outputs(p, name);
    memcpy(alone, p->y, (size_t)p->outputs * sizeof(float));
    for (int threads = 2; threads <= TEAM_MOST; threads++) {
        memset(p->y, 0, (size_t)p->outputs * sizeof(float));
        run(isa, p, threads);
        assert_true(same_bits(p->y, alone, p->outputs));
    }
    free(alone);
}

/* ---- tests ---- */

#define SHAPE(batch_, h_, w_, c_, n_, top_, left_)                                     \
    {                                                                                  \
        .batch = (batch_), .h = (h_), .w = (w_), .c = (c_), .n = (n_),                 \
        .pad_top = (top_), .pad_left = (left_)                                         \
    }

static void check_shapes(const igi_cpu_isa *isa)
{
    static const struct {
        const char *name;
        igi_winograd g;
        int pad_ends;
    } shapes[] = {
        {"whole tiles", SHAPE(1, 16, 8, 16, 16, 1, 1), 1},
        {"torn tiles", SHAPE(1, 17, 9, 16, 32, 1, 1), 1},
        {"torn tiles of two", SHAPE(1, 13, 11, 32, 16, 1, 1), 1},
        {"no pads", SHAPE(1, 7, 10, 16, 48, 0, 0), 0},
        {"uneven pads", SHAPE(1, 5, 6, 16, 16, 2, 0), 3},
        {"pads wider than a tile", SHAPE(1, 3, 2, 16, 16, 7, 6), 9},
        {"one output", SHAPE(1, 1, 1, 16, 16, 1, 1), 1},
        {"one row", SHAPE(1, 1, 19, 32, 48, 1, 1), 1},
        {"batch", SHAPE(3, 6, 7, 16, 80, 1, 1), 1},
        {"blocks", SHAPE(2, 30, 34, 48, 96, 1, 1), 1},
        {"deep", SHAPE(1, 7, 7, 256, 64, 1, 1), 1},
    };
    for (size_t i = 0; i < sizeof(shapes) / sizeof(*shapes); i++) {
        for (int tile = 2; tile <= 4; tile += 2) {
            igi_winograd g = shapes[i].g;
            g.tile = tile;
            problem p = problem_new(isa, g, shapes[i].pad_ends);
            check(isa, &p, shapes[i].name);
            problem_free(&p);
        }
    }
}
ISA_TEST(winograd_gives_the_direct_sum_at_every_size_and_border, check_shapes)

/* `in_place`: the residual lies in y when the run begins. */
static void check_epilogue(const igi_cpu_isa *isa, int tile, igi_epilogue e, int parts)
{
    const igi_winograd g = SHAPE(1, 9, 11, 16, 48, 1, 1);
    const bool in_place = parts & 4;
    igi_winograd with = g;
    with.tile = tile;
    problem p = problem_new(isa, with, 1);
    e.bias = parts & 1 ? p.bias : NULL;
    e.residual = in_place ? p.y : parts & 2 ? p.residual : NULL;
    p.g.epilogue = e;
    if (in_place)
        memcpy(p.y, p.residual, (size_t)p.outputs * sizeof(float));
    run(isa, &p, in_place ? 2 : 1);
    check_outputs(&p, "epilogue");
    problem_free(&p);
}

static void check_epilogues(const igi_cpu_isa *isa)
{
    static const igi_epilogue acts[] = {
        {.act = IGI_UNARY_NONE},
        {.act = IGI_UNARY_RELU},
        {.act = IGI_UNARY_CLIP, .act_params = {-0.5f, 0.75f}},
        {.act = IGI_UNARY_SILU},
    };
    for (size_t i = 0; i < sizeof(acts) / sizeof(*acts); i++) {
        for (int parts = 0; parts < 8; parts++) {
            for (int after = 0; after < 2; after++) {
                igi_epilogue e = acts[i];
                e.residual_after = after != 0;
                check_epilogue(isa, 4, e, parts);
                check_epilogue(isa, 2, e, parts);
            }
        }
    }
}
ISA_TEST(winograd_applies_every_epilogue_and_adds_in_place, check_epilogues)

static void check_nan(const igi_cpu_isa *isa)
{
    const igi_winograd g = SHAPE(1, 12, 12, 16, 16, 1, 1);
    for (int tile = 2; tile <= 4; tile += 2) {
        igi_winograd with = g;
        with.tile = tile;
        problem p = problem_new(isa, with, 1);
        p.g.epilogue.act = IGI_UNARY_RELU;
        p.x[(5 * 12 + 5) * 16 + 3] = NAN;
        run(isa, &p, 1);
        for (int64_t i = 4; i <= 6; i++)
            for (int64_t j = 4; j <= 6; j++)
                assert_true(isnan(p.y[(i * 12 + j) * 16]));
        assert_true(p.y[0] >= 0); /* of another tile */
        problem_free(&p);
    }
}
ISA_TEST(winograd_lets_nan_through, check_nan)

IG_TESTS(cmocka_unit_test(winograd_gives_the_direct_sum_at_every_size_and_border),
         cmocka_unit_test(winograd_applies_every_epilogue_and_adds_in_place),
         cmocka_unit_test(winograd_lets_nan_through))
