/* The blocked layout in which onnxruntime saves convolutions it has optimised.
 *
 * There, a tensor [N, C, H, W] lies in memory as [N, C / b, H, W, b], with C filled up
 * to whole blocks; its dims are those of [N, C, H, W]. Here it is a plain tensor of
 * these dims, so ReorderInput pads channels, ReorderOutput cuts them off, and filters,
 * which the file holds reordered, are put back. How wide a block is depends on the
 * machine that wrote the file and is not in it: 8 when a filter says so, otherwise what
 * the runtime assumes too, the width of this machine. */
#include <inttypes.h>
#include <string.h>

#include "graph/core/tensor.h"
#include "importers/onnx/compose.h"
#include "importers/onnx/contrib.h"

enum { WIDE = 16, NARROW = 8 };

static int machine_block(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx512f") ? WIDE : NARROW;
#else
    return WIDE;
#endif
}

/* Filters of whole narrow blocks that are no whole wide ones decide for the file. */
static int block_of(igi_make *m)
{
    igi_onnx_build *b = m->n->b;
    const pb_graph *g = b->model->graph;
    if (b->nchwc_block)
        return b->nchwc_block;
    b->nchwc_block = machine_block();
    for (size_t i = 0; i < g->n_node; i++) {
        const pb_node *n = g->node[i];
        if (strcmp(pb_str(n->domain), "com.microsoft.nchwc") != 0 ||
            strcmp(pb_str(n->op_type), "Conv") != 0 || n->n_input < 2)
            continue;
        const ig_type *t = ig_graph_value_type(b->g, ig_graph_find(b->g, n->input[1]));
        if (t && t->rank == 4 && ig_type_dims(t)[0] % WIDE != 0)
            b->nchwc_block = NARROW;
    }
    return b->nchwc_block;
}

/* w[O, I, H, W] from [O / b][I / c][H W][c][b], where c is b, or 1 for filters that
 * read plain or depthwise channels ([O / b][I][H W][b]). */
static ig_value_id plain_filter(igi_make *m, ig_value_id filter, int b, int c)
{
    ig_tensor *t = igi_mk_constant(m, filter, "the filter"), *out = NULL;
    if (m->rc != IG_OK)
        return filter;
    const int64_t *d = ig_tensor_dims(t);
    if (ig_tensor_rank(t) != 4 || ig_tensor_dtype(t) != IG_FLOAT32 ||
        !ig_tensor_is_contiguous(t) || d[0] % b || d[1] % c) {
        igi_mk_refuse(m, "its filter must be float32 [O, I, H, W] in blocks of %d", b);
        return filter;
    }
    m->rc = ig_tensor_new(&out, IG_FLOAT32, 4, d);
    if (m->rc != IG_OK)
        return filter;
    const char *from = ig_tensor_data(t);
    float *to = ig_tensor_data(out);
    const int64_t plane = d[2] * d[3];
    int64_t at = 0;
    for (int64_t o = 0; o < d[0]; o += b)
        for (int64_t i = 0; i < d[1]; i += c)
            for (int64_t k = 0; k < plane; k++)
                for (int64_t x = 0; x < (int64_t)c * b; x++, at++)
                    memcpy(&to[((o + x % b) * d[1] + i + x / b) * plane + k],
                           from + at * (int64_t)sizeof(float), sizeof(float));
    return igi_mk_tensor(m, out);
}

/* x with channels up to whole blocks */
static ig_value_id padded(igi_make *m, ig_value_id x, int64_t channels)
{
    int64_t more = channels - igi_mk_dim(m, x, 1);
    if (more == 0 || m->rc != IG_OK)
        return x;
    return igi_mk(m, IGI_IN(x, igi_mk_ints(m, IGI_LIST(0, 0, 0, 0, 0, more, 0, 0))),
                  "Pad");
}

ig_status igi_ms_nchwc_reorder_input(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_value_id x = igi_mk_in(&m, 0);
    const int b = block_of(&m);
    if (igi_mk_int(&m, "channels_last", 0))
        x = igi_mk(&m, IGI_IN(x), "Transpose perm=0,3,1,2");
    int64_t c = igi_mk_dim(&m, x, 1);
    return igi_mk_give(&m, padded(&m, x, c / b * b + (c % b ? b : 0)));
}

ig_status igi_ms_nchwc_reorder_output(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    int64_t channels = igi_mk_int(&m, "channels", 0);
    bool last = igi_mk_int(&m, "channels_last", 0) != 0;
    ig_value_id x = igi_mk_in(&m, 0);
    if (channels < 1)
        igi_mk_refuse(&m, "channels must be given and positive");
    if (igi_mk_dim(&m, x, 1) != channels)
        x = igi_mk(&m,
                   IGI_IN(x, igi_mk_ints(&m, IGI_LIST(0)),
                          igi_mk_ints(&m, IGI_LIST(channels)),
                          igi_mk_ints(&m, IGI_LIST(1))),
                   "Slice");
    return igi_mk_give(&m, last ? igi_mk(&m, IGI_IN(x), "Transpose perm=0,2,3,1") : x);
}

/* Inputs: X, W, B?, what is added to the result?. Filters with fewer channels than a
 * block read a plain X; those of depthwise convolutions have one. */
ig_status igi_ms_nchwc_conv(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    const int b = block_of(&m);
    int64_t i = igi_mk_dim(&m, igi_mk_in(&m, 1), 1);
    if (m.rc == IG_OK)
        n->in[1] = plain_filter(&m, igi_mk_in(&m, 1), b, i < b ? 1 : b);
    return m.rc == IG_OK ? igi_ms_fused_conv(n) : m.rc;
}

ig_status igi_ms_nchwc_pool(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    return igi_mk_give(&m,
                       igi_mk_as(&m, pb_str(n->pb->op_type), IGI_IN(igi_mk_in(&m, 0))));
}

ig_status igi_ms_nchwc_upsample(igi_onnx_node *n)
{
    igi_make m = {.n = n};
    ig_ints scales = igi_mk_list(&m, "scales");
    const char *mode = igi_mk_string(&m, "mode", "nearest");
    const char *place =
        igi_mk_string(&m, "coordinate_transformation_mode", "asymmetric");
    float v[4] = {1, 1, 1, 1};
    ig_value_id s = {0};
    if (scales.n != 4)
        igi_mk_refuse(&m, "scales must have 4 numbers");
    for (int i = 0; i < 4 && scales.n == 4; i++)
        v[i] = (float)scales.v[i];
    if (m.rc == IG_OK)
        m.rc = igi_up_const_floats(n, v, 4, &s);
    return igi_mk_give(&m, igi_mk(&m, IGI_IN(igi_mk_in(&m, 0), (ig_value_id){0}, s),
                                  "Resize mode=\"%.20s\" nearest_mode=floor "
                                  "coordinate_transformation_mode=\"%.40s\"",
                                  mode, place));
}
