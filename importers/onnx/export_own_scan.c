/* A recurrence as Scan, and rows of a cache as GatherElements. */
#include "importers/onnx/export_own.h"

#include <string.h>

/* The axis of LinearScan(a, b, axis), counted from the front; -1 when only a run can
 * tell. */
static int scan_axis(const ig_graph *g, const igi_node *n)
{
    const ig_type *a = &igi_value_at(g, n->in[0])->type;
    const ig_tensor *axis = igi_value_at(g, n->in[2])->constant;
    if (a->rank < 1 || !axis || ig_tensor_numel(axis) != 1)
        return -1;
    int64_t i = ig_tensor_dtype(axis) == IG_INT32
                    ? *(const int32_t *)ig_tensor_data(axis)
                    : *(const int64_t *)ig_tensor_data(axis);
    i += i < 0 ? a->rank : 0;
    return i >= 0 && i < a->rank ? (int)i : -1;
}

bool igi_own_can_linear_scan(const ig_graph *g, const igi_node *n)
{
    return scan_axis(g, n) >= 0;
}

/* One step: (state, a, b) -> (state, y). Forward the state is y(t - 1); of the
 * transpose it is a(t + 1) y(t + 1). */
static ig_status step_body(ig_graph **out, const igi_own *w, bool adjoint)
{
    static const char *const names[] = {"state", "a", "b"};
    ig_value_id in[3], y, state;
    IG_TRY(igi_graph_new(out, "step", w->o->g->reg, NULL));
    for (int i = 0; i < 3; i++)
        IG_TRY(ig_graph_input(*out, names[i], w->dtype, -1, NULL, &in[i]));
    if (adjoint) {
        IG_TRY(ig_graph_make_text(*out, "y = Add(b, state)", &y));
        IG_TRY(ig_graph_make_text(*out, "next = Mul(a, y)", &state));
    } else {
        IG_TRY(ig_graph_make_text(*out, "before = Mul(a, state)", NULL));
        IG_TRY(ig_graph_make_text(*out, "y = Add(b, before)", &y));
        state = y;
    }
    IG_TRY(ig_graph_output(*out, "next", state));
    return ig_graph_output(*out, "y", y);
}

/* Zeros of a's shape without the axis. */
static const char *first_state(igi_own *w, int axis)
{
    int64_t others[IG_RANK_MAX];
    int n = 0, rank = igi_own_type_in(w, 0)->rank;
    for (int i = 0; i < rank; i++)
        if (i != axis)
            others[n++] = i;
    const char *shape = igi_own_put1(w, "Shape", igi_own_in(w, 0));
    return igi_own_filled(
        w, igi_own_put2(w, "Gather", shape, igi_own_list(w, others, n)), 0);
}

void igi_own_linear_scan(igi_own *w)
{
    const int axis = scan_axis(w->o->g, w->n);
    bool adjoint = igi_own_int(w, "adjoint") != 0;
    const int64_t axes[] = {axis, axis};
    const int64_t back = (igi_own_int(w, "reverse") != 0) != adjoint;
    const int64_t both[] = {back, back};
    ig_graph *body = NULL;
    const char *in[] = {first_state(w, axis), igi_own_in(w, 0), igi_own_in(w, 1)};
    const char *out[] = {igi_onnx_out_name(w->o, "State"), w->out[0]};
    if (w->rc == IG_OK)
        w->rc = step_body(&body, w, adjoint);
    igi_own_put_many(w, "Scan", in, 3, out, 2);
    igi_own_set_body(w, "body", body);
    igi_own_set_int(w, "num_scan_inputs", 2);
    igi_own_set_ints(w, "scan_input_axes", axes, 2);
    igi_own_set_ints(w, "scan_output_axes", axes, 1);
    igi_own_set_ints(w, "scan_input_directions", both, 2);
    igi_own_set_ints(w, "scan_output_directions", both, 1);
}

/* ---- TensorGather(cache, shape, indices?) ---- */

void igi_own_tensor_gather(igi_own *w)
{
    int rank = igi_own_type_in(w, 0)->rank;
    int64_t axis = igi_own_int(w, "axis"), dims[IG_RANK_MAX];
    if (rank < 2) {
        igi_own_refuse(w, "its rank is not known");
        return;
    }
    axis += axis < 0 ? rank : 0;
    const char *zero = igi_own_number(w, IG_INT64, 0, 0);
    const char *one = igi_own_number(w, IG_INT64, 0, 1);
    const char *which = igi_own_number(w, IG_INT64, 0, (double)axis);
    const char *shape = igi_own_in(w, 1);
    const char *rows = igi_own_put2(w, "Gather", shape, which);
    for (int i = 0; i < rank; i++)
        dims[i] = i == axis ? -1 : 1;
    const char *at =
        igi_own_put2(w, "Reshape", igi_own_put_as(w, NULL, "Range", zero, rows, one),
                     igi_own_list(w, dims, rank));
    if (igi_own_has(w, 2)) {
        for (int i = 0; i < rank; i++)
            dims[i] = i == 0 ? -1 : 1;
        at = igi_own_put2(
            w, "Add", at,
            igi_own_put2(w, "Reshape", igi_own_in(w, 2), igi_own_list(w, dims, rank)));
    }
    if (strcmp(igi_own_choice(w, "mode"), "circular") == 0) {
        const char *whole = igi_own_put1(w, "Shape", igi_own_in(w, 0));
        at = igi_own_put2(w, "Mod", at, igi_own_put2(w, "Gather", whole, which));
    }
    igi_own_finish(w, "GatherElements", igi_own_in(w, 0),
                   igi_own_put2(w, "Expand", at, shape));
    igi_own_set_int(w, "axis", axis);
}
