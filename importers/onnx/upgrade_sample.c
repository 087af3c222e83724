/* Upgrades of operators that sample: Resize, Upsample, GridSample, DFT. */
#include <string.h>

#include "importers/onnx/upgrade.h"

/* Versions before 11 divided positions by the scale and took the lower neighbour; their
 * second input was the scales. */
static ig_status sample_as_before(igi_onnx_node *n)
{
    if (n->n_in > 1) {
        ig_value_id scales = n->in[1];
        n->in[1] = (ig_value_id){0};
        IG_TRY(igi_up_input(n, 2, scales));
    }
    IG_TRY(igi_up_set_string(n, "coordinate_transformation_mode", "asymmetric"));
    return igi_up_set_string(n, "nearest_mode", "floor");
}

ig_status igi_up_resize(igi_onnx_node *n)
{
    return n->version < 11 ? sample_as_before(n) : IG_OK;
}

/* Version 1 had one scale for each of two axes and named linear bilinear; version 7 a
 * list of scales as attribute. */
ig_status igi_up_upsample(igi_onnx_node *n)
{
    const char *mode;
    IG_TRY(igi_up_string(n, "mode", "nearest", &mode));
    IG_TRY(igi_up_set_string(n, "mode", strcmp(mode, "bilinear") ? mode : "linear"));
    if (n->version == 1) {
        float scales[4] = {1, 1, 0, 0};
        IG_TRY(igi_up_float(n, "height_scale", 1, &scales[2]));
        IG_TRY(igi_up_float(n, "width_scale", 1, &scales[3]));
        ig_value_id v;
        IG_TRY(igi_up_const_floats(n, scales, 4, &v));
        IG_TRY(igi_up_input(n, 1, v));
    }
    if (n->version < 9)
        IG_TRY(igi_up_floats_to_input(n, "scales", 1));
    return sample_as_before(n);
}

/* Version 16 named the modes of two axes. */
ig_status igi_up_grid_sample(igi_onnx_node *n)
{
    const char *mode;
    if (n->version >= 20)
        return IG_OK;
    IG_TRY(igi_up_string(n, "mode", "bilinear", &mode));
    if (strcmp(mode, "bilinear") == 0)
        mode = "linear";
    else if (strcmp(mode, "bicubic") == 0)
        mode = "cubic";
    return igi_up_set_string(n, "mode", mode);
}

/* Version 17 had the axis as an attribute, 1 by default. */
ig_status igi_up_dft(igi_onnx_node *n)
{
    int64_t axis;
    ig_value_id v;
    if (n->version >= 20)
        return IG_OK;
    IG_TRY(igi_up_int(n, "axis", 1, &axis));
    IG_TRY(igi_up_const(n, IG_INT64, (double)axis, &v));
    return igi_up_input(n, 2, v);
}
