/* Plans: views, folded integers, in-place reuse, offsets, late nodes, keys. */
#include <stdio.h>

#include "graph/runtime/instance.h"
#include "tests/graph/runtime/support.h"

typedef struct rig {
    ig_net *net;
    igi_instance *x;
} rig;

static rig rig_new(const ig_graph *g, const ig_net_opts *o)
{
    rig r = {0};
    OK(ig_net_new(&r.net, g, NULL, o ? o : &(ig_net_opts){.threads = 1, .level = -1}));
    OK(igi_instance_new(&r.x, r.net));
    return r;
}

static void rig_free(rig *r)
{
    igi_instance_free(r->x);
    ig_net_free(r->net);
}

static igi_plan *plan_for(rig *r, ig_tensor *a)
{
    ig_value *in[] = {ig_tensor_value(a)};
    igi_plan *p = NULL;
    OK(igi_instance_plan(r->x, in, &p));
    OK(igi_plan_check(p));
    return p;
}

static ig_tensor *run_one(rig *r, ig_tensor *a)
{
    ig_value *in[] = {ig_tensor_value(a)}, *out[1] = {NULL};
    OK(igi_instance_run(r->x, in, out, 1, NULL));
    return ig_value_tensor(out[0]);
}

static void a_chain_reuses_one_buffer(void **state)
{
    fixture *f = *state;
    ig_value_id v = input(f->g, "x", 1, TINY_DIMS(8));
    ig_value_id c = constant(f->g, "c", tiny_iota(1, TINY_DIMS(8), 1));
    for (int i = 0; i < 100; i++)
        v = node(f->g, IG_OP(TAdd), NULL, v, c);
    OK(ig_graph_output(f->g, "y", v));
    rig r = rig_new(f->g, NULL);
    ig_tensor *x = tiny_iota(1, TINY_DIMS(8), 0);
    igi_plan *p = plan_for(&r, x);
    assert_int_equal(p->n_steps, 100);
    assert_int_equal(p->n_buffers, 1);
    assert_int_equal(p->arena[IGI_HOST].arena_bytes, 64);
    assert_string_equal(p->step[0].kernel->name, "fast");
    ig_tensor *y = run_one(&r, x);
    assert_true(((float *)ig_tensor_data(y))[7] == 7 + 800);
    ig_tensor_unref(x), ig_tensor_unref(y), rig_free(&r);
}

static void a_value_read_again_later_is_not_overwritten(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(4));
    ig_value_id a = node(f->g, IG_OP(TScale), NULL, x, NONE);
    ig_value_id b =
        node(f->g, IG_OP(TRelu), NULL, a, NONE); /* must not take a's place */
    ig_value_id c = node(f->g, IG_OP(TScale), NULL, b, NONE);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TAdd), NULL, a, c)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(1, TINY_DIMS(4), -1);
    plan_for(&r, t);
    ig_tensor *y = run_one(&r, t);
    assert_floats(y, 4, FLOATS(-2, 0, 6, 12));
    ig_tensor_unref(t), ig_tensor_unref(y), rig_free(&r);
}

static void the_same_value_twice_is_not_overwritten(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 2, TINY_DIMS(2, 3));
    ig_value_id a = node(f->g, IG_OP(TScale), NULL, x, NONE);
    ig_value_id t = node(f->g, IG_OP(TTranspose), NULL, a, NONE);
    ig_value_id tt = node(f->g, IG_OP(TTranspose), NULL, t, NONE);
    ig_value_id s = node(f->g, IG_OP(TAdd), NULL, a, tt);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TScale), NULL, s, NONE)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *in = tiny_iota(2, TINY_DIMS(2, 3), 0);
    igi_plan *p = plan_for(&r, in);
    assert_int_equal(p->n_steps, 3);
    assert_int_equal(p->n_buffers, 2);
    ig_tensor *y = run_one(&r, in);
    assert_floats(y, 6, FLOATS(0, 8, 16, 24, 32, 40));
    ig_tensor_unref(in), ig_tensor_unref(y), rig_free(&r);
}

