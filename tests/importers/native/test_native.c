/* .ingot files: what is written comes back, always as the same bytes; damage and lies
 * are errors. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/importers/native/support.h"

static ig_graph *g, *again;
static file_bytes b;

static int teardown(void **state)
{
    (void)state;
    igi_graph_unref(g);
    igi_graph_unref(again);
    g = again = NULL;
    nt_bytes_free(&b);
    nt_registry_free();
    return 0;
}

#define TEST(name_) cmocka_unit_test_setup_teardown(name_, NULL, teardown)

/* ---- round trips ---- */

static void assert_same(void)
{
    char *x = nt_print(g), *y = nt_print(again);
    bool same = !strcmp(x, y);
    if (!same)
        fprintf(stderr, "wrote\n%s\nread\n%s\n", x, y);
    ig_string_free(x);
    ig_string_free(y);
    assert_true(same);
}

static bool same_tensor(const ig_tensor *x, const ig_tensor *y)
{
    if (!igi_type_equal(&x->v.type, &y->v.type))
        return false;
    if (x->v.type.dtype != IG_STRING)
        return !memcmp(x->data, y->data, ig_tensor_nbytes(x));
    for (int64_t i = 0; i < ig_tensor_numel(x); i++)
        if (strcmp(ig_tensor_string(x, i), ig_tensor_string(y, i)) != 0)
            return false;
    return true;
}

static void everything_a_graph_says_comes_back(void **state)
{
    (void)state;
    g = nt_rich_graph();
    b = nt_save(g);
    OK(nt_read(&again, &b));
    assert_same();
    assert_string_equal(again->doc, "A graph of everything.");
    assert_string_equal(again->producer, "a test");
    assert_int_equal(again->opset, 21);
    assert_int_equal(again->notes.n, g->notes.n);
    assert_int_equal(again->meta.n, 1);
    assert_string_equal(again->meta.p[0].value, "nobody");
    assert_int_equal(again->self_test.n, g->self_test.n);
    for (size_t i = 0; i < g->self_test.n; i++)
        assert_true(same_tensor((ig_tensor *)g->self_test.p[i],
                                (ig_tensor *)again->self_test.p[i]));
    static const char *const constants[] = {"packed", "empty", "words", "limit"};
    for (int i = 0; i < 4; i++) {
        ig_tensor *t =
            ig_graph_value_constant(again, ig_graph_find(again, constants[i]));
        assert_true(
            same_tensor(ig_graph_value_constant(g, ig_graph_find(g, constants[i])), t));
        assert_true(t->st->flags & IGI_READONLY);
    }
    OK(ig_graph_verify(again));
}

static void nodes_keep_names_places_and_attributes(void **state)
{
    (void)state;
    g = nt_rich_graph();
    b = nt_save(g);
    OK(nt_read(&again, &b));
    ig_node_iter x = ig_graph_nodes(g), y = ig_graph_nodes(again);
    ig_node_id m, n;
    int count = 0;
    for (; ig_node_next(&x, &m); count++) {
        assert_true(ig_node_next(&y, &n));
        const igi_node *p = igi_node_at(g, m), *q = igi_node_at(again, n);
        assert_string_equal(p->name, q->name);
        assert_string_equal(p->where, q->where);
        assert_int_equal(p->draw, q->draw);
        const ig_attr_def *value = igi_attr_find(p->op->def, "value");
        ig_tensor *v = value ? *(ig_tensor **)igi_attr_at(value, p->attrs) : NULL;
        if (v) /* equal tensors, not the same one */
            assert_true(same_tensor(v, *(ig_tensor **)igi_attr_at(value, q->attrs)));
        else
            assert_true(!p->attrs || igi_attrs_equal(p->op->def, p->attrs, q->attrs));
    }
    assert_int_equal(count, 6);
}

static void the_same_graph_gives_the_same_bytes(void **state)
{
    (void)state;
    g = nt_rich_graph();
    b = nt_save(g);
    file_bytes second = nt_save(g);
    bool same = b.n == second.n && !memcmp(b.p, second.p, b.n);
    nt_bytes_free(&second);
    OK(nt_read(&again, &b));
    second = nt_save(again);
    bool read_same = b.n == second.n && !memcmp(b.p, second.p, b.n);
    nt_bytes_free(&second);
    assert_true(same);
    assert_true(read_same);
}

static void drop_owner(void *data, void *user)
{
    (void)data;
    ++*(int *)user;
}

