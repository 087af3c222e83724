/* The versions of every operator of ONNX: one row an operator. */
#include "importers/onnx/upgrade.h"
#include "importers/onnx/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Sorted by name, with the domain in front where it is not ai.onnx. Versions are those
 * of ONNX 1.22; a row whose versions differ only in element types or wording has no
 * function. */
static const igi_onnx_upgrade table[] = {
    {"Abs", {1, 6, 13}, igi_up_consumed},
    {"Acos", {7, 22}, NULL},
    {"Acosh", {9, 22}, NULL},
    {"Add", {1, 6, 7, 13, 14}, igi_up_broadcast},
    {"AffineGrid", {20}, NULL},
    {"And", {1, 7}, igi_up_broadcast},
    {"ArgMax", {1, 11, 12, 13}, NULL},
    {"ArgMin", {1, 11, 12, 13}, NULL},
    {"Asin", {7, 22}, NULL},
    {"Asinh", {9, 22}, NULL},
    {"Atan", {7, 22}, NULL},
    {"Atanh", {9, 22}, NULL},
    {"Attention", {23, 24, 25}, NULL},
    {"AveragePool", {1, 7, 10, 11, 19, 22}, NULL},
    {"BatchNormalization", {1, 6, 7, 9, 14, 15}, igi_up_batch_norm},
    {"Bernoulli", {15, 22}, NULL},
    {"BitCast", {26}, NULL},
    {"BitShift", {11}, NULL},
    {"BitwiseAnd", {18}, NULL},
    {"BitwiseNot", {18}, NULL},
    {"BitwiseOr", {18}, NULL},
    {"BitwiseXor", {18}, NULL},
    {"BlackmanWindow", {17}, NULL},
    {"Cast", {1, 6, 9, 13, 19, 21, 23, 24, 25}, igi_up_cast},
    {"CastLike", {15, 19, 21, 23, 24, 25}, NULL},
    {"CausalConvWithState", {27}, NULL},
    {"Ceil", {1, 6, 13}, igi_up_consumed},
    {"Celu", {12, 28}, NULL},
    {"CenterCropPad", {18}, NULL},
    {"Clip", {1, 6, 11, 12, 13}, igi_up_clip},
    {"Col2Im", {18}, NULL},
    {"Compress", {9, 11}, NULL},
    {"Concat", {1, 4, 11, 13}, igi_up_concat},
    {"ConcatFromSequence", {11}, NULL},
    {"Constant", {1, 9, 11, 12, 13, 19, 21, 23, 24, 25}, NULL},
    {"ConstantOfShape", {9, 20, 21, 23, 24, 25}, NULL},
    {"Conv", {1, 11, 22}, NULL},
    {"ConvInteger", {10}, NULL},
    {"ConvTranspose", {1, 11, 22}, NULL},
    {"Cos", {7, 22}, NULL},
    {"Cosh", {9, 22}, NULL},
    {"CumProd", {26}, NULL},
    {"CumSum", {11, 14}, NULL},
    {"DFT", {17, 20}, igi_up_dft},
    {"DeformConv", {19, 22}, NULL},
    {"DepthToSpace", {1, 11, 13}, NULL},
    {"DequantizeLinear", {10, 13, 19, 21, 23, 24, 25}, NULL},
    {"Det", {11, 22}, NULL},
    {"Div", {1, 6, 7, 13, 14}, igi_up_broadcast},
    {"Dropout", {1, 6, 7, 10, 12, 13, 22}, igi_up_dropout},
    {"DynamicQuantizeLinear", {11}, NULL},
    {"Einsum", {12}, NULL},
    {"Elu", {1, 6, 22}, igi_up_consumed},
    {"Equal", {1, 7, 11, 13, 19}, igi_up_broadcast},
    {"Erf", {9, 13}, NULL},
    {"Exp", {1, 6, 13}, igi_up_consumed},
    {"Expand", {8, 13}, NULL},
    {"EyeLike", {9, 22}, NULL},
    {"Flatten", {1, 9, 11, 13, 21, 23, 24, 25}, NULL},
    {"Floor", {1, 6, 13}, igi_up_consumed},
    {"GRU", {1, 3, 7, 14, 22}, igi_up_recurrent},
    {"Gather", {1, 11, 13}, NULL},
    {"GatherElements", {11, 13}, NULL},
    {"GatherND", {11, 12, 13}, NULL},
    {"Gelu", {20}, NULL},
    {"Gemm", {1, 6, 7, 9, 11, 13}, igi_up_gemm},
    {"GlobalAveragePool", {1, 22}, NULL},
    {"GlobalLpPool", {1, 2, 22}, igi_up_lp},
    {"GlobalMaxPool", {1, 22}, NULL},
    {"Greater", {1, 7, 9, 13}, igi_up_broadcast},
    {"GreaterOrEqual", {12, 16}, NULL},
    {"GridSample", {16, 20, 22}, igi_up_grid_sample},
    {"GroupNormalization", {18, 21}, igi_up_group_norm},
    {"HammingWindow", {17}, NULL},
    {"HannWindow", {17}, NULL},
    {"HardSigmoid", {1, 6, 22}, igi_up_consumed},
    {"HardSwish", {14, 22}, NULL},
    {"Hardmax", {1, 11, 13}, igi_up_softmax},
    {"Identity", {1, 13, 14, 16, 19, 21, 23, 24, 25}, NULL},
    {"If", {1, 11, 13, 16, 19, 21, 23, 24, 25}, NULL},
    {"InstanceNormalization", {1, 6, 22}, igi_up_consumed},
    {"IsInf", {10, 20}, NULL},
    {"IsNaN", {9, 13, 20}, NULL},
    {"LRN", {1, 13}, NULL},
    {"LSTM", {1, 7, 14, 22}, igi_up_recurrent},
    {"LayerNormalization", {17}, NULL},
    {"LeakyRelu", {1, 6, 16}, igi_up_consumed},
    {"Less", {1, 7, 9, 13}, igi_up_broadcast},
    {"LessOrEqual", {12, 16}, NULL},
    {"LinearAttention", {27}, NULL},
    {"Log", {1, 6, 13}, igi_up_consumed},
    {"LogSoftmax", {1, 11, 13}, igi_up_softmax},
    {"Loop", {1, 11, 13, 16, 19, 21, 23, 24, 25}, NULL},
    {"LpNormalization", {1, 22}, NULL},
    {"LpPool", {1, 2, 11, 18, 22}, igi_up_lp},
    {"MatMul", {1, 9, 13}, NULL},
    {"MatMulInteger", {10}, NULL},
    {"Max", {1, 6, 8, 12, 13}, igi_up_consumed},
    {"MaxPool", {1, 8, 10, 11, 12, 22}, NULL},
    {"MaxRoiPool", {1, 22}, NULL},
    {"MaxUnpool", {9, 11, 22}, NULL},
    {"Mean", {1, 6, 8, 13}, igi_up_consumed},
    {"MeanVarianceNormalization", {9, 13}, NULL},
    {"MelWeightMatrix", {17}, NULL},
    {"Min", {1, 6, 8, 12, 13}, igi_up_consumed},
    {"Mish", {18, 22}, NULL},
    {"Mod", {10, 13}, NULL},
    {"Mul", {1, 6, 7, 13, 14}, igi_up_broadcast},
    {"Multinomial", {7, 22}, NULL},
    {"Neg", {1, 6, 13}, igi_up_consumed},
    {"NegativeLogLikelihoodLoss", {12, 13, 22}, NULL},
    {"NonMaxSuppression", {10, 11}, NULL},
    {"NonZero", {9, 13}, NULL},
    {"Not", {1}, NULL},
    {"OneHot", {9, 11}, NULL},
    {"Optional", {15}, NULL},
    {"OptionalGetElement", {15, 18}, NULL},
    {"OptionalHasElement", {15, 18}, NULL},
    {"Or", {1, 7}, igi_up_broadcast},
    {"PRelu", {1, 6, 7, 9, 16}, igi_up_prelu},
    {"Pad", {1, 2, 11, 13, 18, 19, 21, 23, 24, 25}, igi_up_pad},
    {"Pow", {1, 7, 12, 13, 15}, igi_up_broadcast},
    {"QLinearConv", {10}, NULL},
    {"QLinearMatMul", {10, 21}, NULL},
    {"QuantizeLinear", {10, 13, 19, 21, 23, 24, 25}, NULL},
    {"RMSNormalization", {23}, NULL},
    {"RNN", {1, 7, 14, 22}, igi_up_recurrent},
    {"RandomNormal", {1, 22}, NULL},
    {"RandomNormalLike", {1, 22}, NULL},
    {"RandomUniform", {1, 22}, NULL},
    {"RandomUniformLike", {1, 22}, NULL},
    {"Range", {11, 27}, NULL},
    {"Reciprocal", {1, 6, 13}, igi_up_consumed},
    {"ReduceL1", {1, 11, 13, 18}, igi_up_reduce},
    {"ReduceL2", {1, 11, 13, 18}, igi_up_reduce},
    {"ReduceLogSum", {1, 11, 13, 18, 28}, igi_up_reduce},
    {"ReduceLogSumExp", {1, 11, 13, 18, 28}, igi_up_reduce},
    {"ReduceMax", {1, 11, 12, 13, 18, 20}, igi_up_reduce},
    {"ReduceMean", {1, 11, 13, 18}, igi_up_reduce},
    {"ReduceMin", {1, 11, 12, 13, 18, 20}, igi_up_reduce},
    {"ReduceProd", {1, 11, 13, 18}, igi_up_reduce},
    {"ReduceSum", {1, 11, 13}, igi_up_reduce},
    {"ReduceSumSquare", {1, 11, 13, 18}, igi_up_reduce},
    {"RegexFullMatch", {20}, NULL},
    {"Relu", {1, 6, 13, 14}, igi_up_consumed},
    {"Reshape", {1, 5, 13, 14, 19, 21, 23, 24, 25}, igi_up_reshape},
    {"Resize", {10, 11, 13, 18, 19}, igi_up_resize},
    {"ReverseSequence", {10}, NULL},
    {"RoiAlign", {10, 16, 22}, igi_up_roi_align},
    {"RotaryEmbedding", {23}, NULL},
    {"Round", {11, 22}, NULL},
    {"STFT", {17}, NULL},
    {"Scan", {8, 9, 11, 16, 19, 21, 23, 24, 25}, igi_up_scan},
    {"Scatter", {9, 11}, NULL},
    {"ScatterElements", {11, 13, 16, 18}, NULL},
    {"ScatterND", {11, 13, 16, 18}, NULL},
    {"Selu", {1, 6, 22}, igi_up_selu},
    {"SequenceAt", {11}, NULL},
    {"SequenceConstruct", {11}, NULL},
    {"SequenceEmpty", {11}, NULL},
    {"SequenceErase", {11}, NULL},
    {"SequenceInsert", {11}, NULL},
    {"SequenceLength", {11}, NULL},
    {"SequenceMap", {17}, NULL},
    {"Shape", {1, 13, 15, 19, 21, 23, 24, 25}, NULL},
    {"Shrink", {9}, NULL},
    {"Sigmoid", {1, 6, 13}, igi_up_consumed},
    {"Sign", {9, 13}, NULL},
    {"Sin", {7, 22}, NULL},
    {"Sinh", {9, 22}, NULL},
    {"Size", {1, 13, 19, 21, 23, 24, 25}, NULL},
    {"Slice", {1, 10, 11, 13}, igi_up_slice},
    {"Softmax", {1, 11, 13}, igi_up_softmax},
    {"SoftmaxCrossEntropyLoss", {12, 13}, NULL},
    {"Softplus", {1, 22}, NULL},
    {"Softsign", {1, 22}, NULL},
    {"SpaceToDepth", {1, 13}, NULL},
    {"Split", {1, 2, 11, 13, 18}, igi_up_split},
    {"SplitToSequence", {11, 24}, NULL},
    {"Sqrt", {1, 6, 13}, igi_up_consumed},
    {"Squeeze", {1, 11, 13, 21, 23, 24, 25}, igi_up_squeeze},
    {"StringConcat", {20}, NULL},
    {"StringNormalizer", {10}, NULL},
    {"StringSplit", {20}, NULL},
    {"Sub", {1, 6, 7, 13, 14}, igi_up_broadcast},
    {"Sum", {1, 6, 8, 13}, igi_up_consumed},
    {"SwiGLU", {28}, NULL},
    {"Swish", {24}, NULL},
    {"Tan", {7, 22}, NULL},
    {"Tanh", {1, 6, 13}, igi_up_consumed},
    {"TensorScatter", {24}, NULL},
    {"TfIdfVectorizer", {9}, NULL},
    {"ThresholdedRelu", {10, 22}, NULL},
    {"Tile", {1, 6, 13}, igi_up_tile},
    {"TopK", {1, 10, 11, 24}, igi_up_top_k},
    {"Transpose", {1, 13, 21, 23, 24, 25}, NULL},
    {"Trilu", {14}, NULL},
    {"Unique", {11}, NULL},
    {"Unsqueeze", {1, 11, 13, 21, 23, 24, 25}, igi_up_squeeze},
    {"Upsample", {1, 7, 9, 10}, igi_up_upsample},
    {"Where", {9, 16}, NULL},
    {"Xor", {1, 7}, igi_up_broadcast},
    {"ai.onnx.ml::LabelEncoder", {1, 2, 4}, igi_up_label_encoder},
    {"ai.onnx.ml::TreeEnsembleClassifier", {1, 3, 5}, NULL},
    {"ai.onnx.ml::TreeEnsembleRegressor", {1, 3, 5}, NULL},
};

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const igi_onnx_upgrade *)row)->op);
}