static void views_are_no_steps_and_keep_their_root_alive(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 2, TINY_DIMS(2, 3));
    ig_value_id s = constant(f->g, "s", tiny_ints(1, TINY_DIMS(-1)));
    ig_value_id a = node(f->g, IG_OP(TScale), NULL, x, NONE);
    ig_value_id flat = node(f->g, IG_OP(TReshape), NULL, a, s);
    ig_value_id b = node(f->g, IG_OP(TScale), NULL, x, NONE); /* between root and use */
    ig_value_id c = node(f->g, IG_OP(TReshape), NULL, b, s);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TAdd), NULL, flat, c)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(2, TINY_DIMS(2, 3), 0);
    igi_plan *p = plan_for(&r, t);
    assert_int_equal(p->n_steps, 3);
    assert_int_equal(p->n_nodes_view, 2);
    ig_tensor *y = run_one(&r, t);
    assert_floats(y, 6, FLOATS(0, 4, 8, 12, 16, 20));
    ig_tensor_unref(t), ig_tensor_unref(y), rig_free(&r);
}

static void a_strided_view_is_copied_for_kernels_that_cannot_stride(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 2, TINY_DIMS(2, 3));
    ig_value_id t = node(f->g, IG_OP(TTranspose), NULL, x, NONE);
    ig_value_id a = node(f->g, IG_OP(TSum), NULL, t, NONE);
    ig_value_id b = node(f->g, IG_OP(TSum), NULL, t, NONE); /* shares the copy */
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TAdd), NULL, a, b)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *in = tiny_iota(2, TINY_DIMS(2, 3), 0); /* 0 1 2 / 3 4 5 -> 0 3 1 4 2 5 */
    igi_plan *p = plan_for(&r, in);
    assert_int_equal(p->n_steps, 4);
    ig_tensor *y = run_one(&r, in);
    assert_floats(y, 1, FLOATS(2 * (0 * 1 + 3 * 2 + 1 * 3 + 4 * 4 + 2 * 5 + 5 * 6)));
    ig_tensor_unref(in), ig_tensor_unref(y), rig_free(&r);
}

static void an_output_that_is_a_whole_view_needs_no_copy(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 2, TINY_DIMS(2, 3));
    ig_value_id s = constant(f->g, "s", tiny_ints(2, TINY_DIMS(3, 2)));
    ig_value_id a = node(f->g, IG_OP(TScale), NULL, x, NONE);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TReshape), NULL, a, s)));
    OK(ig_graph_output(f->g, "t", node(f->g, IG_OP(TTranspose), NULL, a, NONE)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(2, TINY_DIMS(2, 3), 0);
    igi_plan *p = plan_for(&r, t);
    assert_int_equal(p->own.n, 1);
    assert_int_equal(p->arena[IGI_HOST].arena_bytes, 0);
    ig_value *in[] = {ig_tensor_value(t)}, *out[2] = {NULL};
    OK(igi_instance_run(r.x, in, out, 2, NULL));
    assert_int_equal(ig_tensor_dim(ig_value_tensor(out[0]), 0), 3);
    assert_floats(ig_value_tensor(out[0]), 6, FLOATS(0, 2, 4, 6, 8, 10));
    assert_true(ig_tensor_is_contiguous(ig_value_tensor(out[1])));
    assert_floats(ig_value_tensor(out[1]), 6, FLOATS(0, 6, 2, 8, 4, 10));
    ig_value_unref(out[0]), ig_value_unref(out[1]), ig_tensor_unref(t), rig_free(&r);
}

static void shape_arithmetic_is_computed_when_planning(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 2, TINY_DIMS(dim(f->g, "N"), 3));
    ig_value_id one = constant(f->g, "one", tiny_ints(1, TINY_DIMS(1)));
    ig_value_id shape = node(f->g, IG_OP(TShape), NULL, x, NONE);
    ig_value_id want = node(f->g, IG_OP(TConcatInts), NULL, one, shape);
    ig_value_id y = node(f->g, IG_OP(TReshape), NULL, x, want);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRelu), NULL, y, NONE)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(2, TINY_DIMS(5, 3), 0);
    igi_plan *p = plan_for(&r, t);
    assert_int_equal(p->n_steps, 1);
    assert_int_equal(p->n_nodes_folded, 2);
    assert_false(p->has_late);
    ig_tensor *out = run_one(&r, t);
    assert_int_equal(ig_tensor_rank(out), 3);
    assert_int_equal(ig_tensor_dim(out, 1), 5);
    ig_tensor_unref(t), ig_tensor_unref(out), rig_free(&r);
}

