/* Attribute structs: defaults, checks that name attribute and value, deep copies. */
#include <string.h>

#include "tests/graph/ir/support.h"

static opts_attrs defaults(void)
{
    opts_attrs o;
    igi_attrs_init(IG_OP(Opts), &o);
    return o;
}

static void defaults_are_filled_in(void **state)
{
    (void)state;
    opts_attrs o = defaults();
    assert_int_equal(o.struct_size, sizeof(o));
    assert_true(o.f > 0.49f && o.f < 0.51f);
    assert_int_equal(o.i, 3);
    assert_string_equal(o.s, "none");
    assert_null(o.ints.v);
    assert_null(o.tensor);
    assert_int_equal(o.mode, 0);
    IR_OK(igi_attrs_check(IG_OP(Opts), &o));
    IR_OK(igi_attrs_check(IG_OP(Opts), NULL));
}

static void refused(const opts_attrs *o, const char *name, const char *what)
{
    IR_ERROR(igi_attrs_check(IG_OP(Opts), o), IG_INVALID_ARGUMENT, "Opts", name, what);
}

static void a_value_out_of_range_is_named(void **state)
{
    (void)state;
    opts_attrs o = defaults();
    o.struct_size = 0;
    refused(&o, "struct_size 0", "OPTS_INIT");
    o = defaults(), o.i = 0;
    refused(&o, "attribute i is 0", "at least 1");
    o = defaults(), o.mode = 2;
    refused(&o, "mode", "2");
    o = defaults(), o.mode = -1;
    refused(&o, "mode", "-1");
    o = defaults(), o.type = IG_DTYPE_COUNT;
    refused(&o, "type", "no element type");
    o = defaults(), o.ints = (ig_ints){3, IR_DIMS(9, -2, 10)};
    refused(&o, "ints is 10", "-2 to 9");
    o.ints.n = 2;
    IR_OK(igi_attrs_check(IG_OP(Opts), &o));
}

static void a_list_without_its_items_is_refused(void **state)
{
    (void)state;
    const float f = 1;
    const char *const strings[2] = {"a", NULL};
    opts_attrs o = defaults();
    o.ints = (ig_ints){2, NULL};
    refused(&o, "ints", "2 items without memory");
    o.ints = (ig_ints){-1, IR_DIMS(1)};
    refused(&o, "ints", "-1 items");
    o = defaults(), o.floats = (ig_floats){INT64_MAX, &f};
    refused(&o, "floats", "items");
    o = defaults(), o.strings = (ig_strings){2, strings};
    refused(&o, "strings", "string 1 is NULL");
}

static void a_required_attribute_is_named(void **state)
{
    (void)state;
    cast_attrs c;
    call_attrs b;
    igi_attrs_init(IG_OP(Cast), &c);
    igi_attrs_init(IG_OP(Call), &b);
    IR_ERROR(igi_attrs_check(IG_OP(Cast), &c), IG_INVALID_ARGUMENT,
             "Cast: attribute to is required");
    IR_ERROR(igi_attrs_check(IG_OP(Call), &b), IG_INVALID_ARGUMENT,
             "Call: attribute body is required");
}

/* All kinds set, by name. */
static ig_status fill(igi_arena *a, opts_attrs *o, ig_graph *body, ig_tensor *t)
{
    const ig_op_def *op = IG_OP(Opts);
    const float floats[2] = {1.5f, -2};
    const char *const strings[2] = {"a\"\n", "b"};
    IG_TRY(igi_attrs_set_float(op, o, "f", 2));
    IG_TRY(igi_attrs_set_int(op, o, "i", 7));
    IG_TRY(igi_attrs_set_string(a, op, o, "s", "text"));
    IG_TRY(igi_attrs_set_ints(a, op, o, "ints", IR_DIMS(1, -2), 2));
    IG_TRY(igi_attrs_set_floats(a, op, o, "floats", floats, 2));
    IG_TRY(igi_attrs_set_strings(a, op, o, "strings", strings, 2));
    IG_TRY(igi_attrs_set_string(a, op, o, "mode", "slow"));
    IG_TRY(igi_attrs_set_int(op, o, "type", IG_INT64));
    IG_TRY(igi_attrs_set_tensor(op, o, "tensor", t));
    return igi_attrs_set_graph(op, o, "graph", body);
}

static ig_status set_copy_print(void *arg)
{
    static const char want[] =
        "f=2, i=7, s=\"text\", ints=[1, -2], floats=[1.5, -2], "
        "strings=[\"a\\x22\\x0a\", \"b\"], tensor=int64[2], graph={graph}, mode=slow, "
        "type=int64";
    const ig_op_def *op = IG_OP(Opts);
    igi_arena a;
    opts_attrs o = defaults();
    void *copy = NULL;
    igi_text text = {0};
    ig_tensor *t = NULL;
    ig_graph *body = NULL;
    ig_registry *reg = NULL;
    ig_status rc;
    bool same = false;
    igi_arena_init(&a);
    IG_GO(ir_registry(&reg));
    IG_GO(igi_graph_new(&body, "body", reg, NULL));
    IG_GO(ig_tensor_new_copy(&t, IG_INT64, 1, IR_DIMS(2), IR_DIMS(1, 2), 16));
    IG_GO(fill(&a, &o, body, t));
    IG_GO(igi_attrs_copy(&a, op, &o, &copy));
    IG_GO(igi_attrs_print(op, copy, &text));
    same = igi_attrs_equal(op, &o, copy) &&
           igi_attrs_hash(op, &o, 1) == igi_attrs_hash(op, copy, 1);
    /* Nothing of the copy points into what it was copied from. */
    same = same && ((opts_attrs *)copy)->ints.v != o.ints.v &&
           ((opts_attrs *)copy)->s != o.s &&
           ((opts_attrs *)copy)->strings.v[1] != o.strings.v[1];
    if (arg && !strcmp(text.p, want) && same)
        *(bool *)arg = true;
    else if (arg)
        print_message("%s\n", text.p);
out:
    igi_text_fini(&text);
    igi_attrs_release(op, copy);
    igi_attrs_release(op, &o);
    ig_tensor_unref(t);
    ig_graph_free(body);
    igi_registry_free(reg);
    igi_arena_fini(&a);
    return rc;
}

