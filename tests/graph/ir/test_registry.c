/* Bad descriptors are named when they are added; names and addresses find records. */
#include <string.h>

#include "tests/graph/ir/support.h"

static ig_status nothing(ig_kernel_ctx *k)
{
    (void)k;
    return IG_OK;
}

/* A copy of Mul to spoil, with one port or row replaced. */
static ig_op_def like_mul(const char *name)
{
    ig_op_def d = ig_op_Mul;
    d.name = name;
    d.saves = NULL;
    return d;
}

static void refused(void **state, const ig_op_def *d, const char *what)
{
    ir_state *s = *state;
    int before = igi_registry_count(s->reg);
    IR_ERROR(igi_registry_add(s->reg, d), IG_INVALID_ARGUMENT, what,
             d->name && *d->name ? d->name : "operator");
    assert_int_equal(igi_registry_count(s->reg), before);
    assert_null(igi_registry_of(s->reg, d));
}

static void a_descriptor_without_its_parts_is_refused(void **state)
{
    ig_op_def d = like_mul("");
    refused(state, &d, "without a name");
    d = like_mul("Bad");
    d.struct_size--;
    refused(state, &d, "another version");
    const char *lacks = "lacks one of";
    d = like_mul("Bad"), d.doc = "";
    refused(state, &d, lacks);
    d = like_mul("Bad"), d.infer = NULL;
    refused(state, &d, lacks);
    d = like_mul("Bad"), d.reference = NULL;
    refused(state, &d, lacks);
    d = like_mul("Bad"), d.gradient = NULL;
    refused(state, &d, lacks);
    d = like_mul("Bad"), d.since = 0;
    refused(state, &d, lacks);
    d = like_mul("Mul");
    refused(state, &d, "registered already");
}

static void a_bad_port_is_named(void **state)
{
    static const ig_port after[] = {
        IG_PORT("many", 'T', "Any number.", .flags = IG_VARIADIC),
        IG_PORT("late", 'T', "Too late."),
        {0},
    };
    static const ig_port twice[] = {
        IG_PORT("same", 'T', "One."),
        IG_PORT("same", 'T', "Two."),
        {0},
    };
    static const ig_port unruled[] = {IG_PORT("lawless", 'Z', "No rule."), {0}};
    static const ig_port silent[] = {IG_PORT("silent", 'T', ""), {0}};
    ig_op_def d = like_mul("Bad");
    d.inputs = after;
    refused(state, &d, "late");
    d.inputs = twice;
    refused(state, &d, "two ports of one kind named same");
    d.inputs = unruled;
    refused(state, &d, "no type rule for port lawless");
    d.inputs = silent;
    refused(state, &d, "no doc for port silent");
    ig_port crowd[34] = {{0}};
    char names[33][4];
    for (int i = 0; i < 33; i++) {
        names[i][0] = 'p';
        names[i][1] = (char)('a' + i / 26);
        names[i][2] = (char)('a' + i % 26);
        names[i][3] = 0;
        crowd[i] = (ig_port)IG_PORT(names[i], 'T', "One of many.");
    }
    d.inputs = crowd;
    refused(state, &d, "pbg");
}

static void a_bad_alias_is_named(void **state)
{
    static const ig_port beyond[] = {
        IG_PORT("greedy", 'T', "Takes too much.", .alias = IG_MAY_ALIAS(2)),
        {0},
    };
    static const ig_port lost[] = {
        IG_PORT("lost", 'T', "Overwritten.", .flags = IG_MUTATED),
        {0},
    };
    ig_op_def d = like_mul("Bad");
    d.outputs = beyond;
    refused(state, &d, "alias to an input it does not have: greedy");
    d = like_mul("Bad");
    d.inputs = lost;
    refused(state, &d, "no output that aliases the MUTATED input lost");
}

