/* TypeProto to ig_type. */
#ifndef IMPORTERS_ONNX_TYPES_H
#define IMPORTERS_ONNX_TYPES_H

#include "importers/onnx/build.h"

#define IGI_ONNX_TYPE_DEPTH 8 /* V11 */

/* The type lives in the build's arena; names of dims become symbols of the graph. */
ig_status igi_onnx_type(igi_onnx_build *b, const pb_type *p, ig_type **out);

#endif