static void integers_of_inputs_belong_to_the_signature(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(6)), s;
    OK(ig_graph_input(f->g, "s", IG_INT64, 1, TINY_DIMS(2), &s));
    ig_value_id y = node(f->g, IG_OP(TReshape), NULL, x, s);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRelu), NULL, y, NONE)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(1, TINY_DIMS(6), 0);
    for (int round = 0; round < 4; round++) {
        int64_t rows = round % 2 ? 3 : 2;
        ig_tensor *dims = tiny_ints(2, TINY_DIMS(rows, -1));
        ig_value *in[] = {ig_tensor_value(t), ig_tensor_value(dims)}, *out[1] = {NULL};
        OK(igi_instance_run(r.x, in, out, 1, NULL));
        assert_int_equal(ig_tensor_dim(ig_value_tensor(out[0]), 0), rows);
        assert_int_equal(ig_tensor_dim(ig_value_tensor(out[0]), 1), 6 / rows);
        ig_value_unref(out[0]), ig_tensor_unref(dims);
    }
    assert_int_equal(r.x->n_plans, 2);
    ig_tensor_unref(t), rig_free(&r);
}

static void what_follows_a_data_dependent_size_runs_late(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(6));
    ig_value_id a = node(f->g, IG_OP(TScale), NULL, x, NONE); /* planned, read late */
    ig_value_id c = node(f->g, IG_OP(TCompress), NULL, a, NONE);
    ig_value_id d = node(f->g, IG_OP(TScale), NULL, c, NONE);
    ig_value_id shape = node(f->g, IG_OP(TShape), NULL, d, NONE);
    ig_value_id e = node(f->g, IG_OP(TReshape), NULL, d, shape);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TAdd), NULL, e, e)));
    OK(ig_graph_output(f->g, "shape", shape));
    rig r = rig_new(f->g, NULL);
    for (int start = -4; start < 1; start++) {
        ig_tensor *t = tiny_iota(1, TINY_DIMS(6), (float)start);
        igi_plan *p = plan_for(&r, t);
        assert_true(p->has_late);
        ig_value *in[] = {ig_tensor_value(t)}, *out[2] = {NULL};
        OK(igi_instance_run(r.x, in, out, 2, NULL));
        ig_tensor *y = ig_value_tensor(out[0]);
        assert_int_equal(ig_tensor_numel(y), 5 + start);
        assert_int_equal(ig_tensor_data_i64(ig_value_tensor(out[1]))[0], 5 + start);
        assert_true(((float *)ig_tensor_data(y))[0] == 8);
        ig_value_unref(out[0]), ig_value_unref(out[1]), ig_tensor_unref(t);
    }
    assert_int_equal(r.x->n_plans, 1);
    rig_free(&r);
}

static void sequences_pass_through_and_hold_their_items(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(2));
    ig_value_id a = node(f->g, IG_OP(TScale), NULL, x, NONE);
    OK(ig_graph_output(f->g, "s", node(f->g, IG_OP(TSequence), NULL, a, x)));
    OK(ig_graph_output(f->g, "a", a));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(1, TINY_DIMS(2), 1);
    ig_value *in[] = {ig_tensor_value(t)}, *out[2] = {NULL};
    OK(igi_instance_run(r.x, in, out, 2, NULL));
    rig_free(&r); /* results outlive the instance */
    assert_int_equal(ig_value_kind(out[0]), IG_KIND_SEQUENCE);
    assert_int_equal(((igi_sequence *)out[0])->n, 2);
    assert_floats(ig_value_tensor(((igi_sequence *)out[0])->items[0]), 2, FLOATS(2, 4));
    assert_floats(ig_value_tensor(out[1]), 2, FLOATS(2, 4));
    ig_value_unref(out[0]), ig_value_unref(out[1]), ig_tensor_unref(t);
}

