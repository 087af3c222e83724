/* The table of contrib.h. */
#include "importers/onnx/contrib.h"
#include "importers/onnx/versions.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS   "com.microsoft::"
#define NCHW "com.microsoft.nchwc::"

/* Sorted by name, as upgrade_table.c. */
static const igi_onnx_upgrade table[] = {
    {"Affine", {1}, igi_old_affine},
    {"Crop", {1}, igi_old_crop},
    {"DynamicSlice", {1}, igi_old_slice},
    {"ImageScaler", {1}, igi_old_image_scaler},
    {"LayerNormalization", {1}, NULL},
    {"MeanVarianceNormalization", {1}, igi_old_mean_variance},
    {"ParametricSoftplus", {1}, igi_old_parametric_softplus},
    {"Scale", {1}, igi_old_scale},
    {"ScaledTanh", {1}, igi_old_scaled_tanh},
    {"SimplifiedLayerNormalization", {1}, igi_ms_simplified_layer_norm},
    {"ThresholdedRelu", {1}, NULL},
    {NCHW "AveragePool", {1}, igi_ms_nchwc_pool},
    {NCHW "Conv", {1}, igi_ms_nchwc_conv},
    {NCHW "GlobalAveragePool", {1}, igi_ms_nchwc_pool},
    {NCHW "GlobalMaxPool", {1}, igi_ms_nchwc_pool},
    {NCHW "MaxPool", {1}, igi_ms_nchwc_pool},
    {NCHW "ReorderInput", {1}, igi_ms_nchwc_reorder_input},
    {NCHW "ReorderOutput", {1}, igi_ms_nchwc_reorder_output},
    {NCHW "Upsample", {1}, igi_ms_nchwc_upsample},
    {MS "Attention", {1}, igi_ms_attention},
    {MS "BiasAdd", {1}, igi_ms_bias_add},
    {MS "BiasGelu", {1}, igi_ms_bias_gelu},
    {MS "BiasSplitGelu", {1}, igi_ms_bias_split_gelu},
    {MS "CDist", {1}, igi_ms_c_dist},
    {MS "CausalConvWithState", {1}, igi_ms_causal_conv},
    {MS "DequantizeLinear", {1}, NULL},
    {MS "DynamicQuantizeLSTM", {1}, igi_ms_dynamic_quantize_lstm},
    {MS "DynamicQuantizeMatMul", {1}, igi_ms_dynamic_quantize_mat_mul},
    {MS "EmbedLayerNormalization", {1}, igi_ms_embed_layer_norm},
    {MS "ExpandDims", {1}, igi_ms_expand_dims},
    {MS "FastGelu", {1}, igi_ms_fast_gelu},
    {MS "FusedConv", {1}, igi_ms_fused_conv},
    {MS "FusedGemm", {1}, igi_ms_fused_gemm},
    {MS "FusedMatMul", {1}, igi_ms_fused_mat_mul},
    {MS "GatherBlockQuantized", {1}, igi_ms_gather_block_quantized},
    {MS "GatherND", {1}, igi_ms_gather_nd},
    {MS "Gelu", {1}, igi_ms_gelu},
    {MS "GridSample", {1}, igi_up_grid_sample},
    {MS "GroupNorm", {1}, igi_ms_group_norm},
    {MS "GroupQueryAttention", {1}, igi_ms_group_query_attention},
    {MS "Inverse", {1}, igi_ms_inverse},
    {MS "LinearAttention", {1}, igi_ms_linear_attention},
    {MS "MatMulBnb4", {1}, igi_ms_mat_mul_bnb4},
    {MS "MatMulIntegerToFloat", {1}, igi_ms_mat_mul_integer_to_float},
    {MS "MatMulNBits", {1}, igi_ms_mat_mul_nbits},
    {MS "MultiHeadAttention", {1}, igi_ms_multi_head_attention},
    {MS "NhwcConv", {1}, igi_ms_nhwc_conv},
    {MS "NhwcFusedConv", {1}, igi_ms_nhwc_fused_conv},
    {MS "NhwcMaxPool", {1}, igi_ms_nhwc_max_pool},
    {MS "Pad", {1}, igi_ms_pad},
    {MS "QAttention", {1}, igi_ms_q_attention},
    {MS "QEmbedLayerNormalization", {1}, igi_ms_q_embed_layer_norm},
    {MS "QGemm", {1}, igi_ms_q_gemm},
    {MS "QLinearAdd", {1}, igi_ms_qlinear_binary},
    {MS "QLinearAveragePool", {1}, igi_ms_qlinear_average_pool},
    {MS "QLinearConcat", {1}, igi_ms_qlinear_concat},
    {MS "QLinearConv", {1}, igi_ms_qlinear_conv},
    {MS "QLinearGlobalAveragePool", {1}, igi_ms_qlinear_global_average_pool},
    {MS "QLinearLeakyRelu", {1}, igi_ms_qlinear_unary},
    {MS "QLinearMul", {1}, igi_ms_qlinear_binary},
    {MS "QLinearSigmoid", {1}, igi_ms_qlinear_unary},
    {MS "QLinearSoftmax", {1}, igi_ms_qlinear_unary},
    {MS "QLinearWhere", {1}, igi_ms_qlinear_where},
    {MS "QuantizeLinear", {1}, NULL},
    {MS "QuickGelu", {1}, igi_ms_quick_gelu},
    {MS "Range", {1}, igi_ms_range},
    {MS "RotaryEmbedding", {1}, igi_ms_rotary_embedding},
    {MS "SimplifiedLayerNormalization", {1}, igi_ms_simplified_layer_norm},
    {MS "SkipGroupNorm", {1}, igi_ms_skip_group_norm},
    {MS "SkipLayerNormalization", {1}, igi_ms_skip_layer_norm},
    {MS "SkipSimplifiedLayerNormalization", {1}, igi_ms_skip_simplified_layer_norm},
    {MS "TransposeMatMul", {1}, igi_ms_fused_mat_mul},
    {MS "Trilu", {1}, NULL},
    {MS "Unique", {1}, igi_ms_unique},
};

static int compare(const void *key, const void *row)
{
    return strcmp(key, ((const igi_onnx_upgrade *)row)->op);
}

const igi_onnx_upgrade *igi_onnx_contrib_find(const char *domain, const char *op)
{
    char name[160];
    int n = snprintf(name, sizeof(name), "%s%s%s", domain, *domain ? "::" : "", op);
    if (n < 0 || (size_t)n >= sizeof(name))
        return NULL;
    return bsearch(name, table, sizeof(table) / sizeof(*table), sizeof(*table),
                   compare);
}

const igi_onnx_upgrade *igi_onnx_contrib_at(size_t i)
{
    return i < sizeof(table) / sizeof(*table) ? &table[i] : NULL;
}

const char *igi_onnx_foreign(size_t i)
{
    const igi_onnx_upgrade *u = igi_onnx_contrib_at(i);
    return u ? u->op : NULL;
}
