/* Operators that ONNX does not define but files contain: those of onnxruntime's domain
 * com.microsoft and its blocked layout, what it keeps in the default domain, and ONNX's
 * own below the opset that defined them. contrib.c is the table; each function says its
 * operator in ours (compose.h). */
#ifndef IMPORTERS_ONNX_CONTRIB_H
#define IMPORTERS_ONNX_CONTRIB_H

#include "importers/onnx/upgrade.h"

/* NULL: nobody knows it. A row without a function is ONNX's operator of that name. */
const igi_onnx_upgrade *igi_onnx_contrib_find(const char *domain, const char *op);
/* Row i of the table, NULL behind the last. */
const igi_onnx_upgrade *igi_onnx_contrib_at(size_t i);

/* contrib_norm.c */
ig_status igi_ms_bias_gelu(igi_onnx_node *n);
ig_status igi_ms_bias_split_gelu(igi_onnx_node *n);
ig_status igi_ms_embed_layer_norm(igi_onnx_node *n);
ig_status igi_ms_fast_gelu(igi_onnx_node *n);
ig_status igi_ms_gelu(igi_onnx_node *n);
ig_status igi_ms_group_norm(igi_onnx_node *n);
ig_status igi_ms_q_embed_layer_norm(igi_onnx_node *n);
ig_status igi_ms_quick_gelu(igi_onnx_node *n);
ig_status igi_ms_simplified_layer_norm(igi_onnx_node *n);
ig_status igi_ms_skip_group_norm(igi_onnx_node *n);
ig_status igi_ms_skip_layer_norm(igi_onnx_node *n);
ig_status igi_ms_skip_simplified_layer_norm(igi_onnx_node *n);

/* contrib_fused.c */
ig_status igi_ms_bias_add(igi_onnx_node *n);
ig_status igi_ms_c_dist(igi_onnx_node *n);
ig_status igi_ms_expand_dims(igi_onnx_node *n);
ig_status igi_ms_fused_conv(igi_onnx_node *n);
ig_status igi_ms_fused_gemm(igi_onnx_node *n);
ig_status igi_ms_fused_mat_mul(igi_onnx_node *n);
ig_status igi_ms_gather_nd(igi_onnx_node *n);
ig_status igi_ms_inverse(igi_onnx_node *n);
ig_status igi_ms_nhwc_conv(igi_onnx_node *n);
ig_status igi_ms_nhwc_fused_conv(igi_onnx_node *n);
ig_status igi_ms_nhwc_max_pool(igi_onnx_node *n);
ig_status igi_ms_pad(igi_onnx_node *n);
ig_status igi_ms_range(igi_onnx_node *n);
ig_status igi_ms_unique(igi_onnx_node *n);

/* contrib_attention.c */
ig_status igi_ms_attention(igi_onnx_node *n);
ig_status igi_ms_group_query_attention(igi_onnx_node *n);
ig_status igi_ms_multi_head_attention(igi_onnx_node *n);
ig_status igi_ms_q_attention(igi_onnx_node *n);
ig_status igi_ms_rotary_embedding(igi_onnx_node *n);

/* contrib_nbits.c */
ig_status igi_ms_gather_block_quantized(igi_onnx_node *n);
ig_status igi_ms_mat_mul_bnb4(igi_onnx_node *n);
ig_status igi_ms_mat_mul_nbits(igi_onnx_node *n);

/* contrib_qlinear.c */
ig_status igi_ms_dynamic_quantize_mat_mul(igi_onnx_node *n);
ig_status igi_ms_mat_mul_integer_to_float(igi_onnx_node *n);
ig_status igi_ms_q_gemm(igi_onnx_node *n);
ig_status igi_ms_qlinear_average_pool(igi_onnx_node *n);
ig_status igi_ms_qlinear_binary(igi_onnx_node *n); /* QLinearAdd, QLinearMul */
ig_status igi_ms_qlinear_concat(igi_onnx_node *n);
ig_status igi_ms_qlinear_conv(igi_onnx_node *n);
ig_status igi_ms_qlinear_global_average_pool(igi_onnx_node *n);
ig_status igi_ms_qlinear_unary(igi_onnx_node *n); /* ...Sigmoid, LeakyRelu, Softmax */
ig_status igi_ms_qlinear_where(igi_onnx_node *n);

/* contrib_recurrent.c */
ig_status igi_ms_causal_conv(igi_onnx_node *n);
ig_status igi_ms_dynamic_quantize_lstm(igi_onnx_node *n);
ig_status igi_ms_linear_attention(igi_onnx_node *n);

/* contrib_nchwc.c */
ig_status igi_ms_nchwc_conv(igi_onnx_node *n);
ig_status igi_ms_nchwc_reorder_input(igi_onnx_node *n);
ig_status igi_ms_nchwc_reorder_output(igi_onnx_node *n);
ig_status igi_ms_nchwc_upsample(igi_onnx_node *n);
ig_status igi_ms_nchwc_pool(igi_onnx_node *n); /* MaxPool, AveragePool, Global* */

/* contrib_legacy.c: the default domain before ONNX's opset 10 removed them */
ig_status igi_old_affine(igi_onnx_node *n);
ig_status igi_old_crop(igi_onnx_node *n);
ig_status igi_old_image_scaler(igi_onnx_node *n);
ig_status igi_old_mean_variance(igi_onnx_node *n);
ig_status igi_old_parametric_softplus(igi_onnx_node *n);
ig_status igi_old_scale(igi_onnx_node *n);
ig_status igi_old_scaled_tanh(igi_onnx_node *n);
ig_status igi_old_slice(igi_onnx_node *n); /* DynamicSlice */

#endif