static void weights_are_used_where_they_lie(void **state)
{
    (void)state;
    g = nt_small_graph();
    b = nt_save(g);
    int dropped = 0;
    igi_source src = {.bytes = b.p, .size = b.n};
    ig_read_opts opts = {.registry = nt_registry()};
    OK(ig_tensor_wrap(&src.owner, IG_UINT8, 1, (const int64_t[]){(int64_t)b.n}, b.p,
                      b.n, drop_owner, &dropped));
    ig_tensor_share(src.owner);
    OK(igi_native_read(&again, &src, &opts));
    ig_tensor_unref(src.owner);
    const unsigned char *w =
        ig_tensor_data(ig_graph_value_constant(again, ig_graph_find(again, "w")));
    assert_true(w > b.p && w < b.p + b.n);
    assert_int_equal((uintptr_t)w % 64, 0);
    assert_int_equal(dropped, 0);
    igi_graph_unref(again);
    again = NULL;
    assert_int_equal(dropped, 1);
}

/* The graph of one sample with every input given. */
static bool sample_graph(const igi_op *op, const ig_sample *s)
{
    ig_value_id in[32] = {{0}}, out[32];
    int n_out = s->n_out ? s->n_out : op->min_out;
    ig_dtype under_test =
        (ig_dtype)__builtin_ctzll(s->types ? s->types : op->def->types[0].types);
    OK(igi_graph_new(&g, "sample", nt_registry(), NULL));
    for (int i = 0; i < s->n_in; i++) {
        char name[16];
        const ig_port *port = &op->def->inputs[igi_op_in_port(op, s->n_in, 0, i)];
        uint64_t allowed = 0;
        for (const ig_type_rule *r = op->def->types; r->tv; r++)
            allowed |= r->tv == port->tv ? r->types : 0;
        ig_dtype d = s->in[i].dtype ? (ig_dtype)s->in[i].dtype
                     : allowed & IG_BIT(under_test)
                         ? under_test
                         : (ig_dtype)__builtin_ctzll(allowed);
        snprintf(name, sizeof(name), "x%d", i);
        if (s->in[i].rank >= 0)
            OK(ig_graph_input(g, name, d, s->in[i].rank, s->in[i].dims, &in[i]));
    }
    ig_call call = {.op = op->def,
                    .attrs = s->attrs,
                    .wanted = IG_BIT(n_out) - 1,
                    .n_in = s->n_in,
                    .n_out = n_out};
    if (ig_graph_make(g, &call, in, out) != IG_OK)
        return false;
    for (int i = 0; i < n_out; i++) {
        char name[16];
        snprintf(name, sizeof(name), "y%d", i);
        OK(ig_graph_output(g, name, out[i]));
    }
    return true;
}

/* Bodies and sequences need values: tools/suite saves and reads those samples. */
static bool is_of_tensors(const ig_sample *s)
{
    bool kinds = s->bodies;
    for (int i = 0; i < s->n_in; i++)
        kinds = kinds || s->in[i].kind;
    return !kinds;
}

static void the_graph_of_every_sample_of_every_operator_comes_back(void **state)
{
    (void)state;
    int graphs = 0;
    for (int k = 0; k < igi_registry_count(nt_registry()); k++) {
        const igi_op *op = igi_registry_at(nt_registry(), k);
        for (const ig_sample *s = op->def->samples; s && s->name; s++) {
            if (!is_of_tensors(s))
                continue;
            if (!sample_graph(op, s))
                fail_msg("%s, %s: %s", op->def->name, s->name, ig_error_message());
            b = nt_save(g);
            if (nt_read(&again, &b) != IG_OK)
                fail_msg("%s, %s: %s", op->def->name, s->name, ig_error_message());
            assert_same();
            igi_graph_unref(g);
            igi_graph_unref(again);
            g = again = NULL;
            nt_bytes_free(&b);
            graphs++;
        }
    }
    assert_true(graphs > 300);
}

/* ---- damage (RELIABILITY T5) ---- */

static void assert_refused(const file_bytes *damaged, size_t at, int bit)
{
    again = NULL;
    ig_status rc = nt_read(&again, damaged);
    if (rc == IG_OK || again)
        fail_msg("byte %zu, bit %d: read without an error", at, bit);
    if (!ig_error_message()[0])
        fail_msg("byte %zu, bit %d: an error without a message", at, bit);
}

static void every_flipped_bit_is_an_error(void **state)
{
    (void)state;
    g = nt_small_graph();
    b = nt_save(g);
    assert_true(b.n < 2000);
    for (size_t i = 0; i < b.n; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b.p[i] ^= (unsigned char)(1u << bit);
            assert_refused(&b, i, bit);
            b.p[i] ^= (unsigned char)(1u << bit);
        }
    }
    OK(nt_read(&again, &b));
}

