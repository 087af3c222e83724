/* The pre-scan: V1, V3, V4, V6, V8 on the level of bytes. */
#include "importers/onnx/scan.h"

#include <string.h>

#include "tests/importers/onnx/support.h"

static igi_onnx_scan scan;

static int fresh(void **state)
{
    (void)state;
    scan = (igi_onnx_scan){0};
    return 0;
}

static int drop(void **state)
{
    (void)state;
    igi_onnx_scan_fini(&scan);
    return 0;
}

static ig_status run(const void *p, size_t n)
{
    return igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, p, n, NULL);
}

#define RUN(...)                                                                       \
    run((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void an_empty_file_is_an_empty_message(void **state)
{
    (void)state;
    assert_status(run("", 0), IG_OK);
    assert_int_equal(scan.skeleton.n, 0);
}

static void a_length_beyond_its_parent_is_refused(void **state)
{
    (void)state;
    assert_status(RUN(0x3a, 0x05, 0x0a, 0x00), IG_INVALID_GRAPH);
    assert_message("byte 0");
    igi_onnx_scan_fini(&scan);
    scan = (igi_onnx_scan){0};
    /* graph of 2 bytes whose node claims 1 more than is left in the graph */
    assert_status(RUN(0x3a, 0x02, 0x0a, 0x01, 0x00), IG_INVALID_GRAPH);
    assert_message("byte 2");
}

static void a_length_of_64_bits_does_not_wrap(void **state)
{
    (void)state;
    assert_status(RUN(0x3a, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
                  IG_INVALID_GRAPH);
}

static void a_varint_of_eleven_bytes_is_refused(void **state)
{
    (void)state;
    assert_status(
        RUN(0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01),
        IG_INVALID_GRAPH);
    assert_message("varint");
}

static void a_varint_cut_short_is_refused(void **state)
{
    (void)state;
    assert_status(RUN(0x08, 0x80), IG_INVALID_GRAPH);
}

static void a_wrong_wire_type_is_refused(void **state)
{
    (void)state;
    assert_status(RUN(0x0d, 1, 0, 0, 0), IG_INVALID_GRAPH); /* ir_version as fixed32 */
    assert_message("wire type");
}

static void groups_are_refused(void **state)
{
    (void)state;
    assert_status(RUN(0x0b, 0x0c), IG_INVALID_GRAPH);
}

static void field_number_zero_is_refused(void **state)
{
    (void)state;
    assert_status(RUN(0x00, 0x00), IG_INVALID_GRAPH);
}

static void a_singular_field_given_twice_is_refused(void **state)
{
    (void)state;
    assert_status(RUN(0x08, 0x03, 0x08, 0x04), IG_INVALID_GRAPH);
    assert_message("ir_version of Model occurs twice");
}

static void names_with_zeros_control_characters_or_bad_utf8_are_refused(void **state)
{
    (void)state;
    static const uint8_t bad[][6] = {
        {0x12, 0x02, 'a', 0x00},        {0x12, 0x02, 'a', '\n'},
        {0x12, 0x02, 0xc3, 0x28},       {0x12, 0x02, 0xc0, 0x80}, /* overlong zero */
        {0x12, 0x03, 0xed, 0xa0, 0x80},                           /* surrogate */
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        assert_status(run(bad[i], 2u + bad[i][1]), IG_INVALID_GRAPH);
        assert_message("producer_name");
        igi_onnx_scan_fini(&scan);
        scan = (igi_onnx_scan){0};
    }
    assert_status(RUN(0x12, 0x02, 0xc3, 0xa4), IG_OK);
}

static void unknown_fields_are_counted_and_dropped(void **state)
{
    (void)state;
    assert_status(RUN(0x08, 0x03, 0xf8, 0x06, 0x01, 0xfa, 0x06, 0x01, 'x'), IG_OK);
    assert_int_equal(scan.n_unknown, 2);
    assert_string_equal(scan.unknown, "field 111 of Model at byte 2");
    assert_int_equal(scan.skeleton.n, 2);
}

/* Graph -> node -> attribute -> graph ... `levels` times, as bytes from the inside out.
 */
static size_t nest(uint8_t *buf, size_t cap, int levels)
{
    static const uint8_t tags[] = {0x0a, 0x2a, 0x32}; /* node, attribute, g */
    size_t n = 0;
    for (int i = levels - 1; i >= 0; i--) {
        uint8_t head[8];
        size_t k = 0, v = n;
        head[k++] = i == 0 ? 0x3a : tags[(i - 1) % 3];
        for (; v > 0x7f; v >>= 7)
            head[k++] = (uint8_t)(v | 0x80);
        head[k++] = (uint8_t)v;
        assert_true(n + k <= cap);
        memmove(buf + k, buf, n);
        memcpy(buf, head, k);
        n += k;
    }
    return n;
}

static void nesting_is_capped_at_64_messages(void **state)
{
    (void)state;
    uint8_t buf[512];
    assert_status(run(buf, nest(buf, sizeof(buf), 63)),
                  IG_OK); /* the model is one more */
    igi_onnx_scan_fini(&scan);
    scan = (igi_onnx_scan){0};
    assert_status(run(buf, nest(buf, sizeof(buf), 64)), IG_LIMIT);
    assert_message("nest deeper than 64");
}

static void ten_thousand_levels_do_not_use_the_stack(void **state)
{
    (void)state;
    enum { SIZE = 40000 };
    uint8_t *buf = igi_alloc(SIZE);
    assert_non_null(buf);
    ig_status rc = run(buf, nest(buf, SIZE, 9000));
    igi_free(buf);
    assert_int_equal(rc, IG_LIMIT);
}

static void a_limit_of_depth_can_be_tightened(void **state)
{
    (void)state;
    uint8_t buf[64];
    ig_limits l = {.depth = 4};
    size_t n = nest(buf, sizeof(buf), 4);
    assert_status(igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, buf, n, &l),
                  IG_LIMIT);
}

static void a_bomb_of_empty_initialisers_meets_the_memory_limit(void **state)
{
    (void)state;
    enum { COUNT = 100000 };
    uint8_t *buf = igi_alloc(COUNT * 2 + 5);
    assert_non_null(buf);
    size_t n = COUNT * 2, at = 0;
    buf[at++] = 0x3a;
    buf[at++] = (uint8_t)(n | 0x80);
    buf[at++] = (uint8_t)(n >> 7 | 0x80);
    buf[at++] = (uint8_t)(n >> 14);
    for (int i = 0; i < COUNT; i++) {
        buf[at++] = 0x2a;
        buf[at++] = 0;
    }
    ig_limits l = {.memory_bytes = 1 << 20};
    ig_status rc = igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, buf, at, &l);
    igi_free(buf);
    assert_int_equal(rc, IG_LIMIT);
    assert_message("memory_bytes");
}

static void the_limit_of_nodes_holds_exactly(void **state)
{
    (void)state;
    const uint8_t three[] = {0x3a, 6, 0x0a, 0, 0x0a, 0, 0x0a, 0};
    for (uint64_t most = 2; most <= 4; most++) {
        ig_limits l = {.nodes = most};
        ig_status rc = igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, three,
                                         sizeof(three), &l);
        assert_int_equal(rc, most < 3 ? IG_LIMIT : IG_OK);
        igi_onnx_scan_fini(&scan);
        scan = (igi_onnx_scan){0};
    }
}