const igi_onnx_upgrade *igi_onnx_upgrade_find(const char *domain, const char *op)
{
    char name[160];
    int n = snprintf(name, sizeof(name), "%s%s%s", domain, *domain ? "::" : "", op);
    if (n < 0 || (size_t)n >= sizeof(name))
        return NULL;
    return bsearch(name, table, sizeof(table) / sizeof(*table), sizeof(*table),
                   compare);
}

const igi_onnx_upgrade *igi_onnx_upgrade_at(size_t i)
{
    return i < sizeof(table) / sizeof(*table) ? &table[i] : NULL;
}

/* Deprecated operators, whose rows are in the table above like any other. */
static const struct {
    const char *old, *now;
} successors[] = {
    {"Scatter", "ScatterElements"},
    {"Upsample", "Resize"},
};

const char *igi_onnx_successor(const char *op)
{
    for (size_t i = 0; i < sizeof(successors) / sizeof(*successors); i++)
        if (strcmp(successors[i].old, op) == 0)
            return successors[i].now;
    return op;
}

int64_t igi_onnx_version(const igi_onnx_upgrade *u, int64_t opset)
{
    int64_t found = 0;
    for (size_t i = 0; i < sizeof(u->versions) && u->versions[i]; i++)
        if (u->versions[i] <= opset)
            found = u->versions[i];
    return found;
}

const uint8_t *igi_onnx_versions(const char *domain, const char *op)
{
    const igi_onnx_upgrade *u = igi_onnx_upgrade_find(domain, op);
    return u ? u->versions : NULL;
}