static void every_flipped_byte_of_a_rich_file_is_an_error(void **state)
{
    (void)state;
    g = nt_rich_graph();
    b = nt_save(g);
    for (size_t i = 0; i < b.n; i++) {
        b.p[i] ^= 0xff;
        assert_refused(&b, i, -1);
        b.p[i] ^= 0xff;
    }
}

static void every_truncation_is_an_error(void **state)
{
    (void)state;
    g = nt_rich_graph();
    b = nt_save(g);
    for (size_t n = 0; n < b.n; n++) {
        /* A block of exactly n bytes, so that the sanitizer sees reads beyond it. */
        file_bytes part = {malloc(n + (n == 0)), n};
        assert_non_null(part.p);
        memcpy(part.p, b.p, n);
        ig_status rc = nt_read(&again, &part);
        free(part.p);
        if (rc == IG_OK)
            fail_msg("%zu of %zu bytes: read without an error", n, b.n);
    }
}

static void trailing_bytes_are_an_error(void **state)
{
    (void)state;
    g = nt_small_graph();
    b = nt_save(g);
    unsigned char *longer = calloc(1, b.n + 64);
    assert_non_null(longer);
    memcpy(longer, b.p, b.n);
    nt_bytes_free(&b);
    b.p = longer;
    b.n += 64;
    assert_refused(&b, b.n, 0);
}

/* V1, V2, V3. Lies behind right checksums: each 4- and 8-byte field of the graph
 * section gets values that break counts, sizes and offsets. The file must be refused,
 * or be a valid graph. */
static void lie_in_section(igi_section_kind kind)
{
    static const uint64_t lies[] = {0,
                                    1,
                                    UINT64_MAX,
                                    UINT64_C(1) << 31,
                                    UINT64_C(1) << 32,
                                    INT64_MAX,
                                    UINT64_C(1) << 63,
                                    64};
    igi_file_section *s = nt_section(&b, kind);
    int refused = 0, harmless = 0;
    for (size_t at = 0; at + 8 <= s->bytes; at++) {
        for (size_t k = 0; k < 2 * sizeof(lies) / sizeof(lies[0]); k++) {
            unsigned char kept[8], *field = b.p + s->offset + at;
            memcpy(kept, field, 8);
            memcpy(field, &lies[k / 2], k % 2 ? 8 : 4);
            nt_seal(&b);
            if (nt_read(&again, &b) == IG_OK) {
                OK(ig_graph_verify(again));
                harmless++;
            } else {
                refused++;
            }
            igi_graph_unref(again);
            again = NULL;
            memcpy(field, kept, 8);
        }
    }
    nt_seal(&b);
    OK(nt_read(&again, &b));
    assert_true(refused > harmless / 8);
    igi_graph_unref(again);
    again = NULL;
}

static void lies_in_every_field_are_refused_or_harmless(void **state)
{
    (void)state;
    g = nt_rich_graph();
    b = nt_save(g);
    lie_in_section(IGI_SECTION_GRAPH);
    lie_in_section(IGI_SECTION_NOTES);
}

/* V6 */
static void a_name_that_is_no_text_is_refused(void **state)
{
    (void)state;
    g = nt_small_graph();
    b = nt_save(g);
    igi_file_section *s = nt_section(&b, IGI_SECTION_GRAPH);
    unsigned char *name = b.p + s->offset + 4; /* of the graph, behind its length */
    static const unsigned char bad[] = {0xff, 0x0a, 0x1b, 0x7f, 0x00, 0xc3};
    for (size_t i = 0; i < sizeof(bad); i++) {
        unsigned char kept = *name;
        *name = bad[i];
        nt_seal(&b);
        assert_int_equal(nt_read(&again, &b), IG_INVALID_GRAPH);
        assert_non_null(strstr(ig_error_message(), "a name is not UTF-8"));
        *name = kept;
    }
}

