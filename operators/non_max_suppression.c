// NonMaxSuppression: per batch and class, the boxes of highest score that overlap none
// taken before by more than a threshold.
//
// Boxes are visited by falling score (equal ones by index); areas and overlaps are in
// float, as ONNX's cases and other runtimes have them. A score must exceed the
// threshold: the text keeps equal ones, both ONNX's evaluator and ONNX Runtime do not.

#include "operators/common_nms.h"
#include "operators/common_sort.h"

static const ig_port inputs[] = {
    IG_PORT("boxes", 'T', "[N, boxes, 4].", .flags = IG_NODIFF),
    IG_PORT("scores", 'T', "[N, classes, boxes].", .flags = IG_NODIFF),
    IG_PORT("max_output_boxes_per_class",
            'I',
            "Boxes taken per batch and class at the most; absent: 0.",
            .flags = IG_OPTIONAL),
    IG_PORT("iou_threshold",
            'T',
            "A box that overlaps more is left out: intersection by union; absent: 0.",
            .flags = IG_OPTIONAL | IG_NODIFF),
    IG_PORT("score_threshold",
            'T',
            "Only larger scores count; absent: all do.",
            .flags = IG_OPTIONAL | IG_NODIFF),
    {0},
};
static const ig_port outputs[] = {
    IG_PORT("selected_indices",
            'I',
            "[selected, 3]: batch, class, box.",
            .flags = IG_DYNAMIC),
    {0},
};
static const ig_type_rule types[] = {
    {'T', IG_T(FLOAT32)},
    {'I', IG_T(INT64)},
    {0},
};
static const ig_attr_def attrs[] = {
    IG_ATTR_INT(
        igi_nms_attrs,
        center_point_box,
        0,
        "0: two opposite corners y1, x1, y2, x2; 1: x and y of the center, width, "
        "height.",
        .min = 0,
        .max = 1),
    {0},
};

static ig_status nms_infer(ig_infer *x)
{
    const int64_t *boxes = ig_type_dims(x->in[0]), *scores = ig_type_dims(x->in[1]);
    const int64_t dims[2] = {ig_dim_fresh(x->syms), 3};
    int64_t same;
    if (x->in[0]->rank != 3 || x->in[1]->rank != 3)
        return ig_infer_fail(x, "boxes and scores must have rank 3");
    IG_TRY(ig_infer_equal(x, boxes[0], scores[0], "the number of batches", &same));
    IG_TRY(ig_infer_equal(x, boxes[1], scores[2], "the number of boxes", &same));
    IG_TRY(ig_infer_equal(x, boxes[2], 4, "the numbers of a box", &same));
    return ig_infer_set(x, 0, 2, dims);
}

static bool overlap(igi_box a, igi_box b, float threshold)
{
    float common = 1, area_a = 1, area_b = 1;
    for (int i = 0; i < 2; i++) {
        float low = a.low[i] > b.low[i] ? a.low[i] : b.low[i];
        float high = a.high[i] < b.high[i] ? a.high[i] : b.high[i];
        if (!(high > low))
            return false;
        common *= high - low;
        area_a *= a.high[i] - a.low[i];
        area_b *= b.high[i] - b.low[i];
    }
    float all = area_a + area_b - common;
    return area_a > 0 && area_b > 0 && all > 0 && common / all > threshold;
}

static int by_score(const void *user, int64_t a, int64_t b)
{
    return -igi_order(IG_FLOAT32, user, a, b);
}

// One batch and class: positions of the boxes taken go to the front of `at`.
typedef struct search {
    const float *boxes, *scores;
    igi_nms set;
    igi_pace pace;
} search;

static ig_status take(search *s, int64_t *at, int64_t *spare, int64_t *count)
{
    const igi_nms *set = &s->set;
    int64_t n = 0, taken = 0;
    for (int64_t i = 0; i < set->n; i++)
        if (!set->scored || s->scores[i] > set->score)
            at[n++] = i;
    IG_TRY(igi_sort(&s->pace, at, spare, n, by_score, s->scores));
    for (int64_t i = 0; i < n && taken < set->most; i++) {
        IG_TRY(igi_pace_go(&s->pace, 8 * (taken + 1)));
        igi_box b = igi_box_of(s->boxes + 4 * at[i], set->center);
        bool free = true;
        for (int64_t j = 0; j < taken && free; j++)
            free = !overlap(b, igi_box_of(s->boxes + 4 * at[j], set->center),
                            set->overlap);
        if (free)
            at[taken++] = at[i];
    }
    *count = taken;
    return IG_OK;
}