static void unwanted_optional_outputs_are_not_made(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(2)), out[2] = {{0}, {0}};
    ig_call call = {.op = IG_OP(TPair), .n_in = 1, .n_out = 2, .wanted = 1};
    OK(ig_graph_make(f->g, &call, &x, out));
    assert_int_equal(out[1].i, 0);
    call.wanted = 2; /* kernels count on the required one */
    OK(ig_graph_make(f->g, &call, &x, out));
    assert_true(out[0].i && out[1].i);
    OK(ig_graph_output(f->g, "z", out[1]));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(1, TINY_DIMS(2), 1), *y = run_one(&r, t);
    assert_floats(y, 2, FLOATS(3, 4));
    ig_tensor_unref(t), ig_tensor_unref(y), rig_free(&r);
}

static void nodes_that_nobody_reads_do_not_run(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(2));
    node(f->g, IG_OP(TFail), NULL, x, NONE);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRelu), NULL, x, NONE)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(1, TINY_DIMS(2), 1), *y = run_one(&r, t);
    assert_floats(y, 2, FLOATS(1, 2));
    ig_tensor_unref(t), ig_tensor_unref(y), rig_free(&r);
}

static void empty_tensors_run(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 2, TINY_DIMS(dim(f->g, "N"), 3));
    ig_value_id a = node(f->g, IG_OP(TRelu), NULL, x, NONE);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TAdd), NULL, a, a)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(2, TINY_DIMS(0, 3), 1);
    igi_plan *p = plan_for(&r, t);
    assert_null(p->step[1].kernel); /* "fast" needs elements */
    ig_tensor *y = run_one(&r, t);
    assert_int_equal(ig_tensor_dim(y, 0), 0);
    ig_tensor_unref(t), ig_tensor_unref(y), rig_free(&r);
}

static void strided_inputs_are_copied_first(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 2, TINY_DIMS(3, 2));
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TRelu), NULL, x, NONE)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *base = tiny_iota(2, TINY_DIMS(2, 3), 0), *t = NULL;
    OK(igi_tensor_view(&t, NULL, base, 2, TINY_DIMS(3, 2), TINY_DIMS(1, 3), 0));
    ig_tensor *y = run_one(&r, t);
    assert_floats(y, 6, FLOATS(0, 3, 1, 4, 2, 5));
    ig_tensor_unref(t), ig_tensor_unref(base), ig_tensor_unref(y), rig_free(&r);
}