static void lies_in_header_and_table_are_errors(void **state)
{
    (void)state;
    static const uint64_t lies[] = {
        0, 1, UINT64_MAX, UINT64_C(1) << 31, UINT64_C(1) << 32, INT64_MAX, 64, 128};
    g = nt_small_graph();
    b = nt_save(g);
    size_t top = sizeof(igi_file_header) + 2 * sizeof(igi_file_section);
    for (size_t at = 8; at + 4 <= top; at += 4) {
        size_t in_entry = (at - sizeof(igi_file_header)) % sizeof(igi_file_section);
        if (at / 8 == offsetof(igi_file_header, checksum) / 8)
            continue; /* made right below */
        if (at >= sizeof(igi_file_header) &&
            in_entry == offsetof(igi_file_section, flags))
            continue; /* a known section need not be critical */
        for (size_t k = 0; k < sizeof(lies) / sizeof(lies[0]); k++) {
            uint64_t kept;
            memcpy(&kept, b.p + at, 8);
            memcpy(b.p + at, &lies[k], 4);
            if (!memcmp(b.p + at, &kept, 4))
                continue;
            igi_file_header *h = (igi_file_header *)(void *)b.p;
            uint64_t was = h->checksum;
            h->checksum = 0;
            size_t table =
                h->n_sections < 16 ? h->n_sections * sizeof(igi_file_section) : 0;
            h->checksum = igi_xxh64(h, sizeof(*h) + table);
            assert_refused(&b, at, (int)k);
            h->checksum = was;
            memcpy(b.p + at, &kept, 4);
        }
    }
    OK(nt_read(&again, &b));
}

/* ---- by name ---- */

/* Replaces text in the graph section; lengths must agree. */
static void patch(const char *from, const char *to)
{
    igi_file_section *s = nt_section(&b, IGI_SECTION_GRAPH);
    size_t n = strlen(from);
    for (size_t i = 0; i + n <= s->bytes; i++) {
        if (memcmp(b.p + s->offset + i, from, n) != 0)
            continue;
        memcpy(b.p + s->offset + i, to, n);
        nt_seal(&b);
        return;
    }
    fail_msg("the file does not hold '%s'", from);
}

static void assert_says(ig_status code, const char *text)
{
    assert_int_equal(nt_read(&again, &b), code);
    if (!strstr(ig_error_message(), text))
        fail_msg("no '%s' in: %s", text, ig_error_message());
}

static void an_unknown_operator_is_named(void **state)
{
    (void)state;
    g = nt_small_graph();
    b = nt_save(g);
    patch("Relu", "Rela");
    assert_says(IG_UNSUPPORTED, "Rela");
}

static void a_string_with_a_zero_byte_is_refused(void **state)
{
    (void)state;
    g = nt_rich_graph();
    b = nt_save(g);
    patch("a word", "a\0word");
    assert_says(IG_INVALID_GRAPH, "a string holds a zero byte");
}

static void another_version_of_an_operator_is_named(void **state)
{
    (void)state;
    g = nt_small_graph();
    b = nt_save(g);
    patch("Relu\x0e", "Relu\x0d");
    assert_says(IG_UNSUPPORTED, "Relu of version 13");
}

static void another_version_of_the_file_is_named(void **state)
{
    (void)state;
    g = nt_small_graph();
    b = nt_save(g);
    ((igi_file_header *)(void *)b.p)->version = 2;
    nt_seal(&b);
    assert_says(IG_UNSUPPORTED, "version 2");
}

static void the_limit_on_nodes_is_named(void **state)
{
    (void)state;
    g = nt_small_graph();
    b = nt_save(g);
    igi_source src = {.bytes = b.p, .size = b.n};
    ig_read_opts opts = {.registry = nt_registry(), .limits.nodes = 1};
    assert_int_equal(igi_native_read(&again, &src, &opts), IG_LIMIT);
    assert_non_null(strstr(ig_error_message(), "limits.nodes"));
    opts.limits.nodes = 2;
    OK(igi_native_read(&again, &src, &opts));
}

static void checksums_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_true(igi_xxh64("", 0) == 0xEF46DB3751D8E999ull);
    assert_true(igi_xxh64("abc", 3) == 0x44BC2CF5AD770999ull);
    assert_true(igi_xxh64("Nobody inspects the spammish repetition", 39) ==
                0xFBCEA83C8A378BF1ull);
}

IG_TESTS(TEST(everything_a_graph_says_comes_back),
         TEST(nodes_keep_names_places_and_attributes),
         TEST(the_same_graph_gives_the_same_bytes),
         TEST(weights_are_used_where_they_lie),
         TEST(the_graph_of_every_sample_of_every_operator_comes_back),
         TEST(every_flipped_bit_is_an_error),
         TEST(every_flipped_byte_of_a_rich_file_is_an_error),
         TEST(every_truncation_is_an_error),
         TEST(trailing_bytes_are_an_error),
         TEST(lies_in_every_field_are_refused_or_harmless),
         TEST(a_name_that_is_no_text_is_refused),
         TEST(lies_in_header_and_table_are_errors),
         TEST(an_unknown_operator_is_named),
         TEST(a_string_with_a_zero_byte_is_refused),
         TEST(another_version_of_an_operator_is_named),
         TEST(another_version_of_the_file_is_named),
         TEST(the_limit_on_nodes_is_named),
         TEST(checksums_are_those_of_the_specification))