static void a_bad_attribute_is_named(void **state)
{
    static const ig_attr_def unknown[] = {{.name = "odd", .kind = 99, .doc = "?"}, {0}};
    static const ig_attr_def outside[] = {
        {.name = "far", .kind = IG_A_INT, .offset = 64, .doc = "Far."}, {0}};
    static const ig_attr_def head[] = {
        {.name = "head", .kind = IG_A_FLOAT, .offset = 0, .doc = "On the size."}, {0}};
    static const ig_attr_def crooked[] = {
        {.name = "crooked", .kind = IG_A_INT, .offset = 12, .doc = "Misaligned."}, {0}};
    static const ig_attr_def nameless[] = {
        {.name = "choice", .kind = IG_A_ENUM, .offset = 8, .doc = "One of none."}, {0}};
    static const ig_attr_def silent[] = {
        {.name = "silent", .kind = IG_A_INT, .offset = 8}, {0}};
    static const ig_attr_def twice[] = {
        {.name = "same", .kind = IG_A_INT, .offset = 8, .doc = "One."},
        {.name = "same", .kind = IG_A_INT, .offset = 16, .doc = "Two."},
        {0},
    };
    static const struct {
        const ig_attr_def *rows;
        const char *what;
    } cases[] = {{unknown, "unknown kind of attribute odd"},
                 {outside, "outside attrs_size: far"},
                 {head, "outside attrs_size: head"},
                 {crooked, "misaligned attribute crooked"},
                 {nameless, "no names for the enum attribute choice"},
                 {silent, "no doc for attribute silent"},
                 {twice, "two attributes named same"}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        ig_op_def d = like_mul("Bad");
        d.attrs = cases[i].rows;
        d.attrs_size = 32;
        refused(state, &d, cases[i].what);
    }
    ig_op_def d = like_mul("Bad");
    d.attrs = silent;
    refused(state, &d, "no attrs_size");
}

static void a_save_of_no_port_is_refused(void **state)
{
    static const ig_save in[] = {IG_SAVE_IN(2, IG_BIT(0)), {0}};
    static const ig_save out[] = {IG_SAVE_OUT(1, IG_BIT(0)), {0}};
    ig_op_def d = like_mul("Bad");
    d.saves = in;
    refused(state, &d, "saves a port");
    d.saves = out;
    refused(state, &d, "saves a port");
}

static void records_are_found_by_name_and_address(void **state)
{
    ir_state *s = *state;
    const igi_op *add = igi_registry_of(s->reg, IG_OP(Add));
    assert_non_null(add);
    assert_ptr_equal(igi_registry_find(s->reg, NULL, "Add"), add);
    assert_ptr_equal(igi_registry_find(s->reg, "ai.onnx", "Add"), add);
    assert_ptr_equal(igi_registry_find_full(s->reg, "Add"), add);
    assert_ptr_equal(igi_registry_find_full(s->reg, "ai.onnx::Add"), add);
    assert_ptr_equal(igi_registry_find_full(s->reg, "ingot::SumTo")->def, IG_OP(SumTo));
    assert_null(igi_registry_find_full(s->reg, "SumTo"));
    assert_null(igi_registry_find(s->reg, "ingot", "Add"));
    assert_null(igi_registry_find(s->reg, "", "Zzz"));
    ig_op_def other = like_mul("Other");
    assert_null(igi_registry_of(s->reg, &other));
    assert_ptr_equal(igi_registry_std(s->reg, IGI_STD_SUM_TO), IG_OP(SumTo));
    assert_ptr_equal(igi_registry_std(s->reg, IGI_STD_SHAPE), IG_OP(Shape));
    for (int i = 1; i < igi_registry_count(s->reg); i++) {
        char a[160], b[160];
        igi_op_full_name(igi_registry_at(s->reg, i - 1)->def, a, sizeof(a));
        igi_op_full_name(igi_registry_at(s->reg, i)->def, b, sizeof(b));
        bool domain_a = strstr(a, "::") != NULL, domain_b = strstr(b, "::") != NULL;
        assert_true(domain_a < domain_b || strcmp(a, b) < 0);
    }
    assert_null(igi_registry_at(s->reg, igi_registry_count(s->reg)));
}

static void hundreds_of_operators_are_found(void **state)
{
    ir_state *s = *state;
    static ig_op_def many[400];
    static char names[400][8];
    for (int i = 0; i < 400; i++) {
        names[i][0] = 'M';
        for (int k = 0, v = i; k < 4; k++, v /= 10)
            names[i][4 - k] = (char)('0' + v % 10);
        many[i] = like_mul(names[i]);
        IR_OK(igi_registry_add(s->reg, &many[i]));
    }
    for (int i = 0; i < 400; i++) {
        assert_ptr_equal(igi_registry_of(s->reg, &many[i])->def, &many[i]);
        assert_ptr_equal(igi_registry_find(s->reg, "", names[i])->def, &many[i]);
    }
}