static void mutated_inputs_are_updated_in_the_callers_memory(void **state)
{
    fixture *f = *state;
    ig_value_id w = input(f->g, "w", 1, TINY_DIMS(2)),
                g = input(f->g, "g", 1, TINY_DIMS(2));
    OK(ig_graph_output(f->g, "w_new", node(f->g, IG_OP(TStep), NULL, w, g)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *tw = tiny_iota(1, TINY_DIMS(2), 10), *tg = tiny_iota(1, TINY_DIMS(2), 2);
    ig_value *in[] = {ig_tensor_value(tw), ig_tensor_value(tg)}, *out[1] = {NULL};
    uint32_t version = tw->st->version;
    OK(igi_instance_run(r.x, in, out, 1, NULL));
    assert_floats(tw, 2, FLOATS(9, 9.5f));
    assert_ptr_equal(ig_tensor_data(ig_value_tensor(out[0])), ig_tensor_data(tw));
    assert_true(tw->st->version > version);
    ig_value_unref(out[0]), ig_tensor_unref(tw), ig_tensor_unref(tg), rig_free(&r);
}

/* Views that are read afterwards, by nodes or by the caller, keep what they were; one
 * that is read before costs nothing. */
static void views_outlive_what_overwrites_their_memory(void **state)
{
    fixture *f = *state;
    ig_value_id w = input(f->g, "w", 1, TINY_DIMS(2)),
                g = input(f->g, "g", 1, TINY_DIMS(2));
    ig_value_id before = node(f->g, IG_OP(TTranspose), NULL, w, NONE);
    OK(ig_graph_output(f->g, "x", node(f->g, IG_OP(TScale), NULL, before, NONE)));
    ig_value_id t = node(f->g, IG_OP(TTranspose), NULL, w, NONE);
    OK(ig_graph_output(f->g, "old", node(f->g, IG_OP(TTranspose), NULL, w, NONE)));
    OK(ig_graph_output(f->g, "w_new", node(f->g, IG_OP(TStep), NULL, w, g)));
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TScale), NULL, t, NONE)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *tw = tiny_iota(1, TINY_DIMS(2), 10), *tg = tiny_iota(1, TINY_DIMS(2), 2);
    ig_value *in[] = {ig_tensor_value(tw), ig_tensor_value(tg)}, *out[4] = {NULL};
    OK(igi_instance_run(r.x, in, out, 4, NULL));
    assert_floats(tw, 2, FLOATS(9, 9.5f));
    assert_floats(ig_value_tensor(out[0]), 2, FLOATS(20, 22));
    assert_floats(ig_value_tensor(out[1]), 2, FLOATS(10, 11));
    assert_floats(ig_value_tensor(out[2]), 2, FLOATS(9, 9.5f));
    assert_floats(ig_value_tensor(out[3]), 2, FLOATS(20, 22));
    assert_int_equal(r.x->plan->n_nodes_view, 1);
    for (int j = 0; j < 4; j++)
        ig_value_unref(out[j]);
    ig_tensor_unref(tw), ig_tensor_unref(tg), rig_free(&r);
}

/* A pass that put a constant there would be found: graphs with one cannot be made. */
static void a_constant_cannot_be_updated_in_place(void **state)
{
    fixture *f = *state;
    ig_value_id w = constant(f->g, "w", tiny_iota(1, TINY_DIMS(2), 10));
    ig_value_id g = input(f->g, "g", 1, TINY_DIMS(2));
    ig_value_id p = node(f->g, IG_OP(TAdd), NULL, w, g);
    OK(ig_graph_output(f->g, "w_new", node(f->g, IG_OP(TStep), "step", p, g)));
    rig r = rig_new(f->g, NULL);
    ig_graph *own = r.net->graph;
    ig_value_id made = own->outputs.p[0];
    OK(igi_graph_set_input(own, igi_value_at(own, made)->producer, 0,
                           ig_graph_find(own, "w")));
    ig_tensor *tg = tiny_iota(1, TINY_DIMS(2), 2);
    ig_value *in[] = {ig_tensor_value(tg)};
    igi_plan *plan;
    FAILS(IG_INVALID_GRAPH, igi_instance_plan(r.x, in, &plan));
    MESSAGE_HAS("'step'");
    ig_tensor_unref(tg), rig_free(&r);
}

static void the_check_finds_a_planted_overlap(void **state)
{
    fixture *f = *state;
    ig_value_id x = input(f->g, "x", 1, TINY_DIMS(8));
    ig_value_id a = node(f->g, IG_OP(TScale), NULL, x, NONE);
    ig_value_id b = node(f->g, IG_OP(TScale), NULL, x, NONE);
    ig_value_id c = node(f->g, IG_OP(TAdd), NULL, a, b);
    OK(ig_graph_output(f->g, "y", node(f->g, IG_OP(TScale), NULL, c, NONE)));
    rig r = rig_new(f->g, NULL);
    ig_tensor *t = tiny_iota(1, TINY_DIMS(8), 0);
    igi_plan *p = plan_for(&r, t);
    assert_int_equal(p->n_buffers, 2);
    p->buffer[1].at = p->buffer[0].at;
    FAILS(IG_INTERNAL, igi_plan_check(p));
    MESSAGE_HAS("share memory");
    ig_tensor_unref(t), rig_free(&r);
}