static void file_and_name_limits_hold(void **state)
{
    (void)state;
    const uint8_t named[] = {0x12, 3, 'a', 'b', 'c'};
    ig_limits l = {.name_bytes = 2};
    assert_status(igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, named, 5, &l),
                  IG_LIMIT);
    igi_onnx_scan_fini(&scan);
    scan = (igi_onnx_scan){0};
    l = (ig_limits){.file_bytes = 4};
    assert_status(igi_onnx_scan_run(&scan, &igi_onnx__model__descriptor, named, 5, &l),
                  IG_LIMIT);
}

/* A model with one initialiser of n floats in raw_data. */
static void big_model(igt_model *m, int64_t n)
{
    igt_begin(m, 13);
    pb_tensor *t = igt_init(m, "w", IG_FLOAT32, 1, &n);
    t->has_raw_data = true;
    t->raw_data = (ProtobufCBinaryData){(size_t)n * 4, igt_alloc(m, (size_t)n * 4)};
    for (int64_t i = 0; i < n * 4; i++)
        t->raw_data.data[i] = (uint8_t)i;
    igt_pack(m);
}

static void large_payloads_stay_in_the_file(void **state)
{
    (void)state;
    igt_model m;
    ProtobufCMessage *out = NULL;
    big_model(&m, 1000);
    assert_status(run(m.bytes, m.size), IG_OK);
    assert_int_equal(scan.cuts.n, 1);
    assert_int_equal(scan.cuts.p[0].length, 4000);
    assert_int_equal(scan.cuts.p[0].field, 9);
    const uint8_t *p = scan.bytes + scan.cuts.p[0].offset;
    assert_int_equal(p[0], 0);
    assert_int_equal(p[3999], 3999 & 0xff);
    assert_true(scan.skeleton.n < 200);
    assert_status(igi_onnx_unpack(&scan, &igi_onnx__model__descriptor, NULL, &out),
                  IG_OK);
    const pb_tensor *t = ((pb_model *)out)->graph->initializer[0];
    assert_false(t->has_raw_data);
    assert_int_equal(t->cut, 1);
    assert_string_equal(t->name, "w");
    igt_end(&m);
}