static void every_kind_is_set_copied_compared_and_printed(void **state)
{
    (void)state;
    bool good = false;
    IR_OK(set_copy_print(&good));
    assert_true(good);
}

static void running_out_of_memory_leaves_nothing(void **state)
{
    (void)state;
    igi_failing_each(set_copy_print, NULL);
}

static void setting_twice_releases_the_first(void **state)
{
    (void)state;
    const ig_op_def *op = IG_OP(Opts);
    opts_attrs o = defaults();
    ig_tensor *t = ir_tensor_ints(1, IR_DIMS(1)), *u = ir_tensor_ints(1, IR_DIMS(2));
    IR_OK(igi_attrs_set_tensor(op, &o, "tensor", t));
    IR_OK(igi_attrs_set_tensor(op, &o, "tensor", u));
    assert_int_equal(t->v.refs, 1);
    assert_int_equal(u->v.refs, 2);
    igi_attrs_release(op, &o);
    assert_null(o.tensor);
    assert_int_equal(u->v.refs, 1);
    ig_tensor_unref(t);
    ig_tensor_unref(u);
}

static void setting_what_does_not_fit_names_both_kinds(void **state)
{
    (void)state;
    const ig_op_def *op = IG_OP(Opts);
    opts_attrs o = defaults();
    igi_arena a;
    igi_arena_init(&a);
    IR_ERROR(igi_attrs_set_int(op, &o, "nope", 1), IG_INVALID_GRAPH,
             "Opts has no attribute nope");
    IR_ERROR(igi_attrs_set_int(op, &o, "f", 1), IG_INVALID_GRAPH,
             "attribute f is a float, but an int");
    IR_ERROR(igi_attrs_set_type(&a, op, &o, "i", &(ig_type){.rank = -1}),
             IG_INVALID_GRAPH, "a type was given");
    IR_ERROR(igi_attrs_set_floats(&a, op, &o, "ints", NULL, 0), IG_INVALID_GRAPH,
             "ints is a list of ints, but a list of floats");
    IR_ERROR(igi_attrs_set_string(&a, op, &o, "mode", "huge"), IG_INVALID_GRAPH,
             "mode cannot be 'huge'", "'fast'");
    igi_arena_fini(&a);
}

static void an_empty_list_is_not_an_absent_one(void **state)
{
    (void)state;
    const ig_op_def *op = IG_OP(Opts);
    opts_attrs o = defaults(), absent = defaults();
    igi_arena a;
    void *copy = NULL;
    igi_arena_init(&a);
    ig_status rc = igi_attrs_set_ints(&a, op, &o, "ints", NULL, 0);
    bool empty = o.ints.v != NULL && o.ints.n == 0;
    if (rc == IG_OK)
        rc = igi_attrs_copy(&a, op, &o, &copy);
    empty = empty && copy && ((opts_attrs *)copy)->ints.v;
    bool same = igi_attrs_equal(op, &o, &absent);
    igi_arena_fini(&a);
    IR_OK(rc);
    assert_true(empty);
    assert_false(same);
}

static void floats_compare_by_bits(void **state)
{
    (void)state;
    opts_attrs a = defaults(), b = defaults();
    a.f = 0.0f, b.f = -0.0f;
    assert_false(igi_attrs_equal(IG_OP(Opts), &a, &b));
    a.f = b.f = __builtin_nanf("");
    assert_true(igi_attrs_equal(IG_OP(Opts), &a, &b));
    assert_true(igi_attrs_hash(IG_OP(Opts), &a, 3) ==
                igi_attrs_hash(IG_OP(Opts), &b, 3));
    b.i = 4;
    assert_false(igi_attrs_equal(IG_OP(Opts), &a, &b));
}

static void only_what_differs_from_defaults_is_printed(void **state)
{
    (void)state;
    opts_attrs o = defaults();
    igi_text t = {0};
    IR_OK(igi_attrs_print(IG_OP(Opts), &o, &t));
    assert_int_equal(t.n, 0);
    o.i = 5;
    ig_status rc = igi_attrs_print(IG_OP(Opts), &o, &t);
    bool same = rc == IG_OK && !strcmp(t.p, "i=5");
    igi_text_fini(&t);
    assert_true(same);
}

IG_TESTS(cmocka_unit_test(defaults_are_filled_in),
         cmocka_unit_test(a_value_out_of_range_is_named),
         cmocka_unit_test(a_list_without_its_items_is_refused),
         cmocka_unit_test(a_required_attribute_is_named),
         cmocka_unit_test(every_kind_is_set_copied_compared_and_printed),
         cmocka_unit_test(running_out_of_memory_leaves_nothing),
         cmocka_unit_test(setting_twice_releases_the_first),
         cmocka_unit_test(setting_what_does_not_fit_names_both_kinds),
         cmocka_unit_test(an_empty_list_is_not_an_absent_one),
         cmocka_unit_test(floats_compare_by_bits),
         cmocka_unit_test(only_what_differs_from_defaults_is_printed))
