/* The functions that a plugin may call, as one table.
 *
 * Written by tools/gen_plugin_api.py from tools/plugin_api.txt: do not edit. Append
 * only: entries keep their place for ever. */
#ifndef INGOT_PLUGIN_API_H
#define INGOT_PLUGIN_API_H

#include <ingot/plugin.h>

#define IG_PLUGIN_ABI 1

#define IG_PLUGIN_API_LIST(X_)                                                         \
    X_(fail)                                                                           \
    X_(status_string)                                                                  \
    X_(error_message)                                                                  \
    X_(error_status)                                                                   \
    X_(version)                                                                        \
    X_(version_num)                                                                    \
    X_(dtype_name)                                                                     \
    X_(dtype_parse)                                                                    \
    X_(dtype_bits)                                                                     \
    X_(tensor_new)                                                                     \
    X_(tensor_new_copy)                                                                \
    X_(tensor_wrap)                                                                    \
    X_(tensor_new_strings)                                                             \
    X_(tensor_ref)                                                                     \
    X_(tensor_unref)                                                                   \
    X_(tensor_share)                                                                   \
    X_(tensor_dtype)                                                                   \
    X_(tensor_rank)                                                                    \
    X_(tensor_dims)                                                                    \
    X_(tensor_dim)                                                                     \
    X_(tensor_numel)                                                                   \
    X_(tensor_strides)                                                                 \
    X_(tensor_is_contiguous)                                                           \
    X_(tensor_nbytes)                                                                  \
    X_(tensor_data)                                                                    \
    X_(tensor_data_f32)                                                                \
    X_(tensor_data_f64)                                                                \
    X_(tensor_data_i64)                                                                \
    X_(tensor_data_i32)                                                                \
    X_(tensor_string)                                                                  \
    X_(tensor_value)                                                                   \
    X_(value_tensor)                                                                   \
    X_(value_kind)                                                                     \
    X_(value_ref)                                                                      \
    X_(value_unref)                                                                    \
    X_(dim_add)                                                                        \
    X_(dim_sub)                                                                        \
    X_(dim_mul)                                                                        \
    X_(dim_div)                                                                        \
    X_(dim_max)                                                                        \
    X_(dim_min)                                                                        \
    X_(dim_broadcast)                                                                  \
    X_(dim_fresh)                                                                      \
    X_(infer_ints)                                                                     \
    X_(infer_set)                                                                      \
    X_(infer_fresh)                                                                    \
    X_(infer_unknown)                                                                  \
    X_(infer_dtype)                                                                    \
    X_(infer_copy)                                                                     \
    X_(infer_same)                                                                     \
    X_(infer_broadcast)                                                                \
    X_(infer_axis)                                                                     \
    X_(infer_axes)                                                                     \
    X_(infer_dim)                                                                      \
    X_(infer_count)                                                                    \
    X_(infer_equal)                                                                    \
    X_(infer_fail)                                                                     \
    X_(values_binary)                                                                  \
    X_(values_same)                                                                    \
    X_(view_contiguous)                                                                \
    X_(in)                                                                             \
    X_(out)                                                                            \
    X_(data)                                                                           \
    X_(rank)                                                                           \
    X_(dims)                                                                           \
    X_(strides)                                                                        \
    X_(numel)                                                                          \
    X_(dtype_of)                                                                       \
    X_(contiguous)                                                                     \
    X_(out_alloc)                                                                      \
    X_(out_give)                                                                       \
    X_(run_graph)                                                                      \
    X_(pack)                                                                           \
    X_(poll)                                                                           \
    X_(barrier)                                                                        \
    X_(split)                                                                          \
    X_(reject)                                                                         \
    X_(kernel_fail)                                                                    \
    X_(grad_n_in)                                                                      \
    X_(grad_n_out)                                                                     \
    X_(grad_wants)                                                                     \
    X_(grad_attrs)                                                                     \
    X_(grad_dy)                                                                        \
    X_(grad_dy_full)                                                                   \
    X_(grad_in)                                                                        \
    X_(grad_out)                                                                       \
    X_(grad_in_type)                                                                   \
    X_(grad_out_type)                                                                  \
    X_(grad_in_shape)                                                                  \
    X_(grad_ints)                                                                      \
    X_(grad_scalar)                                                                    \
    X_(grad_type)                                                                      \
    X_(emit1)                                                                          \
    X_(emit2)                                                                          \
    X_(emit3)                                                                          \
    X_(emit_n)                                                                         \
    X_(emit_sum_except)                                                                \
    X_(grad_set)                                                                       \
    X_(grad_fail)                                                                      \
    X_(gradient_none)                                                                  \
    X_(gradient_forbidden)                                                             \
    X_(gradient_todo)                                                                  \
    X_(graph_name)                                                                     \
    X_(graph_symbols)                                                                  \
    X_(graph_input)                                                                    \
    X_(graph_input_typed)                                                              \
    X_(graph_dim)                                                                      \
    X_(graph_constant)                                                                 \
    X_(graph_make)                                                                     \
    X_(graph_make_named)                                                               \
    X_(graph_make_text)                                                                \
    X_(graph_output)                                                                   \
    X_(graph_n_inputs)                                                                 \
    X_(graph_n_outputs)                                                                \
    X_(graph_input_at)                                                                 \
    X_(graph_output_at)                                                                \
    X_(graph_output_name)                                                              \
    X_(graph_find)                                                                     \
    X_(graph_value_name)                                                               \
    X_(graph_value_type)                                                               \
    X_(graph_value_constant)                                                           \
    X_(graph_value_producer)                                                           \
    X_(graph_value_n_uses)                                                             \
    X_(graph_node_op)                                                                  \
    X_(graph_node_name)                                                                \
    X_(graph_node_attrs)                                                               \
    X_(graph_node_n_in)                                                                \
    X_(graph_node_n_out)                                                               \
    X_(graph_node_in)                                                                  \
    X_(graph_node_out)                                                                 \
    X_(graph_nodes)                                                                    \
    X_(node_next)                                                                      \
    X_(graph_replace)                                                                  \
    X_(graph_remove)                                                                   \
    X_(graph_verify)                                                                   \
    X_(source_tensor)                                                                  \
    X_(emit_call)                                                                      \
    X_(charge)                                                                         \
    X_(tensor_device)                                                                  \
    X_(tensor_to_host)                                                                 \
    X_(value_size)                                                                     \
    X_(value_item)                                                                     \
    X_(map_new)                                                                        \
    X_(map_keys)                                                                       \
    X_(map_get)                                                                        \
    X_(map_get_string)                                                                 \
    X_(int_fresh)

