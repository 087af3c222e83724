/* Kernel selection: order, masks, reasons. */
#include "graph/runtime/select.h"

#include "tests/graph/runtime/support.h"

typedef struct call {
    ig_value *in[2], *out[1];
    ig_kernel_ctx k;
} call;

static void call_init(call *c, ig_tensor *a, ig_tensor *b, ig_tensor *y)
{
    *c = (call){.in = {&a->v, &b->v}, .out = {&y->v}};
    c->k = (ig_kernel_ctx){
        .struct_size = sizeof(c->k), .n_in = 2, .n_out = 1, .threads = 1};
    c->k.in = c->in;
    c->k.out = c->out;
}

static void facts_say_what_masks_need(void **state)
{
    (void)state;
    call c;
    ig_tensor *a = tiny_iota(2, TINY_DIMS(2, 3), 0), *b = tiny_iota(1, TINY_DIMS(3), 0);
    ig_tensor *e = tiny_iota(2, TINY_DIMS(2, 0), 0), *i = tiny_ints(1, TINY_DIMS(1));
    ig_tensor *one = tiny_iota(1, TINY_DIMS(1), 0), *scalar = tiny_iota(0, NULL, 0);
    call_init(&c, a, a, a);
    assert_int_equal(igi_facts_of(&c.k).have,
                     IG_NEED_SAME_SHAPE | IG_NEED_NONEMPTY | IG_KERNEL_VARIES);
    assert_int_equal(igi_facts_of(&c.k).type, IG_T(FLOAT32));
    call_init(&c, a, b, a);
    assert_int_equal(igi_facts_of(&c.k).have, IG_NEED_NONEMPTY | IG_KERNEL_VARIES);
    call_init(&c, e, e, e);
    assert_int_equal(igi_facts_of(&c.k).have, IG_NEED_SAME_SHAPE | IG_KERNEL_VARIES);
    call_init(&c, one, scalar, one); /* one element each counts as one shape */
    assert_int_equal(igi_facts_of(&c.k).have,
                     IG_NEED_SAME_SHAPE | IG_NEED_NONEMPTY | IG_KERNEL_VARIES);
    call_init(&c, i, i, a);
    assert_int_equal(igi_facts_of(&c.k).type, IG_T(INT64));
    ig_tensor_unref(a), ig_tensor_unref(b), ig_tensor_unref(e), ig_tensor_unref(i);
    ig_tensor_unref(one), ig_tensor_unref(scalar);
}

static void the_first_kernel_that_takes_the_call_wins(void **state)
{
    fixture *f = *state;
    call c;
    const igi_op *op = igi_registry_of(f->reg, IG_OP(TAdd));
    ig_tensor *a = tiny_iota(2, TINY_DIMS(2, 3), 0), *b = tiny_iota(1, TINY_DIMS(3), 0);
    call_init(&c, a, a, a);
    assert_string_equal(igi_kernel_name(igi_select(op, 0, &c.k, igi_facts_of(&c.k))),
                        "fast");
    assert_int_equal(ig_error_status(), IG_OK); /* a refusal is no error */
    c.k.threads = 4;
    assert_string_equal(igi_kernel_name(igi_select(op, 0, &c.k, igi_facts_of(&c.k))),
                        "team");
    const ig_kernel_def *team = igi_select(op, 0, &c.k, igi_facts_of(&c.k));
    assert_string_equal(
        igi_kernel_name(igi_select_after(op, 0, &c.k, igi_facts_of(&c.k), team)),
        "fast");
    call_init(&c, a, b, a);
    assert_null(igi_select(op, 0, &c.k, igi_facts_of(&c.k)));
    ig_tensor_unref(a), ig_tensor_unref(b);
}

static void an_explanation_gives_one_reason_a_kernel(void **state)
{
    fixture *f = *state;
    call c;
    igi_text text = {0};
    ig_tensor *a = tiny_iota(2, TINY_DIMS(2, 3), 0), *i = tiny_ints(1, TINY_DIMS(1));
    call_init(&c, i, i, i);
    igi_select_explain(igi_registry_of(f->reg, IG_OP(TAdd)), 0, &c.k,
                       igi_facts_of(&c.k), &text);
    assert_string_equal(text.p, "team: element type is not supported\n"
                                "fast: element type is not supported\n"
                                "reference: chosen\n");
    igi_text_fini(&text);
    text = (igi_text){0};
    call_init(&c, a, a, a);
    igi_select_explain(igi_registry_of(f->reg, IG_OP(TAdd)), 0, &c.k,
                       igi_facts_of(&c.k), &text);
    assert_string_equal(text.p, "team: one thread\nfast: chosen\n");
    igi_text_fini(&text);
    ig_tensor_unref(a), ig_tensor_unref(i);
}

IG_TESTS(TEST(facts_say_what_masks_need),
         TEST(the_first_kernel_that_takes_the_call_wins),
         TEST(an_explanation_gives_one_reason_a_kernel))