// All batches and classes; y NULL: only counts.
static ig_status
select_boxes(const ig_kernel_ctx *k, search s, int64_t *at, int64_t *y, int64_t *count)
{
    const ig_tensor *scores = ig_in(k, 1);
    int64_t batches = ig_dims(scores)[0], classes = ig_dims(scores)[1], total = 0;
    const float *boxes = ig_data(ig_in(k, 0)), *all = ig_data(scores);
    for (int64_t b = 0; b < batches; b++)
        for (int64_t c = 0; c < classes; c++) {
            s.boxes = boxes + b * s.set.n * 4;
            s.scores = all + (b * classes + c) * s.set.n;
            int64_t n;
            IG_TRY(take(&s, at, at + s.set.n, &n));
            for (int64_t i = 0; y && i < n; i++) {
                int64_t *row = y + 3 * (total + i);
                row[0] = b;
                row[1] = c;
                row[2] = at[i];
            }
            total += n;
        }
    *count = total;
    return IG_OK;
}

static ig_status nms_reference(ig_kernel_ctx *k)
{
    search s = {.pace = igi_pace_of(k)};
    IG_TRY(igi_nms_set(k, &s.set));
    int64_t *at = igi_calloc((size_t)s.set.n + 1, sizeof(int64_t[2]));
    if (!at)
        return IG_OUT_OF_MEMORY;
    int64_t dims[2] = {0, 3};
    ig_status rc = select_boxes(k, s, at, NULL, &dims[0]);
    if (rc == IG_OK)
        rc = ig_out_alloc(k, 0, 2, dims);
    if (rc == IG_OK)
        rc = select_boxes(k, s, at, ig_data(ig_out(k, 0)), &dims[0]);
    igi_free(at);
    return rc;
}

static const igi_nms_attrs center = {sizeof(igi_nms_attrs), 1};
#define CORNERS                                                                        \
    {                                                                                  \
        IG_SHAPE_IN(1, 4, 4), .data = (const double[])                                 \
        {                                                                              \
            0, 0, 1, 1, 1, 1.1, 0, 0.1, 0, 10, 1, 11, 0, 0.6, 1, 1.6                   \
        }                                                                              \
    }
#define SCORES                                                                         \
    {                                                                                  \
        IG_SHAPE_IN(1, 2, 4), .data = (const double[])                                 \
        {                                                                              \
            0.9, 0.75, 0.6, 0.75, 0.3, 0.3, 0.5, 0.1                                   \
        }                                                                              \
    }
static const ig_sample samples[] = {
    {.name = "corners",
     IGI_INPUTS(CORNERS,
                SCORES,
                IGI_IN_INTS(3),
                {IG_SHAPE_IN(1), .data = (const double[]){0.5}},
                {IG_SHAPE_IN(1), .data = (const double[]){0.2}})},
    {.name = "centers",
     .attrs = &center,
     IGI_INPUTS(CORNERS,
                SCORES,
                IGI_IN_NUMBER(IG_INT64, 2),
                {.rank = 0, .data = (const double[]){0.3}})},
    {.name = "none_by_default", IGI_INPUTS(CORNERS, SCORES)},
    {.name = "size_one",
     IGI_INPUTS(IGI_IN(2, 1, 4), IGI_IN(2, 1, 1), IGI_IN_NUMBER(IG_INT64, 5))},
    {.name = "many",
     IGI_INPUTS(IGI_IN(2, 300, 4),
                IGI_IN(2, 3, 300),
                IGI_IN_NUMBER(IG_INT64, 200),
                {.rank = 0, .data = (const double[]){0.4}})},
    {.name = "few_of_many",
     .attrs = &center,
     IGI_INPUTS({IG_SHAPE_IN(1, 200, 4), .fill = IG_FILL_POSITIVE},
                IGI_IN(1, 2, 200),
                IGI_IN_NUMBER(IG_INT64, 7),
                {.rank = 0, .data = (const double[]){0.1}},
                {.rank = 0, .data = (const double[]){0.2}})},
    {.name = "equal_scores",
     IGI_INPUTS(IGI_IN(1, 150, 4),
                {IG_SHAPE_IN(1, 1, 150), .fill = IG_FILL_ZERO_ONE},
                IGI_IN_NUMBER(IG_INT64, 150),
                {.rank = 0, .data = (const double[]){0.6}})},
    {.name = "no_boxes",
     IGI_INPUTS(IGI_IN(1, 0, 4), IGI_IN(1, 2, 0), IGI_IN_NUMBER(IG_INT64, 5))},
    {0},
};

IG_OPERATOR(NonMaxSuppression) = {
    IG_OP_HEAD,
    .name = "NonMaxSuppression",
    .since = 11,
    .doc = "Per batch and class, by falling score, the boxes that overlap none taken "
           "before by more than iou_threshold, as rows of batch, class and box.",
    .inputs = inputs,
    .outputs = outputs,
    .types = types,
    .attrs = attrs,
    .attrs_size = sizeof(igi_nms_attrs),
    .infer = nms_infer,
    .gradient = ig_gradient_none,
    .reference = nms_reference,
    .samples = samples,
};
