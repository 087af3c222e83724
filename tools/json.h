/* JSON for the command: a writer on a growing string, and a small reader for what the
 * library itself writes (descriptions and traces).
 *
 * The writer takes care of commas and escapes; a NULL key is for items of arrays. Text
 * that is no UTF-8 is escaped byte by byte, numbers that JSON cannot say become null.
 */
#ifndef TOOLS_JSON_H
#define TOOLS_JSON_H

#include "graph/core/arena.h"
#include "graph/core/text.h"

typedef struct json_out {
    igi_text text;
    bool comma;
} json_out;

void json_key(json_out *j, const char *key);
void json_begin(json_out *j, char bracket); /* '{' or '[' */
void json_end(json_out *j, char bracket);
void json_string(json_out *j,
                 const char *key,
                 const char *value); /* NULL value: null */
void json_int(json_out *j, const char *key, int64_t value);
void json_number(json_out *j, const char *key, double value); /* 9 digits */
void json_double(json_out *j, const char *key, double value); /* all of them */
void json_bool(json_out *j, const char *key, bool value);
void json_raw(json_out *j, const char *key, const char *json); /* as it stands */
/* One line on stdout; frees the text. */
void json_print(json_out *j);

/* ---- reading ---- */

typedef enum json_kind {
    JSON_NULL,
    JSON_BOOL,
    JSON_NUMBER,
    JSON_STRING,
    JSON_ARRAY,
    JSON_OBJECT
} json_kind;

typedef struct json_value {
    json_kind kind;
    double number; /* of numbers and truth values */
    char *string;
    const char *key;          /* in an object */
    struct json_value *child; /* first item */
    struct json_value *next;
} json_value;

typedef struct json_doc {
    igi_arena *arena;
    json_value *root;
} json_doc;

/* False with an error record when the text is no JSON or nested too deeply. */
bool json_parse(json_doc *doc, const char *text, size_t n);
void json_free(json_doc *doc);
/* Item of an object; NULL when v is NULL, no object or has none of that name. */
const json_value *json_get(const json_value *v, const char *key);
const char *json_get_string(const json_value *v, const char *key); /* "" */
double json_get_number(const json_value *v, const char *key, double otherwise);

#endif