/* Random graphs at random sizes: the proof holds, and results equal those of level "no
 * plan" (every value an output, so that nothing is reused). */
static void random_graphs_are_planned_without_overlap(void **state)
{
    (void)state;
    uint64_t seed = 12345;
    for (int round = 0; round < 60; round++) {
        void *s = NULL;
        assert_int_equal(setup(&s), 0);
        fixture *f = s;
        ig_graph *all = NULL;
        ig_value_id v[40] = {{0}};
        int n = 1;
        v[0] = input(f->g, "x", 2, TINY_DIMS(4, 4));
        for (; n < 40; n++) {
            seed = seed * 6364136223846793005ull + 1442695040888963407ull;
            ig_value_id a = v[(seed >> 33) % (uint64_t)n],
                        b = v[(seed >> 43) % (uint64_t)n];
            switch ((seed >> 55) % 4) {
            case 0:
                v[n] = node(f->g, IG_OP(TAdd), NULL, a, b);
                break;
            case 1:
                v[n] = node(f->g, IG_OP(TRelu), NULL, a, NONE);
                break;
            case 2:
                v[n] = node(f->g, IG_OP(TTranspose), NULL, a, NONE);
                break;
            default:
                v[n] = tiny_node(
                    f->g, IG_OP(TScale), NULL,
                    &(t_scale_attrs){sizeof(t_scale_attrs), 0.5f, round - 30}, a, NONE);
                break;
            }
        }
        OK(ig_graph_clone(&all, f->g));
        OK(ig_graph_output(f->g, "y", v[39]));
        OK(ig_graph_output(all, "y", v[39]));
        for (int i = 1; i < 39; i++) {
            char name[16];
            snprintf(name, sizeof(name), "o%d", i);
            OK(ig_graph_output(all, name, v[i]));
        }
        ig_net_opts branches = {.threads = 3, .level = -1, .parallel_branches = true};
        rig r1 = rig_new(f->g, NULL), r2 = rig_new(f->g, &branches),
            r3 = rig_new(all, NULL);
        ig_tensor *x = tiny_iota(2, TINY_DIMS(4, 4), -5);
        plan_for(&r1, x), plan_for(&r2, x), plan_for(&r3, x);
        ig_tensor *y1 = run_one(&r1, x), *y2 = run_one(&r2, x), *y3 = run_one(&r3, x);
        assert_memory_equal(ig_tensor_data(y1), ig_tensor_data(y3), 64);
        assert_memory_equal(ig_tensor_data(y2), ig_tensor_data(y3), 64);
        ig_tensor_unref(y1), ig_tensor_unref(y2), ig_tensor_unref(y3),
            ig_tensor_unref(x);
        rig_free(&r1), rig_free(&r2), rig_free(&r3);
        ig_graph_free(all);
        teardown(&s);
    }
}

IG_TESTS(TEST(a_chain_reuses_one_buffer),
         TEST(a_value_read_again_later_is_not_overwritten),
         TEST(the_same_value_twice_is_not_overwritten),
         TEST(views_are_no_steps_and_keep_their_root_alive),
         TEST(a_strided_view_is_copied_for_kernels_that_cannot_stride),
         TEST(an_output_that_is_a_whole_view_needs_no_copy),
         TEST(shape_arithmetic_is_computed_when_planning),
         TEST(integers_of_inputs_belong_to_the_signature),
         TEST(what_follows_a_data_dependent_size_runs_late),
         TEST(sequences_pass_through_and_hold_their_items),
         TEST(unwanted_optional_outputs_are_not_made),
         TEST(nodes_that_nobody_reads_do_not_run),
         TEST(empty_tensors_run),
         TEST(strided_inputs_are_copied_first),
         TEST(mutated_inputs_are_updated_in_the_callers_memory),
         TEST(views_outlive_what_overwrites_their_memory),
         TEST(a_constant_cannot_be_updated_in_place),
         TEST(the_check_finds_a_planted_overlap),
         cmocka_unit_test(random_graphs_are_planned_without_overlap))