struct ig_plugin_api {
    uint32_t abi, struct_size; /* of the library that runs */
    __typeof__(ig_fail) *fail;
    __typeof__(ig_status_string) *status_string;
    __typeof__(ig_error_message) *error_message;
    __typeof__(ig_error_status) *error_status;
    __typeof__(ig_version) *version;
    __typeof__(ig_version_num) *version_num;
    __typeof__(ig_dtype_name) *dtype_name;
    __typeof__(ig_dtype_parse) *dtype_parse;
    __typeof__(ig_dtype_bits) *dtype_bits;
    __typeof__(ig_tensor_new) *tensor_new;
    __typeof__(ig_tensor_new_copy) *tensor_new_copy;
    __typeof__(ig_tensor_wrap) *tensor_wrap;
    __typeof__(ig_tensor_new_strings) *tensor_new_strings;
    __typeof__(ig_tensor_ref) *tensor_ref;
    __typeof__(ig_tensor_unref) *tensor_unref;
    __typeof__(ig_tensor_share) *tensor_share;
    __typeof__(ig_tensor_dtype) *tensor_dtype;
    __typeof__(ig_tensor_rank) *tensor_rank;
    __typeof__(ig_tensor_dims) *tensor_dims;
    __typeof__(ig_tensor_dim) *tensor_dim;
    __typeof__(ig_tensor_numel) *tensor_numel;
    __typeof__(ig_tensor_strides) *tensor_strides;
    __typeof__(ig_tensor_is_contiguous) *tensor_is_contiguous;
    __typeof__(ig_tensor_nbytes) *tensor_nbytes;
    __typeof__(ig_tensor_data) *tensor_data;
    __typeof__(ig_tensor_data_f32) *tensor_data_f32;
    __typeof__(ig_tensor_data_f64) *tensor_data_f64;
    __typeof__(ig_tensor_data_i64) *tensor_data_i64;
    __typeof__(ig_tensor_data_i32) *tensor_data_i32;
    __typeof__(ig_tensor_string) *tensor_string;
    __typeof__(ig_tensor_value) *tensor_value;
    __typeof__(ig_value_tensor) *value_tensor;
    __typeof__(ig_value_kind) *value_kind;
    __typeof__(ig_value_ref) *value_ref;
    __typeof__(ig_value_unref) *value_unref;
    __typeof__(ig_dim_add) *dim_add;
    __typeof__(ig_dim_sub) *dim_sub;
    __typeof__(ig_dim_mul) *dim_mul;
    __typeof__(ig_dim_div) *dim_div;
    __typeof__(ig_dim_max) *dim_max;
    __typeof__(ig_dim_min) *dim_min;
    __typeof__(ig_dim_broadcast) *dim_broadcast;
    __typeof__(ig_dim_fresh) *dim_fresh;
    __typeof__(ig_infer_ints) *infer_ints;
    __typeof__(ig_infer_set) *infer_set;
    __typeof__(ig_infer_fresh) *infer_fresh;
    __typeof__(ig_infer_unknown) *infer_unknown;
    __typeof__(ig_infer_dtype) *infer_dtype;
    __typeof__(ig_infer_copy) *infer_copy;
    __typeof__(ig_infer_same) *infer_same;
    __typeof__(ig_infer_broadcast) *infer_broadcast;
    __typeof__(ig_infer_axis) *infer_axis;
    __typeof__(ig_infer_axes) *infer_axes;
    __typeof__(ig_infer_dim) *infer_dim;
    __typeof__(ig_infer_count) *infer_count;
    __typeof__(ig_infer_equal) *infer_equal;
    __typeof__(ig_infer_fail) *infer_fail;
    __typeof__(ig_values_binary) *values_binary;
    __typeof__(ig_values_same) *values_same;
    __typeof__(ig_view_contiguous) *view_contiguous;
    __typeof__(ig_in) *in;
    __typeof__(ig_out) *out;
    __typeof__(ig_data) *data;
    __typeof__(ig_rank) *rank;
    __typeof__(ig_dims) *dims;
    __typeof__(ig_strides) *strides;
    __typeof__(ig_numel) *numel;
    __typeof__(ig_dtype_of) *dtype_of;
    __typeof__(ig_contiguous) *contiguous;
    __typeof__(ig_out_alloc) *out_alloc;
    __typeof__(ig_out_give) *out_give;
    __typeof__(ig_run_graph) *run_graph;
    __typeof__(ig_pack) *pack;
    __typeof__(ig_poll) *poll;
    __typeof__(ig_barrier) *barrier;
    __typeof__(ig_split) *split;
    __typeof__(ig_reject) *reject;
    __typeof__(ig_kernel_fail) *kernel_fail;
    __typeof__(ig_grad_n_in) *grad_n_in;
    __typeof__(ig_grad_n_out) *grad_n_out;
    __typeof__(ig_grad_wants) *grad_wants;
    __typeof__(ig_grad_attrs) *grad_attrs;
    __typeof__(ig_grad_dy) *grad_dy;
    __typeof__(ig_grad_dy_full) *grad_dy_full;
    __typeof__(ig_grad_in) *grad_in;
    __typeof__(ig_grad_out) *grad_out;
    __typeof__(ig_grad_in_type) *grad_in_type;
    __typeof__(ig_grad_out_type) *grad_out_type;
    __typeof__(ig_grad_in_shape) *grad_in_shape;
    __typeof__(ig_grad_ints) *grad_ints;
    __typeof__(ig_grad_scalar) *grad_scalar;
    __typeof__(ig_grad_type) *grad_type;
    __typeof__(ig_emit1) *emit1;
    __typeof__(ig_emit2) *emit2;
    __typeof__(ig_emit3) *emit3;
    __typeof__(ig_emit_n) *emit_n;
    __typeof__(ig_emit_sum_except) *emit_sum_except;
    __typeof__(ig_grad_set) *grad_set;
    __typeof__(ig_grad_fail) *grad_fail;
    __typeof__(ig_gradient_none) *gradient_none;
    __typeof__(ig_gradient_forbidden) *gradient_forbidden;
    __typeof__(ig_gradient_todo) *gradient_todo;
    __typeof__(ig_graph_name) *graph_name;
    __typeof__(ig_graph_symbols) *graph_symbols;
    __typeof__(ig_graph_input) *graph_input;
    __typeof__(ig_graph_input_typed) *graph_input_typed;
    __typeof__(ig_graph_dim) *graph_dim;
    __typeof__(ig_graph_constant) *graph_constant;
    __typeof__(ig_graph_make) *graph_make;
    __typeof__(ig_graph_make_named) *graph_make_named;
    __typeof__(ig_graph_make_text) *graph_make_text;
    __typeof__(ig_graph_output) *graph_output;
    __typeof__(ig_graph_n_inputs) *graph_n_inputs;
    __typeof__(ig_graph_n_outputs) *graph_n_outputs;
    __typeof__(ig_graph_input_at) *graph_input_at;
    __typeof__(ig_graph_output_at) *graph_output_at;
    __typeof__(ig_graph_output_name) *graph_output_name;
    __typeof__(ig_graph_find) *graph_find;
    __typeof__(ig_graph_value_name) *graph_value_name;
    __typeof__(ig_graph_value_type) *graph_value_type;
    __typeof__(ig_graph_value_constant) *graph_value_constant;
    __typeof__(ig_graph_value_producer) *graph_value_producer;
    __typeof__(ig_graph_value_n_uses) *graph_value_n_uses;
    __typeof__(ig_graph_node_op) *graph_node_op;
    __typeof__(ig_graph_node_name) *graph_node_name;
    __typeof__(ig_graph_node_attrs) *graph_node_attrs;
    __typeof__(ig_graph_node_n_in) *graph_node_n_in;
    __typeof__(ig_graph_node_n_out) *graph_node_n_out;
    __typeof__(ig_graph_node_in) *graph_node_in;
    __typeof__(ig_graph_node_out) *graph_node_out;
    __typeof__(ig_graph_nodes) *graph_nodes;
    __typeof__(ig_node_next) *node_next;
    __typeof__(ig_graph_replace) *graph_replace;
    __typeof__(ig_graph_remove) *graph_remove;
    __typeof__(ig_graph_verify) *graph_verify;
    __typeof__(ig_source_tensor) *source_tensor;
    __typeof__(ig_emit_call) *emit_call;
    __typeof__(ig_charge) *charge;
    __typeof__(ig_tensor_device) *tensor_device;
    __typeof__(ig_tensor_to_host) *tensor_to_host;
    __typeof__(ig_value_size) *value_size;
    __typeof__(ig_value_item) *value_item;
    __typeof__(ig_map_new) *map_new;
    __typeof__(ig_map_keys) *map_keys;
    __typeof__(ig_map_get) *map_get;
    __typeof__(ig_map_get_string) *map_get_string;
    __typeof__(ig_int_fresh) *int_fresh;
};

