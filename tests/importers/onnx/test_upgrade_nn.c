/* Old versions of indexing, activation, normalisation and pooling operators. */
#include "tests/importers/onnx/upgrade_support.h"

static void an_operator_that_was_renamed_is_found(void **state)
{
    (void)state;
    begin(10);
    igt_input(&m, "i", IG_INT64, 4, (int64_t[]){2, 1, 4, 5});
    igt_input(&m, "u", IG_FLOAT32, 4, (int64_t[]){2, 1, 4, 5});
    igt_int(&m, igt_node(&m, "Scatter", "x i u", "z"), "axis", 1);
    becomes("ScatterElements(x,i,u)");
    HAS_DIMS(2, 3, 4, 5);
}

static void the_k_of_old_top_k_becomes_an_input(void **state)
{
    (void)state;
    begin(9);
    pb_node *n = igt_node(&m, "TopK", "x", "z i");
    igt_int(&m, n, "k", 2);
    assert_status(again(), IG_OK);
    assert_string_equal(igt_ints_of(g, 0, 1), "2");
    HAS_DIMS(2, 3, 4, 2);
    n->n_attribute = 0;
    assert_status(again(), IG_INVALID_GRAPH);
    assert_message("attribute k is required");
}

static void old_tile_repeats_one_axis(void **state)
{
    (void)state;
    begin(5);
    igt_input(&m, "tiles", IG_FLOAT32, 1, (int64_t[]){1});
    igt_input(&m, "axis", IG_FLOAT32, 1, (int64_t[]){1});
    igt_node(&m, "Tile", "x tiles axis", "z");
    becomes("Cast(axis) Reshape(Cast_1,#) Cast(tiles) Reshape(Cast_3,#) "
            "ScatterElements(#,Reshape_2,Reshape_4) Tile(x,ScatterElements_5)");
    assert_string_equal(igt_ints_of(g, 4, 0), "1,1,1,1");
}

static void selu_1_has_its_own_constants(void **state)
{
    (void)state;
    const struct {
        uint32_t struct_size;
        float alpha, gamma;
    } * o;
    begin(1);
    igt_node(&m, "Selu", "x", "z");
    becomes("Selu(x)");
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id id;
    assert_true(ig_node_next(&it, &id));
    o = ig_graph_node_attrs(g, id);
    assert_true(o->alpha == 1.6732f && o->gamma == 1.0507f);
}

static void a_slope_per_channel_of_old_prelu_is_placed(void **state)
{
    (void)state;
    begin(6);
    igt_input(&m, "s", IG_FLOAT32, 1, (int64_t[]){3});
    igt_node(&m, "PRelu", "x s", "z");
    becomes("Unsqueeze(s,#) PRelu(x,Unsqueeze_1)");
    assert_string_equal(igt_ints_of(g, 0, 1), "1,2");
}

static void scales_per_group_are_repeated_for_channels(void **state)
{
    (void)state;
    begin(18);
    m.model.ir_version = 8;
    igt_input(&m, "s", IG_FLOAT32, 1, (int64_t[]){1});
    pb_node *n = igt_node(&m, "GroupNormalization", "x s s", "z");
    igt_int(&m, n, "num_groups", 1);
    assert_status(again(), IG_OK);
    assert_string_equal(igt_ints_of(g, 1, 1), "1,3");
    HAS_DIMS(2, 3, 4, 5);
}

static void orders_of_old_norms_are_whole_numbers(void **state)
{
    (void)state;
    begin(1);
    pb_node *n = igt_node(&m, "GlobalLpPool", "x", "z");
    igt_float(&m, n, "p", 3);
    becomes("GlobalLpPool(x)");
    n->n_attribute = 0;
    igt_float(&m, n, "p", 2.5f);
    assert_status(again(), IG_UNSUPPORTED);
    assert_message("p is 2.5");
}

static void regions_before_16_are_not_shifted(void **state)
{
    (void)state;
    begin(10);
    igt_input(&m, "r", IG_FLOAT32, 2, (int64_t[]){6, 4});
    igt_input(&m, "i", IG_INT64, 1, (int64_t[]){6});
    igt_node(&m, "RoiAlign", "x r i", "z");
    becomes("RoiAlign(x,r,i)");
    ig_node_iter it = ig_graph_nodes(g);
    ig_node_id id;
    assert_true(ig_node_next(&it, &id));
    const struct {
        uint32_t struct_size;
        int64_t coordinate_transformation_mode;
    } *o = ig_graph_node_attrs(g, id);
    assert_int_equal(o->coordinate_transformation_mode, 1); /* output_half_pixel */
}

IG_TESTS(IGT_TEST(an_operator_that_was_renamed_is_found),
         IGT_TEST(the_k_of_old_top_k_becomes_an_input),
         IGT_TEST(old_tile_repeats_one_axis),
         IGT_TEST(selu_1_has_its_own_constants),
         IGT_TEST(a_slope_per_channel_of_old_prelu_is_placed),
         IGT_TEST(scales_per_group_are_repeated_for_channels),
         IGT_TEST(orders_of_old_norms_are_whole_numbers),
         IGT_TEST(regions_before_16_are_not_shifted))
