/* UTF-8 text in operators: code points, case, white space, and elements of string
 * tensors. Nothing depends on a locale. */
#ifndef OPERATORS_COMMON_STRING_H
#define OPERATORS_COMMON_STRING_H

#include "operators/common.h"

/* A piece of text; not zero-terminated. */
typedef struct igi_text_view {
    const char *p;
    size_t n;
} igi_text_view;

/* Element i of a string tensor with contiguous elements. */
igi_text_view igi_string_at(const ig_tensor *t, int64_t i);
/* A new string into *slot, the old one released. */
ig_status igi_string_set(ig_kernel_ctx *k, igi_str **slot, igi_text_view text);
/* a followed by b into *slot; NULL is the empty string. */
ig_status
igi_string_join(ig_kernel_ctx *k, igi_str **slot, const igi_str *a, const igi_str *b);

/* The code point that begins at p, of *bytes bytes; n >= 1 bytes are there. -1 for
 * bytes that are not UTF-8, taken one at a time. */
int32_t igi_utf8_decode(const char *p, size_t n, int *bytes);
/* 1 to 4 bytes; returns their number. */
int igi_utf8_encode(int32_t c, char out[4]);

/* Simple (one to one) case mappings of Unicode. */
int32_t igi_case_upper(int32_t c);
int32_t igi_case_lower(int32_t c);
bool igi_is_space(int32_t c);

typedef enum igi_case { IGI_CASE_NONE = 0, IGI_CASE_LOWER, IGI_CASE_UPPER } igi_case;
/* A new string (to be given to igi_str_unref), or NULL with a record. */
igi_str *igi_string_in_case(igi_text_view text, igi_case c);

#endif