static void a_record_knows_its_ports(void **state)
{
    ir_state *s = *state;
    const igi_op *add = igi_registry_of(s->reg, IG_OP(Add));
    const igi_op *mul = igi_registry_of(s->reg, IG_OP(Mul));
    const igi_op *concat = igi_registry_of(s->reg, IG_OP(Concat));
    const igi_op *sum = igi_registry_of(s->reg, IG_OP(ReduceSum));
    assert_true(add->plain && add->law_types && mul->plain && !mul->law_types);
    assert_int_equal(mul->save_in, 3);
    assert_true(concat->variadic_in && !concat->plain);
    assert_int_equal(sum->n_in, 2);
    assert_int_equal(sum->min_in, 1);
    assert_int_equal(sum->value_ports, 2);
    assert_int_equal(sum->nodiff_ports, 2);
    assert_int_equal(igi_op_in_port(concat, 9, 0, 8), 0);
    assert_int_equal(igi_op_in_port(add, 5, 3, 1), 1);
    assert_int_equal(igi_op_in_port(add, 5, 3, 2), -1); /* a capture */
    assert_int_equal(igi_op_in_port(add, 2, 0, -1), -1);
    assert_int_equal(igi_op_out_port(add, 1), -1);
    assert_int_equal(igi_op_out_port(igi_registry_of(s->reg, IG_OP(Split)), 70), 0);
}

static void a_table_of_kernels_is_taken_as_a_whole(void **state)
{
    ir_state *s = *state;
    static const ig_kernel_def good = {IG_KERNEL_HEAD, .op = "Add", .name = "good",
                                       .run = nothing};
    ig_kernel_def table[] = {good, good, good, {0}};
    const igi_op *add = igi_registry_of(s->reg, IG_OP(Add));
    table[2].op = "Nowhere";
    IR_ERROR(igi_registry_add_kernels(s->reg, 0, table), IG_NOT_FOUND, "good",
             "Nowhere");
    assert_int_equal(add->n_kernels[0], 0);
    table[2] = good, table[2].run = NULL;
    IR_ERROR(igi_registry_add_kernels(s->reg, 0, table), IG_INVALID_ARGUMENT,
             "good of Add");
    table[2] = good, table[2].struct_size = 8;
    IR_ERROR(igi_registry_add_kernels(s->reg, 0, table), IG_INVALID_ARGUMENT,
             "good of Add");
    table[2] = good, table[2].name = NULL;
    IR_ERROR(igi_registry_add_kernels(s->reg, 0, table), IG_INVALID_ARGUMENT, "of Add");
    IR_ERROR(igi_registry_add_kernels(s->reg, IGI_DEVICES, table), IG_INVALID_ARGUMENT,
             "device 4");
    assert_int_equal(add->n_kernels[0], 0);
    table[2] = good;
    for (int i = 0; i < IGI_KERNELS_MAX / 3; i++)
        IR_OK(igi_registry_add_kernels(s->reg, 0, table));
    assert_int_equal(add->n_kernels[0], IGI_KERNELS_MAX);
    assert_ptr_equal(add->kernels[0][0], &table[0]);
    IR_ERROR(igi_registry_add_kernels(s->reg, 0, table), IG_LIMIT, "12 kernels");
    assert_int_equal(add->n_kernels[0], IGI_KERNELS_MAX);
}

static ig_status fill(void *arg)
{
    (void)arg;
    ig_registry *reg;
    IG_TRY(ir_registry(&reg));
    igi_registry_free(reg);
    return IG_OK;
}

static void running_out_of_memory_leaves_nothing(void **state)
{
    (void)state;
    igi_failing_each(fill, NULL);
}

IG_TESTS(IR_TEST(a_descriptor_without_its_parts_is_refused),
         IR_TEST(a_bad_port_is_named),
         IR_TEST(a_bad_alias_is_named),
         IR_TEST(a_bad_attribute_is_named),
         IR_TEST(a_save_of_no_port_is_refused),
         IR_TEST(records_are_found_by_name_and_address),
         IR_TEST(hundreds_of_operators_are_found),
         IR_TEST(a_record_knows_its_ports),
         IR_TEST(a_table_of_kernels_is_taken_as_a_whole),
         cmocka_unit_test(running_out_of_memory_leaves_nothing))
