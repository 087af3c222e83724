/* Short names of the generated messages, and unpacking with a budget.
 *
 * Messages come only from igi_onnx_unpack of a scanned file (scan.h), which has checked
 * depth, lengths and sizes; string fields are zero-terminated UTF-8 without inner
 * zeros. */
#ifndef IMPORTERS_ONNX_PROTO_H
#define IMPORTERS_ONNX_PROTO_H

#include "graph/core/status.h"
#include "importers/onnx/onnx.pb-c.h"

typedef IgiOnnx__Attribute pb_attribute;
typedef IgiOnnx__Function pb_function;
typedef IgiOnnx__Graph pb_graph;
typedef IgiOnnx__Model pb_model;
typedef IgiOnnx__Node pb_node;
typedef IgiOnnx__OperatorSetId pb_opset;
typedef IgiOnnx__SparseTensor pb_sparse;
typedef IgiOnnx__StringStringEntry pb_entry;
typedef IgiOnnx__Tensor pb_tensor;
typedef IgiOnnx__TensorShape pb_shape;
typedef IgiOnnx__TensorShape__Dimension pb_dimension;
typedef IgiOnnx__Type pb_type;
typedef IgiOnnx__ValueInfo pb_value;
typedef IgiOnnx__SequenceData pb_sequence_data;
typedef IgiOnnx__MapData pb_map_data;
typedef IgiOnnx__OptionalData pb_optional_data;

enum { /* Attribute.type */
       PB_ATTR_UNDEFINED = 0,
       PB_ATTR_FLOAT = 1,
       PB_ATTR_INT = 2,
       PB_ATTR_STRING = 3,
       PB_ATTR_TENSOR = 4,
       PB_ATTR_GRAPH = 5,
       PB_ATTR_FLOATS = 6,
       PB_ATTR_INTS = 7,
       PB_ATTR_STRINGS = 8,
       PB_ATTR_TENSORS = 9,
       PB_ATTR_GRAPHS = 10,
       PB_ATTR_SPARSE_TENSOR = 11,
       PB_ATTR_SPARSE_TENSORS = 12,
       PB_ATTR_TYPE_PROTO = 13,
       PB_ATTR_TYPE_PROTOS = 14
};

/* Absent strings read as "". */
static inline const char *pb_str(const char *s)
{
    return s ? s : "";
}

#endif