static void small_payloads_are_unpacked(void **state)
{
    (void)state;
    igt_model m;
    big_model(&m, 4);
    assert_status(run(m.bytes, m.size), IG_OK);
    assert_int_equal(scan.cuts.n, 0);
    igt_end(&m);
}

static void a_file_cannot_inject_the_private_fields(void **state)
{
    (void)state;
    /* graph { initializer { cut (field 1001): 7 } } */
    assert_status(RUN(0x3a, 5, 0x2a, 3, 0xc8, 0x3e, 7), IG_OK);
    assert_int_equal(scan.n_unknown, 1);
    ProtobufCMessage *out = NULL;
    assert_status(igi_onnx_unpack(&scan, &igi_onnx__model__descriptor, NULL, &out),
                  IG_OK);
    assert_false(((pb_model *)out)->graph->initializer[0]->has_cut);
}

static void packed_arrays_with_broken_elements_are_refused(void **state)
{
    (void)state;
    /* graph { initializer { float_data: 3 bytes } } */
    assert_status(RUN(0x3a, 7, 0x2a, 5, 0x22, 3, 1, 2, 3), IG_INVALID_GRAPH);
    igi_onnx_scan_fini(&scan);
    scan = (igi_onnx_scan){0};
    /* ... int64_data: a varint that does not end */
    assert_status(RUN(0x3a, 5, 0x2a, 3, 0x3a, 1, 0x80), IG_INVALID_GRAPH);
}

static void every_truncation_of_a_model_is_refused_or_a_shorter_message(void **state)
{
    (void)state;
    igt_model m;
    big_model(&m, 300);
    for (size_t n = 0; n < m.size; n++) {
        (void)run(m.bytes, n); /* must not crash; the sanitizers watch */
        igi_onnx_scan_fini(&scan);
        scan = (igi_onnx_scan){0};
    }
    assert_status(run(m.bytes, m.size - 1), IG_INVALID_GRAPH);
    igt_end(&m);
}

static void unpacking_keeps_to_its_memory_budget(void **state)
{
    (void)state;
    igt_model m;
    ProtobufCMessage *out = NULL;
    big_model(&m, 4);
    assert_status(run(m.bytes, m.size), IG_OK);
    ig_limits l = {.memory_bytes = 300};
    assert_status(igi_onnx_unpack(&scan, &igi_onnx__model__descriptor, &l, &out),
                  IG_LIMIT);
    assert_null(out);
    igt_end(&m);
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, fresh, drop)
IG_TESTS(TEST(an_empty_file_is_an_empty_message),
         TEST(a_length_beyond_its_parent_is_refused),
         TEST(a_length_of_64_bits_does_not_wrap),
         TEST(a_varint_of_eleven_bytes_is_refused),
         TEST(a_varint_cut_short_is_refused),
         TEST(a_wrong_wire_type_is_refused),
         TEST(groups_are_refused),
         TEST(field_number_zero_is_refused),
         TEST(a_singular_field_given_twice_is_refused),
         TEST(names_with_zeros_control_characters_or_bad_utf8_are_refused),
         TEST(unknown_fields_are_counted_and_dropped),
         TEST(nesting_is_capped_at_64_messages),
         TEST(ten_thousand_levels_do_not_use_the_stack),
         TEST(a_limit_of_depth_can_be_tightened),
         TEST(a_bomb_of_empty_initialisers_meets_the_memory_limit),
         TEST(the_limit_of_nodes_holds_exactly),
         TEST(file_and_name_limits_hold),
         TEST(large_payloads_stay_in_the_file),
         TEST(small_payloads_are_unpacked),
         TEST(a_file_cannot_inject_the_private_fields),
         TEST(packed_arrays_with_broken_elements_are_refused),
         TEST(every_truncation_of_a_model_is_refused_or_a_shorter_message),
         TEST(unpacking_keeps_to_its_memory_budget))