#ifndef IG_BUILTIN
#define ig_fail                 ig_api->fail
#define ig_status_string        ig_api->status_string
#define ig_error_message        ig_api->error_message
#define ig_error_status         ig_api->error_status
#define ig_version              ig_api->version
#define ig_version_num          ig_api->version_num
#define ig_dtype_name           ig_api->dtype_name
#define ig_dtype_parse          ig_api->dtype_parse
#define ig_dtype_bits           ig_api->dtype_bits
#define ig_tensor_new           ig_api->tensor_new
#define ig_tensor_new_copy      ig_api->tensor_new_copy
#define ig_tensor_wrap          ig_api->tensor_wrap
#define ig_tensor_new_strings   ig_api->tensor_new_strings
#define ig_tensor_ref           ig_api->tensor_ref
#define ig_tensor_unref         ig_api->tensor_unref
#define ig_tensor_share         ig_api->tensor_share
#define ig_tensor_dtype         ig_api->tensor_dtype
#define ig_tensor_rank          ig_api->tensor_rank
#define ig_tensor_dims          ig_api->tensor_dims
#define ig_tensor_dim           ig_api->tensor_dim
#define ig_tensor_numel         ig_api->tensor_numel
#define ig_tensor_strides       ig_api->tensor_strides
#define ig_tensor_is_contiguous ig_api->tensor_is_contiguous
#define ig_tensor_nbytes        ig_api->tensor_nbytes
#define ig_tensor_data          ig_api->tensor_data
#define ig_tensor_data_f32      ig_api->tensor_data_f32
#define ig_tensor_data_f64      ig_api->tensor_data_f64
#define ig_tensor_data_i64      ig_api->tensor_data_i64
#define ig_tensor_data_i32      ig_api->tensor_data_i32
#define ig_tensor_string        ig_api->tensor_string
#define ig_tensor_value         ig_api->tensor_value
#define ig_value_tensor         ig_api->value_tensor
#define ig_value_kind           ig_api->value_kind
#define ig_value_ref            ig_api->value_ref
#define ig_value_unref          ig_api->value_unref
#define ig_dim_add              ig_api->dim_add
#define ig_dim_sub              ig_api->dim_sub
#define ig_dim_mul              ig_api->dim_mul
#define ig_dim_div              ig_api->dim_div
#define ig_dim_max              ig_api->dim_max
#define ig_dim_min              ig_api->dim_min
#define ig_dim_broadcast        ig_api->dim_broadcast
#define ig_dim_fresh            ig_api->dim_fresh
#define ig_infer_ints           ig_api->infer_ints
#define ig_infer_set            ig_api->infer_set
#define ig_infer_fresh          ig_api->infer_fresh
#define ig_infer_unknown        ig_api->infer_unknown
#define ig_infer_dtype          ig_api->infer_dtype
#define ig_infer_copy           ig_api->infer_copy
#define ig_infer_axis           ig_api->infer_axis
#define ig_infer_axes           ig_api->infer_axes
#define ig_infer_dim            ig_api->infer_dim
#define ig_infer_count          ig_api->infer_count
#define ig_infer_equal          ig_api->infer_equal
#define ig_infer_fail           ig_api->infer_fail
#define ig_values_binary        ig_api->values_binary
#define ig_in                   ig_api->in
#define ig_out                  ig_api->out
#define ig_data                 ig_api->data
#define ig_rank                 ig_api->rank
#define ig_dims                 ig_api->dims
#define ig_strides              ig_api->strides
#define ig_numel                ig_api->numel
#define ig_dtype_of             ig_api->dtype_of
#define ig_contiguous           ig_api->contiguous
#define ig_out_alloc            ig_api->out_alloc
#define ig_out_give             ig_api->out_give
#define ig_run_graph            ig_api->run_graph
#define ig_pack                 ig_api->pack
#define ig_poll                 ig_api->poll
#define ig_barrier              ig_api->barrier
#define ig_split                ig_api->split
#define ig_reject               ig_api->reject
#define ig_kernel_fail          ig_api->kernel_fail
#define ig_grad_n_in            ig_api->grad_n_in
#define ig_grad_n_out           ig_api->grad_n_out
#define ig_grad_wants           ig_api->grad_wants
#define ig_grad_attrs           ig_api->grad_attrs
#define ig_grad_dy              ig_api->grad_dy
#define ig_grad_dy_full         ig_api->grad_dy_full
#define ig_grad_in              ig_api->grad_in
#define ig_grad_out             ig_api->grad_out
#define ig_grad_in_type         ig_api->grad_in_type
#define ig_grad_out_type        ig_api->grad_out_type
#define ig_grad_in_shape        ig_api->grad_in_shape
#define ig_grad_ints            ig_api->grad_ints
#define ig_grad_scalar          ig_api->grad_scalar
#define ig_grad_type            ig_api->grad_type
#define ig_emit1                ig_api->emit1
#define ig_emit2                ig_api->emit2
#define ig_emit3                ig_api->emit3
#define ig_emit_n               ig_api->emit_n
#define ig_emit_sum_except      ig_api->emit_sum_except
#define ig_grad_set             ig_api->grad_set
#define ig_grad_fail            ig_api->grad_fail
#define ig_graph_name           ig_api->graph_name
#define ig_graph_symbols        ig_api->graph_symbols
#define ig_graph_input          ig_api->graph_input
#define ig_graph_input_typed    ig_api->graph_input_typed
#define ig_graph_dim            ig_api->graph_dim
#define ig_graph_constant       ig_api->graph_constant
#define ig_graph_make           ig_api->graph_make
#define ig_graph_make_named     ig_api->graph_make_named
#define ig_graph_make_text      ig_api->graph_make_text
#define ig_graph_output         ig_api->graph_output
#define ig_graph_n_inputs       ig_api->graph_n_inputs
#define ig_graph_n_outputs      ig_api->graph_n_outputs
#define ig_graph_input_at       ig_api->graph_input_at
#define ig_graph_output_at      ig_api->graph_output_at
#define ig_graph_output_name    ig_api->graph_output_name
#define ig_graph_find           ig_api->graph_find
#define ig_graph_value_name     ig_api->graph_value_name
#define ig_graph_value_type     ig_api->graph_value_type
#define ig_graph_value_constant ig_api->graph_value_constant
#define ig_graph_value_producer ig_api->graph_value_producer
#define ig_graph_value_n_uses   ig_api->graph_value_n_uses
#define ig_graph_node_op        ig_api->graph_node_op
#define ig_graph_node_name      ig_api->graph_node_name
#define ig_graph_node_attrs     ig_api->graph_node_attrs
#define ig_graph_node_n_in      ig_api->graph_node_n_in
#define ig_graph_node_n_out     ig_api->graph_node_n_out
#define ig_graph_node_in        ig_api->graph_node_in
#define ig_graph_node_out       ig_api->graph_node_out
#define ig_graph_nodes          ig_api->graph_nodes
#define ig_node_next            ig_api->node_next
#define ig_graph_replace        ig_api->graph_replace
#define ig_graph_remove         ig_api->graph_remove
#define ig_graph_verify         ig_api->graph_verify
#define ig_source_tensor        ig_api->source_tensor
#define ig_emit_call            ig_api->emit_call
#define ig_charge               ig_api->charge
#define ig_tensor_device        ig_api->tensor_device
#define ig_tensor_to_host       ig_api->tensor_to_host
#define ig_value_size           ig_api->value_size
#define ig_value_item           ig_api->value_item
#define ig_map_new              ig_api->map_new
#define ig_map_keys             ig_api->map_keys
#define ig_map_get              ig_api->map_get
#define ig_map_get_string       ig_api->map_get_string
#define ig_int_fresh            ig_api->int_fresh
#endif

#endif
