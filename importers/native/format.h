/* The .ingot file, version 1.
 *
 * All numbers little endian. The file is
 *     header      64 bytes (igi_file_header)
 *     table       n_sections entries (igi_file_section), ascending, contiguous
 *     sections    each from a 64-byte boundary; gaps are zero
 * Rules: the file ends with its last section; every checksum (XXH64, seed 0) must
 * match, the header's covers header (with that field zero) and table; unknown sections
 * that are critical are refused, others skipped. So every flipped byte is an error:
 * gaps must be zero too.
 *
 * Section GRAPH is a stream of records written by igi_native_put_* :
 *     u32, u64, i64, f32; str = u32 length + bytes
 *     graph    name doc producer strs; ir_version opset i64; n_meta (key value)*
 *     inputs   n (name type)*;   type = u8 kind, u8 dtype, i32 rank, dims
 *     dim      i64; -1 unknown; -2 followed by the str of a symbol
 *     consts   n (name tensor)*; tensor = u8 dtype, i32 rank, i64 dims, u64 offset, u64
 * bytes offset is from the start of section TENSORS, 64-byte aligned, ascending,
 *              contiguous; strings have offset 0 and follow inline
 *     nodes    n (op since name where origin draw n_in n_captures n_out in* out-names*
 * attrs) outputs  n (name value)* tests    n tensor*: self-test inputs, then outputs;
 * 0: none Values are numbered from 1: inputs, constants, then outputs of nodes; 0 is
 * none. */
#ifndef IMPORTERS_NATIVE_FORMAT_H
#define IMPORTERS_NATIVE_FORMAT_H

#include <stddef.h>
#include <stdint.h>

#define IGI_FILE_MAGIC "INGOT\r\n\x1a"
/* First byte of a self-test value that is no tensor; a tensor begins with its element
 * type. */
#define IGI_FILE_NO_TENSOR    0xff
#define IGI_FILE_VERSION      1u
#define IGI_FILE_ALIGN        64u
#define IGI_FILE_SECTIONS_MAX 16u

typedef struct igi_file_header {
    char magic[8];
    uint32_t version, header_bytes;
    uint64_t file_bytes;
    uint32_t n_sections, reserved;
    uint64_t checksum; /* of header and table, this field zero */
    uint64_t zero[3];
} igi_file_header;

typedef enum igi_section_kind {
    IGI_SECTION_GRAPH = 1,
    IGI_SECTION_TENSORS = 2,
    IGI_SECTION_NOTES = 3 /* not critical; there only when there are notes */
} igi_section_kind;
enum { IGI_SECTION_CRITICAL = 1 };

typedef struct igi_file_section {
    uint32_t kind, flags;
    uint64_t offset, bytes, checksum;
} igi_file_section;

_Static_assert(sizeof(igi_file_header) == 64, "the header is 64 bytes");
_Static_assert(sizeof(igi_file_section) == 32, "a table entry is 32 bytes");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "files are little endian");

/* XXH64 with seed 0 (Yann Collet's specification). Integrity, not authenticity. */
uint64_t igi_xxh64(const void *p, size_t n);

#endif
